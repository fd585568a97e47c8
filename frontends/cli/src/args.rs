//! The command line.

mod approvals;
mod attach;
mod audit;
mod interface;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as Arguments, CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;
use codex_event::FULL_AUTO;
use codex_view::Paint;

pub(crate) use self::approvals::{
    Approvals, ApprovalsCommand, Check, Execpolicy, Explain, ListGrants, Revoke,
};
use self::attach::ATTACH_HELP;
pub(crate) use self::attach::{Attach, Called};
pub(crate) use self::audit::{Audit, AuditCommand, CheckpointAudit, ShowAudit, VerifyAudit};
use self::interface::{INTERACTIVE_HELP, asks, in_interface, kept, without_output, without_screen};
pub(crate) use self::interface::{Interactive, ScreenFlags, no_command, only_of_the_interface};
use crate::failure::{Failure, USAGE};

mod sandbox;
mod sessions;

use sandbox::{DOCTOR_HELP, SANDBOX_HELP};
pub(crate) use sandbox::{Doctor, Sandbox, alone as sandbox_alone};
pub(crate) use sessions::{Delete, Gc, List, Named, Place, Search, Sessions, SessionsCommand};

/// A coding agent for the terminal, whose every act is an event in a journal.
#[derive(Debug, Parser)]
#[command(
    name = "codex",
    version,
    disable_help_subcommand = true,
    override_usage = "codex [OPTIONS] [PROMPT]\n       codex [OPTIONS] <COMMAND> [ARGS]",
    mut_args(in_interface),
    after_help = "Without a command it opens the terminal interface, in the current folder; `codex \"fix the\n\
                  test\"` says something to the model at once. `codex resume` goes on with a session.\n\
                  Try `codex demo`: it needs no key and no network.\n\
                  Exit codes: 0 done, 1 turn failed, 2 usage or settings, 3 verification failed,\n\
                  4 stopped by policy, 5 unknown effect, 6 no sandbox, 70 a bug, 74 journal not\n\
                  writable, 129/130/143 ended by a signal."
)]
pub(crate) struct Args {
    #[command(
        flatten,
        next_help_heading = "Options of a session, here and with exec, resume, fork and proto"
    )]
    pub(crate) run: RunFlags,
    #[command(flatten, next_help_heading = "Options of the interface")]
    pub(crate) screen: ScreenFlags,
    /// What to say to the model at first.
    pub(crate) prompt: Option<String>,
    #[command(subcommand)]
    pub(crate) subcommand: Option<Subcommand>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Run one turn without a terminal interface.
    #[command(visible_alias = "e")]
    Exec(Box<Exec>),
    /// Go on with a session in the interface: say what to do, answer what is asked.
    #[command(after_help = INTERACTIVE_HELP, mut_args(asks), mut_args(without_output), mut_args(kept))]
    Resume(Box<Interactive>),
    /// Run a session for another program: requests in, events out, one JSON object a line.
    #[command(visible_alias = "p", after_help = PROTO_HELP, mut_args(without_output))]
    Proto(Box<Proto>),
    /// Begin a new session with what another one has up to some point.
    #[command(after_help = FORK_HELP, mut_args(asks), mut_args(kept))]
    Fork(Box<Fork>),
    /// Show a session again, from its journal alone.
    Replay(Replay),
    /// Follow a session that another process runs, and answer its questions.
    #[command(after_help = ATTACH_HELP)]
    Attach(Attach),
    /// List, show, search, name, put away and remove sessions; alone it lists them.
    Sessions(Sessions),
    /// Who allowed what and what was done; proof that the journal still says so.
    Audit(Audit),
    /// What runs without a question: list and revoke what was allowed for good, and explain what
    /// would happen to a command.
    Approvals(Approvals),
    /// Try rules on a command.
    #[command(subcommand)]
    Execpolicy(Execpolicy),
    /// Watch a scripted agent fix a failing test; needs no key and no network.
    Demo(Demo),
    /// Run a command in the sandbox. Without -s it can read everything and write nothing.
    #[command(after_help = SANDBOX_HELP)]
    Sandbox(Sandbox),
    /// Tell what confines commands on this machine, and whether the agent finds what it needs.
    #[command(after_help = DOCTOR_HELP)]
    Doctor(Doctor),
    /// Tools for looking into the program itself.
    Debug {
        #[command(subcommand)]
        command: Debug,
    },
    /// Apply a patch in the `apply_patch` format to the current folder.
    ApplyPatch {
        /// The patch; - or nothing reads it from standard input.
        patch: Option<OsString>,
    },
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Debug {
    /// Run a command in the sandbox, like `codex sandbox`.
    #[command(after_help = SANDBOX_HELP)]
    Landlock(Sandbox),
}

#[derive(Debug, Arguments)]
#[command(after_help = "\
Settings come from $CODEX_HOME/config.toml (~/.codex/config.toml); -c wins over it, and flags win over -c.
Without -s commands can read everything, write nothing, and use no network. Permissions are
disk-full-read-access, disk-write-cwd, disk-write-folder=DIR, disk-write-platform-user-temp-folder,
disk-write-platform-global-temp-folder, disk-full-write-access, network-full-access.
The key is read from CODEX_API_KEY or OPENAI_API_KEY, or from env_key of the provider; no command sees it.")]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) run: RunFlags,
    /// What to do; - or nothing reads it from standard input.
    pub(crate) prompt: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Option<ExecCommand>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ExecCommand {
    /// Go on with a session: with what a crash left undone, with something new to do, or both.
    #[command(after_help = RESUME_HELP, mut_args(kept))]
    Resume(Box<Resume>),
    /// Begin a new session with what another one has up to some point, and go on with it.
    #[command(after_help = FORK_HELP, mut_args(without_screen), mut_args(kept))]
    Fork(Box<Fork>),
}

const FORK_HELP: &str = "\
Without --at and --turn the fork has everything that the session has now. The session may be running \
in another process, or be damaged behind that point; it stays as it is, and may be deleted \
afterwards. With a prompt the fork goes on with it; without one its id is printed, and that is all. \
It keeps settings, folder and permissions of the session; a flag changes one of them, and the \
change is recorded. From an earlier point it may do no more than the session may now.\n\n\
A fork from the middle of a turn is like a session whose program ended there: a tool call that was \
running is left to the other session, and the model is told that its effects are unknown. What was \
allowed for the whole of that session is asked again.\n\n\
`codex replay SESSION --raw` shows the events with their numbers.";

#[derive(Debug, Arguments)]
pub(crate) struct Fork {
    /// Name or id of the session, or the first eight or more characters of its id; then the prompt, or - for
    /// standard input.
    #[arg(value_names = ["SESSION", "PROMPT"], num_args = 0..=2)]
    pub(crate) words: Vec<String>,
    /// Leave the session behind the event of this number.
    #[arg(long, value_name = "SEQ", conflicts_with = "turn")]
    pub(crate) at: Option<u64>,
    /// Leave the session behind the end of this turn; 0 is before the first one.
    #[arg(long, value_name = "N")]
    pub(crate) turn: Option<u64>,
    /// The last session of this folder; the one argument is then the prompt.
    #[arg(long)]
    pub(crate) last: bool,
    /// With --last: the last session of any folder.
    #[arg(long, requires = "last")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) screen: ScreenFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

const RESUME_HELP: &str = "\
The session keeps its settings, its folder and its permissions, whatever the settings file says by \
now; a flag changes one of them, and the change is recorded.\n\n\
A tool call that was running when the last process ended is never run again. With a prompt the \
model is told that its effects are unknown and goes on; without one the turn stops there, with exit \
code 5.";

const PROTO_HELP: &str = "\
Each line is an object with one key. It begins with {\"hello\":{\"protocol\":1,\"frontend\":\"NAME\"}}; \
{\"subscribe\":{\"from\":1}} shows the events; {\"submit\":{\"id\":1,\"command\":{\"command\":\"submit\",\
\"input\":\"...\"}}} says something to the model, and so opens a new session. A question is the event \
review_asked; the command settle_review answers it.\n\n\
The end of the input lets the turn finish and closes the session; a question that then waits ends the \
turn, with exit code 4. A signal interrupts the turn and closes the session. A line that is no request \
is answered with \"broken\" and passed over.\n\n\
When somebody is asked is a setting: -a unless-allow-listed, on-failure or never.";

#[derive(Debug, Arguments)]
pub(crate) struct Proto {
    /// Go on with a session: its name or id, or the first eight or more characters of its id.
    #[arg(long, value_name = "SESSION", conflicts_with = "last")]
    pub(crate) resume: Option<String>,
    /// Go on with the last session of this folder.
    #[arg(long)]
    pub(crate) last: bool,
    /// With --last: the last session of any folder.
    #[arg(long, requires = "last")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

#[derive(Debug, Arguments)]
pub(crate) struct Resume {
    /// Name or id of the session, or the first eight or more characters of its id; then the prompt,
    /// or - for standard input.
    #[arg(value_names = ["SESSION", "PROMPT"], num_args = 0..=2)]
    pub(crate) words: Vec<String>,
    /// The last session of this folder; the one argument is then the prompt.
    #[arg(long)]
    pub(crate) last: bool,
    /// With --last: the last session of any folder.
    #[arg(long, requires = "last")]
    pub(crate) all: bool,
    /// Where another process runs the session, have it interrupt its turn and let go first; with
    /// =force one that does not answer is ended.
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "ask"
    )]
    pub(crate) take_over: Option<TakeOver>,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

/// What is done about an owner that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TakeOver {
    /// Ask on a terminal whether to end it; elsewhere leave it.
    Ask,
    /// End it.
    Force,
}

/// How a turn without a terminal interface is run; before or after the words `exec` and `resume`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Arguments)]
pub(crate) struct RunFlags {
    /// Model to use.
    #[arg(short, long)]
    pub(crate) model: Option<String>,
    /// Folder to work in.
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub(crate) cd: Option<PathBuf>,
    /// Set one setting, as in -c model=o4-mini or -c notify='["say"]'. May be repeated.
    #[arg(short, long = "config", value_name = "KEY=VALUE")]
    pub(crate) config: Vec<String>,
    /// A sandbox permission, or one of read-only, workspace-write, danger-full-access. May be
    /// repeated.
    #[arg(
        short,
        long = "sandbox",
        visible_alias = "sandbox-permission",
        value_name = "PERM",
        conflicts_with = "full_auto"
    )]
    pub(crate) sandbox: Vec<String>,
    /// Read everything, write to the folder and your own temporary folder, no network.
    #[arg(long)]
    pub(crate) full_auto: bool,
    /// Run commands without any sandbox, like --sandbox danger-full-access.
    #[arg(long, visible_alias = "yolo", conflicts_with_all = ["sandbox", "full_auto"])]
    pub(crate) dangerously_bypass_approvals_and_sandbox: bool,
    /// Like -c approval_policy=POLICY: when somebody is asked. `exec` asks nobody, whatever it says.
    #[arg(short, long, value_name = "POLICY", hide = true)]
    pub(crate) ask_for_approval: Option<String>,
    /// One more folder that commands may write to. May be repeated.
    #[arg(long, value_name = "DIR")]
    pub(crate) add_dir: Vec<PathBuf>,
    /// Stop at a setting that nobody knows, instead of warning about it.
    #[arg(long)]
    pub(crate) strict_config: bool,
    /// Who wants this turn. Other programs say so; nothing depends on it, and it is kept nowhere.
    #[arg(long, value_name = "SOURCE", hide = true)]
    pub(crate) thread_source: Option<String>,
    /// Work in a folder that is not in a Git repository, too.
    #[arg(long)]
    pub(crate) skip_git_repo_check: bool,
    /// Print events as JSON, one a line.
    #[arg(long, alias = "experimental-json")]
    pub(crate) json: bool,
    /// Ask the provider to keep nothing (Zero Data Retention).
    #[arg(long)]
    pub(crate) disable_response_storage: bool,
    /// Keep nothing on this machine either: the session is in memory alone, and can't be resumed.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Write the last message to a file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output_last_message: Option<PathBuf>,
    /// Images to look at; refused, but only once the prompt was read.
    #[arg(short, long, value_name = "FILE", hide = true)]
    pub(crate) image: Vec<PathBuf>,
    /// Shape of the answer; refused, but only once the prompt was read.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) output_schema: Option<PathBuf>,
    /// When to use colours: auto, always or never.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) color: Option<Color>,
}

impl RunFlags {
    /// Joins the flags before a subcommand with those after it; where both set one, the later wins.
    pub(crate) fn and(mut self, later: RunFlags) -> RunFlags {
        self.config.extend(later.config);
        self.sandbox.extend(later.sandbox);
        self.add_dir.extend(later.add_dir);
        self.image.extend(later.image);
        RunFlags {
            model: later.model.or(self.model),
            cd: later.cd.or(self.cd),
            config: self.config,
            sandbox: self.sandbox,
            full_auto: self.full_auto || later.full_auto,
            dangerously_bypass_approvals_and_sandbox: self.dangerously_bypass_approvals_and_sandbox
                || later.dangerously_bypass_approvals_and_sandbox,
            ask_for_approval: later.ask_for_approval.or(self.ask_for_approval),
            add_dir: self.add_dir,
            strict_config: self.strict_config || later.strict_config,
            thread_source: later.thread_source.or(self.thread_source),
            skip_git_repo_check: self.skip_git_repo_check || later.skip_git_repo_check,
            json: self.json || later.json,
            disable_response_storage: self.disable_response_storage
                || later.disable_response_storage,
            ephemeral: self.ephemeral || later.ephemeral,
            output_last_message: later.output_last_message.or(self.output_last_message),
            image: self.image,
            output_schema: later.output_schema.or(self.output_schema),
            color: later.color.or(self.color),
        }
    }

    /// Refuses what other programs send and this one can't do: an answer without it would be
    /// another than the one that was asked for.
    pub(crate) fn refuse_unsupported(&self) -> Result<(), Failure> {
        let flag = match (self.image.first(), &self.output_schema) {
            (Some(_), _) => "--image",
            (None, Some(_)) => "--output-schema",
            (None, None) => return Ok(()),
        };
        Err(Failure::new(USAGE, format!("{flag} is not supported yet"))
            .hint("leave it out, and say in the prompt what it was to say"))
    }

    /// Puts flags that stand for others into words of those.
    ///
    /// # Errors
    ///
    /// When two that exclude each other stand before and after a subcommand.
    pub(crate) fn spelled_out(mut self) -> Result<RunFlags, Failure> {
        if std::mem::take(&mut self.dangerously_bypass_approvals_and_sandbox) {
            self.sandbox.push("danger-full-access".to_owned());
        }
        if self.full_auto && !self.sandbox.is_empty() {
            return Err(Failure::new(USAGE, "--full-auto and --sandbox exclude each other")
                .hint("--full-auto is workspace-write with the network off; give one of them"));
        }
        if let Some(policy) = self.ask_for_approval.take() {
            // It stands for a policy as well, which is not the one that was asked for.
            if std::mem::take(&mut self.full_auto) {
                self.sandbox = FULL_AUTO.map(|permission| permission.to_string()).to_vec();
            }
            let policy = serde_json::Value::from(policy);
            self.config.push(format!("approval_policy={policy}"));
        }
        Ok(self)
    }
}

#[derive(Debug, Arguments)]
pub(crate) struct Replay {
    /// Name or id of the session, or the first eight or more characters of its id.
    #[arg(required_unless_present = "last", conflicts_with = "last")]
    pub(crate) session: Option<String>,
    /// The session that was active last.
    #[arg(long)]
    pub(crate) last: bool,
    /// As text, the default.
    #[arg(long, group = "form")]
    pub(crate) text: bool,
    /// The same lines that `exec --json` printed.
    #[arg(long, group = "form")]
    pub(crate) json: bool,
    /// The stored events as they are, one a line.
    #[arg(long, group = "form")]
    pub(crate) raw: bool,
    /// Check every record, the chain, the grammar and the blobs instead; exit code 3 when
    /// something is wrong.
    #[arg(long, group = "form")]
    pub(crate) verify: bool,
    /// In the terminal interface, to look through.
    #[arg(long, group = "form")]
    pub(crate) screen: bool,
    /// Go on while another process runs the session, until that one lets go of it.
    #[arg(short, long, conflicts_with_all = ["verify", "screen"])]
    pub(crate) follow: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Arguments)]
pub(crate) struct Demo {
    /// Print events as JSON, one a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which program to repair.
    #[arg(long, value_enum, default_value_t = Program::Auto)]
    pub(crate) program: Program,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// The programs of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// Rust where there is cargo, a shell program elsewhere.
    Auto,
    /// A small Rust library.
    Rust,
    /// A small shell library.
    Shell,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that is not dumb, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Decides for one output.
    pub(crate) fn paint(self, output: &impl io::IsTerminal) -> Paint {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|value| value != "dumb");
        match self {
            Color::Always => Paint::Color,
            Color::Auto if wanted && output.is_terminal() => Paint::Color,
            Color::Auto | Color::Never => Paint::Plain,
        }
    }
}

/// Options of exec stand before another subcommand.
pub(crate) fn misplaced() -> Failure {
    Failure::new(USAGE, "the options before the subcommand belong to exec, resume, fork and proto")
        .hint("put options of another subcommand after its name")
}

/// Prints a completion script.
pub(crate) fn completion(shell: Shell) -> Result<ExitCode, Failure> {
    clap_complete::generate(shell, &mut Args::command(), "codex", &mut io::stdout());
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
