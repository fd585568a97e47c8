//! One command of a chore.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// A command line that shows what it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    program: &'static str,
    arguments: Vec<&'static str>,
}

impl Step {
    /// A step of cargo, from its words.
    pub(crate) fn cargo(words: &'static str) -> Step {
        Step { program: "cargo", arguments: words.split(' ').collect() }
    }

    /// The same step, ended with all its processes after a time. `timeout` of coreutils does that,
    /// and exits with [`TIMED_OUT`].
    pub(crate) fn within(self, seconds: &'static str) -> Step {
        let before = ["--kill-after=10", seconds, self.program];
        Step { program: "timeout", arguments: before.into_iter().chain(self.arguments).collect() }
    }

    /// Prepares the command. Cargo is the one that runs us, not the first of the path.
    pub(crate) fn command(&self, root: &Path) -> Command {
        let cargo = || std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = match self.program {
            "cargo" => Command::new(cargo()),
            other => Command::new(other),
        };
        for argument in &self.arguments {
            match *argument {
                "cargo" => command.arg(cargo()),
                other => command.arg(other),
            };
        }
        command.current_dir(root);
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, root: &Path) -> Result<(), String> {
        match self.command(root).status() {
            Ok(status) => self.verdict(status),
            Err(error) => Err(format!("can't start: {error}: {self}")),
        }
    }

    /// Says what an exit status means.
    pub(crate) fn verdict(&self, status: ExitStatus) -> Result<(), String> {
        match status.code() {
            Some(0) => Ok(()),
            Some(TIMED_OUT) if self.program == "timeout" => Err(format!("took too long: {self}")),
            _ => Err(format!("{status}: {self}")),
        }
    }
}

/// How `timeout` says that the time was up.
const TIMED_OUT: i32 = 124;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &'static str) -> Step {
        Step { program: "sh", arguments: vec!["-c", script] }
    }

    #[test]
    fn a_failing_step_tells_its_status_and_its_words() {
        let root = Path::new(".");
        assert_eq!(shell("exit 0").run(root), Ok(()));
        let problem = shell("exit 7").run(root).expect_err("fails");
        assert!(problem.contains('7') && problem.ends_with(": sh -c exit 7"), "{problem}");
        let missing = Step { program: "no-such-program-here", arguments: Vec::new() };
        assert!(missing.run(root).expect_err("fails").starts_with("can't start"));
    }

    #[test]
    fn a_step_that_takes_too_long_is_ended() {
        let problem = shell("exec sleep 600").within("0.05").run(Path::new("."));
        let problem = problem.expect_err("fails");
        assert!(problem.starts_with("took too long: timeout"), "{problem}");
        assert_eq!(shell("exit 0").within("600").run(Path::new(".")), Ok(()));
    }

    #[test]
    fn words_of_cargo_are_split_at_blanks() {
        let step = Step::cargo("fmt --check").within("9");
        assert_eq!(step.to_string(), "timeout --kill-after=10 9 cargo fmt --check");
    }
}
