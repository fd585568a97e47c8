//! Limits on what commands use up, of sessions that go on.

use std::fs;

use serde_json::json;

use crate::support::{Turn, World, run, runs, says};

/// `codex exec resume` with these words, as JSON.
fn resume(world: &World, words: &[&str]) -> Turn {
    run(world.exec(&[&["resume", "--json"], words].concat()))
}

#[test]
fn limits_on_what_commands_use_up_are_the_sessions_own() {
    let line = "ulimit -f; ulimit -v";
    let world = World::playing(json!([
        runs(line),
        says("one"),
        runs(line),
        says("two"),
        runs(line),
        says("3")
    ]));
    let limits = ["-c", "sandbox_resources.file_bytes=5120000", "--full-auto"];
    let first = run(world.exec(&[&["--json"], &limits[..], &["go"]].concat()));
    assert_eq!(first.code, 0, "{}", first.stderr);
    // The shell counts in blocks of 512 bytes or of 1 KiB.
    let told = |turn: &Turn| {
        let said = turn.outputs()[0].clone();
        let mut lines = said.lines().map(str::to_owned);
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
    };
    let (files, memory) = told(&first);
    assert!(files == "10000" || files == "5000", "{files}");
    assert_eq!(memory, "unlimited");
    fs::write(world.home().join("config.toml"), "[sandbox_resources]\nfile_bytes = 1024\n")
        .expect("written");
    let again = resume(&world, &["--last", "go on"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(told(&again), (files.clone(), memory), "today's settings change nothing");
    let flag = "sandbox_resources.memory_bytes=9000000000";
    let more = resume(&world, &["-c", flag, "--last", "go on"]);
    assert_eq!(more.code, 0, "{}", more.stderr);
    let (kept, memory) = told(&more);
    assert_eq!(kept, files, "one that is not named stays");
    assert_ne!(memory, "unlimited");
}

/// Earlier releases recorded no limits, and had none.
#[test]
fn a_session_without_recorded_limits_gets_those_of_today_s_settings_where_they_are_stricter() {
    let world = World::playing(json!([says("one"), says("two"), says("three")]));
    let first = world.turn(&[]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let id = first.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let settings = "[sandbox_resources]\nprocesses = 64\nfile_bytes = 5120000\n";
    fs::write(world.home().join("config.toml"), settings).expect("written");
    let limits = |words: &[&str]| {
        let again = resume(&world, words);
        assert_eq!(again.code, 0, "{}", again.stderr);
        let shown = run(world.program(&["sessions", "show", &id, "--json"])).lines();
        (again.stderr, shown[0]["settings"]["resources"].clone())
    };
    let (told, now) = limits(&["--last", "go on"]);
    assert_eq!(now, json!({"processes": 64, "file_bytes": 5_120_000, "memory_bytes": null}));
    assert!(told.contains("sandbox_resources"), "{told}");
    // From then on it has its own.
    let settings = "[sandbox_resources]\nprocesses = 32\n";
    fs::write(world.home().join("config.toml"), settings).expect("written");
    let (told, kept) = limits(&["--last", "go on"]);
    assert_eq!(kept, now);
    assert!(!told.contains("sandbox_resources"), "{told}");
}
