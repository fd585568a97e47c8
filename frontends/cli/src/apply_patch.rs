//! `codex apply-patch`, and the same program called `apply_patch` by a command.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use crate::failure::{Failure, USAGE};
use crate::{opening, say};

/// Names under which commands of a session find the program; models misspell the first one so.
pub(crate) const NAMES: [&str; 2] = ["apply_patch", "applypatch"];

/// Applies a patch and gives the exit code, if the program was called by one of the [`NAMES`].
pub(crate) fn dispatch() -> Option<ExitCode> {
    let mut words = std::env::args_os();
    let name = words.next()?;
    let name = Path::new(&name).file_name().and_then(OsStr::to_str)?;
    if !NAMES.contains(&name) {
        return None;
    }
    let done = match (words.next(), words.next()) {
        (Some(flag), None) if flag == "--help" || flag == "-h" => {
            say::line(USE);
            Ok(ExitCode::SUCCESS)
        }
        (patch, None) => run(patch),
        (_, Some(_)) => Err(usage(format!("{name} takes exactly one argument"))),
    };
    Some(done.unwrap_or_else(Failure::report))
}

const USE: &str = "Usage: apply_patch PATCH\n       apply_patch < PATCH";

fn usage(message: String) -> Failure {
    Failure::new(USAGE, message).hint("apply_patch PATCH, or the patch on standard input")
}

/// Applies a patch to the current folder, and nowhere else.
///
/// Without one, or with `-`, it is read from standard input.
pub(crate) fn run(patch: Option<OsString>) -> Result<ExitCode, Failure> {
    let none = || Err(usage("no patch was given".to_owned()));
    let text = match &patch {
        Some(patch) if patch != "-" => patch.as_bytes().to_vec(),
        None if std::io::stdin().is_terminal() => return none(),
        Some(_) | None => {
            let mut text = Vec::new();
            std::io::stdin()
                .read_to_end(&mut text)
                .map_err(|error| usage(format!("the patch can't be read from stdin: {error}")))?;
            text
        }
    };
    if text.is_empty() && patch.is_none() {
        return none();
    }
    let cwd = opening::folder(None)?;
    let outcome = codex_patch::run_cli(&text, &cwd);
    // What can't be written is nobody's business: the exit code still tells.
    let _ = std::io::stdout().write_all(outcome.stdout.as_bytes());
    if !outcome.stderr.is_empty() {
        say::aside(codex_view::sanitize::text(outcome.stderr.trim_end()));
    }
    if let Some(hint) = outcome.hint {
        say::aside(format_args!("hint: {hint}"));
    }
    Ok(ExitCode::from(outcome.code))
}
