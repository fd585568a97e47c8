//! How others follow a journal: durable records in order, from any position.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use codex_event::{Record, Seq, Tail};

use crate::blobs::Blobs;
use crate::head::Head;
use crate::lock::Lock;
use crate::scribe::WriteError;
use crate::socket::Remote;
use crate::store::{Holes, Reader, StoreError};

/// Most records that are held for subscribers in memory; older ones are read from the store.
pub const RING_RECORDS: usize = 1024;
/// Most bytes of frames that are held for subscribers in memory.
pub const RING_BYTES: usize = 4 << 20;
// Records that a subscriber takes at once; it bounds how long it holds the lock.
const PAGE: u64 = 64;

/// Least time between two tails that one subscriber is told: a screen shows no more.
pub const TAIL_PAUSE: Duration = Duration::from_millis(25);

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The next record; it is durable.
    Record(Arc<Record>),
    /// There is nothing more right now.
    CaughtUp(Head),
    /// What an answer says beyond the journal; told to those alone who asked for it
    /// ([`Subscription::with_tails`]). Some are left out: each stands for those before it.
    Tail(Arc<Tail>),
    /// The frontends that follow the session now, the owner's first; told to those alone who asked for it
    /// ([`Subscription::with_presence`]), when it changed.
    Present(Arc<[String]>),
    /// There will be nothing more: the writer finished or failed.
    Ended,
}

/// Access to a journal beside its writer: its head, its blobs and any number of subscriptions.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// Shows subscribers what an answer says before the journal has it.
#[derive(Clone)]
pub struct Tails {
    shared: Arc<Shared>,
}

/// A reader's place in a journal.
///
/// From any position at any time it gives the same records: none left out, none twice; positions that
/// a repair named as lost are passed over. It takes what it needs when it is asked, so a slow one costs
/// the writer nothing.
pub struct Subscription {
    source: Source,
}

enum Source {
    Local(Local),
    Remote(Box<Remote>),
}

/// A place in the journal of a session that this process owns.
struct Local {
    shared: Arc<Shared>,
    next: Seq,
    page: VecDeque<Arc<Record>>,
    caught_up: bool,
    fault: Option<StoreError>,
    tails: Option<Place>,
    /// Number of the presence that it was told last; none where nobody asked for it.
    presence: Option<u64>,
}

/// Where a subscriber is with the tails.
struct Place {
    /// Number of the last one that it was told.
    told: u64,
    /// When it may be told another.
    due: Instant,
}

/// What the writer and its subscribers share.
pub(crate) struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    reader: Reader,
    blobs: Blobs,
    // Positions that a repair named as lost; none is added while the journal is open.
    holes: Holes,
    lock: Option<Arc<Lock>>,
}

struct State {
    /// The last tail, and its number; the number of the last one that any subscriber was told; and how
    /// many subscribers want any.
    tail: Option<Arc<Tail>>,
    tails: u64,
    told: u64,
    listeners: usize,
    /// Who follows from elsewhere, with the owner; and how often that changed.
    present: Arc<[String]>,
    presence: u64,
    head: Head,
    ring: VecDeque<Arc<Record>>,
    bytes: usize,
    ended: bool,
    fault: Option<WriteError>,
}

enum Step {
    Wait,
    /// There is a tail, which is told at this moment if nothing else comes before.
    WaitUntil(Instant),
    Take,
    Read(Seq),
    Tell(Feed),
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Handle {
        Handle { shared }
    }

    /// Gives the durable head.
    pub fn head(&self) -> Head {
        self.shared.lock().head
    }

    /// Gives the session's blobs.
    pub fn blobs(&self) -> &Blobs {
        &self.shared.blobs
    }

    /// Gives why the writer failed; none while it works or when it finished in good order.
    pub fn fault(&self) -> Option<WriteError> {
        self.shared.lock().fault.clone()
    }

    /// Gives the way to show what the journal does not have yet.
    pub fn tails(&self) -> Tails {
        Tails { shared: Arc::clone(&self.shared) }
    }

    /// Subscribes from a position on; 0 and 1 both mean the beginning.
    pub fn subscribe(&self, from: Seq) -> Subscription {
        let local = Local {
            shared: Arc::clone(&self.shared),
            next: from.max(Seq(1)),
            page: VecDeque::new(),
            caught_up: false,
            fault: None,
            tails: None,
            presence: None,
        };
        Subscription { source: Source::Local(local) }
    }

    /// Tells who follows the session now, and has everybody who waits look whether to wait on.
    pub(crate) fn set_present(&self, frontends: Vec<String>) {
        let mut state = self.shared.lock();
        if *state.present != *frontends {
            state.present = frontends.into();
            state.presence += 1;
        }
        drop(state);
        self.shared.wake();
    }

    /// Has everybody who waits for something to follow look whether to wait on.
    pub(crate) fn wake(&self) {
        drop(self.shared.lock());
        self.shared.wake();
    }

    pub(crate) fn lock_of_session(&self) -> Option<&Arc<Lock>> {
        self.shared.lock.as_ref()
    }
}

impl Tails {
    /// Tells whether anybody wants them, so that none is made in vain.
    pub fn wanted(&self) -> bool {
        self.shared.lock().listeners > 0
    }

    /// Shows the next one, in place of the last.
    pub fn show(&self, tail: Tail) {
        let mut state = self.shared.lock();
        state.tail = Some(Arc::new(tail));
        // The only subscriber was woken for the one before it and has not taken that: it takes this one. One
        // that was taken may still be there, for other subscribers, which may be gone.
        let awake = state.told < state.tails && state.listeners == 1;
        state.tails += 1;
        drop(state);
        if !awake {
            self.shared.wake();
        }
    }
}

impl Subscription {
    /// Has it tell what answers say beyond the journal, too. Only the session's own process knows that:
    /// elsewhere there are none.
    pub fn with_tails(mut self) -> Subscription {
        match &mut self.source {
            Source::Local(local) if local.tails.is_none() => {
                local.shared.lock().listeners += 1;
                local.tails = Some(Place { told: 0, due: Instant::now() });
            }
            Source::Local(_) | Source::Remote(_) => {}
        }
        self
    }

    /// Has it tell who follows the session, too.
    pub fn with_presence(mut self) -> Subscription {
        match &mut self.source {
            Source::Local(local) => local.presence = Some(0),
            Source::Remote(remote) => remote.tell_presence(),
        }
        self
    }

    /// Waits for what is next. After the end it says so each time.
    // Not an iterator: it has no last item, and waiting is its point.
    #[expect(clippy::should_implement_trait, reason = "a feed waits, an iterator ends")]
    pub fn next(&mut self) -> Feed {
        self.advance(None, &mut || false).expect("without a deadline it waits")
    }

    /// Waits at most so long for what is next; none when nothing came.
    pub fn next_timeout(&mut self, wait: Duration) -> Option<Feed> {
        self.advance(Instant::now().checked_add(wait), &mut || false)
    }

    /// Waits for what is next unless it has to stop, which it asks before it waits and whenever
    /// [`Handle::wake`] is called; none when it stopped.
    pub(crate) fn next_unless(&mut self, mut stop: impl FnMut() -> bool) -> Option<Feed> {
        self.advance(None, &mut stop)
    }

    /// Gives why older records could not be read, when that is what ended the subscription.
    pub fn fault(&self) -> Option<&StoreError> {
        match &self.source {
            Source::Local(local) => local.fault.as_ref(),
            Source::Remote(remote) => remote.fault(),
        }
    }

    /// Gives why there will be nothing more, once it has ended; none when the owner finished in
    /// good order.
    pub fn reason(&self) -> Option<String> {
        match &self.source {
            Source::Local(local) => {
                let fault = local.fault.as_ref().map(ToString::to_string);
                fault.or_else(|| local.shared.lock().fault.as_ref().map(ToString::to_string))
            }
            Source::Remote(remote) => remote.reason(),
        }
    }

    /// Names the frontends that are known to follow the session, the owner's first; nothing on the
    /// owner's own side.
    pub fn present(&self) -> &[String] {
        match &self.source {
            Source::Local(_) => &[],
            Source::Remote(remote) => remote.present(),
        }
    }

    fn advance(
        &mut self,
        deadline: Option<Instant>,
        stop: &mut dyn FnMut() -> bool,
    ) -> Option<Feed> {
        match &mut self.source {
            Source::Local(local) => local.advance(deadline, stop),
            Source::Remote(remote) => remote.advance(deadline),
        }
    }
}

impl From<Remote> for Subscription {
    fn from(remote: Remote) -> Subscription {
        Subscription { source: Source::Remote(Box::new(remote)) }
    }
}

impl Local {
    fn advance(
        &mut self,
        deadline: Option<Instant>,
        stop: &mut dyn FnMut() -> bool,
    ) -> Option<Feed> {
        loop {
            if let Some(record) = self.page.pop_front() {
                self.next = record.envelope.seq.next();
                self.caught_up = false;
                return Some(Feed::Record(record));
            }
            if self.fault.is_some() {
                return Some(Feed::Ended);
            }
            let shared = Arc::clone(&self.shared);
            let mut state = shared.lock();
            match self.step(&mut state) {
                Step::Tell(feed) => return Some(feed),
                Step::Take => state.page(self.next, &mut self.page),
                Step::Read(last) => {
                    drop(state);
                    self.read(last);
                }
                Step::Wait | Step::WaitUntil(_) if stop() => return None,
                Step::Wait => match deadline {
                    None => drop(shared.wake.wait(state)),
                    Some(deadline) => {
                        let left = deadline.checked_duration_since(Instant::now())?;
                        drop(shared.wake.wait_timeout(state, left));
                    }
                },
                Step::WaitUntil(due) => {
                    let now = Instant::now();
                    let left = match deadline {
                        Some(deadline) => deadline.checked_duration_since(now)?,
                        None => Duration::MAX,
                    };
                    let wait = due.saturating_duration_since(now).min(left);
                    drop(shared.wake.wait_timeout(state, wait));
                }
            }
        }
    }

    fn step(&mut self, state: &mut State) -> Step {
        if self.next <= state.head.seq {
            return match state.first() {
                Some(first) if first <= self.next => Step::Take,
                Some(first) => Step::Read(Seq(first.0 - 1)),
                None => Step::Read(state.head.seq),
            };
        }
        if !self.caught_up {
            self.caught_up = true;
            return Step::Tell(Feed::CaughtUp(state.head));
        }
        if state.ended {
            return Step::Tell(Feed::Ended);
        }
        if let Some(told) = self.presence.as_mut().filter(|told| **told != state.presence) {
            *told = state.presence;
            return Step::Tell(Feed::Present(Arc::clone(&state.present)));
        }
        self.tail(state)
    }

    /// Nothing new is in the journal: gives what is said beyond it.
    fn tail(&mut self, state: &mut State) -> Step {
        let (Some(place), Some(tail)) = (&mut self.tails, &state.tail) else { return Step::Wait };
        if place.told == state.tails {
            return Step::Wait;
        }
        let now = Instant::now();
        if now < place.due {
            return Step::WaitUntil(place.due);
        }
        (place.told, place.due) = (state.tails, now + TAIL_PAUSE);
        state.told = state.tails;
        let tail = Arc::clone(tail);
        if state.listeners == 1 {
            // The next one wakes again.
            state.tail = None;
        }
        Step::Tell(Feed::Tail(tail))
    }

    fn read(&mut self, last: Seq) {
        let last = last.min(Seq(self.next.0 + PAGE - 1));
        match (self.shared.reader)(self.next..=last) {
            Ok(records) => match self.shared.unnamed_gap(self.next, last, &records) {
                Some(missing) => self.fault = Some(StoreError::Missing(missing)),
                // Nothing of this page is left: what follows the hole is next.
                None if records.is_empty() => self.next = last.next(),
                None => self.page.extend(records.into_iter().map(Arc::new)),
            },
            Err(error) => self.fault = Some(error),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if self.tails.is_some() {
            self.shared.lock().listeners -= 1;
        }
    }
}

impl Shared {
    pub(crate) fn new(
        head: Head,
        holes: Holes,
        reader: Reader,
        blobs: Blobs,
        lock: Option<Arc<Lock>>,
    ) -> Shared {
        let ring = VecDeque::new();
        let state = State {
            tail: None,
            tails: 0,
            told: 0,
            listeners: 0,
            present: Arc::new([]),
            presence: 0,
            head,
            ring,
            bytes: 0,
            ended: false,
            fault: None,
        };
        Shared { state: Mutex::new(state), wake: Condvar::new(), reader, blobs, holes, lock }
    }

    // Gives the first position that is not there though no repair named it as lost.
    fn unnamed_gap(&self, first: Seq, last: Seq, records: &[Record]) -> Option<Seq> {
        let mut due = first;
        let ends = records.iter().map(|record| record.envelope.seq).chain([last.next()]);
        for seq in ends {
            if seq != due && !(seq > due && self.holes.cover(due..=Seq(seq.0 - 1))) {
                return Some(due);
            }
            due = seq.next();
        }
        None
    }

    /// Gives what keeps other owners away; none when the journal is not on a disk.
    pub(crate) fn lock_of_session(&self) -> Option<&Arc<Lock>> {
        self.lock.as_ref()
    }

    /// Shows durable records to the subscribers; those that wait see them once they are woken.
    pub(crate) fn publish(&self, records: Vec<Arc<Record>>, head: Head) {
        let mut state = self.lock();
        for record in records {
            state.bytes += record.frame.len();
            state.ring.push_back(record);
        }
        while state.ring.len() > RING_RECORDS || state.bytes > RING_BYTES {
            let Some(oldest) = state.ring.pop_front() else { break };
            state.bytes -= oldest.frame.len();
        }
        state.head = head;
    }

    /// Wakes the subscribers that wait.
    pub(crate) fn wake(&self) {
        self.wake.notify_all();
    }

    /// Tells the subscribers that nothing will follow.
    pub(crate) fn end(&self, fault: Option<WriteError>) {
        let mut state = self.lock();
        state.ended = true;
        state.fault = state.fault.take().or(fault);
        drop(state);
        self.wake.notify_all();
    }

    // Nothing under this lock panics half way, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn first(&self) -> Option<Seq> {
        self.ring.front().map(|record| record.envelope.seq)
    }

    fn page(&self, from: Seq, page: &mut VecDeque<Arc<Record>>) {
        let Some(first) = self.first() else { return };
        let skip = usize::try_from(from.0 - first.0).expect("the ring is small");
        page.extend(self.ring.iter().skip(skip).take(PAGE as usize).cloned());
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("head", &self.head()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tails").finish_non_exhaustive()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
