//! Events become state. Total, and without a rule: what is in the journal happened.

use std::sync::Arc;

use codex_event::{
    Arguments, Body, CallId, Confinement, ContextSource, Envelope, Event, Invocation, ItemKind,
    PatchState, Question, RetryBudget, Seq, Stored, TurnId, Usage, Verdict,
};

use crate::Session;
use crate::repeat::{Rounds, Trace};
use crate::session::{
    Asking, Call, CallState, Ended, IntentKind, Item, Keeping, Life, Notice, Opened, OwnCommand,
    Phase, Turn, Working,
};
use crate::transcript::{CallForm, Entry, Origin};

impl Session {
    /// Takes one event into account; an event of an unknown kind moves the position alone.
    pub fn apply(&mut self, envelope: &Envelope) {
        self.last = envelope.seq;
        self.epoch = envelope.epoch;
        let Body::Known(event) = &envelope.body else { return };
        self.apply_to_session(envelope.seq, event);
        if let Some(turn) = &mut self.turn {
            turn.apply(envelope.seq, event);
        }
    }

    fn apply_to_session(&mut self, seq: Seq, event: &Event) {
        match event {
            Event::SessionOpened { cwd, settings, sandbox, tools, .. } => {
                self.life = Life::Open;
                self.opened = Some(Opened {
                    cwd: cwd.clone(),
                    settings: (**settings).clone(),
                    sandbox: (**sandbox).clone(),
                    tools: *tools,
                    seq,
                    origin: Arc::new(Origin::of(settings)),
                });
            }
            Event::SessionResumed { .. } => {
                self.life = Life::Open;
                self.change_opened(event);
            }
            Event::SessionClosed { .. } => self.life = Life::Closed,
            Event::SettingsChanged { .. } => {
                if self.life == Life::Forked {
                    // The maker of a fork has nothing else to say.
                    self.life = Life::Closed;
                }
                self.change_opened(event);
            }
            Event::ContextAdded { source, text } => {
                self.transcript.push(Entry::Context { source: *source, text: text.clone() });
            }
            Event::TurnStarted { input } => {
                self.turns = self.turns.next();
                self.turn = Some(Turn::begin(self.turns, seq, input.clone()));
            }
            Event::ModelRequested { request, .. } => {
                self.requests = self.requests.max(*request);
                self.flush();
            }
            Event::ModelResponded { response, usage, .. } => {
                self.usage += *usage;
                self.take_items();
                self.transcript.keep(response.as_deref());
            }
            Event::ToolCalled { call, .. } => self.calls = self.calls.max(*call),
            Event::ReviewSettled { .. } => self.take_grant(seq, event),
            Event::GrantKept { call, error, .. } => self.grant_kept(seq, *call, error.as_deref()),
            Event::TurnCompleted { .. } => {
                let notify = self.settings().is_some_and(|settings| !settings.notify.is_empty());
                self.notice = self.turn.as_ref().filter(|_| notify).map(|turn| Notice {
                    turn: turn.id,
                    completed: seq,
                    inputs: turn.inputs.clone(),
                    last_message: turn.last_message.clone(),
                });
                self.end_turn();
            }
            Event::TurnInterrupted { .. } | Event::TurnFailed { .. } => self.end_turn(),
            Event::NotificationSent { .. } => self.notice = None,
            Event::OwnCommandStarted { line, .. } => {
                self.own_commands.push(OwnCommand { started: seq, line: line.clone() });
            }
            Event::OwnCommandEnded { started, .. } => {
                if let Some(entry) = self.own_command_entry(event) {
                    match &mut self.turn {
                        Some(turn) => turn.aside.push(entry),
                        None => self.transcript.push(entry),
                    }
                }
                self.own_commands.retain(|command| command.started != *started);
            }
            Event::SessionForked { .. } => {
                self.life = Life::Forked;
                // Whoever was told of a turn, and what was allowed for the whole of a session, is
                // the parent's affair.
                self.notice = None;
                self.grants.clear();
                self.kept.clear();
                self.owed_grants.clear();
            }
            Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ReviewAsked { .. }
            | Event::RepositoryChanged { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::Noted { .. } => {}
        }
    }

    fn change_opened(&mut self, event: &Event) {
        if let Some(opened) = &mut self.opened {
            opened.apply(event);
            if opened.settings.notify.is_empty() {
                // Nobody wants to be told any more.
                self.notice = None;
            }
        }
    }

    fn take_items(&mut self) {
        let Some(asking) = self.turn.as_ref().and_then(Turn::asking) else { return };
        let origin = self.opened.as_ref().map(|opened| Arc::clone(&opened.origin));
        let origin = origin.unwrap_or_default();
        for entry in asking.items.iter().map(|item| item.entry(&origin)) {
            self.transcript.push(entry);
        }
    }

    fn flush(&mut self) {
        if let Some(turn) = &mut self.turn {
            for entry in turn.pending() {
                self.transcript.push(entry);
            }
            turn.flushed();
        }
    }

    fn end_turn(&mut self) {
        self.flush();
        self.leave_to_rules();
        self.turn = None;
    }
}

impl Opened {
    /// Takes a change of settings or surroundings into account; also used to look ahead.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let Event::SessionResumed { surroundings: Some(found), .. } = event {
            self.cwd.clone_from(&found.cwd);
            self.sandbox.clone_from(&found.sandbox);
            self.tools = found.tools;
        }
        if let Event::SettingsChanged { backend, settings, .. } = event {
            if let Some(settings) = settings {
                self.settings.clone_from(settings);
                self.origin = Arc::new(Origin::of(settings));
            }
            self.settings.provider.backend = *backend;
        }
    }
}

impl Turn {
    pub(crate) fn begin(id: TurnId, started: Seq, input: Stored<String>) -> Turn {
        Turn {
            id,
            started,
            inputs: vec![input.clone()],
            queued: vec![input],
            aside: Vec::new(),
            interrupt: None,
            usage: Usage::default(),
            last_message: None,
            rounds: Rounds::default(),
            phase: Phase::Begun,
        }
    }

    /// Gives what joins the transcript before the next request, or at the turn's end: what came of
    /// the calls in their order, what the user ran meanwhile, then what the user wrote.
    pub(crate) fn pending(&self) -> Vec<Entry> {
        let outputs = self.working().into_iter().flat_map(|working| &working.calls);
        let outputs = outputs.filter_map(|call| match &call.state {
            CallState::Ended(ended) => Some(Entry::Output {
                call_id: call.call_id.clone(),
                custom: call.form,
                text: ended.output.clone(),
            }),
            CallState::Called
            | CallState::Asked { .. }
            | CallState::Allowed { .. }
            | CallState::Refused { .. }
            | CallState::Intended { .. } => None,
        });
        let said = self.queued.iter().map(|text| Entry::User { text: text.clone() });
        outputs.chain(self.aside.iter().cloned()).chain(said).collect()
    }

    /// Tells whether something waits that the model has to answer to.
    pub(crate) fn awaits_answer(&self) -> bool {
        let called = self.working().is_some_and(|working| !working.calls.is_empty());
        called || !self.queued.is_empty()
    }

    fn flushed(&mut self) {
        self.queued.clear();
        self.aside.clear();
        if let Phase::Working(working) = &mut self.phase
            && !working.calls.is_empty()
        {
            self.rounds.finish(working);
            working.calls.clear();
        }
    }

    /// Takes one event of this turn into account; also used to look ahead while deciding.
    pub(crate) fn apply(&mut self, seq: Seq, event: &Event) {
        match event {
            Event::InputQueued { input } => {
                self.inputs.push(input.clone());
                self.queued.push(input.clone());
            }
            Event::TurnInterruptRequested { reason } => self.interrupt = Some((seq, *reason)),
            Event::ModelRequested { request, attempt, .. } => {
                let same = self.asking().filter(|asking| asking.request == *request);
                let (request_retries, stream_retries) =
                    same.map_or((0, 0), |asking| (asking.request_retries, asking.stream_retries));
                self.flushed();
                self.phase = Phase::Asking(Asking {
                    request: *request,
                    attempt: *attempt,
                    requested: seq,
                    items: Vec::new(),
                    request_retries,
                    stream_retries,
                    pause: None,
                });
            }
            Event::ModelItemCompleted { item, kind, raw, .. } => {
                if let Phase::Asking(asking) = &mut self.phase {
                    asking.items.push(Item {
                        seq,
                        item: *item,
                        kind: kind.clone(),
                        raw: raw.clone(),
                    });
                }
            }
            Event::ModelResponded { request, usage, .. } => {
                self.usage += *usage;
                let asking = self.asking();
                let items = asking.map_or(Vec::new(), |asking| asking.items.clone());
                for item in &items {
                    if item.kind == ItemKind::Message {
                        self.last_message = Some(item.raw.clone());
                    }
                }
                self.phase = Phase::Working(Working {
                    request: *request,
                    responded: seq,
                    spoken: items.iter().any(|item| item.kind == ItemKind::Message),
                    uncalled: items.into_iter().filter(|item| item.call_id().is_some()).collect(),
                    calls: Vec::new(),
                });
            }
            Event::ModelAttemptFailed { retry, .. } => {
                if let Phase::Asking(asking) = &mut self.phase {
                    asking.items.clear();
                    asking.pause = retry.map(|retry| (seq, retry.in_ms));
                    match retry.map(|retry| (retry.budget, retry.number)) {
                        Some((RetryBudget::Request, number)) => asking.request_retries = number,
                        Some((RetryBudget::Stream, number)) => {
                            asking.stream_retries = number;
                            asking.request_retries = 0;
                        }
                        Some((RetryBudget::WholeTranscript, _)) | None => {}
                    }
                }
            }
            Event::ToolCalled { call, item, invocation, arguments, .. } => {
                if let Phase::Working(working) = &mut self.phase {
                    working.call(seq, (*call, *item), invocation, *arguments);
                }
            }
            Event::ReviewAsked { call, question, .. } => self.change(*call, |state| {
                CallState::Asked { question: question.clone(), asked: seq, before: state.ended() }
            }),
            Event::ReviewSettled { call, verdict, .. } => self.change(*call, |state| {
                let (question, before) = match state {
                    CallState::Asked { question, before, .. } => (question, before),
                    CallState::Called
                    | CallState::Allowed { .. }
                    | CallState::Refused { .. }
                    | CallState::Intended { .. }
                    | CallState::Ended(_) => (Question::Run, None),
                };
                match (verdict, before) {
                    (Verdict::Allowed, before) => {
                        CallState::Allowed { settled: seq, question, before }
                    }
                    (Verdict::Denied { .. } | Verdict::Aborted, Some(ended)) => {
                        CallState::Ended(ended)
                    }
                    (Verdict::Denied { .. } | Verdict::Aborted, None) => {
                        CallState::Refused { settled: seq, before: None }
                    }
                }
            }),
            Event::ToolIntended { call, attempt, confinement } => {
                let kind = match confinement {
                    Confinement::Sandbox { .. } => IntentKind::Sandboxed,
                    Confinement::None => IntentKind::Unconfined,
                    Confinement::WritableRoots { changes, outside: _ } => {
                        IntentKind::Patch { changes: changes.clone() }
                    }
                };
                self.with_call(*call, |call| call.attempts = *attempt);
                self.change(*call, |_| CallState::Intended {
                    intended: seq,
                    attempt: *attempt,
                    kind,
                    process: None,
                });
            }
            Event::SessionResumed { patches, .. } => {
                // What was not begun is looked at as if it had just come.
                for patch in patches.iter().filter(|patch| patch.state == PatchState::Before) {
                    self.change(patch.call, |_| CallState::Called);
                }
                self.forget_approval();
                self.strand();
            }
            Event::SessionForked { .. } => self.leave_to_parent(),
            Event::ToolSpawned { call, process, .. } => self.change(*call, |state| match state {
                CallState::Intended { intended, attempt, kind, .. } => {
                    let process = Some(process.clone());
                    CallState::Intended { intended, attempt, kind, process }
                }
                other @ (CallState::Called
                | CallState::Asked { .. }
                | CallState::Allowed { .. }
                | CallState::Refused { .. }
                | CallState::Ended(_)) => other,
            }),
            Event::ToolOutput { call, stream, skipped, bytes, .. } => {
                self.with_call(*call, |call| call.trace.print(*stream, *skipped, &bytes.0));
            }
            Event::ToolFinished { call, attempt, outcome, output, .. } => {
                let (attempt, output) = (*attempt, output.clone());
                self.with_call(*call, |call| call.trace.end(outcome));
                self.change(*call, |_| {
                    CallState::Ended(Ended { seq, attempt, output, abandoned: false })
                });
            }
            Event::ToolAbandoned { call, output } => {
                let output = output.clone();
                self.with_call(*call, |call| call.trace.abandon());
                self.change(*call, |_| {
                    CallState::Ended(Ended { seq, attempt: 0, output, abandoned: true })
                });
            }
            Event::ContextAdded { source: ContextSource::Summary, .. } => {
                // It covers what came of the calls, too, and not what was not sent yet.
                self.phase = Phase::Begun;
            }
            Event::SessionOpened { .. }
            | Event::SettingsChanged { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded {
                source: ContextSource::Instructions | ContextSource::Environment,
                ..
            }
            | Event::TurnStarted { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::ModelStreamed { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
    }

    /// An approval does not survive the process that it was given to.
    fn forget_approval(&mut self) {
        let Some(due) = self.working().and_then(Working::due).map(|call| call.id) else { return };
        self.change(due, |state| match state {
            CallState::Allowed { before: None, .. } => CallState::Called,
            CallState::Allowed { before: Some(ended), .. } => CallState::Ended(ended),
            other @ (CallState::Called
            | CallState::Asked { .. }
            | CallState::Refused { .. }
            | CallState::Intended { .. }
            | CallState::Ended(_)) => other,
        });
    }

    /// What is being carried out goes on in the session that this one was forked from.
    fn leave_to_parent(&mut self) {
        let Phase::Working(working) = &mut self.phase else { return };
        for call in &mut working.calls {
            if let CallState::Intended { kind, process, .. } = &mut call.state {
                (*kind, *process) = (IntentKind::Parents, None);
            }
        }
    }

    /// What only the process before had is gone with it.
    fn strand(&mut self) {
        let Phase::Working(working) = &mut self.phase else { return };
        for call in &mut working.calls {
            match call.keeping {
                Keeping::Process => call.keeping = Keeping::Nobody,
                Keeping::Journal | Keeping::Nobody => {}
            }
        }
    }

    fn with_call(&mut self, id: CallId, change: impl FnOnce(&mut Call)) {
        if let Phase::Working(working) = &mut self.phase
            && let Some(call) = working.calls.iter_mut().find(|call| call.id == id)
        {
            change(call);
        }
    }

    fn change(&mut self, id: CallId, to: impl FnOnce(CallState) -> CallState) {
        self.with_call(id, |call| {
            let state = std::mem::replace(&mut call.state, CallState::Called);
            call.state = to(state);
        });
    }
}

impl Working {
    fn call(
        &mut self,
        seq: Seq,
        (id, item): (CallId, u32),
        invocation: &Invocation,
        arguments: Arguments,
    ) {
        let Some(at) = self.uncalled.iter().position(|known| known.item == item) else { return };
        let item = self.uncalled.remove(at);
        let Some((call_id, form)) = item.call_id() else { return };
        self.calls.push(Call {
            id,
            call_id: call_id.to_owned(),
            form,
            raw: item.raw.clone(),
            called: seq,
            invocation: invocation.clone(),
            keeping: match arguments {
                Arguments::Recorded => Keeping::Journal,
                Arguments::Concealed => Keeping::Process,
            },
            attempts: 0,
            state: CallState::Called,
            trace: Trace::default(),
        });
    }
}

impl Item {
    pub(crate) fn call_id(&self) -> Option<(&str, CallForm)> {
        match &self.kind {
            ItemKind::FunctionCall { call_id, .. } => Some((call_id, CallForm::Function)),
            ItemKind::CustomCall { call_id, .. } => Some((call_id, CallForm::Custom)),
            ItemKind::Message | ItemKind::Reasoning | ItemKind::Other { .. } => None,
        }
    }
}

impl CallState {
    fn ended(self) -> Option<Ended> {
        match self {
            CallState::Ended(ended) => Some(ended),
            CallState::Called
            | CallState::Asked { .. }
            | CallState::Allowed { .. }
            | CallState::Refused { .. }
            | CallState::Intended { .. } => None,
        }
    }
}
