//! From frame to frame through a file of nothing but frames.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use codex_event::{FrameError, HEADER_LEN, MAGIC, MAX_JSON_LEN, Proven};

const CHUNK: usize = 128 << 10;

/// A walk; it goes around what is damaged.
pub(super) struct Walk<'a> {
    file: &'a File,
    end: u64,
    // Offset in the file of the first byte held, and what of the held bytes is done with.
    base: u64,
    at: usize,
    held: Vec<u8>,
    lost: bool,
}

/// What a walk comes upon.
pub(super) enum Step<'a> {
    /// A good frame, and its offset.
    Frame(u64, Proven<'a>),
    /// Bytes that are no good frame; the walk goes on with the next one that is.
    Damaged(FrameError),
}

impl<'a> Walk<'a> {
    pub(super) fn new(file: &'a File, from: u64, end: u64) -> Walk<'a> {
        Walk { file, end, base: from, at: 0, held: Vec::new(), lost: false }
    }

    /// Gives what comes next; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Step<'_>>> {
        loop {
            self.hold(HEADER_LEN)?;
            let rest = &self.held[self.at..];
            if rest.is_empty() {
                return Ok(None);
            }
            let wanted = rest.get(9..13).map_or(0, |len| {
                u32::from_le_bytes(len.try_into().expect("four bytes were sliced")) as usize
            });
            self.hold(HEADER_LEN + wanted.min(MAX_JSON_LEN))?;
            // Taken apart, because a borrow that is given away would last for the whole loop.
            let proven = Proven::at_start(&self.held[self.at..]);
            match proven.map(|it| (it.seq, it.prev, it.hash, it.frame.len())) {
                Ok((seq, prev, hash, len)) => {
                    let (begin, offset) = (self.at, self.base + self.at as u64);
                    self.at += len;
                    self.lost = false;
                    let frame = &self.held[begin..self.at];
                    return Ok(Some(Step::Frame(offset, Proven { seq, prev, hash, frame })));
                }
                Err(error) => {
                    self.at += 1;
                    self.seek()?;
                    // Once for each damaged place.
                    if !std::mem::replace(&mut self.lost, true) {
                        return Ok(Some(Step::Damaged(error)));
                    }
                }
            }
        }
    }

    // Goes to where a frame may begin.
    fn seek(&mut self) -> io::Result<()> {
        loop {
            self.hold(MAGIC.len())?;
            let rest = &self.held[self.at..];
            if rest.len() < MAGIC.len() {
                self.at = self.held.len();
                return Ok(());
            }
            if let Some(found) = rest.windows(MAGIC.len()).position(|bytes| bytes == MAGIC) {
                self.at += found;
                return Ok(());
            }
            self.at += rest.len() - (MAGIC.len() - 1);
        }
    }

    // Holds so many bytes from here on, if the file has them.
    fn hold(&mut self, wanted: usize) -> io::Result<()> {
        let mut here = self.held.len() - self.at;
        if here >= wanted {
            return Ok(());
        }
        self.held.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        while here < wanted {
            let left = self.end.saturating_sub(self.base + here as u64);
            let more = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK.max(wanted - here));
            self.held.resize(here + more, 0);
            let read = match self.file.read_at(&mut self.held[here..], self.base + here as u64) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error),
                Ok(0) => {
                    self.held.truncate(here);
                    return Ok(());
                }
                Ok(read) => read,
            };
            here += read;
            self.held.truncate(here);
        }
        Ok(())
    }
}
