//! Going back to something that was said earlier: a mark moves through the conversation, and a fork
//! begins where it stands.
//!
//! Below what the terminal shows a mark can't stand: there is a list instead.

use std::ops::{Range, RangeInclusive};

use codex_event::{Envelope, Seq};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::App;
use super::view::Mark;
use crate::document::Scroll;
use crate::keymap::{Action, When};
use crate::options::Screen;
use crate::popup::{Popup, PromptRow};
use crate::update::Intent;

/// What is said while a mark stands.
pub(crate) const HINT: &str = "↑ older · ↓ newer · enter go on from here · q back";

/// Whether what a key did was all that it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// It was.
    Taken,
    /// It goes where it would go without a mark.
    Free,
}

impl App {
    /// Offers what was said before, to go back to.
    pub(crate) fn go_back(&mut self) {
        let Some(last) = self.view.as_ref().map(|view| view.marks.last().map(|mark| mark.at))
        else {
            return;
        };
        match (last, self.options.screen) {
            (None, _) => self.toast("nothing was said yet"),
            (Some(last), Screen::Full) => self.mark(last),
            (Some(_), Screen::Inline) => self.list_marks(),
        }
    }

    /// Offers a list; what lies in blobs is read first.
    fn list_marks(&mut self) {
        let Some(view) = &self.view else { return };
        let missing = view.marks.iter().filter(|mark| mark.text.is_none());
        let missing: Vec<Seq> = missing.map(|mark| mark.at).collect();
        if !missing.is_empty() {
            self.read_marks(missing);
            return;
        }
        let row = |mark: &Mark| PromptRow {
            before: Some(before(mark.at)),
            text: mark.text.clone().unwrap_or_default(),
        };
        let rows = view.marks.iter().rev().map(row).collect();
        self.show(Popup::prompts(rows));
    }

    fn read_marks(&mut self, missing: Vec<Seq>) {
        self.out.extend(missing.iter().map(|at| Intent::Load(*at..=*at)));
        self.going_back = missing;
    }

    /// What was said was read, so that one can go back to it.
    pub(crate) fn marks_loaded(&mut self, range: &RangeInclusive<Seq>, events: &[Envelope]) {
        let before = self.going_back.len();
        self.going_back.retain(|at| range.start() != at || range.end() != at);
        if self.going_back.len() == before {
            return;
        }
        if let Some(view) = &mut self.view {
            view.remember(*range.start(), events);
        }
        if self.going_back.is_empty() {
            match self.options.screen {
                Screen::Full => self.fork_at_mark(),
                Screen::Inline => self.list_marks(),
            }
        }
    }

    /// Lets the mark stand at the turn that begins there, and brings it into view.
    fn mark(&mut self, at: Seq) {
        self.marked = Some(at);
        // A text that is still being read belongs to where the mark stood before.
        self.going_back.clear();
        if let Some(view) = self.view.as_mut().filter(|view| !view.document.shows(at)) {
            view.document.scroll(Scroll::To(at));
        }
    }

    /// Takes the mark away, and shows the end again.
    pub(crate) fn unmark(&mut self) {
        if self.marked.take().is_some() {
            self.going_back.clear();
            self.follow();
        }
    }

    /// Moves the mark, or takes it away.
    pub(crate) fn mark_key(&mut self, key: KeyEvent) -> Key {
        let Some(at) = self.marked else { return Key::Free };
        let scrolls = self.options.keymap.action(key, When::Always).is_some_and(Action::only_looks);
        if scrolls {
            return Key::Free;
        }
        if !key.modifiers.is_empty() {
            self.unmark();
            // What stops a turn or leaves takes the mark first, as it takes what is written first.
            return match key.modifiers {
                KeyModifiers::SHIFT => Key::Free,
                _ => Key::Taken,
            };
        }
        match key.code {
            KeyCode::Esc | KeyCode::Up | KeyCode::Left => self.mark_older(at),
            KeyCode::Down | KeyCode::Right => self.mark_newer(at),
            KeyCode::Enter => self.fork_at_mark(),
            KeyCode::Char('q') => self.unmark(),
            _ => {
                self.unmark();
                return Key::Free;
            }
        }
        Key::Taken
    }

    fn mark_older(&mut self, at: Seq) {
        let marks = self.view.iter().flat_map(|view| &view.marks);
        match marks.rev().map(|mark| mark.at).find(|it| *it < at) {
            Some(older) => self.mark(older),
            None => self.toast("this was said first"),
        }
    }

    fn mark_newer(&mut self, at: Seq) {
        let mut marks = self.view.iter().flat_map(|view| &view.marks).map(|mark| mark.at);
        match marks.find(|it| *it > at) {
            Some(newer) => self.mark(newer),
            None => self.toast("this was said last"),
        }
    }

    /// Begins a fork where the mark stands, with what was said there in the composer.
    fn fork_at_mark(&mut self) {
        let (Some(at), Some(view)) = (self.marked, &self.view) else { return };
        let Some(mark) = view.marks.iter().find(|mark| mark.at == at) else { return };
        match mark.text.clone() {
            None => self.read_marks(vec![at]),
            Some(text) => {
                let session = view.session;
                self.marked = None;
                self.fork(session, Some(before(at)), text);
            }
        }
    }

    /// Tells whether a mark stands in the conversation.
    pub(crate) fn is_marking(&self) -> bool {
        self.marked.is_some()
    }

    /// Gives the rows of the page that the mark is drawn in.
    pub(crate) fn marked_rows(&self) -> Option<Range<u16>> {
        self.view.as_ref()?.document.rows_of(self.marked?)
    }
}

/// The last position that a fork keeps.
fn before(at: Seq) -> Seq {
    Seq(at.0.saturating_sub(1))
}
