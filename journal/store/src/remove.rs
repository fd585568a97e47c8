//! Removing a session, so that a kill leaves all of it or none.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use codex_event::{Seq, SessionId};

use crate::blobs::sync_dir;
use crate::head::{HeadFile, HeadState};
use crate::layout::{Layout, SessionDir, is_absence};
use crate::lock::{once_free, try_lock};

/// What the names of folders begin with that are on their way out.
pub(crate) const TOMBSTONE: &str = ".removed-";
// Tombstones of one id: an imported session may come, and go, again.
const MOST_TOMBSTONES: u32 = 1_000;

/// Why a session was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is no folder of that id.
    #[error("no session {0}")]
    NotFound(SessionId),
    /// Somebody owns it.
    #[error("session {0} is running")]
    Busy(SessionId),
    /// It went on since it was chosen.
    #[error("session {0} went on meanwhile")]
    WentOn(SessionId),
    /// The file system refused.
    #[error("session {session} can't be removed: {source}")]
    Io {
        /// The session.
        session: SessionId,
        /// What it said.
        source: io::Error,
    },
}

/// Removes a session that nobody owns, with everything in its folder.
///
/// The folder gets another name first, durably: a kill from then on leaves a tombstone, which is no
/// session and is swept later. Files that other sessions link to stay theirs.
pub fn remove(layout: &Layout, id: SessionId) -> Result<(), RemoveError> {
    remove_if(layout, id, |_| true)
}

/// As [`remove`], unless the session was acknowledged to another event than `last` by now: whoever
/// chose it did not know what it is.
pub fn remove_at(layout: &Layout, id: SessionId, last: Option<Seq>) -> Result<(), RemoveError> {
    remove_if(layout, id, |dir| acknowledged(dir) == last)
}

/// Tells how far a session's journal was acknowledged, by its head file alone.
pub fn acknowledged(dir: &SessionDir) -> Option<Seq> {
    match HeadFile::read(&dir.head()) {
        Ok(HeadState::Good(head) | HeadState::OneSlot(head)) => Some(head.seq),
        Ok(HeadState::Damaged | HeadState::Absent) | Err(_) => None,
    }
}

// The session is looked at once nobody can own it any more.
fn remove_if(
    layout: &Layout,
    id: SessionId,
    may_go: impl FnOnce(&SessionDir) -> bool,
) -> Result<(), RemoveError> {
    let refused = |source| RemoveError::Io { session: id, source };
    let dir = layout.session(id);
    match std::fs::symlink_metadata(dir.path()) {
        Ok(meta) if meta.is_dir() => {}
        Err(error) if !is_absence(&error) => return Err(refused(error)),
        Ok(_) | Err(_) => return Err(RemoveError::NotFound(id)),
    }
    let held = match hold(&dir).map_err(refused)? {
        Hold::Held(lock) => Some(lock),
        Hold::Owned => return Err(RemoveError::Busy(id)),
        Hold::NoLock => None,
    };
    if !may_go(&dir) {
        return Err(RemoveError::WentOn(id));
    }
    let tombstone = entomb(layout, &dir, id).map_err(refused)?;
    std::fs::remove_dir_all(&tombstone).map_err(refused)?;
    drop(held);
    Ok(())
}

/// Tells whether a live process owns a session; makes no file.
///
/// Waits, for half a second at most, only where somebody has the session's lock and does not say that he
/// owns it: whoever tidies up there is gone soon.
pub fn is_owned(dir: &SessionDir) -> bool {
    let Ok(file) = File::open(dir.lock()) else { return false };
    // Shared, so that those who only ask don't keep each other waiting. What can't be locked at all
    // can't be owned.
    let asked = once_free(dir, || match file.try_lock_shared() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    });
    asked.is_ok_and(|free| !free)
}

pub(crate) enum Hold {
    /// Nobody else can own the session until this is dropped.
    Held(File),
    /// Somebody does.
    Owned,
    /// There is nothing to be locked, so nobody ever owned it or the folder is damaged.
    NoLock,
}

/// Takes a session's lock if there is one; unlike its owner, without making it.
pub(crate) fn hold(dir: &SessionDir) -> io::Result<Hold> {
    let file = match File::open(dir.lock()) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(Hold::NoLock),
        Err(error) => return Err(error),
    };
    match once_free(dir, || try_lock(&file))? {
        true => Ok(Hold::Held(file)),
        false => Ok(Hold::Owned),
    }
}

fn entomb(layout: &Layout, dir: &SessionDir, id: SessionId) -> io::Result<PathBuf> {
    for number in 0..MOST_TOMBSTONES {
        let tombstone = layout.path().join(format!("{TOMBSTONE}{id}-{number}"));
        match std::fs::rename(dir.path(), &tombstone) {
            Ok(()) => {
                sync_dir(layout.path())?;
                return Ok(tombstone);
            }
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists
            | io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::NotADirectory
    )
}

/// Gives the bytes that a file or folder takes up on disk; what can't be read counts as nothing.
pub(crate) fn space(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(meta) = std::fs::symlink_metadata(path) else { return 0 };
    let own = meta.blocks() * 512;
    if !meta.is_dir() {
        return own;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    own + entries.map(|entry| space(&entry.path())).sum::<u64>()
}
