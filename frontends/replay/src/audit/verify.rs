//! Holding a journal against what was noted of it elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use codex_event::{Digest, Epoch, Seq, SessionId, Timestamp, genesis};
use codex_journal::{Head, Layout, RawError};

use super::checkpoint::{Checkpoint, LineError};
use super::key::PublicKey;
use super::time::{ago, utc};

/// What a journal is held against.
#[derive(Debug, Default)]
pub struct Claims {
    /// Records that must be there.
    pub heads: Vec<HeadClaim>,
    /// Signed statements, those of other sessions among them.
    pub checkpoints: Option<CheckpointFile>,
    /// The key that they must be signed by; without it, all by the same.
    pub pin: Option<Pin>,
}

/// A record that somebody noted: `SEQ:HASH`, or its hash alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadClaim {
    /// At this position.
    At(Seq, Digest),
    /// At any position.
    Anywhere(Digest),
}

/// The text is not `SEQ:HASH` or `HASH`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no record: SEQ:HASH or HASH does, with 64 hexadecimal digits")]
pub struct HeadClaimError(pub String);

/// The key that checkpoints must be signed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The key.
    pub key: PublicKey,
    /// Who says so.
    pub origin: PinOrigin,
}

/// Who says which key is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinOrigin {
    /// The one who asks.
    Given,
    /// The key file of the home, which whoever can rewrite the journal can replace as well.
    Home,
}

/// A file of checkpoints, line by line.
#[derive(Debug)]
pub struct CheckpointFile {
    name: String,
    lines: Vec<(usize, Result<Checkpoint, LineError>)>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The session.
    pub session: SessionId,
    /// Everything that is wrong, one sentence each, with its place.
    pub findings: Vec<String>,
    records: u64,
    blobs: u64,
    head: Head,
    named: Vec<Seq>,
    held: Option<Held>,
}

// The checkpoints of the session, when all of them hold.
#[derive(Clone, Debug)]
struct Held {
    count: usize,
    latest: Checkpoint,
    pin: Option<PinOrigin>,
}

// The record at a position that somebody asked for.
struct There {
    hash: Digest,
    epoch: Epoch,
    // Records up to this one.
    count: u64,
    // The first of those that lead up to it by their links, without one missing.
    begin: Seq,
}

/// Checks a journal, and holds it against claims; changes nothing.
///
/// A journal that is gone altogether is a finding if a checkpoint speaks of it, else an error. What is
/// wrong with the file of checkpoints by itself is in [`CheckpointFile::findings`].
pub fn verify(layout: &Layout, session: SessionId, claims: &Claims) -> Result<Proof, RawError> {
    let mut wanted: HashMap<Seq, Option<There>> = HashMap::new();
    let mut sought: HashMap<Digest, Option<(Seq, Seq)>> = HashMap::new();
    for claim in &claims.heads {
        match *claim {
            HeadClaim::At(seq, _) => drop(wanted.insert(seq, None)),
            HeadClaim::Anywhere(hash) => drop(sought.insert(hash, None)),
        }
    }
    let statements = claims.checkpoints.iter().flat_map(CheckpointFile::good);
    let statements: Vec<(usize, &Checkpoint)> =
        statements.filter(|(_, checkpoint)| checkpoint.session == session).collect();
    for (_, checkpoint) in &statements {
        wanted.insert(checkpoint.seq, None);
    }
    let mut count = 0;
    let (mut last, mut tip, mut begin) = (Seq(0), None, Seq(1));
    let checked = crate::verify::check(layout, session, |record| {
        let (seq, epoch) = (record.envelope.seq, record.envelope.epoch);
        // Looked at here once more, so that what is proved does not lean on what a repair excuses.
        let before = tip.unwrap_or_else(|| genesis(&record.envelope.session));
        if seq != last.next() || record.prev != before {
            begin = seq;
        }
        (last, tip) = (seq, Some(record.hash));
        count += 1;
        if let Some(there) = wanted.get_mut(&seq) {
            *there = Some(There { hash: record.hash, epoch, count, begin });
        }
        if let Some(found) = sought.get_mut(&record.hash) {
            *found = Some((seq, begin));
        }
    });
    let (verified, mut findings) = match checked {
        Err(error @ RawError::NotFound(_)) if !statements.is_empty() => {
            (None, vec![error.to_string()])
        }
        checked => {
            let (verified, problems) = checked?;
            (Some(verified), problems)
        }
    };
    let mut named = Vec::new();
    for claim in &claims.heads {
        match *claim {
            HeadClaim::At(seq, hash) => match wanted.get(&seq).and_then(Option::as_ref) {
                Some(there) if there.hash == hash => {
                    findings.extend(loose(seq, there.begin, "--head names"));
                    named.push(seq);
                }
                Some(_) => findings.push(format!("record {seq} is not the one that --head names")),
                None => findings.push(absent(seq, last, "--head names")),
            },
            HeadClaim::Anywhere(hash) => match sought.get(&hash).copied().flatten() {
                Some((seq, begin)) => {
                    findings.extend(loose(seq, begin, "--head names"));
                    named.push(seq);
                }
                None => findings.push(format!("no record is the one that --head names: {hash}")),
            },
        }
    }
    if let Some(file) = &claims.checkpoints {
        if statements.is_empty() {
            findings.push(format!("{} holds no checkpoint of session {session}", file.name));
        }
        for (line, checkpoint) in &statements {
            let there = wanted.get(&checkpoint.seq).and_then(Option::as_ref);
            let wrong = refute(checkpoint, there, last);
            findings.extend(wrong.map(|wrong| format!("line {line} of {}: {wrong}", file.name)));
        }
        findings.extend(strangers(file, &statements, claims.pin));
    }
    let latest = statements.iter().map(|(_, checkpoint)| *checkpoint);
    let latest = latest.max_by_key(|checkpoint| (checkpoint.seq, checkpoint.time)).cloned();
    let held = latest.map(|latest| {
        let pin = claims.pin.map(|pin| pin.origin);
        Held { count: statements.len(), latest, pin }
    });
    let (records, blobs, head) = verified.map_or_else(
        || (0, 0, Head::empty(&session)),
        |verified| (verified.records, verified.blobs, verified.head),
    );
    Ok(Proof { session, findings, records, blobs, head, named, held })
}

/// Says why a checkpoint does not hold.
fn refute(checkpoint: &Checkpoint, there: Option<&There>, last: Seq) -> Option<String> {
    let Checkpoint { seq, hash, epoch, records, .. } = checkpoint;
    let Some(there) = there else { return Some(absent(*seq, last, "was signed")) };
    if there.hash != *hash {
        return Some(format!("record {seq} is not the one that was signed"));
    }
    if there.epoch != *epoch {
        let found = there.epoch;
        return Some(format!("record {seq} is of epoch {found}, and of epoch {epoch} was signed"));
    }
    if there.count < *records {
        let found = there.count;
        return Some(format!("up to record {seq} there are {found}, and {records} were signed"));
    }
    loose(*seq, there.begin, "was signed")
}

/// Says where the links end that lead back from a record that is there.
fn loose(seq: Seq, begin: Seq, who: &str) -> Option<String> {
    let what =
        format!("record {begin} does not follow from those before it, and record {seq} {who}");
    (begin > Seq(1)).then_some(what)
}

fn absent(seq: Seq, last: Seq, who: &str) -> String {
    if seq > last {
        format!("the journal ends at record {last}, and record {seq} {who}")
    } else {
        format!("record {seq} {who}, and is missing")
    }
}

/// Names the checkpoints of a session that another key signed than the one that counts.
fn strangers(
    file: &CheckpointFile,
    statements: &[(usize, &Checkpoint)],
    pin: Option<Pin>,
) -> Vec<String> {
    let first = statements.first().map(|(_, checkpoint)| checkpoint.key);
    let Some(right) = pin.map(|pin| pin.key).or(first) else { return Vec::new() };
    let whose = match pin.map(|pin| pin.origin) {
        Some(PinOrigin::Given) => "the key of --key",
        Some(PinOrigin::Home) => "the key of this home",
        None => "the key of the lines before it",
    };
    let strange = statements.iter().filter(|(_, checkpoint)| checkpoint.key != right);
    let told = strange.map(|(line, checkpoint)| {
        let (name, key) = (&file.name, checkpoint.key);
        format!("line {line} of {name}: it was signed by {key}, which is not {whose}, {right}")
    });
    told.collect()
}

impl CheckpointFile {
    /// Reads a file's lines; empty ones say nothing. `name` is what findings call it.
    pub fn parse(name: &str, text: &str) -> CheckpointFile {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let lines = lines.map(|(at, line)| (at + 1, Checkpoint::from_line(line.trim()))).collect();
        CheckpointFile { name: name.to_owned(), lines }
    }

    /// Names the sessions that the file speaks of, in the order of their ids.
    pub fn sessions(&self) -> Vec<SessionId> {
        let mut sessions: Vec<SessionId> =
            self.good().map(|(_, checkpoint)| checkpoint.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    fn good(&self) -> impl Iterator<Item = (usize, &Checkpoint)> {
        self.lines.iter().filter_map(|(at, line)| Some((*at, line.as_ref().ok()?)))
    }

    /// Names the lines that are no checkpoints as they stand. They are findings of the file, since
    /// nobody knows which session they are of: one of any may have been made unreadable.
    pub fn findings(&self) -> Vec<String> {
        let broken = self.lines.iter().filter_map(|(at, line)| Some((at, line.as_ref().err()?)));
        broken.map(|(at, error)| format!("line {at} of {} {error}", self.name)).collect()
    }

    /// Says that it speaks of no session at all.
    pub fn says_nothing(&self) -> Option<String> {
        let none = self.good().next().is_none();
        none.then(|| format!("{} holds no checkpoint", self.name))
    }
}

impl Proof {
    /// Says in one line what was proved; meant for when nothing was found wrong.
    pub fn words(&self, now: Timestamp) -> String {
        let Proof { session, records, blobs, head, .. } = self;
        let (seq, hash) = (head.seq, head.hash);
        let mut words =
            format!("ok: session {session}: {records} records, {blobs} blobs, head {seq}:{hash}");
        for seq in &self.named {
            words.push_str(&format!("; record {seq} is the one that --head names"));
        }
        if let Some(held) = &self.held {
            words.push_str(&held.words(head.seq, now));
        }
        if self.named.is_empty() && self.held.is_none() {
            words.push_str(
                "; held against nothing from outside, so a journal that was cut or rewritten as a \
                 whole would pass too: --checkpoint or --head finds that",
            );
        }
        words
    }
}

impl Held {
    fn words(&self, head: Seq, now: Timestamp) -> String {
        let Checkpoint { seq, time, key, .. } = &self.latest;
        let which = match self.count {
            1 => "the checkpoint holds, which is".to_owned(),
            count => format!("{count} checkpoints hold, the last of them"),
        };
        let (at, age) = (utc(*time), ago(*time, now));
        let whose = match self.pin {
            Some(PinOrigin::Given) => format!("key {key}, as --key says"),
            Some(PinOrigin::Home) => format!("key {key}, which is that of this home"),
            None => format!("key {key}, which nothing here vouches for: --key does"),
        };
        let behind = match head.0.saturating_sub(seq.0) {
            0 => "and nothing was written since".to_owned(),
            1 => "and one record after it is held by the chain alone".to_owned(),
            more => format!("and {more} records after it are held by the chain alone"),
        };
        format!("; {which} of {at} ({age}) at record {seq}, {behind}; {whose}")
    }
}

impl fmt::Display for HeadClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeadClaim::At(seq, hash) => write!(f, "{seq}:{hash}"),
            HeadClaim::Anywhere(hash) => write!(f, "{hash}"),
        }
    }
}

impl FromStr for HeadClaim {
    type Err = HeadClaimError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || HeadClaimError(text.to_owned());
        let digest = |text: &str| text.trim().to_ascii_lowercase().parse().map_err(|_| wrong());
        match text.trim().split_once(':') {
            None => Ok(HeadClaim::Anywhere(digest(text)?)),
            Some((seq, hash)) => {
                let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or_else(wrong)?;
                Ok(HeadClaim::At(Seq(seq), digest(hash)?))
            }
        }
    }
}
