//! What is found where the interface is opened: no key, no repository, a project with rules, little room,
//! no colours.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::screen::{DOWN, ENTER, ESC, Person, Size, in_colour, interface};
use super::story::repository;
use crate::support::{World, run, says};

const SIZE: Size = Size(80, 24);

#[test]
fn without_a_key_one_is_asked_for_and_kept() {
    const KEY: &str = "k3y-that-was-typed-0123456789";
    let world = World::playing(json!([says("Hello."), says("Again.")]));
    repository(&world);
    let address = world.base_url();
    let without_a_key = |arguments: &[&str]| {
        let mut command = in_colour(world.program(arguments));
        command.env("OPENAI_BASE_URL", &address);
        command
    };
    let mut person = Person::start(&without_a_key(&[]), SIZE);
    person.until("OPENAI_API_KEY");
    person.presses("k");
    person.pastes(KEY);
    person.presses(ENTER);
    person.until("auth.json");
    person.says("greet me");
    person.until("Hello.");
    person.leaves();
    assert_eq!(person.end(), 0);
    assert_eq!(world.headers("authorization"), [format!("Bearer {KEY}")]);
    let file = world.home().join("auth.json");
    assert_eq!(fs::metadata(&file).expect("kept").permissions().mode() & 0o777, 0o600);
    let sent = String::from_utf8_lossy(&person.sent()).into_owned();
    assert!(!sent.contains(KEY), "the key was shown");
    let raw = run(world.program(&["replay", "--last", "--raw"])).stdout;
    assert!(!raw.contains(KEY), "the key is in the journal");
    world.check_journal();

    // It is there from now on, for others too.
    let mut again = world.program(&["exec", "--skip-git-repo-check", "once more"]);
    let again = run({
        again.env("OPENAI_BASE_URL", &address);
        again
    });
    assert_eq!((again.code, again.stdout.as_str()), (0, "Again.\n"), "{}", again.stderr);
    let mut person = Person::start(&without_a_key(&[]), SIZE);
    let screen = person.until("? keys");
    assert!(!screen.contains("OPENAI_API_KEY"), "{screen}");
    person.leaves();
    assert_eq!(person.end(), 0);
}

#[test]
fn outside_of_a_repository_it_says_what_that_means_and_takes_every_key() {
    let world = World::playing(json!([says("Hello."), says("Again.")]));
    let bare = tempfile::tempdir().expect("a folder");
    let begun = |arguments: &[&str]| {
        let mut command = interface(&world, arguments);
        command.current_dir(bare.path());
        command
    };
    // What is typed before the first picture counts as well.
    let mut person = Person::start(&begun(&["-s", "workspace-write"]), SIZE);
    person.presses("greet");
    let screen = person.until("no git repository");
    assert!(screen.contains("no history to go back to"), "{screen}");
    assert!(screen.contains("Access: workspace write."), "{screen}");
    assert!(screen.contains("--skip-git-repo-check"), "{screen}");
    person.until("greet");
    person.says(" me");
    person.until("Hello.");
    person.leaves();
    assert_eq!(person.end(), 0);
    let said = world.bodies()[0]["input"].to_string();
    assert!(said.contains("\"greet me\""), "{said}");
    world.check_journal();

    // Words on the command line are said at once, and the note stands in the conversation.
    let mut person = Person::start(&begun(&["greet me"]), SIZE);
    person.until("Again.");
    person.until("no git repository");
    person.leaves();
    assert_eq!(person.end(), 0);

    let mut person = Person::start(&begun(&["--skip-git-repo-check"]), SIZE);
    let screen = person.until("? keys");
    assert!(!screen.contains("no git repository"), "{screen}");
    person.leaves();
    assert_eq!(person.end(), 0);
}

#[test]
fn a_project_with_rules_of_its_own_is_asked_about_once() {
    let world = World::playing(json!([says("Hello.")]));
    repository(&world);
    let rules = world.work().join(".codex/rules");
    fs::create_dir_all(&rules).expect("made");
    fs::write(rules.join("mine.rules"), "").expect("written");
    let settings = world.home().join("config.toml");
    fs::write(&settings, "# mine\n[tui]\nnotifications = false # calm\n").expect("written");
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.until("mine.rules");
    person.presses("t");
    person.until("is trusted from now on");
    person.leaves();
    assert_eq!(person.end(), 0);
    let written = fs::read_to_string(&settings).expect("there");
    let work = world.work().display().to_string();
    assert_eq!(
        written,
        format!(
            "# mine\n[tui]\nnotifications = false # calm\n\n\
             [projects.\"{work}\"]\ntrust_level = \"trusted\"\n"
        )
    );
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    let screen = person.until("? keys");
    assert!(!screen.contains("mine.rules"), "{screen}");
    person.leaves();
    assert_eq!(person.end(), 0);
}

#[test]
fn little_room_is_enough() {
    let world = World::playing(json!([says("Hello."), says("Again.")]));
    repository(&world);
    for size in [Size(20, 5), Size(10, 2), Size(2, 1)] {
        let mut person = Person::start(&interface(&world, &[]), size);
        if size.1 > 2 {
            person.says("greet");
            // What the turn cost is below the answer, which has no room any more.
            person.until("1.0k in");
        }
        for other in [Size(1, 1), Size(300, 3), Size(3, 100), Size(80, 24)] {
            person.resizes(other);
        }
        person.until("? keys");
        person.leaves();
        assert_eq!(person.end(), 0, "{size:?}");
        assert!(person.is_as_found(), "{size:?}");
    }
}

#[test]
fn without_colours_there_are_none() {
    let world = World::playing(json!([says("Hello **there**, `code`.\n\n```sh\necho 1\n```")]));
    repository(&world);
    let mut command = interface(&world, &[]);
    command.env("NO_COLOR", "1");
    let mut person = Person::start(&command, SIZE);
    person.says("greet me");
    person.until("Hello");
    person.presses("?");
    person.until("Ctrl-C");
    person.presses(ESC);
    person.until_gone("Ctrl-C");
    person.leaves();
    assert_eq!(person.end(), 0);
    let sent = String::from_utf8_lossy(&person.sent()).into_owned();
    let colours = sent.split("\x1b[").skip(1).filter(|rest| {
        let Some((codes, _)) = rest.split_once('m') else { return false };
        let mut codes = codes.split(';').map(str::parse::<u32>);
        codes.clone().all(|code| code.is_ok())
            && codes.any(|code| matches!(code, Ok(30..=38 | 40..=48 | 90..=107)))
    });
    assert_eq!(colours.count(), 0, "{sent:?}");
}

#[test]
fn settings_of_the_interface_are_held_to_what_there_is() {
    let world = World::silent();
    let mut person = Person::start(&interface(&world, &["-c", "tui.keymap=nano"]), SIZE);
    let code = person.end();
    let screen = person.screen();
    assert_eq!(code, 2, "{screen}");
    assert!(screen.contains("`tui.keymap` can't be `nano`"), "{screen}");
    assert!(screen.contains("hint: ") && person.is_as_found(), "{screen}");
}

#[test]
fn what_is_chosen_of_colours_and_keys_is_written_down() {
    let world = World::silent();
    repository(&world);
    let file = world.home().join("config.toml");
    let there = fs::read_to_string(&file).unwrap_or_default();
    let text = format!("{there}\n# how it looks\n[tui]\ntheme = \"dark\" # at night\n");
    fs::write(&file, &text).expect("written");
    let mut person = Person::start(&interface(&world, &[]), SIZE);
    person.until("? keys");
    // A look at another one, and away again: nothing is written.
    person.says("/theme");
    person.until("Colours for a dark background.");
    person.presses(DOWN);
    person.until("Colours for a light background.");
    person.presses(ESC);
    person.until_gone("Colours for a light background.");
    assert_eq!(fs::read_to_string(&file).expect("there"), text);
    person.says("/theme light");
    person.until("the theme is light from now on");
    person.says("/keymap vim");
    person.until("keys are read as vi does");
    let now = fs::read_to_string(&file).expect("there");
    assert_eq!(now, text.replace("dark\" # at night\n", "light\" # at night\nkeymap = \"vim\"\n"));
    person.leaves();
    assert_eq!(person.end(), 0);
}

#[test]
fn keys_are_what_the_settings_say_and_shown_so() {
    let world = World::silent();
    repository(&world);
    let keys = ["-c", "tui.keymap.keys=f1", "-c", "tui.keymap.leave=[\"f10\"]"];
    let mut person = Person::start(&interface(&world, &keys), Size(100, 40));
    person.until("F1 keys");
    person.says("/keymap");
    let screen = person.until("F10");
    assert!(screen.contains("F1 ") && !screen.contains("Ctrl-D"), "{screen}");
    person.presses(ESC);
    person.until_gone("F10");
    person.presses("\x1b[21~");
    assert_eq!(person.end(), 0);

    for (key, words) in [
        (
            "tui.keymap.leaf=f10",
            "`tui.keymap.leaf`: there is nothing of this name that a key can do",
        ),
        ("tui.keymap.leave=pgup", "`tui.keymap.leave`: `pgup` is no key"),
        ("tui.keymap.leave=ctrl-t", "`tui.keymap.leave`: Ctrl-T is the key of `transcript`"),
    ] {
        let mut person = Person::start(&interface(&world, &["-c", key]), Size(120, 24));
        let code = person.end();
        let screen = person.screen();
        assert_eq!(code, 2, "{screen}");
        assert!(screen.contains(words) && screen.contains("hint: "), "{screen}");
    }
    fs::write(world.home().join("config.toml"), "[tui.keymap]\nleave = \"pgup\"\n")
        .expect("written");
    let doctor = run(world.program(&["doctor"]));
    assert!(doctor.stdout.contains("config.toml:2:9: "), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("`pgup` is no key"), "{}", doctor.stdout);
}
