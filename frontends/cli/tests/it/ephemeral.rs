//! `codex exec --ephemeral`: a session that is kept nowhere.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Running, World, eventually, patches, processes, run, runs, says};

const PATCH: &str = "*** Begin Patch\n*** Add File: a.txt\n+one\n*** End Patch\n";

/// Everything below the folders that a program may keep things in: files, folders, links.
fn kept(world: &World) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![world.home(), world.path("user"), world.path("temp")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            let is_folder = entry.file_type().expect("a type").is_dir();
            folders.extend(is_folder.then(|| entry.path()));
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

#[test]
fn an_ephemeral_session_prints_the_same_and_leaves_nothing() {
    // Large enough that values move out of their records.
    let steps = || {
        json!([
            runs("seq 1 20000"),
            patches(PATCH),
            runs("cat a.txt; echo t0ken-of-mine-0123"),
            says("Done."),
        ])
    };
    let (world, other) = (World::playing(steps()), World::playing(steps()));
    fs::write(world.home().join("config.toml"), "").expect("written");
    let before = kept(&world);
    // A secret is redacted without a key that stays.
    let mut command = world.exec(&["--json", "--full-auto", "--ephemeral", "--", "do the task"]);
    command.env("MY_TOKEN", "t0ken-of-mine-0123");
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(!turn.stdout.contains("t0ken-of-mine-0123"), "{}", turn.stdout);
    assert_eq!(world.read("a.txt").as_deref(), Some("one\n"));
    assert_eq!(kept(&world), before);
    let usual = other.turn(&["--full-auto"]);
    assert_eq!(turn.shape(), usual.shape());
    assert_eq!(turn.outputs()[0], usual.outputs()[0]);
    assert_eq!(world.bodies().len(), other.bodies().len());
    let id = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();

    assert_eq!(run(world.program(&["sessions"])).stdout, "no sessions yet\n");
    for arguments in [&["resume", &id, "go on"][..], &["resume", "--last", "go on"]] {
        let again = run(world.exec(arguments));
        assert_eq!(again.code, 2, "{again:?}");
        assert!(again.stderr.contains("no session"), "{}", again.stderr);
    }
    assert_eq!(kept(&world), before, "asking for it makes nothing either");
}

#[test]
fn people_are_told_that_it_can_not_be_resumed() {
    let world = World::playing(json!([says("Done.")]));
    let turn = run(world.exec(&["--ephemeral", "go"]));
    assert_eq!((turn.code, turn.stdout.as_str()), (0, "Done.\n"), "{}", turn.stderr);
    assert!(turn.stderr.contains("can't be resumed"), "{}", turn.stderr);
    for arguments in
        [&["--ephemeral", "resume", "--last", "x"][..], &["resume", "--ephemeral", "--last", "x"]]
    {
        let refused = run(world.exec(arguments));
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains("leave --ephemeral out"), "{}", refused.stderr);
    }
}

#[test]
fn a_killed_ephemeral_session_leaves_nothing_either() {
    let mark = format!("84.{}", std::process::id());
    let line = format!("command -v apply_patch > tool; seq 1 20000; sleep {mark}");
    let world = World::playing(json!([runs(&line), says("never")]));
    let before = kept(&world);
    let mut running = Running::start(world.exec(&["--json", "--full-auto", "--ephemeral", "go"]));
    running.until("item.started");
    eventually("the command runs", || processes(&format!("sleep\0{mark}")) >= 1);
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, 137);
    eventually("the command ended with it", || processes(&mark) == 0);
    // The supervisor ends the command first and takes away after it what stood in for what is kept.
    eventually("its supervisor has cleared up", || kept(&world) == before);
    // What it had outside of those folders goes with the next session, as always.
    let tool = PathBuf::from(world.read("tool").expect("written").trim_end());
    let other = World::playing(json!([says("fine")]));
    assert_eq!(other.turn(&["--ephemeral"]).code, 0);
    assert!(!tool.parent().expect("a folder").exists(), "{}", tool.display());
}

#[test]
fn a_home_that_takes_nothing_is_no_reason_to_fail() {
    let world = World::playing(json!([says("Done.")]));
    let file = world.path("file");
    fs::write(&file, "").expect("written");
    let mut command = world.exec(&["--json", "--ephemeral", "go"]);
    command.env("CODEX_HOME", file.join("home"));
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(turn.last()["type"], "turn.completed");
}
