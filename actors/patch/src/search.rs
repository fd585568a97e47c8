//! Finding lines in a file with decreasing strictness.

use std::borrow::Cow;
use std::collections::HashMap;

/// Candidates that are compared one by one; more of them are told apart by longer blocks.
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
    known: HashMap<Cow<'a, [u8]>, u32>,
    /// Blocks of 1, 2, 4 … lines; the longer ones are numbered when a search first needs them.
    levels: Vec<Level>,
}

/// All blocks of so many lines in a row. Equal blocks have equal numbers.
struct Level {
    /// The number of the block that begins at each line.
    ids: Vec<u32>,
    /// Where each number's part of `places` begins.
    starts: Vec<usize>,
    /// The lines where blocks begin: by number, then ascending.
    places: Vec<usize>,
    /// The number that stands for two blocks of half the length.
    halves: HashMap<(u32, u32), u32>,
}

impl Level {
    fn new(ids: Vec<u32>, halves: HashMap<(u32, u32), u32>) -> Self {
        let count = ids.iter().max().map_or(0, |id| *id as usize + 1);
        let mut starts = vec![0; count + 1];
        for id in &ids {
            starts[*id as usize + 1] += 1;
        }
        for id in 0..count {
            starts[id + 1] += starts[id];
        }
        let (mut next, mut places) = (starts.clone(), vec![0; ids.len()]);
        for (at, id) in ids.iter().enumerate() {
            places[next[*id as usize]] = at;
            next[*id as usize] += 1;
        }
        Level { ids, starts, places, halves }
    }

    /// Numbers the blocks of twice the length.
    fn doubled(&self, length: usize) -> Self {
        let mut halves = HashMap::new();
        let pairs = self.ids.iter().zip(self.ids.get(length..).unwrap_or_default());
        let number = |(first, second): (&u32, &u32)| {
            let next = halves.len() as u32;
            *halves.entry((*first, *second)).or_insert(next)
        };
        let ids = pairs.map(number).collect();
        Level::new(ids, halves)
    }

    /// Gives the places of a block at or after `from`.
    fn places(&self, id: u32, from: usize) -> &[usize] {
        let places = &self.places[self.starts[id as usize]..self.starts[id as usize + 1]];
        &places[places.partition_point(|at| *at < from)..]
    }
}

impl<'a> Table<'a> {
    fn new(lines: &[&'a [u8]], pass: Pass) -> Self {
        let mut known = HashMap::new();
        let number = |line: &&'a [u8]| {
            let next = known.len() as u32;
            *known.entry(key(line, pass)).or_insert(next)
        };
        let ids = lines.iter().map(number).collect();
        Table { known, levels: vec![Level::new(ids, HashMap::new())] }
    }

    /// Finds the first place from `from` to `last`.
    ///
    /// As long as even the rarest block of what is wanted stands in many places, blocks of twice
    /// the length are compared. So no search walks over the file again and again, whatever repeats.
    fn find(&mut self, wanted: &[&str], pass: Pass, from: usize, last: usize) -> Option<usize> {
        let mut blocks: Vec<u32> = wanted
            .iter()
            .map(|line| self.known.get(&key(line.as_bytes(), pass)).copied())
            .collect::<Option<_>>()?;
        let lines = blocks.clone();
        let mut length = 1;
        for depth in 0.. {
            let level = &self.levels[depth];
            let rest = |id: u32| level.places(id, from);
            let rarest = blocks.iter().enumerate().min_by_key(|(_, id)| rest(**id).len());
            let (offset, rarest) = rarest?;
            let places = rest(*rarest).iter().filter_map(|at| at.checked_sub(offset));
            let mut candidates = places.filter(|at| (from..=last).contains(at));
            if rest(*rarest).len() <= FEW {
                let ids = &self.levels[0].ids;
                return candidates.find(|at| ids[*at..].starts_with(&lines));
            }
            if length * 2 > wanted.len() {
                // The first and the last block overlap or touch, so they say it all.
                let end = blocks.len() - 1;
                let stands =
                    |at: usize| level.ids[at] == blocks[0] && level.ids[at + end] == blocks[end];
                return candidates.find(|at| stands(*at));
            }
            if depth + 1 == self.levels.len() {
                self.levels.push(level.doubled(length));
            }
            let halves = &self.levels[depth + 1].halves;
            let pairs = blocks.iter().zip(&blocks[length..]);
            blocks = pairs
                .map(|(first, second)| halves.get(&(*first, *second)).copied())
                .collect::<Option<_>>()?;
            length *= 2;
        }
        None
    }
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
            text in proptest::collection::vec("[ab]", 0..600),
            wanted in proptest::collection::vec("[ab]", 1..12),
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
