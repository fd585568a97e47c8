//! Reading the frames of a journal as they were sealed, many at once.

use std::num::NonZero;
use std::sync::mpsc::sync_channel;

use codex_event::{Seq, SessionId};

use super::blocks::Blocks;
use super::frames::Place;
use super::{RawError, RawJournal};
use crate::head::Head;

/// A part has at least this many bytes of frames, unless it is the last one. Little enough that they
/// are still in a core's cache when they are hashed and written.
const PART: usize = 256 << 10;
/// Most threads that read: what is done with the parts is the work of a single thread, which they
/// would only wait for.
const MOST_READERS: usize = 4;

/// Some frames of consecutive records.
pub(crate) struct Part {
    bytes: Vec<u8>,
    sealed: Vec<Sealed>,
}

/// What is known of a frame besides its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed {
    /// The session that it was sealed for.
    pub(crate) session: SessionId,
    /// Its place.
    pub(crate) at: Head,
    len: usize,
}

impl Part {
    /// Gives the frames one behind the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives each of the frames.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (&[u8], Sealed)> + '_ {
        let mut rest = &self.bytes[..];
        self.sealed.iter().map(move |sealed| {
            let (frame, behind) = rest.split_at(sealed.len);
            rest = behind;
            (frame, *sealed)
        })
    }
}

impl RawJournal {
    /// Gives the frames up to a position to `take`, part by part and in order. Each is proved again by
    /// its hash when it is read; their events are not decoded.
    ///
    /// Proving them is most of the work, so it is done on several threads, each a part or two ahead.
    pub(crate) fn parts_to<E: From<RawError>>(
        &self,
        last: Seq,
        mut take: impl FnMut(&Part) -> Result<(), E>,
    ) -> Result<(), E> {
        let end = self.chain.records.partition_point(|place| place.seq <= last);
        let parts = divided(&self.chain.records[..end]);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let readers = cores.min(MOST_READERS);
        std::thread::scope(|scope| {
            let mut given = Vec::new();
            for reader in 0..readers {
                let (give, part) = sync_channel(1);
                let mine = parts.iter().skip(reader).step_by(readers);
                scope.spawn(move || {
                    let (mut blocks, mut later) = (Blocks::default(), None);
                    for places in mine {
                        // Nobody takes any more when one before it could not be read or taken.
                        if give.send(self.part(places, &mut blocks, &mut later)).is_err() {
                            return;
                        }
                    }
                });
                given.push(part);
            }
            for (places, part) in parts.iter().zip(given.iter().cycle()) {
                // A reader that is gone panicked, which ends the scope in the same way.
                let part = part.recv().unwrap_or(Err(RawError::Lost(places[0].seq)))?;
                take(&part)?;
            }
            Ok(())
        })
    }

    fn part(
        &self,
        places: &[Place],
        blocks: &mut Blocks,
        later: &mut Option<RawJournal>,
    ) -> Result<Part, RawError> {
        let mut part = Part {
            bytes: Vec::with_capacity(places.iter().map(|place| place.len as usize).sum()),
            sealed: Vec::with_capacity(places.len()),
        };
        for place in places {
            let bytes = &mut part.bytes;
            let mut keep = |proven: &codex_event::Proven<'_>| {
                bytes.extend_from_slice(proven.frame);
                Some(())
            };
            self.body(place, &mut keep, blocks, later)?;
            let at = Head { seq: place.seq, hash: place.hash, epoch: place.epoch };
            part.sealed.push(Sealed { session: place.session, at, len: place.len as usize });
        }
        Ok(part)
    }
}

fn divided(places: &[Place]) -> Vec<&[Place]> {
    let mut parts = Vec::new();
    let (mut begin, mut bytes) = (0, 0);
    for (at, place) in places.iter().enumerate() {
        bytes += place.len as usize;
        if bytes >= PART {
            parts.push(&places[begin..=at]);
            (begin, bytes) = (at + 1, 0);
        }
    }
    parts.extend((begin < places.len()).then(|| &places[begin..]));
    parts
}
