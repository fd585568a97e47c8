//! A script told apart into its commands, for the eye: the pieces are shown as they stand there.
//!
//! What decides anything is the gate's own parser; this only cuts where a shell would, and gives up on
//! whatever is more than commands one after the other.

/// Words that begin more than a plain command.
const WORDS: [&str; 21] = [
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "function", "select", "in", "[[", "{", "}", "!", "time", "coproc",
];

/// Gives the script that a shell of the system is given; none for all else, which is shown whole.
pub(super) fn script(argv: &[String]) -> Option<&str> {
    let [shell, flag, script] = argv else { return None };
    let name = ["/bin/", "/usr/bin/"].iter().find_map(|folder| shell.strip_prefix(folder));
    let is_shell = matches!(name.unwrap_or(shell), "bash" | "sh" | "zsh" | "dash");
    (is_shell && matches!(flag.as_str(), "-c" | "-lc")).then_some(script)
}

/// Cuts a script into its commands; none where it has more than those.
pub(super) fn parts(script: &str) -> Option<Vec<&str>> {
    let bytes = script.as_bytes();
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    let mut begin = 0;
    let mut at = 0;
    while at < bytes.len() {
        let next = bytes.get(at + 1).copied();
        match bytes[at] {
            b'\\' => at += 2,
            b'\'' => at = closing(bytes, at + 1)?,
            b'"' => at = closing_double(bytes, at + 1)?,
            b'(' | b')' | b'`' => return None,
            b'$' if matches!(next, Some(b'\'' | b'"')) => return None,
            b'$' if next == Some(b'{') => at = variable(bytes, at + 2)?,
            b'<' if next == Some(b'<') => return None,
            b'#' if at == begin || bytes[at - 1].is_ascii_whitespace() => return None,
            b'<' | b'>' if next == Some(b'&') => at += 2,
            b'>' if next == Some(b'|') => at += 2,
            b'&' if next == Some(b'>') => at += 2,
            b';' if next == Some(b';') => return None,
            sign @ (b'&' | b'|') => {
                cuts.push((begin, at));
                at += if next == Some(sign) || next == Some(b'&') { 2 } else { 1 };
                begin = at;
            }
            b';' | b'\n' => {
                cuts.push((begin, at));
                at += 1;
                begin = at;
            }
            _ => at += 1,
        }
    }
    cuts.push((begin, bytes.len()));
    let parts: Vec<&str> = cuts
        .into_iter()
        .filter_map(|(from, to)| script.get(from..to))
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let plain = |part: &&str| {
        let first = part.split_whitespace().next();
        first.is_some_and(|word| !WORDS.contains(&word))
    };
    (!parts.is_empty() && parts.iter().all(plain)).then_some(parts)
}

/// Tells whether what the gate says of a command, as in `` `rm`: why ``, is about this part.
pub(super) fn is_about(reason: &str, part: &str) -> bool {
    let name = reason.strip_prefix('`').and_then(|rest| rest.split_once("`:")).map(|it| it.0);
    let first = part.split_whitespace().next().unwrap_or_default();
    name.is_some_and(|name| name == first.trim_matches(['"', '\'']))
}

/// Tells whether a part begins with a program, of which a long name may be cut.
pub(super) fn is_of(part: &str, program: &str) -> bool {
    let first = part.split_whitespace().next().unwrap_or_default().trim_matches(['"', '\'']);
    match program.strip_suffix('…') {
        Some(begin) => first.starts_with(begin),
        None => first == program,
    }
}

/// The place behind the quote that ends a text.
fn closing(bytes: &[u8], from: usize) -> Option<usize> {
    let end = bytes.get(from..)?.iter().position(|it| *it == b'\'')?;
    Some(from + end + 1)
}

/// The same for a text in which a backslash escapes; one that runs commands is more than a text.
fn closing_double(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            b'`' => return None,
            b'$' if bytes.get(at + 1) == Some(&b'(') => return None,
            b'$' if bytes.get(at + 1) == Some(&b'{') => at = variable(bytes, at + 2)?,
            _ => at += 1,
        }
    }
}

/// The place behind the brace that ends the name of a variable; none where it is more than a name.
fn variable(bytes: &[u8], from: usize) -> Option<usize> {
    let name =
        bytes.get(from..)?.iter().take_while(|it| it.is_ascii_alphanumeric() || **it == b'_');
    let end = from + name.count();
    (bytes.get(end) == Some(&b'}')).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_cut_where_a_shell_would() {
        let cases: [(&str, Option<&[&str]>); 21] = [
            ("ls", Some(&["ls"])),
            ("cd a && make | tee log; rm -rf b", Some(&["cd a", "make", "tee log", "rm -rf b"])),
            ("a || b & c", Some(&["a", "b", "c"])),
            ("a\nb", Some(&["a", "b"])),
            ("a 'x; y' \"z && w\" c\\;d", Some(&["a 'x; y' \"z && w\" c\\;d"])),
            ("make > log 2>&1; a &> b; c |& d", Some(&["make > log 2>&1", "a &> b", "c", "d"])),
            ("echo \"$(rm x)\"", None),
            ("echo `rm x`", None),
            ("echo $(rm x)", None),
            ("cat <<E\nrm x\nE", None),
            ("if a; then b; fi", None),
            ("(a; b)", None),
            ("echo 'open", None),
            ("a # b; c", None),
            ("  ;  ", None),
            ("echo a\\", Some(&["echo a\\"])),
            ("ls ${HOME}; ls \"${A_1}\"", Some(&["ls ${HOME}", "ls \"${A_1}\""])),
            ("echo ${x:-a; rm b}", None),
            ("echo \"${x:-\"a; rm b\"}\"", None),
            ("echo $'it\\'s; rm b'", None),
            ("a >| b; c <> d", Some(&["a >| b", "c <> d"])),
        ];
        for (script, expected) in cases {
            assert_eq!(parts(script).as_deref(), expected, "{script}");
        }
    }

    #[test]
    fn a_script_is_what_a_shell_is_given() {
        let argv = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(script(&argv(&["/bin/bash", "-lc", "ls"])), Some("ls"));
        assert_eq!(script(&argv(&["bash", "-x", "ls"])), None);
        assert_eq!(script(&argv(&["env", "-c", "ls"])), None);
        assert_eq!(script(&argv(&["/tmp/bash", "-c", "ls"])), None);
        assert!(is_about("`rm`: removes files", "rm -rf x"));
        assert!(!is_about("`rm`: removes files", "rmdir x"));
        assert!(!is_about("the script is long", "rm x"));
    }
}
