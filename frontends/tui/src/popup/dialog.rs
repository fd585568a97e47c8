//! Something to confirm or to decide.

use codex_event::SessionId;
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Answer, Popup};
use crate::host::Concern;
use crate::theme::Theme;

/// What leaving does to a turn that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It is this process's turn: leaving ends it.
    Ends,
    /// It is another process's: leaving lets it run.
    Detaches,
}

/// A few words and a few choices.
#[derive(Debug)]
pub struct Dialog {}

impl Popup {
    /// Tells something; foreign text is made safe here.
    pub fn notice(_title: &str, _words: &str) -> Popup {
        Popup::Dialog(Box::new(Dialog {}))
    }

    /// Asks whether to leave while a turn runs.
    pub fn leave(_leaving: Leaving) -> Popup {
        Popup::Dialog(Box::new(Dialog {}))
    }

    /// Asks whether to take a session over from the process that has it.
    pub fn take_over(_session: SessionId, _pid: u32) -> Popup {
        Popup::Dialog(Box::new(Dialog {}))
    }

    /// Asks whether to end the process that has a session and does not let go of it.
    pub fn end_owner(_session: SessionId, _pid: u32) -> Popup {
        Popup::Dialog(Box::new(Dialog {}))
    }

    /// Tells what the user should know or decide first.
    pub fn concern(_concern: &Concern, _provider: &str) -> Popup {
        Popup::Dialog(Box::new(Dialog {}))
    }
}

impl Dialog {
    pub(super) fn height(&self, _width: u16) -> u16 {
        8
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
