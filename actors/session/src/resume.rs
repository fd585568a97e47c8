//! Taking a session up again after its process ended.

use codex_event::{
    Arguments, Author, CallId, ContextSource, Event, FailureKind, Invocation, Outcome, PatchState,
    Question, Rejection, Resumption, Seq, Stored,
};

use crate::decide::Step;
use crate::grant::shown;
use crate::react::{BegunBy, Unfinished};
use crate::session::{CallState, Keeping, Phase, Turn};

/// What the model is told of a call whose end is not known.
const EFFECTS_UNKNOWN: &str = "The program ended while this call was running. Whether it took \
effect is not known, and it was not run again. Check the state of things before going on.";
/// What the model is told of a call that was running where the session was forked.
const BEGUN_BY_PARENT: &str = "This session was forked from another one while this call was \
running there, and it may have gone on there. Whether it took effect is not known, and it was not \
run again. Check the state of things before going on.";
/// What the model is told of a call that was received but never looked at.
const NEVER_READ: &str = "The program ended before this call was read, so it was not carried out. \
Call the tool again if it is still wanted.";
/// What the model is told of the calls behind one whose end is not known, when the turn stops.
const NOT_REACHED: &str = "The turn was stopped before this call, so it was not carried out.";
/// What the model is told of a patch that had been applied when the program ended.
const PATCH_FOUND_DONE: &str = "The program ended while this patch was being applied. It was \
applied whole: every file is as the patch leaves it.";

/// A call whose effects are not known, and what the model is told of it.
struct Lost {
    call: CallId,
    begun_by: BegunBy,
    told: Stored<String>,
}

impl Step<'_> {
    /// Continues from what the fold found: what is known stays, what is ambiguous is abandoned,
    /// and nothing that may have run is run again.
    pub(crate) fn resume(
        &mut self,
        author: Author,
        resumption: Resumption,
    ) -> Result<(), Rejection> {
        if resumption.input.as_ref().is_some_and(|input| input.trim().is_empty()) {
            return Err(Rejection::EmptyInput);
        }
        let lost = self.lost(&resumption);
        let named = self.named(&lost);
        let done = |id: CallId| patch_state(&resumption, id) == Some(&PatchState::After);
        let unfinished = self.session.unfinished();
        let recovered: Vec<CallId> =
            unfinished.iter().map(|it| it.call).filter(|id| done(*id)).collect();
        let retry = self.allowed_retry();
        let Resumption { program, patches, surroundings, settings, environment, input } =
            resumption;
        let last = self.session.last;
        let event = Event::SessionResumed {
            program,
            lost: lost.iter().map(|lost| lost.call).collect(),
            patches,
            surroundings: surroundings.map(Box::new),
        };
        let resumed = self.emit(author.clone(), (last.0 > 0).then_some(last), event);
        if let Some(settings) = settings {
            let backend = settings.provider.backend;
            let reason = "set when the session was resumed".to_owned();
            let settings = Some(Box::new(settings));
            let event = Event::SettingsChanged { backend, reason, settings };
            self.emit(author.clone(), Some(resumed), event);
        }
        self.lose_own_commands(&Author::Supervisor, Some(resumed));
        for call in recovered {
            self.recovered(call, resumed);
        }
        if let Some(call) = retry.filter(|_| self.asks()) {
            let reason = "it was allowed, and the program ended before it ran";
            self.ask(call, resumed, Question::RetryUnconfined, reason);
        }
        for Lost { call, told, .. } in lost {
            let event = Event::ToolAbandoned { call, output: told };
            self.emit(Author::Supervisor, Some(resumed), event);
        }
        self.go_on_from(author, resumed, named, environment, input);
        Ok(())
    }

    /// Goes on with the turn that was running, or begins the one that the input asks for.
    fn go_on_from(
        &mut self,
        author: Author,
        resumed: Seq,
        lost: Option<String>,
        environment: Option<String>,
        input: Option<String>,
    ) {
        self.refuse_unread();
        if self.turn.as_ref().is_some_and(|turn| turn.interrupt.is_some()) {
            self.finish_interrupt();
        }
        if self.turn.is_none() {
            if let Some(text) = environment {
                let source = ContextSource::Environment;
                let event = Event::ContextAdded { source, text: text.into() };
                self.emit(Author::Supervisor, Some(resumed), event);
            }
            if let Some(input) = input {
                self.begin_turn(author, Some(resumed), input);
            }
            return;
        }
        if let (Some(message), None) = (lost, &input) {
            return self.stop_at(resumed, message);
        }
        if let Some(input) = input {
            self.emit(author, Some(resumed), Event::InputQueued { input: input.into() });
        }
        match self.turn.as_ref().map(|turn| &turn.phase) {
            None => {}
            Some(Phase::Begun) => self.request(resumed),
            Some(Phase::Asking(asking)) => {
                let (request, attempt) = (asking.request, asking.attempt + 1);
                self.attempt(request, attempt, resumed);
            }
            Some(Phase::Working(_)) => {
                self.settle_unasked();
                self.settle_stranded();
                self.proceed(resumed);
            }
        }
    }

    /// Gives the calls whose effects are not known.
    fn lost(&self, resumption: &Resumption) -> Vec<Lost> {
        let unfinished = self.session.unfinished().into_iter();
        let told = |it: &Unfinished<'_>| match (patch_state(resumption, it.call), it.begun_by) {
            (_, BegunBy::Parent) => Some(BEGUN_BY_PARENT.into()),
            (Some(PatchState::Before | PatchState::After), BegunBy::This) => None,
            (Some(PatchState::Mixed { told }), BegunBy::This) => Some(told.clone()),
            (None, BegunBy::This) => Some(EFFECTS_UNKNOWN.into()),
        };
        let lost = |it: Unfinished<'_>| {
            Some(Lost { call: it.call, begun_by: it.begun_by, told: told(&it)? })
        };
        unfinished.filter_map(lost).collect()
    }

    /// Names the call that may run again outside of the sandbox, if that was the last word on it.
    fn allowed_retry(&self) -> Option<CallId> {
        let call = self.due()?;
        let again = call.keeping == Keeping::Journal;
        let allowed = matches!(call.state, CallState::Allowed { before: Some(_), .. });
        (again && allowed).then_some(call.id)
    }

    /// Says of the first of them that its effects are not known.
    fn named(&self, lost: &[Lost]) -> Option<String> {
        let Lost { call, begun_by, .. } = lost.first()?;
        let (invocation, _) = self.session.call(*call)?;
        let what = match invocation {
            Invocation::Command { argv, .. } => shown(argv),
            Invocation::Patch { .. } => "a patch".to_owned(),
            Invocation::Invalid { .. } => "a call".to_owned(),
        };
        let since = match begun_by {
            BegunBy::This => "the program ended",
            BegunBy::Parent => "the session was forked",
        };
        Some(format!(
            "{since} while this was running, and whether it took effect is not known: {what}"
        ))
    }

    /// Ends a patch that was applied before anybody could say so.
    fn recovered(&mut self, id: CallId, cause: Seq) {
        let Some(call) = self.due().filter(|call| call.id == id) else { return };
        let found = self.session.unfinished().into_iter().find(|it| it.call == id);
        let Some(changes) = found.and_then(|it| it.changes).cloned() else { return };
        let event = Event::ToolFinished {
            call: id,
            attempt: call.attempts,
            outcome: Outcome::Patched { changes },
            duration_ms: 0,
            output: PATCH_FOUND_DONE.into(),
            denial: None,
        };
        self.emit(Author::Supervisor, Some(cause), event);
    }

    /// Ends the turn where going on would be guessing; the next input goes on from here.
    fn stop_at(&mut self, resumed: Seq, message: String) {
        self.end_calls(resumed, Outcome::Interrupted, NOT_REACHED);
        self.fail(resumed, FailureKind::Ambiguous, message);
    }

    /// Answers the calls of the last response that nobody had read.
    fn refuse_unread(&mut self) {
        let Some(working) = self.turn.as_ref().and_then(Turn::working) else { return };
        let request = working.request;
        for item in working.uncalled.clone() {
            let invocation = Invocation::Invalid { message: NEVER_READ.into() };
            self.call_tool(request, &item, invocation, Arguments::Recorded);
        }
    }
}

fn patch_state(resumption: &Resumption, id: CallId) -> Option<&PatchState> {
    resumption.patches.iter().find(|patch| patch.call == id).map(|patch| &patch.state)
}
