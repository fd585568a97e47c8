//! What must hold after every kill.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;

use codex_event::{Digest, Event, HEADER_LEN, MAGIC, Record, Seq, SessionId};
use codex_journal::{Batch, Layout, Problem, RawJournal, Scribe, verify};

use crate::writer::{envelope, fork_of, pattern};

/// A session, and everything that was ever known of it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// The hash of each record that has to be there, by position.
    pub(crate) known: BTreeMap<u64, Digest>,
    /// Openings in a row that were cut off.
    pub(crate) cut_off: u64,
    /// Positions whose records the loop has made unreadable.
    pub(crate) lost: BTreeSet<u64>,
    /// Whether the loop has taken the head file away, and no opening has made a new one.
    pub(crate) headless: bool,
}

impl Session {
    pub(crate) fn new(id: SessionId) -> Session {
        let (known, lost) = (BTreeMap::new(), BTreeSet::new());
        Session { id, known, cut_off: 0, lost, headless: false }
    }
}

/// What a look at a session found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The hash of each record, by position.
    pub(crate) hashes: BTreeMap<u64, Digest>,
    /// Positions that a repair names as lost.
    pub(crate) named: BTreeSet<u64>,
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
    for problem in verified.problems.iter().filter(|problem| !session.explains(problem)) {
        verdict.words += &format!("verify: {problem}; ");
    }
    let mut named = BTreeSet::new();
    for run in verified.repairs.iter().flat_map(|repair| &repair.missing) {
        for seq in run.0.0..=run.1.0 {
            if !named.insert(seq) {
                verdict.words += &format!("record {seq} is named as lost twice; ");
            }
        }
    }
    let mut hashes = BTreeMap::new();
    for record in journal.records() {
        let told = record.as_ref().map(|record| (record.envelope.seq.0, record.hash));
        hashes.extend(told);
        if let Err(problem) = record.map_err(|error| error.to_string()).and_then(|record| {
            let seq = record.envelope.seq;
            content(&journal, record).map_err(|problem| format!("record {seq}: {problem}"))
        }) {
            verdict.unreadable += 1;
            verdict.words += &format!("{problem}; ");
        }
    }
    let known = session.known.iter().map(|(seq, hash)| (*seq, *hash));
    let told = durable.map(|(seq, hash)| (seq.0, hash)).filter(|told| told.0 > 0);
    for (seq, hash) in known.chain(told).filter(|(seq, _)| !session.lost.contains(seq)) {
        if hashes.get(&seq) != Some(&hash) {
            verdict.lost += 1;
            verdict.words += &format!("acknowledged record {seq} is lost; ");
        }
    }
    if verdict.words.is_empty() {
        Ok(Found { hashes, named, blobs: verified.blobs })
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
    let inherited = hashes.split_last().map_or(&[][..], |(_own, inherited)| inherited);
    let same = (1_u64..).zip(inherited).all(|(seq, hash)| found.hashes.get(&seq) == Some(hash));
    if !verified.problems.is_empty() || inherited.is_empty() || !same {
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

impl Session {
    // What the loop itself has spoiled.
    fn explains(&self, problem: &Problem) -> bool {
        let ours = |first: u64, last: u64| (first..=last).all(|seq| self.lost.contains(&seq));
        match problem {
            Problem::Missing { first, last } => ours(first.0, last.0),
            Problem::BehindHead { found, head } => ours(found.0 + 1, head.0),
            Problem::HeadDamaged => self.headless,
            _ => false,
        }
    }

    /// Tells whether an opening has something to repair that no repair has named yet.
    pub(crate) fn awaits_repair(&self, found: &Found) -> bool {
        // A copy that an opening had made may have brought a record back.
        let silent = |seq: &u64| !found.named.contains(seq) && !found.hashes.contains_key(seq);
        self.headless || self.lost.iter().any(silent)
    }

    /// Spoils what is on the disk: every copy of one acknowledged record, or the head file.
    pub(crate) fn wound(&mut self, home: &Path, seq: Option<u64>) -> std::io::Result<()> {
        let dir = Layout::new(home).session(self.id);
        let Some((seq, hash)) = seq.and_then(|seq| Some((seq, self.known.get(&seq)?))) else {
            if !std::mem::replace(&mut self.headless, true) {
                std::fs::remove_file(dir.head())?;
            }
            return Ok(());
        };
        let mut bytes = std::fs::read(dir.data())?;
        let copies: Vec<usize> = (0..bytes.len().saturating_sub(HEADER_LEN))
            .filter(|at| bytes[*at..].starts_with(&MAGIC))
            .filter(|at| bytes[at + HEADER_LEN - 32..at + HEADER_LEN] == hash.0)
            .collect();
        copies.iter().for_each(|at| bytes[at + HEADER_LEN + 5] ^= 1);
        std::fs::write(dir.data(), bytes)?;
        self.known.remove(&seq);
        self.lost.insert(seq);
        Ok(())
    }
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

/// Opens a session for writing, which must give what was found, and goes on with it. What was lost is
/// named by then.
pub(crate) fn go_on(home: &Path, session: &Session, found: &Found) -> Result<(), String> {
    let id = session.id;
    let text = |error: &dyn Display| format!("going on: {error}");
    let (scribe, handle) = Scribe::open(&Layout::new(home), id).map_err(|error| text(&error))?;
    let head = handle.head();
    let (end, hash) = found.hashes.last_key_value().unzip();
    let end = end.copied().unwrap_or(0);
    let as_found = head.seq.0 == end && hash.is_none_or(|hash| *hash == head.hash);
    let repaired = session.awaits_repair(found) && head.seq.0 > end;
    if !as_found && !repaired {
        return Err(format!("opened at {} where {end} is the last record", head.seq));
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
        Ok(())
    } else {
        Err(format!("going on: wrote {seq}, and was answered {} and {}", written.seq, last.seq))
    }
}
