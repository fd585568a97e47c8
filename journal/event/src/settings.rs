//! What a session was opened with. Holds no secret: keys are named, never stored.

use serde::{Deserialize, Serialize};

use crate::{ApprovalPolicy, Digest, Permission};

/// The resolved settings of a session; resume takes them from here, never from today's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Settings {
    /// Name of the model.
    pub model: String,
    /// Where the model is asked.
    pub provider: ProviderSettings,
    /// When a person is asked.
    pub approval_policy: ApprovalPolicy,
    /// What commands may do.
    pub permissions: Vec<Permission>,
    /// Effort asked of a reasoning model, when set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// Kind of reasoning summary asked for, when set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_summary: Option<String>,
    /// Program that is told about every finished turn, as an argument list; empty for none.
    #[serde(default)]
    pub notify: Vec<String>,
    /// How much confinement the host must give.
    #[serde(default, skip_serializing_if = "SandboxLevel::is_default")]
    pub sandbox_level: SandboxLevel,
    /// What commands may write in a repository's own folder.
    #[serde(default, skip_serializing_if = "GitWrites::is_default")]
    pub git_writes: GitWrites,
    /// What a command may use up.
    #[serde(default, skip_serializing_if = "Resources::is_default")]
    pub resources: Resources,
}

/// How much confinement the host must give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SandboxLevel {
    /// The best that the host gives.
    #[default]
    Auto,
    /// Namespaces, landlock and seccomp, or nothing runs.
    Full,
    /// Landlock and seccomp only.
    Landlock,
}

impl SandboxLevel {
    fn is_default(&self) -> bool {
        *self == SandboxLevel::default()
    }
}

/// The bit of a mode (the sticky one) that marks a placeholder: an empty folder of this mark stands
/// where a sandbox found nothing to protect, as for a missing `.git`. Whoever looks for a repository
/// passes it over.
pub const PLACEHOLDER_MARK: u32 = 0o1000;

/// What commands may write in a repository's own folder (`.git`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GitWrites {
    /// Nothing.
    #[default]
    None,
    /// What a commit writes, and nothing that git would run.
    Metadata,
}

impl GitWrites {
    fn is_default(&self) -> bool {
        *self == GitWrites::default()
    }
}

/// Limits on what a command and everything it starts may use up; none leaves the system's own.
///
/// They become resource limits of the processes; the kernel does not hold root to that of their
/// number. The default stands for what a journal leaves out, so it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resources {
    /// Most processes and threads. `RLIMIT_NPROC` counts those of the user in the same user
    /// namespace, so without namespaces it would count the user's own programs too and is left
    /// alone.
    pub processes: Option<u64>,
    /// Most bytes in one file (`RLIMIT_FSIZE`).
    pub file_bytes: Option<u64>,
    /// Most bytes of memory: of address space, for each process (`RLIMIT_AS`).
    pub memory_bytes: Option<u64>,
    /// Room that stays on the disks of the writable folders.
    #[serde(default, skip_serializing_if = "DiskFloor::is_default")]
    pub disk_free: DiskFloor,
}

/// Room on a disk below which a command is ended that goes on filling it.
///
/// In the order of strictness, as far as that can be told without the size of the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DiskFloor {
    /// None: a command may fill a disk.
    Off,
    /// A hundredth of the disk, and 100 MiB at most.
    #[default]
    Small,
    /// This many bytes.
    Bytes(u64),
}

impl DiskFloor {
    fn is_default(&self) -> bool {
        *self == DiskFloor::default()
    }

    /// Gives the floor in bytes for a disk of `total` bytes; none where there is none.
    pub fn bytes(self, total: u64) -> Option<u64> {
        /// So little that nobody would miss it, so much that an editor can still save.
        const SMALL: u64 = 100 << 20;
        match self {
            DiskFloor::Off => None,
            DiskFloor::Small => Some(SMALL.min(total / 100)),
            DiskFloor::Bytes(bytes) => Some(bytes),
        }
    }
}

impl Resources {
    /// No limit of our own.
    pub const UNLIMITED: Resources = Resources {
        processes: None,
        file_bytes: None,
        memory_bytes: None,
        disk_free: DiskFloor::Off,
    };

    fn is_default(&self) -> bool {
        *self == Resources::default()
    }
}

/// Processes and threads that a command gets when the settings say nothing: a parallel build of a
/// large project stays below a tenth of it, a fork bomb meets it within the second.
const DEFAULT_PROCESSES: u64 = 4096;

impl Default for Resources {
    fn default() -> Resources {
        Resources {
            processes: Some(DEFAULT_PROCESSES),
            disk_free: DiskFloor::Small,
            ..Resources::UNLIMITED
        }
    }
}

/// The provider that a session talks to, without its credentials and headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProviderSettings {
    /// Key of the provider in the settings.
    pub id: String,
    /// Address that `/responses` is appended to, without user info.
    pub base_url: String,
    /// How the transcript is sent.
    pub backend: Backend,
    /// Retries of a request that failed before its stream opened.
    pub request_max_retries: u32,
    /// Retries of a response whose stream was lost.
    pub stream_max_retries: u32,
    /// Silence after which a stream counts as lost, in milliseconds.
    pub stream_idle_timeout_ms: u64,
}

/// How the model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// The provider keeps responses; a request names the last one and holds what is new.
    Responses,
    /// The provider keeps nothing; every request holds the whole transcript.
    Stateless,
}

/// The state of the repository that a session was opened in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GitHead {
    /// Commit that was checked out; none before the first commit.
    pub commit: Option<String>,
    /// Branch that was checked out; none when detached.
    pub branch: Option<String>,
}

/// What confines the commands of a session, as found on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SandboxReport {
    /// Name of the level: `none`, `landlock`, `full`.
    pub level: String,
    /// Landlock ABI of the kernel, which may have more than the rules use; none without landlock.
    pub landlock_abi: Option<u32>,
    /// Digest of the plan.
    pub plan: Digest,
    /// Folders that commands and patches may write below.
    pub writable_roots: Vec<String>,
    /// What the level does not hold on this host, one sentence each.
    pub limits: Vec<String>,
    /// Digest of the plan for commands that are known to be safe: nothing to write, no network. None
    /// in journals of releases that had one plan for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrow: Option<Digest>,
    /// Layers that this host does not give, each with its remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// Part of the context that goes before the first input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ContextSource {
    /// The instructions that every request carries.
    Instructions,
    /// Working directory, shell and permissions, described to the model.
    Environment,
    /// What the conversation so far came to: the model is shown it in place of all before it.
    Summary,
}
