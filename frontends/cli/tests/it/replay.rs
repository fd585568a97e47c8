//! Looking at sessions, while they run and when they are damaged.

use std::fs;

use serde_json::json;

use crate::support::{Running, World, bytes, finish, run, runs, says};

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
    assert!(world.kinds().contains(&"tool_finished".to_owned()));
    assert!(run(world.program(&["sessions"])).stdout.contains(" running "));
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
    let mut after = bytes(world.home());
    // What saves the next list reading everything again.
    after.retain(|(path, _)| *path != world.home().join("journals/index"));
    assert_eq!(after, before, "reading changed something");
}

#[test]
fn a_journal_that_was_cut_mangled_or_robbed_is_reported_and_never_a_panic() {
    // Large enough that it has blobs.
    let world = World::playing(json!([runs("seq 1 20000"), says("Counted.")]));
    let turn = world.turn(&[]);
    let id = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let folder = world.home().join("journals").join(&id);
    let good = bytes(folder.clone());
    assert!(good.iter().any(|(path, _)| path.starts_with(folder.join("blobs"))), "{good:?}");
    let restore = || {
        for (path, content) in &good {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
    };
    let mut noticed = 0;
    let mut check = |what: &str| {
        let verified = run(world.program(&["replay", &id, "--verify"]));
        // Without any record that proves itself, it is no session any more.
        assert!(matches!(verified.code, 0 | 2 | 3), "{what}: {verified:?}");
        assert_eq!(verified.code != 0, verified.stderr.contains("hint: "), "{what}: {verified:?}");
        noticed += u32::from(verified.code != 0);
        for form in ["--json", "--text", "--raw"] {
            let shown = run(world.program(&["replay", &id, form]));
            assert!(matches!(shown.code, 0 | 2 | 3), "{what} {form}: {shown:?}");
        }
        let listed = run(world.program(&["sessions"]));
        assert_eq!(listed.code, 0, "{what}: {listed:?}");
        verified.code
    };
    for (path, content) in &good {
        let name = path.strip_prefix(&folder).expect("below").display().to_string();
        fs::remove_file(path).expect("removed");
        check(&format!("{name} removed"));
        for share in [0, 1, 2, 3] {
            fs::write(path, &content[..content.len() * share / 4]).expect("written");
            check(&format!("{name} cut to {share}/4"));
        }
        fs::write(path, vec![0xA5; content.len()]).expect("written");
        check(&format!("{name} mangled"));
        if name.starts_with("blobs") {
            assert_eq!(check(&name), 3, "a blob that is not what it was goes unnoticed");
        }
        restore();
    }
    assert_eq!(check("as it was"), 0);
    fs::remove_dir_all(&folder).expect("removed");
    assert_eq!(check("all of it removed"), 2);
    assert!(noticed > 10, "{noticed}");
}

#[test]
fn a_replay_that_nobody_reads_to_its_end_is_no_error() {
    let world = World::playing(json!([runs("seq 1 100000"), says("Counted.")]));
    assert_eq!(world.turn(&[]).code, 0);
    for form in ["--text", "--json", "--raw"] {
        let mut child = world.program(&["replay", "--last", form]).spawn().expect("starts");
        drop(child.stdout.take());
        let turn = finish(child);
        assert_eq!((turn.code, turn.stderr.as_str()), (0, ""), "{form}");
    }
}

#[test]
fn a_home_without_sessions_is_said_to_have_none() {
    let world = World::silent();
    let listed = run(world.program(&["sessions"]));
    assert_eq!((listed.code, listed.stdout.as_str()), (0, "no sessions yet\n"));
    // A folder that is no session is left alone.
    fs::create_dir_all(world.home().join("journals/notes")).expect("made");
    fs::write(world.home().join("journals/file"), "").expect("written");
    assert_eq!(run(world.program(&["sessions"])).stdout, "no sessions yet\n");
    assert_eq!(run(world.program(&["replay", "--last"])).code, 2);
}

#[test]
fn the_home_is_the_users_own_when_none_is_named() {
    let world = World::playing(json!([says("ok")]));
    let mut command = world.exec(&["--json", "go"]);
    command.env_remove("CODEX_HOME");
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(world.path("user/.codex/journals").is_dir());
    let mut command = world.program(&["replay", "--last", "--json"]);
    command.env_remove("CODEX_HOME");
    assert_eq!(run(command).stdout, turn.stdout);
}
