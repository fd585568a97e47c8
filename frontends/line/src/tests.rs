//! The line frontend, told stories and given lines.

use codex_event::{
    Assessment, Author, CallId, CloseReason, Command, Envelope, Event, InterruptReason, Invocation,
    ItemKind, Question, Scope, Seq, Verdict,
};
use codex_view::Paint;
use codex_view::testing::{self, Story, command};

use crate::line::{Act, Line};
use crate::{Input, Left, Role};

const OWNER: Role = Role::Owner { from: Seq(1) };

fn whole(_: &mut Envelope) {}

fn begin(role: Role) -> Line {
    let mut line = Line::new(role, Paint::Plain);
    assert_eq!(line.caught_up(&whole), [Act::Prompt("> ")]);
    line
}

/// Tells what of a story was not told yet.
fn tell(line: &mut Line, story: &Story, from: usize) -> Vec<Act> {
    let fresh = story.envelopes()[from..].iter();
    fresh.flat_map(|envelope| line.record(envelope.clone(), &whole)).collect()
}

fn types(line: &mut Line, text: &str) -> Vec<Act> {
    line.input(Input::Line(text.to_owned()))
}

fn said(acts: &[Act]) -> String {
    let lines = acts.iter().filter_map(|act| match act {
        Act::Say(text) => Some(text.as_str()),
        Act::Prompt(_) | Act::Ask(_) | Act::Leave => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn settles(verdict: Verdict, scope: Scope) -> Vec<Act> {
    vec![Act::Ask(Command::SettleReview { call: CallId(1), verdict, scope })]
}

/// A turn whose first call waits for an answer.
fn asking() -> Story {
    let mut story = Story::new();
    story.open();
    story.turn("do the task");
    story.ask();
    story.says("I will remove it.");
    story.calls("shell");
    story.responds();
    let call = story.called(command(&["rm", "-r", "build\x1b[2J"]));
    ask(&mut story, call);
    story
}

fn ask(story: &mut Story, call: CallId) {
    let reason = "the command is not known to be safe".to_owned();
    let event = Event::ReviewAsked { call, question: Question::Run, reason };
    story.push(Author::Supervisor, event);
}

fn settle(story: &mut Story, by: &str, verdict: Verdict) {
    let event = Event::ReviewSettled { call: CallId(1), verdict, scope: Scope::Once };
    story.push(Author::User(by.to_owned()), event);
}

#[test]
fn a_question_is_shown_with_what_is_asked_and_takes_each_answer() {
    let denied = |reason: &str| Verdict::Denied { reason: reason.to_owned() };
    let cases = [
        ("y", Verdict::Allowed, Scope::Once),
        ("s", Verdict::Allowed, Scope::Session),
        ("n", denied("refused by the user"), Scope::Once),
        ("n use trash", denied("refused by the user: use trash"), Scope::Once),
        ("a", Verdict::Aborted, Scope::Once),
    ];
    for (typed, verdict, scope) in cases {
        let mut line = begin(OWNER);
        let acts = tell(&mut line, &asking(), 0);
        assert_eq!(acts.last(), Some(&Act::Prompt("y/s/n/a> ")));
        let shown = said(&acts);
        let end = shown.find("I will remove it.").expect("said before the question");
        assert!(
            shown[end..].contains("may this run? rm -r 'build\\x1b[2J' in /ws/dir\n"),
            "{shown}"
        );
        assert!(shown.contains("the command is not known to be safe\n"), "{shown}");
        assert_eq!(types(&mut line, typed), settles(verdict, scope), "{typed}");
    }
}

/// A question about a command that is told apart by its first words, and how its answers are asked for.
#[test]
fn only_the_answers_that_a_question_takes_are_offered_and_nothing_hides_in_it() {
    let asks = |question: Question, prefix: Option<&str>| {
        let mut story = Story::new();
        story.open();
        story.turn("test it");
        story.ask();
        story.calls("shell");
        story.responds();
        let mut invocation = command(&["cargo", "test", "\u{202e}txt.exe"]);
        if let Invocation::Command { assessment, .. } = &mut invocation {
            let prefix = prefix.map(|word| vec![word.to_owned(), "test".to_owned()]);
            let reason = "not on the list".to_owned();
            *assessment =
                Some(Box::new(Assessment { reason, ruling: None, prefix, parts: Vec::new() }));
        }
        let call = story.called(invocation);
        let reason = "it is\rsafe\u{1b}[2K".to_owned();
        story.push(Author::Supervisor, Event::ReviewAsked { call, question, reason });
        let mut line = begin(OWNER);
        let acts = tell(&mut line, &story, 0);
        (line, acts)
    };
    let outside = || Question::WriteOutside { paths: vec!["/etc/\u{202e}stsoh".into()] };
    for (question, prefix, prompt, words) in [
        (
            Question::Run,
            Some("cargo"),
            "y/s/p/n/a> ",
            "p: always, for `cargo test` in this project",
        ),
        (Question::Run, None, "y/s/n/a> ", "s: yes, for this session"),
        (Question::RunUnconfined, Some("cargo"), "y/s/n/a> ", "outside of the sandbox"),
        (Question::RunUnconfined, None, "y/n/a> ", "outside of the sandbox"),
        (outside(), None, "y/n/a> ", "/etc/\\u{202e}stsoh"),
    ] {
        let (mut line, acts) = asks(question.clone(), prefix);
        assert_eq!(acts.last(), Some(&Act::Prompt(prompt)), "{question:?} {prefix:?}");
        let shown = said(&acts);
        assert!(shown.contains(words), "{words}: {shown}");
        assert!(shown.contains("it is\\rsafe\\x1b[2K"), "{shown}");
        assert!(shown.contains("\\u{202e}txt.exe"), "{shown}");
        let raw = |c: char| c != '\n' && codex_view::sanitize::is_forbidden(c);
        assert!(!shown.contains(raw), "{shown:?}");
        if !prompt.contains('p') {
            assert!(!said(&types(&mut line, "p")).is_empty(), "the reason is told");
            assert_eq!(types(&mut line, "y"), settles(Verdict::Allowed, Scope::Once));
        } else {
            assert_eq!(types(&mut line, "p"), settles(Verdict::Allowed, Scope::Project));
        }
    }
}

#[test]
fn a_question_keeps_prompts_from_being_taken_for_answers_and_the_other_way_round() {
    let mut line = begin(OWNER);
    assert!(said(&types(&mut line, "y")).contains("/say y"));
    let submit = |text: &str| vec![Act::Ask(Command::Submit { input: text.to_owned() })];
    assert_eq!(types(&mut line, "no, the other one"), submit("no, the other one"));
    assert_eq!(types(&mut line, "/say y"), submit("y"));
    tell(&mut line, &asking(), 0);
    assert!(said(&types(&mut line, "what does it do?")).contains("a question waits"));
    assert_eq!(types(&mut line, "/say what does it do?"), submit("what does it do?"));
    assert_eq!(types(&mut line, ""), [Act::Prompt("y/s/n/a> ")]);
}

#[test]
fn an_answer_from_elsewhere_dismisses_the_question_and_says_who_gave_it() {
    let mut line = begin(Role::Guest);
    let mut story = asking();
    tell(&mut line, &story, 0);
    let before = story.envelopes().len();
    settle(&mut story, "robot", Verdict::Allowed);
    let shown = said(&tell(&mut line, &story, before));
    assert!(shown.contains("answered by user:robot"), "{shown}");
    assert!(said(&types(&mut line, "y")).contains("no question waits"));

    // The other way round it is no news.
    let mut line = begin(Role::Guest);
    let mut story = asking();
    tell(&mut line, &story, 0);
    types(&mut line, "y");
    settle(&mut story, "line", Verdict::Allowed);
    let shown = said(&tell(&mut line, &story, before));
    assert!(shown.contains("allowed by user:line") && !shown.contains("nothing waits"), "{shown}");

    // An answer that came too late is said to be.
    let mut line = begin(Role::Guest);
    tell(&mut line, &asking(), 0);
    let acts = types(&mut line, "y");
    let [Act::Ask(command)] = &acts[..] else { panic!("{acts:?}") };
    let shown = said(&line.refused(command, "call 1 waits for no answer"));
    assert_eq!(shown, "not taken: call 1 waits for no answer");
}

#[test]
fn a_patch_is_shown_before_it_is_allowed() {
    let patch = "*** Begin Patch\n*** Update File: a.txt\n-old\x1b[8m\n+new\n*** End Patch";
    let function = serde_json::json!({"command": ["apply_patch", patch]}).to_string();
    for raw in [
        serde_json::json!({"type": "custom_tool_call", "input": patch}),
        serde_json::json!({"type": "function_call", "arguments": function}),
    ] {
        let mut story = Story::new();
        story.open();
        story.turn("do the task");
        story.ask();
        let kind = ItemKind::CustomCall { call_id: "c".to_owned(), name: "apply_patch".to_owned() };
        story.item(kind, &raw.to_string());
        story.responds();
        let call = story.called(Invocation::Patch { workdir: None, text: None });
        ask(&mut story, call);
        let mut line = begin(OWNER);
        let shown = said(&tell(&mut line, &story, 0));
        assert!(shown.contains("*** Update File: a.txt\n-old\\x1b[8m\n+new\n"), "{shown}");
    }
}

#[test]
fn of_what_was_there_before_only_the_last_turn_is_shown_and_its_question_asked_again() {
    let mut story = testing::shell();
    story.resume(Vec::new());
    let first = story.envelopes().len();
    for envelope in asking().envelopes().iter().skip(3) {
        let event = envelope.event().expect("known").clone();
        story.push(envelope.author.clone(), event);
    }
    let mut line = Line::new(Role::Owner { from: Seq(1 << 40) }, Paint::Plain);
    assert_eq!(tell(&mut line, &story, 0), []);
    let acts = line.caught_up(&whole);
    let shown = said(&acts);
    assert!(!shown.contains("echo hello") && shown.contains("do the task"), "{shown}");
    assert_eq!(acts.last(), Some(&Act::Prompt("y/s/n/a> ")));
    assert!(first > 3);
    assert_eq!(types(&mut line, "y"), settles(Verdict::Allowed, Scope::Once));
}

#[test]
fn a_long_turn_of_the_past_is_cut_to_its_end() {
    let mut story = Story::new();
    story.open();
    story.turn("do the task");
    story.ask();
    for _ in 0..200 {
        story.shell("true", &[], 0);
    }
    let mut line = Line::new(OWNER, Paint::Plain);
    tell(&mut line, &story, 0);
    let shown = said(&line.caught_up(&whole));
    assert_eq!(shown.lines().count(), 201);
    assert!(shown.lines().next().is_some_and(|line| line.contains("lines more")), "{shown}");
}

#[test]
fn leaving_ends_the_turn_and_then_the_session_of_an_owner() {
    let user = InterruptReason::User;
    let interrupt = || vec![Act::Ask(Command::Interrupt { reason: user })];
    let close = |reason| vec![Act::Ask(Command::Close { reason })];
    let mut line = begin(OWNER);
    assert_eq!(types(&mut line, "/quit"), close(CloseReason::Done));
    assert_eq!(line.left(), Left::Wished);

    let mut line = begin(OWNER);
    let mut story = asking();
    tell(&mut line, &story, 0);
    assert_eq!(line.input(Input::End), interrupt());
    assert_eq!(line.input(Input::End), [], "once is enough");
    let before = story.envelopes().len();
    story.push(Author::Supervisor, Event::TurnInterrupted { reason: user });
    let acts = tell(&mut line, &story, before);
    assert_eq!(acts.last(), close(CloseReason::Interrupted).last());

    // A turn that began just before keeps the session open; it is ended too.
    let mut line = begin(OWNER);
    line.input(Input::End);
    let command = Command::Close { reason: CloseReason::Done };
    assert_eq!(line.refused(&command, "a turn is running"), interrupt());

    // A guest just goes.
    let mut line = begin(Role::Guest);
    tell(&mut line, &asking(), 0);
    assert_eq!(line.input(Input::Interrupt), interrupt());
    assert_eq!(line.input(Input::Interrupt), [Act::Leave]);
    assert_eq!(line.left(), Left::Wished);
}

#[test]
fn a_signal_of_the_system_ends_the_session_and_one_of_the_past_does_not() {
    for (reason, leaves) in [
        (InterruptReason::Sigterm, true),
        (InterruptReason::Sighup, true),
        (InterruptReason::Sigint, false),
        (InterruptReason::User, false),
    ] {
        let mut story = asking();
        let before = story.envelopes().len();
        story.push(Author::Supervisor, Event::TurnInterrupted { reason });
        let mut line = begin(OWNER);
        tell(&mut line, &story, 0);
        let left = if leaves { Left::Signalled(Some(reason)) } else { Left::Ended };
        assert_eq!(line.left(), left);
        let mut line = Line::new(OWNER, Paint::Plain);
        tell(&mut line, &story, 0);
        assert_eq!(line.caught_up(&whole).iter().any(|act| matches!(act, Act::Ask(_))), leaves);

        let mut line = Line::new(Role::Owner { from: Seq(before as u64 + 2) }, Paint::Plain);
        tell(&mut line, &story, 0);
        let acts = line.caught_up(&whole);
        assert_eq!((acts.last(), line.left()), (Some(&Act::Prompt("> ")), Left::Ended));
    }
}

#[test]
fn every_story_is_told_without_asking_for_anything() {
    for story in [testing::every_kind(), testing::resumed_after_loss(), testing::declined()] {
        let mut line = begin(Role::Guest);
        let acts = tell(&mut line, &story, 0);
        assert!(!acts.iter().any(|act| matches!(act, Act::Ask(_) | Act::Leave)));
        assert!(said(&acts).chars().all(|c| c == '\n' || !c.is_control()));
    }
}
