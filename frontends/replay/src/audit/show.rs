//! The trail of a session on the screen, or as lines for programs.

use std::io::{self, Write};

use codex_event::SessionId;
use codex_journal::{HeadState, Layout, RawJournal};
use codex_view::{Paint, sanitize};

use super::filter::Filter;
use super::time::utc;
use super::trail::{Entry, Kind, Trail};
use crate::{ReplayError, damage};

// Characters of an act that the table shows; all of them are in the lines of JSON.
const WIDTH: usize = 400;

/// What entries are printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table for people.
    Table(Paint),
    /// One flat JSON object a line.
    Json,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Entries that were printed.
    pub entries: usize,
    /// What could not be read, one sentence each; meant for stderr.
    pub warnings: Vec<String>,
}

/// Prints the entries of a session that a filter takes. Damage costs what it hit, and is told.
pub fn show(
    layout: &Layout,
    session: SessionId,
    filter: &Filter,
    form: Form,
    out: &mut dyn Write,
) -> Result<Shown, ReplayError> {
    let journal = RawJournal::read(&layout.session(session), session)?;
    let mut shown = Shown { warnings: damage::records(&journal), ..Shown::default() };
    let mut trail = Trail::new(session);
    for record in journal.records() {
        match record {
            Ok(record) => {
                let mut envelope = record.envelope;
                if envelope.event().is_some_and(Trail::reads_values_of) {
                    let missing = journal.blobs().hydrate(&mut envelope);
                    shown.warnings.extend(damage::blobs(envelope.seq, &missing));
                }
                trail.apply(&envelope);
            }
            Err(error) => shown.warnings.push(error.to_string()),
        }
    }
    let acknowledged = match journal.acknowledged() {
        HeadState::Good(head) | HeadState::OneSlot(head) => Some(head.seq),
        HeadState::Damaged | HeadState::Absent => None,
    };
    let entries: Vec<Entry> =
        trail.end(acknowledged).into_iter().filter(|entry| filter.takes(entry)).collect();
    shown.entries = entries.len();
    let mut out = io::BufWriter::new(out);
    match form {
        Form::Table(paint) => table(&entries, session, paint, &mut out)?,
        Form::Json => {
            for entry in &entries {
                serde_json::to_writer(&mut out, entry).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
        }
    }
    out.flush()?;
    Ok(shown)
}

fn table(
    entries: &[Entry],
    session: SessionId,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let (bold, red, plain) = match paint {
        Paint::Plain => ("", "", ""),
        Paint::Color => ("\x1b[1m", "\x1b[31m", "\x1b[0m"),
    };
    writeln!(out, "{bold}session {session}{plain}")?;
    let authors = entries.iter().map(|entry| sanitize::visible(&entry.author).chars().count());
    let width = authors.max().unwrap_or(0).clamp(6, 30);
    let head = format!(
        "{:>6}  {:<19}  {:>4}  {:<width$}  {:<9}  WHAT",
        "SEQ", "TIME (UTC)", "TURN", "AUTHOR", "KIND"
    );
    writeln!(out, "{bold}{head}{plain}")?;
    for entry in entries {
        let time = utc(entry.at).replace('T', " ");
        let turn = entry.turn.map_or_else(|| "-".to_owned(), |turn| turn.to_string());
        let alarming = entry.widened == Some(true)
            || [Kind::Refusals, Kind::Denials, Kind::Damage, Kind::Repairs]
                .iter()
                .any(|kind| entry.is(*kind));
        let (dye, undye) = if alarming { (red, plain) } else { ("", "") };
        let (seq, kind) = (entry.seq.0, entry.kind.as_str());
        let (author, what) = (sanitize::visible(&entry.author), one_line(&entry.what));
        writeln!(
            out,
            "{seq:>6}  {:<19}  {turn:>4}  {author:<width$}  {kind:<9}  {dye}{what}{undye}",
            &time[..19]
        )?;
    }
    Ok(())
}

// What was said is shown as what it is, and so long that nobody hides the end behind the begin
// without a trace.
fn one_line(text: &str) -> String {
    let shown = sanitize::visible(text);
    match shown.char_indices().nth(WIDTH) {
        None => shown,
        Some((at, _)) => {
            let left = shown[at..].chars().count();
            format!("{}… ({left} characters more; --json has them)", &shown[..at])
        }
    }
}
