//! What classifying costs, and how it does on a file of cases.
//!
//! `cargo run --release -p codex-gate --example gate_figures [CASES]`, where each line of CASES is
//! `{"argv": [...], "auto_approve": true|false}`.

#![allow(clippy::print_stdout, reason = "a program that prints figures")]

use std::time::{Duration, Instant};

use codex_event::Safety;
use codex_gate::{Lookup, classify};

/// Enough programs for cases that were written for any machine.
const PROGRAMS: &str = "\
    [ arch awk base32 base64 basename bash cargo cat cksum cmp column comm cp curl cut date df diff dirname du \
    echo env expand expr false fd file find fold free git grep groups head hexdump hostname id join jq less \
    ls lscpu make md5sum mv nl node nproc numfmt od paste perl printenv printf pwd python3 readlink \
    realpath rev rg rm sed seq sh sha256sum sleep sort stat strings tac tail tee test top tr tree true tty \
    uname uniq uptime wc which whoami xargs xxd yes zsh";

fn main() {
    let files: Vec<String> = PROGRAMS
        .split_whitespace()
        .flat_map(|name| [format!("/usr/bin/{name}"), format!("/bin/{name}")])
        .collect();
    let lookup =
        Lookup::listed("/usr/bin:/bin", "/home/u/project", files.iter().map(String::as_str));
    if let Some(path) = std::env::args().nth(1) {
        score(&path, &lookup);
    }
    for (what, argv) in [
        ("a program", vec!["grep", "-rn", "fn main", "src"]),
        ("a script", vec!["bash", "-lc", "cd src && rg -n 'fn main' . | head -20 2>/dev/null"]),
        ("an unknown script", vec!["bash", "-lc", "for x in *; do echo $x; done"]),
    ] {
        let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
        println!("{what}: median {:?}", median(&argv, &lookup));
    }
    let long = format!("ls{}", " | ls -la src".repeat(31));
    println!("32 commands: median {:?}", {
        median(&["bash".to_owned(), "-c".to_owned(), long], &lookup)
    });
}

fn median(argv: &[String], lookup: &Lookup) -> Duration {
    let mut times: Vec<_> = (0..1001)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(classify(argv, lookup));
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn score(path: &str, lookup: &Lookup) {
    let text = std::fs::read_to_string(path).expect("a file of cases");
    let mut right = [0, 0];
    let mut all = [0, 0];
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case");
        let argv: Vec<String> = serde_json::from_value(case["argv"].clone()).expect("arguments");
        let expected = case["auto_approve"].as_bool().expect("a verdict");
        let verdict = classify(&argv, lookup);
        all[usize::from(expected)] += 1;
        if (verdict.safety == Safety::KnownSafe) == expected {
            right[usize::from(expected)] += 1;
        } else {
            println!("{argv:?}: {}", verdict.reason);
        }
    }
    println!("asked {} of {}, approved {} of {}", right[0], all[0], right[1], all[1]);
}
