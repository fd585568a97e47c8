//! Sessions that were there before, or that another process has.

use serde_json::json;

use super::screen::{DOWN, ENTER, ESC, Person, Size, in_colour, interface};
use super::story::repository;
use crate::support::{World, run, runs, says};

const SIZE: Size = Size(100, 30);

fn begun(steps: serde_json::Value, prompts: &[&str]) -> World {
    let world = World::playing(steps);
    repository(&world);
    for prompt in prompts {
        assert_eq!(world.turn_of(&["-s", "workspace-write"], prompt).code, 0);
    }
    world
}

fn leaves(mut person: Person) {
    person.leaves();
    let code = person.end();
    assert_eq!(code, 0, "{}", person.screen());
    assert!(person.is_as_found(), "{}", person.screen());
}

#[test]
fn a_session_goes_on_with_what_the_flags_change() {
    let world =
        begun(json!([says("Begun."), runs("echo one >> counter"), says("Done.")]), &["begin"]);
    let resume = ["--last", "-a", "unless-allow-listed", "count"];
    let mut person =
        Person::start(&in_colour(world.asking_model("resume", &resume)), Size(100, 50));
    person.until("Run this command?");
    person.presses("y");
    person.until("Done.");
    person.until("Begun.");
    leaves(person);
    assert_eq!(world.read("counter").as_deref(), Some("one\n"));
    world.check_journal();
    assert!(world.kinds().contains(&"settings_changed".to_owned()), "{:?}", world.kinds());
}

#[test]
fn without_a_name_the_sessions_are_offered() {
    let world = begun(json!([says("One."), says("Two."), says("Three.")]), &["first", "second"]);
    let mut person = Person::start(&in_colour(world.asking_model("resume", &[])), SIZE);
    person.until("first");
    person.until("second");
    person.presses(DOWN);
    person.presses(ENTER);
    person.until("One.");
    person.says("go on");
    person.until("Three.");
    leaves(person);
    world.check_journal();
    let last = run(world.program(&["replay", "--last"])).stdout;
    assert!(last.contains("One.") && last.contains("Three."), "{last}");
}

#[test]
fn settings_are_changed_in_a_session_and_recorded() {
    let world = begun(json!([says("One."), says("Two.")]), &[]);
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.says("begin");
    person.until("One.");
    person.says("/model o3");
    person.until_screen("the other model", |screen| !screen.contains("o4-mini ·"));
    person.says("go on");
    person.until("Two.");
    leaves(person);
    let models: Vec<String> = world
        .bodies()
        .iter()
        .map(|body| body["model"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(models, ["o4-mini", "o3"]);
    assert!(world.kinds().contains(&"settings_changed".to_owned()), "{:?}", world.kinds());
    world.check_journal();
}

#[test]
fn a_session_of_another_process_is_followed_and_answered() {
    let world = begun(json!([says("Begun."), runs("echo one >> counter"), says("Done.")]), &[]);
    let mut owner = Person::start(&interface(&world, &["-s", "workspace-write"]), SIZE);
    owner.says("begin");
    owner.until("Begun.");
    owner.says("count");
    owner.until("Run this command?");
    let mut guest = Person::start(&in_colour(world.program(&["attach", "--last"])), SIZE);
    guest.until("Begun.");
    guest.until("Run this command?");
    guest.presses("y");
    // The first answer counts, and the other one learns whose it was.
    owner.until_gone("Run this command?");
    owner.until("user:tui");
    owner.until("Done.");
    guest.until("Done.");
    assert_eq!(world.read("counter").as_deref(), Some("one\n"));
    leaves(guest);
    // It goes on without the one who looked on.
    owner.presses("x");
    owner.until("x");
    owner.presses("\x7f");
    leaves(owner);
    world.check_journal();
}

#[test]
fn what_nobody_runs_is_not_attached_to() {
    let world = begun(json!([says("Begun.")]), &["begin"]);
    let mut person = Person::start(&in_colour(world.program(&["attach", "--last"])), SIZE);
    assert_eq!(person.end(), 2);
    assert!(person.screen().contains("hint: "), "{}", person.screen());
    assert!(!person.is_on_other_screen());
}

#[test]
fn a_recorded_session_is_only_looked_at() {
    let world = begun(json!([runs("echo shown"), says("Done.")]), &["begin"]);
    let before = crate::support::bytes(world.home().join("journals"));
    let mut person =
        Person::start(&in_colour(world.program(&["replay", "--last", "--screen"])), SIZE);
    person.until("echo shown");
    person.until("Done.");
    person.presses("q");
    assert_eq!(person.end(), 0, "{}", person.screen());
    assert!(person.is_as_found(), "{}", person.screen());
    let no_index = |files: Vec<(std::path::PathBuf, Vec<u8>)>| {
        files.into_iter().filter(|(path, _)| !path.ends_with("index")).collect::<Vec<_>>()
    };
    let after = crate::support::bytes(world.home().join("journals"));
    assert!(no_index(before) == no_index(after), "looking changed something");
}

#[test]
fn a_recorded_session_is_read_back_to_its_beginning() {
    // The end is shown at once; the long beginning lies in a file of its own until it comes into view.
    let calls =
        (0..80).map(|number| runs(&format!("echo {number}"))).chain([says("Done.")]).collect();
    let prompt = format!("FIRST {}", "words ".repeat(1_000));
    let world = begun(serde_json::Value::Array(calls), &[&prompt]);
    let mut person =
        Person::start(&in_colour(world.program(&["replay", "--last", "--screen"])), SIZE);
    let screen = person.until("Done.");
    assert!(!screen.contains("FIRST"), "{screen}");
    // Home, as terminals send it.
    person.presses("\x1b[H");
    person.until("FIRST words words");
    person.presses("q");
    assert_eq!(person.end(), 0, "{}", person.screen());
}

#[test]
fn a_fork_is_gone_on_with() {
    let world = begun(json!([says("Begun."), says("In the fork.")]), &["begin"]);
    let person = Person::start(&in_colour(world.asking_model("fork", &["--last", "go on"])), SIZE);
    person.until("Begun.");
    person.until("In the fork.");
    leaves(person);
    assert!(world.kinds().contains(&"session_forked".to_owned()), "{:?}", world.kinds());
    world.check_journal();
    let listed = run(world.program(&["sessions", "--json"])).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
}

#[test]
fn going_back_without_a_word_leaves_no_session() {
    let world = begun(json!([says("One."), says("Two."), says("In the fork.")]), &["first"]);
    let list = || run(world.program(&["sessions", "--json"])).stdout;
    let listed = || list().lines().count();
    let parent: serde_json::Value = serde_json::from_str(&list()).expect("a session");
    let parent = parent["id"].as_str().expect("an id").to_owned();
    let mut person =
        Person::start(&in_colour(world.asking_model("resume", &["--last", "second"])), SIZE);
    person.until("Two.");
    person.until_gone("interrupt)");
    let goes_back = |person: &mut Person| {
        person.presses(ESC);
        person.until("Esc again");
        person.presses(ESC);
        person.until("enter go on from here");
        person.presses(ENTER);
        person.until_gone("enter go on from here");
    };
    goes_back(&mut person);
    person.until_gone("Two.");
    person.until("› second");
    // And once more, from there.
    person.presses("\x03");
    person.until_gone("› second");
    goes_back(&mut person);
    person.until_gone("One.");
    person.until("› first");
    person.presses("\x03");
    person.until_gone("› first");
    person.leaves();
    assert_eq!(person.end(), 0);
    let left = person.screen();
    assert!(left.contains(&format!("codex resume {parent} goes on with it")), "{left}");
    assert_eq!(listed(), 1);

    let mut person = Person::start(&in_colour(world.asking_model("resume", &["--last"])), SIZE);
    person.until("Two.");
    // Both at once, as a slow line brings them.
    person.until_gone("interrupt)");
    person.presses(&ESC.repeat(2));
    person.until("enter go on from here");
    person.presses(ENTER);
    person.until("› second");
    person.presses(" again");
    person.until("second again");
    person.presses(ENTER);
    person.until("In the fork.");
    leaves(person);
    assert_eq!(listed(), 2);
    world.check_journal();
}
