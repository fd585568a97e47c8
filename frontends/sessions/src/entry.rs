//! What there is to say of one session, folded from its journal.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use codex_event::{
    CloseReason, Envelope, Event, ItemKind, Seq, SessionId, Shelf, Timestamp, Usage,
};
use codex_journal::{Blobs, HeadState, Layout, Problem, RawJournal};
use codex_view::{Finale, words};
use serde::{Deserialize, Serialize};

use crate::line::first_line;

/// Most characters of a line that is kept; lists show fewer.
const LINE: usize = 160;

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Closed, its work done.
    Clean,
    /// A fork that nobody went on with yet: it waits for something to be said.
    Ready,
    /// Closed by a signal or a key, handed over to nobody, or left by a process that was killed.
    Interrupted,
    /// A live process owns it.
    Running,
    /// Something of its journal is missing or wrong.
    Damaged,
}

/// One session, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: SessionId,
    /// What its journal says; none when that begins with no readable opening.
    pub told: Option<Told>,
    /// Whether anything of it is missing or wrong, as far as that shows without reading blobs.
    pub damaged: bool,
    /// Bytes on disk.
    pub size: u64,
    /// How far the journal was acknowledged when it was read.
    pub(crate) acknowledged: Option<Seq>,
    /// Whether a live process owns it; never kept.
    #[serde(skip)]
    pub running: bool,
    /// When its head was written last, by the clock of the file system, in milliseconds.
    #[serde(skip)]
    pub touched: Timestamp,
}

/// What a journal says of its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When it was opened, or forked.
    pub opened: Timestamp,
    /// When its last event happened, by the clock of that process.
    pub last: Timestamp,
    /// Position of the last event.
    pub events: Seq,
    /// Where it works.
    pub folder: String,
    /// The model that is asked.
    pub model: String,
    /// The name that it was given.
    pub name: Option<String>,
    /// Where it is kept.
    pub shelf: Shelf,
    /// First line of the first input; empty when there is none.
    pub input: String,
    /// First line of the last message; empty when there is none.
    pub message: String,
    /// Whether its process let go of it.
    pub life: Life,
    /// Turns that were begun.
    pub turns: u64,
    /// What its requests used, since the fork for a fork.
    pub usage: Usage,
    /// What it was forked from.
    pub forked: Option<Parent>,
}

/// Whether a process let go of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// It has not.
    Open,
    /// None ever had it: it was forked, between two turns.
    Forked,
    /// It has, and says why.
    Closed(CloseReason),
}

/// Where a fork begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The session that it was taken from.
    pub session: SessionId,
    /// The last event that both have.
    pub at: Seq,
}

impl Entry {
    /// Reads a session. A journal that can't be read is damaged, and no error.
    pub(crate) fn read(layout: &Layout, id: SessionId) -> Entry {
        let dir = layout.session(id);
        let size = space(dir.path());
        let running = false;
        let touched = Timestamp(0);
        let Ok(journal) = RawJournal::read(&dir, id) else {
            let acknowledged = codex_journal::acknowledged(&dir);
            return Entry { id, told: None, damaged: true, size, acknowledged, running, touched };
        };
        // What a newer release wrote is whole; this one only can't say what it is.
        let is_damage = |problem: &Problem| !matches!(problem, Problem::Newer { .. });
        let mut damaged = journal.problems().iter().any(is_damage);
        let mut fold = Fold::default();
        for record in journal.records() {
            let Ok(mut record) = record else {
                damaged = true;
                continue;
            };
            let blobs = record.envelope.blobs();
            damaged |= blobs.iter().any(|(digest, len)| !journal.blobs().has(digest, *len));
            fold.take(&mut record.envelope, journal.blobs());
        }
        let told = fold.told;
        let acknowledged = seq_of(journal.acknowledged());
        let damaged = damaged || told.is_none();
        Entry { id, told, damaged, size, acknowledged, running, touched }
    }

    /// Tells how far the session is.
    pub fn state(&self) -> State {
        match (&self.told, self.damaged, self.running) {
            (_, true, _) | (None, _, _) => State::Damaged,
            (Some(_), false, true) => State::Running,
            (Some(told), false, false) => match told.life {
                Life::Closed(CloseReason::Done) => State::Clean,
                Life::Forked => State::Ready,
                Life::Closed(CloseReason::Interrupted | CloseReason::HandedOver) | Life::Open => {
                    State::Interrupted
                }
            },
        }
    }

    /// Gives the session's name, or the first line of its first input.
    pub fn title(&self) -> &str {
        match &self.told {
            Some(told) => told.name.as_deref().unwrap_or(&told.input),
            None => "",
        }
    }

    /// Tells whether it was put away.
    pub fn is_archived(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.shelf == Shelf::Archived)
    }

    /// Gives the later of the two times that say when it was used last: a clock that went back, or
    /// a copy of the files, makes it younger and never older.
    pub fn active(&self) -> Timestamp {
        self.told.as_ref().map_or(self.touched, |told| told.last.max(self.touched))
    }
}

fn seq_of(state: HeadState) -> Option<Seq> {
    match state {
        HeadState::Good(head) | HeadState::OneSlot(head) => Some(head.seq),
        HeadState::Damaged | HeadState::Absent => None,
    }
}

#[derive(Default)]
struct Fold {
    told: Option<Told>,
    finale: Finale,
    /// Whether a turn has begun and not ended.
    in_turn: bool,
}

impl Fold {
    fn take(&mut self, envelope: &mut Envelope, blobs: &Blobs) {
        let wanted = match envelope.event() {
            Some(Event::TurnStarted { .. }) => {
                self.told.as_ref().is_some_and(|told| told.input.is_empty())
            }
            Some(Event::ModelItemCompleted { kind, .. }) => matches!(kind, ItemKind::Message),
            Some(_) | None => false,
        };
        if wanted {
            blobs.hydrate(envelope);
        }
        self.finale.apply(envelope);
        match envelope.event() {
            Some(Event::TurnStarted { .. }) => self.in_turn = true,
            Some(
                Event::TurnCompleted { .. }
                | Event::TurnFailed { .. }
                | Event::TurnInterrupted { .. },
            ) => self.in_turn = false,
            Some(_) | None => {}
        }
        let (at, seq) = (envelope.at, envelope.seq);
        if let Some(told) = &mut self.told {
            told.last = at;
            told.events = seq;
        }
        match (envelope.event(), &mut self.told) {
            (Some(Event::SessionOpened { cwd, settings, .. }), told @ None) => {
                *told = Some(Told::opened(at, seq, cwd, &settings.model));
            }
            (Some(event), Some(told)) => {
                told.take(event);
                if let (Event::ModelResponded { .. }, Some(message)) =
                    (event, self.finale.message())
                {
                    told.message = first_line(message, LINE);
                }
            }
            (Some(_), None) | (None, _) => {}
        }
        if let (Some(Event::SessionForked { .. }), Some(told)) = (envelope.event(), &mut self.told)
        {
            told.opened = at;
            told.life = if self.in_turn { Life::Open } else { Life::Forked };
        }
    }
}

impl Told {
    fn opened(at: Timestamp, events: Seq, folder: &str, model: &str) -> Told {
        Told {
            opened: at,
            last: at,
            events,
            folder: folder.to_owned(),
            model: model.to_owned(),
            name: None,
            shelf: Shelf::Active,
            input: String::new(),
            message: String::new(),
            life: Life::Open,
            turns: 0,
            usage: Usage::default(),
            forked: None,
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::SessionForked { parent, at, .. } => {
                // Name, shelf and cost of what was before are the parent's.
                self.forked = Some(Parent { session: *parent, at: *at });
                self.name = None;
                self.shelf = Shelf::Active;
                self.usage = Usage::default();
            }
            Event::SessionResumed { surroundings, .. } => {
                self.life = Life::Open;
                if let Some(surroundings) = surroundings {
                    self.folder.clone_from(&surroundings.cwd);
                }
            }
            Event::SettingsChanged { settings: Some(settings), .. } => {
                self.model.clone_from(&settings.model);
            }
            Event::SessionNamed { name } => self.name.clone_from(name),
            Event::SessionShelved { shelf } => self.shelf = *shelf,
            Event::SessionClosed { reason } => self.life = Life::Closed(*reason),
            Event::TurnStarted { input } => {
                self.turns += 1;
                if self.turns == 1 {
                    self.input = first_line(&words(input), LINE);
                }
            }
            Event::OwnCommandStarted { line, .. } => {
                // It stands for what was said until something is.
                if self.input.is_empty() {
                    self.input = first_line(&format!("!{}", words(line)), LINE);
                }
            }
            Event::ModelResponded { usage, .. } => self.usage += *usage,
            Event::SessionOpened { .. }
            | Event::SettingsChanged { settings: None, .. }
            | Event::Repaired { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
    }
}

/// Gives the bytes that a file or folder takes up on disk; what can't be read counts as nothing.
fn space(path: &Path) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return 0 };
    let own = meta.blocks() * 512;
    if !meta.is_dir() {
        return own;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    own + entries.map(|entry| space(&entry.path())).sum::<u64>()
}
