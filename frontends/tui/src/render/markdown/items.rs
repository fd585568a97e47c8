//! Lists that still grow: items that are over keep their lines.
//!
//! What follows them is read behind an item that stands for them, which is as they were: with the same
//! kind of bullet, and apart from the next one or not. Whether items stand apart is told by the whole
//! list, so a list in which that changes has to be done anew.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use ratatui::text::Line;

use super::writer::{Codes, State, Writer};
use super::{OPTIONS, with};
use crate::theme::Theme;

/// A list of which some items are over.
#[derive(Clone, Debug)]
pub(in super::super) struct Items {
    spacing: Spacing,
    /// How the last item that is over left the lines.
    state: State,
    begun: bool,
}

/// Whether items of a list stand apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spacing {
    /// They do not.
    Tight,
    /// They do, as long as the end of the text stays as it is.
    Loose,
    /// They do, whatever follows.
    LooseForGood,
}

impl Items {
    /// Begins a list with the first block of a text; none where that is anything else.
    pub(in super::super) fn of(text: &str) -> Option<Items> {
        let (_, number) = bullet(text)?;
        let state = State { gap: false, number };
        Some(Items { spacing: spacing(text), state, begun: false })
    }

    /// Tells whether the items that are over look as they would with this behind them.
    pub(in super::super) fn hold(&self, text: &str) -> bool {
        match self.spacing {
            Spacing::LooseForGood => true,
            Spacing::Loose | Spacing::Tight => spacing(text) == self.spacing,
        }
    }

    /// Gives where the last item begins in a text whose first block is the rest of the list; none when
    /// that is the first one.
    pub(in super::super) fn last(text: &str) -> Option<usize> {
        let (mut depth, mut last, mut count) = (0_usize, 0, 0);
        for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
            match event {
                Event::Start(Tag::Item) if depth == 1 => {
                    count += 1;
                    last = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
                    depth += 1;
                }
                Event::Start(Tag::List(_)) if depth == 0 => depth += 1,
                _ if depth == 0 => return None,
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 1 => break,
                Event::End(_) => depth -= 1,
                _ => {}
            }
        }
        (count > 1 && bullet(&text[last..]).is_some()).then_some(last)
    }

    /// Some of these items are over, and all lines of the text are whole.
    pub(in super::super) fn keep(&mut self, whole: &str) {
        if spacing(whole) == Spacing::Loose {
            self.spacing = Spacing::LooseForGood;
        }
    }

    /// Puts items behind those that are over, and takes them for over as well.
    pub(in super::super) fn put(
        &mut self,
        source: &str,
        definitions: &str,
        codes: &mut Codes,
        theme: &Theme,
        width: u16,
        lines: &mut Vec<Line<'static>>,
    ) {
        let source = behind(source, self.spacing);
        let source = with(definitions, &source);
        let mut writer = Writer::new(theme, codes, width);
        let mut items = 0;
        for event in Parser::new_ext(&source, OPTIONS) {
            let ends = matches!(event, Event::End(TagEnd::Item));
            writer.event(event);
            if ends && writer.is_between_items() {
                match items {
                    0 => writer.resume(self.state, usize::from(self.begun)),
                    _ => self.state = writer.state(),
                }
                items += 1;
            }
        }
        let mut block = writer.finish();
        if self.begun {
            // It stood for the lines that are there.
            block.drain(..block.len().min(1));
        } else if !block.is_empty() && !lines.is_empty() {
            lines.push(Line::default());
        }
        self.begun = true;
        lines.extend(block);
    }
}

/// Tells whether items stand apart from each other, one before this text among them.
fn spacing(text: &str) -> Spacing {
    let source = behind(text, Spacing::Tight);
    // Behind the beginnings of the list and of its first item.
    match Parser::new_ext(&source, OPTIONS).nth(2) {
        Some(Event::Start(Tag::Paragraph)) => Spacing::Loose,
        _ => Spacing::Tight,
    }
}

/// Puts a text behind an item of the same list.
fn behind(text: &str, spacing: Spacing) -> String {
    let apart = match spacing {
        Spacing::Tight => "",
        Spacing::Loose | Spacing::LooseForGood => "\n",
    };
    let bullet = bullet(text).map_or(String::new(), |(bullet, _)| bullet);
    format!("{bullet}x\n{apart}{}", &text[blank(text)..])
}

/// Gives what an item before a text's first one would begin with, and the number of the first one.
fn bullet(text: &str) -> Option<(String, Option<u64>)> {
    let line = text[blank(text)..].lines().next()?;
    let marker = line.trim_start_matches(' ');
    let indent = line.len() - marker.len();
    let kind = marker.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &marker[..marker.len() - kind.len()];
    let (sign, number) = match (digits, kind.chars().next()?) {
        ("", sign @ ('-' | '+' | '*')) => (sign.to_string(), None),
        (digits, sign @ ('.' | ')')) => (format!("1{sign}"), Some(digits.parse().ok()?)),
        _ => return None,
    };
    (indent <= 3).then(|| (format!("{}{sign} ", " ".repeat(indent)), number))
}

/// Gives where the first line begins that is not blank.
fn blank(text: &str) -> usize {
    let blank = text.split_inclusive('\n').take_while(|line| line.trim().is_empty());
    blank.map(str::len).sum()
}
