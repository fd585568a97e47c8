//! Where the cursor can go.

use super::super::graphemes::{self, Class};
use super::super::rows;
use super::{Buffer, Place};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Toward {
    /// Up, or to the left.
    Before,
    /// Down, or to the right.
    Behind,
}

impl Buffer {
    /// Gives the place one grapheme before another, which may be on the line above.
    pub(in super::super) fn left(&self, at: Place) -> Place {
        match at {
            Place { line: 0, byte: 0 } => at,
            Place { line, byte: 0 } => Place { line: line - 1, byte: self.line(line - 1).len() },
            Place { line, byte } => {
                Place { line, byte: graphemes::previous(self.line(line), byte) }
            }
        }
    }

    /// Gives the place one grapheme behind another, which may be on the line below.
    pub(in super::super) fn right(&self, at: Place) -> Place {
        let text = self.line(at.line);
        if at.byte < text.len() {
            Place { byte: graphemes::next(text, at.byte), ..at }
        } else if at.line + 1 < self.lines.len() {
            Place { line: at.line + 1, byte: 0 }
        } else {
            at
        }
    }

    /// Gives the class of what stands behind a place.
    pub(in super::super) fn class(&self, at: Place) -> Class {
        graphemes::class(&self.line(at.line)[at.byte..])
    }

    /// Goes on from a place while what is passed is of some kind.
    pub(in super::super) fn on_while(&self, at: Place, passed: impl Fn(Class) -> bool) -> Place {
        let mut at = at;
        while passed(self.class(at)) {
            let next = self.right(at);
            if next == at {
                break;
            }
            at = next;
        }
        at
    }

    /// Goes back from a place while what is passed is of some kind.
    pub(in super::super) fn back_while(&self, at: Place, passed: impl Fn(Class) -> bool) -> Place {
        let mut at = at;
        loop {
            let before = self.left(at);
            if before == at || !passed(self.class(before)) {
                return at;
            }
            at = before;
        }
    }

    /// Gives the end of the word that a place is in or before. A folded paste is a word.
    pub(in super::super) fn word_end(&self, at: Place) -> Place {
        let begin = self.on_while(at, |class| matches!(class, Class::White | Class::Sign));
        match self.class(begin) {
            Class::Chip => self.right(begin),
            Class::Word | Class::Sign | Class::White => {
                self.on_while(begin, |class| class == Class::Word)
            }
        }
    }

    /// Gives the beginning of the word that a place is in or behind.
    pub(in super::super) fn word_begin(&self, at: Place) -> Place {
        let end = self.back_while(at, |class| matches!(class, Class::White | Class::Sign));
        match self.class(self.left(end)) {
            Class::Chip => self.left(end),
            Class::Word | Class::Sign | Class::White => {
                self.back_while(end, |class| class == Class::Word)
            }
        }
    }

    /// Gives the beginning of what stands before a place without white space.
    pub(in super::super) fn run_begin(&self, at: Place) -> Place {
        let end = self.back_while(at, |class| class == Class::White);
        self.back_while(end, |class| class != Class::White)
    }

    /// Gives the beginning of a line.
    pub(in super::super) fn line_begin(&self, at: Place) -> Place {
        Place { byte: 0, ..at }
    }

    /// Gives the end of a line.
    pub(in super::super) fn line_end(&self, at: Place) -> Place {
        Place { byte: self.line(at.line).len(), ..at }
    }

    /// Moves the cursor by a row, and keeps its column where rows are long enough. False on the
    /// first or last row of the text.
    pub(in super::super) fn move_row(&mut self, toward: Toward) -> bool {
        let cursor = self.cursor;
        let row = self.row_of(cursor);
        let (line, to) = match toward {
            Toward::Before if row > 0 => (cursor.line, row - 1),
            Toward::Before if cursor.line > 0 => {
                (cursor.line - 1, self.rows(cursor.line - 1).len() - 1)
            }
            Toward::Before => return false,
            Toward::Behind if row + 1 < self.rows(cursor.line).len() => (cursor.line, row + 1),
            Toward::Behind if cursor.line + 1 < self.lines.len() => (cursor.line + 1, 0),
            Toward::Behind => return false,
        };
        let goal = self.goal.unwrap_or_else(|| self.column(cursor));
        let byte = self.byte_at(line, to, goal);
        self.go(Place { line, byte });
        self.goal = Some(goal);
        true
    }

    /// Gives the column of a place within its row.
    pub(in super::super) fn column(&mut self, place: Place) -> usize {
        let row = self.row_of(place);
        let start = self.row(place.line, row).map_or(0, |row| row.start);
        rows::used(&self.line(place.line)[start..place.byte], self.columns, &self.chips)
    }

    /// Gives the place of a row that is nearest to a column, and not behind it.
    fn byte_at(&mut self, line: usize, row: usize, column: usize) -> usize {
        let Some(bytes) = self.row(line, row) else { return 0 };
        let text = self.line(line);
        let mut used = 0;
        for (at, grapheme) in graphemes::from(&text[..bytes.end], bytes.start) {
            used += rows::used(grapheme, self.columns, &self.chips);
            if used > column {
                return at;
            }
        }
        // The end of a row that goes on is the beginning of the next one.
        if bytes.end < text.len()
            || self.lines[line].rows.as_ref().is_some_and(|(_, starts)| row + 1 < starts.len())
        {
            return graphemes::previous(text, bytes.end).max(bytes.start);
        }
        bytes.end
    }
}
