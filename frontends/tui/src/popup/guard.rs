//! What keeps a key or a click that was meant for something else from being an answer.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::update::Moment;

/// A pause after which somebody who typed is taken to look at what is asked, in milliseconds.
const PAUSE_MS: u64 = 500;
/// Said to whoever typed on.
pub(super) const HELD: &str = "you were writing: pause a moment, then answer";

/// Said to whoever clicked at once.
pub(super) const HELD_CLICK: &str = "this has only just appeared: look at it, then click";

/// How far keys and clicks are answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Guard {
    /// They are: the user asked for the dialog, or has begun to answer.
    #[default]
    Off,
    /// They can't be: nobody has seen it yet.
    Unseen,
    /// They are, unless they belong to a text that is under way.
    Seen,
}

impl Guard {
    /// It was drawn.
    pub(super) fn drawn(&mut self) {
        if *self == Guard::Unseen {
            *self = Guard::Seen;
        }
    }

    /// Tells whether a click is no answer: nobody can have aimed at what has only just appeared. `last` is
    /// when the dialog appeared, or a key of a text or a button was pressed before it. The first one that
    /// is an answer ends the guard.
    pub(super) fn holds_click(&mut self, now: Moment, last: Option<Moment>) -> bool {
        let holds = match self {
            Guard::Off => false,
            Guard::Unseen => true,
            Guard::Seen => last.is_some_and(|last| now.0.saturating_sub(last.0) < PAUSE_MS),
        };
        if !holds {
            *self = Guard::Off;
        }
        holds
    }

    /// Tells whether a key is no answer. `typed` is when a key of a text was pressed before it. The first
    /// one that is an answer ends the guard.
    pub(super) fn holds_back(&mut self, now: Moment, typed: Option<Moment>, key: KeyEvent) -> bool {
        is_answer(key) && self.holds_click(now, typed)
    }
}

/// Tells whether a key chooses or answers something in a dialog: what scrolls, Esc and what is held with
/// Ctrl does not.
fn is_answer(key: KeyEvent) -> bool {
    let answers = matches!(
        key.code,
        KeyCode::Char(_)
            | KeyCode::Enter
            | KeyCode::Backspace
            | KeyCode::Delete
            | KeyCode::Tab
            | KeyCode::BackTab
            | KeyCode::Up
            | KeyCode::Down
            | KeyCode::Left
            | KeyCode::Right
    );
    answers && !key.modifiers.contains(KeyModifiers::CONTROL)
}
