//! How the composer looks.

use ratatui::buffer::Buffer as Screen;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::buffer::Place;
use super::chips::Kind;
use super::history::Search;
use super::mention::{Mention, SHOWN};
use super::submission::Mode;
use super::{Composer, graphemes, vim};
use crate::theme::Theme;
use crate::update::Progress;
use crate::wrap;

/// Columns of the sign and the space behind it, where there is room.
const SIGN: u16 = 2;
/// Columns from which on there is.
const ROOMY: u16 = 8;

fn sign_columns(width: u16) -> u16 {
    if width < ROOMY { 0 } else { SIGN }
}

/// Gives the columns that a row of text has: the last one of the screen is left to the cursor.
fn text_columns(width: u16) -> usize {
    usize::from(width.saturating_sub(sign_columns(width) + 1).max(1))
}

impl Composer {
    /// Gives the rows that it needs in so many columns, at least one and at most `max`.
    pub fn height(&self, width: u16, max: u16) -> u16 {
        let (text, list) = self.share(width, max);
        text + list
    }

    /// Gives the rows of the text, and of the list or the search below it.
    fn share(&self, width: u16, max: u16) -> (u16, u16) {
        let list = match (&self.search, &self.mention) {
            (Some(_), _) => 1,
            (None, Some(mention)) => mention.height(),
            (None, None) => 0,
        };
        let list = u16::try_from(list).unwrap_or(u16::MAX);
        let least = max - list.min(max / 2);
        let wanted = self.buffer.height(text_columns(width), usize::from(max).max(1));
        let text = u16::try_from(wanted).unwrap_or(u16::MAX).min(least);
        (text, list.min(max - text))
    }

    /// Draws it, and gives the place of the cursor.
    pub fn draw(&mut self, area: Rect, buf: &mut Screen, theme: &Theme) -> Option<Position> {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return None;
        }
        let (_, list) = self.share(area.width, area.height);
        let text_area = Rect { height: area.height - list, ..area };
        let list_area = Rect { y: area.y + text_area.height, height: list, ..area };
        let cursor = self.draw_text(text_area, buf, theme);
        if let Some(search) = &self.search {
            return draw_search(search, list_area, buf, theme).or(cursor);
        }
        if let Some(mention) = &self.mention {
            draw_files(mention, list_area, buf, theme);
        }
        cursor
    }

    fn draw_text(&mut self, area: Rect, buf: &mut Screen, theme: &Theme) -> Option<Position> {
        self.buffer.set_columns(text_columns(area.width));
        let (mut line, mut row) = self.buffer.scroll(usize::from(area.height));
        let sign = sign_columns(area.width);
        if sign > 0 {
            let (shown, style) = self.sign(theme);
            let (shown, style) =
                if (line, row) == (0, 0) { (shown, style) } else { ("↑", theme.dim) };
            buf.set_string(area.x, area.y, shown, style);
        }
        let left = area.x + sign;
        if self.buffer.is_empty() && self.search.is_none() {
            let words = match self.mode {
                Mode::Say => "Ask anything · / commands · @ files · ! shell",
                Mode::Shell => "A command of your own, outside of the sandbox",
            };
            let words = wrap::cut(Line::styled(words, theme.dim), area.width - sign);
            words.render(Rect { x: left, width: area.width - sign, height: 1, ..area }, buf);
        }
        let cursor = self.buffer.cursor();
        let cursor_row = (cursor.line, self.buffer.row_of(cursor));
        let mut place = None;
        for y in area.y..area.bottom() {
            let Some(bytes) = self.buffer.row(line, row) else { break };
            let x = self.draw_row(line, bytes.clone(), (left, y, area.right()), buf, theme);
            if (line, row) == cursor_row {
                let column = u16::try_from(self.buffer.column(cursor)).unwrap_or(u16::MAX);
                let x = left.saturating_add(column).min(area.right() - 1);
                place = Some(Position { x, y });
            }
            (line, row) = if self.buffer.row(line, row + 1).is_some() {
                (line, row + 1)
            } else {
                (line + 1, 0)
            };
            let more = y + 1 == area.bottom() && self.buffer.row(line, row).is_some();
            if more && x < area.right() - 1 {
                buf.set_string(area.right() - 1, y, "↓", theme.dim);
            }
        }
        place
    }

    /// Draws a row, and gives the column behind it.
    fn draw_row(
        &self,
        line: usize,
        bytes: std::ops::Range<usize>,
        (left, y, right): (u16, u16, u16),
        buf: &mut Screen,
        theme: &Theme,
    ) -> u16 {
        let mut x = left;
        let text = &self.buffer.line(line)[..bytes.end];
        for (at, grapheme) in graphemes::from(text, bytes.start) {
            let glyph = self.buffer.chips().glyph(grapheme);
            let room = usize::from(right.saturating_sub(x));
            let mut style = match glyph.kind {
                Kind::Text => theme.text,
                Kind::Hidden => theme.warning,
                Kind::Chip => theme.accent,
            };
            let place = Place { line, byte: at };
            if self.marked.as_ref().is_some_and(|marked| marked.contains(&place)) {
                style = style.patch(theme.selected).add_modifier(Modifier::UNDERLINED);
            }
            (x, _) = match (glyph.columns <= room, glyph.kind) {
                (true, _) | (false, Kind::Chip) => buf.set_stringn(x, y, &glyph.shown, room, style),
                (false, Kind::Text | Kind::Hidden) => buf.set_stringn(x, y, "…", room, style),
            };
        }
        x
    }

    fn sign(&self, theme: &Theme) -> (&'static str, Style) {
        match (self.mode, self.vim.mode()) {
            (_, vim::Mode::Normal) => ("N", theme.accent.add_modifier(Modifier::REVERSED)),
            (Mode::Say, vim::Mode::Insert) => ("›", theme.strong),
            (Mode::Shell, vim::Mode::Insert) => ("!", theme.warning.add_modifier(Modifier::BOLD)),
        }
    }
}

fn draw_search(search: &Search, area: Rect, buf: &mut Screen, theme: &Theme) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let lost = search.found.is_none() && !search.query.is_empty();
    let (words, style) =
        if lost { ("nothing said with ", theme.warning) } else { ("search: ", theme.dim) };
    let query = search.query.as_str();
    let room = usize::from(area.width.saturating_sub(1)).saturating_sub(words.len());
    // Its end is what is being written.
    let mut begin = 0;
    while wrap::columns(&query[begin..]) > room && begin < query.len() {
        begin = graphemes::next(query, begin);
    }
    let (x, _) = buf.set_stringn(area.x, area.y, words, usize::from(area.width), style);
    let left = usize::from(area.right().saturating_sub(x));
    let (x, _) = buf.set_stringn(x, area.y, &query[begin..], left, theme.text);
    Some(Position { x: x.min(area.right() - 1), y: area.y })
}

fn draw_files(mention: &Mention, area: Rect, buf: &mut Screen, theme: &Theme) {
    if mention.paths.is_empty() && !area.is_empty() {
        let words = match mention.progress {
            Progress::Searching => "searching files…",
            Progress::Done => "no file matches",
        };
        let words = format!("  {words}");
        buf.set_stringn(area.x, area.y, words, usize::from(area.width), theme.dim);
        return;
    }
    let shown = usize::from(area.height).min(SHOWN);
    let first = (mention.selected + 1).saturating_sub(shown);
    let rows = mention.paths.iter().zip(&mention.marks).enumerate().skip(first).take(shown);
    for ((number, (path, marks)), y) in rows.zip(area.y..) {
        let chosen = number == mention.selected;
        let (sign, base) = if chosen { ("› ", theme.selected) } else { ("  ", theme.text) };
        let mut spans = vec![Span::styled(sign, base)];
        for (at, grapheme) in graphemes::from(path, 0) {
            let style = if marks.binary_search(&at).is_ok() {
                base.patch(theme.accent).add_modifier(Modifier::BOLD)
            } else {
                base
            };
            spans.push(Span::styled(codex_view::sanitize::visible(grapheme), style));
        }
        let row = Rect { y, height: 1, ..area };
        if chosen {
            buf.set_style(row, base);
        }
        // A path tells more by its end; its beginning gives way.
        wrap::cut(Line::from(from_the_right(spans, area.width)), area.width).render(row, buf);
    }
}

/// Leaves out from behind the sign what has no room.
fn from_the_right(mut spans: Vec<Span<'static>>, width: u16) -> Vec<Span<'static>> {
    let mut columns = wrap::span_columns(&spans);
    let room = usize::from(width);
    if columns <= room || room < 4 {
        return spans;
    }
    let mut cut = 1;
    while columns + 1 > room && cut < spans.len() {
        columns -= wrap::span_columns(&spans[cut..=cut]);
        cut += 1;
    }
    let style = spans[0].style;
    spans.splice(1..cut, [Span::styled("…", style)]);
    spans
}
