//! Tool calls, from what the model wrote to their end.

use codex_event::{
    CallId, Confinement, Envelope, Event, FileChange, Invocation, Outcome, Seq, Stored, Timestamp,
};

use super::answer::{Items, Origin};
use super::output::Output;
use super::{Changed, Extent, Made};
use crate::cell::{CallCell, CallState, Cell, CellBody, Review, Standing};
use crate::patch_text::patch_text;
use crate::stored::{list, words};

/// The calls that may still change.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    open: Vec<Call>,
}

#[derive(Clone, Debug)]
struct Call {
    first: Seq,
    last: Seq,
    at: Timestamp,
    /// All but what is printed, which is put together when it is asked for.
    cell: CallCell,
    output: Output,
    extent: Extent,
}

impl Calls {
    pub(super) fn apply(
        &mut self,
        envelope: &Envelope,
        event: &Event,
        items: &mut Items,
        changed: &mut Changed,
    ) {
        match event {
            Event::ToolCalled { call, request, item, invocation, .. } => {
                // One of the same number can only be there if its end was lost.
                self.settle(envelope.seq, changed, |there| there.cell.call == *call);
                let origin = items.take_call(*request, *item);
                let call = Call::new(envelope, *call, invocation, origin);
                changed.touch(call.first);
                self.open.push(call);
            }
            Event::ReviewAsked { call, question, reason } => {
                self.on(envelope.seq, *call, changed, |there| {
                    let asked = Some((question.clone(), reason.clone()));
                    there.cell.reviews.push(Review { asked, settled: None, kept: None });
                });
            }
            Event::ReviewSettled { call, verdict, scope } => {
                self.on(envelope.seq, *call, changed, |there| {
                    let settled = Some((verdict.clone(), *scope, envelope.author.clone()));
                    let reviews = &mut there.cell.reviews;
                    match reviews.last_mut().filter(|review| review.settled.is_none()) {
                        Some(review) => review.settled = settled,
                        None => reviews.push(Review { asked: None, settled, kept: None }),
                    }
                });
            }
            Event::GrantKept { call, prefix, error, .. } => {
                self.on(envelope.seq, *call, changed, |there| {
                    let kept = match error {
                        None => Ok(prefix.clone()),
                        Some(error) => Err(error.clone()),
                    };
                    let reviews = &mut there.cell.reviews;
                    match reviews.last_mut() {
                        Some(review) => review.kept = Some(kept),
                        None => {
                            reviews.push(Review { asked: None, settled: None, kept: Some(kept) });
                        }
                    }
                });
            }
            Event::ToolIntended { call, attempt, confinement } => {
                self.on(envelope.seq, *call, changed, |there| {
                    there.cell.state = CallState::Running { attempt: *attempt, since: envelope.at };
                    there.output = Output::default();
                    there.cell.enforced.clear();
                    match confinement {
                        Confinement::WritableRoots { changes, outside: _ } => there.change(changes),
                        Confinement::Sandbox { .. } | Confinement::None => {}
                    }
                });
            }
            Event::ToolSpawned { call, enforced, .. } => {
                self.on(envelope.seq, *call, changed, |there| {
                    there.cell.enforced.clone_from(enforced);
                });
            }
            Event::ToolOutput { call, attempt, skipped, bytes, .. } => {
                self.on(envelope.seq, *call, changed, |there| {
                    if matches!(there.cell.state, CallState::Running { attempt: now, .. } if now == *attempt)
                    {
                        there.output.push(*skipped, &bytes.0);
                    }
                });
            }
            Event::RepositoryChanged { call, changes } => {
                self.on(envelope.seq, *call, changed, |there| {
                    there.cell.repository.extend_from_slice(changes);
                });
            }
            Event::ToolFinished { call, outcome, duration_ms, output, denial, .. } => {
                self.on(envelope.seq, *call, changed, |there| {
                    if let Outcome::Patched { changes } = outcome {
                        there.change(changes);
                    }
                    there.extent.add(Extent::of(output));
                    there.cell.state = CallState::Ended {
                        outcome: outcome.clone(),
                        duration_ms: *duration_ms,
                        told: words(output),
                        denial: denial.clone(),
                    };
                });
                // One that the sandbox stopped may be carried out once more.
                if denial.is_none() {
                    self.settle(envelope.seq, changed, |there| there.cell.call == *call);
                }
            }
            Event::ToolAbandoned { call, output } => {
                self.on(envelope.seq, *call, changed, |there| {
                    there.extent.add(Extent::of(output));
                    there.cell.state = CallState::Lost { told: words(output) };
                });
                self.settle(envelope.seq, changed, |there| there.cell.call == *call);
            }
            // Whatever may still be carried out again is so before the model is asked again.
            Event::ModelRequested { .. } => {
                self.settle(envelope.seq, changed, |there| {
                    matches!(there.cell.state, CallState::Ended { .. })
                });
            }
            Event::TurnStarted { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. } => self.settle(envelope.seq, changed, |_| true),
            Event::SessionOpened { .. }
            | Event::SessionResumed { .. }
            | Event::SettingsChanged { .. }
            | Event::SessionForked { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Tells whether a call may still change.
    pub(super) fn holds(&self, call: CallId) -> bool {
        self.open.iter().any(|there| there.cell.call == call)
    }

    /// Gives the cell that begins at a position, as it is so far.
    pub(super) fn cell(&self, first: Seq) -> Option<Made> {
        let there = self.open.iter().find(|there| there.first == first)?;
        Some(there.clone().made(Standing::Open))
    }

    fn on(&mut self, seq: Seq, call: CallId, changed: &mut Changed, act: impl FnOnce(&mut Call)) {
        if let Some(there) = self.open.iter_mut().find(|there| there.cell.call == call) {
            there.last = seq;
            act(there);
            changed.touch(there.first);
        }
    }

    /// Lets go of calls that nothing more will be heard of.
    fn settle(&mut self, seq: Seq, changed: &mut Changed, which: impl Fn(&Call) -> bool) {
        for mut there in self.open.extract_if(.., |there| which(there)) {
            there.last = seq;
            match there.cell.state {
                CallState::Waiting | CallState::Running { .. } => {
                    // Its end stood in a hole.
                    there.cell.state = CallState::Lost { told: String::new() };
                }
                CallState::Ended { .. } | CallState::Lost { .. } => {}
            }
            changed.settle(there.made(Standing::Settled));
        }
    }
}

impl Call {
    fn new(
        envelope: &Envelope,
        call: CallId,
        invocation: &Invocation,
        origin: Option<Origin>,
    ) -> Call {
        let (first, at) =
            origin.as_ref().map_or((envelope.seq, envelope.at), |origin| (origin.first, origin.at));
        let mut extent = match invocation {
            Invocation::Command { argv, .. } => Extent::of(argv),
            Invocation::Invalid { message } => Extent::of(message),
            Invocation::Patch { .. } => Extent::Whole,
        };
        let mut patch = String::new();
        if let (Invocation::Patch { .. }, Some(origin)) = (invocation, &origin) {
            extent.add(Extent::of(&origin.raw));
            patch = origin.raw.inline().map(|raw| patch_text(raw)).unwrap_or_default();
        }
        let cell = CallCell {
            call,
            invocation: invocation.clone(),
            patch,
            changes: Vec::new(),
            state: CallState::Waiting,
            reviews: Vec::new(),
            output: String::new(),
            lines: 0,
            enforced: String::new(),
            repository: Vec::new(),
        };
        Call { first, last: envelope.seq, at, cell, output: Output::default(), extent }
    }

    fn change(&mut self, changes: &Stored<Vec<FileChange>>) {
        self.extent.add(Extent::of(changes));
        if let Some(changes) = list(changes) {
            self.cell.changes = changes;
        }
    }

    fn made(self, standing: Standing) -> Made {
        let mut cell = self.cell;
        cell.output = self.output.text();
        cell.lines = self.output.lines();
        let body = CellBody::Call(Box::new(cell));
        let cell = Cell { first: self.first, last: self.last, at: self.at, standing, body };
        Made { cell, extent: self.extent }
    }
}
