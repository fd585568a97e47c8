//! Finds the secrets of a stretch of bytes, and how far that is final.

use std::collections::HashMap;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use crate::known::{Known, forms};
use crate::pattern::{self, Seen};

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Known values and patterns.
    All,
    /// Known values alone, as in a text that was cut where a pattern would be misread.
    Known,
}

/// Whether more bytes may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    /// They may.
    May,
    /// This is the end.
    End,
}

/// What a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The known value of this number.
    Known(usize),
    /// What has the form that this names.
    Pattern(&'static str),
}

/// A secret: where it is, and where what tells it begins, which may be before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) told_at: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) what: What,
}

/// What was found.
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    /// Everything that begins before this is decided; what follows may change it from here on.
    pub(crate) open: usize,
    /// Up to here nothing secret is seen, even of what is open: at most the first letters of a
    /// pattern.
    pub(crate) loose: usize,
}

/// One word that is looked for.
#[derive(Clone, Copy)]
enum Word {
    Known(usize),
    Anchor(usize),
}

/// How many of the last bytes are the beginning of a word that is not over.
#[derive(Clone, Copy, Default)]
struct Begun {
    any: usize,
    known: usize,
}

/// Looks for all words at once.
pub(crate) struct Scanner {
    words: Vec<Word>,
    machine: NFA,
    start: StateID,
    begun: HashMap<StateID, Begun>,
    /// The pairs of bytes that words begin with, a bit each.
    pairs: Box<[u64; 1024]>,
}

impl Scanner {
    pub(crate) fn new(known: &[Known]) -> Scanner {
        let mut words = Vec::new();
        let mut texts: Vec<Vec<u8>> = Vec::new();
        for (number, known) in known.iter().enumerate() {
            for form in forms(known.value()) {
                words.push(Word::Known(number));
                texts.push(form);
            }
        }
        for (number, pattern) in pattern::ALL.iter().enumerate() {
            for anchor in pattern.anchors {
                words.push(Word::Anchor(number));
                texts.push(anchor.as_bytes().to_vec());
            }
        }
        let machine = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(&texts)
            .expect("a few short words");
        let start = machine.start_state(Anchored::No).expect("it takes unanchored searches");
        let run = |text: &[u8]| {
            text.iter().fold(start, |state, byte| machine.next_state(Anchored::No, state, *byte))
        };
        // What a known value begins with begins nothing longer.
        let mut begun = HashMap::new();
        for (text, word) in texts.iter().zip(&words) {
            let mut state = start;
            for (at, byte) in text[..text.len() - 1].iter().enumerate() {
                state = machine.next_state(Anchored::No, state, *byte);
                let known = matches!(word, Word::Known(_));
                let entry: &mut Begun = begun.entry(state).or_default();
                entry.any = at + 1;
                entry.known = entry.known.max(if known { at + 1 } else { 0 });
            }
        }
        // The rest is what its longest proper end is; shorter ones come first.
        let anchors = texts.iter().zip(&words).filter(|(_, word)| matches!(word, Word::Anchor(_)));
        let parts = anchors.flat_map(|(text, _)| (1..text.len()).map(|end| &text[..end]));
        let mut rest: Vec<&[u8]> = parts.chain(texts.iter().map(Vec::as_slice)).collect();
        rest.sort_by_key(|text| text.len());
        for text in rest {
            let end = begun.get(&run(&text[1..])).copied().unwrap_or_default();
            let entry = begun.entry(run(text)).or_default();
            entry.any = entry.any.max(end.any);
            entry.known = entry.known.max(end.known);
        }
        let mut pairs = Box::new([0; 1024]);
        for text in &texts {
            let pair = pair(text[0], text[1]);
            pairs[pair / 64] |= 1 << (pair % 64);
        }
        Scanner { words, machine, start, begun, pairs }
    }

    /// Looks through bytes; `before` are the two that came before them.
    pub(crate) fn find(&self, bytes: &[u8], before: [u8; 2], which: Which, more: More) -> Found {
        let mut found = Found { hits: Vec::new(), open: bytes.len(), loose: bytes.len() };
        let mut state = self.start;
        let mut at = 0;
        while at < bytes.len() {
            if state == self.start {
                at += self.skip(&bytes[at..]);
            }
            state = self.machine.next_state(Anchored::No, state, bytes[at]);
            if self.machine.is_special(state) && self.machine.is_match(state) {
                for index in 0..self.machine.match_len(state) {
                    let id = self.machine.match_pattern(state, index);
                    let start = at + 1 - self.machine.pattern_len(id);
                    let word = self.words[id.as_usize()];
                    found.take(word, bytes, (start, at + 1), before, (which, more));
                }
            }
            at += 1;
        }
        if more == More::May {
            let begun = self.begun.get(&state).copied().unwrap_or_default();
            found.loose = found.open.min(bytes.len() - begun.known);
            found.open = found.open.min(bytes.len() - begun.any);
        }
        found
    }

    /// Counts the bytes, short of the last, after which no word can have begun.
    fn skip(&self, bytes: &[u8]) -> usize {
        let begins = |two: &[u8]| {
            let pair = pair(two[0], two[1]);
            self.pairs[pair / 64] >> (pair % 64) & 1 == 1
        };
        bytes.windows(2).position(begins).unwrap_or(bytes.len() - 1)
    }
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

impl Found {
    fn take(
        &mut self,
        word: Word,
        bytes: &[u8],
        (start, end): (usize, usize),
        before: [u8; 2],
        (which, more): (Which, More),
    ) {
        match word {
            Word::Known(number) => {
                self.hits.push(Hit { told_at: start, start, end, what: What::Known(number) });
            }
            Word::Anchor(_) if which == Which::Known => {}
            Word::Anchor(number) => {
                let pattern = &pattern::ALL[number];
                let text = pattern::Text { bytes, before, more };
                match (pattern.look)(&text, start, end) {
                    Seen::Nothing => {}
                    Seen::Part => self.open = self.open.min(start),
                    Seen::Secret(name, range) => self.hits.push(Hit {
                        told_at: start,
                        start: range.start,
                        end: range.end,
                        what: What::Pattern(name),
                    }),
                }
            }
        }
    }
}
