//! Which project a folder belongs to.

use std::path::{Path, PathBuf};

/// Gives the root of the project that a folder lies in, without links: the nearest folder above it
/// that holds `.git`, or the folder itself where none does.
///
/// Grants and trust are keyed by it. A worktree is a project of its own, since other code stands in
/// it. Looks at names alone; no file of the project is read.
pub fn project_root(folder: &Path) -> PathBuf {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let root = folder.ancestors().find(|above| above.join(".git").exists());
    root.unwrap_or(&folder).to_owned()
}
