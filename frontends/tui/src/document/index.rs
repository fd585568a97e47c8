//! Where each cell is and how tall it is: all that is kept of a cell out of view.

use codex_event::Seq;

/// Something that is known of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is folded the other way than cells are by default.
    Turned = 1,
    /// It comes from the end of the journal, read before the rest: it may be a part of a cell.
    Preview = 2,
    /// Its events could not be read.
    Failed = 4,
    /// What was there of it lacked texts that lie in blobs.
    Rough = 8,
    /// It was searched.
    Searched = 16,
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) first: Seq,
    /// Positions from its first event to its last.
    span: u32,
    lines: u32,
    /// The width at which it has so many lines; 0 while that is not known.
    width: u16,
    marks: u8,
}

const _: () = assert!(size_of::<Entry>() <= 32, "there may be a hundred thousand of them");

/// All cells, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
}

impl Entry {
    pub(super) fn new(first: Seq, last: Seq) -> Entry {
        let mut entry = Entry { first, span: 0, lines: 0, width: 0, marks: 0 };
        entry.reach(last);
        entry
    }

    pub(super) fn last(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.span))
    }

    pub(super) fn reach(&mut self, last: Seq) {
        self.span = u32::try_from(last.0.saturating_sub(self.first.0)).unwrap_or(u32::MAX);
    }

    /// Gives how many lines it has at a width, if that is known.
    pub(super) fn lines(&self, width: u16) -> Option<u32> {
        (self.width == width).then_some(self.lines)
    }

    pub(super) fn measured(&mut self, width: u16, lines: usize) {
        (self.width, self.lines) = (width, u32::try_from(lines).unwrap_or(u32::MAX));
    }

    pub(super) fn forget_lines(&mut self) {
        self.width = 0;
    }

    pub(super) fn is(&self, mark: Mark) -> bool {
        self.marks & mark as u8 != 0
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        self.marks |= mark as u8;
    }

    pub(super) fn unmark(&mut self, mark: Mark) {
        self.marks &= !(mark as u8);
    }
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Entry> {
        self.entries.get_mut(at)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// Gives the number of the cell that begins there, or else of the one behind.
    pub(super) fn find(&self, first: Seq) -> Result<usize, usize> {
        // Most of what comes is the newest.
        match self.entries.last() {
            Some(last) if last.first < first => Err(self.entries.len()),
            Some(_) | None => self.entries.binary_search_by_key(&first, |entry| entry.first),
        }
    }

    pub(super) fn entry(&mut self, first: Seq) -> Option<&mut Entry> {
        let at = self.find(first).ok()?;
        self.entries.get_mut(at)
    }

    /// Gives the entry of a cell, a new one if there was none.
    pub(super) fn put(&mut self, first: Seq, last: Seq) -> &mut Entry {
        let at = self.find(first).unwrap_or_else(|at| {
            self.entries.insert(at, Entry::new(first, last));
            at
        });
        self.entries[at].reach(last);
        &mut self.entries[at]
    }

    pub(super) fn remove(&mut self, first: Seq) -> bool {
        let found = self.find(first);
        if let Ok(at) = found {
            self.entries.remove(at);
        }
        found.is_ok()
    }

    /// Takes out all that bear a mark, and gives where they began.
    pub(super) fn remove_marked(&mut self, mark: Mark) -> Vec<Seq> {
        self.entries.extract_if(.., |entry| entry.is(mark)).map(|entry| entry.first).collect()
    }
}
