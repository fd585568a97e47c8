//! The simulator of the session core.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use clap::Args;

use crate::step::Step;

/// Seconds that the simulation may take once it is built, when nobody says how many seeds.
const LIMIT: &str = "300";

/// Which lives are simulated.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Seeds {
    /// Run this many seeds, on a release build and without a limit of time
    #[arg(long, value_name = "N", conflicts_with = "seed")]
    seeds: Option<u64>,
    /// Run one seed, the one that a failure named
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Seeds {
    /// Names the variable that tells the simulation which seeds to run, and its value.
    fn variable(self) -> Option<(&'static str, String)> {
        let all = self.seeds.map(|count| ("SIM_SEEDS", count.to_string()));
        all.or(self.seed.map(|seed| ("SIM_SEED", seed.to_string())))
    }
}

/// Runs as many seeds as time allows, as CI does.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    simulate(root, Seeds::default())
}

/// Builds the simulation without a limit, then runs it; a failure names its seed.
///
/// A run without a single test is a failure: a filter that matches nothing would pass for ever.
pub(crate) fn simulate(root: &Path, seeds: Seeds) -> Result<(), String> {
    let variable = seeds.variable();
    let (build, step) = match variable {
        None => (
            Step::cargo("test -p codex-session --test it --no-run"),
            Step::cargo("test -p codex-session --test it -- sim").within(LIMIT),
        ),
        Some(_) => (
            Step::cargo("test --release -p codex-session --test it --no-run"),
            Step::cargo("test --release -p codex-session --test it -- sim"),
        ),
    };
    build.run(root)?;
    let failed = |error: std::io::Error| format!("{error}: {step}");
    let mut command = step.command(root);
    command.stdout(Stdio::piped()).envs(variable);
    let mut child = command.spawn().map_err(failed)?;
    let output = child.stdout.take().ok_or("the simulation has no output")?;
    let mut passed = 0;
    for line in BufReader::new(output).lines() {
        let line = line.map_err(failed)?;
        println!("{line}");
        passed += passed_tests(&line).unwrap_or(0);
    }
    step.verdict(child.wait().map_err(failed)?)?;
    if passed == 0 { Err(format!("no simulation ran: {step}")) } else { Ok(()) }
}

/// Reads the number of passed tests out of the closing line of a test program.
fn passed_tests(line: &str) -> Option<usize> {
    let counts = line.strip_prefix("test result: ")?;
    counts.split("; ").next()?.strip_suffix(" passed")?.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_handed_on_by_a_variable() {
        let (many, one) =
            (Seeds { seeds: Some(9), seed: None }, Seeds { seeds: None, seed: Some(7) });
        assert_eq!(many.variable(), Some(("SIM_SEEDS", "9".to_owned())));
        assert_eq!(one.variable(), Some(("SIM_SEED", "7".to_owned())));
        assert_eq!(Seeds::default().variable(), None);
    }

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out";
        assert_eq!(passed_tests(line), Some(12));
        assert_eq!(passed_tests("test result: ok. 0 passed; 0 failed"), Some(0));
        assert_eq!(passed_tests("running 12 tests"), None);
    }
}
