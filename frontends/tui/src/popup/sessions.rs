//! The sessions of this home.

use codex_event::{SessionId, Timestamp};
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::Answer;
use crate::host::SessionRow;
use crate::theme::Theme;

/// A choice among the sessions: Enter takes one up (or attaches), `f` forks it, `r` shows it.
#[derive(Debug)]
pub struct Sessions {
    home: Option<String>,
    current: Option<SessionId>,
    rows: Option<Vec<SessionRow>>,
    now: Timestamp,
}

impl super::Popup {
    /// Offers the sessions; they come with [`Sessions::fill`]. The one that is open is marked, and paths
    /// are shortened by the user's home.
    pub fn sessions(current: Option<SessionId>, home: Option<String>) -> Self {
        let rows = None;
        super::Popup::Sessions(Box::new(Sessions { home, current, rows, now: Timestamp(0) }))
    }
}

impl Sessions {
    /// Takes the sessions, the last first, and the time that ages are told by.
    pub fn fill(&mut self, rows: Vec<SessionRow>, now: Timestamp) {
        self.rows = Some(rows);
        self.now = now;
        let _ = (&self.home, self.current, &self.rows, self.now);
    }

    pub(super) fn key(&mut self, _key: KeyEvent) -> Answer {
        Answer::Pass
    }

    pub(super) fn paste(&mut self, _text: &str) -> Answer {
        Answer::Stay
    }

    pub(super) fn mouse(&mut self, _mouse: MouseEvent) -> Answer {
        Answer::Pass
    }

    pub(super) fn draw(&mut self, _: Rect, _: &mut Buffer, _: &Theme) -> Option<Position> {
        None
    }
}
