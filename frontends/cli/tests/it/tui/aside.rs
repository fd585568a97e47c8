//! What the interface does besides sessions: commands of the user's own, differences, files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::json;

use super::screen::{ESC, Person, Size, in_colour, interface};
use super::story::repository;
use crate::support::{World, bytes, eventually, processes, run, runs, says};

const SIZE: Size = Size(100, 30);

#[test]
fn a_command_of_the_users_own_runs_in_the_folder_and_can_be_ended() {
    let world = World::silent();
    repository(&world);
    let mut command = interface(&world, &[]);
    command.env("SHELL", "/bin/sh");
    let mut person = Person::start(&command, SIZE);
    person.until("? keys");
    person.says("!printf 'an%s ' other; pwd > place; printf line");
    person.until("another line");
    let place = world.read("place").expect("it ran");
    assert_eq!(place.trim(), world.work().display().to_string());
    let mark = format!("6{}", std::process::id());
    person.says(&format!("!sleep {mark}"));
    eventually("it runs", || processes(&format!("sleep\0{mark}")) > 0);
    person.presses(ESC);
    eventually("it was ended", || processes(&format!("sleep\0{mark}")) == 0);
    person.until("exit 143");
    person.leaves();
    assert_eq!(person.end(), 0, "{}", person.screen());
    let own = ["own_command_started", "own_command_ended"];
    let kinds = world.kinds();
    let kinds: Vec<&String> = kinds.iter().filter(|kind| own.contains(&kind.as_str())).collect();
    assert_eq!(kinds, [own, own].concat());
    world.check_journal();
}

#[test]
fn the_model_hears_of_a_command_of_the_users_own_with_what_is_said_next() {
    let world = World::playing(json!([says("Fixed."), says("Still fixed.")]));
    repository(&world);
    let mut command = interface(&world, &[]);
    command.env("SHELL", "/bin/sh").env("A_TOKEN_OF_MINE", "s3cret-of-mine");
    let mut person = Person::start(&command, SIZE);
    person.until("? keys");
    person.says("!echo with $A_TOKEN_OF_MINE; echo s3cret-of-mine >&2; (exit 3)");
    person.until("exit 3 ·");
    person.says("fix that");
    person.until("Fixed.");
    person.until_gone("interrupt)");
    let said = world.bodies()[0]["input"].to_string();
    for words in ["<user_shell_command>", "Exit code: 3", "with [redacted:A_TOKEN_OF_MINE:"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.find("Exit code: 3") < said.find("fix that"), "{said}");
    person.says("and now");
    person.until("Still fixed.");
    person.leaves();
    assert_eq!(person.end(), 0, "{}", person.screen());
    assert!(!world.bodies()[1]["input"].to_string().contains("user_shell_command"), "said once");
    for (file, bytes) in bytes(world.home()) {
        let leaked = bytes.windows(14).any(|bytes| bytes == b"s3cret-of-mine");
        assert!(!leaked, "the secret is in {}", file.display());
    }
    let audit = run(world.program(&["audit", "show", "--last"]));
    assert_eq!(audit.code, 0, "{}", audit.stderr);
    assert!(audit.stdout.contains("ran a command of their own: echo with"), "{}", audit.stdout);
    let told = run(world.program(&["replay", "--last"]));
    assert!(told.stdout.contains("own command exited 3"), "{}", told.stdout);
    world.check_journal();
}

/// Kills the program while a command of the user's own runs, and goes on with the session, which says
/// that the command is lost.
fn kill_and_go_on(world: &World, mut person: Person) {
    person.signal(Signal::KILL);
    assert_eq!(person.end(), 137);
    let mut again = Person::start(&in_colour(world.asking_model("resume", &["--last"])), SIZE);
    again.until("nobody knows how it ended");
    again.says("go on");
    again.until("I see.");
    again.leaves();
    assert_eq!(again.end(), 0);
}

#[test]
fn a_command_that_the_program_was_killed_with_is_known_to_be_lost() {
    let world = World::playing(json!([says("I see.")]));
    repository(&world);
    let mut command = interface(&world, &[]);
    command.env("SHELL", "/bin/sh");
    let mut person = Person::start(&command, SIZE);
    person.until("? keys");
    person.says("!touch began; sleep 60");
    eventually("it runs", || world.read("began").is_some());
    kill_and_go_on(&world, person);
    let said = world.bodies()[0]["input"].to_string();
    assert!(said.contains("Its end is not known"), "{said}");
    world.check_journal();
}

#[test]
fn a_kill_within_a_turn_loses_that_and_the_command_beside_it_and_says_so() {
    let items: Vec<_> =
        (0..200).map(|at| json!({"type": "text", "text": format!("piece {at} ")})).collect();
    let slow = json!({"items": items, "chunk_deltas": 1, "delay_ms": 100});
    let world = World::playing(json!([slow, says("I see.")]));
    repository(&world);
    let mut command = interface(&world, &[]);
    command.env("SHELL", "/bin/sh");
    let mut person = Person::start(&command, SIZE);
    person.until("? keys");
    person.says("piece by piece");
    person.until("piece 1");
    person.says("!touch began; sleep 60");
    eventually("it runs", || world.read("began").is_some());
    kill_and_go_on(&world, person);
    let kinds = world.kinds();
    let ends = |wanted: &str| kinds.iter().filter(|kind| *kind == wanted).count();
    let (lost, cut, done) =
        (ends("own_command_ended"), ends("turn_interrupted"), ends("turn_completed"));
    assert_eq!((lost, cut, done), (1, 1, 1), "{kinds:?}");
    world.check_journal();
}

#[test]
fn a_signal_ends_a_command_of_the_users_own_and_closes_the_session() {
    let world = World::silent();
    repository(&world);
    let mut command = interface(&world, &[]);
    command.env("SHELL", "/bin/sh");
    let mut person = Person::start(&command, SIZE);
    person.until("? keys");
    let mark = format!("8{}", std::process::id());
    person.says(&format!("!touch began; sleep {mark}"));
    eventually("it runs", || world.read("began").is_some());
    person.signal(Signal::TERM);
    assert_eq!(person.end(), 143);
    assert!(person.is_as_found(), "{}", person.screen());
    eventually("nothing is left", || processes(&mark) == 0);
    let kinds = world.kinds();
    assert!(kinds.ends_with(&["own_command_ended".into(), "session_closed".into()]), "{kinds:?}");
    world.check_journal();
}

#[test]
fn a_command_of_the_users_own_does_not_outlive_the_program() {
    let world = World::silent();
    repository(&world);
    let mut command = interface(&world, &[]);
    command.env("SHELL", "/bin/sh").env("A_TOKEN_OF_MINE", "s3cret-of-mine");
    let mut person = Person::start(&command, SIZE);
    person.until("? keys");
    let mark = format!("7{}", std::process::id());
    // What it leaves behind has a session of its own, and is deaf to polite signals.
    let deaf = format!("(trap '' TERM HUP INT; setsid sleep {mark}) & sleep {mark}");
    person.says(&format!("!echo $A_TOKEN_OF_MINE > given; {deaf}"));
    eventually("both run", || processes(&format!("sleep\0{mark}")) > 1);
    assert_eq!(world.read("given").as_deref(), Some("s3cret-of-mine\n"));
    person.signal(Signal::KILL);
    assert_eq!(person.end(), 137);
    eventually("nothing is left", || processes(&mark) == 0);
}

#[test]
fn a_command_that_no_shell_begins_has_ended() {
    let world = World::playing(json!([says("Hello.")]));
    repository(&world);
    let mut command = interface(&world, &[]);
    command.env("SHELL", world.work().join("no-shell"));
    let mut person = Person::start(&command, SIZE);
    person.until("? keys");
    person.says("!ls");
    person.until("can't be started");
    person.until("SHELL names the program");
    // Ctrl-C is for leaving again.
    person.presses("\x03");
    person.until("again");
    person.presses("\x03");
    assert_eq!(person.end(), 0, "{}", person.screen());
}

#[test]
fn what_interrupts_the_editor_does_not_end_the_program() {
    let world = World::playing(json!([says("Hello.")]));
    repository(&world);
    let editor = world.work().join("editor");
    // As Ctrl-C does, for all that run in the terminal.
    fs::write(&editor, "#!/bin/sh\ntrap '' INT\nkill -INT 0\necho edited text > \"$1\"\n")
        .expect("written");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("made to run");
    let mut command = interface(&world, &[]);
    command.env("VISUAL", &editor);
    let mut person = Person::start(&command, SIZE);
    person.until("? keys");
    person.presses("\x07");
    person.until("edited text");
    person.presses(super::screen::ENTER);
    person.until("Hello.");
    person.leaves();
    assert_eq!(person.end(), 0, "{}", person.screen());
}

#[test]
fn what_differs_is_shown_and_the_session_written_down() {
    let world = World::playing(json!([runs("echo new > made"), says("Made *it*.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &["-s", "workspace-write"]), SIZE);
    person.says("make it");
    person.until("Run this command?");
    person.presses("y");
    person.until("Made");
    person.says("/diff");
    person.until("+ new");
    person.presses(ESC);
    person.until_gone("+ new");
    person.says("/export told.md");
    person.until("written to");
    person.says("/export told.md");
    person.until("is there already");
    person.leaves();
    assert_eq!(person.end(), 0, "{}", person.screen());
    let told = world.work().join("told.md");
    let text = fs::read_to_string(&told).expect("written");
    for words in ["## user:tui", "make it", "echo new > made", "allowed by user:tui", "Made *it*."]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(fs::metadata(&told).expect("there").permissions().mode() & 0o777, 0o600);
    world.check_journal();
}

#[test]
fn nothing_that_was_said_or_printed_does_anything_to_the_terminal() {
    // Titles, clipboard, colours that stay, other screens, queries, bells, a bare carriage return.
    let hostile = "\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b[31m\x1b[?1049l\x1b[6n\x07over\rwritten \u{202e}side";
    let printed = "printf '\\033]0;owned\\007\\033[?1049l\\033[2Jprinted\\377\\n'";
    let world = World::playing(json!([says(hostile), runs(printed), says("The end.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &["--full-auto"]), SIZE);
    person.says("be nasty");
    person.until("written");
    person.says("go on");
    // Not on the list of what is known to be harmless, and asked about for that.
    let screen = person.until_screen("a question or the end", |screen| {
        screen.contains("Run this command?") || screen.contains("The end.")
    });
    if screen.contains("Run this command?") {
        person.presses("y");
    }
    person.until("The end.");
    assert!(person.is_on_other_screen(), "the text left the screen");
    assert!(person.title().is_none_or(|title| !title.contains("owned")), "{:?}", person.title());
    assert_eq!(person.bells(), 0);
    person.leaves();
    assert_eq!(person.end(), 0, "{}", person.screen());
    let sent = String::from_utf8_lossy(&person.sent()).into_owned();
    for raw in ["\x1b]0;owned", "\x1b]52;c;b3du", "\x1b[6n", "\x1b[2Jprinted", "\u{202e}"] {
        assert!(!sent.contains(raw), "{raw:?} was sent raw");
    }
    world.check_journal();
}

#[test]
fn a_large_paste_is_said_whole() {
    let world = World::playing(json!([says("Much.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.until("? keys");
    let text = "0123456789 é\n".repeat(20_000);
    person.pastes(&text);
    person.until("[");
    person.presses(super::screen::ENTER);
    person.until("Much.");
    person.leaves();
    assert_eq!(person.end(), 0, "{}", person.screen());
    let said = world.bodies()[0].to_string();
    let escaped = text.trim_end().replace('\n', "\\n");
    assert!(said.contains(&escaped), "{} bytes of {}", said.len(), escaped.len());
}

#[test]
fn lines_that_come_at_once_without_being_marked_are_one_text() {
    let world = World::playing(json!([says("Three lines."), says("One.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.until("? keys");
    person.presses("first\rsecond\rthird");
    person.until("third");
    person.presses("\u{7f}D");
    person.until("thirD");
    assert_eq!(world.kinds_or_none(), [""; 0], "nothing was said so far");
    person.presses(super::screen::ENTER);
    person.until("Three lines.");
    // What a script writes: a text and its Enter.
    person.presses("fourth\r");
    person.until("One.");
    person.leaves();
    assert_eq!(person.end(), 0, "{}", person.screen());
    let said: Vec<String> = world.bodies().iter().map(ToString::to_string).collect();
    assert!(said[0].contains(r"first\nsecond\nthirD"), "{}", said[0]);
    assert!(said[1].contains("fourth"), "{}", said[1]);
}
