//! What a scripted server can't show: connections, and streams that no good server sends.

use std::time::{Duration, Instant};

use codex_event::{Backend, FaultKind, StreamPart};
use codex_session::Report;
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{call, echo, fault_of, items, reported, streamed};
use crate::model::{Endpoint, ask};

pub(super) const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
pub(super) const COMPLETED: &str =
    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\"}}\n\n";

pub(super) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    (listener, base)
}

/// Reads one request, with its body.
pub(super) async fn request(socket: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    loop {
        assert!(socket.read_buf(&mut seen).await.unwrap() > 0, "closed within a request");
        let text = String::from_utf8_lossy(&seen).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}

fn with_length(body: &str) -> String {
    format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len())
}

/// The reports of an attempt that is answered with `events`.
async fn answered(events: &str) -> Vec<Report> {
    let (listener, base) = listen().await;
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        socket.write_all(with_length(events).as_bytes()).await.unwrap();
    };
    let asking = reported(call(&base, Backend::Stateless, vec![]));
    tokio::join!(serving, asking).1
}

pub(super) fn event(json: &str) -> String {
    format!("data: {json}\n\n")
}

#[tokio::test]
async fn cancelling_closes_the_connection() {
    let (listener, base) = listen().await;
    let cancel = CancellationToken::new();
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        let delta = event(r#"{"type":"response.output_text.delta","delta":"so far"}"#);
        socket.write_all(format!("{HEAD}\r\n{delta}").as_bytes()).await.unwrap();
        // Ends when the client closes, and not before.
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    };
    let (reports, mut said) = mpsc::channel(4);
    let endpoint = Endpoint::default();
    let asking =
        ask(call(&base, Backend::Stateless, vec![]), &endpoint, &echo, reports, cancel.clone());
    let listening = async {
        assert!(matches!(said.recv().await, Some(Report::ModelStreamed { .. })));
        cancel.cancel();
        let last = said.recv().await;
        assert_eq!(fault_of(&[last.unwrap()]).kind, FaultKind::Cancelled);
        assert_eq!(said.recv().await, None);
    };
    tokio::join!(serving, asking, listening);
}

#[tokio::test]
async fn cancelling_does_not_wait_for_a_connection_or_a_head() {
    let (listener, base) = listen().await;
    let cancel = CancellationToken::new();
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        cancel.cancel();
        assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
    };
    let (reports, mut said) = mpsc::channel(4);
    let endpoint = Endpoint::default();
    let asking =
        ask(call(&base, Backend::Stateless, vec![]), &endpoint, &echo, reports, cancel.clone());
    tokio::join!(serving, asking);
    assert_eq!(fault_of(&[said.recv().await.unwrap()]).kind, FaultKind::Cancelled);

    // A token that fired before: nothing is sent.
    let (reports, mut said) = mpsc::channel(4);
    ask(call(&base, Backend::Stateless, vec![]), &endpoint, &echo, reports, cancel).await;
    assert_eq!(fault_of(&[said.recv().await.unwrap()]).kind, FaultKind::Cancelled);
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let (listener, base) = listen().await;
    let serving = async {
        // Only one connection is ever taken: a second one would wait for ever.
        let (mut socket, _) = listener.accept().await.unwrap();
        for _ in 0..2 {
            request(&mut socket).await;
            // The end of the body comes apart from the end of the response.
            let size = format!("{HEAD}transfer-encoding: chunked\r\n\r\n{:x}\r\n", COMPLETED.len());
            socket.write_all(format!("{size}{COMPLETED}\r\n").as_bytes()).await.unwrap();
            socket.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n").await.unwrap();
        }
    };
    let endpoint = Endpoint::default();
    let asking = async {
        for _ in 0..2 {
            let (reports, mut said) = mpsc::channel(4);
            let call = call(&base, Backend::Stateless, vec![]);
            ask(call, &endpoint, &echo, reports, CancellationToken::new()).await;
            assert!(matches!(said.recv().await, Some(Report::ModelDone { .. })));
        }
    };
    tokio::join!(serving, asking);
}

#[tokio::test]
async fn the_first_completed_response_is_the_answer() {
    let late = r#"{"type":"response.output_item.done","item":{"type":"message","id":"late"}}"#;
    let second = r#"{"type":"response.completed","response":{"id":"second"}}"#;
    let reports = answered(&format!("{COMPLETED}{}{}", event(late), event(second))).await;
    let [Report::ModelDone { response, .. }] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(response.as_deref(), Some("r"));
}

#[tokio::test]
async fn items_that_only_have_names_keep_apart() {
    // As llama-server sends them: no positions anywhere, and reasoning before the message.
    let thought = r#"{"type":"response.reasoning_text.delta","item_id":"rs_1","delta":"hm"}"#;
    let spoken = r#"{"type":"response.output_text.delta","item_id":"msg_1","delta":"hi"}"#;
    let done =
        |item: &str| event(&format!(r#"{{"type":"response.output_item.done","item":{item}}}"#));
    let events = [
        event(thought),
        event(spoken),
        done(r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":""}"#),
        done(r#"{"type":"message","id":"msg_1"}"#),
        done(
            r#"{"type":"function_call","id":"fc_1","call_id":"call_1","name":"shell","arguments":"{}"}"#,
        ),
        COMPLETED.to_owned(),
    ];
    let reports = answered(&events.concat()).await;
    let chunks: Vec<_> =
        streamed(&reports).into_iter().map(|(at, _, text, _)| (at, text)).collect();
    assert_eq!(chunks, [(0, "hm".to_owned()), (1, "hi".to_owned())]);
    let at: Vec<_> = items(&reports).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(at, [0, 1, 2]);
    let Some(Report::ModelDone { calls, .. }) = reports.last() else { panic!("{reports:?}") };
    assert_eq!(calls.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn an_error_event_is_a_failed_response() {
    for error in [
        r#"{"type":"error","code":"server_error","message":"the roof is on fire"}"#,
        r#"{"type":"error","error":{"type":"server_error","message":"the roof is on fire"}}"#,
    ] {
        let fault = fault_of(&answered(&event(error)).await);
        assert_eq!(
            (fault.kind, fault.message.as_str()),
            (FaultKind::ResponseFailed, "the response failed: the roof is on fire")
        );
    }
}

#[tokio::test]
async fn a_flood_of_items_ends_the_attempt() {
    let flood: String = (0..1001)
        .map(|n| {
            event(&format!(
                r#"{{"type":"response.output_item.done","item":{{"type":"message","id":"m{n}"}}}}"#
            ))
        })
        .collect();
    let reports = answered(&format!("{flood}{COMPLETED}")).await;
    let fault = fault_of(&reports);
    assert_eq!(fault.kind, FaultKind::Incomplete);
    assert!(fault.message.contains("more than 1000 items"), "{}", fault.message);
    assert_eq!(items(&reports).len(), 1000);
}

#[tokio::test]
async fn sections_of_a_summary_stand_on_lines_of_their_own() {
    let piece = |section: u32, delta: &str| {
        event(&format!(
            r#"{{"type":"response.reasoning_summary_text.delta","item_id":"rs","output_index":0,"summary_index":{section},"delta":"{delta}"}}"#
        ))
    };
    let done = event(
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs"}}"#,
    );
    let events = [piece(0, "a"), piece(0, "b"), piece(1, "c"), done, COMPLETED.to_owned()];
    let reports = answered(&events.concat()).await;
    let chunks = streamed(&reports);
    let [(0, StreamPart::Reasoning, text, _)] = &chunks[..] else { panic!("{chunks:?}") };
    assert_eq!(text, "ab\nc");
    assert_eq!(items(&reports).len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (listener, base) = listen().await;
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        let to = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        socket.write_all(to.as_bytes()).await.unwrap();
    };
    let ((), reports) = tokio::join!(serving, reported(call(&base, Backend::Stateless, vec![])));
    let fault = fault_of(&reports);
    assert_eq!(fault.kind, FaultKind::BadRequest);
    assert!(
        fault.message.starts_with("unexpected status 307 Temporary Redirect"),
        "{}",
        fault.message
    );
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_unreachable() {
    let (listener, base) = listen().await;
    let base = base.replace("http:", "https:");
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
    };
    let asking = reported(call(&base, Backend::Stateless, vec![]));
    // Without certificates on the host the attempt fails before it connects.
    let reports = tokio::select! {
        reports = asking => reports,
        never = async { serving.await; std::future::pending().await } => never,
    };
    let fault = fault_of(&reports);
    assert_eq!(fault.kind, FaultKind::Unreachable);
    assert!(
        fault.message.starts_with(&format!("{base}/responses can't be reached: ")),
        "{}",
        fault.message
    );
}

#[tokio::test]
async fn a_server_on_this_host_costs_no_certificates() {
    let url = Url::parse("http://127.0.0.1:1/v1").unwrap();
    // The best of several, since other work may interrupt any of them.
    let cost = (0..20).map(|_| {
        let began = Instant::now();
        Endpoint::default().client(&url).unwrap();
        began.elapsed()
    });
    let best = cost.min().unwrap();
    assert!(best < Duration::from_millis(1), "{best:?}");
}
