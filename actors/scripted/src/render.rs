//! From a step to the events of its stream.
//!
//! The shapes are those of the Responses API's streaming events. Ids are made from the position
//! of the step and of the item, so that a test can name them beforehand.

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::{Value, json};

use crate::script::{Fault, Item, Pieces, Step};

/// The final event repeats the whole output only when the stream is smaller than this, so that it
/// does not dominate big ones.
const REPEAT_OUTPUT_BELOW: usize = 64 << 10;

const WORDS: &str = "the quick brown fox jumps over lazy dog and then writes code in rust to parse \
                     json events from journal stream with actor system test build error value \
                     string result ";

/// A response, ready to be sent.
pub(crate) struct Rendered {
    pub(crate) events: Vec<String>,
    /// Calls the client owes an output for.
    pub(crate) calls: Vec<String>,
}

pub(crate) fn response_id(index: usize) -> String {
    format!("resp_{index:06}")
}

/// Renders `step` as the answer number `index`.
pub(crate) fn events(index: usize, step: &Step) -> Rendered {
    let base = Response::new(index);
    let mut events = Events::default();
    events.push("response.created", json!({ "response": base }));
    events.push("response.in_progress", json!({ "response": base }));
    let mut done = Vec::with_capacity(step.items.len());
    for (at, item) in step.items.iter().enumerate() {
        let item = events.item(index, at, item);
        events.push("response.output_item.done", json!({ "output_index": at, "item": item }));
        done.push(item);
    }
    let calls = done.iter().filter_map(call_id).map(str::to_owned).collect();
    let output = if events.bytes < REPEAT_OUTPUT_BELOW { done } else { Vec::new() };
    match &step.fault {
        Some(Fault::NoCompleted) => {}
        Some(Fault::Failed { code, message }) => {
            let error = Some(json!({ "code": code, "message": message }));
            let failed = Response { status: "failed", error, ..base };
            events.push("response.failed", json!({ "response": failed }));
        }
        Some(Fault::Incomplete { reason }) => {
            let incomplete = Response {
                status: "incomplete",
                incomplete_details: Some(json!({ "reason": reason })),
                output,
                usage: Some(usage(step)),
                ..base
            };
            events.push("response.incomplete", json!({ "response": incomplete }));
        }
        Some(
            Fault::Status { .. }
            | Fault::Drop { .. }
            | Fault::Stall { .. }
            | Fault::Malformed { .. }
            | Fault::Slow { .. },
        )
        | None => {
            let usage = Some(usage(step));
            let completed = Response { status: "completed", output, usage, ..base };
            events.push("response.completed", json!({ "response": completed }));
        }
    }
    Rendered { events: events.out, calls }
}

/// The id under which the client answers `item`, if it is a call.
pub(crate) fn call_id(item: &Value) -> Option<&str> {
    let kind = item.get("type")?.as_str()?;
    if kind.ends_with("_call") { item.get("call_id")?.as_str() } else { None }
}

/// Puts `index` in place of every `{i}` in the strings of `value`.
fn fill(value: &Value, index: usize) -> Value {
    match value {
        Value::String(text) => Value::String(fill_text(text, index)),
        Value::Array(list) => list.iter().map(|v| fill(v, index)).collect(),
        Value::Object(keys) => {
            Value::Object(keys.iter().map(|(k, v)| (k.clone(), fill(v, index))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

pub(crate) fn fill_text(text: &str, index: usize) -> String {
    text.replace("{i}", &index.to_string())
}

/// The `response` object inside an event.
#[derive(Serialize)]
struct Response {
    id: String,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    model: &'static str,
    output: Vec<Value>,
    usage: Option<Value>,
    error: Option<Value>,
    incomplete_details: Option<Value>,
}

impl Response {
    fn new(index: usize) -> Self {
        Self {
            id: response_id(index),
            object: "response",
            created_at: 1_700_000_000,
            status: "in_progress",
            model: "mock-model",
            output: Vec::new(),
            usage: None,
            error: None,
            incomplete_details: None,
        }
    }
}

fn usage(step: &Step) -> Value {
    let usage = step.usage;
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": { "cached_tokens": usage.cached },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    fields: Value,
    sequence_number: usize,
}

#[derive(Default)]
struct Events {
    out: Vec<String>,
    bytes: usize,
}

impl Events {
    fn push(&mut self, kind: &str, fields: Value) {
        let event = Event { kind, fields, sequence_number: self.out.len() };
        let data = serde_json::to_string(&event).expect("string keys and plain values");
        let text = format!("event: {kind}\ndata: {data}\n\n");
        self.bytes += text.len();
        self.out.push(text);
    }

    fn added(&mut self, at: usize, item: &Value) {
        self.push("response.output_item.added", json!({ "output_index": at, "item": item }));
    }

    /// Pushes everything of an item but its end and returns the finished item.
    fn item(&mut self, index: usize, at: usize, item: &Item) -> Value {
        match item {
            Item::Text(text) => self.message(format!("msg_{index:06}_{at}"), at, text, index),
            Item::Reasoning(text) => self.reasoning(format!("rs_{index:06}_{at}"), at, text, index),
            Item::FunctionCall { name, namespace, arguments } => {
                let id = format!("fc_{index:06}_{at}");
                let arguments = match fill(arguments, index) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                let mut call = json!({
                    "id": id, "type": "function_call", "status": "in_progress",
                    "call_id": format!("call_{index:06}_{at}"),
                    "name": fill_text(name, index), "arguments": "",
                });
                if let Some(namespace) = namespace {
                    call["namespace"] = fill_text(namespace, index).into();
                }
                self.added(at, &call);
                self.push(
                    "response.function_call_arguments.delta",
                    json!({ "item_id": id, "output_index": at, "delta": arguments }),
                );
                self.push(
                    "response.function_call_arguments.done",
                    json!({ "item_id": id, "output_index": at, "arguments": arguments }),
                );
                call["status"] = "completed".into();
                call["arguments"] = arguments.into();
                call
            }
            Item::CustomToolCall { name, input } => {
                let id = format!("ctc_{index:06}_{at}");
                let input = fill_text(input, index);
                let mut call = json!({
                    "id": id, "type": "custom_tool_call", "status": "in_progress",
                    "call_id": format!("call_{index:06}_{at}"),
                    "name": fill_text(name, index), "input": "",
                });
                self.added(at, &call);
                self.push(
                    "response.custom_tool_call_input.delta",
                    json!({ "item_id": id, "output_index": at, "delta": input }),
                );
                self.push(
                    "response.custom_tool_call_input.done",
                    json!({ "item_id": id, "output_index": at, "input": input }),
                );
                call["status"] = "completed".into();
                call["input"] = input.into();
                call
            }
            Item::Other(value) => {
                let item = fill(value, index);
                self.added(at, &item);
                item
            }
        }
    }

    fn message(&mut self, id: String, at: usize, text: &Pieces, index: usize) -> Value {
        let part = |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
        let item = |status: &str, content: Value| json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content });
        self.added(at, &item("in_progress", json!([])));
        self.push(
            "response.content_part.added",
            json!({ "item_id": id, "output_index": at, "content_index": 0, "part": part("") }),
        );
        let pieces = pieces(text, index);
        for piece in &pieces {
            self.push(
                "response.output_text.delta",
                json!({ "item_id": id, "output_index": at, "content_index": 0, "delta": piece, "logprobs": [] }),
            );
        }
        let full = pieces.concat();
        self.push(
            "response.output_text.done",
            json!({ "item_id": id, "output_index": at, "content_index": 0, "text": full, "logprobs": [] }),
        );
        self.push(
            "response.content_part.done",
            json!({ "item_id": id, "output_index": at, "content_index": 0, "part": part(&full) }),
        );
        item("completed", json!([part(&full)]))
    }

    fn reasoning(&mut self, id: String, at: usize, text: &Pieces, index: usize) -> Value {
        self.added(at, &json!({ "id": id, "type": "reasoning", "summary": [] }));
        self.push(
            "response.reasoning_summary_part.added",
            json!({ "item_id": id, "output_index": at, "summary_index": 0, "part": { "type": "summary_text", "text": "" } }),
        );
        let pieces = pieces(text, index);
        for piece in &pieces {
            self.push(
                "response.reasoning_summary_text.delta",
                json!({ "item_id": id, "output_index": at, "summary_index": 0, "delta": piece }),
            );
        }
        let full = pieces.concat();
        self.push(
            "response.reasoning_summary_text.done",
            json!({ "item_id": id, "output_index": at, "summary_index": 0, "text": full }),
        );
        json!({ "id": id, "type": "reasoning", "summary": [{ "type": "summary_text", "text": full }] })
    }
}

/// The deltas of a text: the one that is given, or as many as asked for, made of common words
/// with a line break in every twelfth.
fn pieces(text: &Pieces, index: usize) -> Vec<String> {
    let (n, chars) = match text {
        Pieces::Given(text) => return vec![fill_text(text, index)],
        Pieces::Made { n, chars } => (*n, *chars),
    };
    let source = WORDS.repeat(chars / WORDS.len() + 2);
    let mut at = 0;
    (0..n)
        .map(|piece| {
            let mut text = source[at..at + chars].to_owned();
            at = (at + chars) % WORDS.len();
            if piece % 12 == 11 {
                text.pop();
                text.push('\n');
            }
            text
        })
        .collect()
}
