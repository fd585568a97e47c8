//! What the model says, whole or as it comes in.

mod fence;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use codex_view::{Standing, image, sanitize};
use ratatui::text::{Line, Span};

use super::{bound, inset, markdown, words};
use crate::theme::Theme;
use fence::Fence;
use markdown::{Codes, Items};

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
    Rc::unwrap_or_clone(stream.lines)
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
    /// The block of code that the source ends within.
    fence: Option<Fence>,
    /// The list that the source ends within.
    items: Option<Items>,
    /// The code of the block that comes next.
    codes: Codes,
    /// Shared with whoever shows them; by the next change nobody should.
    lines: Rc<Vec<Line<'static>>>,
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
    ) -> Rc<Vec<Line<'static>>> {
        self.told(text, standing, theme, width);
        Rc::clone(&self.lines)
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
        let found = match &self.fence {
            // What looks like an address in there is none.
            Some(fence) if clean.contains("]:") => {
                markdown::definitions(&format!("{}\n{}", fence.opening(), shown(&clean, standing)))
            }
            Some(_) => String::new(),
            None => markdown::definitions(shown(&clean, standing)),
        };
        let holds = self.items.as_ref().is_none_or(|items| items.hold(shown(&clean, standing)));
        if holds && self.definitions.ends_with(&found) {
            return self.go_on(rest, &clean, left, standing, theme);
        }
        // What is kept may name the addresses that are new, or be of a list that is set otherwise.
        let clean = self::clean(text);
        let definitions = markdown::definitions(shown(&clean, standing));
        *self = Stream { theme: Some(theme.clone()), width, definitions, ..Stream::default() };
        self.go_on(text, &clean, left, standing, theme);
    }

    /// Puts what is behind the kept blocks into lines, and keeps those of its blocks that are over.
    fn go_on(&mut self, rest: &str, clean: &str, left: usize, standing: Standing, theme: &Theme) {
        let kept = self.kept;
        self.lines_mut().truncate(kept);
        // A line that is not whole may still turn out to belong to the block before it.
        let whole = clean.rfind('\n').map_or(0, |at| at + 1);
        let mut over = 0;
        loop {
            if self.fence.is_some() {
                over += self.code(&clean[over..whole], theme);
                if self.fence.is_some() {
                    break;
                }
            }
            let mut blocks = markdown::blocks(&clean[over..whole]);
            let Some(last) = blocks.pop() else { break };
            for block in blocks {
                self.put(&clean[over..][block], theme);
                (self.codes, self.items) = (Codes::default(), None);
            }
            over += last.start;
            over += self.items(&clean[over..whole], shown(&clean[over..], standing), theme);
            let Some((fence, opening)) = Fence::open(&clean[over..whole]) else { break };
            self.fence = Some(fence);
            over += opening;
        }
        self.kept = self.lines.len();
        // Cleaning keeps line breaks, and nothing else of which one could find a place again.
        let breaks = clean[..over].bytes().filter(|byte| *byte == b'\n').count();
        let mut places = rest.match_indices('\n').map(|(at, _)| at + 1);
        let at = breaks.checked_sub(1).and_then(|last| places.nth(last)).unwrap_or(0);
        self.source.push_str(&rest[..at]);
        let last = shown(&clean[over..], standing);
        match self.fence.clone() {
            Some(mut fence) if !last.is_empty() && !fence.closes(last) => {
                let line = fence.line(last, theme);
                self.put_code(fence.is_first(), line);
            }
            Some(_) => {}
            None => {
                let items = self.items.clone();
                for block in markdown::blocks(last) {
                    self.put(&last[block], theme);
                    self.items = None;
                }
                self.items = items;
            }
        }
        let end = more(left, theme).into_iter().chain([Line::default()]);
        self.lines_mut().extend(end);
        self.rest = Some((rest[at..].to_owned(), standing));
    }

    /// Puts the whole lines of the block of code that is open, and gives how much of the text they are.
    fn code(&mut self, text: &str, theme: &Theme) -> usize {
        let mut over = 0;
        for line in text.split_inclusive('\n') {
            over += line.len();
            let line = line.trim_end_matches('\n');
            let Some(fence) = self.fence.as_mut() else { break };
            if fence.closes(line) {
                self.fence = None;
                break;
            }
            let spans = fence.line(line, theme);
            let first = fence.is_first();
            self.put_code(first, spans);
        }
        over
    }

    /// Puts the items of a list that are over, and gives how much of the text they are: the last block,
    /// as far as its lines are whole, and all that is shown of it.
    fn items(&mut self, text: &str, shown: &str, theme: &Theme) -> usize {
        let Some(last) = Items::last(text) else { return 0 };
        let Some(mut items) = self.items.take().or_else(|| Items::of(shown)) else { return 0 };
        items.keep(text);
        self.items = Some(items);
        self.put(&text[..last], theme);
        self.codes = Codes::default();
        last
    }

    /// Puts a line of code; the first of its block stands apart from what is before.
    fn put_code(&mut self, first: bool, spans: Vec<Span<'static>>) {
        if first && !self.lines.is_empty() {
            self.lines_mut().push(Line::default());
        }
        let begun = self.lines.len();
        let width = self.width - inset(self.width);
        markdown::put_code(spans, width, self.lines_mut());
        self.inset(begun);
    }

    fn put(&mut self, source: &str, theme: &Theme) {
        let begun = self.lines.len();
        let width = self.width - inset(self.width);
        let Stream { definitions, items, codes, lines, .. } = self;
        let lines = Rc::make_mut(lines);
        match items {
            Some(items) => items.put(source, definitions, codes, theme, width, lines),
            None => markdown::put(source, definitions, codes, theme, width, lines),
        }
        self.inset(begun);
    }

    fn lines_mut(&mut self) -> &mut Vec<Line<'static>> {
        Rc::make_mut(&mut self.lines)
    }

    /// Keeps the lines from one on away from the left edge.
    fn inset(&mut self, begun: usize) {
        if inset(self.width) > 0 {
            let lines = self.lines_mut()[begun..].iter_mut();
            for line in lines.filter(|line| !line.spans.is_empty()) {
                line.spans.insert(0, Span::raw("  "));
            }
        }
    }
}

fn clean(text: &str) -> String {
    sanitize::text(&bound::lines(&image::without_bytes(text), MOST_LINE))
}

fn shown(text: &str, standing: Standing) -> &str {
    match standing {
        Standing::Open => markdown::steady(text),
        Standing::Settled | Standing::Broken => text,
    }
}
