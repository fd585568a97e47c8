//! Servers that mean no good, or are no model servers at all.

use std::time::Duration;

use codex_event::{Backend, Fault, FaultKind};
use codex_session::Report;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::raw::{COMPLETED, HEAD, event, listen, request};
use super::{call, fault_of, items, reported};

/// What an attempt comes to when the socket does this after the request.
async fn against<F>(idle_ms: u64, serve: impl FnOnce(TcpStream) -> F) -> Vec<Report>
where
    F: Future<Output = ()>,
{
    let (listener, base) = listen().await;
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        serve(socket).await;
    };
    let mut asked = call(&base, Backend::Stateless, vec![]);
    asked.settings.provider.stream_idle_timeout_ms = idle_ms;
    // Whoever is done first: a server that never ends is left.
    let asking = reported(asked);
    tokio::pin!(asking);
    tokio::select! {
        reports = &mut asking => reports,
        () = serving => asking.await,
    }
}

async fn answered(bytes: &[u8]) -> Vec<Report> {
    let bytes = bytes.to_vec();
    against(60_000, |mut socket| async move {
        // A client that has heard enough hangs up.
        let _ = socket.write_all(&bytes).await;
    })
    .await
}

async fn fault(head: &str, body: &[u8]) -> Fault {
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n");
    fault_of(&answered(&[head.as_bytes(), body].concat()).await)
}

/// Sends a piece every hundredth of a second, for ever.
async fn drips(first: &str, piece: &str) -> Fault {
    let reports = against(200, |mut socket| async move {
        let _ = socket.write_all(first.as_bytes()).await;
        while socket.write_all(piece.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    fault_of(&reports)
}

#[tokio::test]
async fn a_stream_that_drips_without_sense_is_given_up_on() {
    let head = format!("{HEAD}\r\n");
    let (letters, blanks, comments, noise, kept, late) = tokio::join!(
        drips(&head, "x"),
        drips(&head, "\n"),
        drips(&head, ": ping\n\n"),
        drips(&head, "data: noise\n\n"),
        drips(&head, "data: {\"type\":\"keepalive\"}\n\n"),
        drips(&head, " "),
    );
    for fault in [letters, blanks, comments, noise, kept, late] {
        assert_eq!(fault.kind, FaultKind::StreamLost);
        let words = "stream disconnected before completion: idle timeout waiting for SSE: bytes \
                     came, and for too long no event of the response";
        assert_eq!(fault.message, words);
    }
}

#[tokio::test]
async fn a_head_or_an_error_that_drips_is_given_up_on() {
    let (head, error) = tokio::join!(
        drips("HTTP/1.1 200 OK\r\nx-slow: ", "x"),
        drips("HTTP/1.1 500 Oops\r\ncontent-length: 5000\r\n\r\n", "x"),
    );
    assert_eq!(head.kind, FaultKind::StreamLost);
    assert_eq!(error.kind, FaultKind::ServerError, "{}", error.message);
    assert!(error.message.contains(": xx"), "what came of it is told: {}", error.message);
}

#[tokio::test]
async fn a_slow_stream_that_makes_sense_is_waited_for() {
    let event = event(r#"{"type":"response.in_progress"}"#);
    let reports = against(200, |mut socket| async move {
        socket.write_all(format!("{HEAD}\r\n").as_bytes()).await.unwrap();
        // Twice as long as a stream without sense may be.
        for _ in 0..80 {
            socket.write_all(event.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        socket.write_all(COMPLETED.as_bytes()).await.unwrap();
    })
    .await;
    assert!(matches!(reports.last(), Some(Report::ModelDone { .. })), "{reports:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_said_to_be_none() {
    let ok = "200 OK\r\ncontent-type: text/event-stream";
    let json = fault(ok, br#"{"object":"response","output":[]}"#).await;
    assert_eq!(json.kind, FaultKind::BadRequest);
    assert!(json.message.starts_with("the server answered with JSON instead"), "{}", json.message);
    let page = fault("200 OK\r\ncontent-type: text/html", b"<!doctype html><title>Hello</title>");
    let page = page.await;
    assert_eq!(page.kind, FaultKind::BadRequest);
    assert_eq!(
        page.message,
        "the server answered with a web page instead of a stream of events: Hello"
    );
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00";
    let gzip = fault("200 OK\r\ncontent-encoding: gzip", gzip).await;
    assert_eq!(gzip.kind, FaultKind::BadRequest);
    assert!(gzip.message.contains("content-encoding: gzip"), "{}", gzip.message);
    let empty = fault(ok, b"").await;
    assert_eq!(empty.kind, FaultKind::StreamLost);
}

#[tokio::test]
async fn a_label_alone_spoils_nothing() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n";
    let reports = answered(format!("{head}{COMPLETED}").as_bytes()).await;
    assert!(matches!(reports.last(), Some(Report::ModelDone { .. })), "{reports:?}");
}

#[tokio::test]
async fn a_chunk_that_is_cut_off_is_a_lost_stream() {
    let item = event(r#"{"type":"response.output_item.done","item":{"type":"message"}}"#);
    let cut = format!("{HEAD}transfer-encoding: chunked\r\n\r\nfff\r\n{item}data: {{\"ty");
    let reports = answered(cut.as_bytes()).await;
    assert_eq!(items(&reports).len(), 1);
    assert_eq!(fault_of(&reports).kind, FaultKind::StreamLost);
    let odd = format!("{HEAD}transfer-encoding: chunked\r\n\r\nnot a size\r\n");
    assert_eq!(fault_of(&answered(odd.as_bytes()).await).kind, FaultKind::StreamLost);
}

#[tokio::test]
async fn letters_that_are_none_spoil_no_more_than_themselves() {
    let done = br#"{"type":"response.output_item.done","item":{"type":"message","text":"a"#;
    let head = format!("{HEAD}\r\ndata: ");
    let bytes = [head.as_bytes(), done, b"\xff\xfe\xed\xa0\x80b\"}}\n\n", COMPLETED.as_bytes()];
    let reports = answered(&bytes.concat()).await;
    let [(0, _, raw)] = &items(&reports)[..] else { panic!("{reports:?}") };
    assert!(raw.contains("a\u{fffd}\u{fffd}") && raw.contains("b\""), "{raw}");
    assert!(matches!(reports.last(), Some(Report::ModelDone { .. })));
}

#[tokio::test]
async fn a_line_of_forty_megabytes_is_refused() {
    let line = [format!("{HEAD}\r\ndata: ").as_bytes(), &vec![b'x'; 40 << 20]].concat();
    let fault = fault_of(&answered(&line).await);
    assert_eq!(fault.kind, FaultKind::Incomplete, "the next attempt would be as long");
    assert!(fault.message.contains("an event of the response is larger than"), "{}", fault.message);
}
