//! What a session allows its commands to do.

use std::path::PathBuf;

use codex_event::{GitWrites, Permission, SandboxLevel};
use serde::{Deserialize, Serialize};

use crate::Resources;

/// The input of a plan: permissions, and the places on this machine that they speak about.
///
/// Every place comes from the user or the session's start, never from the model: a place named by
/// the model would let it choose what it may write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What is granted; the empty list is the strict read view and nothing else.
    pub permissions: Vec<Permission>,
    /// The session's working directory (not the one of a single command).
    pub cwd: PathBuf,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// Where the agent keeps its credentials, rules and journals; a command needs none of it.
    pub agent_home: Option<PathBuf>,
    /// Folders that the settings add to the strict read view.
    pub read_roots: Vec<PathBuf>,
    /// The folders of `$PATH`; those outside the home directory join the strict read view.
    pub path_entries: Vec<PathBuf>,
    /// The agent's own program, which commands may call under other names. Canonical.
    pub program: Option<PathBuf>,
    /// The user's own temporary folder, from [`private_temp`](crate::private_temp) or the session's
    /// [`RuntimeFolder`](crate::RuntimeFolder).
    pub user_temp: Option<PathBuf>,
    /// Which strength of confinement is asked for.
    pub level: SandboxLevel,
    /// How much of a repository commands may change.
    pub git_writes: GitWrites,
    /// What a command may use up.
    pub resources: Resources,
}
