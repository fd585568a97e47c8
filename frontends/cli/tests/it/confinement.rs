//! What commands of a session can and can't do, seen from outside.

use std::net::{TcpListener, UdpSocket};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    Running, World, end_all, eventually, has, piped, processes, run, runs, runs_for,
    rust_of_the_user, says, tells_of_a_refusal,
};

const PERMISSIONS: [&str; 6] = [
    "-s",
    "disk-full-read-access",
    "-s",
    "disk-write-cwd",
    "-s",
    "disk-write-platform-user-temp-folder",
];

#[test]
fn writing_outside_fails_and_inside_works() {
    let world = World::silent();
    let outside = world.path("outside.txt");
    let line = format!(
        "echo in > inside.txt; echo temp > \"$TMPDIR/t.txt\"; echo out > {}; echo $?",
        outside.display()
    );
    let world = World::playing(json!([runs(&line), says("tried")]));
    let turn = world.turn(&PERMISSIONS);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(tells_of_a_refusal(&turn.outputs()[0]), "{}", turn.outputs()[0]);
    assert_eq!(world.read("inside.txt").as_deref(), Some("in\n"));
    assert!(world.path("temp/t.txt").exists());
    assert!(!outside.exists());
}

#[test]
fn no_listener_outside_is_reachable() {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    for socket in [tcp.set_nonblocking(true), udp.set_nonblocking(true)] {
        socket.expect("set");
    }
    let line = format!(
        "echo hi > /dev/tcp/127.0.0.1/{}; echo hi > /dev/udp/127.0.0.1/{}; true",
        tcp.local_addr().expect("bound").port(),
        udp.local_addr().expect("bound").port()
    );
    let reached = || (tcp.accept().is_ok(), udp.recv(&mut [0; 8]).is_ok());

    let world = World::playing(json!([runs(&line), says("tried")]));
    assert_eq!(world.turn(&PERMISSIONS).code, 0);
    assert_eq!(reached(), (false, false));

    // The listeners are real: with the permission, both are reached.
    let granted = [&PERMISSIONS[..], &["-s", "network-full-access"]].concat();
    let world = World::playing(json!([runs(&line), says("tried")]));
    assert_eq!(world.turn(&granted).code, 0);
    assert_eq!(reached(), (true, true));
}

#[test]
fn ordinary_tools_work() {
    let world = World::playing(json!([
        runs("git init -q new && git -C new status --short && echo clean"),
        runs("cargo build -q --offline --target-dir target && ./target/debug/demo"),
        says("built")
    ]));
    // Its own workspace: the folder lies below this one's.
    let manifest = "[package]\nname = \"demo\"\nedition = \"2021\"\n[workspace]\n";
    std::fs::write(world.work().join("Cargo.toml"), manifest).expect("written");
    std::fs::create_dir(world.work().join("src")).expect("made");
    let main = "fn main() { println!(\"Hello, world!\"); }\n";
    std::fs::write(world.work().join("src/main.rs"), main).expect("written");
    let mut command = world.exec(&[&["--json"], &PERMISSIONS[..], &["go"]].concat());
    rust_of_the_user(&mut command);
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let outputs = turn.outputs();
    if has("git") {
        assert!(outputs[0].ends_with("clean\n"), "{}", outputs[0]);
    }
    if has("cargo") {
        assert!(outputs[1].ends_with("Hello, world!\n"), "{}", outputs[1]);
    }
}

#[test]
fn no_secret_of_ours_is_in_a_commands_environment() {
    let world = World::playing(json!([runs("env"), says("looked")]));
    let mut command = world.exec(&[&["--json"], &PERMISSIONS[..], &["go"]].concat());
    for name in ["OPENAI_API_KEY", "CODEX_API_KEY", "MY_SECRET", "FOO_TOKEN", "DB_PASSWORD", "LD_X"]
    {
        command.env(name, "hunter2");
    }
    command.env("HARMLESS", "kept");
    let turn = run(command);
    let env = &turn.outputs()[0];
    assert!(!env.contains("hunter2"), "{env}");
    assert!(env.contains("HARMLESS=kept") && env.contains("CODEX_SANDBOX_NETWORK_DISABLED=1"));
}

#[test]
fn the_key_can_not_be_read_out_of_the_agent() {
    let line =
        "for f in /proc/[0-9]*/environ; do tr '\\0' '\\n' < $f; done 2> /dev/null; echo looked";
    let world = World::playing(json!([runs(line), says("looked")]));
    let mut command = world.exec(&[&["--json"], &PERMISSIONS[..], &["go"]].concat());
    command.env("OPENAI_API_KEY", "hunter2-in-the-agent");
    let turn = run(command);
    assert!(turn.outputs()[0].ends_with("looked\n"), "{}", turn.stdout);
    assert!(!turn.stdout.contains("hunter2"), "a command read the agent's environment");
}

#[test]
fn a_temporary_folder_is_made_where_there_is_none_and_goes_with_the_session() {
    // What is said of the refusal comes another way, and would stand anywhere between the lines.
    let line = "exec 2> /dev/null; echo \"$TMPDIR\"; stat -c %a \"$TMPDIR\"; echo x > \"$TMPDIR/file\" && echo written; echo x > /tmp/codex-e2e-$$ || echo refused";
    for tmpdir in [None, Some("/nonexistent"), Some("relative")] {
        let world = World::playing(json!([runs(line), says("done")]));
        let mut command = world.exec(&[&["--json"], &PERMISSIONS[..], &["go"]].concat());
        match tmpdir {
            None => command.env_remove("TMPDIR"),
            Some(folder) => command.env("TMPDIR", folder),
        };
        let turn = run(command);
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        let output = turn.outputs()[0].clone();
        let lines: Vec<_> = output.lines().collect();
        assert_eq!(lines[1..3], ["700", "written"], "{output}");
        assert!(lines.contains(&"refused"), "{output}");
        assert!(!std::path::Path::new(lines[0]).exists(), "{} is left", lines[0]);
        world.check_replay(&turn);
    }
}

/// Where mounts can cover the home, the folder can be written all the same.
#[test]
fn a_temporary_folder_that_holds_the_agents_home_is_left_out_or_covers_it() {
    let line = "echo in > inside.txt; echo t > \"$TMPDIR/t.txt\" && echo temp; \
                echo out > /tmp/out-$$ && rm /tmp/out-$$ && echo shared; \
                echo evil > $CODEX_HOME_OF_TEST/config.toml; ls $CODEX_HOME_OF_TEST | wc -l";
    let homes = tempfile::tempdir_in("/tmp").expect("a folder");
    let agent = homes.path().join("agent");
    std::fs::create_dir(&agent).expect("made");
    let line = line.replace("$CODEX_HOME_OF_TEST", &agent.display().to_string());
    let world = World::playing(json!([runs(&line), says("tried"), runs(&line), says("tried")]));
    // Both the shared folder and the user's own can be the one that holds the home.
    for temp in [world.path("temp"), homes.path().to_owned()] {
        let mut command = world.exec(&["-s", "workspace-write", "--", "go"]);
        command.env("CODEX_HOME", &agent).env("TMPDIR", &temp);
        let turn = run(command);
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        assert!(turn.stderr.contains("\ntemp\n"), "{}", turn.stderr);
        assert!(tells_of_a_refusal(&turn.stderr), "{}", turn.stderr);
        assert_eq!(world.read("inside.txt").as_deref(), Some("in\n"));
        assert!(!agent.join("config.toml").exists());
        let is_left_out = turn.stderr.contains("/tmp can't be written: it contains");
        let is_shared = turn.stderr.contains("\nshared\n");
        assert!(is_left_out != is_shared, "{}", turn.stderr);
        assert!(is_left_out || turn.stderr.contains("\n0\n"), "{}", turn.stderr);
    }
}

#[test]
fn nothing_outlives_a_commands_time() {
    let mark = format!("8899.{}", std::process::id());
    let line = format!("echo begun; setsid sleep {mark} & sleep {mark}");
    let world = World::playing(json!([runs_for(300, &line), says("timed out")]));
    let turn = world.turn(&PERMISSIONS);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let item = &turn.items("command_execution")[0];
    assert_eq!((&item["exit_code"], &item["aggregated_output"]), (&json!(124), &json!("begun\n")));
    assert_eq!(processes(&mark), 0);
    world.check_replay(&turn);
}

#[test]
fn a_supervisor_that_is_killed_takes_its_command_along() {
    let mark = format!("8988.{}", std::process::id());
    // The command's parent is its supervisor.
    let line = format!("sleep {mark} & kill -9 $PPID; sleep {mark}");
    let world = World::playing(json!([runs(&line), says("went on")]));
    let turn = world.turn(&["-s", "danger-full-access"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(turn.items("agent_message")[0]["text"], "went on");
    let item = &turn.items("command_execution")[0];
    assert_eq!((&item["status"], &item["exit_code"]), (&json!("failed"), &json!(137)));
    world.check_replay(&turn);
    // Without the fence a command can kill its supervisor; that it can is no secret.
    end_all(&mark);
}

#[test]
fn the_wrapper_passes_input_and_exit_codes_through() {
    let world = World::silent();
    for name in [&["sandbox"][..], &["debug", "landlock"]] {
        let code = |command: &[&str]| run(world.program(&[name, &["--"], command].concat())).code;
        assert_eq!(code(&["true"]), 0);
        assert_eq!(code(&["sh", "-c", "exit 3"]), 3);
        assert_eq!(code(&["sh", "-c", "kill -TERM $$"]), 143);
        assert_eq!(code(&["no-such-program"]), 127);
        assert_eq!(code(&["/etc/passwd"]), 126);
        assert_eq!(code(&["sh", "-c", "echo x > written"]), 2 - u8_of_shell());
        assert!(!world.work().join("written").exists(), "read-only without -s");
    }
    let copy = ["sandbox", "--full-auto", "--", "sh", "-c", "cat > copied; cat copied"];
    let turn = piped(world.program(&copy), b"through\n");
    assert_eq!((turn.code, turn.stdout.as_str()), (0, "through\n"), "{}", turn.stderr);
    assert_eq!(run(world.program(&["sandbox", "-C", "/nonexistent", "--", "true"])).code, 125);
}

#[test]
fn a_wrapped_command_ends_with_the_wrapper() {
    let world = World::silent();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let mark = format!("88{}.{}", signal.as_raw(), std::process::id());
        let line =
            format!("trap '' INT TERM HUP; sleep {mark} & setsid sleep {mark} & sleep {mark}");
        let running = Running::start(world.program(&["sandbox", "--", "sh", "-c", &line]));
        eventually("the command runs", || processes(&format!("sleep\0{mark}")) >= 3);
        running.signal(signal);
        eventually("all of it ended", || processes(&mark) == 0);
        assert_eq!(running.end().code, 128 + signal.as_raw());
    }
}

#[test]
fn a_wrapped_command_has_what_it_was_granted() {
    let world = World::silent();
    let granted = world.path("granted");
    std::fs::create_dir(&granted).expect("made");
    let folder = format!("disk-write-folder={}", granted.display());
    let line = "echo x > ../granted/in; echo x > out; echo x > ../home/config.toml; true";
    let turn = run(world.program(&[
        "sandbox",
        "-s",
        "disk-full-read-access",
        "-s",
        &folder,
        "--",
        "sh",
        "-c",
        line,
    ]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(granted.join("in").exists(), "{}", turn.stderr);
    assert!(!world.work().join("out").exists() && !world.home().join("config.toml").exists());
    // The agent's own folder is nobody's to write, whatever else is.
    let turn = run(world.program(&[
        "sandbox",
        "--full-auto",
        "-C",
        "..",
        "--",
        "sh",
        "-c",
        "echo x > home/config.toml",
    ]));
    assert_ne!(turn.code, 0);
    assert!(!world.home().join("config.toml").exists());
    let all = run(world.program(&[
        "sandbox",
        "-s",
        "danger-full-access",
        "--",
        "sh",
        "-c",
        "echo x > ../out",
    ]));
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert!(world.path("out").exists());
}

// A redirection that fails ends dash with 2 and bash with 1.
fn u8_of_shell() -> i32 {
    let shell = std::fs::canonicalize("/bin/sh").unwrap_or_default();
    i32::from(!shell.ends_with("dash"))
}
