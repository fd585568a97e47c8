//! Nothing outlives the command, the deadline or the agent.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use codex_sandbox::{
    Cause, CutShort, End, Leftover, Level, Outcome, Plan, Policy, ProcessId, end_leftover, probe,
};

use crate::world::{
    DANGER, FULL_AUTO, World, alive, capture, eventually, level, marker, set_level, start,
};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    ("a_timeout_ends_the_whole_tree", a_timeout_ends_the_whole_tree),
    ("a_timeout_asks_before_it_kills", a_timeout_asks_before_it_kills),
    ("a_timeout_before_the_command_began_is_one", a_timeout_before_the_command_began_is_one),
    ("a_daemon_dies_with_its_command", a_daemon_dies_with_its_command),
    ("a_fork_storm_is_swept", a_fork_storm_is_swept),
    ("an_interrupt_ends_the_tree", an_interrupt_ends_the_tree),
    ("a_dropped_lifeline_kills_the_tree", a_dropped_lifeline_kills_the_tree),
    ("a_killed_agent_leaves_nothing", a_killed_agent_leaves_nothing),
    ("many_runs_leak_nothing", many_runs_leak_nothing),
    ("the_process_is_named_for_later", the_process_is_named_for_later),
    ("a_leftover_is_ended_by_its_name", a_leftover_is_ended_by_its_name),
];

/// Far above what any of these takes; reached only by a fault.
const PATIENCE: Duration = Duration::from_secs(20);

fn tree(marker: &str) -> String {
    format!(
        "trap '' TERM HUP INT; (trap '' TERM HUP; setsid sleep {marker}) & \
         (setsid sh -c 'sleep {marker} >/dev/null 2>&1 &' &) ; sleep {marker}"
    )
}

fn a_timeout_ends_the_whole_tree() -> Verdict {
    let world = World::new();
    for permissions in [FULL_AUTO, DANGER] {
        let marker = marker();
        let mut launch = world.launch(permissions, &["/bin/sh", "-c", &tree(&marker)]);
        launch.timeout = Some(Duration::from_millis(1500));
        let began = Instant::now();
        let ran = capture(launch);
        let ended = ran.outcome.ended.as_ref().expect("ended");
        assert!(ended.cut_short == Some(CutShort::Time) && ran.code() == 124, "{ended:?}");
        assert!(ended.swept >= 3, "the sleepers were there: {ended:?}");
        assert!(began.elapsed() >= Duration::from_millis(2000), "it was asked first");
        assert_eq!(alive(&marker), 0);
    }
    Verdict::Held
}

fn a_timeout_asks_before_it_kills() -> Verdict {
    let world = World::new();
    let script = "trap 'echo asked; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut launch = world.launch(FULL_AUTO, &["/bin/sh", "-c", script]);
    launch.timeout = Some(Duration::from_millis(1500));
    let ran = capture(launch);
    assert_eq!(ran.stdout, "ready\nasked\n");
    let ended = ran.outcome.ended.expect("ended");
    assert_eq!((ended.end, ended.cut_short), (End::Code(7), Some(CutShort::Time)));
    Verdict::Held
}

fn a_timeout_before_the_command_began_is_one() -> Verdict {
    let world = World::new();
    let mut launch = world.launch(FULL_AUTO, &["/bin/sh", "-c", "echo ran > marker"]);
    // In namespaces a command is fenced in beside the supervisor, which looks at the clock all along.
    let policy = Policy { level: Level::Landlock, ..world.policy(FULL_AUTO) };
    launch.plan = Plan::on_disk(&policy, &probe()).expect("a plan");
    // A fence that takes far longer than the time that there is.
    launch.plan.files.programs = vec![world.at("outside/victim"); 400_000];
    launch.timeout = Some(Duration::from_millis(10));
    let ran = capture(launch);
    let Outcome { confined, failed, ended, .. } = &ran.outcome;
    assert_eq!((confined, failed), (&None, &None), "{}", ran.stderr);
    assert!(
        ended.as_ref().is_some_and(|ended| ended.cut_short == Some(CutShort::Time)),
        "{ended:?}"
    );
    assert_eq!((ran.code(), ran.stdout.as_str()), (124, ""));
    assert_eq!(world.read("project/marker"), "");
    Verdict::Held
}

fn a_daemon_dies_with_its_command() -> Verdict {
    for permissions in [FULL_AUTO, DANGER] {
        let world = World::new();
        let marker = marker();
        let script = format!(
            "(setsid sh -c 'sleep {marker} >/dev/null 2>&1 & touch up' &); \
             until [ -e up ]; do sleep 0.01; done; exit 5"
        );
        let ran = world.sh(permissions, &script);
        let ended = ran.outcome.ended.as_ref().expect("ended");
        assert_eq!((ended.end, ended.survivors), (End::Code(5), 0));
        assert!(ended.swept >= 1, "{ended:?}");
        assert_eq!(alive(&marker), 0);
    }
    Verdict::Held
}

fn a_fork_storm_is_swept() -> Verdict {
    let world = World::new();
    let marker = marker();
    // Children that replace themselves all the time, without growing in number.
    let script = format!(
        "f() {{ sh -c ': {marker}; sleep 0.01; exec sh storm' & }}; \
         echo ': {marker}; sleep 0.01; sh storm & exit' > storm; \
         for i in 1 2 3 4 5 6; do f; done; sleep 0.3; exit 0"
    );
    let ran = world.sh(FULL_AUTO, &script);
    let ended = ran.outcome.ended.expect("ended");
    assert!(ended.swept >= 1 && ended.survivors == 0, "{ended:?}");
    assert_eq!(alive("storm"), 0);
    Verdict::Held
}

fn an_interrupt_ends_the_tree() -> Verdict {
    let world = World::new();
    let marker = marker();
    let script = format!("trap 'exit 9' TERM; sleep {marker} & wait");
    let mut running = start(world.launch(FULL_AUTO, &["/bin/sh", "-c", &script]));
    eventually("the sleeper runs", PATIENCE, || sleeping(&marker) == 1);
    running.end(Cause::Interrupt);
    let ended = running.wait().ended.expect("ended");
    assert_eq!((ended.end, ended.cut_short), (End::Code(9), None));
    assert_eq!(alive(&marker), 0);
    Verdict::Held
}

/// Counts the sleepers themselves, without the shells that name them.
fn sleeping(marker: &str) -> usize {
    alive(&format!("sleep\0{marker}"))
}

fn a_dropped_lifeline_kills_the_tree() -> Verdict {
    let world = World::new();
    let marker = marker();
    let running = start(world.launch(FULL_AUTO, &["/bin/sh", "-c", &tree(&marker)]));
    let process = running.process().clone();
    eventually("the sleepers run", PATIENCE, || sleeping(&marker) == 3);
    drop(running);
    eventually("all are gone", Duration::from_secs(2), || alive(&marker) == 0);
    eventually("the supervisor is gone", PATIENCE, || !process.is_running());
    Verdict::Held
}

/// Plays an agent: starts some trees, says so, and waits to be killed.
pub(crate) fn play_agent(words: &[String]) -> ! {
    let marker = words.first().expect("a marker").clone();
    set_level(serde_json::from_str(&words[1]).expect("a level"));
    let world = World::new();
    let running: Vec<_> = [FULL_AUTO, DANGER, FULL_AUTO]
        .map(|permissions| start(world.launch(permissions, &["/bin/sh", "-c", &tree(&marker)])))
        .into();
    eventually("the sleepers run", PATIENCE, || sleeping(&marker) == 9);
    println!("{}", world.folder.path().display());
    loop {
        std::thread::park();
        assert!(!running.is_empty());
    }
}

fn a_killed_agent_leaves_nothing() -> Verdict {
    let marker = marker();
    let mut agent = Command::new(std::env::current_exe().expect("known"))
        .args(["--agent", &marker, &serde_json::to_string(&level()).expect("encodes")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("an agent");
    let mut folder = String::new();
    BufReader::new(agent.stdout.take().expect("piped")).read_line(&mut folder).expect("a line");
    assert_eq!(sleeping(&marker), 9);
    agent.kill().expect("killed");
    eventually("all are gone", Duration::from_secs(1), || sleeping(&marker) == 0);
    agent.wait().expect("collected");
    eventually("the supervisors are gone", PATIENCE, || alive(&marker) == 0);
    fs::remove_dir_all(Path::new(folder.trim())).expect("removed");
    Verdict::Held
}

fn many_runs_leak_nothing() -> Verdict {
    let world = World::new();
    let descriptors = || fs::read_dir("/proc/self/fd").expect("listed").count();
    assert_eq!(capture(world.launch(FULL_AUTO, &["true"])).code(), 0);
    let before = descriptors();
    let mut took: Vec<Duration> = (0..200)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(capture(world.launch(FULL_AUTO, &["true"])).code(), 0);
            began.elapsed()
        })
        .collect();
    took.sort();
    println!("  200 runs: median {:?}, 95th {:?}", took[100], took[190]);
    assert_eq!(descriptors(), before);
    eventually("no zombie is left", PATIENCE, || children() == 0);
    Verdict::Held
}

fn children() -> usize {
    let me = std::process::id().to_string();
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            let rest = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
            rest.split_ascii_whitespace().nth(1) == Some(&me)
        })
        .count()
}

fn the_process_is_named_for_later() -> Verdict {
    let world = World::new();
    let mut running = start(world.launch(FULL_AUTO, &["/bin/sh", "-c", "exit 0"]));
    let process = running.process().clone();
    let json = serde_json::to_string(&process).expect("encodes");
    assert_eq!(serde_json::from_str::<ProcessId>(&json).expect("decodes"), process);
    let confined = running.wait().confined.expect("announced");
    assert!(confined.pid > 0 && confined.start_time >= process.start_time);
    eventually("it is over", PATIENCE, || !process.is_running());
    Verdict::Held
}

fn a_leftover_is_ended_by_its_name() -> Verdict {
    let world = World::new();
    for stopped in [false, true] {
        let marker = marker();
        let mut running = start(world.launch(FULL_AUTO, &["/bin/sh", "-c", &tree(&marker)]));
        let process = running.process().clone();
        eventually("the sleepers run", PATIENCE, || alive(&marker) >= 3);
        let other = ProcessId { start_time: process.start_time + 1, ..process.clone() };
        assert_eq!(end_leftover(&other), Leftover::Gone, "another process of the same id");
        let other = ProcessId { boot_id: "another boot".into(), ..process.clone() };
        assert_eq!(end_leftover(&other), Leftover::Gone);
        assert!(process.is_running());
        if stopped {
            let pid = Pid::from_raw(process.pid).expect("a pid");
            kill_process(pid, Signal::STOP).expect("stopped");
        }
        assert_eq!(end_leftover(&process), Leftover::Ended);
        assert_eq!(alive(&marker), 0);
        assert_eq!(end_leftover(&process), Leftover::Gone);
        running.wait();
    }
    Verdict::Held
}
