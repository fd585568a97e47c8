//! What is wrong with a journal, in words.

use codex_event::{Digest, Seq};
use codex_journal::RawJournal;

/// Names each record that is not there or not what it was, and what the head knows of the end.
pub(crate) fn records(journal: &RawJournal) -> Vec<String> {
    journal.problems().iter().map(ToString::to_string).collect()
}

/// Names each value of a record that is not there.
pub(crate) fn blobs(seq: Seq, missing: &[Digest]) -> Vec<String> {
    missing.iter().map(|digest| format!("blob {digest} of record {seq} can't be read")).collect()
}
