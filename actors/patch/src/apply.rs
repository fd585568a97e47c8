//! Carrying out a [`Plan`], all or nothing.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use codex_event::FileChange;
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, Uid, fchmod, fchown, fstat, fsync, mkdirat, openat,
    renameat, renameat_with, statat, syncfs, unlinkat,
};
use rustix::io::Errno;

use crate::disk::{self, Meta, Node, is_absence};
use crate::plan::{Entry, Plan};
use crate::roots::Roots;

/// Names of temporary files start with this; none outlives a call, but a crash may leave some, which
/// [`sweep`](crate::sweep) removes.
pub(crate) const TEMPORARY: &str = ".codex-patch-";

/// Files that are made durable one by one.
const FLUSHED_EACH: usize = 32;

/// A patch that has been carried out and is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What became of each file.
    pub changes: Vec<FileChange>,
    /// The text for the model and the command line.
    pub summary: String,
}

/// Why a plan was not carried out.
///
/// The tree is as it was, but for [`ApplyError::Stuck`].
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A file is no longer what the plan was made from.
    #[error("{} has changed since the patch was planned; no files were modified", .path.display())]
    Changed {
        /// Absolute path of the file.
        path: PathBuf,
    },
    /// The system refused a step.
    #[error("failed to {action} {}: {source}; no files were modified", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Absolute path of the file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A step failed, and so did taking back some of those before it.
    #[error("{cause}; and failed to restore {}", shown(.left))]
    Stuck {
        /// Why the patch was given up.
        cause: Box<ApplyError>,
        /// What is not as it was; saved bytes, where there are any, are in the second file.
        left: Vec<(PathBuf, Option<PathBuf>)>,
    },
}

fn shown(left: &[(PathBuf, Option<PathBuf>)]) -> String {
    let one = |(path, saved): &(PathBuf, Option<PathBuf>)| match saved {
        Some(saved) => format!("{} (its old bytes are in {})", path.display(), saved.display()),
        None => path.display().to_string(),
    };
    left.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Carries out a plan: afterwards either all of it is on disk, or the tree is as it was.
///
/// New bytes are first written to temporary files beside their targets and synced; only then names
/// change, each in one step that keeps the old file, which is checked once more against the plan
/// before it goes. Permissions and owner of a file stay; a hard link to it keeps the old bytes.
/// Blocks on disk; not for an actor's thread. When the process dies on the way,
/// [`compare`](crate::compare) tells how far it came.
pub fn apply(plan: Plan) -> Result<Applied, ApplyError> {
    apply_with(plan, &mut |_| Ok(()))
}

/// A step that may fail, for tests to make it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Stage,
    Remove,
    MakeFolder,
    Place,
    Swap,
    Sync,
}

type Hook<'h> = &'h mut dyn FnMut(Step) -> io::Result<()>;

pub(crate) fn apply_with(plan: Plan, hook: Hook<'_>) -> Result<Applied, ApplyError> {
    let applied = Applied { changes: plan.changes(), summary: plan.summary() };
    for (path, entry) in &plan.entries {
        let found = disk::read(&plan.roots, path).map_err(io_error("read", path))?;
        if found != entry.before {
            return Err(ApplyError::Changed { path: path.clone() });
        }
    }
    let mut work = Work { roots: &plan.roots, staged: BTreeSet::new(), undo: Vec::new() };
    match work.run(&plan, hook) {
        Ok(()) => {
            work.clean();
            Ok(applied)
        }
        Err(cause) => {
            let left = work.take_back();
            if left.is_empty() {
                Err(cause)
            } else {
                Err(ApplyError::Stuck { cause: Box::new(cause), left })
            }
        }
    }
}

fn io_error<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> ApplyError {
    let path = path.to_owned();
    move |source| ApplyError::Io { action, path, source: source.into() }
}

struct Work<'a> {
    roots: &'a Roots,
    /// Temporary files that no name in the tree has taken over yet.
    staged: BTreeSet<PathBuf>,
    undo: Vec<Undo>,
}

/// How to take back one step.
enum Undo {
    /// The old file waits under a temporary name, and its own is free.
    PutBack { saved: PathBuf, path: PathBuf },
    /// The old file waits under a temporary name, and the new one has its own.
    SwapBack { saved: PathBuf, path: PathBuf },
    /// There was no file.
    Remove { path: PathBuf },
    /// There was no folder.
    RemoveFolder { path: PathBuf },
}

impl Work<'_> {
    fn run(&mut self, plan: &Plan, hook: Hook<'_>) -> Result<(), ApplyError> {
        let changed = || plan.entries.iter().filter(|(_, entry)| entry.before != entry.now);
        let mut writes = Vec::new();
        let mut staged = Flush::new(changed().filter(|(_, entry)| entry.now.is_some()).count());
        for (path, entry) in changed() {
            if let Some(node) = &entry.now {
                let temporary = hook(Step::Stage)
                    .and_then(|()| self.stage(path, node, &mut staged))
                    .map_err(io_error("write", path))?;
                writes.push((path, entry, temporary));
            }
        }
        staged.finish().map_err(io_error("sync", Path::new("the new files")))?;
        // Files go before others come: a folder may take the place of one.
        for (path, entry) in changed() {
            if let (Some(before), None) = (&entry.before, &entry.now) {
                hook(Step::Remove).map_err(io_error("delete", path))?;
                self.remove(path, before)?;
            }
        }
        for (path, entry, temporary) in writes {
            self.make_folders(path, hook).map_err(io_error("make the folder of", path))?;
            hook(Step::Place).map_err(io_error("write", path))?;
            self.place(path, entry, temporary, hook)?;
        }
        let made = self.undo.iter().filter_map(|undo| match undo {
            Undo::RemoveFolder { path } => Some(path.as_path()),
            Undo::PutBack { .. } | Undo::SwapBack { .. } | Undo::Remove { .. } => None,
        });
        let named = changed().map(|(path, _)| path.as_path()).chain(made);
        let folders: BTreeSet<&Path> = named.filter_map(Path::parent).collect();
        let mut named = Flush::new(folders.len());
        for folder in folders {
            hook(Step::Sync)
                .and_then(|()| self.sync(folder, &mut named))
                .map_err(io_error("sync", folder))?;
        }
        named.finish().map_err(io_error("sync", Path::new("the folders")))
    }

    /// Writes a file's new bytes under a temporary name, in the nearest folder there is.
    fn stage(&mut self, path: &Path, node: &Node, flush: &mut Flush) -> io::Result<PathBuf> {
        let Node::File { bytes, meta } = node else { return Err(Errno::INVAL.into()) };
        let mut nearest = path;
        let (at, folder) = loop {
            nearest = nearest.parent().ok_or(Errno::NOENT)?;
            match self.roots.open(nearest) {
                Ok(folder) => break (nearest, folder),
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(error),
            }
        };
        let (temporary, file) = create(at, &folder)?;
        self.staged.insert(temporary.clone());
        let mut file = File::from(file);
        file.write_all(bytes)?;
        dress(&file, *meta)?;
        flush.add(file.into())?;
        Ok(temporary)
    }

    fn remove(&mut self, path: &Path, before: &Node) -> Result<(), ApplyError> {
        let (folder, name) = self.parent(path).map_err(io_error("delete", path))?;
        let fresh = temporary_name();
        let saved = path.with_file_name(&fresh);
        // The temporary name is fresh, so nothing is overwritten.
        renameat(&folder, &name, &folder, &fresh).map_err(io_error("delete", path))?;
        self.undo.push(Undo::PutBack { saved: saved.clone(), path: path.to_owned() });
        self.check(&saved, path, before)
    }

    fn make_folders(&mut self, path: &Path, hook: Hook<'_>) -> io::Result<()> {
        let mut missing = Vec::new();
        let mut at = path.parent().ok_or(Errno::NOENT)?;
        while let Err(error) = self.roots.open(at) {
            if !is_absence(&error) {
                return Err(error);
            }
            missing.push(at);
            at = at.parent().ok_or(Errno::NOENT)?;
        }
        for folder in missing.into_iter().rev() {
            hook(Step::MakeFolder)?;
            let (above, name) = self.parent(folder)?;
            mkdirat(&above, &name, Mode::from_raw_mode(0o777))?;
            self.undo.push(Undo::RemoveFolder { path: folder.to_owned() });
        }
        Ok(())
    }

    /// Gives a staged file its name, and keeps what had it before.
    fn place(
        &mut self,
        path: &Path,
        entry: &Entry,
        temporary: PathBuf,
        hook: Hook<'_>,
    ) -> Result<(), ApplyError> {
        let open = |path: &Path| self.parent(path).map_err(io_error("write", path));
        let (to, name) = open(path)?;
        let (from, staged) = open(&temporary)?;
        let path = path.to_owned();
        let Some(before) = &entry.before else {
            match rename_to_free(&from, &staged, &to, &name) {
                Ok(()) => {}
                Err(Errno::EXIST) => return Err(ApplyError::Changed { path }),
                Err(error) => return Err(io_error("write", &path)(error)),
            }
            self.staged.remove(&temporary);
            self.undo.push(Undo::Remove { path });
            return Ok(());
        };
        let swapped = hook(Step::Swap)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
            .and_then(|()| renameat_with(&from, &staged, &to, &name, RenameFlags::EXCHANGE));
        match swapped {
            Ok(()) => {
                self.staged.remove(&temporary);
                let saved = temporary.clone();
                self.undo.push(Undo::SwapBack { saved, path: path.clone() });
                self.check(&temporary, &path, before)
            }
            // Two steps where the file system cannot swap: a crash between them leaves the old
            // bytes under the temporary name only.
            Err(error) if is_unsupported(error) => {
                self.remove(&path, before)?;
                renameat(&from, &staged, &to, &name).map_err(io_error("write", &path))?;
                self.staged.remove(&temporary);
                if let Some(Undo::PutBack { saved, path }) = self.undo.pop() {
                    self.undo.push(Undo::SwapBack { saved, path });
                }
                Ok(())
            }
            Err(error) => Err(io_error("write", &path)(error)),
        }
    }

    /// Checks that the file just moved out of the way is the one the plan was made from.
    fn check(&self, saved: &Path, path: &Path, before: &Node) -> Result<(), ApplyError> {
        let found = disk::read(self.roots, saved).map_err(io_error("read", path))?;
        if found.as_ref() == Some(before) {
            Ok(())
        } else {
            Err(ApplyError::Changed { path: path.to_owned() })
        }
    }

    fn sync(&self, folder: &Path, flush: &mut Flush) -> io::Result<()> {
        let opened = match self.roots.open(folder) {
            Ok(opened) => opened,
            // Gone with the file that was in it, or now a file.
            Err(error) if is_absence(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match openat(&opened, ".", flags, Mode::empty()).map_err(io::Error::from) {
            Ok(folder) => match flush.add(folder) {
                // Not every file system syncs folders.
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
                other => other,
            },
            // A folder may be writable but not readable.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn parent(&self, path: &Path) -> io::Result<(OwnedFd, OsString)> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Errno::ISDIR.into());
        };
        Ok((self.roots.open(folder)?, name.to_owned()))
    }

    /// Drops the old files. The new ones are in place, so a failure here takes nothing back.
    fn clean(self) {
        for undo in &self.undo {
            match undo {
                Undo::PutBack { saved, .. } | Undo::SwapBack { saved, .. } => {
                    let _ = self.unlink(saved);
                }
                Undo::Remove { .. } | Undo::RemoveFolder { .. } => {}
            }
        }
    }

    /// Undoes every step, last one first, and says what could not be undone.
    fn take_back(mut self) -> Vec<(PathBuf, Option<PathBuf>)> {
        let mut left = Vec::new();
        while let Some(undo) = self.undo.pop() {
            let (result, path, saved) = match undo {
                Undo::PutBack { saved, path } => (self.put_back(&saved, &path), path, Some(saved)),
                Undo::SwapBack { saved, path } => {
                    (self.swap_back(&saved, &path), path, Some(saved))
                }
                Undo::Remove { path } => (self.unlink(&path), path, None),
                Undo::RemoveFolder { path } => {
                    let result = self
                        .parent(&path)
                        .and_then(|(above, name)| Ok(unlinkat(above, name, AtFlags::REMOVEDIR)?));
                    (result, path, None)
                }
            };
            if result.is_err() {
                left.push((path, saved));
            }
        }
        for temporary in &self.staged {
            if self.unlink(temporary).is_err() {
                left.push((temporary.clone(), None));
            }
        }
        left
    }

    fn put_back(&self, saved: &Path, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        let (_, saved) = self.parent(saved)?;
        Ok(rename_to_free(&folder, &saved, &folder, &name)?)
    }

    fn swap_back(&self, saved: &Path, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        let (beside, old) = self.parent(saved)?;
        match renameat_with(&beside, &old, &folder, &name, RenameFlags::EXCHANGE) {
            Ok(()) => self.unlink(saved),
            Err(error) if is_unsupported(error) => Ok(renameat(beside, old, folder, name)?),
            Err(error) => Err(error.into()),
        }
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        Ok(unlinkat(folder, name, AtFlags::empty())?)
    }
}

/// Makes what was written durable: each file by itself, or, where there are many, the file systems
/// that they are on, which takes about as long as one file does.
enum Flush {
    Each,
    Together(BTreeMap<u64, OwnedFd>),
}

impl Flush {
    fn new(files: usize) -> Flush {
        if files > FLUSHED_EACH { Flush::Together(BTreeMap::new()) } else { Flush::Each }
    }

    fn add(&mut self, file: OwnedFd) -> io::Result<()> {
        match self {
            Flush::Each => fsync(&file)?,
            Flush::Together(systems) => {
                systems.entry(fstat(&file)?.st_dev).or_insert(file);
            }
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Flush::Each => Ok(()),
            Flush::Together(systems) => {
                systems.into_values().try_for_each(|file| Ok(syncfs(&file)?))
            }
        }
    }
}

/// Makes an empty file under a fresh name.
fn create(at: &Path, folder: &OwnedFd) -> io::Result<(PathBuf, OwnedFd)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let name = temporary_name();
        match openat(folder, &name, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => return Ok((at.join(name), file)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A name no other call uses: processes differ in their id, calls of one in the count.
fn temporary_name() -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{TEMPORARY}{}-{count}", process::id()).into()
}

/// Gives a new file the permissions and, as far as the process may, the owner of the old one.
fn dress(file: &File, meta: Meta) -> io::Result<()> {
    if let Some((user, group)) = meta.owner {
        let now = fstat(file)?;
        if (now.st_uid, now.st_gid) != (user, group) {
            // Only root may give files away; for others the file becomes their own.
            let _ = fchown(file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
        }
    }
    if let Some(mode) = meta.mode {
        fchmod(file, Mode::from_raw_mode(mode))?;
    }
    Ok(())
}

/// Renames without overwriting anything.
fn rename_to_free(from: &OwnedFd, old: &OsStr, to: &OwnedFd, new: &OsStr) -> Result<(), Errno> {
    match renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        Err(error) if is_unsupported(error) => match statat(to, new, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(Errno::EXIST),
            Err(_) => renameat(from, old, to, new),
        },
        other => other,
    }
}

/// Tells whether the kernel or the file system does not know a way of renaming.
fn is_unsupported(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}
