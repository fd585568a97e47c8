//! The lines that `--json` prints: one JSON object for each step of a session.

mod line;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use codex_event::{CallId, Envelope, Event, Outcome, RetryBudget, Usage};

use crate::command_line;
use crate::finale::interruption;
use crate::steps::{End, Step, Steps, Work};
use line::{Change, CommandStatus, Failure, Item, ItemBody, Line, PatchStatus};

/// Folds hydrated events into lines.
///
/// Fed with a whole journal it gives what all of the session's processes printed, one after the
/// other: a resume begins a thread and its item numbers anew, while usage goes on adding up. A
/// process that resumes a session therefore feeds it the older events as well, and prints from its
/// own first event on.
#[derive(Clone, Debug, Default)]
pub struct Jsonl {
    steps: Steps,
    items: u64,
    running: HashMap<CallId, u64>,
    usage: Usage,
}

impl Jsonl {
    /// Takes the next event, and gives its lines, without line breaks.
    pub fn apply(&mut self, envelope: &Envelope) -> Vec<String> {
        let Some(event) = envelope.event() else { return Vec::new() };
        let mut lines = Vec::new();
        match event {
            Event::SessionOpened { .. } | Event::SessionResumed { .. } => {
                self.items = 0;
                self.running.clear();
                lines.push(Line::ThreadStarted { thread_id: envelope.session }.to_json());
            }
            Event::TurnStarted { .. } => lines.push(Line::TurnStarted.to_json()),
            Event::ModelResponded { usage, .. } => self.usage += *usage,
            Event::ModelAttemptFailed { fault, retry: Some(retry), .. }
                if retry.budget == RetryBudget::Stream =>
            {
                let message =
                    format!("Reconnecting... {}/{} ({})", retry.number, retry.of, fault.message);
                lines.push(Line::Error { message: &message }.to_json());
            }
            Event::TurnCompleted { usage } => {
                lines.push(Line::TurnCompleted { usage: self.usage, turn_usage: *usage }.to_json())
            }
            Event::TurnFailed { message, .. } => {
                lines.push(Line::Error { message }.to_json());
                lines.push(Line::TurnFailed { error: Failure { message } }.to_json());
            }
            Event::TurnInterrupted { reason } => {
                let error = Failure { message: interruption(*reason) };
                lines.push(Line::TurnFailed { error }.to_json());
            }
            Event::SettingsChanged { .. }
            | Event::SessionForked { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
        for step in self.steps.apply(envelope) {
            lines.extend(self.line(step));
        }
        lines
    }

    fn line(&mut self, step: Step) -> Option<String> {
        match step {
            Step::Message(text) => Some(self.completed(ItemBody::AgentMessage { text: &text })),
            Step::Reasoning(text) => Some(self.completed(ItemBody::Reasoning { text: &text })),
            // An item is told once its answer is complete.
            Step::BrokenMessage(_) | Step::BrokenReasoning(_) => None,
            Step::Began { call, work } => {
                let body = match &work {
                    Work::Command { argv, .. } => ItemBody::CommandExecution {
                        command: command_line(argv),
                        aggregated_output: "",
                        exit_code: None,
                        status: CommandStatus::InProgress,
                    },
                    Work::Patch { changes } => ItemBody::FileChange {
                        changes: changes.iter().map(Change::of).collect(),
                        status: PatchStatus::InProgress,
                    },
                    Work::Invalid => return None,
                };
                let number = self.number();
                self.running.insert(call, number);
                Some(Line::ItemStarted { item: Item::new(number, body) }.to_json())
            }
            Step::Ended { call, work, end } => {
                let begun = self.running.remove(&call);
                let body = match &work {
                    Work::Command { argv, .. } => command_ended(argv, &end)?,
                    Work::Patch { changes } => ItemBody::FileChange {
                        changes: changes.iter().map(Change::of).collect(),
                        status: patch_status(&end)?,
                    },
                    Work::Invalid => return None,
                };
                let number = begun.unwrap_or_else(|| self.number());
                Some(Line::ItemCompleted { item: Item::new(number, body) }.to_json())
            }
        }
    }

    fn completed(&mut self, body: ItemBody<'_>) -> String {
        Line::ItemCompleted { item: Item::new(self.number(), body) }.to_json()
    }

    fn number(&mut self) -> u64 {
        let number = self.items;
        self.items += 1;
        number
    }
}

/// Gives the item of a command that ended; none for one that nobody ever heard of.
fn command_ended<'a>(argv: &[String], end: &'a End) -> Option<ItemBody<'a>> {
    let mut output = end.output.as_str();
    let status = match &end.outcome {
        Some(Outcome::Exited { code: 0 }) => CommandStatus::Completed,
        Some(Outcome::Refused) if end.again => return None,
        Some(Outcome::Refused) => CommandStatus::Declined,
        Some(Outcome::NotStarted { reason }) => {
            if output.is_empty() {
                output = reason;
            }
            CommandStatus::Failed
        }
        Some(Outcome::Invalid) => return None,
        Some(Outcome::Interrupted) | None if !end.began => return None,
        Some(
            Outcome::Exited { .. }
            | Outcome::Signalled { .. }
            | Outcome::TimedOut
            | Outcome::DiskFull { .. }
            | Outcome::Interrupted
            | Outcome::Patched { .. }
            | Outcome::PatchFailed,
        )
        | None => CommandStatus::Failed,
    };
    Some(ItemBody::CommandExecution {
        command: command_line(argv),
        aggregated_output: output,
        exit_code: end.outcome.as_ref().and_then(Outcome::exit_code),
        status,
    })
}

/// Gives the status of a patch that ended; none for one that was never more than a mistake.
fn patch_status(end: &End) -> Option<PatchStatus> {
    match &end.outcome {
        Some(Outcome::Patched { .. }) => Some(PatchStatus::Completed),
        Some(Outcome::Refused) => Some(PatchStatus::Failed),
        Some(
            Outcome::PatchFailed
            | Outcome::Interrupted
            | Outcome::NotStarted { .. }
            | Outcome::Exited { .. }
            | Outcome::Signalled { .. }
            | Outcome::TimedOut
            | Outcome::DiskFull { .. },
        )
        | None => end.began.then_some(PatchStatus::Failed),
        Some(Outcome::Invalid) => None,
    }
}
