//! What models, commands and users say that is large, broken, or meant for a terminal.

use serde_json::json;

use crate::support::{World, piped, run, runs, says};

#[test]
fn any_bytes_of_a_command_come_back_the_same() {
    let world = World::playing(json!([
        runs(r"printf 'caf\351 \377\376 \000 \033[31mred\033[0m \r tail\n'"),
        runs(r"printf 'cut \342\202'; printf '\254 done' >&2; printf '\342\202'; printf '\254\n'"),
        runs("head -c 3000000 /dev/urandom"),
        runs("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo the end"),
        runs("printf nothing-after"),
        runs("true"),
        says("Saw it all.")
    ]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let outputs = turn.outputs();
    assert!(outputs[0].contains("caf\u{fffd} "), "{}", outputs[0]);
    assert!(outputs[3].ends_with("x\nthe end\n"), "the end of a long output is kept");
    let kept = [&outputs[2], &outputs[3]].map(|output| output.chars().count());
    assert!(kept[0] <= 1 << 20 && kept[1] <= (1 << 20) + 200, "{kept:?}");
    assert_eq!(outputs[4..], ["nothing-after", ""]);
    world.check_replay(&turn);
    let text = run(world.program(&["replay", "--last"]));
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(!text.stdout.contains(['\u{1b}', '\0', '\r']), "a terminal would act on this");
}

#[test]
fn nothing_that_a_terminal_acts_on_reaches_people() {
    let evil = "\u{1b}]0;title\u{7}\u{1b}[2Jhello \u{9b}31mred\u{202e}txt.exe\r\nend";
    let world = World::playing(json!([
        runs("printf '\\033]0;title\\007from a command\\n'; echo $'\\e[31m'"),
        says(evil)
    ]));
    let turn = run(world.exec(&["--full-auto", &format!("{evil} as a prompt")]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    for (name, text) in [("stdout", &turn.stdout), ("stderr", &turn.stderr)] {
        let acts = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
        assert!(!text.contains(acts), "{name}: {text:?}");
    }
    assert!(turn.stdout.contains("hello") && turn.stdout.contains("end"), "{}", turn.stdout);
    assert!(!turn.stdout.contains("title"), "{}", turn.stdout);
    assert!(turn.stderr.contains("from a command"), "{}", turn.stderr);
    // Its journal has the message as it was said.
    let replayed = run(world.program(&["replay", "--last", "--json"]));
    let last = |text: &str| text.contains("\\u001b]0;title");
    assert!(last(&replayed.stdout), "{}", replayed.stdout);
}

#[test]
fn large_prompts_and_messages_are_whole() {
    let words = "fix the failing test \u{1f980} ".repeat(40_000);
    let world = World::playing(json!([
        [{"type": "reasoning", "n": 2000, "chars": 50}, {"type": "text", "n": 20000, "chars": 40}]
    ]));
    let turn = piped(world.exec(&["--json", "-"]), words.as_bytes());
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let body = &world.bodies()[0]["input"];
    let said = &body[body.as_array().map_or(0, Vec::len) - 1]["content"][0]["text"];
    assert!(*said == words.as_str(), "the prompt is not what was given");
    let message = turn.items("agent_message")[0]["text"].as_str().expect("text").to_owned();
    assert_eq!(message.chars().count(), 800_000);
    world.check_replay(&turn);
    let listed = run(world.program(&["sessions"]));
    assert!(listed.stdout.lines().all(|line| line.chars().count() < 200), "{}", listed.stdout);
}

#[test]
fn a_long_turn_ends_like_a_short_one() {
    let mut steps: Vec<_> = (0..40).map(|number| runs(&format!("echo {number}"))).collect();
    steps.push(says("Forty."));
    let world = World::playing(json!(steps));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let wanted: Vec<String> = (0..40).map(|number| format!("{number}\n")).collect();
    assert_eq!(turn.outputs(), wanted);
    world.check_replay(&turn);
}
