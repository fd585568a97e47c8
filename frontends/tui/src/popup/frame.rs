//! What all popups are drawn with: a title, a body, a line that names the keys.

use codex_view::sanitize;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::theme::Theme;
use crate::wrap::columns;
pub(super) use crate::wrap::cut;

/// A key and what it does, as the last line names them; the most important first.
pub(super) type Hint<'a> = (&'a str, &'a str);

/// Makes an area empty.
pub(super) fn clear(area: Rect, buf: &mut Buffer, theme: &Theme) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buf[(x, y)].reset();
            buf[(x, y)].set_style(theme.text);
        }
    }
}

/// Draws title and keys as far as there is room, and gives what is left for the body.
pub(super) fn frame(
    area: Rect,
    buf: &mut Buffer,
    theme: &Theme,
    title: &str,
    hints: &[Hint<'_>],
) -> Rect {
    let inner = inner(area);
    if inner.y > area.y {
        rule(area, buf, theme, title);
    }
    if inner.bottom() < area.bottom() {
        let row = Rect { y: inner.bottom(), height: 1, ..padded(area) };
        put(row, buf, &keys(hints, theme, row.width));
    }
    inner
}

/// The body of a popup: all of it when there are two rows or fewer, else what title and keys leave.
pub(super) fn inner(area: Rect) -> Rect {
    let (title, keys) = (u16::from(area.height >= 3), u16::from(area.height >= 4));
    padded(Rect { y: area.y + title, height: area.height - title - keys, ..area })
}

/// A rule with a title in it.
fn rule(area: Rect, buf: &mut Buffer, theme: &Theme, title: &str) {
    let room = usize::from(area.width);
    let title = clip(&said(title), room.saturating_sub(4));
    let used = columns(&title) + 4;
    let mut spans = vec![Span::styled("─ ", theme.border), Span::styled(title, theme.strong)];
    spans.push(Span::styled(
        format!(" {}", "─".repeat((room + 1).saturating_sub(used))),
        theme.border,
    ));
    put(Rect { height: 1, ..area }, buf, &Line::from(spans));
}

/// The keys that fit into a width, the first before the last.
pub(super) fn keys(hints: &[Hint<'_>], theme: &Theme, width: u16) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut used = 0;
    for (key, what) in hints {
        let between = if spans.is_empty() { "" } else { " · " };
        let wide = columns(between) + columns(key) + 1 + columns(what);
        if used + wide > usize::from(width) {
            break;
        }
        used += wide;
        spans.push(Span::styled(between, theme.dim));
        spans.push(Span::styled((*key).to_owned(), theme.accent));
        spans.push(Span::styled(format!(" {what}"), theme.dim));
    }
    Line::from(spans)
}

/// Leaves a column free on both sides where there is room.
fn padded(area: Rect) -> Rect {
    if area.width < 12 {
        return area;
    }
    Rect { x: area.x + 1, width: area.width - 2, ..area }
}

/// Puts a line into the first row of an area; what is too long is cut.
pub(super) fn put(area: Rect, buf: &mut Buffer, line: &Line<'_>) {
    let area = area.intersection(buf.area);
    if !area.is_empty() {
        buf.set_line(area.x, area.y, line, area.width);
    }
}

/// Puts lines below each other, from the first on; those that don't fit are not drawn.
pub(super) fn put_all(area: Rect, buf: &mut Buffer, lines: &[Line<'_>]) {
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        put(Rect { y, height: 1, ..area }, buf, line);
    }
}

/// Makes foreign text one harmless line.
pub(super) fn said(text: &str) -> String {
    let mut clean = sanitize::text(text);
    if clean.contains(['\n', '\t']) {
        clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    clean
}

/// Cuts a line at a width, with an ellipsis where something is missing.
pub(super) fn clip(text: &str, width: usize) -> String {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    let line = cut(Line::from(text.to_owned()), width);
    line.spans.into_iter().map(|span| span.content).collect()
}

/// Fills a line with blanks up to a width, or cuts it.
pub(super) fn padded_to(text: &str, width: usize) -> String {
    let mut text = clip(text, width);
    text.push_str(&" ".repeat(width.saturating_sub(columns(&text))));
    text
}

/// Gives a path as people write it: from their home on.
pub(super) fn path(path: &str, home: Option<&str>) -> String {
    let shown = sanitize::visible(path);
    let Some(home) = home.map(sanitize::visible).filter(|home| home.len() > 1) else {
        return shown;
    };
    match shown.strip_prefix(&home) {
        Some("") => "~".to_owned(),
        Some(rest) if rest.starts_with('/') => format!("~{rest}"),
        Some(_) | None => shown,
    }
}
