//! Group commit: what is written when, and what an error stops.

use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_event::{Digest, Envelope, Record, Seq};
use codex_journal::{
    AppendError, BULK_RECORDS, Batch, Blobs, Feed, Handle, Head, HeadFile, HeadState, Layout,
    MemStore, QUEUE, Reader, Scribe, Store, StoreError, WriteError, WriteFault,
};

use crate::support::{barrier, batch, block_on, bulk, home, run, session};

/// What a store was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Append(u64),
    Barrier,
}

/// A store that keeps a list of what it is asked, waits at a gate, and breaks where it is told.
struct Double {
    inner: MemStore,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Each append waits for one word from here, while it is there.
    gate: Option<Receiver<()>>,
    entered: Option<Sender<()>>,
    /// The append of this position fails.
    append_fails_at: Option<u64>,
    /// The barrier of this position fails.
    barrier_fails_at: Option<u64>,
}

impl Double {
    fn new() -> (Double, Arc<Mutex<Vec<Asked>>>) {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let double = Double {
            inner: MemStore::new(session(1)),
            asked: Arc::clone(&asked),
            gate: None,
            entered: None,
            append_fails_at: None,
            barrier_fails_at: None,
        };
        (double, asked)
    }

    fn start(self) -> (Scribe, Handle) {
        Scribe::start(self, Blobs::at("/nonexistent"), None)
    }
}

impl Store for Double {
    fn head(&self) -> Head {
        self.inner.head()
    }

    fn append(
        &mut self,
        expect: Seq,
        batch: Vec<Envelope>,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        if let Some(entered) = &self.entered {
            entered.send(()).expect("the test listens");
        }
        if let Some(gate) = &self.gate {
            let _ = gate.recv();
        }
        let last = batch.last().map_or(expect, |envelope| envelope.seq);
        self.asked.lock().expect("sound").push(Asked::Append(last.0));
        if self.append_fails_at.is_some_and(|at| at <= last.0) {
            return Err(StoreError::Engine("append broke".into()).into());
        }
        self.inner.append(expect, batch)
    }

    fn barrier(&mut self) -> Result<Head, StoreError> {
        self.asked.lock().expect("sound").push(Asked::Barrier);
        if self.barrier_fails_at.is_some_and(|at| at <= self.head().seq.0) {
            return Err(StoreError::Engine("barrier broke".into()));
        }
        self.inner.barrier()
    }

    fn scan(
        &self,
        range: RangeInclusive<Seq>,
    ) -> Box<dyn Iterator<Item = Result<Record, StoreError>> + '_> {
        self.inner.scan(range)
    }

    fn reader(&self) -> Reader {
        self.inner.reader()
    }
}

fn write(scribe: &Scribe, first: u64, count: u64, bulky: bool) -> Result<Head, WriteError> {
    let make = if bulky { bulk } else { barrier };
    block_on(scribe.write(batch(run(session(1), first, count, make))))
}

fn reason<T: std::fmt::Debug>(result: Result<T, WriteError>) -> String {
    result.expect_err("broken").to_string()
}

#[test]
fn batches_that_queue_up_share_one_barrier_and_are_answered_after_it() {
    let (mut double, asked) = Double::new();
    let (open, gate) = channel();
    let (entered, inside) = channel();
    (double.gate, double.entered) = (Some(gate), Some(entered));
    let (scribe, handle) = double.start();
    block_on(async {
        let mut writes = Vec::new();
        for seq in 1..=8 {
            let make = if seq == 5 { bulk } else { barrier };
            let mut write = Box::pin(scribe.write(batch(run(session(1), seq, 1, make))));
            // Polled once, each is in the queue.
            let pending = std::future::poll_fn(|context| {
                std::task::Poll::Ready(write.as_mut().poll(context).is_pending())
            });
            assert!(pending.await);
            writes.push(write);
            if seq == 1 {
                inside.recv().expect("the first is being appended");
            }
        }
        assert_eq!(handle.head().seq, Seq(0), "nothing is shown before its barrier");
        for _ in 1..=8 {
            open.send(()).expect("the store waits");
        }
        for (write, seq) in writes.into_iter().zip(1_u64..) {
            let head = write.await.expect("written");
            let least = if seq == 5 { seq } else { 8 };
            assert!(head.seq.0 >= least, "{} answered at {}", seq, head.seq);
        }
    });
    let asked = asked.lock().expect("sound").clone();
    let mut due: Vec<Asked> = (1..=8).map(Asked::Append).collect();
    due.push(Asked::Barrier);
    assert_eq!(asked, due);
    drop(open);
    scribe.finish().expect("finishes");
}

#[test]
fn bulk_records_are_answered_at_once_and_become_durable_by_number() {
    let (double, asked) = Double::new();
    let (scribe, handle) = double.start();
    let mut feed = handle.subscribe(Seq(1));
    let count = BULK_RECORDS as u64;
    assert_eq!(write(&scribe, 1, count, true).expect("appended").seq, Seq(count));
    while !matches!(feed.next(), Feed::Record(record) if record.envelope.seq == Seq(count)) {}
    assert_eq!(*asked.lock().expect("sound"), [Asked::Append(count), Asked::Barrier]);
    scribe.finish().expect("finishes");
}

#[test]
fn one_bulk_record_becomes_durable_by_time() {
    let (double, asked) = Double::new();
    let (scribe, handle) = double.start();
    let mut feed = handle.subscribe(Seq(1));
    write(&scribe, 1, 1, true).expect("appended");
    // Nothing else is ever written: only the clock can bring it here.
    while !matches!(feed.next(), Feed::Record(_)) {}
    assert_eq!(*asked.lock().expect("sound"), [Asked::Append(1), Asked::Barrier]);
    assert_eq!(scribe.finish().expect("finishes").seq, Seq(1));
}

#[test]
fn a_failed_append_stops_everything_behind_it_and_nothing_before() {
    let (mut double, asked) = Double::new();
    double.append_fails_at = Some(6);
    let (scribe, handle) = double.start();
    write(&scribe, 1, 5, false).expect("written");
    let failed = write(&scribe, 6, 1, false);
    assert!(
        matches!(&failed, Err(WriteError::Failed(fault)) if matches!(**fault, WriteFault::Append(_)))
    );
    assert!(reason(failed).contains("append broke"));
    let asked_before = asked.lock().expect("sound").len();
    assert!(reason(write(&scribe, 6, 1, false)).contains("append broke"));
    assert!(reason(write(&scribe, 7, 1, true)).contains("append broke"));
    assert_eq!(asked.lock().expect("sound").len(), asked_before, "the store was asked again");
    let mut feed = handle.subscribe(Seq(1));
    for seq in 1..=5 {
        assert!(matches!(feed.next(), Feed::Record(record) if record.envelope.seq == Seq(seq)));
    }
    assert!(matches!(feed.next(), Feed::CaughtUp(head) if head.seq == Seq(5)));
    assert_eq!(feed.next(), Feed::Ended);
    assert!(handle.fault().expect("told").to_string().contains("append broke"));
    assert!(reason(scribe.finish()).contains("append broke"));
}

#[test]
fn a_failed_barrier_shows_nothing_of_its_group() {
    let (mut double, _) = Double::new();
    double.barrier_fails_at = Some(3);
    let (scribe, handle) = double.start();
    write(&scribe, 1, 2, false).expect("written");
    assert!(reason(write(&scribe, 3, 2, false)).contains("barrier broke"));
    assert!(reason(write(&scribe, 5, 1, false)).contains("barrier broke"));
    assert_eq!(handle.head().seq, Seq(2));
    let mut feed = handle.subscribe(Seq(2));
    assert!(matches!(feed.next(), Feed::Record(record) if record.envelope.seq == Seq(2)));
    assert!(matches!(feed.next(), Feed::CaughtUp(_)));
    assert_eq!(feed.next(), Feed::Ended);
    assert!(scribe.finish().is_err());
}

#[test]
fn a_batch_that_breaks_a_rule_ends_the_writing() {
    let (double, _) = Double::new();
    let (scribe, handle) = double.start();
    write(&scribe, 1, 1, true).expect("appended");
    assert!(reason(write(&scribe, 3, 1, false)).contains("expected"));
    assert!(reason(write(&scribe, 2, 1, false)).contains("expected"));
    // What was appended before it is kept and shown.
    assert_eq!(handle.head().seq, Seq(1));
    assert!(scribe.finish().is_err());
}

#[test]
fn a_panicking_store_ends_the_feed_and_the_writes() {
    struct Panics(MemStore);
    impl Store for Panics {
        fn head(&self) -> Head {
            self.0.head()
        }
        fn append(&mut self, _: Seq, _: Vec<Envelope>) -> Result<Vec<Arc<Record>>, AppendError> {
            panic!("on purpose");
        }
        fn barrier(&mut self) -> Result<Head, StoreError> {
            self.0.barrier()
        }
        fn scan(
            &self,
            range: RangeInclusive<Seq>,
        ) -> Box<dyn Iterator<Item = Result<Record, StoreError>> + '_> {
            self.0.scan(range)
        }
        fn reader(&self) -> Reader {
            self.0.reader()
        }
    }
    let store = Panics(MemStore::new(session(1)));
    let (scribe, handle) = Scribe::start(store, Blobs::at("/nonexistent"), None);
    let mut feed = handle.subscribe(Seq(1));
    assert!(matches!(write(&scribe, 1, 1, false), Err(WriteError::Ended)));
    assert!(matches!(feed.next(), Feed::CaughtUp(_)));
    assert_eq!(feed.next(), Feed::Ended);
    assert!(matches!(handle.fault(), Some(WriteError::Ended)));
    assert!(matches!(scribe.finish(), Err(WriteError::Ended)));
}

#[test]
fn a_blob_that_cannot_be_put_down_keeps_its_record_out() {
    let home = home();
    // A file where the folder should be; it is in the way of root as well.
    let dir = home.path().join("blobs");
    std::fs::write(&dir, b"").expect("written");
    let (double, asked) = Double::new();
    let (scribe, _) = Scribe::start(double, Blobs::at(&dir), None);
    let blobs = vec![(Digest::of(b"large"), b"large".to_vec())];
    let batch = Batch { envelopes: run(session(1), 1, 1, barrier), blobs };
    let failed = block_on(scribe.write(batch));
    assert!(
        matches!(&failed, Err(WriteError::Failed(fault)) if matches!(**fault, WriteFault::Blob(_))),
        "{failed:?}"
    );
    assert_eq!(*asked.lock().expect("sound"), []);
}

#[test]
fn the_queue_has_a_bound_and_a_dropped_write_is_still_written() {
    let (mut double, _) = Double::new();
    let (open, gate) = channel();
    let (entered, inside) = channel();
    (double.gate, double.entered) = (Some(gate), Some(entered));
    let (scribe, handle) = double.start();
    let fits = block_on(async {
        let mut fits = 0;
        for seq in 1.. {
            let mut write = Box::pin(scribe.write(batch(run(session(1), seq, 1, barrier))));
            std::future::poll_fn(|context| {
                let _ = write.as_mut().poll(context);
                std::task::Poll::Ready(())
            })
            .await;
            if seq == 1 {
                inside.recv().expect("the first is with the writer");
            }
            // One with the writer, and the queue full: the next found no room, and is given up.
            if seq == QUEUE as u64 + 2 {
                break;
            }
            fits = seq;
        }
        fits
    });
    assert_eq!(fits, QUEUE as u64 + 1);
    drop(open);
    assert_eq!(scribe.finish().expect("finishes").seq, Seq(fits));
    assert_eq!(handle.head().seq, Seq(fits));
}

#[test]
fn the_head_file_is_never_behind_an_answer() {
    let home = home();
    let layout = Layout::new(home.path());
    let id = session(1);
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    for seq in 1..=20 {
        let head = write(&scribe, seq, 1, false).expect("written");
        let state = HeadFile::read(&layout.session(id).head()).expect("readable");
        assert_eq!(state, HeadState::Good(head));
    }
    let end = scribe.finish().expect("finishes");
    drop(handle);
    let (scribe, handle) = Scribe::open(&layout, id).expect("opens");
    assert_eq!(handle.head(), end);
    let mut feed = handle.subscribe(Seq(20));
    assert!(matches!(feed.next_timeout(Duration::ZERO), Some(Feed::Record(_))));
    scribe.finish().expect("finishes");
}
