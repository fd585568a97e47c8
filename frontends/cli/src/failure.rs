//! The edge where errors meet the user: a message, a hint, and an exit code from one table.

use std::process::ExitCode;

use codex_actors::RunError;
use codex_config::ConfigError;
use codex_exec::ExecError;
use codex_journal::{FindError, OpenError, RawError};
use codex_replay::ReplayError;
use codex_sandbox::PlanError;

use crate::say;

/// The turn failed.
pub(crate) const TURN_FAILED: u8 = 1;
/// Usage, settings, an unknown id, a refused folder.
pub(crate) const USAGE: u8 = 2;
/// Verification found something.
pub(crate) const UNVERIFIED: u8 = 3;
/// The turn could not go on by policy.
pub(crate) const POLICY: u8 = 4;
/// What became of a call is not known.
pub(crate) const AMBIGUOUS: u8 = 5;
/// The sandbox is not to be had.
pub(crate) const NO_SANDBOX: u8 = 6;
/// A bug.
pub(crate) const BUG: u8 = 70;
/// A signal ended the process, and which one is not known.
pub(crate) const INTERRUPTED: u8 = 130;
/// The journal can't be written.
pub(crate) const NO_JOURNAL: u8 = 74;

/// An error with what the user needs to go on.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Says it on standard error, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        // Messages can quote what a model or a server said.
        say::aside(format_args!("error: {}", codex_view::sanitize::text(&self.message)));
        if let Some(hint) = self.hint {
            say::aside(format_args!("hint: {}", codex_view::sanitize::text(&hint)));
        }
        ExitCode::from(self.code)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure { code: USAGE, message: error.to_string(), hint: error.hint() }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let code = match error {
            PlanError::BelowFloor { .. } | PlanError::FullUnavailable => NO_SANDBOX,
            PlanError::NoUserTemp
            | PlanError::NotAbsolute { .. }
            | PlanError::Missing { .. }
            | PlanError::NotUtf8 { .. }
            | PlanError::Refused { .. } => USAGE,
        };
        let hint = error.hint().to_owned();
        Failure::new(code, error.to_string()).hint(hint)
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        let hint = match error {
            FindError::Unknown(_)
            | FindError::TooShort(_)
            | FindError::Ambiguous { .. }
            | FindError::Empty => "`codex sessions` lists the sessions of this home",
            FindError::Io(_) => {
                "sessions live under `$CODEX_HOME/journals` (default `~/.codex`): check that it is a \
                 folder and yours to read"
            }
        };
        Failure::new(USAGE, error.to_string()).hint(hint)
    }
}

impl From<RawError> for Failure {
    fn from(error: RawError) -> Self {
        let hint = match error {
            RawError::NotFound(_) | RawError::Lost(_) => {
                "the session's folder under `journals` may have been moved or cut short"
            }
            RawError::Io(_) => {
                "check that the session's folder under `$CODEX_HOME/journals` is yours to read"
            }
        };
        Failure::new(UNVERIFIED, error.to_string()).hint(hint)
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Journal(error) => error.into(),
            ReplayError::Output(error) => output(&error),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        match error {
            RunError::Create(OpenError::Busy(_) | OpenError::Exists(_)) => {
                Failure::new(USAGE, message).hint("another process owns it; wait for its end")
            }
            RunError::Create(_) | RunError::Journal(_) => Failure::new(NO_JOURNAL, message).hint(
                "the journal lives under `$CODEX_HOME/journals` (default `~/.codex`): check that it \
                 is writable and that the disk is not full",
            ),
            RunError::Runtime(_) => Failure::new(BUG, message)
                .hint("the system refused threads or signals; check the process limits"),
            RunError::Refused(_) => Failure::new(USAGE, message).hint("say what to do in the prompt"),
            RunError::Frontend => Failure::new(BUG, message)
                .hint("this is a bug; the journal is whole, `codex replay --last` shows it"),
        }
    }
}

impl From<ExecError> for Failure {
    fn from(error: ExecError) -> Self {
        let message = error.to_string();
        match error {
            ExecError::OutputClosed(error) => output(&error),
            ExecError::LastMessage { .. } => Failure::new(USAGE, message)
                .hint("the turn is done; `codex replay --last` shows its message"),
            ExecError::Feed(_) => Failure::new(NO_JOURNAL, message)
                .hint("`codex replay --last --verify` says what is wrong"),
        }
    }
}

/// Nobody reads what is printed any more: nothing to say, and nobody to say it to.
fn output(error: &std::io::Error) -> Failure {
    Failure::new(TURN_FAILED, format!("the output can't be written: {error}"))
        .hint("`codex replay --last` shows the session from its journal")
}
