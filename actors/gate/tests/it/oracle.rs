//! What bash itself makes of a script: every command that it would run is one that was classified.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cases::{asked, only_look};
use crate::mutations::{Dice, respell};
use crate::verdict;

const SEED: u64 = 0x0000_5eed_ba58;
const LONGEST: Duration = Duration::from_secs(45);

/// Read by bash at its start: no builtin, no glob and no program is left, so that each command comes to
/// the one function that writes its words down.
const RECORDER: &str = r#"
command_not_found_handle() { /usr/bin/printf '%s\0' "$@" $'\x01' >> "$RECORD"; }
set -f
PATH=/nonexistent
for name in $(compgen -b); do [[ $name == enable ]] || enable -n "$name"; done 2>/dev/null
enable -n enable
"#;

/// What bash runs for a script, in a folder of its own, with nothing in reach.
fn run(script: &str, folder: &Path) -> Vec<Vec<String>> {
    let record = folder.join("record");
    let _ = fs::remove_file(&record);
    let status = Command::new("/bin/bash")
        .args(["-c", script])
        .env_clear()
        .env("BASH_ENV", folder.join("recorder"))
        .env("RECORD", &record)
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.expect("bash runs");
    let text = fs::read_to_string(&record).unwrap_or_default();
    let commands = text.split("\u{1}\0").filter(|it| !it.is_empty());
    commands.map(|it| it.split_terminator('\0').map(str::to_owned).collect()).collect()
}

/// Compares a script that is read as plain commands with what bash does; tells whether it was one.
fn compare(script: &str, folder: &Path) -> bool {
    let argv = ["bash", "-c", script].map(str::to_owned);
    let Some(mut classified) = verdict(&argv).commands else { return false };
    // A path could really run; a name can't.
    if classified.iter().any(|command| command[0].contains('/') || command[0].is_empty()) {
        return false;
    }
    let ran = run(script, folder);
    assert!(!ran.is_empty(), "bash runs nothing of {script:?}, read as {classified:?}");
    // An operator may leave out commands, and a pipeline runs them in any order.
    for command in ran {
        let at = classified.iter().position(|it| *it == command);
        let at = at.unwrap_or_else(|| {
            panic!("{script:?}: bash runs {command:?}, not among {classified:?}")
        });
        classified.remove(at);
    }
    let entries = fs::read_dir(folder).expect("the folder").count();
    assert!(entries <= 2, "{script:?} made a file");
    true
}

fn folder() -> Option<tempfile::TempDir> {
    if !Path::new("/bin/bash").exists() || !Path::new("/usr/bin/printf").exists() {
        println!("skipped: no /bin/bash, or no /usr/bin/printf");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("recorder"), RECORDER).expect("the recorder is written");
    Some(folder)
}

fn scripts_of(cases: Vec<Vec<String>>) -> Vec<String> {
    let scripts = cases.into_iter().filter(|argv| argv.len() == 3 && argv[0].ends_with("bash"));
    scripts.map(|mut argv| argv.remove(2)).collect()
}

#[test]
fn bash_runs_what_was_classified() {
    let Some(folder) = folder() else { return };
    assert_eq!(run("echo a 'b c' | x; [ -f y ]", folder.path()).len(), 3, "the recorder works");
    let looks = scripts_of(only_look());
    let plain = looks.iter().filter(|script| compare(script, folder.path())).count();
    assert!(plain > 40, "{plain}");
    let asks = scripts_of(asked());
    let plain = asks.iter().filter(|script| compare(script, folder.path())).count();
    assert!(plain > 40, "{plain}");
}

#[test]
fn bash_runs_what_was_classified_of_any_spelling() {
    let Some(folder) = folder() else { return };
    let mut scripts = scripts_of(only_look());
    scripts.extend(scripts_of(asked()));
    let mut dice = Dice::new(SEED);
    let start = Instant::now();
    let (mut tried, mut plain) = (0, 0);
    while tried < 4_000 && plain < 300 && start.elapsed() < LONGEST {
        let chosen = dice.below(scripts.len());
        let script = respell(&scripts[chosen], &mut dice);
        plain += usize::from(!script.contains('\0') && compare(&script, folder.path()));
        tried += 1;
    }
    println!("{plain} of {tried} spellings compared");
    assert!(plain > 50, "{plain} of {tried}");
}

/// Pieces of scripts, in any order: what they make together is nobody's intention.
#[test]
fn bash_runs_what_was_classified_of_any_soup() {
    const PIECES: &[&str] = &[
        " ",
        " ",
        " ",
        " ",
        "\t",
        "\n",
        "ls",
        "cat",
        "a",
        "b.c",
        "-x",
        "--y=z",
        "1",
        "20",
        "'",
        "'",
        "\"",
        "\"",
        ";",
        "|",
        "&&",
        "||",
        "&",
        "=",
        "==",
        "[",
        "]",
        "[ ",
        " ]",
        "!",
        " ! ",
        "^",
        "%",
        "+",
        "-",
        "@",
        ":",
        ",",
        ".",
        "/",
        "*",
        "?",
        "#",
        "2>&1",
        ">/dev/null",
        " > /dev/null",
        "</dev/null",
        ">&2",
        "&>/dev/null",
        "2",
        ">",
        "<",
        "a=b",
        "in",
        "do",
        "time",
        "then",
        "é",
        "'é'",
        "\\",
        "$",
        "{",
        "}",
        "(",
        ")",
        "test",
        "-f",
        "&>",
        ">>",
        "if",
        "fi",
        "1,5p",
        "'$p'",
        "\"!\"",
        "~",
        "case",
        "[[",
        "]]",
        "function",
        "coproc",
        "-n",
        "-e",
        "<<",
        "x;",
        "\r",
    ];
    let Some(folder) = folder() else { return };
    let mut dice = Dice::new(SEED + 1);
    let start = Instant::now();
    let (mut tried, mut plain) = (0_u32, 0);
    while plain < 400 && start.elapsed() < LONGEST {
        let count = 1 + dice.below(14);
        let script: String = (0..count).map(|_| dice.word(PIECES)).collect();
        plain += usize::from(compare(&script, folder.path()));
        tried += 1;
    }
    println!("{plain} of {tried} soups compared");
    assert!(plain > 50, "{plain} of {tried}");
}
