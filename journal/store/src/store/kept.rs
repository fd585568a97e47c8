//! Damaged files that are kept when a journal is repaired.
//!
//! A repair destroys nothing: what it found is copied whole before anything is put in its place.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::aside;
use crate::blobs::sync_dir;
use crate::layout::SessionDir;

/// Most copies that are kept; a further one takes the place of the oldest.
const COPIES: usize = 2;
const NAME: &str = "db.damaged-";

/// Lists what earlier repairs of a session kept of its damaged files, oldest first.
///
/// Each is a folder with the engine's files and the head file as they were found. They go when the
/// session is deleted.
pub fn kept(dir: &SessionDir) -> io::Result<Vec<PathBuf>> {
    Ok(numbered(dir)?.into_iter().map(|(_, path)| path).filter(|path| path.is_dir()).collect())
}

/// Copies the engine's files and the head file, durably, unless the last copy holds the same.
pub(super) fn keep(dir: &SessionDir) -> io::Result<PathBuf> {
    let known = numbered(dir)?;
    if let Some((_, last)) = known.last()
        && same(&last.join("db"), &dir.data())?
        && same(&last.join("head"), &dir.head())?
    {
        return Ok(last.clone());
    }
    let half = dir.path().join("db.damaged.half");
    aside::remove(&half)?;
    aside::copy(&dir.db(), &half)?;
    if dir.head().is_file() {
        std::fs::copy(dir.head(), half.join("head"))?;
    } else if dir.head().is_dir() {
        aside::copy(&dir.head(), &half.join("head"))?;
    }
    if let Some(copy) = aside::left(dir) {
        aside::copy(&copy.db(), &half.join("before"))?;
    }
    sync_all(&half)?;
    let number = known.last().map_or(1, |(number, _)| number + 1);
    let place = dir.path().join(format!("{NAME}{number}"));
    std::fs::rename(&half, &place)?;
    sync_dir(dir.path())?;
    let old = (known.len() + 1).saturating_sub(COPIES);
    known.iter().take(old).try_for_each(|(_, path)| aside::remove(path))?;
    Ok(place)
}

fn numbered(dir: &SessionDir) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir.path())? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse::<u64>().ok());
        if let Some(number) = number {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_dir(folder)
}

// One that can't be read is like one that is not there.
fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = match (File::open(one), File::open(other)) {
        (Ok(one), Ok(other)) => (one, other),
        (one, other) => return Ok(one.is_err() && other.is_err()),
    };
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let mut buffers = [vec![0; 1 << 16], vec![0; 1 << 16]];
    loop {
        let read = one.read(&mut buffers[0])?;
        other.read_exact(&mut buffers[1][..read])?;
        if buffers[0][..read] != buffers[1][..read] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}
