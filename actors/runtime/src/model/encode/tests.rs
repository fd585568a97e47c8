use std::cell::Cell;

use codex_event::{Digest, RequestId};

use super::*;
use crate::model::tests::{call, inline, item};

/// The body, with the tools replaced by their digest.
fn shown(call: &ModelCall) -> Value {
    let mut body: Value = serde_json::from_str(&body(call)).unwrap();
    let tools = body["tools"].to_string();
    body["tools"] = (Digest::of(tools.as_bytes()) == tools::digest()).into();
    body
}

fn conversation() -> Vec<Entry> {
    let function = ItemKind::FunctionCall { call_id: "call_1".into(), name: "exec_command".into() };
    let custom = ItemKind::CustomCall { call_id: "call_2".into(), name: "apply_patch".into() };
    vec![
        Entry::Context { source: ContextSource::Instructions, text: "be brief".into() },
        Entry::Context { source: ContextSource::Environment, text: "<cwd>/p</cwd>".into() },
        Entry::User { text: "fix \"it\"".into() },
        item(
            ItemKind::Reasoning,
            r#"{"id":"rs_1","type":"reasoning","status":"completed","summary":[],"encrypted_content":"gAAA"}"#,
        ),
        item(
            ItemKind::Message,
            r#"{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hm","annotations":[]}]}"#,
        ),
        item(
            function,
            r#"{"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"exec_command","arguments":"{\"cmd\": \"ls\"}"}"#,
        ),
        Entry::Output { call_id: "call_1".into(), custom: CallForm::Function, text: "a\nb".into() },
        item(
            custom,
            r#"{"id":"ctc_1","type":"custom_tool_call","status":"completed","call_id":"call_2","name":"apply_patch","input":"*** Begin Patch"}"#,
        ),
        Entry::Output { call_id: "call_2".into(), custom: CallForm::Custom, text: "no".into() },
    ]
}

#[test]
fn a_stateless_request_holds_the_whole_transcript_and_no_ids() {
    let mut call = call("http://127.0.0.1:1/v1", Backend::Stateless, conversation());
    call.instructions = Some("be brief".into());
    call.previous = Some("resp_1".into());
    call.settings.reasoning_effort = Some("high".into());
    assert_eq!(
        shown(&call),
        json!({
            "model": "o4-mini",
            "instructions": "be brief",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<cwd>/p</cwd>"}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix \"it\""}]},
                {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hm", "annotations": []}]},
                {"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": "{\"cmd\": \"ls\"}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "a\nb"},
                {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin Patch"},
                {"type": "custom_tool_call_output", "call_id": "call_2", "output": "no"},
            ],
            "tools": true,
            "tool_choice": "auto",
            "parallel_tool_calls": false,
            "reasoning": {"effort": "high"},
            "store": false,
            "stream": true,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "01900000-0000-7000-8000-000000000001",
        })
    );
}

#[test]
fn a_request_that_builds_on_a_response_names_it() {
    let news =
        Entry::Output { call_id: "call_1".into(), custom: CallForm::Function, text: "".into() };
    let mut call = call("http://127.0.0.1:1/v1", Backend::Responses, vec![news]);
    call.instructions = Some("be brief".into());
    call.previous = Some("resp_1".into());
    call.settings.reasoning_summary = Some("auto".into());
    assert_eq!(
        shown(&call),
        json!({
            "model": "o4-mini",
            "instructions": "be brief",
            "previous_response_id": "resp_1",
            "input": [{"type": "function_call_output", "call_id": "call_1", "output": ""}],
            "tools": true,
            "tool_choice": "auto",
            "parallel_tool_calls": false,
            "reasoning": {"summary": "auto"},
            "store": true,
            "stream": true,
            "prompt_cache_key": "01900000-0000-7000-8000-000000000001",
        })
    );
}

#[test]
fn what_is_not_set_is_not_sent() {
    let body = shown(&call("http://127.0.0.1:1/v1", Backend::Responses, vec![]));
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "input",
            "model",
            "parallel_tool_calls",
            "prompt_cache_key",
            "store",
            "stream",
            "tool_choice",
            "tools"
        ]
    );
}

#[test]
fn the_same_call_gives_the_same_bytes_whatever_the_attempt() {
    let mut first = call("http://127.0.0.1:1/v1", Backend::Stateless, conversation());
    let again = body(&first);
    first.attempt = 9;
    first.request = RequestId(9);
    assert_eq!(body(&first), again);
}

#[test]
fn a_server_that_keeps_items_gets_them_back_as_they_came() {
    let raw = r#"{ "id":"msg_1","type":"message","content":[1.50,"\ud83d"] }"#;
    let entry = item(ItemKind::Message, raw);
    assert_eq!(element(&entry, Backend::Responses, &inline).unwrap().get(), raw.trim());
    // Not to be held as a value, and still JSON; what is left of it is as it came.
    let rest = r#"{"content":[1.50,"\ud83d"],"type":"message"}"#;
    assert_eq!(element(&entry, Backend::Stateless, &inline).unwrap().get(), rest);
    let entry = item(ItemKind::Other { name: "web_search_call".into() }, r#"{"id":"ws_1"}"#);
    assert_eq!(element(&entry, Backend::Stateless, &inline).unwrap().get(), r#"{"id":"ws_1"}"#);
}

#[test]
fn broken_arguments_are_never_sent_again() {
    let kind = || ItemKind::FunctionCall { call_id: "c".into(), name: "n".into() };
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let cut = |depth: usize| format!("{{\"a\":{}", "[".repeat(depth));
    let invalid = |text: &str| json!({ "invalid_arguments": text }).to_string();
    let quoted = |text: &str| json!(text).to_string();
    let cases = [
        (quoted("{\"cmd\":\"l"), invalid("{\"cmd\":\"l")),
        (quoted(""), "{}".to_owned()),
        (quoted(" \n"), "{}".to_owned()),
        (quoted("[1]"), invalid("[1]")),
        ("null".to_owned(), "{}".to_owned()),
        (r#"{"cmd":"ls"}"#.to_owned(), r#"{"cmd":"ls"}"#.to_owned()),
        ("7".to_owned(), invalid("7")),
        (quoted("{ \"a\": 1 }"), "{ \"a\": 1 }".to_owned()),
        (quoted("{} trailing"), invalid("{} trailing")),
        (quoted(r#"{"a":"\ud83d"}"#), invalid(r#"{"a":"\ud83d"}"#)),
        // The server itself cut a letter in two.
        (r#""{\"a\":\"\ud83d""#.to_owned(), invalid(r#""{\"a\":\"\ud83d""#)),
        (quoted(&deep(1_000)), deep(1_000)),
        (quoted(&deep(100_000)), deep(100_000)),
        (quoted(&cut(100_000)), invalid(&cut(100_000))),
    ];
    for (arguments, expected) in cases {
        let raw = format!(
            r#"{{"type":"function_call","call_id":"c","name":"n","arguments":{arguments}}}"#
        );
        for backend in [Backend::Responses, Backend::Stateless] {
            let sent = element(&item(kind(), &raw), backend, &inline).unwrap();
            let sent: Value = serde_json::from_str(sent.get()).unwrap();
            assert!(sent["arguments"] == expected, "{:.80}: {:.80}", arguments, sent["arguments"]);
        }
    }
    let none = item(kind(), r#"{"type":"function_call","call_id":"c","name":"n"}"#);
    let sent: Value =
        serde_json::from_str(element(&none, Backend::Stateless, &inline).unwrap().get()).unwrap();
    assert_eq!(sent["arguments"], "{}");
}

#[test]
fn a_call_that_was_cut_off_goes_back_whole_with_its_one_output() {
    let function = ItemKind::FunctionCall { call_id: "call_1".into(), name: "exec_command".into() };
    let raw = r#"{"id":"fc_1","type":"function_call","status":"incomplete","call_id":"call_1","name":"exec_command","arguments":"{\"cmd\": \"echo"}"#;
    let output = Entry::Output {
        call_id: "call_1".into(),
        custom: CallForm::Function,
        text: "the arguments were cut off".into(),
    };
    let entries = vec![Entry::User { text: "go".into() }, item(function, raw), output];
    let user = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]});
    let answer = json!({"type": "function_call_output", "call_id": "call_1", "output": "the arguments were cut off"});
    let mended = r#"{"invalid_arguments":"{\"cmd\": \"echo"}"#;
    let call_of = |backend| call("http://127.0.0.1:1/v1", backend, entries.clone());
    assert_eq!(
        shown(&call_of(Backend::Stateless)),
        json!({
            "model": "o4-mini",
            "input": [
                user,
                {"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": mended},
                answer,
            ],
            "tools": true,
            "tool_choice": "auto",
            "parallel_tool_calls": false,
            "store": false,
            "stream": true,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "01900000-0000-7000-8000-000000000001",
        })
    );
    assert_eq!(
        shown(&call_of(Backend::Responses)),
        json!({
            "model": "o4-mini",
            "input": [
                user,
                {"id": "fc_1", "type": "function_call", "status": "incomplete", "call_id": "call_1", "name": "exec_command", "arguments": mended},
                answer,
            ],
            "tools": true,
            "tool_choice": "auto",
            "parallel_tool_calls": false,
            "store": true,
            "stream": true,
            "prompt_cache_key": "01900000-0000-7000-8000-000000000001",
        })
    );
}

#[test]
fn reasoning_that_is_a_mere_summary_stays_here() {
    let resent = |raw: &str| element(&item(ItemKind::Reasoning, raw), Backend::Stateless, &inline);
    assert!(resent(r#"{"id":"rs_1","type":"reasoning","summary":[{}]}"#).is_none());
    assert!(resent(r#"{"type":"reasoning","summary":[],"encrypted_content":null}"#).is_none());
    let open =
        r#"{"id":"rs_1","type":"reasoning","content":[{"type":"reasoning_text","text":"a"}]}"#;
    let sent: Value = serde_json::from_str(resent(open).unwrap().get()).unwrap();
    assert_eq!(
        sent,
        json!({"type": "reasoning", "content": [{"type": "reasoning_text", "text": "a"}]})
    );
}

#[test]
fn what_was_encoded_once_is_not_read_again() {
    let entries: Vec<_> = conversation().into_iter().map(Arc::new).collect();
    let reads = Cell::new(0);
    let read = |text| {
        reads.set(reads.get() + 1);
        inline(text)
    };
    let whole = Input::default().follow(Backend::Stateless, &entries, inline).to_owned();
    let mut input = Input::default();
    for length in 0..=entries.len() {
        input.follow(Backend::Stateless, &entries[..length], read);
    }
    assert_eq!(input.follow(Backend::Stateless, &entries, read), whole);
    // The instructions have a field of their own, and no place in the conversation.
    assert_eq!(reads.get(), entries.len() - 1);
}

#[test]
fn a_conversation_that_is_no_continuation_is_encoded_anew() {
    let entries: Vec<_> = conversation().into_iter().map(Arc::new).collect();
    let mut other = entries.clone();
    other[2] = Arc::new(Entry::User { text: "something else".into() });
    let (end, short) = (&entries[3..], &entries[..2]);
    let mut input = Input::default();
    for (backend, asked) in [
        (Backend::Stateless, &entries[..]),
        (Backend::Responses, &entries[..]),
        (Backend::Responses, end),
        (Backend::Responses, short),
        (Backend::Stateless, short),
        (Backend::Stateless, &entries[..3]),
        (Backend::Stateless, &other[..3]),
        (Backend::Stateless, &[]),
        (Backend::Stateless, &other[..]),
    ] {
        let fresh = Input::default().follow(backend, asked, inline).to_owned();
        assert_eq!(input.follow(backend, asked, inline), fresh);
        let elements: Vec<Value> = serde_json::from_str(&format!("[{fresh}]")).unwrap();
        assert!(elements.len() >= asked.len().saturating_sub(1), "{fresh}");
    }
}
