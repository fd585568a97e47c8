//! Something to read: pages, tables, keys.

use codex_event::Usage;
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::{Answer, Popup};
use crate::theme::Theme;

/// Lines that are made when they are looked at.
pub trait Lines: Send {
    /// Gives how many lines there are at a width.
    fn count(&mut self, width: u16) -> usize;

    /// Gives the lines from one on, at most so many, safe for a terminal.
    fn lines(&mut self, width: u16, from: usize, most: usize) -> Vec<Line<'static>>;
}

/// Keys that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyGroup {
    /// Where they count.
    pub title: String,
    /// Keys and what they do.
    pub keys: Vec<(String, String)>,
}

/// Names and values, as a status card shows them; an empty name goes on with the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// What it is about.
    pub title: String,
    /// The rows.
    pub rows: Vec<(String, String)>,
}

/// Tokens of a turn, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// What used them.
    pub label: String,
    /// The tokens.
    pub usage: Usage,
}

/// Something to read.
pub struct Reader {
    title: String,
}

impl Popup {
    /// Shows lines on the whole screen, from the last one on, with a search.
    pub fn pager(title: &str, _lines: Box<dyn Lines>) -> Popup {
        Popup::Reader(Box::new(Reader { title: title.to_owned() }))
    }

    /// Shows lines that are there already on the whole screen, from the first one on.
    pub fn pages(title: &str, _lines: Vec<Line<'static>>) -> Popup {
        Popup::Reader(Box::new(Reader { title: title.to_owned() }))
    }

    /// Shows what keys there are.
    pub fn help(_groups: Vec<KeyGroup>) -> Popup {
        Popup::Reader(Box::new(Reader { title: "Keys".to_owned() }))
    }

    /// Shows names and values.
    pub fn card(card: Card) -> Popup {
        Popup::Reader(Box::new(Reader { title: card.title }))
    }

    /// Shows the tokens that were used; the last row is the sum.
    pub fn usage(_rows: Vec<UsageRow>) -> Popup {
        Popup::Reader(Box::new(Reader { title: "Tokens".to_owned() }))
    }

    /// Shows a difference as git tells it.
    pub fn diff(_text: &str) -> Popup {
        Popup::Reader(Box::new(Reader { title: "Changes".to_owned() }))
    }
}

impl Reader {
    pub(super) fn is_full_screen(&self) -> bool {
        true
    }

    pub(super) fn height(&self) -> u16 {
        u16::MAX
    }

    pub(super) fn key(&mut self, _key: KeyEvent) -> Answer {
        Answer::Close
    }

    pub(super) fn paste(&mut self, _text: &str) -> Answer {
        Answer::Stay
    }

    pub(super) fn mouse(&mut self, _mouse: MouseEvent) -> Answer {
        Answer::Stay
    }

    pub(super) fn draw(&mut self, _: Rect, _: &mut Buffer, _: &Theme) -> Option<Position> {
        None
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("title", &self.title).finish_non_exhaustive()
    }
}
