//! Journals told again: as text, as the lines that were printed, as they are stored, or as proof.
//!
//! Only the raw reader is used, so that a replay works beside a live session and on a damaged one,
//! and never changes a byte. What can't be read is named in [`Replayed::warnings`]; the rest is
//! shown.

pub mod audit;
mod damage;
mod follow;
mod verify;

use std::io::{self, Write};

use codex_event::SessionId;
use codex_journal::{Layout, RawError, RawJournal};
use codex_view::{Jsonl, Paint, Style, Text, Timing};

pub use follow::{Followed, Form, follow, waiting};

/// What is made of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Text for people, with times since the session was opened.
    Text(Paint),
    /// The lines that the session's processes printed under `--json`, byte for byte.
    Json,
    /// Each record's JSON as it is stored, one per line, large values by digest.
    Raw,
    /// A check of every record, link and blob, and of the order of events.
    Verify,
}

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that were read.
    pub records: u64,
    /// Things that could not be shown, one sentence each; meant for stderr.
    pub warnings: Vec<String>,
    /// Problems that a check found; they are printed.
    pub problems: u64,
}

/// Why there is nothing to replay, or nowhere to show it.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal can't be read at all.
    #[error(transparent)]
    Journal(#[from] RawError),
    /// Nobody reads the output any more, or there is no room for it.
    #[error("output can't be written: {0}")]
    Output(#[from] io::Error),
}

/// Replays a session.
pub fn run(
    layout: &Layout,
    id: SessionId,
    mode: Mode,
    out: &mut dyn Write,
) -> Result<Replayed, ReplayError> {
    let mut out = io::BufWriter::new(out);
    let replayed = match mode {
        Mode::Text(paint) => {
            let mut text = Text::new(Style { paint, timing: Timing::SinceOpened });
            project(layout, id, |envelope| {
                text.apply(envelope).into_iter().try_for_each(|line| writeln!(out, "{}", line.text))
            })?
        }
        Mode::Json => {
            let mut jsonl = Jsonl::default();
            project(layout, id, |envelope| {
                jsonl.apply(envelope).into_iter().try_for_each(|line| writeln!(out, "{line}"))
            })?
        }
        Mode::Raw => raw(layout, id, &mut out)?,
        Mode::Verify => verify::run(layout, id, &mut out)?,
    };
    out.flush()?;
    Ok(replayed)
}

fn project(
    layout: &Layout,
    id: SessionId,
    mut tell: impl FnMut(&codex_event::Envelope) -> io::Result<()>,
) -> Result<Replayed, ReplayError> {
    let journal = RawJournal::read(&layout.session(id), id)?;
    let mut replayed = Replayed { warnings: damage::records(&journal), ..Replayed::default() };
    for record in journal.records() {
        match record {
            Ok(record) => {
                replayed.records += 1;
                let mut envelope = record.envelope;
                let missing = journal.blobs().hydrate(&mut envelope);
                replayed.warnings.extend(damage::blobs(envelope.seq, &missing));
                tell(&envelope)?;
            }
            Err(error) => replayed.warnings.push(error.to_string()),
        }
    }
    Ok(replayed)
}

fn raw(layout: &Layout, id: SessionId, out: &mut dyn Write) -> Result<Replayed, ReplayError> {
    let journal = RawJournal::read(&layout.session(id), id)?;
    let mut replayed = Replayed { warnings: damage::records(&journal), ..Replayed::default() };
    for record in journal.records() {
        match record {
            Ok(record) => {
                replayed.records += 1;
                out.write_all(record.json())?;
                out.write_all(b"\n")?;
            }
            Err(error) => replayed.warnings.push(error.to_string()),
        }
    }
    Ok(replayed)
}
