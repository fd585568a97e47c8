//! Changing one session: its name, where it is kept, whether it is there.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use codex_actors::{TakeUpError, TakenUp};
use codex_event::{Author, Command};
use codex_journal::{Guest, OpenError};
use codex_sessions::{Entry, State};
use codex_view::sanitize;

use super::{FRONTEND, Home};
use crate::args::Delete;
use crate::failure::{Failure, USAGE};
use crate::say;

/// Has a session record a wish of the user's: by its owner, if a live process is that.
pub(super) fn wish(home: &Home, words: &str, command: Command) -> Result<ExitCode, Failure> {
    let id = home.find(words)?;
    match TakenUp::open(&home.layout, id) {
        Ok(session) => session.wish(Author::User(FRONTEND.to_owned()), command)?,
        Err(TakeUpError::Open(OpenError::Busy { .. })) => {
            Guest::connect(&home.layout, id, FRONTEND)?.ask(command)?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn delete(home: &Home, args: &Delete) -> Result<ExitCode, Failure> {
    let mut chosen: Vec<&Entry> = Vec::new();
    for words in &args.sessions {
        let entry = home.entry(words)?;
        if !chosen.iter().any(|other| other.id == entry.id) {
            chosen.push(entry);
        }
    }
    // All or none, as far as that is known before.
    if let Some(busy) = chosen.iter().find(|entry| entry.state() == State::Running) {
        return Err(codex_journal::RemoveError::Busy(busy.id).into());
    }
    if !args.force && !io::stdin().is_terminal() {
        return Err(Failure::new(USAGE, "nobody can be asked whether to remove sessions for good")
            .hint("pass --force, or run it at a terminal"));
    }
    for entry in chosen {
        let what = named(entry);
        if !args.force && !confirmed(&format!("remove {what} for good? [y/N] "))? {
            say::aside(format_args!("kept {}", entry.id));
            continue;
        }
        codex_journal::remove(&home.layout, entry.id)?;
        say::line(format_args!("removed {what}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Names a session with what a person knows it by.
pub(super) fn named(entry: &Entry) -> String {
    let title = match entry.title() {
        "" => String::new(),
        title => format!(" \"{}\"", sanitize::visible(title)),
    };
    format!("session {}{title} ({})", entry.id, codex_sessions::size(entry.size))
}

fn confirmed(question: &str) -> Result<bool, Failure> {
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{question}")
        .and_then(|()| io::stderr().flush())
        .and_then(|()| io::stdin().read_line(&mut answer));
    match asked {
        Ok(_) => Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")),
        Err(error) => Err(Failure::new(USAGE, format!("the answer can't be read: {error}"))
            .hint("pass --force to be asked nothing")),
    }
}
