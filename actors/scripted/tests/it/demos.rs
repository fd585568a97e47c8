use std::path::Path;
use std::process::{Command, Output, Stdio};

use codex_scripted::{Demo, Script, demo};
use serde_json::Value;

use crate::folder;

/// Plays the story by hand: every command of the script in its order, and the patch as plain text.
fn plays(demo: &Demo) {
    let project = folder(demo.name);
    for file in demo.files {
        let path = project.join(file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.content).unwrap();
    }
    Script::from_json(demo.script).unwrap();
    let script: Value = serde_json::from_str(demo.script).unwrap();
    let check = demo.check.join(" ");
    let mut checks = Vec::new();
    let mut patches = 0;
    for step in script["steps"].as_array().unwrap() {
        for item in step["items"].as_array().unwrap() {
            match item["type"].as_str().unwrap() {
                "function_call" => {
                    assert_eq!(item["name"], "exec_command");
                    let cmd = item["arguments"]["cmd"].as_str().unwrap();
                    let output = run(&["sh", "-c", cmd], &project);
                    if cmd == check {
                        checks.push(output.status.code());
                    } else {
                        assert!(output.status.success(), "{cmd}: {output:?}");
                    }
                }
                "custom_tool_call" => {
                    assert!(!run(demo.check, &project).status.success());
                    apply(item["input"].as_str().unwrap(), &project);
                    patches += 1;
                }
                _ => {}
            }
        }
    }
    assert_eq!(patches, 1);
    assert_eq!(checks.len(), 2);
    assert_ne!(checks[0], Some(0), "the test fails at first");
    assert_eq!(checks[1], Some(0), "the test passes in the end");
    assert!(run(demo.check, &project).status.success());
}

fn run(argv: &[&str], cwd: &Path) -> Output {
    Command::new(argv[0]).args(&argv[1..]).current_dir(cwd).output().unwrap()
}

/// Applies a patch of one file and one hunk.
fn apply(patch: &str, project: &Path) {
    let mut lines = patch.lines();
    assert_eq!(lines.next(), Some("*** Begin Patch"));
    let path = project.join(lines.next().unwrap().strip_prefix("*** Update File: ").unwrap());
    assert_eq!(lines.next(), Some("@@"));
    let (mut before, mut after) = (String::new(), String::new());
    for line in lines.by_ref().take_while(|line| *line != "*** End Patch") {
        let (mark, text) = line.split_at(1);
        if mark != "+" {
            before += &format!("{text}\n");
        }
        if mark != "-" {
            after += &format!("{text}\n");
        }
    }
    let old = std::fs::read_to_string(&path).unwrap();
    assert_eq!(old.matches(&before).count(), 1, "{before}");
    std::fs::write(path, old.replacen(&before, &after, 1)).unwrap();
}

#[test]
fn the_shell_demo_makes_sense() {
    plays(demo::shell_demo());
}

#[test]
fn the_rust_demo_makes_sense() {
    let cargo = Command::new("cargo").arg("--version").stdout(Stdio::null()).status();
    if !cargo.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no cargo on PATH");
        return;
    }
    plays(demo::rust_demo());
}

#[test]
fn demos_differ_by_name() {
    let names: Vec<&str> = demo::demos().iter().map(|demo| demo.name).collect();
    assert_eq!(names, ["rust", "shell"]);
}
