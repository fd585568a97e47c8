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
    /// Say what each layer gives, too, and what the level does not hold.
    #[arg(short, long, visible_alias = "all")]
    pub(crate) verbose: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(flatten)]
    pub(crate) host: Pretence,
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

/// Reads the words of `codex sandbox` and `codex debug landlock` by hand: to describe the arguments
/// to the parser takes longer than to fence a command in.
///
/// Only what is right and written in the common ways is read; all else, a call for help among it, is
/// for the whole command line.
pub(crate) fn alone(mut words: impl Iterator<Item = OsString>) -> Option<Sandbox> {
    let first = words.next()?;
    if !(first == "sandbox" || first == "debug" && words.next()? == "landlock") {
        return None;
    }
    let mut read = Sandbox {
        full_auto: false,
        sandbox: Vec::new(),
        cd: None,
        git_writes: Repositories::None,
        host: Pretence { without_namespaces: false, landlock_abi: None },
        explain: false,
        command: Vec::new(),
    };
    let mut seen = Vec::new();
    while let Some(word) = words.next() {
        if word == "--" {
            read.command = words.collect();
            break;
        }
        let word = word.into_string().ok()?;
        let (name, joined) = match (word.split_once('='), word.split_at_checked(2)) {
            (Some((name, value)), _) if name.starts_with("--") => (name, Some(value)),
            (_, Some((name @ ("-s" | "-C"), value))) if !value.is_empty() => (name, Some(value)),
            _ => (word.as_str(), None),
        };
        // What begins like this may be meant in more than one way.
        let plain = |value: &OsString| {
            let bytes = value.as_encoded_bytes();
            !bytes.is_empty() && !bytes.starts_with(b"-") && !bytes.starts_with(b"=")
        };
        let mut value = || joined.map(OsString::from).or_else(|| words.next()).filter(plain);
        match (name, joined) {
            ("-s" | "--sandbox-permission", _) => {
                read.sandbox.push(value()?.into_string().ok()?);
                continue;
            }
            ("-C" | "--cd", _) => read.cd = Some(value()?.into()),
            ("--git-writes", _) => {
                read.git_writes = Repositories::from_str(value()?.to_str()?, false).ok()?;
            }
            ("--landlock-abi", _) => {
                read.host.landlock_abi = Some(value()?.to_str()?.parse().ok()?);
            }
            ("--full-auto", None) => read.full_auto = true,
            ("--without-namespaces", None) => read.host.without_namespaces = true,
            ("--explain", None) => read.explain = true,
            _ => return None,
        }
        let name = if name == "-C" { "--cd" } else { name };
        if seen.iter().any(|it| it == name) {
            return None;
        }
        seen.push(name.to_owned());
    }
    let clash = read.full_auto && !read.sandbox.is_empty();
    let idle = read.command.is_empty() && !read.explain;
    (!clash && !idle).then_some(read)
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
    fn it_is_read_by_hand_as_by_the_parser() {
        let read = |words: &[&str]| alone(words.iter().map(OsString::from));
        for words in [
            &["sandbox", "--", "true"][..],
            &["debug", "landlock", "--without-namespaces", "--", "sh", "-c", "a b", "--", "-s"],
            &["sandbox", "-s", "read-only", "-sdisk-write-cwd", "-C", "/tmp", "--", "x"],
            &["sandbox", "--full-auto", "--landlock-abi=3", "--git-writes", "metadata", "--", "x"],
            &["sandbox", "--cd=a=b", "--sandbox-permission", "x=y", "--explain"],
            &[
                "sandbox",
                "-C/tmp",
                "--landlock-abi",
                "0",
                "--git-writes=none",
                "--explain",
                "--",
                "-x",
            ],
            &["sandbox", "--sandbox-permission=read-only", "--", "x", "--explain"],
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
            &["sandbox", "--landlock-abi", "256", "--", "x"],
            &["sandbox", "--git-writes", "all", "--", "x"],
            &["sandbox", "--full-auto", "--full-auto", "--", "x"],
            &["sandbox", "-C", "/", "--cd", "/", "--", "x"],
            &["sandbox", "--explain=yes"],
            &["sandbox", "-s", "--", "x"],
            &["sandbox", "-C", "", "--", "x"],
            &["sandbox", "--unknown", "--", "x"],
            &["sandbox", "x"],
            &["sandbox", "--explain", "x"],
            &["sandbox", "--full-auto", "--"],
        ] {
            assert!(read(words).is_none(), "{words:?}");
        }
        // Right, too, but for the parser.
        let joined = ["sandbox", "-s=read-only", "--", "x"];
        assert!(read(&joined).is_none());
        Args::try_parse_from([&["codex"], &joined[..]].concat()).expect("right");
    }
}
