//! What commands may do to repositories, and what is told when one was changed.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{World, run, runs, says};

fn git(folder: &Path, words: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.current_dir(folder).args(words).env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.output().is_ok_and(|output| output.status.success())
}

fn repository(world: &World) {
    let work = world.work();
    let made = git(&work, &["init", "-q", "-b", "main"])
        && git(&work, &["config", "user.name", "Ann"])
        && git(&work, &["config", "user.email", "ann@example.org"]);
    assert!(made, "git is there");
}

fn is_full(world: &World) -> bool {
    let doctor = run(world.program(&["doctor", "--json"]));
    let report: Value = serde_json::from_str(&doctor.stdout).expect("a report");
    report["level"] == "full"
}

/// What the journal says was changed in repositories.
fn told(world: &World) -> Vec<String> {
    let raw = run(world.program(&["replay", "--last", "--raw"])).stdout;
    let events = raw.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let changes = events.filter(|event| event["kind"] == "repository_changed");
    changes.map(|event| event["body"]["changes"].to_string()).collect()
}

#[test]
fn a_commit_needs_a_setting() {
    let line = "echo x > f; git add f && git commit -qm one && git log --oneline";
    let with = |setting: &[&str]| {
        let world = World::playing(json!([runs(line), says("done")]));
        repository(&world);
        let turn = world.turn(&[setting, &["--full-auto"]].concat());
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        (
            git(&world.work(), &["rev-parse", "--verify", "-q", "HEAD"]),
            turn.outputs()[0].clone(),
            world,
        )
    };
    let (committed, output, world) = with(&["-c", "git_writes=metadata"]);
    assert!(committed && output.contains("one"), "{output}");
    assert_eq!(told(&world), [""; 0]);
    world.check_journal();
    if !is_full(&world) {
        eprintln!("skipped: without namespaces every commit works");
        return;
    }
    let (committed, output, _) = with(&[]);
    assert!(!committed && output.contains("Read-only file system"), "{output}");
}

#[test]
fn a_repository_that_is_made_is_told() {
    let world = World::playing(json!([
        runs("git init -q sub; echo x > sub/f"),
        runs("true"),
        says("done")
    ]));
    repository(&world);
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let told = told(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("work/sub/.git is a new repository"), "{told:?}");
    world.check_replay(&turn);
    world.check_journal();
}

#[test]
fn a_name_that_is_a_link_stops_commands() {
    let world = World::playing(json!([runs("echo ran"), says("done")]));
    if !is_full(&world) {
        eprintln!("skipped: without namespaces nothing is protected");
        return;
    }
    std::fs::create_dir(world.path("elsewhere")).expect("made");
    std::os::unix::fs::symlink(world.path("elsewhere"), world.work().join(".codex"))
        .expect("linked");
    let turn = world.turn(&["--full-auto"]);
    let item = turn.items("command_execution").pop().expect("a command");
    assert!(item.to_string().contains("work/.codex is a symbolic link"), "{item}");
    assert!(!turn.outputs()[0].contains("ran\n"), "{item}");
}

#[test]
fn a_lock_that_somebody_else_holds_keeps_no_command_from_running() {
    use std::os::unix::fs::DirBuilderExt;

    let world = World::silent();
    let place = world.work().join(".git");
    // As a supervisor makes one, which any user of the machine can open and lock.
    std::fs::DirBuilder::new().mode(0o1755).create(&place).expect("made");
    let stranger = std::fs::File::open(&place).expect("opened");
    stranger.lock().expect("locked");
    let line = "echo x > made; mkdir .git/hooks; mv .git away; exit 0";
    let ran = run(world.program(&["sandbox", "--full-auto", "--", "sh", "-c", line]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(world.work().join("made").exists(), "{}", ran.stderr);
    if is_full(&world) {
        let is_empty = std::fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_none());
        assert!(is_empty && !world.work().join("away").exists(), "{}", ran.stderr);
    }
}
