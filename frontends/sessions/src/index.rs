//! The index: what was read of each session, so that a list reads only what changed.
//!
//! One file, not one per session: of 5,000 sessions it is read in a fraction of the time that opening
//! 5,000 files takes (`cargo xtask bench sessions`). It is a cache. Its first line holds the version
//! and a checksum of the rest; anything else than what was written is dropped, and made anew.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use codex_event::{Digest, SessionId, Timestamp};
use codex_journal::{Layout, SessionDir};
use serde::{Deserialize, Serialize};

use crate::entry::Entry;

/// Changes with the form of an entry and with what is put into one.
const VERSION: &str = "codex sessions index 2";
/// A file changed so short a time before it was looked at may change again without another time:
/// file systems count in ticks of a few milliseconds.
const TICK: Duration = Duration::from_millis(100);

/// What the index holds of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) entry: Entry,
    pub(crate) stamp: Stamp,
}

/// How a session's files looked just before they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    head: Option<Look>,
    data: Option<Look>,
    blobs: Option<Look>,
    /// What a fork or an import begins with; looked at only where it was there, since it never comes
    /// later.
    base: Option<Look>,
    /// Whether the head was long done with by then.
    settled: bool,
}

/// How a file looks without being read: seconds, nanoseconds, size, inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Look(i64, i64, u64, u64);

impl Stamp {
    /// Looks at a session's files.
    pub(crate) fn take(dir: &SessionDir) -> Stamp {
        let head = std::fs::metadata(dir.head()).ok();
        let settled = head.as_ref().and_then(|head| head.modified().ok()).is_none_or(|at| {
            // A time in the future is not settled: the clock went back, and may reach it again.
            SystemTime::now().duration_since(at).is_ok_and(|since| since > TICK)
        });
        Stamp {
            head: head.as_ref().map(Look::of),
            data: Look::at(&dir.data()),
            blobs: Look::at(&dir.blobs()),
            base: None,
            settled,
        }
    }

    /// Looks also at what a session may begin with; for one that is about to be read.
    pub(crate) fn whole(self, dir: &SessionDir) -> Stamp {
        Stamp { base: Look::at(&dir.base()), ..self }
    }

    /// Gives the time of the head, in milliseconds.
    pub(crate) fn touched(&self) -> Timestamp {
        let Some(Look(seconds, nanoseconds, _, _)) = self.head.or(self.data) else {
            return Timestamp(0);
        };
        let milliseconds = seconds.saturating_mul(1_000).saturating_add(nanoseconds / 1_000_000);
        Timestamp(u64::try_from(milliseconds).unwrap_or(0))
    }
}

impl Look {
    fn at(path: &Path) -> Option<Look> {
        std::fs::metadata(path).ok().map(|meta| Look::of(&meta))
    }

    fn of(meta: &std::fs::Metadata) -> Look {
        Look(meta.mtime(), meta.mtime_nsec(), meta.size(), meta.ino())
    }
}

impl Kept {
    /// Gives what was read of a session that looked like this then, if it still does now.
    pub(crate) fn still(mut self, now: &Stamp, dir: &SessionDir) -> Option<Kept> {
        let then = self.stamp;
        let alike = (then.head, then.data, then.blobs) == (now.head, now.data, now.blobs)
            && (then.base.is_none() || then.base == Look::at(&dir.base()));
        // Where there is nothing to look at, there is nothing to go by.
        let told = then.head.is_some() || then.data.is_some();
        // The head says how far the journal goes; it is small, and never lies.
        let same = then.settled || self.entry.acknowledged == codex_journal::acknowledged(dir);
        // Looked at later than it was read, so it may count as settled by now.
        self.stamp.settled = now.settled;
        (told && alike && same).then_some(self)
    }
}

/// Reads the index; nothing when it is not there or not what was written.
pub(crate) fn load(layout: &Layout) -> Vec<Kept> {
    let Ok(bytes) = std::fs::read(path(layout)) else { return Vec::new() };
    parse(&bytes).unwrap_or_default()
}

/// Writes the index in place of the one before. It is a cache: a home that takes none does without.
pub(crate) fn save<'a>(layout: &Layout, kept: impl Iterator<Item = &'a Kept>) {
    if let Err(error) = write(layout, &text(kept)) {
        tracing::debug!(%error, "the index of sessions is not kept");
    }
}

fn text<'a>(kept: impl Iterator<Item = &'a Kept>) -> Vec<u8> {
    let mut body = Vec::new();
    for kept in kept {
        serde_json::to_writer(&mut body, kept).expect("writing to memory can't fail");
        body.push(b'\n');
    }
    let mut text = format!("{VERSION} {}\n", Digest::of(&body)).into_bytes();
    text.append(&mut body);
    text
}

fn parse(bytes: &[u8]) -> Option<Vec<Kept>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (first, body) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]);
    let sum = first.strip_prefix(VERSION)?.strip_prefix(' ')?;
    if sum.parse() != Ok(Digest::of(body)) {
        return None;
    }
    body.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).ok())
        .collect()
}

fn write(layout: &Layout, text: &[u8]) -> io::Result<()> {
    let temp = layout.path().join(format!("index.tmp-{}", std::process::id()));
    let written = put(&temp, text).and_then(|()| std::fs::rename(&temp, path(layout)));
    if written.is_err() {
        let _ = std::fs::remove_file(&temp);
    }
    written
}

fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text)
}

fn path(layout: &Layout) -> PathBuf {
    layout.path().join("index")
}

/// Names the sessions whose folders there are, whatever is in them.
pub(crate) fn folders(layout: &Layout) -> io::Result<Vec<SessionId>> {
    let entries = match std::fs::read_dir(layout.path()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<SessionId>().ok()));
    }
    Ok(found)
}
