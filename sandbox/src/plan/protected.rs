//! What stays as it is inside a folder that can be written.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One path below a writable root that a command must leave as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Protected {
    /// The path, absolute, without symbolic links.
    pub path: PathBuf,
    /// How it is kept.
    pub how: How,
}

/// How a path is kept as it is.
///
/// All three are mounts of the path on itself, because a mount point can be neither renamed nor
/// removed; what lies above one can, so a path deeper than its root needs [`How::InPlace`] for
/// every folder between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Bound on itself read-only. It must be there: one that is missing fails the command.
    ReadOnly,
    /// The same where it is there. Where it is missing an empty folder is made first and removed
    /// afterwards, if it was made for this and is empty.
    Placeholder,
    /// Bound on itself and still writable, so that it stays where it is.
    InPlace,
}

/// How much of a repository commands may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitWrites {
    /// Nothing: a `.git` is read-only as a whole.
    #[default]
    None,
    /// Objects, references and the index, so that `git add` and `git commit` work; not what names
    /// programs to run or other places to read.
    Metadata,
}
