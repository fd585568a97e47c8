use codex_config::SandboxLevel;
use insta::assert_snapshot;

use super::*;

fn layer(name: &'static str, found: &str, gives: &'static str) -> Finding {
    Finding { gives: Some(gives), ..Finding::good(name, found) }
}

fn lacking(finding: Finding, state: State, lost: &str, remedy: &str) -> Finding {
    let (lost, remedy) = (Some(lost.to_owned()), Some(remedy.to_owned()));
    Finding { state, lost, remedy, ..finding }
}

fn report() -> Report {
    let namespaces = layer("namespaces", "refused", "`.git` stays as it is");
    let landlock = layer("landlock", "not in this kernel", "rules that no process can shed");
    let settings = "config.toml:1:9: no value\n  1 | model = \x1b[2J\n    |         ^".to_owned();
    Report {
        level: Some("landlock"),
        asked: SandboxLevel::Auto,
        kernel: "6.2.0\x1b[31m".to_owned(),
        layers: vec![
            layer("seccomp", "available", "no Unix sockets"),
            lacking(namespaces, State::Weak, "`.git` can be changed", "allow user namespaces"),
            lacking(landlock, State::Bad, "files are open", "a kernel of 6.2 or later"),
        ],
        limits: vec!["`.git` can be changed".to_owned(), "names can be listed".to_owned()],
        checks: vec![
            Finding::good("git", "/usr/bin/git"),
            Finding::not("key", State::Weak, "A_KEY is not set".to_owned(), "export A_KEY=..."),
            Finding::not("settings", State::Bad, settings, "give it a value"),
        ],
        exit: 2,
    }
}

#[test]
fn marks_are_a_line_each_with_what_to_do() {
    assert_snapshot!(report().text(Detail::Marks, Paint::Plain));
    let one = Report { limits: vec!["names can be listed".to_owned()], ..report() };
    let none = Report { limits: vec![], level: None, ..report() };
    assert!(
        one.text(Detail::Marks, Paint::Plain)
            .ends_with("the 1 thing that this level does not hold.\n")
    );
    let none = none.text(Detail::Marks, Paint::Plain);
    assert!(none.starts_with("No command can run in a sandbox here"), "{none}");
    assert!(none.ends_with("says what each layer gives.\n"), "{none}");
}

#[test]
fn all_of_it_says_what_each_layer_gives_and_what_is_not_held() {
    assert_snapshot!(report().text(Detail::All, Paint::Plain));
}

#[test]
fn colours_are_those_of_the_marks_alone() {
    let text = report().text(Detail::Marks, Paint::Color);
    assert_eq!(text.matches('\x1b').count(), 12, "two for each of the six marks: {text:?}");
    for mark in ["\x1b[32mok      \x1b[0m", "\x1b[33mdegraded\x1b[0m", "\x1b[31mbroken  \x1b[0m"] {
        assert!(text.contains(mark), "{text:?}");
    }
}
