//! The part of the page that is in view.

use std::rc::Rc;

use codex_event::Seq;
use ratatui::text::Line;

use super::index::Mark;
use super::{Document, Draw, MISSING, is_timeless};

/// Where the view is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// At the end, also when that moves.
    #[default]
    Bottom,
    /// At the beginning, also when something comes before it.
    Top,
    /// With a certain line at its top.
    At(Anchor),
}

/// A line of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) first: Seq,
    line: u32,
    /// The width at which it is that line, and how many the cell had there. At another width it is the
    /// line in proportion, and at this one the same again.
    width: u16,
    of: u32,
}

/// A cell by its number, and a line of it; the number of cells stands for the end.
pub(super) type Spot = (usize, u32);

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Arrived,
    /// At the beginning or the end of everything.
    Edge,
    /// Before a cell of which it is not known how tall it is; so many lines were left.
    Blocked(u64),
}

/// What a walk goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Footing {
    /// Also over cells of which not all is there.
    Any,
    /// Over cells that are as tall as they will be.
    Firm,
}

impl Place {
    pub(super) fn beginning(first: Seq) -> Place {
        Place::At(Anchor { first, line: 0, width: 0, of: 0 })
    }
}

impl Document {
    /// Gives the lines in view, at most `height`. All of them, unless the whole is shorter.
    ///
    /// `draw` puts a cell into lines of this width, and gives the same ones for the same cell and fold,
    /// as long as the cell is not being carried out. It is asked for what is in view and was not there
    /// before, and for what is scrolled over.
    pub fn view(&mut self, width: u16, height: u16, draw: Draw<'_>) -> Vec<Line<'static>> {
        (self.height, self.seen) = (height, Vec::new());
        if self.width != width.max(1) {
            self.width = width.max(1);
            self.prints.clear();
        }
        let moving: Vec<Seq> =
            self.held.open().filter(|cell| !is_timeless(cell)).map(|cell| cell.first).collect();
        for first in moving {
            self.prints.remove(&first);
            if let Some(entry) = self.index.entry(first) {
                entry.forget_lines();
            }
        }
        if height == 0 || self.index.len() == 0 {
            return Vec::new();
        }
        self.walk(draw);
        let (mut spot, stop) = self.top(Footing::Any, draw);
        self.skipped = spot.1;
        let mut lines: Vec<Line<'static>> = Vec::with_capacity(usize::from(height));
        if let (Place::Bottom, Stop::Blocked(left)) = (self.place, stop) {
            // The end stays where it is while the rest is on its way.
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            lines.resize(left.min(usize::from(height)), Line::default());
            lines.last_mut().into_iter().for_each(|line| *line = Line::from(MISSING));
            if let Some(entry) = spot.0.checked_sub(1).and_then(|at| self.index.get(at)) {
                self.seen.push((entry.first, u16::try_from(lines.len()).unwrap_or(height)));
            }
        }
        while lines.len() < usize::from(height) && spot.0 < self.index.len() {
            let before = lines.len();
            let whole = self.add(spot, usize::from(height), &mut lines, draw);
            let rows = u16::try_from(lines.len() - before).unwrap_or(height);
            if let Some(entry) = self.index.get(spot.0) {
                self.seen.push((entry.first, rows));
            }
            if !whole {
                break;
            }
            spot = (spot.0 + 1, 0);
        }
        let seen = &self.seen;
        self.prints.retain(|first, _| seen.iter().any(|(it, _)| it == first));
        self.shrink();
        lines
    }

    /// Adds the lines of a cell from a line on; false when it is not known how many there are.
    fn add(
        &mut self,
        (at, line): Spot,
        height: usize,
        lines: &mut Vec<Line<'static>>,
        draw: Draw<'_>,
    ) -> bool {
        let (room, from) = (height - lines.len(), line as usize);
        if let Some(print) = self.print(at, draw) {
            lines.extend(print.iter().skip(from).take(room).cloned());
            return true;
        }
        let Some(entry) = self.index.get(at) else { return false };
        let gone = entry.is(Mark::Failed).then_some(1);
        let tall = entry.lines(self.width).or(gone);
        let rows = tall.map_or(1, |tall| (tall as usize).saturating_sub(from)).min(room);
        lines.extend((0..rows).map(|row| match row {
            0 => Line::from(MISSING),
            _ => Line::default(),
        }));
        tall.is_some()
    }

    /// Gives the lines of a cell that is in memory.
    fn print(&mut self, at: usize, draw: Draw<'_>) -> Option<Rc<Vec<Line<'static>>>> {
        let first = self.index.get(at)?.first;
        let known = self.index.get(at).is_some_and(|it| it.lines(self.width).is_some());
        if let Some(print) = self.prints.get(&first).filter(|_| known) {
            return Some(Rc::clone(print));
        }
        let print = draw(self.held.get(first)?, self.fold_at(at));
        let width = self.width;
        self.index.get_mut(at)?.measured(width, print.len());
        self.prints.insert(first, Rc::clone(&print));
        Some(print)
    }

    /// Gives how tall a cell is, if that can be known.
    fn tall(&mut self, at: usize, footing: Footing, draw: Draw<'_>) -> Option<u32> {
        let entry = *self.index.get(at)?;
        let rough = entry.is(Mark::Rough) && !entry.is(Mark::Failed);
        if footing == Footing::Firm && rough {
            return None;
        }
        if let Some(tall) = entry.lines(self.width) {
            return Some(tall);
        }
        match self.print(at, draw) {
            Some(print) => u32::try_from(print.len()).ok(),
            // It can't be had, and must not be in the way.
            None => entry.is(Mark::Failed).then_some(1),
        }
    }

    fn up(&mut self, from: Spot, mut by: u64, footing: Footing, draw: Draw<'_>) -> (Spot, Stop) {
        let (mut at, mut line) = from;
        loop {
            if by <= u64::from(line) {
                return ((at, line - by as u32), Stop::Arrived);
            }
            by -= u64::from(line);
            if at == 0 {
                return ((0, 0), Stop::Edge);
            }
            match self.tall(at - 1, footing, draw) {
                Some(tall) => (at, line) = (at - 1, tall),
                None => return ((at, 0), Stop::Blocked(by)),
            }
        }
    }

    fn down(&mut self, from: Spot, mut by: u64, footing: Footing, draw: Draw<'_>) -> (Spot, Stop) {
        let (mut at, mut line) = from;
        loop {
            if at >= self.index.len() {
                return ((self.index.len(), 0), Stop::Edge);
            }
            let Some(tall) = self.tall(at, footing, draw) else {
                return ((at, line), Stop::Blocked(by));
            };
            let left = u64::from(tall.saturating_sub(line));
            if by < left {
                return ((at, line + by as u32), Stop::Arrived);
            }
            by -= left;
            (at, line) = (at + 1, 0);
        }
    }

    /// Gives the first line in view, before what is still to be scrolled.
    fn top(&mut self, footing: Footing, draw: Draw<'_>) -> (Spot, Stop) {
        let (end, height) = ((self.index.len(), 0), u64::from(self.height));
        let spot = match self.place {
            Place::Bottom => return self.up(end, height, footing, draw),
            Place::Top => (0, 0),
            Place::At(anchor) => self.spot(anchor, draw),
        };
        // Behind the end is nothing to be seen: what is before it fills the view.
        match self.down(spot, height, footing, draw) {
            (_, Stop::Edge) => match self.up(end, height, footing, draw) {
                (top, Stop::Arrived | Stop::Edge) => (top.min(spot), Stop::Arrived),
                (_, blocked @ Stop::Blocked(_)) => (spot, blocked),
            },
            (_, Stop::Arrived | Stop::Blocked(_)) => (spot, Stop::Arrived),
        }
    }

    fn spot(&mut self, anchor: Anchor, draw: Draw<'_>) -> Spot {
        let at = match self.index.find(anchor.first) {
            Ok(at) => at,
            // It is gone; what follows it has moved up.
            Err(at) => return (at, 0),
        };
        let Some(tall) = self.tall(at, Footing::Any, draw) else { return (at, 0) };
        let line = match anchor.width == self.width || anchor.of == 0 {
            true => u64::from(anchor.line),
            false => u64::from(anchor.line) * u64::from(tall) / u64::from(anchor.of),
        };
        (at, u32::try_from(line).unwrap_or(u32::MAX).min(tall.saturating_sub(1)))
    }

    fn place_at(&mut self, (at, line): Spot) {
        self.place = match self.index.get(at) {
            Some(entry) => {
                let of = entry.lines(self.width).unwrap_or(0);
                Place::At(Anchor { first: entry.first, line, width: self.width, of })
            }
            None => Place::Bottom,
        };
    }

    /// Scrolls as far as what lies between is there.
    fn walk(&mut self, draw: Draw<'_>) {
        if self.ahead == 0 {
            return;
        }
        let (top, stop) = self.top(Footing::Firm, draw);
        match (self.place, stop) {
            // From where is not known yet.
            (_, Stop::Blocked(_)) => return,
            // All of it is in view.
            (Place::Bottom, Stop::Edge) => return self.ahead = 0,
            (Place::Bottom, Stop::Arrived) if self.ahead > 0 => return self.ahead = 0,
            (_, Stop::Arrived) | (Place::Top | Place::At(_), Stop::Edge) => {}
        }
        let by = self.ahead.unsigned_abs();
        if self.ahead < 0 {
            let (spot, stop) = self.up(top, by, Footing::Firm, draw);
            self.ahead = match stop {
                Stop::Blocked(left) => i64::try_from(left).map_or(i64::MIN, |left| -left),
                Stop::Arrived | Stop::Edge => 0,
            };
            if spot != top || self.ahead != 0 {
                self.place_at(spot);
            }
            return;
        }
        let (spot, stop) = self.down(top, by, Footing::Firm, draw);
        self.ahead = match stop {
            Stop::Blocked(left) => i64::try_from(left).unwrap_or(i64::MAX),
            Stop::Arrived | Stop::Edge => 0,
        };
        self.place_at(spot);
        let (_, stop) = self.down(spot, u64::from(self.height), Footing::Firm, draw);
        if stop == Stop::Edge {
            self.go_to_end();
        }
    }

    fn go_to_end(&mut self) {
        (self.place, self.ahead) = (Place::Bottom, 0);
    }
}
