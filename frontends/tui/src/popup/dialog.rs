//! Something to confirm or to decide: a few words, and what can be done about them.

mod asked;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::field::{Field, Kind, Typed};
use super::guard::{self, Guard};
use super::list::{List, Moved};
use super::{Action, Answer, frame};
use crate::host::Request;
use crate::theme::Theme;
use crate::update::Moment;
use crate::wrap::wrap;

pub use asked::Leaving;

/// A few words and a few choices.
#[derive(Debug)]
pub struct Dialog {
    pub(super) guard: Guard,
    title: String,
    /// Harmless already; hidden characters are shown.
    words: Vec<(Tone, String)>,
    choices: Vec<Choice>,
    list: List,
    /// A key that is being typed.
    field: Option<Field>,
    remark: Option<&'static str>,
    scroll: usize,
    most: usize,
}

/// How words are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Plain,
    Warning,
    /// What is to be typed elsewhere, or stands in a file.
    Code,
}

/// What can be done.
#[derive(Clone, Debug)]
struct Choice {
    key: char,
    words: String,
    outcome: Outcome,
}

/// What comes of a choice.
#[derive(Clone, Debug)]
enum Outcome {
    /// Nothing.
    Close,
    /// This is done.
    Do(Action),
    /// A key is typed first.
    TypeKey,
    /// Something else is told first.
    Tell(Box<Page>),
}

/// Words with their choices.
#[derive(Clone, Debug)]
struct Page {
    title: String,
    words: Vec<(Tone, String)>,
    choices: Vec<Choice>,
    /// The key of the choice that Enter takes.
    selected: char,
}

impl Dialog {
    fn new(page: Page) -> Dialog {
        let selected = page.choices.iter().position(|it| it.key == page.selected);
        Dialog {
            guard: Guard::Off,
            title: page.title,
            words: page.words,
            list: List::new(page.choices.len(), selected),
            choices: page.choices,
            field: None,
            remark: None,
            scroll: 0,
            most: 0,
        }
    }

    pub(super) fn height(&self, width: u16) -> u16 {
        let width = width.saturating_sub(2).max(1);
        let rows: usize = self.lines(&Theme::of(crate::options::Palette::Plain), width).len();
        let below = if self.field.is_some() { 1 } else { self.choices.len() };
        u16::try_from(rows + below + 3).unwrap_or(u16::MAX)
    }

    fn lines(&self, theme: &Theme, width: u16) -> Vec<Line<'static>> {
        let style = |tone: &Tone| -> Style {
            match tone {
                Tone::Plain => theme.text,
                Tone::Warning => theme.warning,
                Tone::Code => theme.code,
            }
        };
        let lines = self.words.iter().flat_map(|(tone, text)| {
            text.lines().map(move |line| Line::from(Span::styled(line.to_owned(), style(tone))))
        });
        lines.flat_map(|line| wrap(line, width)).collect()
    }

    pub(super) fn holds_back(&mut self, now: Moment, typed: Option<Moment>, key: KeyEvent) -> bool {
        let holds = self.field.is_none() && self.guard.holds_back(now, typed, key);
        if holds {
            self.remark = Some(guard::HELD);
        }
        holds
    }

    pub(super) fn holds_click(&mut self, now: Moment, last: Option<Moment>) -> bool {
        let holds = self.field.is_none() && self.guard.holds_click(now, last);
        if holds {
            self.remark = Some(guard::HELD_CLICK);
        }
        holds
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        self.remark = None;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if self.field.is_some() {
            return self.typed(key, control);
        }
        match key.code {
            KeyCode::Esc => return Answer::Close,
            KeyCode::Enter => match self.list.selected() {
                Some(at) => return self.take(at),
                None => self.remark = Some("choose first: ↑↓, or one of the letters"),
            },
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(5),
            KeyCode::PageDown => self.scroll = self.most.min(self.scroll + 5),
            _ if self.list.key(key) != Moved::No => {}
            _ if control => return Answer::Pass,
            KeyCode::Char(letter) => {
                if let Some(at) = self.choices.iter().position(|it| it.key == letter) {
                    return self.take(at);
                }
            }
            _ => {}
        }
        Answer::Stay
    }

    /// Takes a key while a provider's key is typed.
    fn typed(&mut self, key: KeyEvent, control: bool) -> Answer {
        let Some(field) = &mut self.field else { return Answer::Stay };
        match key.code {
            KeyCode::Esc => self.field = None,
            KeyCode::Enter if field.is_empty() => {
                self.remark = Some("nothing is typed; esc goes back");
            }
            KeyCode::Enter => {
                return Answer::Do(Action::Request(Request::Key(field.text().to_owned())));
            }
            _ => match field.key(key) {
                Typed::No if control => return Answer::Pass,
                Typed::No | Typed::Moved | Typed::Changed => {}
            },
        }
        Answer::Stay
    }

    fn take(&mut self, at: usize) -> Answer {
        match self.choices[at].outcome.clone() {
            Outcome::Close => Answer::Close,
            Outcome::Do(action) => Answer::Do(action),
            Outcome::TypeKey => {
                self.field = Some(Field::new(Kind::Secret, ""));
                Answer::Stay
            }
            Outcome::Tell(page) => {
                *self = Dialog::new(*page);
                Answer::Stay
            }
        }
    }

    pub(super) fn paste(&mut self, text: &str) -> Answer {
        match &mut self.field {
            Some(field) => {
                field.insert(text);
                Answer::Stay
            }
            // It was meant for the composer.
            None => Answer::Pass,
        }
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Answer {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.scroll = self.scroll.saturating_sub(1),
            MouseEventKind::ScrollDown => self.scroll = self.most.min(self.scroll + 1),
            _ if self.field.is_none() => {
                let before = self.list.selected();
                if let (Moved::Clicked, Some(at)) = (self.list.mouse(mouse), before)
                    && self.list.selected() == before
                {
                    return self.take(at);
                }
            }
            _ => {}
        }
        Answer::Stay
    }

    pub(super) fn draw(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Option<Position> {
        self.guard.drawn();
        let hints: &[frame::Hint<'_>] = match (&self.field, self.most > 0) {
            (Some(_), _) => &[("enter", "keep it"), ("esc", "back")],
            (None, true) => &[("↑↓ enter", "choose"), ("esc", "close"), ("pgup pgdn", "scroll")],
            (None, false) => &[("↑↓ enter", "choose"), ("esc", "close")],
        };
        let inner = frame::frame(area, buf, theme, &self.title, hints);
        let choices = if self.field.is_some() { 1 } else { self.choices.len() };
        let choices = u16::try_from(choices).unwrap_or(u16::MAX);
        // The words give way to the choices, down to one row.
        let room = inner.height.saturating_sub(1).max(1);
        let below = choices.min(room).min(inner.height);
        let between = u16::from(inner.height > below + 1);
        let body = Rect { height: inner.height - below - between, ..inner };
        let lines = self.lines(theme, inner.width);
        self.most = lines.len().saturating_sub(usize::from(body.height));
        self.scroll = self.scroll.min(self.most);
        frame::put_all(body, buf, &lines[self.scroll..]);
        let row = Rect { y: body.bottom(), height: between, ..inner };
        let left = self.most - self.scroll;
        let said = match self.remark {
            Some(remark) => Span::styled(remark, theme.warning),
            None if left > 0 => Span::styled(format!("▾ {left} more rows: pgdn"), theme.dim),
            None => Span::raw(""),
        };
        frame::put(row, buf, &Line::from(said));
        let rest = Rect { y: body.bottom() + between, height: below, ..inner };
        if let Some(field) = &self.field {
            let label = Rect { height: 1, ..rest };
            frame::put(label, buf, &Line::from(Span::styled("key: ", theme.accent)));
            let room = Rect { x: rest.x + 5, width: rest.width.saturating_sub(5), ..rest };
            return field.draw(room.intersection(rest), buf, theme.text);
        }
        for (at, y) in self.list.window(rest).zip(rest.y..) {
            let row = Rect { y, height: 1, ..rest };
            let chosen = self.list.selected() == Some(at);
            let plain = |style| if chosen { theme.selected } else { style };
            if chosen {
                buf.set_style(row, theme.selected);
            }
            let choice = &self.choices[at];
            let line = Line::from(vec![
                Span::styled(if chosen { "› " } else { "  " }, plain(theme.accent)),
                Span::styled(choice.key.to_string(), plain(theme.accent)),
                Span::styled(format!("  {}", choice.words), plain(theme.text)),
            ]);
            frame::put(row, buf, &frame::cut(line, row.width));
        }
        None
    }
}
