//! The last line: what holds, a word in passing, where in the conversation this is.

use codex_view::sanitize;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::put;
use crate::app::{App, MARK_HINT};
use crate::keymap::{Action, When};

const BETWEEN: &str = " · ";

/// Draws it.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let theme = &app.theme;
    if let Some(toast) = &app.toast {
        put(area, buf, &Line::styled(sanitize::visible(&toast.text), theme.warning));
        return;
    }
    if app.is_marking() {
        put(area, buf, &Line::styled(MARK_HINT, theme.accent));
        return;
    }
    let right = position_words(app).unwrap_or_else(|| (keys_words(app), theme.dim));
    let room = usize::from(area.width).saturating_sub(Line::raw(right.0.as_str()).width() + 2);
    put(area, buf, &Line::styled(fitting(&parts(app), room), theme.dim));
    put_right(area, buf, right);
}

/// Draws where in the conversation this is, at the right; nothing at its end.
pub(super) fn position(app: &App, area: Rect, buf: &mut Buffer) {
    if let Some(right) = position_words(app) {
        put_right(area, buf, right);
    }
}

fn put_right(area: Rect, buf: &mut Buffer, (words, style): (String, Style)) {
    let line = Line::from(vec![Span::raw(" "), Span::styled(words, style)]);
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
    if width < area.width {
        put(Rect { x: area.right() - width, width, ..area }, buf, &line);
    }
}

fn position_words(app: &App) -> Option<(String, Style)> {
    let view = app.view.as_ref()?;
    if view.document.is_following() {
        return None;
    }
    let words = match view.document.below() {
        Some(0) | None => "↓ more".to_owned(),
        Some(lines) => format!("↓ {lines} more"),
    };
    let words = match app.key_now(Action::Bottom) {
        key if key.is_empty() => words,
        key => format!("{words} · {key}"),
    };
    Some((words, app.theme.accent))
}

/// Names the key that shows all others, and else the command that does.
fn keys_words(app: &App) -> String {
    match app.options.keymap.name(Action::Keys, When::Empty) {
        key if key.is_empty() => "/keymap".to_owned(),
        key => format!("{key} keys"),
    }
}

/// What holds, the most important first.
fn parts(app: &App) -> Vec<String> {
    let (model, effort) = app.current_model();
    let model = match effort {
        Some(effort) => format!("{model} {effort}"),
        None => model,
    };
    let asks = format!("asks {}", app.policy().as_str());
    let mut parts = vec![model, app.access_words(), asks, app.place()];
    if let Some(view) = &app.view {
        let usage = view.status.usage;
        let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
        if tokens > 0 {
            parts.push(format!("{} tokens", short(tokens)));
        }
    }
    parts.iter().map(|part| sanitize::visible(part)).collect()
}

/// Puts together what fits, and leaves out the last first.
fn fitting(parts: &[String], room: usize) -> String {
    let mut line = String::new();
    for part in parts {
        let longer = match line.is_empty() {
            true => part.clone(),
            false => format!("{line}{BETWEEN}{part}"),
        };
        if Line::raw(longer.as_str()).width() <= room || line.is_empty() {
            line = longer;
        }
    }
    line
}

/// Says a number in a few signs, as in `12.3k`.
fn short(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..100_000 => format!("{}.{}k", number / 1_000, number % 1_000 / 100),
        100_000..1_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}.{}M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out() {
        let parts = ["o4-mini".to_owned(), "read only".to_owned(), "~/x".to_owned()];
        assert_eq!(fitting(&parts, 80), "o4-mini · read only · ~/x");
        assert_eq!(fitting(&parts, 14), "o4-mini · ~/x");
        assert_eq!(fitting(&parts, 3), "o4-mini");
    }

    #[test]
    fn numbers_are_short() {
        for (number, words) in [(0, "0"), (999, "999"), (12_345, "12.3k"), (2_500_000, "2.5M")] {
            assert_eq!(short(number), words);
        }
    }
}
