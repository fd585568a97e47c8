//! What users get wrong, and what the world does to them: a message, a hint, an exit code.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::{World, finish, patches, piped, provider, run, runs, says};

#[test]
fn a_missing_key_is_named() {
    let world = World::silent();
    for blank in [None, Some(""), Some(" \n")] {
        let mut command = world.program(&["exec", "--skip-git-repo-check", "--json", "go"]);
        command.envs(blank.map(|value| ("OPENAI_API_KEY", value)));
        let turn = run(command);
        assert_eq!(turn.code, 1);
        assert_eq!(turn.shape(), ["thread.started", "turn.started", "error", "turn.failed"]);
        assert!(turn.last()["error"]["message"].as_str().expect("text").contains("OPENAI_API_KEY"));
        assert!(turn.stderr.contains("hint: "), "{}", turn.stderr);
        world.check_replay(&turn);
    }
    let told = run(world.program(&["exec", "--skip-git-repo-check", "go"]));
    assert_eq!((told.code, told.stdout.as_str()), (1, ""));
    assert!(
        told.stderr.contains("OPENAI_API_KEY") && told.stderr.contains("hint: "),
        "{}",
        told.stderr
    );
}

#[test]
fn an_unreachable_provider_is_given_up_on() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("loopback")
        .port();
    let url = format!("http://127.0.0.1:{port}/v1");
    let world = World::silent().with_provider(&provider(&url));
    let turn = world.turn(&[]);
    assert_eq!(turn.code, 1);
    let message = turn.last()["error"]["message"].as_str().expect("text").to_owned();
    assert!(message.contains(&url) && message.contains("refused"), "{message}");
    assert!(turn.stderr.contains("hint: "), "{}", turn.stderr);
    world.check_replay(&turn);
}

#[test]
fn a_call_at_fault_is_answered_and_the_turn_goes_on() {
    let call = |name: &str, arguments: &str| json!([{"type": "function_call", "name": name, "arguments": arguments}]);
    let world = World::playing(json!([
        call("frobnicate", "{}"),
        call("exec_command", "{not json"),
        call("shell", "{\"command\": \"ls\"}"),
        {"items": says("fine"), "fault": {"kind": "malformed", "after_events": 2}}
    ]));
    let turn = world.turn(&[]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(turn.items("agent_message")[0]["text"], "fine");
    assert!(turn.items("command_execution").is_empty());
    let told = |body: usize| world.bodies()[body]["input"][0]["output"].clone();
    assert_eq!(told(1), "unsupported call: frobnicate");
    for body in [2, 3] {
        assert!(
            told(body).as_str().expect("text").starts_with("failed to parse function arguments")
        );
    }
    world.check_replay(&turn);
}

#[test]
fn a_patch_outside_of_the_folder_is_refused() {
    let world = World::silent();
    let outside = world.path("outside.txt");
    fs::write(&outside, "before\n").expect("written");
    let edit = |path: &str| {
        patches(&format!(
            "*** Begin Patch\n*** Update File: {path}\n@@\n-before\n+after\n*** End Patch\n"
        ))
    };
    let script = json!([edit(outside.to_str().expect("text")), says("refused")]);
    let playing = World::playing(script);
    let turn = playing.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(fs::read_to_string(&outside).expect("there"), "before\n");
    let told = playing.bodies()[1]["input"][0]["output"].clone();
    assert!(told.as_str().expect("text").contains("outside"), "{told}");
    assert!(playing.kinds().contains(&"review_settled".to_owned()));
    playing.check_replay(&turn);

    // Without a writable root, every file is outside.
    let world = World::playing(json!([
        patches("*** Begin Patch\n*** Add File: a.txt\n+x\n*** End Patch\n"),
        says("refused")
    ]));
    let turn = world.turn(&["-s", "read-only"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(world.read("a.txt"), None);
    world.check_replay(&turn);
}

#[test]
fn a_journal_that_can_not_be_written_is_said_once() {
    let world = World::playing(json!([says("never")]));
    let file = world.path("file");
    fs::write(&file, "").expect("written");
    let mut command = world.exec(&["--json", "go"]);
    command.env("CODEX_HOME", file.join("home"));
    let turn = run(command);
    assert_eq!(turn.code, 74, "{}", turn.stderr);
    assert_eq!(turn.lines().len(), 1);
    assert_eq!(turn.last()["type"], "turn.failed");
    assert_eq!(turn.last()["journalled"], false);
    assert!(turn.stderr.contains("hint: "), "{}", turn.stderr);
    assert!(world.bodies().is_empty(), "nothing was asked");

    let mut command = world.exec(&["go"]);
    command.env("CODEX_HOME", file.join("home"));
    let told = run(command);
    assert_eq!((told.code, told.stdout.as_str()), (74, ""), "{}", told.stderr);
    assert!(told.stderr.contains("hint: "), "{}", told.stderr);
}

#[test]
fn a_journal_that_runs_out_of_room_ends_the_turn() {
    // No file may grow past this many blocks of 1,024 bytes: as a full disk, and without a disk.
    let mut seen = Vec::new();
    for blocks in [1, 4, 16, 64, 128, 256, 600] {
        let world = World::playing(json!([
            runs("seq 1 30000"),
            runs("seq 1 30000"),
            runs("seq 1 30000"),
            says("done")
        ]));
        let turn = run(world.limited(blocks, &["--json", "--full-auto", "go"]));
        assert!(
            matches!(turn.code, 0 | 74),
            "{blocks}: {} {}{}",
            turn.code,
            turn.stdout,
            turn.stderr
        );
        seen.push(turn.code);
        if turn.code == 0 {
            world.check_replay(&turn);
            continue;
        }
        assert!(turn.stderr.contains("hint: "), "{blocks}: {}", turn.stderr);
        assert_eq!(turn.last()["type"], "turn.failed", "{blocks}: {}", turn.stdout);
        assert_eq!(turn.last()["journalled"], false, "{blocks}: {}", turn.stdout);
        // What was printed before it is in the journal.
        let before = turn.stdout.lines().count() - 1;
        if before > 0 {
            let replayed = run(world.program(&["replay", "--last", "--json"]));
            let printed: Vec<_> = turn.stdout.lines().take(before).collect();
            let kept: Vec<_> = replayed.stdout.lines().take(before).collect();
            assert_eq!(printed, kept, "{blocks}");
        }
    }
    assert!(seen.contains(&74), "{seen:?}");
}

#[test]
fn what_is_not_understood_ends_with_two_and_a_hint() {
    let world = World::silent();
    let file = world.path("file");
    fs::write(&file, "").expect("written");
    let exec = ["exec", "--skip-git-repo-check"];
    let file = file.to_str().expect("text");
    for arguments in [
        &["replay", "01900000-0000-7000-8000-000000000001"][..],
        &["replay", "0190"],
        &["replay", "--last"],
        &[exec[0], exec[1], "-s", "disk-write-home", "go"],
        &[exec[0], exec[1], "-s", "disk-write-folder=", "go"],
        &[exec[0], exec[1], "-s", "disk-write-folder=/nonexistent", "go"],
        &[exec[0], exec[1], "-c", "model", "go"],
        &[exec[0], exec[1], "-c", "model=3", "go"],
        &[exec[0], exec[1], "-c", "model_provider=\"nobody\"", "go"],
        &[exec[0], exec[1], "-C", "/nonexistent", "go"],
        &[exec[0], exec[1], "-C", file, "go"],
        &[exec[0], exec[1], ""],
        &[exec[0], exec[1], "-"],
        &["exec", "-C", "/", "go"],
    ] {
        let turn = run(world.program(arguments));
        assert_eq!(turn.code, 2, "{arguments:?}: {}", turn.stderr);
        assert!(turn.stderr.contains("hint: "), "{arguments:?}: {}", turn.stderr);
        assert_eq!(turn.stdout, "", "{arguments:?}");
        assert!(!world.home().join("journals").exists(), "{arguments:?} left a session");
    }
    let odd = piped(world.program(&["exec", "--skip-git-repo-check"]), b"caf\xe9");
    assert_eq!((odd.code, odd.stdout.as_str()), (2, ""), "{}", odd.stderr);
    assert!(odd.stderr.contains("hint: "), "{}", odd.stderr);
    assert!(!world.home().join("journals").exists());
    for both in [&["--full-auto", "-s", "read-only"][..], &["--color", "mauve"], &["a", "b"]] {
        assert_eq!(run(world.program(&[&exec[..], both].concat())).code, 2, "{both:?}");
    }
    assert_eq!(run(world.program(&["exec", "--no-such-flag"])).code, 2);
    assert_eq!(run(world.program(&[])).code, 2);
    let short = run(world.program(&["replay", "0190"]));
    assert!(short.stderr.contains("codex sessions"), "{}", short.stderr);
}

#[test]
fn a_beginning_that_names_several_sessions_is_refused_with_their_ids() {
    let world = World::playing(json!([says("ok")]));
    // The first eight characters last for a minute: of three sessions, two share them.
    let ids: Vec<String> = (0..3)
        .map(|_| world.turn(&[]).lines()[0]["thread_id"].as_str().expect("an id").to_owned())
        .collect();
    let begins = &ids[1][..8];
    let meant: Vec<_> = ids.iter().filter(|id| id.starts_with(begins)).collect();
    assert!(meant.len() > 1, "{ids:?}");
    for form in ["--text", "--json", "--raw", "--verify"] {
        let turn = run(world.program(&["replay", begins, form]));
        assert_eq!((turn.code, turn.stdout.as_str()), (2, ""));
        assert!(meant.iter().all(|id| turn.stderr.contains(id.as_str())), "{}", turn.stderr);
        assert!(turn.stderr.contains("hint: "), "{}", turn.stderr);
    }
}

#[test]
fn a_message_that_can_not_be_saved_is_said_after_the_turn() {
    let world = World::playing(json!([runs("rmdir folder"), says("the message")]));
    fs::create_dir(world.work().join("folder")).expect("made");
    let turn = run(world.exec(&["-s", "workspace-write", "-o", "folder/last.txt", "go"]));
    assert_eq!((turn.code, turn.stdout.as_str()), (2, "the message\n"));
    assert!(turn.stderr.contains("last.txt") && turn.stderr.contains("hint: "), "{}", turn.stderr);
    world.check_journal();
}

#[test]
fn calls_that_ask_for_the_impossible_are_answered() {
    let call = |name: &str, arguments: serde_json::Value| json!([{"type": "function_call", "name": name, "arguments": arguments}]);
    let odd = [
        call("exec_command", json!({"cmd": "pwd", "workdir": "/nonexistent"})),
        call("exec_command", json!({"cmd": "pwd", "workdir": "nonexistent"})),
        call("exec_command", json!({"cmd": ""})),
        call("exec_command", json!({"cmd": "pwd", "shell": "/nonexistent/shell"})),
        call("exec_command", json!({"cmd": "echo a\u{0}b"})),
        call("exec_command", json!({})),
        call("exec_command", json!([1, 2])),
        call("shell", json!({"command": []})),
        call("shell", json!({"command": ["no-such-program"]})),
        call("shell", json!({"command": ["/etc/passwd"]})),
        call("shell", json!({"command": ["true"], "timeout": 0})),
        call("shell", json!({"command": ["true"], "timeout": -1})),
        call("shell", json!({"command": ["true"], "timeout": u64::MAX})),
        call("apply_patch", json!({"input": "*** Begin Patch\n*** End Patch\n"})),
        call("apply_patch", json!({"input": 3})),
        patches(""),
        patches("*** Begin Patch\n*** Add File: \n+x\n*** End Patch\n"),
        patches("*** Begin Patch\n*** Delete File: nonexistent\n*** End Patch\n"),
        runs("rm -r \"$PWD\"; echo gone"),
        runs("pwd"),
    ];
    let steps: Vec<_> = odd.iter().cloned().chain([says("survived")]).collect();
    let world = World::playing(json!(steps));
    let turn = world.turn(&["-s", "danger-full-access"]);
    assert_eq!(turn.code, 0, "{}{}", turn.stdout, turn.stderr);
    assert_eq!(turn.items("agent_message")[0]["text"], "survived");
    for (number, body) in world.bodies().iter().enumerate().skip(1) {
        let input = body["input"].as_array().expect("items");
        let output = input[0]["output"].as_str().unwrap_or_default();
        assert!(input.len() == 1 && !output.is_empty(), "{}: {input:?}", odd[number - 1]);
    }
    fs::create_dir_all(world.work()).expect("made again");
    world.check_replay(&turn);
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    for url in ["http://me:hunter2@127.0.0.1:1/v1", "http://127.0.0.1:1/v1?key=hunter2"] {
        let world = World::silent().with_provider(&provider(url));
        let turn = world.turn(&[]);
        assert_eq!(turn.code, 2, "{}", turn.stderr);
        assert!(
            turn.stderr.contains("hint: ") && !turn.stderr.contains("hunter2"),
            "{}",
            turn.stderr
        );
        assert!(!world.home().join("journals").exists());
    }
}

#[test]
fn a_broken_settings_file_is_named_with_its_place() {
    let world = World::silent();
    for (text, words) in [
        ("model = \"x\"\napproval_policy = \"sometimes\"\n", "config.toml:2"),
        ("model = \n", "config.toml:1"),
        ("sandbox_permissions = [\"disk-full-red-access\"]\n", "disk-full-red-access"),
    ] {
        fs::write(world.home().join("config.toml"), text).expect("written");
        let turn = run(world.program(&["exec", "--skip-git-repo-check", "go"]));
        assert_eq!(turn.code, 2, "{}", turn.stderr);
        assert!(turn.stderr.contains(words), "{}", turn.stderr);
    }
}

#[test]
fn a_patch_is_applied_from_an_argument_or_from_standard_input() {
    let world = World::silent();
    let add = "*** Begin Patch\n*** Add File: a.txt\n+one\n*** End Patch\n";
    let turn = run(world.program(&["apply-patch", add]));
    assert_eq!((turn.code, turn.stdout.contains("A a.txt")), (0, true), "{}", turn.stderr);
    let edit = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n";
    assert_eq!(piped(world.program(&["apply-patch", "-"]), edit.as_bytes()).code, 0);
    assert_eq!(world.read("a.txt").as_deref(), Some("two\n"));
    let again = run(world.program(&["apply-patch", edit]));
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("expected lines"), "{}", again.stderr);
}

#[test]
fn a_patch_from_the_command_line_stays_in_its_folder() {
    let world = World::silent();
    let outside = world.path("outside.txt");
    for patch in [
        format!("*** Begin Patch\n*** Add File: {}\n+x\n*** End Patch\n", outside.display()),
        "*** Begin Patch\n*** Add File: ../outside.txt\n+x\n*** End Patch\n".to_owned(),
        "*** Begin Patch\n*** Add File: in.txt\n+x\n*** Add File: ../outside.txt\n+x\n*** End Patch\n"
            .to_owned(),
    ] {
        let turn = run(world.program(&["apply-patch", &patch]));
        assert_eq!((turn.code, turn.stdout.as_str()), (1, ""), "{patch}");
        assert!(!turn.stderr.is_empty());
        assert!(!outside.exists() && world.read("in.txt").is_none(), "{patch}");
    }
    for broken in ["", "nonsense", "*** Begin Patch\n*** Frobnicate: a\n*** End Patch\n"] {
        let turn = run(world.program(&["apply-patch", broken]));
        assert_eq!(turn.stdout, "", "{broken}");
        assert!(matches!(turn.code, 1 | 2) && !turn.stderr.is_empty(), "{broken}: {}", turn.code);
    }
    assert_eq!(piped(world.program(&["apply-patch", "-"]), b"\xff\xfe").stdout, "");
}

#[test]
fn a_stream_that_leads_out_of_the_sandbox_is_refused() {
    let world = World::silent();
    for (level, folder) in [("full", "input"), ("landlock", "input"), ("full", "output")] {
        let words = ["sandbox", "-s", "workspace-write", "--", "touch", "ran"];
        let flags: &[&str] = if level == "landlock" { &["--without-namespaces"] } else { &[] };
        let mut command = world.program(&[&words[..1], flags, &words[1..]].concat());
        let root = || fs::File::open("/").expect("opened");
        match folder {
            "input" => command.stdin(root()),
            _ => command.stdout(root()),
        };
        let turn = run(command);
        let lines = format!(
            "error: standard {folder} is a folder, which leads out of the sandbox\n\
             hint: nothing was run. Give the command a file or put a pipe between, as in \
             `cat | codex sandbox …` or `codex sandbox … | cat`\n"
        );
        assert_eq!((turn.code, turn.stderr), (125, lines), "{level}");
        assert!(world.read("ran").is_none());
    }
}

#[test]
fn a_writable_folder_is_what_its_name_leads_to_when_it_is_granted() {
    let world = World::silent();
    let granted = world.path("granted");
    fs::create_dir(&granted).expect("made");
    std::os::unix::fs::symlink("../granted", world.work().join("link")).expect("made");
    let script = "echo x > link/in && ln -sfn /tmp link; echo $?";
    let sandbox = |name: &str| {
        let folder = format!("disk-write-folder={name}");
        let reads = ["-s", "disk-full-read-access", "-s", &folder];
        let words = ["--", "sh", "-c", script];
        run(world.program(&[&["sandbox"], &reads[..], &words].concat()))
    };
    let turn = sandbox("link");
    assert_eq!((turn.code, turn.stdout.as_str()), (0, "1\n"), "the link stays: {}", turn.stderr);
    assert!(granted.join("in").exists());
    for (name, why) in [
        ("nowhere", "is not a usable folder: No such file or directory (os error 2)"),
        ("link/in", "is not a usable folder: not a directory"),
    ] {
        let turn = sandbox(name);
        assert!(turn.code == 125 && turn.stdout.is_empty(), "{turn:?}");
        assert!(turn.stderr.contains(why) && turn.stderr.contains("hint: "), "{}", turn.stderr);
    }
}

#[test]
fn what_wraps_a_command_or_a_patch_says_what_to_do() {
    let world = World::silent();
    fs::write(world.work().join("a.txt"), "one\n").expect("written");
    let update = |line: &str| {
        format!("*** Begin Patch\n*** Update File: a.txt\n@@\n{line}\n+two\n*** End Patch\n")
    };
    let sandbox = |words: &[&str]| run(world.program(&[&["sandbox"], words].concat()));
    let patch = |text: &str| run(world.program(&["apply-patch", text]));
    for (turn, code, lines) in [
        (
            sandbox(&["--", "no-such-program"]),
            127,
            "error: no-such-program: not found\n\
             hint: check the command's name, and PATH for a program without a folder\n",
        ),
        (
            sandbox(&["--", "./a.txt"]),
            126,
            "error: ./a.txt: Permission denied (os error 13)\n\
             hint: check that the file is a program, may be executed, and is open to the sandbox\n",
        ),
        (
            sandbox(&["-C", "/nonexistent", "--", "true"]),
            125,
            "error: -C: /nonexistent is not a usable folder: No such file or directory \
             (os error 2)\n\
             hint: -C takes a folder that exists and that you may enter\n",
        ),
        (
            sandbox(&["-s", "disk-write-folder", "--", "true"]),
            2,
            "error: -s: `disk-write-folder=` needs a folder, as in \
             `disk-write-folder=/srv/data`.\n\
             hint: permissions are disk-full-read-access, disk-write-platform-user-temp-folder, \
             disk-write-platform-global-temp-folder, disk-write-cwd, disk-write-folder=<PATH>, \
             disk-full-write-access, network-full-access; \
             or read-only, workspace-write, danger-full-access\n",
        ),
        (
            patch(&update("-three")),
            1,
            "Failed to find expected lines in a.txt:\nthree\n\
             hint: the file has other lines than the patch expects: read it again, and make the \
             patch from what is there\n",
        ),
        (
            patch(&update("one")),
            1,
            "invalid hunk at line 4, Unexpected line found in update hunk: 'one'. Every line \
             should start with ' ' (context line), '+' (added line), or '-' (removed line)\n\
             hint: put ' ', '+' or '-' before the line\n",
        ),
    ] {
        assert_eq!((turn.code, turn.stdout.as_str(), turn.stderr.as_str()), (code, "", lines));
    }
    let fine = patch(&update("-one"));
    assert_eq!((fine.code, fine.stderr.as_str()), (0, ""));
}

#[test]
fn a_last_message_that_has_no_place_is_refused_before_the_turn() {
    let world = World::playing(json!([says("First."), says("Second.")]));
    let id = world.turn(&[]).lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let work = world.work();
    for file in [work.to_str().expect("text"), "nowhere/last.txt", "/dev/null/last.txt"] {
        for words in [&["-o", file, "--", "go"][..], &["-o", file, "resume", &id, "go"]] {
            let turn = run(world.exec(words));
            assert_eq!((turn.code, turn.stdout.as_str()), (2, ""), "{words:?}: {}", turn.stderr);
            assert!(turn.stderr.contains("hint: "), "{words:?}: {}", turn.stderr);
        }
    }
    assert_eq!(world.bodies().len(), 1, "no model was asked in vain");
    assert_eq!(run(world.exec(&["-o", "/dev/null", "--", "go"])).code, 0, "a device takes it");
}

#[test]
fn a_folder_that_is_gone_does_not_matter_when_another_is_named() {
    let world = World::playing(json!([says("Done.")]));
    let gone = world.path("gone");
    fs::create_dir(&gone).expect("made");
    let exec = world.exec(&["-C", world.work().to_str().expect("text"), "--", "go"]);
    let line = format!("cd {0} && rmdir {0} && exec \"$@\"", gone.display());
    let mut command = Command::new("bash");
    command.args(["-c", &line, "bash"]).arg(exec.get_program()).args(exec.get_args());
    command.env_clear().envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let turn = run(command);
    assert_eq!((turn.code, turn.stdout.as_str()), (0, "Done.\n"), "{}", turn.stderr);
}

#[test]
fn a_prompt_that_is_handed_over_is_read_before_anything_is_refused() {
    let world = World::silent();
    // More than a pipe holds.
    let prompt = vec![b'x'; 1 << 20];
    let nobody = "01900000-0000-7000-8000-000000000000";
    for words in [
        &["-C", "/nonexistent"][..],
        &["-c", "model=5"],
        &["--output-schema", "shape.json"],
        &["resume", nobody],
        &["resume", nobody, "--image", "a.png", "-i", "b.png"],
    ] {
        let mut child = world.exec(words).stdin(Stdio::piped()).spawn().expect("it starts");
        let written = child.stdin.take().expect("piped").write_all(&prompt);
        let turn = finish(child);
        assert_eq!(turn.code, 2, "{words:?}: {}", turn.stderr);
        assert!(turn.stderr.contains("hint: "), "{words:?}: {}", turn.stderr);
        assert!(written.is_ok(), "{words:?}: {written:?}");
    }
}
