//! The body of a request. Pure.

mod resent;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use codex_event::{Backend, ContextSource, Settings, Stored};
use codex_session::{CallForm, Entry, Origin};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ModelCall, tools};
use crate::told;

/// What comes before the conversation. Field order is the order on the wire.
#[derive(Serialize)]
struct Head<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<&'a str>,
}

/// What follows the conversation.
#[derive(Serialize)]
struct Tail<'a> {
    tools: Value,
    tool_choice: &'static str,
    parallel_tool_calls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning<'a>>,
    store: bool,
    stream: bool,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    include: &'static [&'static str],
    prompt_cache_key: String,
}

#[derive(Serialize)]
struct Reasoning<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
}

/// Whom a conversation is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    form: Form,
    asked: Origin,
}

/// How much of a conversation is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// What is new: the server has the rest, with the ids that it gave.
    News,
    /// All of it: to the server nothing has ever been said, and no id means anything.
    Whole,
}

impl Target {
    /// Gives the one who is asked under these settings, for a request that builds on a response.
    pub(crate) fn of(settings: &Settings, previous: Option<&str>) -> Target {
        let form = match (settings.provider.backend, previous) {
            (Backend::Responses, Some(_)) => Form::News,
            (Backend::Responses, None) | (Backend::Stateless, _) => Form::Whole,
        };
        Target { form, asked: Origin::of(settings) }
    }
}

/// The conversation as the API takes it: the elements of a request's `input`.
///
/// A transcript only grows, and an entry that is in it never changes. So what was encoded for one
/// request is kept for the next, and a request costs the work for what is new and a copy of the rest.
///
/// A whole conversation is one that any server takes: what only the one that said it can read, and
/// what no server takes back, is left out, and a call goes with its output or not at all. Nothing of
/// that is lost, since the journal has it.
#[derive(Default)]
pub(crate) struct Input {
    json: String,
    target: Option<Target>,
    taken: usize,
    /// The last of the entries that were taken; tells whether others continue them.
    last: Option<Arc<Entry>>,
    /// Calls that were sent and have no output yet, with the form that they were sent in.
    open: Vec<(String, CallForm)>,
}

impl Input {
    /// Gives the elements for these entries; `read` gives a stored text back.
    ///
    /// What was given before is taken up again if these entries begin with the same ones.
    pub(crate) fn follow<'e>(
        &mut self,
        target: &Target,
        entries: &'e [Arc<Entry>],
        read: impl Fn(&'e Stored<String>) -> Cow<'e, str>,
    ) -> &str {
        let last = self.taken.checked_sub(1).and_then(|last| entries.get(last));
        let continues = last.zip(self.last.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
        if !continues || self.target.as_ref() != Some(target) {
            *self = Input { target: Some(target.clone()), ..Input::default() };
        }
        for entry in &entries[self.taken..] {
            if let Some(element) = self.element(entry, target, &read) {
                let comma = if self.json.is_empty() { "" } else { "," };
                self.json.extend([comma, element.get()]);
            }
            self.taken += 1;
            self.last = Some(Arc::clone(entry));
        }
        &self.json
    }

    /// Gives the form in which an entry is sent; none for one that has no place in what is sent.
    fn element<'e>(
        &mut self,
        entry: &'e Entry,
        target: &Target,
        read: &impl Fn(&'e Stored<String>) -> Cow<'e, str>,
    ) -> Option<Box<RawValue>> {
        match entry {
            // They have a field of their own.
            Entry::Context { source: ContextSource::Instructions, .. } => None,
            Entry::Context {
                source: ContextSource::Environment | ContextSource::Summary,
                text,
            }
            | Entry::User { text } => raw(&json!({
                "type": "message",
                "role": "user",
                "content": [{ "type": "input_text", "text": read(text) }],
            })),
            Entry::OwnCommand { line, exit, duration_ms, output } => raw(&json!({
                "type": "message",
                "role": "user",
                "content": [{
                    "type": "input_text",
                    "text": told::own_command(&read(line), *exit, *duration_ms, &read(output)),
                }],
            })),
            Entry::Item { kind, raw, by } => match target.form {
                Form::News => resent::stored(kind, &read(raw)),
                Form::Whole => {
                    let resent = resent::anew(kind, &read(raw), by, &target.asked)?;
                    self.open.extend(resent.call);
                    Some(resent.json)
                }
            },
            Entry::Output { call_id, custom, text } => {
                let form = match target.form {
                    Form::News => *custom,
                    Form::Whole => {
                        let call = self.open.iter().position(|(open, _)| open == call_id)?;
                        self.open.remove(call).1
                    }
                };
                let kind = match form {
                    CallForm::Function => "function_call_output",
                    CallForm::Custom => "custom_tool_call_output",
                };
                raw(&json!({ "type": kind, "call_id": call_id, "output": read(text) }))
            }
        }
    }
}

/// Encodes a request as the Responses API takes it. The same call always gives the same bytes.
pub(crate) fn body(call: &ModelCall) -> String {
    let settings = &call.settings;
    let effort = settings.reasoning_effort.as_deref();
    let summary = settings.reasoning_summary.as_deref();
    let head = Head {
        model: &settings.model,
        instructions: call.instructions.as_deref(),
        previous_response_id: match call.backend {
            Backend::Responses => call.previous.as_deref(),
            Backend::Stateless => None,
        },
    };
    let tail = Tail {
        tools: tools::tools(settings.approval_policy),
        tool_choice: "auto",
        parallel_tool_calls: false,
        reasoning: (effort.is_some() || summary.is_some()).then_some(Reasoning { effort, summary }),
        store: match call.backend {
            Backend::Responses => true,
            Backend::Stateless => false,
        },
        stream: true,
        include: match call.backend {
            Backend::Responses => &[],
            Backend::Stateless => &["reasoning.encrypted_content"],
        },
        prompt_cache_key: call.session.to_string(),
    };
    let object = |text: serde_json::Result<String>| text.expect("string keys and plain values");
    let (head, tail) = (object(serde_json::to_string(&head)), object(serde_json::to_string(&tail)));
    // Neither is ever empty, so there is a comma on either side of the conversation.
    let (head, tail) = (&head[..head.len() - 1], &tail[1..]);
    [head, ",\"input\":[", &call.input, "],", tail].concat()
}

fn raw(value: &Value) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}
