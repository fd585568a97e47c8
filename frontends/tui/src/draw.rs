//! The screen: conversation, what runs, what is asked or written, one line of what holds.
//!
//! A function of the interface's state; what it keeps is only what saves doing the same twice.

mod footer;
mod state;

use codex_view::Cell;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::app::{App, Looking, View};
use crate::host::Role;
use crate::options::Screen;
use crate::render::Fold;

/// Rows below which nothing stands between the conversation and what is written.
const ROOMY: u16 = 12;
/// Rows that the palette or a list of files takes at most.
const LIST: u16 = 10;
/// Queued inputs that are shown.
const QUEUED: usize = 3;

/// Draws everything, and gives the place of the cursor.
pub(crate) fn screen(app: &mut App, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return None;
    }
    if app.popups.last().is_some_and(|popup| popup.is_full_screen()) {
        let theme = app.theme.clone();
        return app.popups.last_mut().and_then(|popup| popup.draw(area, buf, &theme));
    }
    if app.reading.is_some() {
        return reading(app, area, buf);
    }
    let bottom = Bottom::of(app, area.width, area.height);
    let mut rows = Rows { area };
    let footer = rows.from_below(bottom.footer);
    let composer = rows.from_below(bottom.composer);
    let popup = rows.from_below(bottom.popup);
    let queued = rows.from_below(bottom.queued);
    let state = rows.from_below(bottom.state);
    let _gap = rows.from_below(bottom.gap);
    let banner = rows.from_above(bottom.banner);
    conversation(app, rows.area, buf);
    put(banner, buf, &state::banner(app));
    put(state, buf, &state::line(app));
    put_all(queued, buf, &queue(app));
    footer::draw(app, footer, buf);
    let written = written(app, composer, buf);
    let asked = over(app, popup, buf);
    asked.or(written)
}

/// Gives the rows of everything below the conversation.
pub(crate) fn bottom_height(app: &App, width: u16, rows: u16) -> u16 {
    let bottom = Bottom::of(app, width, rows);
    let all = [bottom.footer, bottom.composer, bottom.popup, bottom.queued, bottom.state];
    all.iter().sum::<u16>() + bottom.gap + bottom.banner
}

/// Rows of each part around the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bottom {
    banner: u16,
    gap: u16,
    state: u16,
    queued: u16,
    popup: u16,
    composer: u16,
    footer: u16,
}

impl Bottom {
    fn of(app: &App, width: u16, rows: u16) -> Bottom {
        let footer = u16::from(rows >= 3);
        let mut left = rows - footer;
        let mut bottom = Bottom { footer, ..Bottom::default() };
        let asks = app.popups.last().filter(|popup| !popup.is_full_screen());
        let shows_composer = asks.is_none() || (!app.composer.is_empty() && left >= 8);
        if shows_composer {
            let most = if asks.is_some() { 3 } else { (left / 2).max(1) };
            bottom.composer = app.composer.height(width, most).clamp(1, most).min(left);
            left -= bottom.composer;
        }
        bottom.popup = match asks {
            Some(popup) => popup.height(width, left.saturating_sub(left / 5)).min(left),
            None => list_height(app, width, left),
        };
        left -= bottom.popup;
        bottom.state = u16::from(left >= 2 && !state::line(app).spans.is_empty());
        left -= bottom.state;
        let queued = u16::try_from(queue(app).len()).unwrap_or(u16::MAX);
        bottom.queued = queued.min(left.saturating_sub(2));
        left -= bottom.queued;
        bottom.gap = u16::from(rows >= ROOMY && left >= 4 && app.options.screen == Screen::Full);
        left -= bottom.gap;
        bottom.banner = u16::from(left >= 4 && !state::banner(app).spans.is_empty());
        bottom
    }
}

/// What is left of an area.
struct Rows {
    area: Rect,
}

impl Rows {
    fn from_below(&mut self, height: u16) -> Rect {
        let height = height.min(self.area.height);
        self.area.height -= height;
        Rect { y: self.area.bottom(), height, ..self.area }
    }

    fn from_above(&mut self, height: u16) -> Rect {
        let height = height.min(self.area.height);
        let row = Rect { height, ..self.area };
        self.area.y += height;
        self.area.height -= height;
        row
    }
}

fn conversation(app: &mut App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let height = usize::from(area.height);
    let lines = match (app.options.screen, app.view.is_some()) {
        (Screen::Inline, _) => {
            let mut lines = app.live_lines(area.width);
            lines.split_off(lines.len().saturating_sub(height))
        }
        (Screen::Full, true) => document(app, area.width, area.height, Unfold::AsChosen),
        (Screen::Full, false) => {
            let mut lines = state::welcome(app, area.width);
            lines.extend(tail(app, area.width));
            lines.truncate(height);
            lines
        }
    };
    put_all(area, buf, &lines);
}

/// How much of the cells is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfold {
    AsChosen,
    All,
}

fn document(app: &mut App, width: u16, height: u16, unfold: Unfold) -> Vec<Line<'static>> {
    let looking = Looking::of(app);
    let chosen = app.fold;
    let tail = tail(app, width);
    let Some(view) = &mut app.view else { return Vec::new() };
    let mut draw = |cell: &Cell, fold: Fold| {
        let fold = match (unfold, chosen) {
            (Unfold::All, _) | (Unfold::AsChosen, Fold::Unfolded) => Fold::Unfolded,
            (Unfold::AsChosen, Fold::Folded) => fold,
        };
        looking.folded(cell, fold, width)
    };
    if !view.document.is_following() || tail.is_empty() {
        return view.document.view(width, height, &mut draw);
    }
    // What only this screen knows stands at the end; at most most of the screen is its.
    let most = usize::from(height.saturating_sub(height / 3).max(1));
    let tail = &tail[tail.len().saturating_sub(most)..];
    let taken = u16::try_from(tail.len()).unwrap_or(height).min(height);
    let mut lines = view.document.view(width, height - taken, &mut draw);
    lines.extend_from_slice(tail);
    lines
}

fn tail(app: &App, width: u16) -> Vec<Line<'static>> {
    app.locals.iter().flat_map(|local| local.lines(&app.theme, width)).collect()
}

/// Draws the popup on top, or the list that goes with what is written.
fn over(app: &mut App, area: Rect, buf: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let theme = app.theme.clone();
    if let Some(popup) = app.popups.last_mut() {
        return popup.draw(area, buf, &theme);
    }
    if let Some(palette) = &mut app.palette {
        palette.draw(area, buf, &theme);
        return None;
    }
    put_all(area, buf, &files(app, area));
    None
}

fn list_height(app: &App, width: u16, left: u16) -> u16 {
    let most = LIST.min(left.saturating_sub(left / 4));
    if let Some(palette) = &app.palette {
        return palette.height(width, most);
    }
    let files = app.composer.completion().map_or(0, |offered| offered.paths.len().max(1));
    u16::try_from(files).unwrap_or(u16::MAX).min(most)
}

/// Gives the files that are offered, with the selected one among them.
fn files(app: &App, area: Rect) -> Vec<Line<'static>> {
    let Some(offered) = app.composer.completion() else { return Vec::new() };
    let rows = usize::from(area.height);
    let theme = &app.theme;
    if offered.paths.is_empty() {
        return vec![Line::styled("  no file matches", theme.dim)];
    }
    let from = (offered.selected + 1).saturating_sub(rows);
    let rows = offered.paths.iter().enumerate().skip(from).take(rows);
    rows.map(|(at, path)| {
        let path = codex_view::sanitize::visible(path);
        let style = if at == offered.selected { theme.selected } else { theme.text };
        Line::from(vec![Span::raw("  "), Span::styled(path, style)])
    })
    .collect()
}

/// Draws where the user writes.
fn written(app: &mut App, area: Rect, buf: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let reads = app.view.as_ref().is_some_and(|view| match view.role {
        Role::Reader => true,
        Role::Owner { .. } | Role::Guest { .. } => false,
    });
    if reads && app.composer.is_empty() {
        let hint = "read only · space and arrows scroll · f search · / commands · q leaves";
        put(area, buf, &Line::styled(hint, app.theme.dim));
        return None;
    }
    let theme = app.theme.clone();
    app.composer.draw(area, buf, &theme)
}

/// What was said and waits for the model.
fn queue(app: &App) -> Vec<Line<'static>> {
    let queued = app.view.as_ref().map(|view: &View| view.status.queued.as_slice());
    let waiting = queued.unwrap_or_default().iter().chain(&app.says);
    let lines: Vec<Line<'static>> = waiting
        .map(|text| {
            let text = codex_view::sanitize::text(text);
            let first = text.lines().next().unwrap_or_default().to_owned();
            let more = if text.lines().count() > 1 { " …" } else { "" };
            Line::styled(format!("  queued: {first}{more}"), app.theme.dim)
        })
        .collect();
    let hidden = lines.len().saturating_sub(QUEUED);
    let mut shown: Vec<Line<'static>> = lines.into_iter().take(QUEUED).collect();
    if hidden > 0 {
        shown.push(Line::styled(format!("  and {hidden} more queued"), app.theme.dim));
    }
    shown
}

/// The conversation on the whole screen.
fn reading(app: &mut App, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let mut rows = Rows { area };
    let below = rows.from_below(u16::from(area.height >= 2));
    let lines = document(app, rows.area.width, rows.area.height, Unfold::All);
    put_all(rows.area, buf, &lines);
    let theme = &app.theme;
    let reading = app.reading.as_ref()?;
    if let Some(field) = &reading.field {
        let shown = format!("/{}", codex_view::sanitize::visible(field));
        let line = Line::styled(shown, theme.text);
        let column =
            u16::try_from(line.width()).unwrap_or(u16::MAX).min(below.width.saturating_sub(1));
        put(below, buf, &line);
        return (!below.is_empty()).then(|| Position::new(below.x + column, below.y));
    }
    let mut spans = Vec::new();
    if !reading.found.is_empty() {
        spans.push(Span::styled(format!("{} · ", reading.found), theme.warning));
    }
    let words = "/ search · n next · N previous · g begin · G end · q back";
    spans.push(Span::styled(words, theme.dim));
    put(below, buf, &Line::from(spans));
    footer::position(app, below, buf);
    None
}

/// Puts a line into the first row of an area; what is too long is cut.
fn put(area: Rect, buf: &mut Buffer, line: &Line<'_>) {
    let area = area.intersection(buf.area);
    if !area.is_empty() {
        buf.set_line(area.x, area.y, line, area.width);
    }
}

/// Puts lines below each other; those that don't fit are not drawn.
fn put_all(area: Rect, buf: &mut Buffer, lines: &[Line<'_>]) {
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        put(Rect { y, height: 1, ..area }, buf, line);
    }
}
