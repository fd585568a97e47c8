//! What a failure means, and what the user is told of it. Pure.

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use codex_event::{Fault, FaultKind};
use reqwest::StatusCode;
use serde_json::Value;

use super::ModelCall;
use super::body::Looks;
use super::positions::MAX_ITEMS;
use super::sse::Broken;

/// Most letters of a message.
const MAX_MESSAGE: usize = 1000;
/// Shortest key that is taken out of messages; shorter ones are placeholders such as `none`.
const MIN_KEY: usize = 8;
/// Shortest header value or parameter that is taken out; shorter ones are versions and switches.
const MIN_VALUE: usize = 16;

const CONTEXT_WINDOW: &str = "Codex ran out of room in the model's context window. Start a new \
                              thread or clear earlier history before retrying.";
const QUOTA: &str = "Quota exceeded. Check your plan and billing details.";

/// Makes a fault that names no time to wait.
pub(crate) fn fault(kind: FaultKind, message: impl Into<String>) -> Fault {
    Fault { kind, message: message.into(), retry_after_ms: None }
}

/// An HTTP answer with a status that is not a good one, as far as it matters.
pub(crate) struct Refusal<'a> {
    /// The status.
    pub(crate) status: StatusCode,
    /// Its `Retry-After`.
    pub(crate) retry_after: Option<&'a str>,
    /// Its `Date`: the server's clock, which its dates are meant by.
    pub(crate) date: Option<&'a str>,
    /// Where it redirects to, without secrets.
    pub(crate) location: Option<String>,
    /// The beginning of its body.
    pub(crate) body: &'a str,
    /// The address that was asked, without secrets.
    pub(crate) url: &'a str,
    /// The response that the request named.
    pub(crate) previous: Option<&'a str>,
}

/// Judges an HTTP answer with a status that is not a good one; `now` is our clock.
pub(crate) fn status(refusal: &Refusal<'_>, now: SystemTime) -> Fault {
    let Refusal { status, body, url, previous, .. } = *refusal;
    let told = Told::in_body(body);
    let retry_after_ms =
        refusal.pause(now).or_else(|| told.message.as_deref().and_then(asked_pause));
    let plain = || format!("unexpected status {status}: {}, url: {url}", told.text(body));
    match (status.as_u16(), told.meaning()) {
        (400..=499, Meaning::ContextWindow) => fault(FaultKind::ContextWindow, CONTEXT_WINDOW),
        (401 | 403, _) => fault(FaultKind::Unauthorized, plain()),
        (400 | 404, _) if previous.is_some() && told.blames_previous() => {
            fault(FaultKind::PreviousResponseUnknown, told.text(body))
        }
        (402 | 429, Meaning::Quota) => fault(FaultKind::Quota, told.quota()),
        (429, _) => {
            let words = told.message.as_ref().map_or(String::new(), |words| format!(": {words}"));
            let message = format!("exceeded retry limit, last status: {status}{words}");
            Fault { kind: FaultKind::RateLimited, message, retry_after_ms }
        }
        // Too late and too early are no fault of the request.
        (408 | 425 | 500.., _) => {
            Fault { kind: FaultKind::ServerError, message: plain(), retry_after_ms }
        }
        (300..=399, _) if let Some(location) = &refusal.location => {
            let message = format!(
                "unexpected status {status}: the server redirects to {location}, which is not \
                 followed, url: {url}"
            );
            fault(FaultKind::BadRequest, message)
        }
        (400, _) if !body.trim().is_empty() => fault(FaultKind::BadRequest, told.text(body)),
        _ => fault(FaultKind::BadRequest, plain()),
    }
}

impl Refusal<'_> {
    /// Gives the pause that `Retry-After` asks for, in milliseconds.
    fn pause(&self, now: SystemTime) -> Option<u64> {
        let text = self.retry_after?.trim();
        let until = || {
            let until = httpdate::parse_http_date(text).ok()?;
            let now =
                self.date.and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
            let left = until.duration_since(now).unwrap_or_default();
            Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
        };
        match text.parse() {
            Ok(number) => millis(number, 1000.0),
            Err(_) => until(),
        }
    }
}

/// Judges a good status with a body that is no stream of events.
pub(crate) fn no_stream(looks: &Looks, body: &str) -> Fault {
    let answered = |with: &str, words: &str| {
        let colon = if words.is_empty() { "" } else { ": " };
        let message =
            format!("the server answered with {with} instead of a stream of events{colon}{words}");
        fault(FaultKind::BadRequest, message)
    };
    match looks {
        Looks::Json => {
            let json: Value = serde_json::from_str(body).unwrap_or_default();
            match &json["error"] {
                error @ Value::Object(_) => failed(error),
                _ => answered("JSON", &Told::in_body(body).text(body)),
            }
        }
        Looks::Page => answered("a web page", &title(body).unwrap_or_default()),
        Looks::Compressed(encoding) => {
            answered(&format!("a compressed body (content-encoding: {encoding})"), "")
        }
        Looks::Events => lost(None),
    }
}

/// Judges the error of a response that failed, or of an `error` event.
pub(crate) fn failed(error: &Value) -> Fault {
    let told = Told::of(error);
    let text = told.message.clone().unwrap_or_else(|| match told.code.as_str() {
        "" => "the server does not say why".to_owned(),
        code => code.to_owned(),
    });
    let retry_after_ms = told.message.as_deref().and_then(asked_pause);
    match told.meaning() {
        Meaning::ContextWindow => fault(FaultKind::ContextWindow, CONTEXT_WINDOW),
        Meaning::Quota => fault(FaultKind::Quota, told.quota()),
        Meaning::BadRequest => fault(FaultKind::BadRequest, named("invalid prompt", &text)),
        Meaning::PreviousUnknown => fault(FaultKind::PreviousResponseUnknown, text),
        Meaning::RateLimited => {
            let message = format!("rate limit exceeded: {text}");
            Fault { kind: FaultKind::RateLimited, message, retry_after_ms }
        }
        Meaning::Overloaded => {
            let message = format!("the server is overloaded: {text}");
            Fault { kind: FaultKind::ResponseFailed, message, retry_after_ms }
        }
        Meaning::Other => {
            let message = named("the response failed", &text);
            Fault { kind: FaultKind::ResponseFailed, message, retry_after_ms }
        }
    }
}

/// Puts what kind of failure it is before the server's words, unless they say so themselves.
fn named(what: &str, text: &str) -> String {
    if text.to_lowercase().contains(what) { text.to_owned() } else { format!("{what}: {text}") }
}

/// Judges a response that the server cut short.
pub(crate) fn incomplete(reason: &str) -> Fault {
    fault(FaultKind::Incomplete, format!("Incomplete response returned, reason: {reason}"))
}

/// Judges a response that holds more items than we take.
pub(crate) fn too_many_items() -> Fault {
    incomplete(&format!("it has more than {MAX_ITEMS} items"))
}

/// Judges a call that has no id.
pub(crate) fn unanswerable(name: &str) -> Fault {
    fault(FaultKind::ResponseFailed, format!("the model's call of `{name}` has no call_id"))
}

/// Judges a stream that ended before the response was complete; none when it simply ended.
pub(crate) fn lost(broken: Option<&Broken>) -> Fault {
    let lost = |why: &dyn std::fmt::Display| {
        fault(FaultKind::StreamLost, format!("stream disconnected before completion: {why}"))
    };
    match broken {
        None => lost(&"stream closed before response.completed"),
        Some(broken @ (Broken::Silent | Broken::Stalled | Broken::Transport(_))) => lost(broken),
        // The next attempt would be as long.
        Some(broken @ (Broken::LargeEvent(_) | Broken::LargeStream(_))) => {
            incomplete(&broken.to_string())
        }
    }
}

/// What the code of an error means.
enum Meaning {
    ContextWindow,
    Quota,
    BadRequest,
    PreviousUnknown,
    RateLimited,
    Overloaded,
    Other,
}

/// What a server says of an error.
#[derive(Default)]
struct Told {
    message: Option<String>,
    code: String,
    param: Option<String>,
}

impl Told {
    /// Looks through the forms in which servers answer: `{"error": {…}}`, `{"error": "…"}`,
    /// `{"message": "…"}`, `{"detail": "…"}`, or plain text.
    fn in_body(body: &str) -> Told {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        if body["error"].is_object() {
            return Told::of(&body["error"]);
        }
        let message = ["error", "message", "detail"].iter().find_map(|field| body[*field].as_str());
        Told { message: message.map(str::to_owned), ..Told::of(&body) }
    }

    fn of(error: &Value) -> Told {
        let text = |field: &str| error[field].as_str().filter(|text| !text.is_empty());
        // Some servers put the HTTP status into `code` and the name of the error into `type`.
        let code = text("code").or_else(|| text("type")).unwrap_or_default();
        Told {
            message: text("message").map(str::to_owned),
            code: code.to_owned(),
            param: text("param").map(str::to_owned),
        }
    }

    fn text(&self, body: &str) -> String {
        let body = body.trim();
        match &self.message {
            Some(message) => message.clone(),
            None if body.starts_with('<') => title(body).unwrap_or_else(|| "a web page".to_owned()),
            None if body.contains(|c: char| c.is_control() && !c.is_whitespace()) => {
                "a body that is no text".to_owned()
            }
            None => body.to_owned(),
        }
    }

    fn quota(&self) -> String {
        match (self.code.as_str(), &self.message) {
            ("insufficient_quota", _) | (_, None) => QUOTA.to_owned(),
            ("usage_not_included", Some(message)) => named("usage not included", message),
            (_, Some(message)) => named("usage limit reached", message),
        }
    }

    fn meaning(&self) -> Meaning {
        match self.code.as_str() {
            "context_length_exceeded" | "exceed_context_size_error" => Meaning::ContextWindow,
            "insufficient_quota" | "usage_not_included" | "usage_limit_reached" => Meaning::Quota,
            "invalid_prompt" => Meaning::BadRequest,
            "previous_response_not_found" => Meaning::PreviousUnknown,
            "rate_limit_exceeded" => Meaning::RateLimited,
            "server_is_overloaded" | "slow_down" | "overloaded_error" => Meaning::Overloaded,
            _ => Meaning::Other,
        }
    }

    fn blames_previous(&self) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_lowercase();
        self.param.as_deref() == Some("previous_response_id")
            || matches!(self.meaning(), Meaning::PreviousUnknown)
            || message.contains("previous_response_id")
            || message.contains("previous response")
    }
}

/// Reads the time in `try again in 1.5s`, `… 20ms`, `… 3 seconds`, `… 6m0s`, as milliseconds.
fn asked_pause(message: &str) -> Option<u64> {
    const WORDS: &str = "try again in";
    let message = message.to_lowercase();
    let mut rest = message[message.find(WORDS)? + WORDS.len()..].trim_start();
    let mut sum: Option<u64> = None;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let after = after.trim_start();
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit = match unit {
            "ms" | "millisecond" | "milliseconds" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hour" | "hours" => 3_600_000.0,
            _ => return sum,
        };
        let Some(part) = number.parse().ok().and_then(|number| millis(number, unit)) else {
            return sum;
        };
        sum = Some(sum.unwrap_or(0).saturating_add(part));
        rest = next;
    }
}

/// Gives the title of a page, which says all that a page of an error has to say.
fn title(page: &str) -> Option<String> {
    const TAG: &str = "<title>";
    let lower = page.to_ascii_lowercase();
    let start = lower.find(TAG)? + TAG.len();
    let end = start + lower[start..].find('<')?;
    let words = page[start..end].split_whitespace().collect::<Vec<_>>().join(" ");
    Some(words).filter(|words| !words.is_empty())
}

fn millis(number: f64, unit: f64) -> Option<u64> {
    // The conversion saturates; whether so long a pause is worth it is decided elsewhere.
    (number.is_finite() && number >= 0.0).then(|| (number * unit).ceil() as u64)
}

/// What must not be shown, whatever a server echoes.
pub(crate) struct Secrets<'a>(Vec<&'a str>);

impl<'a> Secrets<'a> {
    /// Gathers the secrets of a call.
    pub(crate) fn of(call: &'a ModelCall) -> Secrets<'a> {
        let key = call.key.as_ref().ok().and_then(Option::as_deref);
        let values = call.headers.iter().chain(&call.query).map(|(_, value)| value.as_str());
        let mut secrets: Vec<&str> = key
            .into_iter()
            .filter(|key| key.len() >= MIN_KEY)
            .chain(values.filter(|value| value.len() >= MIN_VALUE))
            .collect();
        // The longest first: one may be part of another, as a key is of `Bearer KEY`.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(secrets)
    }

    /// Takes the secrets out of a message, and cuts it to a length that a terminal can bear.
    pub(crate) fn clean(&self, message: &str) -> String {
        let clean =
            self.0.iter().fold(message.to_owned(), |text, secret| text.replace(secret, "…"));
        match clean.char_indices().nth(MAX_MESSAGE) {
            Some((end, _)) => format!("{}…", &clean[..end]),
            None => clean,
        }
    }
}
