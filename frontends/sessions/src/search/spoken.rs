//! Events as texts that can be searched.

use std::collections::HashMap;

use codex_event::{
    CallId, Envelope, Event, FileChange, Invocation, ItemKind, Outcome, RequestId, Seq, Stored,
    StreamPart, Timestamp, TurnId,
};
use codex_journal::Blobs;
use codex_view::{command_line, list};
use serde_json::Value;

use super::Kind;

/// A text of a session.
pub(super) struct Text {
    pub(super) words: String,
    pub(super) turn: Option<TurnId>,
    pub(super) kind: Kind,
    pub(super) at: Timestamp,
    // The events that it was put together from, and where each begins.
    parts: Vec<(usize, Seq)>,
}

impl Text {
    fn new(envelope: &Envelope, kind: Kind, words: String) -> Text {
        let parts = vec![(0, envelope.seq)];
        Text { words, turn: envelope.turn, kind, at: envelope.at, parts }
    }

    fn add(&mut self, envelope: &Envelope, words: &str) {
        self.parts.push((self.words.len(), envelope.seq));
        self.words.push_str(words);
    }

    /// Gives the event that the byte at a place came from.
    pub(super) fn seq_at(&self, place: usize) -> Seq {
        let next = self.parts.partition_point(|(begin, _)| *begin <= place);
        self.parts[next.saturating_sub(1)].1
    }
}

/// What is under way: pieces of texts that belong together.
pub(super) struct Spoken<'a> {
    kinds: &'a [Kind],
    printed: HashMap<CallId, Text>,
    streamed: HashMap<(RequestId, u32, u32), Text>,
}

impl Spoken<'_> {
    pub(super) fn new(kinds: &[Kind]) -> Spoken<'_> {
        Spoken { kinds, printed: HashMap::new(), streamed: HashMap::new() }
    }

    /// Takes the next event, and gives each text that is complete by it.
    pub(super) fn take(
        &mut self,
        mut envelope: Envelope,
        blobs: &Blobs,
        look: &mut impl FnMut(Text),
    ) {
        let Some(kind) = envelope.event().and_then(kind) else { return };
        let wanted = self.kinds.contains(&kind)
            // A finished patch names files, and is told to the model.
            || kind == Kind::Output && self.kinds.contains(&Kind::File);
        if !wanted {
            return;
        }
        blobs.hydrate(&mut envelope);
        let Some(event) = envelope.event() else { return };
        let text = |words: String| Text::new(&envelope, kind, words);
        match event {
            Event::TurnStarted { input } | Event::InputQueued { input } => {
                input.inline().into_iter().for_each(|input| look(text(input.clone())));
            }
            Event::ModelStreamed {
                request,
                attempt,
                item,
                part: StreamPart::Text,
                text: words,
                ..
            } => {
                let key = (*request, *attempt, *item);
                match self.streamed.get_mut(&key) {
                    Some(streamed) => streamed.add(&envelope, words),
                    None => {
                        self.streamed.insert(key, text(words.clone()));
                    }
                }
            }
            Event::ModelItemCompleted { request, attempt, item, raw, .. } => {
                self.streamed.remove(&(*request, *attempt, *item));
                raw.inline().into_iter().for_each(|raw| look(text(message(raw))));
            }
            Event::ToolCalled { invocation: Invocation::Command { argv, .. }, .. } => {
                list(argv).into_iter().for_each(|argv| look(text(typed(&argv))));
            }
            Event::OwnCommandStarted { line, .. } => look(text(codex_view::words(line))),
            Event::OwnCommandEnded { output, .. } => look(text(codex_view::words(output))),
            Event::ToolOutput { call, bytes, .. } => {
                let words = String::from_utf8_lossy(&bytes.0);
                match self.printed.get_mut(call) {
                    Some(printed) => printed.add(&envelope, &words),
                    None => {
                        self.printed.insert(*call, text(words.into_owned()));
                    }
                }
            }
            Event::ToolFinished { call, outcome, output, .. } => {
                if let Outcome::Patched { changes } = outcome
                    && self.kinds.contains(&Kind::File)
                {
                    for path in list(changes).iter().flatten().flat_map(paths) {
                        look(Text::new(&envelope, Kind::File, path.clone()));
                    }
                }
                self.settle(*call, &envelope, output, look);
            }
            Event::ToolAbandoned { call, output } => self.settle(*call, &envelope, output, look),
            Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SettingsChanged { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { part: StreamPart::Reasoning, .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
    }

    /// Gives what never came to its end: the output of a command that was killed, half a message.
    pub(super) fn end(self, look: &mut impl FnMut(Text)) {
        self.printed.into_values().chain(self.streamed.into_values()).for_each(look);
    }

    // What was printed is searched whole; what the model was told of it mostly repeats it.
    fn settle(
        &mut self,
        call: CallId,
        envelope: &Envelope,
        told: &Stored<String>,
        look: &mut impl FnMut(Text),
    ) {
        let printed = self.printed.remove(&call);
        if !self.kinds.contains(&Kind::Output) {
            return;
        }
        match (printed, told.inline()) {
            (Some(printed), _) => look(printed),
            (None, Some(told)) => look(Text::new(envelope, Kind::Output, told.clone())),
            (None, None) => {}
        }
    }
}

// What an event may be searched as; none when it says nothing that a person would look for.
fn kind(event: &Event) -> Option<Kind> {
    match event {
        Event::TurnStarted { .. } | Event::InputQueued { .. } => Some(Kind::Prompt),
        Event::ModelStreamed { part: StreamPart::Text, .. }
        | Event::ModelItemCompleted { kind: ItemKind::Message, .. } => Some(Kind::Message),
        Event::ToolCalled { invocation: Invocation::Command { .. }, .. } => Some(Kind::Command),
        Event::OwnCommandStarted { .. } => Some(Kind::Command),
        Event::ToolOutput { .. }
        | Event::ToolFinished { .. }
        | Event::ToolAbandoned { .. }
        | Event::OwnCommandEnded { .. } => Some(Kind::Output),
        Event::SessionOpened { .. }
        | Event::SessionForked { .. }
        | Event::SessionResumed { .. }
        | Event::SettingsChanged { .. }
        | Event::SessionNamed { .. }
        | Event::SessionShelved { .. }
        | Event::Repaired { .. }
        | Event::SessionClosed { .. }
        | Event::ContextAdded { .. }
        | Event::TurnInterruptRequested { .. }
        | Event::TurnInterrupted { .. }
        | Event::TurnCompleted { .. }
        | Event::TurnFailed { .. }
        | Event::ModelRequested { .. }
        | Event::ModelStreamed { part: StreamPart::Reasoning, .. }
        | Event::ModelItemCompleted { .. }
        | Event::ModelResponded { .. }
        | Event::ModelAttemptFailed { .. }
        | Event::ToolCalled { .. }
        | Event::ReviewAsked { .. }
        | Event::ReviewSettled { .. }
        | Event::ToolIntended { .. }
        | Event::ToolSpawned { .. }
        | Event::GrantKept { .. }
        | Event::RepositoryChanged { .. }
        | Event::NotificationSent { .. }
        | Event::Noted { .. } => None,
    }
}

/// Gives a command as it would be typed; of a shell's, what the shell is told.
pub(crate) fn typed(argv: &[String]) -> String {
    match argv {
        [_, flag, script] if matches!(flag.as_str(), "-c" | "-lc") => script.clone(),
        argv => command_line(argv),
    }
}

/// Gives the paths that a change of a file names.
pub(crate) fn paths(change: &FileChange) -> impl Iterator<Item = &String> {
    [&change.path].into_iter().chain(&change.move_to)
}

fn message(raw: &str) -> String {
    let item: Value = serde_json::from_str(raw).unwrap_or_default();
    let parts = item.get("content").and_then(Value::as_array).into_iter().flatten();
    let words = parts.filter_map(|part| {
        ["text", "refusal"].iter().find_map(|field| part.get(field).and_then(Value::as_str))
    });
    words.collect()
}
