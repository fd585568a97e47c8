//! What goes over the wire, by backend.

use serde_json::{Value, json};

use crate::support::{Turn, World, run, runs, says};

fn story() -> Value {
    json!([runs("echo one"), runs("echo two"), says("Both ran.")])
}

fn final_text(turn: &Turn) -> Value {
    turn.items("agent_message")[0]["text"].clone()
}

#[test]
fn both_backends_tell_the_same_story_over_different_wires() {
    let kept = World::playing(story());
    let turn = kept.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    for (number, body) in kept.bodies().iter().enumerate() {
        assert_eq!(body["store"], true);
        assert!(body["instructions"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(body.get("include").is_none());
        let previous = number.checked_sub(1).map(|last| format!("resp_{last:06}"));
        assert_eq!(body["previous_response_id"].as_str(), previous.as_deref());
        let types = input_types(body);
        if number > 0 {
            assert_eq!(types, ["function_call_output"], "new items alone");
        }
    }

    let stateless = World::playing(story());
    let zdr = stateless.turn(&["--full-auto", "-c", "disable_response_storage=true"]);
    assert_eq!(zdr.code, 0, "{}", zdr.stderr);
    for body in stateless.bodies() {
        assert_eq!(body["store"], false);
        assert!(body.get("previous_response_id").is_none());
        assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    }
    assert_eq!(
        input_types(&stateless.bodies()[2]),
        [
            "message",
            "message",
            "function_call",
            "function_call_output",
            "function_call",
            "function_call_output"
        ],
        "the whole transcript"
    );
    assert_eq!(final_text(&turn), final_text(&zdr));
    assert_eq!(kept.kinds(), stateless.kinds());
}

#[test]
fn the_flag_and_the_settings_file_switch_the_backend_too() {
    let world = World::playing(story());
    assert_eq!(world.turn(&["--disable-response-storage"]).code, 0);
    assert_eq!(world.bodies()[0]["store"], false);
    let world = World::playing(story());
    std::fs::write(world.home().join("config.toml"), "disable_response_storage = true\n")
        .expect("written");
    assert_eq!(world.turn(&[]).code, 0);
    assert_eq!(world.bodies()[0]["store"], false);
}

#[test]
fn a_provider_that_keeps_nothing_is_noticed_once() {
    // The first response is not kept: building on it is answered with an error.
    let forgets = json!([
        runs("echo one"),
        {"fault": {"kind": "status", "code": 400, "body": {"error": {
            "message": "Previous response with id 'resp_000000' not found.",
            "code": "previous_response_not_found", "param": "previous_response_id"}}}},
        runs("echo two"),
        says("Both ran.")
    ]);
    let world = World::playing(forgets);
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let stored: Vec<_> = world.bodies().iter().map(|body| body["store"].clone()).collect();
    assert_eq!(stored, [json!(true), json!(true), json!(false), json!(false)]);
    assert!(!turn.shape().contains(&"error".to_owned()), "nobody has to know: {:?}", turn.shape());
    assert!(world.kinds().contains(&"settings_changed".to_owned()));
    world.check_replay(&turn);
}

#[test]
fn the_key_goes_to_the_server_and_nowhere_else() {
    let secret = "sk-never-to-be-seen-3141";
    let world = World::playing(json!([
        runs("env; cat /proc/$PPID/environ; cat /proc/self/environ"),
        {"fault": {"kind": "status", "code": 401, "body": {"error": {
            "message": format!("bad key {secret}")}}}}
    ]));
    let settings =
        format!("{{name=\"mock\",base_url=\"{}\",env_key=\"MOCK_KEY\"}}", world.base_url());
    let world = world.with_provider(&settings);
    let mut command = world.exec(&["--json", "-s", "danger-full-access", "go"]);
    let turn = run({
        command.env("MOCK_KEY", secret);
        command
    });
    assert_eq!(turn.code, 1);
    assert!(!turn.stdout.contains(secret) && !turn.stderr.contains(secret), "{}", turn.stdout);
    let mut folders = vec![world.home()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let bytes = std::fs::read(entry.path()).expect("readable");
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds the key", entry.path().display());
            }
        }
    }
}

fn input_types(body: &Value) -> Vec<String> {
    let items = body["input"].as_array().expect("items");
    items.iter().map(|item| item["type"].as_str().unwrap_or_default().to_owned()).collect()
}
