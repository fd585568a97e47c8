//! What the flags of a command line, and what was changed later, are worth to the sessions of an interface.

use serde_json::{Value, json};

use super::screen::{CTRL_D, DOWN, ENTER, ESC, Person, Size, UP, in_colour, interface};
use super::story::repository;
use crate::support::{World, run, says};

const SIZE: Size = Size(100, 30);

/// A session of the folder, begun without the interface; gives its id.
fn begun(world: &World, prompt: &str) -> String {
    let turn = world.turn_of(&["-s", "workspace-write"], prompt);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let first = turn.stdout.lines().next().expect("a line");
    let first: Value = serde_json::from_str(first).expect("JSON");
    first["thread_id"].as_str().expect("an id").to_owned()
}

/// Whether commands may write, and when somebody is asked, as it was recorded of a session last.
fn recorded(world: &World, session: &str) -> (bool, String) {
    let raw = run(world.program(&["replay", session, "--raw"])).stdout;
    let settings = raw.lines().rev().find_map(|line| {
        let event: Value = serde_json::from_str(line).expect("an event is JSON");
        let settings = event["body"]["settings"].as_object()?;
        let writes = settings["permissions"].to_string().contains("write");
        Some((writes, settings["approval_policy"].as_str()?.to_owned()))
    });
    settings.expect("settings")
}

/// Waits until a session is shown, and no list of them is.
fn shows(person: &Person, said: &str, access: &str) {
    person.until_screen(&format!("{said} with {access}"), |screen| {
        let foot = screen.lines().last().unwrap_or_default();
        screen.contains(&format!("▌ {said}")) && foot.contains(access)
    });
}

fn leaves(mut person: Person) {
    person.leaves();
    assert_eq!(person.end(), 0, "{}", person.screen());
}

#[test]
fn the_session_that_is_chosen_gets_the_flags_and_no_later_one() {
    let world = World::playing(json!([says("One."), says("Two.")]));
    repository(&world);
    let (first, second) = (begun(&world, "first"), begun(&world, "second"));
    let flags = ["-s", "read-only", "-a", "never"];
    let mut person = Person::start(&in_colour(world.asking_model("resume", &flags)), SIZE);
    person.until("first");
    person.presses(DOWN);
    person.presses(ENTER);
    shows(&person, "first", "read only");
    person.says("/resume");
    person.until("open here");
    person.until("second");
    person.presses(DOWN);
    person.presses(ENTER);
    shows(&person, "second", "workspace write");
    leaves(person);
    assert_eq!(recorded(&world, &first), (false, "never".to_owned()));
    assert!(recorded(&world, &second).0, "the flags were meant for another one");
    world.check_journal();
}

#[test]
fn a_session_of_another_process_is_not_attached_to_with_flags_that_change_it() {
    let world = World::playing(json!([says("Begun."), says("Heard.")]));
    repository(&world);
    let mut owner = Person::start(&interface(&world, &["-s", "workspace-write"]), SIZE);
    owner.says("begin");
    owner.until("Begun.");
    owner.until_gone("interrupt)");
    for flags in [&["-s", "read-only"][..], &["-a", "never"], &["-m", "o3"], &["--add-dir", "/tmp"]]
    {
        let words = [&["--last"], flags, &["be careful"]].concat();
        let mut guest = Person::start(&in_colour(world.asking_model("resume", &words)), SIZE);
        let screen = guest.until("can't change its");
        assert!(screen.contains(&format!("process {}", owner.pid().as_raw_pid())), "{screen}");
        assert!(screen.contains("/take-over"), "{screen}");
        // It is not said, and not lost.
        assert!(guest.until("› be careful").contains("codex attach"), "{flags:?}");
        guest.presses("\x15");
        guest.until_gone("be careful");
        guest.presses(CTRL_D);
        assert_eq!(guest.end(), 2, "{}", guest.screen());
    }
    assert_eq!(world.bodies().len(), 1, "it was said");
    // Nothing of the session is changed by these.
    let words = ["--last", "-c", "tui.theme=\"ansi\"", "hear me"];
    let mut guest = Person::start(&in_colour(world.asking_model("resume", &words)), SIZE);
    guest.until("attached to process");
    guest.until("Heard.");
    guest.presses(CTRL_D);
    assert_eq!(guest.end(), 0, "{}", guest.screen());
    leaves(owner);
    world.check_journal();
}

#[test]
fn going_back_gives_no_permission_again_that_was_taken_away() {
    let world = World::playing(json!([says("One."), says("Two."), says("In the fork.")]));
    repository(&world);
    let mut person = Person::start(&interface(&world, &["-s", "workspace-write"]), SIZE);
    person.says("first");
    person.until("One.");
    person.until_gone("interrupt)");
    person.says("/permissions read-only");
    shows(&person, "first", "read only");
    person.says("/approvals never");
    shows(&person, "first", "asks never");
    person.says("second");
    person.until("Two.");
    person.until_gone("interrupt)");
    person.presses(ESC);
    person.until("Esc again");
    person.presses(ESC);
    person.until("enter go on from here");
    person.presses(UP);
    person.presses(ENTER);
    person.until_gone("Two.");
    person.until("› first");
    person.presses(" again");
    person.until("› first again");
    person.presses(ENTER);
    person.until("In the fork.");
    shows(&person, "first again", "read only");
    leaves(person);
    let listed = run(world.program(&["sessions", "--json"])).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert_eq!(recorded(&world, "--last"), (false, "never".to_owned()));
    world.check_journal();
}

#[test]
fn full_auto_with_another_policy_asks_as_that_one_says() {
    let world = World::playing(json!([says("One."), says("Two."), says("Three.")]));
    repository(&world);
    let full_auto = |policy: &str| (true, policy.to_owned());
    let mut person = Person::start(&interface(&world, &["-a", "never", "--full-auto"]), SIZE);
    person.says("first");
    person.until("One.");
    leaves(person);
    assert_eq!(recorded(&world, "--last"), full_auto("never"));
    // The same of a session that goes on.
    let flags = ["--last", "--full-auto", "-a", "unless-allow-listed", "second"];
    let person = Person::start(&in_colour(world.asking_model("resume", &flags)), SIZE);
    person.until("Two.");
    leaves(person);
    assert_eq!(recorded(&world, "--last"), full_auto("unless-allow-listed"));
    // And what is said in the interface counts above all of the command line.
    let mut person = Person::start(&interface(&world, &["--full-auto"]), SIZE);
    person.says("/approvals never");
    person.until("asks never");
    person.says("third");
    person.until("Three.");
    leaves(person);
    assert_eq!(recorded(&world, "--last"), full_auto("never"));
}
