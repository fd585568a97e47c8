//! The question whether a call may go on.

use codex_event::{RuleDecision, Ruling, Scope, Stored, Verdict};

use super::*;

fn settle(verdict: Verdict, scope: Scope) -> Answer {
    Answer::Do(Action::Settle { call: CallId(7), verdict, scope })
}

fn denied(reason: &str) -> Answer {
    settle(Verdict::Denied { reason: reason.to_owned() }, Scope::Once)
}

#[test]
fn each_letter_is_an_answer() {
    let cases = [
        ("y", settle(Verdict::Allowed, Scope::Once)),
        ("a", settle(Verdict::Allowed, Scope::Session)),
        ("p", settle(Verdict::Allowed, Scope::Project)),
        ("n", denied("refused by the user")),
        ("s", settle(Verdict::Aborted, Scope::Once)),
        ("esc esc", settle(Verdict::Aborted, Scope::Once)),
        ("esc enter", settle(Verdict::Aborted, Scope::Once)),
        ("down enter", settle(Verdict::Allowed, Scope::Once)),
        ("down down enter", settle(Verdict::Allowed, Scope::Session)),
        ("up enter", settle(Verdict::Aborted, Scope::Once)),
        ("up up enter", denied("refused by the user")),
    ];
    for (keys, expected) in cases {
        assert_eq!(press(&mut Popup::approval(plain()), keys), expected, "{keys}");
    }
}

#[test]
fn enter_alone_answers_nothing() {
    let mut popup = Popup::approval(plain());
    assert_eq!(press(&mut popup, "enter enter enter"), Answer::Stay);
    assert!(screen(&mut popup, 80, 24).contains("choose first"));
}

#[test]
fn one_esc_does_no_harm() {
    let mut popup = Popup::approval(plain());
    assert_eq!(press(&mut popup, "esc down up esc"), Answer::Stay);
    assert!(screen(&mut popup, 80, 24).contains("esc again ends the turn"));
}

#[test]
fn only_what_the_question_lets_is_offered() {
    // A script has no prefix; outside of the sandbox not even the session remembers git.
    for (asked, key, words) in [
        (script(), "p", "no prefix of this command says what it runs"),
        (outside(), "a", "never allowed for more than one call"),
        (patch(), "a", "a patch is another one each time"),
    ] {
        let mut popup = Popup::approval(asked);
        let before = screen(&mut popup, 120, 40);
        assert!(!before.contains(&format!("  {key}  ")), "{before}");
        assert_eq!(press(&mut popup, key), Answer::Stay);
        let after = screen(&mut popup, 120, 40);
        assert!(after.contains(words), "{after}");
    }
}

#[test]
fn words_are_the_reason_of_a_denial() {
    let mut popup = Popup::approval(plain());
    press(&mut popup, "e");
    write(&mut popup, "not now");
    press(&mut popup, "alt-enter");
    popup.paste("use cargo check");
    assert_eq!(press(&mut popup, "enter"), denied("not now\nuse cargo check"));
    let mut popup = Popup::approval(plain());
    assert_eq!(press(&mut popup, "e enter"), Answer::Stay);
    assert_eq!(press(&mut popup, "esc y"), settle(Verdict::Allowed, Scope::Once));
}

#[test]
fn an_edited_command_is_proposed_and_not_run() {
    let mut popup = Popup::approval(script());
    assert_eq!(press(&mut popup, "e tab enter"), Answer::Stay, "nothing was changed");
    press(&mut popup, "^w ^w ^w");
    write(&mut popup, "true");
    let Answer::Do(Action::Settle { verdict: Verdict::Denied { reason }, .. }) =
        press(&mut popup, "enter")
    else {
        panic!("a denial");
    };
    assert!(reason.starts_with("refused by the user, who proposes another command."), "{reason}");
    assert!(reason.ends_with("\ncd src && cargo build --release 2>&1 | tail -n 20; true"));
}

#[test]
fn letters_of_a_text_under_way_are_no_answers() {
    let mut popup = Popup::approval(plain()).by_itself();
    let y = key("y");
    assert!(popup.holds_back(Moment(9_000), None, y), "nobody has seen it");
    screen(&mut popup, 80, 24);
    for name in ["y", "enter", "down", "backspace"] {
        assert!(popup.holds_back(Moment(1_499), Some(Moment(1_000)), key(name)), "{name}");
    }
    for name in ["esc", "^c"] {
        assert!(!popup.holds_back(Moment(1_499), Some(Moment(1_000)), key(name)), "{name}");
    }
    assert!(!popup.holds_back(Moment(1_500), Some(Moment(1_000)), y));
    assert!(!popup.holds_back(Moment(1_501), Some(Moment(1_500)), y), "the answering has begun");
    let mut popup = Popup::approval(plain());
    assert!(!popup.holds_back(Moment(1_001), Some(Moment(1_000)), y), "it was asked for");
}

#[test]
fn what_cannot_be_shown_cannot_be_allowed() {
    let mut missing = plain();
    let digest = codex_event::Digest([7; 32]);
    if let Invocation::Command { argv, .. } = &mut missing.invocation {
        *argv = Stored::Blob { digest, len: 9_000 };
    }
    let no_patch = Asked { patch: String::new(), ..patch() };
    for asked in [missing, no_patch] {
        let mut popup = Popup::approval(asked);
        for name in ["y", "a", "p"] {
            assert_eq!(press(&mut popup, name), Answer::Stay, "{name}");
        }
        assert!(screen(&mut popup, 80, 24).contains("can't be allowed"));
        assert_eq!(press(&mut popup, "n"), denied("refused by the user"));
    }
}

#[test]
fn what_was_found_stands_at_the_part_that_it_is_about() {
    let shown = |line: &str| {
        let found = "`git`: may run hooks";
        let command = command(&["/bin/bash", "-lc", line], found, None);
        screen(&mut Popup::approval(asked(Question::Run, command, "why")), 80, 24)
    };
    let one = shown("ls; git push; pwd");
    assert!(one.contains("git push\n          ↳ `git`: may run hooks\n          pwd"), "{one}");
    let two = shown("git log; git push");
    assert!(two.contains("found    `git`: may run hooks") && !two.contains('↳'), "{two}");
    let opaque = shown("for x in *; do git push; done");
    assert!(!opaque.contains("parts"), "{opaque}");
}

#[test]
fn a_question_says_where_by_which_rule_and_how_far() {
    let mut asked = Asked { reason: "pushes are looked at".to_owned(), ..plain() };
    if let Invocation::Command { workdir, timeout_ms, assessment: Some(known), .. } =
        &mut asked.invocation
    {
        *workdir = Some("crates/a".to_owned());
        *timeout_ms = Some(90_000);
        known.ruling = Some(Ruling {
            decision: RuleDecision::Prompt,
            source: "default.rules:3".to_owned(),
            justification: Some("pushes are looked at".to_owned()),
        });
    }
    let shown = screen(&mut Popup::approval(asked.clone()), 100, 40);
    for part in [
        "in       ~/engine/crates/a",
        "time     ended after 90 s",
        "rule     default.rules:3 asks each time\n",
        "why      pushes are looked at",
        "reach    a rule asks about this command each time",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let secret = Asked { arguments: Arguments::Concealed, ..asked };
    let shown = screen(&mut Popup::approval(secret.clone()), 100, 40);
    assert!(shown.contains("secret   it holds a secret that is not recorded"), "{shown}");
    assert_eq!(press(&mut Popup::approval(secret), "a"), Answer::Stay);
}

#[test]
fn hidden_characters_are_shown_wherever_something_is_allowed() {
    let line = "echo \u{202e}cod\u{200b}e \u{1b}[2K\u{1b}]0;x\u{7}\nrm\tx";
    let script = command(&["/bin/bash", "-lc", line], "`ec\u{200b}ho`: odd \u{1b}[1m", None);
    let mut asked = asked(Question::Run, script, "be\u{202e}cause");
    asked.cwd = "/home/ada/\u{200b}x".to_owned();
    for keys in ["", "v"] {
        let mut popup = Popup::approval(asked.clone());
        press(&mut popup, keys);
        let shown = screen(&mut popup, 100, 50);
        for part in [
            "\\u{202e}cod\\u{200b}e \\x1b[2K\\x1b]0;x\\x07",
            "ec\\u{200b}ho",
            "be\\u{202e}cause",
            "~/\\u{200b}x",
        ] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
        assert!(!shown.contains(|c| c != '\n' && codex_view::sanitize::is_forbidden(c)));
    }
    let text = "*** Begin Patch\n*** Add File: a\u{200b}b\n+one\u{202e}two\n*** End Patch";
    let mut popup = Popup::approval(Asked { patch: text.to_owned(), ..patch() });
    let shown = screen(&mut popup, 100, 50);
    assert!(shown.contains("one\\u{202e}two") && shown.contains("a\\u{200b}b"), "{shown}");
}

#[test]
fn all_of_a_patch_is_shown_on_demand_whatever_it_is() {
    let long = format!("+{}END", "x".repeat(5_000));
    for text in ["no patch at all".to_owned(), format!("*** Begin Patch\n*** Add File: a\n{long}")]
    {
        let last = &text[text.len() - 3..];
        let mut popup = Popup::approval(Asked { patch: text.clone(), ..patch() });
        press(&mut popup, "v");
        let shown = screen(&mut popup, 100, 80);
        assert!(shown.contains(last), "{shown}");
    }
    let many = format!("*** Begin Patch\n*** Add File: a\n{}+END", "+x\n".repeat(20_000));
    let mut popup = Popup::approval(Asked { patch: many, ..patch() });
    assert!(screen(&mut popup, 80, 24).contains("more rows"));
    press(&mut popup, "v");
    screen(&mut popup, 80, 24);
    press(&mut popup, "G");
    assert!(screen(&mut popup, 80, 24).contains("END"));
}

#[test]
fn a_command_of_a_megabyte_can_be_read_to_its_end() {
    let line = format!("echo {}; rm -rf THE_END", "x".repeat(1 << 20));
    let script = command(&["/bin/bash", "-lc", &line], "the script is long", None);
    let mut popup = Popup::approval(asked(Question::Run, script, "it is not known to be safe"));
    let brief = screen(&mut popup, 80, 40);
    assert!(brief.contains("the command goes on: 1048597 characters"), "{brief}");
    press(&mut popup, "v");
    screen(&mut popup, 80, 24);
    press(&mut popup, "/");
    write(&mut popup, "the_end");
    press(&mut popup, "enter");
    let found = screen(&mut popup, 80, 24);
    assert!(found.contains("THE_END"), "{found}");
    assert_eq!(press(&mut popup, "q"), Answer::Stay, "the choices are there again");
    assert_eq!(press(&mut popup, "e tab"), Answer::Stay);
    assert!(screen(&mut popup, 80, 40).contains("Why not"), "nobody edits a megabyte");
    press(&mut popup, "esc");
    assert_eq!(press(&mut popup, "n"), denied("refused by the user"));
}

#[test]
fn a_click_selects_and_a_second_one_answers() {
    use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
    let mut popup = Popup::approval(plain());
    let shown = screen(&mut popup, 80, 24);
    let row = shown.lines().position(|line| line.contains("no, and go on")).expect("a row");
    let click = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: 10,
        row: u16::try_from(row).expect("small"),
        modifiers: KeyModifiers::NONE,
    };
    assert_eq!(popup.mouse(Moment(0), click), Answer::Stay);
    assert_eq!(popup.mouse(Moment(0), click), denied("refused by the user"));
}

#[test]
fn each_part_of_a_script_says_what_is_known_of_it() {
    let words = |asked: Asked| {
        let shown = screen(&mut Popup::approval(asked), 80, 40);
        let lines = shown.lines().map(|line| line.trim_matches(['│', ' ', '▌']).to_owned());
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let shown = words(script_in_parts());
    let after = |part: &str| {
        let at = shown.iter().rposition(|line| line.ends_with(part)).unwrap_or_else(|| {
            panic!("{part} is not shown: {shown:#?}");
        });
        shown[at + 1].clone()
    };
    assert_eq!(after("parts    cd src"), "↳ only looks");
    assert_eq!(after("tail -n 20"), "↳ only looks");
    assert_eq!(after("cargo build --release 2>&1"), "↳ builds and runs what the project says");
    assert_eq!(after("rm -rf target"), "↳ it removes files");
    // What is known of other parts than those that are shown has no place.
    let mut other = script_in_parts();
    if let Invocation::Command { assessment: Some(assessment), .. } = &mut other.invocation {
        assessment.parts.swap(0, 1);
    }
    assert!(!words(other).iter().any(|line| line.contains("only looks")));
}

#[test]
fn what_the_model_wants_remembered_is_shown_and_no_answer() {
    let mut asked = plain();
    if let Invocation::Command { escalation, assessment, .. } = &mut asked.invocation {
        let prefix = Some(vec!["cargo".to_owned(), "te\u{202e}st".to_owned()]);
        *escalation = Some(Escalation { justification: "the network".into(), prefix });
        *assessment = None;
    }
    asked.question = Question::RunUnconfined;
    let mut popup = Popup::approval(asked);
    let shown = screen(&mut popup, 80, 40);
    assert!(shown.contains("proposes to remember `cargo"), "{shown}");
    assert!(!shown.contains('\u{202e}'), "{shown:?}");
    assert_eq!(press(&mut popup, "p"), Answer::Stay);
}
