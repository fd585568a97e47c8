//! Keys as vi reads them: a mode for writing, and one for moving and changing.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::buffer::{Place, Toward};
use super::graphemes::Class;
use super::{Composer, Did};

/// What keys mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are written.
    #[default]
    Insert,
    /// They move and change.
    Normal,
}

/// Where the user is in vi's ways. Whoever does not want them stays in [`Mode::Insert`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vim {
    mode: Mode,
    pending: Option<Pending>,
    /// Whether what is kept to be put somewhere is whole lines.
    lines: bool,
}

/// A key that waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Delete,
    Change,
    Keep,
    Go,
}

impl Vim {
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Writes from now on.
    pub(super) fn insert(&mut self) {
        self.mode = Mode::Insert;
        self.pending = None;
    }
}

impl Composer {
    /// Leaves the mode for writing.
    pub(super) fn leave_insert(&mut self) -> Did {
        self.vim.mode = Mode::Normal;
        self.vim.pending = None;
        let cursor = self.buffer.cursor();
        if cursor.byte > 0 {
            let left = self.buffer.left(cursor);
            self.buffer.go(left);
        }
        self.buffer.part();
        self.moved()
    }

    /// Takes a key in the mode for moving; none when it means the same in both modes.
    pub(super) fn normal_key(&mut self, key: KeyEvent) -> Option<Did> {
        match (key.code, key.modifiers - KeyModifiers::SHIFT) {
            (KeyCode::Esc, _) if self.vim.pending.take().is_some() => Some(Did::Changed),
            (KeyCode::Esc, _) => Some(Did::Ignored),
            (KeyCode::Char('r'), KeyModifiers::CONTROL) => {
                self.buffer.redo();
                Some(self.normal_changed())
            }
            (KeyCode::Backspace, KeyModifiers::NONE) => {
                let to = self.buffer.left(self.buffer.cursor());
                self.buffer.go(to);
                Some(self.moved())
            }
            (KeyCode::Char(c), KeyModifiers::NONE) => Some(match self.vim.pending.take() {
                None => self.command(c),
                Some(Pending::Go) if c == 'g' => self.go_to(Place::default()),
                Some(Pending::Go) => Did::Changed,
                Some(operator) => self.operate(operator, c),
            }),
            _ => None,
        }
    }

    fn command(&mut self, c: char) -> Did {
        let cursor = self.buffer.cursor();
        match c {
            'd' => self.wait_for(Pending::Delete),
            'c' => self.wait_for(Pending::Change),
            'y' => self.wait_for(Pending::Keep),
            'g' => self.wait_for(Pending::Go),
            'j' => self.vertical(Toward::Behind),
            'k' => self.vertical(Toward::Before),
            'G' => {
                let end = self.buffer.end();
                self.go_to(self.buffer.line_begin(end))
            }
            'i' => self.write_at(cursor),
            'I' => self.write_at(self.first_sign(cursor)),
            'a' if !self.at_line_end(cursor) => self.write_at(self.buffer.right(cursor)),
            'a' => self.write_at(cursor),
            'A' => self.write_at(self.buffer.line_end(cursor)),
            'o' => {
                let end = self.buffer.line_end(cursor);
                self.buffer.exchange(end, end, "\n");
                self.write_at(self.buffer.cursor())
            }
            'O' => {
                let begin = self.buffer.line_begin(cursor);
                self.buffer.exchange(begin, begin, "\n");
                self.write_at(begin)
            }
            'x' if !self.at_line_end(cursor) => {
                self.cut(cursor, self.buffer.right(cursor));
                self.normal_changed()
            }
            'D' => {
                self.cut(cursor, self.buffer.line_end(cursor));
                self.normal_changed()
            }
            'C' => {
                self.cut(cursor, self.buffer.line_end(cursor));
                self.write_at(self.buffer.cursor())
            }
            'p' => self.put_kept(),
            'u' => {
                self.buffer.undo();
                self.normal_changed()
            }
            '/' | '!' | '@' if self.is_empty() => {
                self.vim.insert();
                self.typed(c)
            }
            c => match self.motion(c) {
                Some(to) => self.go_to(to),
                None => Did::Changed,
            },
        }
    }

    fn wait_for(&mut self, pending: Pending) -> Did {
        self.vim.pending = Some(pending);
        Did::Changed
    }

    /// Gives where a motion ends; none when the key is no motion within a line or by words.
    fn motion(&self, c: char) -> Option<Place> {
        let (buffer, cursor) = (&self.buffer, self.buffer.cursor());
        Some(match c {
            'h' if cursor.byte > 0 => buffer.left(cursor),
            'l' if !self.at_line_end(cursor) => buffer.right(cursor),
            'h' | 'l' => cursor,
            '0' => buffer.line_begin(cursor),
            '$' => buffer.line_end(cursor),
            '^' => self.first_sign(cursor),
            'w' => {
                let class = buffer.class(cursor);
                let end = match class {
                    Class::White => cursor,
                    Class::Chip => buffer.right(cursor),
                    Class::Word | Class::Sign => buffer.on_while(cursor, |it| it == class),
                };
                buffer.on_while(end, |class| class == Class::White)
            }
            'b' => {
                let end = buffer.back_while(cursor, |class| class == Class::White);
                let class = buffer.class(buffer.left(end));
                match class {
                    Class::White => end,
                    Class::Chip => buffer.left(end),
                    Class::Word | Class::Sign => buffer.back_while(end, |it| it == class),
                }
            }
            'e' => {
                let next = buffer.right(cursor);
                let begin = buffer.on_while(next, |class| class == Class::White);
                let class = buffer.class(begin);
                match class {
                    Class::White | Class::Chip => begin,
                    Class::Word | Class::Sign => {
                        buffer.left(buffer.on_while(begin, |it| it == class))
                    }
                }
            }
            _ => return None,
        })
    }

    /// Does something to what is between the cursor and where a motion ends, or to the whole line.
    fn operate(&mut self, operator: Pending, c: char) -> Did {
        let cursor = self.buffer.cursor();
        let whole = match operator {
            Pending::Delete => 'd',
            Pending::Change => 'c',
            Pending::Keep => 'y',
            Pending::Go => return Did::Changed,
        };
        if c == whole {
            return self.operate_on_line(operator);
        }
        // To change a word leaves the white space behind it.
        let c = if (operator, c) == (Pending::Change, 'w')
            && self.buffer.class(cursor) != Class::White
        {
            'e'
        } else {
            c
        };
        let Some(to) = self.motion_of_change(operator, c) else { return Did::Changed };
        let (from, to) = (cursor.min(to), cursor.max(to));
        match operator {
            Pending::Keep => {
                self.kill.set(self.buffer.between(from, to));
                self.vim.lines = false;
                self.go_to(from)
            }
            Pending::Delete => {
                self.cut(from, to);
                self.normal_changed()
            }
            Pending::Change | Pending::Go => {
                self.cut(from, to);
                self.write_at(self.buffer.cursor())
            }
        }
    }

    fn motion_of_change(&self, operator: Pending, c: char) -> Option<Place> {
        let cursor = self.buffer.cursor();
        let to = match c {
            // The sign that the motion ends on goes too. A word of one sign ends where it begins.
            'e' => {
                let class = self.buffer.class(cursor);
                let end = match class {
                    Class::White => self.buffer.right(self.motion('e')?),
                    Class::Chip => self.buffer.right(cursor),
                    Class::Word | Class::Sign if operator == Pending::Change => {
                        self.buffer.on_while(cursor, |it| it == class)
                    }
                    Class::Word | Class::Sign => self.buffer.right(self.motion('e')?),
                };
                return Some(end);
            }
            c => self.motion(c)?,
        };
        // The last word of a line goes without the line's end.
        let end = self.buffer.line_end(cursor);
        Some(if c == 'w' && to.line > cursor.line { end } else { to })
    }

    fn operate_on_line(&mut self, operator: Pending) -> Did {
        let cursor = self.buffer.cursor();
        let begin = self.buffer.line_begin(cursor);
        let end = self.buffer.line_end(cursor);
        match operator {
            Pending::Change => {
                self.cut(begin, end);
                return self.write_at(begin);
            }
            Pending::Keep => self.kill.set(self.buffer.between(begin, end)),
            Pending::Delete | Pending::Go => {
                self.kill.set(self.buffer.between(begin, end));
                // With the line's end; the last line has the one before it.
                let next = self.buffer.right(end);
                let (from, to) =
                    if next > end { (begin, next) } else { (self.buffer.left(begin), end) };
                self.buffer.delete(from, to);
                let cursor = self.buffer.line_begin(self.buffer.cursor());
                self.buffer.go(cursor);
            }
        }
        self.vim.lines = true;
        self.normal_changed()
    }

    fn put_kept(&mut self) -> Did {
        let (cursor, kept) = (self.buffer.cursor(), self.kill.text().to_owned());
        if kept.is_empty() {
            return Did::Changed;
        }
        if self.vim.lines {
            let end = self.buffer.line_end(cursor);
            self.buffer.exchange(end, end, &format!("\n{kept}"));
            self.buffer.go(Place { line: cursor.line + 1, byte: 0 });
        } else {
            let to = if self.at_line_end(cursor) { cursor } else { self.buffer.right(cursor) };
            self.buffer.go(to);
            self.buffer.insert(&kept);
            let last = self.buffer.left(self.buffer.cursor());
            self.buffer.go(last);
        }
        self.normal_changed()
    }

    fn cut(&mut self, from: Place, to: Place) {
        self.buffer.part();
        let text = self.buffer.delete(from, to);
        if !text.is_empty() {
            self.kill.set(text);
            self.vim.lines = false;
        }
        self.buffer.part();
    }

    fn write_at(&mut self, at: Place) -> Did {
        self.vim.insert();
        self.buffer.go(at);
        self.changed()
    }

    fn go_to(&mut self, to: Place) -> Did {
        self.buffer.go(to);
        self.onto_a_sign();
        self.moved()
    }

    fn normal_changed(&mut self) -> Did {
        self.onto_a_sign();
        self.changed()
    }

    /// In this mode the cursor stands on a sign, and not behind the last one of a line.
    pub(super) fn onto_a_sign(&mut self) {
        let cursor = self.buffer.cursor();
        if self.vim.mode == Mode::Normal && cursor.byte > 0 && self.at_line_end(cursor) {
            self.buffer.step_back();
        }
    }

    fn at_line_end(&self, at: Place) -> bool {
        at == self.buffer.line_end(at)
    }

    fn first_sign(&self, at: Place) -> Place {
        let begin = self.buffer.line_begin(at);
        let end = self.buffer.line_end(at);
        self.buffer.on_while(begin, |class| class == Class::White).min(end)
    }
}
