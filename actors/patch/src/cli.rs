//! The patch command of the command line.

use std::path::Path;

use crate::{Roots, apply, parse, plan};

/// What the command prints and how it exits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliOutcome {
    /// 0 when the patch was carried out, otherwise 1.
    pub code: u8,
    /// The text for standard output.
    pub stdout: String,
    /// The text for standard error.
    pub stderr: String,
    /// What to do about a patch that was not carried out.
    pub hint: Option<&'static str>,
}

/// Carries out a patch on one folder and everything below it, and nowhere else.
///
/// `patch` is what was given as the argument or on standard input; `cwd` is the folder.
pub fn run_cli(patch: &[u8], cwd: &Path) -> CliOutcome {
    match run(patch, cwd) {
        Ok(stdout) => CliOutcome { code: 0, stdout, stderr: String::new(), hint: None },
        Err((message, hint)) => CliOutcome {
            code: 1,
            stdout: String::new(),
            stderr: format!("{message}\n"),
            hint: Some(hint),
        },
    }
}

fn run(patch: &[u8], cwd: &Path) -> Result<String, (String, &'static str)> {
    let text = std::str::from_utf8(patch).map_err(|error| {
        let from = error.valid_up_to();
        let message = format!("invalid patch: it is not UTF-8, from byte {from} on");
        (message, "save the patch as UTF-8")
    })?;
    let patch = parse(text).map_err(|error| (error.to_string(), error.hint()))?;
    let named = |error| {
        let message = format!("failed to open the folder {}: {error}", cwd.display());
        (message, "change to a folder that exists")
    };
    let cwd = cwd.canonicalize().map_err(named)?;
    let roots = Roots::new([&cwd]).map_err(named)?;
    let plan = plan(&patch, &roots, &cwd).map_err(|error| (error.to_string(), error.hint()))?;
    let applied = apply(plan).map_err(|error| (error.to_string(), error.hint()))?;
    Ok(applied.summary)
}
