//! What tool calls ask for, and what became of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Assessment, Digest, Escalation, FileChange, Stored};

/// What a tool call asks for, as its arguments were read when it came.
///
/// A fact: kept, so that a later reader that reads arguments differently can't change history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "asks", rename_all = "snake_case")]
pub enum Invocation {
    /// Run a program.
    Command {
        /// The program and its arguments; no shell is added.
        argv: Stored<Vec<String>>,
        /// Folder to run in, as the model wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workdir: Option<String>,
        /// Time that the command may take, in milliseconds, when the model set one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
        /// Whether the command is known to change nothing.
        safety: Safety,
        /// The wish to run it outside of the sandbox, when the model has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        escalation: Option<Escalation>,
        /// What the classifier and the rules say of it; none in journals of releases without rules.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assessment: Option<Box<Assessment>>,
    },
    /// Change files.
    Patch {
        /// Folder that relative paths are meant from, as the model wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workdir: Option<String>,
        /// Digest of the patch; none in journals of releases that did not keep it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Digest>,
    },
    /// Nothing that can be done: the call itself is at fault.
    Invalid {
        /// What is wrong, in the words that the model is told.
        message: Stored<String>,
    },
}

/// Whether the journal holds the arguments of a call as the model gave them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Arguments {
    /// It does.
    #[default]
    Recorded,
    /// They hold a secret, and the journal holds a marker in its place. Only the process that got the
    /// call can carry it out: from the journal alone it would be another call.
    Concealed,
}

impl Arguments {
    /// Tells whether they are recorded; what is, is not worth a field.
    pub(crate) fn are_recorded(&self) -> bool {
        *self == Arguments::Recorded
    }
}

/// What the classifier said of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Safety {
    /// It only looks; it needs no question.
    KnownSafe,
    /// Nothing is known of it.
    Unknown,
}

/// What is asked of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// May this run?
    Run,
    /// It was denied by the sandbox: may it run again without one?
    RetryUnconfined,
    /// The model asks to run it outside of the sandbox: may it?
    RunUnconfined,
    /// The patch leaves the writable roots: may it write there, too?
    WriteOutside {
        /// Every path outside, absolute.
        paths: Vec<String>,
    },
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It may run.
    Allowed,
    /// It may not run; the turn goes on.
    Denied {
        /// Words for the model.
        reason: String,
    },
    /// It may not run, and the turn ends.
    Aborted,
}

/// How far an answer reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This one call.
    Once,
    /// The same call until the session ends.
    Session,
    /// Always, for commands that begin like this one, in this project. It spares the question and
    /// nothing else: never a way out of the sandbox.
    Project,
}

/// What will hold a command, decided before it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "confinement", rename_all = "snake_case")]
pub enum Confinement {
    /// The session's sandbox plan.
    Sandbox {
        /// Digest of the plan.
        plan: Digest,
    },
    /// Nothing but a scrubbed environment and supervised death.
    None,
    /// The program itself writes, and only below the writable roots or to what was allowed outside.
    WritableRoots {
        /// What will change, with the digests before and after.
        changes: Stored<Vec<FileChange>>,
        /// The paths outside of the roots that were allowed, absolute.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outside: Vec<String>,
    },
}

/// Names a process so that it can't be mistaken for a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProcessMark {
    /// Process id of the supervisor of the command.
    pub pid: u32,
    /// Start time in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_time: u64,
    /// The kernel's boot id.
    pub boot_id: String,
}

/// Which of its outputs a command wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a tool call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "ended", rename_all = "snake_case")]
pub enum Outcome {
    /// The command ended by itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal ended the command.
    Signalled {
        /// Number of the signal.
        signal: i32,
    },
    /// The command was ended because its time was up; it counts as exit code 124.
    TimedOut,
    /// The command was ended because a disk was nearly full and it went on filling it; it counts as exit
    /// code 137, as what the kernel ends for want of memory.
    DiskFull {
        /// The writable folder on that disk.
        folder: String,
        /// What was free there, in bytes.
        free_bytes: u64,
    },
    /// The call was ended by an interrupt.
    Interrupted,
    /// A rule or a person refused; nothing ran.
    Refused,
    /// The call was at fault; nothing ran.
    Invalid,
    /// The patch was applied.
    Patched {
        /// What changed.
        changes: Stored<Vec<FileChange>>,
    },
    /// The patch was not applied, and no file changed.
    PatchFailed,
    /// The command could not be started.
    NotStarted {
        /// What went wrong.
        reason: String,
    },
}

impl Outcome {
    /// Gives the exit code that frontends show; none where nothing ran to its end.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Outcome::Exited { code } => Some(*code),
            Outcome::Signalled { signal } => Some(128 + signal),
            Outcome::TimedOut => Some(124),
            Outcome::DiskFull { .. } => Some(137),
            Outcome::Patched { .. } => Some(0),
            Outcome::PatchFailed => Some(1),
            Outcome::Interrupted
            | Outcome::Refused
            | Outcome::Invalid
            | Outcome::NotStarted { .. } => None,
        }
    }
}

/// How sure it is that the sandbox stopped a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DenialGrade {
    /// The evidence leaves no doubt.
    Certain,
    /// The output reads like it.
    Likely,
}

/// A command that the sandbox stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Denial {
    /// How sure that is.
    pub grade: DenialGrade,
    /// The line or fact that shows it.
    pub evidence: String,
    /// What was denied, as in `writing /etc/hosts`; none when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
    /// The permission that would allow it, as settings spell it; none when none would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
}

impl fmt::Display for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
        })
    }
}
