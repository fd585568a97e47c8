//! The text: lines, a cursor, folded pastes, and what can be undone.
//!
//! An edit costs what its lines cost, and a move what its rows cost, however long the text is. The
//! cursor stands between two graphemes at all times.

mod moves;
#[cfg(test)]
mod tests;
mod undo;

use super::chips::{self, Chips};
use super::{graphemes, rows};

pub(super) use moves::Toward;
use undo::{Edit, Log};

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Line, counted from 0.
    pub(super) line: usize,
    /// Byte of the line, between two graphemes.
    pub(super) byte: usize,
}

/// One line, without its end.
#[derive(Clone, Debug, Default)]
struct Line {
    text: String,
    /// The columns of a row, and where rows begin then; for as long as neither changes.
    rows: Option<(usize, Vec<usize>)>,
}

impl Line {
    fn new(text: &str) -> Line {
        Line { text: text.to_owned(), rows: None }
    }
}

/// A text, and the place of the cursor.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    /// Never empty.
    lines: Vec<Line>,
    cursor: Place,
    /// The column that moves up and down keep to.
    goal: Option<usize>,
    /// The columns of a row when it was drawn last.
    columns: usize,
    /// Line and row that were drawn first.
    top: (usize, usize),
    chips: Chips,
    log: Log,
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer {
            lines: vec![Line::default()],
            cursor: Place::default(),
            goal: None,
            columns: 77,
            top: (0, 0),
            chips: Chips::default(),
            log: Log::default(),
        }
    }
}

impl Buffer {
    /// Tells whether there is no text.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.len() == 1 && self.lines[0].text.is_empty()
    }

    /// Gives the text with signs for what is folded.
    pub(super) fn raw(&self) -> String {
        self.between(Place::default(), self.end())
    }

    /// Gives the text with all that is folded.
    pub(super) fn text(&self) -> String {
        self.chips.expand(&self.raw())
    }

    pub(super) fn chips(&self) -> &Chips {
        &self.chips
    }

    pub(super) fn cursor(&self) -> Place {
        self.cursor
    }

    /// Gives a line; a line that is not there is empty.
    pub(super) fn line(&self, line: usize) -> &str {
        self.lines.get(line).map_or("", |line| line.text.as_str())
    }

    /// Gives the place behind everything.
    pub(super) fn end(&self) -> Place {
        let line = self.lines.len() - 1;
        Place { line, byte: self.lines[line].text.len() }
    }

    /// Tells whether the text with all that is folded has at most so many bytes. Looks at no more of it
    /// than that.
    pub(super) fn fits(&self, most: usize) -> bool {
        let mut left = most;
        self.lines.iter().enumerate().all(|(number, line)| {
            let end = usize::from(number > 0);
            let taken = left.checked_sub(line.text.len().saturating_add(end));
            let folded = taken.map(|_| self.chips.folded(&line.text));
            let rest = taken.zip(folded).and_then(|(rest, folded)| rest.checked_sub(folded));
            left = rest.unwrap_or(0);
            rest.is_some()
        })
    }

    /// Gives what stands between two places, with signs for what is folded.
    pub(super) fn between(&self, from: Place, to: Place) -> String {
        if from.line == to.line {
            return self.line(from.line)[from.byte..to.byte].to_owned();
        }
        let mut text = self.line(from.line)[from.byte..].to_owned();
        for line in &self.lines[from.line + 1..to.line] {
            text.push('\n');
            text.push_str(&line.text);
        }
        text.push('\n');
        text.push_str(&self.line(to.line)[..to.byte]);
        text
    }

    /// Puts the cursor somewhere; what is typed then is undone by itself.
    pub(super) fn go(&mut self, to: Place) {
        let line = to.line.min(self.lines.len() - 1);
        let text = &self.lines[line].text;
        let byte = graphemes::snap(text, text.floor_char_boundary(to.byte.min(text.len())));
        self.cursor = Place { line, byte };
        self.goal = None;
        self.log.part();
    }

    /// Puts the cursor one grapheme back, without losing the column that moves keep to.
    pub(super) fn step_back(&mut self) {
        let goal = self.goal;
        self.go(self.left(self.cursor));
        self.goal = goal;
    }

    /// Writes a text at the cursor, which is behind it then. The text is clean.
    pub(super) fn insert(&mut self, text: &str) {
        self.exchange(self.cursor, self.cursor, text);
    }

    /// Writes a text from outside at the cursor, folded when it is long.
    pub(super) fn paste(&mut self, text: &str) {
        let text = self.chips.fold(chips::clean(text));
        self.log.part();
        self.insert(&text);
        self.log.part();
    }

    /// Takes out what stands between two places, and gives it, with signs for what is folded.
    pub(super) fn delete(&mut self, from: Place, to: Place) -> String {
        self.exchange(from, to, "")
    }

    /// Puts a text in place of what stands between two places, and the cursor behind it.
    pub(super) fn exchange(&mut self, from: Place, to: Place, text: &str) -> String {
        if from == to && text.is_empty() {
            return String::new();
        }
        let before = self.cursor;
        let (removed, end) = self.splice(from, to, text);
        self.settle(end);
        let inserted = text.to_owned();
        self.log.note(Edit { at: from, removed: removed.clone(), inserted, before });
        removed
    }

    /// Puts a text in place of everything. The text is clean, or has signs of this buffer.
    pub(super) fn set(&mut self, text: &str) {
        self.log.part();
        self.exchange(Place::default(), self.end(), text);
        self.log.part();
    }

    /// Empties it, and forgets what could be undone and what is folded.
    pub(super) fn reset(&mut self) {
        *self = Buffer { columns: self.columns, ..Buffer::default() };
    }

    /// Takes the last edit back. False when there is none.
    pub(super) fn undo(&mut self) -> bool {
        let Some(edit) = self.log.undo() else { return false };
        let to = end_of(edit.at, &edit.inserted);
        self.splice(edit.at, to, &edit.removed);
        self.settle(edit.before);
        self.log.undone(edit);
        true
    }

    /// Makes the last edit again that was taken back. False when there is none.
    pub(super) fn redo(&mut self) -> bool {
        let Some(edit) = self.log.redo() else { return false };
        let to = end_of(edit.at, &edit.removed);
        let (_, end) = self.splice(edit.at, to, &edit.inserted);
        self.settle(end);
        self.log.redone(edit);
        true
    }

    /// Ends what is undone at once.
    pub(super) fn part(&mut self) {
        self.log.part();
    }

    fn settle(&mut self, cursor: Place) {
        let byte = graphemes::snap(self.line(cursor.line), cursor.byte);
        self.cursor = Place { byte, ..cursor };
        self.goal = None;
    }

    /// Puts a text in place of another, and gives that one and where the new one ends.
    fn splice(&mut self, from: Place, to: Place, text: &str) -> (String, Place) {
        let removed = self.between(from, to);
        let end = end_of(from, text);
        if from.line == to.line && end.line == from.line {
            let line = &mut self.lines[from.line];
            line.text.replace_range(from.byte..to.byte, text);
            if let Some((columns, starts)) = &mut line.rows {
                let changed = from.byte..to.byte;
                rows::restart(starts, &line.text, *columns, &self.chips, &changed, text.len());
            }
            return (removed, end);
        }
        let rest = self.lines[to.line].text.split_off(to.byte);
        let mut first = std::mem::take(&mut self.lines[from.line].text);
        first.truncate(from.byte);
        let mut pieces = text.split('\n');
        first.push_str(pieces.next().unwrap_or_default());
        let mut lines = vec![Line { text: first, rows: None }];
        lines.extend(pieces.map(Line::new));
        if let Some(last) = lines.last_mut() {
            last.text.push_str(&rest);
        }
        self.lines.splice(from.line..=to.line, lines);
        (removed, end)
    }

    /// Tells the buffer how many columns a row has.
    pub(super) fn set_columns(&mut self, columns: usize) {
        self.columns = columns;
    }

    /// Gives where the rows of a line begin.
    pub(super) fn rows(&mut self, line: usize) -> &[usize] {
        let columns = self.columns;
        let Some(line) = self.lines.get_mut(line) else { return &[0] };
        let known = line.rows.as_ref().is_some_and(|(known, _)| *known == columns);
        if !known {
            line.rows = None;
        }
        let (text, chips) = (&line.text, &self.chips);
        let found = || (columns, rows::starts(text, columns, chips, usize::MAX));
        &line.rows.get_or_insert_with(found).1
    }

    /// Gives the rows that the text needs, at most `most`, with so many columns in a row.
    pub(super) fn height(&self, columns: usize, most: usize) -> usize {
        let mut height = 0;
        for line in &self.lines {
            height += match &line.rows {
                Some((known, starts)) if *known == columns => starts.len(),
                _ => rows::starts(&line.text, columns, &self.chips, most - height).len(),
            };
            if height >= most {
                return most;
            }
        }
        height
    }

    /// Gives the line and the row to be drawn first, so that the cursor is among so many rows.
    pub(super) fn scroll(&mut self, height: usize) -> (usize, usize) {
        let cursor = (self.cursor.line, self.row_of(self.cursor));
        let height = height.max(1);
        // From the cursor up, how far the first row can be away.
        let (mut first, mut steps) = (cursor, 1);
        while steps < height && first > self.top {
            first = match first {
                (0, 0) => break,
                (line, 0) => (line - 1, self.rows(line - 1).len() - 1),
                (line, row) => (line, row - 1),
            };
            steps += 1;
        }
        // Here `first` is the old top where the cursor is near enough below it, else the highest row
        // that shows the cursor, or the cursor itself above the old top.
        self.top = first;
        // What is below the text is not worth a row that the text could use.
        let mut shown = self.rows_from(self.top, height);
        while shown < height && self.top != (0, 0) {
            self.top = match self.top {
                (line, 0) => (line - 1, self.rows(line - 1).len() - 1),
                (line, row) => (line, row - 1),
            };
            shown += 1;
        }
        self.top
    }

    /// Counts the rows from one on, at most so many.
    fn rows_from(&mut self, (line, row): (usize, usize), most: usize) -> usize {
        let mut count = self.rows(line).len().saturating_sub(row);
        let mut line = line + 1;
        while count < most && line < self.lines.len() {
            count += self.rows(line).len();
            line += 1;
        }
        count.min(most)
    }

    /// Gives the row of its line that a place is in.
    pub(super) fn row_of(&mut self, place: Place) -> usize {
        self.rows(place.line).partition_point(|start| *start <= place.byte).saturating_sub(1)
    }

    /// Gives the bytes of a row; none when there is no such row.
    pub(super) fn row(&mut self, line: usize, row: usize) -> Option<std::ops::Range<usize>> {
        let length = self.lines.get(line)?.text.len();
        let starts = self.rows(line);
        let start = *starts.get(row)?;
        Some(start..starts.get(row + 1).copied().unwrap_or(length))
    }
}

/// Gives the place of a byte of a text.
pub(super) fn place_of(text: &str, byte: usize) -> Place {
    end_of(Place::default(), &text[..byte])
}

/// Gives where a text ends that begins somewhere.
fn end_of(at: Place, text: &str) -> Place {
    match text.rfind('\n') {
        None => Place { line: at.line, byte: at.byte + text.len() },
        Some(last) => {
            Place { line: at.line + text.matches('\n').count(), byte: text.len() - last - 1 }
        }
    }
}
