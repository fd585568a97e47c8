//! The gate: which calls may go on, which have to be asked about, and what an answer leads to.

use codex_event::{
    ApprovalPolicy, Arguments, Author, CallId, Confinement, Denial, Event, FailureKind, FileChange,
    Invocation, Outcome, Permission, Question, Rejection, Scope, Seq, Stored, Verdict,
};

use crate::decide::Step;
use crate::grant::shown;
use crate::policy::{self, Facts, Hold, Rule, Why};
use crate::repeat;
use crate::report::PatchPlan;
use crate::session::{Call, CallState, Keeping, Turn};

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
                let hold = match question {
                    Question::Run => Hold::Whole,
                    Question::RunUnconfined | Question::RetryUnconfined => Hold::Nothing,
                    // Asked of patches alone, which are held against the files again.
                    Question::WriteOutside { .. } => return None,
                };
                self.intend(call, *settled, hold);
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
            Invocation::Command { .. } => self.assess_command(call),
        }
    }

    fn assess_command(&mut self, call: &Call) -> Option<Seq> {
        let question = self.question(call);
        match self.command_rule(call, &question) {
            Rule::Allow { rule, hold } => {
                let settled = self.allow(call.id, call.called, &rule);
                self.intend(call, settled, hold);
                None
            }
            Rule::Ask { reason } => {
                self.ask(call.id, call.called, question, &reason);
                None
            }
            Rule::Refuse { rule, why } => {
                let words = refusal(call, &why);
                let settled = self.deny(call, &rule, &words);
                Some(self.refuse(call.id, settled, &words))
            }
        }
    }

    /// Gives what is asked about a command, if anything is.
    fn question(&self, call: &Call) -> Question {
        match &call.invocation {
            Invocation::Command { escalation: Some(_), .. } if !self.unconfined() => {
                Question::RunUnconfined
            }
            Invocation::Command { .. } | Invocation::Patch { .. } | Invocation::Invalid { .. } => {
                Question::Run
            }
        }
    }

    fn command_rule(&self, call: &Call, question: &Question) -> Rule {
        let Invocation::Command { safety, escalation, assessment, .. } = &call.invocation else {
            return Rule::Ask { reason: "it is no command".to_owned() };
        };
        let leaves = *question == Question::RunUnconfined;
        let granted = self.opened().and_then(|opened| self.session.covered(opened, call, question));
        policy::command(&Facts {
            policy: self.policy(),
            safety: *safety,
            ruling: assessment.as_ref().and_then(|it| it.ruling.as_ref()),
            escalation: escalation.as_ref().filter(|_| leaves),
            granted,
        })
    }

    /// Judges a patch that was held against the files.
    pub(crate) fn patch_planned(&mut self, id: CallId, plan: PatchPlan) -> Result<(), Rejection> {
        let call = self.due().filter(|call| call.id == id).ok_or(Rejection::Stale)?;
        if !matches!(call.invocation, Invocation::Patch { .. }) {
            return Err(Rejection::Stale);
        }
        let (settled, may_leave) = match &call.state {
            CallState::Called => (None, &[][..]),
            CallState::Allowed { settled, question: Question::WriteOutside { paths }, .. } => {
                (Some(*settled), &paths[..])
            }
            CallState::Allowed {
                settled,
                question: Question::Run | Question::RunUnconfined | Question::RetryUnconfined,
                ..
            } => (Some(*settled), &[][..]),
            CallState::Asked { .. }
            | CallState::Refused { .. }
            | CallState::Intended { .. }
            | CallState::Ended(_) => return Err(Rejection::Stale),
        };
        // Whoever planned it: nothing is written outside that nobody has agreed to.
        let strays = |plan: &PatchPlan| match plan {
            PatchPlan::Ready { outside, .. } => {
                outside.iter().find(|path| !may_leave.contains(path)).cloned()
            }
            PatchPlan::Outside { .. } | PatchPlan::Failed { .. } => None,
        };
        let plan = match strays(&plan) {
            Some(path) => PatchPlan::Outside {
                paths: Vec::new(),
                message: format!("patch rejected: writing to {path} was not allowed"),
            },
            None => plan,
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
            PatchPlan::Outside { paths, message } => match (settled, self.asks()) {
                (None, true) if !paths.is_empty() => {
                    let question = Question::WriteOutside { paths };
                    self.ask(id, call.called, question, &message);
                }
                // What was allowed leads elsewhere by now, or nobody is asked.
                (Some(_) | None, _) => {
                    let settled = self.deny(&call, "writable-roots", &message);
                    let ended = self.refuse(id, settled, &rejected(&message));
                    self.proceed(ended);
                }
            },
            PatchPlan::Ready { changes, outside } => match (settled, self.policy()) {
                (Some(settled), _) => self.intend_patch(&call, settled, changes, outside),
                (
                    None,
                    policy @ (ApprovalPolicy::Never
                    | ApprovalPolicy::OnFailure
                    | ApprovalPolicy::OnRequest),
                ) => {
                    let settled = self.allow(id, call.called, policy.as_str());
                    self.intend_patch(&call, settled, changes, outside);
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
        let CallState::Asked { question, asked, before } = &call.state else {
            return Err(waits());
        };
        let arguments = match call.keeping {
            Keeping::Journal => Arguments::Recorded,
            Keeping::Process | Keeping::Nobody => Arguments::Concealed,
        };
        if verdict == Verdict::Allowed
            && let Some(words) = question.too_wide(scope, &call.invocation, arguments)
        {
            return Err(Rejection::TooWide(words.to_owned()));
        }
        let event = Event::ReviewSettled { call: id, verdict: verdict.clone(), scope };
        let settled = self.emit(author.clone(), Some(*asked), event);
        match verdict {
            Verdict::Allowed => {}
            Verdict::Denied { reason } => match before {
                None => drop(self.refuse(id, settled, &reason)),
                // What came of the first attempt stands; the words reach the model behind it.
                Some(_) => {
                    let input = reason.into();
                    self.emit(author, Some(settled), Event::InputQueued { input });
                }
            },
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
    /// nobody: what needs no answer may go on, inside of the sandbox.
    pub(crate) fn settle_unasked(&mut self) {
        let Some(call) = self.due().filter(|_| !self.asks()) else { return };
        let CallState::Asked { question, asked, before } = &call.state else { return };
        let words = match (&call.invocation, question, before) {
            (Invocation::Command { .. }, _, Some(_)) => Some(NOBODY_ASKED.to_owned()),
            (Invocation::Command { .. }, question, None) => {
                match self.command_rule(&call, question) {
                    Rule::Allow { .. } => None,
                    Rule::Ask { .. } => Some(NOBODY_ASKED.to_owned()),
                    Rule::Refuse { why, .. } => Some(refusal(&call, &why)),
                }
            }
            (Invocation::Patch { .. } | Invocation::Invalid { .. }, Question::Run, _) => None,
            (
                Invocation::Patch { .. } | Invocation::Invalid { .. },
                Question::WriteOutside { .. } | Question::RunUnconfined | Question::RetryUnconfined,
                _,
            ) => Some(NOBODY_ASKED.to_owned()),
        };
        match words {
            None => drop(self.allow(call.id, *asked, "never")),
            Some(reason) => {
                let verdict = Verdict::Denied { reason: reason.clone() };
                let event = Event::ReviewSettled { call: call.id, verdict, scope: Scope::Once };
                let settled = self.emit(Author::Policy("never".to_owned()), Some(*asked), event);
                // What was denied after a first attempt keeps the end of that.
                if before.is_none() {
                    self.refuse(call.id, settled, &reason);
                }
            }
        }
    }

    /// Tells whether there are calls that somebody is asked about.
    pub(crate) fn asks(&self) -> bool {
        policy::asks(self.policy())
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
        let (Some(denial), ApprovalPolicy::OnFailure, true) = (denial, self.policy(), first) else {
            return;
        };
        if self.unconfined() {
            return;
        }
        let reason = match &denial.denied {
            Some(denied) => format!("the sandbox denied {denied}: {}", denial.evidence),
            None => format!("the sandbox stopped it: {}", denial.evidence),
        };
        let question = Question::RetryUnconfined;
        let call = self
            .turn
            .as_ref()
            .and_then(Turn::working)
            .and_then(|working| working.calls.iter().find(|call| call.id == id).cloned());
        let granted = call
            .as_ref()
            .zip(self.opened())
            .and_then(|(call, opened)| self.session.covered(opened, call, &question));
        let asked = self.ask(id, finished, question, &reason);
        if let Some(granted) = granted {
            // Asked and answered at once, so that the journal says what was allowed and why.
            self.allow(id, asked, granted.rule());
        }
    }

    fn intend(&mut self, call: &Call, settled: Seq, hold: Hold) {
        let sandbox = self.opened().map(|opened| &opened.sandbox);
        let confinement = match (&call.invocation, hold, sandbox) {
            // Held against the files again, since they may have changed while somebody was asked.
            (Invocation::Patch { .. } | Invocation::Invalid { .. }, _, _) => return,
            (Invocation::Command { .. }, Hold::Nothing, _) => Confinement::None,
            (Invocation::Command { .. }, _, _) if self.unconfined() => Confinement::None,
            (Invocation::Command { .. }, Hold::Narrow, Some(sandbox)) => {
                Confinement::Sandbox { plan: sandbox.narrow.unwrap_or(sandbox.plan) }
            }
            (Invocation::Command { .. }, Hold::Whole, Some(sandbox)) => {
                Confinement::Sandbox { plan: sandbox.plan }
            }
            // Without a plan there is no session, and nothing to run in it.
            (Invocation::Command { .. }, Hold::Whole | Hold::Narrow, None) => return,
        };
        let attempt = call.attempts + 1;
        let event = Event::ToolIntended { call: call.id, attempt, confinement };
        self.emit(Author::Supervisor, Some(settled), event);
    }

    fn intend_patch(
        &mut self,
        call: &Call,
        settled: Seq,
        changes: Vec<FileChange>,
        outside: Vec<String>,
    ) {
        let confinement = Confinement::WritableRoots { changes: changes.into(), outside };
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

    pub(crate) fn ask(
        &mut self,
        call: CallId,
        cause: Seq,
        question: Question,
        reason: &str,
    ) -> Seq {
        let event = Event::ReviewAsked { call, question, reason: reason.to_owned() };
        self.emit(Author::Supervisor, Some(cause), event)
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

/// Words what the model is told of a command that may not run.
fn refusal(call: &Call, why: &Why) -> String {
    match why {
        Why::Forbidden(words) => {
            let command = match &call.invocation {
                Invocation::Command { argv, .. } => shown(argv),
                Invocation::Patch { .. } | Invocation::Invalid { .. } => "the call".to_owned(),
            };
            format!("`{command}` rejected: {words}")
        }
        Why::Unasked(None) => UNASKED.to_owned(),
        Why::Unasked(Some(words)) => format!("{UNASKED}: {words}"),
        Why::Escalated => ESCALATED.to_owned(),
    }
}

/// Words what the model is told of a patch that may not be applied.
fn rejected(message: &str) -> String {
    match message.starts_with(REJECTED) {
        true => message.to_owned(),
        false => format!("{REJECTED}{message}; writing there is not allowed"),
    }
}

const REJECTED: &str = "patch rejected: ";
const REFUSED: &str = "refused by the user";
const NOBODY_ASKED: &str = "nobody is asked any more";
// The words that models know from the program that this one is a drop-in for.
const UNASKED: &str = "approval required by policy, but AskForApproval is set to Never";
const ESCALATED: &str = "approval policy is Never; reject command — you cannot ask for escalated \
permissions if the approval policy is Never";
/// What the model is told of a call whose arguments went with the process that got it.
const STRANDED: &str = "The arguments of this call hold a secret, which is kept nowhere. The program \
ended before the call was carried out, so it was not carried out. Call the tool again if it is still \
wanted.";
