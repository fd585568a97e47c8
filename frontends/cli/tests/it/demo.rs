//! The demo: the first thing that a new user runs.

use std::fs;
use std::process::{Command, Stdio};

use codex_scripted::demo::demos;

use crate::support::{World, has, run, rust_of_the_user};

fn demo(program: &str) {
    let world = World::silent();
    // The user's own settings have no part in it, not even broken ones.
    fs::write(world.home().join("config.toml"), "model = [").expect("written");
    let mut command = world.program(&["demo", "--program", program]);
    rust_of_the_user(&mut command);
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(turn.stderr.contains("The test passes now."), "{}", turn.stderr);
    assert!(!turn.stdout.trim().is_empty(), "the answer is on stdout");
    world.check_journal();

    // The printed line works as it stands, from any folder.
    let line = turn.stderr.lines().rev().find(|line| line.contains(" replay ")).expect("a line");
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir("/").env_remove("CODEX_HOME");
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let replayed = run(shell);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    assert!(replayed.stdout.contains(turn.stdout.trim()), "{}", replayed.stdout);

    // The test passes for anybody, not only for the demo.
    let story = demos().into_iter().find(|story| story.name == program).expect("a demo");
    let folders = fs::read_dir(world.path("temp")).expect("readable").flatten();
    let scratch = folders.map(|folder| folder.path()).find(|path| path.join(".git").exists());
    if has("git") {
        let mut check = world.program(&[]);
        rust_of_the_user(&mut check);
        let mut again = Command::new(story.check[0]);
        again.args(&story.check[1..]).current_dir(scratch.expect("a repository"));
        again.envs(check.get_envs().filter_map(|(name, value)| Some((name, value?))));
        assert!(again.output().expect("runs").status.success());
    }
}

#[test]
fn the_demos_lines_are_those_of_its_replay() {
    let world = World::silent();
    let turn = run(world.program(&["demo", "--program", "shell", "--json"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(turn.last()["type"], "turn.completed");
    assert_eq!(turn.items("file_change").len(), 1);
    world.check_replay(&turn);
}

#[test]
fn a_machine_without_git_and_cargo_gets_the_shell_program() {
    let world = World::silent();
    let programs = world.path("programs");
    fs::create_dir(&programs).expect("made");
    for name in ["sh", "bash", "cat", "dirname", "ls", "sed", "tr", "rm", "mkdir", "grep", "head"] {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join(name));
        if let Some(found) = found.into_iter().find(|path| path.is_file()) {
            std::os::unix::fs::symlink(found, programs.join(name)).expect("linked");
        }
    }
    let mut command = world.program(&["demo"]);
    command.env("PATH", &programs);
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(turn.stderr.contains("The test passes now."), "{}", turn.stderr);
    world.check_journal();
}

#[test]
fn a_shell_program_is_repaired() {
    demo("shell");
}

#[test]
fn a_rust_program_is_repaired() {
    if has("cargo") {
        demo("rust");
    }
}
