//! A copy of the engine's files for the time that the engine opens them.
//!
//! An engine that meets a damaged page takes what comes before it for the whole journal and writes
//! over the rest, records that are still good. So it opens its files only while there is a copy, and
//! the copy takes their place again when it gives less than was there.

use std::io;
use std::path::{Path, PathBuf};

use crate::blobs::sync_dir;
use crate::layout::SessionDir;

/// Copies the engine's files; the copy has its name only when it is complete.
pub(super) fn put(dir: &SessionDir) -> io::Result<()> {
    let half = dir.path().join("db.half");
    remove(&half)?;
    copy(&dir.db(), &half)?;
    remove(&place(dir))?;
    std::fs::rename(half, place(dir))
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
