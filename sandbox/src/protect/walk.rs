//! A bounded walk below one folder that looks for repositories.

use std::collections::HashSet;
use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat, Timespec, fstat, fstatfs,
    openat2, statat,
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
    /// Whether folders of the root's file system count their folders in their number of links.
    counts: Counts,
    /// Whether a bound was hit, or a folder of ours could not be read.
    pub(super) partial: bool,
}

/// A folder as it was when it was read, or just before.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    depth: usize,
    /// Identity and time of change, which no process can set.
    mark: Mark,
}

/// What the number of a folder's links says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    /// On the file system of this number a folder has two links, and one more for each folder in it.
    Folders { dev: u64 },
    /// Nothing that could be relied on.
    Nothing,
}

impl Counts {
    /// File systems whose kernel code counts so, by their numbers in `linux/magic.h`: ext2 to ext4,
    /// XFS, F2FS, tmpfs. Others have one link always, or whatever a server says.
    const KNOWN: [u64; 4] = [0xef53, 0x5846_5342, 0xf2f5_2010, 0x0102_1994];

    #[allow(clippy::useless_conversion, clippy::cast_sign_loss, clippy::unnecessary_cast)]
    fn of(root: &OwnedFd) -> Counts {
        let Ok((system, stat)) = fstatfs(root).and_then(|system| Ok((system, fstat(root)?))) else {
            return Counts::Nothing;
        };
        match Counts::KNOWN.contains(&(system.f_type as u64)) {
            true => Counts::Folders { dev: stat.st_dev.into() },
            false => Counts::Nothing,
        }
    }

    /// Tells whether no folder lies in this one.
    #[allow(clippy::useless_conversion)]
    fn is_leaf(self, stat: &Stat) -> bool {
        match self {
            Counts::Folders { dev } => u64::from(stat.st_dev) == dev && stat.st_nlink == 2,
            Counts::Nothing => false,
        }
    }
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
        let counts = Counts::of(&opened);
        Walk::counting(root, &opened, bounds, counts)
    }

    fn counting(
        root: &Path,
        opened: &OwnedFd,
        bounds: Bounds,
        counts: Counts,
    ) -> Result<Walk, Errno> {
        let root = root.to_owned();
        let (folders, found) = (vec![], vec![]);
        let mut walk = Walk { root, bounds, folders, found, counts, partial: false };
        let mark = fstat(opened).map(|stat| Mark::of(&stat))?;
        let first = Folder { path: PathBuf::new(), depth: 0, mark };
        walk.read_all(opened, vec![first], &HashSet::new());
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
        let Walk { root, bounds, folders, found, counts, partial } = self;
        let mut again = Walk { root, bounds, folders: vec![], found: vec![], counts, partial };
        let Ok(opened) = open_root(&again.root) else { return again };
        let look = |path: &Path| statat(&opened, path, AtFlags::SYMLINK_NOFOLLOW).ok();
        let kept = found.into_iter().filter_map(|(path, _)| {
            let kind = FileType::from_raw_mode(look(&path)?.st_mode);
            Some((path, kind))
        });
        again.found = kept.collect();
        let mut todo = vec![];
        for folder in folders {
            let Ok(stat) = statat(&opened, folder.path_or_dot(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let mark = Mark::of(&stat);
            if mark == folder.mark && mark.changed < settled {
                again.folders.push(folder);
            } else if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                todo.push(Folder { mark, ..folder });
            }
        }
        if !todo.is_empty() {
            let known = again.folders.iter().chain(&todo).map(|folder| folder.path.clone());
            let known = known.collect();
            again.read_all(&opened, todo, &known);
        }
        again
    }

    /// Reads these folders and those below them, but for those that are `known` already.
    fn read_all(&mut self, root: &OwnedFd, mut level: Vec<Folder>, known: &HashSet<PathBuf>) {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        // Level by level, so that a bound cuts off what is deepest.
        while !level.is_empty() {
            let mut deeper = vec![];
            for folder in level {
                if self.folders.len() >= self.bounds.folders {
                    self.partial = true;
                    return;
                }
                self.read(root, folder, known, &mut buffer, &mut deeper);
            }
            level = deeper;
        }
    }

    /// Reads one folder: those in it that have to be read are `deeper`, and those that hold no
    /// folder are done with.
    fn read(
        &mut self,
        root: &OwnedFd,
        folder: Folder,
        known: &HashSet<PathBuf>,
        buffer: &mut [MaybeUninit<u8>],
        deeper: &mut Vec<Folder>,
    ) {
        let opened = match open_below(root, &folder.path) {
            Ok(opened) => opened,
            Err(Errno::ACCESS | Errno::PERM) => {
                // One that is ours could be opened up again by a command.
                let stat = statat(root, folder.path_or_dot(), AtFlags::SYMLINK_NOFOLLOW);
                return self.partial |= stat.is_ok_and(|stat| is_ours(&stat));
            }
            // It vanished, or a link took its place.
            Err(_) => return,
        };
        let Folder { path, depth, .. } = &folder;
        let (path, depth) = (path.clone(), *depth);
        self.folders.push(folder);
        let mut names: Vec<u8> = vec![];
        let mut entries = RawDir::new(&opened, buffer);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                kind => kind,
            };
            if name == GIT {
                self.note(path.join(".git"), kind);
            } else if kind == FileType::Directory && !PASSED_OVER.contains(&name.to_bytes()) {
                names.extend_from_slice(name.to_bytes_with_nul());
            }
        }
        if names.is_empty() {
            return;
        }
        if depth >= self.bounds.depth {
            // A walk that is to read its root alone misses nothing.
            return self.partial |= self.bounds.depth > 0;
        }
        for name in names.split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
            let below = path.join(OsStr::from_bytes(name.to_bytes()));
            if known.contains(&below) {
                continue;
            }
            // The mark is older than the reading, so whatever changes between is seen again.
            let Ok(stat) = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                continue;
            }
            let folder = Folder { path: below, depth: depth + 1, mark: Mark::of(&stat) };
            match self.counts.is_leaf(&stat) {
                true if self.folders.len() < self.bounds.folders => {
                    self.look_into_leaf(&opened, name, &stat, folder);
                }
                true | false => deeper.push(folder),
            }
        }
    }

    /// Looks for the one name that can matter in a folder without folders: a `.git` file, or a link
    /// of that name. Asking for it costs a fraction of opening and reading the folder.
    fn look_into_leaf(&mut self, above: &OwnedFd, name: &CStr, stat: &Stat, folder: Folder) {
        let path = Path::new(OsStr::from_bytes(name.to_bytes())).join(".git");
        match statat(above, &path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(git) => self.note(folder.path.join(".git"), FileType::from_raw_mode(git.st_mode)),
            Err(Errno::ACCESS | Errno::PERM) => return self.partial |= is_ours(stat),
            Err(_) => {}
        }
        self.folders.push(folder);
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

fn is_ours(stat: &Stat) -> bool {
    stat.st_uid == rustix::process::geteuid().as_raw()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_links_say_saves_time_and_changes_nothing() {
        let world = tempfile::tempdir().expect("a folder");
        let root = world.path().canonicalize().expect("it exists");
        for folder in ["a/b/c", "a/.git", "a/d", "e/f/.git/objects"] {
            std::fs::create_dir_all(root.join(folder)).expect("made");
        }
        std::fs::write(root.join("a/b/c/.git"), "gitdir: x").expect("written");
        std::os::unix::fs::symlink("x", root.join("a/d/.git")).expect("linked");
        let opened = open_root(&root).expect("open");
        let walk = |counts| {
            let walk = Walk::counting(&root, &opened, Bounds::DEFAULT, counts).expect("read");
            let mut folders: Vec<_> = walk.folders.into_iter().map(|it| it.path).collect();
            let mut found: Vec<_> =
                walk.found.into_iter().map(|(path, kind)| (path, format!("{kind:?}"))).collect();
            folders.sort();
            found.sort();
            (folders, found)
        };
        let without = walk(Counts::Nothing);
        assert_eq!((without.0.len(), without.1.len()), (7, 4));
        assert_eq!(walk(Counts::of(&opened)), without);
    }
}
