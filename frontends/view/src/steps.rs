//! What the model said and did, gathered from the many events that tell it.

mod output;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use codex_event::{
    CallId, Confinement, Denial, Envelope, Event, FileChange, Invocation, Outcome, Stored,
};

use crate::answers::{Answers, Pieces, Said, Told};
use crate::stored::{list, missing, words};
use output::Output;

/// One thing that the model said or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It said something to the user; never empty.
    Message(String),
    /// It told some of its reasoning; never empty.
    Reasoning(String),
    /// It said this to the user in an answer that was not complete when the turn ended; never empty.
    BrokenMessage(String),
    /// It told this of its reasoning in such an answer; never empty.
    BrokenReasoning(String),
    /// A tool call is about to be carried out. A call that was stopped by the sandbox may begin
    /// a second time.
    Began {
        /// The call.
        call: CallId,
        /// What it does.
        work: Work,
    },
    /// A tool call ended, or the attempt at it did.
    Ended {
        /// The call.
        call: CallId,
        /// What it did.
        work: Work,
        /// How it ended.
        end: End,
    },
}

impl Step {
    /// Tells whether it is of an answer that broke off.
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Step::BrokenMessage(_) | Step::BrokenReasoning(_) => true,
            Step::Message(_) | Step::Reasoning(_) | Step::Began { .. } | Step::Ended { .. } => {
                false
            }
        }
    }
}

/// What a tool call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Runs a program.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Folder to run in, as the model wrote it.
        workdir: Option<String>,
    },
    /// Changes files.
    Patch {
        /// What changes; empty while that is not known.
        changes: Vec<FileChange>,
    },
    /// Nothing: the call itself is at fault.
    Invalid,
}

/// How a tool call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The outcome; none when nobody knows it.
    pub outcome: Option<Outcome>,
    /// Whether this attempt was ever begun.
    pub began: bool,
    /// Whether an earlier attempt at the same call ended before.
    pub again: bool,
    /// What the command printed, with a remark where something was left out.
    pub output: String,
    /// What the model is told.
    pub told: String,
    /// Milliseconds that it took.
    pub duration_ms: u64,
    /// What the sandbox had to do with it.
    pub denial: Option<Denial>,
}

/// Folds events into steps.
///
/// Holds the answer that is coming in and the calls that have not ended, and nothing else: what a
/// command printed is dropped with its end, everything else at the latest with the turn's.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    answers: Answers,
    calls: HashMap<CallId, Call>,
}

#[derive(Clone, Debug)]
struct Call {
    work: Work,
    phase: Phase,
    again: bool,
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running { attempt: u32 },
}

impl Steps {
    /// Begins with steps that tell an answer which breaks off up to its last word, for which the text
    /// of an item is held before it is complete.
    pub(crate) fn to_the_last_word() -> Steps {
        Steps { answers: Answers::new(Pieces::Held), calls: HashMap::new() }
    }

    /// Takes the next event, and gives the steps that it completes.
    pub fn apply(&mut self, envelope: &Envelope) -> Vec<Step> {
        let Some(event) = envelope.event() else { return Vec::new() };
        let mut steps: Vec<Step> = self
            .answers
            .apply(event)
            .into_iter()
            .map(|told| match told {
                Told::Whole(Said::Message(text)) => Step::Message(text),
                Told::Whole(Said::Reasoning(text)) => Step::Reasoning(text),
                Told::Broken(Said::Message(text)) => Step::BrokenMessage(text),
                Told::Broken(Said::Reasoning(text)) => Step::BrokenReasoning(text),
            })
            .collect();
        steps.extend(self.apply_call(event));
        steps
    }

    fn apply_call(&mut self, event: &Event) -> Option<Step> {
        match event {
            Event::ToolCalled { call, invocation, .. } => {
                self.calls.insert(*call, Call::new(invocation));
                None
            }
            Event::ToolIntended { call, attempt, confinement } => {
                let there = self.calls.get_mut(call)?;
                there.phase = Phase::Running { attempt: *attempt };
                there.output = Output::default();
                match confinement {
                    Confinement::WritableRoots { changes, outside: _ } => {
                        there.work = Work::Patch { changes: list(changes).unwrap_or_default() };
                    }
                    Confinement::Sandbox { .. } | Confinement::None => {}
                }
                Some(Step::Began { call: *call, work: there.work.clone() })
            }
            Event::ToolOutput { call, attempt, skipped, bytes, .. } => {
                let there = self.calls.get_mut(call)?;
                if there.phase == (Phase::Running { attempt: *attempt }) {
                    there.output.push(*skipped, &bytes.0);
                }
                None
            }
            Event::ToolFinished { call, outcome, duration_ms, output, denial, .. } => {
                let mut there = self.calls.remove(call)?;
                let end = there.end(Some(outcome), words(output), *duration_ms, denial.clone());
                match outcome {
                    Outcome::Patched { changes } => {
                        if let Some(changes) = list(changes) {
                            there.work = Work::Patch { changes };
                        }
                    }
                    Outcome::Exited { .. }
                    | Outcome::Signalled { .. }
                    | Outcome::TimedOut
                    | Outcome::DiskFull { .. }
                    | Outcome::Interrupted
                    | Outcome::Refused
                    | Outcome::Invalid
                    | Outcome::PatchFailed
                    | Outcome::NotStarted { .. } => {}
                }
                let step = Step::Ended { call: *call, work: there.work.clone(), end };
                if denial.is_some() {
                    let work = there.work;
                    let output = Output::default();
                    let waiting = Call { work, phase: Phase::Waiting, again: true, output };
                    self.calls.insert(*call, waiting);
                }
                Some(step)
            }
            Event::ToolAbandoned { call, output } => {
                let mut there = self.calls.remove(call)?;
                let end = there.end(None, words(output), 0, None);
                Some(Step::Ended { call: *call, work: there.work, end })
            }
            // Whatever may still be retried is retried before the model is asked again.
            Event::ModelRequested { .. } => {
                self.calls.retain(|_, there| !there.again || there.phase != Phase::Waiting);
                None
            }
            Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. } => {
                self.calls.clear();
                None
            }
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
            | Event::TurnStarted { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolSpawned { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => None,
        }
    }

    /// Gives what an unfinished call does.
    pub fn work(&self, call: CallId) -> Option<&Work> {
        self.calls.get(&call).map(|there| &there.work)
    }
}

impl Call {
    fn new(invocation: &Invocation) -> Call {
        let work = match invocation {
            Invocation::Command { argv, workdir, .. } => {
                let argv = match argv {
                    Stored::Inline(argv) => argv.clone(),
                    Stored::Blob { digest, len } => vec![missing(&digest.to_string(), *len)],
                };
                Work::Command { argv, workdir: workdir.clone() }
            }
            Invocation::Patch { .. } => Work::Patch { changes: Vec::new() },
            Invocation::Invalid { .. } => Work::Invalid,
        };
        Call { work, phase: Phase::Waiting, again: false, output: Output::default() }
    }

    fn end(
        &mut self,
        outcome: Option<&Outcome>,
        told: String,
        duration_ms: u64,
        denial: Option<Denial>,
    ) -> End {
        End {
            outcome: outcome.cloned(),
            began: self.phase != Phase::Waiting,
            again: self.again,
            output: std::mem::take(&mut self.output).into_text(),
            told,
            duration_ms,
            denial,
        }
    }
}
