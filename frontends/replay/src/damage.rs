//! What is missing from a journal, in words.

use codex_event::{Digest, Seq};
use codex_journal::RawJournal;

/// Names each run of records that is not there.
pub(crate) fn gaps(journal: &RawJournal) -> Vec<String> {
    let sentence = |(first, last): &(Seq, Seq)| {
        if first == last {
            format!("record {first} is missing")
        } else {
            format!("records {first} to {last} are missing")
        }
    };
    journal.gaps().iter().map(sentence).collect()
}

/// Names each value of a record that is not there.
pub(crate) fn blobs(seq: Seq, missing: &[Digest]) -> Vec<String> {
    missing.iter().map(|digest| format!("blob {digest} of record {seq} can't be read")).collect()
}
