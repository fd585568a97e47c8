use codex_event::{ApprovalPolicy, ContextSource, ProviderSettings, Stored};
use codex_scripted::{Script, Server};
use codex_session::{CallForm, Entry};
use serde_json::{Value, json};

use super::*;
use crate::interpret::interpret;

fn call(base_url: &str, backend: Backend, entries: Vec<Entry>) -> ModelCall {
    ModelCall {
        session: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
        request: RequestId(1),
        attempt: 1,
        backend,
        previous: None,
        settings: Settings {
            model: "o4-mini".into(),
            provider: ProviderSettings {
                id: "mock".into(),
                base_url: base_url.into(),
                backend,
                request_max_retries: 0,
                stream_max_retries: 0,
                stream_idle_timeout_ms: 30_000,
            },
            approval_policy: ApprovalPolicy::Never,
            permissions: vec![],
            reasoning_effort: None,
            reasoning_summary: None,
            notify: vec![],
        },
        instructions: Some("be good".into()),
        entries,
        key: Ok(Some("sk-secret".into())),
        headers: vec![("x-team".into(), "blue".into())],
        query: vec![("api-version".into(), "1".into())],
    }
}

fn user(text: &str) -> Entry {
    Entry::User { text: text.into() }
}

async fn asked(call: ModelCall, cancel: CancellationToken) -> Vec<Report> {
    let (reports, mut said) = mpsc::channel(8);
    let asking = tokio::spawn(async move {
        ask(call, &Endpoint::default(), &interpret, reports, cancel).await;
    });
    let mut all = Vec::new();
    while let Some(report) = said.recv().await {
        all.push(report);
    }
    asking.await.expect("no panic");
    all
}

fn play(steps: Value, then: impl AsyncFnOnce(Server)) {
    let script = Script::from_json(&json!({ "steps": steps }).to_string()).expect("a script");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        then(Server::start(script).await.expect("loopback")).await;
    });
}

/// Plays one step, and gives the reports of one attempt.
fn attempt(step: Value) -> Vec<Report> {
    let mut seen = Vec::new();
    play(json!([step]), async |server: Server| {
        let call = call(&server.base_url(), Backend::Responses, vec![user("hi")]);
        seen = asked(call, CancellationToken::new()).await;
    });
    seen
}

fn failure(step: Value) -> Fault {
    match attempt(step).pop() {
        Some(Report::ModelFailed { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_response_is_streamed_itemised_and_done() {
    let step = json!({
        "items": [
            {"type": "reasoning", "text": "hm"},
            {"type": "text", "n": 3, "chars": 5},
            {"type": "function_call", "name": "exec_command", "arguments": {"cmd": "ls"}}
        ],
        "usage": {"input": 7, "output": 3, "cached": 2, "reasoning": 1}
    });
    let reports = attempt(step);
    let mut streamed = (String::new(), String::new());
    let mut kinds = Vec::new();
    for report in &reports {
        match report {
            Report::ModelStreamed { part, text, marks, .. } => {
                assert_eq!(marks.iter().map(|mark| mark.0 as usize).sum::<usize>(), text.len());
                match part {
                    codex_event::StreamPart::Text => streamed.0.push_str(text),
                    codex_event::StreamPart::Reasoning => streamed.1.push_str(text),
                }
            }
            Report::ModelItem { item, kind, raw, .. } => {
                assert!(serde_json::from_str::<Value>(raw).is_ok());
                kinds.push((*item, kind.clone()));
            }
            _ => {}
        }
    }
    assert_eq!((streamed.0.len(), streamed.1.as_str()), (15, "hm"));
    assert_eq!(kinds.iter().map(|(item, _)| *item).collect::<Vec<_>>(), [0, 1, 2]);
    let Some(Report::ModelDone { response, usage, calls, .. }) = reports.last() else {
        panic!("{reports:?}")
    };
    assert_eq!(response.as_deref(), Some("resp_000000"));
    assert_eq!((usage.input_tokens, usage.cached_input_tokens), (7, 2));
    assert_eq!((usage.output_tokens, usage.reasoning_output_tokens), (3, 1));
    let [(2, Invocation::Command { argv, .. })] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(argv.inline().expect("short").join(" "), "/bin/bash -lc ls");
}

#[test]
fn every_fault_has_its_kind_and_its_words() {
    let text = json!([{"type": "text", "n": 20, "chars": 8}]);
    let status =
        |code: u16, body: Value| json!({"fault": {"kind": "status", "code": code, "body": body}});
    let said = |message: &str, code: &str| json!({"error": {"message": message, "code": code}});
    let cases = [
        (status(401, said("bad key", "")), FaultKind::Unauthorized, "401 Unauthorized: bad key"),
        (status(403, said("no", "")), FaultKind::Unauthorized, "403 Forbidden"),
        (status(400, said("too odd", "")), FaultKind::BadRequest, "too odd"),
        (status(404, said("no model", "")), FaultKind::BadRequest, "404 Not Found: no model"),
        (status(429, said("slow", "")), FaultKind::RateLimited, "429 Too Many Requests"),
        (status(429, said("x", "insufficient_quota")), FaultKind::Quota, "Quota exceeded"),
        (status(503, said("later", "")), FaultKind::ServerError, "503 Service Unavailable: later"),
        (
            status(400, said("previous_response_id r1 is gone", "")),
            FaultKind::PreviousResponseUnknown,
            "previous_response_id",
        ),
        (
            json!({"items": text, "fault": {"kind": "drop", "after_events": 6}}),
            FaultKind::StreamLost,
            "stream disconnected before completion: transport error",
        ),
        (
            json!({"items": text, "fault": {"kind": "no_completed"}}),
            FaultKind::StreamLost,
            "stream closed before response.completed",
        ),
        (
            json!({"items": text, "fault": {"kind": "failed", "code": "context_length_exceeded", "message": "m"}}),
            FaultKind::ContextWindow,
            "ran out of room",
        ),
        (
            json!({"items": text, "fault": {"kind": "incomplete", "reason": "max_output_tokens"}}),
            FaultKind::Incomplete,
            "Incomplete response returned, reason: max_output_tokens",
        ),
    ];
    for (step, kind, words) in cases {
        let fault = failure(step.clone());
        assert_eq!(fault.kind, kind, "{step}");
        assert!(fault.message.contains(words), "{:?} lacks {words:?}", fault.message);
    }
}

#[test]
fn retry_after_is_passed_on() {
    let fault = failure(json!({"fault": {"kind": "status", "code": 429, "retry_after": 2}}));
    assert_eq!(fault.retry_after_ms, Some(2000));
    let step = json!({"fault": {
        "kind": "failed", "code": "rate_limit_exceeded", "message": "Please try again in 1.5s."
    }});
    assert_eq!(failure(step).retry_after_ms, Some(1500));
}

#[test]
fn a_malformed_event_is_passed_over() {
    let items = json!([{"type": "text", "text": "fine"}]);
    let step = json!({"items": items, "fault": {"kind": "malformed", "after_events": 2}});
    assert!(matches!(attempt(step).last(), Some(Report::ModelDone { .. })));
}

#[test]
fn silence_ends_the_attempt() {
    let items = json!([{"type": "text", "n": 20, "chars": 8}]);
    let fault = json!({"kind": "stall", "after_events": 6, "seconds": 60});
    play(json!([{"items": items, "fault": fault}]), async |server: Server| {
        let mut call = call(&server.base_url(), Backend::Responses, vec![user("hi")]);
        call.settings.provider.stream_idle_timeout_ms = 150;
        let reports = asked(call, CancellationToken::new()).await;
        let Some(Report::ModelFailed { fault, .. }) = reports.last() else { panic!("{reports:?}") };
        assert_eq!(fault.kind, FaultKind::StreamLost);
        assert!(fault.message.ends_with("idle timeout waiting for SSE"), "{}", fault.message);
    });
}

#[test]
fn a_cancelled_attempt_ends_at_once() {
    let items = json!([{"type": "text", "n": 20, "chars": 8}]);
    let fault = json!({"kind": "stall", "after_events": 6, "seconds": 60});
    play(json!([{"items": items, "fault": fault}]), async |server: Server| {
        let call = call(&server.base_url(), Backend::Responses, vec![user("hi")]);
        let cancel = CancellationToken::new();
        let (reports, mut said) = mpsc::channel(8);
        let token = cancel.clone();
        tokio::spawn(async move {
            ask(call, &Endpoint::default(), &interpret, reports, token).await;
        });
        // The stream has begun when its first chunk is there.
        assert!(matches!(said.recv().await, Some(Report::ModelStreamed { .. })));
        cancel.cancel();
        let mut last = None;
        while let Some(report) = said.recv().await {
            last = Some(report);
        }
        let Some(Report::ModelFailed { fault, .. }) = last else { panic!("{last:?}") };
        assert_eq!(fault.kind, FaultKind::Cancelled);
    });
}

#[test]
fn a_server_that_is_not_there_and_a_key_that_is_not_there_say_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        // Nothing listens on a port that was just given back.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("loopback")
            .port();
        let url = format!("http://127.0.0.1:{port}/v1");
        let reports = asked(call(&url, Backend::Responses, vec![]), CancellationToken::new()).await;
        let [Report::ModelFailed { fault, .. }] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!(fault.kind, FaultKind::Unreachable);
        assert!(fault.message.contains(&url), "{}", fault.message);

        let mut keyless = call(&url, Backend::Responses, vec![]);
        keyless.key = Err(MissingKey { name: "MOCK_KEY".into(), instructions: None });
        let reports = asked(keyless, CancellationToken::new()).await;
        let [Report::ModelFailed { fault, .. }] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!(fault.kind, FaultKind::MissingKey);
        assert!(fault.message.contains("MOCK_KEY"));
    });
}

#[test]
fn a_request_carries_key_headers_and_query() {
    play(json!([[{"type": "text", "text": "ok"}]]), async |server: Server| {
        let call = call(&server.base_url(), Backend::Responses, vec![user("hi")]);
        asked(call, CancellationToken::new()).await;
        // The scripted server knows the path without a query alone; what counts is what it got.
        let requests = server.requests();
        let request = requests.first().expect("one request");
        assert_eq!(request.header("authorization"), Some("Bearer sk-secret"));
        assert_eq!(request.header("x-team"), Some("blue"));
        assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("codex/")));
    });
}

/// A conversation with one of everything.
fn conversation() -> Vec<Entry> {
    let item = |kind, raw: Value| Entry::Item { kind, raw: Stored::Inline(raw.to_string()) };
    let function = |call_id: &str| ItemKind::FunctionCall {
        call_id: call_id.into(),
        name: "exec_command".into(),
    };
    vec![
        Entry::Context { source: ContextSource::Instructions, text: "be good".into() },
        Entry::Context { source: ContextSource::Environment, text: "cwd: /w".into() },
        user("fix it"),
        item(
            ItemKind::Reasoning,
            json!({"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "e"}),
        ),
        item(
            function("c1"),
            json!({"id": "fc_1", "type": "function_call", "status": "completed",
                "call_id": "c1", "name": "exec_command", "arguments": "{\"cmd\": cut o"}),
        ),
        Entry::Output { call_id: "c1".into(), custom: CallForm::Function, text: "bad".into() },
        Entry::Output { call_id: "c2".into(), custom: CallForm::Custom, text: "done".into() },
    ]
}

fn encoded(call: &ModelCall) -> Value {
    serde_json::from_str(&encode::body(call)).expect("a body is JSON")
}

#[test]
fn a_stateless_body_holds_the_whole_conversation_and_no_id() {
    let body = encoded(&call("http://x/v1", Backend::Stateless, conversation()));
    assert_eq!(body["store"], json!(false));
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(body["instructions"], json!("be good"));
    assert!(body.get("previous_response_id").is_none());
    assert!(body.get("reasoning").is_none());
    let user = |text: &str| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
    assert_eq!(
        body["input"],
        json!([
            user("cwd: /w"),
            user("fix it"),
            {"type": "reasoning", "summary": [], "encrypted_content": "e"},
            {"type": "function_call", "call_id": "c1", "name": "exec_command", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "bad"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
        ])
    );
}

#[test]
fn a_body_for_a_provider_that_keeps_responses_builds_on_the_last_one() {
    let mut call = call("http://x/v1", Backend::Responses, vec![user("more")]);
    call.previous = Some("resp_7".into());
    call.settings.reasoning_effort = Some("high".into());
    let body = encoded(&call);
    assert_eq!(body["store"], json!(true));
    assert_eq!(body["previous_response_id"], json!("resp_7"));
    assert_eq!(body["reasoning"], json!({"effort": "high"}));
    assert_eq!(body["input"].as_array().map(Vec::len), Some(1));
    assert!(body.get("include").is_none());
    let names: Vec<_> =
        body["tools"].as_array().expect("tools").iter().map(|t| &t["name"]).collect();
    assert_eq!(names, [&json!("shell"), &json!("exec_command"), &json!("apply_patch")]);
}
