//! Calls that must not stand where they could do harm.

use super::Violation;
use super::scrub::{is_word, scrub, without_tests};
use super::tree::{File, Tree};

/// One banned call.
struct Ban {
    what: &'static str,
    form: Form,
    applies: fn(&File) -> bool,
    tests: Tests,
    why: &'static str,
}

/// How a banned call is recognised.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The words themselves, not as a part of longer ones.
    Words,
    /// The words, called without arguments, with or without a type in between.
    EmptyCall,
}

/// Whether test code is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tests {
    Included,
    Exempt,
}

const PURE: &str = "time, ids and entropy arrive as arguments here";
const BOUNDED: &str = "every queue is bounded";
const QUIET: &str = "only frontends talk to a terminal";

const BANS: &[Ban] = &[
    pure("SystemTime::now"),
    pure("Instant::now"),
    pure("thread_rng"),
    pure("getrandom"),
    pure("Uuid::now_v7"),
    pure("Uuid::new_v4"),
    queue("unbounded_channel", Form::Words),
    queue("unbounded", Form::EmptyCall),
    queue("mpsc::channel", Form::EmptyCall),
    queue("std::sync::mpsc::channel", Form::Words),
    print("println!"),
    print("eprintln!"),
    print("print!"),
    print("eprint!"),
    Ban {
        what: "unsafe",
        form: Form::Words,
        applies: |file| !file.path.starts_with("sandbox/"),
        tests: Tests::Included,
        why: "only sandbox/ may do that",
    },
];

const fn pure(what: &'static str) -> Ban {
    Ban { what, form: Form::Words, applies: is_pure, tests: Tests::Included, why: PURE }
}

const fn queue(what: &'static str, form: Form) -> Ban {
    Ban { what, form, applies: |_| true, tests: Tests::Exempt, why: BOUNDED }
}

const fn print(what: &'static str) -> Ban {
    Ban { what, form: Form::Words, applies: is_quiet, tests: Tests::Exempt, why: QUIET }
}

fn is_pure(file: &File) -> bool {
    let folders = [
        "actors/session/",
        "frontends/view/",
        "journal/event/",
        "sandbox/src/plan.rs",
        "sandbox/src/plan/",
    ];
    !is_example(file) && folders.iter().any(|folder| file.path.starts_with(folder))
}

fn is_quiet(file: &File) -> bool {
    let loud = ["frontends/", "xtask/"];
    !is_example(file) && !loud.iter().any(|folder| file.path.starts_with(folder))
}

/// An example is a program of its own.
fn is_example(file: &File) -> bool {
    file.path.contains("/examples/")
}

/// Finds banned calls in all Rust sources.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust()) {
        let everything = scrub(&file.text);
        let program = if file.is_test() { String::new() } else { without_tests(&everything) };
        for ban in BANS.iter().filter(|ban| (ban.applies)(file)) {
            let code = match ban.tests {
                Tests::Included => &everything,
                Tests::Exempt => &program,
            };
            for (at, line) in code.lines().enumerate() {
                if stands_in(line, ban) {
                    let message = format!("`{}`: {}", ban.what, ban.why);
                    found.push(Violation::new(&file.path, at + 1, message));
                }
            }
        }
    }
    found
}

fn stands_in(line: &str, ban: &Ban) -> bool {
    line.match_indices(ban.what).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + ban.what.len()..]);
        let starts = !before.ends_with(is_word);
        let ends = match ban.form {
            Form::Words => ban.what.ends_with('!') || !after.starts_with(is_word),
            Form::EmptyCall => without_type(after).starts_with("()"),
        };
        starts && ends
    })
}

/// Skips `::<T>` at the start of some code.
fn without_type(code: &str) -> &str {
    let Some(types) = code.strip_prefix("::<") else { return code };
    let mut depth = 1;
    for (at, c) in types.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &types[at + 1..];
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|it| it.line).collect()
    }

    #[test]
    fn every_ban_is_seen_where_it_applies_and_nowhere_else() {
        const CORE: &str = "actors/session/src/a.rs";
        const ACTOR: &str = "actors/runtime/src/a.rs";
        for (line, banned, free) in [
            ("let t = SystemTime::now();", CORE, ACTOR),
            ("let t = std::time::Instant::now();", "frontends/view/src/a.rs", ACTOR),
            ("let t = Instant::now;", "sandbox/src/plan.rs", "sandbox/src/spawn.rs"),
            ("let t = Instant::now();", CORE, "actors/session/examples/a.rs"),
            ("rand::thread_rng();", "journal/event/src/a.rs", "journal/store/src/a.rs"),
            ("getrandom::fill(&mut b);", "sandbox/src/plan/a.rs", ACTOR),
            ("Uuid::now_v7()", CORE, ACTOR),
            ("Uuid::new_v4()", CORE, ACTOR),
            ("mpsc::unbounded_channel::<u8>()", ACTOR, "actors/runtime/src/a/tests.rs"),
            (
                "futures::channel::mpsc::unbounded::<Vec<u8>>()",
                ACTOR,
                "actors/runtime/tests/it/a.rs",
            ),
            ("let (a, b) = mpsc::channel();", ACTOR, "actors/runtime/tests/it/a.rs"),
            ("let (a, b) = mpsc::channel::<(u8, V<u8>)>();", ACTOR, "a/tests.rs"),
            ("use std::sync::mpsc::channel;", "xtask/src/a.rs", "a/tests.rs"),
            ("println!(\"a\");", "config/src/a.rs", "frontends/exec/src/a.rs"),
            ("eprintln!(\"a\");", ACTOR, "xtask/src/a.rs"),
            ("print!(\"a\");", ACTOR, "config/src/a/tests.rs"),
            ("std::eprint!(\"a\");", ACTOR, "frontends/cli/src/a.rs"),
            ("unsafe { a() }", "config/src/a/tests.rs", "sandbox/src/a.rs"),
        ] {
            let text = format!("// first\n{line}\n");
            assert_eq!(lines(banned, &text), [2], "{line} in {banned}");
            assert_eq!(lines(free, &text), [0; 0], "{line} in {free}");
        }
    }

    #[test]
    fn each_ban_has_a_line_that_only_it_catches() {
        for ban in BANS {
            let call = if ban.form == Form::EmptyCall { "()" } else { "" };
            assert!(stands_in(&format!("x = {}{call};", ban.what), ban), "{}", ban.what);
            assert!(!stands_in(&format!("x = my_{}{call};", ban.what), ban), "{}", ban.what);
        }
    }

    #[test]
    fn lookalikes_are_free() {
        for line in [
            "// SystemTime::now() and unsafe",
            "let a = \"println! unsafe\";",
            "#![deny(unsafe_code)]",
            "let (a, b) = mpsc::channel(16);",
            "let (a, b) = mpsc::channel::<u8>(16);",
            "let (a, b) = oneshot::channel();",
            "self.unbounded(limit)",
            "#[cfg(test)] mod t { fn a() { println!(); mpsc::channel(); } }",
        ] {
            assert_eq!(lines("actors/session/src/a.rs", line), [0; 0], "{line}");
        }
    }
}
