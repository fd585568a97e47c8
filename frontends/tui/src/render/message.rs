//! What the model says, whole or as it comes in.

#[cfg(test)]
mod tests;

use codex_view::{Standing, sanitize};
use ratatui::text::{Line, Span};

use super::{bound, inset, markdown, words};
use crate::theme::Theme;
use markdown::Codes;

/// Bytes of a message that are shown. Real ones are smaller.
const MOST_TEXT: usize = 1024 * 1024;
/// Bytes of one of its lines that are shown.
const MOST_LINE: usize = 32 * 1024;

/// Puts foreign Markdown into lines.
pub(super) fn whole(text: &str, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    let (kept, left) = bound::text(text, MOST_TEXT);
    let mut lines = markdown::lines(&clean(kept), theme, width);
    lines.extend(more(left, theme));
    lines
}

/// Puts a message into lines.
pub(super) fn lines(
    text: &str,
    standing: Standing,
    theme: &Theme,
    width: u16,
) -> Vec<Line<'static>> {
    let mut stream = Stream::default();
    stream.told(text, standing, theme, width);
    stream.lines
}

fn more(left: usize, theme: &Theme) -> Option<Line<'static>> {
    let remark = || Line::from(Span::styled(format!("… {} more", words::bytes(left)), theme.dim));
    (left > 0).then(remark)
}

/// A message that is still coming in, put into lines without doing all of it anew each time.
///
/// Blocks that are behind are kept as they are; what is done anew is the last one. The lines are those
/// of [`super::cell`] for the same text.
#[derive(Debug, Default)]
pub struct Stream {
    theme: Option<Theme>,
    width: u16,
    /// The source of the blocks that are kept.
    source: String,
    definitions: String,
    /// The code of the block that comes next.
    codes: Codes,
    lines: Vec<Line<'static>>,
    /// How many of the lines are kept.
    kept: usize,
    /// What was shown of the rest last.
    rest: Option<(String, Standing)>,
}

impl Stream {
    /// Gives the lines of a message's cell. The text is what the one before was and more, or else all
    /// is done anew; so it is at another width, or in another theme.
    pub fn message(
        &mut self,
        text: &str,
        standing: Standing,
        theme: &Theme,
        width: u16,
    ) -> &[Line<'static>] {
        self.told(text, standing, theme, width);
        &self.lines
    }

    fn told(&mut self, text: &str, standing: Standing, theme: &Theme, width: u16) {
        let (text, left) = bound::text(text, MOST_TEXT);
        let same = self.width == width
            && self.theme.as_ref() == Some(theme)
            && text.starts_with(&self.source);
        if !same {
            *self = Stream { theme: Some(theme.clone()), width, ..Stream::default() };
        }
        let rest = &text[self.source.len()..];
        if left == 0 && self.rest.as_ref().is_some_and(|(was, how)| was == rest && *how == standing)
        {
            return;
        }
        let clean = clean(rest);
        if self.definitions.ends_with(&markdown::definitions(shown(&clean, standing))) {
            return self.go_on(rest, &clean, left, standing, theme);
        }
        // What is kept may name the addresses that are new.
        let clean = self::clean(text);
        let definitions = markdown::definitions(shown(&clean, standing));
        *self = Stream { theme: Some(theme.clone()), width, definitions, ..Stream::default() };
        self.go_on(text, &clean, left, standing, theme);
    }

    /// Puts what is behind the kept blocks into lines, and keeps those of its blocks that are over.
    fn go_on(&mut self, rest: &str, clean: &str, left: usize, standing: Standing, theme: &Theme) {
        self.lines.truncate(self.kept);
        // A line that is not whole may still turn out to belong to the block before it.
        let whole = clean.rfind('\n').map_or(0, |at| at + 1);
        let mut blocks = markdown::blocks(&clean[..whole]);
        blocks.pop();
        let over = blocks.last().map_or(0, |block| block.end);
        for block in blocks {
            self.put(&clean[block], theme);
            self.codes = Codes::default();
        }
        self.kept = self.lines.len();
        // Cleaning keeps line breaks, and nothing else of which one could find a place again.
        let breaks = clean[..over].bytes().filter(|byte| *byte == b'\n').count();
        let places = rest.match_indices('\n').map(|(at, _)| at + 1);
        let at = breaks.checked_sub(1).and_then(|last| places.clone().nth(last)).unwrap_or(0);
        self.source.push_str(&rest[..at]);
        let last = shown(&clean[over..], standing);
        for block in markdown::blocks(last) {
            self.put(&last[block], theme);
        }
        let end = more(left, theme).into_iter().chain([Line::default()]);
        self.lines.extend(end);
        self.rest = Some((rest[at..].to_owned(), standing));
    }

    fn put(&mut self, source: &str, theme: &Theme) {
        let inset = inset(self.width);
        let begun = self.lines.len();
        let width = self.width - inset;
        let Stream { definitions, codes, lines, .. } = self;
        markdown::put(source, definitions, codes, theme, width, lines);
        if inset > 0 {
            for line in lines.iter_mut().skip(begun).filter(|line| !line.spans.is_empty()) {
                line.spans.insert(0, Span::raw("  "));
            }
        }
    }
}

fn clean(text: &str) -> String {
    sanitize::text(&bound::lines(text, MOST_LINE))
}

fn shown(text: &str, standing: Standing) -> &str {
    match standing {
        Standing::Open => markdown::steady(text),
        Standing::Settled => text,
    }
}
