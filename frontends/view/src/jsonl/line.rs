//! The shapes of the lines. The order of fields is the order on the wire.

use codex_event::{ChangeKind, FileChange, SessionId, Usage};
use serde::Serialize;

/// One line.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Line<'a> {
    #[serde(rename = "thread.started")]
    ThreadStarted { thread_id: SessionId },
    #[serde(rename = "turn.started")]
    TurnStarted,
    #[serde(rename = "item.started")]
    ItemStarted { item: Item<'a> },
    #[serde(rename = "item.completed")]
    ItemCompleted { item: Item<'a> },
    /// `usage` is the thread's so far, as other programs expect it; `turn_usage` is our addition.
    #[serde(rename = "turn.completed")]
    TurnCompleted { usage: Usage, turn_usage: Usage },
    #[serde(rename = "turn.failed")]
    TurnFailed { error: Failure<'a> },
    #[serde(rename = "error")]
    Error { message: &'a str },
}

#[derive(Serialize)]
pub(super) struct Failure<'a> {
    pub(super) message: &'a str,
}

#[derive(Serialize)]
pub(super) struct Item<'a> {
    id: String,
    #[serde(flatten)]
    body: ItemBody<'a>,
}

/// To add an item type, begin here.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ItemBody<'a> {
    AgentMessage {
        text: &'a str,
    },
    Reasoning {
        text: &'a str,
    },
    CommandExecution {
        command: String,
        aggregated_output: &'a str,
        exit_code: Option<i32>,
        status: CommandStatus,
    },
    FileChange {
        changes: Vec<Change<'a>>,
        status: PatchStatus,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CommandStatus {
    InProgress,
    Completed,
    Failed,
    Declined,
}

/// Clients know no `declined` here.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PatchStatus {
    InProgress,
    Completed,
    Failed,
}

#[derive(Serialize)]
pub(super) struct Change<'a> {
    path: &'a str,
    kind: ChangeKind,
}

impl Line<'_> {
    pub(super) fn to_json(&self) -> String {
        let line = serde_json::to_string(self).expect("lines are plain data with text keys");
        // A person may look on: JSON leaves much of what terminals act on as it is.
        match crate::sanitize::json(&line) {
            std::borrow::Cow::Borrowed(_) => line,
            std::borrow::Cow::Owned(escaped) => escaped,
        }
    }
}

impl<'a> Item<'a> {
    pub(super) fn new(number: u64, body: ItemBody<'a>) -> Item<'a> {
        Item { id: format!("item_{number}"), body }
    }
}

impl<'a> Change<'a> {
    /// Shows a move as an update of the old path: clients know no other kind for it.
    pub(super) fn of(change: &'a FileChange) -> Change<'a> {
        Change { path: &change.path, kind: change.kind }
    }
}
