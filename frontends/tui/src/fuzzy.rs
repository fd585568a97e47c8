//! Fuzzy matching: what has the letters of a query in their order, the best first.
//!
//! Case counts once the query has a capital letter. Words of a query match each on their own, in any
//! order. Letters match those with accents as well, as long as the query has none.

#[cfg(test)]
mod tests;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use unicode_segmentation::UnicodeSegmentation;

/// Ranks items by how well they match, and gives the index of each one that does and where in it, in
/// bytes, the graphemes begin that matched, in order.
///
/// Equally good ones keep their order, and so do all for an empty query. Time is linear in the items:
/// this is for lists that a person looks through, hundreds to some thousands.
pub fn rank<T: AsRef<str>>(
    query: &str,
    items: impl IntoIterator<Item = T>,
) -> Vec<(usize, Vec<usize>)> {
    let mut ranking = Ranking::new(query, Config::DEFAULT);
    let mut ranked = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        if let Some((score, positions)) = ranking.find(item.as_ref()) {
            ranked.push((score, index, positions));
        }
    }
    ranked.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
    ranked.into_iter().map(|(_, index, positions)| (index, positions)).collect()
}

/// A query that is held against many texts.
pub(crate) struct Ranking {
    pattern: Pattern,
    matcher: Matcher,
    characters: Vec<char>,
}

impl Ranking {
    /// Takes a query for words of any kind.
    pub(crate) fn new(query: &str, config: Config) -> Ranking {
        let pattern =
            Pattern::new(query, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
        Ranking { pattern, matcher: Matcher::new(config), characters: Vec::new() }
    }

    /// Takes a query for paths: what stands behind a slash counts more.
    pub(crate) fn of_paths(query: &str) -> Ranking {
        Ranking::new(query, Config::DEFAULT.match_paths())
    }

    /// Tells how well a text matches; none when it does not.
    pub(crate) fn score(&mut self, text: &str) -> Option<u32> {
        self.pattern.score(Utf32Str::new(text, &mut self.characters), &mut self.matcher)
    }

    /// Tells how well a text matches, and which of its graphemes do, by where they begin in bytes.
    pub(crate) fn find(&mut self, text: &str) -> Option<(u32, Vec<usize>)> {
        let mut places = Vec::new();
        let characters = Utf32Str::new(text, &mut self.characters);
        let score = self.pattern.indices(characters, &mut self.matcher, &mut places)?;
        places.sort_unstable();
        places.dedup();
        Some((score, bytes(text, &places)))
    }
}

/// Turns numbers of graphemes, in order, into where they begin.
fn bytes(text: &str, graphemes: &[u32]) -> Vec<usize> {
    if text.is_ascii() {
        return graphemes.iter().map(|place| *place as usize).collect();
    }
    let mut wanted = graphemes.iter().copied().peekable();
    let mut found = Vec::with_capacity(graphemes.len());
    for (number, (at, _)) in (0..).zip(text.grapheme_indices(true)) {
        if wanted.next_if_eq(&number).is_some() {
            found.push(at);
        }
    }
    found
}
