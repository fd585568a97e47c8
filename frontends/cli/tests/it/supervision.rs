//! Commands that end in odd ways, or that do not want to.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Running, World, eventually, processes, runs, runs_for, says};

/// A number of seconds for `sleep` that no other process uses.
fn mark(number: u32) -> String {
    format!("77{number}.{}", std::process::id())
}

fn items(world: &World) -> Vec<Value> {
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    world.check_replay(&turn);
    turn.items("command_execution")
}

#[test]
fn what_a_command_leaves_behind_goes_with_it() {
    let sleeper = mark(1);
    let world = World::playing(json!([
        // It holds the pipes open, in a session of its own.
        runs(&format!("setsid sleep {sleeper} & echo out; exit 5")),
        // A daemon by the book, of which nobody is the parent.
        runs(&format!("(setsid sh -c 'setsid sleep {sleeper} > /dev/null 2>&1 &' &); exit 6")),
        // Stopped, so that no polite signal reaches it.
        runs(&format!("sleep {sleeper} & kill -STOP $!; exit 7")),
        // It is deaf to all polite signals.
        runs(&format!("(trap '' TERM HUP INT; sleep {sleeper}; sleep {sleeper}) & exit 8")),
        says("done")
    ]));
    let items = items(&world);
    let codes: Vec<&Value> = items.iter().map(|item| &item["exit_code"]).collect();
    assert_eq!(codes, [&json!(5), &json!(6), &json!(7), &json!(8)]);
    assert_eq!(items[0]["aggregated_output"], "out\n");
    assert_eq!(processes(&sleeper), 0);
}

#[test]
fn time_runs_out_for_everything_below_a_command() {
    let sleeper = mark(2);
    let world = World::playing(json!([
        runs_for(400, "kill -STOP $$"),
        runs_for(400, &format!("trap '' TERM; while :; do sleep {sleeper}; done")),
        runs_for(400, "exec > /dev/null 2>&1 <&-; exec >&- 2>&-; sleep 600"),
        // A bomb of 127 processes, each of which makes two.
        runs_for(
            1500,
            &format!(
                "f() {{ if [ $1 -gt 0 ]; then f $(($1 - 1)) & f $(($1 - 1)) & fi; sleep {sleeper}; }}; f 6"
            )
        ),
        says("done")
    ]));
    for item in items(&world) {
        assert_eq!(item["exit_code"], 124, "{item}");
    }
    assert_eq!(processes(&sleeper), 0);
}

#[test]
fn a_command_may_close_its_outputs_and_go_on() {
    let world = World::playing(json!([
        runs("exec >&- 2>&-; echo lost; touch made; exit 9"),
        runs("echo err >&2; exec 2>&-; echo out; exit 10"),
        says("done")
    ]));
    let items = items(&world);
    assert_eq!((&items[0]["exit_code"], &items[1]["exit_code"]), (&json!(9), &json!(10)));
    assert!(world.read("made").is_some());
    let output = items[1]["aggregated_output"].as_str().expect("text");
    assert!(output.contains("err\n") && output.contains("out\n"), "{output}");
}

#[test]
fn a_killed_program_leaves_no_process() {
    let sleeper = mark(3);
    let line = format!(
        "(setsid sh -c 'trap \"\" TERM HUP; setsid sleep {sleeper} > /dev/null 2>&1 &' &); \
         sleep {sleeper} & kill -STOP $!; sleep {sleeper}"
    );
    let world = World::playing(json!([runs(&line), says("never")]));
    let running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
    eventually("the sleepers run", || processes(&format!("sleep\0{sleeper}")) >= 2);
    running.signal(Signal::KILL);
    eventually("nothing is left", || processes(&sleeper) == 0);
    assert_eq!(running.end().code, 137);
}

#[test]
fn what_can_not_be_started_is_told_in_words() {
    let call = |arguments: Value| json!([{"type": "function_call", "name": "shell", "arguments": arguments}]);
    let long = "x".repeat(3 << 20);
    let world = World::playing(json!([
        call(json!({"command": ["echo", "a\u{0}b"]})),
        call(json!({"command": []})),
        call(json!({"command": [""]})),
        call(json!({"command": ["true"], "workdir": "not/there"})),
        call(json!({"command": ["sh", "-c", "cd .. && mv work gone && mkdir work"]})),
        call(json!({"command": ["echo", long]})),
        says("done")
    ]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    world.check_replay(&turn);
    // Each request holds what was told since the last response.
    let items = world.bodies().into_iter().flat_map(|body| {
        let items = body["input"].as_array().expect("an input").clone();
        items.into_iter().filter(|item| item["type"] == "function_call_output")
    });
    let told: Vec<String> = items.map(|item| item["output"].to_string()).collect();
    for (told, words) in told.iter().zip([
        "NUL byte",
        "the command is empty",
        "the command is empty",
        "not/there: No such file",
        "",
        "too long",
    ]) {
        assert!(told.contains(words), "{words}: {:.400}", told);
    }
    assert_eq!(told.len(), 6);
}

#[test]
fn a_hundred_megabytes_of_output_take_no_more_memory_than_three() {
    let peak = |megabytes: u32| {
        let line = format!("head -c {megabytes}000000 /dev/zero | tr '\\0' x");
        let world = World::playing(json!([
            runs(&line),
            {"items": says("never"), "wait_for": "/nonexistent/gate"}
        ]));
        let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
        // The model is told what the command printed once it is over.
        eventually("the command is over", || world.bodies().len() == 2);
        running.until("aggregated_output");
        let peak = running.peak_memory();
        running.signal(Signal::TERM);
        assert_eq!(running.end().code, 143);
        peak
    };
    let (small, large) = (peak(3), peak(100));
    println!("3 MB: {small:.1} MiB, 100 MB: {large:.1} MiB");
    assert!(large < small + 8.0, "3 MB: {small:.1} MiB, 100 MB: {large:.1} MiB");
}
