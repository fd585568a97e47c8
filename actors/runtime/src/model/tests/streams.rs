use std::time::{Duration, Instant};

use codex_event::{Backend, ContextSource, Invocation, ItemKind, StreamPart, Usage};
use codex_session::{CallForm, Entry, Report};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{call, echo, item, items, reported, say, serve, streamed};
use crate::model::{Endpoint, ask};

fn user(text: &str) -> Entry {
    Entry::User { text: text.into() }
}

#[tokio::test]
async fn an_answer_is_reported_piece_by_piece_and_whole() {
    let server = serve(&json!({ "steps": [{
        "items": [
            { "type": "reasoning", "text": "thinking" },
            { "type": "text", "n": 3, "chars": 4 },
            { "type": "function_call", "name": "exec_command", "arguments": { "cmd": "ls" } },
            { "type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin Patch" },
        ],
        "usage": { "input": 70, "output": 30, "cached": 60, "reasoning": 20 },
    }] }))
    .await;
    let reports = reported(call(&server.base_url(), Backend::Stateless, vec![user("hi")])).await;

    let texts: Vec<_> =
        streamed(&reports).into_iter().map(|(item, part, text, _)| (item, part, text)).collect();
    assert_eq!(
        texts,
        [
            (0, StreamPart::Reasoning, "thinking".to_owned()),
            (1, StreamPart::Text, "the quick br".to_owned()),
        ]
    );
    let items = items(&reports);
    assert_eq!(items.iter().map(|(at, ..)| *at).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let (call_2, call_3) = ("call_000000_2".to_owned(), "call_000000_3".to_owned());
    let function = ItemKind::FunctionCall { call_id: call_2, name: "exec_command".into() };
    let custom = ItemKind::CustomCall { call_id: call_3, name: "apply_patch".into() };
    let kinds: Vec<_> = items.iter().map(|(_, kind, _)| kind.clone()).collect();
    assert_eq!(kinds, [ItemKind::Reasoning, ItemKind::Message, function, custom]);

    let Some(Report::ModelDone { request, attempt, response, usage, calls, .. }) = reports.last()
    else {
        panic!("{reports:?}")
    };
    assert_eq!((request.0, *attempt, response.as_deref()), (3, 2, Some("resp_000000")));
    let expected = Usage {
        input_tokens: 70,
        cached_input_tokens: 60,
        cache_write_input_tokens: 0,
        output_tokens: 30,
        reasoning_output_tokens: 20,
    };
    assert_eq!(*usage, expected);
    let echoed = |n: usize| Invocation::Invalid { message: items[n].2.clone().into() };
    assert_eq!(*calls, [(2, echoed(2)), (3, echoed(3))]);
}

#[tokio::test]
async fn a_chunk_comes_before_its_item_and_marks_cover_it() {
    let server = serve(&json!({ "steps": [[{ "type": "text", "n": 2000, "chars": 8 }]] })).await;
    let reports = reported(call(&server.base_url(), Backend::Stateless, vec![])).await;
    let chunks = streamed(&reports);
    assert!(chunks.len() > 4, "{}", chunks.len());
    for (_, _, text, marks) in &chunks {
        assert!(text.len() <= 3 << 10);
        assert_eq!(marks.iter().map(|mark| mark.0 as usize).sum::<usize>(), text.len());
        assert!(marks.is_sorted_by(|a, b| a.1 < b.1), "{marks:?}");
    }
    let first_item = reports.iter().position(|r| matches!(r, Report::ModelItem { .. })).unwrap();
    assert_eq!(first_item, chunks.len());
    let raw: Value = serde_json::from_str(&items(&reports)[0].2).unwrap();
    let whole: String = chunks.into_iter().map(|(_, _, text, _)| text).collect();
    assert_eq!(raw["content"][0]["text"], whole);
}

#[tokio::test]
async fn a_text_that_halts_is_reported_all_the_same() {
    // Created, in progress, added, part added, one piece; then nothing for an hour.
    let fault = json!({ "kind": "stall", "after_events": 5, "seconds": 3600 });
    let items = json!([{ "type": "text", "n": 2, "chars": 3 }]);
    let server = serve(&json!({ "steps": [{ "items": items, "fault": fault }] })).await;
    let (reports, mut said) = mpsc::channel(4);
    let (endpoint, cancel) = (Endpoint::default(), CancellationToken::new());
    let call = call(&server.base_url(), Backend::Stateless, vec![]);
    let asking = ask(call, &endpoint, &echo, reports, cancel.clone());
    let listening = async {
        let began = Instant::now();
        let first = said.recv().await;
        // It was held for more pieces, but not for ever.
        assert!(began.elapsed() >= Duration::from_millis(250));
        assert!(matches!(&first, Some(Report::ModelStreamed { text, .. }) if text == "the"));
        cancel.cancel();
        assert!(matches!(said.recv().await, Some(Report::ModelFailed { .. })));
        assert_eq!(said.recv().await, None);
    };
    tokio::join!(asking, listening);
}

#[tokio::test]
async fn a_strict_server_takes_a_whole_stateless_conversation() {
    let script = json!({ "strict": true, "steps": [[{ "type": "text", "text": "ok" }]] });
    let server = serve(&script).await;
    let kind = ItemKind::FunctionCall { call_id: "c1".into(), name: "shell".into() };
    let broken =
        r#"{"type":"function_call","id":"fc","call_id":"c1","name":"shell","arguments":"{\"comm"}"#;
    let entries = vec![
        Entry::Context { source: ContextSource::Instructions, text: "be brief".into() },
        user("hi"),
        item(kind, broken),
        Entry::Output {
            call_id: "c1".into(),
            custom: CallForm::Function,
            text: "failed to parse function arguments".into(),
        },
    ];
    let mut asked = call(&server.base_url(), Backend::Stateless, entries);
    asked.instructions = Some("be brief".into());
    asked.headers = vec![("x-extra".into(), "1".into())];
    asked.query = vec![("api-version".into(), "a b".into())];
    let reports = reported(asked).await;
    assert!(matches!(reports.last(), Some(Report::ModelDone { .. })), "{reports:?}");

    let [request] = &server.requests()[..] else { panic!() };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/v1/responses?api-version=a+b")
    );
    let agent = concat!("codex/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("authorization", "Bearer sk-test-0123456789"),
        ("accept", "text/event-stream"),
        ("accept-encoding", "identity"),
        ("content-type", "application/json"),
        ("originator", "codex_exec"),
        ("user-agent", agent),
        ("session-id", "01900000-0000-7000-8000-000000000001"),
        ("x-extra", "1"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!((&body["store"], &body["instructions"]), (&json!(false), &json!("be brief")));
    assert_eq!(body.get("previous_response_id"), None);
    assert_eq!(body["input"].as_array().unwrap().len(), 3);
    assert_eq!(
        body["input"][1],
        json!({
            "type": "function_call", "call_id": "c1", "name": "shell",
            "arguments": r#"{"invalid_arguments":"{\"comm"}"#
        })
    );
}

#[tokio::test]
async fn a_strict_server_takes_what_is_new_after_a_response() {
    let step =
        json!([{ "type": "function_call", "name": "shell", "arguments": { "command": ["ls"] } }]);
    let script = json!({ "strict": true, "steps": [step, [{ "type": "text", "text": "ok" }]] });
    let server = serve(&script).await;
    let first = reported(call(&server.base_url(), Backend::Responses, vec![user("hi")])).await;
    let Some(Report::ModelDone { response, .. }) = first.last() else { panic!("{first:?}") };
    let output = Entry::Output {
        call_id: "call_000000_0".into(),
        custom: CallForm::Function,
        text: "a".into(),
    };
    let mut next = call(&server.base_url(), Backend::Responses, vec![]);
    next.previous = response.clone();
    say(&mut next, vec![output]);
    let second = reported(next).await;
    assert!(matches!(second.last(), Some(Report::ModelDone { .. })), "{second:?}");

    let bodies: Vec<Value> =
        server.requests().iter().map(|r| serde_json::from_str(&r.body).unwrap()).collect();
    assert_eq!(bodies[0].get("previous_response_id"), None);
    assert_eq!((&bodies[0]["store"], bodies[0].get("include")), (&json!(true), None));
    assert_eq!(bodies[1]["previous_response_id"], "resp_000000");
    let input =
        json!([{ "type": "function_call_output", "call_id": "call_000000_0", "output": "a" }]);
    assert_eq!(bodies[1]["input"], input);
}

#[tokio::test]
async fn an_event_that_is_no_json_is_passed_over() {
    let items = json!([{ "type": "text", "text": "fine" }]);
    let fault = json!({ "kind": "malformed", "after_events": 3 });
    let server = serve(&json!({ "steps": [{ "items": items, "fault": fault }] })).await;
    let reports = reported(call(&server.base_url(), Backend::Stateless, vec![])).await;
    assert!(matches!(reports.last(), Some(Report::ModelDone { .. })), "{reports:?}");
    assert_eq!(items_text(&reports), "fine");
}

#[tokio::test]
async fn a_missing_client_of_the_reports_ends_the_attempt() {
    let fault = json!({ "kind": "stall", "after_events": 12, "seconds": 3600 });
    let step = json!({ "items": [{ "type": "text", "n": 2 }, { "type": "text" , "n": 2}], "fault": fault });
    let server = serve(&json!({ "steps": [step] })).await;
    let (reports, said) = mpsc::channel(1);
    drop(said);
    let endpoint = Endpoint::default();
    // Returns although the server never ends.
    let call = call(&server.base_url(), Backend::Stateless, vec![]);
    ask(call, &endpoint, &echo, reports, CancellationToken::new()).await;
}

fn items_text(reports: &[Report]) -> String {
    let raw: Value = serde_json::from_str(&items(reports)[0].2).unwrap();
    raw["content"][0]["text"].as_str().unwrap().to_owned()
}
