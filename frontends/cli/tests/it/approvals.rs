//! What was laid down about commands: rules, grants, and what `codex approvals` says of them.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use codex_event::{Seq, SessionId, Timestamp};
use codex_gate::{Grant, Grants};
use serde_json::{Value, json};

use crate::support::{Running, Turn, World, piped, run, runs, says};

const RULES: &str = "\
# What I think of commands.
prefix_rule(pattern = [\"cargo\", [\"test\", \"check\"]], justification = \"tests are fine\")
prefix_rule(
    pattern = [\"git\", \"push\"],
    decision = \"forbidden\",
    justification = \"a person pushes\",
    match = [\"git push origin\", [\"git\", \"push\"]],
    not_match = [\"git pull\"],
)
prefix_rule([\"npm\", \"publish\"], \"prompt\")
host_executable(name = \"git\", paths = [\"/usr/bin/git\"])
";

/// A world whose home has these rules, and whose folder is a repository.
fn ruled(rules: &str) -> World {
    let world = World::silent();
    put(&world, "home/rules/mine.rules", rules);
    fs::create_dir_all(world.work().join(".git")).expect("a folder");
    world
}

fn put(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.path(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(&path, text).expect("written");
    path
}

fn approvals(world: &World, arguments: &[&str]) -> Turn {
    run(world.program(&[&["approvals"], arguments].concat()))
}

fn explained(world: &World, arguments: &[&str]) -> Value {
    let turn = approvals(world, &[&["explain", "--json"], arguments].concat());
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    turn.last()
}

/// Keeps a grant as an answer to a question does.
pub(crate) fn granted(world: &World, project: &str, prefix: &[&str], seq: u64) -> String {
    let prefix = prefix.iter().map(|word| (*word).to_owned()).collect();
    let project = fs::canonicalize(world.path(project)).expect("a folder");
    let project = project.to_str().expect("text").to_owned();
    let session = SessionId::from_bytes([0x2b; 16]);
    let grant = Grant::new(project, prefix, session, Seq(seq), Timestamp(1_795_000_000_123));
    Grants::of(&world.home()).add(&grant).expect("kept");
    grant.id()
}

#[test]
fn a_command_is_explained_by_what_is_laid_down_about_it() {
    let world = ruled(RULES);
    let rule = |line: usize| format!("{}:{line}", world.home().join("rules/mine.rules").display());
    let mut answer = explained(&world, &["cargo", "test", "-q"]);
    // That it is offered depends on whether this machine has the program.
    answer.as_object_mut().expect("an object").remove("prefix");
    assert_eq!(
        answer,
        json!({
            "argv": ["cargo", "test", "-q"],
            "auto_approve": true,
            "reason": format!("allowed by {}: tests are fine", rule(2)),
            "safety": "unknown",
            "ruling": {
                "decision": "allow", "source": rule(2), "justification": "tests are fine",
            },
            "policy": "unless-allow-listed",
            "outcome": "runs",
        })
    );
    for (line, policy, auto_approve, outcome) in [
        ("git push", "on-failure", false, "refused"),
        ("/opt/git push", "never", false, "refused"),
        ("npm publish", "on-request", false, "asks"),
        ("npm publish", "never", false, "refused"),
        ("npm install", "unless-allow-listed", false, "asks"),
        ("npm install", "on-request", false, "runs"),
        ("bash -lc 'cargo check && ls'", "unless-allow-listed", true, "runs"),
        ("bash -lc 'cargo check && npm install'", "unless-allow-listed", false, "asks"),
        ("bash -lc 'cargo check; git push'", "unless-allow-listed", false, "refused"),
        ("bash -lc '(cd x; git push)'", "on-failure", false, "asks"),
    ] {
        let words = shlex::split(line).expect("words");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = explained(&world, &[&["-a", policy, "--"], &words[..]].concat());
        let found = (&answer["auto_approve"], &answer["outcome"], &answer["policy"]);
        assert_eq!(found, (&json!(auto_approve), &json!(outcome), &json!(policy)), "{line}");
    }
    assert_eq!(explained(&world, &["--no-rules", "cargo", "test"])["auto_approve"], json!(false));

    let told = approvals(&world, &["explain", "bash", "-lc", "cargo test && npm publish"]).stdout;
    for words in [
        "command  bash -lc 'cargo test && npm publish'\n",
        "- cargo test: allowed by ",
        &format!("- npm publish: to be asked about, by {}\n", rule(10)),
        "policy   unless-allow-listed: you are asked first\n",
    ] {
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn each_line_is_answered_at_once_and_a_broken_one_passed_over() {
    let world = ruled(RULES);
    let mut command = world.program(&["approvals", "explain", "--stdin"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    let mut program = Running::of(child);
    for (line, expected) in [
        ("[\"ls\",\"-l\"]", json!({"argv": ["ls", "-l"], "auto_approve": true})),
        ("{\"argv\":[\"ls\"]}", json!({"error": true})),
        ("[]", json!({"error": true})),
        ("nonsense", json!({"error": true})),
        ("[\"rm\",\"\\u0000x\"]", json!({"argv": ["rm", "\0x"], "auto_approve": false})),
        ("[\"cargo\",\"test\"]", json!({"argv": ["cargo", "test"], "auto_approve": true})),
    ] {
        // The next line is only sent once this one is answered.
        writeln!(input, "{line}").expect("it reads");
        let before = program.printed.len();
        assert!(program.line(), "no answer to {line}");
        let answer: Value = serde_json::from_str(&program.printed[before..]).expect("JSON");
        match expected.get("error") {
            Some(_) => assert!(answer["error"].is_string(), "{line}: {answer}"),
            None => {
                let found = json!({"argv": answer["argv"], "auto_approve": answer["auto_approve"]});
                assert_eq!(found, expected, "{line}");
            }
        }
    }
    drop(input);
    assert_eq!(program.end().code, 0);
    let huge = format!("[\"{}\"]\n[\"ls\"]", "x".repeat(5 << 20));
    let command = world.program(&["approvals", "explain", "--json", "--stdin", "--no-rules"]);
    let turn = piped(command, huge.as_bytes());
    assert!(turn.lines()[0]["error"].as_str().is_some_and(|why| why.contains("4 MiB")));
    assert_eq!(turn.last()["auto_approve"], json!(true));
}

#[test]
fn the_cases_of_the_classifier_are_answered_alike_line_by_line() {
    let world = World::silent();
    let answers = |cases: &str| {
        // Where `..` leads to depends on the folder, which is another one here.
        let said =
            |line: &&str| !line.is_empty() && !line.starts_with("# ") && !line.contains("..");
        let lines = cases.lines().filter(said);
        let cases: Vec<Vec<String>> =
            lines.map(|line| shlex::split(line).expect("a quoted line")).collect();
        let input: String =
            cases.iter().map(|argv| format!("{}\n", serde_json::json!(argv))).collect();
        let mut command =
            world.program(&["approvals", "explain", "--json", "--stdin", "--no-rules"]);
        // Without the user's own programs, which are not the system's.
        command.env("PATH", "/usr/bin:/bin");
        let turn = piped(command, input.as_bytes());
        let answers = turn.lines();
        assert_eq!((turn.code, answers.len()), (0, cases.len()), "{}", turn.stderr);
        for (argv, answer) in cases.iter().zip(&answers) {
            assert_eq!(answer["argv"], json!(argv), "answered out of turn");
        }
        answers
    };
    let wrong = answers(include_str!("../../../../actors/gate/tests/it/cases/asks.txt"));
    let wrong: Vec<_> = wrong.iter().filter(|it| it["auto_approve"] != json!(false)).collect();
    assert!(wrong.is_empty(), "not asked about: {wrong:#?}");
    let looks = answers(include_str!("../../../../actors/gate/tests/it/cases/looks.txt"));
    let (approved, asked): (Vec<_>, Vec<_>) =
        looks.iter().partition(|it| it["auto_approve"] == json!(true));
    // What this machine does not have can't be known to be safe here.
    let missing = |it: &&Value| it["reason"].as_str().is_some_and(|why| why.contains("PATH"));
    let wrong: Vec<_> = asked.iter().filter(|it| !missing(it)).collect();
    assert!(wrong.is_empty(), "asked about: {wrong:#?}");
    assert!(approved.len() > 100, "{} of {}", approved.len(), looks.len());
}

#[test]
fn what_was_allowed_for_good_is_listed_and_taken_back() {
    let world = ruled("");
    fs::create_dir_all(world.path("other/.git")).expect("a folder");
    let none = approvals(&world, &["list"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    assert!(none.stderr.starts_with("nothing was allowed for good in "), "{}", none.stderr);
    assert!(!world.home().join("grants.rules").exists());
    let id = granted(&world, "work", &["cargo", "test"], 7);
    granted(&world, "work", &["npm", "run", "-s", "lint"], 9);
    let other = granted(&world, "other", &["make"], 11);

    let listed = approvals(&world, &["list"]).stdout;
    assert_eq!(
        listed.lines().next().expect("a row"),
        format!("{id}  cargo test  (2026-11-18T11:06:40.123Z, session {}, event 7)", session())
    );
    assert_eq!(listed.lines().count(), 2);
    let row = approvals(&world, &["list", "--json", "--project", "../other"]).last();
    let project = fs::canonicalize(world.path("other")).expect("a folder");
    assert_eq!(
        row,
        json!({
            "id": other, "project": project, "prefix": ["make"], "session": session(), "seq": 11,
            "at": "2026-11-18T11:06:40.123Z",
        })
    );
    assert_eq!(approvals(&world, &["list", "--all", "--json"]).lines().len(), 3);

    assert_eq!(explained(&world, &["cargo", "test", "-q"])["auto_approve"], json!(true));
    assert_eq!(explained(&world, &["-C", "../other", "cargo", "test"])["outcome"], json!("asks"));
    assert_eq!(explained(&world, &["-C", "../other", "make"])["outcome"], json!("runs"));
    // A target that nobody has said anything of.
    assert_eq!(explained(&world, &["-C", "../other", "make", "all"])["outcome"], json!("asks"));

    let unknown = approvals(&world, &["revoke", "make"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
    assert!(unknown.stderr.contains(&format!("codex approvals revoke {other}")));
    assert_eq!(approvals(&world, &["revoke", "cargo"]).code, 2);
    assert_eq!(approvals(&world, &["revoke"]).code, 2);
    assert_eq!(approvals(&world, &["revoke", "--all", "cargo"]).code, 2);
    let by_prefix = approvals(&world, &["revoke", "npm", "run", "-s", "lint"]);
    assert!(by_prefix.stdout.contains(": npm run -s lint in "), "{}", by_prefix.stdout);
    let by_id = approvals(&world, &["revoke", &id]);
    assert!(by_id.stdout.starts_with(&format!("revoked {id}: cargo test in ")));
    assert_eq!(explained(&world, &["cargo", "test"])["auto_approve"], json!(false));
    assert_eq!(approvals(&world, &["list"]).stdout, "");
    assert_eq!(approvals(&world, &["list"]).stderr.lines().count(), 2);
    let all = approvals(&world, &["revoke", "--all"]);
    assert_eq!(all.stdout.lines().count(), 1, "{}", all.stdout);
    let again = approvals(&world, &["revoke", "--all"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""));
}

fn session() -> String {
    SessionId::from_bytes([0x2b; 16]).to_string()
}

#[test]
fn a_broken_file_stops_a_session_before_anything_is_done() {
    let world = World::playing(json!([{"items": says("done")}]));
    let rules =
        put(&world, "home/rules/a.rules", "prefix_rule(\n    pattern = [\"git, \"push\"],\n)\n");
    let refused = run(world.exec(&["go"]));
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    let told = refused.stderr.replace(&rules.display().to_string(), "FILE");
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "error: FILE:2:23: a comma or `]` is wanted here",
            "  2 |     pattern = [\"git, \"push\"],",
            "                            ^",
            "hint: put a comma between two of them, and a bracket of the same kind behind the last",
        ]
    );
    assert!(!world.home().join("journals").exists());
    fs::write(&rules, "").expect("written");
    assert_eq!(run(world.exec(&["go"])).code, 0);
    // A session that is there already stays as it was.
    let grants = put(&world, "home/grants.rules", "grant(");
    for words in [
        &["exec", "resume", "--last", "more"][..],
        &["exec", "fork", "--last", "more"],
        &["proto"],
        &["approvals", "list"],
        &["approvals", "revoke", "--all"],
        &["approvals", "explain", "ls"],
    ] {
        let refused = piped(world.program(words), b"");
        assert_eq!(refused.code, 2, "{words:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("grants.rules:1:6: the bracket"), "{}", refused.stderr);
    }
    assert_eq!(fs::read_to_string(&grants).expect("text"), "grant(");
    assert_eq!(run(world.program(&["sessions", "--json"])).lines().len(), 1);
    assert_eq!(world.bodies().len(), 1);
}

#[test]
fn what_a_rule_forbids_or_asks_about_does_not_run_where_nobody_is_asked() {
    let world = World::playing(json!([
        runs("touch a"),
        runs("ls; env -i touch b"),
        runs("if true; then touch c; fi"),
        runs("mkdir d"),
        runs("mkdir -p e"),
        says("Done.")
    ]));
    put(
        &world,
        "home/rules/mine.rules",
        "prefix_rule([\"touch\"], \"forbidden\", justification = \"use the wooden spoon\")\n\
         prefix_rule([\"mkdir\", \"d\"], \"prompt\")\n",
    );
    let turn = world.turn(&["-s", "workspace-write"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let made = ["a", "b", "c", "d", "e"].map(|name| world.work().join(name).exists());
    assert_eq!(made, [false, false, false, false, true]);
    let bodies = world.bodies();
    let words = "approval required by policy";
    let told = ["use the wooden spoon", "use the wooden spoon", words, words];
    for (body, words) in bodies[1..].iter().zip(told) {
        assert!(body["input"].to_string().contains(words), "{}", body["input"]);
    }
    world.check_replay(&turn);
}

#[test]
fn only_a_trusted_project_is_listened_to_and_only_when_it_is_stricter() {
    let world = ruled("");
    put(
        &world,
        "work/.codex/rules/team.rules",
        "prefix_rule([\"make\"])\nprefix_rule([\"ls\", \"/srv\"], \"forbidden\")\n",
    );
    let work = fs::canonicalize(world.work()).expect("a folder");
    let outcome = |command: &[&str]| {
        let answer = explained(&world, command);
        answer["outcome"].as_str().expect("a word").to_owned()
    };
    assert_eq!((outcome(&["make"]), outcome(&["ls", "/srv"])), ("asks".into(), "runs".into()));
    let trust = |level: &str| {
        let table = format!("[projects.\"{}\"]\ntrust_level = \"{level}\"\n", work.display());
        fs::write(world.home().join("config.toml"), table).expect("written");
    };
    trust("trusted");
    assert_eq!((outcome(&["make"]), outcome(&["ls", "/srv"])), ("asks".into(), "refused".into()));
    fs::create_dir_all(world.work().join("src")).expect("a folder");
    assert_eq!(outcome(&["-C", "src", "ls", "/srv"]), "refused");
    let warned = approvals(&world, &["explain", "make"]).stderr;
    assert!(
        warned.contains("team.rules:1: a project's rule that allows has no effect"),
        "{warned}"
    );
    trust("untrusted");
    assert_eq!(outcome(&["ls", "/srv"]), "runs");
}

#[test]
fn the_check_prints_the_json_that_other_programs_read() {
    let world = ruled(RULES);
    let check = |arguments: &[&str]| {
        let turn = run(world.program(&[&["execpolicy", "check"], arguments].concat()));
        (turn.code, turn.stdout)
    };
    let prints = |arguments: &[&str], expected: &str| {
        assert_eq!(check(arguments), (0, format!("{expected}\n")), "{arguments:?}");
    };
    let pushed = "{\"matchedRules\":[{\"prefixRuleMatch\":{\"matchedPrefix\":[\"git\",\"push\"],\
                  \"decision\":\"forbidden\",\"justification\":\"a person pushes\"}}],\
                  \"decision\":\"forbidden\"}";
    prints(&["git", "push", "--force"], pushed);
    prints(&["ls"], "{\"matchedRules\":[]}");
    prints(&["/usr/bin/git", "push"], "{\"matchedRules\":[]}");
    let resolved = pushed.replace(",\"just", ",\"resolvedProgram\":\"/usr/bin/git\",\"just");
    prints(&["--resolve-host-executables", "/usr/bin/git", "push"], &resolved);
    prints(&["--resolve-host-executables", "/opt/git", "push"], "{\"matchedRules\":[]}");
    prints(&["bash", "-lc", "git push"], "{\"matchedRules\":[]}");

    let one = put(&world, "one.rules", "prefix_rule(pattern = [\"git\"])\n");
    let two = put(&world, "two.rules", "prefix_rule([\"git\", \"log\"], decision = \"prompt\")\n");
    let (one, two) = (one.to_str().expect("text"), two.to_str().expect("text"));
    let both = "{\"matchedRules\":[\
                {\"prefixRuleMatch\":{\"matchedPrefix\":[\"git\"],\"decision\":\"allow\"}},\
                {\"prefixRuleMatch\":{\"matchedPrefix\":[\"git\",\"log\"],\"decision\":\"prompt\"}}\
                ],\"decision\":\"prompt\"}";
    prints(&["--rules", one, "--rules", two, "git", "log", "-p"], both);
    prints(&["-r", one, "git", "push"], &both.replace(
        ",{\"prefixRuleMatch\":{\"matchedPrefix\":[\"git\",\"log\"],\"decision\":\"prompt\"}}", "",
    ).replace("\"decision\":\"prompt\"}", "\"decision\":\"allow\"}"));
    let (code, pretty) = check(&["--pretty", "git", "push"]);
    assert_eq!(serde_json::from_str::<Value>(&pretty).ok(), serde_json::from_str(pushed).ok());
    assert_eq!((code, pretty.lines().count()), (0, 15));
    assert_eq!(check(&["--rules", "nowhere.rules", "ls"]), (2, String::new()));
    let missing = run(world.program(&["execpolicy", "check", "--rules", "nowhere.rules", "ls"]));
    assert!(missing.stderr.contains("No such file or directory"), "{}", missing.stderr);
    assert!(missing.stderr.contains("hint: check that the path"), "{}", missing.stderr);
    assert_eq!(check(&[]).0, 2);
}

#[test]
fn what_nobody_wants_twice_is_not_offered_for_good() {
    let world = World::silent();
    let told = |words: &[&str]| approvals(&world, &[&["explain"], words].concat()).stdout;
    assert!(told(&["rm", "-rf", "made"]).contains("always   would remember: rm -rf made\n"));
    for words in [&["rm", "-rf", "/"][..], &["rm", "-rf", "../other"], &["bash", "-c", "rm -r ~"]] {
        assert!(!told(words).contains("always "), "{words:?}: {}", told(words));
    }
}

#[test]
fn a_path_that_is_too_long_is_shown_by_its_ends() {
    let world = World::silent();
    let folder = format!("/begin/{}end", "deep/".repeat(200));
    let turn = run(world.program(&["exec", "-C", &folder, "hi"]));
    assert_eq!(turn.code, 2, "{}", turn.stderr);
    assert!(turn.stderr.contains("/begin/deep") && turn.stderr.contains("/end"), "{}", turn.stderr);
    assert!(turn.stderr.len() < 600 && turn.stderr.contains('\u{2026}'), "{}", turn.stderr);
}
