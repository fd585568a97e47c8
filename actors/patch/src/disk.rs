//! What stands at one name in an open folder.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use codex_event::Digest;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::roots::{Roots, Seen};

/// A file or a symbolic link with all it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    File { bytes: Vec<u8>, meta: Meta },
    Link(Vec<u8>),
}

/// What a rewritten file keeps of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Permission bits; none means what the process's mask gives a new file.
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<(u32, u32)>,
}

impl Meta {
    pub(crate) const NEW: Meta = Meta { mode: None, owner: None };
}

impl Node {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Node::File { bytes, .. } | Node::Link(bytes) => bytes,
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.bytes())
    }
}

/// Reads the file or link at a canonical path; none when there is nothing.
pub(crate) fn read(roots: &Roots, path: &Path) -> io::Result<Option<Node>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::ISDIR.into());
    };
    match roots.open(folder).and_then(|folder| read_in(&folder, Path::new(name))) {
        Ok(node) => Ok(Some(node)),
        // Where a folder of the path is missing or no folder, there is no file either.
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads the file or link called `name`, never following a link and never waiting for a writer.
pub(crate) fn read_in(folder: &OwnedFd, name: &Path) -> io::Result<Node> {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => {
            return Ok(Node::Link(readlinkat(folder, name, Vec::new())?.into_bytes()));
        }
        FileType::Directory => return Err(Errno::ISDIR.into()),
        _ => return Err(not_regular()),
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty())?;
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(not_regular());
    }
    let mut bytes = Vec::new();
    File::from(file).read_to_end(&mut bytes)?;
    let mode = Some(Mode::from_raw_mode(stat.st_mode).bits());
    Ok(Node::File { bytes, meta: Meta { mode, owner: Some((stat.st_uid, stat.st_gid)) } })
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// Tells what stands at a path, without following a link at its end.
pub(crate) fn see(path: &Path) -> io::Result<Seen> {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => Ok(Seen::Folder),
        Ok(meta) if meta.is_symlink() => Ok(Seen::Link(std::fs::read_link(path)?)),
        Ok(_) => Ok(Seen::File),
        Err(error) if is_absence(&error) => Ok(Seen::Nothing),
        Err(error) => Err(error),
    }
}
