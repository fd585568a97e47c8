//! What a turn prints, and that the journal prints it again.

use serde_json::json;

use crate::support::{Turn, World, patches, run, runs, says};

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
fn the_answer_alone_is_printed_to_stdout() {
    let world = World::playing(json!([runs("echo working"), says("All done.")]));
    let turn = run(world.exec(&["do it"]));
    assert_eq!((turn.code, turn.stdout.as_str()), (0, "All done.\n"));
    assert!(turn.stderr.contains("exec /bin/bash -c 'echo working'"), "{}", turn.stderr);
    assert!(!turn.stderr.contains('\u{1b}') && !turn.stdout.contains('\u{1b}'));
    let coloured = run(world.exec(&["--color", "always", "do it"]));
    assert!(coloured.stderr.contains('\u{1b}') && !coloured.stdout.contains('\u{1b}'));
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
    use std::io::Write;
    use std::process::Stdio;
    let world = World::playing(json!([says("ok")]));
    let piped = |arguments: &[&str]| {
        let mut child = world.exec(arguments).stdin(Stdio::piped()).spawn().expect("starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(b"from the pipe\n").expect("written");
        drop(stdin);
        Turn::of(child.wait_with_output().expect("ends"))
    };
    assert_eq!(piped(&["-"]).code, 0);
    assert_eq!(piped(&[]).code, 0);
    for body in world.bodies() {
        let input = body["input"].as_array().expect("items");
        let text = &input[input.len() - 1]["content"][0]["text"];
        assert_eq!(text, "from the pipe\n");
    }
    // An argument leaves the pipe alone, even one that never ends.
    let held = world.exec(&["from the argument"]).stdin(Stdio::piped()).spawn().expect("starts");
    let turn = Turn::of(held.wait_with_output().expect("ends"));
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
    crate::support::eventually("the program was told", || told.exists());
    assert_eq!(
        std::fs::read_to_string(told).expect("written"),
        "1\n{\"type\":\"agent-turn-complete\",\"turn-id\":\"1\",\"input-messages\":[\"fix the test\"],\
         \"last-assistant-message\":\"It is fixed.\"}\n"
    );
    assert!(world.kinds().contains(&"notification_sent".to_owned()));
    world.check_replay(&turn);
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
        let output = child.expect("starts").wait_with_output().expect("ends");
        let turn = Turn::of(output);
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
