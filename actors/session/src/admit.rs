//! The grammar of legal journals: which event may follow which.
//!
//! Kept apart from the rules on purpose. `decide` must only emit what is admitted here, and a
//! verifier can hold any journal against it, whoever wrote that.

use codex_event::{
    Body, CallId, ContextSource, Envelope, Event, Invocation, Question, RequestId, Seq, Stored,
    Verdict,
};

use crate::Session;
use crate::session::{Asking, Call, CallState, IntentKind, Life, Phase, Turn, Working};

/// Why an event may not follow those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The position does not follow the last one.
    #[error("position {found} follows {last}")]
    Position {
        /// Position of the event before.
        last: Seq,
        /// Position of this event.
        found: Seq,
    },
    /// The writer's generation went back, or changed without a resume.
    #[error("the writer's epoch changed without a resume")]
    Epoch,
    /// The cause is not an earlier event.
    #[error("the cause {0} is not an earlier event")]
    Cause(Seq),
    /// The session is not in the state that the event needs.
    #[error("{kind} while the session {state}")]
    OutOfPlace {
        /// Kind of the event.
        kind: &'static str,
        /// What the session does instead.
        state: &'static str,
    },
    /// The event speaks of a turn, request, attempt or call that is not the current one.
    #[error("{kind} speaks of something else than what is under way")]
    Unrelated {
        /// Kind of the event.
        kind: &'static str,
    },
}

type Verdicts = Result<(), Illegal>;

fn out_of_place(kind: &'static str, state: &'static str) -> Verdicts {
    Err(Illegal::OutOfPlace { kind, state })
}

fn require(holds: bool, kind: &'static str) -> Verdicts {
    if holds { Ok(()) } else { Err(Illegal::Unrelated { kind }) }
}

impl Session {
    /// Tells whether an event may follow those that were folded.
    pub fn admit(&self, envelope: &Envelope) -> Result<(), Illegal> {
        if envelope.seq != self.last.next() {
            return Err(Illegal::Position { last: self.last, found: envelope.seq });
        }
        if let Some(cause) = envelope.cause
            && (cause >= envelope.seq || cause == Seq(0))
        {
            return Err(Illegal::Cause(cause));
        }
        let Body::Known(event) = &envelope.body else { return Ok(()) };
        // What a process may begin with that was not there before.
        let resumes = matches!(
            event,
            Event::SessionForked { .. }
                | Event::SessionResumed { .. }
                | Event::SessionNamed { .. }
                | Event::SessionShelved { .. }
                | Event::Repaired { .. }
        );
        let first = self.last == Seq(0);
        if envelope.epoch < self.epoch || (envelope.epoch > self.epoch && !resumes && !first) {
            return Err(Illegal::Epoch);
        }
        if let Event::SessionForked { at, .. } = event {
            require(*at == self.last && envelope.epoch > self.epoch, "session_forked")?;
        }
        self.admit_event(event)
    }

    fn admit_event(&self, event: &Event) -> Verdicts {
        match (self.life, event) {
            (Life::Unopened, Event::SessionOpened { .. }) => return Ok(()),
            (Life::Unopened, _) => return out_of_place("event", "is not open"),
            // To what its parent may do by now.
            (Life::Forked, Event::SettingsChanged { .. }) => return Ok(()),
            (
                Life::Forked | Life::Closed,
                Event::SessionForked { .. }
                | Event::SessionResumed { .. }
                | Event::SessionNamed { .. }
                | Event::SessionShelved { .. }
                | Event::Repaired { .. },
            ) => return Ok(()),
            (Life::Forked | Life::Closed, _) => return out_of_place("event", "is closed"),
            (Life::Open, _) => {}
        }
        match event {
            Event::SessionOpened { .. } => out_of_place("session_opened", "is open already"),
            Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::Noted { .. } => Ok(()),
            Event::SettingsChanged { .. } | Event::OwnCommandStarted { .. } => Ok(()),
            Event::OwnCommandEnded { started, .. } => {
                require(self.own_command(*started).is_some(), "own_command_ended")
            }
            Event::ContextAdded { source: ContextSource::Summary, .. } => self.admit_summary(),
            Event::ContextAdded {
                source: ContextSource::Instructions | ContextSource::Environment,
                ..
            } => self.idle("context_added"),
            Event::SessionClosed { .. } => self.idle("session_closed"),
            Event::TurnStarted { .. } => self.idle("turn_started"),
            Event::NotificationSent { .. } => require(self.notice.is_some(), "notification_sent"),
            Event::InputQueued { .. } => self.turn("input_queued").map(drop),
            Event::TurnInterruptRequested { .. } => {
                let turn = self.turn("turn_interrupt_requested")?;
                require(turn.interrupt.is_none(), "turn_interrupt_requested")
            }
            Event::TurnInterrupted { reason } => {
                let turn = self.turn("turn_interrupted")?;
                require(turn.interrupt.map(|(_, why)| why) == Some(*reason), "turn_interrupted")?;
                self.calls_ended("turn_interrupted")
            }
            Event::TurnCompleted { usage } => {
                let turn = self.turn("turn_completed")?;
                require(turn.usage == *usage && turn.working().is_some(), "turn_completed")?;
                self.calls_ended("turn_completed")
            }
            Event::TurnFailed { .. } => {
                self.turn("turn_failed")?;
                self.calls_ended("turn_failed")
            }
            Event::ModelRequested { request, attempt, previous, backend, input } => {
                require(
                    self.next_input_digest(*backend, previous.as_deref()) == *input,
                    "model_requested",
                )?;
                self.admit_request(*request, *attempt)
            }
            Event::ModelStreamed { request, attempt, .. } => {
                self.asking("model_streamed", *request, *attempt).map(drop)
            }
            Event::ModelItemCompleted { request, attempt, item, .. } => {
                let asking = self.asking("model_item_completed", *request, *attempt)?;
                let fresh = asking.items.iter().all(|known| known.item != *item);
                require(fresh, "model_item_completed")
            }
            Event::ModelResponded { request, attempt, .. } => {
                self.asking("model_responded", *request, *attempt).map(drop)
            }
            Event::ModelAttemptFailed { request, attempt, .. } => {
                self.asking("model_attempt_failed", *request, *attempt).map(drop)
            }
            Event::ToolCalled { call, request, item, .. } => {
                let working = self.working("tool_called")?;
                let known = working.uncalled.iter().any(|uncalled| uncalled.item == *item);
                let next = *call == self.calls.next() && working.request == *request;
                require(known && next, "tool_called")
            }
            Event::ReviewAsked { call, question, .. } => {
                self.admit_question(&self.call_at("review_asked", *call)?.state, question)
            }
            Event::ReviewSettled { call, verdict, .. } => {
                let call = self.due_call("review_settled", *call)?;
                let asked = matches!(call.state, CallState::Asked { .. });
                let open = matches!(call.state, CallState::Called | CallState::Allowed { .. });
                require(asked || (open && *verdict != Verdict::Aborted), "review_settled")
            }
            Event::GrantKept { call, prefix, .. } => {
                let owed = self.owed_grant(*call).is_some_and(|owed| owed.prefix == *prefix);
                require(owed, "grant_kept")
            }
            Event::RepositoryChanged { call, .. } => {
                let call = self.due_call("repository_changed", *call)?;
                require(call.runs_a_command(), "repository_changed")
            }
            Event::ToolIntended { call, attempt, .. } => {
                let call = self.due_call("tool_intended", *call)?;
                match &call.state {
                    CallState::Allowed { .. } => require(
                        call.attempts + 1 == *attempt && !call.is_stranded(),
                        "tool_intended",
                    ),
                    CallState::Called
                    | CallState::Asked { .. }
                    | CallState::Refused { .. }
                    | CallState::Intended { .. }
                    | CallState::Ended(_) => out_of_place("tool_intended", "has not allowed it"),
                }
            }
            Event::ToolSpawned { call, attempt, .. } => {
                match &self.due_call("tool_spawned", *call)?.state {
                    CallState::Intended { attempt: intended, kind, process: None, .. } => {
                        let command =
                            matches!(kind, IntentKind::Sandboxed | IntentKind::Unconfined);
                        require(intended == attempt && command, "tool_spawned")
                    }
                    CallState::Intended { .. }
                    | CallState::Called
                    | CallState::Asked { .. }
                    | CallState::Allowed { .. }
                    | CallState::Refused { .. }
                    | CallState::Ended(_) => out_of_place("tool_spawned", "has not intended it"),
                }
            }
            Event::ToolOutput { call, attempt, .. } => {
                let call = self.due_call("tool_output", *call)?;
                let under_way = matches!(
                    &call.state,
                    CallState::Intended { attempt: intended, process: Some(_), .. }
                        if intended == attempt
                );
                require(under_way, "tool_output")
            }
            Event::ToolFinished { call, attempt, .. } => {
                let call = self.due_call("tool_finished", *call)?;
                match &call.state {
                    CallState::Intended { attempt: intended, kind, .. } => {
                        let ours = *kind != IntentKind::Parents;
                        require(ours && intended == attempt, "tool_finished")
                    }
                    CallState::Called
                    | CallState::Asked { .. }
                    | CallState::Allowed { .. }
                    | CallState::Refused { .. } => require(*attempt == 0, "tool_finished"),
                    CallState::Ended(_) => out_of_place("tool_finished", "has ended it before"),
                }
            }
            Event::ToolAbandoned { call, .. } => {
                let call = self.due_call("tool_abandoned", *call)?;
                let begun = matches!(call.state, CallState::Intended { .. });
                require(begun, "tool_abandoned")
            }
        }
    }

    fn admit_request(&self, request: RequestId, attempt: u32) -> Verdicts {
        match &self.turn("model_requested")?.phase {
            Phase::Asking(asking) if asking.request == request => {
                require(attempt == asking.attempt + 1, "model_requested")
            }
            Phase::Asking(_) => out_of_place("model_requested", "awaits another answer"),
            Phase::Begun => {
                require(request == self.requests.next() && attempt == 1, "model_requested")
            }
            Phase::Working(_) => {
                self.calls_ended("model_requested")?;
                require(request == self.requests.next() && attempt == 1, "model_requested")
            }
        }
    }

    /// Between two requests of a turn, too: that is when a conversation gets too long.
    fn admit_summary(&self) -> Verdicts {
        match self.turn.as_ref().map(|turn| &turn.phase) {
            None | Some(Phase::Begun) => Ok(()),
            Some(Phase::Asking(_)) => out_of_place("context_added", "awaits an answer"),
            Some(Phase::Working(_)) => self.calls_ended("context_added"),
        }
    }

    fn admit_question(&self, state: &CallState, question: &Question) -> Verdicts {
        match (state, question) {
            (
                CallState::Called,
                Question::Run | Question::RunUnconfined | Question::WriteOutside { .. },
            ) => Ok(()),
            (CallState::Ended(ended), Question::RetryUnconfined) => {
                require(ended.attempt > 0 && !ended.abandoned, "review_asked")
            }
            (
                _,
                Question::Run
                | Question::RetryUnconfined
                | Question::RunUnconfined
                | Question::WriteOutside { .. },
            ) => out_of_place("review_asked", "has nothing to ask"),
        }
    }

    fn idle(&self, kind: &'static str) -> Verdicts {
        if self.turn.is_none() { Ok(()) } else { out_of_place(kind, "runs a turn") }
    }

    fn turn(&self, kind: &'static str) -> Result<&Turn, Illegal> {
        self.turn.as_ref().ok_or(Illegal::OutOfPlace { kind, state: "runs no turn" })
    }

    fn working(&self, kind: &'static str) -> Result<&Working, Illegal> {
        let state = "has no response to work on";
        self.turn(kind)?.working().ok_or(Illegal::OutOfPlace { kind, state })
    }

    fn asking(
        &self,
        kind: &'static str,
        request: RequestId,
        attempt: u32,
    ) -> Result<&Asking, Illegal> {
        let state = "awaits no answer";
        let asking = self.turn(kind)?.asking().ok_or(Illegal::OutOfPlace { kind, state })?;
        let current = asking.request == request && asking.attempt == attempt;
        require(current && asking.pause.is_none(), kind).map(|()| asking)
    }

    fn call_at(&self, kind: &'static str, id: CallId) -> Result<&Call, Illegal> {
        let calls = &self.working(kind)?.calls;
        calls.iter().find(|call| call.id == id).ok_or(Illegal::Unrelated { kind })
    }

    fn due_call(&self, kind: &'static str, id: CallId) -> Result<&Call, Illegal> {
        let due = self.working(kind)?.due().filter(|call| call.id == id);
        due.ok_or(Illegal::Unrelated { kind })
    }

    fn calls_ended(&self, kind: &'static str) -> Verdicts {
        match self.turn.as_ref().and_then(Turn::working) {
            Some(working) if working.due().is_some() || !working.uncalled.is_empty() => {
                out_of_place(kind, "has calls without an end")
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Names the program that a call would run, for a question about it.
    pub fn asked_argv(&self, id: CallId) -> Option<&Stored<Vec<String>>> {
        match self.call(id)?.0 {
            Invocation::Command { argv, .. } => Some(argv),
            Invocation::Patch { .. } | Invocation::Invalid { .. } => None,
        }
    }
}
