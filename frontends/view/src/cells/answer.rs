//! Items of the answer that comes in.

use codex_event::{Envelope, Event, ItemKind, RequestId, Seq, Stored, StreamPart, Tail, Timestamp};

use super::{Changed, Extent, Made};
use crate::answers::{Said, said};
use crate::cell::{Cell, CellBody, Notice, Standing};
use crate::image;

/// The item of an image that the model made.
const IMAGE: &str = "image_generation_call";

/// The items of the answer that comes in, and the calls of the last one that no event names yet.
///
/// There are few at a time: a new request drops all of them, and so does the first item of another
/// attempt. What is there when the turn breaks off is all that anybody will see of the answer, and stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    held: Vec<Item>,
    /// The attempt that an answer may still come from.
    asked: Option<(RequestId, u32)>,
}

#[derive(Clone, Debug)]
struct Item {
    request: RequestId,
    attempt: u32,
    number: u32,
    first: Seq,
    last: Seq,
    at: Timestamp,
    content: Content,
    extent: Extent,
    progress: Progress,
}

/// Whether more of an item is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Streaming,
    Complete,
}

#[derive(Clone, Debug)]
enum Content {
    Said(Said),
    /// A call, with the provider's JSON.
    Call(Stored<String>),
    /// An image that the model made, in words.
    Image(String),
}

/// Where a call was written.
pub(super) struct Origin {
    pub(super) first: Seq,
    pub(super) at: Timestamp,
    pub(super) raw: Stored<String>,
}

impl Items {
    pub(super) fn apply(&mut self, envelope: &Envelope, event: &Event, changed: &mut Changed) {
        self.follow(event);
        match event {
            Event::ModelStreamed { request, attempt, item, part, text, .. } => {
                let item = self.item(envelope, (*request, *attempt, *item), changed);
                match (part, &mut item.content) {
                    (StreamPart::Text, Content::Said(Said::Message(said)))
                    | (StreamPart::Reasoning, Content::Said(Said::Reasoning(said))) => {
                        said.push_str(text);
                    }
                    (StreamPart::Text, _) => {
                        item.content = Content::Said(Said::Message(text.clone()));
                    }
                    (StreamPart::Reasoning, _) => {
                        item.content = Content::Said(Said::Reasoning(text.clone()));
                    }
                }
                changed.touch(item.first);
            }
            Event::ModelItemCompleted { request, attempt, item, kind, raw } => {
                let key = (*request, *attempt, *item);
                self.completed(envelope, key, kind, raw, changed);
            }
            Event::ModelResponded { request, attempt, .. } => {
                let held = std::mem::take(&mut self.held);
                for mut item in held {
                    if (item.request, item.attempt) != (*request, *attempt) {
                        item.drop(changed);
                    } else if matches!(item.content, Content::Call(_)) {
                        self.held.push(item);
                    } else {
                        item.last = envelope.seq;
                        // One that says nothing was never shown.
                        if let Some(made) = item.cell(Standing::Settled) {
                            changed.settle(made);
                        }
                    }
                }
            }
            Event::ModelRequested { request, .. } => {
                // Another attempt may come to nothing, and then this one is what was said last.
                let over = |item: &mut Item| item.request != *request || item.is_call();
                self.held.extract_if(.., over).for_each(|item| item.drop(changed));
            }
            Event::TurnInterrupted { .. } | Event::TurnFailed { .. } => {
                // It breaks off in the last of them; those before are whole.
                let mut standing = Standing::Broken;
                for mut item in self.held.drain(..).rev() {
                    item.last = envelope.seq;
                    if let Some(made) = item.cell(standing) {
                        changed.settle(made);
                        standing = Standing::Settled;
                    }
                }
            }
            Event::TurnStarted { .. } | Event::TurnCompleted { .. } => {
                self.held.drain(..).for_each(|item| item.drop(changed));
            }
            Event::ModelAttemptFailed { .. }
            | Event::SessionResumed { .. }
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
    }

    fn follow(&mut self, event: &Event) {
        if let Event::ModelRequested { request, attempt, .. } = event {
            self.asked = Some((*request, *attempt));
        } else if event.ends_turn()
            || matches!(event, Event::ModelResponded { .. } | Event::ModelAttemptFailed { .. })
        {
            self.asked = None;
        }
    }

    /// Gives the item of a tail with what the tail adds to it, as long as it streams; `next` is the
    /// position that it gets if no event spoke of it yet.
    pub(super) fn with_tail(&self, tail: &Tail, next: Seq, at: Timestamp) -> Option<Cell> {
        // One that comes late is of an answer that is over.
        self.asked.filter(|asked| *asked == (tail.request, tail.attempt))?;
        let key = (tail.request, tail.attempt, tail.item);
        let known = self.held.iter().find(|it| (it.request, it.attempt, it.number) == key);
        let (first, last, at, text) = match known {
            Some(item) if item.progress == Progress::Complete => return None,
            Some(item) => (item.first, item.last, item.at, item.streamed(tail.part)?),
            None => (next, next, at, ""),
        };
        let text = format!("{text}{}", tail.beyond(text.len())?);
        let body = match tail.part {
            StreamPart::Text => CellBody::Message(text),
            StreamPart::Reasoning => CellBody::Reasoning(text),
        };
        Some(Cell { first, last, at, standing: Standing::Open, body })
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Gives where a call was written, and holds it no longer.
    pub(super) fn take_call(&mut self, request: RequestId, number: u32) -> Option<Origin> {
        let written = |item: &Item| {
            (item.request, item.number) == (request, number)
                && matches!(item.content, Content::Call(_))
        };
        // The last attempt is the one that counts.
        let item = self.held.remove(self.held.iter().rposition(written)?);
        match item.content {
            Content::Call(raw) => Some(Origin { first: item.first, at: item.at, raw }),
            Content::Said(_) | Content::Image(_) => None,
        }
    }

    /// Gives the cell that begins at a position, as it is so far.
    pub(super) fn cell(&self, first: Seq) -> Option<Made> {
        self.held.iter().find(|item| item.first == first)?.cell(Standing::Open)
    }

    fn completed(
        &mut self,
        envelope: &Envelope,
        key: (RequestId, u32, u32),
        kind: &ItemKind,
        raw: &Stored<String>,
        changed: &mut Changed,
    ) {
        let item = self.item(envelope, key, changed);
        item.progress = Progress::Complete;
        let (first, was_shown) = (item.first, item.is_shown());
        match kind {
            ItemKind::Message | ItemKind::Reasoning => {
                match (raw, &item.content) {
                    // What was streamed says more than that a blob is missing.
                    (Stored::Blob { .. }, Content::Said(Said::Message(text)))
                        if *kind == ItemKind::Message && !text.is_empty() => {}
                    (Stored::Blob { .. }, Content::Said(Said::Reasoning(text)))
                        if *kind == ItemKind::Reasoning && !text.is_empty() => {}
                    _ => {
                        if let Some(said) = said(kind, raw) {
                            item.content = Content::Said(said);
                        }
                    }
                }
                item.extent = Extent::of(raw);
                if item.is_shown() {
                    return changed.touch(first);
                }
            }
            ItemKind::FunctionCall { .. } | ItemKind::CustomCall { .. } => {
                item.content = Content::Call(raw.clone());
            }
            ItemKind::Other { name } if name == IMAGE => {
                item.content = Content::Image(match raw {
                    Stored::Inline(raw) => image::made(raw),
                    Stored::Blob { .. } => image::made(""),
                });
                item.extent = Extent::of(raw);
                return changed.touch(first);
            }
            ItemKind::Other { .. } => self.held.retain(|item| item.first != first),
        }
        if was_shown {
            changed.drop(first);
        }
    }

    /// Gives the item, which begins with this event if nothing was heard of it yet.
    fn item(
        &mut self,
        envelope: &Envelope,
        key: (RequestId, u32, u32),
        changed: &mut Changed,
    ) -> &mut Item {
        let (request, attempt, number) = key;
        let before = |item: &mut Item| (item.request, item.attempt) != (request, attempt);
        self.held.extract_if(.., before).for_each(|item| item.drop(changed));
        let known = self.held.iter().position(|it| (it.request, it.attempt, it.number) == key);
        let at = known.unwrap_or_else(|| {
            let (seq, at) = (envelope.seq, envelope.at);
            let content = Content::Said(Said::Message(String::new()));
            let (first, last, extent) = (seq, seq, Extent::Whole);
            let progress = Progress::Streaming;
            self.held.push(Item {
                request,
                attempt,
                number,
                first,
                last,
                at,
                content,
                extent,
                progress,
            });
            self.held.len() - 1
        });
        let item = &mut self.held[at];
        item.last = envelope.seq;
        item
    }
}

impl Item {
    /// Gives the text of a part, as far as it was streamed; none when the item shows another.
    fn streamed(&self, part: StreamPart) -> Option<&str> {
        match (&self.content, part) {
            (Content::Said(Said::Message(text)), StreamPart::Text)
            | (Content::Said(Said::Reasoning(text)), StreamPart::Reasoning) => Some(text),
            (
                Content::Said(_) | Content::Call(_) | Content::Image(_),
                StreamPart::Text | StreamPart::Reasoning,
            ) => None,
        }
    }

    fn is_shown(&self) -> bool {
        match &self.content {
            Content::Said(said) => !said.is_empty(),
            Content::Image(_) => true,
            Content::Call(_) => false,
        }
    }

    fn is_call(&self) -> bool {
        match self.content {
            Content::Call(_) => true,
            Content::Said(_) | Content::Image(_) => false,
        }
    }

    fn cell(&self, standing: Standing) -> Option<Made> {
        let body = match &self.content {
            _ if !self.is_shown() => return None,
            Content::Said(Said::Message(text)) => CellBody::Message(text.clone()),
            Content::Said(Said::Reasoning(text)) => CellBody::Reasoning(text.clone()),
            Content::Image(words) => CellBody::Notice(Notice::Images(vec![words.clone()])),
            Content::Call(_) => return None,
        };
        let cell = Cell { first: self.first, last: self.last, at: self.at, standing, body };
        Some(Made { cell, extent: self.extent })
    }

    /// What was provisional is gone.
    fn drop(self, changed: &mut Changed) {
        if self.is_shown() {
            changed.drop(self.first);
        }
    }
}
