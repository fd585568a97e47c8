//! A bounded walk below one folder that looks for repositories.

use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat, Timespec, fstat, openat2,
    statat,
};
use rustix::io::Errno;

/// How far a walk goes. What lies beyond is reported, never silently passed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Folders between the root and the deepest one that is read.
    pub(super) depth: usize,
    /// Repositories found.
    pub(super) found: usize,
    /// Folders read: what a command waits for is their number, not that of the files.
    pub(super) folders: usize,
}

impl Bounds {
    pub(super) const DEFAULT: Bounds = Bounds { depth: 6, found: 200, folders: 8000 };

    /// The folder that all users share, itself alone: nobody chose what lies in it, and it may be
    /// so much that every command would wait.
    const SHARED: Bounds = Bounds { depth: 0, ..Bounds::DEFAULT };

    /// Picks the bounds for a writable root.
    pub(super) fn of(root: &Path) -> Bounds {
        if root == Path::new("/tmp") { Bounds::SHARED } else { Bounds::DEFAULT }
    }
}

/// Folders of other people's code by the thousand; repositories below them are rare.
const PASSED_OVER: [&[u8]; 2] = [b"node_modules", b"target"];

/// The name that makes a folder a repository.
const GIT: &CStr = c".git";

/// Bytes of folder entries that one system call takes.
const BUFFER: usize = 32 * 1024;

/// What a walk found, by paths below its root.
#[derive(Debug)]
pub(super) struct Walk {
    /// Where it began, canonical. It is opened for each look: a supervisor keeps no folder of the
    /// user's busy while a command runs.
    pub(super) root: PathBuf,
    bounds: Bounds,
    /// Each folder that was read, outer ones first.
    folders: Vec<Folder>,
    /// Every `.git`, and what it is.
    pub(super) found: Vec<(PathBuf, FileType)>,
    /// Whether a bound was hit, or a folder of ours could not be read.
    pub(super) partial: bool,
}

/// A folder as it was when it was read.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    depth: usize,
    /// Identity and time of change, which no process can set.
    mark: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    dev: u64,
    ino: u64,
    changed: (i64, i64),
}

impl Mark {
    #[allow(clippy::useless_conversion)] // The fields' types differ between architectures.
    fn of(stat: &Stat) -> Mark {
        let changed = (stat.st_ctime.into(), i64::try_from(stat.st_ctime_nsec).unwrap_or_default());
        Mark { dev: stat.st_dev.into(), ino: stat.st_ino.into(), changed }
    }
}

impl Walk {
    /// Reads the folders below `root`.
    ///
    /// # Errors
    ///
    /// When the root can't be opened by its path without following a link.
    pub(super) fn begin(root: &Path, bounds: Bounds) -> Result<Walk, Errno> {
        let opened = open_root(root)?;
        let root = root.to_owned();
        let mut walk = Walk { root, bounds, folders: vec![], found: vec![], partial: false };
        walk.read_all(&opened, vec![(PathBuf::new(), 0)]);
        Ok(walk)
    }

    /// Looks again: only at folders that have changed since they were read.
    ///
    /// A folder whose last change is hardly older than the reading of it is read again too: the
    /// kernel's clock for these times goes in steps, so one more change may show the same time.
    pub(super) fn again(self, since: Timespec) -> Walk {
        const STEP: i64 = 20_000_000;
        let settled = match since.tv_nsec.checked_sub(STEP) {
            Some(nanos) if nanos >= 0 => (since.tv_sec, nanos),
            Some(_) | None => (since.tv_sec - 1, since.tv_nsec + 1_000_000_000 - STEP),
        };
        let Walk { root, bounds, folders, found, partial } = self;
        let mut again = Walk { root, bounds, folders: vec![], found: vec![], partial };
        let Ok(opened) = open_root(&again.root) else { return again };
        let look = |path: &Path| statat(&opened, path, AtFlags::SYMLINK_NOFOLLOW).ok();
        let kept = found.into_iter().filter_map(|(path, _)| {
            let kind = FileType::from_raw_mode(look(&path)?.st_mode);
            Some((path, kind))
        });
        again.found = kept.collect();
        let mut todo = vec![];
        for folder in folders {
            match statat(&opened, folder.path_or_dot(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if Mark::of(&stat) == folder.mark && folder.mark.changed < settled => {
                    again.folders.push(folder);
                }
                Ok(_) => todo.push((folder.path, folder.depth)),
                Err(_) => {}
            }
        }
        again.read_all(&opened, todo);
        again
    }

    fn read_all(&mut self, root: &OwnedFd, mut level: Vec<(PathBuf, usize)>) {
        let mut known: std::collections::HashSet<PathBuf> =
            self.folders.iter().map(|folder| folder.path.clone()).collect();
        known.extend(level.iter().map(|(path, _)| path.clone()));
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        // Level by level, so that a bound cuts off what is deepest.
        while !level.is_empty() {
            let mut deeper = vec![];
            for (path, depth) in level {
                if self.folders.len() >= self.bounds.folders {
                    self.partial = true;
                    return;
                }
                for name in self.read(root, &path, depth, &mut buffer) {
                    let below = path.join(name);
                    if depth >= self.bounds.depth {
                        // A walk that is to read its root alone misses nothing.
                        self.partial |= self.bounds.depth > 0;
                    } else if known.insert(below.clone()) {
                        deeper.push((below, depth + 1));
                    }
                }
            }
            level = deeper;
        }
    }

    /// Reads one folder and returns the names of the folders in it.
    fn read(
        &mut self,
        root: &OwnedFd,
        path: &Path,
        depth: usize,
        buffer: &mut [MaybeUninit<u8>],
    ) -> Vec<std::ffi::OsString> {
        let mut folders = vec![];
        let opened = open_below(root, path).and_then(|folder| {
            let stat = fstat(&folder)?;
            Ok((folder, stat))
        });
        let (folder, stat) = match opened {
            Ok(opened) => opened,
            Err(Errno::ACCESS | Errno::PERM) => {
                // One that is ours could be opened up again by a command.
                let stat = statat(root, path, AtFlags::SYMLINK_NOFOLLOW);
                self.partial |=
                    stat.is_ok_and(|stat| stat.st_uid == rustix::process::geteuid().as_raw());
                return folders;
            }
            // It vanished, or a link took its place.
            Err(_) => return folders,
        };
        self.folders.push(Folder { path: path.to_owned(), depth, mark: Mark::of(&stat) });
        let mut entries = RawDir::new(&folder, buffer);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                kind => kind,
            };
            if name == GIT {
                self.note(path.join(".git"), kind);
            } else if kind == FileType::Directory && !PASSED_OVER.contains(&name.to_bytes()) {
                folders.push(OsStr::from_bytes(name.to_bytes()).to_owned());
            }
        }
        folders
    }

    fn note(&mut self, path: PathBuf, kind: FileType) {
        if self.found.iter().any(|(known, _)| *known == path) {
            return;
        }
        if self.found.len() >= self.bounds.found {
            self.partial = true;
            return;
        }
        self.found.push((path, kind));
    }
}

impl Folder {
    fn path_or_dot(&self) -> &Path {
        if self.path.as_os_str().is_empty() { Path::new(".") } else { &self.path }
    }
}

/// Opens a writable root by its canonical path, without following a single link.
fn open_root(path: &Path) -> Result<OwnedFd, Errno> {
    openat2(CWD, path, FOLDER, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

fn open_below(root: impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    openat2(root, path, FOLDER, Mode::empty(), within)
}
