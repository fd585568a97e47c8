//! Popups held against what they should show and do.

mod keys;
mod laws;
mod pictures;
mod question;

use codex_event::{
    Arguments, Assessment, CallId, Escalation, Invocation, Question, Safety, Seq, SessionId,
    Timestamp, Usage,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::host::{Concern, SessionRow};
use crate::options::{Colours, Palette};

/// What a popup draws, without blanks at the ends of lines.
fn screen(popup: &mut Popup, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    popup.draw(area, &mut buf, &Theme::of(Palette::Plain));
    text(&buf)
}

/// The same, as high as the popup wants to be.
fn picture(popup: &mut Popup, width: u16, height: u16) -> String {
    let height = popup.height(width, height);
    screen(popup, width, height)
}

fn text(buf: &Buffer) -> String {
    let area = buf.area;
    let mut lines = Vec::new();
    for y in area.top()..area.bottom() {
        let mut line = String::new();
        let mut covered = 0;
        for x in area.left()..area.right() {
            let symbol = buf[(x, y)].symbol();
            if covered == 0 {
                line.push_str(symbol);
                covered = crate::wrap::columns(symbol).max(1);
            }
            covered -= 1;
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

/// A key as people write it: `y`, `enter`, `^t`, `alt-enter`.
fn key(name: &str) -> KeyEvent {
    let (modifiers, name) = match name.strip_prefix("alt-") {
        Some(rest) => (KeyModifiers::ALT, rest),
        None => (KeyModifiers::NONE, name),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "backspace" => KeyCode::Backspace,
        "delete" => KeyCode::Delete,
        name => {
            let (control, name) = match name.strip_prefix('^') {
                Some(rest) if !rest.is_empty() => (KeyModifiers::CONTROL, rest),
                Some(_) | None => (KeyModifiers::NONE, name),
            };
            let code = KeyCode::Char(name.chars().next().expect("a key has a name"));
            return KeyEvent::new(code, modifiers | control);
        }
    };
    KeyEvent::new(code, modifiers)
}

/// Presses keys, and gives what comes of the last one; the others have to be taken.
fn press(popup: &mut Popup, keys: &str) -> Answer {
    let mut answer = Answer::Stay;
    for name in keys.split_whitespace() {
        assert!(matches!(answer, Answer::Stay | Answer::Try(_)), "before {name}: {answer:?}");
        answer = popup.key(key(name));
    }
    answer
}

/// Types a text.
fn write(popup: &mut Popup, text: &str) {
    for c in text.chars() {
        let answer = popup.key(KeyEvent::from(KeyCode::Char(c)));
        assert_eq!(answer, Answer::Stay, "{c}");
    }
}

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn asked(question: Question, invocation: Invocation, reason: &str) -> Asked {
    Asked {
        call: CallId(7),
        question,
        reason: reason.to_owned(),
        invocation,
        arguments: Arguments::Recorded,
        patch: String::new(),
        changes: Vec::new(),
        cwd: "/home/ada/engine".to_owned(),
        home: Some("/home/ada".to_owned()),
        sandbox: "writes below ~/engine and the temporary folder; no network".to_owned(),
        denial: None,
    }
}

fn command(words: &[&str], reason: &str, prefix: Option<&[&str]>) -> Invocation {
    Invocation::Command {
        argv: argv(words).into(),
        workdir: None,
        timeout_ms: None,
        safety: Safety::Unknown,
        escalation: None,
        assessment: Some(Box::new(Assessment {
            reason: reason.to_owned(),
            ruling: None,
            prefix: prefix.map(argv),
            parts: Vec::new(),
        })),
    }
}

/// A script of which one part is not known to be safe.
fn script() -> Asked {
    let line = "cd src && cargo build --release 2>&1 | tail -n 20; rm -rf target";
    let why = "`cargo`: builds and runs what the project says";
    let command = command(&["/bin/bash", "-lc", line], why, None);
    asked(Question::Run, command, "the command is not known to be safe")
}

/// The same, with what is known of each part.
fn script_in_parts() -> Asked {
    let mut asked = script();
    let known = [
        ("cd", None),
        ("cargo", Some("builds and runs what the project says")),
        ("tail", None),
        ("rm", Some("it removes files")),
    ];
    if let Invocation::Command { assessment: Some(assessment), .. } = &mut asked.invocation {
        let part = |(program, reason): (&str, Option<&str>)| codex_event::AssessedPart {
            program: program.to_owned(),
            reason: reason.map(str::to_owned),
        };
        assessment.parts = known.map(part).to_vec();
    }
    asked
}

/// A plain command that can be allowed for good.
fn plain() -> Asked {
    let why = "`cargo`: builds and runs what the project says";
    let command = command(&["cargo", "test", "-p", "engine"], why, Some(&["cargo", "test"]));
    asked(Question::Run, command, "the command is not known to be safe")
}

/// A command that the model wants to run outside of the sandbox.
fn outside() -> Asked {
    let mut wish = command(&["git", "push", "origin", "main"], "`git`: may run hooks", None);
    let words = "the branch has to reach the server before the release can be built";
    if let Invocation::Command { escalation, .. } = &mut wish {
        *escalation = Some(Escalation { justification: words.to_owned(), prefix: None });
    }
    asked(Question::RunUnconfined, wish, words)
}

/// A command that the sandbox stopped.
fn stopped() -> Asked {
    let why = "`npm`: runs what the project says";
    let command = command(&["npm", "install"], why, None);
    let denial = codex_event::Denial {
        grade: codex_event::DenialGrade::Certain,
        evidence: "connect: EPERM".to_owned(),
        denied: Some("connecting to registry.npmjs.org".to_owned()),
        permission: Some("network-full-access".to_owned()),
    };
    let asked = asked(Question::RetryUnconfined, command, "it failed in the sandbox");
    Asked { denial: Some(denial), ..asked }
}

/// A patch that leaves the project.
fn patch() -> Asked {
    let paths = vec!["/home/ada/.bashrc".to_owned()];
    let question = Question::WriteOutside { paths };
    let invocation = Invocation::Patch { workdir: None, text: None };
    let patch = "*** Begin Patch\n*** Update File: /home/ada/.bashrc\n@@\n alias ll='ls -l'\n-export EDITOR=vi\n+export EDITOR=hx\n*** End Patch\n";
    let reason = "the patch leaves the writable folders";
    Asked { patch: patch.to_owned(), ..asked(question, invocation, reason) }
}

fn session(number: u8) -> SessionId {
    let mut bytes = [number; 16];
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    SessionId::from_bytes(bytes)
}

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn sessions() -> Vec<SessionRow> {
    let row = |number, title: &str, last: &str, state: &str, minutes: u64, tokens| SessionRow {
        id: session(number),
        title: title.to_owned(),
        last: last.to_owned(),
        state: state.to_owned(),
        cwd: "/home/ada/engine".to_owned(),
        at: Timestamp(NOW.0 - minutes * 60_000),
        tokens,
    };
    vec![
        row(1, "repair the parser", "The test passes now.", "running", 0, (12_345, 678)),
        row(2, "add a changelog", "Which version is next?", "interrupted", 95, (1_250, 80)),
        row(3, "説明を書く", "終わりました。", "clean", 3 * 24 * 60, (900, 99)),
        row(4, "an old one", "done", "damaged", 400 * 24 * 60, (2_500_000, 1)),
    ]
}

fn filled() -> Popup {
    let mut popup = Popup::sessions(Some(session(3)), Some("/home/ada".to_owned()));
    if let Popup::Sessions(it) = &mut popup {
        it.fill(sessions(), NOW);
    }
    popup
}

fn commands() -> Vec<CommandRow> {
    let row = |name: &str, arguments: &str, description: &str| CommandRow {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        description: description.to_owned(),
    };
    vec![
        row("model", "[name]", "choose the model and its effort"),
        row("approvals", "", "choose when you are asked"),
        row("permissions", "", "choose what commands may do"),
        row("status", "", "tell what holds for this session"),
        row("diff", "", "show what differs from the last commit"),
        row("new", "", "begin anew"),
        row("name", "[words]", "name the session"),
        row("resume", "[session]", "take an earlier session up"),
        row("quit", "", "leave"),
    ]
}

fn usage() -> Vec<UsageRow> {
    let row = |label: &str, input, cached, output, thinking| UsageRow {
        label: label.to_owned(),
        usage: Usage {
            input_tokens: input,
            cached_input_tokens: cached,
            cache_write_input_tokens: 0,
            output_tokens: output,
            reasoning_output_tokens: thinking,
        },
    };
    vec![row("turn 1", 1_234, 0, 56, 7), row("turn 2", 1_234_567, 1_000_000, 4_321, 2_000), {
        row("all", 1_235_801, 1_000_000, 4_377, 2_007)
    }]
}

fn help() -> Vec<KeyGroup> {
    let keys = |keys: &[(&str, &str)]| {
        keys.iter().map(|(key, what)| ((*key).to_owned(), (*what).to_owned())).collect()
    };
    vec![
        KeyGroup {
            title: "Everywhere".to_owned(),
            keys: keys(&[
                ("esc", "close what is open, else end the turn"),
                ("ctrl-c", "empty the composer, else end the turn, else leave when pressed again"),
            ]),
        },
        KeyGroup {
            title: "Composer".to_owned(),
            keys: keys(&[("enter", "say it"), ("alt-enter", "new line")]),
        },
    ]
}

/// One of each kind, as they come.
fn each() -> Vec<(&'static str, Popup)> {
    let untried = Concern::Untried {
        project: "/home/ada/engine".into(),
        keys: vec!["model = \"o3\"".to_owned(), "approval_policy = \"never\"".to_owned()],
    };
    let no_key = Concern::NoKey { variables: vec!["OPENAI_API_KEY".to_owned()] };
    let models = ["o4-mini", "o3", "gpt-5"].map(str::to_owned);
    let prompts = vec![
        PromptRow { before: Some(Seq(40)), text: "and the docs?\nplease all of them".to_owned() },
        PromptRow { before: Some(Seq(3)), text: "repair the parser".to_owned() },
    ];
    let card = Card {
        title: "Status".to_owned(),
        rows: vec![
            ("model".to_owned(), "o4-mini (medium)".to_owned()),
            ("sandbox".to_owned(), "full\nlandlock ABI 6".to_owned()),
        ],
    };
    let lines = (1..=100).map(|at| ratatui::text::Line::from(format!("line {at}"))).collect();
    let diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n";
    vec![
        ("question_script", Popup::approval(script())),
        ("question_plain", Popup::approval(plain())),
        ("question_outside", Popup::approval(outside())),
        ("question_stopped", Popup::approval(stopped())),
        ("question_patch", Popup::approval(patch())),
        ("palette", Popup::palette(commands())),
        ("sessions", filled()),
        ("models", Popup::models(&models, "o3", Some("low"))),
        ("approvals", Popup::approvals(codex_event::ApprovalPolicy::OnRequest)),
        ("access", Popup::access(Some(crate::host::Access::WorkspaceWrite))),
        ("themes", Popup::themes(Colours::Always(Palette::Dark))),
        ("prompts", Popup::prompts(prompts)),
        ("history", Popup::history(vec!["one".to_owned(), "two\nlines".to_owned()])),
        ("pages", Popup::pages("Transcript", lines)),
        ("help", Popup::help(help())),
        ("card", Popup::card(card)),
        ("usage", Popup::usage(usage())),
        ("diff", Popup::diff(diff)),
        ("notice", Popup::notice("Take care", "something happened\nover there")),
        ("leave", Popup::leave(Leaving::Ends)),
        ("detach", Popup::leave(Leaving::Detaches)),
        ("take_over", Popup::take_over(session(1), 4321)),
        ("end_owner", Popup::end_owner(session(1), 4321)),
        ("no_key", Popup::concern(&no_key, "openai")),
        ("untried", Popup::concern(&untried, "openai")),
    ]
}
