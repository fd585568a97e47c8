//! The ends that are not wished for: the terminal is given back, and the journal is whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::json;

use super::screen::{CTRL_Z, ENTER, Person, Size, in_colour, interface};
use super::story::repository;
use crate::support::{World, eventually, processes, runs, says};

const SIZE: Size = Size(80, 24);
const CTRL_G: &str = "\x07";

/// A command that runs until it is ended, and marks that it began.
fn running(world: &World) -> Person {
    let mut person = Person::start(&interface(world, &["-s", "workspace-write"]), SIZE);
    person.says("take your time");
    person.until("Run this command?");
    person.presses("y");
    eventually("it runs", || world.read("began").is_some());
    person
}

fn long() -> World {
    let world = World::playing(json!([runs("touch began; sleep 60"), says("Done.")]));
    repository(&world);
    world
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let world = long();
        let mut person = Person::start(&interface(&world, &[]), SIZE);
        person.until("? keys");
        person.signal(signal);
        assert_eq!(person.end(), code, "{signal:?}");
        assert!(signal == Signal::HUP || person.is_as_found(), "{signal:?}: {}", person.screen());
        assert_eq!(world.kinds_or_none(), [""; 0]);
    }
}

#[test]
fn a_signal_ends_the_turn_and_closes_the_session() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let world = long();
        let mut person = running(&world);
        person.signal(signal);
        assert_eq!(person.end(), code, "{signal:?}");
        assert!(person.is_as_found(), "{signal:?}: {}", person.screen());
        let kinds = world.kinds();
        assert!(
            kinds.ends_with(&["turn_interrupted".into(), "session_closed".into()]),
            "{kinds:?}"
        );
        world.check_journal();
    }
}

#[test]
fn a_signal_ends_the_editor_and_the_session() {
    let mark = format!("9{}", std::process::id());
    let deaf = "trap '' TERM; ";
    for (trap, signal, code) in
        [("", Signal::TERM, 143), (deaf, Signal::TERM, 143), ("", Signal::HUP, 129)]
    {
        let world = World::playing(json!([says("Hello.")]));
        repository(&world);
        let editor = world.work().join("editor");
        let script = format!("#!/bin/sh\n{trap}stty raw -echo; echo EDITING; sleep {mark}\n");
        fs::write(&editor, script).expect("written");
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("made to run");
        let mut command = interface(&world, &[]);
        command.env("VISUAL", &editor);
        let mut person = Person::start(&command, SIZE);
        person.says("greet me");
        person.until("Hello.");
        person.until_gone("interrupt)");
        person.presses(CTRL_G);
        person.until("EDITING");
        person.signal(signal);
        assert_eq!(person.end(), code, "{trap}{signal:?}");
        assert!(signal == Signal::HUP || person.is_as_found(), "{trap}: {}", person.screen());
        eventually("the editor is gone", || processes(&mark) == 0);
        let kinds = world.kinds();
        assert_eq!(kinds.last().map(String::as_str), Some("session_closed"), "{kinds:?}");
        world.check_journal();
    }
}

#[test]
fn two_signals_at_once_give_the_terminal_back_too() {
    let world = long();
    let mut person = running(&world);
    person.signal(Signal::TERM);
    person.signal(Signal::TERM);
    assert_eq!(person.end(), 143);
    assert!(person.is_as_found(), "{}", person.screen());
    world.check_journal();
}

#[test]
fn a_terminal_that_goes_away_ends_the_turn() {
    let world = long();
    let person = running(&world);
    assert_eq!(person.hangs_up(), 129);
    let kinds = world.kinds();
    assert!(kinds.ends_with(&["turn_interrupted".into(), "session_closed".into()]), "{kinds:?}");
    world.check_journal();
}

#[cfg(debug_assertions)]
#[test]
fn a_bug_gives_the_terminal_back_and_says_what_is_left() {
    const CTRL_L: &str = "\x0c";
    for thread in ["interface", "another"] {
        for inline in [false, true] {
            let world = World::playing(json!([says("Hello.")]));
            repository(&world);
            let arguments: &[&str] = if inline { &["--no-alt-screen"] } else { &[] };
            let mut command = interface(&world, arguments);
            command.env("CODEX_BUG_ON_REDRAW", thread);
            let mut person = Person::start(&command, SIZE);
            person.says("greet me");
            person.until("Hello.");
            person.until_gone("interrupt)");
            assert!(!person.is_as_found());
            person.presses(CTRL_L);
            assert_eq!(person.end(), 70, "{thread} {inline}");
            let screen = person.screen();
            assert!(person.is_as_found(), "{thread} {inline}: {screen}");
            assert!(screen.contains("a bug on request"), "{thread} {inline}: {screen}");
            assert!(screen.contains("hint: this is a bug in codex"), "{thread} {inline}: {screen}");
            world.check_journal();
        }
    }
}

#[test]
fn a_session_whose_process_was_killed_goes_on() {
    let world = long();
    let mut person = running(&world);
    person.signal(Signal::KILL);
    assert_eq!(person.end(), 137);
    let mut again = Person::start(&in_colour(world.asking_model("resume", &["--last"])), SIZE);
    again.until("nobody knows how it ended");
    again.says("go on");
    again.until("Done.");
    again.leaves();
    assert_eq!(again.end(), 0);
    world.check_journal();
}

#[test]
fn a_shell_gets_its_terminal_back_while_it_is_stopped() {
    let world = World::playing(json!([says("Hello."), says("Again.")]));
    repository(&world);
    let program = interface(&world, &[]);
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]).current_dir(world.work()).env_clear();
    shell.envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell.env("PS1", "shell> ");
    let mut person = Person::start(&shell, SIZE);
    person.until("shell>");
    let words: Vec<String> = std::iter::once(program.get_program())
        .chain(program.get_args())
        .map(|word| shlex::try_quote(word.to_str().expect("text")).expect("quoted").into_owned())
        .collect();
    person.presses(&format!("clear; {}\r", words.join(" ")));
    person.until("? keys");
    assert!(person.is_on_other_screen());
    person.says("greet me");
    person.until("Hello.");
    person.presses(CTRL_Z);
    let screen = person.until("Stopped");
    assert!(!person.is_on_other_screen(), "{screen}");
    person.presses("echo $((6*7))\r");
    person.until("\n42\n");
    person.presses("fg\r");
    person.until("? keys");
    assert!(person.is_on_other_screen());
    person.until("Hello.");
    person.says("once more");
    person.until("Again.");
    person.leaves();
    person.until("codex resume ");
    person.presses("exit");
    person.presses(ENTER);
    assert_eq!(person.end(), 0);
    assert!(person.is_as_found(), "{}", person.screen());
    world.check_journal();
}

#[test]
fn no_key_is_left_lying_while_the_program_is_kept_waiting() {
    let world = World::silent();
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.until("? keys");
    let pid = person.pid();
    // Again and again for longer than the keyboard's reader waits for more, and in between for less
    // than it takes to read a line.
    let hold = move || {
        for _ in 0..20 {
            for (signal, time) in [(Signal::STOP, 2_000), (Signal::CONT, 30)] {
                let _ = kill_process(pid, signal);
                std::thread::sleep(Duration::from_micros(time));
            }
        }
    };
    for round in 0..60 {
        let held = std::thread::spawn(hold);
        let words: Vec<String> = (0..30).map(|word| format!("{word}/{round}")).collect();
        person.presses(&words.join(" "));
        // A word is not broken at the end of a line.
        person.until(&format!("29/{round}"));
        held.join().expect("no panic");
        person.presses(" ");
    }
    // No key: while it takes the terminal again, Ctrl-C would be a signal.
    person.signal(Signal::TERM);
    assert_eq!(person.end(), 143, "{}", person.screen());
}
