//! A copy of the engine's files for the time that the engine opens them.
//!
//! An engine that meets a damaged page takes what comes before it for the whole journal and writes
//! over the rest, records that are still good. So it opens its files only while there is a copy, and
//! the copy takes their place again when it gives less than was there.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use crate::blobs::sync_dir;
use crate::layout::SessionDir;

/// A copy in the making. It is removed again if it is not finished.
pub(super) struct Copying<'a> {
    dir: &'a SessionDir,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Begins to copy the engine's files on a thread of its own; until it is done nobody may write to
/// them.
pub(super) fn begin(dir: &SessionDir) -> io::Result<Copying<'_>> {
    remove(&half(dir))?;
    let (from, to) = (dir.db(), half(dir));
    let thread = Builder::new().name("aside".into()).spawn(move || copy(&from, &to))?;
    Ok(Copying { dir, thread: Some(thread) })
}

impl Copying<'_> {
    /// Waits for the copy, which has its name only when it is complete.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.wait()?;
        let half = half(self.dir);
        remove_torn_snapshots(&half)?;
        remove(&place(self.dir))?;
        std::fs::rename(half, place(self.dir))
    }

    fn wait(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        if self.thread.is_some()
            && let Err(error) = self.wait().and_then(|()| remove(&half(self.dir)))
        {
            tracing::debug!(%error, "a copy that is not wanted can't be removed");
        }
    }
}

/// Removes snapshots that a kill left half written. The engine takes one for its newest, and refuses
/// to open.
pub(super) fn remove_torn_snapshots(db: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(db)? {
        let entry = entry?;
        let name = entry.file_name();
        let torn = name
            .to_str()
            .is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"));
        if torn {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Gives the session as it was when its copy was made, if an opening that was cut off left one.
///
/// The copy is not synced, so after a power failure it may hold less than what it was made from.
pub(super) fn left(dir: &SessionDir) -> Option<SessionDir> {
    Some(place(dir)).filter(|place| place.is_dir()).map(|place| dir.with_db(place))
}

/// Puts the copy back in place of the engine's files, each at once.
pub(super) fn restore(dir: &SessionDir) -> io::Result<()> {
    replace(dir, &place(dir))?;
    discard(dir)
}

/// Puts other files in place of the engine's, each at once.
pub(super) fn replace(dir: &SessionDir, with: &Path) -> io::Result<()> {
    // Snapshots speak of the file that they were made of.
    remove_snapshots(&dir.db())?;
    put_back(with, &dir.db())?;
    sync_dir(&dir.db())
}

/// Removes the engine's snapshots, which only save it reading; it makes new ones.
pub(super) fn remove_snapshots(db: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(db)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes the copy.
pub(super) fn discard(dir: &SessionDir) -> io::Result<()> {
    remove(&place(dir))
}

fn half(dir: &SessionDir) -> PathBuf {
    dir.path().join("db.half")
}

fn place(dir: &SessionDir) -> PathBuf {
    dir.path().join("db.before")
}

/// Copies a folder with everything in it.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        // Links are followed; what is neither file nor folder is none of the engine's.
        match std::fs::metadata(entry.path()) {
            Ok(meta) if meta.is_dir() => copy(&entry.path(), &target)?,
            Ok(meta) if meta.is_file() => std::fs::copy(entry.path(), target).map(drop)?,
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn put_back(from: &Path, to: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            put_back(&entry.path(), &target)?;
        } else {
            std::fs::File::open(entry.path())?.sync_all()?;
            std::fs::rename(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Removes a folder, or whatever is in its place.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
