//! What is asked of a journal's files before the engine may touch them.

use std::io;
use std::path::{Path, PathBuf};

use codex_event::{Envelope, FORMAT, Record, SCHEMA_VERSION, Seq, SessionId};

use crate::base::Base;
use crate::head::{Head, HeadFile, HeadState};
use crate::layout::{SessionDir, is_absence};
use crate::lease::Lease;
use crate::lock::LockError;
use crate::raw::{RawError, RawJournal};
use crate::store::{Holes, StoreError};
use crate::verify::Problem;

/// Why a journal could not be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, owns the session.
    #[error("session {session} is in use by {}", named(owner.as_deref()))]
    Busy {
        /// The session.
        session: SessionId,
        /// Who owns it; none when it does not say.
        owner: Option<Box<Lease>>,
    },
    /// There is no such session.
    #[error("no session {0}")]
    NotFound(SessionId),
    /// A new session's folder is there already.
    #[error("session {0} exists already")]
    Exists(SessionId),
    /// The journal can be read, but not gone on with.
    #[error("the journal of session {session} is damaged: {damage}")]
    Damaged {
        /// The session.
        session: SessionId,
        /// What is wrong.
        damage: Damage,
    },
    /// A newer release wrote to it; it can be read as far as this one knows its form.
    #[error(
        "session {session} was written by a newer release: it has format {found}, this one knows \
         {known}"
    )]
    Newer {
        /// The session.
        session: SessionId,
        /// The latest format, of frames or events, that was found.
        found: u32,
        /// The latest one that this release knows.
        known: u32,
    },
    /// Something that the program did not put there stands in the place of one of its files.
    #[error("{} is not {wanted}", path.display())]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What belongs there.
        wanted: &'static str,
    },
    /// The engine failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system refused.
    #[error("can't open the journal: {0}")]
    Io(#[from] io::Error),
    /// The files can't be read.
    #[error(transparent)]
    Raw(#[from] RawError),
}

impl OpenError {
    pub(crate) fn of_lock(session: SessionId, error: LockError) -> OpenError {
        match error {
            LockError::Held(owner) => OpenError::Busy { session, owner },
            LockError::Io(error) => OpenError::Io(error),
        }
    }
}

fn named(owner: Option<&Lease>) -> String {
    owner.map_or("another process".to_owned(), |lease| {
        format!("process {} ({})", lease.pid, lease.program)
    })
}

/// What is wrong with a journal that can't be gone on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Records are lost or wrong.
    #[error("{0}")]
    Records(Problem),
    /// The engine says that its own structure is broken, or gives other records than are there.
    #[error("storage engine: {0}")]
    Engine(String),
    /// The engine panicked while it was opened.
    #[error("storage engine panicked while opening: {0}")]
    Panicked(String),
    /// An earlier opening found damage.
    #[error("an earlier start found: {0}")]
    Earlier(String),
    /// Opening was begun this many times and never came to an end.
    #[error("opening it was begun {0} times and never finished")]
    Unfinished(usize),
}

/// Refuses a session whose files are not there, or are none of ours.
pub(crate) fn check(dir: &SessionDir, session: SessionId) -> Result<(), OpenError> {
    let in_the_way = |path: PathBuf, wanted| OpenError::InTheWay { path, wanted };
    let snapshots = std::fs::read_dir(dir.db()).into_iter().flatten().flatten();
    let snapshots = snapshots.filter(|it| it.file_name().to_string_lossy().starts_with("snap."));
    let files = [
        dir.lock(),
        dir.lease(),
        dir.opening(),
        dir.path().join("reserve"),
        dir.base(),
        dir.data(),
        dir.db().join("conf"),
    ];
    for path in files.into_iter().chain(snapshots.map(|entry| entry.path())) {
        if stands(&path) && !path.is_file() {
            return Err(in_the_way(path, "a file"));
        }
    }
    for path in [dir.path().to_owned(), dir.db(), dir.blobs(), dir.db().join("blobs")] {
        if stands(&path) && !path.is_dir() {
            return Err(in_the_way(path, "a folder"));
        }
    }
    // A session goes on from its base even when the engine's files are gone.
    if dir.data().is_file() || dir.base().is_file() {
        return Ok(());
    }
    match HeadFile::read(&dir.head()) {
        Ok(HeadState::Good(head) | HeadState::OneSlot(head)) if head.seq > Seq(0) => {
            let problem = Problem::BehindHead { found: Seq(0), head: head.seq };
            Err(OpenError::Damaged { session, damage: Damage::Records(problem) })
        }
        Ok(HeadState::Good(_) | HeadState::OneSlot(_) | HeadState::Damaged | HeadState::Absent)
        | Err(_) => Err(OpenError::NotFound(session)),
    }
}

fn stands(path: &Path) -> bool {
    std::fs::symlink_metadata(path).map_or_else(|error| !is_absence(&error), |_| true)
}

/// Is shown every event of a journal while it is opened: each once, in order.
pub type Witness<'a> = &'a mut (dyn FnMut(&Envelope) + Send);

/// What a journal's files hold, read before the engine opens them.
pub(crate) struct Survey {
    journal: RawJournal,
    // Whether the base was left out.
    own: bool,
    acknowledged: Seq,
    tail: Vec<Record>,
    holes: Holes,
}

impl Survey {
    /// Reads the files, and refuses a journal whose records are damaged: one with a loss that no
    /// repair has named yet.
    ///
    /// The engine never touches the base, so its records are looked at only when it is not as it
    /// was written.
    pub(crate) fn take(
        dir: &SessionDir,
        session: SessionId,
        base: Option<&Base>,
    ) -> Result<Survey, OpenError> {
        let damaged = |damage| OpenError::Damaged { session, damage };
        let own = base.map_or(Ok(true), Base::is_as_written)?;
        let journal = match own {
            true => RawJournal::read_own(dir, session)?,
            false => RawJournal::read(dir, session)?,
        };
        if let Some(found) = journal.newer() {
            let known = SCHEMA_VERSION.max(u32::from(FORMAT));
            return Err(OpenError::Newer { session, found, known });
        }
        let head = match journal.acknowledged() {
            HeadState::Good(head) => head,
            HeadState::OneSlot(head) => {
                tracing::warn!(%session, seq = head.seq.0, "one slot of the head file is damaged");
                head
            }
            HeadState::Damaged | HeadState::Absent => {
                return Err(damaged(Damage::Records(Problem::HeadDamaged)));
            }
        };
        let mut problems = journal.problems();
        let mut holes = Holes::default();
        if !journal.gaps().is_empty() {
            for record in journal.records() {
                holes.learn(&record?.envelope);
            }
        }
        // One good slot is enough to go on with, and the next head repairs the other.
        problems.retain(|it| !matches!(it, Problem::HeadDamaged | Problem::IndexDamaged));
        let named = |problem: &Problem| matches!(problem, Problem::Missing { first, last } if holes.cover(*first..=*last));
        if let Some(problem) = problems.into_iter().find(|problem| !named(problem)) {
            return Err(damaged(Damage::Records(problem)));
        }
        let tail = journal.records_from(head.seq.next()).collect::<Result<Vec<_>, _>>()?;
        Ok(Survey { journal, own, acknowledged: head.seq, tail, holes })
    }

    /// Reads from a copy of the engine's files from now on, since the engine is about to change them.
    pub(crate) fn read_from(&mut self, copy: &SessionDir) -> io::Result<()> {
        self.journal.read_from(copy)
    }

    /// Shows every event, those of the base too.
    pub(crate) fn show(&self, base: Option<&Base>, witness: Witness<'_>) -> Result<(), RawError> {
        if let (Some(base), true) = (base, self.own) {
            let all = Seq(1)..=base.end().seq;
            for (record, seq) in base.scan(all, &Holes::default()).zip(1..) {
                // It was as it was written a moment ago.
                witness(&record.map_err(|_| RawError::Lost(Seq(seq)))?.envelope);
            }
        }
        self.journal.envelopes().try_for_each(|envelope| {
            witness(&envelope?);
            Ok(())
        })
    }

    /// Gives what earlier repairs named as lost.
    pub(crate) fn holes(&self) -> &Holes {
        &self.holes
    }

    /// Gives the positions of all records that the engine keeps: those behind the base.
    pub(crate) fn positions(&self) -> impl Iterator<Item = Seq> + '_ {
        let inherited = self.journal.inherited();
        self.journal.links().map(|link| link.head.seq).filter(move |seq| *seq > inherited)
    }

    /// Tells whether a stored value is the record of that position.
    pub(crate) fn holds(&self, seq: Seq, frame: &[u8]) -> bool {
        self.journal.frame_is(seq, frame)
    }

    /// Gives how far the journal was acknowledged.
    pub(crate) fn acknowledged(&self) -> Seq {
        self.acknowledged
    }

    /// Gives all records that the engine keeps.
    pub(crate) fn records(&self) -> impl Iterator<Item = Result<Record, RawError>> + '_ {
        self.journal.records_from(self.journal.inherited().next())
    }

    /// Gives the records after the acknowledged ones.
    pub(crate) fn tail(&self) -> &[Record] {
        &self.tail
    }

    /// Gives the end of the journal.
    pub(crate) fn end(&self) -> Head {
        self.journal.head()
    }
}

/// The file that is there only while the engine is being opened.
///
/// One left behind is how the next start learns that this one did not live through it. A kill in
/// those two milliseconds is no damage, so it is tried again; an engine that ends the process each
/// time is given new files, made from the records.
pub(crate) mod mark {
    use super::{Damage, SessionDir};
    use std::fs::OpenOptions;
    use std::io::{self, Write};

    /// Most openings in a row that may be cut off.
    pub(crate) const TRIES: usize = 3;
    const TRY: u8 = b'.';

    pub(crate) fn check(dir: &SessionDir) -> io::Result<Option<Damage>> {
        let text = match std::fs::read(dir.opening()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let tries = text.iter().take_while(|byte| **byte == TRY).count();
        let found = String::from_utf8_lossy(&text[tries..]);
        Ok(if !found.is_empty() {
            Some(Damage::Earlier(found.into_owned()))
        } else if tries >= TRIES {
            Some(Damage::Unfinished(tries))
        } else {
            None
        })
    }

    pub(crate) fn begin(dir: &SessionDir) -> io::Result<()> {
        append(dir, &[TRY])
    }

    pub(crate) fn record(dir: &SessionDir, damage: &Damage) -> io::Result<()> {
        append(dir, damage.to_string().as_bytes())
    }

    pub(crate) fn end(dir: &SessionDir) -> io::Result<()> {
        std::fs::remove_file(dir.opening())
    }

    fn append(dir: &SessionDir, text: &[u8]) -> io::Result<()> {
        OpenOptions::new().create(true).append(true).open(dir.opening())?.write_all(text)
    }
}
