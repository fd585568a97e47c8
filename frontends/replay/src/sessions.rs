//! The sessions of a home, as a table.

mod when;

use std::io::{self, Write};

use codex_event::{CloseReason, Envelope, Event, SessionId, Timestamp};
use codex_journal::{Blobs, Layout, RawJournal};
use codex_view::{Paint, sanitize, words};

use when::when;

/// Characters of an input that are shown.
const INPUT_WIDTH: usize = 60;

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Closed, its work done.
    Clean,
    /// Closed by a signal or a key.
    Interrupted,
    /// Not closed: it is running, or its process was killed.
    Open,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: SessionId,
    /// What its journal says; none when that begins with no readable opening.
    pub told: Option<Told>,
    /// Whether any of its journal is missing or wrong, as far as that shows without reading blobs.
    pub damaged: bool,
}

/// What a journal says of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was opened.
    pub opened: Timestamp,
    /// How far it is.
    pub state: State,
    /// Turns that were begun.
    pub turns: u64,
    /// First line of the first input; empty when there is none.
    pub input: String,
}

/// Reads what there is to say of each session, newest first. A journal that can't be read is
/// listed as damaged; only the folder of all journals can fail.
pub fn summaries(layout: &Layout) -> io::Result<Vec<Summary>> {
    let mut found: Vec<Summary> =
        layout.sessions()?.into_iter().map(|id| summary(layout, id)).collect();
    // Ids sort by the time of their making, and stand in for a time that can't be read.
    found.sort_by_key(|summary| summary.id);
    found.reverse();
    Ok(found)
}

/// Prints sessions as a table. The caller says what time it is, in UTC.
pub fn list(
    found: &[Summary],
    now: Timestamp,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    if found.is_empty() {
        writeln!(out, "no sessions yet")?;
        return out.flush();
    }
    let (bold, plain) = match paint {
        Paint::Plain => ("", ""),
        Paint::Color => ("\x1b[1m", "\x1b[0m"),
    };
    let head = format!("{:<36}  {:<16}  {:<11}  {:>5}  INPUT", "ID", "STARTED", "STATE", "TURNS");
    writeln!(out, "{bold}{head}{plain}")?;
    for Summary { id, told, damaged } in found {
        let (started, turns, input) = match told {
            Some(told) => (when(told.opened, now), told.turns.to_string(), told.input.as_str()),
            None => ("?".to_owned(), "?".to_owned(), ""),
        };
        let state = match (damaged, told.as_ref().map(|told| told.state)) {
            (true, _) | (_, None) => "damaged",
            (false, Some(State::Clean)) => "clean",
            (false, Some(State::Interrupted)) => "interrupted",
            (false, Some(State::Open)) => "open",
        };
        let line = format!("{id:<36}  {started:<16}  {state:<11}  {turns:>5}  {input}");
        writeln!(out, "{}", line.trim_end())?;
    }
    out.flush()
}

fn summary(layout: &Layout, id: SessionId) -> Summary {
    let Ok(journal) = RawJournal::read(&layout.session(id), id) else {
        return Summary { id, told: None, damaged: true };
    };
    let mut damaged = !journal.problems().is_empty();
    let mut told: Option<Told> = None;
    for record in journal.records() {
        let Ok(mut record) = record else {
            damaged = true;
            continue;
        };
        let blobs = record.envelope.blobs();
        damaged |= blobs.iter().any(|(digest, len)| !journal.blobs().has(digest, *len));
        told = take(told, &mut record.envelope, journal.blobs());
    }
    Summary { id, damaged: damaged || told.is_none(), told }
}

fn take(told: Option<Told>, envelope: &mut Envelope, blobs: &Blobs) -> Option<Told> {
    let opened = envelope.at;
    let Some(event) = envelope.event() else { return told };
    let Some(mut told) = told else {
        let state = State::Open;
        return matches!(event, Event::SessionOpened { .. }).then(|| Told {
            opened,
            state,
            turns: 0,
            input: String::new(),
        });
    };
    if let Event::SessionClosed { reason } = event {
        told.state = match reason {
            CloseReason::Done => State::Clean,
            // Whoever asked for it has not taken it up.
            CloseReason::Interrupted | CloseReason::HandedOver => State::Interrupted,
        };
    } else if matches!(event, Event::SessionResumed { .. }) {
        told.state = State::Open;
    } else if matches!(event, Event::TurnStarted { .. }) {
        told.turns += 1;
        if told.turns == 1 {
            blobs.hydrate(envelope);
            if let Some(Event::TurnStarted { input }) = envelope.event() {
                told.input = first_line(&words(input));
            }
        }
    }
    Some(told)
}

fn first_line(input: &str) -> String {
    let clean = sanitize::text(input);
    let line = clean.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut shown: String =
        line.chars().map(|c| if c == '\t' { ' ' } else { c }).take(INPUT_WIDTH).collect();
    if line.chars().nth(INPUT_WIDTH).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_one_short_harmless_line() {
        assert_eq!(first_line("\n  fix\tthe \x1b[31mtest\x1b[0m\nplease"), "fix the test");
        let long = first_line(&"é".repeat(70));
        assert_eq!(long, format!("{}…", "é".repeat(60)));
        assert_eq!(first_line(""), "");
    }
}
