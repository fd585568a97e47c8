//! A whole session in one file, and back.
//!
//! ```text
//! magic 8 · format 1 · session 16 · head: seq 8, epoch 8, hash 32
//! 'F' frame                         for each record in order, as it was sealed
//! 'B' digest 32 · length 8 · bytes  for each blob that they name
//! 'M' digest 32 · length 8          for each of them that was not to be had
//! 'E' records 8 · blobs 8 · checksum 32 of everything before the checksum
//! ```
//!
//! All integers are little-endian. An export takes what can be read, also of a damaged session, and
//! says what is missing. An import takes nothing that is not whole: each frame, the chain, each
//! blob, the head and the checksum are checked before the session has its name.

use std::collections::HashMap;
use std::io::{self, Write};

use codex_event::{Digest, Seq, SessionId};

use crate::base::blobs_of;
use crate::head::{Head, HeadState};
use crate::layout::Layout;
use crate::raw::{RawError, RawJournal};

mod import;
mod lineage;

pub use import::{Damage as ImportDamage, ImportError, Imported, import};

const MAGIC: [u8; 8] = [0xC0, 0xDE, b'e', b'x', b'p', b'r', b't', 0xFF];
const FORMAT: u8 = 1;
const CONTEXT: &str = "codex journal 2026-11 export";

const FRAME: u8 = b'F';
const BLOB: u8 = b'B';
const MISSING: u8 = b'M';
const END: u8 = b'E';

/// Tells whether a file that begins like this is an export.
pub fn is_export(begin: &[u8]) -> bool {
    begin.starts_with(&MAGIC)
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Records in the file.
    pub records: u64,
    /// Blobs in the file.
    pub blobs: u64,
    /// Length of the file.
    pub bytes: u64,
    /// First and last position of each run of records that the session has lost. A file without
    /// them can't be imported.
    pub missing: Vec<(Seq, Seq)>,
    /// Blobs that the session has lost.
    pub missing_blobs: Vec<Digest>,
}

/// Why a session was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] RawError),
    /// There is nothing in it.
    #[error("session {0} has no record that could be exported")]
    Empty(SessionId),
    /// The file can't be written.
    #[error("the export can't be written: {0}")]
    Output(#[source] io::Error),
}

/// Writes a session as one file; `progress` is told the bytes written so far.
///
/// Works beside an owner, and on a damaged session.
pub fn export(
    layout: &Layout,
    id: SessionId,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<Exported, ExportError> {
    let journal = RawJournal::read(&layout.session(id), id)?;
    let last = journal.head();
    if last.seq == Seq(0) {
        return Err(ExportError::Empty(id));
    }
    let mut missing = journal.gaps().to_vec();
    let head = match journal.acknowledged() {
        HeadState::Good(head) | HeadState::OneSlot(head) if head.seq > last.seq => {
            missing.push((last.seq.next(), head.seq));
            head
        }
        HeadState::Good(_) | HeadState::OneSlot(_) | HeadState::Damaged | HeadState::Absent => last,
    };
    let mut sink = Sink { out, hasher: hasher(), bytes: 0 };
    sink.put(&MAGIC)?;
    sink.put(&[FORMAT])?;
    sink.put(id.as_bytes())?;
    sink.put_head(head)?;
    let mut named: Vec<(Digest, u64)> = Vec::new();
    let mut known: HashMap<Digest, u64> = HashMap::new();
    let mut records = 0;
    journal.parts_to(last.seq, |part| {
        for (frame, _) in part.frames() {
            for (digest, len) in blobs_of(&frame[codex_event::HEADER_LEN..]) {
                if known.insert(digest, len).is_none() {
                    named.push((digest, len));
                }
            }
            sink.put(&[FRAME])?;
            sink.put(frame)?;
            records += 1;
            progress(sink.bytes);
        }
        Ok::<_, ExportError>(())
    })?;
    let mut missing_blobs = Vec::new();
    for (digest, len) in &named {
        let found = journal.blobs().get(digest).ok().flatten();
        let found = found.filter(|bytes| bytes.len() as u64 == *len);
        sink.put(&[if found.is_some() { BLOB } else { MISSING }])?;
        sink.put(&digest.0)?;
        sink.put(&len.to_le_bytes())?;
        match found {
            Some(bytes) => sink.put(&bytes)?,
            None => missing_blobs.push(*digest),
        }
        progress(sink.bytes);
    }
    let blobs = (named.len() - missing_blobs.len()) as u64;
    sink.put(&[END])?;
    sink.put(&u64::to_le_bytes(records))?;
    sink.put(&blobs.to_le_bytes())?;
    let sum = *sink.hasher.finalize().as_bytes();
    sink.put(&sum)?;
    sink.out.flush().map_err(ExportError::Output)?;
    Ok(Exported { records, blobs, bytes: sink.bytes, missing, missing_blobs })
}

struct Sink<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Sink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(ExportError::Output)
    }

    fn put_head(&mut self, head: Head) -> Result<(), ExportError> {
        self.put(&head.seq.0.to_le_bytes())?;
        self.put(&head.epoch.0.to_le_bytes())?;
        self.put(&head.hash.0)
    }
}

fn hasher() -> blake3::Hasher {
    blake3::Hasher::new_derive_key(CONTEXT)
}
