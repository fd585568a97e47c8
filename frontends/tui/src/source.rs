//! Where events come from, alike for a session of this process, of another one, and of a file.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use codex_event::{Envelope, Record, Seq};
use codex_journal::{Blobs, Feed, RawJournal, Subscription};

use crate::host::Source;
use crate::update::Input;

/// Most records that are handed on together.
const BATCH: usize = 256;

impl Source {
    /// Hands all events on, those that come too, until there are no more or nobody takes them.
    pub(crate) fn feed(self, sink: impl Fn(Input) -> bool) {
        match self {
            Source::Own(handle) => follow(handle.subscribe(Seq(1)).with_tails(), &sink),
            Source::Remote(guest) => follow(guest.subscribe(Seq(1)), &sink),
            Source::Files(journal) => tell(&journal, &sink),
        }
    }

    /// Gives the events of a range, with their large values; what is missing is left out.
    pub(crate) fn read(&self, range: RangeInclusive<Seq>) -> Vec<Envelope> {
        let mut events = match self {
            Source::Own(handle) => take(handle.subscribe(*range.start()), &range),
            Source::Remote(guest) => take(guest.subscribe(*range.start()), &range),
            Source::Files(journal) => journal
                .records_from(*range.start())
                .filter_map(Result::ok)
                .map(|record| record.envelope)
                .take_while(|envelope| envelope.seq <= *range.end())
                .collect(),
        };
        for envelope in &mut events {
            // What is missing is shown as missing.
            self.blobs().hydrate(envelope);
        }
        events
    }

    fn blobs(&self) -> &Blobs {
        match self {
            Source::Own(handle) => handle.blobs(),
            Source::Remote(guest) => guest.blobs(),
            Source::Files(journal) => journal.blobs(),
        }
    }
}

fn follow(mut feed: Subscription, sink: &impl Fn(Input) -> bool) {
    let mut batch: Vec<Arc<Record>> = Vec::new();
    loop {
        let next =
            if batch.is_empty() { Some(feed.next()) } else { feed.next_timeout(Duration::ZERO) };
        let input = match next {
            Some(Feed::Record(record)) => {
                batch.push(record);
                if batch.len() < BATCH {
                    continue;
                }
                None
            }
            Some(Feed::CaughtUp(_)) => Some(Input::CaughtUp),
            Some(Feed::Tail(tail)) => Some(Input::Tail(tail)),
            Some(Feed::Ended) => Some(Input::Ended(feed.reason())),
            None => None,
        };
        if !batch.is_empty() && !sink(Input::Events(std::mem::take(&mut batch))) {
            return;
        }
        let last = matches!(input, Some(Input::Ended(_)));
        if input.is_some_and(|input| !sink(input)) || last {
            return;
        }
    }
}

fn tell(journal: &RawJournal, sink: &impl Fn(Input) -> bool) {
    let mut batch = Vec::new();
    for record in journal.records().filter_map(Result::ok) {
        batch.push(Arc::new(record));
        if batch.len() == BATCH && !sink(Input::Events(std::mem::take(&mut batch))) {
            return;
        }
    }
    let _ = (batch.is_empty() || sink(Input::Events(batch)))
        && sink(Input::CaughtUp)
        && sink(Input::Ended(None));
}

fn take(mut feed: Subscription, range: &RangeInclusive<Seq>) -> Vec<Envelope> {
    let mut events = Vec::new();
    loop {
        match feed.next() {
            Feed::Record(record) if record.envelope.seq <= *range.end() => {
                let last = record.envelope.seq == *range.end();
                events.push(record.envelope.clone());
                if last {
                    return events;
                }
            }
            Feed::Record(_) | Feed::CaughtUp(_) | Feed::Ended => return events,
            Feed::Tail(_) => {}
        }
    }
}
