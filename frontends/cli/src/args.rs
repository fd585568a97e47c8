//! The command line.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as Arguments, CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;
use codex_view::Paint;

use crate::failure::Failure;

/// A coding agent for the terminal, whose every act is an event in a journal.
#[derive(Debug, Parser)]
#[command(
    name = "codex",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Try `codex demo`: it needs no key and no network.\n\
                  Exit codes: 0 done, 1 turn failed, 2 usage or settings, 3 verification failed,\n\
                  4 stopped by policy, 5 unknown effect, 6 no sandbox, 70 a bug, 74 journal not\n\
                  writable, 129/130/143 ended by a signal."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) subcommand: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Run one turn without a terminal interface.
    #[command(visible_alias = "e")]
    Exec(Exec),
    /// Show a session again, from its journal alone.
    Replay(Replay),
    /// List sessions, the last one first.
    Sessions(Sessions),
    /// Watch a scripted agent fix a failing test; needs no key and no network.
    Demo(Demo),
    /// Run a command in the sandbox. Without -s it can read everything and write nothing.
    Sandbox(Sandbox),
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
    Landlock(Sandbox),
}

#[derive(Debug, Arguments)]
pub(crate) struct Exec {
    /// What to do; - or nothing reads it from standard input.
    pub(crate) prompt: Option<String>,
    /// Model to use.
    #[arg(short, long)]
    pub(crate) model: Option<String>,
    /// Folder to work in.
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub(crate) cd: Option<PathBuf>,
    /// Set one setting, as in -c model="o4-mini". May be repeated.
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
    /// Work in a folder that is not in a Git repository, too.
    #[arg(long)]
    pub(crate) skip_git_repo_check: bool,
    /// Print events as JSON, one a line.
    #[arg(long, alias = "experimental-json")]
    pub(crate) json: bool,
    /// Ask the provider to keep nothing (Zero Data Retention).
    #[arg(long)]
    pub(crate) disable_response_storage: bool,
    /// Write the last message to a file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output_last_message: Option<PathBuf>,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Arguments)]
pub(crate) struct Replay {
    /// Id of the session, or the first eight or more characters of it.
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
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Arguments)]
pub(crate) struct Sessions {
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

#[derive(Debug, Arguments)]
pub(crate) struct Sandbox {
    /// Read everything, write to the folder and your own temporary folder, no network.
    #[arg(long)]
    pub(crate) full_auto: bool,
    /// A sandbox permission, or one of read-only, workspace-write, danger-full-access. May be
    /// repeated.
    #[arg(short, long = "sandbox-permission", value_name = "PERM", conflicts_with = "full_auto")]
    pub(crate) sandbox: Vec<String>,
    /// Folder to run in.
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub(crate) cd: Option<PathBuf>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Decides for one output.
    pub(crate) fn paint(self, output: &impl io::IsTerminal) -> Paint {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match self {
            Color::Always => Paint::Color,
            Color::Auto if wanted && output.is_terminal() => Paint::Color,
            Color::Auto | Color::Never => Paint::Plain,
        }
    }
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
