//! Sizes that only a linear program copes with.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use codex_patch::{parse, run_cli};

use crate::{scratch, tree};

/// Far above what these take, far below what a quadratic program would.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn ten_thousand_chunks_in_one_file() {
    let folder = scratch();
    let mut text = String::new();
    let mut patch = String::from("*** Begin Patch\n*** Update File: f\n");
    let mut wanted = String::new();
    for n in 0..10_000 {
        let _ = write!(text, "head {n}\n}}\n  old\n}}\n");
        // The lines carry too little space, so every chunk needs the third pass.
        let _ = write!(patch, "@@ head {n}\n }}\n-old\n+new {n}\n");
        let _ = write!(wanted, "head {n}\n}}\nnew {n}\n}}\n");
    }
    patch.push_str("*** End Patch\n");
    fs::write(folder.path().join("f"), text).expect("a file");
    let start = Instant::now();
    let outcome = run_cli(patch.as_bytes(), folder.path());
    assert_eq!(outcome.stderr, "");
    assert!(start.elapsed() < LIMIT, "took {:?}", start.elapsed());
    assert_eq!(fs::read_to_string(folder.path().join("f")).expect("the file"), wanted);
}

#[test]
fn lines_that_repeat_everywhere_and_fit_only_loosely() {
    let folder = scratch();
    let mut text = String::new();
    let mut patch = String::from("*** Begin Patch\n*** Update File: f\n");
    let mut wanted = String::new();
    for n in 0..10_000 {
        // Each line of the chunk is in the file as it is, but no two of them in a row.
        let rest = "pass\n".repeat(26);
        let _ = write!(text, "if x:\n  return\n  if x:\nreturn\n{rest}");
        let _ = write!(patch, "@@\n if x:\n-return\n+return {n}\n   if x:\n");
        let _ = write!(wanted, "if x:\nreturn {n}\n  if x:\nreturn\n{rest}");
    }
    patch.push_str("*** End Patch\n");
    fs::write(folder.path().join("f"), text).expect("a file");
    let start = Instant::now();
    assert_eq!(run_cli(patch.as_bytes(), folder.path()).stderr, "");
    assert!(start.elapsed() < LIMIT / 2, "took {:?}", start.elapsed());
    assert!(fs::read_to_string(folder.path().join("f")).expect("the file") == wanted);
}

#[test]
fn thousands_of_files_or_none() {
    let folder = scratch();
    let sections = |files: usize| -> String {
        (0..files).map(|n| format!("*** Add File: d{}/{n}\n+{n}\n", n % 100)).collect()
    };
    // Without a change of the disk, whose speed depends on what else is going on.
    let start = Instant::now();
    let text =
        format!("*** Begin Patch\n{}*** Delete File: nothing\n*** End Patch\n", sections(10_000));
    assert!(run_cli(text.as_bytes(), folder.path()).stderr.contains("No such file"));
    assert!(start.elapsed() < LIMIT / 2, "took {:?}", start.elapsed());
    assert!(tree(folder.path()).is_empty());

    let text = format!("*** Begin Patch\n{}*** End Patch\n", sections(2_000));
    let outcome = run_cli(text.as_bytes(), folder.path());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_eq!(outcome.stdout.lines().count(), 2_001);
    assert_eq!(tree(folder.path()).len(), 2_100, "no temporary file is left");
    let last = fs::read_to_string(folder.path().join("d99/1999")).expect("the last file");
    assert_eq!(last, "1999\n");
}

#[test]
fn what_is_not_found_is_quoted_in_part() {
    let folder = scratch();
    fs::write(folder.path().join("f"), "a\n").expect("a file");
    for body in [format!("@@ {}\n-a", "x".repeat(1 << 20)), "@@\n-x".to_owned()] {
        let old = "-y\n".repeat(1 << 19);
        let text = format!("*** Begin Patch\n*** Update File: f\n{body}\n{old}*** End Patch\n");
        let said = run_cli(text.as_bytes(), folder.path()).stderr;
        assert!(said.starts_with("Failed to find") && said.len() < 20_000, "{} bytes", said.len());
        assert!(said.ends_with("…\n") || said.contains("…'"), "it says that there is more");
    }
}

#[test]
fn ten_megabytes_with_nul_bytes_and_no_sense() {
    let folder = scratch();
    let mut patch = String::from("*** Begin Patch\n*** Add File: f\n");
    let line = "0123456789\0".repeat(100);
    while patch.len() < 10 << 20 {
        patch.push('+');
        patch.push_str(&line);
        patch.push('\n');
    }
    patch.push_str("*** End Patch\n");
    let start = Instant::now();
    assert_eq!(run_cli(patch.as_bytes(), folder.path()).stderr, "");
    assert!(fs::metadata(folder.path().join("f")).expect("a file").len() > 10_000_000);

    // One line, all blank lines, all anchors: each is read to its end and refused in time.
    for nonsense in ["x", "\n", "@@ x\n", "@@\n", "*** End Patch\n", "+\n"] {
        let body = nonsense.repeat((2 << 20) / nonsense.len());
        let text =
            format!("*** Begin Patch\n*** Update File: f\n{}\n*** End Patch", body.trim_end());
        if nonsense == "+\n" {
            assert!(parse(&text).is_ok(), "empty additions are fine");
        } else {
            let error = parse(&text).map(|_| ()).expect_err("no patch").to_string();
            assert!(error.len() < 1000, "the message has {} bytes", error.len());
        }
    }
    let blank = "\n".repeat(2 << 20);
    let text = format!("*** Begin Patch\n*** Update File: f\n-x{blank}*** End Patch");
    assert!(run_cli(text.as_bytes(), folder.path()).stderr.starts_with("Failed to find"));
    assert!(start.elapsed() < LIMIT, "took {:?}", start.elapsed());
}
