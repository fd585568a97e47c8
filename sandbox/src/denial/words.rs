//! What the words of a message name: files, machines, processes, calls.

use std::path::{Component, Path, PathBuf};

/// What opens a quotation, and what closes it.
const QUOTES: [(char, char); 5] =
    [('\'', '\''), ('"', '"'), ('`', '\''), ('\u{2018}', '\u{2019}'), ('\u{201c}', '\u{201d}')];

/// Longest message that is taken apart, in bytes: an error message is shorter.
const LONGEST: usize = 4096;

/// Picks the words of a message that look like files: quoted ones, those with a slash, and the one
/// that stands alone before the words of the refusal.
pub(super) fn files(line: &str) -> Vec<&str> {
    let line = cut(line);
    let mut found: Vec<&str> = vec![];
    let mut add = |text| {
        let is_known = found.contains(&text);
        if is_file(text) && !is_known {
            found.push(text);
        }
    };
    let quoted = quotations(line);
    for text in &quoted {
        // Quoted prose, as of a message within a message, is no name.
        if text.contains('/') || !text.contains(' ') {
            add(*text);
        }
    }
    // The name before the first colon is the program that complains, not what it complains about.
    let complaint = line.split_once(": ").map_or(line, |(_, rest)| rest);
    for word in complaint.split(|c: char| c.is_whitespace() || is_quote(c)) {
        let word = word.trim_matches([':', ',', ';', '(', ')', '[', ']', '<', '>']);
        let word = word.trim_end_matches('.').strip_prefix("unix:").unwrap_or(word);
        let is_inside = quoted.iter().any(|text| text.contains(' ') && text.contains(word));
        if word.contains('/') && !is_inside {
            add(word);
        }
    }
    if found.is_empty() {
        found.extend(alone(line).filter(|text| is_file(text)));
    }
    found
}

fn is_file(text: &str) -> bool {
    !text.contains("://")
        && !text.contains(['\n', '\t'])
        && !text.ends_with("//")
        && text.chars().any(char::is_alphanumeric)
}

fn cut(line: &str) -> &str {
    let mut end = line.len().min(LONGEST);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

fn is_quote(c: char) -> bool {
    QUOTES.iter().any(|(open, close)| c == *open || c == *close)
}

fn quotations(line: &str) -> Vec<&str> {
    let mut found = vec![];
    let mut rest = line;
    while let Some(open) = rest.find(|c| QUOTES.iter().any(|(open, _)| c == *open)) {
        let quote = rest[open..].chars().next().unwrap_or_default();
        let inside = &rest[open + quote.len_utf8()..];
        let close =
            QUOTES.iter().find(|(open, _)| *open == quote).map_or(quote, |(_, close)| *close);
        // An apostrophe within a word opens nothing.
        let is_apostrophe =
            quote == '\'' && rest[..open].chars().next_back().is_some_and(char::is_alphanumeric);
        match inside.find(close) {
            Some(end) if !is_apostrophe => {
                found.push(&inside[..end]);
                rest = &inside[end + close.len_utf8()..];
            }
            _ => rest = inside,
        }
    }
    found
}

/// Finds the last word of what stands before the words of a refusal, as `f` in
/// `sh: 1: cannot create f: Permission denied`.
fn alone(line: &str) -> Option<&str> {
    let lower = line.to_ascii_lowercase();
    let refusal = [": permission denied", ": operation not permitted", ": read-only file system"]
        .iter()
        .find_map(|phrase| lower.find(phrase))?;
    let mut parts = line[..refusal].rsplit(": ");
    // `tar: f: Cannot open: Permission denied`
    let part = parts.next().filter(|part| !part.starts_with("Cannot ")).or(parts.next())?;
    let word = part.rsplit(' ').next()?;
    let is_prose = part.split(' ').count() > 3;
    let is_label = ["error", "fatal", "failed"].contains(&word.to_ascii_lowercase().as_str());
    (!is_prose && !is_label && !word.is_empty() && !word.chars().all(|c| c.is_ascii_digit()))
        .then_some(word)
}

/// Takes `.` and `..` out of a path without a look at the file system.
pub(super) fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
        plain
    })
}

/// Tells whether a word of a command line runs a program of this name.
pub(super) fn runs(word: &str, program: &str) -> bool {
    word.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')'))
        .any(|word| word.rsplit('/').next() == Some(program))
}

/// Lists the folders that a command changes to on its way: `cd`, `-C`, `make`'s own words.
pub(super) fn folders(argv: &[String], before: &[&str]) -> Vec<PathBuf> {
    let mut found = vec![];
    for script in argv {
        let mut words = script
            .split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')'))
            .filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            if matches!(word, "cd" | "pushd" | "-C" | "-d" | "--directory" | "--chdir" | "--prefix")
                && let Some(folder) = words.next()
            {
                found.push(PathBuf::from(folder.trim_matches(is_quote)));
            }
        }
    }
    // `-C FOLDER` may also be two arguments of a list.
    for pair in argv.windows(2) {
        if matches!(pair[0].as_str(), "-C" | "-d" | "--directory" | "--prefix") {
            found.push(PathBuf::from(&pair[1]));
        }
    }
    for line in before {
        if let Some((_, folder)) = line.split_once("Entering directory ") {
            found.push(PathBuf::from(folder.trim_matches(is_quote)));
        }
    }
    found
}

/// Finds the machine that a message about the network names.
pub(super) fn host(line: &str) -> Option<String> {
    const BEFORE: [&str; 16] = [
        "connect enetunreach ",
        "connect ehostunreach ",
        "resolve host: ",
        "resolve host name (could not resolve host: ",
        "resolve host address ",
        "resolve hostname ",
        "resolve host '",
        "failure resolving ",
        "eai_again ",
        "enotfound ",
        "unknownhostexception: ",
        "connect to host ",
        "failed to connect to ",
        "connecting to ",
        "connect eperm ",
        "lookup ",
    ];
    let lower = line.to_ascii_lowercase();
    let named = BEFORE.iter().find_map(|words| {
        let start = lower.find(words)? + words.len();
        machine(line[start..].split([' ', ',', ';', ')']).next()?)
    });
    named.or_else(|| url(line))
}

/// Finds a machine that a command line names, as `ssh git@example.org` does.
pub(super) fn host_of(argv: &[String]) -> Option<String> {
    argv.iter().find_map(|word| url(word)).or_else(|| {
        let mut words = argv.iter().flat_map(|word| word.split_whitespace());
        words.find_map(|word| machine(word).filter(|host| is_name(host)))
    })
}

/// Lists what looks like a file in a command line.
pub(super) fn files_of(argv: &[String]) -> Vec<&str> {
    let ends = |c: char| c.is_whitespace() || is_quote(c) || "()[]{};,=<>|&".contains(c);
    let begins = |word: &&str| ["/", "./", "../", "~/"].iter().any(|it| word.starts_with(it));
    argv.iter().skip(1).flat_map(|word| word.split(ends)).filter(begins).collect()
}

/// Tells whether a shell's line sends output to this file.
pub(super) fn is_written(file: &str, argv: &[String]) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    argv.iter().any(|script| {
        script.match_indices('>').any(|(at, _)| {
            let target = script[at + 1..].trim_start_matches(['>', '|', '&', ' ', '"', '\'']);
            let end = target.find(|c: char| c.is_whitespace() || ";|&<>)\"'".contains(c));
            let target = &target[..end.unwrap_or(target.len())];
            target == file || (!name.is_empty() && target.rsplit('/').next() == Some(name))
        })
    })
}

fn url(text: &str) -> Option<String> {
    let (_, rest) = ["https://", "http://", "git://", "ssh://", "ftp://"]
        .iter()
        .find_map(|scheme| text.split_once(scheme))?;
    let authority = rest.split(['/', ' ', '"', '\'', '?', ')', '>']).next()?;
    // What stands before it may be a password.
    machine(authority.rsplit('@').next()?)
}

/// Takes a word for a machine, if it can be one.
fn machine(word: &str) -> Option<String> {
    let word = word.rsplit('@').next()?.trim_matches(|c: char| is_quote(c) || c == ':' || c == '.');
    let is_host =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let fits = !word.is_empty() && word.len() <= 253 && word.chars().all(is_host);
    (fits && word.chars().any(|c| c.is_ascii_alphanumeric())).then(|| word.to_owned())
}

/// Tells a full name of a machine from a word or the name of a file.
fn is_name(word: &str) -> bool {
    const ENDS: [&str; 12] = [
        ".com", ".org", ".net", ".io", ".dev", ".edu", ".gov", ".example", ".test", ".invalid",
        ".local", ".ai",
    ];
    ENDS.iter().any(|end| word.ends_with(end))
}

/// Finds the process that a message about a signal names.
pub(super) fn process(line: &str) -> Option<i32> {
    line.split(|c: char| !c.is_ascii_digit())
        .filter(|word| word.len() > 1)
        .find_map(|word| word.parse().ok())
}

/// Finds the port of this machine that a message names.
pub(super) fn is_loopback(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    ["127.0.0.1", "localhost", "[::1]", "::1"].iter().any(|name| lower.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_messages_put_them() {
        let texts = |line| files(line);
        for (line, expected) in [
            ("touch: cannot touch 'a b/c': Permission denied", &["a b/c"][..]),
            ("cp: cannot stat \u{2018}x\u{2019}: No such file", &["x"]),
            ("sh: 1: cannot create f: Permission denied", &["f"]),
            ("bash: line 1: f: Permission denied", &["f"]),
            ("bash: /etc/x: Permission denied", &["/etc/x"]),
            ("Error: EACCES: permission denied, open '/etc/x'", &["/etc/x"]),
            ("mv: cannot move 'a' to '/o/b': Permission denied", &["a", "/o/b"]),
            ("java.io.FileNotFoundException: /etc/x (Permission denied)", &["/etc/x"]),
            ("can't open https://example.org/x: Permission denied", &[]),
            ("error: you can't do that: Permission denied", &[]),
            ("rm: cannot remove 'it's': Permission denied", &["it"]),
        ] {
            assert_eq!(texts(line), expected, "{line}");
        }
    }

    #[test]
    fn machines_are_found_where_messages_put_them() {
        for (line, expected) in [
            ("curl: (6) Could not resolve host: example.org", Some("example.org")),
            (
                "wget: unable to resolve host address \u{2018}example.org\u{2019}",
                Some("example.org"),
            ),
            ("Error: getaddrinfo EAI_AGAIN registry.npmjs.org", Some("registry.npmjs.org")),
            ("curl: (7) Failed to connect to 10.0.0.1 port 80", Some("10.0.0.1")),
            ("fatal: unable to access 'https://me:pw@example.org/x/'", Some("example.org")),
            ("Temporary failure in name resolution", None),
        ] {
            assert_eq!(host(line).as_deref(), expected, "{line}");
        }
        let argv = ["ssh".to_owned(), "-T".to_owned(), "git@example.org".to_owned()];
        assert_eq!(host_of(&argv).as_deref(), Some("example.org"));
    }
}
