//! The conversation on the whole screen, all of it unfolded, with a search.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::App;
use crate::document::{Scroll, Toward};
use crate::keymap::{Action, When};
use crate::render::Fold;

/// Reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What is being typed after a `/`.
    pub(crate) field: Option<String>,
    /// What was searched for last.
    pub(crate) query: String,
    /// Where the first hit is to be gone to, once there is one.
    pub(crate) goes: Option<Toward>,
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
        if let Some(view) = &mut self.view {
            view.document.fold_all(Fold::Unfolded);
        }
    }

    fn stop_reading(&mut self) {
        self.reading = None;
        let fold = self.fold;
        if let Some(view) = &mut self.view {
            view.document.find("");
            view.document.fold_all(fold);
        }
    }

    pub(crate) fn reading_key(&mut self, key: KeyEvent) {
        let Some(reading) = &mut self.reading else { return };
        if let Some(field) = &mut reading.field {
            match key.code {
                KeyCode::Enter => {
                    let query = std::mem::take(field);
                    reading.field = None;
                    self.search(&query);
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
        match self.options.keymap.action(key, When::Empty) {
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
            KeyCode::Char('n') => self.step(Toward::Older),
            KeyCode::Char('N') => self.step(Toward::Newer),
            KeyCode::Char('k') | KeyCode::Up => self.scroll(Scroll::Lines(-1)),
            KeyCode::Char('j') | KeyCode::Down | KeyCode::Enter => self.scroll(Scroll::Lines(1)),
            KeyCode::Char('b' | 'u') => self.scroll(Scroll::Pages(-1)),
            KeyCode::Char(' ' | 'd') => self.scroll(Scroll::Pages(1)),
            KeyCode::Char('g') => self.scroll(Scroll::Top),
            KeyCode::Char('G') => self.follow(),
            _ => {}
        }
    }

    /// Looks for the words, and goes to the hit that is nearest.
    fn search(&mut self, query: &str) {
        let Some(view) = &mut self.view else { return };
        view.document.find(query);
        if let Some(reading) = &mut self.reading {
            reading.query = query.to_owned();
            reading.goes = (!query.is_empty()).then_some(Toward::Older);
        }
        self.go_on_searching();
    }

    fn step(&mut self, toward: Toward) {
        if let Some(view) = &mut self.view {
            view.document.step(toward);
        }
    }

    /// Goes to the first hit once there is one: what is not in memory is looked through bit by bit.
    pub(crate) fn go_on_searching(&mut self) {
        let (Some(reading), Some(view)) = (&mut self.reading, &mut self.view) else { return };
        if let Some(toward) = reading.goes
            && view.document.step(toward).is_some()
        {
            reading.goes = None;
        }
    }

    /// Says what came of the search; empty without one.
    pub(crate) fn found_words(&self) -> String {
        let found = self.view.as_ref().and_then(|view| view.document.found());
        let Some((found, reading)) = found.zip(self.reading.as_ref()) else { return String::new() };
        let query = codex_view::sanitize::visible(&reading.query);
        let hits = match (found.hits, found.current) {
            (0, _) => format!("no {query}"),
            (hits, Some(current)) => format!("{query}: {current} of {hits}"),
            (hits, None) => format!("{query}: {hits}"),
        };
        match found.looked < found.of {
            true => format!("{hits} so far, {} of {} looked through", found.looked, found.of),
            false => hits,
        }
    }
}
