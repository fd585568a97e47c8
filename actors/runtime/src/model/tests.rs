//! Whole attempts, against a server that plays a script or a socket that does as it is told.

mod faults;
mod hostile;
mod raw;
mod streams;

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use codex_event::{
    ApprovalPolicy, Backend, Fault, Invocation, ItemKind, ProviderSettings, RequestId, SessionId,
    Settings, Stored, StreamMark, StreamPart,
};
use codex_redact::Redactor;
use codex_scripted::{Script, Server};
use codex_session::{Entry, Origin, Report};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Endpoint, Input, ModelCall, Target, ask};

/// A call that waits a minute for each byte, with a key.
pub(crate) fn call(base_url: &str, backend: Backend, entries: Vec<Entry>) -> ModelCall {
    let provider = ProviderSettings {
        id: "mock".into(),
        base_url: base_url.into(),
        backend,
        request_max_retries: 0,
        stream_max_retries: 0,
        stream_idle_timeout_ms: 60_000,
    };
    let mut call = ModelCall {
        session: SessionId::from_str("01900000-0000-7000-8000-000000000001").unwrap(),
        request: RequestId(3),
        attempt: 2,
        backend,
        previous: None,
        settings: Settings {
            model: "o4-mini".into(),
            provider,
            approval_policy: ApprovalPolicy::Never,
            permissions: vec![],
            reasoning_effort: None,
            reasoning_summary: None,
            notify: vec![],
            sandbox_level: Default::default(),
            git_writes: Default::default(),
            resources: Default::default(),
        },
        instructions: None,
        input: String::new(),
        key: Ok(Some("sk-test-0123456789".into())),
        headers: vec![],
        query: vec![],
        redactor: Redactor::new([], || [0; 32]),
        tails: codex_journal::Scribe::in_memory(
            SessionId::from_str("01900000-0000-7000-8000-000000000001").unwrap(),
        )
        .1
        .tails(),
    };
    say(&mut call, entries);
    call
}

/// Puts the conversation into a call, in the form in which it is sent to whom it asks.
pub(crate) fn say(call: &mut ModelCall, entries: Vec<Entry>) {
    let target = Target::of(&call.settings, call.previous.as_deref());
    call.input = input(&target, entries);
}

/// The conversation as a call holds it.
pub(crate) fn input(target: &Target, entries: Vec<Entry>) -> String {
    let entries: Vec<_> = entries.into_iter().map(Arc::new).collect();
    Input::default().follow(target, &entries, inline).to_owned()
}

/// Reads a text that is in place.
pub(crate) fn inline(text: &Stored<String>) -> Cow<'_, str> {
    text.inline().expect("in place").into()
}

pub(crate) fn item(kind: ItemKind, raw: &str) -> Entry {
    let by = Origin { provider: "mock".into(), model: "o4-mini".into() };
    Entry::Item { kind, raw: raw.into(), by: by.into() }
}

pub(super) async fn serve(script: &Value) -> Server {
    Server::start(Script::from_json(&script.to_string()).unwrap()).await.unwrap()
}

/// Gives the item's JSON back as the message of an invalid call, so that tests see what was read.
pub(super) fn echo(_: &ItemKind, raw: &str) -> Invocation {
    Invocation::Invalid { message: raw.into() }
}

/// Everything that an attempt reported.
pub(super) async fn reported(call: ModelCall) -> Vec<Report> {
    let (reports, mut said) = mpsc::channel(4);
    let endpoint = Endpoint::default();
    let asking = ask(call, &endpoint, &echo, reports, CancellationToken::new());
    let listening = async {
        let mut all = Vec::new();
        while let Some(report) = said.recv().await {
            all.push(report);
        }
        all
    };
    let ((), all) = tokio::join!(asking, listening);
    let ends = all.iter().filter(|report| is_end(report)).count();
    assert_eq!(ends, 1, "{all:?}");
    assert!(all.last().is_some_and(is_end), "{all:?}");
    all
}

pub(super) fn is_end(report: &Report) -> bool {
    matches!(report, Report::ModelDone { .. } | Report::ModelFailed { .. })
}

/// The fault that an attempt ended with.
pub(super) fn fault_of(reports: &[Report]) -> Fault {
    match reports.last() {
        Some(Report::ModelFailed { fault, .. }) => fault.clone(),
        other => panic!("not a failure: {other:?}"),
    }
}

/// Streamed text by item, part and order, with every mark.
pub(super) fn streamed(reports: &[Report]) -> Vec<(u32, StreamPart, String, Vec<StreamMark>)> {
    let chunk = |report: &Report| match report {
        Report::ModelStreamed { item, part, text, marks, .. } => {
            Some((*item, *part, text.clone(), marks.clone()))
        }
        _ => None,
    };
    reports.iter().filter_map(chunk).collect()
}

/// Completed items.
pub(super) fn items(reports: &[Report]) -> Vec<(u32, ItemKind, String)> {
    let item = |report: &Report| match report {
        Report::ModelItem { item, kind, raw, .. } => Some((*item, kind.clone(), raw.clone())),
        _ => None,
    };
    reports.iter().filter_map(item).collect()
}
