//! Everything that somebody else wrote, on its way to a terminal.

use serde_json::json;

use crate::line::Terminal;
use crate::support::{Turn, World, patches, run, runs, says};

/// Sequences of every kind, whole and cut short, in both forms; what hides, turns and overwrites.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;t1tle\u{7}\u{1b}]52;c;eA==\u{1b}\\\u{1b}Pq#0\u{1b}\\\u{1b}_apc\
    \u{1b}\\\u{1b}^pm\u{1b}\\\u{1b}Xsos\u{1b}\\\u{1b}c\u{1b}(0\u{9b}31m\u{9d}0;x\u{9c}\u{90}q\u{9c}\u{202e}\
    \u{2066}\u{200b}\u{200f}\u{feff}\u{ad}\u{e0041}\u{2028}\u{85}\u{8}\u{7f}over\rwritten\u{1b}";

/// The same, but for what no command line can hold, and what would end a line of a patch.
fn in_a_name() -> String {
    EVIL.replace(['\u{2028}', '\u{85}'], "")
}

fn acts(c: char) -> bool {
    let hides = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    hides || (c.is_control() && c != '\n' && c != '\t')
}

fn harmless(what: &str, text: &str) {
    let found: Vec<String> = text
        .char_indices()
        .filter(|(_, c)| acts(*c))
        .map(|(at, c)| {
            let before: String = text[..at].chars().rev().take(40).collect();
            format!("{c:?} after {:?}", before.chars().rev().collect::<String>())
        })
        .collect();
    assert!(found.is_empty(), "{what}: {}", found.join("\n"));
}

fn both(what: &str, turn: &Turn) {
    harmless(&format!("{what}: stdout"), &turn.stdout);
    harmless(&format!("{what}: stderr"), &turn.stderr);
}

/// A session in which everything is hostile that can be.
fn story() -> serde_json::Value {
    let name = in_a_name();
    let call = |name: &str, arguments: serde_json::Value| json!([{"type": "function_call", "name": name, "arguments": arguments}]);
    json!([
        runs("cat evil; cat evil >&2; printf '\\233\\235\\220raw\\0\\n'; exit 3"),
        call("shell", json!({"command": ["printf", "%s", name]})),
        call("shell", json!({"command": [format!("./{name}"), "x"]})),
        call("shell", json!({"command": ["true"], "workdir": name})),
        call(&format!("tool{name}"), json!({})),
        call("shell", json!({"command": format!("not a list {name}")})),
        patches(&format!("*** Begin Patch\n*** Add File: made{name}\n+{name}\n*** End Patch")),
        patches(&format!("*** Begin Patch\n*** Update File: no{name}\n@@\n-x\n+y\n*** End Patch")),
        patches(&format!("*** Begin Patch\n{name}\n*** End Patch")),
        runs(&format!("echo '{}: Permission denied' >&2; false", "/outside/e\u{1b}[2Jvil\u{202e}")),
        says(EVIL)
    ])
}

#[test]
fn every_way_to_look_at_a_session_is_harmless() {
    let world = World::playing(story());
    let folder = world.work().join(format!("in{}", in_a_name()));
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("evil"), EVIL).expect("written");
    let folder = folder.to_str().expect("text").to_owned();
    let prompt = format!("do {EVIL}");
    let turn = run(world.exec(&["--full-auto", "-C", &folder, "--", &prompt]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    both("exec", &turn);
    // The lines that programs read have the words as they were.
    let lines = run(world.program(&["replay", "--last", "--json"]));
    let message = lines.items("agent_message");
    assert_eq!(message.last().expect("a message")["text"], EVIL);
    // A terminal is spared what a file gets whole.
    let (_, screen) = Terminal::start(&world.program(&["replay", "--last", "--raw"])).end();
    harmless("replay --raw on a terminal", &screen);
    assert!(screen.contains("\\u009b"), "{screen}");
    let named = run(world.program(&["sessions", "name", "--last", &format!("my{EVIL}name")]));
    both("sessions name", &named);
    let mut doctor = world.program(&["doctor"]);
    doctor.current_dir(&folder);
    both("doctor", &run(doctor));
    for words in [
        &["replay", "--last"][..],
        &["replay", "--last", "--json"],
        &["replay", "--last", "--verify"],
        &["sessions", "--all"],
        &["sessions"],
        &["sessions", "show", "--last"],
        &["sessions", "search", "over"],
        &["audit", "--last"],
        &["audit", "verify", "--last"],
        &["approvals", "list"],
        &["approvals", "explain", "--", "printf", EVIL],
        &["execpolicy", "check", "--", "printf", EVIL],
        &["exec", "resume", EVIL, "go"],
        &["sessions", "show", EVIL],
        &["exec", "--skip-git-repo-check", "-C", EVIL, "go"],
        &["exec", "-m", EVIL, "-c", EVIL, "go"],
        &["sandbox", "--", EVIL],
        &["sandbox", "-C", EVIL, "--", "true"],
    ] {
        both(&words.join(" "), &run(world.program(words)));
    }
}

#[test]
fn a_question_shows_what_would_run() {
    let call = |words: serde_json::Value| json!([{"type": "function_call", "name": "shell", "arguments": {"command": words}}]);
    let world = World::playing(json!([
        says("Hello."),
        call(json!([
            "touch",
            "good\rrm -rf /home",
            "b\u{202e}c\u{200b}",
            "\u{1b}[2K\u{1b}]0;x\u{7}"
        ])),
        patches(
            "*** Begin Patch\n*** Add File: a\u{202e}b\u{1b}[2Jc\n+\u{1b}[31mred\n*** End Patch"
        ),
        says(EVIL)
    ]));
    assert_eq!(world.turn(&["-s", "workspace-write"]).code, 0);
    let asks = ["--last", "-a", "unless-allow-listed"];
    let mut person = Terminal::start(&world.asking_model("resume", &asks));
    person.until("> ");
    person.types("do it");
    person.until("good\\rrm -rf /home");
    person.until("b\\u{202e}c\\u{200b}");
    person.until("\\x1b[2K\\x1b]0;x\\x07");
    person.until("> ");
    person.types("n no");
    person.until("a\\u{202e}b\\x1b[2Jc");
    person.until("> ");
    person.types("n no");
    // What a carriage return overwrites is not shown.
    person.until("written");
    person.until("> ");
    person.types("/quit");
    let (_, screen) = person.end();
    harmless("the screen", &screen);
}
