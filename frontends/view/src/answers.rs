//! Items of an answer, held back until the answer is complete.

use codex_event::{Event, ItemKind, RequestId, Stored};
use serde_json::Value;

use crate::stored;

/// What an answer says in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// To the user.
    Message(String),
    /// To itself, as far as it is told.
    Reasoning(String),
}

/// The items that came in and are not final.
///
/// An item is given out once `ModelResponded` for its attempt has come, and never when the attempt
/// failed. At most one answer is held, since a new request drops what an older one left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    held: Vec<(RequestId, u32, Said)>,
}

impl Answers {
    /// Takes the next event, and gives what it made final.
    pub(crate) fn apply(&mut self, event: &Event) -> Vec<Said> {
        match event {
            Event::ModelItemCompleted { request, attempt, kind, raw, .. } => {
                self.held.extend(said(kind, raw).map(|said| (*request, *attempt, said)));
            }
            Event::ModelResponded { request, attempt, .. } => {
                return std::mem::take(&mut self.held)
                    .into_iter()
                    .filter(|(of, number, _)| (of, number) == (request, attempt))
                    .map(|(_, _, said)| said)
                    .filter(|said| !said.is_empty())
                    .collect();
            }
            Event::ModelAttemptFailed { request, attempt, .. } => {
                self.held.retain(|(of, number, _)| (of, number) != (request, attempt));
            }
            Event::ModelRequested { .. }
            | Event::SessionResumed { .. }
            | Event::TurnStarted { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. } => self.held.clear(),
            Event::SessionOpened { .. }
            | Event::SettingsChanged { .. }
            | Event::SessionForked { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelStreamed { .. }
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
        Vec::new()
    }
}

/// Gives what an item says in words; none when it is no text.
pub(crate) fn said(kind: &ItemKind, raw: &Stored<String>) -> Option<Said> {
    let texts = |field, part, between| {
        text(raw.inline(), field, part, between).unwrap_or_else(|| stored::words(raw))
    };
    match kind {
        ItemKind::Message => Some(Said::Message(texts("content", "output_text", ""))),
        ItemKind::Reasoning => Some(Said::Reasoning(texts("summary", "summary_text", "\n"))),
        ItemKind::FunctionCall { .. } | ItemKind::CustomCall { .. } | ItemKind::Other { .. } => {
            None
        }
    }
}

impl Said {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Said::Message(text) | Said::Reasoning(text) => text.is_empty(),
        }
    }
}

/// Joins the texts of an item's parts; none when the item itself is not there. An item that is not
/// JSON, or of another shape, says nothing.
fn text(raw: Option<&String>, field: &str, part: &str, between: &str) -> Option<String> {
    let item: Value = serde_json::from_str(raw?).unwrap_or_default();
    let parts = item.get(field).and_then(Value::as_array).into_iter().flatten();
    let texts = parts
        .filter(|found| found.get("type").and_then(Value::as_str) == Some(part))
        .filter_map(|found| found.get("text").and_then(Value::as_str));
    Some(texts.collect::<Vec<_>>().join(between))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_an_item_are_those_of_its_parts() {
        let message = r#"{"type":"message","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"no"},{"type":"output_text","text":"b"}]}"#;
        let cases = [
            (message, "content", "output_text", "", "ab"),
            (
                r#"{"summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}]}"#,
                "summary",
                "summary_text",
                "\n",
                "a\nb",
            ),
            (r#"{"type":"reasoning","summary":[]}"#, "summary", "summary_text", "\n", ""),
            (r#"{"content":7}"#, "content", "output_text", "", ""),
            ("not json", "content", "output_text", "", ""),
        ];
        for (raw, field, part, between, expected) in cases {
            assert_eq!(
                text(Some(&raw.to_owned()), field, part, between).as_deref(),
                Some(expected)
            );
        }
        assert_eq!(text(None, "content", "output_text", ""), None);
    }
}
