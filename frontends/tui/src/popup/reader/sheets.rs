//! Pages that are made of tables: keys, status, tokens; and differences.

use codex_event::{Timestamp, Usage};
use codex_view::{grouped, sanitize};
use ratatui::text::{Line, Span};

use super::{Extent, Made, Reader};
use crate::popup::{Popup, frame};
use crate::render::{self, Fold, Look};
use crate::theme::Theme;
use crate::wrap::{columns, wrap};

/// Keys that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyGroup {
    /// Where they count.
    pub title: String,
    /// Keys and what they do.
    pub keys: Vec<(String, String)>,
}

/// Names and values, as a status card shows them; an empty name goes on with the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// What it is about.
    pub title: String,
    /// The rows.
    pub rows: Vec<(String, String)>,
}

/// Tokens of a turn, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// What used them.
    pub label: String,
    /// The tokens.
    pub usage: Usage,
}

impl Popup {
    /// Shows what keys there are.
    pub fn help(groups: Vec<KeyGroup>) -> Popup {
        sheet("Keys", move |width, theme| {
            let mut lines = Vec::new();
            for group in &groups {
                if !lines.is_empty() {
                    lines.push(Line::default());
                }
                lines.push(Line::from(Span::styled(frame::said(&group.title), theme.strong)));
                lines.extend(table(&group.keys, theme, width, Names::Keys));
            }
            lines
        })
    }

    /// Shows names and values.
    pub fn card(card: Card) -> Popup {
        let rows = card.rows;
        sheet(&card.title, move |width, theme| table(&rows, theme, width, Names::Words))
    }

    /// Shows the tokens that were used; the last row is the sum.
    pub fn usage(rows: Vec<UsageRow>) -> Popup {
        sheet("Tokens", move |width, theme| tokens(&rows, theme, width))
    }

    /// Shows a difference as git tells it, on the whole screen.
    pub fn diff(text: &str) -> Popup {
        let text = text.to_owned();
        let lines = Made::new(move |width, theme| {
            if text.trim().is_empty() {
                return vec![Line::from(Span::styled("nothing differs", theme.dim))];
            }
            let now = Timestamp(0);
            let look = Look { theme, fold: Fold::Unfolded, now, cwd: "/", home: None, unfold: "" };
            render::diff(&text, &look, width)
        });
        Popup::Reader(Box::new(Reader::new("Changes", Box::new(lines), Extent::Screen)))
    }
}

/// A page that takes the rows it needs at 80 columns.
fn sheet(
    title: &str,
    mut make: impl FnMut(u16, &Theme) -> Vec<Line<'static>> + Send + 'static,
) -> Popup {
    let rows = make(78, &Theme::of(crate::options::Palette::Plain)).len();
    let extent = Extent::Rows(u16::try_from(rows).unwrap_or(u16::MAX));
    Popup::Reader(Box::new(Reader::new(title, Box::new(Made::new(make)), extent)))
}

/// What stands in the first column of a table.
#[derive(Clone, Copy)]
enum Names {
    Keys,
    Words,
}

/// Two columns; where there is no room for both, the second stands below the first.
fn table(rows: &[(String, String)], theme: &Theme, width: u16, names: Names) -> Vec<Line<'static>> {
    let room = usize::from(width);
    let widest = rows.iter().map(|(name, _)| columns(&frame::said(name))).max().unwrap_or(0);
    let column = widest.min(room / 2) + 2;
    let style = match names {
        Names::Keys => theme.accent,
        Names::Words => theme.dim,
    };
    let mut lines = Vec::new();
    for (name, value) in rows {
        let name = frame::padded_to(&frame::said(name), column - 2);
        let clean = sanitize::text(value).replace('\t', "    ");
        let beside = u16::try_from(room.saturating_sub(column)).unwrap_or(0).max(1);
        let parts = clean
            .split('\n')
            .flat_map(|it| wrap(Line::from(Span::styled(it.to_owned(), theme.text)), beside));
        for (at, part) in parts.enumerate() {
            let head = if at == 0 { name.clone() } else { " ".repeat(column - 2) };
            let mut spans = vec![Span::styled(head, style), Span::raw("  ")];
            spans.extend(part.spans);
            lines.push(Line::from(spans));
        }
    }
    lines
}

/// A column of figures.
type Figure = (&'static str, fn(&Usage) -> u64);

/// One row for each, right-aligned figures. Where there is no room, the details go first.
fn tokens(rows: &[UsageRow], theme: &Theme, width: u16) -> Vec<Line<'static>> {
    const NAMES: usize = 6;
    let figures: [Figure; 4] = [
        ("in", |usage| usage.input_tokens),
        ("out", |usage| usage.output_tokens),
        ("cached", |usage| usage.cached_input_tokens),
        ("thinking", |usage| usage.reasoning_output_tokens),
    ];
    let mut left = usize::from(width).saturating_sub(NAMES);
    let mut columns_of = Vec::new();
    for (name, figure) in figures {
        let widest = rows.iter().map(|row| grouped(figure(&row.usage)).len()).max().unwrap_or(0);
        let wide = widest.max(name.len()) + 2;
        if wide > left {
            break;
        }
        left -= wide;
        columns_of.push((name, figure, wide));
    }
    let names = rows.iter().map(|row| columns(&frame::said(&row.label))).max().unwrap_or(0);
    let names = names.min(NAMES + left);
    let line = |label: &str, figures: Vec<String>, style| {
        let mut text = frame::padded_to(&frame::said(label), names);
        for (figure, (.., wide)) in figures.iter().zip(&columns_of) {
            text.push_str(&" ".repeat(wide.saturating_sub(figure.len())));
            text.push_str(figure);
        }
        Line::from(Span::styled(text, style))
    };
    let heads = columns_of.iter().map(|(name, ..)| (*name).to_owned());
    let mut lines = vec![line("", heads.collect(), theme.dim)];
    for (at, row) in rows.iter().enumerate() {
        let style = if at + 1 == rows.len() { theme.strong } else { theme.text };
        let figures = columns_of.iter().map(|(_, figure, _)| grouped(figure(&row.usage)));
        lines.push(line(&row.label, figures.collect(), style));
    }
    lines
}
