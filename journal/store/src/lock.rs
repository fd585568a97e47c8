//! One owner per session.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use codex_event::Epoch;

use crate::head::{HeadFile, HeadState};
use crate::layout::SessionDir;
use crate::lease::{FileId, Lease};

/// How long somebody who holds the lock may take to say who it is, and one who gave it up to close
/// the engine's files.
const INTRODUCTION: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(2);

/// Holds a session for this process until it is dropped or the process ends.
///
/// Our own lock and not the engine's, because files are removed before the engine is opened. The
/// lease beside it is written once the lock is had and removed before it is given up.
#[derive(Debug)]
pub(crate) struct Lock {
    dir: SessionDir,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    file: File,
    id: FileId,
    lease: Lease,
    lease_file: File,
    // The engine's file that is written to; none while it may still be replaced.
    data_id: Option<FileId>,
}

/// Why a session's lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Somebody holds it; who, if that is known.
    #[error("the session is in use")]
    Held(Option<Box<Lease>>),
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why this process does not hold a session any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// A later owner took it.
    #[error("epoch {ours} is fenced off by epoch {theirs}")]
    Fenced { ours: Epoch, theirs: Epoch },
    /// Its files can't be looked at.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lock {
    /// Takes the lock at once, and says in the lease who has it.
    ///
    /// A lease that a process left behind counts for nothing: the lock is free, so it is gone.
    pub(crate) fn take(dir: &SessionDir) -> Result<Lock, LockError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(dir.lock())?;
        if !once_free(dir, || try_lock(&file))? {
            return Err(LockError::Held(Lease::live(dir).map(Box::new)));
        }
        let before = Lease::stored(&dir.lease());
        let claimed = before.as_ref().map_or(Epoch(0), |lease| lease.epoch);
        let epoch = head_epoch(&dir.head()).max(claimed).next();
        let named = Lease::live(dir).map(Box::new);
        let lease = Lease::ours(epoch);
        let lease_file = lease.store(&dir.lease())?;
        // Somebody took the lock file away from an owner who still has the engine's files open. Our
        // claim stays, and fences that owner off before its next record; until it is gone, nobody
        // else may touch the files.
        let deadline = Instant::now() + INTRODUCTION;
        while engine_is_open(&dir.data())? {
            // One that was just closed, or whose process was killed, may take a moment.
            if Instant::now() >= deadline {
                return Err(LockError::Held(named));
            }
            std::thread::sleep(TICK);
        }
        let id = FileId::of(&file)?;
        let held = Mutex::new(Held { file, id, lease, lease_file, data_id: None });
        Ok(Lock { dir: dir.clone(), held })
    }

    /// Fails when somebody else may have taken the session: the lock file is another one, the
    /// lease is a later owner's, or the engine's file is not the one that is written to.
    ///
    /// Costs three looks at names. A lock or a lease that was merely removed is made again.
    pub(crate) fn check(&self) -> Result<(), Lost> {
        let mut held = self.held();
        if let Some(data) = held.data_id {
            match FileId::at(&self.dir.data())? {
                Some(id) if id == data => {}
                Some(_) => return Err(self.fenced(&held)),
                None => return Err(io::Error::from(io::ErrorKind::NotFound).into()),
            }
        }
        match FileId::at(&self.dir.lock())? {
            Some(id) if id == held.id => {}
            Some(_) => return Err(self.fenced(&held)),
            None => self.lock_again(&mut held)?,
        }
        match FileId::at(&self.dir.lease())? {
            Some(id) if id == FileId::of(&held.lease_file)? => {}
            None => held.lease_file = held.lease.store(&self.dir.lease())?,
            Some(_) => match Lease::stored(&self.dir.lease()) {
                Some(theirs) if theirs.epoch > held.lease.epoch => return Err(self.fenced(&held)),
                // Garbage, or an old one put back: the lock is ours.
                Some(_) | None => held.lease_file = held.lease.store(&self.dir.lease())?,
            },
        }
        Ok(())
    }

    /// Says of which generation the owner is, once its journal is open and the engine's file stays
    /// the one that it is.
    pub(crate) fn opened(&self, epoch: Epoch) -> io::Result<()> {
        let mut held = self.held();
        held.data_id = FileId::at(&self.dir.data())?;
        if held.lease.epoch < epoch {
            held.lease.epoch = epoch;
            held.lease_file = held.lease.store(&self.dir.lease())?;
        }
        Ok(())
    }

    /// Says where the owner listens.
    pub(crate) fn set_socket(&self, socket: Option<PathBuf>) -> io::Result<()> {
        let mut held = self.held();
        if FileId::at(&self.dir.lease())? == Some(FileId::of(&held.lease_file)?) {
            held.lease.socket = socket;
            held.lease_file = held.lease.store(&self.dir.lease())?;
        }
        Ok(())
    }

    /// Gives the session's files.
    pub(crate) fn dir(&self) -> &SessionDir {
        &self.dir
    }

    /// Gives what the lease says.
    pub(crate) fn lease(&self) -> Lease {
        self.held().lease.clone()
    }

    // The name is free: whoever gets it first and locks it owns the session from here on.
    fn lock_again(&self, held: &mut Held) -> Result<(), Lost> {
        let made = OpenOptions::new().create_new(true).read(true).write(true).open(self.dir.lock());
        let file = match made {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.fenced(held));
            }
            Err(error) => return Err(error.into()),
        };
        if !try_lock(&file)? {
            return Err(self.fenced(held));
        }
        held.id = FileId::of(&file)?;
        held.file = file;
        Ok(())
    }

    fn fenced(&self, held: &Held) -> Lost {
        let ours = held.lease.epoch;
        let claimed = Lease::stored(&self.dir.lease()).map_or(Epoch(0), |lease| lease.epoch);
        // Whoever came has a later epoch, or will have: it was not shown yet.
        let theirs = claimed.max(head_epoch(&self.dir.head())).max(ours.next());
        Lost::Fenced { ours, theirs }
    }

    // Nothing under this lock panics half way.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let held = self.held();
        let (there, own) = (FileId::at(&self.dir.lease()), FileId::of(&held.lease_file));
        let ours = matches!((there, own), (Ok(Some(there)), Ok(own)) if there == own);
        if ours && let Err(error) = std::fs::remove_file(self.dir.lease()) {
            tracing::warn!(%error, "the lease can't be removed");
        }
    }
}

/// Tries a lock until it is had, or somebody says that the session is his; then, and in the end, it is
/// not had.
///
/// Not everybody who has it owns the session: who asks or tidies up has it for a moment, an owner that
/// has just taken it has not said yet who it is, and one that is about to let go says it no more.
pub(crate) fn once_free(
    dir: &SessionDir,
    mut try_it: impl FnMut() -> io::Result<bool>,
) -> io::Result<bool> {
    let deadline = Instant::now() + INTRODUCTION;
    loop {
        if try_it()? {
            return Ok(true);
        }
        if Lease::live(dir).is_some() || Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(TICK);
    }
}

pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn head_epoch(path: &Path) -> Epoch {
    match HeadFile::read(path) {
        Ok(HeadState::Good(head) | HeadState::OneSlot(head)) => head.epoch,
        Ok(HeadState::Damaged | HeadState::Absent) | Err(_) => Epoch(0),
    }
}

// The engine locks its data file for as long as it is open.
fn engine_is_open(data: &Path) -> io::Result<bool> {
    match File::open(data) {
        Ok(file) => Ok(!try_lock(&file)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        // What can't be read is reported by those who have to read it.
        Err(_) => Ok(false),
    }
}
