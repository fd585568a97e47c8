//! The rules and grants that hold for a session, found by what the user said about its project.

use std::path::{Path, PathBuf};

use codex_config::{Config, Trust};
use codex_gate::{Rulebook, project_root};

use crate::failure::Failure;
use crate::say;

/// Loads them before anything is run, and says what of them has no effect.
pub(crate) fn load(home: &Path, config: &Config, cwd: &Path) -> Result<Rulebook, Failure> {
    let rulebook = Rulebook::load(home, trusted(config, cwd).as_deref())?;
    for note in rulebook.notes() {
        let note = codex_view::sanitize::text(&note.to_string());
        say::aside(format_args!("warning: {note}"));
    }
    Ok(rulebook)
}

/// Gives the root of the project that a folder lies in, if the user trusts it.
///
/// Settings may name it by a path with links in it; where two of them mean this project, the one
/// that trusts it less counts.
pub(crate) fn trusted(config: &Config, cwd: &Path) -> Option<PathBuf> {
    let root = project_root(cwd);
    let of_root = |path: &Path| std::fs::canonicalize(path).is_ok_and(|path| path == root);
    let mut said = config.projects.iter().filter(|(path, _)| of_root(path)).map(|it| *it.1);
    let first = said.next()?;
    let all_trust = std::iter::once(first).chain(said).all(|level| match level {
        Trust::Trusted => true,
        Trust::Untrusted => false,
    });
    all_trust.then_some(root)
}
