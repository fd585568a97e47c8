//! Reading frames one after the other, without a call of the system for each.

use std::fs::File;
use std::io;

use codex_event::Proven;

use super::frames::{Place, fill};

// What is read at once while the frames lie in order.
const BLOCK: usize = 128 << 10;
// What is read at once where they do not.
const PIECE: usize = 4 << 10;

/// A part of a file, and where it is from.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    file: usize,
    base: u64,
    held: Vec<u8>,
}

impl Blocks {
    /// Gives the frame of a place; none when something else is there by now.
    pub(super) fn frame(
        &mut self,
        files: &[File],
        place: &Place,
    ) -> io::Result<Option<Proven<'_>>> {
        let begin = match self.offset(place) {
            Some(begin) => begin,
            None => {
                self.read(files, place)?;
                0
            }
        };
        let Some(bytes) = self.held.get(begin..begin + place.len as usize) else { return Ok(None) };
        Ok(Proven::at_start(bytes).ok().filter(|frame| frame.hash == place.hash))
    }

    // Where the frame begins in what is held, if all of it is there.
    fn offset(&self, place: &Place) -> Option<usize> {
        let begin = usize::try_from(place.offset.checked_sub(self.base)?).ok()?;
        let end = begin.checked_add(place.len as usize)?;
        (self.file == place.file && end <= self.held.len()).then_some(begin)
    }

    fn read(&mut self, files: &[File], place: &Place) -> io::Result<()> {
        let end = self.base + self.held.len() as u64;
        let near = self.base..=end + BLOCK as u64;
        let in_order = self.file == place.file && near.contains(&place.offset);
        let len = if in_order { BLOCK } else { PIECE };
        (self.file, self.base) = (place.file, place.offset);
        self.held.resize(len.max(place.len as usize), 0);
        let filled = fill(&files[place.file], &mut self.held, place.offset);
        self.held.truncate(*filled.as_ref().unwrap_or(&0));
        filled.map(drop)
    }
}
