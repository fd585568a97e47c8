//! The lines of a cell, one after the other.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Look;
use crate::theme::Theme;
use crate::wrap::{Break, Hang, columns, cut};

/// Lines that are being put together at a width.
pub(super) struct Sheet<'a> {
    pub(super) look: &'a Look<'a>,
    pub(super) width: u16,
    pub(super) lines: Vec<Line<'static>>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(look: &'a Look<'a>, width: u16) -> Sheet<'a> {
        Sheet { look, width, lines: Vec::new() }
    }

    pub(super) fn theme(&self) -> &'a Theme {
        self.look.theme
    }

    /// Puts text behind a mark, and what of it doesn't fit below its own beginning.
    pub(super) fn marked(&mut self, mark: Span<'static>, spans: Vec<Span<'static>>) {
        let rest = [Span::raw(" ".repeat(columns(&mark.content)))];
        let hang = Hang { first: &[mark], rest: &rest, at: Break::Words };
        hang.put(Line::from(spans), self.width, &mut self.lines);
    }

    /// Puts text behind the same mark in each line.
    pub(super) fn barred(&mut self, bar: &Span<'static>, spans: Vec<Span<'static>>) {
        let bar = std::slice::from_ref(bar);
        let hang = Hang { first: bar, rest: bar, at: Break::Words };
        hang.put(Line::from(spans), self.width, &mut self.lines);
    }

    /// Puts code behind the same mark in each line, each character at its place.
    pub(super) fn code(&mut self, bar: &Span<'static>, spans: Vec<Span<'static>>) {
        let bar = std::slice::from_ref(bar);
        let hang = Hang { first: bar, rest: bar, at: Break::Anywhere };
        hang.put(Line::from(spans), self.width, &mut self.lines);
    }

    /// Puts one line behind a mark, cut where it is too long.
    pub(super) fn cut(&mut self, bar: Span<'static>, spans: Vec<Span<'static>>) {
        let mut line = vec![bar];
        line.extend(spans);
        self.lines.push(cut(Line::from(line), self.width));
    }

    /// Puts a remark below a head: a sign, and words that begin in the fourth column.
    pub(super) fn remark(&mut self, sign: &str, style: Style, spans: Vec<Span<'static>>) {
        self.marked(Span::styled(format!("  {sign} "), style), spans);
    }

    /// Ends the cell: an empty line keeps it apart from the next.
    pub(super) fn end(mut self) -> Vec<Line<'static>> {
        self.lines.push(Line::default());
        self.lines
    }
}
