use serde_json::json;

use super::*;

fn player(script: Value) -> Player {
    Player::new(Script::from_json(&script.to_string()).unwrap())
}

fn index(answer: Answer) -> usize {
    match answer {
        Answer::Play(play) => play.index,
        Answer::Refuse(refusal) => panic!("{refusal:?}"),
    }
}

fn refusal(answer: Answer) -> Refusal {
    match answer {
        Answer::Play(play) => panic!("step {}", play.index),
        Answer::Refuse(refusal) => refusal,
    }
}

fn text(answer: Answer) -> String {
    match answer {
        Answer::Play(play) => match play.step.items.first() {
            Some(Item::Text(Pieces::Given(text))) => text.clone(),
            other => panic!("{other:?}"),
        },
        Answer::Refuse(refusal) => panic!("{refusal:?}"),
    }
}

fn say(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}

fn output(call: &str) -> Value {
    json!({ "type": "function_call_output", "call_id": call, "output": "" })
}

fn call() -> Value {
    json!([{ "type": "function_call", "name": "run" }])
}

#[test]
fn an_exhausted_script_goes_on_as_told() {
    let four = |on_exhausted: &str| {
        let player = player(json!({ "on_exhausted": on_exhausted, "steps": [say("a"), say("b")] }));
        (0..4).map(|_| text(player.answer(""))).collect::<Vec<_>>()
    };
    assert_eq!(four("repeat_last"), ["a", "b", "b", "b"]);
    assert_eq!(four("loop"), ["a", "b", "a", "b"]);
    assert_eq!(four("text"), ["a", "b", "done", "done"]);
    assert_eq!(text(player(json!({})).answer("")), "done");
}

#[test]
fn the_index_goes_on_counting() {
    let player = player(json!({ "steps": [say("a")] }));
    assert_eq!([(); 3].map(|()| index(player.answer("{}"))), [0, 1, 2]);
}

#[test]
fn input_selects_by_the_outputs_in_the_request() {
    let player = player(json!({ "select": "input", "steps": [call(), call(), say("end")] }));
    let ask = |input: Value| index(player.answer(&json!({ "input": input }).to_string()));
    assert_eq!(ask(json!([])), 0);
    assert_eq!(ask(json!("hello")), 0);
    let custom = json!({ "type": "custom_tool_call_output", "call_id": "y", "output": "" });
    assert_eq!(ask(json!([output("x"), { "type": "message" }, custom])), 2);
    assert_eq!(ask(json!([output("x")])), 1);
}

#[test]
fn input_counts_the_outputs_before_a_previous_response_too() {
    let player = player(json!({ "select": "input", "steps": [call(), call(), say("end")] }));
    let ask = |previous: Option<&str>, input: Value| {
        let body = json!({ "previous_response_id": previous, "input": input });
        index(player.answer(&body.to_string()))
    };
    assert_eq!(ask(None, json!([])), 0);
    assert_eq!(ask(Some("resp_000000"), json!([output("call_000000_0")])), 1);
    assert_eq!(ask(Some("resp_000001"), json!([output("call_000001_0")])), 2);
    // A branch from an earlier point counts from there.
    assert_eq!(ask(Some("resp_000000"), json!([output("call_000000_0")])), 1);
}

#[test]
fn strict_knows_only_the_responses_it_completed() {
    let player = player(json!({ "strict": true, "steps": [
        say("a"),
        { "items": say("b"), "fault": { "kind": "drop", "after_events": 2 } },
        { "items": say("c"), "fault": { "kind": "no_completed" } },
        { "items": say("d"), "fault": { "kind": "failed" } },
        { "items": say("e"), "fault": { "kind": "status" } },
        { "items": say("f"), "fault": { "kind": "incomplete" } },
        say("g"),
    ] }));
    let ask = |previous: &str| {
        let body = json!({ "previous_response_id": previous, "input": [] });
        player.answer(&body.to_string())
    };
    let unknown = refusal(ask("resp_000000"));
    assert_eq!(unknown.code, Some("previous_response_not_found"));
    assert!(unknown.message.contains("previous_response_id"), "{unknown:?}");
    assert!(unknown.message.contains("resp_000000"), "{unknown:?}");
    assert_eq!(index(player.answer("{}")), 0, "a refusal uses up no step");
    for step in 1..=4 {
        assert_eq!(index(ask("resp_000000")), step);
        let id = format!("resp_{step:06}");
        assert_eq!(refusal(ask(&id)).param, Some("previous_response_id"), "{id}");
    }
    assert_eq!(index(ask("resp_000000")), 5);
    assert_eq!(index(ask("resp_000005")), 6);
}

#[test]
fn strict_forgets_what_was_not_to_be_stored() {
    let player = player(json!({ "strict": true, "steps": [say("a")] }));
    assert_eq!(index(player.answer(r#"{"store":false}"#)), 0);
    refusal(player.answer(r#"{"previous_response_id":"resp_000000"}"#));
}

#[test]
fn strict_wants_an_output_for_every_call() {
    let player = player(json!({ "strict": true, "steps": [call(), say("end")] }));
    let ask = |body: Value| player.answer(&body.to_string());
    index(ask(json!({ "input": "go" })));
    // In the chain.
    let owed = refusal(ask(json!({ "previous_response_id": "resp_000000", "input": [] })));
    assert_eq!(owed.message, "No tool output found for function call call_000000_0.");
    // In the request itself.
    let made = json!({ "type": "custom_tool_call", "call_id": "mine", "name": "p", "input": "" });
    let owed = refusal(ask(json!({ "input": [made.clone()] })));
    assert_eq!(owed.message, "No tool output found for function call mine.");
    // The other way round.
    let stray = refusal(ask(json!({ "input": [output("gone")] })));
    assert!(stray.message.ends_with("with call_id gone."), "{stray:?}");
    index(ask(json!({ "input": [made, output("mine")] })));
    let next = json!({ "previous_response_id": "resp_000000", "input": [output("call_000000_0")] });
    index(ask(next));
}

#[test]
fn strict_wants_json() {
    let broken = refusal(player(json!({ "strict": true })).answer("{"));
    assert!(broken.message.contains("could not parse the JSON body"), "{broken:?}");
}

#[test]
fn only_so_many_responses_are_remembered() {
    let player = player(json!({ "strict": true, "steps": [say("a")] }));
    for _ in 0..=MAX_RESPONSES {
        index(player.answer("{}"));
    }
    let ask = |id: &str| player.answer(&json!({ "previous_response_id": id }).to_string());
    refusal(ask("resp_000000"));
    index(ask("resp_000001"));
}
