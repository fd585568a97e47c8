//! A block of code that is still open.

use std::borrow::Cow;

use ratatui::text::Span;

use super::super::code::Highlighter;
use super::super::markdown;
use crate::theme::Theme;

/// Columns from one stop of a tab to the next.
const TAB: usize = 4;

/// A fenced block of code at the top of a text, whose lines are put one by one: it may be all that
/// a message says.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    mark: char,
    length: usize,
    /// Spaces before the fence; as many columns are dropped before each line.
    indent: usize,
    code: Highlighter,
    lines: usize,
}

impl Fence {
    /// Reads the line that opens a block, and gives how much of the text is before the code; none where
    /// the text begins with anything else.
    pub(super) fn open(text: &str) -> Option<(Fence, usize)> {
        let mut before = 0;
        let mut lines = text.split_inclusive('\n');
        let line = lines.find(|line| {
            let blank = line.trim().is_empty();
            before += if blank { line.len() } else { 0 };
            !blank
        })?;
        let fence = line.trim_start_matches(' ');
        let indent = line.len() - fence.len();
        let mark = fence.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let info = fence.trim_start_matches(mark);
        let length = fence.len() - info.len();
        let info = info.trim();
        let inline = mark == '`' && info.contains('`');
        if indent > 3 || length < 3 || inline || !line.ends_with('\n') {
            return None;
        }
        let code = Highlighter::language(markdown::language(info));
        Some((Fence { mark, length, indent, code, lines: 0 }, before + line.len()))
    }

    /// Gives a line that opens such a block.
    pub(super) fn opening(&self) -> String {
        self.mark.to_string().repeat(self.length)
    }

    /// Tells whether a line closes the block.
    pub(super) fn closes(&self, line: &str) -> bool {
        let fence = line.trim_start_matches(' ');
        let rest = fence.trim_start_matches(self.mark);
        line.len() - fence.len() <= 3
            && fence.len() - rest.len() >= self.length
            && rest.trim_matches([' ', '\t']).is_empty()
    }

    /// Gives the next line, with its parts told apart.
    pub(super) fn line(&mut self, line: &str, theme: &Theme) -> Vec<Span<'static>> {
        self.lines += 1;
        self.code.line(&outdented(line, self.indent), theme)
    }

    /// Tells whether the last line was the first one.
    pub(super) fn is_first(&self) -> bool {
        self.lines == 1
    }
}

/// Takes columns of white space away from the beginning of a line, as many of them as there are; of a tab
/// that reaches beyond them, the rest stays as spaces.
fn outdented(line: &str, columns: usize) -> Cow<'_, str> {
    let mut column = 0;
    for (at, c) in line.char_indices() {
        let next = match c {
            _ if column == columns => return line[at..].into(),
            ' ' => column + 1,
            '\t' => column / TAB * TAB + TAB,
            _ => return line[at..].into(),
        };
        if next > columns {
            return format!("{}{}", " ".repeat(next - columns), &line[at + 1..]).into();
        }
        column = next;
    }
    "".into()
}
