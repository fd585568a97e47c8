//! A session in two terminals: who looks on, who has it, how it changes hands.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use super::screen::{CTRL_D, ENTER, ESC, Person, Size, in_colour, interface};
use super::story::repository;
use crate::support::{World, eventually, runs, says};

const SIZE: Size = Size(100, 30);
/// Room for a folder with its branch.
const WIDE: Size = Size(180, 40);

/// An owner who has said something, and a guest who sees it.
fn two(world: &World) -> (Person, Person) {
    repository(world);
    let mut owner = Person::start(&interface(world, &["-s", "workspace-write"]), SIZE);
    owner.says("begin");
    owner.until("Begun.");
    owner.until_gone("interrupt)");
    let guest = Person::start(&in_colour(world.asking_model("resume", &["--last"])), SIZE);
    guest.until("attached to process");
    guest.until("Begun.");
    (owner, guest)
}

fn git(folder: &Path, arguments: &[&str]) {
    let fixed = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
    let done = Command::new("git").args(fixed).args(arguments).current_dir(folder).output();
    assert!(done.as_ref().is_ok_and(|done| done.status.success()), "{arguments:?}: {done:?}");
}

/// Makes a repository with a change in it, which names a program wherever git would run one; gives the
/// file that the program leaves.
fn hostile(folder: &Path) -> std::path::PathBuf {
    let sprung = folder.join(".git/sprung");
    git(folder, &["init", "-q", "-b", "trunk"]);
    fs::write(folder.join("known"), "one\n").expect("written");
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "x"]);
    fs::write(folder.join("known"), "two\n").expect("written");
    let attributes = "* diff=x filter=x\n";
    fs::write(folder.join(".gitattributes"), attributes).expect("written");
    fs::write(folder.join(".git/info/attributes"), attributes).expect("written");
    let trap = folder.join(".git/trap");
    fs::write(&trap, format!("#!/bin/sh\ntouch {}\ncat\n", sprung.display())).expect("written");
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).expect("set");
    fs::create_dir_all(folder.join(".git/hooks")).expect("made");
    for hook in ["post-index-change", "fsmonitor-watchman", "post-checkout"] {
        fs::copy(&trap, folder.join(".git/hooks").join(hook)).expect("copied");
    }
    let trap = trap.display().to_string();
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.alternateRefsCommand",
        "diff.external",
        "diff.x.textconv",
        "diff.x.command",
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
    ] {
        git(folder, &["config", key, &trap]);
    }
    sprung
}

#[test]
fn a_diff_is_that_of_the_session_and_runs_nothing_of_the_repository() {
    let world = World::playing(json!([says("Begun.")]));
    let sprung = hostile(&world.work());
    let mut owner = Person::start(&interface(&world, &[]), WIDE);
    owner.says("begin");
    owner.until("Begun.");
    // The guest's own folder is another one.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut looks = in_colour(world.program(&["attach", "--last"]));
    looks.current_dir(elsewhere.path());
    let mut guest = Person::start(&looks, WIDE);
    guest.until("attached to process");
    guest.until("(trunk)");
    for person in [&mut owner, &mut guest] {
        person.says("/diff");
        person.until("- one");
        person.until("+ two");
        person.presses(ESC);
        person.until_gone("+ two");
        person.leaves();
        assert_eq!(person.end(), 0, "{}", person.screen());
    }
    assert!(!sprung.exists(), "a program of the repository was run");
    // Git by itself does run them.
    let _ = Command::new("git").args(["diff", "HEAD"]).current_dir(world.work()).output();
    assert!(sprung.exists(), "no trap");

    // What is only recorded may have worked where nothing is any more.
    fs::rename(world.work(), world.path("moved")).expect("moved");
    let mut looks = in_colour(world.program(&["replay", "--last", "--screen"]));
    looks.current_dir(elsewhere.path());
    let mut reader = Person::start(&looks, WIDE);
    reader.until("read only");
    let screen = reader.until("Begun.");
    assert!(!screen.contains("(trunk)"), "{screen}");
    reader.says("/diff");
    reader.until("is not there");
    reader.presses("q");
    assert_eq!(reader.end(), 0, "{}", reader.screen());
    fs::rename(world.path("moved"), world.work()).expect("moved");
}

#[test]
fn a_guest_takes_over_and_the_owner_follows() {
    let world = World::playing(json!([says("Begun."), says("From the guest."), says("Again.")]));
    let (mut owner, mut guest) = two(&world);
    guest.says("/take-over");
    guest.until("Take this session over?");
    // Not without a word.
    guest.presses(ENTER);
    guest.until_gone("Take this session over?");
    guest.until("attached to process");
    guest.says("/take-over");
    guest.until("Take this session over?");
    guest.presses("t");
    guest.until_gone("attached to process");
    // Whoever had it is told, and did not have to do anything.
    owner.until("session handed over to another process");
    owner.until("was let go of");
    guest.says("from me now");
    guest.until("From the guest.");
    guest.until_gone("interrupt)");
    // It speaks on as a guest.
    owner.says("and from me");
    owner.until("attached to process");
    for person in [&owner, &guest] {
        let screen = person.until("Again.");
        for once in ["▌ begin", "Begun.", "▌ from me now", "From the guest.", "▌ and from me"]
        {
            assert_eq!(screen.matches(once).count(), 1, "{once}: {screen}");
        }
    }
    guest.until_gone("interrupt)");
    guest.presses(CTRL_D);
    assert_eq!(guest.end(), 0, "{}", guest.screen());
    // Nobody has it now.
    owner.until("was let go of");
    owner.presses(CTRL_D);
    assert_eq!(owner.end(), 0, "{}", owner.screen());
    world.check_journal();
    let kinds = world.kinds();
    let count = |kind: &str| kinds.iter().filter(|it| *it == kind).count();
    assert_eq!((count("turn_started"), count("turn_completed")), (3, 3), "{kinds:?}");
    assert_eq!((count("session_closed"), count("session_resumed")), (2, 1), "{kinds:?}");
    assert_eq!(world.bodies().len(), 3);
}

#[test]
fn a_session_is_found_by_its_name_and_attached_to() {
    let world = World::playing(json!([says("Begun."), says("Heard.")]));
    repository(&world);
    let mut owner = Person::start(&interface(&world, &[]), SIZE);
    owner.says("begin");
    owner.until("Begun.");
    owner.says("/name moon");
    owner.until_gone("/name moon");
    for command in ["/attach moon", "/sessions"] {
        let mut guest = Person::start(&interface(&world, &[]), SIZE);
        guest.until("? keys");
        guest.says(command);
        if command == "/sessions" {
            guest.until("moon");
            guest.until("running");
            guest.presses(ENTER);
        }
        guest.until("attached to process");
        guest.until("Begun.");
        guest.says("/status");
        guest.until("presence  attached to process");
        guest.presses(ESC);
        guest.until_gone("presence");
        guest.presses(CTRL_D);
        assert_eq!(guest.end(), 0, "{}", guest.screen());
    }
    let mut guest = Person::start(&in_colour(world.asking_model("resume", &["--last"])), SIZE);
    guest.until("attached to process");
    guest.says("hear me");
    owner.until("Heard.");
    guest.until("Heard.");
    guest.presses(CTRL_D);
    assert_eq!(guest.end(), 0);
    owner.until_gone("interrupt)");
    owner.presses(CTRL_D);
    assert_eq!(owner.end(), 0, "{}", owner.screen());
    world.check_journal();
}

#[test]
fn a_guest_that_is_killed_is_no_loss() {
    let world = World::playing(json!([says("Begun."), says("Still here.")]));
    let (mut owner, mut guest) = two(&world);
    guest.signal(Signal::KILL);
    assert_eq!(guest.end(), 137);
    owner.says("go on");
    owner.until("Still here.");
    owner.until_gone("interrupt)");
    owner.presses(CTRL_D);
    assert_eq!(owner.end(), 0);
    world.check_journal();
}

#[test]
fn a_guest_says_what_became_of_an_owner_that_was_killed() {
    let world =
        World::playing(json!([says("Begun."), runs("touch began; sleep 60"), says("Gone on.")]));
    let (mut owner, mut guest) = two(&world);
    owner.says("take your time");
    owner.until("Run this command?");
    owner.presses("y");
    eventually("it runs", || world.read("began").is_some());
    guest.until("sleep 60");
    owner.signal(Signal::KILL);
    assert_eq!(owner.end(), 137);
    guest.until("the owner went away");
    guest.until(&format!("process {} had this session", owner.pid().as_raw_pid()));
    guest.says("go on");
    // What was under way is not done again.
    guest.until("nobody knows how it ended");
    guest.until("Gone on.");
    guest.until_gone("interrupt)");
    guest.presses(CTRL_D);
    assert_eq!(guest.end(), 0, "{}", guest.screen());
    world.check_journal();
    assert_eq!(world.kinds().iter().filter(|kind| *kind == "tool_intended").count(), 1);
}
