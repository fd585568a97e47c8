//! Going back to something that was said earlier.

use codex_event::{Event, Seq};
use codex_view::testing::{self, Story};
use crossterm::event::KeyCode;
use ratatui::style::Modifier;

use super::{Rig, options, session};
use crate::host::{Request, Role};
use crate::options::Screen;
use crate::update::Input;

/// Three turns.
fn thrice() -> Story {
    let mut story = Story::new();
    story.open();
    for words in ["paint it", "sand it", "sell it"] {
        said(&mut story, words);
        story.says("Done.");
        story.responds();
        story.done();
    }
    story
}

fn said(story: &mut Story, words: &str) {
    story.turn(words);
    story.ask();
}

/// The last position before the turn that begins with these words.
fn before(story: &Story, words: &str) -> Seq {
    let found = story.envelopes().iter().find(|it| match it.event() {
        Some(Event::TurnStarted { input }) => input.inline().is_some_and(|text| text == words),
        Some(_) | None => false,
    });
    Seq(found.expect("a turn").seq.0 - 1)
}

/// What is marked on the screen.
fn marked(rig: &mut Rig) -> Vec<String> {
    let _ = rig.frame(80, 24);
    let (buffer, _) = rig.buffer(80, 24);
    let row = |y: u16| (0..80).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    let all = |y: &u16| (0..80).all(|x| buffer[(x, *y)].modifier.contains(Modifier::REVERSED));
    (0..24).filter(all).map(|y| row(y).trim_end().to_owned()).collect()
}

fn twice_escape(rig: &mut Rig) {
    rig.press(KeyCode::Esc);
    rig.press(KeyCode::Esc);
}

#[test]
fn two_presses_mark_what_was_said_last_and_a_fork_begins_there() {
    let story = thrice();
    let mut rig = Rig::owner(&story);
    rig.take();
    rig.press(KeyCode::Esc);
    assert_eq!(marked(&mut rig), [""; 0]);
    rig.press(KeyCode::Esc);
    assert_eq!(marked(&mut rig), ["▌ sell it"]);
    for (key, words) in [
        (KeyCode::Esc, "▌ sand it"),
        (KeyCode::Up, "▌ paint it"),
        (KeyCode::Left, "▌ paint it"),
        (KeyCode::Down, "▌ sand it"),
        (KeyCode::Right, "▌ sell it"),
        (KeyCode::Down, "▌ sell it"),
        (KeyCode::Up, "▌ sand it"),
    ] {
        rig.press(key);
        assert_eq!(marked(&mut rig), [words], "{key}");
    }
    rig.press(KeyCode::Enter);
    rig.tell(Input::Ended(None));
    let at = Some(before(&story, "sand it"));
    assert_eq!(rig.requests(), [Request::Fork { parent: session(), at }]);
    rig.link(Role::Owner { from: Seq(4) });
    assert_eq!(rig.text(), "sand it");
    rig.tell(Input::CaughtUp);
    assert_eq!(marked(&mut rig), [""; 0]);
}

#[test]
fn another_key_takes_the_mark_away_and_does_what_it_always_does() {
    let mut rig = Rig::owner(&thrice());
    rig.take();
    twice_escape(&mut rig);
    assert!(rig.frame(80, 24).contains("enter go on from here"));
    rig.press(KeyCode::Char('q'));
    assert_eq!((marked(&mut rig), rig.text().as_str()), (Vec::new(), ""));
    twice_escape(&mut rig);
    rig.press(KeyCode::Char('x'));
    assert_eq!((marked(&mut rig), rig.text().as_str()), (Vec::new(), "x"));
    // With something written, Esc does not go back.
    twice_escape(&mut rig);
    assert_eq!((marked(&mut rig), rig.text().as_str()), (Vec::new(), "x"));
    rig.press(KeyCode::Backspace);
    twice_escape(&mut rig);
    rig.control('c');
    assert_eq!(marked(&mut rig), [""; 0]);
    assert!(!rig.frame(80, 24).contains("Ctrl-C again"), "the mark goes first");
    twice_escape(&mut rig);
    rig.press(KeyCode::PageUp);
    assert_eq!(marked(&mut rig), ["▌ sell it"], "one may look around");
    rig.tell(Input::Paste("pasted".to_owned()));
    assert_eq!((marked(&mut rig), rig.text().as_str()), (Vec::new(), "pasted"));
    assert!(rig.asks().is_empty());
}

#[test]
fn nothing_is_marked_where_nothing_was_said() {
    let mut story = Story::new();
    story.open();
    let mut rig = Rig::owner(&story);
    twice_escape(&mut rig);
    assert_eq!(marked(&mut rig), [""; 0]);
    assert!(rig.frame(80, 24).contains("nothing was said yet"));
}

#[test]
fn below_what_the_terminal_shows_there_is_a_list() {
    let mut inline = options();
    inline.screen = Screen::Inline;
    let mut rig = Rig::with(inline);
    rig.link(Role::Owner { from: Seq(1) });
    let story = testing::plain_text();
    rig.happen(story.envelopes());
    rig.tell(Input::CaughtUp);
    rig.take();
    twice_escape(&mut rig);
    assert_eq!(rig.app.popups.len(), 1);
    rig.press(KeyCode::Enter);
    rig.tell(Input::Ended(None));
    let at = Some(before(&story, "do the task"));
    assert_eq!(rig.requests(), [Request::Fork { parent: session(), at }]);
}

#[test]
fn what_is_out_of_memory_is_read_to_be_marked() {
    let mut story = Story::new();
    story.open();
    for number in 0..300 {
        said(&mut story, &format!("step {number} of many"));
        story.says(&format!("{} of {number}.\n\n", "Much was done. ".repeat(80)).repeat(30));
        story.responds();
        story.done();
    }
    let mut rig = Rig::owner(&story);
    let _ = rig.frame(80, 24);
    rig.take();
    let first = before(&story, "step 0 of many").next();
    let there = |rig: &Rig| {
        let view = rig.app.view.as_ref().expect("a session");
        view.document.cell(first).is_some()
    };
    assert!(!there(&rig), "this shows nothing with all of it in memory");
    twice_escape(&mut rig);
    assert_eq!(marked(&mut rig), ["▌ step 299 of many"]);
    for number in (0..299).rev() {
        rig.press(KeyCode::Esc);
        if number % 50 == 0 {
            assert_eq!(marked(&mut rig), [format!("▌ step {number} of many")]);
        }
    }
    assert!(there(&rig));
    rig.press(KeyCode::Enter);
    rig.tell(Input::Ended(None));
    let at = Some(Seq(first.0 - 1));
    assert_eq!(rig.requests(), [Request::Fork { parent: session(), at }]);
}

#[test]
fn a_long_message_is_read_before_it_is_gone_back_to() {
    let mut story = Story::new();
    story.open();
    let words = "long words ".repeat(400);
    story.turn(&words);
    story.ask();
    story.done();
    let whole = story.envelopes().to_vec();
    let mut told = whole.clone();
    told.iter_mut().for_each(|envelope| drop(envelope.spill()));
    let mut rig = Rig::new();
    rig.journal = whole;
    rig.link(Role::Owner { from: Seq(1) });
    rig.events(&told);
    rig.tell(Input::CaughtUp);
    rig.press(KeyCode::Esc);
    rig.press(KeyCode::Esc);
    rig.press(KeyCode::Enter);
    rig.tell(Input::Ended(None));
    rig.link(Role::Owner { from: Seq(4) });
    assert!(rig.text().trim_end() == words.trim_end(), "{} characters", rig.text().len());
}
