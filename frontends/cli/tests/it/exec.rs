//! What a turn prints, and that the journal prints it again.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{World, end_all, eventually, finish, patches, piped, run, runs, says};

const ADD: &str = "*** Begin Patch\n*** Add File: a.txt\n+one\n*** End Patch\n";
const EDIT: &str = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n";

#[test]
fn a_plain_answer() {
    let world = World::playing(json!([[
        {"type": "reasoning", "text": "**Thinking** about it"},
        {"type": "text", "text": "Hello."}
    ]]));
    let turn = world.turn(&[]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(
        turn.shape(),
        [
            "thread.started",
            "turn.started",
            "item.completed reasoning",
            "item.completed agent_message",
            "turn.completed"
        ]
    );
    let last = turn.last();
    assert_eq!(last["usage"]["input_tokens"], 1000);
    assert_eq!(last["turn_usage"], last["usage"]);
    world.check_replay(&turn);
}

#[test]
fn a_tool_loop_through_both_command_tools() {
    let shell = json!([{
        "type": "function_call", "name": "shell",
        "arguments": {"command": ["sh", "-c", "echo out; echo err >&2; exit 3"]}
    }]);
    let world = World::playing(json!([runs("echo hello; pwd"), shell, says("Ran.")]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let items = turn.items("command_execution");
    assert_eq!(items[0]["command"], "/bin/bash -c 'echo hello; pwd'");
    assert_eq!(turn.outputs()[0], format!("hello\n{}\n", world.work().display()));
    assert_eq!((&items[0]["exit_code"], &items[0]["status"]), (&json!(0), &json!("completed")));
    assert_eq!((&items[1]["exit_code"], &items[1]["status"]), (&json!(3), &json!("failed")));
    let bodies = world.bodies();
    let told = |body: usize| bodies[body]["input"][0]["output"].as_str().expect("text").to_owned();
    assert!(told(1).contains("Process exited with code 0\nOutput:\nhello\n"), "{}", told(1));
    assert!(told(2).starts_with("{\"output\":\""), "{}", told(2));
    assert!(told(2).contains("\"exit_code\":3"), "{}", told(2));
    world.check_replay(&turn);
}

#[test]
fn a_patch_in_every_form() {
    let function = json!([{
        "type": "function_call", "name": "apply_patch", "arguments": {"input": EDIT}
    }]);
    let heredoc =
        format!("apply_patch <<'EOF'\n{}EOF\n", EDIT.replace("two", "three").replace("one", "two"));
    let remove =
        "*** Begin Patch\n*** Delete File: a.txt\n*** Add File: b/c.txt\n+new\n*** End Patch\n";
    let world = World::playing(json!([
        patches(ADD),
        function,
        runs(&heredoc),
        patches(remove),
        patches(EDIT),
        says("Patched.")
    ]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let changes: Vec<_> =
        turn.items("file_change").iter().map(|item| item["changes"].clone()).collect();
    let path = |name: &str| world.work().join(name).display().to_string();
    assert_eq!(changes[0], json!([{"path": path("a.txt"), "kind": "add"}]));
    assert_eq!(changes[1], json!([{"path": path("a.txt"), "kind": "update"}]));
    assert_eq!(changes[2], json!([{"path": path("a.txt"), "kind": "update"}]));
    assert_eq!(changes[3].as_array().map(Vec::len), Some(2));
    assert_eq!(changes.len(), 4, "a patch that does not fit changes nothing and makes no item");
    assert_eq!(world.read("a.txt"), None);
    assert_eq!(world.read("b/c.txt").as_deref(), Some("new\n"));
    let last = &world.bodies()[5]["input"][0]["output"];
    assert!(last.as_str().is_some_and(|text| text.contains("verification failed")), "{last}");
    world.check_replay(&turn);
}

#[test]
fn a_patch_given_to_the_shell_is_applied_as_one() {
    let shell = |command: Value| json!([{"type": "function_call", "name": "shell", "arguments": {"command": command}}]);
    let heredoc = format!("apply_patch <<'EOF'\n{EDIT}EOF\n");
    let world = World::playing(json!([
        shell(json!(["apply_patch", ADD])),
        shell(json!(["bash", "-lc", heredoc])),
        says("Patched.")
    ]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(turn.items("file_change").len(), 2, "{}", turn.stdout);
    assert!(turn.items("command_execution").is_empty(), "a patch is no command");
    assert_eq!(world.read("a.txt").as_deref(), Some("two\n"));
    world.check_replay(&turn);
}

#[test]
fn several_calls_of_one_response_are_answered_together() {
    let call = |line: &str| runs(line)[0].clone();
    let world = World::playing(json!([
        [
            {"type": "text", "text": "Looking."},
            call("echo one"), call("exit 4"), call("echo three"),
            {"type": "custom_tool_call", "name": "apply_patch", "input": ADD}
        ],
        says("Looked.")
    ]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let codes: Vec<_> =
        turn.items("command_execution").iter().map(|i| i["exit_code"].clone()).collect();
    assert_eq!(codes.len(), 3, "{}", turn.stdout);
    assert!([0, 4].iter().all(|code| codes.contains(&json!(code))), "{codes:?}");
    assert_eq!(world.read("a.txt").as_deref(), Some("one\n"));
    // Each call has its one answer, in the order of the calls.
    let answers = world.bodies()[1]["input"].clone();
    let ids: Vec<_> =
        answers.as_array().expect("items").iter().map(|i| i["call_id"].clone()).collect();
    assert_eq!(ids, ["call_000000_1", "call_000000_2", "call_000000_3", "call_000000_4"]);
    world.check_replay(&turn);
}

#[test]
fn the_last_message_goes_to_a_file() {
    let world = World::playing(json!([says("first"), says("second")]));
    let file = world.path("last.txt");
    let turn = world.turn(&["-o", file.to_str().expect("text")]);
    assert_eq!(turn.code, 0);
    assert_eq!(std::fs::read_to_string(file).expect("written"), "first");
}

#[test]
fn a_prompt_is_an_argument_or_standard_input() {
    let world = World::playing(json!([says("ok")]));
    for arguments in [&["-"][..], &[]] {
        let turn = piped(world.exec(arguments), b"from the pipe\n");
        assert_eq!(turn.code, 0, "{}", turn.stderr);
    }
    assert_eq!(world.bodies().len(), 2);
    for body in world.bodies() {
        let input = body["input"].as_array().expect("items");
        let text = &input[input.len() - 1]["content"][0]["text"];
        assert_eq!(text, "from the pipe\n");
    }
    // An argument leaves the pipe alone, even one that never ends.
    let mut child = world.exec(&["an argument"]).stdin(Stdio::piped()).spawn().expect("starts");
    let held = child.stdin.take().expect("piped");
    let turn = finish(child);
    drop(held);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
}

#[test]
fn a_program_is_told_of_the_finished_turn() {
    let world = World::playing(json!([says("It is fixed.")]));
    let told = world.path("told");
    let script = world.path("notify.sh");
    let text = "#!/bin/sh\nprintf '%s\\n' \"$#\" \"$1\" > \"$0.part\" && mv \"$0.part\" \"${0%/*}/told\"\n";
    std::fs::write(&script, text).expect("written");
    let notify = format!("notify=[\"sh\", \"{}\"]", script.display());
    let turn = run(world.exec(&["-c", &notify, "--json", "fix the test"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    eventually("the program was told", || told.exists());
    assert_eq!(
        std::fs::read_to_string(told).expect("written"),
        "1\n{\"type\":\"agent-turn-complete\",\"turn-id\":\"1\",\"input-messages\":[\"fix the test\"],\
         \"last-assistant-message\":\"It is fixed.\"}\n"
    );
    assert!(world.kinds().contains(&"notification_sent".to_owned()));
    world.check_replay(&turn);
}

#[test]
fn what_becomes_of_a_notification_does_not_touch_the_turn() {
    let world = World::playing(json!([says("a \"quoted\"\nline \u{e9}\u{1f600}\u{1b}[31m")]));
    // A program that is not there, one that fails, one that can't take so long an argument, and
    // one that goes on for long: nobody waits for it.
    let mark = format!("8666.{}", std::process::id());
    let long = "x".repeat(200_000);
    for (program, prompt) in [
        ("[\"/nonexistent/program\"]".to_owned(), "go"),
        ("[\"false\"]".to_owned(), "go"),
        ("[]".to_owned(), "go"),
        (format!("[\"sh\",\"-c\",\"exec sleep {mark}\"]"), "go"),
    ] {
        let turn = world.turn_of(&["-c", &format!("notify={program}")], prompt);
        assert_eq!(turn.code, 0, "{program}: {}", turn.stderr);
        world.check_replay(&turn);
    }
    let turn = piped(world.exec(&["--json", "-c", "notify=[\"true\"]", "-"]), long.as_bytes());
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    world.check_replay(&turn);
    end_all(&mark);

    // The text arrives as it was said, whatever is in it.
    let told = world.path("told");
    let notify = format!(
        "notify=[\"sh\",\"-c\",\"printf %s \\\"$0\\\" > {0}.part && mv {0}.part {0}\"]",
        told.display()
    );
    let prompt = "it's a \"prompt\"\nof $HOME `lines` \\";
    let turn = world.turn_of(&["-c", &notify], prompt);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    eventually("the program was told", || told.exists());
    let payload: Value =
        serde_json::from_str(&std::fs::read_to_string(told).expect("text")).expect("JSON");
    assert_eq!(payload["input-messages"], json!([prompt]));
    assert_eq!(payload["last-assistant-message"], "a \"quoted\"\nline \u{e9}\u{1f600}\u{1b}[31m");
    assert_eq!(payload.as_object().map(serde_json::Map::len), Some(4));
}

#[test]
fn five_sessions_at_once_do_not_disturb_each_other() {
    let worlds: Vec<World> = (0..5)
        .map(|number| {
            let line = format!("echo {number} > mine; cat mine");
            World::playing(json!([runs(&line), says(&format!("answer {number}"))]))
        })
        .collect();
    // One home for all of them.
    let home = worlds[0].home();
    let children: Vec<_> = worlds
        .iter()
        .map(|world| world.exec(&["--json", "--full-auto", "go"]).env("CODEX_HOME", &home).spawn())
        .collect();
    let mut ids = Vec::new();
    for (number, child) in children.into_iter().enumerate() {
        let turn = finish(child.expect("starts"));
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        assert_eq!(turn.outputs(), [format!("{number}\n")]);
        assert_eq!(turn.items("agent_message")[0]["text"], format!("answer {number}"));
        let id = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
        let replayed = run(worlds[0].program(&["replay", &id, "--json"]));
        assert_eq!(replayed.stdout, turn.stdout);
        assert_eq!(run(worlds[0].program(&["replay", &id, "--verify"])).code, 0);
        ids.push(id);
    }
    let listed = run(worlds[0].program(&["sessions"]));
    assert!(ids.iter().all(|id| listed.stdout.contains(id.as_str())), "{}", listed.stdout);
}
