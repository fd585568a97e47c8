//! Below what the terminal shows: what is finished is handed out once, and what is left is drawn; and
//! the last part of the conversation, for the normal screen.

use std::cell::RefCell;
use std::rc::Rc;

use codex_event::Seq;
use codex_view::{Cell, CellBody, Standing};
use ratatui::text::Line;

use super::App;
use super::view::View;
use crate::draw;
use crate::keymap::{Action, When};
use crate::options::Screen;
use crate::render::{self, Fold, Look, Stream};

/// Cells of a session that was there before that go into the scrollback.
const PAST: usize = 40;
/// Lines that are left on the normal screen.
const LEFT: usize = 40;

impl App {
    /// Hands out, once, the lines of what is as it will be: they go into the terminal's own scrollback.
    pub fn finished(&mut self, width: u16) -> Vec<Line<'static>> {
        let looking = Looking::of(self);
        let mut settled = Vec::new();
        let mut next = Seq(u64::MAX);
        if let Some(fresh) = self.view.as_mut().and_then(|view| view.fresh.as_mut()) {
            while let Some(entry) = fresh.first_entry() {
                if entry.get().standing == Standing::Open {
                    next = *entry.key();
                    break;
                }
                settled.push(entry.remove());
            }
        }
        let mut lines = Vec::new();
        for cell in settled {
            lines.extend(self.due(cell.first, width));
            lines.extend(Rc::unwrap_or_clone(looking.cell(&cell, width, &self.stream)));
        }
        lines.extend(self.due(next, width));
        lines
    }

    /// Takes what stands before a position and is as it will be.
    fn due(&mut self, before: Seq, width: u16) -> Vec<Line<'static>> {
        let theme = &self.theme;
        let due = self.locals.extract_if(.., |local| local.after < before && local.is_settled());
        due.flat_map(|local| local.lines(theme, width)).collect()
    }

    /// Gives the rows that the live part needs, at most `rows`.
    pub fn live_height(&self, width: u16, rows: u16) -> u16 {
        let lines = self.live_lines(width, usize::from(rows)).len();
        let lines = u16::try_from(lines).unwrap_or(u16::MAX);
        lines.saturating_add(draw::bottom_height(self, width, rows)).clamp(1, rows.max(1))
    }

    /// Tells whether the other screen is needed: in inline mode, for as long as a pager is open.
    pub fn is_full_screen(&self) -> bool {
        self.reading.is_some() || self.popups.last().is_some_and(|popup| popup.is_full_screen())
    }

    /// Gives the last part of the conversation, which stays on the normal screen.
    pub fn farewell(&mut self, width: u16) -> Vec<Line<'static>> {
        let looking = Looking::of(self);
        let (stream, Some(view)) = (&self.stream, &mut self.view) else { return Vec::new() };
        let height = u16::try_from(LEFT).unwrap_or(u16::MAX);
        view.document.scroll(crate::document::Scroll::Bottom);
        let mut draw = |cell: &Cell, fold: Fold| looking.folded(cell, fold, width, stream);
        view.document.view(width, height, &mut draw)
    }

    /// Gives the last lines of what is not finished, at most so many; nothing before them is drawn.
    pub(crate) fn live_lines(&self, width: u16, most: usize) -> Vec<Line<'static>> {
        // From the end on.
        let mut parts = Vec::new();
        let mut left = most;
        let mut add = |lines: &[Line<'static>]| {
            let part = &lines[lines.len().saturating_sub(left)..];
            left -= part.len();
            parts.push(part.to_vec());
            left > 0
        };
        let mut locals = self.locals.iter().rev();
        let room = locals.all(|local| add(&local.lines(&self.theme, width)));
        if room && self.view.is_none() {
            add(&draw::welcome(self, width));
        }
        let looking = Looking::of(self);
        let fresh = self.view.as_ref().and_then(|view| view.fresh.as_ref()).filter(|_| room);
        let mut cells = fresh.into_iter().flat_map(|fresh| fresh.values().rev());
        cells.all(|cell| add(&looking.cell(cell, width, &self.stream)));
        parts.into_iter().rev().flatten().collect()
    }

    /// Of a session that was there before, only the last part goes into the scrollback.
    pub(super) fn skip_past(&self, view: &mut View) {
        if self.options.screen != Screen::Inline {
            return;
        }
        let shown = self.view.as_ref().filter(|old| old.session == view.session);
        let Some(fresh) = &mut view.fresh else { return };
        if let Some(old) = shown {
            // Printed already; what was not yet is at the end of what is there.
            let from = old.fresh.as_ref().and_then(|fresh| fresh.keys().next().copied());
            let from = from.unwrap_or(old.last.next());
            *fresh = fresh.split_off(&from);
            return;
        }
        while fresh.len() > PAST {
            fresh.pop_first();
        }
    }
}

/// Lines as they are drawn.
type Lines = Rc<Vec<Line<'static>>>;

/// What cells are drawn with.
pub(crate) struct Looking {
    theme: crate::theme::Theme,
    fold: Fold,
    now: codex_event::Timestamp,
    cwd: String,
    home: Option<String>,
    unfold: String,
}

impl Looking {
    pub(crate) fn of(app: &App) -> Looking {
        Looking {
            theme: app.theme.clone(),
            fold: app.fold,
            now: app.wall(),
            cwd: app.view.as_ref().map(|view| view.status.cwd.clone()).unwrap_or_default(),
            home: app.home(),
            unfold: app.options.keymap.name(Action::Unfold, When::Always),
        }
    }

    pub(crate) fn cell(&self, cell: &Cell, width: u16, stream: &RefCell<Stream>) -> Lines {
        self.folded(cell, self.fold, width, stream)
    }

    /// Puts a cell into lines; of an answer that comes in, only what is new.
    pub(crate) fn folded(
        &self,
        cell: &Cell,
        fold: Fold,
        width: u16,
        stream: &RefCell<Stream>,
    ) -> Lines {
        if let (CellBody::Message(text), Standing::Open) = (&cell.body, cell.standing) {
            let mut stream = stream.borrow_mut();
            return stream.message(text, cell.standing, &self.theme, width);
        }
        let look = Look {
            theme: &self.theme,
            fold,
            now: self.now,
            cwd: &self.cwd,
            home: self.home.as_deref(),
            unfold: &self.unfold,
        };
        Rc::new(render::cell(cell, &look, width))
    }
}
