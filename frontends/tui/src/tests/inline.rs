//! Below what the terminal shows: every finished line goes out once.

use codex_event::Seq;
use codex_view::testing::{self, Story};
use crossterm::event::KeyCode;

use super::{Rig, options};
use crate::host::{Reply, Role};
use crate::options::Screen;
use crate::update::Input;

fn rig() -> Rig {
    let mut inline = options();
    inline.screen = Screen::Inline;
    let mut rig = Rig::with(inline);
    rig.link(Role::Owner { from: Seq(1) });
    rig
}

fn handed_out(rig: &mut Rig, width: u16) -> Vec<String> {
    rig.app.finished(width).iter().map(ToString::to_string).collect()
}

/// Handed out bit by bit, with the live part drawn in between.
fn bit_by_bit(story: &Story) -> Vec<String> {
    let mut rig = rig();
    rig.tell(Input::CaughtUp);
    let mut lines = Vec::new();
    for event in story.envelopes() {
        rig.happen(std::slice::from_ref(event));
        lines.extend(handed_out(&mut rig, 80));
        let height = rig.app.live_height(80, 23);
        let _ = rig.buffer(80, height);
    }
    lines
}

#[test]
fn every_line_goes_out_once_and_in_order() {
    for story in
        [testing::shell(), testing::patches(), testing::drop_then_ok(), testing::every_kind()]
    {
        let mut rig = rig();
        rig.happen(story.envelopes());
        rig.tell(Input::CaughtUp);
        let at_once = handed_out(&mut rig, 80);
        assert!(!at_once.is_empty());
        assert_eq!(bit_by_bit(&story), at_once);
        assert_eq!(handed_out(&mut rig, 80), [""; 0], "nothing goes out twice");
    }
}

#[test]
fn what_runs_is_live_until_it_ends() {
    let story = testing::interrupted();
    let mut rig = rig();
    rig.tell(Input::CaughtUp);
    let running = story.envelopes().len() - 4;
    rig.happen(&story.envelopes()[..running]);
    let out = handed_out(&mut rig, 80).join("\n");
    assert!(out.contains("Running the tests.") && !out.contains("sleep 60"), "{out}");
    let height = rig.app.live_height(80, 23);
    let live = rig.frame(80, height);
    assert!(live.contains("sleep 60") && live.contains("Working"), "{live}");
    assert!(height < 12, "{live}");
    rig.happen(&story.envelopes()[running..]);
    let out = handed_out(&mut rig, 80).join("\n");
    assert!(out.contains("sleep 60"), "{out}");
}

#[test]
fn a_long_text_has_all_its_rows() {
    let mut rig = rig();
    rig.tell(Input::CaughtUp);
    for _ in 0..6 {
        rig.write("x");
        rig.control('j');
    }
    let height = rig.app.live_height(80, 23);
    let live = rig.frame(80, height);
    assert_eq!(
        live.lines().filter(|line| line.trim_start_matches("› ").trim() == "x").count(),
        6,
        "{live}"
    );
}

#[test]
fn taking_the_same_session_up_again_hands_nothing_out_twice() {
    let story = testing::shell();
    let mut rig = rig();
    rig.happen(story.envelopes());
    rig.tell(Input::CaughtUp);
    assert_ne!(handed_out(&mut rig, 80), [""; 0]);
    rig.tell(Input::Ended(None));
    rig.link(Role::Owner { from: Seq(1) });
    rig.events(story.envelopes());
    rig.tell(Input::CaughtUp);
    assert_eq!(handed_out(&mut rig, 80), [""; 0]);
}

#[test]
fn remarks_go_out_behind_what_was_there() {
    let story = testing::plain_text();
    let mut rig = rig();
    rig.happen(story.envelopes());
    rig.tell(Input::CaughtUp);
    rig.write("!ls");
    rig.press(KeyCode::Enter);
    rig.host(Reply::Printed("a file\n".into()));
    let out = handed_out(&mut rig, 80).join("\n");
    assert!(!out.contains("a file"), "it runs still: {out}");
    rig.host(Reply::Exited(0));
    let out = handed_out(&mut rig, 80).join("\n");
    assert!(out.contains("a file"), "{out}");
    assert_eq!(handed_out(&mut rig, 80), [""; 0]);
}

#[test]
fn what_holds_is_said_below_whatever_else_there_is() {
    let mut rig = rig();
    rig.happen(testing::shell().envelopes());
    rig.tell(Input::CaughtUp);
    let _ = handed_out(&mut rig, 80);
    let height = rig.app.live_height(80, 23);
    let frame = rig.frame(80, height);
    assert!(frame.lines().last().is_some_and(|line| line.ends_with("? keys")), "{height}: {frame}");
}
