//! One HTTP request and its response.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::pace::{Act, Close};
use crate::player::{Answer, Play, Player, Refusal};
use crate::record::{Request, RequestLog};
use crate::render;
use crate::script::Fault;
use crate::tap::Line;

/// The largest request body that is read, in bytes.
const MAX_BODY: usize = 32 << 20;

/// How often a response that is held back looks for its file.
const POLL: Duration = Duration::from_millis(5);

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What all connections of a server share.
pub(crate) struct Stage {
    pub(crate) player: Player,
    pub(crate) log: RequestLog,
}

/// Answers one request that came in over `line`.
pub(crate) async fn answer(
    stage: &Stage,
    line: Line,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(e) => {
            let message = format!("request body: {e}");
            let body = error(&message, "invalid_request_error", None, None);
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, &body));
        }
    };
    let asks_for_response = head.method == Method::POST && head.uri.path() == "/v1/responses";
    let answer = asks_for_response.then(|| stage.player.answer(&body));
    stage.log.push(Request {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        body,
        step: match &answer {
            Some(Answer::Play(play)) => Some(play.index),
            Some(Answer::Refuse(_)) | None => None,
        },
    });
    Ok(match answer {
        Some(Answer::Play(play)) => perform(play, line).await,
        Some(Answer::Refuse(refusal)) => refuse(&refusal),
        None if head.method == Method::GET && head.uri.path() == "/v1/models" => {
            plain(StatusCode::OK, &models())
        }
        None => {
            let message = format!("not found: {} {}", head.method, head.uri.path());
            let body = error(&message, "invalid_request_error", None, None);
            plain(StatusCode::NOT_FOUND, &body)
        }
    })
}

async fn perform(play: Play, line: Line) -> Response<Body> {
    if let Some(file) = &play.step.wait_for {
        let file = render::fill_text(file, play.index);
        while !Path::new(&file).exists() {
            tokio::time::sleep(POLL).await;
        }
    }
    if let Some(Fault::Status { code, retry_after, body, error_code }) = &play.step.fault {
        let code = StatusCode::from_u16(*code).expect("the script was checked for it");
        let made = || {
            let message = format!("mock error {}", code.as_u16());
            error(&message, "mock_error", None, error_code.clone())
        };
        let mut response = plain(code, &body.clone().unwrap_or_else(made));
        if let Some(value) = retry_after {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let value = text.parse().expect("the script was checked for it");
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        return response;
    }
    if !play.step.ttfb.is_zero() {
        tokio::time::sleep(play.step.ttfb).await;
    }
    let mut response = Response::new(stream_body(play.acts, line));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-cache"));
    response
}

/// A body that does `acts`, one after the other, as the client takes them.
fn stream_body(acts: Vec<Act>, line: Line) -> Body {
    let acts = stream::unfold((acts.into_iter(), line), |(mut acts, mut line)| async move {
        loop {
            match acts.next()? {
                Act::Write(bytes) => return Some((Ok(Frame::data(bytes)), (acts, line))),
                Act::Flush => line.flushed().await,
                Act::Pause(time) => tokio::time::sleep(time).await,
                Act::Break(close) => {
                    match close {
                        Close::Fin => {}
                        Close::Reset => line.reset_on_close(),
                    }
                    // An error from the body is what makes hyper give up the connection.
                    let error = io::Error::new(io::ErrorKind::ConnectionAborted, "scripted break");
                    return Some((Err(error), (acts, line)));
                }
            }
        }
    });
    StreamBody::new(acts).boxed_unsync()
}

fn plain(code: StatusCode, body: &Value) -> Response<Body> {
    let bytes = Bytes::from(body.to_string());
    let body = Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    let code = refusal.code.map(Value::from);
    let body = error(&refusal.message, "invalid_request_error", refusal.param, code);
    plain(StatusCode::BAD_REQUEST, &body)
}

/// The shape in which the model API reports errors.
fn error(message: &str, kind: &str, param: Option<&str>, code: Option<Value>) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
}

fn models() -> Value {
    json!({
        "object": "list",
        "data": [{
            "id": "mock-model", "object": "model", "created": 1_700_000_000, "owned_by": "mock",
        }],
    })
}
