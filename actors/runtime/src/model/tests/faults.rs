use codex_config::MissingKey;
use codex_event::{Backend, FaultKind, ItemKind};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{call, fault_of, item, items, reported, serve, streamed};

/// The fault that a step with this fault ends in, and how many items came before it.
async fn ended(fault: Value) -> (FaultKind, String, Option<u64>, usize) {
    let items_of = json!([{ "type": "text", "text": "one" }, { "type": "text", "text": "two" }]);
    let server = serve(&json!({ "steps": [{ "items": items_of, "fault": fault }] })).await;
    let mut asked = call(&server.base_url(), Backend::Stateless, vec![]);
    asked.settings.provider.stream_idle_timeout_ms = 2_000;
    let reports = reported(asked).await;
    let fault = fault_of(&reports);
    let url = server.base_url();
    (fault.kind, fault.message.replace(&url, "URL"), fault.retry_after_ms, items(&reports).len())
}

fn status(code: u16, message: &str) -> Value {
    json!({ "kind": "status", "code": code, "body": { "error": { "message": message } } })
}

#[tokio::test]
async fn statuses_are_faults() {
    let refused = "unexpected status 401 Unauthorized: bad key, url: URL/responses";
    let denied = "unexpected status 403 Forbidden: bad key, url: URL/responses";
    let lost = "unexpected status 404 Not Found: no model, url: URL/responses";
    let failed = "unexpected status 500 Internal Server Error: oops, url: URL/responses";
    let limited = "exceeded retry limit, last status: 429 Too Many Requests: mock error 429";
    for (fault, kind, message, retry) in [
        (status(401, "bad key"), FaultKind::Unauthorized, refused, None),
        (status(403, "bad key"), FaultKind::Unauthorized, denied, None),
        (status(404, "no model"), FaultKind::BadRequest, lost, None),
        (status(400, "no such tool"), FaultKind::BadRequest, "no such tool", None),
        (status(500, "oops"), FaultKind::ServerError, failed, None),
        (
            json!({ "kind": "status", "code": 429, "retry_after": 1.5 }),
            FaultKind::RateLimited,
            limited,
            Some(1500),
        ),
        (
            json!({ "kind": "status", "code": 429, "error_code": "insufficient_quota" }),
            FaultKind::Quota,
            "Quota exceeded. Check your plan and billing details.",
            None,
        ),
    ] {
        let expected = (kind, message.to_owned(), retry, 0);
        assert_eq!(ended(fault.clone()).await, expected, "{fault}");
    }
    let (kind, message, ..) =
        ended(json!({ "kind": "status", "code": 400, "error_code": "context_length_exceeded" }))
            .await;
    assert_eq!(kind, FaultKind::ContextWindow);
    assert!(message.starts_with("Codex ran out of room"), "{message}");
}

#[tokio::test]
async fn failed_and_incomplete_responses_are_faults() {
    let failed =
        |code: &str, message: &str| json!({ "kind": "failed", "code": code, "message": message });
    let (kind, message, retry, items) =
        ended(failed("rate_limit_exceeded", "Please try again in 1.5s.")).await;
    assert_eq!((kind, retry, items), (FaultKind::RateLimited, Some(1500), 2));
    assert_eq!(message, "rate limit exceeded: Please try again in 1.5s.");
    let cases = [
        ("server_error", FaultKind::ResponseFailed),
        ("context_length_exceeded", FaultKind::ContextWindow),
        ("insufficient_quota", FaultKind::Quota),
        ("invalid_prompt", FaultKind::BadRequest),
    ];
    for (code, expected) in cases {
        assert_eq!(ended(failed(code, "m")).await.0, expected, "{code}");
    }
    let (kind, message, ..) = ended(json!({ "kind": "incomplete" })).await;
    let expected = "Incomplete response returned, reason: max_output_tokens";
    assert_eq!((kind, message.as_str()), (FaultKind::Incomplete, expected));
}

#[tokio::test]
async fn streams_that_end_too_soon_are_lost() {
    let begun = "stream disconnected before completion: ";
    for fault in [
        json!({ "kind": "drop", "after_events": 10 }),
        json!({ "kind": "drop", "after_events": 10, "reset": true }),
    ] {
        let (kind, message, ..) = ended(fault.clone()).await;
        // A reset may cost the whole answer.
        let reset = fault["reset"] == json!(true);
        assert!(
            kind == FaultKind::StreamLost || reset && kind == FaultKind::Unreachable,
            "{kind:?}"
        );
        assert!(message.starts_with(begun) || reset, "{message}");
        assert!(!message.contains("before response.completed"), "{message}");
    }
    let (kind, message, _, items) = ended(json!({ "kind": "no_completed" })).await;
    assert_eq!((kind, items), (FaultKind::StreamLost, 2));
    assert_eq!(message, format!("{begun}stream closed before response.completed"));
}

#[tokio::test]
async fn what_was_streamed_before_a_break_is_reported() {
    let items = json!([{ "type": "text", "n": 3, "chars": 3 }]);
    let fault = json!({ "kind": "drop", "after_events": 6 });
    let server = serve(&json!({ "steps": [{ "items": items, "fault": fault }] })).await;
    let reports = reported(call(&server.base_url(), Backend::Stateless, vec![])).await;
    assert_eq!(fault_of(&reports).kind, FaultKind::StreamLost);
    let text: String = streamed(&reports).into_iter().map(|(_, _, text, _)| text).collect();
    assert_eq!(text, "the qu");
}

#[tokio::test]
async fn silence_is_a_lost_stream_before_and_within_the_answer() {
    let items = json!([{ "type": "text", "text": "one" }]);
    let stall = json!({ "kind": "stall", "after_events": 4, "seconds": 3600 });
    for step in
        [json!({ "items": items, "fault": stall }), json!({ "items": items, "ttfb_ms": 3_600_000 })]
    {
        let server = serve(&json!({ "steps": [step] })).await;
        let mut asked = call(&server.base_url(), Backend::Stateless, vec![]);
        asked.settings.provider.stream_idle_timeout_ms = 100;
        let fault = fault_of(&reported(asked).await);
        assert_eq!(fault.kind, FaultKind::StreamLost);
        let expected = "stream disconnected before completion: idle timeout waiting for SSE";
        assert_eq!(fault.message, expected);
    }
}

#[tokio::test]
async fn a_response_that_the_server_does_not_know_is_told_apart() {
    let server = serve(&json!({ "strict": true, "steps": [[]] })).await;
    let mut asked = call(&server.base_url(), Backend::Responses, vec![]);
    asked.previous = Some("resp_gone".into());
    assert_eq!(fault_of(&reported(asked).await).kind, FaultKind::PreviousResponseUnknown);

    let output = item(
        ItemKind::FunctionCall { call_id: "c".into(), name: "n".into() },
        r#"{"type":"function_call","call_id":"c","name":"n","arguments":"{}"}"#,
    );
    let fault =
        fault_of(&reported(call(&server.base_url(), Backend::Stateless, vec![output])).await);
    assert_eq!(fault.kind, FaultKind::BadRequest);
    assert_eq!(fault.message, "No tool output found for function call c.");
}

#[tokio::test]
async fn a_missing_key_sends_nothing() {
    let server = serve(&json!({ "steps": [[]] })).await;
    let mut asked = call(&server.base_url(), Backend::Stateless, vec![]);
    asked.key = Err(MissingKey { name: "MY_KEY".into(), instructions: None });
    let fault = fault_of(&reported(asked).await);
    assert_eq!(fault.kind, FaultKind::MissingKey);
    assert_eq!(fault.message, "Missing environment variable: `MY_KEY`.");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_echoes_the_key_does_not_get_it_shown() {
    let echo = "you sent Bearer sk-test-0123456789, which is wrong";
    let (_, message, ..) = ended(status(401, echo)).await;
    let expected =
        "unexpected status 401 Unauthorized: you sent Bearer …, which is wrong, url: URL/responses";
    assert_eq!(message, expected);
    let (_, message, ..) = ended(json!({ "kind": "failed", "message": echo.repeat(100) })).await;
    assert!(!message.contains("sk-test"), "{message}");
    assert_eq!(message.chars().count(), 1001);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    // A port that was free a moment ago, and that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}/v1");
    let fault = fault_of(&reported(call(&base, Backend::Stateless, vec![])).await);
    assert_eq!(fault.kind, FaultKind::Unreachable);
    let expected =
        format!("{base}/responses can't be reached: connection refused: nothing listens there");
    assert_eq!(fault.message, expected);

    let fault = fault_of(&reported(call("nonsense", Backend::Stateless, vec![])).await);
    assert_eq!(fault.kind, FaultKind::BadRequest);
}
