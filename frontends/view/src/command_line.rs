//! An argument list as one would type it.

use std::borrow::Cow;

/// Quotes an argument list for a POSIX shell.
///
/// An argument with a NUL, which no program can be given and no shell can be told, has it shown as
/// U+FFFD.
pub fn command_line(argv: &[String]) -> String {
    let typed = argv.iter().map(|argument| match shlex::try_quote(argument) {
        Ok(quoted) => quoted,
        Err(_) => {
            let shown = argument.replace('\0', "\u{fffd}");
            Cow::Owned(shlex::try_quote(&shown).map_or_else(|_| shown.clone(), Cow::into_owned))
        }
    });
    typed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_where_a_shell_would_read_them_otherwise() {
        let cases: [(&[&str], &str); 6] = [
            (&["/bin/bash", "-lc", "ls; pwd"], "/bin/bash -lc 'ls; pwd'"),
            (&["/bin/bash", "-lc", "no_such_command"], "/bin/bash -lc no_such_command"),
            (&["echo", ""], "echo ''"),
            (&["echo", "it's"], r#"echo "it's""#),
            (&["a\0b c"], "'a\u{fffd}b c'"),
            (&[], ""),
        ];
        for (argv, typed) in cases {
            let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
            assert_eq!(command_line(&argv), typed);
        }
    }
}
