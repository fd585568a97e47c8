//! Words in lines of spans.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Tells whether a line has a text, whatever its case.
pub(super) fn has(line: &Line<'_>, needle: &str) -> bool {
    !hits(&chars(line), needle).is_empty()
}

/// Sets the style of each place where a line has a text.
pub(super) fn marked(line: Line<'static>, needle: &str, style: Style) -> Line<'static> {
    let chars = chars(&line);
    let hits = hits(&chars, needle);
    if hits.is_empty() {
        return line;
    }
    let length = needle.chars().count();
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (at, (c, plain)) in chars.into_iter().enumerate() {
        let hit = hits.iter().any(|hit| (*hit..hit + length).contains(&at));
        let styled = if hit { plain.patch(style) } else { plain };
        match spans.last_mut() {
            Some(last) if last.style == styled => last.content.to_mut().push(c),
            Some(_) | None => spans.push(Span::styled(c.to_string(), styled)),
        }
    }
    Line { spans, ..line }
}

fn chars(line: &Line<'_>) -> Vec<(char, Style)> {
    let spans = line.spans.iter();
    spans.flat_map(|span| span.content.chars().map(|c| (c, span.style))).collect()
}

/// The places where a text begins, none of them within another.
fn hits(chars: &[(char, Style)], needle: &str) -> Vec<usize> {
    let needle: Vec<char> = needle.chars().map(lower).collect();
    let mut hits = Vec::new();
    let mut at = 0;
    while !needle.is_empty() && at + needle.len() <= chars.len() {
        if chars[at..].iter().zip(&needle).all(|((c, _), sought)| lower(*c) == *sought) {
            hits.push(at);
            at += needle.len();
        } else {
            at += 1;
        }
    }
    hits
}

/// One character for one, so that places stay what they are.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}
