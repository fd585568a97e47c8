//! What a frontend may ask of a session, and why it may be refused.

use serde::{Deserialize, Serialize};

use crate::{
    CallId, CloseReason, ContextSource, Digest, GitHead, InterruptReason, Resumption,
    SandboxReport, Scope, Settings, Verdict,
};

/// A wish, in the imperative, that the session may refuse. Never stored: the events that it leads to are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Let go of the session.
    Close {
        /// Why.
        reason: CloseReason,
    },
}

/// What a session is opened with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(tag = "rejection", rename_all = "snake_case")]
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
    /// The call waits for no answer: it was answered before, or there is no such call.
    #[error("call {0} waits for no answer")]
    NoSuchReview(CallId),
    /// The report speaks of something that is over or was never begun.
    #[error("the report is out of date")]
    Stale,
}
