//! `base.seg`: the records that a session begins with and never writes again.
//!
//! A fork begins with its parent's, an import with all that was exported. They lie as they were
//! sealed, one frame after the other from position 1 on, and keep the session id that they were
//! sealed with. The file is complete before it has its name and is never changed, so sessions share
//! it by hard links.
//!
//! ```text
//! frames · magic 8 · format 1 · count 8 · epoch 8 · hash 32 · session 16 · bytes of frames 8
//!        · their hash 32 · n 4 · n offsets of 8 · m 4 · m blobs of 32 + 8 · length from magic to here 8 · checksum 32
//! ```
//!
//! All integers are little-endian. What follows the frames saves reading them all: where every 64th
//! begins, where they end, and which blobs they name. When it is damaged, the frames are looked
//! through instead; each of them proves itself.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread::{Builder, JoinHandle};

use codex_event::{Digest, Epoch, FrameError, Record, Seq, SessionId};

use crate::head::Head;
use crate::phase::Phase;
use crate::raw::Part;
use crate::store::{Holes, StoreError};

mod refs;
mod walk;

pub(crate) use refs::blobs_of;
use walk::{Step, Walk};

const MAGIC: [u8; 8] = *b"jrnlbase";
const FORMAT: u8 = 1;
const CONTEXT: &str = "codex journal 2026-11 base index";
/// Records between two offsets of the index.
const STRIDE: u64 = 64;
const TAIL: usize = 8 + 32;
// Bytes that are read or written at once.
const BUFFER: usize = 1 << 20;
/// Bytes that are written before they are asked onto the disk.
const EARLY: u64 = 16 << 20;

/// The immutable beginning of a journal, open for reading.
#[derive(Debug)]
pub(crate) struct Base {
    file: File,
    index: Index,
    whole: bool,
}

/// What is known of the frames without reading them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Index {
    end: Head,
    session: SessionId,
    frames: u64,
    /// Hash of all frames together; none when it is not known.
    sum: Option<[u8; 32]>,
    /// Position and offset of some records, in order.
    places: Vec<(Seq, u64)>,
    blobs: Vec<(Digest, u64)>,
}

impl Base {
    /// Opens the file; none when there is none. One whose index is damaged is looked through.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Base>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (index, whole) = match Index::read(&file)? {
            Some(index) => (Some(index), true),
            None => (Index::of_frames(&file)?, false),
        };
        // Without any record it says nothing, like a file that is not there.
        Ok(index.map(|index| Base { file, index, whole }))
    }

    /// Gives the place of its last record.
    pub(crate) fn end(&self) -> Head {
        self.index.end
    }

    /// Names the session that its last record was sealed for.
    pub(crate) fn session(&self) -> SessionId {
        self.index.session
    }

    /// Tells whether the index is as it was written, so that the end is the one that was meant.
    pub(crate) fn is_indexed(&self) -> bool {
        self.whole
    }

    /// Reads all of it, and tells whether every byte is as it was written.
    pub(crate) fn is_as_written(&self) -> io::Result<bool> {
        let Some(sum) = self.index.sum.filter(|_| self.whole) else { return Ok(false) };
        let mut hasher = blake3::Hasher::new();
        let mut part = vec![0; BUFFER];
        let mut at = 0;
        while at < self.index.frames {
            let left = usize::try_from(self.index.frames - at).unwrap_or(BUFFER).min(BUFFER);
            self.file.read_exact_at(&mut part[..left], at)?;
            hasher.update(&part[..left]);
            at += left as u64;
        }
        Ok(*hasher.finalize().as_bytes() == sum)
    }

    /// Names the blobs of its records, with their lengths.
    pub(crate) fn blobs(&self) -> &[(Digest, u64)] {
        &self.index.blobs
    }

    /// Reads records in order, up to the first one that is not good and that no repair has named.
    pub(crate) fn scan<'a>(
        &'a self,
        range: RangeInclusive<Seq>,
        holes: &'a Holes,
    ) -> impl Iterator<Item = Result<Record, StoreError>> + 'a {
        let mut wanted = (*range.start()).max(Seq(1));
        let last = (*range.end()).min(self.end().seq);
        let mut walk = (wanted <= last).then(|| self.walk(wanted));
        let mut before: Option<Digest> = None;
        std::iter::from_fn(move || {
            if wanted > last {
                return None;
            }
            let read = next(walk.as_mut()?, wanted..=last, before, holes).transpose()?;
            match &read {
                Ok(record) => (wanted, before) = (record.envelope.seq.next(), Some(record.hash)),
                Err(_) => walk = None,
            }
            Some(read)
        })
    }

    fn walk(&self, from: Seq) -> Walk<'_> {
        let places = &self.index.places;
        let at = places.partition_point(|(seq, _)| *seq <= from);
        let offset = at.checked_sub(1).map_or(0, |at| places[at].1);
        Walk::new(&self.file, offset, self.index.frames)
    }
}

/// Reads the first record of a range from where the walk is, or the one behind a hole; none when
/// all of the range is lost and named.
fn next(
    walk: &mut Walk<'_>,
    range: RangeInclusive<Seq>,
    before: Option<Digest>,
    holes: &Holes,
) -> Result<Option<Record>, StoreError> {
    let (wanted, last) = range.into_inner();
    let mut damage = None;
    let damaged = |error| StoreError::Damaged { seq: wanted, error };
    loop {
        let found = match walk.next()? {
            Some(Step::Damaged(error)) => {
                damage = Some(error);
                continue;
            }
            Some(Step::Frame(_, proven)) if proven.seq < wanted => {
                damage = None;
                continue;
            }
            Some(Step::Frame(_, proven)) => Some(proven),
            None => None,
        };
        let seq = found.map_or(last.next(), |proven| proven.seq);
        if seq > wanted && !holes.cover(wanted..=Seq(seq.0.min(last.0 + 1) - 1)) {
            return Err(damage.map_or(StoreError::Missing(wanted), damaged));
        }
        let Some(proven) = found.filter(|proven| proven.seq <= last) else { return Ok(None) };
        let record = Record::open(proven.frame).map_err(damaged)?;
        let follows = seq > wanted || before.is_none_or(|hash| hash == record.prev);
        return if follows { Ok(Some(record)) } else { Err(damaged(FrameError::Hash)) };
    }
}

impl Index {
    fn read(file: &File) -> io::Result<Option<Index>> {
        let len = file.metadata()?.len();
        let Some(at) = len.checked_sub(TAIL as u64) else { return Ok(None) };
        let mut tail = [0; TAIL];
        file.read_exact_at(&mut tail, at)?;
        let body = u64::from_le_bytes(tail[..8].try_into().expect("eight bytes were sliced"));
        let Some(begin) = at.checked_sub(body).filter(|_| body <= MOST) else { return Ok(None) };
        let mut bytes = vec![0; usize::try_from(body).expect("bounded")];
        file.read_exact_at(&mut bytes, begin)?;
        bytes.extend_from_slice(&tail[..8]);
        if checksum(&bytes) != tail[8..] {
            return Ok(None);
        }
        let decoded = Index::decode(&bytes[..bytes.len() - 8]);
        Ok(decoded.filter(|index| index.frames == begin))
    }

    fn decode(bytes: &[u8]) -> Option<Index> {
        let mut rest = bytes;
        if take(&mut rest)? != MAGIC || take(&mut rest)? != [FORMAT] {
            return None;
        }
        let seq = Seq(number(&mut rest)?);
        let epoch = Epoch(number(&mut rest)?);
        let hash = Digest(take(&mut rest)?);
        let session = SessionId::from_bytes(take(&mut rest)?);
        let frames = number(&mut rest)?;
        let sum = Some(take(&mut rest)?);
        let mut places = Vec::new();
        for at in 0..u64::from(u32::from_le_bytes(take(&mut rest)?)) {
            places.push((Seq(at * STRIDE + 1), number(&mut rest)?));
        }
        let mut blobs = Vec::new();
        for _ in 0..u32::from_le_bytes(take(&mut rest)?) {
            blobs.push((Digest(take(&mut rest)?), number(&mut rest)?));
        }
        let end = Head { seq, hash, epoch };
        rest.is_empty().then_some(Index { end, session, frames, sum, places, blobs })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out =
            Vec::with_capacity(TAIL + 121 + self.places.len() * 8 + self.blobs.len() * 40);
        out.extend_from_slice(&MAGIC);
        out.push(FORMAT);
        out.extend_from_slice(&self.end.seq.0.to_le_bytes());
        out.extend_from_slice(&self.end.epoch.0.to_le_bytes());
        out.extend_from_slice(&self.end.hash.0);
        out.extend_from_slice(self.session.as_bytes());
        out.extend_from_slice(&self.frames.to_le_bytes());
        out.extend_from_slice(&self.sum.unwrap_or_default());
        out.extend_from_slice(&count(self.places.len()));
        for (_, offset) in &self.places {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out.extend_from_slice(&count(self.blobs.len()));
        for (digest, len) in &self.blobs {
            out.extend_from_slice(&digest.0);
            out.extend_from_slice(&len.to_le_bytes());
        }
        let len = out.len() as u64;
        out.extend_from_slice(&len.to_le_bytes());
        let sum = checksum(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Looks through the frames themselves; none when there is no good one.
    fn of_frames(file: &File) -> io::Result<Option<Index>> {
        let len = file.metadata()?.len();
        let mut walk = Walk::new(file, 0, len);
        let mut places: Vec<(Seq, u64)> = Vec::new();
        let mut blobs = Blobs::default();
        let mut last = None;
        while let Some(step) = walk.next()? {
            let Step::Frame(offset, proven) = step else { continue };
            // Positions grow; what does not fit in is no record of this file.
            let grows = places.last().is_none_or(|(seq, _)| *seq < proven.seq);
            let Some(envelope) = Record::open(proven.frame).ok().filter(|_| grows) else {
                continue;
            };
            places.push((proven.seq, offset));
            blobs.add(proven.json());
            let head = Head { seq: proven.seq, hash: proven.hash, epoch: envelope.envelope.epoch };
            last = Some((head, envelope.envelope.session));
        }
        let blobs = blobs.named;
        Ok(last.map(|(end, session)| Index { end, session, frames: len, sum: None, places, blobs }))
    }
}

/// Writes a base, record by record. The caller has checked that they follow from each other.
pub(crate) struct BaseWriter {
    file: File,
    // Hashed and written in large parts.
    part: Vec<u8>,
    sum: blake3::Hasher,
    offset: u64,
    end: Head,
    session: SessionId,
    places: Vec<(Seq, u64)>,
    blobs: Blobs,
    // How far the file is written, how far it is on its way to the disk, and what syncs it.
    written: u64,
    begun: u64,
    early: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Default)]
struct Blobs {
    named: Vec<(Digest, u64)>,
    known: HashSet<Digest>,
}

impl Blobs {
    fn add(&mut self, json: &[u8]) {
        for (digest, len) in blobs_of(json) {
            if self.known.insert(digest) {
                self.named.push((digest, len));
            }
        }
    }
}

impl BaseWriter {
    /// Makes the file.
    pub(crate) fn create(path: &Path, session: SessionId) -> io::Result<BaseWriter> {
        Phase::WriteBase.begin();
        let file = File::options().create_new(true).write(true).open(path)?;
        Ok(BaseWriter {
            file,
            part: Vec::new(),
            sum: blake3::Hasher::new(),
            offset: 0,
            end: Head::empty(&session),
            session,
            places: Vec::new(),
            blobs: Blobs::default(),
            written: 0,
            begun: 0,
            early: None,
        })
    }

    /// Adds the frame of the next record.
    pub(crate) fn push(&mut self, frame: &[u8], session: SessionId, at: Head) -> io::Result<()> {
        self.note(frame, session, at);
        self.part.extend_from_slice(frame);
        if self.part.len() >= BUFFER { self.write_part() } else { Ok(()) }
    }

    /// Adds the frames of the next records.
    pub(crate) fn push_all(&mut self, part: &Part) -> io::Result<()> {
        self.write_part()?;
        for (frame, sealed) in part.frames() {
            self.note(frame, sealed.session, sealed.at);
        }
        self.write(part.bytes())
    }

    /// Writes the index, makes the file durable and tells where it ends; its name is the caller's to
    /// make durable.
    pub(crate) fn finish(mut self) -> io::Result<Head> {
        self.write_part()?;
        self.synced_early()?;
        let BaseWriter { offset: frames, end, session, places, blobs, .. } = self;
        let sum = Some(*self.sum.finalize().as_bytes());
        let index = Index { end, session, frames, sum, places, blobs: blobs.named };
        self.file.write_all(&index.encode())?;
        Phase::SyncBase.begin();
        self.file.sync_all().map(|()| end)
    }

    fn note(&mut self, frame: &[u8], session: SessionId, at: Head) {
        if (at.seq.0 - 1).is_multiple_of(STRIDE) {
            self.places.push((at.seq, self.offset));
        }
        self.blobs.add(&frame[codex_event::HEADER_LEN..]);
        self.offset += frame.len() as u64;
        (self.end, self.session) = (at, session);
    }

    fn write_part(&mut self) -> io::Result<()> {
        let mut part = std::mem::take(&mut self.part);
        self.write(&part)?;
        part.clear();
        self.part = part;
        Ok(())
    }

    fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        self.sum.update(frames);
        self.file.write_all(frames)?;
        self.written += frames.len() as u64;
        if self.written < self.begun + EARLY { Ok(()) } else { self.sync_early() }
    }

    // What is written goes to the disk while more of it is made, so that there is little left for
    // the sync at the end. That one makes the file durable all the same.
    fn sync_early(&mut self) -> io::Result<()> {
        self.synced_early()?;
        let file = self.file.try_clone()?;
        self.early = Some(Builder::new().name("sync".into()).spawn(move || file.sync_data())?);
        self.begun = self.written;
        Ok(())
    }

    // The system tells an error of writing once, so it has to be asked what became of each sync.
    fn synced_early(&mut self) -> io::Result<()> {
        let Some(early) = self.early.take() else { return Ok(()) };
        early.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Longest index that is read: far more than any journal has.
const MOST: u64 = 1 << 30;

fn count(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("far below four billion").to_le_bytes()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_le_bytes)
}

fn checksum(bytes: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_derive_key(CONTEXT).update(bytes).finalize().as_bytes()
}
