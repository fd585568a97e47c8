//! Keys that were meant for something else answer no dialog that opened by itself.

use codex_event::{CallId, Command, Envelope, Scope, Seq, Verdict};
use crossterm::event::KeyCode;

use super::keys::{asking, large_patch, running};
use super::{Rig, options};
use crate::host::{Concern, Request, Role, Trust};
use crate::update::Input;

/// What lets a running turn ask.
fn question() -> Vec<Envelope> {
    asking().envelopes()[running().envelopes().len()..].to_vec()
}

fn allows() -> Command {
    let call = CallId(1);
    Command::SettleReview { call, verdict: Verdict::Allowed, scope: Scope::Once }
}

#[test]
fn a_text_under_way_is_no_answer_and_is_not_lost() {
    let mut rig = Rig::owner(&running());
    rig.write("pleas");
    rig.happen(&question());
    rig.settle();
    rig.take();
    rig.write("e say yes");
    assert_eq!((rig.text().as_str(), rig.asks()), ("please say yes", vec![]));
    assert!(rig.frame(80, 24).contains("you were writing"));
    rig.wait(500);
    rig.write("y");
    assert_eq!((rig.text().as_str(), rig.asks()), ("please say yes", vec![allows()]));
}

#[test]
fn a_text_that_was_taken_back_is_one_under_way_as_well() {
    let mut rig = Rig::owner(&running());
    rig.write("n");
    rig.press(KeyCode::Backspace);
    rig.happen(&question());
    rig.settle();
    rig.take();
    rig.write("ya");
    assert_eq!((rig.text().as_str(), rig.asks()), ("ya", vec![]));
}

#[test]
fn handing_in_ends_a_text_but_not_the_pause_of_a_question() {
    let mut rig = Rig::owner(&running());
    rig.write("go on");
    rig.press(KeyCode::Enter);
    rig.take();
    rig.happen(&question());
    rig.settle();
    rig.write("y");
    assert_eq!(rig.asks(), [allows()], "the first key after a prompt counts at once");
    let mut rig = Rig::owner(&running());
    rig.write("mor");
    rig.happen(&question());
    rig.settle();
    rig.take();
    rig.write("e");
    rig.press(KeyCode::Enter);
    rig.write("yes");
    assert_eq!(rig.text(), "yes");
    assert_eq!(rig.asks(), [Command::Submit { input: "more".into() }]);
}

#[test]
fn a_key_from_before_the_first_picture_is_no_answer() {
    let mut rig = Rig::owner(&running());
    rig.take();
    rig.happen(&question());
    // Whatever the clock says: they waited to be read.
    rig.wait(2_000);
    rig.write("y");
    rig.press(KeyCode::Down);
    assert_eq!((rig.text().as_str(), rig.asks()), ("y", vec![]));
    rig.settle();
    rig.write("es");
    assert_eq!((rig.text().as_str(), rig.asks()), ("yes", vec![]));
    rig.wait(500);
    rig.write("y");
    assert_eq!(rig.asks(), [allows()]);
}

#[test]
fn who_reads_and_answers_is_not_held_up() {
    let mut rig = Rig::owner(&running());
    rig.happen(&question());
    rig.settle();
    rig.take();
    rig.tell(Input::Key(KeyCode::Char('y').into()));
    assert_eq!(rig.asks(), [allows()]);
}

#[test]
fn a_question_that_is_asked_for_is_not_guarded() {
    let mut rig = Rig::owner(&running());
    rig.happen(&question());
    rig.settle();
    rig.app.close_popup();
    rig.take();
    rig.write("a");
    rig.press(KeyCode::Backspace);
    rig.press(KeyCode::Enter);
    assert_eq!(rig.app.popups.len(), 1);
    rig.write("y");
    assert_eq!(rig.asks(), [allows()]);
}

#[test]
fn what_is_typed_into_another_popup_answers_nothing_and_goes_nowhere_else() {
    let mut rig = Rig::owner(&running());
    rig.write("/sessions");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.app.popups.len(), 1);
    rig.write("/s");
    rig.happen(&question());
    rig.settle();
    rig.take();
    assert_eq!(rig.app.popups.len(), 2);
    rig.write("yapn");
    rig.press(KeyCode::Enter);
    assert_eq!((rig.app.popups.len(), rig.text().as_str()), (2, ""));
    assert_eq!(rig.take(), []);
    rig.wait(500);
    rig.write("y");
    assert_eq!(rig.asks(), [allows()]);
}

#[test]
fn a_question_behind_what_is_read_is_told_and_not_answered() {
    let mut rig = Rig::owner(&running());
    rig.control('t');
    rig.write("/as");
    rig.happen(&question());
    rig.settle();
    rig.take();
    assert!(rig.frame(80, 24).contains("/as"), "the search goes on");
    rig.write("y");
    rig.press(KeyCode::Enter);
    let frame = rig.frame(80, 24);
    assert!(frame.contains("something waits for an answer: q"), "{frame}");
    rig.press(KeyCode::Esc);
    assert_eq!((rig.text().as_str(), rig.take()), ("", vec![]));
    assert!(rig.frame(80, 24).contains("Run this command?"));
    rig.wait(500);
    rig.write("y");
    assert_eq!(rig.asks(), [allows()]);
}

#[test]
fn what_is_typed_ahead_of_the_first_picture_trusts_nobody() {
    let concern = Concern::Untried { project: "/p".into(), keys: vec!["a = 1".into()] };
    let mut start = options();
    start.facts.concerns = vec![concern];
    let mut rig = Rig::with(start);
    rig.take();
    rig.write("test");
    rig.tell(Input::Paste(" all".into()));
    rig.press(KeyCode::Enter);
    assert_eq!((rig.text().as_str(), rig.take()), ("test all", vec![]));
    rig.settle();
    rig.write(" then leave");
    assert_eq!((rig.text().as_str(), rig.take()), ("test all then leave", vec![]));
    rig.wait(500);
    rig.write("t");
    let trust = Request::Trust { project: "/p".into(), trust: Trust::Trusted };
    assert_eq!(rig.requests(), [trust]);
}

#[test]
fn what_is_read_for_a_question_leaves_what_is_being_written() {
    let (whole, told) = large_patch();
    let mut rig = Rig::new();
    rig.link(Role::Owner { from: Seq(1) });
    // Nothing can be read yet.
    rig.events(&told);
    rig.tell(Input::CaughtUp);
    assert!(!rig.frame(80, 24).contains("a line of it"));
    rig.take();
    rig.write("enot so ");
    let first = whole.iter().find(|it| {
        matches!(it.body, codex_event::Body::Known(codex_event::Event::ModelItemCompleted { .. }))
    });
    let first = first.expect("the patch").seq;
    let last = whole.last().expect("an event").seq;
    rig.tell(Input::Loaded(first..=last, whole[first.0 as usize - 1..].to_vec()));
    assert!(rig.frame(80, 24).contains("a line of it"), "it was read");
    rig.write("much");
    rig.press(KeyCode::Enter);
    let reason = "not so much".to_owned();
    let (call, scope) = (CallId(1), Scope::Once);
    let refuse = Command::SettleReview { call, verdict: Verdict::Denied { reason }, scope };
    assert_eq!(rig.asks(), [refuse]);
}

#[test]
fn what_was_read_for_a_question_is_seen_before_it_is_allowed() {
    let (whole, told) = large_patch();
    let mut rig = Rig::new();
    rig.link(Role::Owner { from: Seq(1) });
    rig.events(&told);
    rig.tell(Input::CaughtUp);
    rig.settle();
    rig.take();
    rig.write("y");
    assert_eq!(rig.asks(), [], "what can't be shown can't be allowed");
    rig.wait(2_000);
    let last = whole.last().expect("an event").seq;
    rig.tell(Input::Loaded(Seq(1)..=last, whole));
    rig.write("y");
    assert_eq!(rig.asks(), [], "nobody has seen it");
    rig.settle();
    rig.wait(500);
    rig.write("y");
    assert_eq!(rig.asks(), [allows()]);
}
