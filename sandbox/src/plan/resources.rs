//! What a command may use up.

use serde::{Deserialize, Serialize};

/// Limits on what a command and everything it starts may use up; none leaves the system's own.
///
/// They become resource limits of the processes, and limits of a control group of their own where
/// one is delegated to this user: the kernel does not hold root to the limit of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Most processes and threads. `RLIMIT_NPROC` counts those of the user in the same user
    /// namespace, so without namespaces it would count the user's own programs too and is left
    /// alone.
    pub processes: Option<u64>,
    /// Most bytes in one file (`RLIMIT_FSIZE`).
    pub file_bytes: Option<u64>,
    /// Most bytes of memory: of address space for each process (`RLIMIT_AS`), of resident memory
    /// for all of them together in a control group.
    pub memory_bytes: Option<u64>,
}

impl Resources {
    /// No limit of our own.
    pub const UNLIMITED: Resources =
        Resources { processes: None, file_bytes: None, memory_bytes: None };
}

/// Processes and threads that a command gets when the settings say nothing: a parallel build of a
/// large project stays below a tenth of it, a fork bomb meets it within the second.
const DEFAULT_PROCESSES: u64 = 4096;

impl Default for Resources {
    fn default() -> Resources {
        Resources { processes: Some(DEFAULT_PROCESSES), ..Resources::UNLIMITED }
    }
}
