//! Follows a response's stream of server-sent events.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use codex_event::{Fault, Invocation, ItemKind, StreamPart, Usage};
use codex_session::Report;
use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::model::chunks::Chunks;
use crate::model::{Interpret, ModelCall, faults};

/// Items of one response; more are a fault of the server.
const MAX_ITEMS: usize = 1000;
/// Bytes of one event; more are a fault of the server.
const MAX_EVENT_BYTES: usize = 32 << 20;

/// The parts of an event that matter, read without a tree.
#[derive(Deserialize)]
struct Event<'a> {
    r#type: &'a str,
    #[serde(default)]
    output_index: u32,
    #[serde(default)]
    delta: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, borrow)]
    item: Option<&'a RawValue>,
    #[serde(default, borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    call_id: String,
    #[serde(default)]
    name: String,
}

struct Follower<'a> {
    call: &'a ModelCall,
    interpret: &'a Interpret,
    reports: &'a mpsc::Sender<Report>,
    began: Instant,
    chunks: Chunks,
    calls: Vec<(u32, Invocation)>,
    items: HashSet<u32>,
}

/// Reports what comes in, and gives the report that ends the attempt.
pub(crate) async fn follow(
    response: reqwest::Response,
    call: &ModelCall,
    idle: Duration,
    interpret: &Interpret,
    reports: &mpsc::Sender<Report>,
) -> Result<Report, Fault> {
    let mut follower = Follower {
        call,
        interpret,
        reports,
        began: Instant::now(),
        chunks: Chunks::new(call.request, call.attempt),
        calls: Vec::new(),
        items: HashSet::new(),
    };
    let mut pending = 0;
    let bounded = response.bytes_stream().map(move |bytes| {
        let bytes = bytes.map_err(|error| faults::root_cause(&error))?;
        pending = if bytes.ends_with(b"\n\n") { 0 } else { pending + bytes.len() };
        if pending > MAX_EVENT_BYTES {
            return Err("an event is longer than 32 MiB".to_owned());
        }
        Ok(bytes)
    });
    let mut events = std::pin::pin!(bounded.eventsource());
    loop {
        let due = follower.due_in();
        let event = tokio::select! {
            biased;
            event = timeout(idle, events.next()) => event.map_err(|_| faults::idle()),
            () = sleep(due.unwrap_or_default()), if due.is_some() => {
                follower.flush().await;
                continue;
            }
        };
        let data = match event {
            Ok(Some(Ok(event))) => event.data,
            Ok(Some(Err(error))) => {
                follower.flush().await;
                return Err(faults::lost(format!("transport error: {}", cause(&error))));
            }
            Ok(None) => {
                follower.flush().await;
                return Err(faults::lost("stream closed before response.completed"));
            }
            Err(fault) => {
                follower.flush().await;
                return Err(fault);
            }
        };
        // An event that can't be read says nothing; the stream goes on.
        if let Ok(event) = serde_json::from_str::<Event<'_>>(&data)
            && let Some(last) = follower.take(&event, &data).await?
        {
            return Ok(last);
        }
    }
}

fn cause(error: &eventsource_stream::EventStreamError<String>) -> String {
    match error {
        eventsource_stream::EventStreamError::Transport(error) => error.clone(),
        eventsource_stream::EventStreamError::Utf8(_)
        | eventsource_stream::EventStreamError::Parser(_) => "the stream is garbled".to_owned(),
    }
}

impl Follower<'_> {
    async fn take(&mut self, event: &Event<'_>, data: &str) -> Result<Option<Report>, Fault> {
        match event.r#type {
            "response.output_text.delta" => self.text(event, StreamPart::Text).await,
            "response.reasoning_summary_text.delta" => {
                self.text(event, StreamPart::Reasoning).await;
            }
            "response.output_item.done" => self.item(event).await?,
            "response.completed" => {
                self.flush().await;
                return Ok(Some(self.done(event)));
            }
            "response.failed" => {
                self.flush().await;
                return Err(faults::failed(&response(event)["error"]));
            }
            "response.incomplete" => {
                self.flush().await;
                let response = response(event);
                let reason = response["incomplete_details"]["reason"].as_str();
                return Err(faults::incomplete(reason.unwrap_or("unknown")));
            }
            "error" => {
                self.flush().await;
                let error: Value = serde_json::from_str(data).unwrap_or_default();
                let nested = &error["error"];
                return Err(faults::failed(if nested.is_object() { nested } else { &error }));
            }
            _ => {}
        }
        Ok(None)
    }

    async fn text(&mut self, event: &Event<'_>, part: StreamPart) {
        let Some(delta) = &event.delta else { return };
        let now = self.now_ms();
        for report in self.chunks.push(event.output_index, part, delta, now) {
            self.report(report).await;
        }
    }

    async fn item(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        let Some(raw) = event.item.map(RawValue::get) else { return Ok(()) };
        self.flush().await;
        let position = event.output_index;
        if self.items.len() >= MAX_ITEMS {
            return Err(faults::lost("the response has more than 1000 items"));
        }
        if !self.items.insert(position) {
            return Err(faults::lost(format!("item {position} came twice")));
        }
        let Ok(item) = serde_json::from_str::<Item>(raw) else { return Ok(()) };
        let Item { r#type, call_id, name } = item;
        let kind = match r#type.as_str() {
            "message" => ItemKind::Message,
            "reasoning" => ItemKind::Reasoning,
            "function_call" => ItemKind::FunctionCall { call_id, name },
            "custom_tool_call" => ItemKind::CustomCall { call_id, name },
            _ => ItemKind::Other { name: r#type },
        };
        match &kind {
            ItemKind::FunctionCall { .. } | ItemKind::CustomCall { .. } => {
                self.calls.push((position, (self.interpret)(&kind, raw)));
            }
            ItemKind::Message | ItemKind::Reasoning | ItemKind::Other { .. } => {}
        }
        let (request, attempt) = (self.call.request, self.call.attempt);
        let raw = raw.to_owned();
        self.report(Report::ModelItem { request, attempt, item: position, kind, raw }).await;
        Ok(())
    }

    fn done(&mut self, event: &Event<'_>) -> Report {
        let response = response(event);
        let usage = &response["usage"];
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        Report::ModelDone {
            request: self.call.request,
            attempt: self.call.attempt,
            response: response["id"].as_str().map(str::to_owned),
            usage: Usage {
                input_tokens: count(&usage["input_tokens"]),
                cached_input_tokens: count(&usage["input_tokens_details"]["cached_tokens"]),
                cache_write_input_tokens: count(
                    &usage["input_tokens_details"]["cache_write_tokens"],
                ),
                output_tokens: count(&usage["output_tokens"]),
                reasoning_output_tokens: count(&usage["output_tokens_details"]["reasoning_tokens"]),
            },
            calls: std::mem::take(&mut self.calls),
        }
    }

    async fn flush(&mut self) {
        if let Some(report) = self.chunks.finish() {
            self.report(report).await;
        }
    }

    async fn report(&self, report: Report) {
        // The session is gone; the cancellation that goes with it ends this stream.
        let _ = self.reports.send(report).await;
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn due_in(&self) -> Option<Duration> {
        self.chunks.due_at().map(|at| Duration::from_millis(at.saturating_sub(self.now_ms())))
    }
}

fn response(event: &Event<'_>) -> Value {
    event.response.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}
