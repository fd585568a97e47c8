//! The story that this program can tell: every kind of event, in the order of a session's life.

use serde::{Deserialize, Serialize};

use crate::{
    Arguments, Backend, CallId, Confinement, ContextSource, Denial, Digest, Fault, FoundPatch,
    GitHead, Invocation, ItemKind, Outcome, OutputBytes, OutputStream, ProcessMark, Question,
    RequestId, Retry, SandboxReport, Scope, Seq, SessionId, Settings, Slot, Stored, StreamMark,
    StreamPart, Surroundings, Usage, Verdict,
};

/// Something that happened, in the past tense, never taken back.
///
/// A *fact* is what the world said; a *decision* is what the core made of it ([`Event::nature`]).
/// Kinds and fields may be added with a fixed default; none is ever given another meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub enum Event {
    /// The session began.
    SessionOpened {
        /// Canonical working directory.
        cwd: String,
        /// State of the repository; none outside of one.
        git: Option<GitHead>,
        /// Resolved settings, without secrets.
        settings: Box<Settings>,
        /// What confines commands here.
        sandbox: Box<SandboxReport>,
        /// Version of the program that opened it.
        program: String,
        /// Digest of the tool schemas offered to the model.
        tools: Digest,
    },
    /// The session goes on from here on its own; what is before was the parent's.
    SessionForked {
        /// The session that the event is of which both have last.
        parent: SessionId,
        /// The parent's last event that both have.
        at: Seq,
        /// Hash of that event's record.
        head: Digest,
    },
    /// Another process took the session up again.
    SessionResumed {
        /// Version of the program that resumed it.
        program: String,
        /// Calls whose end is not known.
        lost: Vec<CallId>,
        /// What was found of patches that were being applied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        patches: Vec<FoundPatch>,
        /// Where the session goes on; as before when none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        surroundings: Option<Box<Surroundings>>,
    },
    /// Settings were changed between turns.
    SettingsChanged {
        /// How the model is asked from now on.
        backend: Backend,
        /// Why.
        reason: String,
        /// All settings that hold from now on; when none, the backend alone was changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settings: Option<Box<Settings>>,
    },
    /// The session was given a name, or lost it.
    SessionNamed {
        /// The name; none takes it away.
        name: Option<String>,
    },
    /// The session was put away, or taken out again.
    SessionShelved {
        /// Where it is kept from now on.
        shelf: Shelf,
    },
    /// The journal was rebuilt from what could be read of it.
    Repaired {
        /// First and last position of each missing run of events.
        missing: Vec<(Seq, Seq)>,
    },
    /// The session's process let go of it in good order.
    SessionClosed {
        /// Why.
        reason: CloseReason,
    },
    /// A part of the context was fixed.
    ContextAdded {
        /// What it is.
        source: ContextSource,
        /// Its text.
        text: Stored<String>,
    },
    /// Input came while a turn was running; the next request takes it up.
    InputQueued {
        /// What the user wrote.
        input: Stored<String>,
    },
    /// A turn began.
    TurnStarted {
        /// What the user wrote.
        input: Stored<String>,
    },
    /// The user wants the turn to end.
    TurnInterruptRequested {
        /// Why.
        reason: InterruptReason,
    },
    /// The turn was ended before it was done.
    TurnInterrupted {
        /// Why.
        reason: InterruptReason,
    },
    /// The turn is done.
    TurnCompleted {
        /// What the turn used.
        usage: Usage,
    },
    /// The turn could not go on.
    TurnFailed {
        /// What kind of failure it is; decides the exit code.
        kind: FailureKind,
        /// What the user is told.
        message: String,
    },
    /// A request to the model is about to be sent.
    ModelRequested {
        /// Number of the request.
        request: RequestId,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// How the model is asked.
        backend: Backend,
        /// The response that the request builds on, where the provider keeps responses.
        previous: Option<String>,
        /// Commits to everything that the request's body is made from.
        input: Digest,
    },
    /// Part of an answer came in.
    ModelStreamed {
        /// The request.
        request: RequestId,
        /// The attempt.
        attempt: u32,
        /// Position of the item in the response.
        item: u32,
        /// Which text of the item.
        part: StreamPart,
        /// The text.
        text: String,
        /// When its pieces came.
        marks: Vec<StreamMark>,
    },
    /// An item of an answer is complete; provisional until the response is.
    ModelItemCompleted {
        /// The request.
        request: RequestId,
        /// The attempt.
        attempt: u32,
        /// Position of the item in the response.
        item: u32,
        /// What it is.
        kind: ItemKind,
        /// The provider's JSON, as it came.
        raw: Stored<String>,
    },
    /// The answer is complete.
    ModelResponded {
        /// The request.
        request: RequestId,
        /// The attempt that succeeded.
        attempt: u32,
        /// The provider's id of the response.
        response: Option<String>,
        /// What it used.
        usage: Usage,
    },
    /// An attempt failed; its items are abandoned.
    ModelAttemptFailed {
        /// The request.
        request: RequestId,
        /// The attempt.
        attempt: u32,
        /// Why.
        fault: Fault,
        /// What follows; none when nothing does.
        retry: Option<Retry>,
    },
    /// The model called a tool.
    ToolCalled {
        /// Our number of the call.
        call: CallId,
        /// The request whose answer holds it.
        request: RequestId,
        /// Position of the item in the response.
        item: u32,
        /// What it asks for.
        invocation: Invocation,
        /// Whether `invocation` is what it asks for, word for word.
        #[serde(default, skip_serializing_if = "Arguments::are_recorded")]
        arguments: Arguments,
    },
    /// A person has to answer before the call goes on.
    ReviewAsked {
        /// The call.
        call: CallId,
        /// What is asked.
        question: Question,
        /// Why it is asked.
        reason: String,
    },
    /// It is settled whether the call may go on; the author says by whom or by which rule.
    ReviewSettled {
        /// The call.
        call: CallId,
        /// The answer.
        verdict: Verdict,
        /// How far it reaches.
        scope: Scope,
    },
    /// An answer for the whole project was written to the rules, or could not be.
    GrantKept {
        /// The call that was asked about.
        call: CallId,
        /// Commands that begin with these words need no question any more.
        prefix: Vec<String>,
        /// Root of the project that it holds in.
        project: String,
        /// Why it could not be written; none when it was.
        error: Option<String>,
    },
    /// The call is about to be carried out.
    ToolIntended {
        /// The call.
        call: CallId,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// What will hold it.
        confinement: Confinement,
    },
    /// The command's process is there.
    ToolSpawned {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: u32,
        /// The process.
        process: ProcessMark,
        /// What the kernel granted.
        enforced: String,
    },
    /// The command printed something.
    ToolOutput {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: u32,
        /// Where to.
        stream: OutputStream,
        /// Bytes of all streams left out just before these, over the budget.
        #[serde(default)]
        skipped: u64,
        /// What it printed.
        bytes: OutputBytes,
    },
    /// The call ended.
    ToolFinished {
        /// The call.
        call: CallId,
        /// The attempt; 0 when the call was never carried out.
        attempt: u32,
        /// How.
        outcome: Outcome,
        /// Milliseconds that it took.
        duration_ms: u64,
        /// What the model is told.
        output: Stored<String>,
        /// Whether the sandbox stopped it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        denial: Option<Denial>,
    },
    /// What became of the call is not known, and it is never carried out again.
    ToolAbandoned {
        /// The call.
        call: CallId,
        /// What the model is told.
        output: Stored<String>,
    },
    /// While the call ran, something that can run programs changed in a repository of a writable root.
    RepositoryChanged {
        /// The call.
        call: CallId,
        /// What changed, one sentence each.
        changes: Vec<String>,
    },
    /// The user began a command of their own, for their shell and outside of any sandbox.
    OwnCommandStarted {
        /// The line, as it was typed.
        line: Stored<String>,
        /// Folder that it runs in.
        cwd: String,
    },
    /// A command of the user's own ended; the model reads of it with the next request.
    OwnCommandEnded {
        /// Position of its beginning.
        started: Seq,
        /// Its exit code, as shells count it; none when nobody knows how it ended.
        exit: Option<i32>,
        /// Milliseconds that it took; 0 when nobody knows.
        duration_ms: u64,
        /// What it printed, both streams as they came: head and tail, if that was much.
        output: Stored<String>,
    },
    /// A program was told that a turn is done.
    NotificationSent {
        /// The program and its arguments, without the payload.
        program: Stored<Vec<String>>,
        /// Its last argument.
        payload: Stored<String>,
        /// Why it could not be started; none when it was.
        error: Option<String>,
    },
    /// Something worth keeping that changes nothing.
    Noted {
        /// What.
        text: Stored<String>,
    },
}

/// Why a session was let go of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Its work was done.
    Done,
    /// A signal or a key ended it.
    Interrupted,
    /// Another process asked for it, and takes it up next.
    HandedOver,
}

/// Where a session is kept in lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    /// Among those in use.
    Active,
    /// Put away: left out of lists, and readable as before.
    Archived,
}

/// Why a turn was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InterruptReason {
    /// The user asked for it, by key or command.
    User,
    /// SIGINT.
    Sigint,
    /// SIGTERM.
    Sigterm,
    /// SIGHUP.
    Sighup,
}

/// Why a turn failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The model could not be asked, or did not answer.
    Model,
    /// The key of the provider is missing.
    MissingKey,
    /// A person or a rule ended the turn.
    Policy,
    /// What became of a tool call is not known.
    Ambiguous,
    /// The sandbox is not to be had.
    SandboxUnavailable,
}

/// Whether an event is what the world said or what the core decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// The world said it.
    Fact,
    /// The core decided it; replaying the facts gives it again.
    Decision,
}

/// When an event is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nobody acts on it or is told before it is durable.
    Barrier,
    /// It rides along with the next barrier; a crash may lose the last moment of it.
    Bulk,
}

impl Event {
    /// Tells facts from decisions.
    pub fn nature(&self) -> Nature {
        match self {
            Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ToolCalled { .. }
            | Event::GrantKept { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => Nature::Fact,
            Event::SettingsChanged { .. }
            | Event::InputQueued { .. }
            | Event::TurnStarted { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::ModelRequested { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. } => Nature::Decision,
        }
    }

    /// Tells whether a turn is over with it.
    pub fn ends_turn(&self) -> bool {
        matches!(
            self,
            Event::TurnCompleted { .. } | Event::TurnFailed { .. } | Event::TurnInterrupted { .. }
        )
    }

    /// Tells whether the event still counts for those who watch when its turn is over.
    pub fn outlasts_turn(&self) -> bool {
        match self {
            Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::SettingsChanged { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::TurnStarted { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            // It is no part of a turn.
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            // What a session used adds up over its turns.
            | Event::ModelResponded { .. } => true,
            Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::GrantKept { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::RepositoryChanged { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => false,
        }
    }

    /// Tells what must be durable before anyone acts on it.
    pub fn durability(&self) -> Durability {
        match self {
            Event::ContextAdded { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::GrantKept { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::RepositoryChanged { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => Durability::Bulk,
            Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::SettingsChanged { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::InputQueued { .. }
            | Event::TurnStarted { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::ModelRequested { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. } => Durability::Barrier,
        }
    }

    /// Gives the values of the event that may be large.
    pub fn slots(&mut self) -> Vec<&mut dyn Slot> {
        match self {
            Event::ContextAdded { text, .. } | Event::Noted { text } => vec![text],
            Event::InputQueued { input } | Event::TurnStarted { input } => vec![input],
            Event::ModelItemCompleted { raw, .. } => vec![raw],
            Event::ToolCalled { invocation, .. } => match invocation {
                Invocation::Command { argv, .. } => vec![argv],
                Invocation::Invalid { message } => vec![message],
                Invocation::Patch { .. } => vec![],
            },
            Event::ToolIntended { confinement, .. } => match confinement {
                Confinement::WritableRoots { changes, outside: _ } => vec![changes],
                Confinement::Sandbox { .. } | Confinement::None => vec![],
            },
            Event::ToolFinished { outcome, output, .. } => match outcome {
                Outcome::Patched { changes } => vec![changes, output],
                Outcome::Exited { .. }
                | Outcome::Signalled { .. }
                | Outcome::TimedOut
                | Outcome::DiskFull { .. }
                | Outcome::Interrupted
                | Outcome::Refused
                | Outcome::Invalid
                | Outcome::PatchFailed
                | Outcome::NotStarted { .. } => vec![output],
            },
            Event::ToolAbandoned { output, .. } | Event::OwnCommandEnded { output, .. } => {
                vec![output]
            }
            Event::OwnCommandStarted { line, .. } => vec![line],
            Event::NotificationSent { program, payload, .. } => vec![program, payload],
            Event::SessionResumed { patches, .. } => {
                patches.iter_mut().filter_map(|patch| patch.state.slot()).collect()
            }
            Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::SettingsChanged { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::GrantKept { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::RepositoryChanged { .. } => vec![],
        }
    }
}
