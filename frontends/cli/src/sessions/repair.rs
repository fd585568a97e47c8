//! `codex sessions repair`.

use std::process::ExitCode;

use codex_event::{Seq, SessionId};
use codex_journal::{Problem, Salvaged};
use codex_view::sanitize;

use super::Home;
use crate::failure::{Failure, UNVERIFIED};
use crate::say;

/// Says what is wrong, and changes nothing.
pub(super) fn look(home: &Home, words: &str) -> Result<ExitCode, Failure> {
    let id = home.find(words)?;
    let checked = codex_journal::verify(&home.layout.session(id), id)?;
    told("found", &checked.problems);
    Ok(verdict(id, &checked.problems))
}

/// Mends what can be mended, and says what is left.
pub(super) fn run(home: &Home, words: &str) -> Result<ExitCode, Failure> {
    let id = home.find(words)?;
    let done = codex_journal::repair(&home.layout.session(id), id)?;
    told("found", &done.found);
    if let Some(salvaged) = &done.salvaged {
        say::line(sanitize::visible(&salvage(salvaged)));
    }
    if !done.found.is_empty() {
        told("left", &done.left);
    }
    Ok(verdict(id, &done.left))
}

fn told(when: &str, problems: &[Problem]) {
    for problem in problems {
        say::line(format_args!("{when}: {}", sanitize::visible(&problem.to_string())));
    }
}

fn salvage(salvaged: &Salvaged) -> String {
    let runs: Vec<String> = salvaged.missing.iter().map(run_of).collect();
    let lost = match runs.is_empty() {
        true => "no event is lost".to_owned(),
        false => format!("lost for good: {}", runs.join(", ")),
    };
    format!("repaired: {lost}; the files from before are in {}", salvaged.kept.display())
}

fn run_of((first, last): &(Seq, Seq)) -> String {
    match first == last {
        true => format!("event {first}"),
        false => format!("events {first} to {last}"),
    }
}

fn verdict(id: SessionId, left: &[Problem]) -> ExitCode {
    if left.is_empty() {
        say::line(format_args!("session {id} is whole"));
        return ExitCode::SUCCESS;
    }
    say::aside(format_args!("hint: `codex replay {id}` shows what can be read"));
    ExitCode::from(UNVERIFIED)
}
