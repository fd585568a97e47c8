//! Changing one session: its name, where it is kept, whether it is there.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use codex_actors::{TakeUpError, TakenUp};
use codex_event::{Author, Command, Shelf};
use codex_journal::{Guest, GuestError, OpenError};
use codex_sessions::{Entry, State};
use codex_view::sanitize;

use super::{FRONTEND, Home};
use crate::args::Delete;
use crate::failure::{Failure, USAGE};
use crate::say;

/// How often a session is tried again whose owner has no socket, and the time between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// Has a session record a wish of the user's: by its owner, if a live process is that.
pub(super) fn wish(home: &Home, words: &str, command: Command) -> Result<ExitCode, Failure> {
    let id = home.find(words)?;
    let mut tries = TRIES;
    loop {
        let busy = match TakenUp::open(&home.layout, id) {
            Ok(session) => {
                session.wish(Author::User(FRONTEND.to_owned()), command)?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(busy @ TakeUpError::Open(OpenError::Busy { .. })) => busy,
            Err(error) => return Err(error.into()),
        };
        match Guest::connect(&home.layout, id, FRONTEND) {
            Ok(guest) => {
                guest.ask(command)?;
                return Ok(ExitCode::SUCCESS);
            }
            // Its owner let go of it just now, or is one like this, which listens to nobody.
            Err(GuestError::NoOwner(_)) if tries > 0 => tries -= 1,
            Err(GuestError::NoOwner(_)) => return Err(busy.into()),
            Err(error) => return Err(error.into()),
        }
        std::thread::sleep(PAUSE);
    }
}

/// Puts a session away, or takes it out again. One that is there already stays as it is: nothing has
/// happened that its journal could tell.
pub(super) fn shelve(home: &Home, words: &str, shelf: Shelf) -> Result<ExitCode, Failure> {
    let entry = home.entry(words)?;
    if entry.told.as_ref().is_none_or(|told| told.shelf != shelf) {
        return wish(home, words, Command::Shelve { shelf });
    }
    let there = match shelf {
        Shelf::Archived => "is already archived",
        Shelf::Active => "is not archived",
    };
    say::aside(format_args!("session {} {there}", entry.id));
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
