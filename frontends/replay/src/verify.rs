//! The check of a journal, from its bytes to the order of its events.

use std::io::Write;

use codex_event::{Record, Seq, SessionId};
use codex_journal::{Layout, RawError, RawJournal, verify};
use codex_session::Session;

use crate::{ReplayError, Replayed};

/// Checks a journal, and prints one line when all is good or one line per problem.
pub(crate) fn run(
    layout: &Layout,
    id: SessionId,
    out: &mut dyn Write,
) -> Result<Replayed, ReplayError> {
    let dir = layout.session(id);
    let verified = verify(&dir, id)?;
    let mut problems: Vec<String> = verified.problems.iter().map(ToString::to_string).collect();
    // Behind a hole every event would be out of order, which says nothing new.
    if problems.is_empty() {
        let journal = RawJournal::read(&dir, id)?;
        problems.extend(grammar(journal.records())?);
    }
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    if problems.is_empty() {
        let (records, blobs) = (verified.records, verified.blobs);
        writeln!(out, "ok: {records} records, {blobs} blobs, head {}", verified.head.hash)?;
    }
    for repair in &verified.repairs {
        let lost: Vec<String> = repair.missing.iter().map(|run| span(*run)).collect();
        let lost = if lost.is_empty() { "none".to_owned() } else { lost.join(", ") };
        writeln!(out, "repaired: record {} names what is lost: {lost}", repair.seq)?;
    }
    let problems = problems.len() as u64;
    Ok(Replayed { records: verified.records, problems, ..Replayed::default() })
}

fn span((first, last): (Seq, Seq)) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

/// Names each event that may not follow those before it.
fn grammar(
    records: impl Iterator<Item = Result<Record, RawError>>,
) -> Result<Vec<String>, RawError> {
    let mut session = Session::default();
    let mut found = Vec::new();
    for record in records {
        let envelope = record?.envelope;
        if let Err(illegal) = session.admit(&envelope) {
            found.push(format!("record {}: {illegal}", envelope.seq));
        }
        session.apply(&envelope);
    }
    Ok(found)
}
