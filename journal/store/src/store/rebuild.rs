//! The engine's files made anew, from records that are whole.
//!
//! The engine can be broken while every record is there: one flipped bit in a page header is enough,
//! and so is a start that never came to its end. The frames prove themselves, so nothing of the old
//! files is needed but them.

use std::fs::File;

use codex_event::{Record, SessionId};

use super::aside;
use super::sled::{engine_error, start};
use crate::blobs::sync_dir;
use crate::guard::guarded;
use crate::layout::SessionDir;
use crate::open::OpenError;
use crate::phase::Phase;
use crate::raw::RawError;
use crate::store::StoreError;

/// Records between two flushes; it bounds what the engine holds in memory.
const FLUSH_EVERY: usize = 1024;

/// Writes the records into a new database beside the old one, and puts it in its place.
///
/// The old data file is replaced at once by a complete one, so a kill at any point leaves either.
pub(super) fn run(
    dir: &SessionDir,
    session: SessionId,
    records: impl Iterator<Item = Result<Record, RawError>>,
) -> Result<(), OpenError> {
    Phase::Rebuild.begin();
    let beside = dir.path().join("db.new");
    aside::remove(&beside)?;
    let db = start(&beside, session)?;
    for (number, record) in records.enumerate() {
        let record = record?;
        let key = record.envelope.seq.0.to_be_bytes();
        guarded(|| db.insert(key, record.frame.as_slice()))
            .map_err(StoreError::Panicked)?
            .map_err(engine_error)?;
        if number % FLUSH_EVERY == FLUSH_EVERY - 1 {
            guarded(|| db.flush()).map_err(StoreError::Panicked)?.map_err(engine_error)?;
        }
    }
    guarded(|| db.flush()).map_err(StoreError::Panicked)?.map_err(engine_error)?;
    guarded(move || drop(db)).map_err(StoreError::Panicked)?;
    for name in ["conf", "db"] {
        File::open(beside.join(name))?.sync_all()?;
    }
    sync_dir(&beside)?;
    aside::remove_snapshots(&beside)?;
    Phase::PutInPlace.begin();
    aside::replace(dir, &beside)?;
    aside::remove(&beside)?;
    Ok(())
}
