//! The loop that kills the writer of a journal, and looks each time at what is left.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::step::Step;

/// How long the loop is, and where its dice begin.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often a writer is killed
    #[arg(long, value_name = "N", default_value_t = 200)]
    rounds: u32,
    /// Fixes what is written and where each kill is aimed; another one each time by default
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Rounds of the short loop: each phase once for sure, and once somewhere in it.
const SHORT: Arguments = Arguments { rounds: 50, seed: Some(1) };

/// Where the sessions of a loop are, below the root; what failed is kept there.
const FOLDER: &str = "target/kill-loop";

/// Builds the loop with optimisations, and runs it.
pub(crate) fn run(root: &Path, arguments: Arguments) -> Result<(), String> {
    let step = Step::cargo("run --quiet --release -p codex-journal --example kill_loop --");
    start(root, &step, arguments)
}

/// Runs a short loop as the tests are built, so that nothing is compiled for it alone.
pub(crate) fn short(root: &Path) -> Result<(), String> {
    start(root, &Step::cargo("run --quiet -p codex-journal --example kill_loop --"), SHORT)
}

fn start(root: &Path, step: &Step, Arguments { rounds, seed }: Arguments) -> Result<(), String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = seed.unwrap_or(since.as_secs());
    let mut command = step.command(root);
    command.args(["loop", FOLDER]).args([u64::from(rounds), seed].map(|number| number.to_string()));
    println!("kill-loop: {rounds} rounds, seed {seed}");
    let status = command.status().map_err(|error| format!("can't start: {error}: {step}"))?;
    step.verdict(status).map_err(|problem| format!("{problem} loop {FOLDER} {rounds} {seed}"))
}
