//! What the actors say to each other: one message, one intent.

use actix::Message;
use codex_event::{
    Author, CallId, Command, Confinement, Invocation, Rejection, RequestId, Scope, Seq, Settings,
    Stored, TurnId, Verdict,
};
use codex_sandbox::{Cause, Launch, Lifeline, ProcessId};
use codex_session::{Entry, Report};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A frontend wants something; answered when the events are durable.
#[derive(Message)]
#[rtype(result = "Result<(), Rejection>")]
pub(crate) struct Wish {
    pub(crate) author: Author,
    pub(crate) command: Command,
}

/// The world says something; answered when it is in the journal, which is what holds a fast
/// producer back.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Observe(pub(crate) Report);

/// Send a request to the model.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AskModel {
    pub(crate) request: RequestId,
    pub(crate) attempt: u32,
    pub(crate) previous: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) instructions: Option<Stored<String>>,
    pub(crate) entries: Vec<Arc<Entry>>,
    pub(crate) cancel: CancellationToken,
}

/// Hold a patch against the files.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct PlanPatch {
    pub(crate) call: CallId,
    pub(crate) raw: Stored<String>,
    /// The files outside of the writable roots that it was allowed to write.
    pub(crate) outside: Vec<String>,
}

/// Carry out a call whose intent is durable.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RunTool {
    pub(crate) call: CallId,
    pub(crate) attempt: u32,
    pub(crate) invocation: Invocation,
    pub(crate) raw: Stored<String>,
    pub(crate) confinement: Confinement,
    pub(crate) cancel: CancellationToken,
}

/// Put a question to whoever can answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AskReview {
    pub(crate) call: CallId,
}

/// Write a grant for the project to the rules.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct KeepGrant {
    pub(crate) call: CallId,
    pub(crate) settled: Seq,
    pub(crate) prefix: Vec<String>,
    pub(crate) workdir: Option<String>,
}

/// A frontend's answer to a question.
#[derive(Message)]
#[rtype(result = "Result<(), Rejection>")]
pub(crate) struct Answer {
    pub(crate) author: Author,
    pub(crate) call: CallId,
    pub(crate) verdict: Verdict,
    pub(crate) scope: Scope,
}

/// Tell the user's program that a turn is done.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Notify {
    pub(crate) turn: TurnId,
    pub(crate) program: Vec<String>,
    pub(crate) inputs: Vec<Stored<String>>,
    pub(crate) last_message: Option<Stored<String>>,
}

/// Start a process tree.
#[derive(Message)]
#[rtype(result = "Result<Tree, String>")]
pub(crate) struct Spawn {
    pub(crate) call: CallId,
    pub(crate) launch: Box<Launch>,
}

/// The readable ends of a process tree; the sandbox actor keeps its lifeline.
pub(crate) struct Tree {
    pub(crate) process: ProcessId,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) status: OwnedFd,
}

/// A tree was started and waits to be kept or, if nobody wants it any more, ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Keep {
    pub(crate) call: CallId,
    pub(crate) lifeline: Lifeline,
}

/// End a process tree.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct End {
    pub(crate) call: CallId,
    pub(crate) cause: Cause,
}

/// A tree has ended by itself.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Forget {
    pub(crate) call: CallId,
}
