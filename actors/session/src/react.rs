//! Work owed to the world.

use codex_event::{
    CallId, Confinement, Envelope, Event, FileChange, Invocation, ProcessMark, Question, RequestId,
    Scope, Seq, Stored, TurnId,
};

use crate::Session;
use crate::grant::OwedGrant;
use crate::session::{Call, CallState, IntentKind, Phase};

/// Something to be done, once the event that announces it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the request.
    CallModel {
        /// The request.
        request: RequestId,
        /// The attempt.
        attempt: u32,
        /// The response to build on.
        previous: Option<String>,
    },
    /// Wait, then report that the retry is due.
    Pause {
        /// The request.
        request: RequestId,
        /// The attempt to come.
        attempt: u32,
        /// How long, in milliseconds.
        in_ms: u64,
    },
    /// Hold a patch against the files, writing nothing.
    PlanPatch {
        /// The call.
        call: CallId,
        /// Paths outside of the writable roots that it was allowed to write to.
        outside: Vec<String>,
    },
    /// Write a grant for the project to the rules, once for the session and the position of the answer.
    KeepGrant {
        /// The call that was asked about.
        call: CallId,
        /// Position of the answer.
        settled: Seq,
        /// Commands that begin with these words need no question any more.
        prefix: Vec<String>,
        /// Folder of the call, as the model wrote it; the project is the one that it lies in.
        workdir: Option<String>,
    },
    /// Put the question to whoever can answer.
    AskReview {
        /// The call.
        call: CallId,
    },
    /// Carry out the call.
    RunTool {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: u32,
        /// What will hold it.
        confinement: Confinement,
    },
    /// Cancel whatever the turn has under way.
    Cancel {
        /// The turn.
        turn: TurnId,
    },
    /// Tell the user's program that the turn is done.
    Notify {
        /// The turn.
        turn: TurnId,
        /// What the user wrote.
        inputs: Vec<Stored<String>>,
        /// The last message of the model, as the provider's JSON.
        last_message: Option<Stored<String>>,
    },
    /// Nothing more will come: end.
    Finish,
}

/// A call that was begun and has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished<'a> {
    /// The call.
    pub call: CallId,
    /// The process that was to carry it out, if one was started.
    pub process: Option<&'a ProcessMark>,
    /// What was to change, if the call is a patch.
    pub changes: Option<&'a Stored<Vec<FileChange>>>,
    /// Which session began it.
    pub begun_by: BegunBy,
}

/// Which session began a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BegunBy {
    /// This one: what is left of it is this one's to end and to look at.
    This,
    /// The one that this one was forked from: it may still be running there.
    Parent,
}

impl<'a> Unfinished<'a> {
    fn of(call: &'a Call) -> Option<Unfinished<'a>> {
        let CallState::Intended { kind, process, .. } = &call.state else { return None };
        let (changes, begun_by) = match kind {
            IntentKind::Patch { changes } => (Some(changes), BegunBy::This),
            IntentKind::Sandboxed | IntentKind::Unconfined => (None, BegunBy::This),
            IntentKind::Parents => (None, BegunBy::Parent),
        };
        Some(Unfinished { call: call.id, process: process.as_ref(), changes, begun_by })
    }
}

impl Session {
    /// Gives the work owed for events that have just become durable, all of one batch.
    ///
    /// The session must have applied them, and nothing after them.
    pub fn react(&self, committed: &[Envelope]) -> Vec<Effect> {
        let mut owed: Vec<Effect> = Vec::new();
        for event in committed.iter().filter_map(Envelope::event) {
            let effect = match event {
                // Whatever the process before left undone.
                Event::SessionResumed { .. } => {
                    owed.extend(self.outstanding());
                    None
                }
                Event::ModelRequested { .. } => self.call_model(),
                Event::ModelAttemptFailed { .. } => self.pause(),
                Event::ReviewSettled { call, scope, .. } => {
                    owed.extend(self.plan_patch().filter(|effect| !owed.contains(effect)));
                    match scope {
                        Scope::Once | Scope::Session => None,
                        Scope::Project => self.owed_grant(*call).map(OwedGrant::effect),
                    }
                }
                Event::ToolCalled { .. }
                | Event::ToolFinished { .. }
                | Event::ToolAbandoned { .. } => self.plan_patch(),
                Event::ReviewAsked { .. } => self.ask_review(),
                Event::ToolIntended { call, attempt, confinement } => {
                    self.run_tool(*call, *attempt, confinement)
                }
                Event::TurnInterruptRequested { .. } => {
                    self.turn.as_ref().map(|turn| Effect::Cancel { turn: turn.id })
                }
                Event::TurnCompleted { .. } => self.notify(),
                Event::SessionClosed { .. } => Some(Effect::Finish),
                Event::SessionOpened { .. }
                | Event::SettingsChanged { .. }
                | Event::SessionForked { .. }
                | Event::SessionNamed { .. }
                | Event::SessionShelved { .. }
                | Event::Repaired { .. }
                | Event::ContextAdded { .. }
                | Event::InputQueued { .. }
                | Event::TurnStarted { .. }
                | Event::TurnInterrupted { .. }
                | Event::TurnFailed { .. }
                | Event::ModelStreamed { .. }
                | Event::ModelItemCompleted { .. }
                | Event::ModelResponded { .. }
                | Event::ToolSpawned { .. }
                | Event::ToolOutput { .. }
                | Event::GrantKept { .. }
                | Event::RepositoryChanged { .. }
                | Event::OwnCommandStarted { .. }
                | Event::OwnCommandEnded { .. }
                | Event::NotificationSent { .. }
                | Event::Noted { .. } => None,
            };
            // Several events of a batch can make the same work due; it is owed once.
            owed.extend(effect.filter(|effect| !owed.contains(effect)));
        }
        owed
    }

    /// Gives the work owed right now, as after a crash.
    ///
    /// A call that is intended and has no end is not among it: whether it ran is not known, and it
    /// is never run again. Resuming abandons it.
    pub fn outstanding(&self) -> Vec<Effect> {
        let found =
            [self.notify(), self.call_model(), self.pause(), self.ask_review(), self.plan_patch()];
        let grants = self.owed_grants.iter().map(OwedGrant::effect);
        found.into_iter().flatten().chain(grants).collect()
    }

    /// Gives the calls that were begun and have no end.
    pub fn unfinished(&self) -> Vec<Unfinished<'_>> {
        let calls = self.turn.as_ref().and_then(|turn| turn.working()).map(|w| &w.calls);
        calls.into_iter().flatten().filter_map(Unfinished::of).collect()
    }

    /// Gives what a call asks for and the provider's JSON of it, while its turn runs.
    pub fn call(&self, id: CallId) -> Option<(&Invocation, &Stored<String>)> {
        let working = self.turn.as_ref()?.working()?;
        let call = working.calls.iter().find(|call| call.id == id)?;
        Some((&call.invocation, &call.raw))
    }

    fn due(&self) -> Option<&Call> {
        self.turn.as_ref()?.working()?.due()
    }

    fn call_model(&self) -> Option<Effect> {
        let asking = self.turn.as_ref()?.asking()?;
        (asking.pause.is_none() && !self.interrupted()).then(|| Effect::CallModel {
            request: asking.request,
            attempt: asking.attempt,
            previous: self.previous(),
        })
    }

    fn pause(&self) -> Option<Effect> {
        let asking = self.turn.as_ref()?.asking()?;
        let (_, in_ms) = asking.pause?;
        Some(Effect::Pause { request: asking.request, attempt: asking.attempt + 1, in_ms })
    }

    fn plan_patch(&self) -> Option<Effect> {
        let call = self.due()?;
        let outside = match &call.state {
            CallState::Called => Vec::new(),
            CallState::Allowed { question: Question::WriteOutside { paths }, .. } => paths.clone(),
            CallState::Allowed {
                question: Question::Run | Question::RunUnconfined | Question::RetryUnconfined,
                ..
            } => Vec::new(),
            CallState::Asked { .. }
            | CallState::Refused { .. }
            | CallState::Intended { .. }
            | CallState::Ended(_) => return None,
        };
        let patch = matches!(call.invocation, Invocation::Patch { .. });
        (patch && !call.is_stranded()).then_some(Effect::PlanPatch { call: call.id, outside })
    }

    fn ask_review(&self) -> Option<Effect> {
        let call = self.due()?;
        matches!(call.state, CallState::Asked { .. }).then_some(Effect::AskReview { call: call.id })
    }

    fn run_tool(&self, id: CallId, intended: u32, confinement: &Confinement) -> Option<Effect> {
        let call = self.due().filter(|call| call.id == id)?;
        match call.state {
            CallState::Intended { attempt, .. } if attempt == intended => {
                let confinement = confinement.clone();
                Some(Effect::RunTool { call: id, attempt, confinement })
            }
            CallState::Intended { .. }
            | CallState::Called
            | CallState::Asked { .. }
            | CallState::Allowed { .. }
            | CallState::Refused { .. }
            | CallState::Ended(_) => None,
        }
    }

    fn notify(&self) -> Option<Effect> {
        self.notice.as_ref().map(|notice| Effect::Notify {
            turn: notice.turn,
            inputs: notice.inputs.clone(),
            last_message: notice.last_message.clone(),
        })
    }

    fn interrupted(&self) -> bool {
        self.turn
            .as_ref()
            .is_some_and(|turn| turn.interrupt.is_some() && !matches!(turn.phase, Phase::Begun))
    }
}

impl OwedGrant {
    fn effect(&self) -> Effect {
        let OwedGrant { call, settled, prefix, workdir } = self.clone();
        Effect::KeepGrant { call, settled, prefix, workdir }
    }
}
