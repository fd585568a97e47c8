//! What an answer covers beyond the call that it was given for.

use codex_event::{
    CallId, Digest, Event, Invocation, Permission, Question, Scope, Seq, Stored, Verdict,
};

use crate::Session;
use crate::policy::Granted;
use crate::session::{Call, CallState, Keeping, Opened, Turn};

/// A grant for the project that has yet to be written to the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwedGrant {
    pub(crate) call: CallId,
    /// The answer; with the session's id it tells this grant from every other.
    pub(crate) settled: Seq,
    pub(crate) prefix: Vec<String>,
    /// Folder of the call, as the model wrote it: the project is the one that it lies in.
    pub(crate) workdir: Option<String>,
}

/// Where a grant lets a command run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
}

impl Side {
    fn of(question: &Question) -> Option<Side> {
        match question {
            Question::Run => Some(Side::Inside),
            Question::RunUnconfined | Question::RetryUnconfined => Some(Side::Outside),
            Question::WriteOutside { .. } => None,
        }
    }
}

impl Session {
    /// Takes an answer into account that reaches beyond its call.
    pub(crate) fn take_grant(&mut self, seq: Seq, event: &Event) {
        let Event::ReviewSettled { call, verdict: Verdict::Allowed, scope } = event else { return };
        let working = self.turn.as_ref().and_then(Turn::working);
        let call = working.and_then(|it| it.calls.iter().find(|known| known.id == *call));
        let (Some(call), Some(opened)) = (call, &self.opened) else { return };
        let question = match &call.state {
            CallState::Asked { question, .. } => question,
            CallState::Called
            | CallState::Allowed { .. }
            | CallState::Refused { .. }
            | CallState::Intended { .. }
            | CallState::Ended(_) => return,
        };
        match scope {
            Scope::Once => {}
            Scope::Session => {
                self.grants.extend(Side::of(question).and_then(|side| key(opened, call, side)));
            }
            Scope::Project => {
                let Some(prefix) = prefix(call).filter(|_| *question == Question::Run) else {
                    return;
                };
                self.kept.insert(prefix_key(prefix, workdir(call)), None);
                let owed = OwedGrant {
                    call: call.id,
                    settled: seq,
                    prefix: prefix.to_vec(),
                    workdir: workdir(call).map(str::to_owned),
                };
                self.owed_grants.retain(|other| other.call != owed.call);
                self.owed_grants.push(owed);
            }
        }
    }

    pub(crate) fn grant_kept(&mut self, seq: Seq, call: CallId, error: Option<&str>) {
        let Some(at) = self.owed_grants.iter().position(|owed| owed.call == call) else { return };
        let owed = self.owed_grants.remove(at);
        if error.is_none() {
            self.kept.insert(prefix_key(&owed.prefix, owed.workdir.as_deref()), Some(seq));
        }
    }

    /// No call waits any more that came before a grant was written.
    pub(crate) fn leave_to_rules(&mut self) {
        self.kept.retain(|_, written| written.is_none());
    }

    /// Gives the grant of a call that is not written yet.
    pub(crate) fn owed_grant(&self, call: CallId) -> Option<&OwedGrant> {
        self.owed_grants.iter().find(|owed| owed.call == call)
    }

    /// Tells whether an earlier answer covers what this question asks about a call.
    pub(crate) fn covered(
        &self,
        opened: &Opened,
        call: &Call,
        question: &Question,
    ) -> Option<Granted> {
        let side = Side::of(question)?;
        if key(opened, call, side).is_some_and(|key| self.grants.contains(&key)) {
            return Some(Granted::Session);
        }
        let written = prefix(call)
            .and_then(|prefix| self.kept.get(&prefix_key(prefix, workdir(call))).copied());
        // What was known of a later call says itself whether the grant still stands.
        let kept = written.is_some_and(|written| written.is_none_or(|at| call.called < at));
        (side == Side::Inside && kept).then_some(Granted::Project)
    }
}

/// Names a command so that only the same one, held by the same, has that name.
///
/// A change of the folder, of what commands may do or of the plan is another command.
fn key(opened: &Opened, call: &Call, side: Side) -> Option<Digest> {
    let Invocation::Command { argv, workdir, .. } = &call.invocation else { return None };
    if call.keeping != Keeping::Journal {
        // With a marker in place of a secret, two commands look like one.
        return None;
    }
    let permissions: Vec<String> =
        opened.settings.permissions.iter().map(Permission::to_string).collect();
    let parts = (argv.digest(), &opened.cwd, workdir, permissions, opened.sandbox.plan, side);
    Some(Digest::of(format!("{parts:?}").as_bytes()))
}

/// Gives what "always" remembers of a call.
pub(crate) fn prefix(call: &Call) -> Option<&[String]> {
    match &call.invocation {
        Invocation::Command { assessment, .. } if call.keeping == Keeping::Journal => {
            assessment.as_ref()?.prefix.as_deref()
        }
        Invocation::Command { .. } | Invocation::Patch { .. } | Invocation::Invalid { .. } => None,
    }
}

fn workdir(call: &Call) -> Option<&str> {
    match &call.invocation {
        Invocation::Command { workdir, .. } => workdir.as_deref(),
        Invocation::Patch { .. } | Invocation::Invalid { .. } => None,
    }
}

fn prefix_key(prefix: &[String], workdir: Option<&str>) -> Digest {
    Digest::of(format!("{prefix:?} {workdir:?}").as_bytes())
}

/// Shows a command in a message, as far as it is short.
pub(crate) fn shown(argv: &Stored<Vec<String>>) -> String {
    match argv.inline() {
        Some(argv) => argv.join(" ").chars().take(SHOWN).collect(),
        None => "a long command".to_owned(),
    }
}

/// Longest part of a command line that a message shows, in characters.
const SHOWN: usize = 80;
