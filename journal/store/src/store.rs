//! What keeps records, and the rules that every store enforces alike.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use codex_event::{Envelope, Epoch, FrameError, MAX_JSON_LEN, Record, Seq, SessionId};

use crate::head::Head;

mod aside;
mod holes;
mod kept;
mod memory;
mod rebuild;
mod remains;
mod salvage;
mod sled;

pub use holes::Holes;
pub use kept::kept;
pub use memory::MemStore;
pub use salvage::Salvaged;
pub use sled::SledStore;

/// Reads records beside the writer: the records of the range that are there, in order.
pub type Reader = Arc<dyn Fn(RangeInclusive<Seq>) -> Result<Vec<Record>, StoreError> + Send + Sync>;

/// Keeps the records of one session. It is blocking on purpose and lives on the scribe's thread.
///
/// Records are dense from 1, each names the hash of the one before it, and epochs never go back.
/// A batch that breaks a rule changes nothing; an error of the engine leaves an unknown part of the
/// batch, and the store must not be used again.
pub trait Store: Send + 'static {
    /// Gives the last appended record's place, durable or not.
    fn head(&self) -> Head;
    /// Seals the envelopes and appends them behind `expect`, which must be the head's position.
    fn append(
        &mut self,
        expect: Seq,
        batch: Vec<Envelope>,
    ) -> Result<Vec<Arc<Record>>, AppendError>;
    /// Makes everything appended durable: when it returns, no crash can undo it.
    fn barrier(&mut self) -> Result<Head, StoreError>;
    /// Reads records in order.
    fn scan(
        &self,
        range: RangeInclusive<Seq>,
    ) -> Box<dyn Iterator<Item = Result<Record, StoreError>> + '_>;
    /// Gives the positions that a repair has named as lost; readers pass over them.
    fn holes(&self) -> Holes {
        Holes::default()
    }
    /// Gives a way to read that other threads can use while this store is written to.
    fn reader(&self) -> Reader;
}

/// Why a batch was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody appended in between, or something was skipped.
    #[error("journal ends at {head}, the writer expected {expect}")]
    Expected {
        /// Where the writer thought it was.
        expect: Seq,
        /// Where the journal is.
        head: Seq,
    },
    /// An envelope does not follow the one before it.
    #[error("event {found} came where {wanted} belongs")]
    NotDense {
        /// The position that was due.
        wanted: Seq,
        /// The position that came.
        found: Seq,
    },
    /// The writer was replaced by a later one.
    #[error("epoch {found} is fenced off by epoch {head}")]
    Fenced {
        /// The journal's epoch.
        head: Epoch,
        /// The writer's.
        found: Epoch,
    },
    /// The envelope is another session's.
    #[error("event of session {found} in the journal of {session}")]
    WrongSession {
        /// The journal's session.
        session: SessionId,
        /// The envelope's.
        found: SessionId,
    },
    /// No reader would take so long a frame.
    #[error("event {seq} has {len} bytes of JSON, the limit is {MAX_JSON_LEN}")]
    TooLarge {
        /// The event.
        seq: Seq,
        /// Its length in bytes.
        len: usize,
    },
    /// The engine failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the engine did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The engine said so.
    #[error("storage engine: {0}")]
    Engine(String),
    /// The engine panicked.
    #[error("storage engine panicked: {0}")]
    Panicked(String),
    /// A stored record is not what was written.
    #[error("record {seq} is damaged: {error}")]
    Damaged {
        /// Its position.
        seq: Seq,
        /// What is wrong with it.
        error: FrameError,
    },
    /// A record is not there.
    #[error("record {0} is missing")]
    Missing(Seq),
    /// The process that owns the session told something else than its journal.
    #[error("the owner's feed: {0}")]
    Feed(String),
}

/// Seals a batch behind `head`, or says which rule it breaks.
fn seal(
    session: SessionId,
    head: Head,
    expect: Seq,
    batch: Vec<Envelope>,
) -> Result<Vec<Arc<Record>>, AppendError> {
    if expect != head.seq {
        return Err(AppendError::Expected { expect, head: head.seq });
    }
    let mut end = head;
    let mut sealed = Vec::with_capacity(batch.len());
    for envelope in batch {
        if envelope.session != session {
            return Err(AppendError::WrongSession { session, found: envelope.session });
        }
        if envelope.seq != end.seq.next() {
            return Err(AppendError::NotDense { wanted: end.seq.next(), found: envelope.seq });
        }
        if envelope.epoch < end.epoch {
            return Err(AppendError::Fenced { head: end.epoch, found: envelope.epoch });
        }
        let record = Record::seal(envelope, end.hash);
        let len = record.json().len();
        if len > MAX_JSON_LEN {
            return Err(AppendError::TooLarge { seq: record.envelope.seq, len });
        }
        end = head_of(&record);
        sealed.push(Arc::new(record));
    }
    Ok(sealed)
}

fn head_of(record: &Record) -> Head {
    Head { seq: record.envelope.seq, hash: record.hash, epoch: record.envelope.epoch }
}
