//! Checking a journal from its first record to its head.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

use codex_event::{Digest, Event, Seq, SessionId};

use crate::blobs::Blobs;
use crate::head::Head;
use crate::layout::SessionDir;
use crate::raw::{RawError, RawJournal};

/// Something wrong with a journal; its text is one sentence with the position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Records are gone.
    #[error("{}", span(*first, *last))]
    Missing {
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
    },
    /// A record does not name the one before it.
    #[error("record {seq} does not follow from the record before it")]
    BrokenLink {
        /// The record.
        seq: Seq,
    },
    /// There are two different good records of one position.
    #[error("there are different records at {seq}")]
    Conflict {
        /// The position.
        seq: Seq,
    },
    /// A record's bytes are as they were sealed, and are not an event.
    #[error("record {seq} is whole but is not an event")]
    Unreadable {
        /// The record.
        seq: Seq,
    },
    /// A newer release wrote a record in a form that this one can't read.
    #[error("record {seq} was written by a newer release, in format {version}")]
    Newer {
        /// The record.
        seq: Seq,
        /// Its format, or the schema of its event.
        version: u32,
    },
    /// A record's epoch is before that of the record before it.
    #[error("record {seq} was written by an owner that had been replaced")]
    EpochBack {
        /// The record.
        seq: Seq,
    },
    /// A blob is gone.
    #[error("blob {digest} of record {seq} is missing")]
    BlobMissing {
        /// The record that names it.
        seq: Seq,
        /// The blob.
        digest: Digest,
    },
    /// A blob's bytes are not those that its name says.
    #[error("blob {digest} of record {seq} is damaged")]
    BlobDamaged {
        /// The record that names it.
        seq: Seq,
        /// The blob.
        digest: Digest,
    },
    /// The file system does not give a blob.
    #[error("blob {digest} of record {seq} can't be read: {error}")]
    BlobUnreadable {
        /// The record that names it.
        seq: Seq,
        /// The blob.
        digest: Digest,
        /// What the file system says.
        error: String,
    },
    /// Acknowledged records are gone from the end.
    #[error("journal ends at record {found}, but {head} was acknowledged")]
    BehindHead {
        /// Where it ends.
        found: Seq,
        /// How far it was acknowledged.
        head: Seq,
    },
    /// The acknowledged record is another one than the one that is there.
    #[error("record {seq} is not the one that was acknowledged")]
    HeadMismatch {
        /// The position.
        seq: Seq,
    },
    /// The head file is damaged or gone, in whole or in part.
    #[error("the head file is damaged")]
    HeadDamaged,
    /// What follows the records in `base.seg` is damaged; no record is lost by it.
    #[error("the index of base.seg is damaged")]
    IndexDamaged,
    /// A record is of another session.
    #[error("record {seq} belongs to another session")]
    WrongSession {
        /// The position that it claims.
        seq: Seq,
    },
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Good records.
    pub records: u64,
    /// Good blobs that records name.
    pub blobs: u64,
    /// The last good record's place.
    pub head: Head,
    /// Everything that is wrong, records in order of position, then the head, then blobs.
    pub problems: Vec<Problem>,
    /// The repairs that the journal has been through, in order.
    pub repairs: Vec<Repaired>,
}

/// A repair that the journal tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The record that tells of it.
    pub seq: Seq,
    /// The positions that it names as lost: first and last of each run.
    pub missing: Vec<(Seq, Seq)>,
}

/// Checks every record, link and blob of a session, and the head; changes nothing.
pub fn verify(dir: &SessionDir, id: SessionId) -> Result<Verified, RawError> {
    let journal = RawJournal::read(dir, id)?;
    let mut problems = journal.problems();
    let mut repairs = Vec::new();
    let mut records = 0;
    let mut seen: HashMap<Digest, bool> = HashMap::new();
    for record in journal.records() {
        let record = match record {
            Ok(record) => record,
            Err(RawError::Lost(seq)) => {
                problems.push(Problem::Missing { first: seq, last: seq });
                continue;
            }
            Err(error) => return Err(error),
        };
        records += 1;
        let seq = record.envelope.seq;
        if let Some(Event::Repaired { missing }) = record.envelope.event() {
            repairs.push(Repaired { seq, missing: missing.clone() });
        }
        for (digest, len) in record.envelope.blobs() {
            // One blob may serve many records; the first that names it stands for all.
            if let Entry::Vacant(unseen) = seen.entry(digest) {
                let problem = look_at(journal.blobs(), seq, digest, len);
                unseen.insert(problem.is_none());
                problems.extend(problem);
            }
        }
    }
    let blobs = seen.values().filter(|good| **good).count() as u64;
    Ok(Verified { records, blobs, head: journal.head(), problems, repairs })
}

fn look_at(blobs: &Blobs, seq: Seq, digest: Digest, len: u64) -> Option<Problem> {
    match blobs.get(&digest) {
        Ok(Some(bytes)) if bytes.len() as u64 == len => None,
        Ok(Some(_)) => Some(Problem::BlobDamaged { seq, digest }),
        Ok(None) => Some(Problem::BlobMissing { seq, digest }),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Some(Problem::BlobDamaged { seq, digest })
        }
        Err(error) => Some(Problem::BlobUnreadable { seq, digest, error: error.to_string() }),
    }
}

fn span(first: Seq, last: Seq) -> String {
    if first == last {
        format!("record {first} is missing")
    } else {
        format!("records {first} to {last} are missing")
    }
}
