//! Words looked for in all cells, also in those that are not in memory.

use std::collections::BTreeSet;

use codex_event::Seq;
use codex_view::Cell;

use super::index::{Entry, Mark};

/// A search under way.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// In small letters.
    needle: String,
    pub(super) hits: BTreeSet<Seq>,
    /// The hit that was gone to last.
    pub(super) current: Option<Seq>,
    looked: usize,
}

impl Search {
    pub(super) fn new(words: &str) -> Search {
        let needle = words.to_lowercase();
        Search { needle, hits: BTreeSet::new(), current: None, looked: 0 }
    }

    /// Looks through a cell, all of whose texts are there.
    pub(super) fn look(&mut self, cell: &Cell, entry: &mut Entry) {
        let holds = |text: &String| text.to_lowercase().contains(&self.needle);
        if cell.texts().iter().any(holds) {
            self.hits.insert(cell.first);
        } else {
            self.hits.remove(&cell.first);
        }
        self.pass(entry);
    }

    /// Takes a cell for searched.
    pub(super) fn pass(&mut self, entry: &mut Entry) {
        if !entry.is(Mark::Searched) {
            entry.mark(Mark::Searched);
            self.looked += 1;
        }
    }

    /// A cell has to be searched again, or is gone.
    pub(super) fn forget(&mut self, first: Seq, entry: Option<&mut Entry>) {
        self.hits.remove(&first);
        if let Some(entry) = entry
            && entry.is(Mark::Searched)
        {
            entry.unmark(Mark::Searched);
            self.looked = self.looked.saturating_sub(1);
        }
    }

    pub(super) fn looked(&self) -> usize {
        self.looked
    }
}
