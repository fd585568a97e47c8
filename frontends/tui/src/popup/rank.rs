//! Which rows match what was typed.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// Gives the rows that match, the best first; all in their order when nothing was typed.
pub(super) fn rank<'a>(query: &str, rows: impl Iterator<Item = &'a str>) -> Vec<usize> {
    if query.trim().is_empty() {
        return rows.enumerate().map(|(at, _)| at).collect();
    }
    let pattern = Pattern::parse(query, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut room = Vec::new();
    let mut hits: Vec<(u32, usize)> = rows
        .enumerate()
        .filter_map(|(at, row)| {
            let score = pattern.score(Utf32Str::new(row, &mut room), &mut matcher)?;
            Some((score, at))
        })
        .collect();
    hits.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
    hits.into_iter().map(|(_, at)| at).collect()
}
