//! What dead processes left behind, and nobody needs.

use std::collections::HashSet;
use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use codex_event::{Body, Digest, SessionId};

use crate::layout::{Layout, SessionDir};
use crate::raw::{RawError, RawJournal};
use crate::remove::{Hold, RemoveError, TOMBSTONE, hold, is_owned, remove, space};

// A folder or file younger than this may belong to somebody who is about to go on with it.
const YOUNG: Duration = Duration::from_secs(10 * 60);
const DAMAGED: &str = "db.damaged-";

/// One file or folder that is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The session whose folder it is in, or was.
    pub session: Option<SessionId>,
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: LeftoverKind,
    /// Bytes on disk.
    pub size: u64,
}

/// What a leftover is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftoverKind {
    /// The folder of a session that was never begun: its process ended before the opening was
    /// durable.
    NeverBegun,
    /// The folder of a session whose removal was cut off.
    Tombstone,
    /// A file that was being written when its process ended.
    HalfWritten,
    /// A blob that no record names.
    OrphanBlob,
    /// A copy of the engine's files from an opening that was cut off.
    Copy,
    /// The engine's files as they were before the session was repaired.
    DamagedCopy,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftovers {
    /// Everything but what a person may still want to look at.
    Safe,
    /// Also the engine's files from before repairs.
    WithDamagedCopies,
}

impl Leftovers {
    /// Finds what lies beside the sessions' folders: tombstones, folders that never became sessions,
    /// half written files.
    pub fn beside(self, layout: &Layout) -> io::Result<Vec<Leftover>> {
        let mut found = Vec::new();
        let entries = match std::fs::read_dir(layout.path()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = entry.path();
            let is_dir = entry.file_type()?.is_dir();
            if let Some(rest) = name.strip_prefix(TOMBSTONE).filter(|_| is_dir) {
                let session = rest.get(..36).and_then(|id| id.parse().ok());
                found.push(Leftover::new(session, path, LeftoverKind::Tombstone));
            } else if let Ok(id) = name.parse::<SessionId>() {
                let dir = layout.session(id);
                if is_dir && !dir.is_session() && is_old(&dir) && !is_owned(&dir) {
                    found.push(Leftover::new(Some(id), path, LeftoverKind::NeverBegun));
                }
            } else if name.starts_with("index.tmp-") && !is_dir && is_aged(&entry) {
                found.push(Leftover::new(None, path, LeftoverKind::HalfWritten));
            }
        }
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    /// Finds what lies in a session's folder. Nothing is found in one that somebody owns.
    pub fn within(self, dir: &SessionDir, id: SessionId) -> io::Result<Vec<Leftover>> {
        if is_owned(dir) { Ok(Vec::new()) } else { self.look(dir, id) }
    }

    fn look(self, dir: &SessionDir, id: SessionId) -> io::Result<Vec<Leftover>> {
        let mut found = Vec::new();
        let blobs = blob_files(dir)?;
        let mut copies = Vec::new();
        for entry in std::fs::read_dir(dir.path())? {
            let entry = entry?;
            let name = entry.file_name();
            match name.to_str() {
                // A copy that is not whole, whatever became of the files that it was made from.
                Some("db.half" | "db.damaged.half" | "lease.new") => {
                    found.push(Leftover::new(Some(id), entry.path(), LeftoverKind::HalfWritten));
                }
                Some("db.before" | "db.new") => copies.push(entry.path()),
                Some(name) if name.starts_with(DAMAGED) => match self {
                    Leftovers::Safe => {}
                    Leftovers::WithDamagedCopies => {
                        let kind = LeftoverKind::DamagedCopy;
                        found.push(Leftover::new(Some(id), entry.path(), kind));
                    }
                },
                Some(_) | None => {}
            }
        }
        let (half, named): (Vec<_>, Vec<_>) =
            blobs.into_iter().partition(|path| path.extension().is_some_and(|it| it == "tmp"));
        found.extend(
            half.into_iter().map(|path| Leftover::new(Some(id), path, LeftoverKind::HalfWritten)),
        );
        if named.is_empty() && copies.is_empty() {
            return Ok(found);
        }
        // The copies may be all that is left, and a record that can't be read may name any blob.
        let Some(wanted) = named_blobs(dir, id)? else { return Ok(found) };
        if !dir.opening().exists() {
            let left = |path| Leftover::new(Some(id), path, LeftoverKind::Copy);
            found.extend(copies.into_iter().map(left));
        }
        // A file of another name is none of ours.
        let orphans = named.into_iter().filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.and_then(|name| name.parse().ok()).is_some_and(|blob| !wanted.contains(&blob))
        });
        found.extend(orphans.map(|path| Leftover::new(Some(id), path, LeftoverKind::OrphanBlob)));
        Ok(found)
    }

    /// Removes what [`Leftovers::within`] finds once nobody can own the session any more, and gives
    /// what is gone.
    pub fn sweep_within(self, dir: &SessionDir, id: SessionId) -> io::Result<Vec<Leftover>> {
        if self.within(dir, id)?.is_empty() {
            return Ok(Vec::new());
        }
        let Hold::Held(_lock) = hold(dir)? else { return Ok(Vec::new()) };
        let found = self.look(dir, id)?;
        for leftover in &found {
            leftover.take_away()?;
        }
        Ok(found)
    }
}

impl Leftover {
    fn new(session: Option<SessionId>, path: PathBuf, kind: LeftoverKind) -> Leftover {
        Leftover { session, size: space(&path), path, kind }
    }

    /// Removes what lies beside the sessions' folders. What somebody has begun to use stays.
    pub fn remove(&self, layout: &Layout) -> io::Result<bool> {
        if let (LeftoverKind::NeverBegun, Some(id)) = (self.kind, self.session) {
            if layout.session(id).is_session() {
                return Ok(false);
            }
            return match remove(layout, id) {
                Ok(()) => Ok(true),
                Err(RemoveError::Busy(_) | RemoveError::WentOn(_) | RemoveError::NotFound(_)) => {
                    Ok(false)
                }
                Err(RemoveError::Io { source, .. }) => Err(source),
            };
        }
        self.take_away().map(|()| true)
    }

    fn take_away(&self) -> io::Result<()> {
        let gone = match std::fs::symlink_metadata(&self.path)?.is_dir() {
            true => std::fs::remove_dir_all(&self.path),
            false => std::fs::remove_file(&self.path),
        };
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

// The blobs that records name; none when that can't be known.
fn named_blobs(dir: &SessionDir, id: SessionId) -> io::Result<Option<HashSet<Digest>>> {
    let journal = match RawJournal::read(dir, id) {
        Ok(journal) => journal,
        Err(RawError::Io(error)) => return Err(error),
        Err(RawError::NotFound(_) | RawError::Lost(_)) => return Ok(None),
    };
    if journal.is_empty() || !journal.problems().is_empty() {
        return Ok(None);
    }
    let mut named = HashSet::new();
    for record in journal.records() {
        let Ok(record) = record else { return Ok(None) };
        match record.envelope.body {
            // Another release knows which blobs it names.
            Body::Foreign { .. } => return Ok(None),
            Body::Known(_) => {
                named.extend(record.envelope.blobs().iter().map(|(digest, _)| *digest));
            }
        }
    }
    Ok(Some(named))
}

fn blob_files(dir: &SessionDir) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(dir.blobs()) {
        Ok(entries) => {
            let mut found = entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<Vec<_>>>()?;
            found.sort();
            Ok(found)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

// By the youngest of what an opening makes. A time in the future tells nothing, so it is left.
fn is_old(dir: &SessionDir) -> bool {
    let places = [dir.path().to_owned(), dir.head(), dir.lock(), dir.db()];
    let times = places.iter().filter_map(|path| modified(path));
    times.max().is_some_and(is_long_ago)
}

fn is_aged(entry: &DirEntry) -> bool {
    modified(&entry.path()).is_some_and(is_long_ago)
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::symlink_metadata(path).and_then(|meta| meta.modified()).ok()
}

fn is_long_ago(time: SystemTime) -> bool {
    time.elapsed().is_ok_and(|since| since > YOUNG)
}
