//! Empty folders that stand where a protected path is missing: a mount needs a place.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::{How, Protected};

/// Mode of a placeholder. The sticky bit marks it as ours: an empty folder of such a name with this
/// bit was made by a supervisor, even if that one was killed before it could remove it.
const MODE: u32 = 0o1755;
const MARK: u32 = 0o1000;

/// How often a placeholder is made again because another supervisor removed it at that moment.
const ATTEMPTS: usize = 64;

/// The placeholders of one command, each locked: removing a folder would also take away the mounts
/// on it that protect it from other commands, so only the last one to use it may.
#[derive(Debug, Default)]
pub(crate) struct Placeholders(Vec<Placeholder>);

#[derive(Debug)]
struct Placeholder {
    path: PathBuf,
    folder: File,
}

impl Placeholders {
    /// Makes or takes over those that are needed, and drops the paths that nobody could make.
    ///
    /// # Errors
    ///
    /// When one can't be made although a command might manage to.
    pub(crate) fn hold(protected: &mut Vec<Protected>) -> io::Result<Placeholders> {
        let mut held = Placeholders::default();
        let mut failed = None;
        protected.retain(|place| {
            let path = &place.path;
            let outcome = match place.how {
                How::Placeholder => hold(path),
                // One that was left is found like any other folder.
                How::ReadOnly if is_marked(path) => hold(path),
                How::ReadOnly | How::InPlace => return true,
            };
            match outcome {
                Ok(Hold::Ours(folder)) => {
                    held.0.push(Placeholder { path: path.clone(), folder });
                    true
                }
                Ok(Hold::Others) => true,
                Ok(Hold::Impossible) => false,
                Err(error) => {
                    let described = format!("{}: {error}", path.display());
                    failed.get_or_insert(io::Error::new(error.kind(), described));
                    true
                }
            }
        });
        match failed {
            None => Ok(held),
            Some(error) => Err(error),
        }
    }
}

impl Drop for Placeholders {
    /// Removes those that are empty and that no other command uses.
    fn drop(&mut self) {
        for Placeholder { path, folder } in &self.0 {
            let is_unused = flock(folder, FlockOperation::NonBlockingLockExclusive).is_ok();
            if is_unused && is_at(folder, path) && is_marked(path) {
                // One that was filled meanwhile is somebody's own now.
                let _ = fs::remove_dir(path);
            }
        }
    }
}

enum Hold {
    /// An empty folder of ours, locked.
    Ours(File),
    /// Something that is not ours was there first.
    Others,
    /// There is nothing, and this user can't make it.
    Impossible,
}

fn hold(path: &Path) -> io::Result<Hold> {
    for _ in 0..ATTEMPTS {
        match DirBuilder::new().mode(MODE).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return if is_final(&error, path) { Ok(Hold::Impossible) } else { Err(error) };
            }
        }
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let folder = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // A file, or a folder of somebody else's; a link fails when it is to be mounted on.
            Err(_) => return Ok(Hold::Others),
        };
        if folder.metadata()?.mode() & MARK == 0 {
            return Ok(Hold::Others);
        }
        flock(&folder, FlockOperation::LockShared)?;
        if is_at(&folder, path) {
            return Ok(Hold::Ours(folder));
        }
    }
    Err(io::Error::other("it is removed again and again"))
}

/// Tells whether a command of this user could make it no more than we can.
fn is_final(error: &io::Error, path: &Path) -> bool {
    match error.raw_os_error() {
        Some(libc::EROFS | libc::EPERM) => true,
        // The owner of a folder can make it writable.
        Some(libc::EACCES) => path
            .parent()
            .and_then(|it| fs::metadata(it).ok())
            .is_some_and(|folder| folder.uid() != rustix::process::geteuid().as_raw()),
        Some(_) | None => false,
    }
}

fn is_marked(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.mode() & MARK != 0)
}

fn is_at(folder: &File, path: &Path) -> bool {
    let name = |meta: fs::Metadata| (meta.dev(), meta.ino());
    match (folder.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(found)) => name(held) == name(found),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &Path) -> Vec<Protected> {
        vec![Protected { path: path.to_owned(), how: How::Placeholder }]
    }

    #[test]
    fn the_last_to_use_it_removes_it() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join(".git");
        let first = Placeholders::hold(&mut place(&path)).expect("made");
        let second = Placeholders::hold(&mut place(&path)).expect("shared");
        drop(first);
        assert!(path.is_dir(), "another one uses it");
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_supervisor_left_is_removed_by_the_next_and_nothing_else_is() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join(".git");
        std::mem::forget(Placeholders::hold(&mut place(&path)).expect("made").0.pop().map(|it| {
            drop(it.folder);
            it.path
        }));
        assert!(path.is_dir());
        let mut found = vec![Protected { path: path.clone(), how: How::ReadOnly }];
        drop(Placeholders::hold(&mut found).expect("taken over"));
        assert!(!path.exists());

        fs::create_dir(&path).expect("made by its owner");
        for how in [How::ReadOnly, How::Placeholder] {
            let mut found = vec![Protected { path: path.clone(), how }];
            drop(Placeholders::hold(&mut found).expect("left alone"));
            assert!(path.is_dir() && found.len() == 1);
        }
    }

    #[test]
    fn one_that_was_filled_stays() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join(".git");
        let held = Placeholders::hold(&mut place(&path)).expect("made");
        fs::write(path.join("HEAD"), "ref: refs/heads/main\n").expect("written");
        drop(held);
        assert!(path.join("HEAD").is_file());
    }
}
