//! The sessions of this home.

use codex_event::{SessionId, Timestamp, utc};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::field::{Field, Kind, Typed};
use super::list::{List, Moved};
use super::{Action, Answer, Popup, frame};
use crate::fuzzy;
use crate::host::{Owner, SessionRow};
use crate::theme::Theme;
use crate::wrap::{columns, wrap};

/// Columns from which on the selected session is shown beside the list.
const WIDE: u16 = 100;
/// Rows from which on each session has two.
const TALL: u16 = 12;

/// A choice among the sessions: Enter takes one up (or attaches), `f` forks it, `r` shows it.
#[derive(Debug)]
pub struct Sessions {
    home: Option<String>,
    current: Option<SessionId>,
    /// None while they are looked for.
    rows: Option<Vec<SessionRow>>,
    now: Timestamp,
    /// Numbers of the rows that match, the best first.
    shown: Vec<usize>,
    list: List,
    filter: Field,
    /// Whether letters go into the filter.
    filtering: bool,
}

impl Popup {
    /// Offers the sessions; they come with [`Sessions::fill`]. The one that is open is marked, and paths
    /// are shortened by the user's home.
    pub fn sessions(current: Option<SessionId>, home: Option<String>) -> Popup {
        Popup::Sessions(Box::new(Sessions {
            home,
            current,
            rows: None,
            now: Timestamp(0),
            shown: Vec::new(),
            list: List::default(),
            filter: Field::new(Kind::Line, ""),
            filtering: false,
        }))
    }
}

impl Sessions {
    /// Takes the sessions, the last first, and the time that ages are told by.
    pub fn fill(&mut self, rows: Vec<SessionRow>, now: Timestamp) {
        let selected = self.selected().map(|row| row.id);
        self.rows = Some(rows);
        self.now = now;
        self.sift();
        // Whoever chose one already keeps it.
        let rows = self.rows.iter().flatten();
        if let Some(at) = selected.and_then(|id| rows.into_iter().position(|row| row.id == id)) {
            self.list.select(self.shown.iter().position(|shown| *shown == at));
        }
    }

    fn selected(&self) -> Option<&SessionRow> {
        self.rows.as_ref()?.get(*self.shown.get(self.list.selected()?)?)
    }

    fn sift(&mut self) {
        let rows = self.rows.iter().flatten();
        let texts = rows
            .map(|row| format!("{} {} {} {} {}", row.title, row.last, row.cwd, row.state, row.id));
        let ranked = fuzzy::rank(self.filter.text(), texts);
        self.shown = ranked.into_iter().map(|(at, _)| at).collect();
        self.list.restart(self.shown.len());
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc if self.filtering => {
                self.filtering = false;
                self.filter = Field::new(Kind::Line, "");
                self.sift();
            }
            KeyCode::Esc => return Answer::Close,
            KeyCode::Enter => return self.take(),
            KeyCode::Char('f') if control || !self.filtering => return self.fork(),
            KeyCode::Char('r') if control || !self.filtering => {
                return self
                    .selected()
                    .map_or(Answer::Stay, |row| Answer::Do(Action::Watch(row.id)));
            }
            KeyCode::Char('/') if !self.filtering && !control => self.filtering = true,
            KeyCode::Char('q') if !self.filtering && !control => return Answer::Close,
            KeyCode::Char('j') if !self.filtering && !control => {
                self.list.key(KeyCode::Down.into());
            }
            KeyCode::Char('k') if !self.filtering && !control => {
                self.list.key(KeyCode::Up.into());
            }
            _ if self.list.key(key) != Moved::No => {}
            _ if self.filtering => match self.filter.key(key) {
                Typed::Changed => self.sift(),
                Typed::Moved => {}
                Typed::No if control => return Answer::Pass,
                Typed::No => {}
            },
            _ if control => return Answer::Pass,
            _ => {}
        }
        Answer::Stay
    }

    fn take(&self) -> Answer {
        self.selected().map_or(Answer::Stay, |row| {
            if Some(row.id) == self.current {
                return Answer::Close;
            }
            Answer::Do(Action::Take(row.id, Owner::Attach))
        })
    }

    fn fork(&self) -> Answer {
        self.selected().map_or(Answer::Stay, |row| {
            let (session, draft) = (Some(row.id), String::new());
            Answer::Do(Action::Fork { session, at: None, draft })
        })
    }

    pub(super) fn paste(&mut self, text: &str) -> Answer {
        self.filtering = true;
        self.filter.insert(text);
        self.sift();
        Answer::Stay
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Answer {
        let before = self.list.selected();
        match self.list.mouse(mouse) {
            Moved::Clicked if self.list.selected() == before => self.take(),
            Moved::Clicked | Moved::Yes | Moved::No => Answer::Stay,
        }
    }

    pub(super) fn draw(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Option<Position> {
        let enter = match self.selected() {
            Some(row) if row.state == "running" => "attach",
            Some(_) | None => "resume",
        };
        let hints: &[frame::Hint<'_>] = match self.filtering {
            true => &[("enter", enter), ("esc", "all"), ("^f", "fork"), ("^r", "replay")],
            false => &[
                ("enter", enter),
                ("esc", "close"),
                ("f", "fork"),
                ("r", "replay"),
                ("/", "search"),
                ("↑↓", "select"),
            ],
        };
        let count = self.rows.as_ref().map(Vec::len);
        let title = match (count, self.filtering) {
            (None, _) => "Sessions".to_owned(),
            (Some(count), false) => format!("Sessions · {count}"),
            (Some(count), true) => format!("Sessions · {} of {count}", self.shown.len()),
        };
        let mut inner = frame::frame(area, buf, theme, &title, hints);
        let mut place = None;
        if self.filtering {
            let row = Rect { height: 1, ..inner };
            frame::put(row, buf, &Line::from(Span::styled("/", theme.accent)));
            let room = Rect { x: row.x + 1, width: row.width.saturating_sub(1), ..row };
            place = self.filter.draw(room.intersection(row), buf, theme.text);
            inner = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
        }
        let (rows, beside) = columns_of(inner);
        if self.shown.is_empty() {
            let words = match count {
                None => "looking for sessions…",
                Some(0) => "there are no sessions yet",
                Some(_) => "nothing matches",
            };
            frame::put(rows, buf, &Line::from(Span::styled(words, theme.dim)));
            return place;
        }
        self.draw_rows(rows, buf, theme);
        if let (Some(beside), Some(row)) = (beside, self.selected()) {
            for y in beside.top()..beside.bottom() {
                let bar = Rect { y, height: 1, width: 1, x: beside.x - 2 };
                frame::put(bar, buf, &Line::from(Span::styled("│", theme.border)));
            }
            frame::put_all(beside, buf, &self.preview(row, theme, beside.width));
        }
        place
    }

    fn draw_rows(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let lines = if area.height >= TALL { 2 } else { 1 };
        let window = self.list.window_of(area, lines);
        let Some(rows) = &self.rows else { return };
        for (at, y) in window.zip((area.y..).step_by(usize::from(lines))) {
            let row = Rect { y, height: lines, ..area };
            let chosen = self.list.selected() == Some(at);
            if chosen {
                buf.set_style(row.intersection(area), theme.selected);
            }
            let session = &rows[self.shown[at]];
            frame::put(row, buf, &self.head(session, theme, area.width, chosen));
            if lines > 1 {
                let last = frame::said(&session.last);
                let style = if chosen { theme.selected } else { theme.dim };
                let line = Line::from(Span::styled(format!("  {last}"), style));
                frame::put(
                    Rect { y: y + 1, height: 1, ..area },
                    buf,
                    &frame::cut(line, area.width),
                );
            }
        }
    }

    /// Title, state, age and tokens, as far as there is room for them.
    fn head(&self, row: &SessionRow, theme: &Theme, width: u16, chosen: bool) -> Line<'static> {
        let plain = |style: Style| if chosen { theme.selected } else { style };
        let here = Some(row.id) == self.current;
        let state = if here { "open here".to_owned() } else { frame::said(&row.state) };
        let of_state = match row.state.as_str() {
            _ if here => theme.accent,
            "running" => theme.good,
            "damaged" => theme.bad,
            "interrupted" => theme.warning,
            _ => theme.dim,
        };
        let tokens = short(row.tokens.0.saturating_add(row.tokens.1));
        let age = age(self.now, row.at);
        let mut behind = Vec::new();
        if width >= 40 {
            behind.push(Span::styled(frame::padded_to(&state, 12), plain(of_state)));
        }
        if width >= 24 {
            behind.push(Span::styled(format!("{age:>10}"), plain(theme.dim)));
        }
        if width >= 56 {
            behind.push(Span::styled(format!("{tokens:>8}"), plain(theme.dim)));
        }
        let used: usize = behind.iter().map(|span| columns(&span.content)).sum();
        let room = usize::from(width).saturating_sub(used + 3);
        let title = frame::padded_to(&frame::said(&row.title), room);
        let mut spans = vec![
            Span::styled(if chosen { "› " } else { "  " }, plain(theme.accent)),
            Span::styled(format!("{title} "), plain(theme.strong)),
        ];
        spans.extend(behind);
        frame::cut(Line::from(spans), width)
    }

    fn preview(&self, row: &SessionRow, theme: &Theme, width: u16) -> Vec<Line<'static>> {
        let mut lines =
            wrap(Line::from(Span::styled(frame::said(&row.title), theme.strong)), width);
        lines.push(Line::default());
        let at = utc(row.at);
        let at = at.split_once('.').map_or(at.as_str(), |(it, _)| it).replace('T', " ");
        let facts = [
            ("id", row.id.to_string()),
            ("folder", frame::path(&row.cwd, self.home.as_deref())),
            ("state", frame::said(&row.state)),
            ("last", format!("{at} UTC, {}", age(self.now, row.at))),
            ("tokens", format!("{} in, {} out", short(row.tokens.0), short(row.tokens.1))),
        ];
        for (name, value) in facts {
            let line = Line::from(vec![
                Span::styled(format!("{name:8}"), theme.dim),
                Span::styled(value, theme.text),
            ]);
            lines.extend(wrap(line, width));
        }
        lines.push(Line::default());
        lines.extend(wrap(Line::from(Span::styled(frame::said(&row.last), theme.text)), width));
        lines
    }
}

/// The list, and what is beside it where there is room.
fn columns_of(inner: Rect) -> (Rect, Option<Rect>) {
    if inner.width < WIDE || inner.height < 8 {
        return (inner, None);
    }
    let rows = Rect { width: inner.width * 3 / 5, ..inner };
    let beside = Rect { x: rows.right() + 3, width: inner.width - rows.width - 3, ..inner };
    (rows, Some(beside))
}

/// How long ago something was, in a word or two; from 30 days on its day.
fn age(now: Timestamp, at: Timestamp) -> String {
    let minutes = now.0.saturating_sub(at.0) / 60_000;
    match (minutes, minutes / 60, minutes / (24 * 60)) {
        (0, ..) => "just now".to_owned(),
        (minutes @ 1..60, ..) => format!("{minutes} min"),
        (_, hours @ 1..24, _) => format!("{hours} h"),
        (.., days @ 1..30) => format!("{days} d"),
        _ => utc(at).split_once('T').map_or_else(String::new, |(day, _)| day.to_owned()),
    }
}

/// A number of tokens in at most six characters.
fn short(tokens: u64) -> String {
    let tenths = |unit: u64| (tokens / unit, tokens % unit * 10 / unit);
    match tokens {
        0..1_000 => tokens.to_string(),
        1_000..1_000_000 => {
            let (whole, tenth) = tenths(1_000);
            format!("{whole}.{tenth}k")
        }
        _ => {
            let (whole, tenth) = tenths(1_000_000);
            format!("{whole}.{tenth}M")
        }
    }
}
