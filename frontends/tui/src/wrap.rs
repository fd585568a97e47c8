//! Lines broken so that they fit.
//!
//! Widths are those that ratatui draws with: the columns of each grapheme. Whatever leaves here holds
//! no character that a terminal would act on: tabs become spaces, the rest is dropped. Time is linear
//! in the text.

#[cfg(test)]
mod tests;

use codex_view::sanitize;
use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

/// Columns from one tab stop to the next.
const TAB: usize = 4;
/// Columns that a prefix leaves to the text, where there are as many.
const LEAST_ROOM: usize = 4;
/// Stands for what is left out.
const ELLIPSIS: &str = "…";
/// Wide characters that never begin a line.
const CLOSING: [&str; 14] =
    ["、", "。", "，", "．", "！", "？", "：", "；", "）", "」", "』", "】", "》", "〉"];

/// Where a line may be broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Break {
    /// Between words, whose white space is dropped there, and between wide characters; a word that is
    /// wider than a line is cut.
    #[default]
    Words,
    /// Anywhere, so that each character of code keeps its place.
    Anywhere,
}

/// Breaks a line between words so that no piece is wider than `width` columns. An empty line stays one.
pub fn wrap(line: Line<'static>, width: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    Hang { first: &[], rest: &[], at: Break::Words }.put(line, width, &mut lines);
    lines
}

/// Gives the columns that a text takes.
pub fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.graphemes(true).map(width).sum()
}

/// Gives the columns that some spans take.
pub fn span_columns(spans: &[Span<'_>]) -> usize {
    spans.iter().map(|span| columns(&span.content)).sum()
}

/// Cuts a line that is wider than `width` columns, and says so with `…`.
pub fn cut(line: Line<'static>, width: u16) -> Line<'static> {
    let width = usize::from(width);
    let spans = clean(line.spans, width);
    if span_columns(&spans) <= width {
        return Line { spans, ..line };
    }
    let mut kept = take(&spans, width.saturating_sub(1));
    if width > 0 {
        let style = kept.last().map_or_else(Style::new, |span| span.style);
        kept.push(Span::styled(ELLIPSIS, style));
    }
    Line { spans: kept, ..line }
}

/// How lines hang: what stands before the first one and before the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hang<'a> {
    /// Before the first line.
    pub first: &'a [Span<'static>],
    /// Before each other line.
    pub rest: &'a [Span<'static>],
    /// Where lines are broken.
    pub at: Break,
}

impl Hang<'_> {
    /// Breaks a line, puts the prefixes before the pieces, and adds them to `lines`.
    ///
    /// Prefixes give way where there is no room: the text keeps four columns, or all there are.
    pub fn put(&self, line: Line<'static>, width: u16, lines: &mut Vec<Line<'static>>) {
        let width = usize::from(width).max(1);
        let most = width.saturating_sub(LEAST_ROOM);
        let first = prefix(self.first, most);
        let rest = prefix(self.rest, most);
        let rooms = [width - span_columns(&first), width - span_columns(&rest)];
        let Line { spans, style, alignment } = line;
        let spans = clean(spans, rooms[0].min(rooms[1]));
        let mut pieces = Breaker::new(&spans, rooms, self.at).pieces().into_iter().enumerate();
        let begun = lines.len();
        lines.extend(pieces.by_ref().map(|(at, (from, to))| {
            let mut put = if at == 0 { first.clone() } else { rest.clone() };
            slice(&spans, from, to, &mut put);
            Line { spans: put, style, alignment }
        }));
        debug_assert!(lines.len() > begun, "a line is at least one");
    }
}

fn prefix(spans: &[Span<'static>], most: usize) -> Vec<Span<'static>> {
    if span_columns(spans) <= most { spans.to_vec() } else { take(spans, most) }
}

/// Gives the beginning of some spans that fits into a width.
fn take(spans: &[Span<'static>], width: usize) -> Vec<Span<'static>> {
    let mut to = Place::default();
    let mut left = width;
    'all: for (at, span) in spans.iter().enumerate() {
        to = Place { span: at, byte: 0 };
        for (grapheme, columns) in graphemes(&span.content) {
            if columns > left {
                break 'all;
            }
            left -= columns;
            to.byte += grapheme.len();
        }
    }
    let mut taken = Vec::new();
    slice(spans, Place::default(), to, &mut taken);
    taken
}

/// Expands tabs, drops what a terminal would act on, and replaces what is wider than a line.
fn clean(mut spans: Vec<Span<'static>>, room: usize) -> Vec<Span<'static>> {
    let unclean = |c: char| c == '\t' || c == '\n' || sanitize::is_forbidden(c);
    // Marks that take a column of their own add up without a bound.
    let wide = |text: &str| text.graphemes(true).any(|grapheme| width(grapheme) > room);
    let fine = |text: &str| match text.is_ascii() {
        true => !text.bytes().any(|byte| byte.is_ascii_control()),
        false => !text.contains(unclean) && !wide(text),
    };
    if spans.iter().all(|span| fine(&span.content)) {
        return spans;
    }
    let mut column = 0;
    for span in &mut spans {
        let mut text = String::with_capacity(span.content.len());
        for c in span.content.chars() {
            match c {
                '\t' => {
                    let end = column + columns(&text);
                    text.extend(std::iter::repeat_n(' ', TAB - end % TAB));
                }
                '\n' => text.push(' '),
                c if sanitize::is_forbidden(c) => {}
                c => text.push(c),
            }
        }
        if !text.is_ascii() && wide(&text) {
            let fit = |grapheme| if width(grapheme) > room { ELLIPSIS } else { grapheme };
            text = text.graphemes(true).map(fit).collect();
        }
        column += columns(&text);
        span.content = text.into();
    }
    spans
}

fn width(grapheme: &str) -> usize {
    // What is not clean yet may hold control characters, which have no width there.
    if grapheme.len() == 1 { 1 } else { usize::from(grapheme.cell_width()) }
}

/// Gives the graphemes of a clean text with their columns.
fn graphemes(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = &text.as_bytes()[at..];
        let plain = match bytes {
            [] => return None,
            [byte] => byte.is_ascii(),
            [byte, next, ..] => byte.is_ascii() && next.is_ascii(),
        };
        let grapheme = if plain { &text[at..=at] } else { text[at..].graphemes(true).next()? };
        at += grapheme.len();
        Some((grapheme, if plain { 1 } else { width(grapheme) }))
    })
}

/// A place in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    span: usize,
    byte: usize,
}

/// Adds the spans between two places.
fn slice(spans: &[Span<'static>], from: Place, to: Place, into: &mut Vec<Span<'static>>) {
    for (at, span) in spans.iter().enumerate().take(to.span + 1).skip(from.span) {
        let begin = if at == from.span { from.byte } else { 0 };
        let end = if at == to.span { to.byte } else { span.content.len() };
        if begin == 0 && end == span.content.len() {
            if end > 0 {
                into.push(span.clone());
            }
        } else if begin < end {
            into.push(Span::styled(span.content[begin..end].to_owned(), span.style));
        }
    }
}

/// Finds where a line is broken, in one pass.
struct Breaker<'a> {
    spans: &'a [Span<'static>],
    rooms: [usize; 2],
    at: Break,
    pieces: Vec<(Place, Place)>,
    begin: Place,
    /// Columns since `begin`.
    column: usize,
    /// The last place where this piece may end, where the next one begins, and its column.
    chance: Option<(Place, Place, usize)>,
    before: Before,
}

/// What stands before the next grapheme of a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing but white space that leads the whole line.
    Lead,
    /// The end of the piece before, whose white space is dropped.
    Broken,
    /// A word.
    Word,
    /// A wide character.
    Wide,
    /// White space behind a word.
    Space,
}

impl<'a> Breaker<'a> {
    fn new(spans: &'a [Span<'static>], rooms: [usize; 2], at: Break) -> Breaker<'a> {
        Breaker {
            spans,
            rooms,
            at,
            pieces: Vec::new(),
            begin: Place::default(),
            column: 0,
            chance: None,
            before: Before::Lead,
        }
    }

    fn pieces(mut self) -> Vec<(Place, Place)> {
        let mut end = Place::default();
        let spans = self.spans;
        for (span, held) in spans.iter().enumerate() {
            let mut byte = 0;
            for (grapheme, columns) in graphemes(&held.content) {
                let here = Place { span, byte };
                byte += grapheme.len();
                let next = Place { span, byte };
                match self.at {
                    Break::Words if grapheme == " " => self.space(here, next),
                    Break::Words => self.word(grapheme, columns, here),
                    Break::Anywhere => {
                        if self.column + columns > self.room() {
                            self.end(here, here, 0);
                        }
                        self.column += columns;
                    }
                }
                end = next;
            }
        }
        if self.begin < end || self.pieces.is_empty() {
            self.pieces.push((self.begin, end));
        }
        self.pieces
    }

    fn room(&self) -> usize {
        self.rooms[usize::from(!self.pieces.is_empty())]
    }

    fn end(&mut self, end: Place, next: Place, column: usize) {
        self.pieces.push((self.begin, end));
        self.begin = next;
        self.column = column;
        self.chance = None;
    }

    fn space(&mut self, here: Place, next: Place) {
        match self.before {
            Before::Broken => {
                self.begin = next;
                return;
            }
            Before::Lead if self.column + 1 > self.room() => {
                self.begin = next;
                self.column = 0;
                return;
            }
            Before::Lead => {
                self.column += 1;
                return;
            }
            Before::Word | Before::Wide => self.chance = Some((here, next, self.column + 1)),
            Before::Space => {
                if let Some((_, begin, column)) = &mut self.chance {
                    (*begin, *column) = (next, self.column + 1);
                }
            }
        }
        if self.column + 1 > self.room() {
            let end = self.chance.map_or(here, |(end, ..)| end);
            self.end(end, next, 0);
            self.before = Before::Broken;
            return;
        }
        self.column += 1;
        self.before = Before::Space;
    }

    fn word(&mut self, grapheme: &str, columns: usize, here: Place) {
        let wide = columns > 1;
        let between = match self.before {
            Before::Wide => !CLOSING.contains(&grapheme) && columns > 0,
            Before::Word => wide && !CLOSING.contains(&grapheme),
            Before::Lead | Before::Broken | Before::Space => false,
        };
        if between {
            self.chance = Some((here, here, self.column));
        }
        if self.column + columns > self.room() {
            match self.chance.take() {
                Some((end, next, column)) => self.end(end, next, self.column - column),
                None => self.end(here, here, 0),
            }
            // What is left of a word may still be wider than the next piece's room.
            if self.column + columns > self.room() {
                self.end(here, here, 0);
            }
        }
        self.column += columns;
        self.before = match columns {
            0 if self.before == Before::Wide => Before::Wide,
            0 | 1 => Before::Word,
            _ => Before::Wide,
        };
    }
}
