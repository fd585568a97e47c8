//! A selection in a list that may be longer than its area.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

/// Which row is selected, which is drawn first, and where the rows were drawn last.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    selected: Option<usize>,
    first: usize,
    len: usize,
    /// Where the rows were drawn last, and the lines of each less one.
    area: Rect,
    extra: u16,
}

/// What a key or the mouse did to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// Nothing: it is not for a list.
    No,
    /// The selection is another one, or as far as it can be.
    Yes,
    /// A row was clicked; it is selected.
    Clicked,
}

impl List {
    /// A list whose row is selected; none when there is no such row.
    pub(super) fn new(len: usize, selected: Option<usize>) -> List {
        let selected = selected.filter(|it| *it < len);
        List { selected, len, ..List::default() }
    }

    /// The row that is selected.
    pub(super) fn selected(&self) -> Option<usize> {
        self.selected
    }

    /// Selects a row, if there is such a one.
    pub(super) fn select(&mut self, row: Option<usize>) {
        self.selected = row.filter(|it| *it < self.len);
    }

    /// Takes that there are this many rows now, and selects the first.
    pub(super) fn restart(&mut self, len: usize) {
        *self = List { area: self.area, ..List::new(len, Some(0)) };
    }

    /// Takes a key that moves: arrows, pages, ends; also Ctrl-P and Ctrl-N.
    pub(super) fn key(&mut self, key: KeyEvent) -> Moved {
        let page = usize::from(self.area.height / (self.extra + 1)).max(2) - 1;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Up => self.back(1),
            KeyCode::Down => self.on(1),
            KeyCode::Char('p') if control => self.back(1),
            KeyCode::Char('n') if control => self.on(1),
            KeyCode::PageUp => self.back(page),
            KeyCode::PageDown => self.on(page),
            KeyCode::Home => self.select(Some(0)),
            KeyCode::End => self.select(self.len.checked_sub(1)),
            _ => return Moved::No,
        }
        Moved::Yes
    }

    /// Takes a click or the wheel.
    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Moved {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.back(1),
            MouseEventKind::ScrollDown => self.on(1),
            MouseEventKind::Down(MouseButton::Left)
                if self.area.contains(Position::new(mouse.column, mouse.row)) =>
            {
                let row = self.first + usize::from((mouse.row - self.area.y) / (self.extra + 1));
                if row >= self.len {
                    return Moved::No;
                }
                self.selected = Some(row);
                return Moved::Clicked;
            }
            _ => return Moved::No,
        }
        Moved::Yes
    }

    /// Gives the rows that are drawn in an area, one line each, with the selected one among them.
    pub(super) fn window(&mut self, area: Rect) -> std::ops::Range<usize> {
        self.window_of(area, 1)
    }

    /// The same for rows of several lines.
    pub(super) fn window_of(&mut self, area: Rect, lines: u16) -> std::ops::Range<usize> {
        self.area = area;
        self.extra = lines.max(1) - 1;
        let rows = usize::from(area.height / lines.max(1));
        if let Some(selected) = self.selected {
            self.first = self.first.min(selected);
            if selected >= self.first + rows {
                self.first = selected + 1 - rows.max(1);
            }
        }
        self.first = self.first.min(self.len.saturating_sub(rows));
        self.first..self.len.min(self.first + rows)
    }

    fn back(&mut self, rows: usize) {
        let last = self.len.checked_sub(1);
        self.selected = match self.selected {
            None => last,
            // A single step from the first goes round to the last.
            Some(0) if rows == 1 => last,
            Some(at) => Some(at.saturating_sub(rows)),
        };
    }

    fn on(&mut self, rows: usize) {
        let Some(last) = self.len.checked_sub(1) else { return };
        self.selected = match self.selected {
            None => Some(0),
            Some(at) if at == last && rows == 1 => Some(0),
            Some(at) => Some(last.min(at.saturating_add(rows))),
        };
    }
}
