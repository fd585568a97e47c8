//! What lies over the conversation for a while: questions, pickers, pages to read.
//!
//! A popup is made of plain data and holds its own state, nothing else; a key gives an [`Answer`], and
//! whoever holds the popup carries it out. Each one is complete by keyboard alone and names its keys.
//! Everything drawn is foreign text: what somebody is asked to allow is shown with its hidden
//! characters, all else without.

mod answer;
mod approval;
mod chooser;
mod dialog;
mod field;
mod frame;
mod guard;
mod list;
mod palette;
mod reader;
mod sessions;

#[cfg(test)]
mod tests;

use crossterm::event::{KeyEvent, KeyEventKind, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use self::guard::Guard;
use crate::theme::Theme;
use crate::update::Moment;

pub use answer::{Action, Answer};
pub use approval::{Approval, Asked};
pub use chooser::{Chooser, PromptRow};
pub use dialog::{Dialog, Leaving};
pub use palette::{CommandRow, Commands};
pub use reader::{Card, KeyGroup, Lines, Reader, UsageRow, Way};
pub use sessions::Sessions;

/// Something that lies over the conversation.
#[derive(Debug)]
pub enum Popup {
    /// A question that a call waits for.
    Approval(Box<Approval>),
    /// The slash commands that match what stands in the composer.
    Commands(Box<Commands>),
    /// The sessions of this home.
    Sessions(Box<Sessions>),
    /// One of several values.
    Chooser(Box<Chooser>),
    /// Something to read.
    Reader(Box<Reader>),
    /// Something to confirm or to decide.
    Dialog(Box<Dialog>),
}

impl Popup {
    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        if key.kind == KeyEventKind::Release {
            return Answer::Stay;
        }
        match self {
            Popup::Approval(it) => it.key(key),
            Popup::Commands(it) => it.key(key),
            Popup::Sessions(it) => it.key(key),
            Popup::Chooser(it) => it.key(key),
            Popup::Reader(it) => it.key(key),
            Popup::Dialog(it) => it.key(key),
        }
    }

    /// Takes pasted text: it goes into the popup's field, and nowhere when it has none.
    pub fn paste(&mut self, text: &str) -> Answer {
        match self {
            Popup::Approval(it) => it.paste(text),
            Popup::Commands(_) => Answer::Pass,
            Popup::Sessions(it) => it.paste(text),
            Popup::Chooser(it) => it.paste(text),
            Popup::Reader(it) => it.paste(text),
            Popup::Dialog(it) => it.paste(text),
        }
    }

    /// Takes a click or a turn of the wheel, by the places of the last drawing.
    pub fn mouse(&mut self, _now: Moment, mouse: MouseEvent) -> Answer {
        match self {
            Popup::Approval(it) => it.mouse(mouse),
            Popup::Commands(it) => it.mouse(mouse),
            Popup::Sessions(it) => it.mouse(mouse),
            Popup::Chooser(it) => it.mouse(mouse),
            Popup::Reader(it) => it.mouse(mouse),
            Popup::Dialog(it) => it.mouse(mouse),
        }
    }

    /// Makes it one that opened by itself: no letter, Enter or arrow answers it before it was drawn, nor
    /// while a text is under way.
    #[must_use]
    pub fn by_itself(mut self) -> Popup {
        match &mut self {
            Popup::Approval(it) => it.guard = Guard::Unseen,
            Popup::Dialog(it) => it.guard = Guard::Unseen,
            Popup::Commands(_) | Popup::Sessions(_) | Popup::Chooser(_) | Popup::Reader(_) => {}
        }
        self
    }

    /// Tells whether a click is no answer to it, but was meant for what was there before. `last` is when it
    /// appeared, or a key of a text or a button was pressed before this click, whichever came last.
    pub fn holds_click(&mut self, now: Moment, last: Option<Moment>) -> bool {
        match self {
            Popup::Approval(it) => it.holds_click(now, last),
            Popup::Dialog(it) => it.holds_click(now, last),
            Popup::Commands(_) | Popup::Sessions(_) | Popup::Chooser(_) | Popup::Reader(_) => false,
        }
    }

    /// Tells whether a key is no answer to it, but belongs to what was done before it appeared. `typed`
    /// is when a key of a text was pressed before this one, whoever took it.
    pub fn holds_back(&mut self, now: Moment, typed: Option<Moment>, key: KeyEvent) -> bool {
        match self {
            Popup::Approval(it) => it.holds_back(now, typed, key),
            Popup::Dialog(it) => it.holds_back(now, typed, key),
            Popup::Commands(_) | Popup::Sessions(_) | Popup::Chooser(_) | Popup::Reader(_) => false,
        }
    }

    /// Draws it over a whole area, and gives the place of the cursor; it is hidden when none.
    pub fn draw(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Option<Position> {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return None;
        }
        frame::clear(area, buf, theme);
        match self {
            Popup::Approval(it) => it.draw(area, buf, theme),
            Popup::Commands(it) => it.draw(area, buf, theme),
            Popup::Sessions(it) => it.draw(area, buf, theme),
            Popup::Chooser(it) => it.draw(area, buf, theme),
            Popup::Reader(it) => it.draw(area, buf, theme),
            Popup::Dialog(it) => it.draw(area, buf, theme),
        }
    }

    /// Gives the rows that it wants at a width, at most `max`.
    pub fn height(&self, width: u16, max: u16) -> u16 {
        let wanted = match self {
            Popup::Approval(it) => it.height(width),
            Popup::Commands(it) => it.height(),
            Popup::Sessions(_) => max,
            Popup::Chooser(it) => it.height(width),
            Popup::Reader(it) => it.height(),
            Popup::Dialog(it) => it.height(width),
        };
        wanted.min(max)
    }

    /// Tells whether it wants the whole screen; in inline mode, the other one.
    pub fn is_full_screen(&self) -> bool {
        match self {
            Popup::Approval(it) => it.is_full_screen(),
            Popup::Sessions(_) => true,
            Popup::Reader(it) => it.is_full_screen(),
            Popup::Commands(_) | Popup::Chooser(_) | Popup::Dialog(_) => false,
        }
    }
}
