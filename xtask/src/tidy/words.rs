//! Words that must not be in a commit.

use super::Violation;
use super::scrub::is_word;
use super::tree::Tree;

/// The words, in two parts each, so that this file does not break its own rule. Those in lower
/// case are found in any case.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("sha", "red/"), "names a folder that a clone does not have"),
    (concat!(".lib", "rary"), "names a folder that a clone does not have"),
    (concat!("/wo", "rk/"), "names a path of one machine"),
    (concat!("iss", "ue #"), "the code speaks of itself alone"),
    (concat!("TO", "DO"), "do it, or leave it out"),
    (concat!("FIX", "ME"), "fix it, or leave it out"),
    (concat!("w", "ip"), "finish it, or leave it out"),
];

/// Finds forbidden words in all text files.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in &tree.files {
        for (at, line) in file.text.lines().enumerate() {
            for (word, why) in FORBIDDEN {
                if contains(line, word) {
                    found.push(Violation::new(&file.path, at + 1, format!("`{word}`: {why}")));
                }
            }
        }
    }
    found
}

/// Tells whether a line has a word that is not just a part of a longer one.
fn contains(line: &str, word: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let any_case = word.chars().all(|c| !c.is_ascii_uppercase());
    let line = if any_case { &lower } else { line };
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let starts = !(word.starts_with(is_word) && before.ends_with(is_word));
        let ends = !(word.ends_with(is_word) && after.starts_with(is_word));
        starts && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_with_its_place() {
        for (word, _) in FORBIDDEN {
            let text = format!("# fine\n\nsee ({word}1)\nsee ({word} 1)\n");
            let tree = Tree::of(&[("a/README.md", &text)]);
            let lines: Vec<_> = check(&tree).iter().map(|it| it.line).collect();
            let cut = if word.ends_with(is_word) { vec![4] } else { vec![3, 4] };
            assert_eq!(lines, cut, "{word}");
        }
    }

    #[test]
    fn case_counts_for_capitals_only() {
        let small = concat!("to", "do");
        assert!(!contains(&format!("{small}!()"), concat!("TO", "DO")));
        assert!(contains(concat!("a W", "IP."), concat!("w", "ip")));
        assert!(contains(concat!("Iss", "ue #1"), concat!("iss", "ue #")));
    }

    #[test]
    fn parts_of_longer_words_are_free() {
        for line in ["swiping", "a_wip_b", "unshared/x", "mastodon", "/workshop/"] {
            let tree = Tree::of(&[("a.md", line)]);
            assert_eq!(check(&tree), [], "{line}");
        }
    }
}
