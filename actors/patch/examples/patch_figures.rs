//! Prints how long large patches take: `cargo run --release -p codex-patch --example patch_figures [FOLDER]`.

#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use codex_patch::{Roots, apply, parse, plan};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("codex-patch-figures-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let folder = fs::canonicalize(folder)?;
    let result = figures(&folder);
    fs::remove_dir_all(&folder)?;
    result
}

fn figures(folder: &Path) -> Result<(), Box<dyn Error>> {
    println!("{:<52} {:>9} {:>9} {:>9}", "", "parse", "plan", "apply");
    for scale in [1, 2] {
        let lines = 150_000 * scale;
        let chunks = 5_000 * scale;
        let every = lines / chunks;
        let unique = |n: usize| format!("line {n}\n");
        let common = |n: usize| {
            if n.is_multiple_of(3) { format!("{:03}\n", n % 1000) } else { "}\n".into() }
        };
        let loose = |n: usize| format!("\t\tline {n}  \n");
        update(folder, "unique lines", lines, every, &unique, "")?;
        update(folder, "lines that repeat", lines, every, &common, "")?;
        update(folder, "lines that fit loosely", lines, every, &loose, " ")?;
        scattered(folder, lines, chunks)?;
        files(folder, 5_000 * scale)?;
        one_file(folder, 5 * scale)?;
    }
    Ok(())
}

/// Replaces every so many lines of one file, each with its neighbours as context.
fn update(
    folder: &Path,
    name: &str,
    lines: usize,
    every: usize,
    line: &dyn Fn(usize) -> String,
    indent: &str,
) -> Result<(), Box<dyn Error>> {
    let text: String = (0..lines).map(line).collect();
    fs::write(folder.join("f"), text)?;
    let mut patch = String::from("*** Begin Patch\n*** Update File: f\n");
    let shown = |n: usize| format!("{indent}{}", line(n).trim());
    for at in (1..lines - 1).step_by(every) {
        let (above, old, below) = (shown(at - 1), shown(at), shown(at + 1));
        writeln!(patch, "@@\n {above}\n-{old}\n+new {at}\n {below}")?;
    }
    patch.push_str("*** End Patch\n");
    timed(folder, &format!("{} chunks, {lines} {name}", lines / every), &patch)
}

/// Lines that are common each, and adjacent only where white space is ignored.
fn scattered(folder: &Path, lines: usize, chunks: usize) -> Result<(), Box<dyn Error>> {
    let block = lines / chunks;
    let mut text = String::new();
    let mut patch = String::from("*** Begin Patch\n*** Update File: f\n");
    for n in 0..chunks {
        text.push_str("if x:\n  return\n  if x:\nreturn\n");
        text.push_str(&"pass\n".repeat(block.saturating_sub(4)));
        writeln!(patch, "@@\n if x:\n-return\n+return {n}\n   if x:\n-return\n+return {n}")?;
    }
    fs::write(folder.join("f"), text)?;
    patch.push_str("*** End Patch\n");
    timed(folder, &format!("{chunks} chunks, {lines} scattered lines"), &patch)
}

fn files(folder: &Path, files: usize) -> Result<(), Box<dyn Error>> {
    let mut patch = String::from("*** Begin Patch\n");
    for n in 0..files {
        writeln!(patch, "*** Add File: d/{}/{n}\n+text", n % 100)?;
    }
    patch.push_str("*** End Patch\n");
    timed(folder, &format!("{files} new files"), &patch)
}

fn one_file(folder: &Path, megabytes: usize) -> Result<(), Box<dyn Error>> {
    let mut patch = String::from("*** Begin Patch\n*** Add File: big\n");
    while patch.len() < megabytes << 20 {
        patch.push_str("+0123456789 abcdefghij\0 klmnopqrstuvwxyz\n");
    }
    patch.push_str("*** End Patch\n");
    timed(folder, &format!("one new file of {megabytes} MiB with NUL bytes"), &patch)
}

fn timed(folder: &Path, name: &str, patch: &str) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let parsed = parse(patch)?;
    let read = began.elapsed();
    let began = Instant::now();
    let planned = plan(&parsed, &Roots::new([folder])?, folder)?;
    let worked_out = began.elapsed();
    let began = Instant::now();
    apply(planned)?;
    let [read, worked_out, applied] =
        [read, worked_out, began.elapsed()].map(|time| time.as_secs_f64() * 1000.0);
    println!("{name:<52} {read:>6.0} ms {worked_out:>6.0} ms {applied:>6.0} ms");
    Ok(())
}
