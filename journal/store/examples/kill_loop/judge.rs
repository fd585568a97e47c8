//! What must hold after every kill.

use std::fmt::Display;
use std::path::Path;

use codex_event::{Digest, Event, Record, Seq, SessionId};
use codex_journal::{Batch, Layout, RawJournal, Scribe, verify};

use crate::writer::{envelope, fork_of, pattern};

/// A session, and everything that was ever known of it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// The hash of each record that has to be there, the first at 0.
    pub(crate) known: Vec<Digest>,
    /// Openings in a row that were cut off.
    pub(crate) cut_off: u64,
}

/// What a look at a session found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The hash of each record.
    pub(crate) hashes: Vec<Digest>,
    /// Blobs that the records name.
    pub(crate) blobs: u64,
}

/// What is wrong.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Acknowledged records that are gone or others.
    pub(crate) lost: u64,
    /// Records, or their blobs, that can't be read.
    pub(crate) unreadable: u64,
    /// All of it, in words.
    pub(crate) words: String,
}

/// Reads a session without the engine, and holds it against everything that was known or answered.
pub(crate) fn look(
    home: &Path,
    session: &Session,
    durable: Option<(Seq, Digest)>,
) -> Result<Found, Verdict> {
    let (dir, id) = (Layout::new(home).session(session.id), session.id);
    let failed = |what: &str, error: &dyn Display| Verdict {
        unreadable: 1,
        words: format!("{what}: {error}"),
        ..Verdict::default()
    };
    let verified = verify(&dir, id).map_err(|error| failed("verify", &error))?;
    let journal = RawJournal::read(&dir, id).map_err(|error| failed("raw reader", &error))?;
    let mut verdict = Verdict::default();
    for problem in &verified.problems {
        verdict.words += &format!("verify: {problem}; ");
    }
    let mut hashes = Vec::new();
    for record in journal.records() {
        let told = record.as_ref().map(|record| record.hash);
        hashes.extend(told);
        if let Err(problem) = record.map_err(|error| error.to_string()).and_then(|record| {
            let seq = record.envelope.seq;
            content(&journal, record).map_err(|problem| format!("record {seq}: {problem}"))
        }) {
            verdict.unreadable += 1;
            verdict.words += &format!("{problem}; ");
        }
    }
    let known = session.known.iter().copied().enumerate();
    let told =
        durable.map(|(seq, hash)| (usize::try_from(seq.0).unwrap_or(0).wrapping_sub(1), hash));
    for (at, hash) in known.chain(told) {
        if hashes.get(at) != Some(&hash) {
            verdict.lost += 1;
            verdict.words += &format!("acknowledged record {} is lost; ", at + 1);
        }
    }
    if verdict.words.is_empty() {
        Ok(Found { hashes, blobs: verified.blobs })
    } else {
        Err(verdict)
    }
}

/// Holds the fork of a session against it, if there is one: it is whole, or not there at all.
pub(crate) fn look_at_fork(home: &Path, id: SessionId, found: &Found) -> Result<bool, Verdict> {
    let says = |words: String| Verdict { unreadable: 1, words, ..Verdict::default() };
    let child = fork_of(id).map_err(says)?;
    let layout = Layout::new(home);
    let dir = layout.session(child);
    // What a kill left of it is no session.
    let half = layout.path().join(format!("{child}.new"));
    if half.exists() {
        std::fs::remove_dir_all(half).map_err(|error| says(error.to_string()))?;
    }
    if !dir.path().exists() {
        return Ok(false);
    }
    let verified = verify(&dir, child).map_err(|error| says(format!("fork: {error}")))?;
    let journal = RawJournal::read(&dir, child).map_err(|error| says(format!("fork: {error}")))?;
    let hashes: Vec<Digest> = journal.records().flatten().map(|record| record.hash).collect();
    let inherited = hashes.len().checked_sub(1).and_then(|len| found.hashes.get(..len));
    if !verified.problems.is_empty() || inherited != Some(&hashes[..hashes.len().max(1) - 1]) {
        return Err(says(format!("fork of {} records: {:?}", hashes.len(), verified.problems)));
    }
    let listed = layout.sessions().map_err(|error| says(error.to_string()))?;
    if !listed.contains(&child) {
        return Err(says("a fork is not listed".to_owned()));
    }
    Scribe::open(&layout, child)
        .map_err(|error| error.to_string())
        .and_then(|(scribe, _)| scribe.finish().map_err(|error| error.to_string()))
        .map_err(|error| says(format!("fork: {error}")))?;
    std::fs::remove_dir_all(dir.path()).map_err(|error| says(error.to_string()))?;
    Ok(true)
}

// The text of a record is the one that its writer made, wherever it is kept.
fn content(journal: &RawJournal, record: Record) -> Result<(), String> {
    let mut envelope = record.envelope;
    if let Some(missing) = journal.blobs().hydrate(&mut envelope).first() {
        return Err(format!("blob {missing} can't be read"));
    }
    let text = match envelope.event() {
        Some(Event::Noted { text: stored } | Event::TurnStarted { input: stored }) => {
            stored.inline().cloned().unwrap_or_default()
        }
        Some(Event::ToolOutput { bytes, .. }) => String::from_utf8_lossy(&bytes.0).into_owned(),
        _ => return Ok(()),
    };
    if text == pattern(envelope.seq, envelope.epoch, text.len()) {
        Ok(())
    } else {
        Err("it holds another text than was written".to_owned())
    }
}

/// Opens a session for writing, which must give what was found, and goes on with it.
pub(crate) fn go_on(home: &Path, id: SessionId, found: &Found) -> Result<Digest, String> {
    let text = |error: &dyn Display| format!("going on: {error}");
    let (scribe, handle) = Scribe::open(&Layout::new(home), id).map_err(|error| text(&error))?;
    let head = handle.head();
    if head.seq.0 != found.hashes.len() as u64
        || found.hashes.last().is_some_and(|hash| *hash != head.hash)
    {
        return Err(format!("opened at {} where {} records are", head.seq, found.hashes.len()));
    }
    let (seq, epoch) = (head.seq.next(), head.epoch.next());
    let input = pattern(seq, epoch, 100).as_str().into();
    let event = envelope(id, seq, epoch, Event::TurnStarted { input });
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().map_err(|error| text(&error))?;
    let write = scribe.write(Batch { envelopes: vec![event], blobs: Vec::new() });
    let written = runtime.block_on(write).map_err(|error| text(&error))?;
    let last = scribe.finish().map_err(|error| text(&error))?;
    if (written.seq, last.seq) == (seq, seq) {
        Ok(last.hash)
    } else {
        Err(format!("going on: wrote {seq}, and was answered {} and {}", written.seq, last.seq))
    }
}
