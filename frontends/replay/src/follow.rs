//! A session told while it happens, by a process that does not own it.

use std::io::{self, Write};

use codex_event::{CallId, Envelope, Event, Seq};
use codex_journal::{Blobs, Feed, Subscription};
use codex_view::{Jsonl, Paint, Style, Text, Timing};

use crate::{ReplayError, damage};

/// How a session is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text for people, with times since the session was opened.
    Text(Paint),
    /// The lines that the owner prints under `--json`, byte for byte.
    Json,
    /// Each record's JSON as it is stored.
    Raw,
}

/// What came of following.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Records that were told.
    pub records: u64,
    /// Things that could not be shown, one sentence each; meant for stderr.
    pub warnings: Vec<String>,
    /// Why there is nothing more, when its owner did not finish in good order.
    pub reason: Option<String>,
}

/// Follows a session until its owner lets go of it, and tells what happens from a position on.
///
/// The subscription must begin at the first event: what lies before `from` is folded in silence,
/// as item numbers and usage depend on it. `asked` hears of each question that nobody answered
/// yet, once there is nothing older left to tell.
pub fn follow(
    mut subscription: Subscription,
    blobs: &Blobs,
    form: Form,
    from: Seq,
    out: &mut dyn Write,
    asked: &mut dyn FnMut(CallId),
) -> Result<Followed, ReplayError> {
    let mut out = io::BufWriter::new(out);
    let mut teller = Teller::new(form);
    let mut waiting = Waiting::default();
    let mut followed = Followed::default();
    loop {
        match subscription.next() {
            Feed::Record(record) => {
                let mut envelope = record.envelope.clone();
                let shown = envelope.seq >= from;
                if shown {
                    let missing = blobs.hydrate(&mut envelope);
                    followed.warnings.extend(damage::blobs(envelope.seq, &missing));
                    followed.records += 1;
                }
                waiting.apply(&envelope);
                for line in teller.lines(&envelope, record.json()) {
                    if shown {
                        out.write_all(&line)?;
                        out.write_all(b"\n")?;
                    }
                }
            }
            Feed::CaughtUp(_) => {
                out.flush()?;
                if let Some(call) = waiting.news() {
                    asked(call);
                }
            }
            Feed::Tail(_) | Feed::Present(_) => {}
            Feed::Ended => break,
        }
    }
    out.flush()?;
    followed.reason = subscription.reason();
    Ok(followed)
}

/// Gives the call whose question waits for an answer, from what there is of a session by now.
pub fn waiting(mut subscription: Subscription) -> Option<CallId> {
    let mut waiting = Waiting::default();
    loop {
        match subscription.next() {
            Feed::Record(record) => waiting.apply(&record.envelope),
            Feed::Tail(_) | Feed::Present(_) => {}
            Feed::CaughtUp(_) | Feed::Ended => return waiting.call,
        }
    }
}

/// The question that waits; there is at most one at a time.
#[derive(Default)]
struct Waiting {
    call: Option<CallId>,
    told: bool,
}

impl Waiting {
    fn apply(&mut self, envelope: &Envelope) {
        let Some(event) = envelope.event() else { return };
        if let Event::ReviewAsked { call, .. } = event {
            *self = Waiting { call: Some(*call), told: false };
        }
        let over = matches!(
            event,
            Event::ReviewSettled { .. }
                | Event::TurnInterrupted { .. }
                | Event::TurnFailed { .. }
                | Event::SessionClosed { .. }
        );
        if over {
            self.call = None;
        }
    }

    fn news(&mut self) -> Option<CallId> {
        self.call.filter(|_| !std::mem::replace(&mut self.told, true))
    }
}

enum Teller {
    Text(Box<Text>),
    Json(Box<Jsonl>),
    Raw,
}

impl Teller {
    fn new(form: Form) -> Teller {
        match form {
            Form::Text(paint) => {
                Teller::Text(Box::new(Text::new(Style { paint, timing: Timing::SinceOpened })))
            }
            Form::Json => Teller::Json(Box::default()),
            Form::Raw => Teller::Raw,
        }
    }

    fn lines(&mut self, envelope: &Envelope, stored: &[u8]) -> Vec<Vec<u8>> {
        match self {
            Teller::Text(text) => {
                text.apply(envelope).into_iter().map(|line| line.text.into_bytes()).collect()
            }
            Teller::Json(jsonl) => {
                jsonl.apply(envelope).into_iter().map(String::into_bytes).collect()
            }
            Teller::Raw => vec![stored.to_vec()],
        }
    }
}
