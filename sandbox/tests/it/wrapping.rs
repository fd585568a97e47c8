//! The wrapper command, played by this program.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use codex_event::Permission;
use codex_sandbox::{
    Environment, GitWrites, Launch, Level, Plan, Policy, Resources, RuntimeFolder, Stdin,
    private_temp, probe, run_inherited, runtime_bases,
};
use rustix::process::{Pid, Signal, geteuid, getpid, kill_process, set_child_subreaper};

use crate::faults::{hang, refuse};
use crate::world::{World, alive, eventually, level, marker, set_level};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    ("the_wrapper_passes_streams_and_codes", the_wrapper_passes_streams_and_codes),
    ("a_signal_to_the_wrapper_ends_the_tree", a_signal_to_the_wrapper_ends_the_tree),
    ("another_name_leads_no_further", another_name_leads_no_further),
    ("nobody_is_left_for_others_to_collect", nobody_is_left_for_others_to_collect),
    ("rules_that_can_t_be_had_run_nothing", rules_that_can_t_be_had_run_nothing),
    ("rules_that_never_come_keep_nobody", rules_that_never_come_keep_nobody),
    (
        "the_supervisor_is_a_fork_where_no_command_sees_it",
        the_supervisor_is_a_fork_where_no_command_sees_it,
    ),
];

/// `--wrapper LEVEL [-s PERMISSION]… [-C DIR] [--read DIR]… [--timeout-ms N] [--without CALL]
/// [--hanging CALL] -- COMMAND…`
pub(crate) fn play_wrapper(words: &[String]) -> ExitCode {
    let mut permissions = vec![];
    let mut cwd = env::current_dir().expect("a folder");
    let mut read_roots = vec![];
    let mut timeout = None;
    let mut without = None;
    let mut hanging = None;
    let mut words = words.iter();
    let wanted = words.next().expect("a level");
    set_level(serde_json::from_str(wanted).expect("a level"));
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value").clone();
        match word.as_str() {
            "-s" => permissions.extend(Permission::expand(&value()).expect("a permission")),
            "-C" => cwd = value().into(),
            "--read" => read_roots.push(PathBuf::from(value())),
            "--timeout-ms" => timeout = Some(Duration::from_millis(value().parse().expect("ms"))),
            "--without" => without = Some(value().parse().expect("a number")),
            "--hanging" => hanging = Some(value().parse().expect("a number")),
            "--" => break,
            other => panic!("unknown option {other}"),
        }
    }
    let command: Vec<_> = words.map(Into::into).collect();
    let bases = runtime_bases(None);
    let folder = RuntimeFolder::make(&bases, &[]).expect("a folder");
    let user_temp = private_temp(env::var_os("TMPDIR").as_deref())
        .unwrap_or_else(|| folder.temp().expect("a folder"));
    let policy = Policy {
        permissions,
        cwd: cwd.clone(),
        home: env::var_os("HOME").map(Into::into),
        agent_home: env::var_os("CODEX_HOME").map(Into::into),
        read_roots,
        path_entries: env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(),
        program: None,
        user_temp: Some(user_temp.clone()),
        level: level(),
        git_writes: GitWrites::None,
        resources: Resources::default(),
    };
    let plan = match Plan::on_disk(&policy, &probe()) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("wrapper: {error}");
            return ExitCode::from(2);
        }
    };
    let mut environment = Environment::scrubbed(env::vars_os(), plan.network);
    environment.set("TMPDIR", user_temp);
    let launch = Launch {
        argv: command,
        cwd,
        env: environment,
        plan,
        timeout,
        stdin: Stdin::Inherit,
        stdio: codex_sandbox::Stdio::Inherit,
    };
    if let Some(call) = without {
        refuse(call, None);
    }
    if let Some(call) = hanging {
        hang(call);
    }
    let outcome = run_inherited(launch, || {}, || drop(folder)).expect("a supervisor");
    if let Some(failed) = &outcome.failed {
        eprintln!("wrapper: {:?}: {}", failed.step, failed.message);
    }
    ExitCode::from(u8::try_from(outcome.exit_code()).unwrap_or(u8::MAX))
}

/// Runs a program as often as is said, adopts what it leaves, and collects nothing of it, as many a
/// process 1 of a container does; prints how many processes are left: `--idle-init TIMES COMMAND…`
pub(crate) fn play_idle_init(words: &[String]) -> ExitCode {
    let (times, command) = words.split_first().expect("how often");
    set_child_subreaper(Some(getpid())).expect("a reaper of orphans");
    for _ in 0..times.parse().expect("a number") {
        let ended = Command::new(&command[0]).args(&command[1..]).status().expect("started");
        assert!(ended.success(), "{ended}");
    }
    let children = std::fs::read_to_string("/proc/thread-self/children").expect("readable");
    println!("{}", children.split_whitespace().count());
    ExitCode::SUCCESS
}

fn wrapper(world: &World, words: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("known"));
    command
        .arg("--wrapper")
        .arg(serde_json::to_string(&level()).expect("encodes"))
        .args(["-s", "disk-full-read-access", "-s", "disk-write-cwd", "-C"])
        .arg(world.at("project"))
        .args(words)
        .env("HOME", world.at("home"))
        .env("CODEX_HOME", world.at("home/.codex"))
        .env("TMPDIR", world.at("tmp"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn the_wrapper_passes_streams_and_codes() -> Verdict {
    let world = World::new();
    let mut child = wrapper(&world, &["--", "sh", "-c", "cat; echo err >&2; exit 37"])
        .spawn()
        .expect("started");
    child.stdin.take().expect("piped").write_all(b"from stdin").expect("written");
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(37));
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (&b"from stdin"[..], &b"err\n"[..])
    );

    for (command, code) in [
        (vec!["--", "sh", "-c", "kill -9 $$"], 137),
        (vec!["--", "no-such-program-here"], 127),
        (vec!["--", "/etc/passwd"], 126),
        (vec!["--timeout-ms", "100", "--", "sleep", "30"], 124),
    ] {
        let output = wrapper(&world, &command).output().expect("ended");
        assert_eq!(output.status.code(), Some(code), "{command:?}");
    }
    let output = wrapper(&world, &["-C", "/", "--", "true"]).output().expect("ended");
    assert_eq!(output.status.code(), Some(2));
    Verdict::Held
}

fn nobody_is_left_for_others_to_collect() -> Verdict {
    if !std::path::Path::new("/proc/thread-self/children").exists() {
        return Verdict::Skipped("this kernel lists no children");
    }
    let world = World::new();
    let inside = wrapper(&world, &["--", "true"]);
    let mut init = Command::new(env::current_exe().expect("known"));
    init.args(["--idle-init", "10"]).arg(inside.get_program()).args(inside.get_args());
    for (name, value) in inside.get_envs() {
        init.env(name, value.unwrap_or_default());
    }
    let output = init.output().expect("ended");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "0\n", "{}", String::from_utf8_lossy(&output.stderr));
    Verdict::Held
}

fn a_signal_to_the_wrapper_ends_the_tree() -> Verdict {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let world = World::new();
        let marker = marker();
        let sleeper = format!("sleep\0{marker}");
        let script = format!("setsid sleep {marker} & sleep {marker}");
        let mut child = wrapper(&world, &["--", "sh", "-c", &script]).spawn().expect("started");
        eventually("the sleepers run", Duration::from_secs(20), || alive(&sleeper) == 2);
        let pid = Pid::from_child(&child);
        kill_process(pid, signal).expect("signalled");
        assert_eq!(child.wait().expect("ended").code(), Some(code));
        assert_eq!(alive(&marker), 0);
    }
    Verdict::Held
}

/// The agent's home on a file system that is mounted a second time, as some distributions do with
/// all of them.
fn another_name_leads_no_further() -> Verdict {
    let world = World::new();
    std::fs::create_dir(world.at("alias")).expect("made");
    let script = format!(
        "mount --bind {0}/home {0}/alias && cat {0}/alias/.codex/auth.json && exec \"$@\"",
        world.at("").display()
    );
    let inside = wrapper(&world, &["--", "/bin/sh", "-c"]);
    let mut command = Command::new("unshare");
    command.args(["-rm", "/bin/sh", "-c", &script, "sh"]);
    command.arg(inside.get_program()).args(inside.get_args());
    command.arg("cat ../home/.codex/auth.json ../alias/.codex/auth.json; cat ../alias/notes");
    for (name, value) in inside.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let Ok(ran) = command.output() else {
        return Verdict::Skipped("there is no `unshare` here");
    };
    let stdout = String::from_utf8_lossy(&ran.stdout);
    let Some(seen) = stdout.strip_prefix("canary-auth") else {
        return Verdict::Skipped("nothing can be mounted here");
    };
    assert_eq!(seen, "plain notes", "{}", String::from_utf8_lossy(&ran.stderr));
    Verdict::Held
}

/// The wrapper grants the rules where its supervisor is a fork, and the command's process elsewhere.
fn rules_that_can_t_be_had_run_nothing() -> Verdict {
    if probe().landlock_abi == 0 {
        return Verdict::Skipped("there is no landlock here");
    }
    for call in [libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self] {
        let world = World::new();
        let words = ["--without", &call.to_string(), "--", "sh", "-c", "echo ran > marker"];
        let output = wrapper(&world, &words).output().expect("ended");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{said}");
        assert!(said.contains("Landlock: ") && said.contains("not permitted"), "{said}");
        assert!(!world.at("project/marker").exists(), "it ran without call {call}");
    }
    Verdict::Held
}

/// As where a file system is looked into whose server is gone.
fn rules_that_never_come_keep_nobody() -> Verdict {
    if probe().landlock_abi == 0 {
        return Verdict::Skipped("there is no landlock here");
    }
    let call = libc::SYS_landlock_add_rule.to_string();
    for (signal, limit, code) in [(Some(Signal::INT), "60000", 130), (None, "300", 124)] {
        let world = World::new();
        let words = ["--hanging", &call, "--timeout-ms", limit, "--"];
        let words = [&words[..], &["sh", "-c", "echo ran > marker"]].concat();
        let mut child = wrapper(&world, &words).spawn().expect("started");
        if let Some(signal) = signal {
            eventually("it hangs", Duration::from_secs(20), || is_asking(child.id()));
            kill_process(Pid::from_child(&child), signal).expect("signalled");
        }
        let has_ended = || child.try_wait().expect("ours").is_some();
        eventually("it ends", Duration::from_secs(20), has_ended);
        let output = child.wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(!world.at("project/marker").exists(), "{said}");
    }
    Verdict::Held
}

/// Tells whether a process or one below it waits for an answer about a call of its.
fn is_asking(pid: u32) -> bool {
    let call = libc::SYS_landlock_add_rule.to_string();
    let waits = |task: &std::path::Path| {
        let now = std::fs::read_to_string(task.join("syscall")).unwrap_or_default();
        now.split(' ').next() == Some(&call)
    };
    let list = |folder: String| std::fs::read_dir(folder).into_iter().flatten().flatten();
    list(format!("/proc/{pid}/task")).any(|task| {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let mut below = children.split_whitespace().filter_map(|child| child.parse().ok());
        waits(&task.path()) || below.any(is_asking)
    })
}

fn the_supervisor_is_a_fork_where_no_command_sees_it() -> Verdict {
    let is_fork = |permission: &str| {
        let world = World::new();
        let marker = marker();
        let mut command = wrapper(&world, &["-s", permission, "--", "sleep", &marker]);
        let mut child = command.stdin(Stdio::null()).spawn().expect("started");
        let line = |pid: &str| std::fs::read(format!("/proc/{pid}/cmdline")).expect("readable");
        let pid = child.id().to_string();
        // The wrapper's own line holds that of the command, and so does a fork's.
        let sleeper = format!("sleep\0{marker}\0").into_bytes();
        let is_up = || {
            let processes = std::fs::read_dir("/proc").expect("readable").flatten();
            let mut lines = processes.map(|entry| std::fs::read(entry.path().join("cmdline")));
            lines.any(|line| line.is_ok_and(|line| line == sleeper))
        };
        eventually("the command runs", Duration::from_secs(20), is_up);
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("readable").flatten();
        let children = threads.map(|it| std::fs::read_to_string(it.path().join("children")));
        let supervisor = children.map(|it| it.expect("readable")).collect::<String>();
        let supervisor = supervisor.trim().to_owned();
        let is_fork = line(&supervisor) == line(&pid);
        let environment = std::fs::read(format!("/proc/{supervisor}/environ"));
        // Root alone can read it.
        assert!(is_fork || environment.is_ok_and(|it| it.is_empty()) || !geteuid().is_root());
        kill_process(Pid::from_child(&child), Signal::TERM).expect("signalled");
        child.wait().expect("ended");
        is_fork
    };
    assert_eq!(is_fork("disk-write-cwd"), level() == Level::Landlock);
    assert!(!is_fork("danger-full-access"), "a command of root's could look into it");
    Verdict::Held
}
