//! The edge where errors meet the user: a message, a hint, and an exit code from one table.

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use codex_actors::{NoMarkerKey, RunError, TakeUpError};
use codex_config::ConfigError;
use codex_event::{Rejection, Seq};
use codex_exec::ExecError;
use codex_gate::RuleError;
use codex_journal::{
    ExportError, FindError, ForkError, ImportError, OpenError, RawError, WriteError,
};
use codex_line::LineError;
use codex_replay::ReplayError;
use codex_replay::audit::{KeyError, Unsigned};
use codex_sandbox::{EXIT_NOT_FOUND, Failed, PlanError, SpawnError, Step};
use codex_view::sanitize;

use crate::say;

mod journal;
mod rollout;
mod sessions;
#[cfg(test)]
mod tests;

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
///
/// Only one with a hint can be returned and reported: [`Failure::new`] gives one without, and
/// [`Failure::hint`] completes it.
#[derive(Debug)]
pub(crate) struct Failure<Hint = String> {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Hint,
}

impl Failure<()> {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Failure<()> {
        Failure { code, message: message.into(), hint: () }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { code: self.code, message: self.message, hint: hint.into() }
    }
}

impl Failure {
    /// Says it on standard error, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        // Messages can quote what a model or a server said.
        say::aside(format_args!("error: {}", sanitize::shortened(&self.message)));
        say::aside(format_args!("hint: {}", sanitize::shortened(&self.hint)));
        ExitCode::from(self.code)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::new(USAGE, error.to_string()).hint(error.hint())
    }
}

impl From<RuleError> for Failure {
    fn from(error: RuleError) -> Self {
        let hint = error.hint();
        Failure::new(USAGE, error.to_string()).hint(hint)
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let code = match error {
            PlanError::BelowFloor { .. } | PlanError::FullUnavailable { .. } => NO_SANDBOX,
            PlanError::NoUserTemp
            | PlanError::NotAbsolute { .. }
            | PlanError::Missing { .. }
            | PlanError::NotUtf8 { .. }
            | PlanError::Refused { .. } => USAGE,
        };
        let hint = error.hint();
        Failure::new(code, error.to_string()).hint(hint)
    }
}

impl From<SpawnError> for Failure {
    fn from(error: SpawnError) -> Self {
        let (code, hint) = match error {
            SpawnError::EmptyCommand => {
                (USAGE, "the command comes after --, as in `codex sandbox -- ls`")
            }
            SpawnError::Nul { .. } => {
                (USAGE, "take the NUL byte out: the system passes none to a program")
            }
            SpawnError::System { .. } => (
                NO_SANDBOX,
                "check that /proc is mounted, and the limits on processes (`ulimit -u`)",
            ),
            SpawnError::NoProgram(_) => (
                NO_SANDBOX,
                "mount it: `mount -t proc proc /proc`; commands are started from there",
            ),
            SpawnError::Closed => (BUG, "this is a bug; run it again"),
        };
        Failure::new(code, error.to_string()).hint(hint)
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        let (code, hint) = match error {
            FindError::Unknown { .. } | FindError::TooShort(_) => {
                (USAGE, "`codex sessions` lists the sessions of this home")
            }
            FindError::Ambiguous { .. } => {
                (USAGE, "give the whole id of the one that you mean, or more of it")
            }
            FindError::NoneHere(_) => (
                USAGE,
                "`codex sessions` lists the sessions of this home; --all means the last of them",
            ),
            FindError::Empty => (
                USAGE,
                "`codex exec` or `codex demo` makes one; CODEX_HOME says where sessions are kept",
            ),
            FindError::Io(_) => {
                (USAGE, "check that the folder `journals` of CODEX_HOME (or ~/.codex) is readable")
            }
        };
        Failure::new(code, error.to_string()).hint(hint)
    }
}

impl From<RawError> for Failure {
    fn from(error: RawError) -> Self {
        let hint = match error {
            RawError::NotFound(_) => {
                "its folder was moved or cut short; `codex sessions` lists what there is"
            }
            RawError::Io(_) => "check that the session's folder under `journals` is readable",
            RawError::Lost(_) => {
                "the file changed while it was read; `codex replay ID --verify` says what is left"
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

impl From<NoMarkerKey> for Failure {
    fn from(error: NoMarkerKey) -> Self {
        let path = error.path.display();
        let hint = format!(
            "put the 32 bytes back from a copy; or move {path} away, and a new one is made: what was \
             redacted stays redacted, but a secret gets another marker from then on, so that old and \
             new ones can't be compared"
        );
        Failure::new(USAGE, error.to_string()).hint(hint)
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let hint = match &error {
            KeyError::Io { .. } => {
                "the key lives in CODEX_HOME (or ~/.codex): check that you may write there"
                    .to_owned()
            }
            KeyError::Exposed { path, .. } => format!(
                "if nobody else has read it, `chmod 600 {0}`; else remove {0}, and what it signed \
                 proves nothing any more",
                path.display()
            ),
            KeyError::NotAKey { path } => format!(
                "put the key back from a copy; or move {} away, and a new one is made, which nobody \
                 has pinned yet",
                path.display()
            ),
            KeyError::Entropy => "check that /dev/urandom can be read".to_owned(),
        };
        Failure::new(USAGE, error.to_string()).hint(hint)
    }
}

impl From<Unsigned> for Failure {
    fn from(error: Unsigned) -> Self {
        let message = error.to_string();
        match error {
            Unsigned::Journal(error) => error.into(),
            Unsigned::Damaged { session, .. } => Failure::new(UNVERIFIED, message).hint(format!(
                "`codex audit verify {session}` names all of it; a checkpoint is made of a whole \
                 journal alone"
            )),
            Unsigned::Empty(_) => {
                Failure::new(USAGE, message).hint("wait until its first turn has begun")
            }
        }
    }
}

impl From<TakeUpError> for Failure {
    fn from(error: TakeUpError) -> Self {
        let message = error.to_string();
        match error {
            TakeUpError::Open(error) => error.into(),
            TakeUpError::NeverBegun(_) => Failure::new(USAGE, message)
                .hint("`codex sessions` lists the sessions of this home"),
            TakeUpError::Hole { session, fork_at: Some(at), .. } => {
                Failure::new(UNVERIFIED, message).hint(format!(
                    "`codex fork {session} --at {at}` goes on from before them; `codex replay \
                     {session}` shows all that is left"
                ))
            }
            TakeUpError::Hole { session, fork_at: None, .. } => Failure::new(UNVERIFIED, message)
                .hint(format!(
                    "nothing before them is left to go on from; `codex replay {session}` shows the \
                     rest"
                )),
            TakeUpError::Survives { pid } => Failure::new(AMBIGUOUS, message).hint(format!(
                "look at it with `ps -p {pid}`; it may belong to another user or hang in the kernel"
            )),
        }
    }
}

impl From<ForkError> for Failure {
    fn from(error: ForkError) -> Self {
        let message = error.to_string();
        match error {
            ForkError::Beyond { parent, last, .. } => Failure::new(USAGE, message).hint(format!(
                "--at takes 1 to {last}; `codex replay {parent} --raw` shows the events"
            )),
            ForkError::NoTurn { .. } => Failure::new(USAGE, message).hint(
                "--turn takes a turn that ended, 0 for before the first; --at takes any event",
            ),
            ForkError::Hole { parent, first, .. } if first > Seq(1) => {
                Failure::new(UNVERIFIED, message)
                    .hint(format!("`codex fork {parent} --at {}` goes on before it", first.0 - 1))
            }
            ForkError::Hole { parent, .. } => Failure::new(UNVERIFIED, message).hint(format!(
                "nothing before them is left to go on from; `codex replay {parent}` shows the rest"
            )),
            ForkError::Damaged { parent, .. } => Failure::new(UNVERIFIED, message).hint(format!(
                "`codex replay {parent} --verify` names all of it; fork before that with --at"
            )),
            ForkError::NeverBegun(_) => Failure::new(USAGE, message)
                .hint("`codex sessions` lists the sessions of this home"),
            ForkError::Read(error) => Failure { message, ..error.into() },
            ForkError::Make(error) => Failure { message, ..error.into() },
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let message = error.to_string();
        match error {
            ExportError::Read(error) => error.into(),
            ExportError::Empty(_) => Failure::new(USAGE, message)
                .hint("`codex sessions` lists the sessions of this home"),
            ExportError::Output(_) => Failure::new(USAGE, message)
                .hint("give another file, on a disk with room for it; the session is as before"),
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let message = error.to_string();
        match error {
            ImportError::NotAnExport => Failure::new(UNVERIFIED, message)
                .hint("`codex sessions export SESSION -o FILE` makes one"),
            ImportError::Format(_) => {
                Failure::new(USAGE, message).hint("a newer release wrote it: update this program")
            }
            ImportError::CutOff { .. } | ImportError::Damaged { .. } => {
                Failure::new(UNVERIFIED, message)
                    .hint("nothing of it was imported: get the file once more, or export it again")
            }
            ImportError::Incomplete(_) => Failure::new(UNVERIFIED, message).hint(
                "nothing was imported; where the session is, `codex fork SESSION --at N` makes one \
                 without the hole, which can be exported",
            ),
            ImportError::Input(_) => {
                Failure::new(USAGE, message).hint("check its name, and that you may read it")
            }
            ImportError::Make(OpenError::Exists(id)) => Failure::new(USAGE, message).hint(format!(
                "to take the file's instead: `codex sessions export {id} -o OLD` keeps what is here, \
                 then `codex sessions delete {id}`"
            )),
            ImportError::Make(error) => error.into(),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let message = error.to_string();
        match error {
            OpenError::Busy { session, owner } => {
                let since = owner.map(|lease| journal::ago(lease.since, SystemTime::now()));
                let message = message + &since.unwrap_or_default();
                Failure::new(USAGE, message).hint(journal::busy(session))
            }
            OpenError::NotFound(_) => Failure::new(USAGE, message)
                .hint("`codex sessions` lists the sessions of this home"),
            OpenError::Exists(_) => Failure::new(USAGE, message).hint("run it again for a new id"),
            OpenError::Damaged { session, damage } => {
                Failure::new(UNVERIFIED, message).hint(journal::damage(session, &damage))
            }
            OpenError::Newer { session, .. } => Failure::new(USAGE, message).hint(format!(
                "update this program to go on with it; `codex replay {session}` shows what it can \
                 read"
            )),
            OpenError::InTheWay { .. } => Failure::new(UNVERIFIED, message)
                .hint("something else was put there: move it away, then run it again"),
            OpenError::Store(error) => {
                Failure::new(NO_JOURNAL, message).hint(journal::store(&error))
            }
            OpenError::Io(error) => Failure::new(NO_JOURNAL, message).hint(journal::system(&error)),
            OpenError::Raw(error) => Failure { message, ..error.into() },
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        Failure::new(NO_JOURNAL, error.to_string()).hint(journal::write(&error))
    }
}

impl From<Rejection> for Failure {
    fn from(error: Rejection) -> Self {
        let (code, hint) = match error {
            Rejection::EmptyInput => (USAGE, "say what to do in the prompt"),
            Rejection::BadName => {
                (USAGE, "give another name; `codex sessions name SESSION --clear` takes one away")
            }
            Rejection::TooWide(_) => (USAGE, "answer for this one call"),
            Rejection::TurnRunning => (USAGE, "wait for its end, or interrupt it with Ctrl-C"),
            Rejection::Closed | Rejection::NotOpen | Rejection::AlreadyOpen => {
                (BUG, "this is a bug; the journal is whole, `codex replay --last` shows it")
            }
            Rejection::NoTurn | Rejection::NoSuchReview(_) | Rejection::Stale => {
                (USAGE, "it was over before this arrived: nothing is left to be done")
            }
        };
        Failure::new(code, error.to_string()).hint(hint)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        match error {
            RunError::Create(error) => Failure { message, ..error.into() },
            RunError::Journal(error) => Failure { message, ..error.into() },
            RunError::Refused(error) => Failure { message, ..error.into() },
            RunError::Runtime(_) => Failure::new(BUG, message)
                .hint("the system refused threads or signals; check the limits (`ulimit -a`)"),
            RunError::Frontend => Failure::new(BUG, message)
                .hint("this is a bug; the journal is whole, `codex replay --last` shows it"),
        }
    }
}

impl From<LineError> for Failure {
    fn from(error: LineError) -> Self {
        let message = error.to_string();
        match error {
            LineError::OutputClosed(error) => output(&error),
            LineError::Feed(_) => Failure::new(NO_JOURNAL, message)
                .hint("`codex replay --last --verify` says what is wrong"),
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

/// Tells what to do when a command could not be started in its sandbox.
pub(crate) fn step_hint(failed: &Failed) -> &'static str {
    match failed.step {
        Step::Exec if failed.code == EXIT_NOT_FOUND => {
            "check the command's name, and PATH for a program without a folder"
        }
        Step::Exec => {
            "check that the file is a program, may be executed, and is open to the sandbox"
        }
        Step::WorkingDirectory => "-C takes a folder that exists and that you may enter",
        Step::Landlock | Step::Seccomp | Step::Capabilities => {
            "this host can't confine the command as asked; nothing was run. In a disposable machine, \
             -s danger-full-access runs it without a sandbox"
        }
        Step::Namespaces
        | Step::Identity
        | Step::Loopback
        | Step::Mounts
        | Step::Withheld
        | Step::Devices
        | Step::Proc
        | Step::Root => {
            "this host refused a namespace or a mount; nothing was run. With \
             `sandbox_level = \"landlock\"` commands run without them"
        }
        Step::Scan | Step::Protect => {
            "`.git` and project settings in a writable folder must stay as they are, and this one \
             can't be kept; nothing was run. Replace a link by what it points to, or work in another \
             folder"
        }
        Step::Stdin => {
            "nothing was run. Give the command a file or put a pipe between, as in `cat | codex sandbox …` \
             or `codex sandbox … | cat`"
        }
        Step::Request
        | Step::Supervisor
        | Step::Fork
        | Step::Process
        | Step::Limits
        | Step::Descriptors => {
            "the system refused a process; nothing was run. Check its limits (`ulimit -a`) and that \
             /proc is mounted"
        }
    }
}

/// Nobody reads what is printed any more: nothing to say, and nobody to say it to.
pub(crate) fn output(error: &io::Error) -> Failure {
    Failure::new(TURN_FAILED, format!("the output can't be written: {error}"))
        .hint("`codex replay --last` shows the session from its journal")
}
