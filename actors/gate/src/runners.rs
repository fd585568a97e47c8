//! Programs that run others, by what they are. One list for all that may not pass for what it runs.

/// What makes a program run what its arguments or its input say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It runs scripts.
    Shell,
    /// It runs programs in a language of its own.
    Interpreter,
    /// Its configuration, also that of a repository, names programs that it runs.
    Git,
    /// It runs the command that follows its own options.
    Wrapper,
}

impl Kind {
    /// Says what it is, with its article.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Shell => "a shell",
            Kind::Interpreter => "an interpreter",
            Kind::Git => "git",
            Kind::Wrapper => "a program that runs others",
        }
    }
}

const SHELLS: &[&str] = &[
    "ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "ksh93", "mksh", "nu", "pwsh", "rbash",
    "sh", "tcsh", "xonsh", "yash", "zsh",
];

const INTERPRETERS: &[&str] = &[
    "awk",
    "bun",
    "deno",
    "elixir",
    "erl",
    "expect",
    "gawk",
    "ghci",
    "groovy",
    "guile",
    "irb",
    "java",
    "jshell",
    "julia",
    "lua",
    "luajit",
    "mawk",
    "nawk",
    "node",
    "nodejs",
    "ocaml",
    "perl",
    "php",
    "pypy",
    "python",
    "r",
    "racket",
    "rscript",
    "ruby",
    "runghc",
    "runhaskell",
    "sbcl",
    "scala",
    "swift",
    "tclsh",
    "ts-node",
    "tsx",
    "wish",
];

const WRAPPERS: &[&str] = &[
    ".",
    "builtin",
    "bunx",
    "busybox",
    "bwrap",
    "caffeinate",
    "catchsegv",
    "cgexec",
    "chronic",
    "chroot",
    "chrt",
    "command",
    "coproc",
    "cpulimit",
    "dbus-launch",
    "dbus-run-session",
    "direnv",
    "distrobox",
    "doas",
    "docker",
    "dumb-init",
    "eatmydata",
    "entr",
    "env",
    "eval",
    "exec",
    "fakeroot",
    "faketime",
    "find",
    "firejail",
    "flock",
    "gdb",
    "ionice",
    "ltrace",
    "nice",
    "nix-shell",
    "noglob",
    "nohup",
    "npx",
    "nsenter",
    "numactl",
    "parallel",
    "perf",
    "pipx",
    "pkexec",
    "podman",
    "prlimit",
    "proot",
    "proxychains",
    "proxychains4",
    "pty",
    "rlwrap",
    "runuser",
    "screen",
    "script",
    "sem",
    "setarch",
    "setpriv",
    "setsid",
    "sg",
    "source",
    "ssh",
    "ssh-agent",
    "start-stop-daemon",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "taskset",
    "time",
    "timeout",
    "tini",
    "tmux",
    "toolbox",
    "torify",
    "torsocks",
    "toybox",
    "trap",
    "unbuffer",
    "unshare",
    "uvx",
    "valgrind",
    "watch",
    "watchexec",
    "xargs",
    "xvfb-run",
];

/// Tells what a program is, by the last part of its name; none for one that runs no others.
pub(crate) fn kind(program: &str) -> Option<Kind> {
    let name = program.rsplit('/').next().unwrap_or(program).to_ascii_lowercase();
    // `python3.12` and `lua5.4` are what they are without their versions.
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let within = |list: &[&str]| list.contains(&name.as_str()) || list.contains(&plain);
    if within(SHELLS) {
        Some(Kind::Shell)
    } else if within(INTERPRETERS) {
        Some(Kind::Interpreter)
    } else if name == "git" || name.starts_with("git-") {
        Some(Kind::Git)
    } else if within(WRAPPERS) {
        Some(Kind::Wrapper)
    } else {
        None
    }
}

/// Gives the arguments of a wrapper that a shell, or the wrapper as a shell would, takes apart again: what
/// follows the name of a shell, and words that are more than one (`env -S 'rm x'`, `watch 'rm x'`).
pub(crate) fn scripts(arguments: &[String]) -> Vec<String> {
    let shell = |(at, word): (usize, &String)| {
        (kind(word) == Some(Kind::Shell)).then(|| arguments[at + 1..].join(" "))
    };
    let split = |word: &String| {
        // The value may be attached to its option.
        let value = word.strip_prefix("-S").unwrap_or(word);
        (value.len() < word.len() || value.contains([' ', '\t', '\n'])).then(|| value.to_owned())
    };
    let shells = arguments.iter().enumerate().filter_map(shell);
    shells.chain(arguments.iter().filter_map(split)).collect()
}
