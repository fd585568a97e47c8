//! The check of a journal, from its bytes to the order of its events.

use std::io::Write;

use codex_event::{Record, Seq, SessionId};
use codex_journal::{Layout, RawError, RawJournal, Verified, verify};
use codex_session::Session;

use crate::{ReplayError, Replayed};

/// Checks a journal, and prints one line when all is good or one line per problem.
pub(crate) fn run(
    layout: &Layout,
    id: SessionId,
    out: &mut dyn Write,
) -> Result<Replayed, ReplayError> {
    let (verified, problems) = check(layout, id, |_record| {})?;
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

/// Checks a journal, and names everything that is wrong with it. Each record that can be read is
/// shown to `see`, in order.
pub(crate) fn check(
    layout: &Layout,
    id: SessionId,
    mut see: impl FnMut(&Record),
) -> Result<(Verified, Vec<String>), RawError> {
    let dir = layout.session(id);
    let verified = verify(&dir, id)?;
    let mut problems: Vec<String> = verified.problems.iter().map(ToString::to_string).collect();
    let journal = RawJournal::read(&dir, id)?;
    // Behind a hole every event would be out of order, which says nothing new.
    let mut grammar = problems.is_empty().then(Session::default);
    for record in journal.records() {
        let record = match record {
            Ok(record) => record,
            // Named by now.
            Err(RawError::Lost(_)) if grammar.is_none() => continue,
            Err(error) => return Err(error),
        };
        if let Some(session) = &mut grammar {
            let envelope = &record.envelope;
            if let Err(illegal) = session.admit(envelope) {
                problems.push(format!("record {}: {illegal}", envelope.seq));
            }
            session.apply(envelope);
        }
        see(&record);
    }
    Ok((verified, problems))
}
