//! What keys do.

use codex_event::{Command, Envelope, InterruptReason, Scope, Verdict};
use codex_view::testing::{self, Story, command};
use crossterm::event::{KeyCode, KeyModifiers};

use super::{Rig, options, session};
use crate::host::{Changes, Owner, Reply, Request, Role, Setting, Topic};
use crate::keymap::{Action, Chord, Keymap};
use crate::options::{Colours, Keys, Options, Palette};
use crate::theme::Theme;
use crate::update::{Focus, Input, Intent, Moment};

/// A turn that runs.
pub(super) fn running() -> Story {
    let mut story = Story::new();
    story.open();
    story.turn("do the task");
    story.ask();
    story
}

/// A command that waits for an answer.
pub(super) fn asking() -> Story {
    let mut story = running();
    story.says("I will look.");
    story.calls("shell");
    story.responds();
    let call = story.called(command(&["cargo", "test"]));
    let reason = "it is not known to be safe".to_owned();
    let question = codex_event::Question::Run;
    let event = codex_event::Event::ReviewAsked { call, question, reason };
    story.push(codex_event::Author::Supervisor, event);
    story
}

fn interrupts() -> Command {
    Command::Interrupt { reason: InterruptReason::User }
}

#[test]
fn the_first_words_begin_a_session() {
    let mut rig = Rig::new();
    assert_eq!(rig.take(), [Intent::Request(Request::History)]);
    rig.write("hello");
    rig.press(KeyCode::Enter);
    let begin = Request::Begin { input: Some("hello".into()), changes: Changes::default() };
    assert_eq!(rig.requests(), [begin]);
    assert_eq!(rig.text(), "");
}

#[test]
fn words_before_the_session_is_there_are_said_once_it_is() {
    let mut rig = Rig::new();
    rig.write("one");
    rig.press(KeyCode::Enter);
    rig.write("two");
    rig.press(KeyCode::Enter);
    assert!(rig.frame(80, 24).contains("queued: two"));
    rig.take();
    rig.link(Role::Owner { from: codex_event::Seq(1) });
    rig.happen(running().envelopes());
    rig.tell(Input::CaughtUp);
    assert_eq!(rig.asks(), [Command::Submit { input: "two".into() }]);
}

#[test]
fn what_could_not_be_said_stands_in_the_composer_again() {
    let mut rig = Rig::new();
    rig.write("one");
    rig.press(KeyCode::Enter);
    rig.write("two");
    rig.press(KeyCode::Enter);
    rig.write("three");
    rig.host(Reply::Failed {
        of: Topic::Session,
        message: "no such model".into(),
        hint: "take another".into(),
    });
    assert_eq!(rig.text(), "one\n\ntwo\n\nthree");
    let frame = rig.frame(80, 24);
    assert!(frame.contains("no such model") && frame.contains("take another"), "{frame}");
}

#[test]
fn escape_interrupts_once_and_never_takes_words_away() {
    let mut rig = Rig::owner(&running());
    rig.take();
    rig.write("and then");
    rig.press(KeyCode::Esc);
    rig.press(KeyCode::Esc);
    assert_eq!(rig.asks(), [interrupts()]);
    assert_eq!(rig.text(), "and then");
    assert!(rig.frame(80, 24).contains("Interrupting…"));
}

#[test]
fn stopping_clears_then_interrupts_then_leaves() {
    let mut rig = Rig::owner(&running());
    rig.take();
    rig.write("words");
    rig.control('c');
    assert_eq!((rig.text().as_str(), rig.asks()), ("", vec![]));
    rig.control('c');
    assert_eq!(rig.asks(), [interrupts()]);
    let mut story = running();
    let reason = InterruptReason::User;
    story.push(codex_event::Author::Supervisor, codex_event::Event::TurnInterrupted { reason });
    let last = story.envelopes().last().cloned().expect("an event");
    rig.happen(&[last]);
    rig.control('c');
    assert_eq!(rig.asks(), []);
    assert!(rig.frame(80, 24).contains("Ctrl-C again"));
    rig.wait(2_100);
    rig.control('c');
    assert_eq!(rig.asks(), [], "the first one is forgotten after a while");
    rig.control('c');
    let reason = codex_event::CloseReason::Done;
    assert_eq!(rig.asks(), [Command::Close { reason }]);
    rig.tell(Input::Ended(None));
    assert_eq!(rig.take(), [Intent::Request(Request::Leave), Intent::Quit]);
}

#[test]
fn ctrl_d_leaves_only_when_nothing_is_written() {
    let mut rig = Rig::new();
    rig.take();
    rig.write("x");
    rig.control('d');
    assert_eq!(rig.take(), []);
    rig.control('c');
    rig.control('d');
    assert_eq!(rig.take(), [Intent::Request(Request::Leave), Intent::Quit]);
}

#[test]
fn leaving_while_a_turn_runs_asks_first() {
    let mut rig = Rig::owner(&running());
    rig.take();
    rig.control('d');
    assert_eq!(rig.take(), []);
    assert!(!rig.app.popups.is_empty());
    rig.press(KeyCode::Esc);
    assert!(rig.app.popups.is_empty());
    assert_eq!(rig.take(), [], "nothing was confirmed");
    rig.control('d');
    rig.press(KeyCode::Char('l'));
    assert_eq!(rig.asks(), [interrupts()]);
}

#[test]
fn a_question_opens_at_once_and_is_answered() {
    let mut rig = Rig::owner(&asking());
    rig.take();
    assert_eq!(rig.app.popups.len(), 1);
    rig.press(KeyCode::Char('y'));
    let call = codex_event::CallId(1);
    let settle = Command::SettleReview { call, verdict: Verdict::Allowed, scope: Scope::Once };
    assert_eq!(rig.asks(), [settle]);
    assert!(rig.app.popups.is_empty());
}

#[test]
fn a_question_answered_elsewhere_goes_and_says_by_whom() {
    let mut story = asking();
    let mut rig = Rig::linked(&story, Role::Guest { pid: 4242 });
    assert_eq!(rig.app.popups.len(), 1);
    let (call, scope) = (codex_event::CallId(1), Scope::Once);
    let event = codex_event::Event::ReviewSettled { call, verdict: Verdict::Allowed, scope };
    story.push(codex_event::Author::User("exec".into()), event);
    rig.happen(&story.envelopes()[story.envelopes().len() - 1..]);
    assert!(rig.app.popups.is_empty());
    let frame = rig.frame(80, 24);
    assert!(frame.contains("the question was answered by user:exec"), "{frame}");
}

#[test]
fn a_click_that_was_on_its_way_answers_no_question() {
    use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
    let mut rig = Rig::owner(&asking());
    let click = |rig: &mut Rig| {
        let frame = rig.frame(80, 24);
        let row = frame
            .lines()
            .position(|line| line.contains("yes, this once"))
            .unwrap_or_else(|| panic!("{frame}"));
        let kind = MouseEventKind::Down(MouseButton::Left);
        let row = u16::try_from(row).expect("a row");
        let modifiers = KeyModifiers::NONE;
        rig.tell(Input::Mouse(MouseEvent { kind, column: 6, row, modifiers }));
    };
    rig.take();
    // Two, as a button that bounces gives them: one would select, and the other one answer.
    click(&mut rig);
    rig.wait(20);
    click(&mut rig);
    assert_eq!(rig.asks(), [], "nobody can have read it");
    assert!(rig.frame(80, 24).contains("only just appeared"), "{}", rig.frame(80, 24));
    rig.wait(600);
    click(&mut rig);
    assert_eq!(rig.asks(), [], "it selects");
    rig.wait(600);
    click(&mut rig);
    assert!(matches!(rig.asks()[..], [Command::SettleReview { .. }]), "it answers");
}

#[test]
fn a_question_tells_those_who_look_elsewhere() {
    let mut rig = Rig::owner(&running());
    rig.tell(Input::Focus(Focus::Lost));
    rig.take();
    let before = running().envelopes().len();
    rig.happen(&asking().envelopes()[before..]);
    let told = rig.take();
    assert!(told.iter().any(|intent| matches!(intent, Intent::Notify(_))), "{told:?}");
}

#[test]
fn the_title_says_what_waits() {
    let mut rig = Rig::new();
    let titles = |rig: &mut Rig| {
        let mut titles = Vec::new();
        for intent in std::mem::take(&mut rig.wanted) {
            if let Intent::Title(title) = intent {
                titles.push(title);
            }
        }
        titles
    };
    assert_eq!(titles(&mut rig), ["codex · dir"]);
    rig.link(Role::Owner { from: codex_event::Seq(1) });
    rig.tell(Input::CaughtUp);
    rig.happen(asking().envelopes());
    assert_eq!(titles(&mut rig).last().map(String::as_str), Some("? codex · dir"));
}

/// A patch that has to be read before it can be shown, as it is and as it is told.
pub(super) fn large_patch() -> (Vec<Envelope>, Vec<Envelope>) {
    let mut story = running();
    let lines = "+a line of it\n".repeat(200);
    let patch = format!("*** Begin Patch\n*** Add File: big.txt\n{lines}*** End Patch");
    let raw = serde_json::json!({"type": "custom_tool_call", "input": patch});
    let (call_id, name) = ("call_1".to_owned(), "apply_patch".to_owned());
    story.item(codex_event::ItemKind::CustomCall { call_id, name }, &raw.to_string());
    story.responds();
    let call = story.called(codex_event::Invocation::Patch { workdir: None, text: None });
    let (question, reason) = (codex_event::Question::Run, "patches are asked about".to_owned());
    let event = codex_event::Event::ReviewAsked { call, question, reason };
    story.push(codex_event::Author::Supervisor, event);
    let whole = story.envelopes().to_vec();
    let mut told = whole.clone();
    told.iter_mut().for_each(|envelope| drop(envelope.spill()));
    (whole, told)
}

#[test]
fn a_large_patch_is_read_for_its_question() {
    let (whole, told) = large_patch();
    assert_ne!(told, whole);
    let mut rig = Rig::new();
    rig.journal = whole;
    rig.link(Role::Owner { from: codex_event::Seq(1) });
    rig.events(&told);
    rig.tell(Input::CaughtUp);
    let frame = rig.frame(80, 24);
    assert!(frame.contains("a line of it"), "{frame}");
}

#[test]
fn a_slip_in_a_command_is_named_and_stays() {
    let mut rig = Rig::new();
    rig.take();
    rig.write("/modle o3");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.text(), "/modle o3");
    assert!(rig.frame(80, 24).contains("no command /modle; did you mean /model?"));
    assert_eq!(rig.take(), []);
}

#[test]
fn a_path_is_said_and_no_command() {
    let mut rig = Rig::new();
    rig.take();
    rig.write("/usr/bin/env is missing");
    rig.press(KeyCode::Enter);
    let input = Some("/usr/bin/env is missing".to_owned());
    assert_eq!(rig.requests(), [Request::Begin { input, changes: Changes::default() }]);
}

#[test]
fn settings_are_kept_for_the_session_that_is_begun() {
    let mut rig = Rig::new();
    rig.take();
    rig.write("/model o3 high");
    rig.press(KeyCode::Enter);
    rig.write("/permissions read-only");
    rig.press(KeyCode::Enter);
    assert!(rig.frame(80, 24).contains("o3 (high)"));
    rig.write("hi");
    rig.press(KeyCode::Enter);
    let changes = Changes {
        model: Some("o3".into()),
        effort: Some("high".into()),
        access: Some(crate::host::Access::ReadOnly),
        approval: None,
    };
    assert_eq!(rig.requests(), [Request::Begin { input: Some("hi".into()), changes }]);
}

#[test]
fn settings_of_an_open_session_are_recorded_by_taking_it_up_again() {
    let mut rig = Rig::owner(&{
        let mut story = testing::plain_text();
        let len = story.envelopes().len();
        story = story.cut(len - 1);
        story
    });
    rig.take();
    rig.write("/model o3");
    rig.press(KeyCode::Enter);
    let reason = codex_event::CloseReason::Done;
    assert_eq!(rig.take(), [Intent::Ask(Command::Close { reason })]);
    rig.tell(Input::Ended(None));
    let changes = Changes { model: Some("o3".into()), ..Changes::default() };
    let request = Request::TakeUp { session: session(), changes, owner: Owner::Attach };
    assert_eq!(rig.requests(), [request]);
}

#[test]
fn settings_of_a_running_turn_are_refused_with_words() {
    let mut rig = Rig::owner(&running());
    rig.take();
    rig.write("/model o3");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.take(), []);
    assert!(rig.frame(80, 24).contains("a turn is running"));
}

#[test]
fn a_command_of_ones_own_says_what_it_is_and_is_ended_by_escape() {
    let mut story = testing::plain_text();
    let mut rig = Rig::owner(&story);
    rig.take();
    rig.write("!make");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.requests(), [Request::Shell { line: "make".into() }]);
    let before = story.envelopes().len();
    story.own_command("make", Some((130, "hello\u{1b}[2J\n")));
    rig.happen(&story.envelopes()[before..=before]);
    rig.host(Reply::Printed("hello\u{1b}[2J\n".into()));
    let frame = rig.frame(80, 24);
    assert!(frame.contains("! make") && frame.contains("hello"), "{frame}");
    assert!(frame.contains("outside of the sandbox · Esc ends it"), "{frame}");
    assert_eq!(frame.matches("! make").count(), 1, "its line stands in its cell: {frame}");
    rig.press(KeyCode::Esc);
    assert_eq!(rig.requests(), [Request::Stop]);
    rig.happen(&story.envelopes()[before + 1..]);
    rig.host(Reply::Recorded);
    let frame = rig.frame(80, 24);
    assert!(frame.contains("exit 130") && !frame.contains("Esc ends it"), "{frame}");
    assert_eq!(frame.matches("hello").count(), 1, "{frame}");
    // What is replayed is what was seen.
    assert_eq!(Rig::owner(&story).frame(80, 24), frame);
    rig.press(KeyCode::Esc);
    assert_eq!(rig.requests(), []);
}

#[test]
fn a_command_of_ones_own_begins_a_session_where_there_is_none() {
    let mut rig = Rig::new();
    rig.take();
    rig.write("!make");
    rig.press(KeyCode::Enter);
    let begin = Request::Begin { input: None, changes: Changes::default() };
    assert_eq!(rig.requests(), [begin]);
    rig.link(Role::Owner { from: codex_event::Seq(1) });
    let story = testing::plain_text().cut(4);
    rig.happen(story.envelopes());
    rig.tell(Input::CaughtUp);
    assert_eq!(rig.requests(), [Request::Shell { line: "make".into() }]);
    // Nothing is lost where none can be begun.
    let mut rig = Rig::new();
    rig.take();
    rig.write("!make");
    rig.press(KeyCode::Enter);
    rig.host(Reply::Failed {
        of: Topic::Session,
        message: "no room".into(),
        hint: "make some".into(),
    });
    let frame = rig.frame(80, 24);
    assert!(frame.contains("no room") && !frame.contains("Esc ends it"), "{frame}");
    assert_eq!(rig.text(), "!make");
}

#[test]
fn nothing_moves_by_itself_when_nothing_runs() {
    let mut rig = Rig::owner(&testing::plain_text());
    rig.settle();
    assert_eq!(rig.app.deadline(), None);
    assert!(!rig.app.is_dirty());
    let mut rig = Rig::owner(&running());
    rig.settle();
    let due = rig.app.deadline().expect("a spinner");
    assert!(due > rig.now && due.0 - rig.now.0 <= 125);
}

#[test]
fn how_long_an_answer_is_waited_for_is_told_each_second_and_nothing_else_moves() {
    let mut rig = Rig::owner(&asking());
    rig.settle();
    assert!(rig.frame(80, 24).contains("Waiting for your answer (0s)"));
    for second in 1..4 {
        let due = rig.app.deadline().expect("a second");
        assert!(due > rig.now && due.0 - rig.now.0 <= 1_000, "{due:?} at {:?}", rig.now);
        rig.now = Moment(due.0 - 1);
        assert!(!rig.app.is_dirty());
        rig.now = due;
        rig.tell(Input::Tick);
        let told = format!("Waiting for your answer ({second}s)");
        assert!(rig.frame(80, 24).contains(&told), "{second}");
    }
    rig.tell(Input::Ended(None));
    rig.wait(10_000);
    assert_eq!(rig.app.deadline(), None);
}

#[test]
fn colours_are_written_down_once_they_are_chosen() {
    let mut rig = Rig::owner(&testing::plain_text());
    rig.take();
    let themes = |rig: &mut Rig| {
        rig.write("/theme");
        rig.press(KeyCode::Enter);
        rig.press(KeyCode::Up);
    };
    themes(&mut rig);
    let tried = rig.app.theme.clone();
    assert_eq!(tried, Theme::of(Palette::Sixteen), "it is seen at once");
    rig.press(KeyCode::Esc);
    assert_eq!(rig.app.theme, Theme::of(Palette::Plain));
    assert_eq!(rig.requests(), [], "a look is no choice");
    themes(&mut rig);
    rig.press(KeyCode::Enter);
    assert_eq!(rig.app.theme, tried);
    assert_eq!(rig.requests(), [Request::Keep(Setting::Theme(Colours::Always(Palette::Sixteen)))]);
    // Those that go with the terminal, whichever they are.
    rig.write("/theme auto");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.app.theme, Theme::of(Palette::Light));
    assert_eq!(rig.requests(), [Request::Keep(Setting::Theme(Colours::Auto))]);
    rig.write("/keymap vim");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.requests(), [Request::Keep(Setting::Keys(Keys::Vim))]);
}

#[test]
fn hints_name_the_keys_that_are_set() {
    let mut keymap = Keymap::default();
    let f = |number| Chord { code: KeyCode::F(number), held: KeyModifiers::NONE };
    keymap.set(Action::Keys, &[f(1)]);
    keymap.set(Action::Unfold, &[f(7)]);
    let mut rig = Rig::with(Options { keymap, ..options() });
    rig.link(Role::Owner { from: codex_event::Seq(1) });
    let mut story = running();
    story.thinks(&["**Looking**\n\nMuch more.\n\nAnd more."]);
    story.responds();
    story.done();
    rig.happen(story.envelopes());
    rig.tell(Input::CaughtUp);
    let frame = rig.frame(80, 24);
    assert!(frame.contains("F1 keys") && frame.contains("2 more lines (F7)"), "{frame}");
    rig.press(KeyCode::F(7));
    assert!(rig.frame(80, 24).contains("Much more."));
    rig.press(KeyCode::F(1));
    assert!(rig.frame(80, 40).contains("F7"));
}
