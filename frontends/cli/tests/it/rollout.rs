//! Sessions that Codex recorded go on here.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Running, Turn, World, run};
use crate::tui::screen::{Person, Size, in_colour};

/// A world whose model says that it is done, with one provider in its settings.
fn world() -> World {
    let world = World::playing(json!([
        [{"type": "text", "text": "gone on"}],
        [{"type": "text", "text": "forked"}],
    ]));
    let settings = format!(
        "[model_providers.mock]\nname = \"mock\"\nbase_url = \"{}\"\nresponse_storage = false\n",
        world.base_url()
    );
    fs::write(world.home().join("config.toml"), settings).expect("settings");
    world
}

/// A rollout of the converter's tests, as if it had been recorded in this world's folder.
fn rollout(world: &World, name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rollout/tests/it/fixtures");
    let text = fs::read_to_string(fixtures.join(name)).expect("a fixture");
    for folder in ["/srv/folder", "/srv/other"] {
        assert!(!Path::new(folder).exists());
    }
    let work = world.work().to_str().expect("UTF-8").to_owned();
    let text = text.replace("/srv/folder", &work).replace("/srv/other", &work);
    let path = world.path(&format!("rollout-{name}"));
    fs::write(&path, text).expect("a rollout");
    path
}

fn import(world: &World, path: &Path) -> Turn {
    run(world.program(&["sessions", "import", path.to_str().expect("UTF-8")]))
}

/// Imports a rollout that can be, and gives the session's id.
fn imported(world: &World, name: &str) -> String {
    let turn = import(world, &rollout(world, name));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    turn.stdout.split(' ').next().expect("an id").to_owned()
}

/// Holds a request against what every server takes.
fn check_input(body: &Value) {
    let mut open: Vec<(&str, &str)> = Vec::new();
    for item in body["input"].as_array().expect("a list") {
        for name in ["id", "status", "metadata", "internal_chat_message_metadata_passthrough"] {
            assert!(item.get(name).is_none(), "{item}");
        }
        let text = |name: &str| item[name].as_str().unwrap_or_else(|| panic!("{name}: {item}"));
        match text("type") {
            "message" => {
                assert!(["user", "assistant"].contains(&text("role")), "{item}");
                for part in item["content"].as_array().expect("parts") {
                    assert!(!part["text"].as_str().expect("a text").is_empty(), "{item}");
                }
            }
            "reasoning" => assert!(item["encrypted_content"].is_string(), "{item}"),
            "function_call" => {
                let arguments: Value = serde_json::from_str(text("arguments")).expect("JSON");
                assert!(arguments.is_object(), "{item}");
                open.push((text("call_id"), "function_call_output"));
            }
            "custom_tool_call" => {
                assert_eq!(text("name"), "apply_patch");
                open.push((text("call_id"), "custom_tool_call_output"));
            }
            kind @ ("function_call_output" | "custom_tool_call_output") => {
                let due = open.iter().position(|due| *due == (text("call_id"), kind));
                open.remove(due.unwrap_or_else(|| panic!("no call: {item}")));
                text("output");
            }
            other => panic!("{other} is not taken: {item}"),
        }
    }
    assert_eq!(open, []);
}

fn texts(body: &Value) -> Vec<String> {
    let items = body["input"].as_array().expect("a list").iter();
    items
        .filter_map(|item| {
            let text = item["content"][0]["text"].as_str().or(item["output"].as_str());
            text.map(str::to_owned)
        })
        .collect()
}

#[test]
fn an_imported_session_goes_on_is_replayed_checked_found_and_forked() {
    for name in ["killed", "killed_resumed", "sigint", "tool_loop", "unknown", "web", "compact"] {
        let world = world();
        let id = imported(&world, &format!("{name}.jsonl"));
        let verified = run(world.program(&["replay", &id, "--verify"]));
        assert_eq!(verified.code, 0, "{name}: {}", verified.stdout);

        let turn = run(world.exec(&["resume", &id, "and then?"]));
        assert_eq!(turn.code, 0, "{name}: {}", turn.stderr);
        assert!(turn.stdout.contains("gone on"), "{name}: {}", turn.stdout);
        let body = &world.bodies()[0];
        check_input(body);
        assert_eq!(body["model"], "gpt-5.5", "{name}");
        assert_eq!(texts(body).last().map(String::as_str), Some("and then?"), "{name}");

        let replayed = run(world.program(&["replay", &id]));
        assert_eq!(replayed.code, 0, "{}", replayed.stderr);
        assert!(replayed.stdout.contains("imported from a Codex rollout"), "{}", replayed.stdout);
        assert!(!replayed.stdout.contains("of another release"), "{}", replayed.stdout);
        let shown = run(world.program(&["sessions", "show", &id]));
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        let found = run(world.program(&["sessions", "search", "and then?"]));
        assert!(found.stdout.contains(&id[..8]), "{}", found.stdout);

        let fork = run(world.exec(&["fork", &id, "another way"]));
        assert_eq!(fork.code, 0, "{name}: {}", fork.stderr);
        check_input(&world.bodies()[1]);
        let verified = run(world.program(&["replay", "--last", "--verify"]));
        assert_eq!(verified.code, 0, "{name}: {}", verified.stdout);
    }
}

#[test]
fn what_a_summary_replaced_is_replayed_and_not_sent() {
    let world = world();
    let id = imported(&world, "compact.jsonl");
    let turn = run(world.exec(&["resume", &id, "and then?"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let sent = texts(&world.bodies()[0]);
    assert!(sent[0].starts_with("say one and two\n\nAnother language model"), "{sent:?}");
    assert!(!sent.iter().any(|text| text.contains("Process exited")), "{sent:?}");
    let replayed = run(world.program(&["replay", &id]));
    assert!(replayed.stdout.contains("echo one"), "{}", replayed.stdout);
}

#[test]
fn the_model_is_told_of_a_call_whose_end_nobody_recorded() {
    let world = world();
    let id = imported(&world, "killed.jsonl");
    run(world.exec(&["resume", &id, "and then?"]));
    let sent = texts(&world.bodies()[0]);
    assert!(
        sent.iter().any(|text| text.contains("Whether it ran, and what it changed")),
        "{sent:?}"
    );
    // Begun once, then and there, and not again here.
    let items = run(world.program(&["replay", &id, "--json"]));
    assert_eq!(items.stdout.matches("\"item.started\"").count(), 1, "{}", items.stdout);
}

#[test]
fn a_session_of_an_early_release_goes_on_where_its_provider_is_not_known() {
    for name in ["legacy.jsonl", "legacy_bare.jsonl"] {
        let world = world();
        // The conversation of the first is replaced at its end, which hides what it was.
        let path = rollout(&world, name);
        let text = fs::read_to_string(&path).expect("it");
        let lines = text.lines().filter(|line| !line.contains("\"compacted\""));
        fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("written");
        let made = import(&world, &path);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let id = made.stdout.split(' ').next().expect("an id").to_owned();

        let at = world.work();
        let there = ["-C", at.to_str().expect("UTF-8")];
        let asked = [&["resume", &id, "next", "-c", "approval_policy=never"][..], &there].concat();
        let turn = run(world.exec(&asked));
        assert_eq!(turn.code, 0, "{name}: {}", turn.stderr);
        let body = &world.bodies()[0];
        check_input(body);
        let sent = body["input"].to_string();
        // Reasoning of another provider stays here; the journal has it.
        assert!(!sent.contains("encrypted_content"), "{sent}");
        let verified = run(world.program(&["replay", &id, "--verify"]));
        assert_eq!(verified.code, 0, "{}", verified.stdout);
    }
}

#[test]
fn a_rollout_is_imported_once() {
    let world = world();
    let id = imported(&world, "plain.jsonl");
    let again = import(&world, &world.path("rollout-plain.jsonl"));
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains(&id), "{}", again.stderr);
    assert!(again.stderr.contains("hint: "), "{}", again.stderr);
}

#[test]
fn what_was_found_is_told() {
    let world = world();
    let made = import(&world, &rollout(&world, "legacy.jsonl"));
    assert_eq!(
        made.stdout.lines().nth(1),
        Some(
            "  2 turns, 5 items, 3 calls, 12 foreign records, 1 broken line, \
             1 × summary in place of what was before"
        )
    );
    assert!(made.stderr.contains("note: images and other parts"), "{}", made.stderr);
}

#[test]
fn what_is_no_rollout_leaves_nothing() {
    let world = world();
    let path = world.path("notes.jsonl");
    fs::write(&path, "{\"hello\": 1}\n").expect("written");
    let turn = import(&world, &path);
    assert_eq!(turn.code, 3, "{}", turn.stderr);
    let journals = fs::read_dir(world.home().join("journals"));
    assert_eq!(journals.map_or(0, Iterator::count), 0);
}

#[test]
fn a_rollout_that_allows_everything_gives_no_more_than_the_settings() {
    let world = world();
    let path = rollout(&world, "shell.jsonl");
    let text = fs::read_to_string(&path).expect("it");
    let begin = text.find("\"sandbox_policy\":{").expect("a policy");
    let end = begin + text[begin..].find('}').expect("its end") + 1;
    let policy = text[begin..end].to_owned();
    let full = "\"sandbox_policy\":{\"type\":\"danger-full-access\"}";
    fs::write(&path, text.replace(&policy, full)).expect("written");
    let made = import(&world, &path);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let id = made.stdout.split(' ').next().expect("an id");
    let allowed = || {
        let shown = run(world.program(&["sessions", "show", id, "--json"])).lines();
        shown[0]["settings"]["permissions"].clone()
    };
    assert_eq!(allowed().as_array().map(Vec::len), Some(3), "{}", allowed());
    let turn = run(world.exec(&["resume", id, "-c", "approval_policy=never", "go on"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(allowed(), json!(["disk-full-read-access"]));
}

#[test]
fn a_secret_of_a_rollout_does_not_land() {
    const SECRET: &str = "correct-horse-battery-staple-42";
    let world = world();
    let path = rollout(&world, "shell.jsonl");
    let text =
        fs::read_to_string(&path).expect("it").replace("echo hello", &format!("echo {SECRET}"));
    fs::write(&path, text).expect("written");
    let mut command = world.program(&["sessions", "import", path.to_str().expect("UTF-8")]);
    command.env("CANARY_TOKEN", SECRET);
    let made = run(command);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let mut folders = vec![world.home()];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).expect("a file");
            let found = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
            assert!(!found, "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 3);
}

#[test]
fn an_import_that_was_killed_leaves_no_session_and_can_be_done_again() {
    let world = world();
    let path = rollout(&world, "tool_loop.jsonl");
    let text = fs::read_to_string(&path).expect("it");
    let (first, turns) = text.split_once('\n').expect("lines");
    // Long enough that its end is far away when its beginning is there.
    let times = 100;
    fs::write(&path, format!("{first}\n{}", turns.repeat(times))).expect("written");
    let arguments = ["sessions", "import", path.to_str().expect("UTF-8")];
    let running = Running::start(world.program(&arguments));
    let begun = || {
        let entries = fs::read_dir(world.home().join("journals")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).find(|name| name.to_string_lossy().ends_with(".new"))
    };
    while begun().is_none() {
        std::thread::yield_now();
    }
    running.signal(Signal::KILL);
    let killed = running.end();
    assert_eq!(killed.stdout, "");
    let listed = run(world.program(&["sessions", "list", "--json"]));
    assert_eq!((listed.code, listed.stdout.as_str()), (0, ""));

    let made = run(world.program(&arguments));
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(made.stdout.contains(&format!("  {times} turns, ")), "{}", made.stdout);
    assert_eq!(begun(), None);
}

#[test]
fn an_image_of_a_rollout_is_shown_as_what_is_known_of_it() {
    let world = world();
    let id = imported(&world, "legacy.jsonl");
    let shown = in_colour(world.program(&["replay", "--screen", &id]));
    let mut person = Person::start(&shown, Size(100, 60));
    let screen = person.until("[image: png]");
    assert!(screen.contains("add a file") && !screen.contains("base64"), "{screen}");
    person.presses("q");
    assert_eq!(person.end(), 0);
}
