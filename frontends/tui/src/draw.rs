//! The screen: conversation, what runs, what is asked or written, one line of what holds.
//!
//! A function of the interface's state; what it keeps is only what saves doing the same twice.

mod footer;
mod state;

use std::rc::Rc;

use codex_view::Cell;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::app::{App, Looking, View};
use crate::host::Role;
use crate::options::Screen;
use crate::render::Fold;

pub(crate) use state::{others, welcome};

/// Rows below which nothing stands between the conversation and what is written.
const ROOMY: u16 = 12;
/// Rows that the palette takes at most.
const LIST: u16 = 10;
/// Queued inputs that are shown.
const QUEUED: usize = 3;
/// Characters of each of them that are looked at.
const QUEUED_CHARS: usize = 400;

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
    let share = match app.options.screen {
        Screen::Full => Share::Some,
        // The height is what was asked for.
        Screen::Inline => Share::All,
    };
    let bottom = Bottom::of(app, area.width, area.height, share);
    let mut rows = Rows { area };
    let footer = rows.take_below(bottom.footer);
    let composer = rows.take_below(bottom.composer);
    let popup = rows.take_below(bottom.popup);
    let queued = rows.take_below(bottom.queued);
    let state = rows.take_below(bottom.state);
    let _gap = rows.take_below(bottom.gap);
    let banner = rows.take_above(bottom.banner);
    app.page = rows.area;
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
    let bottom = Bottom::of(app, width, rows, Share::Some);
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

/// How much of the rows these parts may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    /// The conversation keeps a part.
    Some,
    All,
}

impl Share {
    /// Leaves one in `part` rows to the conversation.
    fn of(self, rows: u16, part: u16) -> u16 {
        match self {
            Share::Some => rows - rows / part,
            Share::All => rows,
        }
    }

    /// Rows from which on the last one is the footer's.
    fn footed(self) -> u16 {
        match self {
            Share::Some => 3,
            Share::All => 2,
        }
    }

    /// Rows from which on one more line may stand there.
    fn least(self, rows: u16) -> u16 {
        match self {
            Share::Some => rows,
            Share::All => 1,
        }
    }
}

impl Bottom {
    fn of(app: &App, width: u16, rows: u16, share: Share) -> Bottom {
        let footer = u16::from(rows >= share.footed());
        let mut left = rows - footer;
        let mut bottom = Bottom { footer, ..Bottom::default() };
        let asks = app.popups.last().filter(|popup| !popup.is_full_screen());
        // Whoever writes while a question appears goes on writing, and sees it.
        if asks.is_none() || (!app.composer.is_empty() && left >= 8) {
            let most = if asks.is_some() { 3 } else { share.of(left, 2).max(1) };
            bottom.composer = app.composer.height(width, most).clamp(1, most).min(left);
            left -= bottom.composer;
        }
        let popup = match (asks, &app.palette) {
            (Some(popup), _) => popup.height(width, share.of(left, 5)),
            (None, Some(palette)) => palette.height(width, LIST.min(share.of(left, 4))),
            (None, None) => 0,
        };
        bottom.popup = popup.min(left);
        left -= bottom.popup;
        bottom.state = u16::from(left >= share.least(2) && !state::line(app).spans.is_empty());
        left -= bottom.state;
        let queued = u16::try_from(queue(app).len()).unwrap_or(u16::MAX);
        bottom.queued = queued.min(share.of(left, 2));
        left -= bottom.queued;
        let gap = rows >= ROOMY && left >= 4 && app.options.screen == Screen::Full;
        bottom.gap = u16::from(gap);
        left -= bottom.gap;
        bottom.banner = u16::from(left >= share.least(4) && !state::banner(app).spans.is_empty());
        bottom
    }
}

/// What is left of an area.
struct Rows {
    area: Rect,
}

impl Rows {
    fn take_below(&mut self, height: u16) -> Rect {
        let height = height.min(self.area.height);
        self.area.height -= height;
        Rect { y: self.area.bottom(), height, ..self.area }
    }

    fn take_above(&mut self, height: u16) -> Rect {
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
        (Screen::Inline, _) => app.live_lines(area.width, height),
        (Screen::Full, true) => document(app, area.width, area.height),
        (Screen::Full, false) => {
            let mut lines = welcome(app, area.width);
            lines.extend(tail(app, area.width));
            lines.truncate(height);
            lines
        }
    };
    put_all(area, buf, &lines);
    if let (Screen::Full, Some(rows)) = (app.options.screen, app.marked_rows()) {
        mark(Rect { y: area.y + rows.start, height: rows.end - rows.start, ..area }, buf, app);
    }
}

/// Lets what stands in an area be seen as what a key acts on, without the empty rows at its end.
fn mark(area: Rect, buf: &mut Buffer, app: &App) {
    let area = area.intersection(buf.area);
    let is_empty = |y: &u16| (area.left()..area.right()).all(|x| buf[(x, *y)].symbol() == " ");
    let end =
        (area.top()..area.bottom()).rev().find(|y| !is_empty(y)).map_or(area.top(), |y| y + 1);
    buf.set_style(Rect { height: end - area.top(), ..area }, app.theme.selected);
}

fn document(app: &mut App, width: u16, height: u16) -> Vec<Line<'static>> {
    let looking = Looking::of(app);
    let Some(view) = &mut app.view else { return Vec::new() };
    let (locals, theme, stream) = (&app.locals, &app.theme, &app.stream);
    // What only this screen knows stands behind the cell that was the last one then.
    let mut draw = |cell: &Cell, fold: Fold| {
        let mut lines = looking.folded(cell, fold, width, stream);
        let mut behind = locals.iter().filter(|local| local.after == cell.first).peekable();
        if behind.peek().is_some() {
            let behind = behind.flat_map(|local| local.lines(theme, width));
            Rc::make_mut(&mut lines).extend(behind);
        }
        lines
    };
    view.document.view(width, height, &mut draw)
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
    }
    None
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

/// What was said and waits: for the session, or for the model.
fn queue(app: &App) -> Vec<Line<'static>> {
    let begins = app.pending.as_ref().and_then(|pending| pending.restore.as_ref());
    let queued = app.view.as_ref().map(|view: &View| view.status.queued.as_slice());
    let queued = queued.unwrap_or_default().iter().chain(&app.says);
    let waiting = begins.map(|text| ("saying", text)).into_iter();
    let waiting: Vec<(&str, &String)> =
        waiting.chain(queued.map(|text| ("queued", text))).collect();
    let hidden = waiting.len().saturating_sub(QUEUED);
    let mut shown: Vec<Line<'static>> = waiting
        .into_iter()
        .take(QUEUED)
        .map(|(how, text)| {
            let first: String = text.trim_start().chars().take(QUEUED_CHARS).collect();
            let clean = codex_view::sanitize::text(&first);
            let line = clean.lines().next().unwrap_or_default();
            let more = if text.trim().len() > line.len() { " …" } else { "" };
            Line::styled(format!("  {how}: {line}{more}"), app.theme.dim)
        })
        .collect();
    if hidden > 0 {
        shown.push(Line::styled(format!("  and {hidden} more queued"), app.theme.dim));
    }
    shown
}

/// The conversation on the whole screen.
fn reading(app: &mut App, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let mut rows = Rows { area };
    let below = rows.take_below(u16::from(area.height >= 2));
    let lines = document(app, rows.area.width, rows.area.height);
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
    if app.covers_popup() {
        spans.push(Span::styled("something waits for an answer: q · ", theme.warning));
    }
    let found = app.found_words();
    if !found.is_empty() {
        spans.push(Span::styled(format!("{found} · "), theme.warning));
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
