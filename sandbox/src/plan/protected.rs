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
/// All of them are mounts of the path on itself, because a mount point can be neither renamed nor
/// removed; what lies above one can, so a path deeper than its root needs [`How::InPlace`] for
/// every folder between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Bound on itself read-only. It must be there: one that is missing fails the command.
    ReadOnly,
    /// The same where it is there. Where it is missing an empty folder is made first and removed
    /// afterwards, if it was made for this and is empty.
    Placeholder,
    /// The same with a file of this text, removed afterwards if it still holds just that.
    PlaceholderFile(String),
    /// Bound on itself and still writable, so that it stays where it is.
    InPlace,
}

impl How {
    /// The texts of [`How::PlaceholderFile`], by which one that was left is known again: an empty
    /// configuration, and a `commondir` that names its own folder, which is what a missing one means
    /// to git (an empty one is an error).
    pub(crate) const TEXTS: [&'static str; 2] = ["", ".\n"];
}
