//! Programs that no table will ever have, and why: told to whoever asks.

/// Says why a program is never known to only look, in words that go on from "it".
pub(crate) fn why(program: &str) -> Option<&'static str> {
    let known = NEVER.iter().find(|(_, names)| names.split_whitespace().any(|it| it == program));
    known.map(|(why, _)| *why)
}

const NEVER: &[(&str, &str)] = &[
    (
        "follows the settings of a repository, which can run programs",
        "git hg svn jj gh glab git-lfs tig",
    ),
    (
        "runs another command",
        "builtin busybox chroot command coproc cpulimit doas entr env exec fakeroot firejail flock ionice \
         nice noglob nohup nsenter parallel pkexec runuser script setarch setpriv setsid ssh-agent stdbuf \
         strace su sudo systemd-run taskset time timeout toybox unshare watch watchexec xargs",
    ),
    (
        "is a language that can run anything",
        "ash awk bash bc bun csh dash dc deno ed elvish emacs ex expect fish gawk gdb guile ipython julia ksh \
         lua luajit m4 mawk mksh nano nawk nvim nu osascript php pwsh Rscript sh sqlite3 tclsh tcsh vi \
         view vim zsh",
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
