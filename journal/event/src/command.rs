//! What a frontend may ask of a session, and why it may be refused.

use serde::{Deserialize, Serialize};

use crate::{
    CallId, CloseReason, ContextSource, Digest, GitHead, InterruptReason, Resumption,
    SandboxReport, Scope, Settings, Shelf, Verdict,
};

/// Most characters of a session's name.
pub const MAX_NAME: usize = 80;

/// A wish, in the imperative, that the session may refuse. Never stored: the events that it leads to are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Begin the session.
    Open(Box<Opening>),
    /// Take an abandoned session up again.
    Resume(Box<Resumption>),
    /// Say something to the model: starts a turn, or is queued while one runs.
    Submit {
        /// What the user wrote.
        input: String,
    },
    /// End the running turn.
    Interrupt {
        /// Why.
        reason: InterruptReason,
    },
    /// Answer the question that a call waits for.
    SettleReview {
        /// The call.
        call: CallId,
        /// The answer.
        verdict: Verdict,
        /// How far it reaches.
        scope: Scope,
    },
    /// Record that the user runs a command of their own. Whoever asks carries it out, and only once this
    /// was taken.
    StartOwnCommand {
        /// The line, for the user's shell.
        line: String,
        /// Folder that it runs in.
        cwd: String,
    },
    /// Record how a command of the user's own ended: the first that runs with this line.
    EndOwnCommand {
        /// The line, as it was begun with.
        line: String,
        /// Its exit code, as shells count it.
        exit: i32,
        /// Milliseconds that it took.
        duration_ms: u64,
        /// What it printed: head and tail, if that was much.
        output: String,
    },
    /// Give the session a name, or take it away.
    Name {
        /// The name; none takes it away.
        name: Option<String>,
    },
    /// Put the session away, or take it out again.
    Shelve {
        /// Where it is kept from now on.
        shelf: Shelf,
    },
    /// Let go of the session.
    Close {
        /// Why.
        reason: CloseReason,
    },
}

/// What a session is opened with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Opening {
    /// Canonical working directory.
    pub cwd: String,
    /// State of the repository; none outside of one.
    pub git: Option<GitHead>,
    /// Resolved settings.
    pub settings: Settings,
    /// What confines commands here.
    pub sandbox: SandboxReport,
    /// Version of the program.
    pub program: String,
    /// Digest of the tool schemas.
    pub tools: Digest,
    /// What goes before the first input.
    pub context: Vec<(ContextSource, String)>,
    /// Remarks for the record, such as a degraded sandbox.
    pub notes: Vec<String>,
}

/// Why a command was refused. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "rejection", content = "of", rename_all = "snake_case")]
pub enum Rejection {
    /// There is no session yet.
    #[error("the session is not open")]
    NotOpen,
    /// The session was opened before.
    #[error("the session is open already")]
    AlreadyOpen,
    /// The session was let go of.
    #[error("the session is closed")]
    Closed,
    /// There is no turn to interrupt.
    #[error("no turn is running")]
    NoTurn,
    /// A turn is running, and this has to wait for its end.
    #[error("a turn is running")]
    TurnRunning,
    /// The input is empty.
    #[error("the input is empty")]
    EmptyInput,
    /// The name is empty, too long, holds control characters, or looks like an id or a flag.
    #[error(
        "the name must be one line of 1 to {MAX_NAME} characters, no id, and begin with no dash"
    )]
    BadName,
    /// The call waits for no answer: it was answered before, or there is no such call.
    #[error("call {0} waits for no answer")]
    NoSuchReview(CallId),
    /// The answer reaches further than the question lets it; the words say why.
    #[error("{0}")]
    TooWide(String),
    /// The report speaks of something that is over or was never begun.
    #[error("the report is out of date")]
    Stale,
}
