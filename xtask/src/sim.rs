//! The simulator of the session core.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::step::Step;

/// Seconds that the simulation may take once it is built.
const LIMIT: &str = "300";

/// Builds the simulation without a limit, then runs it within one.
///
/// A run without a single test is a failure: a filter that matches nothing would pass for ever.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    Step::cargo("test -p codex-session --test it --no-run").run(root)?;
    let step = Step::cargo("test -p codex-session --test it -- sim").within(LIMIT);
    let failed = |error: std::io::Error| format!("{error}: {step}");
    let mut child = step.command(root).stdout(Stdio::piped()).spawn().map_err(failed)?;
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
    fn closing_lines_are_counted() {
        let line = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out";
        assert_eq!(passed_tests(line), Some(12));
        assert_eq!(passed_tests("test result: ok. 0 passed; 0 failed"), Some(0));
        assert_eq!(passed_tests("running 12 tests"), None);
    }
}
