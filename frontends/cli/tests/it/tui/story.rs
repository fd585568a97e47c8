//! A session in the interface from its first word to its end, at three sizes.

use std::process::Command;

use serde_json::{Value, json};

use super::screen::{ENTER, ESC, Person, Size, UP, interface};
use crate::support::{World, runs, says};

/// Makes a repository of the working folder, so that nothing has to be decided first.
pub(super) fn repository(world: &World) {
    let mut git = Command::new("git");
    let made = git.args(["init", "-q", "-b", "trunk"]).current_dir(world.work()).status();
    assert!(made.is_ok_and(|status| status.success()), "git init");
}

/// A step in which the model says 40 pieces of made-up text, one after the other.
fn streams() -> Value {
    json!({"items": [{"type": "text", "n": 40, "chars": 8}], "chunk_deltas": 1, "delay_ms": 20})
}

fn sizes() -> [Size; 3] {
    [Size(80, 24), Size(120, 40), Size(200, 60)]
}

/// What the screen tells of two commands, one of them refused. (`told` takes durations out.)
const TOLD: &str = "\
▌ count to two

• Ran echo one >> counter
  ✓ allowed by the user (tui), once; asked since the command is not known to be safe
  └ ok · _ms · sandboxed

✗ Did not run echo two >> counter
  ✗ denied by the user (tui): refused by the user

  One of the two was done.

─ 3.0k in · 300 out · _ms";

/// Takes that out of a screen, with lines that were broken joined again.
fn told(screen: &str) -> String {
    let screen = screen.replace("known to be\n    safe", "known to be safe");
    let begin = screen.find("▌ count to two").expect("shown");
    let mut lines = Vec::new();
    for line in screen[begin..].lines() {
        let words = line.split(' ').map(|word| {
            let number = word.strip_suffix("ms").or(word.strip_suffix('s'));
            match number.is_some_and(|it| it.parse::<f64>().is_ok()) {
                true => "_ms",
                false => word,
            }
        });
        lines.push(words.collect::<Vec<_>>().join(" "));
        if line.starts_with('─') {
            break;
        }
    }
    lines.join("\n")
}

#[test]
fn a_session_from_its_first_word_to_its_end() {
    for size in sizes() {
        let world = World::playing(json!([
            streams(),
            runs("echo one >> counter"),
            runs("echo two >> counter"),
            says("One of the two was done."),
            runs("sleep 60"),
            says("In the fork."),
        ]));
        repository(&world);
        let mut person = Person::start(&interface(&world, &["-s", "workspace-write"]), size);
        let screen = person.until("? keys");
        assert_eq!(screen.lines().count(), usize::from(size.1));
        let foot = screen.lines().last().expect("a line");
        assert!(
            foot.starts_with("o4-mini · workspace write") && foot.ends_with("? keys"),
            "{foot}"
        );
        assert!(person.is_on_other_screen());
        person.says("tell me something");
        // It comes in while the turn runs, and is not whole at first.
        let screen = person.until("the quick brown fox");
        let words = |screen: &str| screen.split_whitespace().count();
        assert!(screen.contains("Working"), "{screen}");
        let whole = person.until_gone("Working");
        assert!(words(&screen) + 20 < words(&whole), "it came at once: {screen}{whole}");
        person.says("count to two");
        person.until("Run this command?");
        person.until("echo one >> counter");
        assert_eq!(world.read("counter"), None, "nothing runs before it is allowed");
        person.presses("y");
        person.until("echo two >> counter");
        person.until("Run this command?");
        assert_eq!(world.read("counter").as_deref(), Some("one\n"));
        person.presses("n");
        person.until("One of the two was done.");
        person.until_gone("Working");
        assert_eq!(told(&person.screen()), TOLD, "{size:?}");
        assert_eq!(world.read("counter").as_deref(), Some("one\n"), "what was refused has run");

        person.says("take your time");
        person.until("sleep 60");
        person.until("Run this command?");
        person.presses("y");
        person.until("Working");
        person.presses(ESC);
        person.until("interrupted");
        person.until_gone("Working");

        // Smaller, larger, and back: nothing is lost.
        for other in [Size(60, 15), Size(150, 50), size] {
            person.resizes(other);
            person.until("sleep 60");
        }

        person.presses(ESC);
        person.until("Esc again");
        person.presses(ESC);
        person.until("enter go on from here");
        person.presses(UP);
        person.presses(ENTER);
        person.until_gone("sleep 60");
        person.until("count to two");
        person.presses(" again");
        person.until("count to two again");
        person.presses(ENTER);
        person.until("In the fork.");
        person.leaves();
        assert_eq!(person.end(), 0);
        let left = person.screen();
        assert!(person.is_as_found(), "{left}");
        assert!(left.contains("In the fork.") && left.contains("codex resume "), "{left}");
        world.check_journal();
    }
}

#[test]
fn inline_every_finished_line_is_in_the_scrollback_once() {
    let lines = |word: &str| (0..40).map(|at| format!("- {word} {at} end")).collect::<Vec<_>>();
    let said = |word: &str| says(&lines(word).join("\n"));
    for size in sizes() {
        let world = World::playing(json!([said("first"), said("second"), says("That was all.")]));
        repository(&world);
        let mut person = Person::start(&interface(&world, &["--no-alt-screen"]), size);
        person.until("? keys");
        assert!(!person.is_on_other_screen());
        person.says("list it");
        person.until("first 39 end");
        person.until_gone("Working");
        person.resizes(Size(size.0 - 20, size.1 - 6));
        person.says("once more");
        person.until("second 39 end");
        person.until_gone("Working");
        person.resizes(size);
        person.says("and now");
        person.until("That was all.");
        person.leaves();
        assert_eq!(person.end(), 0);
        let everything = person.everything();
        for word in ["first", "second"] {
            for at in 0..40 {
                let line = format!("{word} {at} end");
                assert_eq!(everything.matches(&line).count(), 1, "{size:?} {line}: {everything}");
            }
        }
        assert!(everything.contains("codex resume ") && person.is_as_found(), "{everything}");
        world.check_journal();
    }
}
