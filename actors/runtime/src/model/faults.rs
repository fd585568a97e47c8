//! What went wrong, in the words that the user reads.

use std::error::Error;
use std::time::Duration;

use codex_event::{Fault, FaultKind};
use serde_json::Value;
use tokio::time::timeout;

/// Longest message in characters; servers answer with whole pages.
const MESSAGE_CHARS: usize = 1000;
/// Bytes of an error's body that are read.
const BODY_BYTES: usize = 64 * 1024;

const NO_ROOM: &str = "Codex ran out of room in the model's context window. Start a new thread or \
clear earlier history before retrying.";
const QUOTA: &str = "Quota exceeded. Check your plan and billing details.";

fn fault(kind: FaultKind, message: impl Into<String>) -> Fault {
    let message: String = message.into();
    let message = match message.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    };
    Fault { kind, message, retry_after_ms: None }
}

pub(crate) fn cancelled() -> Fault {
    fault(FaultKind::Cancelled, "cancelled")
}

/// The stream was lost before the response was complete.
pub(crate) fn lost(why: impl std::fmt::Display) -> Fault {
    fault(FaultKind::StreamLost, format!("stream disconnected before completion: {why}"))
}

pub(crate) fn idle() -> Fault {
    lost("idle timeout waiting for SSE")
}

pub(crate) fn incomplete(reason: &str) -> Fault {
    fault(FaultKind::Incomplete, format!("Incomplete response returned, reason: {reason}"))
}

/// The server could not be reached; the causes say why.
pub(crate) fn unreachable(url: &str, error: &(dyn Error + 'static)) -> Fault {
    fault(FaultKind::Unreachable, format!("{url} can't be reached: {}", root_cause(error)))
}

pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// The server answered with a status that is no success.
pub(crate) async fn refused(response: reqwest::Response, base: &str, idle: Duration) -> Fault {
    let status = response.status();
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| text.trim().parse::<u64>().ok());
    let body = timeout(idle, read_some(response)).await.unwrap_or_default();
    let error = serde_json::from_str::<Value>(&body).unwrap_or_default();
    let code = error["error"]["code"].as_str().unwrap_or_default();
    let said = error["error"]["message"].as_str().unwrap_or(body.trim());
    let unexpected = format!("unexpected status {status}: {said}, url: {base}/responses");
    let about_previous = code == "previous_response_not_found"
        || said.contains("previous_response_id")
        || error["error"]["param"] == "previous_response_id";
    match status.as_u16() {
        _ if is_quota(code) => fault(FaultKind::Quota, QUOTA),
        _ if code == "context_length_exceeded" => fault(FaultKind::ContextWindow, NO_ROOM),
        429 => Fault {
            retry_after_ms: after.map(|seconds| seconds.saturating_mul(1000)),
            ..fault(FaultKind::RateLimited, format!("exceeded retry limit, last status: {status}"))
        },
        400 | 404 if about_previous => fault(FaultKind::PreviousResponseUnknown, unexpected),
        401 | 403 => fault(FaultKind::Unauthorized, unexpected),
        500.. => Fault {
            retry_after_ms: after.map(|seconds| seconds.saturating_mul(1000)),
            ..fault(FaultKind::ServerError, unexpected)
        },
        400 if !said.is_empty() => fault(FaultKind::BadRequest, said),
        _ => fault(FaultKind::BadRequest, unexpected),
    }
}

async fn read_some(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes);
        if body.len() > BODY_BYTES {
            body.truncate(BODY_BYTES);
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

fn is_quota(code: &str) -> bool {
    matches!(code, "insufficient_quota" | "usage_not_included")
}

/// The response failed after its stream had begun.
pub(crate) fn failed(error: &Value) -> Fault {
    let code = error["code"].as_str().unwrap_or_default();
    let said = error["message"].as_str().unwrap_or("the response failed");
    match code {
        "context_length_exceeded" => fault(FaultKind::ContextWindow, NO_ROOM),
        "invalid_prompt" => fault(FaultKind::BadRequest, said),
        "rate_limit_exceeded" => Fault {
            retry_after_ms: asked_to_wait(said),
            ..fault(FaultKind::RateLimited, format!("rate limit exceeded: {said}"))
        },
        "previous_response_not_found" => fault(FaultKind::PreviousResponseUnknown, said),
        code if is_quota(code) => fault(FaultKind::Quota, QUOTA),
        _ => fault(FaultKind::ResponseFailed, said),
    }
}

/// Reads `try again in 1.5s`, `… in 20ms`, `… in 3 seconds`.
fn asked_to_wait(said: &str) -> Option<u64> {
    let lower = said.to_ascii_lowercase();
    let (_, rest) = lower.split_once("try again in ")?;
    let end = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
    let number: f64 = rest[..end].parse().ok()?;
    let unit = rest[end..].trim_start();
    let ms = if unit.starts_with("ms") { number } else { number * 1000.0 };
    (unit.starts_with("ms") || unit.starts_with('s')).then_some(ms as u64)
}

/// Takes the key out of a message, should a server have echoed it.
pub(crate) fn without_secret(message: &str, key: Option<&Option<String>>) -> String {
    match key.and_then(Option::as_ref).filter(|key| !key.is_empty()) {
        Some(key) => message.replace(key.as_str(), "[key]"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_time_to_wait_is_read_from_the_message() {
        for (said, ms) in [
            ("Rate limit reached. Please try again in 1.5s.", Some(1500)),
            ("try again in 20ms", Some(20)),
            ("Try again in 3 seconds", Some(3000)),
            ("try again in a while", None),
            ("no", None),
        ] {
            assert_eq!(asked_to_wait(said), ms, "{said}");
        }
    }

    #[test]
    fn a_failed_response_is_told_apart_by_its_code() {
        for (code, kind) in [
            ("context_length_exceeded", FaultKind::ContextWindow),
            ("insufficient_quota", FaultKind::Quota),
            ("invalid_prompt", FaultKind::BadRequest),
            ("rate_limit_exceeded", FaultKind::RateLimited),
            ("server_error", FaultKind::ResponseFailed),
        ] {
            assert_eq!(failed(&json!({"code": code, "message": "m"})).kind, kind, "{code}");
        }
    }

    #[test]
    fn a_long_message_is_cut_and_a_key_is_taken_out() {
        let long = fault(FaultKind::BadRequest, "é".repeat(5000));
        assert_eq!(long.message.chars().count(), MESSAGE_CHARS + 1);
        let key = Some("sk-123".to_owned());
        assert_eq!(without_secret("bad key sk-123!", Some(&key)), "bad key [key]!");
        assert_eq!(without_secret("fine", Some(&None)), "fine");
    }
}
