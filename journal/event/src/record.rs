//! The sealed form of an event: one frame that proves itself and names its predecessor.
//!
//! Layout, all integers little-endian:
//!
//! ```text
//! magic 8 · format 1 · length of json 4 · seq 8 · prev 32 · hash 32 · json
//! ```
//!
//! The hash is BLAKE3 in key-derivation mode (its context separates it from every other use) over
//! the frame without the hash. What is hashed is what is stored: a frame is never encoded again.

use std::sync::LazyLock;

use crate::{CodecError, Digest, Envelope, Heading, Seq, SessionId};

/// Begins every frame. Not UTF-8, so that no text can hold it, and rare in binary data.
pub const MAGIC: [u8; 8] = [0xC0, 0xDE, b'j', b'o', b'u', b'r', b'n', 0xFF];
/// The one frame format so far.
pub const FORMAT: u8 = 1;
/// Bytes before the JSON.
pub const HEADER_LEN: usize = 8 + 1 + 4 + 8 + 32 + 32;
/// Longest JSON of one record in bytes. Far above what spilling leaves; a longer one is a bug of the
/// writer, or not a frame.
pub const MAX_JSON_LEN: usize = 256 * 1024;

const HASH_CONTEXT: &str = "codex journal 2026-11 record hash";
const GENESIS_CONTEXT: &str = "codex journal 2026-11 genesis";
const HASH_AT: usize = HEADER_LEN - 32;

/// An event sealed into its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The frame, as stored.
    pub frame: Vec<u8>,
    /// Hash of the frame; the next record names it.
    pub hash: Digest,
    /// Hash of the record before this one.
    pub prev: Digest,
    /// The event, decoded.
    pub envelope: Envelope,
}

/// A frame whose hash proved it, where it lies; its event is not decoded.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a> {
    /// Position of the event.
    pub seq: Seq,
    /// Hash of the record before this one.
    pub prev: Digest,
    /// Hash of the frame.
    pub hash: Digest,
    /// The frame, as stored.
    pub frame: &'a [u8],
}

/// Why bytes are not a good frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// There are fewer bytes than the frame needs.
    #[error("frame is cut short")]
    Short,
    /// The bytes do not begin like a frame.
    #[error("no frame begins here")]
    NoMagic,
    /// The frame is of a format that this release does not know.
    #[error("frame format {0} is not known")]
    Format(u8),
    /// The length is beyond what any writer writes.
    #[error("frame length {0} is out of bounds")]
    Length(u32),
    /// The bytes are not those that were sealed.
    #[error("frame does not match its hash")]
    Hash,
    /// The frame is good, and what it holds is not an event.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Frame and event disagree about their position.
    #[error("frame says position {frame}, its event {event}")]
    Position {
        /// Position in the frame's header.
        frame: Seq,
        /// Position in the event.
        event: Seq,
    },
}

/// Gives the hash that the first record of a session names as its predecessor.
pub fn genesis(session: &SessionId) -> Digest {
    Digest(
        *blake3::Hasher::new_derive_key(GENESIS_CONTEXT)
            .update(session.as_bytes())
            .finalize()
            .as_bytes(),
    )
}

impl Record {
    /// Seals an event behind its predecessor.
    pub fn seal(envelope: Envelope, prev: Digest) -> Record {
        let json = envelope.to_json();
        Record::enclose(envelope, &json, prev)
    }

    fn enclose(envelope: Envelope, json: &[u8], prev: Digest) -> Record {
        let mut frame = Vec::with_capacity(HEADER_LEN + json.len());
        frame.extend_from_slice(&MAGIC);
        frame.push(FORMAT);
        let len = u32::try_from(json.len()).expect("events are far below 4 GiB");
        frame.extend_from_slice(&len.to_le_bytes());
        frame.extend_from_slice(&envelope.seq.0.to_le_bytes());
        frame.extend_from_slice(&prev.0);
        let hash = hash_of(&frame, json);
        frame.extend_from_slice(&hash.0);
        frame.extend_from_slice(json);
        Record { frame, hash, prev, envelope }
    }

    /// Puts an event that travelled without its frame back into it. Its JSON is taken as it came,
    /// so the frame is the one that was sealed if both are what they were.
    pub fn framed(json: &[u8], prev: Digest) -> Result<Record, FrameError> {
        let envelope = Envelope::from_json(json)?;
        Ok(Record::enclose(envelope, json, prev))
    }

    /// Opens the frame at the start of `bytes`; more may follow it.
    pub fn open(bytes: &[u8]) -> Result<Record, FrameError> {
        Proven::at_start(bytes)?.open()
    }

    /// Gives the JSON inside of the frame.
    pub fn json(&self) -> &[u8] {
        &self.frame[HEADER_LEN..]
    }
}

impl<'a> Proven<'a> {
    /// Proves the frame at the start of `bytes`; more may follow it.
    pub fn at_start(bytes: &'a [u8]) -> Result<Proven<'a>, FrameError> {
        if !bytes.starts_with(&MAGIC) {
            let begun = bytes.len() < MAGIC.len() && MAGIC.starts_with(bytes);
            return Err(if begun { FrameError::Short } else { FrameError::NoMagic });
        }
        let header = bytes.get(..HEADER_LEN).ok_or(FrameError::Short)?;
        if header[8] != FORMAT {
            return Err(FrameError::Format(header[8]));
        }
        let len = u32::from_le_bytes(array(&header[9..13]));
        if len as usize > MAX_JSON_LEN {
            return Err(FrameError::Length(len));
        }
        let frame = bytes.get(..HEADER_LEN + len as usize).ok_or(FrameError::Short)?;
        let seq = Seq(u64::from_le_bytes(array(&header[13..21])));
        let prev = Digest(array(&header[21..53]));
        let hash = Digest(array(&header[HASH_AT..]));
        if hash_of(&header[..HASH_AT], &frame[HEADER_LEN..]) != hash {
            return Err(FrameError::Hash);
        }
        Ok(Proven { seq, prev, hash, frame })
    }

    /// Gives the JSON inside of the frame.
    pub fn json(&self) -> &'a [u8] {
        &self.frame[HEADER_LEN..]
    }

    /// Reads what its event says of itself. Refuses what [`Proven::envelope`] refuses, and costs a
    /// third of it.
    pub fn heading(&self) -> Result<Heading, FrameError> {
        let heading = Heading::from_json(self.json())?;
        self.at(heading.seq).map(|()| heading)
    }

    /// Decodes its event.
    pub fn envelope(&self) -> Result<Envelope, FrameError> {
        let envelope = Envelope::from_json(self.json())?;
        self.at(envelope.seq).map(|()| envelope)
    }

    /// Decodes its event, and keeps the bytes.
    pub fn open(&self) -> Result<Record, FrameError> {
        let envelope = self.envelope()?;
        Ok(Record { frame: self.frame.to_vec(), hash: self.hash, prev: self.prev, envelope })
    }

    fn at(&self, event: Seq) -> Result<(), FrameError> {
        let frame = self.seq;
        if event == frame { Ok(()) } else { Err(FrameError::Position { frame, event }) }
    }
}

fn hash_of(header: &[u8], json: &[u8]) -> Digest {
    // Preparing it costs as much as hashing two lines of text.
    static KEYED: LazyLock<blake3::Hasher> =
        LazyLock::new(|| blake3::Hasher::new_derive_key(HASH_CONTEXT));
    Digest(*KEYED.clone().update(header).update(json).finalize().as_bytes())
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the caller sliced exactly this many bytes")
}
