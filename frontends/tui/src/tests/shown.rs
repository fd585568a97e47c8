//! What is seen, frame by frame.

use codex_event::OutputStream;
use codex_view::testing::{self, user};
use crossterm::event::KeyCode;

use super::keys::{asking, running};
use super::{Rig, session};
use crate::host::{Reply, Role, SessionRow};

macro_rules! shown {
    ($name:literal, $frame:expr) => {
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "frames" }, {
            insta::assert_snapshot!($name, $frame);
        });
    };
}

#[test]
fn at_first() {
    shown!("empty", Rig::new().frame(80, 24));
}

#[test]
fn while_an_answer_comes_in() {
    let story = testing::plain_text();
    shown!("streaming", Rig::owner(&story.cut(7)).frame(80, 24));
}

#[test]
fn while_a_command_runs() {
    let mut story = running();
    story.says("Running the tests.");
    story.calls("shell");
    story.responds();
    let call = story.runs(&["/bin/bash", "-lc", "cargo test --all | tail -3"]);
    for line in 1..=9 {
        story.prints(call, OutputStream::Stdout, 0, format!("test {line} … ok\n").as_bytes());
    }
    story.wait(12_000);
    story.prints(call, OutputStream::Stdout, 0, b"test 10 \xe2\x80\xa6 ok\n");
    shown!("running", Rig::owner(&story).frame(80, 24));
}

#[test]
fn a_question() {
    shown!("approval", Rig::owner(&asking()).frame(80, 24));
}

#[test]
fn a_refusal() {
    shown!("denied", Rig::owner(&testing::declined()).frame(80, 24));
}

#[test]
fn an_interrupt() {
    let mut rig = Rig::owner(&running());
    rig.press(KeyCode::Esc);
    shown!("interrupting", rig.frame(80, 24));
    shown!("interrupted", Rig::owner(&testing::interrupted()).frame(80, 24));
    shown!("broken_off", Rig::owner(&testing::broken_off()).frame(80, 24));
}

#[test]
fn words_that_wait() {
    let mut story = running();
    let input = "and hurry".into();
    story.push(user(), codex_event::Event::InputQueued { input });
    let mut rig = Rig::owner(&story);
    rig.write("what else");
    shown!("queued", rig.frame(80, 24));
}

#[test]
fn the_palette() {
    let mut rig = Rig::new();
    rig.write("/");
    shown!("palette", rig.frame(80, 24));
    rig.write("se");
    shown!("palette_filtered", rig.frame(80, 24));
}

#[test]
fn help() {
    let mut rig = Rig::new();
    rig.press(KeyCode::Char('?'));
    shown!("help", rig.frame(80, 40));
}

#[test]
fn sessions() {
    let mut rig = Rig::new();
    rig.write("/sessions");
    rig.press(KeyCode::Enter);
    let row = |title: &str, state: &str, ago: u64| SessionRow {
        id: session(),
        title: title.into(),
        last: "Done: all tests pass.".into(),
        state: state.into(),
        cwd: "/home/ada/dir".into(),
        at: codex_event::Timestamp(1_795_000_000_000 - ago),
        tokens: (12_345, 678),
    };
    let rows = vec![
        row("fix the parser", "running", 5_000),
        row("release notes", "clean", 7_200_000),
        row("日本語のタイトル", "interrupted", 3 * 86_400_000),
    ];
    rig.host(Reply::Sessions(rows));
    shown!("sessions", rig.frame(80, 24));
}

#[test]
fn roles() {
    shown!("guest", Rig::linked(&running(), Role::Guest { pid: 4242 }).frame(80, 24));
    shown!("reader", Rig::linked(&testing::shell(), Role::Reader).frame(80, 24));
}

#[test]
fn a_narrow_terminal() {
    shown!("narrow", Rig::owner(&testing::shell()).frame(20, 5));
    shown!("narrow_question", Rig::owner(&asking()).frame(20, 5));
}

#[test]
fn a_command_of_ones_own() {
    let mut story = testing::plain_text();
    story.own_command("ls", Some((0, "a\nb\n")));
    story.own_command("make all", None);
    let mut rig = Rig::owner(&story);
    shown!("own_command", rig.frame(80, 24));
}
