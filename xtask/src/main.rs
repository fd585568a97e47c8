//! Chores of this repository: `cargo xtask <chore>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to a terminal")]

mod bench;
mod ci;
mod dist;
mod kill_loop;
mod schema;
mod sim;
mod step;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Checks the rules of the house that no compiler knows
    Tidy,
    /// Runs everything that must pass before a change is merged
    Ci,
    /// Drives the session core with a world that fails: killed, torn, interrupted, told twice
    Sim(sim::Seeds),
    /// Kills the writer of a journal at every point of its work, and judges what is left
    KillLoop(kill_loop::Arguments),
    /// Packs a release: a static program, checked in an empty root
    Dist {
        /// Target to build for, instead of this machine's
        #[arg(long, value_name = "TRIPLE")]
        target: Option<String>,
    },
    /// Writes the JSON Schemas of events and protocol, or checks that they are up to date
    Schema(schema::Options),
    /// Measures the program and its parts
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let root = root();
    let outcome = match Arguments::parse().chore {
        Chore::Tidy => tidy::run(&root),
        Chore::Ci => ci::run(&root),
        Chore::Sim(seeds) => sim::simulate(&root, seeds),
        Chore::KillLoop(arguments) => kill_loop::run(&root, arguments),
        Chore::Dist { target } => dist::run(&root, target.as_deref()),
        Chore::Schema(options) => schema::run(&root, options),
        Chore::Bench(options) => bench::run(&root, &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Finds the root of the repository. Cargo tells where this package is at run time, which is right
/// even if two checkouts share a target folder.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or_else(|| package.clone(), Path::to_path_buf)
}
