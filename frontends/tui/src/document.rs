//! A session's cells as one long page, of which a part is in view.
//!
//! What is kept of a cell out of view is an [`index`] entry of 24 bytes: where its events are, and how
//! tall it is at the present width. Cells near the view are in memory; [`Document::wanted`] names the
//! events of those that are missing, and [`Document::loaded`] takes them. So the memory does not follow
//! the history, and no more of it is ever rendered than what is in view and what is scrolled over.
//!
//! The place is a cell and a line of it, not a number of lines from some end: what comes in before or
//! behind it moves nothing. Scrolling is by lines of what is really there: a step over a cell that is
//! not in memory waits for it.

mod held;
mod index;
mod place;
mod search;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use codex_event::Seq;
use codex_view::{CallState, Cell, CellBody, CellChange, Standing};
use ratatui::text::Line;

use crate::render::Fold;
use held::Held;
use index::{Index, Mark};
use place::Place;
use search::Search;

/// Cells before and behind what is in view that are always in memory.
const AROUND: usize = 32;
/// Most cells that are asked for at once.
const AT_ONCE: usize = 128;
/// Most events that are asked for at once, unless one cell has more.
const EVENTS_AT_ONCE: u64 = 512;
/// Stands where a cell is not in memory yet.
const MISSING: &str = "⋯";

/// Puts a cell into lines at the width of the view. They are shared, so that an answer of which most is as
/// it was is not copied for each picture.
pub type Draw<'a> = &'a mut dyn FnMut(&Cell, Fold) -> Rc<Vec<Line<'static>>>;

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scroll {
    /// So many lines towards the end; negative: towards the beginning.
    Lines(i32),
    /// So many screens, each with one line of the one before.
    Pages(i32),
    /// To the beginning.
    Top,
    /// To the end, and on with it as it grows.
    Bottom,
    /// To the cell that holds this event, at the top of the view.
    To(Seq),
}

/// In which direction hits are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// To what was before.
    Older,
    /// To what came later.
    Newer,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Cells that hold the words.
    pub hits: usize,
    /// Number of the hit that was gone to, from 1; none before.
    pub current: Option<usize>,
    /// Cells that were looked through.
    pub looked: usize,
    /// Cells that there are.
    pub of: usize,
}

/// The cells of a session, and the place at which they are looked at.
#[derive(Debug, Default)]
pub struct Document {
    index: Index,
    held: Held,
    budget: Option<usize>,
    fold: Fold,
    place: Place,
    /// Lines that are still to be scrolled.
    ahead: i64,
    width: u16,
    height: u16,
    /// Lines of cells in view.
    prints: HashMap<Seq, Rc<Vec<Line<'static>>>>,
    /// The cells in view, and how many rows each takes there.
    seen: Vec<(Seq, u16)>,
    /// Lines of the first one that are above the view.
    skipped: u32,
    search: Option<Search>,
    preview: Preview,
}

/// Whether the end of the journal stands for all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Preview {
    /// Nothing is there yet.
    #[default]
    Possible,
    /// It does, up to this position.
    Until(Seq),
    /// The events themselves are told.
    Over,
}

impl Document {
    /// Takes what became of a cell.
    pub fn apply(&mut self, change: CellChange) {
        if self.preview == Preview::Possible {
            self.preview = Preview::Over;
        }
        match change {
            CellChange::Put(cell) => self.put(cell, Rough::No),
            CellChange::Partial(cell) => self.put(cell, Rough::Yes),
            CellChange::Gone(first) => self.remove(first),
        }
    }

    /// Takes cells that were folded from the events of a range ([`codex_view::Cells::of`]).
    ///
    /// Before any change was applied this is the end of the journal, read before the rest: it is shown
    /// until its events come by themselves. Later it is what [`Document::wanted`] asked for; what it has
    /// of cells that reach beyond the range is left alone. An answer without the cells that were asked
    /// for means that they can't be read.
    pub fn loaded(&mut self, range: RangeInclusive<Seq>, cells: Vec<Cell>) {
        if self.preview == Preview::Possible && self.index.len() == 0 {
            self.preview = Preview::Until(*range.end());
            for cell in cells {
                let first = cell.first;
                self.insert(cell, Rough::No);
                self.mark(first, Mark::Preview);
            }
            return;
        }
        for cell in cells {
            let Some(entry) = self.index.entry(cell.first) else { continue };
            let lacks = entry.is(Mark::Rough) || self.held.get(cell.first).is_none();
            if entry.last() == cell.last && (lacks || self.search.is_some()) {
                self.insert(cell, Rough::No);
            }
        }
        self.give_up(&range);
        self.shrink();
    }

    /// Everything up to now was told: what only the preview had is no cell.
    pub fn caught_up(&mut self) {
        self.end_preview();
    }

    /// Gives the events that are wanted next: of cells in view and near it, then of those that a search
    /// has to look through. The same until they are there; ask for one range at a time.
    pub fn wanted(&self) -> Option<RangeInclusive<Seq>> {
        self.wanted_near().or_else(|| self.wanted_by_search())
    }

    /// Goes somewhere. How far a scroll by lines leads is known once what lies between is in memory.
    pub fn scroll(&mut self, scroll: Scroll) {
        let by = match scroll {
            Scroll::Lines(lines) => i64::from(lines),
            Scroll::Pages(pages) => i64::from(pages) * i64::from(self.height.max(2) - 1),
            Scroll::Top => return self.go(Place::Top),
            Scroll::Bottom => return self.go(Place::Bottom),
            Scroll::To(seq) => {
                let number = match self.index.find(seq) {
                    Ok(at) => at,
                    Err(at) => at.saturating_sub(1),
                };
                return match self.index.get(number) {
                    Some(entry) => self.go(Place::beginning(entry.first)),
                    None => self.go(Place::Bottom),
                };
            }
        };
        self.ahead = self.ahead.saturating_add(by);
    }

    /// Goes where another document of the same session is.
    pub fn stay_at(&mut self, other: &Document) {
        (self.place, self.ahead) = (other.place, other.ahead);
    }

    /// Tells whether the end is in view and stays so.
    pub fn is_following(&self) -> bool {
        self.place == Place::Bottom && self.ahead >= 0
    }

    /// Gives how many cells are before the first one in view, and how many there are.
    pub fn position(&self) -> (usize, usize) {
        let before = match self.seen.first() {
            Some((first, _)) => self.index.find(*first).unwrap_or_else(|at| at),
            None => self.index.len(),
        };
        (before, self.index.len())
    }

    /// Gives how many lines are behind what is in view; none when that is not known.
    pub fn below(&self) -> Option<usize> {
        let (last, rows) = self.seen.last()?;
        let at = self.index.find(*last).ok()?;
        let tall = |at| self.index.get(at)?.lines(self.width);
        let behind: Option<u64> =
            (at + 1..self.index.len()).map(|at| tall(at).map(u64::from)).sum();
        // Of the last one in view, what is not the last part of the screen's lines.
        let hidden = match self.seen.len() {
            1 => tall(at)?.saturating_sub(self.skipped + u32::from(*rows)),
            _ => tall(at)?.saturating_sub(u32::from(*rows)),
        };
        usize::try_from(behind? + u64::from(hidden)).ok()
    }

    /// Gives the beginning of the last cell that begins there or before; none when there is no such.
    pub fn last_until(&self, seq: Seq) -> Option<Seq> {
        let at = match self.index.find(seq) {
            Ok(at) => at,
            Err(at) => at.checked_sub(1)?,
        };
        self.index.get(at).map(|entry| entry.first)
    }

    /// Gives a cell that is in memory.
    pub fn cell(&self, first: Seq) -> Option<&Cell> {
        self.held.get(first)
    }

    /// Gives the cell in a row of what was in view last, counted from its first line.
    pub fn cell_at(&self, row: u16) -> Option<Seq> {
        let mut end = 0;
        self.seen.iter().find_map(|(first, rows)| {
            end += rows;
            (row < end).then_some(*first)
        })
    }

    /// Gives the rows of what was in view last that a cell takes there, from its first line in view.
    pub fn rows_of(&self, first: Seq) -> Option<Range<u16>> {
        let at = self.seen.iter().position(|(it, _)| *it == first)?;
        let before = self.seen[..at].iter().map(|(_, rows)| rows).sum();
        Some(before..before + self.seen[at].1)
    }

    /// Tells whether the beginning of a cell was in view last.
    pub fn shows(&self, first: Seq) -> bool {
        self.seen
            .iter()
            .enumerate()
            .any(|(at, (it, rows))| *it == first && *rows > 0 && (at > 0 || self.skipped == 0))
    }

    /// Gives how a cell is folded.
    pub fn fold_of(&self, first: Seq) -> Fold {
        self.index.find(first).map_or(self.fold, |at| self.fold_at(at))
    }

    /// Folds a cell, or unfolds it.
    pub fn toggle(&mut self, first: Seq) {
        let Some(entry) = self.index.entry(first) else { return };
        match entry.is(Mark::Turned) {
            true => entry.unmark(Mark::Turned),
            false => entry.mark(Mark::Turned),
        }
        entry.forget_lines();
        self.prints.remove(&first);
    }

    /// Folds all cells alike, those to come as well.
    pub fn fold_all(&mut self, fold: Fold) {
        self.fold = fold;
        self.index.iter_mut().for_each(|entry| entry.unmark(Mark::Turned));
        self.redraw();
    }

    /// Gives how cells are folded by default.
    pub fn fold(&self) -> Fold {
        self.fold
    }

    /// Cells look different from now on.
    pub fn redraw(&mut self) {
        self.index.iter_mut().for_each(index::Entry::forget_lines);
        self.prints.clear();
    }

    /// A cell looks different from now on.
    pub fn redraw_cell(&mut self, first: Seq) {
        if let Some(entry) = self.index.entry(first) {
            entry.forget_lines();
        }
        self.prints.remove(&first);
    }

    /// Begins to look for words, whatever their letters' size, from the newest cell on; empty words end
    /// the search. What is not in memory is asked for bit by bit ([`Document::wanted`]).
    pub fn find(&mut self, words: &str) {
        self.index.iter_mut().for_each(|entry| entry.unmark(Mark::Searched));
        self.search = (!words.is_empty()).then(|| Search::new(words));
        let Some(search) = &mut self.search else { return };
        for first in self.held.firsts() {
            if let (Some(entry), Some(cell)) = (self.index.entry(first), self.held.get(first))
                && !entry.is(Mark::Rough)
            {
                search.look(cell, entry);
            }
        }
    }

    /// Tells how far the search is; none when there is none.
    pub fn found(&self) -> Option<Found> {
        let search = self.search.as_ref()?;
        let current = search.current.filter(|at| search.hits.contains(at));
        Some(Found {
            hits: search.hits.len(),
            current: current.map(|at| search.hits.range(..=at).count()),
            looked: search.looked(),
            of: self.index.len(),
        })
    }

    /// Tells whether a cell holds the words that are looked for.
    pub fn is_hit(&self, first: Seq) -> bool {
        self.search.as_ref().is_some_and(|search| search.hits.contains(&first))
    }

    /// Goes to the next hit, and gives it; the first time to the one nearest to the view.
    pub fn step(&mut self, toward: Toward) -> Option<Seq> {
        let search = self.search.as_mut()?;
        let hits = &search.hits;
        let hit = match (search.current, toward) {
            (Some(at), Toward::Older) => hits.range(..at).next_back(),
            (Some(at), Toward::Newer) => hits.range(at.next()..).next(),
            (None, Toward::Older) => {
                let end = self.seen.last().map_or(Seq(u64::MAX), |(last, _)| *last);
                hits.range(..=end).next_back()
            }
            (None, Toward::Newer) => {
                let begin = self.seen.first().map_or(Seq(0), |(first, _)| *first);
                hits.range(begin..).next()
            }
        };
        let hit = hit.copied()?;
        search.current = Some(hit);
        self.scroll(Scroll::To(hit));
        Some(hit)
    }

    fn go(&mut self, place: Place) {
        (self.place, self.ahead) = (place, 0);
    }

    fn put(&mut self, cell: Cell, rough: Rough) {
        if let Preview::Until(end) = self.preview
            && cell.last > end
        {
            self.end_preview();
        }
        self.insert(cell, rough);
        self.shrink();
    }

    fn insert(&mut self, cell: Cell, rough: Rough) {
        let first = cell.first;
        let entry = self.index.put(first, cell.last);
        entry.forget_lines();
        entry.unmark(Mark::Preview);
        entry.unmark(Mark::Failed);
        match (rough, &mut self.search) {
            (Rough::Yes, search) => {
                entry.mark(Mark::Rough);
                if let Some(search) = search {
                    search.forget(first, Some(entry));
                }
            }
            (Rough::No, search) => {
                entry.unmark(Mark::Rough);
                if let Some(search) = search {
                    search.look(&cell, entry);
                }
            }
        }
        self.prints.remove(&first);
        self.held.put(cell);
    }

    fn remove(&mut self, first: Seq) {
        if let Some(search) = &mut self.search {
            search.forget(first, self.index.entry(first));
        }
        self.index.remove(first);
        self.prints.remove(&first);
        self.held.remove(first);
    }

    fn end_preview(&mut self) {
        if let Preview::Until(_) = std::mem::replace(&mut self.preview, Preview::Over) {
            for first in self.index.remove_marked(Mark::Preview) {
                self.remove(first);
            }
        }
    }

    fn mark(&mut self, first: Seq, mark: Mark) {
        if let Some(entry) = self.index.entry(first) {
            entry.mark(mark);
        }
    }

    fn fold_at(&self, at: usize) -> Fold {
        let turned = self.index.get(at).is_some_and(|entry| entry.is(Mark::Turned));
        match (self.fold, turned) {
            (Fold::Folded, false) | (Fold::Unfolded, true) => Fold::Folded,
            (Fold::Folded, true) | (Fold::Unfolded, false) => Fold::Unfolded,
        }
    }

    /// What a range was asked for and did not bring can't be had.
    fn give_up(&mut self, range: &RangeInclusive<Seq>) {
        let begin = self.index.find(*range.start()).unwrap_or_else(|at| at);
        for at in begin..self.index.len() {
            let Some(entry) = self.index.get_mut(at).filter(|it| it.first <= *range.end()) else {
                return;
            };
            let lacks = entry.is(Mark::Rough) || self.held.get(entry.first).is_none();
            if lacks && entry.last() <= *range.end() {
                entry.mark(Mark::Failed);
                if let Some(search) = &mut self.search {
                    search.pass(entry);
                }
            }
        }
    }

    fn shrink(&mut self) {
        let (begin, end) = self.around();
        self.held.shrink(self.budget.unwrap_or(held::BUDGET), &self.index, (begin, end));
    }

    /// Gives the numbers of the first and the last cell that are to be in memory.
    fn around(&self) -> (usize, usize) {
        let (begin, end) = self.in_view();
        (begin.saturating_sub(AROUND), (end + AROUND).min(self.index.len().saturating_sub(1)))
    }

    /// Gives the numbers of the first and the last cell in view.
    fn in_view(&self) -> (usize, usize) {
        let last = self.index.len().saturating_sub(1);
        let number = |first: Seq| self.index.find(first).unwrap_or_else(|at| at).min(last);
        let seen = self.seen.first().zip(self.seen.last());
        let seen = seen.map(|((first, _), (end, _))| (number(*first), number(*end)));
        // What was in view counts while it still is what will be.
        match (self.place, seen) {
            (Place::Bottom, Some((first, end))) if end == last => (first, end),
            (Place::Bottom, _) => (last, last),
            (Place::Top, Some((0, end))) => (0, end),
            (Place::Top, _) => (0, 0),
            (Place::At(anchor), seen) => {
                let at = number(anchor.first);
                seen.filter(|(first, end)| (*first..=*end).contains(&at)).unwrap_or((at, at))
            }
        }
    }

    fn lacks(&self, at: usize) -> bool {
        self.index.get(at).is_some_and(|entry| {
            !entry.is(Mark::Failed)
                && (entry.is(Mark::Rough) || self.held.get(entry.first).is_none())
        })
    }

    fn wanted_near(&self) -> Option<RangeInclusive<Seq>> {
        let ((first, last), (begin, end)) = (self.in_view(), self.around());
        let before = (begin..first).rev().find(|at| self.lacks(*at));
        let within = (first..=last).find(|at| self.lacks(*at));
        let behind = (last + 1..=end).find(|at| self.lacks(*at));
        let older = |at: usize| self.run((0..=at).rev());
        let newer = |at: usize| self.run(at..self.index.len());
        match (within, before, behind) {
            (Some(at), ..) if self.place == Place::Bottom => {
                older((at..=last).rev().find(|at| self.lacks(*at))?)
            }
            (Some(at), ..) => newer(at),
            (None, Some(at), _) if self.ahead <= 0 => older(at),
            (None, _, Some(at)) => newer(at),
            (None, Some(at), None) => older(at),
            (None, None, None) => None,
        }
    }

    fn wanted_by_search(&self) -> Option<RangeInclusive<Seq>> {
        self.search.as_ref().filter(|search| search.looked() < self.index.len())?;
        let left = |at: &usize| self.index.get(*at).is_some_and(|it| !it.is(Mark::Searched));
        let at = (0..self.index.len()).rev().find(left)?;
        self.reach((0..=at).rev().take_while(left))
    }

    /// Gives the events of the cells that are missing, one after the other.
    fn run(&self, numbers: impl Iterator<Item = usize>) -> Option<RangeInclusive<Seq>> {
        self.reach(numbers.take_while(|at| self.lacks(*at)).take(AT_ONCE))
    }

    /// Gives the events of some cells, as many of them as are read at once.
    fn reach(&self, numbers: impl Iterator<Item = usize>) -> Option<RangeInclusive<Seq>> {
        let mut range: Option<RangeInclusive<Seq>> = None;
        for entry in numbers.filter_map(|at| self.index.get(at)) {
            let (mut begin, mut end) = (entry.first, entry.last());
            if let Some(before) = &range {
                (begin, end) = (begin.min(*before.start()), end.max(*before.end()));
                if end.0 - begin.0 >= EVENTS_AT_ONCE {
                    break;
                }
            }
            range = Some(begin..=end);
        }
        range
    }
}

/// Whether a cell lacks texts that lie in blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rough {
    Yes,
    No,
}

/// Tells whether a cell looks the same whatever the clock shows.
fn is_timeless(cell: &Cell) -> bool {
    match (&cell.body, cell.standing) {
        (_, Standing::Settled | Standing::Broken) => true,
        (CellBody::Call(call), Standing::Open) => match call.state {
            CallState::Waiting | CallState::Running { .. } => false,
            CallState::Ended { .. } | CallState::Lost { .. } => true,
        },
        (
            CellBody::Prompt(_)
            | CellBody::Message(_)
            | CellBody::Reasoning(_)
            | CellBody::OwnCommand(_)
            | CellBody::Notice(_)
            | CellBody::TurnEnd(_),
            Standing::Open,
        ) => true,
    }
}
