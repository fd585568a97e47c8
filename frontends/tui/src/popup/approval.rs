//! The question whether a call may go on.

use codex_event::{Arguments, CallId, Denial, FileChange, Invocation, Question};
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::Answer;
use crate::theme::Theme;
use crate::update::Moment;

/// A question that waits, and what a person should know to answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The call.
    pub call: CallId,
    /// What is asked.
    pub question: Question,
    /// Why it is asked.
    pub reason: String,
    /// What the call asks for.
    pub invocation: Invocation,
    /// Whether its arguments are recorded, which bounds how far an answer may reach.
    pub arguments: Arguments,
    /// The patch as the model wrote it; empty for commands.
    pub patch: String,
    /// What the patch changes, where that is known already.
    pub changes: Vec<FileChange>,
    /// Folder of the session, which a call's own is relative to.
    pub cwd: String,
    /// The user's home, which paths are shortened by.
    pub home: Option<String>,
    /// What the session's sandbox lets commands do, in words, as in `write below ~/project; no network`.
    pub sandbox: String,
    /// What the sandbox had denied, where the question is about running again without one.
    pub denial: Option<Denial>,
    /// When a key was pressed last that went into the composer: whoever is writing there must not
    /// answer by accident, so letters go on into the composer until there was a pause.
    pub typing: Option<Moment>,
}

/// The dialog of a question.
#[derive(Debug)]
pub struct Approval {
    asked: Asked,
}

impl super::Popup {
    /// Asks whether a call may go on.
    pub fn approval(asked: Asked) -> Self {
        super::Popup::Approval(Box::new(Approval { asked }))
    }
}

impl Approval {
    /// The call that is asked about; when its question is settled elsewhere, the popup has to go.
    pub fn call(&self) -> CallId {
        self.asked.call
    }

    pub(super) fn is_full_screen(&self) -> bool {
        false
    }

    pub(super) fn height(&self, _width: u16) -> u16 {
        12
    }

    pub(super) fn key(&mut self, _now: Moment, _key: KeyEvent) -> Answer {
        Answer::Pass
    }

    pub(super) fn paste(&mut self, _text: &str) -> Answer {
        Answer::Pass
    }

    pub(super) fn mouse(&mut self, _mouse: MouseEvent) -> Answer {
        Answer::Pass
    }

    pub(super) fn draw(&mut self, _: Rect, _: &mut Buffer, _: &Theme) -> Option<Position> {
        None
    }
}
