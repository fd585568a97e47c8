//! What is asked of a journal's files before the engine may touch them.

use std::io;

use codex_event::{Record, Seq, SessionId};

use crate::base::Base;
use crate::head::{Head, HeadFile, HeadState};
use crate::layout::SessionDir;
use crate::raw::{Extent, RawError, RawJournal};
use crate::store::StoreError;
use crate::verify::Problem;

/// Why a journal could not be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, owns the session.
    #[error("session {0} is in use by another process")]
    Busy(SessionId),
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

/// What a journal's files hold, read before the engine opens them.
pub(crate) struct Survey {
    journal: RawJournal,
    floor: Head,
    acknowledged: Seq,
    tail: Vec<Record>,
}

impl Survey {
    /// Reads the files, and refuses a journal whose records are damaged.
    ///
    /// The base is not read, because the engine never touches it; only where its index is damaged
    /// it has to be known where it ends.
    pub(crate) fn take(
        dir: &SessionDir,
        session: SessionId,
        base: Option<&Base>,
    ) -> Result<Survey, OpenError> {
        let damaged = |damage| OpenError::Damaged { session, damage };
        let head = match HeadFile::read(&dir.head())? {
            HeadState::Good(head) => head,
            HeadState::OneSlot(head) => {
                tracing::warn!(%session, seq = head.seq.0, "one slot of the head file is damaged");
                head
            }
            HeadState::Damaged | HeadState::Absent => {
                return Err(damaged(Damage::Records(Problem::HeadDamaged)));
            }
        };
        let extent = match base.is_none_or(Base::is_indexed) {
            true => Extent::Own,
            false => Extent::Whole,
        };
        let journal = RawJournal::read_to(dir, session, extent)?;
        // One good slot is enough to go on with, and the next head repairs the other.
        let fatal =
            |problem: &Problem| !matches!(problem, Problem::HeadDamaged | Problem::IndexDamaged);
        if let Some(problem) = journal.problems().into_iter().find(fatal) {
            return Err(damaged(Damage::Records(problem)));
        }
        let tail = journal.records_from(head.seq.next()).collect::<Result<Vec<_>, _>>()?;
        let floor = base.map_or_else(|| Head::empty(&session), Base::end);
        Ok(Survey { journal, floor, acknowledged: head.seq, tail })
    }

    /// Tells whether a stored value is the record of that position.
    pub(crate) fn holds(&self, seq: Seq, frame: &[u8]) -> bool {
        self.journal.frame_is(seq, frame)
    }

    /// Gives how far the journal was acknowledged.
    pub(crate) fn acknowledged(&self) -> Seq {
        self.acknowledged
    }

    /// Gives all records that the engine keeps: those behind the base.
    pub(crate) fn records(&self) -> impl Iterator<Item = Result<Record, RawError>> + '_ {
        self.journal.records_from(self.floor.seq.next())
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
