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
    /// Landlock ABI of the kernel; none without landlock.
    pub landlock_abi: Option<u32>,
    /// Digest of the plan.
    pub plan: Digest,
    /// Folders that commands and patches may write below.
    pub writable_roots: Vec<String>,
    /// What the level does not hold on this host, one sentence each.
    pub limits: Vec<String>,
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
