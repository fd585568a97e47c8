//! The body of a request. Pure.

#[cfg(test)]
mod tests;

use codex_event::{Backend, ContextSource, ItemKind, Stored};
use codex_session::{CallForm, Entry};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{ModelCall, tools};

/// Field order is the order on the wire.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<&'a str>,
    input: Vec<Box<RawValue>>,
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

/// Encodes a request as the Responses API takes it. The same call always gives the same bytes.
pub(crate) fn body(call: &ModelCall) -> String {
    let settings = &call.settings;
    let effort = settings.reasoning_effort.as_deref();
    let summary = settings.reasoning_summary.as_deref();
    let body = Body {
        model: &settings.model,
        instructions: call.instructions.as_deref(),
        previous_response_id: match call.backend {
            Backend::Responses => call.previous.as_deref(),
            Backend::Stateless => None,
        },
        input: call.entries.iter().filter_map(|entry| input(entry, call.backend)).collect(),
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
    serde_json::to_string(&body).expect("string keys and plain values")
}

fn input(entry: &Entry, backend: Backend) -> Option<Box<RawValue>> {
    match entry {
        // They have a field of their own.
        Entry::Context { source: ContextSource::Instructions, .. } => None,
        Entry::Context { source: ContextSource::Environment, text } | Entry::User { text } => {
            raw(&json!({
                "type": "message",
                "role": "user",
                "content": [{ "type": "input_text", "text": held(text) }],
            }))
        }
        Entry::Item { kind, raw } => resent(kind, held(raw), backend),
        Entry::Output { call_id, custom, text } => {
            let kind = match custom {
                CallForm::Function => "function_call_output",
                CallForm::Custom => "custom_tool_call_output",
            };
            raw(&json!({ "type": kind, "call_id": call_id, "output": held(text) }))
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

fn held(text: &Stored<String>) -> &str {
    text.inline().map_or("", String::as_str)
}
