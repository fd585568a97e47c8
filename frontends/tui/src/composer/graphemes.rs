//! What a cursor moves by: the graphemes of a line, where a folded paste is one of its own.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::chips;

/// What kind of thing a grapheme is, for moves by words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// White space, and the end of a line.
    White,
    /// Letters, digits, underscores.
    Word,
    /// Any other sign.
    Sign,
    /// A folded paste.
    Chip,
}

/// Gives the class of a text's first grapheme; an empty text stands at the end of a line.
pub(super) fn class(text: &str) -> Class {
    match text.chars().next() {
        None => Class::White,
        Some(c) if chips::is_chip(c) => Class::Chip,
        Some(c) if c.is_whitespace() => Class::White,
        Some(c) if c.is_alphanumeric() || c == '_' => Class::Word,
        Some(_) => Class::Sign,
    }
}

/// Gives where the grapheme ends that begins at `at`.
pub(super) fn next(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let Some(first) = bytes.get(at) else { return text.len() };
    if first.is_ascii() && bytes.get(at + 1).is_none_or(u8::is_ascii) {
        return at + 1;
    }
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    let end = cursor.next_boundary(text, 0).ok().flatten().unwrap_or(text.len());
    // A chip takes part in no grapheme, whatever stands beside it.
    let mut characters = text[at..end].char_indices();
    match characters.next() {
        Some((_, c)) if chips::is_chip(c) => at + c.len_utf8(),
        _ => characters.find(|(_, c)| chips::is_chip(*c)).map_or(end, |(chip, _)| at + chip),
    }
}

/// Gives where the grapheme begins that ends at `at`.
pub(super) fn previous(text: &str, at: usize) -> usize {
    let Some(last) = text[..at].chars().next_back() else { return 0 };
    if chips::is_chip(last) {
        return at - last.len_utf8();
    }
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    let begin = cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0);
    let chip = text[begin..at].char_indices().rfind(|(_, c)| chips::is_chip(*c));
    chip.map_or(begin, |(chip, c)| begin + chip + c.len_utf8())
}

/// Gives the first place at or behind `at` that is between two graphemes.
pub(super) fn snap(text: &str, at: usize) -> usize {
    let beside_chip =
        text[..at].ends_with(chips::is_chip) || text[at..].starts_with(chips::is_chip);
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    if at == text.len() || beside_chip || cursor.is_boundary(text, 0).unwrap_or(true) {
        return at;
    }
    next(text, at)
}

/// Gives the graphemes from `at` on, with where they begin.
pub(super) fn from(text: &str, at: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut at = at;
    std::iter::from_fn(move || {
        let begin = at;
        at = next(text, begin);
        (begin < text.len()).then(|| (begin, &text[begin..at]))
    })
}

/// Counts the graphemes of a text without chips.
pub(super) fn count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).count() }
}
