//! The request's body. Pure.

use codex_event::{Backend, ContextSource, Stored};
use codex_session::{CallForm, Entry};
use serde_json::{Map, Value, json};

use crate::model::ModelCall;
use crate::model::tools::tools;

/// Encodes the body of a request.
pub(crate) fn body(call: &ModelCall) -> String {
    let stateless = call.backend == Backend::Stateless;
    let input: Vec<Value> =
        call.entries.iter().filter_map(|entry| input_item(entry, call.backend)).collect();
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("model", json!(call.settings.model));
    if let Some(instructions) = &call.instructions {
        put("instructions", json!(instructions));
    }
    put("input", Value::Array(input));
    put("tools", tools());
    put("tool_choice", json!("auto"));
    put("parallel_tool_calls", json!(false));
    let (effort, summary) = (&call.settings.reasoning_effort, &call.settings.reasoning_summary);
    if effort.is_some() || summary.is_some() {
        let parts = [("effort", effort), ("summary", summary)];
        let set = parts.into_iter().filter_map(|(name, value)| {
            value.as_ref().map(|value| (name.to_owned(), json!(value)))
        });
        put("reasoning", Value::Object(set.collect()));
    }
    put("store", json!(!stateless));
    if stateless {
        put("include", json!(["reasoning.encrypted_content"]));
    }
    if let Some(previous) = &call.previous {
        put("previous_response_id", json!(previous));
    }
    put("stream", json!(true));
    put("prompt_cache_key", json!(call.session.to_string()));
    Value::Object(body).to_string()
}

fn input_item(entry: &Entry, backend: Backend) -> Option<Value> {
    let user = |text: &Stored<String>| {
        json!({
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text.inline()}],
        })
    };
    match entry {
        // Carried by `instructions`, with every request.
        Entry::Context { source: ContextSource::Instructions, .. } => None,
        Entry::Context { source: ContextSource::Environment, text } | Entry::User { text } => {
            Some(user(text))
        }
        Entry::Output { call_id, custom, text } => {
            let kind = match custom {
                CallForm::Function => "function_call_output",
                CallForm::Custom => "custom_tool_call_output",
            };
            Some(json!({"type": kind, "call_id": call_id, "output": text.inline()}))
        }
        Entry::Item { raw, .. } => sent_back(raw.inline()?, backend),
    }
}

/// An item of the model's as it is sent back.
fn sent_back(raw: &str, backend: Backend) -> Option<Value> {
    let mut item: Value = serde_json::from_str(raw).ok()?;
    let fields = item.as_object_mut()?;
    // A provider that keeps nothing knows no ids, and refuses those that it does not know.
    if backend == Backend::Stateless {
        fields.remove("id");
        fields.remove("status");
    }
    // Arguments that were cut off are no JSON, which servers answer with an error; the output of
    // the call says what was wrong with them.
    let broken = fields
        .get("arguments")
        .and_then(Value::as_str)
        .is_some_and(|text| serde_json::from_str::<Value>(text).is_err());
    if broken {
        fields.insert("arguments".to_owned(), json!("{}"));
    }
    Some(item)
}
