//! Taking a session up again: its journal opened and folded, and what a crash left looked at.

use codex_event::{
    Content, FileChange, FoundPatch, Past, PatchState, ProcessMark, Seq, SessionId, Stored,
};
use codex_journal::{Blobs, Handle, Layout, OpenError, Scribe};
use codex_patch::{Found, Recovery, compare, sweep};
use codex_sandbox::{Leftover, ProcessId, end_leftover};
use codex_session::Session;

/// Why a session can't be taken up.
#[derive(Debug, thiserror::Error)]
pub enum TakeUpError {
    /// Its journal can't be opened for writing.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its process ended before the opening was durable.
    #[error("session {0} was never begun: its journal has no opening")]
    NeverBegun(SessionId),
    /// Events are lost, so what the session was at cannot be known.
    #[error("session {session} can't be gone on with: {}", lost(*first, *last))]
    Hole {
        /// The session.
        session: SessionId,
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
        /// The last event before them, where a fork can begin; none when they are the first.
        fork_at: Option<Seq>,
    },
    /// A command of the process before still runs, and can't be ended.
    #[error("process {pid} of a command that was interrupted can't be ended")]
    Survives {
        /// Process id of the command's supervisor.
        pid: u32,
    },
}

/// A session that this process owns now, as its journal left it.
pub struct TakenUp {
    pub(crate) id: SessionId,
    pub(crate) scribe: Scribe,
    pub(crate) handle: Handle,
    pub(crate) session: Session,
    pub(crate) past: Past,
}

impl TakenUp {
    /// Opens a session's journal, which keeps every other process from writing it, and folds it.
    pub fn open(layout: &Layout, id: SessionId) -> Result<TakenUp, TakeUpError> {
        let mut session = Session::default();
        let mut past = Past::default();
        let mut behind_hole = None;
        let (scribe, handle) = Scribe::open_before(layout, id, &mut |envelope| {
            // The fold stops where records are lost: a repair has named them.
            if envelope.seq == session.last().next() {
                session.apply(envelope);
                past.take(envelope);
            } else {
                behind_hole.get_or_insert(envelope.seq);
            }
        })?;
        if let Some(behind) = behind_hole {
            let before = session.last();
            return Err(TakeUpError::Hole {
                session: id,
                first: before.next(),
                last: Seq(behind.0 - 1),
                fork_at: (before > Seq(0)).then_some(before),
            });
        }
        if !session.is_opened() {
            return Err(TakeUpError::NeverBegun(id));
        }
        Ok(TakenUp { id, scribe, handle, session, past })
    }

    /// Names the session.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Gives the fold of the journal.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Gives what a frontend has to know of what is over.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// Reads a text that the journal holds.
    pub fn text(&self, stored: &Stored<String>) -> String {
        crate::told::text(stored, self.handle.blobs()).into_owned()
    }

    /// Gives the position of the first event of this process.
    pub fn from(&self) -> Seq {
        self.session.last().next()
    }

    /// Ends what still runs of the process before, then looks how far its patches got, and removes
    /// the temporary files of those that are done or not begun.
    ///
    /// In this order: files are looked at only when nothing changes them any more.
    pub fn look(&self) -> Result<Vec<FoundPatch>, TakeUpError> {
        let unfinished = self.session.unfinished();
        for mark in unfinished.iter().filter_map(|it| it.process) {
            if end_leftover(&named(mark)) == Leftover::Survives {
                return Err(TakeUpError::Survives { pid: mark.pid });
            }
        }
        let patches = unfinished.iter().filter_map(|it| Some((it.call, it.changes?)));
        let found = patches
            .map(|(call, changes)| FoundPatch { call, state: state(changes, self.handle.blobs()) });
        Ok(found.collect())
    }
}

fn lost(first: Seq, last: Seq) -> String {
    if first == last {
        format!("event {first} is lost")
    } else {
        format!("events {first} to {last} are lost")
    }
}

fn named(mark: &ProcessMark) -> ProcessId {
    // Numbers above the range of process ids name nothing.
    let pid = i32::try_from(mark.pid).unwrap_or(0);
    ProcessId { pid, start_time: mark.start_time, boot_id: mark.boot_id.clone() }
}

fn state(changes: &Stored<Vec<FileChange>>, blobs: &Blobs) -> PatchState {
    let changes = match changes {
        Stored::Inline(changes) => Some(changes.clone()),
        Stored::Blob { digest, .. } => {
            blobs.get(digest).ok().flatten().and_then(|bytes| Content::from_blob(&bytes))
        }
    };
    let Some(changes) = changes else {
        let told = "The program ended while this patch was being applied, and the list of its \
                    files is missing from the journal. Look at the files before going on.";
        return PatchState::Mixed { told: told.into() };
    };
    match compare(&changes) {
        Recovery::AllBefore => {
            sweep(&changes);
            PatchState::Before
        }
        Recovery::AllAfter => {
            sweep(&changes);
            PatchState::After
        }
        Recovery::Mixed(files) => {
            let word = |found: Found| match found {
                Found::Before => "as before the patch",
                Found::After => "as the patch leaves it",
                Found::Same => "the same before and after",
                Found::Other => "neither as before nor as the patch leaves it",
            };
            let lines = files.iter().map(|file| format!("\n{}: {}", file.path, word(file.found)));
            let told: String = std::iter::once(
                "The program ended while this patch was being applied, and it was not applied \
                 again. What is found of its files:"
                    .to_owned(),
            )
            .chain(lines)
            .collect();
            PatchState::Mixed { told: told.into() }
        }
    }
}
