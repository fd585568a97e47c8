//! What the tests share.

use std::path::Path;

use codex_event::{
    Author, Body, CallId, Envelope, Epoch, Event, HEADER_LEN, MAGIC, Millis, OutputBytes,
    OutputStream, Seq, SessionId, Timestamp, TurnId, Usage,
};
use codex_journal::{Batch, Layout, SessionDir};

pub(crate) fn session(number: u64) -> SessionId {
    format!("01900000-0000-7000-8000-{number:012x}").parse().expect("an id")
}

pub(crate) fn home() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

pub(crate) fn dir(home: &Path, id: SessionId) -> SessionDir {
    Layout::new(home).session(id)
}

pub(crate) fn envelope(id: SessionId, seq: u64, epoch: u64, event: Event) -> Envelope {
    Envelope {
        session: id,
        seq: Seq(seq),
        epoch: Epoch(epoch),
        at: Timestamp(1_700_000_000_000 + seq),
        mono: Millis(seq),
        author: Author::User("test".into()),
        cause: None,
        turn: Some(TurnId(1)),
        body: Body::Known(event),
    }
}

/// An event that waits for a barrier.
pub(crate) fn barrier(text: &str) -> Event {
    Event::TurnStarted { input: text.into() }
}

/// An event that rides along.
pub(crate) fn bulk(text: &str) -> Event {
    Event::Noted { text: text.into() }
}

pub(crate) fn turn_end() -> Event {
    Event::TurnCompleted { usage: Usage::default() }
}

/// A chunk of output; it is never spilled.
pub(crate) fn output(bytes: Vec<u8>) -> Event {
    Event::ToolOutput {
        call: CallId(1),
        attempt: 1,
        stream: OutputStream::Stdout,
        skipped: 0,
        bytes: OutputBytes(bytes),
    }
}

/// `count` events from `first` on.
pub(crate) fn run(id: SessionId, first: u64, count: u64, make: fn(&str) -> Event) -> Vec<Envelope> {
    (first..first + count).map(|seq| envelope(id, seq, 1, make(&format!("event {seq}")))).collect()
}

pub(crate) fn batch(envelopes: Vec<Envelope>) -> Batch {
    Batch { envelopes, blobs: Vec::new() }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// Small numbers that look random and are the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Where frames are that a file holds once: one bit can cost each of them. The engine writes most
/// records several times.
pub(crate) fn single_frames(bytes: &[u8]) -> Vec<usize> {
    let frames: Vec<usize> = (0..bytes.len().saturating_sub(HEADER_LEN))
        .filter(|at| bytes[*at] == MAGIC[0] && bytes[*at..].starts_with(&MAGIC))
        .collect();
    let hash = |at: usize| &bytes[at + HEADER_LEN - 32..at + HEADER_LEN];
    let mut copies = std::collections::HashMap::new();
    frames.iter().for_each(|at| *copies.entry(hash(*at)).or_insert(0) += 1);
    frames.iter().copied().filter(|at| copies[hash(*at)] == 1).collect()
}
