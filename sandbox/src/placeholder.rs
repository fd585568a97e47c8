//! Empty folders, and files of a fixed text, that stand where a protected path is missing: a mount
//! needs a place.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use codex_event::PLACEHOLDER_MARK as MARK;

use crate::{How, Protected};

/// Mode of a placeholder. The sticky bit marks it as ours: an empty folder of such a name with this
/// bit was made by a supervisor, even if that one was killed before it could remove it.
const MODE: u32 = 0o1755;
const FILE_MODE: u32 = 0o1644;

/// More bytes than the text of any placeholder.
const LONGEST_TEXT: u64 = 64;

/// How often a placeholder is made again because another supervisor removed it at that moment.
const ATTEMPTS: usize = 64;

/// How long another supervisor may hold the lock under which it removes one.
const REMOVAL: Duration = Duration::from_millis(1);

/// How long a command waits for locks that others hold, on all of its placeholders. Whoever can read
/// one can lock it for good, and must not keep anybody from working.
const PATIENCE: Duration = Duration::from_millis(50);

/// The placeholders of one command, each locked: removing a folder would also take away the mounts
/// on it that protect it from other commands, so only the last one to use it may.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    held: Vec<Placeholder>,
    /// Whether somebody kept one locked, so that only mounts keep it there: it is not removed under
    /// a command but by its owner, who could make another thing of it at any time.
    pub(crate) is_contested: bool,
}

#[derive(Debug)]
struct Placeholder {
    path: PathBuf,
    folder: File,
}

impl Placeholders {
    /// Makes or takes over those that are needed, and drops the paths that nobody could make.
    ///
    /// What was found and is gone by now is dropped, too: in a folder that others work in,
    /// repositories come and go. Not so what is `known` to the plan, which must not be there anew.
    ///
    /// # Errors
    ///
    /// When one can't be made although a command might manage to.
    pub(crate) fn hold(
        protected: &mut Vec<Protected>,
        known: &[Protected],
    ) -> io::Result<Placeholders> {
        let mut held = Placeholders::default();
        let mut failed = None;
        let deadline = Instant::now() + PATIENCE;
        protected.retain(|place| {
            let path = &place.path;
            let outcome = match &place.how {
                How::Placeholder => hold(path, Kind::Folder, deadline),
                How::PlaceholderFile(text) => hold(path, Kind::File(text), deadline),
                // One that was left is found like anything else.
                How::ReadOnly => match marked(path) {
                    Some(kind) => hold(path, kind, deadline),
                    // Another command's, which was removed between the look and now.
                    None if is_missing(path) => match known.iter().any(|it| it.path == *path) {
                        true => hold(path, Kind::Folder, deadline),
                        false => return is_required(path, known),
                    },
                    None => return true,
                },
                How::InPlace => return true,
            };
            match outcome {
                Ok(Hold::Ours(folder)) => {
                    held.held.push(Placeholder { path: path.clone(), folder });
                    true
                }
                Ok(Hold::Others) => true,
                Ok(Hold::Contested) => {
                    held.is_contested = true;
                    true
                }
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
        for Placeholder { path, folder } in &self.held {
            let is_unused = flock(folder, FlockOperation::NonBlockingLockExclusive).is_ok();
            if is_unused && is_at(folder, path) {
                // One that was filled meanwhile is somebody's own now.
                let _ = match marked(path) {
                    Some(Kind::Folder) => fs::remove_dir(path),
                    Some(Kind::File(text)) if holds(folder, text) => fs::remove_file(path),
                    Some(Kind::File(_)) | None => Ok(()),
                };
            }
        }
    }
}

enum Hold {
    /// An empty folder of ours, locked.
    Ours(File),
    /// Something that is not ours was there first.
    Others,
    /// One is there, and somebody keeps it locked.
    Contested,
    /// There is nothing, and this user can't make it.
    Impossible,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Folder,
    File(&'a str),
}

impl Kind<'_> {
    fn make(self, path: &Path) -> io::Result<()> {
        match self {
            Kind::Folder => DirBuilder::new().mode(MODE).create(path),
            Kind::File(text) => {
                // Whole from its first moment on: git on the host must never see half of it.
                let mut name = path.file_name().unwrap_or_default().to_owned();
                name.push(format!(".placeholder-{}", std::process::id()));
                let draft = path.with_file_name(name);
                let made = File::create_new(&draft).and_then(|mut file| {
                    file.write_all(text.as_bytes())?;
                    // Not by the mode of its making, which the mask of this process cuts down.
                    file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
                    fs::hard_link(&draft, path)
                });
                let _ = fs::remove_file(&draft);
                made
            }
        }
    }
}

fn hold(path: &Path, kind: Kind<'_>, deadline: Instant) -> io::Result<Hold> {
    let flags = match kind {
        Kind::Folder => libc::O_DIRECTORY | libc::O_NOFOLLOW,
        Kind::File(_) => libc::O_NONBLOCK | libc::O_NOFOLLOW,
    };
    let mut attempts = 0;
    while attempts < ATTEMPTS {
        let made = match kind.make(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            // All of it is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Hold::Impossible),
            Err(error) => {
                return if is_final(&error, path) { Ok(Hold::Impossible) } else { Err(error) };
            }
        };
        let folder = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                attempts += 1;
                continue;
            }
            // A file, or a folder of somebody else's; a link fails when it is to be mounted on.
            Err(_) => return Ok(Hold::Others),
        };
        if folder.metadata()?.mode() & MARK == 0 {
            return Ok(Hold::Others);
        }
        // Never waiting: whoever can read it can lock it, and need not be a supervisor.
        if let Err(error) = flock(&folder, FlockOperation::NonBlockingLockShared) {
            if error == rustix::io::Errno::WOULDBLOCK {
                if Instant::now() >= deadline {
                    return Ok(Hold::Contested);
                }
                thread::sleep(REMOVAL);
                continue;
            }
            // Nobody can lock it, so nobody else can be using it.
            if made {
                let _ = fs::remove_dir(path).or_else(|_| fs::remove_file(path));
            }
            return Err(error.into());
        }
        if is_at(&folder, path) {
            return Ok(Hold::Ours(folder));
        }
        attempts += 1;
    }
    Err(io::Error::other("another program removes it again and again"))
}

/// Tells whether a path is the plan's, or lies below one that is: it may not be missing.
pub(crate) fn is_required(path: &Path, known: &[Protected]) -> bool {
    known.iter().any(|it| path.starts_with(&it.path) && (it.how != How::InPlace || it.path == path))
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

/// Tells whether a placeholder of any supervisor lies there, and nothing else.
pub(crate) fn is_one(path: &Path) -> bool {
    match marked(path) {
        Some(Kind::Folder) => fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()),
        Some(Kind::File(_)) => true,
        None => false,
    }
}

/// Tells what kind of placeholder lies there, if one does.
fn marked(path: &Path) -> Option<Kind<'static>> {
    let found = fs::symlink_metadata(path).ok().filter(|found| found.mode() & MARK != 0)?;
    if found.is_dir() {
        return Some(Kind::Folder);
    }
    // A pipe would be waited for, and may take the place of the file at any time.
    let plainly = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let file = OpenOptions::new().read(true).custom_flags(plainly).open(path);
    let file = file.ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
    How::TEXTS.into_iter().find(|text| holds(&file, text)).map(Kind::File)
}

fn holds(mut file: &File, text: &str) -> bool {
    let mut bytes = vec![];
    let read =
        io::Seek::rewind(&mut file).and_then(|()| file.take(LONGEST_TEXT).read_to_end(&mut bytes));
    read.is_ok() && bytes == text.as_bytes()
}

fn is_missing(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
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
        let first = Placeholders::hold(&mut place(&path), &[]).expect("made");
        let second = Placeholders::hold(&mut place(&path), &[]).expect("shared");
        drop(first);
        assert!(path.is_dir(), "another one uses it");
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_supervisor_left_is_removed_by_the_next_and_nothing_else_is() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join(".git");
        std::mem::forget(Placeholders::hold(&mut place(&path), &[]).expect("made").held.pop().map(
            |it| {
                drop(it.folder);
                it.path
            },
        ));
        assert!(path.is_dir());
        let mut found = vec![Protected { path: path.clone(), how: How::ReadOnly }];
        drop(Placeholders::hold(&mut found, &[]).expect("taken over"));
        assert!(!path.exists());

        fs::create_dir(&path).expect("made by its owner");
        for how in [How::ReadOnly, How::Placeholder] {
            let mut found = vec![Protected { path: path.clone(), how }];
            drop(Placeholders::hold(&mut found, &[]).expect("left alone"));
            assert!(path.is_dir() && found.len() == 1);
        }
    }

    #[test]
    fn one_that_is_removed_after_the_look_is_made_again() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join(".git");
        let mut found = vec![Protected { path: path.clone(), how: How::ReadOnly }];
        let held = Placeholders::hold(&mut found, &place(&path)).expect("made");
        assert!(path.is_dir() && found.len() == 1);
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn a_repository_that_vanished_is_not_put_back() {
        let world = tempfile::tempdir().expect("a folder");
        let vanished = world.path().join("sub/.git");
        fs::create_dir(world.path().join("sub")).expect("made");
        let mut found = vec![Protected { path: vanished.clone(), how: How::ReadOnly }];
        let known = place(&world.path().join(".git"));
        drop(Placeholders::hold(&mut found, &known).expect("nothing to do"));
        assert!(found.is_empty() && !vanished.exists());

        // What lies below a path of the plan must be there, or the mount fails the command.
        let inside = world.path().join(".git/config");
        let mut found = vec![Protected { path: inside, how: How::ReadOnly }];
        drop(Placeholders::hold(&mut found, &known).expect("nothing to do"));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn one_whose_folder_is_gone_is_no_longer_looked_after() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join("gone/.git");
        let mut found = vec![Protected { path, how: How::ReadOnly }];
        drop(Placeholders::hold(&mut found, &[]).expect("nothing to do"));
        assert!(found.is_empty());
    }

    #[test]
    fn one_that_was_filled_stays() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join(".git");
        let held = Placeholders::hold(&mut place(&path), &[]).expect("made");
        fs::write(path.join("HEAD"), "ref: refs/heads/main\n").expect("written");
        drop(held);
        assert!(path.join("HEAD").is_file());
    }

    #[test]
    fn a_pipe_that_bears_the_mark_holds_nobody_up() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join(".git");
        let mode = rustix::fs::Mode::from_raw_mode(FILE_MODE);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(FILE_MODE)).expect("marked");
        assert!(!is_one(&path));
        let mut found = vec![Protected { path, how: How::ReadOnly }];
        drop(Placeholders::hold(&mut found, &[]).expect("left alone"));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_lock_of_somebody_elses_keeps_nobody_from_working() {
        let world = tempfile::tempdir().expect("a folder");
        let path = world.path().join(".git");
        Kind::Folder.make(&path).expect("made");
        let other = File::open(&path).expect("opened");
        flock(&other, FlockOperation::LockExclusive).expect("locked");
        let mut found = place(&path);
        let held = Placeholders::hold(&mut found, &[]).expect("used as it is");
        assert!(held.is_contested && found.len() == 1, "it is mounted all the same");
        drop(held);
        assert!(path.is_dir(), "and is not ours to remove");
        drop(other);
        drop(Placeholders::hold(&mut found, &[]).expect("ours again"));
        assert!(!path.exists());
    }
}
