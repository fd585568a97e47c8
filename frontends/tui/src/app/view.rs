//! A session as it is shown: its events folded into cells and what holds for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use codex_event::{
    Author, CallId, Envelope, Event, InterruptReason, Record, Seq, SessionId, Stored, Tail,
    Timestamp,
};
use codex_view::{CallState, Cell, CellBody, CellChange, Cells, Standing, Status, Waiting};

use crate::document::Document;
use crate::host::Role;

/// Whether more of a session may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// It is followed.
    Open,
    /// Nothing more comes.
    Over,
}

/// Whether what happened before was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// It is being told.
    Told,
    /// All of it was.
    Seen,
}

/// Something that was said in a session and began a turn: a place to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Position of the turn's beginning.
    pub(crate) at: Seq,
    /// The words; none where they lie in a blob, and have to be read first.
    pub(crate) text: Option<String>,
}

/// Something that those who look at a session should be told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A question was settled.
    Settled(CallId, Author),
    /// A turn was interrupted before the model read so many messages; it reads them with the next.
    Unheard(usize),
    /// A turn ended.
    TurnEnded(Ended),
    /// Somebody began a command of their own: its position and its line.
    OwnCommand(Seq, String),
}

/// How a turn ended, for a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is done.
    Completed,
    /// It was interrupted.
    Interrupted(InterruptReason),
    /// It failed, in these words.
    Failed(String),
}

/// A call that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asking {
    pub(crate) cell: Cell,
    pub(crate) extent: Extent,
}

/// Whether all texts of a cell are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// Some lie in blobs, and have to be read first.
    Partial,
}

/// A session as it is shown.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) session: SessionId,
    pub(crate) role: Role,
    pub(crate) feed: Feed,
    /// The frontends that follow it, the owner's first.
    pub(crate) present: Arc<[String]>,
    pub(crate) status: Status,
    pub(crate) document: Document,
    /// Where turns began, in order.
    pub(crate) marks: Vec<Mark>,
    /// The call that waits for an answer.
    pub(crate) asking: Option<Asking>,
    /// What the model said last.
    pub(crate) answer: Option<String>,
    /// Whether what happened so far was seen.
    pub(crate) past: Past,
    /// Position of the last cell.
    pub(crate) newest: Seq,
    /// Cells that are gone, each with the one before it, for what stands behind them.
    pub(crate) gone: Vec<(Seq, Seq)>,
    /// Position of the last event.
    pub(crate) last: Seq,
    /// Position of the first event that is not a parent's.
    own: Option<Seq>,
    /// Cells that were not handed to the terminal's scrollback yet; kept in inline mode only.
    pub(crate) fresh: Option<BTreeMap<Seq, Cell>>,
    cells: Cells,
}

impl View {
    pub(crate) fn new(session: SessionId, role: Role, fresh: Option<BTreeMap<Seq, Cell>>) -> View {
        View {
            session,
            role,
            feed: Feed::Open,
            present: Arc::new([]),
            status: Status::default(),
            document: Document::default(),
            marks: Vec::new(),
            asking: None,
            answer: None,
            past: Past::Told,
            newest: Seq(0),
            gone: Vec::new(),
            last: Seq(0),
            own: None,
            fresh,
            cells: Cells::default(),
        }
    }

    /// Takes the next events, and gives what those who look should be told at once.
    pub(crate) fn apply(&mut self, records: &[Arc<Record>]) -> Vec<News> {
        let mut news = Vec::new();
        let mut events = Vec::with_capacity(records.len());
        for Record { envelope, .. } in records.iter().map(AsRef::as_ref) {
            if !self.is_its_own(envelope) {
                continue;
            }
            self.last = envelope.seq;
            let waiting = self.status.queued.len();
            self.status.apply(envelope);
            if let Some(event) = envelope.event() {
                let unheard = matches!(event, Event::TurnInterrupted { .. }) && waiting > 0;
                news.extend(unheard.then_some(News::Unheard(waiting)));
                news.extend(self.news(event, &envelope.author, envelope.seq));
            }
            events.push(envelope);
        }
        for change in self.cells.apply_all(events) {
            self.change(change);
        }
        if !self.is_running() {
            self.asking = None;
        }
        news
    }

    /// Tells whether an event is the next of this session, and not a late one of the session before.
    ///
    /// What a fork shares with its parent bears the parent's name, and comes before all of its own.
    fn is_its_own(&mut self, envelope: &Envelope) -> bool {
        let own = envelope.session == self.session;
        let shared = self.own.is_none() && self.is_catching_up();
        if own {
            self.own.get_or_insert(envelope.seq);
        }
        (own || shared) && envelope.seq > self.last
    }

    /// Takes what an answer says beyond its events.
    pub(crate) fn tail(&mut self, tail: &Tail, at: Timestamp) {
        if let Some(change) = self.cells.tail(tail, at) {
            self.change(change);
        }
    }

    fn news(&mut self, event: &Event, author: &Author, at: Seq) -> Option<News> {
        match event {
            Event::TurnStarted { input } => {
                let text = match input {
                    Stored::Inline(text) => Some(text.clone()),
                    Stored::Blob { .. } => None,
                };
                self.marks.push(Mark { at, text });
                None
            }
            Event::OwnCommandStarted { line: Stored::Inline(line), .. } => {
                Some(News::OwnCommand(at, line.clone()))
            }
            Event::ReviewSettled { call, .. } => Some(News::Settled(*call, author.clone())),
            Event::TurnCompleted { .. } => Some(News::TurnEnded(Ended::Completed)),
            Event::TurnInterrupted { reason } => Some(News::TurnEnded(Ended::Interrupted(*reason))),
            Event::TurnFailed { message, .. } => {
                Some(News::TurnEnded(Ended::Failed(message.clone())))
            }
            Event::SessionClosed { .. }
            | Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SettingsChanged { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::GrantKept { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => None,
        }
    }

    fn change(&mut self, change: CellChange) {
        match &change {
            CellChange::Put(cell) | CellChange::Partial(cell) => {
                let partial = matches!(change, CellChange::Partial(_));
                self.newest = self.newest.max(cell.first);
                self.look_at(cell, if partial { Extent::Partial } else { Extent::Whole });
                if let Some(fresh) = &mut self.fresh {
                    fresh.insert(cell.first, cell.clone());
                }
            }
            CellChange::Gone(first) => {
                if let Some(fresh) = &mut self.fresh {
                    fresh.remove(first);
                }
                self.asking.take_if(|asked| asked.cell.first == *first);
            }
        }
        let gone = match &change {
            CellChange::Gone(first) => Some(*first),
            CellChange::Put(_) | CellChange::Partial(_) => None,
        };
        self.document.apply(change);
        if let Some(first) = gone {
            let before = self.document.last_until(first).unwrap_or_default();
            self.newest = if self.newest == first { before } else { self.newest };
            self.gone.push((first, before));
        }
    }

    fn look_at(&mut self, cell: &Cell, extent: Extent) {
        match &cell.body {
            CellBody::Message(text) if cell.standing != Standing::Open => {
                self.answer = Some(text.clone());
            }
            CellBody::Call(call) => {
                let over = matches!(call.state, CallState::Lost { .. });
                let waits = call
                    .reviews
                    .last()
                    .is_some_and(|review| review.asked.is_some() && review.settled.is_none());
                if waits && !over {
                    self.asking = Some(Asking { cell: cell.clone(), extent });
                } else {
                    self.asking.take_if(|asked| asked.cell.first == cell.first);
                }
            }
            CellBody::Message(_)
            | CellBody::Prompt(_)
            | CellBody::Reasoning(_)
            | CellBody::OwnCommand(_)
            | CellBody::Notice(_)
            | CellBody::TurnEnd(_) => {}
        }
    }

    /// Tells whether what happened before is still being told.
    pub(crate) fn is_catching_up(&self) -> bool {
        match self.past {
            Past::Told => true,
            Past::Seen => false,
        }
    }

    /// Tells whether a turn runs.
    pub(crate) fn is_running(&self) -> bool {
        self.status.running.is_some()
    }

    /// Tells whether more of it may come.
    pub(crate) fn is_followed(&self) -> bool {
        match self.feed {
            Feed::Open => true,
            Feed::Over => false,
        }
    }

    /// Tells whether the session takes commands.
    pub(crate) fn takes_commands(&self) -> bool {
        match (self.feed, self.role) {
            (Feed::Open, Role::Owner { .. } | Role::Guest { .. }) => true,
            (Feed::Open, Role::Reader) | (Feed::Over, _) => false,
        }
    }

    /// Gives the question that this process may answer.
    pub(crate) fn waiting(&self) -> Option<&Waiting> {
        self.status.waiting.as_ref().filter(|_| self.takes_commands())
    }

    /// Takes what was said at the beginning of a turn, which was read from a blob.
    pub(crate) fn remember(&mut self, at: Seq, events: &[Envelope]) {
        let Some(mark) = self.marks.iter_mut().find(|mark| mark.at == at) else { return };
        let text = events.iter().find(|envelope| envelope.seq == at).and_then(|envelope| {
            match envelope.event() {
                Some(Event::TurnStarted { input }) => input.inline().cloned(),
                Some(_) | None => None,
            }
        });
        mark.text = Some(text.unwrap_or_else(|| "[not readable]".to_owned()));
    }

    /// Gives the frontends that look on beside this one; nothing once it is over.
    pub(crate) fn others(&self) -> &[String] {
        let known = match (self.feed, self.role) {
            // The owner stands first, and this one is somewhere among its guests.
            (Feed::Open, Role::Guest { .. }) => 2,
            (Feed::Open, Role::Owner { .. }) => 1,
            (Feed::Open, Role::Reader) | (Feed::Over, _) => return &[],
        };
        self.present.get(known..).unwrap_or_default()
    }

    /// Tells whether this process has the session.
    pub(crate) fn is_owned(&self) -> bool {
        match (self.feed, self.role) {
            (Feed::Open, Role::Owner { .. }) => true,
            (Feed::Open, Role::Guest { .. } | Role::Reader) | (Feed::Over, _) => false,
        }
    }
}
