//! What a patch does to files.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// What happens to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The file is written anew.
    Add,
    /// The file is removed.
    Delete,
    /// The file's text is edited, and perhaps its name.
    Update,
}

/// One file that a patch touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileChange {
    /// Absolute path, as the patch means it.
    pub path: String,
    /// What happens to it.
    pub kind: ChangeKind,
    /// Absolute path of the new name, when the patch moves the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_to: Option<String>,
    /// Digest of the file's bytes before; none when there is no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// Digest of the bytes that the path (or `move_to`) holds afterwards; none when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Digest>,
    /// The line, counted from 1, at which each of the patch's chunks for this file begins, in the
    /// order of the patch: a line of the file as the section before left it. Empty where there are
    /// none, and in journals of releases that did not keep them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hunks: Vec<u64>,
}
