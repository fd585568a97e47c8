//! How turns end when something goes wrong on the way, or somebody ends them.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Running, World, eventually, processes, run, runs, says};

fn long_text() -> Value {
    json!([{"type": "text", "n": 20, "chars": 8}])
}

#[test]
fn a_lost_stream_is_tried_again_and_its_part_is_not_shown_twice() {
    let world = World::playing(json!([
        {"items": long_text(), "fault": {"kind": "no_completed"}},
        says("second try worked")
    ]));
    let turn = world.turn(&[]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let messages = turn.items("agent_message");
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["text"], "second try worked");
    let error = &turn.lines()[2];
    assert_eq!(
        error["message"],
        "Reconnecting... 1/1 (stream disconnected before completion: stream closed before \
         response.completed)"
    );
    let sent_again = world.bodies()[1]["input"].clone();
    assert_eq!(sent_again, world.bodies()[0]["input"], "the lost part is not sent back");
    world.check_replay(&turn);
}

#[test]
fn faults_that_pass_are_waited_out() {
    for fault in [
        json!({"fault": {"kind": "status", "code": 429, "retry_after": 1}}),
        json!({"fault": {"kind": "status", "code": 503}}),
        json!({"items": long_text(), "fault": {"kind": "drop", "after_events": 8}}),
        json!({"items": long_text(), "fault": {"kind": "failed", "code": "server_error", "message": "m"}}),
    ] {
        let world = World::playing(json!([fault.clone(), says("after the fault")]));
        let began = Instant::now();
        let turn = world.turn(&[]);
        assert_eq!(turn.code, 0, "{fault}: {}", turn.stderr);
        let asked = fault["fault"]["retry_after"].as_u64().unwrap_or(0);
        assert!(began.elapsed() >= Duration::from_secs(asked), "the server asked for more time");
        assert_eq!(turn.items("agent_message").len(), 1);
        assert_eq!(world.bodies().len(), 2);
        world.check_replay(&turn);
    }
}

#[test]
fn faults_that_do_not_pass_fail_the_turn() {
    let body = |message: &str| json!({"error": {"message": message}});
    for (fault, requests, words) in [
        (
            json!({"kind": "status", "code": 401, "body": body("bad key")}),
            1,
            "401 Unauthorized: bad key",
        ),
        (json!({"kind": "status", "code": 400, "body": body("odd")}), 1, "odd"),
        (json!({"kind": "status", "code": 404, "body": body("gone")}), 1, "404 Not Found: gone"),
        (
            json!({"kind": "failed", "code": "context_length_exceeded", "message": "m"}),
            1,
            "ran out of room",
        ),
        (
            json!({"kind": "incomplete", "reason": "max_output_tokens"}),
            1,
            "reason: max_output_tokens",
        ),
        (json!({"kind": "no_completed"}), 2, "stream closed before response.completed"),
        (json!({"kind": "status", "code": 500}), 4, "500 Internal Server Error"),
    ] {
        let world = World::playing(json!([{"items": long_text(), "fault": fault.clone()}]));
        let turn = world.turn(&[]);
        assert_eq!(turn.code, 1, "{fault}");
        assert_eq!(world.bodies().len(), requests, "{fault}");
        let lines = turn.lines();
        let [.., error, failed] = &lines[..] else { panic!("{lines:?}") };
        let message = failed["error"]["message"].as_str().expect("a message");
        assert!(message.contains(words), "{message}");
        assert_eq!(
            (&error["type"], &error["message"]),
            (&json!("error"), &failed["error"]["message"])
        );
        assert_eq!(failed["type"], "turn.failed");
        assert!(turn.stderr.contains("hint: "), "{fault}: {}", turn.stderr);
        world.check_replay(&turn);
    }
}

#[test]
fn a_stream_that_falls_silent_is_given_up_on() {
    let silent = json!({
        "items": long_text(), "fault": {"kind": "stall", "after_events": 6, "seconds": 600}
    });
    let world = World::playing(json!([silent, says("second try worked")]));
    let settings = format!(
        "{{name=\"mock\",base_url=\"{}\",stream_max_retries=1,stream_idle_timeout_ms=300}}",
        world.base_url()
    );
    let world = world.with_provider(&settings);
    let turn = world.turn(&[]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(turn.items("agent_message")[0]["text"], "second try worked");
    let message = turn.lines()[2]["message"].as_str().expect("an error").to_owned();
    assert!(message.contains("idle"), "{message}");
    world.check_replay(&turn);
}

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

#[test]
fn a_signal_ends_a_command_and_all_below_it() {
    for (signal, code) in SIGNALS {
        // No other process has this in its command line.
        let mark = format!("86{}.{}", code, std::process::id());
        let line = format!("echo begun > begun; sleep {mark} & setsid sleep {mark} & sleep {mark}");
        let world = World::playing(json!([runs(&line), says("never")]));
        let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
        running.until("item.started");
        eventually("the command runs", || processes(&mark) >= 3);
        running.signal(signal);
        let turn = running.end();
        assert_eq!(turn.code, code, "{}", turn.stderr);
        assert_eq!(turn.last()["type"], "turn.failed");
        assert_eq!(processes(&mark), 0, "something outlived the turn");
        world.check_replay(&turn);
    }
}

#[test]
fn a_command_that_ignores_signals_is_ended_too() {
    let mark = format!("8688.{}", std::process::id());
    let line = format!(
        "trap '' INT TERM HUP; setsid sh -c \"trap '' INT TERM HUP; sleep {mark}; true\" & while :; do sleep {mark}; done"
    );
    let world = World::playing(json!([runs(&line), says("never")]));
    let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
    running.until("item.started");
    eventually("the command runs", || processes(&mark) >= 4);
    running.signal(Signal::INT);
    let turn = running.end();
    assert_eq!(turn.code, 130, "{}", turn.stderr);
    assert_eq!(turn.last()["type"], "turn.failed");
    assert_eq!(processes(&mark), 0, "something outlived the turn");
    world.check_replay(&turn);
}

#[test]
fn a_second_signal_ends_at_once_and_the_journal_holds() {
    let mark = format!("8687.{}", std::process::id());
    let world =
        World::playing(json!([runs(&format!("trap '' TERM; sleep {mark}")), says("never")]));
    let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
    running.until("item.started");
    eventually("the command runs", || processes(&mark) >= 1);
    running.signal(Signal::INT);
    running.signal(Signal::INT);
    let turn = running.end();
    assert_eq!(turn.code, 130, "{}", turn.stderr);
    eventually("nothing outlived the turn", || processes(&mark) == 0);
    world.check_journal();
    let replayed = run(world.program(&["replay", "--last", "--json"]));
    assert!(replayed.stdout.starts_with(&turn.stdout), "{}\n{}", turn.stdout, replayed.stdout);
}

#[test]
fn a_signal_is_told_to_people_as_well() {
    let mark = format!("8686.{}", std::process::id());
    let world = World::playing(json!([runs(&format!("sleep {mark}")), says("never")]));
    let running = Running::start(world.exec(&["--full-auto", "go"]));
    eventually("the command runs", || processes(&mark) >= 1);
    running.signal(Signal::INT);
    let turn = running.end();
    assert_eq!((turn.code, turn.stdout.as_str()), (130, ""), "{}", turn.stderr);
    assert!(turn.stderr.contains("interrupted"), "{}", turn.stderr);
    world.check_journal();
}

#[test]
fn a_signal_before_the_first_answer_ends_the_turn() {
    for (signal, code) in SIGNALS {
        let world = World::playing(json!([
            {"items": says("never"), "wait_for": "/nonexistent/gate"}
        ]));
        let running = Running::start(world.exec(&["--json", "go"]));
        eventually("the model was asked", || !world.bodies().is_empty());
        running.signal(signal);
        let turn = running.end();
        assert_eq!(turn.code, code, "{}", turn.stderr);
        assert_eq!(turn.last()["type"], "turn.failed");
        world.check_replay(&turn);
    }
}

#[test]
fn a_signal_ends_a_stream() {
    for (signal, code) in SIGNALS {
        let world = World::playing(json!([
            {"items": long_text(), "fault": {"kind": "stall", "after_events": 8, "seconds": 60}}
        ]));
        let mut running = Running::start(world.exec(&["--json", "go"]));
        running.until("turn.started");
        eventually("the stream has begun", || !world.bodies().is_empty());
        running.signal(signal);
        let turn = running.end();
        assert_eq!(turn.code, code, "{}", turn.stderr);
        assert_eq!(turn.last()["type"], "turn.failed");
        world.check_replay(&turn);
    }
}

#[test]
fn a_signal_ends_the_pause_before_a_retry() {
    let world = World::playing(json!([
        {"fault": {"kind": "status", "code": 429, "retry_after": 60}}
    ]));
    let mut running = Running::start(world.exec(&["--json", "go"]));
    running.until("Reconnecting");
    running.signal(Signal::INT);
    let turn = running.end();
    assert_eq!(turn.code, 130);
    world.check_replay(&turn);
}

#[test]
fn an_output_that_nobody_reads_ends_the_turn() {
    let mark = format!("8777.{}", std::process::id());
    let world = World::playing(json!([runs(&format!("sleep {mark}")), says("never")]));
    let mut child = world.exec(&["--json", "--full-auto", "go"]).spawn().expect("starts");
    eventually("the command runs", || processes(&mark) >= 1);
    // The next line that is printed finds a closed pipe; a signal makes one.
    drop(child.stdout.take());
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert!(!output.status.success());
    assert_eq!(processes(&mark), 0);
    world.check_journal();
}

#[test]
fn a_line_that_can_t_be_written_is_a_failure() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let world = World::playing(json!([says("Hello.")]));
    assert_eq!(world.turn(&[]).code, 0);
    for arguments in [
        &["audit", "key"][..],
        &["audit", "verify", "--last"],
        &["exec", "--skip-git-repo-check", "fork", "--last"],
        &["doctor", "--json"],
    ] {
        let mut command = world.program(arguments);
        command.stdout(full());
        let turn = run(command);
        assert_eq!(turn.code, 1, "{arguments:?}: {}", turn.stderr);
        assert!(turn.stderr.contains("output"), "{arguments:?}: {}", turn.stderr);
        assert!(turn.stderr.contains("hint: "), "{arguments:?}: {}", turn.stderr);
    }
}

#[test]
fn an_output_without_room_ends_the_turn() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let world = World::playing(json!([runs("echo early"), says("late")]));
    for arguments in [&["--json", "go"][..], &["go"]] {
        let mut command = world.exec(arguments);
        command.stdout(full());
        let turn = run(command);
        assert_eq!(turn.code, 1, "{arguments:?}: {}", turn.stderr);
        assert!(turn.stderr.contains("hint: "), "{arguments:?}: {}", turn.stderr);
        world.check_journal();
    }
}
