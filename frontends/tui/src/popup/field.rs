//! A field to write into, of one line or of several.

use codex_view::sanitize;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use super::frame;
use crate::wrap::columns;

/// Most characters that a field takes; a paste is cut there.
const MOST: usize = 64 * 1024;

/// What a field is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// One line.
    #[default]
    Line,
    /// Several lines: Alt-Enter, Shift-Enter and Ctrl-J begin another one.
    Text,
    /// One line that is not shown.
    Secret,
}

/// A text that is being written, and the place in it.
#[derive(Clone, Default)]
pub(super) struct Field {
    kind: Kind,
    text: String,
    /// Byte position of the cursor, at a border of graphemes.
    at: usize,
}

/// What a key did to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Nothing: it is not for a field.
    No,
    /// The cursor is elsewhere, perhaps.
    Moved,
    /// The text is another one, perhaps.
    Changed,
}

impl Field {
    pub(super) fn new(kind: Kind, text: &str) -> Field {
        let mut field = Field { kind, ..Field::default() };
        field.insert(text);
        field
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Inserts text where the cursor is. Line breaks are blanks where there is only one line.
    pub(super) fn insert(&mut self, text: &str) {
        let room = MOST.saturating_sub(self.text.len());
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut end = text.len().min(room);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = match self.kind {
            Kind::Text => text[..end].to_owned(),
            Kind::Line => text[..end].replace('\n', " "),
            Kind::Secret => text[..end].trim().to_owned(),
        };
        self.text.insert_str(self.at, &text);
        self.at += text.len();
        // What was inserted may join with what follows to one grapheme.
        self.at = self.border_at_or_after(self.at);
    }

    /// Takes a key of a line editor.
    pub(super) fn key(&mut self, key: KeyEvent) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let shift = key.modifiers.contains(KeyModifiers::SHIFT);
        match key.code {
            KeyCode::Enter if self.kind == Kind::Text && (alt || shift) => self.insert("\n"),
            KeyCode::Char('j') if self.kind == Kind::Text && control => self.insert("\n"),
            KeyCode::Char('u') if control => self.cut(self.line_start(), self.at),
            KeyCode::Char('k') if control => self.cut(self.at, self.line_end()),
            KeyCode::Char('w') if control => self.cut(self.word_start(), self.at),
            KeyCode::Char('h') if control => self.cut(self.before(), self.at),
            KeyCode::Char('d') if control && !self.is_empty() => self.cut(self.at, self.after()),
            KeyCode::Backspace if alt || control => self.cut(self.word_start(), self.at),
            KeyCode::Backspace => self.cut(self.before(), self.at),
            KeyCode::Delete => self.cut(self.at, self.after()),
            KeyCode::Char(c) if !control && !alt => self.insert(c.encode_utf8(&mut [0; 4])),
            _ => return self.motion(key, control),
        }
        Typed::Changed
    }

    fn motion(&mut self, key: KeyEvent, control: bool) -> Typed {
        let to = match key.code {
            KeyCode::Left if control => self.word_start(),
            KeyCode::Left => self.before(),
            KeyCode::Right => self.after(),
            KeyCode::Home => self.line_start(),
            KeyCode::End => self.line_end(),
            KeyCode::Char('a') if control => self.line_start(),
            KeyCode::Char('e') if control => self.line_end(),
            KeyCode::Char('b') if control => self.before(),
            KeyCode::Char('f') if control => self.after(),
            KeyCode::Up if self.kind == Kind::Text => {
                self.other_line(self.line_start().checked_sub(1))
            }
            KeyCode::Down if self.kind == Kind::Text => {
                self.other_line(Some(self.line_end() + 1).filter(|it| *it <= self.text.len()))
            }
            _ => return Typed::No,
        };
        self.at = to;
        Typed::Moved
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.at = self.border_at_or_after(from);
    }

    /// Goes to the line that a position is in, as far from its start as the cursor is from its own.
    fn other_line(&self, within: Option<usize>) -> usize {
        let Some(within) = within else { return self.at };
        let column = self.text[self.line_start()..self.at].graphemes(true).count();
        let start = self.text[..within].rfind('\n').map_or(0, |it| it + 1);
        let line = self.text[start..].split('\n').next().unwrap_or_default();
        start + line.graphemes(true).take(column).map(str::len).sum::<usize>()
    }

    fn line_start(&self) -> usize {
        self.text[..self.at].rfind('\n').map_or(0, |it| it + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.at..].find('\n').map_or(self.text.len(), |it| self.at + it)
    }

    fn word_start(&self) -> usize {
        let words = self.text[..self.at].trim_end();
        words
            .rfind(char::is_whitespace)
            .map_or(0, |it| it + words[it..].chars().next().map_or(0, char::len_utf8))
    }

    fn before(&self) -> usize {
        self.text[..self.at].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let next = self.text[self.at..].graphemes(true).next();
        self.at + next.map_or(0, str::len)
    }

    /// The first border of graphemes that is not before a position.
    fn border_at_or_after(&self, at: usize) -> usize {
        // A line break is a border on both sides, so only the line has to be looked at.
        let start = self.text[..at].rfind('\n').map_or(0, |it| it + 1);
        let mut borders = self.text[start..].grapheme_indices(true).map(|(it, _)| start + it);
        borders.find(|it| *it >= at).unwrap_or(self.text.len())
    }

    /// Rows that it wants at a width.
    pub(super) fn height(&self, width: u16) -> u16 {
        let rows = self.rows(usize::from(width).max(1)).0.len();
        u16::try_from(rows).unwrap_or(u16::MAX)
    }

    /// Draws it, with the rows round the cursor where not all fit, and gives the place of the cursor.
    pub(super) fn draw(&self, area: Rect, buf: &mut Buffer, style: Style) -> Option<Position> {
        if area.is_empty() {
            return None;
        }
        let (rows, (column, row)) = self.rows(usize::from(area.width));
        let first = (row + 1).saturating_sub(usize::from(area.height));
        let shown: Vec<Line<'_>> = rows[first..]
            .iter()
            .take(usize::from(area.height))
            .map(|row| Line::from(Span::styled(row.as_str(), style)))
            .collect();
        frame::put_all(area, buf, &shown);
        let x = area.x + u16::try_from(column).unwrap_or(0).min(area.width - 1);
        let y = area.y + u16::try_from(row - first).unwrap_or(0).min(area.height - 1);
        Some(Position::new(x, y))
    }

    /// The text in rows of a width, with hidden characters shown, and column and row of the cursor.
    fn rows(&self, width: usize) -> (Vec<String>, (usize, usize)) {
        let mut rows = vec![String::new()];
        let mut used = 0;
        let mut place = (0, 0);
        for (at, grapheme) in self.text.grapheme_indices(true) {
            if at == self.at {
                place = (used, rows.len() - 1);
            }
            if grapheme == "\n" {
                rows.push(String::new());
                used = 0;
                continue;
            }
            let shown = match self.kind {
                Kind::Secret => "•".to_owned(),
                Kind::Line | Kind::Text => sanitize::visible(grapheme),
            };
            for piece in shown.graphemes(true) {
                let wide = columns(piece);
                if used + wide > width && used > 0 {
                    rows.push(String::new());
                    used = 0;
                    if at == self.at {
                        place = (0, rows.len() - 1);
                    }
                }
                if let Some(row) = rows.last_mut() {
                    row.push_str(piece);
                }
                used += wide;
            }
        }
        if self.at == self.text.len() {
            if used >= width {
                rows.push(String::new());
                used = 0;
            }
            place = (used, rows.len() - 1);
        }
        (rows, place)
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It may hold a key.
        f.debug_struct("Field").field("kind", &self.kind).finish_non_exhaustive()
    }
}
