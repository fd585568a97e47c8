//! Stub.
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use codex_event::Seq;
use codex_view::{Cell, CellChange};
use ratatui::text::Line;

use crate::render::Fold;

/// Scroll.
#[derive(Clone, Copy, Debug)]
pub enum Scroll {
    /// Lines.
    Lines(i32),
    /// Pages.
    Pages(i32),
    /// Top.
    Top,
    /// Bottom.
    Bottom,
    /// To.
    To(Seq),
}

/// Stub.
#[derive(Debug, Default)]
pub struct Document {
    cells: BTreeMap<Seq, Cell>,
}

impl Document {
    /// Apply.
    pub fn apply(&mut self, change: CellChange) {
        match change {
            CellChange::Put(cell) | CellChange::Partial(cell) => drop(self.cells.insert(cell.first, cell)),
            CellChange::Gone(seq) => drop(self.cells.remove(&seq)),
        }
    }
    /// Loaded.
    pub fn loaded(&mut self, _range: RangeInclusive<Seq>, _cells: Vec<Cell>) {}
    /// Wanted.
    pub fn wanted(&self) -> Option<RangeInclusive<Seq>> {
        None
    }
    /// Scroll.
    pub fn scroll(&mut self, _scroll: Scroll) {}
    /// Following.
    pub fn is_following(&self) -> bool {
        true
    }
    /// Below.
    pub fn below(&self) -> Option<usize> {
        None
    }
    /// Fold all.
    pub fn fold_all(&mut self, _fold: Fold) {}
    /// View.
    pub fn view(
        &mut self,
        _width: u16,
        height: u16,
        draw: &mut dyn FnMut(&Cell, Fold) -> Vec<Line<'static>>,
    ) -> Vec<Line<'static>> {
        let mut lines: Vec<Line<'static>> = Vec::new();
        for cell in self.cells.values() {
            lines.extend(draw(cell, Fold::Folded));
        }
        let over = lines.len().saturating_sub(usize::from(height));
        lines.split_off(over)
    }
}
