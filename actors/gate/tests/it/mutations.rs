//! Commands that are asked about, spelled differently: none of the spellings gets past the classifier.

use std::time::{Duration, Instant};

use crate::cases::asked;
use crate::looks;

/// What an attempt is seeded with, so that a failure can be repeated.
const SEED: u64 = 0x5eed_0009;

/// As many mutations as this, or as many as fit into the time.
const COUNT: usize = 10_000;
const LONGEST: Duration = Duration::from_secs(60);

/// A generator that needs no dependency (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("it is below the bound")
    }

    pub(crate) fn word<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Spells a script differently. What bash would run stays at least as bad: every change but the
/// insertions keeps its meaning, and an insertion only adds to it or breaks it.
pub(crate) fn respell(script: &str, dice: &mut Dice) -> String {
    let mut chars: Vec<char> = script.chars().collect();
    for _ in 0..=dice.below(3) {
        let at = dice.below(chars.len() + 1);
        let insert = |chars: &mut Vec<char>, text: &str| {
            chars.splice(at..at, text.chars());
        };
        // Between quotes it would be another letter, and so another file or option.
        let quoted = is_quoted(&chars[..at]);
        match dice.below(9) {
            0 => insert(&mut chars, "''"),
            1 => insert(&mut chars, "\"\""),
            2..=5 if quoted => {}
            2 => insert(&mut chars, "\\"),
            3 => insert(&mut chars, dice.word(&["*", "?", "[a]", "[!a]", "{a,b}", "~"])),
            4 => insert(
                &mut chars,
                dice.word(&["\0", "\r", "\u{1b}", "\u{200b}", "\u{a0}", "\u{202e}"]),
            ),
            5 => {
                // A letter becomes one that looks like it, or is put into quotes.
                if let Some(letter) = chars.get_mut(at) {
                    *letter = match *letter {
                        'a' => 'а',
                        'e' => 'е',
                        'o' => 'о',
                        'x' => 'х',
                        '-' => '‐',
                        ';' => '；',
                        other => other,
                    };
                }
            }
            6 => {
                if let Some(letter) = chars.get(at).copied().filter(char::is_ascii_alphanumeric) {
                    let quote = *dice.pick(&['\'', '"']);
                    chars.splice(at..=at, [quote, letter, quote]);
                }
            }
            7 => {
                let joint = dice.word(&[
                    "; ls; ", " && ", " | cat", "\nls\n", " || ls ", "&", "|", ";", "\n", " 2>&1 ",
                ]);
                // In front or behind, where it takes nothing away.
                if dice.below(2) == 0 {
                    chars.splice(0..0, "ls; ".chars());
                } else {
                    chars.extend(joint.chars());
                }
            }
            _ => {
                let blank = chars.iter().position(|it| *it == ' ');
                if let Some(blank) = blank {
                    chars.splice(blank..=blank, dice.word(&["\t", "  ", " \t "]).chars());
                }
            }
        }
    }
    chars.into_iter().collect()
}

/// Tells whether what follows these letters stands between quotes.
fn is_quoted(before: &[char]) -> bool {
    let mut open = None;
    for char in before {
        match open {
            None if matches!(char, '\'' | '"') => open = Some(char),
            Some(quote) if quote == char => open = None,
            _ => {}
        }
    }
    open.is_some()
}

/// Scripts that one more letter can turn into a harmless one: they lack an end, or a digit is a word
/// of its own once there is a quote beside it.
const UNFINISHED: &[&str] = &[
    "ls 'a",
    "ls \"a",
    "ls |",
    "ls ||",
    "ls &&",
    "ls |& cat",
    "ls ||| cat",
    "ls &&& cat",
    "ls \\",
    "ls 3>/dev/null",
    "ls 2>&1x",
    "ls #",
    "#",
    " ",
    "&& ls",
    "| ls",
    "; ls",
    "ls ;; pwd",
    "[ a",
    "ls &",
];

/// The scripts of the cases, and their arguments as a script.
fn scripts() -> Vec<String> {
    let mut scripts: Vec<String> = asked()
        .into_iter()
        .filter_map(|argv| match &argv[..] {
            [shell, flag, script] if shell == "bash" && flag == "-lc" => Some(script.clone()),
            [program, ..] if !matches!(&**program, "bash" | "zsh" | "sh") => {
                Some(shlex::try_join(argv.iter().map(String::as_str)).ok()?)
            }
            _ => None,
        })
        .collect();
    scripts.retain(|script| !script.is_empty() && !UNFINISHED.contains(&&**script));
    scripts
}

#[test]
fn no_spelling_of_a_bad_command_is_approved() {
    let scripts = scripts();
    let mut dice = Dice::new(SEED);
    let start = Instant::now();
    let mut tried = 0;
    let mut approved = Vec::new();
    while tried < COUNT && start.elapsed() < LONGEST {
        let script = dice.pick(&scripts).clone();
        let mutated = respell(&script, &mut dice);
        let shell = dice.word(&["bash", "sh", "zsh", "/bin/bash"]);
        let argv = [shell, dice.word(&["-c", "-lc"]), &mutated].map(str::to_owned);
        if looks(&argv) {
            approved.push((script, argv));
        }
        tried += 1;
    }
    println!("{tried} spellings of {} scripts in {:?}", scripts.len(), start.elapsed());
    assert!(approved.is_empty(), "approved: {approved:#?}");
    assert!(tried > 1_000, "{tried}");
}

const QUOTES: &[&str] = &["''", "\"\"", "\\", "'", "\""];

/// The same without a shell: quotes and backslashes there are letters, and hide nothing either.
#[test]
fn no_quote_inside_of_an_argument_hides_what_it_is() {
    let quoted = |argv: &Vec<String>| UNFINISHED.contains(&argv[argv.len() - 1].as_str());
    let cases: Vec<_> =
        asked().into_iter().filter(|argv| argv.len() > 1 && !quoted(argv)).collect();
    let mut dice = Dice::new(SEED + 1);
    let mut approved = Vec::new();
    for _ in 0..COUNT {
        let mut argv = dice.pick(&cases).clone();
        let argument = dice.below(argv.len());
        let places: Vec<_> = argv[argument].char_indices().map(|it| it.0).collect();
        if !places.is_empty() {
            argv[argument].insert_str(*dice.pick(&places), dice.word(QUOTES));
        }
        if looks(&argv) {
            approved.push(argv);
        }
    }
    assert!(approved.is_empty(), "approved: {approved:#?}");
}
