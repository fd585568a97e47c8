//! A line of the text as rows of the screen.
//!
//! Rows break behind white space and wide characters, or anywhere in a word that is wider than a row.
//! White space behind a full row hangs over by as much as it needs; so a screen has one column more,
//! which is the cursor's as well. Where it hangs at the end of the line, an empty row follows, for the
//! cursor.

use std::ops::Range;

use codex_view::sanitize;
use ratatui::buffer::CellWidth;

use super::chips::{self, Chips};
use super::graphemes;

/// Rows before a change that it may break elsewhere: the one before ends where the next word has no
/// room, and what has none may be the first sign of the row behind that.
const REACH: usize = 2;

/// Breaks a line into rows of at most `columns` columns, and gives where each begins, in bytes. No more
/// than `most` are looked for, so a very long line costs what is seen of it.
pub(super) fn starts(text: &str, columns: usize, chips: &Chips, most: usize) -> Vec<usize> {
    let mut starts = vec![0];
    let mut start = 0;
    while starts.len() < most {
        match next(text, columns, chips, start) {
            Some(behind) => start = behind,
            None => break,
        }
        starts.push(start);
    }
    starts
}

/// Breaks a line anew after `changed` of it, a range as it was, became `length` bytes. Costs what the
/// rows around the change cost, and a little for each behind it.
pub(super) fn restart(
    starts: &mut Vec<usize>,
    text: &str,
    columns: usize,
    chips: &Chips,
    changed: &Range<usize>,
    length: usize,
) {
    let row = starts.partition_point(|start| *start <= changed.start).saturating_sub(1);
    let old = starts.split_off(row.saturating_sub(REACH) + 1);
    let mut start = starts.last().copied().unwrap_or_default();
    while let Some(behind) = next(text, columns, chips, start) {
        start = behind;
        // A row behind the change that begins where one began: all that follow are as they were.
        let was = start.checked_sub(changed.start + length).map(|more| more + changed.end);
        if let Some(was) = was.filter(|was| *was > changed.end)
            && let Ok(same) = old.binary_search(&was)
        {
            starts.extend(
                old[same..].iter().map(|start| start - changed.end + changed.start + length),
            );
            return;
        }
        starts.push(start);
    }
}

/// Gives where the row behind one begins; none when that is the last row.
fn next(text: &str, columns: usize, chips: &Chips, start: usize) -> Option<usize> {
    let columns = columns.max(1);
    let mut used = 0;
    // Behind the last place where the row may break.
    let mut place = None;
    let mut at = start;
    while at < text.len() {
        let end = graphemes::next(text, at);
        let step = Step::of(&text[at..end], chips);
        let needed = step.columns.min(columns);
        if used + needed > columns {
            let hangs = step.white && used == columns;
            return Some(if hangs { end } else { place.unwrap_or(at) });
        }
        used += needed;
        at = end;
        if step.white || step.columns > 1 {
            place = Some(at);
        }
    }
    None
}

/// Gives the columns that a piece of a row takes; nothing takes more than a row has.
pub(super) fn used(piece: &str, columns: usize, chips: &Chips) -> usize {
    let columns = columns.max(1);
    graphemes::from(piece, 0).map(|(_, it)| Step::of(it, chips).columns.min(columns)).sum()
}

struct Step {
    columns: usize,
    white: bool,
}

impl Step {
    /// Measures a grapheme: what its glyph takes, found without making one where that is easy.
    fn of(grapheme: &str, chips: &Chips) -> Step {
        if let [b' '..=b'~'] = grapheme.as_bytes() {
            return Step { columns: 1, white: grapheme == " " };
        }
        let mut characters = grapheme.chars();
        let white = graphemes::class(grapheme) == graphemes::Class::White;
        if let (Some(c), None) = (characters.next(), characters.next())
            && !(c.is_control() || chips::is_chip(c) || sanitize::is_forbidden(c))
        {
            let columns = usize::from(grapheme.cell_width());
            if columns > 0 {
                return Step { columns, white };
            }
        }
        Step { columns: chips.glyph(grapheme).columns, white }
    }
}
