//! Commands, each on a line as a person would type it, under why they only look, or why they are asked
//! about.

use codex_event::Safety;

use crate::{looks, verdict};

/// Commands that need no question.
pub(crate) fn only_look() -> Vec<Vec<String>> {
    read(include_str!("cases/looks.txt"))
}

/// Commands that do.
pub(crate) fn asked() -> Vec<Vec<String>> {
    read(include_str!("cases/asks.txt"))
}

pub(crate) fn all() -> Vec<Vec<String>> {
    let mut all = only_look();
    all.extend(asked());
    all
}

fn read(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines
        .map(|line| shlex::split(line).unwrap_or_else(|| panic!("a quoted line: {line}")))
        .collect()
}

#[test]
fn what_only_looks_needs_no_question() {
    let cases = only_look();
    assert!(cases.len() > 200, "{}", cases.len());
    let wrong: Vec<_> =
        cases.iter().filter(|argv| !looks(argv)).map(|it| (it, verdict(it).reason)).collect();
    assert!(wrong.is_empty(), "asked about: {wrong:#?}");
}

#[test]
fn everything_else_is_asked_about() {
    let cases = asked();
    assert!(cases.len() > 450, "{}", cases.len());
    let wrong: Vec<_> = cases.iter().filter(|argv| looks(argv)).collect();
    assert!(wrong.is_empty(), "not asked about: {wrong:#?}");
    assert_eq!(verdict(&[]).safety, Safety::Unknown);
}

fn bash(script: &str) -> Vec<String> {
    ["bash", "-lc", script].map(str::to_owned).to_vec()
}

#[test]
fn what_does_not_fit_on_a_line() {
    for script in
        ["ls\npwd", "ls\n\n\npwd\n", "\nls &&\n pwd", "ls |\nwc -l", "cat 'a\nb'", "cat \"a\nb\""]
    {
        assert!(looks(&bash(script)), "{script:?}: {}", verdict(&bash(script)).reason);
    }
    for script in [
        "ls\nrm a",
        "ls\r\nrm a",
        "ls\0",
        "ls \u{1b}[2K",
        "ls \u{202e}",
        "ls\u{a0}-l",
        "ls\u{2003}a",
        "cat <<E\n$(id)\nE",
        "ls\n&& pwd",
        "ls\n| pwd",
        "ls \\\n -l",
        "cat \"a\\\nb\"",
        "ls\u{b}a",
        "ls\u{c}a",
        "l\u{200b}s",
        "ls \u{feff}a",
        "ls\n;",
        "ls é",
    ] {
        assert!(!looks(&bash(script)), "{script:?}");
    }
    for argv in
        [vec!["cat", "a\0b"], vec!["ls\0"], vec!["sed", "-n", "1p\nw out", "a"], vec!["ls\n"]]
    {
        let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
        assert!(!looks(&argv), "{argv:?}");
    }
}

/// Neither a megabyte nor any depth of nesting is more than a refusal.
#[test]
fn size_and_depth_are_refused() {
    let deep = 100_000;
    for script in [
        "ls ".repeat(350_000),
        format!("ls {}", "a".repeat(1 << 20)),
        "(".repeat(deep),
        "$(".repeat(deep),
        "{ ".repeat(2_000),
        "\"".repeat(4_095),
        "[ ".repeat(4_000),
        format!("ls{}", " | ls".repeat(1_000)),
        format!("ls{}", " && ls".repeat(1_000)),
        "ls\n".repeat(1_000),
        format!("test {}", "! ".repeat(4_000)),
    ] {
        assert!(!looks(&bash(&script)), "{}...", &script[..40]);
    }
    let argv: Vec<String> =
        std::iter::once("cat".to_owned()).chain((0..100_000).map(|it| it.to_string())).collect();
    assert!(!looks(&argv));
    assert!(looks(&bash(&format!("ls{}", " | ls".repeat(31)))));
}

/// A shell reads options until the first argument that is none, also behind `-c`.
#[test]
fn a_script_that_a_shell_takes_for_an_option_is_none() {
    for script in ["-x", "+-n", "-c ls", "+O extglob"] {
        let verdict = verdict(&bash(script));
        assert_eq!(verdict.commands, None, "{script}");
        assert_eq!(verdict.reason, "the script would be read as an option of the shell");
    }
}

/// A rule may allow one command of a script. The others are judged where they stand, not alone.
#[test]
fn each_command_is_judged_where_it_stands() {
    for (script, safe) in [
        ("make && rg foo *", [false, false]),
        ("make; cat a", [false, true]),
        ("cd /proc/self; cat cpuinfo", [false, true]),
        ("cd /etc; cat shadow-", [true, false]),
        ("cd src; ls *", [true, true]),
    ] {
        let verdict = verdict(&bash(script));
        let commands = verdict.commands.clone().expect("plain commands");
        assert_eq!(
            [verdict.is_safe(&commands[0]), verdict.is_safe(&commands[1])],
            safe,
            "{script}"
        );
    }
    assert!(!verdict(&bash("ls")).is_safe(&["pwd".to_owned()]));
}

#[test]
fn reasons_are_words() {
    let said = |line: &str| verdict(&shlex::split(line).expect("a quoted line")).reason;
    assert_eq!(said("ls -l"), "`ls` only looks");
    assert_eq!(said("bash -lc 'ls | head; ls'"), "`ls`, `head` only look");
    assert_eq!(said("sort -o out a"), "`sort`: the option `-o` is not known to only look");
    assert_eq!(
        said("git status"),
        "`git`: it follows the settings of a repository, which can run programs"
    );
    assert_eq!(said("bash -lc 'ls $HOME'"), "the script has an expansion or a substitution");
    assert_eq!(said("uniq a b"), "`uniq`: it has more than one operand");
    assert_eq!(said("bash -lc 'sort *'"), "`sort`: `*` may match a file that looks like an option");
    assert_eq!(said("cat .env"), "`cat`: `.env` may hold secrets");
    assert_eq!(said("./ls"), "`./ls`: it is named by a path outside of the system's folders");
}
