//! The events of a session: its end at once, all of them in order, and any stretch again.
//!
//! A long session is opened in three steps, so that its last words are on the screen long before all
//! of it is known:
//!
//! 1. Its last [`PREVIEW`] events, hydrated, as if they had been asked for ([`Input::Loaded`]). What
//!    they are the end of is not known yet; `Document` shows what they give by themselves.
//! 2. All events from the first, in batches of [`BATCH`], from which the index is built and what holds
//!    for the session is gathered. Values in blobs are left there but in the last [`PREVIEW`] of them:
//!    reading each from its file would take longer than all else together, and who scrolls there has
//!    them read again.
//! 3. What happens from then on, hydrated, each event as it comes.
//!
//! A session of few events begins with the second step. What waits for the interface is bounded by its
//! inbox; frames, which are most of a record, are let go of here.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use codex_event::{Envelope, Record, Seq};
use codex_journal::{Blobs, Feed, RawJournal, Subscription};

use crate::host::Source;
use crate::update::Input;

/// Events that are told together at most: with as many messages as may wait for the interface, it bounds
/// what is in memory of a session that is read faster than it is taken.
pub const BATCH: usize = 64;
/// Events at the end of a session that are shown before it was read.
pub const PREVIEW: u64 = 512;

/// How long an owner in another process may take to tell what was before.
const PATIENCE: Duration = Duration::from_secs(10);

impl Source {
    /// Gives the position of the last event.
    pub fn head(&self) -> Seq {
        match self {
            Source::Own(handle) => handle.head().seq,
            Source::Remote(guest) => guest.head(),
            Source::Files(journal) => journal.head().seq,
        }
    }

    /// Gives the events of a range, hydrated; those that can't be read are left out. Blocks.
    pub fn read(&self, range: RangeInclusive<Seq>) -> Vec<Envelope> {
        let mut events = match self {
            Source::Own(handle) => stretch(handle.subscribe(*range.start()), &range),
            Source::Remote(guest) => stretch(guest.subscribe(*range.start()), &range),
            Source::Files(journal) => journal
                .records_from(*range.start())
                .flatten()
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

    /// Tells the session from its first event on, until its end or until nobody takes any more.
    /// Blocks.
    pub fn feed(self, tell: impl Fn(Input) -> bool) {
        let head = self.head();
        let recent = Seq(head.0.saturating_sub(PREVIEW) + 1);
        if recent > Seq(PREVIEW) {
            let range = recent..=head;
            let events = self.read(range.clone());
            if !tell(Input::Loaded(range, events)) {
                return;
            }
        }
        let batch =
            Pending { tell: &tell, recent, blobs: self.blobs().clone(), records: Vec::new() };
        match &self {
            Source::Own(handle) => {
                batch.follow(handle.subscribe(Seq(1)).with_tails().with_presence())
            }
            Source::Remote(guest) => batch.follow(guest.subscribe(Seq(1)).with_presence()),
            Source::Files(journal) => batch.tell_all(journal),
        }
    }

    fn blobs(&self) -> &Blobs {
        match self {
            Source::Own(handle) => handle.blobs(),
            Source::Remote(guest) => guest.blobs(),
            Source::Files(journal) => journal.blobs(),
        }
    }
}

/// Whether there is anybody left to tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listener {
    There,
    Gone,
}

/// Records on their way to the interface.
struct Pending<'a, T> {
    tell: &'a T,
    /// From here on everything is hydrated.
    recent: Seq,
    blobs: Blobs,
    records: Vec<Arc<Record>>,
}

impl<T: Fn(Input) -> bool> Pending<'_, T> {
    fn follow(mut self, mut subscription: Subscription) {
        loop {
            let listener = match subscription.next() {
                Feed::Record(record) => self.add(record),
                Feed::CaughtUp(_) => self.flush_and(Input::CaughtUp),
                Feed::Tail(tail) => self.flush_and(Input::Tail(tail)),
                Feed::Present(frontends) => self.flush_and(Input::Present(frontends)),
                Feed::Ended => {
                    let fault = subscription.fault().map(ToString::to_string);
                    self.flush_and(Input::Ended(fault.or_else(|| subscription.reason())));
                    Listener::Gone
                }
            };
            if listener == Listener::Gone {
                return;
            }
        }
    }

    fn tell_all(mut self, journal: &RawJournal) {
        for record in journal.records().flatten() {
            if self.add(Arc::new(record)) == Listener::Gone {
                return;
            }
        }
        if self.flush_and(Input::CaughtUp) == Listener::There {
            let lost = journal.gaps().iter().map(|(first, last)| last.0 - first.0 + 1).sum::<u64>();
            let words = (lost > 0).then(|| format!("{lost} events of the journal are missing"));
            self.flush_and(Input::Ended(words));
        }
    }

    fn add(&mut self, record: Arc<Record>) -> Listener {
        // The ring holds those that were just written as well.
        let mut record = Arc::try_unwrap(record).unwrap_or_else(|shared| Record {
            frame: Vec::new(),
            hash: shared.hash,
            prev: shared.prev,
            envelope: shared.envelope.clone(),
        });
        record.frame = Vec::new();
        if record.envelope.seq >= self.recent {
            self.blobs.hydrate(&mut record.envelope);
        }
        self.records.push(Arc::new(record));
        if self.records.len() < BATCH { Listener::There } else { self.flush() }
    }

    fn flush(&mut self) -> Listener {
        if self.records.is_empty() {
            return Listener::There;
        }
        let records = std::mem::take(&mut self.records);
        self.tell(Input::Events(records))
    }

    fn flush_and(&mut self, input: Input) -> Listener {
        match self.flush() {
            Listener::There => self.tell(input),
            Listener::Gone => Listener::Gone,
        }
    }

    fn tell(&self, input: Input) -> Listener {
        if (self.tell)(input) { Listener::There } else { Listener::Gone }
    }
}

/// Takes the events of a range from a subscription that begins with it.
fn stretch(mut subscription: Subscription, range: &RangeInclusive<Seq>) -> Vec<Envelope> {
    let mut events = Vec::new();
    while let Some(Feed::Record(record)) = subscription.next_timeout(PATIENCE) {
        if record.envelope.seq > *range.end() {
            break;
        }
        let last = record.envelope.seq == *range.end();
        events.push(Arc::unwrap_or_clone(record).envelope);
        if last {
            break;
        }
    }
    events
}

#[cfg(test)]
mod tests;
