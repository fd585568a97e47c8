//! A portrait for people.

use std::io::{self, Write};

use codex_event::{Backend, ChangeKind, Settings};
use codex_view::sanitize;

use super::{Call, Ended, Portrait, Turn};
use crate::entry::Told;
use crate::line::cut;
use crate::table::{self, Look};
use crate::when::when;

const WIDTH: usize = 100;

/// Prints a session's portrait.
pub fn print(portrait: &Portrait<'_>, look: Look<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let entry = portrait.entry;
    writeln!(out, "session {}", entry.id)?;
    let mut row = |name: &str, value: String| match value.is_empty() {
        true => Ok(()),
        false => writeln!(out, "  {name:<9}{}", sanitize::visible(&value)),
    };
    let archived = if entry.is_archived() { ", archived" } else { "" };
    row("state", format!("{}{archived}", table::word(entry.state())))?;
    if let Some(told) = &entry.told {
        row("name", told.name.clone().unwrap_or_default())?;
        if portrait.names.len() > 1 {
            row("names", portrait.names.join(", then "))?;
        }
        row("input", told.input.clone())?;
        row("folder", format!("{}{}", told.folder, branch(portrait)))?;
        row("opened", format!("{}{}", when(told.opened, look.now), program(portrait)))?;
        row(
            "forked",
            told.forked
                .map_or_else(String::new, |it| format!("from {} at event {}", it.session, it.at)),
        )?;
        row("tokens", tokens(told))?;
    }
    row("active", when(entry.active(), look.now))?;
    row("forks", portrait.forks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))?;
    if let Some(settings) = &portrait.settings {
        row("model", model(settings))?;
        row("asks", format!("approval {}", settings.approval_policy.as_str()))?;
        row("allows", allows(settings))?;
    }
    if let Some(sandbox) = &portrait.sandbox {
        row("sandbox", sandbox.level.clone())?;
    }
    row("on disk", format!("{} at {}", table::size(entry.size), portrait.path))?;
    let journal = &portrait.journal;
    let verdict = match journal.problems.len() {
        0 => "ok".to_owned(),
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    row("journal", format!("{verdict}: {} records, {} blobs", journal.records, journal.blobs))?;
    for problem in &journal.problems {
        row("", problem.clone())?;
    }
    for turn in &portrait.turns_told {
        self::turn(turn, &mut out)?;
    }
    if !portrait.files.is_empty() {
        writeln!(out, "\nfiles")?;
    }
    for (path, kind) in &portrait.files {
        writeln!(out, "  {} {}", letter(*kind), sanitize::visible(path))?;
    }
    out.flush()
}

fn turn(turn: &Turn, out: &mut dyn Write) -> io::Result<()> {
    let ended = match &turn.ended {
        Ended::NotYet => "not finished".to_owned(),
        Ended::Completed => "completed".to_owned(),
        Ended::Failed(message) => format!("failed: {message}"),
        Ended::Interrupted(how) => how.clone(),
    };
    let requests = if turn.requests == 1 { "request" } else { "requests" };
    let seconds = turn.duration_ms as f64 / 1_000.0;
    writeln!(
        out,
        "\nturn {}: {} ({seconds:.1} s, {} {requests}, tokens {})",
        turn.number,
        sanitize::visible(&ended),
        turn.requests,
        table::cost(&turn.usage)
    )?;
    for input in &turn.inputs {
        writeln!(out, "  > {}", sanitize::visible(input))?;
    }
    for Call { asks, outcome, .. } in &turn.calls {
        let outcome = outcome.as_deref().unwrap_or("not finished");
        let asks = cut(&sanitize::visible(asks), WIDTH);
        writeln!(out, "  $ {asks}: {}", sanitize::visible(outcome))?;
    }
    match &turn.message {
        Some(message) => writeln!(out, "  {}", sanitize::visible(message)),
        None => Ok(()),
    }
}

fn branch(portrait: &Portrait<'_>) -> String {
    let git = portrait.git.as_ref();
    git.and_then(|git| git.branch.as_ref())
        .map(|branch| format!(" (branch {branch})"))
        .unwrap_or_default()
}

fn program(portrait: &Portrait<'_>) -> String {
    portrait.program.as_ref().map(|it| format!(", last used by {it}")).unwrap_or_default()
}

fn tokens(told: &Told) -> String {
    let turns = if told.turns == 1 { "turn" } else { "turns" };
    format!("{} in/cached/out, {} {turns}", table::cost(&told.usage), told.turns)
}

fn model(settings: &Settings) -> String {
    let backend = match settings.provider.backend {
        Backend::Responses => "keeps responses",
        Backend::Stateless => "keeps nothing",
    };
    let provider = &settings.provider;
    format!("{} of {} at {} ({backend})", settings.model, provider.id, provider.base_url)
}

fn allows(settings: &Settings) -> String {
    let words: Vec<String> = settings.permissions.iter().map(ToString::to_string).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn letter(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Add => 'A',
        ChangeKind::Delete => 'D',
        ChangeKind::Update => 'M',
    }
}
