//! Which commands are known to change nothing.
//!
//! An allow list of programs and, for each, of the options that keep it harmless. What is not
//! understood is not safe. Being known safe only spares the question: the command still runs in
//! the sandbox.

use codex_event::Safety;

use crate::Lookup;

/// What the gate knows of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it only looks.
    pub safety: Safety,
    /// Why, in words for a person.
    pub reason: String,
    /// The plain commands that it consists of, unquoted as the shell would; none when it is more
    /// than plain commands. An unquoted glob stands as its pattern.
    pub commands: Option<Vec<Vec<String>>>,
}

/// Says whether a command is known to change nothing, and why.
///
/// Takes an argument list as it would be executed: a program with its arguments, or a shell with
/// `-c` or `-lc` and a script that is one plain command or several joined by `&&`, `||`, `;`, `|`.
pub fn classify(argv: &[String], _lookup: &Lookup) -> Verdict {
    let commands = match argv {
        [shell, flag, script] if is_shell(shell) && matches!(flag.as_str(), "-c" | "-lc") => {
            script_commands(script)
        }
        [] => None,
        other => Some(vec![other.to_vec()]),
    };
    let safe = commands.as_ref().is_some_and(|commands| commands.iter().all(|c| is_safe(c)));
    let (safety, reason) = if safe {
        (Safety::KnownSafe, "only looks")
    } else {
        (Safety::Unknown, "is not known to only look")
    };
    Verdict { safety, reason: reason.to_owned(), commands }
}

fn is_shell(program: &str) -> bool {
    ["bash", "sh", "zsh"].into_iter().any(|shell| {
        program == shell
            || program == format!("/bin/{shell}")
            || program == format!("/usr/bin/{shell}")
    })
}

fn is_safe(argv: &[String]) -> bool {
    let Some((program, arguments)) = argv.split_first() else { return false };
    if arguments.iter().any(|argument| names_a_secret(argument)) {
        return false;
    }
    let options = || arguments.iter().filter(|argument| argument.starts_with('-'));
    match program.as_str() {
        "cat" | "echo" | "head" | "ls" | "pwd" | "wc" | "which" | "true" | "false" | "cd" => true,
        // `-f` may be a file of patterns, which only is read.
        "grep" => true,
        // Following a file never ends.
        "tail" => options().all(|option| {
            let follows = option.starts_with("--f") || option.starts_with("--re");
            !follows && (option.starts_with("--") || !option.contains(['f', 'F']))
        }),
        // These options run other programs.
        "rg" => options().all(|option| {
            let runs = option.starts_with("--pre")
                || option.starts_with("--hostname-bin")
                || option.starts_with("--search-zip");
            !runs && (option.starts_with("--") || !option.contains('z'))
        }),
        "find" => !arguments.iter().any(|argument| {
            let acts =
                ["-exec", "-ok", "-delete", "-fls", "-fprint"].map(|act| argument.starts_with(act));
            acts.contains(&true)
        }),
        "sed" => match arguments {
            [flag, range, file] => flag == "-n" && is_line_range(range) && !file.starts_with('-'),
            _ => false,
        },
        _ => false,
    }
}

fn is_line_range(range: &str) -> bool {
    let Some(lines) = range.strip_suffix('p') else { return false };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match lines.split_once(',') {
        Some((from, to)) => number(from) && number(to),
        None => number(lines),
    }
}

fn names_a_secret(argument: &str) -> bool {
    let lower = argument.to_ascii_lowercase();
    let parts = [".env", ".ssh", "auth.json", "credential", ".netrc", "shadow", "/proc/", "/dev/"];
    parts.into_iter().any(|part| lower.contains(part)) && lower != "/dev/null"
}

/// Splits a script into its commands; none when it is more than plain words and joints.
///
/// Deliberately knows less than a shell: no expansion, substitution, redirection, assignment,
/// glob, comment or backslash outside of single quotes.
fn script_commands(script: &str) -> Option<Vec<Vec<String>>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut rest = script.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            ' ' | '\t' => commands.last_mut()?.extend(word.take()),
            '\n' | ';' | '|' | '&' => {
                commands.last_mut()?.extend(word.take());
                let doubled = matches!(char, '|' | '&') && rest.next_if_eq(&char).is_some();
                if (char == '&' && !doubled) || commands.last()?.is_empty() {
                    return None;
                }
                commands.push(Vec::new());
            }
            '\'' => {
                let quoted = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        inner => quoted.push(inner),
                    }
                }
            }
            '"' => {
                let quoted = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '"' => break,
                        '$' | '`' | '\\' | '!' => return None,
                        inner => quoted.push(inner),
                    }
                }
            }
            plain if plain.is_ascii_alphanumeric() || "_./,:@%+-".contains(plain) => {
                word.get_or_insert_default().push(plain);
            }
            _ => return None,
        }
    }
    commands.last_mut()?.extend(word);
    if commands.last()?.is_empty() {
        return None;
    }
    Some(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Safety {
        let argv: Vec<String> = shlex::split(line).expect("a good line");
        classify(&argv, &Lookup::listed("/bin", "/w", [])).safety
    }

    #[test]
    fn looking_needs_no_question() {
        for line in [
            "ls -la src",
            "cat README.md",
            "bash -lc 'ls; pwd'",
            "bash -c 'grep -n foo src/lib.rs | head -5 && echo done'",
            "sed -n 1,20p src/lib.rs",
            "find . -name lib.rs",
            "/bin/sh -c 'cat \"a b.txt\"'",
        ] {
            assert_eq!(of(line), Safety::KnownSafe, "{line}");
        }
    }

    #[test]
    fn everything_else_does() {
        for line in [
            "rm -rf x",
            "./ls",
            "/tmp/ls",
            "git status",
            "cargo check",
            "bash -lc 'ls > x'",
            "bash -lc 'ls $(rm x)'",
            "bash -lc 'ls & rm x'",
            "bash -lc 'ls; rm x'",
            "bash -lc 'find . -dele\\te'",
            "bash -lc 'find . -\"del\"ete'",
            "bash -lc 'FOO=1 ls'",
            "bash -lc 'cat *'",
            "bash -lc 'ls |'",
            "bash -lc ''",
            "bash -lc 'ls ;; ls'",
            "bash -x -c ls",
            "find . -exec rm {} +",
            "rg --pre=./x foo",
            "rg -nz foo",
            "tail -f log",
            "sed -n 1,20p -i x",
            "sed -i s/a/b/ x",
            "cat .env",
            "cat /proc/1/environ",
            "cat /home/me/.ssh/id_rsa",
        ] {
            assert_eq!(of(line), Safety::Unknown, "{line}");
        }
        assert_eq!(classify(&[], &Lookup::listed("/bin", "/w", [])).safety, Safety::Unknown);
    }
}
