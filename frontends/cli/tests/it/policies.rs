//! Who is asked, what is recorded and what comes of it, for each policy and each kind of call, held
//! against `policies.txt`.
//!
//! The file is meant to be read. Whoever is asked allows it, for this one call. `POLICIES=write`
//! writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::proto::{Talk, allowed, denied};
use crate::support::{World, patches, run, runs, says};

const POLICIES: [&str; 4] = ["unless-allow-listed", "on-failure", "on-request", "never"];

/// A call, and the file by which it is seen to have taken effect.
struct Case {
    name: &'static str,
    call: Value,
    proof: &'static str,
}

fn cases() -> Vec<Case> {
    let adds = |path: &str| {
        patches(&format!("*** Begin Patch\n*** Add File: {path}\n+made\n*** End Patch"))
    };
    let case = |name, call, proof| Case { name, call, proof };
    vec![
        case("a safe command", runs("ls"), "nothing"),
        case("an unsafe command", runs("echo ran > proof"), "work/proof"),
        case("a denied command", runs("echo ran > ../proof"), "proof"),
        case("an escalated command", escalated("echo ran > ../proof"), "proof"),
        case("a patch inside", adds("proof"), "work/proof"),
        case("a patch outside", adds("../proof"), "proof"),
        case("a patch of what is protected", adds(".git/hooks/proof"), "work/.git/hooks/proof"),
    ]
}

fn escalated(line: &str) -> Value {
    json!([{
        "type": "function_call",
        "name": "exec_command",
        "arguments": {
            "cmd": line,
            "login": false,
            "sandbox_permissions": "require_escalated",
            "justification": "the file lies outside of the project",
        }
    }])
}

#[test]
fn every_policy_comes_to_what_the_table_says() {
    let mut found = String::new();
    for case in cases() {
        let _ = writeln!(found, "== {}", case.name);
        for policy in POLICIES {
            let _ = write!(found, "{policy}\n{}", play(policy, &case));
        }
        found.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/policies.txt");
    if std::env::var("POLICIES").as_deref() == Ok("write") {
        fs::write(&path, &found).expect("written");
        return;
    }
    let expected = fs::read_to_string(&path).expect("the table");
    for (expected, found) in expected.split("\n\n").zip(found.split("\n\n")) {
        assert_eq!(found, expected, "POLICIES=write writes the table anew; read it then");
    }
    assert_eq!(found, expected);
}

/// The part of the table that is about one call under one policy.
fn play(policy: &str, case: &Case) -> String {
    let world = World::playing(json!([case.call, says("Done.")]));
    fs::create_dir_all(world.work().join(".git/hooks")).expect("folders");
    let mut talk = Talk::greeted(&world, &["-a", policy, "-s", "workspace-write"]);
    talk.input("do it");
    // Every question is answered until the turn is over.
    loop {
        let event = talk.any_event(&["review_asked", "turn_completed", "turn_failed"]);
        if event["kind"] != "review_asked" {
            break;
        }
        talk.settle(&event["body"]["call"], &allowed(), "once");
    }
    let (code, told, stderr) = talk.end();
    assert_eq!(code, 0, "{stderr}");
    world.check_journal();

    let records: Vec<&Value> = told.iter().filter_map(|notice| notice.get("record")).collect();
    let sandbox = &records[0]["body"]["sandbox"];
    let mut out = String::new();
    for record in &records {
        if let Some(line) = line(record, sandbox, &world) {
            let _ = writeln!(out, "  {line}");
        }
    }
    let came = match world.path(case.proof).exists() {
        true => "it took effect",
        false => "it took no effect",
    };
    let _ = writeln!(out, "  so {came}");
    out
}

/// Words of one event about a call.
fn line(record: &Value, sandbox: &Value, world: &World) -> Option<String> {
    let (kind, body) = (record["kind"].as_str()?, &record["body"]);
    let author = record["author"].as_str().unwrap_or_default();
    let plain = |text: &str| {
        let (work, root) = (world.work(), world.path(""));
        let text = text.replace(work.to_str().expect("UTF-8"), "PROJECT");
        text.replace(root.to_str().expect("UTF-8"), "BESIDE/")
    };
    Some(match kind {
        "review_asked" => {
            let question = &body["question"];
            let paths = question["write_outside"]["paths"].as_array();
            let what = match paths {
                Some(paths) => format!("write_outside {}", plain(&json!(paths).to_string())),
                None => question.as_str()?.to_owned(),
            };
            // What a shell says of a denial depends on the level of the sandbox.
            let reason = body["reason"].as_str()?;
            let reason = match reason.split_once(": ") {
                Some((reason, _)) if what == "retry_unconfined" => reason,
                Some(_) | None => reason,
            };
            format!("asked: {what} ({})", plain(reason))
        }
        "review_settled" => {
            let verdict = body["verdict"]["verdict"].as_str()?;
            let scope = body["scope"].as_str()?;
            format!("{verdict} {scope} by {author}")
        }
        "tool_intended" => {
            let confinement = &body["confinement"];
            let held = match confinement["confinement"].as_str()? {
                "sandbox" if confinement["plan"] == sandbox["narrow"] => "the narrow plan",
                "sandbox" if confinement["plan"] == sandbox["plan"] => "the session's plan",
                "none" => "nothing",
                "writable_roots" if confinement["outside"].is_array() => {
                    "the writable roots, and what was allowed outside"
                }
                "writable_roots" => "the writable roots",
                other => panic!("{other}: {confinement}"),
            };
            format!("attempt {} held by {held}", body["attempt"])
        }
        "tool_finished" => {
            let outcome = body["outcome"]["ended"].as_str()?;
            let code = body["outcome"]["code"].as_i64();
            let code = code.map_or(String::new(), |code| format!(" {code}"));
            let denial = match body["denial"].is_object() {
                true => format!(", denied: {}", plain(body["denial"]["denied"].as_str()?)),
                false => String::new(),
            };
            let told = match outcome {
                "refused" => format!(", told: {}", plain(body["output"].as_str()?)),
                _ => String::new(),
            };
            format!("{outcome}{code}{denial}{told}")
        }
        _ => return None,
    })
}

#[test]
fn the_tools_of_a_session_that_lets_the_model_ask_say_how_also_when_it_is_taken_up() {
    let world = World::playing(json!([says("One."), says("Two."), says("Three.")]));
    let offers = |body: &Value| {
        body["tools"][1]["parameters"]["properties"]["sandbox_permissions"].is_object()
    };
    let talks = |arguments: &[&str]| {
        let mut talk = Talk::greeted(&world, arguments);
        talk.input("go on");
        talk.event("turn_completed");
        assert_eq!(talk.end().0, 0);
    };
    talks(&["-a", "on-failure"]);
    talks(&["--last", "-c", "approval_policy=\"on-request\""]);
    talks(&["--last"]);
    let offered: Vec<bool> = world.bodies().iter().map(offers).collect();
    assert_eq!(offered, [false, true, true]);
    // The journal commits to the tools that were offered, and its decisions are those of its facts.
    world.check_journal();
    let verified = run(world.program(&["replay", "--last", "--verify"]));
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn what_somebody_says_to_a_retry_reaches_the_model() {
    let world = World::playing(json!([runs("echo ran > ../proof"), says("Done.")]));
    let mut talk = Talk::greeted(&world, &["-a", "on-failure", "-s", "workspace-write"]);
    talk.input("do it");
    let asked = talk.event("review_asked");
    talk.settle(&asked["body"]["call"], &denied("keep it in the project"), "once");
    talk.event("turn_completed");
    assert_eq!(talk.end().0, 0);
    assert!(!world.path("proof").exists());
    let second = world.bodies()[1].to_string();
    assert!(second.contains("keep it in the project"), "{second}");
    assert!(second.contains("refused writing"), "the model is told what was denied: {second}");
}

#[test]
fn always_is_written_for_the_project_and_spares_the_question_from_then_on() {
    let world = World::playing(json!([
        runs("touch made"),
        says("One."),
        runs("touch made"),
        runs("touch made too"),
        says("Two.")
    ]));
    fs::create_dir_all(world.work().join(".git")).expect("a folder");
    let asks = ["-a", "unless-allow-listed", "-s", "workspace-write"];
    let mut talk = Talk::greeted(&world, &asks);
    talk.input("do it");
    let asked = talk.event("review_asked");
    let call = asked["body"]["call"].clone();
    talk.settle(&call, &allowed(), "project");
    let kept = talk.event("grant_kept");
    assert_eq!(kept["body"]["error"], Value::Null, "{kept}");
    assert_eq!(kept["body"]["prefix"], json!(["touch", "made"]));
    talk.event("turn_completed");
    assert_eq!(talk.end().0, 0);
    let grants = fs::read_to_string(world.home().join("grants.rules")).expect("grants");
    assert!(grants.contains("\"touch\", \"made\""), "{grants}");

    // Another session of the same project is not asked, and says which line spared the question.
    let mut talk = Talk::greeted(&world, &asks);
    talk.input("again");
    let settled = talk.event("review_settled");
    let author = settled["author"].as_str().expect("an author");
    assert!(author.starts_with("policy:rule ") && author.contains("grants.rules:"), "{author}");
    // More words are another command: nobody has said anything of what they name.
    let asked = talk.event("review_asked");
    let call = asked["body"]["call"].clone();
    talk.settle(&call, &allowed(), "once");
    talk.event("turn_completed");
    assert_eq!(talk.end().0, 0);
    world.check_journal();
    let shown = run(world.program(&["audit", "show", "--last"]));
    assert!(shown.stdout.contains("grants.rules:"), "{}", shown.stdout);
}

#[test]
fn nothing_runs_under_half_a_policy() {
    let world = World::playing(json!([says("Never said.")]));
    fs::create_dir_all(world.home().join("rules")).expect("a folder");
    let broken =
        "prefix_rule(pattern = [\"rm\"], decision = \"forbidden\")\nprefix_rule(pattern = )\n";
    fs::write(world.home().join("rules/default.rules"), broken).expect("written");
    let turn = world.turn(&[]);
    assert_eq!(turn.code, 2, "{}", turn.stderr);
    assert!(turn.stderr.contains("default.rules:2:"), "{}", turn.stderr);
    assert!(turn.stderr.contains("hint: "), "{}", turn.stderr);
    assert!(world.bodies().is_empty() && world.kinds_or_none().is_empty());
}

#[test]
fn a_trail_tells_the_narrow_plan_from_the_sessions() {
    let world = World::playing(json!([runs("ls"), runs("touch made"), says("Done.")]));
    let network = ["-s", "workspace-write", "-s", "network-full-access"];
    let mut talk = Talk::greeted(&world, &[&["-a", "unless-allow-listed"], &network[..]].concat());
    talk.input("do it");
    let asked = talk.event("review_asked");
    talk.settle(&asked["body"]["call"], &allowed(), "once");
    talk.event("turn_completed");
    assert_eq!(talk.end().0, 0);
    let shown = run(world.program(&["audit", "show", "--last", "--json"])).lines();
    let opened = shown.iter().find(|it| it["kind"] == "settings").expect("told");
    let commands: Vec<&Value> = shown.iter().filter(|it| it["kind"] == "commands").collect();
    let told: Vec<(&Value, &Value, &Value)> =
        commands.iter().map(|it| (&it["planned"], &it["network"], &it["plan"])).collect();
    let (narrow, wide) = (&opened["narrow"], &opened["plan"]);
    assert!(narrow.is_string() && wide.is_string() && narrow != wide, "{opened}");
    let expected = [
        (&json!("narrow sandbox"), &json!("blocked"), narrow),
        (&json!("sandbox"), &json!("open"), wide),
    ];
    assert_eq!(told, expected);
}
