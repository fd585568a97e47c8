//! What models, commands, files and clipboards may hold: shown or left out, never carried out by the
//! terminal, and never more than the interface can bear.

use std::fs;

use serde_json::json;

use super::screen::{ENTER, ESC, Person, Size, interface};
use super::story::repository;
use crate::support::{World, run, runs, says};

const SIZE: Size = Size(100, 30);
const PAGE_UP: &str = "\x1b[5~";
const CTRL_END: &str = "\x1b[1;5F";
/// Sets a window's title, if a terminal is let see it.
const TITLE: &str = "\x1b]0;owned\x07";
/// Clears a screen, likewise.
const CLEAR: &str = "\x1b[2J\x1b[Hgone";
/// Most memory, in MiB, that any of this may take: the lines alone are 10.
const MEMORY: u64 = 400;

fn leaves(world: &World, mut person: Person) {
    person.until_gone("interrupt)");
    person.leaves();
    let code = person.end();
    assert_eq!(code, 0, "{}", person.screen());
    assert!(person.is_as_found(), "{}", person.screen());
    world.check_journal();
}

/// The most memory, in MiB, that it took so far.
fn taken(person: &Person) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", person.pid().as_raw_pid()));
    let status = status.expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
}

/// Nothing foreign was sent as it was.
fn is_harmless(person: &Person) {
    let sent = String::from_utf8_lossy(&person.sent()).into_owned();
    for foreign in [TITLE, "\x1b]2;owned", CLEAR] {
        assert!(!sent.contains(foreign), "{foreign:?}");
    }
    assert!(person.title().is_none_or(|title| title != "owned"), "{:?}", person.title());
}

fn scrolls(person: &mut Person) {
    person.presses(PAGE_UP);
    person.until("↓");
    for _ in 0..5 {
        person.presses(PAGE_UP);
    }
    person.presses(CTRL_END);
    person.until_gone("↓");
}

#[test]
fn an_endless_line_of_a_model_is_borne() {
    let line = "endless ".repeat(10 << 17);
    let world = World::playing(json!([says(&line), says("Still here.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.says("go");
    person.until("endless");
    person.until_gone("interrupt)");
    scrolls(&mut person);
    person.says("and now");
    person.until("Still here.");
    let peak = taken(&person);
    assert!(peak < MEMORY, "{peak} MiB");
    leaves(&world, person);
}

#[test]
fn an_endless_line_of_a_command_is_borne() {
    let line = "head -c 10000000 /dev/zero | tr '\\0' x";
    let world = World::playing(json!([runs(line), says("Still here.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.says("go");
    person.until("Run this command?");
    person.presses("y");
    person.until("Still here.");
    person.until_gone("interrupt)");
    person.says(&format!("!{line}"));
    person.until("exit 0");
    scrolls(&mut person);
    let peak = taken(&person);
    assert!(peak < MEMORY, "{peak} MiB");
    leaves(&world, person);
}

#[test]
fn bytes_that_are_no_text_are_shown_as_such() {
    let world = World::playing(json!([runs("printf 'a\\377\\376b\\xf0\\x9f\\n'"), says("Done.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.says("go");
    person.until("Done.");
    person.until("a\u{fffd}\u{fffd}b");
    person.until_gone("interrupt)");
    person.says("!printf 'c\\377d'");
    person.until("c\u{fffd}d");
    leaves(&world, person);
}

#[test]
fn a_paste_of_a_million_characters_is_folded_and_said_whole() {
    let world = World::playing(json!([says("Read."), says("Again.")]));
    repository(&world);
    let pasted = "0123456789\n".repeat(100_000);
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.until("? keys");
    person.presses("look: ");
    person.pastes(&pasted);
    person.until("look: [pasted 100,000 lines]");
    person.presses(ENTER);
    person.until("Read.");
    person.until_gone("interrupt)");
    let said = world.bodies()[0]["input"].to_string();
    assert_eq!(said.matches("0123456789").count(), 100_000);
    // One that is not said keeps nobody from leaving.
    person.pastes(&pasted);
    person.until("› [");
    person.presses("\x03");
    person.until_gone("› [");
    let peak = taken(&person);
    assert!(peak < MEMORY, "{peak} MiB");
    leaves(&world, person);
}

#[test]
fn names_and_titles_and_commands_move_no_terminal() {
    let step = runs(&format!("printf 'a{TITLE}{CLEAR}b'; touch made"));
    let answer = says(&format!("Said {TITLE}{CLEAR} so."));
    let world = World::playing(json!([says("First."), step, answer]));
    repository(&world);
    // What can't be written into a text is not offered; what hides in one is shown.
    for name in [format!("evil{TITLE}1"), "evil\u{202e}2".to_owned()] {
        fs::write(world.work().join(name), "").expect("written");
    }
    let title = format!("words{TITLE}{CLEAR}");
    assert_eq!(world.turn_of(&[], &title).code, 0);
    let list = run(world.program(&["sessions", "--json"])).stdout;
    let id = list.split('"').find(|word| word.len() == 36 && word.contains('-')).expect("an id");
    let named = run(world.program(&["sessions", "name", id, &title]));
    assert_eq!(named.code, 2, "{}", named.stderr);
    let mut person = Person::start(&interface(&world, &["-s", "workspace-write"]), SIZE);
    person.until("? keys");
    person.presses("@evil");
    person.until("evil\\u{202e}2");
    person.presses(ESC);
    person.until_gone("u{202e}");
    person.presses("\x03");
    person.until_gone("@evil");
    // A list of sessions, and one of them.
    person.says("/sessions");
    person.until("words");
    person.presses(ENTER);
    person.until("▌ words");
    person.until("taken up again");
    // A question, and what comes of it.
    person.says("/new");
    person.until_gone("▌ words");
    person.says("go");
    person.until("Run this command?");
    person.until("\\x1b]0;owned\\x07");
    person.presses("y");
    person.until(" so.");
    assert!(person.title().is_some_and(|title| title.ends_with("codex · work")));
    is_harmless(&person);
    leaves(&world, person);
}

#[test]
fn a_folder_moves_no_terminal_either() {
    let world = World::playing(json!([says("First.")]));
    let folder = world.path(&format!("wo{TITLE}rk"));
    fs::create_dir(&folder).expect("made");
    let mut command = interface(&world, &[]);
    command.current_dir(&folder);
    let mut person = Person::start(&command, SIZE);
    person.says("go");
    person.until("First.");
    // The title says so while a turn runs.
    person.until_gone("interrupt)");
    assert_eq!(person.title().as_deref(), Some("codex · wo\\x1b]0owned\\x07rk"));
    is_harmless(&person);
    leaves(&world, person);
}

#[test]
fn a_question_finds_room_in_a_window_of_five_lines() {
    let world = World::playing(json!([runs("touch made"), says("Made.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &["-s", "workspace-write"]), Size(20, 5));
    person.says("go");
    person.until("touch made");
    assert_eq!(world.read("made"), None);
    person.presses("y");
    // What the turn cost is below the answer, which has no room any more.
    person.until("2.0k in");
    assert!(world.read("made").is_some());
    leaves(&world, person);
}
