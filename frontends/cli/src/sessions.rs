//! `codex sessions`: what there is, and what can be done with it.

mod change;
mod files;
mod progress;
mod repair;
mod rollout;
mod room;
mod search;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use codex_event::{Command, SessionId, Shelf, Timestamp};
use codex_journal::{FindError, Layout};
use codex_replay::ReplayError;
use codex_sessions::{Catalog, Entry, Look};
use codex_view::Paint;

use crate::args::{List, Named, Sessions, SessionsCommand};
use crate::failure::{Failure, USAGE};
use crate::{opening, say, secrets};
use progress::Progress;

/// The name under which this frontend's wishes are recorded.
const FRONTEND: &str = "sessions";

pub(crate) fn run(args: Sessions) -> Result<ExitCode, Failure> {
    let home = Home::open()?;
    match args.command {
        None => list(&home, &args.list),
        Some(SessionsCommand::List(args)) => list(&home, &args),
        Some(SessionsCommand::Show(args)) => show(&home, &args),
        Some(SessionsCommand::Name { session, name, clear: _ }) => {
            // As everything else that comes in, before the session sees it.
            let name = name.map(|name| secrets::clean(&name));
            change::wish(&home, &session, Command::Name { name })
        }
        Some(SessionsCommand::Archive { session }) => {
            change::shelve(&home, &session, Shelf::Archived)
        }
        Some(SessionsCommand::Unarchive { session }) => {
            change::shelve(&home, &session, Shelf::Active)
        }
        Some(SessionsCommand::Delete(args)) => change::delete(&home, &args),
        Some(SessionsCommand::Gc(args)) => room::gc(&home, &args),
        Some(SessionsCommand::Search(args)) => search::run(&home, &args),
        Some(SessionsCommand::Export { session, output, force }) => {
            let there = if force { files::There::Replaced } else { files::There::Kept };
            files::export(&home, &session, output.as_deref(), there)
        }
        Some(SessionsCommand::Import { files }) => files::import(&home, &files),
        Some(SessionsCommand::Repair { session, dry_run: true }) => repair::look(&home, &session),
        Some(SessionsCommand::Repair { session, dry_run: false }) => repair::run(&home, &session),
    }
}

/// Where sessions are kept, and which there are.
struct Home {
    path: PathBuf,
    layout: Layout,
    catalog: Catalog,
    now: Timestamp,
}

impl Home {
    fn open() -> Result<Home, Failure> {
        let path = opening::home()?;
        let layout = Layout::new(&path);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        let mut progress = Progress::of("reading");
        let catalog =
            Catalog::open(&layout, &mut |tick| progress.tick(tick)).map_err(FindError::Io)?;
        Ok(Home { path, layout, catalog, now })
    }

    fn find(&self, words: &str) -> Result<SessionId, Failure> {
        Ok(self.catalog.named(&self.layout, words)?)
    }

    /// Finds a session with what the catalog says of it.
    fn entry(&self, words: &str) -> Result<&Entry, Failure> {
        let id = self.find(words)?;
        // It is gone if it was removed meanwhile.
        Ok(self
            .catalog
            .find(id)
            .ok_or_else(|| FindError::Unknown { words: words.to_owned(), near: Vec::new() })?)
    }
}

fn list(home: &Home, args: &List) -> Result<ExitCode, Failure> {
    let here = args.here.then(here).transpose()?;
    let wanted = |entry: &&Entry| {
        let shelf = match (args.all, args.archived) {
            (true, _) => true,
            (false, archived) => entry.is_archived() == archived,
        };
        shelf && here.as_deref().is_none_or(|here| is_of(entry, here))
    };
    let mut found: Vec<&Entry> = home.catalog.entries.iter().filter(wanted).collect();
    let left_out = found.len().saturating_sub(args.limit.unwrap_or(usize::MAX));
    found.truncate(args.limit.unwrap_or(usize::MAX));
    let mut out = io::stdout().lock();
    let done = match (args.json, found.is_empty()) {
        (true, _) => codex_sessions::json(&found, &mut out),
        (false, true) => writeln!(out, "{}", nothing(home)),
        (false, false) => {
            let user = user_home();
            codex_sessions::table(
                &found,
                look(home, args.color.paint(&out), user.as_deref()),
                &mut out,
            )
        }
    };
    if left_out > 0 {
        say::aside(format_args!("{left_out} more; --limit says how many are shown"));
    }
    printed(done)
}

/// An empty list says why it is empty.
fn nothing(home: &Home) -> &'static str {
    match home.catalog.entries.is_empty() {
        true => "no sessions yet",
        false => "no such sessions; `codex sessions list --all` lists all of them",
    }
}

fn show(home: &Home, args: &Named) -> Result<ExitCode, Failure> {
    let entry = home.entry(&args.session)?;
    let portrait = codex_sessions::show::portray(&home.layout, &home.catalog, entry)?;
    let mut out = io::stdout().lock();
    let done = match args.json {
        true => line(&mut out, &portrait),
        false => {
            let user = user_home();
            let look = look(home, args.color.paint(&out), user.as_deref());
            codex_sessions::show::print(&portrait, look, &mut out)
        }
    };
    printed(done)
}

fn look<'a>(home: &Home, paint: Paint, user: Option<&'a str>) -> Look<'a> {
    Look { paint, now: home.now, home: user }
}

fn user_home() -> Option<String> {
    std::env::home_dir()?.to_str().map(str::to_owned)
}

fn here() -> Result<String, Failure> {
    opening::text(&opening::folder(None)?)
}

fn is_of(entry: &Entry, folder: &str) -> bool {
    entry.told.as_ref().is_some_and(|told| told.folder == folder)
}

/// Prints one JSON object as a line.
fn line(out: &mut dyn Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A reader that has seen enough, such as `head`, is no error.
fn printed(done: io::Result<()>) -> Result<ExitCode, Failure> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ReplayError::Output(error).into())
        }
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Reads a moment in the past, as a flag names it.
fn past(flag: &str, words: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    codex_sessions::past(words, now).map_err(|error| {
        Failure::new(USAGE, format!("{flag}: {error}"))
            .hint(format!("for example {flag} 30d, or {flag} 2026-11-24"))
    })
}
