//! Repairing a session on purpose, and telling what was found and done.

use codex_event::SessionId;

use crate::layout::SessionDir;
use crate::open::OpenError;
use crate::scribe::Scribe;
use crate::store::{Salvaged, SledStore};
use crate::verify::{Problem, verify};

/// What a repair found, did, and could not mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Everything that was wrong before.
    pub found: Vec<Problem>,
    /// What was done about lost records and the head file; none when there was nothing to do.
    pub salvaged: Option<Salvaged>,
    /// What is still wrong: records that are lost stay lost, and so do blobs.
    pub left: Vec<Problem>,
}

/// Does for a session what its owner's next opening would do, and lets go of it again.
///
/// It opens the journal as an owner, so it fails while another process owns it. A journal without
/// damage is not changed.
pub fn repair(dir: &SessionDir, id: SessionId) -> Result<Repair, OpenError> {
    let found = verify(dir, id)?.problems;
    let store = SledStore::open(dir, id)?;
    let salvaged = store.salvaged().cloned();
    let (scribe, handle) = Scribe::over(dir, store)?;
    // The head file is written by now; with nothing queued the writer has nothing left to fail at.
    let finished = scribe.finish();
    drop(handle);
    if let Err(error) = finished {
        tracing::warn!(session = %id, %error, "after the repair");
    }
    let left = verify(dir, id)?.problems;
    Ok(Repair { found, salvaged, left })
}
