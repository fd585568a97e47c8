//! Turns, from what was asked to what came of it.

use codex_event::{Author, CloseReason, ContextSource, Event, FailureKind, InterruptReason, Usage};

use super::{Conversion, Fault, Task, user};
use crate::reply::{After, Reply};

/// Bytes of prompts that go into a summary whose rollout has no more than a message.
const RECENT: usize = 64 << 10;

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    Aborted,
    /// Nothing says so, and something else began.
    Silent,
}

impl Conversion<'_> {
    pub(super) fn prompt(&mut self, text: String) -> Result<(), Fault> {
        while self.prompts.iter().map(String::len).sum::<usize>() + text.len() > RECENT
            && self.prompts.pop_front().is_some()
        {}
        self.prompts.push_back(text.clone());
        match (self.session.running(), self.task) {
            (Some(_), Task::Running) => {
                if let Some(reply) = &mut self.reply {
                    reply.after.push_back(After::Input(self.at, text));
                    reply.closed = true;
                    return Ok(());
                }
                self.queue(text)
            }
            (Some(_), Task::Unknown | Task::Over) => {
                self.end_turn(Ending::Completed)?;
                self.start(text)
            }
            (None, _) => self.start(text),
        }
    }

    fn queue(&mut self, text: String) -> Result<(), Fault> {
        let event = Event::InputQueued { input: text.into() };
        self.emit(user(), Some(self.started), event).map(drop)
    }

    pub(super) fn session_runs(&mut self) -> Result<(), Fault> {
        match self.session.running() {
            Some(_) => Ok(()),
            None => self.start("(the rollout has no prompt here)".to_owned()),
        }
    }

    pub(super) fn start(&mut self, input: String) -> Result<(), Fault> {
        self.drain_contexts()?;
        self.counts.turns += 1;
        self.turns = self.turns.next();
        (self.usage, self.answered, self.dangling) = (Usage::default(), false, false);
        self.error = None;
        self.started =
            self.emit(user(), Some(self.last), Event::TurnStarted { input: input.into() })?;
        Ok(())
    }

    pub(super) fn end_turn(&mut self, ending: Ending) -> Result<(), Fault> {
        self.flush()?;
        if self.session.running().is_none() {
            return self.drain_contexts();
        }
        self.ended = CloseReason::Interrupted;
        match (ending, self.answered && !self.dangling) {
            (Ending::Completed, true) => {
                self.ended = CloseReason::Done;
                let event = Event::TurnCompleted { usage: self.usage };
                self.emit(Author::Supervisor, Some(self.last), event)?;
            }
            (Ending::Aborted, _) => {
                let reason = InterruptReason::User;
                let event = Event::TurnInterruptRequested { reason };
                let asked = self.emit(user(), Some(self.started), event)?;
                self.emit(Author::Supervisor, Some(asked), Event::TurnInterrupted { reason })?;
            }
            (Ending::Completed, false) | (Ending::Silent, _) => {
                let kind = match self.dangling {
                    true => FailureKind::Ambiguous,
                    false => FailureKind::Model,
                };
                let said = self.error.take();
                let message =
                    said.unwrap_or_else(|| "the recording does not say how this turn ended".into());
                let event = Event::TurnFailed { kind, message };
                self.emit(Author::Supervisor, Some(self.last), event)?;
            }
        }
        self.done.clear();
        self.drain_contexts()
    }

    pub(super) fn add_context(&mut self, text: String) -> Result<(), Fault> {
        let (source, text) = (ContextSource::Environment, text.into());
        self.emit(Author::Supervisor, Some(self.last), Event::ContextAdded { source, text })
            .map(drop)
    }

    fn drain_contexts(&mut self) -> Result<(), Fault> {
        for text in std::mem::take(&mut self.contexts) {
            self.add_context(text)?;
        }
        Ok(())
    }

    /// Tells the response that is under way, and then what waited for it.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        let Some(reply) = self.reply.take() else { return Ok(()) };
        let now = self.at;
        let Reply { items, usage, after, .. } = reply;
        let usage = usage.unwrap_or_default();
        self.at = items.first().map_or(now, |said| said.at);
        self.requests = self.requests.next();
        let request = self.requests;
        let backend = self.backend();
        let input = self.session.next_input_digest(backend, None);
        // The provider's ids of responses are of no use to anybody who did not ask for them.
        let event = Event::ModelRequested { request, attempt: 1, backend, previous: None, input };
        let cause = Some(self.last.max(self.started));
        let requested = self.emit(Author::Supervisor, cause, event)?;
        let mut calls = Vec::new();
        for (item, said) in (0..).zip(items) {
            self.at = said.at;
            self.counts.items += 1;
            let raw = self.terms.redactor.json(&said.raw).into_owned();
            let arguments = Self::arguments(&said.raw, &raw);
            let event = Event::ModelItemCompleted {
                request,
                attempt: 1,
                item,
                kind: said.kind.clone(),
                raw: raw.clone().into(),
            };
            let seq = self.emit(Author::Model, Some(requested), event)?;
            if said.call_id().is_some() {
                let invocation = (self.terms.interpret)(&said.kind, &raw);
                calls.push((item, seq, arguments, invocation, said));
            }
        }
        let event = Event::ModelResponded { request, attempt: 1, response: None, usage };
        self.emit(Author::Model, Some(requested), event)?;
        self.usage += usage;
        self.answered = true;
        let mut called = Vec::new();
        for (item, seq, arguments, invocation, said) in calls {
            self.calls = self.calls.next();
            self.counts.calls += 1;
            let call = self.calls;
            let asks = invocation.clone();
            let event = Event::ToolCalled { call, request, item, invocation: asks, arguments };
            let seq = self.emit(Author::Model, Some(seq), event)?;
            called.push(((call, seq), invocation, said));
        }
        for (call, invocation, said) in called {
            self.carried_out(call, &invocation, said)?;
        }
        for after in after {
            match after {
                After::Input(at, text) => {
                    self.at = at;
                    self.queue(text)?;
                }
                After::Foreign(at, kind, raw) => {
                    self.at = at;
                    self.foreign_now(kind, &raw)?;
                }
            }
        }
        self.at = now;
        Ok(())
    }
}
