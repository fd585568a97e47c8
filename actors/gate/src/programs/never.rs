//! Programs that no table will ever have, and why: told to whoever asks.

use crate::runners::{self, Kind};

/// Says why a program is never known to only look, in words that go on from "it".
pub(crate) fn why(program: &str) -> Option<&'static str> {
    let known = NEVER.iter().find(|(_, names)| names.split_whitespace().any(|it| it == program));
    known.map(|(why, _)| *why).or_else(|| {
        // One that runs others may still have a form that only looks.
        let kind = runners::kind(program).filter(|_| super::rule(program).is_none())?;
        Some(match kind {
            Kind::Git => "follows the settings of a repository, which can run programs",
            Kind::Shell | Kind::Interpreter => "is a language that can run anything",
            Kind::Wrapper => "runs another command",
        })
    })
}

/// What is not told by the kind of program alone.
const NEVER: &[(&str, &str)] = &[
    ("follows the settings of a repository, which can run programs", "hg svn jj gh glab tig"),
    (
        "is a language that can run anything",
        "bc dc ed emacs ex gdb ipython m4 nano nvim osascript sqlite3 vi view vim",
    ),
    ("is a pager that can run commands", "less lesspipe man more most bat batcat"),
    (
        "loads or runs files of the project",
        "ant bazel bundle cargo clang cmake composer dotnet go gradle java javac ldd make meson mvn mypy \
         ninja npm npx pip pip3 pipenv pnpm poetry pytest rake rustc rustup tsc tox uv yarn yq",
    ),
    ("prints the environment or other processes", "env printenv ps pgrep lsof top htop pstree"),
    (
        "changes what later names or commands mean",
        ". alias declare dirs enable eval export hash history let local mapfile popd pushd read readarray \
         readonly set setopt shift shopt source trap typeset ulimit umask unalias unset",
    ),
    (
        "uses the network",
        "aria2c curl dig docker ftp host kubectl nc ncat netcat nslookup ping podman rsync scp sftp socat \
         ssh telnet traceroute wget",
    ),
    (
        "writes",
        "chgrp chmod chown cp dd install ln mkdir mkfifo mknod mktemp mv patch rm rmdir rsync shred split \
         csplit tee touch truncate unlink",
    ),
    ("does not end by itself", "yes sleep wait inotifywait"),
];
