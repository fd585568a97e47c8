//! Why no plan can be made.

use std::io;
use std::path::PathBuf;

use crate::{Host, MIN_LANDLOCK_ABI};

/// Why no plan can be made; the command must not run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The host offers less than the floor.
    #[error(
        "no sandbox here: landlock ABI {} (at least {MIN_LANDLOCK_ABI} is needed), seccomp {}, architecture {:?}, kernel {}",
        host.landlock_abi,
        if host.seccomp { "available" } else { "missing" },
        host.arch,
        host.kernel
    )]
    BelowFloor {
        /// What was found.
        host: Box<Host>,
    },
    /// The strongest level was demanded and is not available.
    #[error("sandbox level `full` is not available here: {}", missing.join("; "))]
    FullUnavailable {
        /// What this host does not give, each with its remedy.
        missing: Vec<String>,
    },
    /// The user's temporary folder was granted but not resolved.
    #[error("`disk-write-platform-user-temp-folder` is granted but no such folder was resolved")]
    NoUserTemp,
    /// A root must be absolute.
    #[error("{grant}: {} is not an absolute path", path.display())]
    NotAbsolute {
        /// The permission that names it.
        grant: String,
        /// The path.
        path: PathBuf,
    },
    /// A root does not exist or is not a directory.
    #[error("{grant}: {} is not a usable folder: {source}", path.display())]
    Missing {
        /// The permission that names it.
        grant: String,
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A path can't be written into a plan.
    #[error("{} is not valid UTF-8", path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// A root would open too much.
    #[error("{grant}: {} may not be granted: it {reason}", path.display())]
    Refused {
        /// The permission that names it.
        grant: String,
        /// The canonical path.
        path: PathBuf,
        /// What is wrong with it, beginning with a verb.
        reason: String,
    },
}

impl PlanError {
    /// Says what the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            PlanError::BelowFloor { .. } => {
                "`codex doctor` shows what is missing: a kernel of 6.2 or later with landlock switched \
                 on (`lsm=` on its command line), or one that lets this user have namespaces; in a \
                 disposable machine `danger-full-access` runs commands without a sandbox"
            }
            PlanError::FullUnavailable { .. } => {
                "`codex doctor` shows every layer; with `sandbox_level = \"auto\"` commands run with \
                 what there is"
            }
            PlanError::NoUserTemp => "set TMPDIR to a private folder, or drop the permission",
            PlanError::NotAbsolute { .. } => "write the folder as an absolute path",
            PlanError::Missing { .. } => "create the folder, or drop the permission",
            PlanError::NotUtf8 { .. } => "rename the folder, or work in another one",
            PlanError::Refused { .. } => {
                "work in a project folder below the home directory, or name a narrower folder"
            }
        }
    }
}
