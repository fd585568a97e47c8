//! A line of the text as rows of the screen.

use super::chips::Chips;
use super::graphemes;

/// Breaks a line into rows of at most `columns` columns, and gives where each begins, in bytes.
///
/// Rows break behind white space and wide characters, or anywhere in a word that is wider than a row.
/// White space behind a full row hangs over by as much as it needs; so a screen has one column more,
/// which is the cursor's as well. Where it hangs at the end of the line, an empty row follows, for the
/// cursor. No more than `most` rows are looked for, so a very long line costs what is seen of it.
pub(super) fn starts(text: &str, columns: usize, chips: &Chips, most: usize) -> Vec<usize> {
    let columns = columns.max(1);
    let mut starts = vec![0];
    let mut used = 0;
    // Behind the last place where the row may break, and what was used up to there.
    let mut place: Option<(usize, usize)> = None;
    let mut at = 0;
    while at < text.len() && starts.len() < most.max(1) {
        let end = graphemes::next(text, at);
        let step = Step::of(&text[at..end], chips);
        let needed = step.columns.min(columns);
        if used + needed > columns {
            if step.white && used == columns {
                starts.push(end);
                (used, place, at) = (0, None, end);
            } else if let Some((start, before)) = place.take() {
                starts.push(start);
                used -= before;
            } else {
                starts.push(at);
                used = 0;
            }
            continue;
        }
        used += needed;
        at = end;
        if step.white || step.columns > 1 {
            place = Some((at, used));
        }
    }
    starts
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
    fn of(grapheme: &str, chips: &Chips) -> Step {
        match grapheme.as_bytes() {
            [b' '] => Step { columns: 1, white: true },
            [b'!'..=b'~'] => Step { columns: 1, white: false },
            _ => Step {
                columns: chips.glyph(grapheme).columns,
                white: graphemes::class(grapheme) == graphemes::Class::White,
            },
        }
    }
}
