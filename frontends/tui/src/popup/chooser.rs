//! One of several values: models, policies, access, colours, earlier prompts.

mod values;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::field::{Field, Typed};
use super::list::{List, Moved};
use super::{Action, Answer, frame};
use crate::fuzzy;
use crate::host::Changes;
use crate::theme::Theme;
use crate::wrap::{columns, wrap};

pub use values::PromptRow;

/// Rows of values that are shown at once.
const ROWS: usize = 10;

/// A choice among values, each with what it means.
#[derive(Debug)]
pub struct Chooser {
    title: String,
    rows: Vec<Value>,
    /// What is said where there is nothing to choose.
    nothing: &'static str,
    /// Numbers of the rows that match, the best first.
    shown: Vec<usize>,
    list: List,
    /// What was typed, where values are many.
    filter: Option<Field>,
    efforts: Option<Efforts>,
    /// What Enter does, in a word.
    verb: &'static str,
    /// The row that was asked for once, and is done when it is asked for again.
    confirming: Option<usize>,
}

/// One value.
#[derive(Clone, Debug)]
struct Value {
    /// Its name; harmless, one line.
    name: String,
    /// What it means, below the list when it is selected.
    meaning: String,
    /// Whether it is the one that holds.
    current: bool,
    /// What is done for it.
    action: Action,
    /// Whether it is tried as soon as it is selected.
    trying: bool,
    /// What is to be confirmed by a second Enter; nothing where one is enough.
    confirm: Option<&'static str>,
}

/// How hard a model should think; what the model does by itself when none.
#[derive(Clone, Debug)]
struct Efforts {
    all: Vec<String>,
    at: Option<usize>,
}

impl Chooser {
    fn new(title: &str, rows: Vec<Value>) -> Chooser {
        let current = rows.iter().position(|row| row.current);
        Chooser {
            title: title.to_owned(),
            list: List::new(rows.len(), current.or(Some(0))),
            shown: (0..rows.len()).collect(),
            rows,
            nothing: "there is nothing to choose from",
            filter: None,
            efforts: None,
            verb: "choose",
            confirming: None,
        }
    }

    fn selected(&self) -> Option<usize> {
        self.shown.get(self.list.selected()?).copied()
    }

    pub(super) fn height(&self, width: u16) -> u16 {
        let below = self.below(usize::from(width.saturating_sub(2)));
        let filter = usize::from(self.filter.is_some());
        let rows = self.rows.len().clamp(1, ROWS) + filter + below + 2;
        u16::try_from(rows).unwrap_or(u16::MAX)
    }

    /// Rows that the longest meaning takes, with the empty one before it.
    fn below(&self, width: usize) -> usize {
        let rows =
            |text: &str| text.lines().map(|it| columns(it) / width.max(1) + 1).sum::<usize>();
        let most = self.rows.iter().take(ROWS).map(|row| rows(&row.meaning)).max().unwrap_or(0);
        let efforts = usize::from(self.efforts.is_some());
        if most + efforts == 0 { 0 } else { most.min(4) + efforts + 1 }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let confirming = self.confirming.take();
        match key.code {
            KeyCode::Esc => return Answer::Close,
            KeyCode::Enter => return self.take(confirming),
            KeyCode::Left | KeyCode::Right if self.efforts.is_some() => {
                self.think(key.code == KeyCode::Right);
                return Answer::Stay;
            }
            KeyCode::Home | KeyCode::End if self.filter.is_some() && !control => {}
            KeyCode::Char('j') if self.filter.is_none() && !control => {
                return self.moved(KeyCode::Down.into());
            }
            KeyCode::Char('k') if self.filter.is_none() && !control => {
                return self.moved(KeyCode::Up.into());
            }
            _ => {
                if let answer @ (Answer::Do(_) | Answer::Try(_) | Answer::Stay) = self.moved(key) {
                    return answer;
                }
            }
        }
        match self.filter.as_mut().map(|field| field.key(key)) {
            Some(Typed::Changed) => {
                self.sift();
                Answer::Stay
            }
            Some(Typed::Moved) => Answer::Stay,
            Some(Typed::No) | None if control => Answer::Pass,
            Some(Typed::No) | None => Answer::Stay,
        }
    }

    /// Moves the selection; `Pass` when the key does not.
    fn moved(&mut self, key: KeyEvent) -> Answer {
        match self.list.key(key) {
            Moved::No => Answer::Pass,
            Moved::Yes | Moved::Clicked => self.tried(),
        }
    }

    fn tried(&self) -> Answer {
        match self.selected().map(|at| &self.rows[at]) {
            Some(row) if row.trying => Answer::Try(row.action.clone()),
            Some(_) | None => Answer::Stay,
        }
    }

    fn take(&mut self, confirming: Option<usize>) -> Answer {
        let Some(at) = self.selected() else { return Answer::Stay };
        let row = &self.rows[at];
        if row.confirm.is_some() && confirming != Some(at) {
            self.confirming = Some(at);
            return Answer::Stay;
        }
        let mut action = row.action.clone();
        if let (Action::Change(Changes { effort, .. }), Some(efforts)) =
            (&mut action, &self.efforts)
        {
            *effort = efforts.at.map(|at| efforts.all[at].clone());
        }
        Answer::Do(action)
    }

    fn think(&mut self, harder: bool) {
        let Some(efforts) = &mut self.efforts else { return };
        let last = efforts.all.len().saturating_sub(1);
        efforts.at = Some(match efforts.at {
            None if harder => 0,
            None => last,
            Some(at) if harder => last.min(at + 1),
            Some(at) => at.saturating_sub(1),
        });
    }

    fn sift(&mut self) {
        let query = self.filter.as_ref().map_or("", Field::text);
        let ranked = fuzzy::rank(query, self.rows.iter().map(|row| row.name.as_str()));
        self.shown = ranked.into_iter().map(|(at, _)| at).collect();
        self.list.restart(self.shown.len());
    }

    pub(super) fn paste(&mut self, text: &str) -> Answer {
        if let Some(field) = &mut self.filter {
            field.insert(text);
            self.sift();
        }
        Answer::Stay
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Answer {
        let before = self.list.selected();
        let confirming = self.confirming.take();
        match self.list.mouse(mouse) {
            Moved::Clicked if self.list.selected() == before => self.take(confirming),
            Moved::Clicked | Moved::Yes => self.tried(),
            Moved::No => Answer::Stay,
        }
    }

    pub(super) fn draw(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Option<Position> {
        let mut hints = vec![("↑↓", "select"), ("enter", self.verb), ("esc", "close")];
        if self.efforts.is_some() {
            hints.push(("←→", "effort"));
        }
        if self.filter.is_some() {
            hints.push(("type", "to search"));
        }
        let mut inner = frame::frame(area, buf, theme, &self.title, &hints);
        let mut place = None;
        if let Some(field) = self.filter.as_ref().filter(|_| inner.height > 1) {
            let row = Rect { height: 1, ..inner };
            frame::put(row, buf, &Line::from(Span::styled("search: ", theme.dim)));
            let room = Rect { x: row.x + 8, width: row.width.saturating_sub(8), ..row };
            place = field.draw(room.intersection(row), buf, theme.text);
            inner = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
        }
        let below = u16::try_from(self.below(usize::from(inner.width))).unwrap_or(u16::MAX);
        let most = inner.height.saturating_sub(self.shown.len().clamp(1, 3) as u16);
        let below = below.min(most);
        let rows = Rect { height: inner.height - below, ..inner };
        self.draw_rows(rows, buf, theme);
        let rest = Rect { y: rows.bottom() + 1, height: below.saturating_sub(1), ..inner };
        self.draw_meaning(rest, buf, theme);
        place
    }

    fn draw_rows(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        if self.shown.is_empty() {
            let nothing = if self.rows.is_empty() { self.nothing } else { "nothing matches" };
            frame::put(area, buf, &Line::from(Span::styled(nothing, theme.dim)));
        }
        for (at, y) in self.list.window(area).zip(area.y..) {
            let row = Rect { y, height: 1, ..area };
            let chosen = self.list.selected() == Some(at);
            let plain = |style| if chosen { theme.selected } else { style };
            if chosen {
                buf.set_style(row, theme.selected);
            }
            let value = &self.rows[self.shown[at]];
            let mut spans = vec![
                Span::styled(if chosen { "› " } else { "  " }, plain(theme.accent)),
                Span::styled(value.name.clone(), plain(theme.text)),
            ];
            if value.current {
                spans.push(Span::styled("  (now)", plain(theme.dim)));
            }
            frame::put(row, buf, &frame::cut(Line::from(spans), row.width));
        }
    }

    fn draw_meaning(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let Some(value) = self.selected().map(|at| &self.rows[at]) else { return };
        let mut lines = Vec::new();
        if let Some(efforts) = &self.efforts {
            let mut spans = vec![Span::styled("effort  ", theme.dim)];
            for (at, effort) in efforts.all.iter().enumerate() {
                let style = if efforts.at == Some(at) { theme.selected } else { theme.dim };
                spans.push(Span::styled(effort.clone(), style));
                spans.push(Span::raw("  "));
            }
            lines.push(frame::cut(Line::from(spans), area.width));
        }
        let confirming = self.confirming.is_some() && self.confirming == self.selected();
        let (text, style) = match value.confirm.filter(|_| confirming) {
            Some(words) => (words, theme.warning),
            None => (value.meaning.as_str(), theme.dim),
        };
        let meant = text
            .lines()
            .flat_map(|line| wrap(Line::from(Span::styled(line.to_owned(), style)), area.width));
        lines.extend(meant);
        frame::put_all(area, buf, &lines);
    }
}
