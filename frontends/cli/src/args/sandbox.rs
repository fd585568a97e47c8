//! The arguments of what shows and tries the sandbox.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as Arguments, ValueEnum};
use codex_event::Permission;
use codex_sandbox::{Availability, GitWrites, Host, Level};

use super::Color;

pub(super) const SANDBOX_HELP: &str = "\
    codex sandbox -- ls ~                    read everything, write nothing, no network
    codex sandbox --full-auto -- make test   also write here and to your own temporary folder
    codex sandbox -s disk-full-read-access -s disk-write-folder=out -- make
    codex sandbox --full-auto --explain      what would hold and what would not; nothing is run

Permissions are the ones of `sandbox_permissions`; -s may be repeated and means their union.
Exit codes: the command's own; 128 + n for a signal, 126 and 127 when it can't be executed or found,
125 when the sandbox can't be set up: then nothing was run.";

pub(super) const DOCTOR_HELP: &str = "\
Each layer is asked by using it. Nothing is changed, but for a file that is made in the home and
removed again. Exit codes: 0 commands can run in a sandbox, 2 the settings or rules can't be read,
6 no command can run in a sandbox.";

#[derive(Debug, Arguments)]
pub(crate) struct Doctor {
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) host: Pretence,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
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
    /// How much of a repository the command may change: nothing, or what a commit writes.
    #[arg(long, value_enum, default_value_t = Repositories::None, value_name = "WHAT")]
    pub(crate) git_writes: Repositories,
    #[command(flatten)]
    pub(crate) host: Pretence,
    /// Print what would confine the command and what that does not hold, and run nothing.
    #[arg(long)]
    pub(crate) explain: bool,
    /// The command and its arguments.
    #[arg(last = true, required_unless_present = "explain", value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// Reads the words of `codex sandbox` and `codex debug landlock` without the other subcommands,
/// whose arguments take longer to be described than these to be read.
///
/// Only what is right is read; all else, a call for help among it, is for the whole command line.
pub(crate) fn alone(mut words: impl Iterator<Item = OsString>) -> Option<Sandbox> {
    #[derive(clap::Parser)]
    #[command(no_binary_name = true)]
    struct Alone {
        #[command(flatten)]
        sandbox: Sandbox,
    }
    let first = words.next()?;
    if first == "sandbox" || first == "debug" && words.next()? == "landlock" {
        Some(<Alone as clap::Parser>::try_parse_from(words).ok()?.sandbox)
    } else {
        None
    }
}

/// What a lesser machine would give; nothing can be added to what this one gives.
#[derive(Clone, Copy, Debug, Arguments)]
#[command(next_help_heading = "As on a lesser machine")]
pub(crate) struct Pretence {
    /// Do without namespaces, as in most containers.
    #[arg(long)]
    without_namespaces: bool,
    /// Use no more of landlock than this version has; 0 is a kernel without it.
    #[arg(long, value_name = "N")]
    landlock_abi: Option<u8>,
}

impl Pretence {
    /// Asks the host what commands with these permissions need of it, and takes away what is to be
    /// done without.
    pub(crate) fn pretended(self, permissions: &[Permission]) -> Host {
        let level = match self.without_namespaces {
            true => Level::Landlock,
            false => Level::Auto,
        };
        codex_sandbox::probe_for(level, permissions)
            .lowered(self.landlock_abi, Availability::AsFound)
    }
}

/// How much of a repository a command may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Repositories {
    /// Nothing.
    None,
    /// What `git add` and `git commit` write.
    Metadata,
}

impl From<Repositories> for GitWrites {
    fn from(repositories: Repositories) -> GitWrites {
        match repositories {
            Repositories::None => GitWrites::None,
            Repositories::Metadata => GitWrites::Metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Debug, RunFlags, Subcommand};

    #[test]
    fn it_is_read_alone_as_with_the_rest() {
        let read = |words: &[&str]| alone(words.iter().map(OsString::from));
        for words in [
            &["sandbox", "--", "true"][..],
            &["debug", "landlock", "--without-namespaces", "--", "sh", "-c", "a b", "--", "-s"],
            &["sandbox", "-s", "read-only", "-sdisk-write-cwd", "-C", "/tmp", "--", "x"],
            &["sandbox", "--full-auto", "--landlock-abi=3", "--git-writes", "metadata", "--", "x"],
        ] {
            let whole = Args::try_parse_from([&["codex"], words].concat()).expect("right");
            assert!(whole.run == RunFlags::default());
            let (Subcommand::Sandbox(whole)
            | Subcommand::Debug { command: Debug::Landlock(whole) }) =
                whole.subcommand.expect("one")
            else {
                panic!("{words:?}")
            };
            assert_eq!(format!("{:?}", read(words).expect("right")), format!("{whole:?}"));
        }
        for words in [
            &[][..],
            &["exec", "go"],
            &["debug"],
            &["debug", "other", "--", "x"],
            &["-s", "read-only", "sandbox", "--", "x"],
            &["sandbox"],
            &["sandbox", "--help"],
            &["sandbox", "--full-auto", "-s", "read-only", "--", "x"],
            &["sandbox", "--landlock-abi", "many", "--", "x"],
        ] {
            assert!(read(words).is_none(), "{words:?}");
        }
    }
}
