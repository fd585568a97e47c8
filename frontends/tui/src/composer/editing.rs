//! Keys as shells read them.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::buffer::{Place, Toward};
use super::submission::Mode;
use super::{Composer, Did};

const NONE: KeyModifiers = KeyModifiers::NONE;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
const ALT: KeyModifiers = KeyModifiers::ALT;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;

/// What was taken out last, to be put somewhere else.
#[derive(Clone, Debug, Default)]
pub(super) struct Kill {
    text: String,
    /// Whether the last key took something out, so that the next one adds to it.
    open: bool,
}

impl Kill {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn set(&mut self, text: String) {
        self.text = text;
        self.open = false;
    }

    /// What is taken out next does not belong to what was.
    pub(super) fn close(&mut self) -> bool {
        std::mem::take(&mut self.open)
    }

    fn add(&mut self, text: &str, toward: Toward, open: bool) {
        if text.is_empty() {
            self.open = open;
            return;
        }
        match toward {
            _ if !open => text.clone_into(&mut self.text),
            Toward::Before => self.text.insert_str(0, text),
            Toward::Behind => self.text.push_str(text),
        }
        self.open = true;
    }
}

impl Composer {
    /// Takes a key that means something to the text alone.
    pub(super) fn edit_key(&mut self, key: KeyEvent) -> Did {
        let kills = self.kill.close();
        let at = self.buffer.cursor();
        match (key.code, key.modifiers) {
            (KeyCode::Char(c), NONE | SHIFT) => self.typed(c),
            (KeyCode::Enter, ALT | SHIFT | CONTROL) | (KeyCode::Char('j'), CONTROL) => {
                self.typed('\n')
            }
            (KeyCode::Backspace, NONE | SHIFT) | (KeyCode::Char('h'), CONTROL) => {
                self.erase(self.buffer.left(at))
            }
            (KeyCode::Delete, NONE) => self.erase(self.buffer.right(at)),
            (KeyCode::Char('d'), CONTROL) if !self.is_empty() => self.erase(self.buffer.right(at)),
            (KeyCode::Left, NONE) | (KeyCode::Char('b'), CONTROL) => self.go(self.buffer.left(at)),
            (KeyCode::Right, NONE) | (KeyCode::Char('f'), CONTROL) => {
                self.go(self.buffer.right(at))
            }
            (KeyCode::Left, CONTROL | ALT) | (KeyCode::Char('b'), ALT) => {
                self.go(self.buffer.word_begin(at))
            }
            (KeyCode::Right, CONTROL | ALT) | (KeyCode::Char('f'), ALT) => {
                self.go(self.buffer.word_end(at))
            }
            (KeyCode::Home, NONE) | (KeyCode::Char('a'), CONTROL) => {
                self.go(self.buffer.line_begin(at))
            }
            (KeyCode::End, NONE) | (KeyCode::Char('e'), CONTROL) => {
                self.go(self.buffer.line_end(at))
            }
            (KeyCode::Up, NONE) | (KeyCode::Char('p'), CONTROL) => self.vertical(Toward::Before),
            (KeyCode::Down, NONE) | (KeyCode::Char('n'), CONTROL) => self.vertical(Toward::Behind),
            (KeyCode::Char('k'), CONTROL) => {
                let end = self.buffer.line_end(at);
                let to = if end == at { self.buffer.right(at) } else { end };
                self.kill(to, kills)
            }
            (KeyCode::Char('u'), CONTROL) => {
                let begin = self.buffer.line_begin(at);
                let to = if begin == at { self.buffer.left(at) } else { begin };
                self.kill(to, kills)
            }
            (KeyCode::Char('w'), CONTROL) => self.kill(self.buffer.run_begin(at), kills),
            (KeyCode::Backspace, ALT | CONTROL) => self.kill(self.buffer.word_begin(at), kills),
            (KeyCode::Char('d'), ALT) | (KeyCode::Delete, ALT | CONTROL) => {
                self.kill(self.buffer.word_end(at), kills)
            }
            (KeyCode::Char('y'), CONTROL) => self.yank(),
            // Terminals send Ctrl-_ in one of these ways.
            (KeyCode::Char('_' | '7' | '/' | '-'), CONTROL) => {
                self.buffer.undo();
                self.changed()
            }
            (KeyCode::Char('_'), ALT) => {
                self.buffer.redo();
                self.changed()
            }
            (KeyCode::Char('r'), CONTROL) => self.begin_search(),
            (KeyCode::Char('g'), CONTROL) => Did::Edit(self.text()),
            (KeyCode::Char('c'), CONTROL) if !self.is_empty() => {
                self.clear();
                Did::Changed
            }
            _ => Did::Ignored,
        }
    }

    /// Takes a character that was typed.
    pub(super) fn typed(&mut self, c: char) -> Did {
        if c == '!' && self.mode == Mode::Say && self.buffer.cursor() == Place::default() {
            self.mode = Mode::Shell;
            return self.changed();
        }
        let mut bytes = [0; 4];
        let text = super::chips::clean(c.encode_utf8(&mut bytes));
        self.buffer.insert(&text);
        self.changed()
    }

    fn go(&mut self, to: Place) -> Did {
        self.buffer.go(to);
        self.moved()
    }

    /// Takes out what is between the cursor and another place.
    fn erase(&mut self, to: Place) -> Did {
        let at = self.buffer.cursor();
        if to == at && at == Place::default() {
            return self.erase_sign();
        }
        self.buffer.delete(at.min(to), at.max(to));
        self.changed()
    }

    /// At the beginning, it is the sign that stands before the cursor.
    fn erase_sign(&mut self) -> Did {
        match std::mem::take(&mut self.mode) {
            Mode::Shell => self.changed(),
            Mode::Say => Did::Changed,
        }
    }

    fn kill(&mut self, to: Place, open: bool) -> Did {
        let at = self.buffer.cursor();
        let toward = if to < at { Toward::Before } else { Toward::Behind };
        if to == at && at == Place::default() && self.buffer.is_empty() {
            return self.erase_sign();
        }
        if !open {
            self.buffer.part();
        }
        let text = self.buffer.delete(at.min(to), at.max(to));
        self.kill.add(&text, toward, open);
        self.changed()
    }

    fn yank(&mut self) -> Did {
        let text = self.kill.text.clone();
        self.buffer.part();
        if text.contains(super::chips::is_chip) {
            self.buffer.insert(&text);
        } else {
            self.buffer.paste(&text);
        }
        self.buffer.part();
        self.changed()
    }

    /// Moves by a row; from the first and the last one, through what was said before.
    pub(super) fn vertical(&mut self, toward: Toward) -> Did {
        let walks = self.recalled && self.history.is_back();
        if !walks && self.buffer.move_row(toward) {
            self.onto_a_sign();
            return self.moved();
        }
        self.walk(toward)
    }
}
