//! Room on the disk: asked for before the engine writes, and a little of it held back.
//!
//! An engine that hits the end of the disk is broken for the process, so a batch that may not fit is
//! refused before anything of it is written. The reserve is what the last words then go into, even
//! when somebody else filled the disk meanwhile.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

/// Bytes that are held back for the last words.
const RESERVE: u64 = 64 << 10;
/// Bytes that must be free beside a batch: what the engine moves while it writes.
const MARGIN: u64 = 512 << 10;
/// How often the engine writes a record until it is at rest, as an upper bound.
const REWRITES: u64 = 4;

/// The disk that a session is on. The reserve is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    reserve: PathBuf,
}

impl Room {
    /// Sets the reserve aside in a session's folder.
    pub(crate) fn reserve(folder: &Path) -> io::Result<Room> {
        let reserve = folder.join("reserve");
        let room = Room { folder: folder.to_owned(), reserve };
        let file = File::create(&room.reserve)?;
        match fallocate(&file, FallocateFlags::empty(), 0, RESERVE) {
            // Not every file system can; then the check has to do.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(room),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells whether so many bytes of events and blobs fit on the disk.
    pub(crate) fn is_there(&self, events: u64, blobs: u64) -> bool {
        // A system that does not say has to be tried.
        statvfs(&self.folder).map_or(true, |disk| {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            free >= MARGIN + events * REWRITES + blobs
        })
    }

    /// Gives the reserve back to the disk.
    pub(crate) fn release(&self) {
        // One that is gone already is as good.
        let _ = std::fs::remove_file(&self.reserve);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.release();
    }
}
