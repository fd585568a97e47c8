//! Finding lines in a file with decreasing strictness.

use std::borrow::Cow;
use std::collections::HashMap;

/// Candidates that are compared one by one before a linear scan takes over.
const FEW: usize = 64;

/// The lines of one file, indexed for repeated searches.
///
/// Four passes, each over the whole rest of the file before the next: exact; ignoring white space
/// at the end; ignoring it at both ends; and, on top of that, with typographic dashes, quotes and
/// spaces taken for their ASCII cousins. Bytes that are not UTF-8 take part exactly in the first
/// pass, and as U+FFFD, which is how a model gets to see them, in the others.
pub(crate) struct Lines<'a> {
    lines: Vec<&'a [u8]>,
    tables: [Option<Table<'a>>; 4],
}

impl<'a> Lines<'a> {
    pub(crate) fn new(lines: Vec<&'a [u8]>) -> Self {
        Lines { lines, tables: [const { None }; 4] }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Finds the first place at or after `from` where all of `wanted` stands.
    pub(crate) fn find(&mut self, wanted: &[&str], from: usize) -> Option<usize> {
        let last = self.lines.len().checked_sub(wanted.len()).filter(|last| from <= *last)?;
        for (pass, slot) in PASSES.into_iter().zip(&mut self.tables) {
            let table = slot.get_or_insert_with(|| Table::new(&self.lines, pass));
            if let Some(at) = table.find(wanted, pass, from, last) {
                return Some(at);
            }
        }
        None
    }

    /// Tells whether all of `wanted` stands at `at`, in one of the four passes.
    pub(crate) fn fits_at(&self, at: usize, wanted: &[&str]) -> bool {
        let Some(lines) = self.lines.get(at..at + wanted.len()) else { return false };
        PASSES.into_iter().any(|pass| {
            let mut pairs = lines.iter().zip(wanted);
            pairs.all(|(line, wanted)| key(line, pass) == key(wanted.as_bytes(), pass))
        })
    }
}

#[derive(Clone, Copy)]
enum Pass {
    Exact,
    TrimEnd,
    Trim,
    Fold,
}

const PASSES: [Pass; 4] = [Pass::Exact, Pass::TrimEnd, Pass::Trim, Pass::Fold];

/// What of a line counts in one pass.
fn key(line: &[u8], pass: Pass) -> Cow<'_, [u8]> {
    match pass {
        Pass::Exact => Cow::Borrowed(line),
        Pass::TrimEnd => cut(String::from_utf8_lossy(line), str::trim_end),
        Pass::Trim => cut(String::from_utf8_lossy(line), str::trim),
        Pass::Fold => {
            let text = String::from_utf8_lossy(line);
            Cow::Owned(text.trim().chars().map(fold).collect::<String>().into_bytes())
        }
    }
}

fn cut(text: Cow<'_, str>, trim: fn(&str) -> &str) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(trim(text).as_bytes()),
        Cow::Owned(text) => Cow::Owned(trim(&text).as_bytes().to_vec()),
    }
}

fn fold(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}'..='\u{201B}' => '\'',
        '\u{201C}'..='\u{201F}' => '"',
        '\u{00A0}' | '\u{2002}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// The lines as numbers: equal numbers are lines that count as equal in this pass.
struct Table<'a> {
    ids: Vec<u32>,
    known: HashMap<Cow<'a, [u8]>, u32>,
    /// For each number the places where it stands, ascending.
    places: Vec<Vec<usize>>,
}

impl<'a> Table<'a> {
    fn new(lines: &[&'a [u8]], pass: Pass) -> Self {
        let mut table = Table { ids: Vec::new(), known: HashMap::new(), places: Vec::new() };
        for (at, line) in lines.iter().enumerate() {
            let next = table.places.len() as u32;
            let id = *table.known.entry(key(line, pass)).or_insert(next);
            if id == next {
                table.places.push(Vec::new());
            }
            table.places[id as usize].push(at);
            table.ids.push(id);
        }
        table
    }

    fn find(&self, wanted: &[&str], pass: Pass, from: usize, last: usize) -> Option<usize> {
        let wanted: Vec<u32> = wanted
            .iter()
            .map(|line| self.known.get(&key(line.as_bytes(), pass)).copied())
            .collect::<Option<_>>()?;
        let rest = |id: u32| {
            let places = &self.places[id as usize];
            &places[places.partition_point(|at| *at < from)..]
        };
        let (offset, rarest) = wanted.iter().enumerate().min_by_key(|(_, id)| rest(**id).len())?;
        let candidates = rest(*rarest);
        if candidates.len() > FEW {
            return scan(&self.ids[from..], &wanted).map(|at| from + at);
        }
        candidates
            .iter()
            .filter_map(|at| at.checked_sub(offset))
            .filter(|at| (from..=last).contains(at))
            .find(|at| self.ids[*at..].starts_with(&wanted))
    }
}

/// Searches in linear time whatever repeats (Knuth, Morris, Pratt).
fn scan(ids: &[u32], wanted: &[u32]) -> Option<usize> {
    let mut border = vec![0; wanted.len()];
    let mut have = 0;
    for at in 1..wanted.len() {
        while have > 0 && wanted[at] != wanted[have] {
            have = border[have - 1];
        }
        have += usize::from(wanted[at] == wanted[have]);
        border[at] = have;
    }
    have = 0;
    for (at, id) in ids.iter().enumerate() {
        while have > 0 && *id != wanted[have] {
            have = border[have - 1];
        }
        have += usize::from(*id == wanted[have]);
        if have == wanted.len() {
            return Some(at + 1 - have);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> Lines<'_> {
        Lines::new(text.lines().map(str::as_bytes).collect())
    }

    #[test]
    fn a_stricter_pass_wins_over_an_earlier_place() {
        assert_eq!(lines("  x\nx \nx").find(&["x"], 0), Some(2));
        assert_eq!(lines("  x\nx ").find(&["x"], 0), Some(1));
        assert_eq!(lines("y\n  x").find(&["x"], 0), Some(1));
        assert_eq!(lines("a\u{2014}b\u{00A0}\u{201C}c\u{201D}").find(&["a-b \"c\""], 0), Some(0));
        assert_eq!(lines("A").find(&["a"], 0), None);
        assert_eq!(lines("a  b").find(&["a b"], 0), None);
    }

    #[test]
    fn a_place_fits_only_as_a_whole() {
        assert!(lines("x\n y ").fits_at(0, &["x", "y"]));
        assert!(lines("x\n y ").fits_at(1, &["y"]));
        assert!(!lines("x\ny").fits_at(0, &["y"]));
        assert!(!lines("x\ny").fits_at(1, &["y", "z"]));
    }

    #[test]
    fn bytes_outside_utf8_match_what_a_model_saw_of_them() {
        let mut latin = Lines::new(vec![b"a", b"caf\xe9"]);
        assert_eq!(latin.find(&["caf\u{FFFD}"], 0), Some(1));
        assert_eq!(latin.find(&["cafe"], 0), None);
    }

    #[test]
    fn repeated_lines_are_found_in_linear_time() {
        let text = "x\n".repeat(200_000);
        let mut file = lines(&text);
        let mut wanted = vec!["x"; 100_000];
        assert_eq!(file.find(&wanted, 7), Some(7));
        wanted.push("y");
        assert_eq!(file.find(&wanted, 0), None);
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            text in proptest::collection::vec("[ab]", 0..300),
            wanted in proptest::collection::vec("[ab]", 1..6),
            from in 0usize..20,
        ) {
            let mut file = Lines::new(text.iter().map(|line| line.as_bytes()).collect());
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let plain = text.windows(wanted.len()).enumerate()
                .skip(from)
                .find(|(_, window)| window.iter().zip(&wanted).all(|(a, b)| a == b))
                .map(|(at, _)| at);
            prop_assert_eq!(file.find(&wanted, from), plain);
        }
    }
}
