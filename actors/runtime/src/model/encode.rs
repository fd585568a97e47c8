//! The body of a request. Pure.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use codex_event::{Backend, ContextSource, ItemKind, Stored};
use codex_session::{CallForm, Entry};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{ModelCall, tools};

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

/// The conversation as the API takes it: the elements of a request's `input`.
///
/// A transcript only grows, and an entry that is in it never changes. So what was encoded for one
/// request is kept for the next, and a request costs the work for what is new and a copy of the rest.
#[derive(Default)]
pub(crate) struct Input {
    json: String,
    backend: Option<Backend>,
    taken: usize,
    /// The last of the entries that were taken; tells whether others continue them.
    last: Option<Arc<Entry>>,
}

impl Input {
    /// Gives the elements for these entries; `read` gives a stored text back.
    ///
    /// What was given before is taken up again if these entries begin with the same ones.
    pub(crate) fn follow<'e>(
        &mut self,
        backend: Backend,
        entries: &'e [Arc<Entry>],
        read: impl Fn(&'e Stored<String>) -> Cow<'e, str>,
    ) -> &str {
        let last = self.taken.checked_sub(1).and_then(|last| entries.get(last));
        let continues = last.zip(self.last.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
        if !continues || self.backend != Some(backend) {
            *self = Input { backend: Some(backend), ..Input::default() };
        }
        for entry in &entries[self.taken..] {
            if let Some(element) = element(entry, backend, &read) {
                let comma = if self.json.is_empty() { "" } else { "," };
                self.json.extend([comma, element.get()]);
            }
            self.taken += 1;
            self.last = Some(Arc::clone(entry));
        }
        &self.json
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
        tools: tools::tools(),
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

/// Gives the form in which an entry is sent; none for one that has no place in the conversation.
fn element<'e>(
    entry: &'e Entry,
    backend: Backend,
    read: &impl Fn(&'e Stored<String>) -> Cow<'e, str>,
) -> Option<Box<RawValue>> {
    match entry {
        // They have a field of their own.
        Entry::Context { source: ContextSource::Instructions, .. } => None,
        Entry::Context { source: ContextSource::Environment, text } | Entry::User { text } => {
            raw(&json!({
                "type": "message",
                "role": "user",
                "content": [{ "type": "input_text", "text": read(text) }],
            }))
        }
        Entry::Item { kind, raw } => resent(kind, &read(raw), backend),
        Entry::Output { call_id, custom, text } => {
            let kind = match custom {
                CallForm::Function => "function_call_output",
                CallForm::Custom => "custom_tool_call_output",
            };
            raw(&json!({ "type": kind, "call_id": call_id, "output": read(text) }))
        }
    }
}

/// Gives an item of an earlier response in the form in which it goes back.
fn resent(kind: &ItemKind, text: &str, backend: Backend) -> Option<Box<RawValue>> {
    // Good JSON that can't be held as a value (half a surrogate pair in a text) goes back as it is.
    let Ok(Value::Object(mut item)) = serde_json::from_str(text) else {
        return RawValue::from_string(text.to_owned()).ok();
    };
    match (kind, backend) {
        (ItemKind::Other { .. }, Backend::Responses | Backend::Stateless)
        | (
            ItemKind::Message | ItemKind::Reasoning | ItemKind::CustomCall { .. },
            Backend::Responses,
        ) => return RawValue::from_string(text.to_owned()).ok(),
        (ItemKind::FunctionCall { .. }, Backend::Responses) => mend_arguments(&mut item),
        (ItemKind::FunctionCall { .. }, Backend::Stateless) => {
            forget_storage(&mut item);
            mend_arguments(&mut item);
        }
        (ItemKind::Message | ItemKind::CustomCall { .. }, Backend::Stateless) => {
            forget_storage(&mut item);
        }
        (ItemKind::Reasoning, Backend::Stateless) => {
            // A summary is all that is left of it: worth nothing to a server that kept nothing.
            if !has(&item, "encrypted_content") && !has(&item, "content") {
                return None;
            }
            forget_storage(&mut item);
        }
    }
    raw(&Value::Object(item))
}

/// Removes what names or describes the copy that a server would have kept.
fn forget_storage(item: &mut Map<String, Value>) {
    item.remove("id");
    item.remove("status");
}

/// Replaces arguments that are no JSON object, as when the call was cut off: servers refuse them
/// with a 500, again and again. The call's output says what was wrong with them.
fn mend_arguments(item: &mut Map<String, Value>) {
    let mended = match item.get("arguments") {
        Some(Value::String(text)) => match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(_) => return,
            Err(_) => "{}".to_owned(),
        },
        Some(Value::Object(arguments)) => Value::Object(arguments.clone()).to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {
            "{}".to_owned()
        }
    };
    item.insert("arguments".to_owned(), mended.into());
}

fn has(item: &Map<String, Value>, field: &str) -> bool {
    match item.get(field) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(_)) => true,
        Some(Value::Null | Value::Bool(_) | Value::Number(_)) | None => false,
    }
}

fn raw(value: &Value) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}
