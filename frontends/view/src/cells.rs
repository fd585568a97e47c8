//! What a screen shows, gathered from the events that tell it.

mod answer;
mod calls;
mod notice;
mod output;
mod own;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use codex_event::{Body, Envelope, Event, Seq, Settings, Stored, Tail, Timestamp, Usage};

use crate::cell::{Cell, CellBody, Notice, Prompt, Standing, Taken, TurnEnd, TurnEnding};
use crate::finale::interruption;
use crate::hint::hint;
use crate::stored::words;
use answer::Items;
use calls::Calls;
use own::OwnCommands;

/// What became of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellChange {
    /// It is there, and is now this; takes the place of the one with the same `first`.
    Put(Cell),
    /// As `Put`, and some of its text is held in blobs that were not read: folding its hydrated
    /// events gives the whole.
    Partial(Cell),
    /// It is not there any more: what it showed was provisional.
    Gone(Seq),
}

/// Folds events into cells.
///
/// Holds what may still change: items of the answer that comes in, and calls until their end. All
/// else is given out and forgotten, so the memory follows what runs now and not the history. Events
/// need not be hydrated, need not begin at the first, and may have holes.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    items: Items,
    calls: Calls,
    own: OwnCommands,
    turn: Option<Turn>,
    settings: Option<Box<Settings>>,
    changed: Changed,
    last: Seq,
    /// Where a tail stands that no event spoke of yet.
    ahead: Option<Seq>,
}

/// The turn that runs.
#[derive(Clone, Copy, Debug)]
struct Turn {
    began: Timestamp,
    usage: Usage,
}

/// What changed and was not given out yet, by the positions of cells.
#[derive(Clone, Debug, Default)]
struct Changed(BTreeMap<Seq, Change>);

#[derive(Clone, Debug)]
enum Change {
    /// Held by what may still change, in this state.
    Open,
    Settled(Made),
    Gone,
}

/// A cell, and whether all of it could be read.
#[derive(Clone, Debug)]
struct Made {
    cell: Cell,
    extent: Extent,
}

/// Whether all texts of a cell could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Extent {
    #[default]
    Whole,
    Partial,
}

impl Changed {
    fn touch(&mut self, first: Seq) {
        self.0.insert(first, Change::Open);
    }

    fn settle(&mut self, made: Made) {
        self.0.insert(made.cell.first, Change::Settled(made));
    }

    fn drop(&mut self, first: Seq) {
        self.0.insert(first, Change::Gone);
    }
}

impl Extent {
    fn of<T>(stored: &Stored<T>) -> Extent {
        match stored {
            Stored::Inline(_) => Extent::Whole,
            Stored::Blob { .. } => Extent::Partial,
        }
    }

    fn add(&mut self, other: Extent) {
        if other == Extent::Partial {
            *self = other;
        }
    }
}

impl Made {
    fn change(self) -> CellChange {
        match self.extent {
            Extent::Whole => CellChange::Put(self.cell),
            Extent::Partial => CellChange::Partial(self.cell),
        }
    }
}

impl Cells {
    /// Folds a stretch of events, and gives its cells as they stand at its end, in order.
    ///
    /// The stretch `first..=last` of a cell that stands alone ([`Cell::stands_alone`]) gives that
    /// cell; what else is in the stretch only in part is given as far as it is there.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Envelope>) -> Vec<Cell> {
        let changes = Cells::default().apply_all(events);
        let cells = changes.into_iter().filter_map(|change| match change {
            CellChange::Put(cell) | CellChange::Partial(cell) => Some(cell),
            CellChange::Gone(_) => None,
        });
        cells.collect()
    }

    /// Takes the next event, and gives the cells that it changes, in order of their positions.
    pub fn apply(&mut self, envelope: &Envelope) -> Vec<CellChange> {
        self.fold(envelope);
        self.changes()
    }

    /// Takes the next events, and gives the cells that they change as they stand after the last.
    ///
    /// The same as applying one after the other, but what changes many times is given once: a cell
    /// that is still open is a copy, and long output is not copied for each of its pieces.
    pub fn apply_all<'a>(
        &mut self,
        events: impl IntoIterator<Item = &'a Envelope>,
    ) -> Vec<CellChange> {
        events.into_iter().for_each(|envelope| self.fold(envelope));
        self.changes()
    }

    /// Gives the cell that a tail is about, with what it says beyond the events; none when that is
    /// nothing. The events that follow take the place of it.
    pub fn tail(&mut self, tail: &Tail, at: Timestamp) -> Option<CellChange> {
        let next = self.last.next();
        let cell = self.items.with_tail(tail, next, at)?;
        self.ahead = (cell.first == next).then_some(next).or(self.ahead);
        Some(CellChange::Put(cell))
    }

    fn changes(&mut self) -> Vec<CellChange> {
        let changed = std::mem::take(&mut self.changed.0);
        let changes = changed.into_iter().filter_map(|(first, change)| match change {
            Change::Open => {
                let made = self.items.cell(first).or_else(|| self.calls.cell(first));
                let made = made.or_else(|| self.own.cell(first))?;
                Some(made.change())
            }
            Change::Settled(made) => Some(made.change()),
            Change::Gone => Some(CellChange::Gone(first)),
        });
        changes.collect()
    }

    fn fold(&mut self, envelope: &Envelope) {
        let expected = self.last.next();
        if self.last > Seq(0) && envelope.seq > expected {
            self.hole(envelope, expected);
        }
        self.last = envelope.seq;
        if let Some(ahead) = self.ahead.take() {
            self.changed.drop(ahead);
        }
        let event = match &envelope.body {
            Body::Known(event) => event,
            Body::Foreign { kind, raw, .. } => {
                return self.put(envelope, notice::foreign(kind, raw));
            }
        };
        self.items.apply(envelope, event, &mut self.changed);
        self.calls.apply(envelope, event, &mut self.items, &mut self.changed);
        self.own.apply(envelope, event, &mut self.changed);
        match event {
            Event::TurnStarted { input } => {
                self.turn = Some(Turn { began: envelope.at, usage: Usage::default() });
                self.said(envelope, input, Taken::AtOnce);
            }
            Event::InputQueued { input } => self.said(envelope, input, Taken::Later),
            Event::ModelResponded { usage, .. } => {
                if let Some(turn) = &mut self.turn {
                    turn.usage += *usage;
                }
            }
            Event::TurnCompleted { usage } => {
                self.ended(envelope, TurnEnding::Completed, Some(*usage));
            }
            Event::TurnInterrupted { reason } => {
                let words = interruption(*reason).to_owned();
                self.ended(envelope, TurnEnding::Interrupted(words), None);
            }
            Event::TurnFailed { kind, message } => {
                let (message, hint) = (message.clone(), hint(*kind, message));
                self.ended(envelope, TurnEnding::Failed { message, hint }, None);
            }
            Event::SessionOpened { settings, .. } => {
                self.settings = Some(settings.clone());
                self.put(envelope, notice::of(event));
            }
            Event::SettingsChanged { settings: Some(settings), reason, .. } => {
                let lines = notice::settings(self.settings.as_deref(), settings, reason);
                self.settings = Some(settings.clone());
                self.put(envelope, Some((Notice::Settings(lines), Extent::Whole)));
            }
            Event::GrantKept { call, .. } | Event::RepositoryChanged { call, .. } => {
                // Belongs to the cell of its call while there is one.
                if !self.calls.holds(*call) {
                    self.put(envelope, notice::of(event));
                }
            }
            Event::SettingsChanged { settings: None, .. }
            | Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => self.put(envelope, notice::of(event)),
            Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. } => {}
        }
    }

    /// What stood between the last event and this one is not there.
    fn hole(&mut self, envelope: &Envelope, first: Seq) {
        let last = Seq(envelope.seq.0 - 1);
        let notice = Notice::Missing { session: envelope.session, first, last };
        let (standing, body) = (Standing::Settled, CellBody::Notice(notice));
        let cell = Cell { first, last, at: envelope.at, standing, body };
        self.changed.settle(Made { cell, extent: Extent::Whole });
    }

    fn said(&mut self, envelope: &Envelope, input: &Stored<String>, taken: Taken) {
        let prompt = Prompt { text: words(input), author: envelope.author.clone(), taken };
        self.changed.settle(single(envelope, CellBody::Prompt(prompt), Extent::of(input)));
    }

    fn ended(&mut self, envelope: &Envelope, ending: TurnEnding, told: Option<Usage>) {
        let turn = self.turn.take();
        let took_ms = turn.map(|turn| envelope.at.0.saturating_sub(turn.began.0));
        let usage = told.or(turn.map(|turn| turn.usage)).unwrap_or_default();
        let body = CellBody::TurnEnd(TurnEnd { ending, usage, took_ms });
        self.changed.settle(single(envelope, body, Extent::Whole));
    }

    fn put(&mut self, envelope: &Envelope, notice: Option<(Notice, Extent)>) {
        if let Some((notice, extent)) = notice {
            self.changed.settle(single(envelope, CellBody::Notice(notice), extent));
        }
    }
}

/// Makes a cell of one event.
fn single(envelope: &Envelope, body: CellBody, extent: Extent) -> Made {
    let (first, at) = (envelope.seq, envelope.at);
    Made { cell: Cell { first, last: first, at, standing: Standing::Settled, body }, extent }
}
