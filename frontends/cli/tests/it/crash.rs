//! SIGKILL at any moment: what was printed is in the journal, and nothing is left running.

use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    Moments, Running, Turn, World, eventually, patches, processes, run, runs, says,
};

/// Kills of one run of the test; `CRASH_TRIALS` sets another number.
const TRIALS: u64 = 25;

/// Where the moments begin; `CRASH_SEED` sets another number.
const SEED: u64 = 1;

const PATCH: &str = "*** Begin Patch\n*** Add File: a.txt\n+one\n*** End Patch\n";

fn world(mark: &str) -> World {
    World::playing(json!([
        runs("for i in 1 2 3 4 5; do echo line $i; done"),
        patches(PATCH),
        runs(&format!("sleep {mark} & setsid sleep {mark} & sleep 0.02")),
        runs("seq 1 2000"),
        {"items": [{"type": "text", "n": 200, "chars": 40}], "chunk_deltas": 4, "delay_ms": 1}
    ]))
}

fn start(world: &World) -> Running {
    Running::start(world.exec(&["--json", "--full-auto", "go"]))
}

/// Holds what a killed turn printed against its journal.
fn check(world: &World, turn: &Turn, mark: &str) {
    // A line that the kill cut in two was not printed.
    let printed = match turn.stdout.rfind('\n') {
        Some(end) => &turn.stdout[..=end],
        None => "",
    };
    eventually("nothing is left running", || processes(mark) == 0);
    // Also before there is a session, and on one that was hardly begun.
    assert_eq!(run(world.program(&["sessions"])).code, 0);
    if printed.is_empty() {
        return;
    }
    world.check_journal();
    let replayed = run(world.program(&["replay", "--last", "--json"]));
    assert!(
        replayed.stdout.starts_with(printed),
        "printed and not in the journal:\n{printed}\nthe journal has:\n{}",
        replayed.stdout
    );
}

#[test]
fn a_killed_turn_loses_nothing_that_was_printed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let trials = number("CRASH_TRIALS").unwrap_or(TRIALS);
    let seed = number("CRASH_SEED").unwrap_or(SEED);
    // How long a whole turn takes here and now, so that the moments spread over all of it.
    let mark = format!("85.{}", std::process::id());
    let whole = world(&mark);
    let began = Instant::now();
    let turn = start(&whole).end();
    let length = began.elapsed();
    assert_eq!(turn.code, 0, "{}", turn.stderr);

    let mut killed = 0;
    let mut moments = Moments(seed);
    for trial in 0..trials {
        let moment = moments.within(length);
        let mark = format!("85{trial}.{}", std::process::id());
        let world = world(&mark);
        let began = Instant::now();
        let running = start(&world);
        std::thread::sleep(moment.saturating_sub(began.elapsed()));
        running.signal(Signal::KILL);
        let turn = running.end();
        killed += u64::from(turn.code == 137);
        check(&world, &turn, &mark);
    }
    assert!(killed * 2 >= trials, "seed {seed}: {killed} of {trials} turns were killed in time");
}

#[test]
fn a_turn_killed_right_after_a_line_has_that_line() {
    let mark = format!("84.{}", std::process::id());
    let lines = start(&world(&mark)).end().stdout.lines().count();
    assert!(lines > 10, "{lines} lines");
    for after in 1..lines {
        let mark = format!("84{after}.{}", std::process::id());
        let world = world(&mark);
        let mut running = start(&world);
        assert!((0..after).all(|_| running.line()), "{}", running.printed);
        running.signal(Signal::KILL);
        check(&world, &running.end(), &mark);
    }
}

#[test]
fn sessions_go_on_beside_one_that_was_killed() {
    let mark = format!("83.{}", std::process::id());
    let killed = World::playing(json!([runs(&format!("sleep {mark}")), says("never")]));
    let mut running = Running::start(killed.exec(&["--json", "--full-auto", "go"]));
    running.until("item.started");
    eventually("the command runs", || processes(&mark) >= 1);
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, 137);
    eventually("the command ended with it", || processes(&mark) == 0);
    let listed = run(killed.program(&["sessions"]));
    assert!(listed.stdout.contains(" interrupted "), "{}", listed.stdout);

    let other = World::playing(json!([says("fine")]));
    let mut command = other.exec(&["--json", "go"]);
    command.env("CODEX_HOME", killed.home());
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    killed.check_replay(&turn);
    assert_eq!(run(killed.program(&["sessions"])).stdout.lines().count(), 3);
}
