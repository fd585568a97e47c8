//! What "always" would remember of a command: the beginning of its words, and whatever may follow them.
//!
//! How many words depends on the program. One that does one kind of thing is remembered by its name, one
//! with subcommands by its name and a subcommand whose other words are known to be harmless company
//! (`cargo test`), one that runs scripts by the name of the script as well (`npm run build`). Of all others
//! every word is remembered, and nothing may follow: `rm -rf target` must not stand for
//! `rm -rf target src`, and `make check` not for `make check deploy`. Nothing is offered for what can do
//! anything: shells, interpreters, git, programs that run others, a program that lies in the folder that
//! commands write to, and more than one plain command; and for what does harm that nobody would want
//! twice: removing or changing what lies outside of the folder, ending or wiping machines.

use crate::{Lookup, Verdict, runners};

/// How many words say what a program will do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    /// Its name.
    Name,
    /// Its name and a subcommand that is in `NARROW`; all words with any other.
    Subcommand,
    /// As above, but its name, `run`, and the name of a script stand for what follows as well.
    Script,
    /// All words, the second of which names what is to be made; more of them may follow it.
    Target,
}

/// Programs whose words are known.
const WIDTHS: &[(Width, &str)] = &[
    (
        Width::Name,
        "black clippy-driver eslint flake8 gofmt isort jest mypy phpunit prettier pylint \
         pyright pytest rspec rubocop ruff-check rustfmt shellcheck stylelint tsc vitest",
    ),
    (Width::Subcommand, "bazel cabal cargo dotnet go mix ruff stack terraform zig"),
    (Width::Target, "ctest gradle just make mvn ninja rake sbt task turbo"),
    (Width::Script, "npm pnpm yarn"),
];

/// Subcommands that do the same kind of thing whatever follows them. One that is not here, also an
/// abbreviation or an alias (`npm exe`, `cargo r`), may run or fetch what its other words say.
const NARROW: &[(&str, &str)] = &[
    ("bazel", "build coverage query test"),
    ("cabal", "bench build check haddock test"),
    ("cargo", "bench build check clippy doc fmt metadata nextest test tree"),
    ("dotnet", "build clean format restore test"),
    ("go", "build doc fmt list mod test version vet"),
    ("mix", "compile credo dialyzer format test"),
    ("npm", "audit ci ls outdated test"),
    ("pnpm", "audit ls outdated test"),
    ("ruff", "check format"),
    ("stack", "bench build haddock test"),
    ("terraform", "fmt plan validate"),
    ("yarn", "audit outdated test"),
    ("zig", "build fmt test"),
];

/// Subcommands of scripts whose next word names one.
const RUNS: &[&str] = &["run", "run-script"];

/// Proposes the beginning of a command that "always" would stand for; none where it is never offered.
pub fn propose(verdict: &Verdict, lookup: &Lookup) -> Option<Vec<String>> {
    let [command] = &verdict.commands.as_ref()?[..] else { return None };
    // Unquoted or not: a word with one of these reads as many words.
    if command.iter().any(|word| word.is_empty() || word.contains(['*', '?', '[', '\n'])) {
        return None;
    }
    let program = command.first()?;
    if never(command).is_some() || does_harm(command) || !is_installed(program, lookup) {
        return None;
    }
    Some(command[..width(command)?].to_vec())
}

/// Tells whether a remembered beginning stands for a command: it is the whole of it, or as much as would
/// be remembered of it.
pub(crate) fn covers(prefix: &[String], command: &[String]) -> bool {
    let whole = command.len() == prefix.len();
    command.starts_with(prefix) && (whole || width(command) == Some(prefix.len()))
}

/// Counts the words that say what a command does; none where no number of them would.
fn width(command: &[String]) -> Option<usize> {
    let program = command.first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    let among = |names: &str, wanted: &str| names.split_whitespace().any(|it| it == wanted);
    let width = WIDTHS.iter().find(|(_, names)| among(names, name)).map(|(width, _)| *width);
    let subcommand = || command.get(1).and_then(|word| plain(word));
    match width {
        Some(Width::Name) => Some(1),
        // One word that could be the beginning of anything says nothing.
        None => (command.len() > 1).then_some(command.len()),
        Some(Width::Target) => subcommand().map(|_| command.len()),
        Some(width @ (Width::Subcommand | Width::Script)) => {
            let subcommand = subcommand()?;
            if width == Width::Script && RUNS.contains(&subcommand) {
                return plain(command.get(2)?).map(|_| 3);
            }
            let mut narrow = NARROW.iter().filter(|(tool, _)| *tool == name);
            let narrow = narrow.any(|(_, subcommands)| among(subcommands, subcommand));
            Some(if narrow { 2 } else { command.len() })
        }
    }
}

/// A word that names a subcommand, target or script: no option, path or assignment.
fn plain(word: &str) -> Option<&str> {
    let named = !word.starts_with(['-', '+', '.', '/']) && !word.contains('=');
    named.then_some(word)
}

/// Tells whether a program lies where commands don't write: found by its name, outside of the folder that
/// the command runs in, or by the path of one of the system's.
fn is_installed(program: &str, lookup: &Lookup) -> bool {
    if program.contains('/') {
        return lookup.system(program).is_ok();
    }
    lookup.find(program).is_some_and(|file| !file.starts_with(lookup.cwd()))
}

/// Programs that take away or change what is there. What they do where they are is theirs to be
/// granted; elsewhere a person looks each time.
const DESTROYERS: &str =
    "chattr chgrp chmod chown dd ln mv rename rm rmdir setfacl shred srm truncate unlink";

/// Programs that end or wipe a machine or its disks, or other people's work on it.
const ENDERS: &str = "blkdiscard cfdisk crontab fdisk gdisk halt init kexec kill killall mkfs mkswap \
                      parted pkill poweroff reboot sfdisk sgdisk shutdown skill swapoff systemctl \
                      telinit umount userdel wipefs";

/// Says why no grant is ever made for commands that begin like this, if none is.
pub(crate) fn never(prefix: &[String]) -> Option<String> {
    match prefix.first().map(String::as_str) {
        None | Some("") => Some("it names no program".to_owned()),
        Some(program) => {
            runners::kind(program).map(|kind| format!("{} can do anything", kind.name()))
        }
    }
}

/// Tells whether a command does harm outside of the folder, which is asked about each time. A grant that
/// somebody wrote for one by hand holds all the same.
fn does_harm(command: &[String]) -> bool {
    let Some((program, rest)) = command.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or(program);
    let among = |names: &str| names.split_whitespace().any(|it| it == name);
    among(ENDERS)
        || name.starts_with("mkfs.")
        || (among(DESTROYERS) && rest.iter().any(|word| leads_elsewhere(word)))
}

/// Tells whether a word may name a place outside of the folder that the command runs in.
fn leads_elsewhere(word: &str) -> bool {
    let value = word.split_once('=').map_or(word, |(_, value)| value);
    value.starts_with(['/', '~', '$']) || value.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify;

    fn proposed(line: &str) -> Option<String> {
        let programs = "bash cargo npm make git env python3 pytest ls sed mkdir sudo tsc timeout rm find yarn go mv dd \
                        mkfs.ext4 kill";
        let mut files: Vec<String> =
            programs.split_whitespace().map(|name| format!("/usr/bin/{name}")).collect();
        files.extend(["/w/node_modules/.bin/eslint".to_owned(), "/w/x".to_owned()]);
        let lookup =
            Lookup::listed("/usr/bin:/w/node_modules/.bin", "/w", files.iter().map(String::as_str));
        let argv = shlex::split(line).expect("a quoted line");
        propose(&classify(&argv, &lookup), &lookup).map(|words| words.join(" "))
    }

    #[test]
    fn as_many_words_as_say_what_will_be_done() {
        for (line, prefix) in [
            ("cargo test --workspace", "cargo test"),
            ("bash -lc 'cargo test -p x'", "cargo test"),
            ("/usr/bin/cargo build", "/usr/bin/cargo build"),
            ("npm test -- --watch", "npm test"),
            ("npm run build -- --prod", "npm run build"),
            ("make check", "make check"),
            ("pytest -x tests", "pytest"),
            ("bash -c 'tsc --noEmit'", "tsc"),
            ("mkdir -p a/b", "mkdir -p a/b"),
            ("rm -rf target", "rm -rf target"),
            ("cargo run --bin x", "cargo run --bin x"),
            ("go run ./cmd/x", "go run ./cmd/x"),
            ("npm install left-pad", "npm install left-pad"),
            ("npm exe left-pad", "npm exe left-pad"),
            ("cargo r --bin x", "cargo r --bin x"),
            ("make check deploy", "make check deploy"),
        ] {
            assert_eq!(proposed(line).as_deref(), Some(prefix), "{line}");
        }
    }

    #[test]
    fn never_for_what_can_do_anything() {
        for line in [
            "bash -lc 'cargo test && rm a'",
            "bash -lc 'cargo test > out'",
            "bash -lc 'cargo test $X'",
            "bash -lc 'cargo test *'",
            "bash script.sh",
            "python3 x.py",
            "git push",
            "env A=1 cargo test",
            "sudo make install",
            "timeout 5 cargo test",
            "find . -delete",
            "./x",
            "/w/x a",
            "eslint src",
            "missing a",
            "cargo",
            "cargo --version",
            "cargo +nightly test",
            "make",
            "make -C other test",
            "make CC=./x",
            "npm run",
            "npm run -- x",
            "ls",
            "rm -rf /",
            "rm -rf ..",
            "rm -rf a/../../b",
            "rm -rf ~",
            "/usr/bin/rm -rf /home",
            "bash -c 'rm -rf /'",
            "mv a /w/x",
            "dd if=a of=/dev/sda",
            "mkfs.ext4 image",
            "kill -9 1",
            "",
        ] {
            assert_eq!(proposed(line), None, "{line}");
        }
    }
}
