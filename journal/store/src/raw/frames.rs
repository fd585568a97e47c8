//! Finding frames in a file of any form.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use codex_event::{
    Digest, Epoch, FORMAT, FrameError, HEADER_LEN, MAGIC, MAX_JSON_LEN, Proven, Record,
    SCHEMA_VERSION, Seq, SessionId, genesis,
};
use memchr::memmem::Finder;

use crate::layout::{SessionDir, is_absence};

// More than the longest frame, so that each is whole in a window sooner or later, and little enough
// to stay in a core's cache.
const WINDOW: usize = 1 << 20;
// A file is read in parts of at least this many bytes at once, and in at most so many.
const PART: u64 = 2 << 20;
const MOST_PARTS: u64 = 4;
// Formats that are taken for those of later releases; a larger number is taken for damage, and so is
// a position that no session reaches.
const FORMATS_AHEAD: u8 = 15;
const LAST_SEQ: u64 = 1 << 40;

/// Where a good frame is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) session: SessionId,
    pub(super) seq: Seq,
    pub(super) epoch: Epoch,
    pub(super) prev: Digest,
    pub(super) hash: Digest,
    pub(super) file: usize,
    pub(super) offset: u64,
    pub(super) len: u32,
}

/// The good frames of some files, each once.
#[derive(Default)]
pub(super) struct Sighting {
    pub(super) files: Vec<File>,
    pub(super) places: Vec<Place>,
    /// Positions of frames that are as they were sealed and hold no event.
    pub(super) unreadable: Vec<Seq>,
    /// Frames of a format, and events of a schema, that a newer release writes.
    pub(super) newer: Vec<(Seq, Newer)>,
    known: HashMap<Digest, usize, BuildHasherDefault<FirstBytes>>,
}

/// What a newer release wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Newer {
    /// An event that can be read all the same, of this schema.
    Read(u32),
    /// A frame or an event that can't be read, of this format or schema.
    Unread(u32),
}

impl Newer {
    /// Gives its format or schema.
    pub(super) fn version(self) -> u32 {
        match self {
            Newer::Read(version) | Newer::Unread(version) => version,
        }
    }

    /// Gives its format or schema if it can't be read.
    pub(super) fn unread(self) -> Option<u32> {
        match self {
            Newer::Read(_) => None,
            Newer::Unread(version) => Some(version),
        }
    }
}

/// Lists the engine's files that may hold frames: its log and its large pages.
pub(super) fn files(dir: &SessionDir) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![dir.data()];
    match std::fs::read_dir(dir.db().join("blobs")) {
        Ok(entries) => {
            for entry in entries {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    found.push(entry.path());
                }
            }
        }
        Err(error) if is_absence(&error) => {}
        Err(error) => return Err(error),
    }
    found[1..].sort();
    Ok(found)
}

/// Finds the first record of a session, or of any, in a file, without looking at more of it than
/// that needs.
pub(super) fn first(path: &Path, session: Option<SessionId>) -> io::Result<Option<Record>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let begins = |place: &&Place| {
        let ours = session.is_none_or(|session| place.session == session);
        ours && (place.seq, place.prev) == (Seq(1), genesis(&place.session))
    };
    for begin in (0..len).step_by(WINDOW) {
        let part = Sighting::of_part(&file, begin..len.min(begin + WINDOW as u64))?;
        if let Some(place) = part.places.iter().find(begins) {
            let mut frame = vec![0; place.len as usize];
            file.read_exact_at(&mut frame, place.offset)?;
            // A live writer may have moved it meanwhile.
            return Ok(Record::open(&frame).ok());
        }
    }
    Ok(None)
}

/// Takes a digest's first bytes for its hash, which they are as good as.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The length of an array comes first, and is of no use.
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

struct Header {
    len: usize,
    seq: Seq,
    prev: Digest,
    hash: Digest,
}

impl Sighting {
    /// Goes through a file from its start to the end that it has then.
    pub(super) fn scan(&mut self, path: &Path) -> io::Result<()> {
        let file = match File::open(path) {
            Ok(file) => file,
            // The engine removes large pages that it has replaced.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let len = file.metadata()?.len();
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
        let parts = (len / PART).clamp(1, cores.min(MOST_PARTS));
        let ends = (1..=parts).map(|part| part * (len / parts));
        let mut begin = 0;
        let found: Vec<io::Result<Sighting>> = std::thread::scope(|scope| {
            let threads: Vec<_> = ends
                .map(|end| {
                    let range = std::mem::replace(&mut begin, end)..end;
                    let file = &file;
                    scope.spawn(move || Sighting::of_part(file, range))
                })
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined
                .map(|part| part.unwrap_or_else(|_panic| Err(io::Error::other("scan panicked"))))
                .collect()
        });
        for part in found {
            self.take(part?);
        }
        self.files.push(file);
        Ok(())
    }

    // Finds at least the frames that begin in the range, wherever they end.
    fn of_part(file: &File, range: Range<u64>) -> io::Result<Sighting> {
        let mut found = Sighting::default();
        let mut window = vec![0; WINDOW];
        let (mut held, mut base) = (0, range.start);
        loop {
            held += fill(file, &mut window[held..], base + held as u64)?;
            let at_end = held < WINDOW;
            let done = found.look(&window[..held], base, at_end);
            base += done as u64;
            if at_end || base >= range.end {
                return Ok(found);
            }
            window.copy_within(done..held, 0);
            held -= done;
        }
    }

    // Takes over what was found in a part of the file that is about to be added.
    fn take(&mut self, part: Sighting) {
        self.known.reserve(part.places.len());
        self.places.reserve(part.places.len());
        for mut place in part.places {
            if let Entry::Vacant(unknown) = self.known.entry(place.hash) {
                unknown.insert(self.places.len());
                place.file = self.files.len();
                self.places.push(place);
            }
        }
        self.newer.extend(part.newer);
        self.unreadable.extend(part.unreadable);
        self.unreadable.sort_unstable();
        self.unreadable.dedup();
    }

    // Gives how far the bytes are done with; the rest is needed again with what follows it.
    fn look(&mut self, bytes: &[u8], base: u64, at_end: bool) -> usize {
        let mut at = 0;
        while let Some(start) = find_magic(&bytes[at..]).map(|found| at + found) {
            let rest = &bytes[start..];
            if !at_end && rest.len() < HEADER_LEN + MAX_JSON_LEN {
                return start;
            }
            at = start + self.consider(rest, base + start as u64);
        }
        // The end may hold the begin of a frame's mark.
        if at_end { bytes.len() } else { at.max(bytes.len() - (MAGIC.len() - 1)) }
    }

    // Gives the number of bytes to go on after.
    fn consider(&mut self, bytes: &[u8], offset: u64) -> usize {
        let Some(header) = header(bytes) else {
            self.newer.extend(newer_frame(bytes));
            return 1;
        };
        if let Some(&at) = self.known.get(&header.hash) {
            let place = &self.places[at];
            let same = place.seq == header.seq
                && place.prev == header.prev
                && place.len as usize == header.len;
            // The engine writes a record several times. One good copy is enough, but what seems to
            // be another may be half overwritten, so its body is searched like anything else.
            if same {
                return HEADER_LEN;
            }
        }
        match Proven::at_start(bytes).and_then(|frame| frame.heading()) {
            Ok(heading) => {
                if heading.version > SCHEMA_VERSION {
                    self.newer.push((heading.seq, Newer::Read(heading.version)));
                }
                self.known.insert(header.hash, self.places.len());
                self.places.push(Place {
                    session: heading.session,
                    seq: heading.seq,
                    epoch: heading.epoch,
                    prev: header.prev,
                    hash: header.hash,
                    // Known when the part is taken over.
                    file: 0,
                    offset,
                    len: u32::try_from(header.len).expect("bounded by the longest frame"),
                });
                header.len
            }
            Err(FrameError::Codec(_) | FrameError::Position { .. }) => {
                match newer_schema(&bytes[HEADER_LEN..header.len]) {
                    Some(version) => self.newer.push((header.seq, Newer::Unread(version))),
                    None => self.unreadable.push(header.seq),
                }
                HEADER_LEN
            }
            Err(
                FrameError::Short
                | FrameError::NoMagic
                | FrameError::Format(_)
                | FrameError::Length(_)
                | FrameError::Hash,
            ) => 1,
        }
    }
}

// What a header says, if any writer could have written it and all of its frame is there. Checked
// before hashing, because any bytes may follow a mark.
fn header(bytes: &[u8]) -> Option<Header> {
    let header = bytes.get(..HEADER_LEN)?;
    let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
    let json = number(9) as usize;
    let seq = u64::from(number(13)) | u64::from(number(17)) << 32;
    let digest = |at: usize| Digest(header[at..at + 32].try_into().expect("32 bytes"));
    let len = HEADER_LEN + json;
    let sane = header[8] == FORMAT && json <= MAX_JSON_LEN && seq > 0 && len <= bytes.len();
    sane.then(|| Header {
        len,
        seq: Seq(seq),
        prev: digest(HEADER_LEN - 64),
        hash: digest(HEADER_LEN - 32),
    })
}

// A format to come keeps the header up to the position, so that its records can be named. One byte
// of damage must not look like it: then the frame is good with the format that this release writes.
fn newer_frame(bytes: &[u8]) -> Option<(Seq, Newer)> {
    let format = *bytes.get(MAGIC.len())?;
    let mut frame = bytes.get(..HEADER_LEN)?.to_vec();
    frame[MAGIC.len()] = FORMAT;
    let len = u32::from_le_bytes(frame[9..13].try_into().expect("4 bytes")) as usize;
    let seq = Seq(u64::from_le_bytes(frame[13..21].try_into().expect("8 bytes")));
    let newer = FORMAT < format && format <= FORMAT + FORMATS_AHEAD;
    if !newer || len > MAX_JSON_LEN || seq == Seq(0) || seq.0 > LAST_SEQ {
        return None;
    }
    frame.extend_from_slice(bytes.get(HEADER_LEN..HEADER_LEN + len)?);
    Record::open(&frame).is_err().then_some((seq, Newer::Unread(u32::from(format))))
}

fn newer_schema(json: &[u8]) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        v: u32,
    }
    let Versioned { v } = serde_json::from_slice(json).ok()?;
    (v > SCHEMA_VERSION).then_some(v)
}

fn find_magic(bytes: &[u8]) -> Option<usize> {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&MAGIC));
    FINDER.find(bytes)
}

pub(super) fn fill(file: &File, space: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < space.len() {
        match file.read_at(&mut space[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
