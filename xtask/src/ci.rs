//! Everything that must pass before a change is merged.

use std::path::Path;
use std::time::Instant;

use crate::step::Step;
use crate::{dist, kill_loop, schema, sim, tidy};

/// What a step of CI does.
enum Work {
    Command(Step),
    Chore(fn(&Path) -> Result<(), String>),
}

/// Lists the steps, the cheap ones first. Clippy and the tests share the dev profile, so that
/// dependencies are compiled once for checking and once for running, and no third time.
fn steps() -> Vec<(&'static str, Work)> {
    vec![
        ("fmt", Work::Command(Step::cargo("fmt --all --check"))),
        ("tidy", Work::Chore(tidy::run)),
        ("schema", Work::Chore(schema::check)),
        ("clippy", Work::Command(Step::cargo("clippy --workspace --all-targets -- -D warnings"))),
        ("test", Work::Command(Step::cargo("test --workspace"))),
        ("sim", Work::Chore(sim::run)),
        ("kill-loop", Work::Chore(kill_loop::short)),
        // The one step that needs a release build, which is kept for the next time.
        ("dist", Work::Chore(|root| dist::run(root, None))),
    ]
}

/// Runs all steps and stops at the first that fails.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let begin = Instant::now();
    for (name, work) in steps() {
        let start = Instant::now();
        let outcome = match &work {
            Work::Command(step) => {
                println!("ci: {name}: {step}");
                step.run(root)
            }
            Work::Chore(chore) => {
                println!("ci: {name}: cargo xtask {name}");
                chore(root)
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        outcome.map_err(|problem| format!("ci: {name} failed after {seconds:.1} s: {problem}"))?;
        println!("ci: {name} passed in {seconds:.1} s");
    }
    println!("ci: all steps passed in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_the_documented_ones() {
        let names: Vec<_> = steps().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["fmt", "tidy", "schema", "clippy", "test", "sim", "kill-loop", "dist"]);
    }
}
