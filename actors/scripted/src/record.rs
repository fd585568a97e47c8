//! What clients asked for.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::value::RawValue;

/// The most requests a log keeps; older ones make room, in the file later ones are left out.
pub const MAX_REQUESTS: usize = 10_000;

/// The most bytes of request bodies a log keeps in memory, in all.
pub const MAX_BODY_BYTES: usize = 64 << 20;

/// One request, recorded when its body was complete and before it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Names in lower case, in the order sent; credentials included.
    pub headers: Vec<(String, String)>,
    /// Bytes that are not UTF-8 are replaced.
    pub body: String,
    /// The step that answers it, counted from 0 with repeats and beyond the end of the script;
    /// none where no step is used up (another path, a strict refusal).
    pub step: Option<usize>,
}

impl Request {
    /// The value of the first header `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The requests of one server.
#[derive(Default)]
pub(crate) struct RequestLog {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    kept: VecDeque<Request>,
    body_bytes: usize,
    seen: usize,
    file: Option<File>,
    written: usize,
    /// When the requests that a step answers were complete; the first [`MAX_REQUESTS`].
    asked: Vec<Instant>,
}

#[derive(Serialize)]
struct Line<'a> {
    i: usize,
    step: Option<usize>,
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: LineBody<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum LineBody<'a> {
    Json(Box<RawValue>),
    Text(&'a str),
}

impl RequestLog {
    pub(crate) fn push(&self, request: Request) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let i = inner.seen;
        inner.seen += 1;
        if request.step.is_some() && inner.asked.len() < MAX_REQUESTS {
            inner.asked.push(Instant::now());
        }
        // A log that can't be written must not change what the client gets.
        let _ = inner.write(i, &request);
        inner.body_bytes += request.body.len();
        inner.kept.push_back(request);
        while inner.kept.len() > MAX_REQUESTS || inner.body_bytes > MAX_BODY_BYTES {
            let Some(oldest) = inner.kept.pop_front() else { break };
            inner.body_bytes -= oldest.body.len();
        }
    }

    pub(crate) fn kept(&self) -> Vec<Request> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.kept.iter().cloned().collect()
    }

    pub(crate) fn asked(&self) -> Vec<Instant> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.asked.clone()
    }

    pub(crate) fn write_to(&self, path: &Path) -> io::Result<()> {
        let file = File::options().create(true).append(true).open(path)?;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.file = Some(file);
        inner.written = 0;
        let earlier: Vec<Request> = inner.kept.iter().cloned().collect();
        let first = inner.seen - earlier.len();
        for (n, request) in earlier.iter().enumerate() {
            inner.write(first + n, request)?;
        }
        Ok(())
    }
}

impl Inner {
    fn write(&mut self, i: usize, request: &Request) -> io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| self.written < MAX_REQUESTS) else {
            return Ok(());
        };
        self.written += 1;
        // One line: a body that is JSON already goes in as it is, if it has no line breaks.
        let body = match serde_json::from_str::<Box<RawValue>>(&request.body) {
            Ok(raw) if !raw.get().contains(['\n', '\r']) => LineBody::Json(raw),
            Ok(_) | Err(_) => LineBody::Text(&request.body),
        };
        let headers = request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let line = Line {
            i,
            step: request.step,
            method: &request.method,
            path: &request.path,
            // A file outlives the test: no credentials in it.
            headers: headers.filter(|(name, _)| *name != "authorization").collect(),
            body,
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        file.write_all(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &str) -> Request {
        Request {
            method: "POST".into(),
            path: "/v1/responses".into(),
            headers: vec![("authorization".into(), "Bearer k".into()), ("a".into(), "b".into())],
            body: body.into(),
            step: Some(0),
        }
    }

    #[test]
    fn the_log_keeps_the_newest_requests() {
        let log = RequestLog::default();
        for n in 0..MAX_REQUESTS + 5 {
            log.push(request(&n.to_string()));
        }
        let kept = log.kept();
        assert_eq!(kept.len(), MAX_REQUESTS);
        assert_eq!(kept[0].body, "5");
    }

    #[test]
    fn the_log_keeps_a_bounded_number_of_body_bytes() {
        let log = RequestLog::default();
        let body = "x".repeat(MAX_BODY_BYTES / 2);
        log.push(request(&body));
        log.push(request(&body));
        assert_eq!(log.kept().len(), 2);
        log.push(request("y"));
        assert_eq!(log.kept().len(), 2);
        assert_eq!(log.kept()[1].body, "y");
        assert_eq!(log.asked().len(), 3, "a time is kept when its body is not");
        log.push(Request { step: None, ..request("z") });
        assert_eq!(log.asked().len(), 3, "no step answers it");
    }

    #[test]
    fn the_file_holds_one_line_per_request_and_no_credentials() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let log = RequestLog::default();
        log.push(request(r#"{"early":1}"#));
        log.write_to(&path).unwrap();
        log.push(request("{\n}"));
        log.push(request("not json"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("Bearer"), "{text}");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["body"]["early"], 1);
        assert_eq!(lines[0]["headers"], serde_json::json!([["a", "b"]]));
        assert_eq!((&lines[1]["i"], &lines[1]["body"]), (&1.into(), &"{\n}".into()));
        assert_eq!(lines[2]["body"], "not json");
    }
}
