//! Markdown as lines.
//!
//! A text is cut into its top blocks, and each is put into lines by itself. What a block looks like
//! thus depends on its own source alone, and on the addresses that the text defines, so that a text
//! that grows keeps the lines of the blocks that are behind it ([`super::Stream`]).

mod inline;
mod items;
mod table;
#[cfg(test)]
mod tests;
mod writer;

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use ratatui::text::Line;

use crate::theme::Theme;
use writer::Writer;

pub(super) use items::Items;
pub(super) use writer::{Codes, language, put_code};

/// What is understood beyond CommonMark.
///
/// Footnotes are the old ones, which are told from their shape alone and need no definition.
const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_OLD_FOOTNOTES);

/// Puts a clean text into lines that are no wider than `width`.
pub(super) fn lines(text: &str, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    let definitions = definitions(text);
    let mut lines = Vec::new();
    for block in blocks(text) {
        let source = &text[block];
        put(source, &definitions, &mut Codes::default(), theme, width, &mut lines);
    }
    lines
}

/// Puts one top block behind what is there, after an empty line.
pub(super) fn put(
    source: &str,
    definitions: &str,
    codes: &mut Codes,
    theme: &Theme,
    width: u16,
    lines: &mut Vec<Line<'static>>,
) {
    let mut writer = Writer::new(theme, codes, width);
    for event in Parser::new_ext(&with(definitions, source), OPTIONS) {
        writer.event(event);
    }
    let block = writer.finish();
    if !block.is_empty() && !lines.is_empty() {
        lines.push(Line::default());
    }
    lines.extend(block);
}

/// Puts the addresses that it may name before a block.
fn with<'s>(definitions: &str, source: &'s str) -> Cow<'s, str> {
    if definitions.is_empty() || !source.contains('[') {
        return Cow::Borrowed(source);
    }
    // Before it, as it may end within code that is not closed.
    Cow::Owned(format!("{definitions}\n{source}"))
}

/// Gives where the top blocks of a text begin and end; together they are the whole text.
///
/// Addresses right above a paragraph are part of it: they keep its first line from being anything else.
pub(super) fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut begins = Vec::new();
    let mut depth = 0_usize;
    // Where what was told last ends. A list is said to hold what is right behind it.
    let mut end = 0;
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        let top = depth == 0;
        let is_paragraph = matches!(event, Event::Start(Tag::Paragraph | Tag::Heading { .. }));
        let above = end;
        if !matches!(event, Event::Start(Tag::List(_)) | Event::End(TagEnd::List(_))) {
            end = end.max(range.end);
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                continue;
            }
            Event::Text(_)
            | Event::Code(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::SoftBreak
            | Event::HardBreak
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
        if top {
            // The range of indented code leaves the indentation of its first line out.
            let mut begin = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
            let whole = above == 0 || text[..above].ends_with('\n');
            if is_paragraph && whole && above <= begin {
                let lines = text[above..begin].split_inclusive('\n').rev();
                let addresses = lines.take_while(|line| !line.trim().is_empty());
                begin -= addresses.map(str::len).sum::<usize>();
            }
            if begins.last() != Some(&begin) {
                begins.push(begin);
            }
        }
    }
    match begins.first_mut() {
        Some(first) => *first = 0,
        None if text.is_empty() => return Vec::new(),
        None => begins.push(0),
    }
    let ends = begins.iter().skip(1).copied().chain([text.len()]);
    begins.iter().copied().zip(ends).map(|(begin, end)| begin..end).collect()
}

/// Gives the lines that define addresses for the whole text, as `[name]: address`.
pub(super) fn definitions(text: &str) -> String {
    if !text.contains("]:") {
        return String::new();
    }
    let parser = Parser::new_ext(text, OPTIONS);
    let mut spans: Vec<Range<usize>> = parser
        .reference_definitions()
        .iter()
        .map(|(_, definition)| definition.span.clone())
        .collect();
    spans.sort_by_key(|span| span.start);
    spans.into_iter().map(|span| format!("{}\n", text[span].trim_end())).collect()
}

/// Gives the part of a text that still grows which can be shown without being taken back: a last line
/// that may turn out to be the beginning of a fence, a table, a rule or the address of a name is held back
/// until it ends.
pub(super) fn steady(text: &str) -> &str {
    let begin = text.rfind('\n').map_or(0, |at| at + 1);
    let last = text[begin..].trim_start();
    let marks = |c: char| matches!(c, '`' | '~' | '-' | '=' | '*' | '_' | '#' | '>' | '+' | ' ');
    let vague = last.starts_with('|')
        || last.chars().all(marks)
        || (last.starts_with('[') && last.contains("]:"));
    if vague { &text[..begin] } else { text }
}
