//! Words that are looked for, whatever their case.

use std::ops::Range;

/// Words that are looked for.
#[derive(Clone, Debug)]
pub struct Needle {
    folded: String,
}

impl Needle {
    /// Takes the words; none when there are none.
    pub fn new(words: &str) -> Option<Needle> {
        let folded: String = words.chars().flat_map(char::to_lowercase).collect();
        (!words.trim().is_empty()).then_some(Needle { folded })
    }

    /// Finds the first place where the words stand, in bytes of the text.
    pub(super) fn find(&self, text: &str) -> Option<Range<usize>> {
        match self.folded.is_ascii() {
            true => find_ascii(self.folded.as_bytes(), text.as_bytes()),
            false => self.find_folded(text),
        }
    }

    // Other characters may change their length with their case, so places are kept beside them.
    fn find_folded(&self, text: &str) -> Option<Range<usize>> {
        let mut folded = String::with_capacity(text.len());
        let mut places = Vec::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            for lower in c.to_lowercase() {
                folded.push(lower);
                places.resize(folded.len(), at);
            }
        }
        places.push(text.len());
        let start = folded.find(&self.folded)?;
        let (first, last) = (places[start], places[start + self.folded.len() - 1]);
        let end = text[last..].chars().next().map_or(last, |c| last + c.len_utf8());
        Some(first..end)
    }
}

fn find_ascii(needle: &[u8], text: &[u8]) -> Option<Range<usize>> {
    let [first, rest @ ..] = needle else { return None };
    let (lower, upper) = (*first, first.to_ascii_uppercase());
    let last = text.len().checked_sub(needle.len())?;
    let mut at = 0;
    while at <= last {
        let ahead = text[at..=last].iter().position(|byte| *byte == lower || *byte == upper)?;
        let begin = at + ahead;
        let end = begin + needle.len();
        if text[begin + 1..end].eq_ignore_ascii_case(rest) {
            return Some(begin..end);
        }
        at = begin + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case() {
        let found = |needle: &str, text: &str| {
            Needle::new(needle).expect("words").find(text).map(|place| text[place].to_owned())
        };
        assert_eq!(found("Cargo", "run CARGO test").as_deref(), Some("CARGO"));
        assert_eq!(found("aab", "aaaaAb").as_deref(), Some("aAb"));
        assert_eq!(found("x", ""), None);
        assert_eq!(found("long", "lon"), None);
        assert_eq!(found("ÄRGER", "viel Ärger hier").as_deref(), Some("Ärger"));
        assert_eq!(found("grün", "GRÜN").as_deref(), Some("GRÜN"));
        // Its lower case has two characters.
        assert_eq!(found("i\u{307}", "xİy").as_deref(), Some("İ"));
        assert!(Needle::new(" ").is_none());
    }
}
