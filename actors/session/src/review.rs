//! The gate: which calls may go on, which have to be asked about, and what an answer leads to.

use codex_event::{
    ApprovalPolicy, Author, CallId, Confinement, Denial, Event, FailureKind, FileChange,
    Invocation, Outcome, Permission, Question, Rejection, Safety, Scope, Seq, Stored, Verdict,
};

use crate::decide::Step;
use crate::repeat;
use crate::report::PatchPlan;
use crate::session::{Call, CallState};

/// What the policy says of a call, and the rule that says it.
enum Rule {
    Allow(&'static str),
    Ask(&'static str),
}

impl Step<'_> {
    /// Takes the call whose turn it is one step on, if that needs nobody.
    ///
    /// Gives the position of the call's end when that is reached; none when the call now waits.
    pub(crate) fn consider(&mut self, call: &Call) -> Option<Seq> {
        if call.is_stranded() && !matches!(call.state, CallState::Refused { .. }) {
            return self.give_up(call);
        }
        match &call.state {
            CallState::Called => self.assess(call),
            CallState::Allowed { settled, question, .. } => {
                self.intend(call, *settled, question);
                None
            }
            CallState::Refused { settled, .. } => Some(self.refuse(call.id, *settled, REFUSED)),
            CallState::Asked { .. } | CallState::Intended { .. } | CallState::Ended(_) => None,
        }
    }

    /// Ends a call that nobody can carry out any more; one that is under way ends by itself.
    fn give_up(&mut self, call: &Call) -> Option<Seq> {
        let cause = match &call.state {
            CallState::Called => call.called,
            CallState::Asked { asked: cause, .. } | CallState::Allowed { settled: cause, .. } => {
                *cause
            }
            CallState::Refused { .. } | CallState::Intended { .. } | CallState::Ended(_) => {
                return None;
            }
        };
        let event = Event::ToolFinished {
            call: call.id,
            attempt: 0,
            outcome: Outcome::NotStarted { reason: STRANDED.to_owned() },
            duration_ms: 0,
            output: self.remarked(STRANDED.to_owned()).into(),
            denial: None,
        };
        Some(self.emit(Author::Supervisor, Some(cause), event))
    }

    /// Takes back the offer to run a command once more that nobody can run any more; what came of it
    /// the first time stands.
    pub(crate) fn settle_stranded(&mut self) {
        let Some(call) = self.due().filter(Call::is_stranded) else { return };
        let CallState::Asked { asked, before: Some(_), .. } = call.state else { return };
        let verdict = Verdict::Denied { reason: STRANDED.to_owned() };
        let event = Event::ReviewSettled { call: call.id, verdict, scope: Scope::Once };
        self.emit(Author::Policy("concealed".to_owned()), Some(asked), event);
    }

    fn assess(&mut self, call: &Call) -> Option<Seq> {
        if let Some(reason) = self.turn.as_ref().and_then(repeat::refusal) {
            let settled = self.deny(call, "repeated-call", &reason);
            return Some(self.refuse(call.id, settled, &reason));
        }
        match &call.invocation {
            Invocation::Invalid { message } => {
                let event = Event::ToolFinished {
                    call: call.id,
                    attempt: 0,
                    outcome: Outcome::Invalid,
                    duration_ms: 0,
                    output: match message {
                        Stored::Inline(message) => self.remarked(message.clone()).into(),
                        Stored::Blob { .. } => message.clone(),
                    },
                    denial: None,
                };
                Some(self.emit(Author::Supervisor, Some(call.called), event))
            }
            // Files have to be looked at first.
            Invocation::Patch { .. } => None,
            Invocation::Command { argv, safety, .. } => {
                let granted = self.session.grants.contains(&argv.digest());
                match self.command_rule(*safety, granted) {
                    Rule::Allow(rule) => {
                        let settled = self.allow(call.id, call.called, rule);
                        self.intend(call, settled, &Question::Run);
                    }
                    Rule::Ask(reason) => self.ask(call.id, call.called, Question::Run, reason),
                }
                None
            }
        }
    }

    fn command_rule(&self, safety: Safety, granted: bool) -> Rule {
        match self.policy() {
            ApprovalPolicy::Never => Rule::Allow("never"),
            ApprovalPolicy::OnFailure => Rule::Allow("on-failure"),
            ApprovalPolicy::OnRequest => Rule::Allow("on-request"),
            ApprovalPolicy::UnlessAllowListed if granted => Rule::Allow("granted-for-session"),
            ApprovalPolicy::UnlessAllowListed => match safety {
                Safety::KnownSafe => Rule::Allow("known-safe"),
                Safety::Unknown => Rule::Ask("the command is not known to be safe"),
            },
        }
    }

    /// Judges a patch that was held against the files.
    pub(crate) fn patch_planned(&mut self, id: CallId, plan: PatchPlan) -> Result<(), Rejection> {
        let call = self.due().filter(|call| call.id == id).ok_or(Rejection::Stale)?;
        if !matches!(call.invocation, Invocation::Patch { .. }) {
            return Err(Rejection::Stale);
        }
        let settled = match &call.state {
            CallState::Called => None,
            CallState::Allowed { settled, .. } => Some(*settled),
            CallState::Asked { .. }
            | CallState::Refused { .. }
            | CallState::Intended { .. }
            | CallState::Ended(_) => return Err(Rejection::Stale),
        };
        match plan {
            PatchPlan::Failed { message } => {
                let event = Event::ToolFinished {
                    call: id,
                    attempt: 0,
                    outcome: Outcome::PatchFailed,
                    duration_ms: 0,
                    output: self.remarked(message).into(),
                    denial: None,
                };
                let ended = self.emit(Author::Supervisor, Some(call.called), event);
                self.proceed(ended);
            }
            PatchPlan::Outside { message } => {
                let settled = self.deny(&call, "writable-roots", &message);
                let ended = self.refuse(id, settled, &message);
                self.proceed(ended);
            }
            PatchPlan::Ready { changes } => match (settled, self.policy()) {
                (Some(settled), _) => self.intend_patch(&call, settled, changes),
                (None, ApprovalPolicy::Never) => {
                    let settled = self.allow(id, call.called, "never");
                    self.intend_patch(&call, settled, changes);
                }
                (None, ApprovalPolicy::OnFailure) => {
                    let settled = self.allow(id, call.called, "on-failure");
                    self.intend_patch(&call, settled, changes);
                }
                (None, ApprovalPolicy::OnRequest) => {
                    let settled = self.allow(id, call.called, "on-request");
                    self.intend_patch(&call, settled, changes);
                }
                (None, ApprovalPolicy::UnlessAllowListed) => {
                    let reason = "the patch changes files";
                    self.ask(id, call.called, Question::Run, reason);
                }
            },
        }
        Ok(())
    }

    /// Takes an answer to the question that a call waits for.
    pub(crate) fn settle(
        &mut self,
        author: Author,
        id: CallId,
        verdict: Verdict,
        scope: Scope,
    ) -> Result<(), Rejection> {
        let waits = || Rejection::NoSuchReview(id);
        let call = self.due().filter(|call| call.id == id).ok_or_else(waits)?;
        let CallState::Asked { asked, before, .. } = &call.state else { return Err(waits()) };
        let event = Event::ReviewSettled { call: id, verdict: verdict.clone(), scope };
        let settled = self.emit(author, Some(*asked), event);
        match verdict {
            Verdict::Allowed => {}
            Verdict::Denied { reason } => {
                if before.is_none() {
                    self.refuse(id, settled, &reason);
                }
            }
            Verdict::Aborted => {
                self.end_calls(settled, Outcome::Refused, "the user stopped the turn");
                let message = "stopped by the user".to_owned();
                self.fail(settled, FailureKind::Policy, message);
                return Ok(());
            }
        }
        self.proceed(settled);
        Ok(())
    }

    /// Settles the question that a call still waits for, where the policy has become one that asks
    /// nobody: what it asked for may go on, inside of the sandbox.
    pub(crate) fn settle_unasked(&mut self) {
        let Some(call) = self.due().filter(|_| !self.asks()) else { return };
        let CallState::Asked { question, asked, .. } = call.state else { return };
        match question {
            Question::Run => self.allow(call.id, asked, "never"),
            Question::RetryUnconfined | Question::RunUnconfined | Question::WriteOutside { .. } => {
                let reason = "nobody is asked any more".to_owned();
                let verdict = Verdict::Denied { reason };
                let event = Event::ReviewSettled { call: call.id, verdict, scope: Scope::Once };
                self.emit(Author::Policy("never".to_owned()), Some(asked), event)
            }
        };
    }

    /// Tells whether there are calls that somebody is asked about.
    pub(crate) fn asks(&self) -> bool {
        match self.policy() {
            ApprovalPolicy::Never => false,
            ApprovalPolicy::OnFailure
            | ApprovalPolicy::OnRequest
            | ApprovalPolicy::UnlessAllowListed => true,
        }
    }

    /// Offers to run a command again without the sandbox that stopped it, where the policy does.
    pub(crate) fn offer_retry(
        &mut self,
        id: CallId,
        attempt: u32,
        denial: Option<Denial>,
        finished: Seq,
    ) {
        let interrupted = self.turn.as_ref().is_some_and(|turn| turn.interrupt.is_some());
        let first = attempt == 1 && !interrupted;
        if let (Some(denial), ApprovalPolicy::OnFailure, true) = (denial, self.policy(), first)
            && !self.unconfined()
        {
            let reason = format!("the sandbox stopped it: {}", denial.evidence);
            self.ask(id, finished, Question::RetryUnconfined, &reason);
        }
    }

    fn intend(&mut self, call: &Call, settled: Seq, question: &Question) {
        let plan = self.opened().map(|opened| opened.sandbox.plan);
        let confinement = match (&call.invocation, question, plan) {
            // Held against the files again, since they may have changed while somebody was asked.
            (Invocation::Patch { .. } | Invocation::Invalid { .. }, _, _) => return,
            (
                Invocation::Command { .. },
                Question::RetryUnconfined | Question::RunUnconfined,
                _,
            ) => Confinement::None,
            (Invocation::Command { .. }, Question::Run, Some(plan)) if !self.unconfined() => {
                Confinement::Sandbox { plan }
            }
            (Invocation::Command { .. }, Question::Run, _) => Confinement::None,
            // Asked of patches alone.
            (Invocation::Command { .. }, Question::WriteOutside { .. }, _) => return,
        };
        let attempt = call.attempts + 1;
        let event = Event::ToolIntended { call: call.id, attempt, confinement };
        self.emit(Author::Supervisor, Some(settled), event);
    }

    fn intend_patch(&mut self, call: &Call, settled: Seq, changes: Vec<FileChange>) {
        let confinement =
            Confinement::WritableRoots { changes: changes.into(), outside: Vec::new() };
        let attempt = call.attempts + 1;
        let event = Event::ToolIntended { call: call.id, attempt, confinement };
        self.emit(Author::Supervisor, Some(settled), event);
    }

    fn allow(&mut self, call: CallId, cause: Seq, rule: &str) -> Seq {
        let event = Event::ReviewSettled { call, verdict: Verdict::Allowed, scope: Scope::Once };
        self.emit(Author::Policy(rule.to_owned()), Some(cause), event)
    }

    fn deny(&mut self, call: &Call, rule: &str, reason: &str) -> Seq {
        let verdict = Verdict::Denied { reason: reason.to_owned() };
        let event = Event::ReviewSettled { call: call.id, verdict, scope: Scope::Once };
        self.emit(Author::Policy(rule.to_owned()), Some(call.called), event)
    }

    pub(crate) fn ask(&mut self, call: CallId, cause: Seq, question: Question, reason: &str) {
        let event = Event::ReviewAsked { call, question, reason: reason.to_owned() };
        self.emit(Author::Supervisor, Some(cause), event);
    }

    fn refuse(&mut self, call: CallId, cause: Seq, output: &str) -> Seq {
        let event = Event::ToolFinished {
            call,
            attempt: 0,
            outcome: Outcome::Refused,
            duration_ms: 0,
            output: output.into(),
            denial: None,
        };
        self.emit(Author::Supervisor, Some(cause), event)
    }

    // Without settings there is no session; asking is the answer that gives nothing away.
    fn policy(&self) -> ApprovalPolicy {
        self.settings()
            .map_or(ApprovalPolicy::UnlessAllowListed, |settings| settings.approval_policy)
    }

    fn unconfined(&self) -> bool {
        self.settings().is_some_and(|settings| Permission::is_unconfined(&settings.permissions))
    }
}

const REFUSED: &str = "refused by the user";
/// What the model is told of a call whose arguments went with the process that got it.
const STRANDED: &str = "The arguments of this call hold a secret, which is kept nowhere. The program \
ended before the call was carried out, so it was not carried out. Call the tool again if it is still \
wanted.";
