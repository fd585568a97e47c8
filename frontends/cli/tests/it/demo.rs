//! The demo: the first thing that a new user runs.

use crate::support::{World, has, run};

fn demo(program: &str) {
    let world = World::silent();
    let real = std::env::var("HOME").unwrap_or_default();
    let home = |name: &str, folder: &str| {
        std::env::var(name).unwrap_or_else(|_| format!("{real}/{folder}"))
    };
    let mut command = world.program(&["demo", "--program", program]);
    command.env("CARGO_HOME", home("CARGO_HOME", ".cargo"));
    command.env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"));
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(turn.stderr.contains("The test passes now."), "{}", turn.stderr);
    assert!(!turn.stdout.trim().is_empty(), "the answer is on stdout");
    world.check_journal();

    // The printed line works as it stands, from any folder.
    let line = turn.stderr.lines().rev().find(|line| line.contains(" replay ")).expect("a line");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", line]).current_dir("/").env_remove("CODEX_HOME");
    let replayed = run(shell);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    assert!(replayed.stdout.contains(turn.stdout.trim()), "{}", replayed.stdout);
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
