//! The slash commands that match what stands in the composer.

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::Answer;
use crate::theme::Theme;

/// A slash command as the palette shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRow {
    /// Its name, without the slash.
    pub name: String,
    /// What may stand behind it, as in `[name]`; empty for nothing.
    pub arguments: String,
    /// What it does, in a few words.
    pub description: String,
}

/// The palette. The composer keeps the text and the cursor: what the palette does not take is passed,
/// and the palette is told what stands there then.
#[derive(Debug)]
pub struct Commands {
    rows: Vec<CommandRow>,
}

impl super::Popup {
    /// Shows the commands that match; see [`Commands::filter`].
    pub fn palette(rows: Vec<CommandRow>) -> Self {
        super::Popup::Commands(Box::new(Commands { rows }))
    }
}

impl Commands {
    /// Takes what stands in the composer, with its slash.
    pub fn filter(&mut self, _text: &str) {}

    /// Tells whether nothing matches: there is nothing to show then.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn height(&self) -> u16 {
        10
    }

    pub(super) fn key(&mut self, _key: KeyEvent) -> Answer {
        Answer::Pass
    }

    pub(super) fn mouse(&mut self, _mouse: MouseEvent) -> Answer {
        Answer::Pass
    }

    pub(super) fn draw(&mut self, _: Rect, _: &mut Buffer, _: &Theme) -> Option<Position> {
        None
    }
}
