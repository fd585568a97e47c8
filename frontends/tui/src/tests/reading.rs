//! Going through what was said and done.

use std::sync::Arc;

use codex_event::{
    Event, FaultKind, InterruptReason, OutputStream, RequestId, RetryBudget, Seq, StreamPart, Tail,
};
use codex_view::testing::{self, Story};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::Rig;
use super::keys::running;
use crate::host::{Reply, Role, Topic};
use crate::update::{Input, Linked};

/// A conversation of many screens.
fn long() -> Story {
    let mut story = Story::new();
    story.open();
    for number in 1..=60 {
        story.turn(&format!("question {number}"));
        story.ask();
        story.says(&format!("answer {number}"));
        story.responds();
        story.done();
    }
    story
}

#[test]
fn one_can_look_back_and_sees_that_more_is_below() {
    let mut rig = Rig::owner(&long());
    assert!(rig.frame(80, 24).contains("answer 60"));
    rig.press(KeyCode::PageUp);
    let frame = rig.frame(80, 24);
    assert!(!frame.contains("answer 60") && frame.contains("more · End"), "{frame}");
    rig.tell(Input::Key(KeyEvent::new(KeyCode::Home, KeyModifiers::CONTROL)));
    assert!(rig.frame(80, 24).contains("answer 1\n"));
    rig.press(KeyCode::End);
    let frame = rig.frame(80, 24);
    assert!(frame.contains("answer 60") && !frame.contains("more · End"), "{frame}");
}

#[test]
fn what_comes_in_does_not_move_what_is_read() {
    let mut story = long();
    let mut rig = Rig::owner(&story);
    rig.press(KeyCode::PageUp);
    let before = rig.frame(80, 24);
    let top = |frame: &str| frame.lines().take(18).map(str::to_owned).collect::<Vec<_>>();
    let len = story.envelopes().len();
    story.turn("one more");
    story.ask();
    rig.happen(&story.envelopes()[len..]);
    assert_eq!(top(&rig.frame(80, 24)), top(&before));
}

#[test]
fn words_are_found_in_all_of_it() {
    let mut rig = Rig::owner(&long());
    rig.control('t');
    rig.write("/answer 7");
    rig.press(KeyCode::Enter);
    let frame = rig.frame(80, 24);
    assert!(frame.contains("answer 7\n"), "{frame}");
    assert!(frame.contains("answer 7: 1 of 1"), "{frame}");
    rig.press(KeyCode::Esc);
    let frame = rig.frame(80, 24);
    assert!(frame.contains("? keys") || frame.contains("more · End"), "{frame}");
}

#[test]
fn reading_shows_all_of_what_is_folded() {
    let mut story = running();
    let lines: String = (1..=30).map(|number| format!("line {number}\n")).collect();
    story.shell("seq 30", &[(OutputStream::Stdout, &lines)], 0);
    let mut rig = Rig::owner(&story);
    assert!(!rig.frame(80, 50).contains("line 15\n"));
    rig.control('t');
    assert!(rig.frame(80, 50).contains("line 15\n"));
    rig.press(KeyCode::Char('q'));
    assert!(!rig.frame(80, 50).contains("line 15\n"));
    rig.control('o');
    assert!(rig.frame(80, 50).contains("line 15\n"));
}

#[test]
fn the_end_of_a_long_session_is_there_before_the_rest() {
    let story = long();
    let mut rig = Rig::new();
    rig.journal = story.envelopes().to_vec();
    rig.link(Role::Owner { from: Seq(1) });
    let len = story.envelopes().len();
    let range = story.envelopes()[len - 20].seq..=story.envelopes()[len - 1].seq;
    let end = rig.read(&range);
    rig.tell(Input::Loaded(range, end));
    assert!(rig.frame(80, 24).contains("answer 60"));
    rig.events(story.envelopes());
    rig.tell(Input::CaughtUp);
    let frame = rig.frame(80, 24);
    assert_eq!(frame, Rig::owner(&story).frame(80, 24));
}

/// Fails aside, which puts a remark behind what is there.
fn remark(rig: &mut Rig) {
    let (message, hint) = ("no such file".into(), String::new());
    rig.host(Reply::Failed { of: Topic::Aside, message, hint });
}

/// Tells whether both are shown, in this order.
fn in_order(rig: &mut Rig, one: &str, other: &str) -> bool {
    let frame = rig.frame(80, 60);
    frame.find(one).zip(frame.find(other)).is_some_and(|(one, other)| one < other)
}

#[test]
fn a_remark_stays_when_what_stands_before_it_goes() {
    let mut story = Story::new();
    story.open();
    story.turn("go on");
    story.ask();
    let mut rig = Rig::owner(&story);
    let more = |rig: &mut Rig, story: &Story| {
        let told = rig.journal.len();
        rig.happen(&story.envelopes()[told..]);
    };
    story.streams(0, StreamPart::Text, "first try");
    more(&mut rig, &story);
    remark(&mut rig);
    assert!(in_order(&mut rig, "first try", "no such file"));
    story.fails(FaultKind::StreamLost, "broke", testing::retry(RetryBudget::Stream));
    story.ask_again();
    story.streams(0, StreamPart::Text, "second try");
    more(&mut rig, &story);
    assert!(!rig.frame(80, 60).contains("first try"));
    assert!(in_order(&mut rig, "go on", "no such file"));
    assert!(in_order(&mut rig, "no such file", "broke"));
    assert!(in_order(&mut rig, "no such file", "second try"));
    // A piece that was ahead of its event gives way to another event, and stays newest no longer.
    let tail = |text: &str| Tail {
        request: RequestId(1),
        attempt: 2,
        item: 1,
        part: StreamPart::Text,
        from: 0,
        text: text.to_owned(),
    };
    rig.tell(Input::Tail(Arc::new(tail("in passing"))));
    story.push(testing::user(), Event::TurnInterruptRequested { reason: InterruptReason::User });
    more(&mut rig, &story);
    let also = Reply::Failed { of: Topic::Aside, message: "nor that".into(), hint: String::new() };
    rig.host(also);
    assert!(in_order(&mut rig, "second try", "nor that"));
}

#[test]
fn remarks_stay_where_they_were_made() {
    let story = testing::shell();
    let len = story.envelopes().len();
    let mut rig = Rig::owner(&story.cut(len - 1));
    rig.host(Reply::Failed {
        of: Topic::Aside,
        message: "no such file".into(),
        hint: "name another".into(),
    });
    let mut story = testing::shell().cut(len - 1);
    story.turn("what now");
    rig.happen(&story.envelopes()[len - 1..]);
    let frame = rig.frame(80, 60);
    let (remark, prompt) = (frame.find("no such file"), frame.find("what now"));
    assert!(remark.is_some() && remark < prompt, "{frame}");
}

/// A conversation that is shown by its end first.
fn very_long() -> Story {
    let mut story = Story::new();
    story.open();
    for number in 1..=300 {
        story.turn(&format!("question {number}"));
        story.ask();
        story.says(&format!("answer {number}\n\nand more"));
        story.responds();
        story.done();
    }
    story
}

/// Shows the end of a journal of which the rest is still to come.
fn end_of(rig: &mut Rig, story: &Story) {
    let all = story.envelopes();
    rig.journal = all.to_vec();
    rig.link(Role::Owner { from: Seq(1) });
    let first = all.len() - 512;
    let range = all[first].seq..=all[all.len() - 1].seq;
    rig.tell(Input::Loaded(range, all[first..].to_vec()));
}

/// Tells what is above the composer.
fn page(rig: &mut Rig) -> Vec<String> {
    rig.frame(80, 24).lines().take(18).map(str::to_owned).collect()
}

#[test]
fn the_place_is_kept_while_the_rest_of_a_session_comes_in() {
    let story = very_long();
    let mut rig = Rig::new();
    end_of(&mut rig, &story);
    let _ = rig.frame(80, 24);
    for _ in 0..5 {
        rig.press(KeyCode::PageUp);
        let _ = rig.frame(80, 24);
    }
    rig.write("what I was about to sa");
    let before = page(&mut rig);
    assert!(!before.concat().contains("answer 300"), "{before:?}");
    for batch in story.envelopes().chunks(64) {
        rig.events(batch);
        assert_eq!(page(&mut rig), before);
    }
    rig.tell(Input::CaughtUp);
    assert_eq!((page(&mut rig), rig.text().as_str()), (before, "what I was about to sa"));
}

#[test]
fn who_reads_all_of_it_reads_on_while_the_rest_comes_in() {
    let story = very_long();
    let mut rig = Rig::new();
    end_of(&mut rig, &story);
    rig.control('t');
    let _ = rig.frame(80, 24);
    rig.press(KeyCode::PageUp);
    let before = page(&mut rig);
    assert!(!before.concat().contains("answer 300"), "{before:?}");
    for batch in story.envelopes().chunks(64) {
        rig.events(batch);
    }
    rig.tell(Input::CaughtUp);
    assert_eq!(page(&mut rig), before);
}

#[test]
fn the_place_is_kept_in_a_session_that_is_taken_up_again() {
    for story in [long(), very_long()] {
        let mut rig = Rig::owner(&story);
        rig.press(KeyCode::PageUp);
        let before = page(&mut rig);
        rig.tell(Input::Ended(None));
        if story.envelopes().len() > 1024 {
            end_of(&mut rig, &story);
            assert_eq!(page(&mut rig), before);
        } else {
            rig.link(Role::Owner { from: Seq(1) });
        }
        rig.events(story.envelopes());
        rig.tell(Input::CaughtUp);
        assert_eq!(page(&mut rig), before);
        // Of another one, the end is shown.
        let mut other =
            story.clone().of("01900000-0000-7000-8000-000000000001".parse().expect("an id"));
        other.turn("this is another session");
        let (session, role) = (other.envelopes()[0].session, Role::Owner { from: Seq(1) });
        rig.head = codex_event::genesis(&session);
        rig.tell(Input::Linked(Linked { session, role, draft: String::new() }));
        rig.events(other.envelopes());
        rig.tell(Input::CaughtUp);
        assert!(rig.frame(80, 24).contains("this is another session"));
    }
}
