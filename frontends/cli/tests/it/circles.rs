//! A model that makes the same call again and again.

use serde_json::{Value, json};

use crate::support::{World, runs};

fn again(line: &str, times: usize) -> Value {
    json!({"items": runs(line), "repeat": times})
}

fn outputs_sent(world: &World) -> Vec<String> {
    let bodies = world.bodies();
    let items = bodies.iter().flat_map(|body| body["input"].as_array().expect("items").clone());
    let outputs = items.filter(|item| item["type"] == "function_call_output");
    outputs.map(|item| item["output"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn fifty_equal_calls_all_run() {
    let world = World::playing(json!([again("true", 50), [{"type": "text", "text": "done"}]]));
    let turn = world.turn(&["-s", "danger-full-access"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let commands = turn.items("command_execution");
    assert_eq!(commands.len(), 50);
    assert!(commands.iter().all(|item| item["exit_code"] == 0));
    let told = outputs_sent(&world);
    let remarked = |text: &String| text.contains("times in a row");
    assert!(told[..7].iter().all(|text| !remarked(text)));
    assert!(told[7..].iter().all(remarked), "{}", told[7]);
    assert!(told[7].starts_with("Wall time: ") && told[7].contains("exactly this 8 times"));
}

#[test]
fn a_model_that_goes_round_in_circles_is_stopped() {
    let world = World::playing(json!([again("echo again >> ran; echo same", 200)]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 4, "{}", turn.stderr);
    assert_eq!(world.read("ran").expect("it ran").lines().count(), 64);
    let commands = turn.items("command_execution");
    let declined = commands.iter().filter(|item| item["status"] == "declined").count();
    assert_eq!((commands.len(), declined), (67, 3));
    let message = turn.last()["error"]["message"].to_string();
    assert!(message.contains("the same call again and again"), "{message}");
    assert!(turn.stderr.contains("hint: the model went round in circles"), "{}", turn.stderr);
    assert!(outputs_sent(&world).last().is_some_and(|text| text.starts_with("refused: ")));
    world.check_replay(&turn);
}

#[test]
fn a_model_that_says_what_it_does_gets_further_and_is_stopped_too() {
    let items = json!([{"type": "text", "text": "Once more."}, runs("echo again >> ran")[0]]);
    let world = World::playing(json!([{"items": items, "repeat": 300}]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 4, "{}", turn.stderr);
    assert_eq!(world.read("ran").expect("it ran").lines().count(), 256);
    world.check_replay(&turn);
}

#[test]
fn a_state_that_is_looked_at_until_it_changes_is_no_circle() {
    // What is printed changes now and then, and the call never does.
    let line = "echo x >> count; n=$(wc -l < count); echo waiting since $((n / 5))";
    let world = World::playing(json!([again(line, 80), [{"type": "text", "text": "done"}]]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(turn.items("command_execution").len(), 80);
    assert!(outputs_sent(&world).iter().all(|text| !text.contains("times in a row")));
}
