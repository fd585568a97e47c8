//! Sessions that begin with what another one has.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Running, Turn, World, eventually, processes, run, runs, says};

/// `codex exec fork` with these words.
fn fork(world: &World, words: &[&str]) -> Turn {
    run(world.exec(&[&["fork"], words].concat()))
}

fn thread(turn: &Turn) -> String {
    turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned()
}

fn replay(world: &World, id: &str) -> String {
    let replayed = run(world.program(&["replay", id, "--json"]));
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    replayed.stdout
}

fn check(world: &World, id: &str) {
    let verified = run(world.program(&["replay", id, "--verify"]));
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

/// The stored events of a session.
fn raw(world: &World, id: &str) -> Vec<Value> {
    let raw = run(world.program(&["replay", id, "--raw"]));
    raw.stdout.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

fn position(world: &World, id: &str, kind: &str) -> u64 {
    let events = raw(world, id);
    let found = events.iter().find(|event| event["kind"] == kind).expect("there is one");
    found["seq"].as_u64().expect("a number")
}

fn delete(world: &World, id: &str) {
    fs::remove_dir_all(world.home().join("journals").join(id)).expect("removed");
}

fn sessions(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.home().join("journals")).expect("readable").flatten();
    let names = entries.map(|entry| entry.file_name().into_string().expect("text"));
    // Looking a name up makes the index, which is no session.
    names.filter(|name| name != "index").collect()
}

#[test]
fn a_fork_goes_on_where_its_parent_was_and_outlives_it() {
    let world = World::playing(json!([says("One."), says("Two."), says("Three."), says("Four.")]));
    let first = world.turn_of(&[], "the first thing");
    let parent = thread(&first);
    let second = run(world.exec(&["resume", "--json", &parent, "the second thing"]));

    let forked = fork(&world, &["--json", "--turn", "1", &parent, "another second thing"]);
    assert_eq!(forked.code, 0, "{}{}", forked.stdout, forked.stderr);
    assert_eq!(
        forked.shape(),
        ["thread.started", "turn.started", "item.completed agent_message", "turn.completed"]
    );
    let child = thread(&forked);
    assert_ne!(child, parent);
    assert!(forked.stderr.contains(&format!("forked from {parent} behind event")));
    // It builds on the response that both have, and knows nothing of what came later.
    let bodies = world.bodies();
    assert_eq!(bodies[2]["previous_response_id"], bodies[1]["previous_response_id"]);
    assert!(!bodies[2].to_string().contains("the second thing\""), "{}", bodies[2]);
    // What its processes printed, the parent's first one among them.
    assert_eq!(replay(&world, &child), [&first.stdout[..], &forked.stdout].concat());
    assert_eq!(replay(&world, &parent), [&first.stdout[..], &second.stdout].concat());

    delete(&world, &parent);
    check(&world, &child);
    let more = run(world.exec(&["resume", "--json", &child, "go on"]));
    assert_eq!(more.code, 0, "{}{}", more.stdout, more.stderr);
    assert_eq!(thread(&more), child);
    assert_eq!(replay(&world, &child), [&first.stdout[..], &forked.stdout, &more.stdout].concat());
    check(&world, &child);
}

#[test]
fn without_a_prompt_the_id_is_all_that_is_printed() {
    let world = World::playing(json!([says("One."), says("Two.")]));
    let parent = thread(&world.turn(&[]));
    let forked = fork(&world, &[&parent]);
    assert_eq!(forked.code, 0, "{}", forked.stderr);
    let child = forked.stdout.trim();
    assert_eq!(child.len(), 36);
    assert!(forked.stderr.contains(&format!("codex exec resume {child}")), "{}", forked.stderr);
    check(&world, child);
    let events = raw(&world, child);
    let own = events.last().expect("an event");
    assert_eq!(own["kind"], "session_forked");
    assert_eq!(own["body"]["parent"], parent.as_str());
    let as_json = fork(&world, &["--json", "--last"]);
    assert_eq!(as_json.shape(), ["thread.started"]);
    // The last one of this folder is the fork that was made a moment ago.
    let of_fork = raw(&world, &thread(&as_json));
    assert_eq!(of_fork.last().expect("an event")["body"]["parent"], child);

    let people = run(world.program(&["fork", &parent]));
    assert_eq!((people.code, people.stdout.trim().len()), (0, 36), "{}", people.stderr);
    let resumed = run(world.exec(&["resume", "--json", child, "go on"]));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(resumed.last()["type"], "turn.completed");
}

#[test]
fn a_fork_of_a_fork_needs_neither() {
    let world = World::playing(json!([says("One."), says("Two."), says("Three."), says("Four.")]));
    let first = world.turn_of(&[], "one");
    let a = thread(&first);
    let second = fork(&world, &["--json", &a, "two"]);
    let b = thread(&second);
    let third = fork(&world, &["--json", &b, "three"]);
    let c = thread(&third);
    // Before the one in the middle had anything of its own.
    let other = fork(&world, &["--json", "--turn", "1", &b, "another two"]);
    let d = thread(&other);
    delete(&world, &a);
    delete(&world, &b);
    for (id, printed) in [
        (&c, [&first.stdout[..], &second.stdout, &third.stdout].concat()),
        (&d, [&first.stdout[..], &other.stdout].concat()),
    ] {
        check(&world, id);
        assert_eq!(&replay(&world, id), &printed);
    }
    let last = third.last();
    let used = |line: &Value| line["usage"]["output_tokens"].as_u64();
    assert!(used(&last) > used(&first.last()), "usage is of the whole line of sessions");
}

#[test]
fn what_a_live_session_runs_is_left_to_it() {
    let mark = format!("771.{}", std::process::id());
    let line = format!("echo run >> counter; sleep {mark}; echo done >> counter");
    let world = World::playing(json!([runs(&line), says("I look first."), says("Done.")]));
    let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
    running.until("thread.started");
    let parent: Value =
        serde_json::from_str(running.printed.lines().next().expect("a line")).expect("JSON");
    let parent = parent["thread_id"].as_str().expect("an id").to_owned();
    running.until("item.started");
    eventually("the command runs", || world.read("counter").is_some());

    let forked = fork(&world, &["--json", &parent, "do it another way"]);
    assert_eq!(forked.code, 0, "{}{}", forked.stdout, forked.stderr);
    assert!(processes(&mark) > 0, "the parent's command still runs");
    let bodies = world.bodies();
    let told = bodies[1]["input"].to_string();
    assert!(told.contains("This session was forked"), "{told}");
    assert!(told.contains("do it another way"), "{told}");
    let child = thread(&forked);
    check(&world, &child);
    check(&world, &parent);
    // Without a word, it stops where going on would be guessing.
    let stopped = fork(&world, &["--json", &parent]);
    let stopped = run(world.exec(&["resume", "--json", &thread(&stopped)]));
    assert_eq!(stopped.code, 5, "{}{}", stopped.stdout, stopped.stderr);
    assert!(stopped.stdout.contains("the session was forked while"), "{}", stopped.stdout);

    running.signal(Signal::INT);
    let ended = running.end();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert_eq!(world.read("counter").as_deref(), Some("run\n"));
    check(&world, &parent);
    check(&world, &child);
}

#[test]
fn a_fork_from_the_middle_of_a_turn_is_as_after_a_crash_there() {
    let line = "echo run >> counter";
    let world =
        World::playing(json!([runs(line), says("One."), says("I looked."), says("Again.")]));
    let parent = thread(&world.turn(&["--full-auto"]));
    assert_eq!(world.read("counter").as_deref(), Some("run\n"));
    let at = position(&world, &parent, "tool_intended").to_string();
    let forked = fork(&world, &["--json", "--at", &at, &parent, "look first"]);
    assert_eq!(forked.code, 0, "{}{}", forked.stdout, forked.stderr);
    assert!(world.bodies()[2]["input"].to_string().contains("This session was forked"));
    assert_eq!(world.read("counter").as_deref(), Some("run\n"), "it ran again");
    check(&world, &thread(&forked));
    // Behind the end of the call there is nothing to be unsure about.
    let at = position(&world, &parent, "tool_finished").to_string();
    let forked = fork(&world, &["--json", "--at", &at, &parent, "and now"]);
    assert_eq!(forked.code, 0, "{}{}", forked.stdout, forked.stderr);
    let told = world.bodies()[3]["input"].to_string();
    assert!(!told.contains("This session was forked") && told.contains("and now"), "{told}");
    check(&world, &thread(&forked));
}

#[test]
fn a_damaged_session_is_forked_before_what_is_missing() {
    let world = World::playing(json!([says("One."), says("Two."), says("Three.")]));
    let parent = thread(&world.turn_of(&[], "the first thing"));
    run(world.exec(&["resume", "--json", &parent, "the second thing"]));
    let lost = raw(&world, &parent)
        .iter()
        .filter(|it| it["kind"] == "turn_started")
        .nth(1)
        .expect("a turn")["seq"]
        .as_u64()
        .expect("a number");
    // All copies of the record's text.
    let data = world.home().join("journals").join(&parent).join("db/db");
    let mut bytes = fs::read(&data).expect("readable");
    let words = b"the second thing";
    for at in 0..bytes.len() - words.len() {
        if bytes[at..].starts_with(words) {
            bytes[at] ^= 1;
        }
    }
    fs::write(&data, bytes).expect("written");
    let refused = fork(&world, &["--json", &parent, "go on"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{}", refused.stderr);
    let before = (lost - 1).to_string();
    assert!(refused.stderr.contains(&format!("record {lost} is missing")), "{}", refused.stderr);
    assert!(
        refused.stderr.contains(&format!("codex fork {parent} --at {before}")),
        "{}",
        refused.stderr
    );
    let forked = fork(&world, &["--json", "--at", &before, &parent, "go on"]);
    assert_eq!(forked.code, 0, "{}{}", forked.stdout, forked.stderr);
    check(&world, &thread(&forked));
    assert_eq!(sessions(&world).len(), 2, "nothing is left of what was refused");
}

#[test]
fn what_can_t_be_forked_is_refused_with_a_way_out() {
    let world = World::playing(json!([says("One.")]));
    let parent = thread(&world.turn(&[]));
    let count = raw(&world, &parent).len();
    let beyond = (count + 1).to_string();
    for (words, says) in [
        (&["--at", &beyond, &parent][..], &format!("1 to {count}")[..]),
        (&["--at", "0", &parent], "--at takes 1 to"),
        (&["--turn", "2", &parent], "the last is 1"),
        (&["01234567"], "no session"),
        (&["--at", "1", "--turn", "1", &parent], "cannot be used with"),
        (&[], "no session was named"),
        (&["--last", &parent, "x"], "exclude each other"),
        (&[&parent, ""], "empty"),
    ] {
        let refused = fork(&world, words);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (2, ""),
            "{words:?}: {}",
            refused.stderr
        );
        assert!(refused.stderr.contains(says), "{words:?}: {}", refused.stderr);
    }
    // A turn that can't be run leaves no fork behind.
    let gone = world.path("gone");
    let refused = fork(&world, &["-C", gone.to_str().expect("text"), &parent, "go on"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let moved = run(world.exec(&["fork", "-c", "approval_policy=nonsense", &parent, "go on"]));
    assert_eq!(moved.code, 2, "{}", moved.stderr);
    assert_eq!(sessions(&world), [parent]);
}

/// The settings that were recorded of a session last.
fn settings(world: &World, id: &str) -> Value {
    let events = raw(world, id);
    let settings = events.iter().rev().map(|event| &event["body"]["settings"]);
    settings.into_iter().find(|it| it.is_object()).expect("settings").clone()
}

#[test]
fn a_fork_gets_nothing_back_that_was_taken_away_since() {
    let world = World::playing(json!([
        says("One."),
        says("Two."),
        runs("echo x > made"),
        says("Tried."),
        runs("echo x > made"),
        says("Tried again."),
        runs("echo x > made"),
        says("Done."),
    ]));
    let first = world.turn(&["-s", "workspace-write", "-s", "network-full-access"]);
    let parent = thread(&first);
    let narrow = ["resume", "--json", "-s", "read-only", &parent, "only look from now on"];
    assert_eq!(run(world.exec(&narrow)).code, 0);
    let told = "may do no more than session";

    let forked = fork(&world, &["--json", "--turn", "1", &parent, "write"]);
    assert_eq!(forked.code, 0, "{}", forked.stderr);
    assert!(forked.stderr.contains(told), "{}", forked.stderr);
    assert!(forked.stderr.contains("sandbox_permissions"), "{}", forked.stderr);
    assert_eq!(world.read("made"), None);
    let child = thread(&forked);
    assert_eq!(settings(&world, &child)["permissions"], json!(["disk-full-read-access"]));
    check(&world, &child);
    assert_eq!(replay(&world, &child), [&first.stdout[..], &forked.stdout].concat());

    // One that nobody went on with yet, and whose parent is gone by then.
    let at = position(&world, &parent, "turn_completed").to_string();
    let made = run(world.program(&["fork", &parent, "--at", &at]));
    assert!(made.stderr.contains(told), "{}", made.stderr);
    // What a flag asks for is meant.
    let wide = ["--json", "--at", &at, "-s", "workspace-write", &parent, "write"];
    let forked = fork(&world, &wide);
    assert_eq!(forked.code, 0, "{}", forked.stderr);
    assert!(!forked.stderr.contains(told), "{}", forked.stderr);
    assert_eq!(world.read("made").as_deref(), Some("x\n"));
    fs::remove_file(world.work().join("made")).expect("removed");
    check(&world, &thread(&forked));
    delete(&world, &parent);
    let child = made.stdout.trim();
    let resumed = run(world.exec(&["resume", "--json", child, "write"]));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(world.read("made"), None);
    check(&world, child);
}

#[test]
fn a_fork_is_as_wide_as_its_parent_was_and_is() {
    let world = World::playing(json!([says("One."), says("Two."), says("Three.")]));
    let parent = thread(&world.turn(&[]));
    let wide = ["resume", "--json", "-s", "workspace-write", &parent, "write from now on"];
    assert_eq!(run(world.exec(&wide)).code, 0);
    for (words, permitted) in [(&["--turn", "1"][..], 1), (&["--turn", "2"], 4), (&[], 4)] {
        let forked = fork(&world, &[words, &[&parent]].concat());
        assert_eq!(forked.code, 0, "{}", forked.stderr);
        assert!(!forked.stderr.contains("no more than"), "{}", forked.stderr);
        let permissions = &settings(&world, forked.stdout.trim())["permissions"];
        assert_eq!(permissions.as_array().map(Vec::len), Some(permitted), "{words:?}");
    }
}

#[test]
fn of_every_other_restraint_a_fork_gets_the_stricter_one() {
    let world = World::playing(json!([says("One."), says("Two.")]));
    let then = [
        "sandbox_level=\"landlock\"",
        "git_writes=\"metadata\"",
        "sandbox_resources.processes=100",
        "sandbox_resources.file_bytes=0",
    ];
    let now = [
        "sandbox_level=\"auto\"",
        "git_writes=\"none\"",
        "sandbox_resources.processes=200",
        "sandbox_resources.file_bytes=5000000",
    ];
    let set = |all: [&'static str; 4]| all.into_iter().flat_map(|it| ["-c", it]);
    let first: Vec<&str> = set(then).collect();
    let parent = thread(&world.turn(&first));
    let changed = ["resume", "--json"].into_iter().chain(set(now)).chain([&parent[..], "go on"]);
    let changed = run(world.exec(&changed.collect::<Vec<_>>()));
    assert_eq!(changed.code, 0, "{}", changed.stderr);

    let forked = fork(&world, &["--turn", "1", &parent]);
    assert_eq!(forked.code, 0, "{}", forked.stderr);
    let narrowed = "narrowed sandbox_level, git_writes, sandbox_resources";
    assert!(forked.stderr.contains(narrowed), "{}", forked.stderr);
    let settings = settings(&world, forked.stdout.trim());
    // What is not recorded is as by default, which is the stricter of both here.
    assert_eq!((&settings["sandbox_level"], &settings["git_writes"]), (&Value::Null, &Value::Null));
    let limits = json!({"processes": 100, "file_bytes": 5_000_000, "memory_bytes": null});
    assert_eq!(settings["resources"], limits);
}
