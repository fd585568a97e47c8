//! A session in the making: complete before it has its name.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use codex_event::{Envelope, Seq, SessionId};

use crate::base::Base;
use crate::blobs::sync_dir;
use crate::head::{Head, HeadFile};
use crate::layout::{Layout, SessionDir};
use crate::lock::LockError;
use crate::open::OpenError;
use crate::phase::Phase;
use crate::remove::{Hold, hold};
use crate::store::{AppendError, SledStore, Store, StoreError};

/// A folder that nobody works at is left alone for this long: its maker may be about to lock it.
const GRACE: Duration = Duration::from_secs(60);
/// How long an owner may take to let go of what is given up.
const LETTING_GO: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(2);
/// Ends the name of such a folder, which makes it no session.
const SUFFIX: &str = ".new";

/// A session's folder under a name for the time being, removed unless it is finished.
///
/// A kill at any point leaves such a folder, or the whole session. What is left is removed by a
/// later one that is made in the same home.
pub(crate) struct Making {
    dir: SessionDir,
    target: PathBuf,
    session: SessionId,
    lock: Option<File>,
}

impl Making {
    /// Makes the folder.
    pub(crate) fn begin(layout: &Layout, session: SessionId) -> Result<Making, OpenError> {
        let target = layout.session(session).path().to_owned();
        if target.exists() {
            return Err(OpenError::Exists(session));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(layout.path())?;
        sweep(layout.path());
        let dir = SessionDir::at(layout.path().join(format!("{session}{SUFFIX}")));
        // One that a kill left of the same session.
        if matches!(take(&mark(dir.path())), Ok(Some(_))) {
            std::fs::remove_dir_all(dir.path())?;
        }
        DirBuilder::new().mode(0o700).create(dir.path()).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => busy(session),
            _ => OpenError::Io(error),
        })?;
        let lock = take(&mark(dir.path()))?.ok_or_else(|| busy(session))?;
        Ok(Making { dir, target, session, lock: Some(lock) })
    }

    /// Gives the folder that it is made in.
    pub(crate) fn dir(&self) -> &SessionDir {
        &self.dir
    }

    /// Notes that what it begins with came as a file, up to an event.
    pub(crate) fn mark_imported(&self, last: Seq) -> io::Result<()> {
        let mut file = File::create(self.dir.imported())?;
        file.write_all(format!("{last}\n").as_bytes())?;
        file.sync_all()
    }

    /// Makes the database and the head behind the base that was put there, with the session's own
    /// first events.
    pub(crate) fn fill(&self, own: Vec<Envelope>) -> Result<Head, OpenError> {
        let base = Base::open(&self.dir.base())?;
        let mut store = SledStore::create_behind(&self.dir, self.session, base)?;
        let floor = store.head();
        let refused = |error| match error {
            AppendError::Store(error) => OpenError::Store(error),
            other => OpenError::Store(StoreError::Engine(other.to_string())),
        };
        store.append(Seq(floor.seq.0), own).map_err(refused)?;
        let head = store.barrier()?;
        if head != floor {
            let (mut file, _) = HeadFile::open(&self.dir.head())?;
            file.write(head)?;
            file.sync()?;
        }
        drop(store);
        sync_dir(&self.dir.db())?;
        Ok(head)
    }

    /// Gives the folder its name, once all that is in it is durable.
    pub(crate) fn finish(mut self) -> Result<(), OpenError> {
        std::fs::remove_file(mark(self.dir.path()))?;
        sync_dir(self.dir.path())?;
        Phase::NameSession.begin();
        std::fs::rename(self.dir.path(), &self.target).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => {
                OpenError::Exists(self.session)
            }
            _ => OpenError::Io(error),
        })?;
        self.lock = None;
        if let Some(journals) = self.target.parent() {
            sync_dir(journals)?;
        }
        Ok(())
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if self.lock.is_some()
            && let Err(error) = std::fs::remove_dir_all(self.dir.path())
        {
            tracing::warn!(%error, "what was begun of a session can't be removed");
        }
    }
}

/// Removes a session that nobody owns: all of it, or nothing when this fails. What a kill leaves of
/// it is no session, and is removed by a later fork or import.
///
/// An owner that has let go may take a moment to end. One that is there, which may be another process
/// by now, keeps it.
pub fn discard(layout: &Layout, session: SessionId) -> io::Result<()> {
    let dir = layout.session(session);
    let deadline = Instant::now() + LETTING_GO;
    let _held = loop {
        match hold(&dir)? {
            Hold::Held(lock) => break Some(lock),
            Hold::NoLock => break None,
            Hold::Owned if Instant::now() >= deadline => {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "somebody owns it"));
            }
            Hold::Owned => std::thread::sleep(TICK),
        }
    };
    let gone = layout.path().join(format!("{session}{SUFFIX}"));
    std::fs::rename(dir.path(), &gone)?;
    sync_dir(layout.path())?;
    std::fs::remove_dir_all(gone)
}

fn busy(session: SessionId) -> OpenError {
    OpenError::of_lock(session, LockError::Held(None))
}

// A plain lock, because there is no owner to name yet.
fn take(path: &Path) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn mark(dir: &Path) -> PathBuf {
    dir.join("making")
}

// What kills left. That it can't be removed is no reason not to make another session.
fn sweep(journals: &Path) {
    for entry in std::fs::read_dir(journals).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let made = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        let ours = made.is_some_and(|name| name.parse::<SessionId>().is_ok());
        let idle = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .is_ok_and(|then| SystemTime::now().duration_since(then).is_ok_and(|age| age >= GRACE));
        if ours && idle && matches!(take(&mark(&path)), Ok(Some(_))) {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}
