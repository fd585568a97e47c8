//! Items of an answer, held back until the answer is complete.

use codex_event::{Event, ItemKind, RequestId, Stored, StreamPart};
use serde_json::Value;

use crate::stored;

/// Says that an answer was never finished; stands below what there is of it.
pub const BROKEN: &str = "(cut off here)";

/// What an answer says in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// To the user.
    Message(String),
    /// To itself, as far as it is told.
    Reasoning(String),
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Its answer is complete.
    Whole(Said),
    /// The turn ended before its answer was complete: this is how far it got.
    Broken(Said),
}

/// The items that came in and are not final.
///
/// An item is given out once `ModelResponded` for its attempt has come, or when the turn breaks off
/// within its answer. At most one answer is held: a new request drops what an older one left, and so
/// does the first item of another attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    held: Vec<Item>,
    pieces: Pieces,
}

/// What becomes of the text of an item that is not complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// It is held by nobody, and an answer that breaks off is told up to its last complete item.
    #[default]
    Dropped,
    /// It is held, up to [`MOST_PIECES`].
    Held,
}

/// Bytes of an item that are held before it is complete.
const MOST_PIECES: usize = 1024 * 1024;

#[derive(Clone, Debug)]
struct Item {
    request: RequestId,
    attempt: u32,
    number: u32,
    /// None for a call, and for what is not told in words.
    said: Option<Said>,
}

impl Answers {
    /// Begins with nothing, and does that with what is not complete.
    pub(crate) fn new(pieces: Pieces) -> Answers {
        Answers { held: Vec::new(), pieces }
    }

    /// Takes the next event, and gives what it made final.
    pub(crate) fn apply(&mut self, event: &Event) -> Vec<Told> {
        match event {
            Event::ModelStreamed { request, attempt, item, part, text, .. } => {
                let pieces = self.pieces;
                let item = self.item(*request, *attempt, *item);
                match pieces {
                    Pieces::Held => item.push(*part, text),
                    Pieces::Dropped => {}
                }
            }
            Event::ModelItemCompleted { request, attempt, item, kind, raw } => {
                self.item(*request, *attempt, *item).said = said(kind, raw);
            }
            Event::ModelResponded { request, attempt, .. } => {
                let held = std::mem::take(&mut self.held).into_iter();
                let of_it = held.filter(|it| (it.request, it.attempt) == (*request, *attempt));
                return of_it.filter_map(Item::shown).map(Told::Whole).collect();
            }
            Event::TurnInterrupted { .. } | Event::TurnFailed { .. } => {
                return self.held.drain(..).filter_map(Item::shown).map(Told::Broken).collect();
            }
            Event::ModelRequested { request, .. } => {
                self.held.retain(|item| item.request == *request);
            }
            Event::TurnStarted { .. } | Event::TurnCompleted { .. } => self.held.clear(),
            Event::SessionResumed { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::SessionOpened { .. }
            | Event::SettingsChanged { .. }
            | Event::SessionForked { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
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

    /// Gives an item of the answer that comes in.
    fn item(&mut self, request: RequestId, attempt: u32, number: u32) -> &mut Item {
        self.held.retain(|it| (it.request, it.attempt) == (request, attempt));
        let at = self.held.iter().position(|it| it.number == number).unwrap_or_else(|| {
            self.held.push(Item { request, attempt, number, said: None });
            self.held.len() - 1
        });
        &mut self.held[at]
    }
}

impl Item {
    fn push(&mut self, part: StreamPart, text: &str) {
        match (part, &mut self.said) {
            (StreamPart::Text, Some(Said::Message(said)))
            | (StreamPart::Reasoning, Some(Said::Reasoning(said))) => {
                if said.len() < MOST_PIECES {
                    said.push_str(text);
                }
            }
            (StreamPart::Text, said) => *said = Some(Said::Message(text.to_owned())),
            (StreamPart::Reasoning, said) => *said = Some(Said::Reasoning(text.to_owned())),
        }
    }

    fn shown(self) -> Option<Said> {
        self.said.filter(|said| !said.is_empty())
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
