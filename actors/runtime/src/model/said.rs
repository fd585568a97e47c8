//! What one event of a stream says. Pure.

use std::borrow::Cow;

use codex_event::{Fault, ItemKind, StreamPart, Usage};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fault;
use super::positions::Place;

/// What an event says, as far as it matters here.
#[derive(Debug)]
pub(crate) enum Said<'a> {
    /// An item began.
    Opened(Place),
    /// A piece of an item's text.
    Piece {
        /// The item.
        place: Place,
        /// Which of its texts.
        part: StreamPart,
        /// Which section of that text; sections stand on lines of their own.
        section: u64,
        /// The piece.
        text: String,
    },
    /// An item is complete.
    Item {
        /// The item.
        place: Place,
        /// What it is.
        kind: ItemKind,
        /// Its JSON as it came.
        raw: &'a str,
    },
    /// The response is complete.
    Completed {
        /// Its id.
        response: Option<String>,
        /// What it used.
        usage: Usage,
    },
    /// The response failed.
    Failed(Fault),
    /// Something that does not matter here; but it is of the response, so that gets on.
    Alive,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct EndEvent<'a> {
    #[serde(default, borrow)]
    response: Option<&'a RawValue>,
}

/// What an end says of its response. Each field is read by itself: however odd or deep one is, the
/// end is an end.
#[derive(Default, Deserialize)]
struct End<'a> {
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
    #[serde(default, borrow)]
    usage: Option<&'a RawValue>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, borrow)]
    incomplete_details: Option<&'a RawValue>,
}

impl<'a> End<'a> {
    fn of(data: &'a str) -> End<'a> {
        let event = serde_json::from_str::<EndEvent<'a>>(data).ok();
        let response = event.and_then(|event| event.response);
        response.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    item_id: Option<String>,
    #[serde(default)]
    output_index: Option<u64>,
    #[serde(default)]
    summary_index: u64,
    delta: String,
}

#[derive(Deserialize)]
struct ItemEvent<'a> {
    #[serde(default)]
    output_index: Option<u64>,
    #[serde(borrow)]
    item: &'a RawValue,
}

#[derive(Deserialize)]
struct ItemHead {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    call_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

/// Reads the data of an event; none when it is not of the response, as what a server sends to keep a
/// connection open. One bad event is no reason to lose a response: what is unknown or can't be
/// understood says no more than that the response gets on.
pub(crate) fn read(data: &str) -> Option<Said<'_>> {
    let head: Head<'_> = serde_json::from_str(data).ok()?;
    let said = match &*head.kind {
        "response.output_item.added" => opened(data),
        "response.output_text.delta" => piece(data, StreamPart::Text),
        "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
            piece(data, StreamPart::Reasoning)
        }
        "response.output_item.done" => item(data),
        "response.completed" => {
            let End { id, usage, .. } = End::of(data);
            let response = value(id).as_str().map(str::to_owned);
            Some(Said::Completed { response, usage: counted(&value(usage)) })
        }
        "response.failed" => Some(Said::Failed(fault::failed(&value(End::of(data).error)))),
        "response.incomplete" => {
            let details = value(End::of(data).incomplete_details);
            let reason = details["reason"].as_str().unwrap_or("unknown");
            Some(Said::Failed(fault::incomplete(reason)))
        }
        "error" => {
            let event: Value = serde_json::from_str(data).unwrap_or_default();
            // Some servers put the error into the event, others into a field of it.
            let error = if event["error"].is_null() { &event } else { &event["error"] };
            Some(Said::Failed(fault::failed(error)))
        }
        other if other.starts_with("response.") => None,
        _ => return None,
    };
    Some(said.unwrap_or(Said::Alive))
}

fn value(raw: Option<&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn opened(data: &str) -> Option<Said<'_>> {
    let event: ItemEvent<'_> = serde_json::from_str(data).ok()?;
    let item: ItemHead = serde_json::from_str(event.item.get()).ok()?;
    Some(Said::Opened(Place { id: item.id, index: event.output_index }))
}

fn piece(data: &str, part: StreamPart) -> Option<Said<'_>> {
    let Delta { item_id, output_index, summary_index, delta } = serde_json::from_str(data).ok()?;
    let place = Place { id: item_id, index: output_index };
    Some(Said::Piece { place, part, section: summary_index, text: delta })
}

fn item(data: &str) -> Option<Said<'_>> {
    let event: ItemEvent<'_> = serde_json::from_str(data).ok()?;
    let raw = event.item.get();
    let ItemHead { kind, id, call_id, name } = serde_json::from_str(raw).ok()?;
    let name = name.unwrap_or_default();
    // Without it nothing can ever answer the call, and every later request would be refused.
    let call_id = call_id.filter(|id| !id.is_empty());
    let kind = match (kind.as_str(), call_id) {
        ("message", _) => ItemKind::Message,
        ("reasoning", _) => ItemKind::Reasoning,
        ("function_call", Some(call_id)) => ItemKind::FunctionCall { call_id, name },
        ("custom_tool_call", Some(call_id)) => ItemKind::CustomCall { call_id, name },
        ("function_call" | "custom_tool_call", None) => {
            return Some(Said::Failed(fault::unanswerable(&name)));
        }
        _ => ItemKind::Other { name: kind },
    };
    Some(Said::Item { place: Place { id, index: event.output_index }, kind, raw })
}

fn counted(usage: &Value) -> Usage {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    Usage {
        input_tokens: count(&usage["input_tokens"]),
        cached_input_tokens: count(&usage["input_tokens_details"]["cached_tokens"]),
        // The API does not tell.
        cache_write_input_tokens: 0,
        output_tokens: count(&usage["output_tokens"]),
        reasoning_output_tokens: count(&usage["output_tokens_details"]["reasoning_tokens"]),
    }
}

#[cfg(test)]
mod tests {
    use codex_event::FaultKind;

    use super::*;

    #[test]
    fn what_is_not_of_the_response_says_nothing() {
        let keepalive = r#"{"type":"keepalive","sequence_number":4}"#;
        for data in ["", "[DONE]", "{", "[]", "{}", r#"{"type":7}"#, keepalive] {
            assert!(read(data).is_none(), "{data}");
        }
    }

    #[test]
    fn what_is_unknown_or_can_not_be_understood_is_progress_all_the_same() {
        let events = [
            r#"{"type":"response.created","response":{}}"#,
            r#"{"type":"response.of_another_age"}"#,
            r#"{"type":"response.output_text.delta"}"#,
            r#"{"type":"response.output_text.delta","delta":7}"#,
            r#"{"type":"response.output_item.done"}"#,
            r#"{"type":"response.output_item.done","item":"x"}"#,
            r#"{"type":"response.output_item.done","item":{"id":"a"}}"#,
            r#"{"type":"response.function_call_arguments.delta","delta":"x"}"#,
        ];
        for event in events {
            assert!(matches!(read(event), Some(Said::Alive)), "{event}");
        }
    }

    #[test]
    fn an_end_is_an_end_however_odd_or_deep() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for depth in [1_000, 100_000] {
            let nested = deep(depth);
            let end = format!(
                r#"{{"type":"response.completed","response":{{"output":{nested},"usage":{nested},"id":"r"}}}}"#
            );
            let Some(Said::Completed { response, usage }) = read(&end) else { panic!("{depth}") };
            assert_eq!((response.as_deref(), usage), (Some("r"), Usage::default()));
            for kind in ["response.failed", "response.incomplete", "error"] {
                let end = format!(r#"{{"type":"{kind}","error":{nested},"response":{nested}}}"#);
                assert!(matches!(read(&end), Some(Said::Failed(_))), "{kind} {depth}");
            }
        }
        for response in ["7", "null", r#""x""#, r#"{"id":7,"usage":"x"}"#] {
            let end = format!(r#"{{"type":"response.completed","response":{response}}}"#);
            assert!(matches!(read(&end), Some(Said::Completed { response: None, .. })), "{end}");
        }
        assert!(matches!(read(r#"{"type":"response.completed"}"#), Some(Said::Completed { .. })));
    }

    #[test]
    fn an_item_is_kept_as_it_came() {
        let raw = r#"{ "type" : "message", "id":"m",  "n": 1.50e0, "t":"\u00e9" }"#;
        let event =
            format!(r#"{{"type":"response.output_item.done","output_index":3,"item": {raw} }}"#);
        let Some(Said::Item { place, kind, raw: kept }) = read(&event) else { panic!() };
        assert_eq!(kept, raw);
        assert_eq!(kind, ItemKind::Message);
        assert_eq!(place, Place { id: Some("m".into()), index: Some(3) });
    }

    #[test]
    fn calls_are_told_by_their_form() {
        let kind = |item: &str| match read(&format!(
            r#"{{"type":"response.output_item.done","item":{item}}}"#
        )) {
            Some(Said::Item { kind, .. }) => Ok(kind),
            Some(Said::Failed(fault)) => Err(fault),
            other => panic!("{other:?}"),
        };
        let call_id = "c".to_owned();
        assert_eq!(
            kind(r#"{"type":"function_call","call_id":"c","name":"shell"}"#),
            Ok(ItemKind::FunctionCall { call_id: call_id.clone(), name: "shell".into() })
        );
        assert_eq!(
            kind(r#"{"type":"custom_tool_call","call_id":"c","name":"apply_patch"}"#),
            Ok(ItemKind::CustomCall { call_id, name: "apply_patch".into() })
        );
        assert_eq!(
            kind(r#"{"type":"web_search_call"}"#),
            Ok(ItemKind::Other { name: "web_search_call".into() })
        );
        let nameless = kind(r#"{"type":"function_call","name":"shell","call_id":""}"#);
        assert_eq!(nameless.unwrap_err().kind, FaultKind::ResponseFailed);
    }

    #[test]
    fn usage_may_be_whole_partial_or_absent() {
        let used = |response: &str| match read(&format!(
            r#"{{"type":"response.completed","response":{response}}}"#
        )) {
            Some(Said::Completed { response, usage }) => (response, usage),
            other => panic!("{other:?}"),
        };
        let whole = r#"{"id":"r","usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":5},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":13}}"#;
        let expected = Usage {
            input_tokens: 9,
            cached_input_tokens: 5,
            cache_write_input_tokens: 0,
            output_tokens: 4,
            reasoning_output_tokens: 3,
        };
        assert_eq!(used(whole), (Some("r".into()), expected));
        let partial =
            r#"{"usage":{"input_tokens":9,"output_tokens":-1,"output_tokens_details":null}}"#;
        assert_eq!(used(partial), (None, Usage { input_tokens: 9, ..Usage::default() }));
        assert_eq!(used("null"), (None, Usage::default()));
    }
}
