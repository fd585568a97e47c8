//! The rules: what a command or a report leads to.
//!
//! A decision may be a chain: a response that calls a tool nobody has to be asked about gives the
//! response, the call, the verdict and the intent at once, so that one barrier covers them all. To
//! look ahead, a [`Step`] applies what it decides to a copy of the running turn, by the same code
//! that applies it for good later.

use std::sync::Arc;

use codex_event::{
    Arguments, Author, Backend, CallId, CloseReason, Command, Event, FailureKind, Fault, FaultKind,
    InterruptReason, Invocation, MAX_NAME, Opening, Outcome, Rejection, RequestId, Seq, SessionId,
    Settings, Stored,
};

use crate::chain::{Chain, Draft};
use crate::report::{Intake, Report, Stamp};
use crate::session::{Call, CallState, IntentKind, Item, Life, Opened, Phase, Turn};
use crate::transcript::Entry;
use crate::{Session, repeat, retry};

/// A decision in the making.
pub(crate) struct Step<'a> {
    pub(crate) session: &'a Session,
    pub(crate) chain: Chain,
    pub(crate) turn: Option<Turn>,
    calls: CallId,
    /// What the session is opened with, once this decision has changed it.
    opened: Option<Opened>,
    /// The response that this decision records, if it does, and the items that it adds.
    responded: Option<Option<String>>,
    items: Vec<Entry>,
}

impl Session {
    /// Gives the events that a command or report leads to, or why it is refused.
    ///
    /// Changes nothing; the same session and intake always give the same events.
    pub fn decide(&self, stamp: Stamp, intake: impl Into<Intake>) -> Result<Vec<Draft>, Rejection> {
        let mut step = Step {
            session: self,
            chain: Chain::new(self.last.next(), self.running()),
            turn: self.turn.clone(),
            calls: self.calls,
            opened: None,
            responded: None,
            items: Vec::new(),
        };
        match intake.into() {
            Intake::Command(command) => step.command(stamp.author, command)?,
            Intake::Report(report) => step.report(report)?,
        }
        Ok(step.chain.into_drafts())
    }
}

impl Step<'_> {
    fn command(&mut self, author: Author, command: Command) -> Result<(), Rejection> {
        match (self.session.life, &command) {
            (Life::Unopened, Command::Open(_)) => {}
            (Life::Unopened, _) => return Err(Rejection::NotOpen),
            (Life::Open | Life::Forked | Life::Closed, Command::Open(_)) => {
                return Err(Rejection::AlreadyOpen);
            }
            (
                Life::Forked | Life::Closed,
                Command::Resume(_) | Command::Name { .. } | Command::Shelve { .. },
            ) => {}
            (Life::Forked | Life::Closed, _) => return Err(Rejection::Closed),
            (Life::Open, _) => {}
        }
        match command {
            Command::Open(opening) => self.open(author, *opening),
            Command::Resume(resumption) => self.resume(author, *resumption)?,
            Command::Submit { input } => self.submit(author, input)?,
            Command::Interrupt { reason } => self.interrupt(author, reason)?,
            Command::SettleReview { call, verdict, scope } => {
                self.settle(author, call, verdict, scope)?;
            }
            Command::Name { name } => self.name(author, name)?,
            Command::Shelve { shelf } => {
                self.emit(author, None, Event::SessionShelved { shelf });
            }
            Command::StartOwnCommand { line, cwd } => {
                self.start_own_command(author, line, cwd)?;
            }
            Command::EndOwnCommand { line, exit, duration_ms, output } => {
                self.end_own_command(author, &line, exit, duration_ms, output)?;
            }
            Command::Close { reason } => self.close(author, reason)?,
        }
        Ok(())
    }

    fn open(&mut self, author: Author, opening: Opening) {
        let opened = self.emit(
            author,
            None,
            Event::SessionOpened {
                cwd: opening.cwd,
                git: opening.git,
                settings: Box::new(opening.settings),
                sandbox: Box::new(opening.sandbox),
                program: opening.program,
                tools: opening.tools,
            },
        );
        for (source, text) in opening.context {
            let added = Event::ContextAdded { source, text: text.into() };
            self.emit(Author::Supervisor, Some(opened), added);
        }
        for text in opening.notes {
            self.emit(Author::Supervisor, Some(opened), Event::Noted { text: text.into() });
        }
    }

    fn submit(&mut self, author: Author, input: String) -> Result<(), Rejection> {
        if input.trim().is_empty() {
            return Err(Rejection::EmptyInput);
        }
        match &self.turn {
            Some(turn) => {
                let started = turn.started;
                self.emit(author, Some(started), Event::InputQueued { input: input.into() });
            }
            None => {
                let opened = self.session.opened.as_ref().map(|opened| opened.seq);
                self.begin_turn(author, opened, input);
            }
        }
        Ok(())
    }

    pub(crate) fn begin_turn(&mut self, author: Author, cause: Option<Seq>, input: String) {
        let id = self.session.turns.next();
        self.chain.enter(id);
        let input = Stored::Inline(input);
        let event = Event::TurnStarted { input: input.clone() };
        let started = self.emit(author, cause, event);
        self.turn = Some(Turn::begin(id, started, input));
        self.request(started);
    }

    fn interrupt(&mut self, author: Author, reason: InterruptReason) -> Result<(), Rejection> {
        let turn = self.turn.as_ref().ok_or(Rejection::NoTurn)?;
        if turn.interrupt.is_some() {
            return Err(Rejection::Stale);
        }
        let started = turn.started;
        self.emit(author, Some(started), Event::TurnInterruptRequested { reason });
        if !self.under_way() {
            self.finish_interrupt();
        }
        Ok(())
    }

    fn name(&mut self, author: Author, name: Option<String>) -> Result<(), Rejection> {
        let fits = |name: &String| {
            let len = name.chars().count();
            let line = (1..=MAX_NAME).contains(&len) && name.trim() == name;
            // Where a session is asked for, these would stand for something else.
            let taken = name.starts_with('-') || name.parse::<SessionId>().is_ok();
            line && !name.contains(char::is_control) && !taken
        };
        if !name.as_ref().is_none_or(fits) {
            return Err(Rejection::BadName);
        }
        self.emit(author, None, Event::SessionNamed { name });
        Ok(())
    }

    fn close(&mut self, author: Author, reason: CloseReason) -> Result<(), Rejection> {
        if self.turn.is_some() {
            return Err(Rejection::TurnRunning);
        }
        let last = self.session.last;
        self.lose_own_commands(&author, (last.0 > 0).then_some(last));
        self.emit(author, Some(last), Event::SessionClosed { reason });
        Ok(())
    }

    /// Tells whether something that has to report back is running for the turn.
    fn under_way(&self) -> bool {
        match self.turn.as_ref().map(|turn| &turn.phase) {
            None | Some(Phase::Begun) => false,
            Some(Phase::Asking(asking)) => asking.pause.is_none(),
            Some(Phase::Working(working)) => {
                working.due().is_some_and(|call| matches!(call.state, CallState::Intended { .. }))
            }
        }
    }

    fn report(&mut self, report: Report) -> Result<(), Rejection> {
        match report {
            Report::ModelStreamed { request, attempt, item, part, text, marks } => {
                let requested = self.asked(request, attempt)?;
                let event = Event::ModelStreamed { request, attempt, item, part, text, marks };
                self.emit(Author::Model, Some(requested), event);
            }
            Report::ModelItem { request, attempt, item, kind, raw } => {
                let requested = self.asked(request, attempt)?;
                let asking = self.turn.as_ref().and_then(Turn::asking);
                if asking.is_some_and(|asking| asking.items.iter().any(|it| it.item == item)) {
                    return Err(Rejection::Stale);
                }
                let raw = raw.into();
                let event = Event::ModelItemCompleted { request, attempt, item, kind, raw };
                self.emit(Author::Model, Some(requested), event);
            }
            Report::ModelDone { request, attempt, response, usage, calls, concealed } => {
                let requested = self.asked(request, attempt)?;
                let event = Event::ModelResponded { request, attempt, response, usage };
                let responded = self.emit(Author::Model, Some(requested), event);
                self.call_tools(request, calls, &concealed);
                self.proceed(responded);
            }
            Report::ModelFailed { request, attempt, fault } => {
                self.attempt_failed(request, attempt, fault)?;
            }
            Report::RetryDue { request, attempt } => {
                let asking = self.turn.as_ref().and_then(Turn::asking).ok_or(Rejection::Stale)?;
                let (failed, _) = asking.pause.ok_or(Rejection::Stale)?;
                if (asking.request, asking.attempt + 1) != (request, attempt) {
                    return Err(Rejection::Stale);
                }
                self.attempt(request, attempt, failed);
            }
            Report::PatchPlanned { call, plan } => self.patch_planned(call, plan)?,
            Report::ToolSpawned { call, attempt, process, enforced } => {
                let intended = self.carried_out(call, attempt)?;
                if self.due().is_some_and(|call| call.is_spawned()) {
                    return Err(Rejection::Stale);
                }
                let event = Event::ToolSpawned { call, attempt, process, enforced };
                self.emit(Author::Supervisor, Some(intended), event);
            }
            Report::ToolOutput { call, attempt, stream, skipped, bytes } => {
                let intended = self.carried_out(call, attempt)?;
                let event = Event::ToolOutput { call, attempt, stream, skipped, bytes };
                self.emit(Author::Supervisor, Some(intended), event);
            }
            Report::ToolEnded { call, attempt, outcome, duration_ms, output, denial } => {
                let intended = self.carried_out(call, attempt)?;
                let output = self.remarked(output).into();
                let event = Event::ToolFinished {
                    call,
                    attempt,
                    outcome,
                    duration_ms,
                    output,
                    denial: denial.clone(),
                };
                let finished = self.emit(Author::Supervisor, Some(intended), event);
                self.offer_retry(call, attempt, denial, finished);
                self.proceed(finished);
            }
            Report::GrantKept { call, project, error } => {
                let owed = self.session.owed_grant(call).ok_or(Rejection::Stale)?;
                let (settled, prefix) = (owed.settled, owed.prefix.clone());
                let event = Event::GrantKept { call, prefix, project, error };
                self.emit(Author::Supervisor, Some(settled), event);
            }
            Report::RepositoryChanged { call, changes } => {
                let due = self.due().filter(|due| due.id == call && due.runs_a_command());
                let CallState::Intended { intended, .. } = due.ok_or(Rejection::Stale)?.state
                else {
                    return Err(Rejection::Stale);
                };
                let event = Event::RepositoryChanged { call, changes };
                self.emit(Author::Supervisor, Some(intended), event);
            }
            Report::Notified { turn, program, payload, error } => {
                let notice = self.session.notice.as_ref().filter(|notice| notice.turn == turn);
                let notice = notice.ok_or(Rejection::Stale)?;
                let completed = notice.completed;
                let (program, payload) = (program.into(), payload.into());
                let event = Event::NotificationSent { program, payload, error };
                self.emit(Author::Supervisor, Some(completed), event);
            }
        }
        Ok(())
    }

    /// Checks that the attempt is the one that is awaited, and gives the event that announced it.
    fn asked(&self, request: RequestId, attempt: u32) -> Result<Seq, Rejection> {
        let asking = self.turn.as_ref().and_then(Turn::asking).ok_or(Rejection::Stale)?;
        let awaited = (asking.request, asking.attempt) == (request, attempt);
        if awaited && asking.pause.is_none() { Ok(asking.requested) } else { Err(Rejection::Stale) }
    }

    /// Checks that the attempt at the call is under way, and gives its intent.
    fn carried_out(&self, id: CallId, wanted: u32) -> Result<Seq, Rejection> {
        let working = self.turn.as_ref().and_then(Turn::working).ok_or(Rejection::Stale)?;
        let call = working.due().filter(|call| call.id == id).ok_or(Rejection::Stale)?;
        match call.state {
            CallState::Intended { intended, attempt, ref kind, .. }
                if attempt == wanted && *kind != IntentKind::Parents =>
            {
                Ok(intended)
            }
            CallState::Intended { .. }
            | CallState::Called
            | CallState::Asked { .. }
            | CallState::Allowed { .. }
            | CallState::Refused { .. }
            | CallState::Ended(_) => Err(Rejection::Stale),
        }
    }

    fn attempt_failed(
        &mut self,
        request: RequestId,
        attempt: u32,
        fault: Fault,
    ) -> Result<(), Rejection> {
        let requested = self.asked(request, attempt)?;
        let turn = self.turn.as_ref().ok_or(Rejection::Stale)?;
        let (asking, settings) = match (turn.asking(), self.settings()) {
            (Some(asking), Some(settings)) => (asking, settings),
            (None, _) | (_, None) => return Err(Rejection::Stale),
        };
        let at = self.session.last.next();
        let next = match turn.interrupt {
            Some(_) => retry::Next::Fail,
            None => retry::next(settings, asking, &fault, at),
        };
        let retry = match &next {
            retry::Next::Again(retry) | retry::Next::WholeTranscript(retry) => Some(*retry),
            retry::Next::Fail => None,
        };
        let interrupted = turn.interrupt.is_some();
        let (kind, message) = (fault.kind, retry::last_words(&fault));
        let event = Event::ModelAttemptFailed { request, attempt, fault, retry };
        let failed = self.emit(Author::Supervisor, Some(requested), event);
        match next {
            retry::Next::Again(_) => {}
            retry::Next::WholeTranscript(_) => {
                let reason = "the provider does not keep responses".to_owned();
                let backend = Backend::Stateless;
                let event = Event::SettingsChanged { backend, reason, settings: None };
                let changed = self.emit(Author::Policy("stateless".into()), Some(failed), event);
                self.attempt(request, attempt + 1, changed);
            }
            retry::Next::Fail if interrupted => self.finish_interrupt(),
            retry::Next::Fail => {
                let kind = if kind == FaultKind::MissingKey {
                    FailureKind::MissingKey
                } else {
                    FailureKind::Model
                };
                self.fail(failed, kind, message);
            }
        }
        Ok(())
    }

    fn call_tools(
        &mut self,
        request: RequestId,
        mut asked: Vec<(u32, Invocation)>,
        concealed: &[u32],
    ) {
        let uncalled = self.turn.as_ref().and_then(Turn::working).map(|w| w.uncalled.clone());
        for item in uncalled.unwrap_or_default() {
            let known = asked.iter().position(|(position, _)| *position == item.item);
            let invocation = match known {
                Some(at) => asked.swap_remove(at).1,
                None => Invocation::Invalid { message: "the call could not be read".into() },
            };
            let arguments = match concealed.contains(&item.item) {
                true => Arguments::Concealed,
                false => Arguments::Recorded,
            };
            self.call_tool(request, &item, invocation, arguments);
        }
    }

    pub(crate) fn call_tool(
        &mut self,
        request: RequestId,
        item: &Item,
        invocation: Invocation,
        arguments: Arguments,
    ) {
        self.calls = self.calls.next();
        let (call, cause) = (self.calls, item.seq);
        let event = Event::ToolCalled { call, request, item: item.item, invocation, arguments };
        self.emit(Author::Model, Some(cause), event);
    }

    /// Carries the turn on as far as it goes without the world: to the next call that has to be
    /// carried out or asked about, to the next request, or to the turn's end.
    pub(crate) fn proceed(&mut self, cause: Seq) {
        let mut cause = cause;
        loop {
            let Some(turn) = &self.turn else { return };
            if turn.interrupt.is_some() {
                if !self.under_way() {
                    self.finish_interrupt();
                }
                return;
            }
            let Some(working) = turn.working() else { return };
            let Some(call) = working.due().cloned() else {
                return self.go_on(cause);
            };
            match self.consider(&call) {
                Some(ended) => cause = ended,
                None => return,
            }
        }
    }

    fn go_on(&mut self, cause: Seq) {
        let Some(turn) = &self.turn else { return };
        if let Some(message) = repeat::exhausted(turn) {
            return self.fail(cause, FailureKind::Policy, message);
        }
        if turn.awaits_answer() {
            self.request(cause);
        } else {
            let usage = turn.usage;
            self.emit(Author::Supervisor, Some(cause), Event::TurnCompleted { usage });
            self.leave_turn();
        }
    }

    /// Adds to a result what the model has to be told beside it.
    pub(crate) fn remarked(&self, output: String) -> String {
        match self.turn.as_ref().and_then(repeat::remark) {
            Some(remark) if output.is_empty() => remark,
            // Decided again from the journal, it is there already.
            Some(remark) if output.ends_with(&remark) => output,
            Some(remark) => format!("{}\n{remark}", output.trim_end_matches('\n')),
            None => output,
        }
    }

    /// Asks the model, with all that is pending.
    pub(crate) fn request(&mut self, cause: Seq) {
        self.attempt(self.session.requests.next(), 1, cause);
    }

    /// Sends a request, or sends it again.
    pub(crate) fn attempt(&mut self, request: RequestId, attempt: u32, cause: Seq) {
        let backend =
            self.settings().map_or(Backend::Stateless, |settings| settings.provider.backend);
        let previous = match backend {
            Backend::Responses => match &self.responded {
                Some(now) => now.clone(),
                None => self.session.transcript.last_response().map(str::to_owned),
            },
            Backend::Stateless => None,
        };
        let mut ahead = self.items.clone();
        ahead.extend(self.turn.as_ref().map(Turn::pending).unwrap_or_default());
        let session = self.session;
        let input = session.input_digest_ahead(self.opened(), backend, previous.as_deref(), &ahead);
        let event = Event::ModelRequested { request, attempt, backend, previous, input };
        self.emit(Author::Supervisor, Some(cause), event);
    }

    pub(crate) fn fail(&mut self, cause: Seq, kind: FailureKind, message: String) {
        self.emit(Author::Supervisor, Some(cause), Event::TurnFailed { kind, message });
        self.leave_turn();
    }

    /// Ends the turn: every call that has no end gets one, so that each has exactly one output.
    pub(crate) fn finish_interrupt(&mut self) {
        let Some((requested, reason)) = self.turn.as_ref().and_then(|turn| turn.interrupt) else {
            return;
        };
        self.end_calls(requested, Outcome::Interrupted, "aborted by the user");
        self.emit(Author::Supervisor, Some(requested), Event::TurnInterrupted { reason });
        self.leave_turn();
    }

    pub(crate) fn end_calls(&mut self, cause: Seq, outcome: Outcome, output: &str) {
        while let Some(call) = self.due() {
            let ended = Event::ToolFinished {
                call: call.id,
                attempt: 0,
                outcome: outcome.clone(),
                duration_ms: 0,
                output: output.into(),
                denial: None,
            };
            self.emit(Author::Supervisor, Some(cause), ended);
        }
    }

    pub(crate) fn due(&self) -> Option<Call> {
        self.turn.as_ref()?.working()?.due().cloned()
    }

    /// Gives what the session is opened with, as far as this decision has got.
    pub(crate) fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref().or(self.session.opened.as_ref())
    }

    /// Gives the settings that hold, as far as this decision has got.
    pub(crate) fn settings(&self) -> Option<&Settings> {
        self.opened().map(|opened| &opened.settings)
    }

    /// Leaves the turn, once its end has been decided.
    pub(crate) fn leave_turn(&mut self) {
        self.items.extend(self.turn.take().iter().flat_map(Turn::pending));
        self.chain.leave();
    }

    /// Adds an event to the decision and looks ahead.
    pub(crate) fn emit(&mut self, author: Author, cause: Option<Seq>, event: Event) -> Seq {
        if let Event::ModelResponded { response, .. } = &event {
            self.responded = Some(response.clone());
            let origin = self.opened().map(|opened| Arc::clone(&opened.origin)).unwrap_or_default();
            let asking = self.turn.as_ref().and_then(Turn::asking);
            let items = asking.into_iter().flat_map(|asking| &asking.items);
            self.items.extend(items.map(|item| item.entry(&origin)));
        }
        if let Event::ContextAdded { source, text } = &event {
            self.items.push(Entry::Context { source: *source, text: text.clone() });
        }
        if let Some(entry) = self.session.own_command_entry(&event) {
            match &mut self.turn {
                Some(turn) => turn.aside.push(entry),
                None => self.items.push(entry),
            }
        }
        if matches!(event, Event::SessionResumed { .. } | Event::SettingsChanged { .. }) {
            self.opened = self.opened().cloned();
            if let Some(opened) = &mut self.opened {
                opened.apply(&event);
            }
        }
        let seq = self.chain.next();
        if let Some(turn) = &mut self.turn {
            turn.apply(seq, &event);
        }
        self.chain.push(author, cause, event);
        seq
    }
}
