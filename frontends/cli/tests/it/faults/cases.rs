//! The faults: what the server does, before it answers or for ever.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::socket::{HEAD, SocketServer, answer, completed, event, message, plain};
use crate::support::{runs, says};

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) server: Server,
    /// Further settings of the provider.
    pub(super) settings: Option<&'static str>,
}

pub(super) enum Server {
    /// It plays steps.
    Plays(Value),
    /// It sends bytes.
    Sends(Box<dyn Fn() -> SocketServer + Send + Sync + std::panic::RefUnwindSafe>),
    /// There is none.
    Absent,
}

/// A step that misbehaves after it has said something.
fn faulty(fault: Value) -> Value {
    json!({"items": [{"type": "text", "text": "half an answer"}], "fault": fault})
}

fn case(name: &'static str, server: Server) -> Case {
    Case { name, server, settings: None }
}

fn once(name: &'static str, fault: Value) -> Case {
    case(name, Server::Plays(json!([faulty(fault), says("all is well")])))
}

fn always(name: &'static str, fault: Value) -> Case {
    case(name, Server::Plays(json!([faulty(fault)])))
}

fn sends(name: &'static str, answers: Vec<Vec<u8>>) -> Case {
    case(name, Server::Sends(Box::new(move || SocketServer::sending(answers.clone()))))
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "status", "code": code, "body": {"error": {"message": message}}})
}

fn coded(code: u16, error: &str, message: &str) -> Value {
    let error = json!({"error": {"message": message, "type": error, "code": error}});
    json!({"kind": "status", "code": code, "body": error})
}

fn limited(retry_after: Value) -> Value {
    let body = json!({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}});
    json!({"kind": "status", "code": 429, "retry_after": retry_after, "body": body})
}

fn failed(code: &str, message: &str) -> Value {
    json!({"kind": "failed", "code": code, "message": message})
}

fn stream(events: &[String]) -> Vec<u8> {
    format!("{HEAD}{}", events.concat()).into_bytes()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = statuses();
    cases.extend(responses());
    cases.extend(streams());
    cases.extend(odd_bodies());
    cases.extend(later_requests());
    cases.extend(nobody());
    cases
}

fn statuses() -> Vec<Case> {
    let date = "date: Wed, 21 Oct 2026 07:28:00 GMT\r\n\
                retry-after: Wed, 21 Oct 2026 07:28:01 GMT\r\n";
    vec![
        always("400: what the server says", status(400, "Unknown parameter: 'tools[0].x'.")),
        always("401", coded(401, "invalid_api_key", "Incorrect API key provided")),
        always("403", status(403, "Project does not have access to model")),
        always("404", coded(404, "model_not_found", "The model `x` does not exist")),
        always("400 for a context that is full", coded(400, "context_length_exceeded", "too long")),
        always("429 for a quota that is used up", coded(429, "insufficient_quota", "You exceeded")),
        once("408, then an answer", status(408, "too slow")),
        once("429 that names a time, then an answer", limited(json!(0.5))),
        sends(
            "429 that names a date, then an answer",
            vec![plain("429 Too Many Requests", date, b"{}"), answer("all is well")],
        ),
        once("429 that names no time, then an answer", limited(Value::Null)),
        once("429 that names a negative time", limited(json!("-5"))),
        once("429 that names garbage", limited(json!("in a while"))),
        always("429 that names a huge time", limited(json!(86_400))),
        always("429 for ever", limited(json!(0))),
        once("500, then an answer", status(500, "The server had an error")),
        always("500 for ever", status(500, "Failed to parse tool call arguments as JSON")),
        once(
            "503 that names a time, then an answer",
            json!({"kind": "status", "code": 503, "retry_after": 0.3}),
        ),
        sends(
            "502 with a page for ever",
            vec![plain(
                "502 Bad Gateway",
                "content-type: text/html\r\n",
                b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
            )],
        ),
        sends(
            "a redirect",
            vec![plain("308 Permanent Redirect", "location: https://h/v2?key=secret\r\n", b"")],
        ),
    ]
}

fn responses() -> Vec<Case> {
    let error = |code: &str, message: &str| {
        stream(&[event(
            &json!({"type": "error", "code": code, "message": message, "param": null}).to_string(),
        )])
    };
    vec![
        always("failed: context_length_exceeded", failed("context_length_exceeded", "too long")),
        always("failed: insufficient_quota", failed("insufficient_quota", "You exceeded")),
        always("failed: usage_not_included", failed("usage_not_included", "Upgrade to use this")),
        always("failed: invalid_prompt", failed("invalid_prompt", "Invalid prompt: flagged")),
        once(
            "failed: rate_limit_exceeded that names a time, then an answer",
            failed("rate_limit_exceeded", "Rate limit reached. Please try again in 0.5s."),
        ),
        once(
            "failed: rate_limit_exceeded that names milliseconds, then an answer",
            failed("rate_limit_exceeded", "Rate limit reached. Please try again in 28ms."),
        ),
        always(
            "failed: rate_limit_exceeded that names minutes",
            failed("rate_limit_exceeded", "Rate limit reached. Please try again in 20m0s."),
        ),
        once(
            "failed: server_is_overloaded, then an answer",
            failed("server_is_overloaded", "Our servers are busy"),
        ),
        always("failed: another code for ever", failed("server_error", "An error occurred")),
        always("incomplete: max_output_tokens", json!({"kind": "incomplete"})),
        always(
            "incomplete: content_filter",
            json!({"kind": "incomplete", "reason": "content_filter"}),
        ),
        sends(
            "an error event, then an answer",
            vec![error("server_error", "the roof is on fire"), answer("all is well")],
        ),
        sends("an error event for ever", vec![error("server_error", "the roof is on fire")]),
        sends("an error event for a quota", vec![error("insufficient_quota", "You exceeded")]),
    ]
}

fn streams() -> Vec<Case> {
    let unknown = event(r#"{"type":"codex.rate_limits","primary":{"used_percent":3}}"#);
    let usage = |tokens: &str| {
        event(&format!(
            r#"{{"type":"response.completed","response":{{"id":"resp_1","usage":{tokens}}}}}"#
        ))
    };
    let second = [message("a second response"), completed("resp_2")].concat();
    let cut = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n{}",
        message("half an answer")
    );
    vec![
        once("a stream that just ends, then an answer", json!({"kind": "no_completed"})),
        always("a stream that just ends, for ever", json!({"kind": "no_completed"})),
        once(
            "a connection that breaks, then an answer",
            json!({"kind": "drop", "after_events": 5}),
        ),
        sends(
            "a chunk that is cut off, then an answer",
            vec![cut.into_bytes(), answer("all is well")],
        ),
        Case {
            settings: Some("stream_idle_timeout_ms=300"),
            ..once(
                "a stream that falls silent, then an answer",
                json!({"kind": "stall", "after_events": 4, "seconds": 600}),
            )
        },
        Case {
            settings: Some("stream_idle_timeout_ms=300"),
            ..case(
                "a server that never begins to answer, then an answer",
                Server::Plays(json!([
                    {"items": says("late"), "ttfb_ms": 600_000}, says("all is well")
                ])),
            )
        },
        Case {
            settings: Some("stream_idle_timeout_ms=300"),
            ..case(
                "a byte now and then, then an answer",
                Server::Sends(Box::new(|| {
                    SocketServer::start(|number, socket| {
                        if number > 0 {
                            return socket.write_all(&answer("all is well"));
                        }
                        socket.write_all(HEAD.as_bytes())?;
                        loop {
                            socket.write_all(b"x")?;
                            std::thread::sleep(Duration::from_millis(20));
                        }
                    })
                })),
            )
        },
        case(
            "data that is no JSON is passed over",
            Server::Plays(json!([
                {"items": says("all is well"), "fault": {"kind": "malformed", "after_events": 3}}
            ])),
        ),
        sends(
            "events that nobody knows are passed over",
            vec![stream(&[unknown.clone(), message("all is well"), unknown, completed("resp_1")])],
        ),
        case(
            "a connection that stays open after the answer, without [DONE]",
            Server::Sends(Box::new(|| {
                SocketServer::start(|_, socket| {
                    socket.write_all(&answer("all is well"))?;
                    // Until the client has gone.
                    socket.read(&mut [0]).map(drop)
                })
            })),
        ),
        sends("usage that is absent", vec![answer("all is well")]),
        sends(
            "usage that is there",
            vec![stream(&[
                message("all is well"),
                usage(r#"{"input_tokens":7,"output_tokens":1}"#),
            ])],
        ),
        sends(
            "two responses in one stream, and events after the end",
            vec![stream(&[
                message("all is well"),
                completed("resp_1"),
                second,
                "data: [DONE]\n\n".into(),
            ])],
        ),
        sends(
            "letters that are no UTF-8",
            vec![
                [HEAD.as_bytes(), b": \xff\xfe\n\n", &answer("all is well")[HEAD.len()..]].concat(),
            ],
        ),
    ]
}

fn odd_bodies() -> Vec<Case> {
    let json = "content-type: application/json\r\n";
    let gzip = "content-type: text/event-stream\r\ncontent-encoding: gzip\r\n";
    let zipped =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00";
    vec![
        sends(
            "200 with JSON",
            vec![plain("200 OK", json, br#"{"id":"resp_1","object":"response","output":[]}"#)],
        ),
        sends(
            "200 with an error as JSON, then an answer",
            vec![
                plain("200 OK", json, br#"{"error":{"message":"the model is being loaded"}}"#),
                answer("all is well"),
            ],
        ),
        sends(
            "200 with a page",
            vec![plain(
                "200 OK",
                "content-type: text/html\r\n",
                b"<!doctype html><html><head><title>Sign in</title></head></html>",
            )],
        ),
        sends("200 with a compressed body", vec![plain("200 OK", gzip, zipped)]),
        sends(
            "200 with a label of gzip alone",
            vec![plain("200 OK", gzip, &answer("all is well")[HEAD.len()..])],
        ),
        sends("200 with nothing for ever", vec![plain("200 OK", "", b"")]),
        sends("bytes that are no HTTP, for ever", vec![b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()]),
    ]
}

/// Faults after a tool has run: it does not run again.
fn later_requests() -> Vec<Case> {
    let then = |fault: Value| Server::Plays(json!([runs("echo once"), fault, says("all is well")]));
    let gone = json!({"error": {
        "message": "Previous response with id 'resp_000000' not found.",
        "code": "previous_response_not_found", "param": "previous_response_id",
    }});
    vec![
        case(
            "a stream that ends after a tool has run",
            then(faulty(json!({"kind": "no_completed"}))),
        ),
        case(
            "a response that the server has forgotten",
            then(json!({"fault": {"kind": "status", "code": 400, "body": gone}})),
        ),
    ]
}

fn nobody() -> Vec<Case> {
    vec![
        case("nobody listens", Server::Absent),
        Case {
            settings: Some("env_key=\"NO_SUCH_KEY\""),
            ..case("the key is missing", Server::Plays(json!([says("never")])))
        },
    ]
}
