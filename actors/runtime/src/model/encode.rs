//! The body of a request. Pure.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use codex_event::{Backend, ContextSource, ItemKind, Stored};
use codex_session::{CallForm, Entry};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{ModelCall, tools};

/// Depth beyond which JSON can't be held as a value.
const MAX_DEPTH: usize = 100;

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

/// An item with the text of each of its fields, as it came.
type Fields = BTreeMap<String, Box<RawValue>>;

/// Gives an item of an earlier response in the form in which it goes back.
fn resent(kind: &ItemKind, text: &str, backend: Backend) -> Option<Box<RawValue>> {
    let Ok(mut item) = serde_json::from_str::<Fields>(text) else {
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
    serde_json::value::to_raw_value(&item).ok()
}

/// Removes what names or describes the copy that a server would have kept.
fn forget_storage(item: &mut Fields) {
    item.remove("id");
    item.remove("status");
}

/// Replaces arguments that are no JSON object, as when the call was cut off: servers refuse them
/// with a 500, again and again. What the model wrote goes back inside of an object, so that it sees
/// where it was cut off; the call's output says that nothing was run.
fn mend_arguments(item: &mut Fields) {
    let text = item.get("arguments").map_or("null", |raw| raw.get());
    let mended = match serde_json::from_str::<Option<String>>(text) {
        Ok(Some(arguments)) if is_object(&arguments) => return,
        Ok(Some(arguments)) if !arguments.trim().is_empty() => invalid(&arguments),
        Ok(_) => "{}".to_owned(),
        // Not within a string, as some servers send them.
        Err(_) if is_object(text) => text.to_owned(),
        // A text that ends within a surrogate pair, among others.
        Err(_) => invalid(text),
    };
    if let Some(mended) = raw(&mended.into()) {
        item.insert("arguments".to_owned(), mended);
    }
}

fn invalid(arguments: &str) -> String {
    json!({ "invalid_arguments": arguments }).to_string()
}

/// Tells whether a text is a JSON object, however deep.
fn is_object(text: &str) -> bool {
    // What is deeper than a value can be held is at least looked through.
    let deep = || text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() > MAX_DEPTH;
    let sound = || serde_json::from_str::<&RawValue>(text).is_ok();
    serde_json::from_str::<Map<String, Value>>(text).is_ok()
        || (text.trim_start().starts_with('{') && deep() && sound())
}

fn has(item: &Fields, field: &str) -> bool {
    match item.get(field).map_or("null", |raw| raw.get()) {
        "null" | "true" | "false" | "\"\"" | "[]" => false,
        other => other.starts_with(['"', '[', '{']),
    }
}

fn raw(value: &Value) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}
