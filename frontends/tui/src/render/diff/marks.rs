//! What differs within lines that stand for each other.

use std::ops::Range;

use similar::{ChangeTag, TextDiff};

use super::Sign;

/// Longer lines are not compared, in bytes.
const LONGEST: usize = 500;
/// Pairs of one hunk that are compared.
const MOST_PAIRS: usize = 100;
/// How much must be the same for two lines to be held for the same one.
const ALIKE: f32 = 0.5;

/// A piece of a line that differs.
pub(super) type Mark = Range<usize>;

/// Gives for each line the pieces that differ from the line which it replaces, or which replaces it:
/// removed lines and the added ones right behind them are paired in their order.
pub(super) fn of(lines: &[(Sign, String)]) -> Vec<Vec<Mark>> {
    let mut marks = vec![Vec::new(); lines.len()];
    let run = |from: usize, wanted: Sign| {
        lines[from..].iter().take_while(|(sign, _)| *sign == wanted).count()
    };
    let mut at = 0;
    let mut pairs = 0;
    while at < lines.len() {
        let removed = run(at, Sign::Removed);
        let added = run(at + removed, Sign::Added);
        for pair in 0..removed.min(added) {
            pairs += 1;
            if pairs > MOST_PAIRS {
                return marks;
            }
            let (old, new) = (at + pair, at + removed + pair);
            let (gone, come) = compared(&lines[old].1, &lines[new].1);
            marks[old] = gone;
            marks[new] = come;
        }
        at += (removed + added).max(1);
    }
    marks
}

fn compared(old: &str, new: &str) -> (Vec<Mark>, Vec<Mark>) {
    if old.len() > LONGEST || new.len() > LONGEST {
        return (Vec::new(), Vec::new());
    }
    let diff = TextDiff::from_unicode_words(old, new);
    if diff.ratio() < ALIKE {
        return (Vec::new(), Vec::new());
    }
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let (mut before, mut after) = (0, 0);
    for change in diff.iter_all_changes() {
        let length = change.value().len();
        match change.tag() {
            ChangeTag::Equal => {
                before += length;
                after += length;
            }
            ChangeTag::Delete => {
                add(&mut gone, before, length);
                before += length;
            }
            ChangeTag::Insert => {
                add(&mut come, after, length);
                after += length;
            }
        }
    }
    (gone, come)
}

fn add(marks: &mut Vec<Mark>, begin: usize, length: usize) {
    match marks.last_mut() {
        Some(last) if last.end == begin => last.end += length,
        _ => marks.push(begin..begin + length),
    }
}
