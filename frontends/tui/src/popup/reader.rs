//! Something to read: a page that scrolls, with a search.

mod lines;
mod search;
mod sheets;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::field::{Field, Kind, Typed};
use super::{Answer, Popup, frame};
use crate::theme::Theme;

pub(super) use lines::{Fixed, Made};
pub use lines::{Lines, Way};
pub use sheets::{Card, KeyGroup, UsageRow};

/// Rows that a turn of the wheel goes.
const WHEEL: usize = 3;

/// Something to read.
pub struct Reader {
    title: String,
    lines: Box<dyn Lines>,
    extent: Extent,
    /// The first line that is shown.
    top: usize,
    /// Whether the end is to be shown at the first drawing.
    at_end: bool,
    /// Rows, columns and lines at the last drawing.
    rows: usize,
    width: u16,
    count: usize,
    /// What is being typed behind a slash.
    asking: Option<Field>,
    needle: String,
    /// Which way a search is to go with the next drawing, which knows the lines.
    seeking: Option<Way>,
    remark: Option<String>,
}

/// How much room a page takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The whole screen.
    Screen,
    /// As many rows as it has.
    Rows(u16),
}

impl Popup {
    /// Shows lines on the whole screen, the last ones first, with a search.
    pub fn pager(title: &str, lines: Box<dyn Lines>) -> Popup {
        let reader = Reader { at_end: true, ..Reader::new(title, lines, Extent::Screen) };
        Popup::Reader(Box::new(reader))
    }

    /// Shows lines that are there already on the whole screen, from the first one on. They are safe for a
    /// terminal; those that are too long are broken.
    pub fn pages(title: &str, lines: Vec<Line<'static>>) -> Popup {
        let lines = Box::new(Fixed::new(lines));
        Popup::Reader(Box::new(Reader::new(title, lines, Extent::Screen)))
    }
}

impl Reader {
    pub(super) fn new(title: &str, lines: Box<dyn Lines>, extent: Extent) -> Reader {
        Reader {
            title: title.to_owned(),
            lines,
            extent,
            top: 0,
            at_end: false,
            rows: 1,
            width: 0,
            count: 0,
            asking: None,
            needle: String::new(),
            seeking: None,
            remark: None,
        }
    }

    pub(super) fn is_full_screen(&self) -> bool {
        self.extent == Extent::Screen
    }

    pub(super) fn height(&self) -> u16 {
        match self.extent {
            Extent::Screen => u16::MAX,
            Extent::Rows(rows) => rows.saturating_add(2),
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        self.remark = None;
        if self.asking.is_some() {
            self.ask(key);
            return Answer::Stay;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let page = self.rows.max(2) - 1;
        match key.code {
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => return Answer::Close,
            KeyCode::Char('t') if control => return Answer::Close,
            KeyCode::Char('f') if control => self.down(page),
            KeyCode::Char('b') if control => self.up(page),
            KeyCode::Char('d') if control => self.down(page / 2),
            KeyCode::Char('u') if control => self.up(page / 2),
            KeyCode::Char('n') if control => self.down(1),
            KeyCode::Char('p') if control => self.up(1),
            KeyCode::Home if control => self.top = 0,
            KeyCode::End if control => self.go_to_end(),
            _ if control => return Answer::Pass,
            KeyCode::Up | KeyCode::Char('k') => self.up(1),
            KeyCode::Down | KeyCode::Char('j') => self.down(1),
            KeyCode::PageUp | KeyCode::Char('b') => self.up(page),
            KeyCode::PageDown | KeyCode::Char(' ' | 'f') => self.down(page),
            KeyCode::Char('u') => self.up(page / 2),
            KeyCode::Char('d') => self.down(page / 2),
            KeyCode::Home | KeyCode::Char('g') => self.top = 0,
            KeyCode::End | KeyCode::Char('G') => self.go_to_end(),
            KeyCode::Char('/') => self.asking = Some(Field::new(Kind::Line, "")),
            KeyCode::Char('n') => self.seek(Way::On),
            KeyCode::Char('N') => self.seek(Way::Back),
            _ => {}
        }
        Answer::Stay
    }

    pub(super) fn paste(&mut self, text: &str) -> Answer {
        if let Some(field) = &mut self.asking {
            field.insert(text);
        }
        Answer::Stay
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Answer {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.up(WHEEL),
            MouseEventKind::ScrollDown => self.down(WHEEL),
            _ => {}
        }
        Answer::Stay
    }

    /// Takes a key while what is searched for is typed.
    fn ask(&mut self, key: KeyEvent) {
        let Some(field) = &mut self.asking else { return };
        match key.code {
            KeyCode::Esc => self.asking = None,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.asking = None;
            }
            KeyCode::Enter => {
                // Nothing typed means the same as last time.
                if !field.is_empty() {
                    self.needle = field.text().to_owned();
                }
                self.asking = None;
                self.seek(Way::Here);
            }
            KeyCode::Backspace if field.is_empty() => self.asking = None,
            _ => match field.key(key) {
                Typed::No | Typed::Moved | Typed::Changed => {}
            },
        }
    }

    fn seek(&mut self, way: Way) {
        if self.needle.is_empty() {
            self.remark = Some("type / to search".to_owned());
        } else {
            self.seeking = Some(way);
        }
    }

    fn up(&mut self, rows: usize) {
        self.top = self.top.saturating_sub(rows);
    }

    fn down(&mut self, rows: usize) {
        self.top = self.top.saturating_add(rows).min(self.last_top());
    }

    fn go_to_end(&mut self) {
        self.top = self.last_top();
    }

    fn last_top(&self) -> usize {
        self.count.saturating_sub(self.rows)
    }

    pub(super) fn draw(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Option<Position> {
        let inner = frame::inner(area);
        let mut body = inner;
        let foot = self.asking.is_some() || self.remark.is_some() || self.seeking.is_some();
        if foot && body.height > 1 {
            body.height -= 1;
        }
        self.measure(body, theme);
        frame::frame(area, buf, theme, &self.heading(), &self.hints());
        let shown = self.lines.lines(body.width, theme, self.top, usize::from(body.height));
        let shown: Vec<Line<'static>> = shown
            .into_iter()
            .map(|line| search::marked(line, &self.needle, theme.selected))
            .collect();
        frame::put_all(body, buf, &shown);
        let foot = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        if let Some(field) = &self.asking {
            frame::clear(foot, buf, theme);
            frame::put(foot, buf, &Line::from(Span::styled("/", theme.accent)));
            let room = Rect { x: foot.x + 1, width: foot.width.saturating_sub(1), ..foot };
            return field.draw(room, buf, theme.text);
        }
        if let Some(remark) = &self.remark {
            frame::clear(foot, buf, theme);
            frame::put(foot, buf, &Line::from(Span::styled(frame::said(remark), theme.warning)));
        }
        None
    }

    /// Takes what there is at a size, and carries out what had to wait for that.
    fn measure(&mut self, body: Rect, theme: &Theme) {
        if self.width != body.width && self.width != 0 {
            self.top = self.lines.moved(self.top, self.width, body.width, theme);
        }
        self.width = body.width;
        self.rows = usize::from(body.height);
        self.count = self.lines.count(body.width, theme);
        if std::mem::take(&mut self.at_end) {
            self.go_to_end();
        }
        if let Some(way) = self.seeking.take() {
            match self.lines.find(&self.needle, self.top, way, body.width, theme) {
                Some(line) => self.top = line,
                None => self.remark = Some(format!("nothing more with `{}`", self.needle)),
            }
        }
        self.top = self.top.min(self.last_top());
    }

    fn heading(&self) -> String {
        if self.count <= self.rows {
            return self.title.clone();
        }
        let last = self.count.min(self.top + self.rows);
        format!("{} · {}–{last} of {}", self.title, self.top + 1, self.count)
    }

    fn hints(&self) -> Vec<frame::Hint<'static>> {
        if self.asking.is_some() {
            return vec![("enter", "search"), ("esc", "back")];
        }
        if self.count <= self.rows {
            return vec![("esc", "close"), ("/", "search")];
        }
        vec![
            ("esc", "close"),
            ("↑↓ pgup pgdn", "scroll"),
            ("/", "search"),
            ("n N", "next, one before"),
            ("g G", "ends"),
        ]
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("title", &self.title).finish_non_exhaustive()
    }
}
