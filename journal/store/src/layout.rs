//! Where journals are kept.

use std::io;
use std::path::{Path, PathBuf};

use codex_event::{Seq, SessionId};

use crate::head::{HeadFile, HeadState};

const KEPT: &str = "fork-";

/// Names the folders of all sessions below one home: `journals/<session>/{base.seg, db/, blobs/, head,
/// lock, lease, s}`.
#[derive(Clone, Debug)]
pub struct Layout {
    journals: PathBuf,
}

/// Names the files of one session.
#[derive(Clone, Debug)]
pub struct SessionDir {
    path: PathBuf,
    db: PathBuf,
}

impl Layout {
    /// Takes the program's home; nothing is created.
    pub fn new(home: &Path) -> Layout {
        Layout { journals: home.join("journals") }
    }

    /// Gives the folder that holds one folder per session.
    pub fn path(&self) -> &Path {
        &self.journals
    }

    /// Names the folder of a session, whether it exists or not.
    pub fn session(&self, id: SessionId) -> SessionDir {
        SessionDir::at(self.journals.join(id.to_string()))
    }

    /// Lists the sessions that hold a journal, oldest id first.
    ///
    /// A folder whose head says that nothing was ever acknowledged is no session. One whose head
    /// says that something was, is, even if nothing of it is left, and so is one with records and a
    /// head that is damaged or gone, so that somebody can be told.
    pub fn sessions(&self) -> io::Result<Vec<SessionId>> {
        let entries = match std::fs::read_dir(&self.journals) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<SessionId>().ok()) else {
                continue;
            };
            if self.session(id).is_session() {
                found.push(id);
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

impl SessionDir {
    pub(crate) fn at(path: PathBuf) -> SessionDir {
        SessionDir { db: path.join("db"), path }
    }

    /// Gives the session's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the engine's folder.
    pub fn db(&self) -> PathBuf {
        self.db.clone()
    }

    /// Gives the engine's data file, which holds every record's frame.
    pub fn data(&self) -> PathBuf {
        self.db.join("db")
    }

    /// Gives the file of the records that the session begins with, if it is a fork or an import.
    pub fn base(&self) -> PathBuf {
        self.path.join("base.seg")
    }

    /// Names the file of the records up to a position, kept for further forks there.
    pub fn kept_base(&self, at: Seq) -> PathBuf {
        self.path.join(format!("{KEPT}{at}.seg"))
    }

    /// Lists the files that are kept for further forks.
    pub fn kept_bases(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let kept = entries.filter(|entry| {
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.strip_prefix(KEPT));
            name.is_some_and(|name| name.ends_with(".seg"))
        });
        kept.map(|entry| entry.path()).collect()
    }

    /// Gives the folder of the values that were too large for a record.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Gives the file that says how far the journal was acknowledged.
    pub fn head(&self) -> PathBuf {
        self.path.join("head")
    }

    /// Gives the file that the owner holds locked.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Gives the file that says who the owner is.
    pub fn lease(&self) -> PathBuf {
        self.path.join("lease")
    }

    /// Gives the owner's socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join("s")
    }

    /// Gives the file that says up to which event the session, or one that it was forked from, came
    /// as a file: what its settings allow, somebody else may have chosen.
    pub fn imported(&self) -> PathBuf {
        self.path.join("imported")
    }

    /// Gives the last event that came as a file; none when the session began here. A number that
    /// can't be read is as good as the highest.
    pub fn imported_to(&self) -> Option<Seq> {
        match std::fs::read_to_string(self.imported()) {
            Ok(text) => Some(Seq(text.trim().parse().unwrap_or(u64::MAX - 1))),
            Err(error) if is_absence(&error) => None,
            Err(_) => Some(Seq(u64::MAX - 1)),
        }
    }

    /// Gives the file that is there only while the engine is being opened.
    pub fn opening(&self) -> PathBuf {
        self.path.join("opening")
    }

    /// The same session, with a copy of the engine's folder in place of the engine's.
    pub(crate) fn with_db(&self, copy: PathBuf) -> SessionDir {
        SessionDir { path: self.path.clone(), db: copy }
    }

    /// Tells whether the folder is that of a session, as [`Layout::sessions`] says.
    pub fn is_session(&self) -> bool {
        match HeadFile::read(&self.head()) {
            Ok(HeadState::Good(head) | HeadState::OneSlot(head)) => head.seq > Seq(0),
            // A folder that the system does not give may hold anything.
            Err(error) if !is_absence(&error) => true,
            Ok(HeadState::Damaged | HeadState::Absent) | Err(_) => {
                self.data().is_file() || self.base().is_file()
            }
        }
    }
}

/// Tells whether an error only says that there is no such file.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
