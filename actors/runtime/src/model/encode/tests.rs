use std::cell::Cell;

use codex_event::{Digest, ItemKind, RequestId};

use super::*;
use crate::model::tests::{call, inline, item, say};

/// Whom the other tests ask.
fn target(backend: Backend, previous: Option<&str>) -> Target {
    Target::of(&call("http://127.0.0.1:1/v1", backend, vec![]).settings, previous)
}

/// An entry as it is sent on its own.
fn sent(entry: &Entry, target: &Target) -> Option<Box<RawValue>> {
    Input::default().element(entry, target, &inline)
}

/// The body, with the tools replaced by their digest.
fn shown(call: &ModelCall) -> Value {
    let mut body: Value = serde_json::from_str(&body(call)).unwrap();
    let tools = body["tools"].to_string();
    body["tools"] =
        (Digest::of(tools.as_bytes()) == tools::digest(call.settings.approval_policy)).into();
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
    let mut call = call("http://127.0.0.1:1/v1", Backend::Responses, vec![]);
    call.instructions = Some("be brief".into());
    call.previous = Some("resp_1".into());
    say(&mut call, vec![news]);
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
    let (has_it, whole) =
        (target(Backend::Responses, Some("resp_1")), target(Backend::Stateless, None));
    assert_eq!(sent(&entry, &has_it).unwrap().get(), raw.trim());
    // Not to be held as a value, and still JSON; what is left of it is as it came.
    let rest = r#"{"content":[1.50,"\ud83d"],"type":"message"}"#;
    assert_eq!(sent(&entry, &whole).unwrap().get(), rest);
    let entry = item(ItemKind::Other { name: "web_search_call".into() }, r#"{"id":"ws_1"}"#);
    assert_eq!(sent(&entry, &has_it).unwrap().get(), r#"{"id":"ws_1"}"#);
    assert!(sent(&entry, &whole).is_none());
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
        let targets = [Some("resp_1"), None].map(|previous| target(Backend::Responses, previous));
        for target in targets {
            let sent = sent(&item(kind(), &raw), &target).unwrap();
            let sent: Value = serde_json::from_str(sent.get()).unwrap();
            assert!(sent["arguments"] == expected, "{:.80}: {:.80}", arguments, sent["arguments"]);
        }
    }
    let none = item(kind(), r#"{"type":"function_call","call_id":"c","name":"n"}"#);
    let sent: Value =
        serde_json::from_str(sent(&none, &target(Backend::Stateless, None)).unwrap().get())
            .unwrap();
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
                {"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": mended},
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
    let whole = target(Backend::Stateless, None);
    let resent = |raw: &str| sent(&item(ItemKind::Reasoning, raw), &whole);
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
    let stateless = target(Backend::Stateless, None);
    let whole = Input::default().follow(&stateless, &entries, inline).to_owned();
    let mut input = Input::default();
    for length in 0..=entries.len() {
        input.follow(&stateless, &entries[..length], read);
    }
    assert_eq!(input.follow(&stateless, &entries, read), whole);
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
    let (stateless, news) =
        (target(Backend::Stateless, None), target(Backend::Responses, Some("resp_1")));
    for (target, asked) in [
        (&stateless, &entries[..]),
        (&news, &entries[..]),
        (&news, end),
        (&news, short),
        (&stateless, short),
        (&stateless, &entries[..3]),
        (&stateless, &other[..3]),
        (&stateless, &[]),
        (&stateless, &other[..]),
    ] {
        let fresh = Input::default().follow(target, asked, inline).to_owned();
        assert_eq!(input.follow(target, asked, inline), fresh);
        let elements: Vec<Value> = serde_json::from_str(&format!("[{fresh}]")).unwrap();
        assert!(elements.len() >= asked.len().saturating_sub(1), "{fresh}");
    }
}

/// What another program's session holds, said by another model of another provider.
fn imported(provider: &str, model: &str) -> Vec<Entry> {
    let by = Arc::new(Origin { provider: provider.into(), model: model.into() });
    let said = |kind: ItemKind, raw: Value| Entry::Item {
        kind,
        raw: raw.to_string().into(),
        by: Arc::clone(&by),
    };
    let output = |id: &str, custom| Entry::Output {
        call_id: id.into(),
        custom,
        text: format!("output of {id}").into(),
    };
    let function =
        |id: &str, name: &str| ItemKind::FunctionCall { call_id: id.into(), name: name.into() };
    let custom =
        |id: &str, name: &str| ItemKind::CustomCall { call_id: id.into(), name: name.into() };
    let other = |name: &str| ItemKind::Other { name: name.into() };
    let note = json!({"turn_id": "t"});
    vec![
        Entry::Context { source: ContextSource::Summary, text: "so far".into() },
        said(
            ItemKind::Reasoning,
            json!({"id": "rs_1", "type": "reasoning", "summary": [], "content": null,
                "encrypted_content": "gAAA"}),
        ),
        said(
            ItemKind::Message,
            json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "hm"}], "phase": "commentary",
                "internal_chat_message_metadata_passthrough": note, "extra": 1}),
        ),
        said(
            other("web_search_call"),
            json!({"id": "ws_1", "type": "web_search_call", "status": "completed"}),
        ),
        said(
            function("c1", "local_shell"),
            json!({"id": "lsh_1", "type": "local_shell_call", "call_id": "c1", "status": "completed",
                "action": {"type": "exec", "command": ["ls"], "timeout_ms": 9, "env": {}}}),
        ),
        output("c1", CallForm::Function),
        said(
            custom("c2", "exec"),
            json!({"id": "ctc_1", "type": "custom_tool_call", "call_id": "c2", "name": "exec",
                "input": "run()"}),
        ),
        output("c2", CallForm::Custom),
        said(
            function("c3", "look"),
            json!({"id": "fc_1", "type": "function_call", "call_id": "c3", "name": "look",
                "namespace": "mcp__files", "arguments": "{}", "extra": 1}),
        ),
        output("c3", CallForm::Function),
        // What is no JSON object can't be sent, and neither can its output.
        Entry::Item { kind: function("c4", "x"), raw: "7".to_owned().into(), by: Arc::clone(&by) },
        output("c4", CallForm::Function),
        said(other("compaction"), json!({"type": "compaction", "encrypted_content": "gAAA"})),
    ]
}

#[test]
fn a_conversation_with_others_is_sent_in_a_form_that_anybody_takes() {
    let expected = |more: bool, reasoning: &[Value]| {
        let mut message = json!({"type": "message", "role": "assistant", "phase": "commentary",
            "content": [{"type": "output_text", "text": "hm"}]});
        let mut look = json!({"type": "function_call", "call_id": "c3", "name": "mcp__files__look",
            "arguments": "{}"});
        if more {
            message["extra"] = 1.into();
            look["extra"] = 1.into();
        }
        let output = |id: &str| {
            json!({"type": "function_call_output", "call_id": id,
                "output": format!("output of {id}")})
        };
        let mut all = vec![json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "so far"}]})];
        all.extend_from_slice(reasoning);
        all.extend([
            message,
            json!({"type": "function_call", "call_id": "c1", "name": "shell",
                "arguments": r#"{"command":["ls"],"timeout":9}"#}),
            output("c1"),
            json!({"type": "function_call", "call_id": "c2", "name": "exec",
                "arguments": r#"{"input":"run()"}"#}),
            output("c2"),
            look,
            output("c3"),
        ]);
        Value::from(all)
    };
    let reasoning = [json!({"type": "reasoning", "summary": [], "encrypted_content": "gAAA"})];
    for (provider, model, more, reasoning) in [
        ("openai", "gpt-5.5", false, &[][..]),
        ("openai", "o4-mini", false, &[]),
        // The same server knows its own fields, and a model of one family its own thoughts.
        ("mock", "gpt-5.5", true, &[]),
        ("mock", "o4", true, &reasoning),
    ] {
        for backend in [Backend::Stateless, Backend::Responses] {
            let call = call("http://127.0.0.1:1/v1", backend, imported(provider, model));
            assert_eq!(shown(&call)["input"], expected(more, reasoning), "{provider} {model}");
        }
    }
}

#[test]
fn two_calls_of_one_id_have_an_output_each() {
    let kind = || ItemKind::FunctionCall { call_id: "c".into(), name: "shell".into() };
    let raw = r#"{"type":"function_call","call_id":"c","name":"shell","arguments":"{}"}"#;
    let output =
        || Entry::Output { call_id: "c".into(), custom: CallForm::Function, text: "a".into() };
    let entries = vec![item(kind(), raw), item(kind(), raw), output(), output(), output()];
    let call = call("http://127.0.0.1:1/v1", Backend::Stateless, entries);
    assert_eq!(shown(&call)["input"].as_array().unwrap().len(), 4);
}
