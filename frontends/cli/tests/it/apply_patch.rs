//! `apply_patch` in all the ways that a model reaches it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Running, Turn, World, eventually, patches, piped, processes, run, runs, says,
    tells_of_a_refusal,
};

const ADD: &str = "*** Begin Patch\n*** Add File: a.txt\n+one\n*** End Patch\n";
const EDIT: &str = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n";

/// What each kind of session may do; the program must be there in all of them.
const SETS: [&[&str]; 7] = [
    &["-s", "disk-write-cwd"],
    &["-s", "disk-write-cwd", "-s", "disk-write-platform-user-temp-folder"],
    &["-s", "disk-write-cwd", "-s", "disk-write-platform-global-temp-folder"],
    &["--full-auto"],
    &["-s", "workspace-write"],
    &["-s", "disk-full-read-access", "-s", "disk-full-write-access"],
    &["-s", "danger-full-access"],
];

fn call(name: &str, arguments: Value) -> Value {
    json!([{"type": "function_call", "name": name, "arguments": arguments}])
}

/// The program behind a link of this name.
fn linked(world: &World, name: &str) -> Command {
    let folder = world.path("linked");
    fs::create_dir_all(&folder).expect("made");
    let link = folder.join(name);
    let _ = symlink(env!("CARGO_BIN_EXE_codex"), &link);
    let plain = world.program(&[]);
    let mut command = Command::new(link);
    command.current_dir(world.work()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command
}

/// Runtime folders of a process, wherever they are.
fn runtime_folders(word: &str) -> Vec<PathBuf> {
    let bases = ["/tmp", "/var/tmp", "/dev/shm"].map(Path::new);
    let entries = bases.iter().filter_map(|base| fs::read_dir(base).ok()).flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.to_string_lossy().contains(word)).collect()
}

#[test]
fn every_spelling_of_a_call_is_told_as_a_change_of_files() {
    let forms = [
        patches(ADD),
        call("apply_patch", json!({"input": ADD})),
        call("shell", json!({"command": ["apply_patch", ADD]})),
        call("shell", json!({"command": ["applypatch", ADD]})),
        call(
            "shell",
            json!({"command": ["bash", "-lc", format!("apply_patch <<'EOF'\n{ADD}EOF")]}),
        ),
        call("shell", json!({"command": ["bash", "-l", "-c", format!("apply_patch '{ADD}'")]})),
        call("exec_command", json!({"cmd": format!("apply_patch << EOF\n{ADD}EOF\n")})),
        call("exec_command", json!({"cmd": format!("cd . && apply_patch <<-\"X\"\n{ADD}X\n")})),
        call("exec_command", json!({"cmd": format!("apply_patch \"$(cat <<'EOF'\n{ADD}EOF\n)\"")})),
        call("exec_command", json!({"cmd": format!("cat <<'EOF' | apply_patch\n{ADD}EOF\n")})),
        call("apply_patch", json!({"input": format!("<<'EOF'\n{ADD}EOF")})),
    ];
    for form in forms {
        let world = World::playing(json!([form, says("done")]));
        let turn = world.turn(&["--full-auto"]);
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        assert_eq!(world.read("a.txt").as_deref(), Some("one\n"), "{form}");
        let changes = turn.items("file_change");
        assert_eq!(changes.len(), 1, "{form}: {}", turn.stdout);
        assert_eq!(changes[0]["changes"][0]["kind"], "add");
        world.check_replay(&turn);
    }
}

#[test]
fn what_is_not_intercepted_finds_the_program_on_its_path_in_every_set() {
    for set in SETS {
        // A pipe, a script of its own, a login shell whose files set the path anew, and a chain.
        let script = format!(
            "printf '%s' '{ADD}' | apply_patch | sed 's/^/> /'\n\
             printf '#!/bin/sh\\napplypatch \"$1\"\\n' > own.sh; sh own.sh '{EDIT}' && echo chained\n\
             apply_patch '{EDIT}' 2> said || echo \"failed with $?\"; cat said\n"
        );
        let login = call("exec_command", json!({"cmd": script}));
        let world = World::playing(json!([login, says("done")]));
        let turn = world.turn(set);
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        let output = &turn.outputs()[0];
        assert_eq!(world.read("a.txt").as_deref(), Some("two\n"), "{set:?}: {output}");
        for said in ["> A a.txt\n", "M a.txt\n", "chained\n", "failed with 1\n", "Failed to find"] {
            assert!(output.contains(said), "{set:?} lacks {said:?}: {output}");
        }
        world.check_replay(&turn);
    }
}

#[test]
fn the_program_is_confined_like_the_command_that_calls_it() {
    let world = World::silent();
    let outside = world.path("user");
    let line = format!(
        "cd {} && cat /dev/null | apply_patch '{ADD}'; echo \"outside: $?\"; cd {} && \
         true | apply_patch '{ADD}'; echo \"inside: $?\"",
        outside.display(),
        world.work().display()
    );
    for (set, inside) in [("workspace-write", 0), ("read-only", 1)] {
        let turn = run(world.program(&["sandbox", "-s", set, "--", "bash", "-c", &line]));
        assert!(turn.stdout.contains("outside: 1\n"), "{set}: {}{}", turn.stdout, turn.stderr);
        assert!(turn.stdout.contains(&format!("inside: {inside}\n")), "{set}: {}", turn.stderr);
        assert!(tells_of_a_refusal(&turn.stderr), "{}", turn.stderr);
        assert!(!outside.join("a.txt").exists());
        assert_eq!(world.read("a.txt").is_some(), inside == 0);
        let _ = fs::remove_file(world.work().join("a.txt"));
    }
}

#[test]
fn a_folder_that_a_command_put_a_link_in_place_of_is_no_root_any_more() {
    let line = "cd .. && mv project old && ln -s ../victim project";
    let world = World::playing(json!([runs(line), patches(ADD), says("x")]));
    let (project, victim) = (world.path("outer/project"), world.path("victim"));
    fs::create_dir_all(&project).expect("made");
    fs::create_dir(&victim).expect("made");
    let outer = format!("disk-write-folder={}", world.path("outer").display());
    let level = ["-c", "sandbox_level=landlock", "-s", "disk-full-read-access"];
    let grants = ["-s", "disk-write-cwd", "-s", &outer, "--json", "go"];
    let mut command = world.exec(&[&level[..], &grants].concat());
    command.current_dir(&project);
    let turn = run(command);
    assert!(project.is_symlink(), "the command did it: {}{}", turn.stdout, turn.stderr);
    assert!(!victim.join("a.txt").exists(), "{}", turn.stdout);
    let told = world.bodies().last().expect("a request").to_string();
    assert!(told.contains("outside"), "{told}");
}

#[test]
fn no_command_can_change_the_programs_that_others_will_find() {
    let line = "link=$(command -v apply_patch); echo \"link $link\"
        ln -sf /bin/false \"$link\" || echo kept
        echo x > \"$BASH_ENV\" || echo kept
        echo x > \"${link%/*}/ls\" || echo kept
        mv \"${link%/*/*/*}\" /tmp/elsewhere-$$ || echo kept
        rm -rf \"${link%/*}\" || echo kept";
    // Without the last two sets: there everything can be changed, this folder too.
    for set in &SETS[..5] {
        for tmpdir in ["/tmp", "/var/tmp", "/dev/shm", "/nonexistent"] {
            let world =
                World::playing(json!([runs(line), runs("ls -d a*; apply_patch"), says("x")]));
            let arguments = [&["--json"], *set, &["--", "go"]].concat();
            let mut command = world.exec(&arguments);
            command.env("TMPDIR", tmpdir);
            let turn = run(command);
            assert_eq!(turn.code, 0, "{}", turn.stderr);
            let output = &turn.outputs()[0];
            assert_eq!(output.matches("kept\n").count(), 5, "{set:?} {tmpdir}: {output}");
            let link = output.lines().find_map(|line| line.strip_prefix("link ")).expect("a link");
            assert!(!Path::new(link).exists(), "{link} is left");
        }
    }
}

#[test]
fn the_program_is_found_where_it_lies_inside_the_agents_home() {
    let world = World::playing(json!([runs(&format!("true | apply_patch '{ADD}'")), says("x")]));
    let program = world.home().join("bin/codex");
    fs::create_dir_all(world.home().join("bin")).expect("made");
    fs::copy(env!("CARGO_BIN_EXE_codex"), &program).expect("copied");
    let exec = world.exec(&["--json", "--full-auto", "go"]);
    let mut command = Command::new(&program);
    command.args(exec.get_args()).current_dir(world.work()).env_clear();
    command.envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let turn = run(command);
    assert_eq!(world.read("a.txt").as_deref(), Some("one\n"), "{}{}", turn.stdout, turn.stderr);
}

#[test]
fn what_a_killed_session_left_goes_with_the_next_one() {
    let mark = format!("82.{}", std::process::id());
    let line = format!("echo \"$TMPDIR\" > temp; command -v apply_patch > tool; sleep {mark}");
    let world = World::playing(json!([runs(&line), says("never")]));
    let mut command = world.exec(&["--json", "--full-auto", "go"]);
    command.env_remove("TMPDIR");
    let mut running = Running::start(command);
    running.until("item.started");
    eventually("the command runs", || processes(&format!("sleep\0{mark}")) >= 1);
    let place = |name: &str| PathBuf::from(world.read(name).expect("written").trim_end());
    let (temp, tool) = (place("temp"), place("tool"));
    assert_eq!(temp.parent(), tool.parent(), "they are in one folder");

    // A session that ends beside it leaves it alone.
    let other = World::playing(json!([says("fine")]));
    assert_eq!(other.turn(&["--full-auto"]).code, 0);
    assert!(temp.is_dir() && tool.exists());

    running.signal(Signal::KILL);
    assert_eq!(running.end().code, 137);
    eventually("the command ended with it", || processes(&mark) == 0);
    assert!(temp.is_dir(), "nobody has removed it yet");
    let other = World::playing(json!([says("fine")]));
    assert_eq!(other.turn(&["--full-auto"]).code, 0);
    assert!(!temp.exists() && !tool.exists());
    assert!(!temp.parent().expect("the folder").exists());
}

#[test]
fn a_session_leaves_no_folder() {
    let line = "echo \"${TMPDIR%/tmp}\"; mkdir \"$TMPDIR/d\"; chmod 0 \"$TMPDIR/d\"";
    let world = World::playing(json!([runs(line), says("done")]));
    let mut command = world.exec(&["--json", "--full-auto", "go"]);
    command.env_remove("TMPDIR");
    let turn = run(command);
    let output = turn.outputs()[0].clone();
    let folder = output.trim_end().rsplit('/').next().expect("a name").to_owned();
    assert!(folder.starts_with("codex-run-"), "{output}");
    // A folder that its owner can't enter is removed by root alone.
    if rustix::process::geteuid().is_root() {
        assert!(runtime_folders(&folder).is_empty(), "{folder} is left");
    }
}

#[test]
fn called_by_its_name_it_takes_an_argument_or_its_input() {
    let world = World::silent();
    let said = |turn: Turn| (turn.code, turn.stdout, turn.stderr);
    let mut command = linked(&world, "apply_patch");
    command.arg(ADD);
    let summary = |mark: &str| format!("Success. Updated the following files:\n{mark} a.txt\n");
    assert_eq!(said(run(command)), (0, summary("A"), String::new()));
    let command = linked(&world, "applypatch");
    assert_eq!(said(piped(command, EDIT.as_bytes())), (0, summary("M"), String::new()));
    for (arguments, code, words) in [
        (&[EDIT][..], 1, "Failed to find expected lines in a.txt:\none\n"),
        (&[""], 1, "The first line of the patch must be '*** Begin Patch'"),
        (&[], 2, "no patch was given"),
        (&["-"], 1, "The first line of the patch must be '*** Begin Patch'"),
        (&[ADD, ADD], 2, "exactly one argument"),
    ] {
        let mut command = linked(&world, "apply_patch");
        command.args(arguments);
        let (found, stdout, stderr) = said(run(command));
        assert_eq!((found, stdout.as_str()), (code, ""), "{arguments:?}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
        if arguments.len() < 2 {
            let same = run(world.program(&[&["apply-patch"], arguments].concat()));
            assert_eq!(said(same), (found, stdout, stderr), "{arguments:?}");
        }
    }
    let mut help = linked(&world, "apply_patch");
    help.arg("--help");
    assert!(run(help).stdout.starts_with("Usage: apply_patch"));
    // Another name is another program.
    let mut command = linked(&world, "apply_patch2");
    command.arg(ADD);
    assert_eq!(run(command).code, 2);
}

#[test]
fn a_chain_stops_where_a_patch_fails() {
    let world = World::silent();
    let script = format!("apply_patch <<'EOF' && echo done > mark\n{EDIT}EOF\n");
    let turn = run(world.program(&["sandbox", "--full-auto", "--", "bash", "-c", &script]));
    assert_eq!(turn.code, 1, "{}", turn.stderr);
    assert!(turn.stderr.contains("No such file") && world.read("mark").is_none());
}

#[test]
fn a_patch_goes_into_no_folder_that_is_not_there() {
    let script = format!("cd nowhere && apply_patch <<'EOF'\n{ADD}EOF\n");
    let world = World::playing(json!([
        call("exec_command", json!({"cmd": script})),
        call("shell", json!({"command": ["apply_patch", ADD], "workdir": "nowhere"})),
        says("done")
    ]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let outputs = world.bodies().iter().map(Value::to_string).collect::<String>();
    assert_eq!(outputs.matches("nowhere: No such file or directory").count(), 2, "{outputs}");
    assert!(!world.work().join("nowhere").exists());
}

#[test]
fn a_large_patch_goes_all_the_way() {
    let mut edit = String::from("*** Begin Patch\n*** Update File: f\n");
    let mut text = String::new();
    for n in 0..10_000 {
        text.push_str(&format!("head {n}\n}}\nold\n}}\n"));
        edit.push_str(&format!("@@ head {n}\n }}\n-old\n+new {n}\n"));
    }
    edit.push_str("*** End Patch\n");
    let mut files = String::from("*** Begin Patch\n");
    (0..1_000).for_each(|n| files.push_str(&format!("*** Add File: d/{n}\n+{n}\n")));
    files.push_str("*** End Patch\n");
    let nul = format!(
        "*** Begin Patch\n*** Add File: n\n+a\0b\n+{}\n*** End Patch\n",
        "x".repeat(10 << 20)
    );
    let world =
        World::playing(json!([patches(&edit), patches(&files), patches(&nul), says("done")]));
    fs::write(world.work().join("f"), text).expect("written");
    fs::set_permissions(world.work().join("f"), fs::Permissions::from_mode(0o755)).expect("set");
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(world.read("f").expect("the file").ends_with("head 9999\n}\nnew 9999\n}\n"));
    assert_eq!(fs::read_dir(world.work().join("d")).expect("a folder").count(), 1_000);
    assert!(world.read("n").expect("the file").starts_with("a\0b\n"));
    assert_eq!(turn.items("file_change").len(), 3);
    world.check_replay(&turn);
}
