//! Kills the writer of a journal again and again, at every point of its work, and looks each time
//! whether everything that was acknowledged is there.
//!
//! `cargo xtask kill-loop --rounds N [--seed S]` builds and runs it; by itself it is run with
//! `cargo run --release -p codex-journal --example kill_loop -- loop FOLDER N S`. The seed fixes
//! what is written and where each kill is aimed; the moment of a kill is the machine's.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is its purpose")]

mod dice;
mod figures;
mod judge;
mod rounds;
mod shot;
mod writer;

use std::path::Path;
use std::process::ExitCode;

use writer::Hold;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["loop", folder, rounds, seed] => number(rounds)
            .and_then(|rounds| Ok((rounds, number(seed)?)))
            .and_then(|(rounds, seed)| rounds::run(Path::new(folder), rounds, seed)),
        ["write", home, id, seed] => write(home, id, seed, None),
        ["write", home, id, seed, phase, time] => number(time)
            .and_then(|time| write(home, id, seed, Some(Hold { phase: phase.to_owned(), time }))),
        _ => Err("usage: kill_loop loop FOLDER ROUNDS SEED".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn write(home: &str, id: &str, seed: &str, hold: Option<Hold>) -> Result<(), String> {
    let id = id.parse().map_err(|error| format!("{error}"))?;
    writer::run(Path::new(home), id, number(seed)?, hold)
        .inspect_err(|problem| writer::tell(format_args!("error: {problem}")))
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}
