//! The writer of a journal: a thread of its own with group commit.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use codex_event::{
    Author, Body, Digest, Durability, Envelope, Epoch, Event, Millis, Record, Seq, SessionId,
    Timestamp,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::blobs::Blobs;
use crate::feed::{Handle, Shared};
use crate::head::{Head, HeadFile, HeadState};
use crate::layout::{Layout, SessionDir};
use crate::lock::{Lock, Lost};
use crate::open::{OpenError, Witness};
use crate::phase::Phase;
use crate::room::Room;
use crate::store::{AppendError, MemStore, SledStore, Store, StoreError};

/// Most batches that wait for the writer; one more makes its sender wait.
pub const QUEUE: usize = 64;
/// Most batches that share one barrier.
pub const GROUP_BATCHES: usize = 64;
/// Most bulk records that wait for a barrier.
pub const BULK_RECORDS: usize = 64;
/// Longest time that bulk records wait for a barrier.
pub const BULK_DELAY: Duration = Duration::from_millis(100);

/// Bytes that one event is taken to need when room is asked for.
const LARGE_EVENT: usize = 8 << 10;

/// Events that are written together, and the blobs that must be there before them.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The events, in order, each already spilled.
    pub envelopes: Vec<Envelope>,
    /// What was spilled.
    pub blobs: Vec<(Digest, Vec<u8>)>,
}

/// The journal can't be written any more; the process must stop acting (exit code 74).
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// Writing this batch, or one before it, failed.
    #[error("the journal can't be written: {0}")]
    Failed(Arc<WriteFault>),
    /// The writer's thread is gone.
    #[error("the journal's writer has ended")]
    Ended,
}

/// What failed while writing.
#[derive(Debug, thiserror::Error)]
pub enum WriteFault {
    /// There is no room on the disk for it; nothing of it was written.
    #[error("no space left on the disk for event {first} and what follows it")]
    Full {
        /// The first event that has no room.
        first: Seq,
    },
    /// The store did not take the events.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The barrier failed.
    #[error(transparent)]
    Barrier(#[from] StoreError),
    /// A blob could not be put down.
    #[error("blob: {0}")]
    Blob(io::Error),
    /// The head could not be put down.
    #[error("head file: {0}")]
    Head(io::Error),
    /// A later owner took the session: its lock file was replaced, or its folder was.
    #[error("this process was epoch {ours} of the session, and epoch {theirs} took it over")]
    Fenced {
        /// The writer's epoch.
        ours: Epoch,
        /// That of the later owner.
        theirs: Epoch,
    },
    /// Whether the session is still this process's can't be found out.
    #[error("lock file: {0}")]
    Lock(io::Error),
}

/// The one writer of a journal.
///
/// Dropping it lets the thread finish what is queued on its own; [`Scribe::finish`] waits for that.
#[derive(Debug)]
pub struct Scribe {
    queue: SyncSender<Job>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<Result<Head, WriteError>>>,
}

/// What a journal on a disk has beside its store; one in memory has none of it.
#[derive(Default)]
struct Disk {
    /// What keeps other owners away.
    lock: Option<Arc<Lock>>,
    /// Space for the last words.
    room: Option<Room>,
}

type Reply = oneshot::Sender<Result<Head, WriteError>>;

struct Job {
    batch: Batch,
    reply: Reply,
    // Keeps its place in the queue; given back when the writer takes the job.
    place: OwnedSemaphorePermit,
}

impl Scribe {
    /// Starts the writer's thread over a store.
    ///
    /// When the system gives no thread, each write says so.
    pub fn start(store: impl Store, blobs: Blobs, head_file: Option<HeadFile>) -> (Scribe, Handle) {
        Scribe::launch(store, blobs, head_file, Disk::default())
    }

    fn launch(
        store: impl Store,
        blobs: Blobs,
        head_file: Option<HeadFile>,
        disk: Disk,
    ) -> (Scribe, Handle) {
        let Disk { lock, room } = disk;
        let (head, holes, reader) = (store.head(), store.holes(), store.reader());
        let shared = Arc::new(Shared::new(head, holes, reader, blobs.clone(), lock));
        let (queue, jobs) = sync_channel(QUEUE);
        let writer = Writer {
            store,
            blobs,
            head_file,
            disk: room,
            shared: Arc::clone(&shared),
            undurable: Vec::new(),
            waiting: Vec::new(),
            due: None,
            turn_ended: false,
            failed: None,
        };
        let thread = std::thread::Builder::new().name("scribe".into()).spawn(|| writer.run(jobs));
        let thread = thread.inspect_err(|error| tracing::error!(%error, "no thread")).ok();
        let room = Arc::new(Semaphore::new(QUEUE));
        (Scribe { queue, room, thread }, Handle::new(shared))
    }

    /// Creates a session's journal on disk and starts its writer.
    pub fn create(layout: &Layout, id: SessionId) -> Result<(Scribe, Handle), OpenError> {
        let dir = layout.session(id);
        Scribe::over(&dir, SledStore::create(&dir, id)?)
    }

    /// Opens a session's journal on disk and starts its writer.
    pub fn open(layout: &Layout, id: SessionId) -> Result<(Scribe, Handle), OpenError> {
        let dir = layout.session(id);
        Scribe::over(&dir, SledStore::open(&dir, id)?)
    }

    /// Starts the writer of a session that is kept in memory alone, blobs too, and ends with it.
    pub fn in_memory(id: SessionId) -> (Scribe, Handle) {
        Scribe::start(MemStore::new(id), Blobs::in_memory(), None)
    }

    /// As [`Scribe::open`], and shows every event to a witness meanwhile: what is there already is
    /// read and decoded for the opening anyway. When it fails, any part may have been shown.
    pub fn open_before(
        layout: &Layout,
        id: SessionId,
        witness: Witness<'_>,
    ) -> Result<(Scribe, Handle), OpenError> {
        let dir = layout.session(id);
        Scribe::over(&dir, SledStore::open_before(&dir, id, Some(witness))?)
    }

    pub(crate) fn over(dir: &SessionDir, store: SledStore) -> Result<(Scribe, Handle), OpenError> {
        let (mut head_file, state) = HeadFile::open(&dir.head())?;
        // What was found behind the head is durable by now, and counts from here on.
        if state != HeadState::Good(store.head()) {
            Phase::WriteHead.begin();
            head_file.write(store.head())?;
            Phase::SyncHead.begin();
            head_file.sync()?;
        }
        let room = Some(Room::reserve(dir.path())?);
        let lock = store.lock();
        lock.opened(store.head().epoch.next())?;
        let disk = Disk { lock: Some(lock), room };
        Ok(Scribe::launch(store, Blobs::at(dir.blobs()), Some(head_file), disk))
    }

    /// Queues a batch. The reply comes when it is durable if it holds any barrier event, else when
    /// it is appended.
    ///
    /// Batches are written in the order in which their senders first waited for room. One whose
    /// future is dropped after it was queued is written all the same.
    pub async fn write(&self, batch: Batch) -> Result<Head, WriteError> {
        let room = Arc::clone(&self.room);
        let place = room.acquire_owned().await.map_err(|_closed| WriteError::Ended)?;
        let (reply, answer) = oneshot::channel();
        // There is room: the semaphore has as many places as the queue.
        self.queue.try_send(Job { batch, reply, place }).map_err(|_gone| WriteError::Ended)?;
        answer.await.unwrap_or(Err(WriteError::Ended))
    }

    /// Waits for everything queued, makes it durable and ends the thread; blocking.
    pub fn finish(self) -> Result<Head, WriteError> {
        let Scribe { queue, room: _, thread } = self;
        drop(queue);
        thread.ok_or(WriteError::Ended)?.join().unwrap_or(Err(WriteError::Ended))
    }
}

struct Writer<S: Store> {
    store: S,
    blobs: Blobs,
    head_file: Option<HeadFile>,
    disk: Option<Room>,
    shared: Arc<Shared>,
    // Appended since the last barrier.
    undurable: Vec<Arc<Record>>,
    waiting: Vec<Reply>,
    // When bulk records have waited long enough.
    due: Option<Instant>,
    turn_ended: bool,
    failed: Option<WriteError>,
}

impl<S: Store> Writer<S> {
    fn run(mut self, jobs: Receiver<Job>) -> Result<Head, WriteError> {
        loop {
            let first = match self.due {
                None => jobs.recv().map_err(|_disconnected| RecvTimeoutError::Disconnected),
                Some(due) => jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match first {
                Ok(first) => self.group(first, &jobs),
                Err(RecvTimeoutError::Timeout) => self.settle(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.settle();
        Phase::SyncHead.begin();
        if self.failed.is_none()
            && let Some(file) = &self.head_file
            && let Err(error) = file.sync()
        {
            self.fail(WriteFault::Head(error));
        }
        // The subscribers are told when the writer is dropped.
        self.failed.clone().map_or(Ok(self.store.head()), Err)
    }

    fn group(&mut self, first: Job, jobs: &Receiver<Job>) {
        self.take(first);
        for _ in 1..GROUP_BATCHES {
            let Ok(job) = jobs.try_recv() else { break };
            self.take(job);
        }
        let bulk_is_due = self.undurable.len() >= BULK_RECORDS
            || self.due.is_some_and(|due| due <= Instant::now());
        if !self.waiting.is_empty() || bulk_is_due {
            self.settle();
        }
    }

    fn take(&mut self, Job { batch, reply, place }: Job) {
        drop(place);
        if let Some(error) = &self.failed {
            answer(reply, Err(error.clone()));
            return;
        }
        let durable = batch.envelopes.iter().any(needs_barrier);
        let turn_ended = batch.envelopes.iter().any(ends_turn);
        let stamp = batch.envelopes.first().map(|first| (first.session, first.at, first.mono));
        match self.append(batch) {
            Ok(()) if durable => self.waiting.push(reply),
            Ok(()) => answer(reply, Ok(self.store.head())),
            Err(fault) => {
                // What came before this batch is good and is kept, unless the engine itself broke.
                if !matches!(fault, WriteFault::Append(AppendError::Store(_))) {
                    self.settle();
                }
                if let WriteFault::Full { .. } = fault {
                    self.last_words(&fault, stamp);
                }
                self.fail(fault);
                let error = self.failed.clone().unwrap_or(WriteError::Ended);
                answer(reply, Err(error));
                return;
            }
        }
        self.turn_ended |= turn_ended;
        if !self.undurable.is_empty() {
            self.due.get_or_insert_with(|| Instant::now() + BULK_DELAY);
        }
    }

    fn append(&mut self, Batch { envelopes, blobs }: Batch) -> Result<(), WriteFault> {
        self.check_lock()?;
        self.ask_for_room(&envelopes, &blobs)?;
        self.blobs.put_all(&blobs).map_err(WriteFault::Blob)?;
        if let Some(first) = envelopes.first() {
            let expect = Seq(first.seq.0.saturating_sub(1));
            Phase::Append.begin();
            let records = self.store.append(expect, envelopes)?;
            self.undurable.extend(records);
        }
        Ok(())
    }

    // While the engine is whole: one that hits the end of the disk writes nothing any more.
    fn ask_for_room(
        &self,
        envelopes: &[Envelope],
        blobs: &[(Digest, Vec<u8>)],
    ) -> Result<(), WriteFault> {
        let (Some(disk), Some(first)) = (&self.disk, envelopes.first()) else { return Ok(()) };
        let waiting: usize = self.undurable.iter().map(|record| record.frame.len()).sum();
        // An event is bounded, because its large values are among the blobs.
        let most = waiting + envelopes.len() * LARGE_EVENT;
        let blobs: usize = blobs.iter().map(|(_, bytes)| bytes.len()).sum();
        // Encoding them once more is only worth it where room is scarce.
        let exact = || envelopes.iter().map(|envelope| envelope.to_json().len()).sum::<usize>();
        let fits = disk.is_there(most as u64, blobs as u64)
            || disk.is_there((waiting + exact()) as u64, blobs as u64);
        if fits { Ok(()) } else { Err(WriteFault::Full { first: first.seq }) }
    }

    // Notes in the journal why it ends here. The turn stays open: what is owed is gone on with when
    // there is room again.
    fn last_words(&mut self, fault: &WriteFault, stamp: Option<(SessionId, Timestamp, Millis)>) {
        let (Some(disk), Some((session, at, mono))) = (self.disk.take(), stamp) else { return };
        disk.release();
        let head = self.store.head();
        if self.failed.is_some() || head.seq == Seq(0) {
            return;
        }
        let text = format!("the journal ends here: {fault}");
        let note = Envelope {
            session,
            seq: head.seq.next(),
            epoch: head.epoch,
            at,
            mono,
            author: Author::Supervisor,
            cause: None,
            turn: None,
            body: Body::Known(Event::Noted { text: text.as_str().into() }),
        };
        match self.store.append(head.seq, vec![note]) {
            Ok(records) => {
                self.undurable.extend(records);
                self.turn_ended = true;
                self.settle();
            }
            Err(error) => tracing::error!(%error, "not even that the disk is full could be noted"),
        }
    }

    // Makes everything appended durable, then shows it, then answers for it.
    fn settle(&mut self) {
        if self.failed.is_none() && !(self.undurable.is_empty() && self.waiting.is_empty()) {
            match self.commit() {
                Ok(head) => {
                    Phase::Answer.begin();
                    self.shared.publish(std::mem::take(&mut self.undurable), head);
                    for reply in self.waiting.drain(..) {
                        answer(reply, Ok(head));
                    }
                    // Last, so that nobody's answer waits for the many that may follow.
                    self.shared.wake();
                }
                Err(fault) => self.fail(fault),
            }
        }
        self.due = None;
    }

    fn check_lock(&self) -> Result<(), WriteFault> {
        let Some(lock) = self.shared.lock_of_session() else { return Ok(()) };
        lock.check().map_err(|lost| match lost {
            Lost::Fenced { ours, theirs } => WriteFault::Fenced { ours, theirs },
            Lost::Io(error) => WriteFault::Lock(error),
        })
    }

    fn commit(&mut self) -> Result<Head, WriteFault> {
        let head = self.store.barrier()?;
        // What was appended lies in files that may not be the session's any more.
        self.check_lock()?;
        if let Some(file) = &mut self.head_file {
            Phase::WriteHead.begin();
            file.write(head).map_err(WriteFault::Head)?;
            if std::mem::take(&mut self.turn_ended) {
                Phase::SyncHead.begin();
                file.sync().map_err(WriteFault::Head)?;
            }
        }
        Ok(head)
    }

    fn fail(&mut self, fault: WriteFault) {
        let error = self.failed.get_or_insert_with(|| WriteError::Failed(Arc::new(fault))).clone();
        tracing::error!(%error, "journal");
        for reply in self.waiting.drain(..) {
            answer(reply, Err(error.clone()));
        }
        self.shared.end(Some(error));
    }
}

impl<S: Store> Drop for Writer<S> {
    fn drop(&mut self) {
        let panicked = std::thread::panicking().then_some(WriteError::Ended);
        self.shared.end(self.failed.take().or(panicked));
    }
}

// A sender that went away does not want to know.
fn answer(reply: Reply, result: Result<Head, WriteError>) {
    let _ = reply.send(result);
}

// A kind that this release does not know may be of either class: the safe one is taken.
fn needs_barrier(envelope: &Envelope) -> bool {
    envelope.event().is_none_or(|event| event.durability() == Durability::Barrier)
}

fn ends_turn(envelope: &Envelope) -> bool {
    matches!(
        envelope.event(),
        Some(
            Event::TurnCompleted { .. }
                | Event::TurnFailed { .. }
                | Event::TurnInterrupted { .. }
                | Event::SessionClosed { .. }
        )
    )
}
