//! The cells that are in memory.

use std::collections::BTreeMap;

use codex_event::Seq;
use codex_view::{Cell, Standing};

use super::index::Index;

/// Bytes of cells that are kept beyond those around what is in view.
pub(super) const BUDGET: usize = 8 << 20;

/// The cells that are in memory: those that may change, those that their own events don't give
/// again, and of the others as many as fit, near to what is in view.
#[derive(Debug, Default)]
pub(super) struct Held {
    open: BTreeMap<Seq, Cell>,
    alone: BTreeMap<Seq, Cell>,
    near: BTreeMap<Seq, Cell>,
    weight: usize,
}

impl Held {
    pub(super) fn get(&self, first: Seq) -> Option<&Cell> {
        let Held { open, alone, near, weight: _ } = self;
        near.get(&first).or_else(|| open.get(&first)).or_else(|| alone.get(&first))
    }

    pub(super) fn put(&mut self, cell: Cell) {
        self.remove(cell.first);
        let first = cell.first;
        match (cell.standing, cell.stands_alone()) {
            (Standing::Open, _) => drop(self.open.insert(first, cell)),
            (Standing::Settled | Standing::Broken, false) => drop(self.alone.insert(first, cell)),
            (Standing::Settled | Standing::Broken, true) => {
                self.weight += cell.weight();
                self.near.insert(first, cell);
            }
        }
    }

    pub(super) fn remove(&mut self, first: Seq) {
        self.open.remove(&first);
        self.alone.remove(&first);
        if let Some(cell) = self.near.remove(&first) {
            self.weight -= cell.weight();
        }
    }

    /// Gives the cells that may still change.
    pub(super) fn open(&self) -> impl Iterator<Item = &Cell> {
        self.open.values()
    }

    /// Gives the first positions of all cells.
    pub(super) fn firsts(&self) -> Vec<Seq> {
        let Held { open, alone, near, weight: _ } = self;
        near.keys().chain(open.keys()).chain(alone.keys()).copied().collect()
    }

    /// Lets the cells go that are farthest from what is in view until the rest fits; those from
    /// `spared.0` to `spared.1`, numbers of the index, stay whatever they weigh.
    pub(super) fn shrink(&mut self, budget: usize, index: &Index, spared: (usize, usize)) {
        let number = |first: &Seq| index.find(*first).unwrap_or_else(|at| at);
        while self.weight > budget {
            let oldest = self.near.first_key_value().map(|(first, _)| number(first));
            let newest = self.near.last_key_value().map(|(first, _)| number(first));
            let (Some(oldest), Some(newest)) = (oldest, newest) else { return };
            let before = spared.0.saturating_sub(oldest);
            let behind = newest.saturating_sub(spared.1);
            let gone = match (before, behind) {
                (0, 0) => return,
                _ if before >= behind => self.near.pop_first(),
                _ => self.near.pop_last(),
            };
            self.weight -= gone.map_or(0, |(_, cell)| cell.weight());
        }
    }
}
