//! Code with its parts told apart.
//!
//! Words, texts, numbers and remarks are told apart by a table for each language, in one pass that
//! remembers nothing but whether a text or a remark goes on. Real grammars know more, but cost what a
//! screen can't pay: syntect takes 0.2 ms for each line, 13 MB and a tenth of a second for each
//! language that is seen, and 2.2 MB of the program.

mod languages;
#[cfg(test)]
mod tests;

use ratatui::style::Style;
use ratatui::text::Span;

use super::shell;
use crate::theme::Theme;
use languages::{Language, Ticks};

/// Bytes of a block that are told apart; the rest of it is plain.
const MOST_BYTES: usize = 256 * 1024;
/// A longer line is plain, and so is all that follows in its block.
const LONGEST_LINE: usize = 4 * 1024;

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Plain,
    Keyword,
    String,
    Constant,
    Comment,
    Function,
    Kind,
    Variable,
    Added,
    Removed,
}

impl Part {
    fn style(self, theme: &Theme) -> Style {
        let syntax = &theme.syntax;
        match self {
            Part::Plain => theme.text,
            Part::Keyword => syntax.keyword,
            Part::String => syntax.string,
            Part::Constant => syntax.constant,
            Part::Comment => syntax.comment,
            Part::Function => syntax.function,
            Part::Kind => syntax.kind,
            Part::Variable => syntax.variable,
            Part::Added => theme.added,
            Part::Removed => theme.removed,
        }
    }
}

/// Tells the parts of a block of code apart, line by line.
#[derive(Clone, Debug)]
pub(super) struct Highlighter {
    how: How,
    bytes: usize,
}

#[derive(Clone, Debug)]
enum How {
    /// Nothing is known of it, or it is too much.
    Plain,
    /// A language with a table.
    Table(&'static Language, State),
    /// A shell's.
    Shell(shell::State),
    /// Elements in angle brackets.
    Markup(State),
    /// A diff.
    Diff,
}

/// What goes on into the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Code,
    /// A remark, so many deep.
    Remark(usize),
    /// A text, of this number in the language's table.
    Text(usize),
    /// An element's tag.
    Tag,
}

impl Highlighter {
    /// For a language, as the first word behind a fence names it.
    pub(super) fn language(name: &str) -> Highlighter {
        let name = name.trim_start_matches('.').to_ascii_lowercase();
        let how = match &*name {
            "sh" | "bash" | "zsh" | "shell" | "console" | "ksh" | "shellsession"
            | "shell-session" | "sh-session" => How::Shell(shell::State::default()),
            "html" | "xml" | "xhtml" | "svg" | "vue" | "svelte" | "plist" | "htm" => {
                How::Markup(State::Code)
            }
            "diff" | "patch" => How::Diff,
            name => match languages::named(name) {
                Some(language) => How::Table(language, State::Code),
                None => How::Plain,
            },
        };
        Highlighter { how, bytes: 0 }
    }

    /// Gives the next line, which has no line break and is safe, in styled pieces.
    pub(super) fn line(&mut self, line: &str, theme: &Theme) -> Vec<Span<'static>> {
        self.bytes += line.len() + 1;
        if self.bytes > MOST_BYTES || line.len() > LONGEST_LINE {
            self.how = How::Plain;
        }
        let parts = match &mut self.how {
            How::Plain => vec![(Part::Plain, line)],
            How::Table(language, state) => table(language, state, line),
            How::Markup(state) => markup(state, line),
            How::Diff => vec![(diff(line), line)],
            How::Shell(state) => return shell::line(line, state, theme),
        };
        let mut spans: Vec<Span<'static>> = Vec::new();
        for (part, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
            let style = part.style(theme);
            match spans.last_mut() {
                Some(last) if last.style == style => last.content.to_mut().push_str(text),
                _ => spans.push(Span::styled(text.to_owned(), style)),
            }
        }
        spans
    }
}

fn diff(line: &str) -> Part {
    let heads = ["+++", "---", "diff ", "index ", "*** "];
    match line.as_bytes().first() {
        _ if heads.iter().any(|head| line.starts_with(head)) => Part::Comment,
        Some(b'+') => Part::Added,
        Some(b'-') => Part::Removed,
        Some(b'@') => Part::Kind,
        Some(_) | None => Part::Plain,
    }
}

type Parts<'a> = Vec<(Part, &'a str)>;

fn table<'a>(language: &'static Language, state: &mut State, line: &'a str) -> Parts<'a> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let (part, length) = match *state {
            State::Remark(depth) => (Part::Comment, remark(language, state, depth, rest)),
            State::Text(number) => (Part::String, text(language, state, number, rest)),
            State::Code | State::Tag => code(language, state, line, at),
        };
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let end = line.floor_char_boundary(at + length.max(first));
        parts.push((part, &line[at..end]));
        at = end;
    }
    if let State::Text(number) = *state
        && !language.texts[number].lines
    {
        *state = State::Code;
    }
    parts
}

/// Gives how much of a text is still of a remark.
fn remark(language: &Language, state: &mut State, depth: usize, rest: &str) -> usize {
    let Some((open, close)) = language.block else {
        *state = State::Code;
        return rest.len();
    };
    let end = rest.find(close);
    match rest.find(open).filter(|_| language.nested) {
        Some(inner) if end.is_none_or(|end| inner < end) => {
            *state = State::Remark(depth + 1);
            inner + open.len()
        }
        _ => match end {
            Some(end) => {
                *state = if depth > 1 { State::Remark(depth - 1) } else { State::Code };
                end + close.len()
            }
            None => rest.len(),
        },
    }
}

/// Gives how much of a text is still of a text in quotes.
fn text(language: &Language, state: &mut State, number: usize, rest: &str) -> usize {
    let quote = &language.texts[number];
    let mut at = 0;
    while at < rest.len() {
        let left = &rest[at..];
        if left.starts_with(quote.close) {
            *state = State::Code;
            return at + quote.close.len();
        }
        let step = |text: &str| text.chars().next().map_or(1, char::len_utf8);
        at += step(left);
        if quote.escapes && left.starts_with('\\') {
            at += rest.get(at..).map_or(0, |left| if left.is_empty() { 0 } else { step(left) });
        }
    }
    rest.len()
}

/// Gives the next piece of code.
fn code(language: &Language, state: &mut State, line: &str, at: usize) -> (Part, usize) {
    let rest = &line[at..];
    let first = rest.chars().next().unwrap_or(' ');
    if language.line.iter().any(|begin| rest.starts_with(begin)) {
        return (Part::Comment, rest.len());
    }
    if let Some((open, _)) = language.block.filter(|(open, _)| rest.starts_with(open)) {
        *state = State::Remark(1);
        return (Part::Comment, open.len());
    }
    if first == '\'' && language.ticks == Ticks::Lifetimes {
        return tick(rest);
    }
    if let Some(number) = language.texts.iter().position(|quote| rest.starts_with(quote.open)) {
        *state = State::Text(number);
        let open = language.texts[number].open.len();
        let length = open + text(language, state, number, &rest[open..]);
        let key = *state == State::Code && is_key(language, &rest[length..]);
        return (if key { Part::Variable } else { Part::String }, length);
    }
    if first.is_ascii_digit() {
        return (Part::Constant, number(rest));
    }
    let in_word = |c: char| {
        c.is_alphanumeric()
            || c == '_'
            || (c == '-' && language.dashes)
            || (c == '$' && language.dollars)
    };
    if matches!(first, '@' | '#') && rest[1..].starts_with(|c: char| c.is_alphabetic()) {
        let length = 1 + rest[1..].find(|c| !in_word(c)).unwrap_or(rest.len() - 1);
        return match (first, line[..at].trim().is_empty()) {
            ('#', true) if language.directives => (Part::Keyword, length),
            ('@', _) => (Part::Function, length),
            _ => (Part::Plain, 1),
        };
    }
    if first.is_whitespace() {
        return (Part::Plain, rest.len() - rest.trim_start().len());
    }
    if !in_word(first) {
        return (Part::Plain, first.len_utf8());
    }
    let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
    (word(language, &rest[..length], &rest[length..]), length)
}

fn word(language: &Language, word: &str, after: &str) -> Part {
    let lower;
    let known = if language.any_case {
        lower = word.to_ascii_lowercase();
        &*lower
    } else {
        word
    };
    if languages::has(language.keywords, known) {
        return Part::Keyword;
    }
    if languages::CONSTANTS.contains(&known) {
        return Part::Constant;
    }
    if is_key(language, after) || word.starts_with('$') {
        return Part::Variable;
    }
    if languages::has(language.kinds, known) {
        return Part::Kind;
    }
    if after.starts_with('(') || (after.starts_with("!(") || after.starts_with("![")) {
        return Part::Function;
    }
    if language.capitals && word.starts_with(char::is_uppercase) {
        let shouts = word.len() > 1 && !word.contains(char::is_lowercase);
        return if shouts { Part::Constant } else { Part::Kind };
    }
    Part::Plain
}

/// Tells whether what was read is the name of a value that follows.
fn is_key(language: &Language, after: &str) -> bool {
    let after = after.trim_start_matches(' ');
    language.key.is_some_and(|sign| after.starts_with(sign) && !after[1..].starts_with(sign))
}

/// Reads a character or a lifetime.
fn tick(rest: &str) -> (Part, usize) {
    let inner = &rest[1..];
    let mut chars = inner.char_indices();
    let closed = match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => {
            inner[1..].get(1..).and_then(|left| left.find('\'')).map(|at| at + 4)
        }
        (Some((_, c)), Some((at, '\''))) if c != '\'' => Some(at + 2),
        _ => None,
    };
    match closed {
        Some(length) if length <= 14 => (Part::String, length),
        Some(_) | None => {
            let name = inner.find(|c: char| !c.is_alphanumeric() && c != '_');
            (Part::Kind, 1 + name.unwrap_or(inner.len()))
        }
    }
}

fn number(rest: &str) -> usize {
    let mut end = 0;
    let bytes = rest.as_bytes();
    while let Some(byte) = bytes.get(end) {
        let point = *byte == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let sign = matches!(byte, b'+' | b'-')
            && end > 0
            && matches!(bytes[end - 1], b'e' | b'E')
            && !rest.starts_with("0x");
        if !(byte.is_ascii_alphanumeric() || *byte == b'_' || point || sign) {
            break;
        }
        end += 1;
    }
    end
}

fn markup<'a>(state: &mut State, line: &'a str) -> Parts<'a> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let (part, length) = match *state {
            State::Remark(_) => match rest.find("-->") {
                Some(end) => {
                    *state = State::Code;
                    (Part::Comment, end + 3)
                }
                None => (Part::Comment, rest.len()),
            },
            State::Code | State::Text(_) if rest.starts_with("<!--") => {
                *state = State::Remark(1);
                (Part::Comment, 4)
            }
            State::Code | State::Text(_) if rest.starts_with('<') => {
                *state = State::Tag;
                let name = |c: char| {
                    !c.is_alphanumeric() && !matches!(c, '-' | ':' | '_' | '/' | '!' | '?')
                };
                (Part::Kind, 1 + rest[1..].find(name).unwrap_or(rest.len() - 1))
            }
            State::Code | State::Text(_) => (Part::Plain, rest.find('<').unwrap_or(rest.len())),
            State::Tag => tag(state, rest),
        };
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let end = line.floor_char_boundary(at + length.max(first));
        parts.push((part, &line[at..end]));
        at = end;
    }
    parts
}

/// Gives the next piece of a tag.
fn tag(state: &mut State, rest: &str) -> (Part, usize) {
    if rest.starts_with("/>") || rest.starts_with('>') {
        *state = State::Code;
        return (Part::Kind, rest.find('>').unwrap_or(0) + 1);
    }
    for quote in ['"', '\''] {
        if let Some(inner) = rest.strip_prefix(quote) {
            return (Part::String, inner.find(quote).map_or(rest.len(), |end| end + 2));
        }
    }
    let name = |c: char| c.is_alphanumeric() || matches!(c, '-' | ':' | '_' | '@' | '.');
    match rest.find(|c| !name(c)) {
        Some(0) => (Part::Plain, 1),
        Some(end) => (Part::Variable, end),
        None => (Part::Variable, rest.len()),
    }
}
