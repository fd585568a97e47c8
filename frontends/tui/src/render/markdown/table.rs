//! Tables: columns that fit, or records where they can't.

use pulldown_cmark::Alignment;
use ratatui::text::{Line, Span};

use crate::theme::Theme;
use crate::wrap::{span_columns, wrap};

/// Between two columns.
const BETWEEN: &str = "  ";
/// Narrower columns can't be read: the table is told row by row instead.
const NARROWEST: usize = 6;
/// Rows and columns that are laid out at most; a column or row beyond them is left out, and said.
const MOST_COLUMNS: usize = 50;

type Cell = Vec<Vec<Span<'static>>>;

/// The cells of a table.
#[derive(Debug)]
pub(super) struct Table {
    alignments: Vec<Alignment>,
    /// The first row is the head.
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(super) fn new(alignments: Vec<Alignment>) -> Table {
        Table { alignments, rows: Vec::new() }
    }

    pub(super) fn begin_row(&mut self) {
        self.rows.push(Vec::new());
    }

    pub(super) fn cell(&mut self, cell: Cell) {
        if let Some(row) = self.rows.last_mut() {
            row.push(cell);
        }
    }

    /// Gives the lines of the table, which are no wider than `room`.
    pub(super) fn lines(mut self, theme: &Theme, room: usize) -> Vec<Vec<Span<'static>>> {
        if let Some(head) = self.rows.first_mut() {
            for span in head.iter_mut().flatten().flatten() {
                span.style = span.style.patch(theme.strong);
            }
        }
        match self.widths(room) {
            Some(widths) => self.columns(theme, &widths),
            None => self.records(theme, room),
        }
    }

    /// Gives how wide each column is to be; none when there is no room for them.
    fn widths(&self, room: usize) -> Option<Vec<usize>> {
        let count = self.alignments.len();
        if count > MOST_COLUMNS {
            return None;
        }
        let mut widths = vec![1; count];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                let widest = cell.iter().map(|line| span_columns(line)).max().unwrap_or(0);
                *width = widest.max(*width);
            }
        }
        let between = BETWEEN.len() * count.saturating_sub(1);
        let room = room.checked_sub(between)?;
        let least: usize = widths.iter().map(|width| (*width).min(NARROWEST)).sum();
        if least > room {
            return None;
        }
        // The widest columns give way, all to the same width: find the widest that fits.
        let total = |most: usize| widths.iter().map(|width| (*width).min(most)).sum::<usize>();
        let (mut fits, mut over) = (NARROWEST, room + 1);
        while over > fits + 1 {
            let middle = fits.midpoint(over);
            if total(middle) <= room { fits = middle } else { over = middle }
        }
        let mut left = room - total(fits);
        for width in &mut widths {
            let more = usize::from(*width > fits && left > 0);
            left -= more;
            *width = (*width).min(fits + more);
        }
        Some(widths)
    }

    fn columns(self, theme: &Theme, widths: &[usize]) -> Vec<Vec<Span<'static>>> {
        let mut lines = Vec::new();
        for (at, row) in self.rows.into_iter().enumerate() {
            let mut cells: Vec<Vec<Line<'static>>> = Vec::new();
            for (cell, width) in row.into_iter().zip(widths) {
                let width = u16::try_from(*width).unwrap_or(u16::MAX);
                cells.push(cell.into_iter().flat_map(|it| wrap(Line::from(it), width)).collect());
            }
            let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
            for number in 0..height {
                let mut line = Vec::new();
                for (column, width) in widths.iter().enumerate() {
                    let found = cells.get_mut(column).and_then(|cell| cell.get_mut(number));
                    let spans = found.map(|it| std::mem::take(&mut it.spans)).unwrap_or_default();
                    let free = width.saturating_sub(span_columns(&spans));
                    let before = match self.alignments.get(column) {
                        Some(Alignment::Right) => free,
                        Some(Alignment::Center) => free / 2,
                        Some(Alignment::Left | Alignment::None) | None => 0,
                    };
                    let after = free - before;
                    line.push(Span::raw(" ".repeat(before)));
                    line.extend(spans);
                    line.push(Span::raw(" ".repeat(after)));
                    line.push(Span::raw(BETWEEN));
                }
                lines.push(trimmed(line));
            }
            if at == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                lines.push(vec![Span::styled(rules.join(BETWEEN), theme.border)]);
            }
        }
        lines
    }

    /// Tells each row as lines of `head: cell`.
    fn records(self, theme: &Theme, room: usize) -> Vec<Vec<Span<'static>>> {
        let mut rows = self.rows.into_iter();
        let heads = rows.next().unwrap_or_default();
        let room = u16::try_from(room).unwrap_or(u16::MAX);
        let mut lines = Vec::new();
        for row in rows {
            if !lines.is_empty() {
                lines.push(vec![Span::styled("─", theme.border)]);
            }
            for (column, cell) in row.into_iter().enumerate() {
                let mut line: Vec<_> =
                    heads.get(column).into_iter().flatten().flatten().cloned().collect();
                if !line.is_empty() {
                    line.push(Span::styled(": ", theme.dim));
                }
                for more in cell {
                    line.extend(more);
                    lines.extend(wrap(Line::from(line), room).into_iter().map(|it| it.spans));
                    line = Vec::new();
                }
                if !line.is_empty() {
                    lines.extend(wrap(Line::from(line), room).into_iter().map(|it| it.spans));
                }
            }
        }
        if lines.is_empty() {
            let line = heads
                .into_iter()
                .flatten()
                .flatten()
                .flat_map(|it| [it, Span::raw(BETWEEN)])
                .collect();
            lines.extend(wrap(Line::from(trimmed(line)), room).into_iter().map(|it| it.spans));
        }
        lines
    }
}

/// Drops the white space at the end of a line.
fn trimmed(mut line: Vec<Span<'static>>) -> Vec<Span<'static>> {
    while let Some(last) = line.last_mut() {
        let kept = last.content.trim_end_matches(' ').len();
        if kept > 0 {
            last.content.to_mut().truncate(kept);
            break;
        }
        line.pop();
    }
    line.retain(|span| !span.content.is_empty());
    line
}
