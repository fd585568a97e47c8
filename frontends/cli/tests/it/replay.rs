//! Looking at sessions, while they run and when they are damaged.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::support::{Running, World, run, runs, says};

#[test]
fn a_session_can_be_read_while_it_runs() {
    let world = World::silent();
    let gate = world.path("gate");
    let held = json!({"items": says("late"), "wait_for": gate});
    let world = World::playing(json!([runs("echo early"), held]));
    let mut running = Running::start(world.exec(&["--json", "go"]));
    running.until("item.completed");
    let replayed = run(world.program(&["replay", "--last", "--json"]));
    assert_eq!(replayed.stdout, running.printed);
    let told = run(world.program(&["replay", "--last"]));
    assert!(told.stdout.contains("echo early"), "{}", told.stdout);
    world.check_journal();
    fs::create_dir_all(gate.parent().expect("a folder")).expect("made");
    fs::write(&gate, "").expect("opened");
    let turn = running.end();
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    world.check_replay(&turn);
    let _ = fs::remove_dir_all(gate.parent().expect("a folder"));
}

#[test]
fn every_form_of_a_replay_works_and_changes_nothing() {
    let world = World::playing(json!([runs("echo hello"), says("Hello.")]));
    let turn = world.turn(&[]);
    let id = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let before = bytes(world.home());
    let text = run(world.program(&["replay", &id]));
    assert_eq!(text.code, 0);
    assert!(text.stdout.contains("echo hello") && text.stdout.contains("Hello."));
    let raw = run(world.program(&["replay", &id[..13], "--raw"]));
    assert!(raw.stdout.lines().count() > 8 && raw.stdout.contains("\"kind\":\"tool_intended\""));
    assert_eq!(run(world.program(&["sessions"])).code, 0);
    assert_eq!(bytes(world.home()), before, "reading changed something");
}

#[test]
fn a_flipped_bit_is_named_or_makes_no_difference() {
    let world = World::playing(json!([runs("echo hello"), says("Hello.")]));
    let turn = world.turn(&[]);
    let id = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let data = world.home().join("journals").join(&id).join("db/db");
    let good = fs::read(&data).expect("readable");
    let records: Vec<usize> = good
        .windows(8)
        .enumerate()
        .filter(|(_, w)| w.starts_with(b"\xC0\xDEjourn"))
        .map(|(at, _)| at)
        .collect();
    assert!(records.len() > 8);
    let mut named = 0;
    for (number, at) in records.iter().enumerate() {
        let mut bad = good.clone();
        bad[at + 100 + number] ^= 1 << (number % 8);
        fs::write(&data, bad).expect("written");
        let verified = run(world.program(&["replay", &id, "--verify"]));
        assert!(matches!(verified.code, 0 | 3), "{}{}", verified.stdout, verified.stderr);
        if verified.code == 0 {
            let replayed = run(world.program(&["replay", &id, "--json"]));
            assert_eq!(replayed.stdout, turn.stdout);
        } else {
            named += 1;
            assert!(!verified.stdout.is_empty());
        }
    }
    assert!(named > 0, "no damage was noticed");
}

fn bytes(folder: PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push((path.clone(), fs::read(path).expect("readable"))),
            }
        }
    }
    found.sort();
    found
}
