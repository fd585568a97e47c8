//! One attempt: from the request to the last event of its stream.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use codex_event::{Fault, FaultKind, Invocation, ItemKind, StreamPart};
use codex_redact::Stream;
use codex_session::Report;
use futures_util::{StreamExt, TryStreamExt};
use reqwest::header::{DATE, LOCATION, RETRY_AFTER};
use reqwest::{Response, Url};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::chunk::{Chunk, Chunker};
use super::endpoint::{self, Endpoint};
use super::fault::Refusal;
use super::positions::{Positions, TooMany};
use super::progress::Progress;
use super::said::{self, Said};
use super::sse::{self, Broken};
use super::tail::Live;
use super::{Interpret, ModelCall, body, encode, fault};

/// Longest time, in all, to read what follows a complete response.
const FAREWELL: Duration = Duration::from_millis(50);

type Events = Pin<Box<dyn futures_util::Stream<Item = Result<String, Broken>> + Send>>;

/// An attempt under way.
pub(crate) struct Attempt<'a> {
    call: &'a ModelCall,
    interpret: &'a Interpret,
    reports: &'a mpsc::Sender<Report>,
    began: Instant,
    chunker: Chunker,
    live: Live,
    /// Texts that are streamed, by item and part; each holds back what may be part of a secret.
    texts: Vec<((u32, StreamPart), Stream)>,
    positions: Positions,
    /// Item and number of the section of reasoning that came last.
    section: Option<(u32, u64)>,
    calls: Vec<(u32, Invocation)>,
}

/// A complete answer.
pub(crate) struct Answer {
    /// What to report.
    pub(crate) report: Report,
    /// What is left of the stream.
    pub(crate) rest: Rest,
}

/// What follows a complete response.
pub(crate) struct Rest(Events);

/// Why an attempt gave no answer.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It failed.
    Failed(Fault),
    /// Nobody receives its reports any more.
    Unheard,
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Ended::Failed(fault)
    }
}

impl From<TooMany> for Ended {
    fn from(_: TooMany) -> Self {
        Ended::Failed(fault::too_many_items())
    }
}

impl Rest {
    /// Reads to the end of the stream, for a moment: a connection can be used again only then.
    pub(crate) async fn finish(mut self) {
        let _ = timeout(FAREWELL, async { while let Some(Ok(_)) = self.0.next().await {} }).await;
    }
}

impl<'a> Attempt<'a> {
    /// Begins an attempt; the times of its chunks count from here.
    pub(crate) fn new(
        call: &'a ModelCall,
        interpret: &'a Interpret,
        reports: &'a mpsc::Sender<Report>,
    ) -> Attempt<'a> {
        Attempt {
            call,
            interpret,
            reports,
            began: Instant::now(),
            chunker: Chunker::default(),
            live: Live::default(),
            texts: Vec::new(),
            positions: Positions::default(),
            section: None,
            calls: Vec::new(),
        }
    }

    /// Sends the request and reports what comes, up to the end that is yet to be reported.
    pub(crate) async fn run(&mut self, endpoint: &Endpoint) -> Result<Answer, Ended> {
        let idle = Duration::from_millis(self.call.settings.provider.stream_idle_timeout_ms);
        let response = self.open(endpoint, idle).await?;
        let mut progress = Progress::new(idle);
        let received = progress.meter();
        let bytes = body::events(response, idle).await?.inspect_ok(move |bytes| {
            received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        let mut events: Events = Box::pin(sse::events(bytes, idle, sse::LIMITS));
        loop {
            let due = self.chunker.due().map(|ms| self.began + Duration::from_millis(ms));
            let event = tokio::select! {
                biased;
                event = events.next() => event,
                () = sleep_until(due.unwrap_or(self.began)), if due.is_some() => {
                    self.flush().await?;
                    continue;
                }
                () = sleep_until(progress.deadline()) => {
                    if progress.is_over() {
                        return Err(fault::lost(Some(&Broken::Stalled)).into());
                    }
                    continue;
                }
            };
            let data = match event {
                Some(Ok(data)) => data,
                Some(Err(broken)) => return Err(fault::lost(Some(&broken)).into()),
                None => return Err(fault::lost(None).into()),
            };
            match said::read(&data) {
                Some(said) => {
                    progress.made();
                    if let Some(report) = self.take(said).await? {
                        return Ok(Answer { report, rest: Rest(events) });
                    }
                }
                None if progress.is_over() => {
                    return Err(fault::lost(Some(&Broken::Stalled)).into());
                }
                None => {}
            }
        }
    }

    /// Reports what is left of every streamed text.
    pub(crate) async fn finish(&mut self) -> Result<(), Ended> {
        let items: BTreeSet<u32> = self.texts.iter().map(|((item, _), _)| *item).collect();
        for item in items {
            self.end_text(item).await?;
        }
        self.flush().await
    }

    /// Reports what an item's texts held back.
    async fn end_text(&mut self, item: u32) -> Result<(), Ended> {
        let at = self.elapsed();
        let ended = self.texts.extract_if(.., |((of, _), _)| *of == item).collect::<Vec<_>>();
        for ((item, part), mut text) in ended {
            for chunk in self.chunker.push(item, part, &text.finish_text(), at) {
                self.streamed(chunk).await?;
            }
        }
        Ok(())
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Gives what is decided of a streamed text, with this piece.
    fn redacted(&mut self, item: u32, part: StreamPart, piece: &str) -> String {
        let known = self.texts.iter().position(|(key, _)| *key == (item, part));
        let at = known.unwrap_or_else(|| {
            self.texts.push(((item, part), self.call.redactor.stream()));
            self.texts.len() - 1
        });
        self.texts[at].1.push_text(piece)
    }

    /// Reports the streamed text that has waited.
    async fn flush(&mut self) -> Result<(), Ended> {
        match self.chunker.flush() {
            Some(chunk) => self.streamed(chunk).await,
            None => Ok(()),
        }
    }

    async fn open(&self, endpoint: &Endpoint, idle: Duration) -> Result<Response, Fault> {
        let call = self.call;
        let key = match &call.key {
            Ok(key) => key.as_deref(),
            Err(missing) => return Err(fault::fault(FaultKind::MissingKey, missing.to_string())),
        };
        let url = endpoint::address(call)?;
        let request = endpoint
            .client(&url)?
            .post(url.clone())
            .headers(endpoint::headers(call, key)?)
            .body(encode::body(call));
        let response = match timeout(idle, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(endpoint::unreachable(&error, &url)),
            Err(_) => return Err(fault::lost(Some(&Broken::Silent))),
        };
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refused(response, &url, call.previous.as_deref(), idle).await)
    }

    /// Takes up what an event says; gives the last report when it is the end.
    async fn take(&mut self, said: Said<'_>) -> Result<Option<Report>, Ended> {
        match said {
            Said::Opened(place) => {
                self.positions.open(place)?;
            }
            Said::Piece { place, part, section, text } => {
                let item = self.positions.open(place)?;
                let text = self.sectioned(item, part, section, text);
                let text = self.redacted(item, part, &text);
                let at = self.elapsed();
                self.live.push(self.call, item, part, &text);
                for chunk in self.chunker.push(item, part, &text, at) {
                    self.streamed(chunk).await?;
                }
            }
            Said::Item { place, kind, raw } => {
                if let Some(item) = self.positions.close(place)? {
                    self.end_text(item).await?;
                    self.flush().await?;
                    self.complete(item, kind, raw).await?;
                }
            }
            Said::Completed { response, usage } => {
                self.finish().await?;
                let (request, attempt) = (self.call.request, self.call.attempt);
                let calls = std::mem::take(&mut self.calls);
                // What of it is secret is not for this task to say.
                let concealed = Vec::new();
                let done =
                    Report::ModelDone { request, attempt, response, usage, calls, concealed };
                return Ok(Some(done));
            }
            Said::Failed(fault) => return Err(fault.into()),
            Said::Alive => {}
        }
        Ok(None)
    }

    /// Puts each section of a summary on a line of its own, as the complete item is shown.
    fn sectioned(&mut self, item: u32, part: StreamPart, section: u64, text: String) -> String {
        if part == StreamPart::Text {
            return text;
        }
        match self.section.replace((item, section)) {
            Some((before, last)) if before == item && last != section => format!("\n{text}"),
            Some(_) | None => text,
        }
    }

    async fn complete(&mut self, item: u32, kind: ItemKind, raw: &str) -> Result<(), Ended> {
        match &kind {
            ItemKind::FunctionCall { .. } | ItemKind::CustomCall { .. } => {
                self.calls.push((item, (self.interpret)(&kind, raw)));
            }
            ItemKind::Message | ItemKind::Reasoning | ItemKind::Other { .. } => {}
        }
        let (request, attempt) = (self.call.request, self.call.attempt);
        let raw = raw.to_owned();
        self.report(Report::ModelItem { request, attempt, item, kind, raw }).await
    }

    async fn streamed(&self, chunk: Chunk) -> Result<(), Ended> {
        let Chunk { item, part, text, marks } = chunk;
        let (request, attempt) = (self.call.request, self.call.attempt);
        self.report(Report::ModelStreamed { request, attempt, item, part, text, marks }).await
    }

    async fn report(&self, report: Report) -> Result<(), Ended> {
        self.reports.send(report).await.map_err(|_| Ended::Unheard)
    }
}

/// Judges an answer whose status is not a good one.
async fn refused(response: Response, url: &Url, previous: Option<&str>, idle: Duration) -> Fault {
    let status = response.status();
    let headers = response.headers().clone();
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let target = header(LOCATION).and_then(|location| url.join(location).ok());
    let refusal = Refusal {
        status,
        retry_after: header(RETRY_AFTER),
        date: header(DATE),
        location: target.as_ref().map(endpoint::shown),
        body: &body::text(response, idle).await,
        url: &endpoint::shown(url),
        previous,
    };
    fault::status(&refusal, SystemTime::now())
}
