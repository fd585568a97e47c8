//! `codex sessions`: what there is, and what can be done with it.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use crate::support::{Running, Turn, World, bytes, finish, patches, run, runs, says};

const PATCH: &str = "*** Begin Patch\n*** Add File: notes/plan.txt\n+one\n*** End Patch\n";

fn sessions(world: &World, arguments: &[&str]) -> Turn {
    run(world.program(&[&["sessions"], arguments].concat()))
}

/// Runs one turn, and gives the session's id.
fn begun(world: &World, prompt: &str) -> String {
    let turn = world.turn_of(&["--full-auto"], prompt);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned()
}

fn listed(world: &World, arguments: &[&str]) -> Vec<Value> {
    let turn = sessions(world, &[&["list", "--json"], arguments].concat());
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    turn.lines()
}

fn ids(world: &World, arguments: &[&str]) -> Vec<String> {
    let id = |line: &Value| line["id"].as_str().expect("an id").to_owned();
    listed(world, arguments).iter().map(id).collect()
}

/// Runs a program with a terminal for its input, on which somebody types.
fn typed(mut command: Command, keys: &str) -> Turn {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
    let theirs = File::options().read(true).write(true).open(name).expect("opened");
    command.stdin(Stdio::from(theirs));
    let child = command.spawn().expect("starts");
    let mut terminal = File::from(ours);
    terminal.write_all(keys.as_bytes()).expect("typed");
    let turn = finish(child);
    drop(command);
    turn
}

fn refused(turn: &Turn, words: &str) {
    assert_eq!(turn.code, 2, "{turn:?}");
    assert!(turn.stderr.contains(words) && turn.stderr.contains("hint: "), "{}", turn.stderr);
}

#[test]
fn a_list_says_what_each_session_is_about() {
    let world = World::playing(json!([
        runs("echo out"),
        says("First answer.\nMore."),
        says("Second \u{1b}[31manswer.")
    ]));
    let (one, two) = (begun(&world, "the first task\nin detail"), begun(&world, "the second task"));
    let table = sessions(&world, &[]);
    assert_eq!(table.stdout, sessions(&world, &["list"]).stdout);
    let rows: Vec<&str> = table.stdout.lines().collect();
    assert!(rows[0].starts_with("ID ") && rows.len() == 3, "{}", table.stdout);
    assert!(rows[1].starts_with(&two) && rows[2].starts_with(&one), "{}", table.stdout);
    assert!(rows[1].contains("the second task · Second answer."), "{}", table.stdout);
    assert!(rows[2].contains("the first task · First answer."), "{}", table.stdout);
    assert!(!table.stdout.contains('\u{1b}'), "{}", table.stdout);
    let coloured = sessions(&world, &["--color", "always"]);
    assert!(coloured.stdout.contains("\u{1b}[1m"), "{}", coloured.stdout);
    let lines = listed(&world, &[]);
    assert_eq!(lines[1]["id"], one.as_str());
    assert_eq!(lines[1]["state"], "clean");
    assert_eq!(lines[1]["folder"], world.work().to_str().expect("text"));
    assert_eq!((&lines[1]["turns"], &lines[1]["forked"]), (&1.into(), &Value::Null));
    assert!(lines[1]["usage"]["input_tokens"].is_u64() && lines[1]["size"].as_u64() > Some(4096));
    let limited = sessions(&world, &["--limit", "1", "--json"]);
    assert_eq!(limited.lines()[0]["id"], two.as_str());
    assert!(limited.stdout.lines().count() == 1 && limited.stderr.contains("1 more"));
    assert_eq!(ids(&world, &["--here"]), [two, one]);
    let mut elsewhere = world.program(&["sessions", "--here"]);
    elsewhere.current_dir(world.home());
    assert!(run(elsewhere).stdout.starts_with("no such sessions"));
}

#[test]
fn a_list_beside_a_running_session_and_after_its_death() {
    let world = World::silent();
    let gate = world.path("gate");
    let held = json!({"items": says("late"), "wait_for": gate});
    let world = World::playing(json!([runs("echo early"), held]));
    let mut running = Running::start(world.exec(&["--json", "go"]));
    running.until("item.completed");
    assert_eq!(listed(&world, &[])[0]["state"], "running");
    let id = ids(&world, &[]).remove(0);
    refused(&sessions(&world, &["delete", "--force", &id]), "running");
    // Its owner records the name.
    assert_eq!(sessions(&world, &["name", &id, "while it runs"]).code, 0);
    assert_eq!(listed(&world, &[])[0]["name"], "while it runs");
    refused(&sessions(&world, &["name", &id, " "]), "name");
    let gc = sessions(&world, &["gc", "--older-than", "0s", "--keep-size", "0"]);
    assert_eq!((gc.code, gc.stdout.as_str()), (0, ""), "{}", gc.stderr);
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, 137);
    assert_eq!(listed(&world, &[])[0]["state"], "interrupted");
    let shown = sessions(&world, &["show", &id]).stdout;
    assert!(shown.contains("turn 1: not finished") && shown.contains("echo early"), "{shown}");
    let _ = fs::remove_dir_all(gate.parent().expect("a folder"));
}

#[test]
fn a_session_has_a_name_and_is_put_away_by_events_of_its_own() {
    let world = World::playing(json!([says("one"), says("two"), says("again")]));
    let (one, two) = (begun(&world, "task one"), begun(&world, "task two"));
    assert_eq!(sessions(&world, &["name", &one, "nightly build"]).code, 0);
    assert_eq!(sessions(&world, &["archive", "nightly build"]).code, 0);
    let again = sessions(&world, &["archive", "nightly build"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""));
    assert!(again.stderr.contains("is already archived"), "{}", again.stderr);
    assert_eq!(ids(&world, &[]), std::slice::from_ref(&two));
    assert_eq!(ids(&world, &["--archived"]), std::slice::from_ref(&one));
    assert_eq!(ids(&world, &["--all"]).len(), 2);
    let shown = sessions(&world, &["show", "nightly build", "--json"]);
    assert_eq!(shown.lines()[0]["id"], one.as_str());
    assert_eq!(
        (&shown.lines()[0]["archived"], &shown.lines()[0]["state"]),
        (&true.into(), &"clean".into())
    );
    let raw = run(world.program(&["replay", &one, "--raw"])).stdout;
    let kinds: Vec<Value> = raw
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|event| event["author"] == "user:sessions")
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(kinds, ["session_named", "session_shelved"]);
    assert_eq!(run(world.program(&["replay", &one, "--verify"])).code, 0);
    assert_eq!(sessions(&world, &["unarchive", &one]).code, 0);
    let events = run(world.program(&["replay", &one, "--raw"])).stdout.lines().count();
    let again = sessions(&world, &["unarchive", &one]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("is not archived"), "{}", again.stderr);
    let now = run(world.program(&["replay", &one, "--raw"])).stdout.lines().count();
    assert_eq!(now, events, "nothing happened");
    assert_eq!(sessions(&world, &["name", &two, "nightly build"]).code, 0);
    let twice = sessions(&world, &["show", "nightly build"]);
    refused(&twice, "names 2 sessions");
    refused(&twice, "the whole id");
    assert_eq!(sessions(&world, &["name", &one, "--clear"]).code, 0);
    assert_eq!(
        sessions(&world, &["show", "nightly build", "--json"]).lines()[0]["id"],
        two.as_str()
    );
    refused(&sessions(&world, &["name", &one, " "]), "sessions name SESSION --clear");
    refused(&sessions(&world, &["name", &one, &"x".repeat(81)]), "80");
    refused(&sessions(&world, &["name", &one, &two]), "no id");
    refused(&sessions(&world, &["name", &one, "--", "--last"]), "no dash");
    refused(&sessions(&world, &["name", "no such session", "x"]), "no session `no such session`");
    // It goes on as before.
    let turn = run(world.exec(&["resume", &one, "go on"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(run(world.program(&["replay", &one, "--verify"])).code, 0);
}

#[test]
fn everything_about_a_session_is_shown() {
    let world = World::playing(json!([
        runs("seq 1 20000"),
        patches(PATCH),
        runs("exit 3"),
        says("It is done.\nReally."),
    ]));
    let id = begun(&world, "make a plan");
    let shown = sessions(&world, &["show", &id[..13]]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for words in [
        &format!("session {id}"),
        "state    clean",
        "input    make a plan",
        "allows   disk-full-read-access",
        "journal  ok: ",
        "turn 1: completed",
        "  > make a plan",
        "seq 1 20000': exit 0",
        "apply_patch: applied to 1 file",
        "exit 3': exit 3",
        "It is done.",
        "  A ",
        "notes/plan.txt",
    ] {
        assert!(shown.stdout.contains(words), "{words:?} is not in:\n{}", shown.stdout);
    }
    let line = &sessions(&world, &["show", &id, "--json"]).lines()[0];
    assert_eq!(line["turns_told"][0]["calls"].as_array().map(Vec::len), Some(3));
    assert!(
        line["journal"]["records"].as_u64() > Some(10) && line["settings"]["model"].is_string()
    );
    let blobs = world.home().join("journals").join(&id).join("blobs");
    let blob = fs::read_dir(&blobs).expect("there").next().expect("a blob").expect("read");
    fs::remove_file(blob.path()).expect("removed");
    let shown = sessions(&world, &["show", &id]).stdout;
    assert!(shown.contains("damaged") && shown.contains("is missing"), "{shown}");
    refused(&sessions(&world, &["show", "ffffffff"]), "no session");
}

#[test]
fn a_session_is_deleted_when_the_user_says_so() {
    let world = World::playing(json!([says("one"), says("two"), says("three")]));
    let (one, two, three) =
        (begun(&world, "task one"), begun(&world, "task two"), begun(&world, "task three"));
    refused(&sessions(&world, &["delete", &one]), "nobody can be asked");
    let delete = |id: &str| world.program(&["sessions", "delete", id]);
    let kept = typed(delete(&one), "n\n");
    assert_eq!((kept.code, kept.stdout.as_str()), (0, ""), "{}", kept.stderr);
    assert!(
        kept.stderr.contains("\"task one\" (") && kept.stderr.contains("kept"),
        "{}",
        kept.stderr
    );
    assert_eq!(ids(&world, &[]).len(), 3);
    let gone = typed(delete(&one), "y\n");
    assert!(gone.stdout.starts_with(&format!("removed session {one} \"task one\"")), "{gone:?}");
    refused(&sessions(&world, &["delete", "--force", &two, "ffffffff"]), "no session");
    assert_eq!(ids(&world, &[]).len(), 2, "all or none, as far as that is known before");
    assert_eq!(sessions(&world, &["delete", "--force", &two, &three, &two]).code, 0);
    assert_eq!(sessions(&world, &[]).stdout, "no sessions yet\n");
    let left: Vec<_> = fs::read_dir(world.home().join("journals"))
        .expect("readable")
        .map(|entry| entry.expect("read").file_name())
        .collect();
    assert_eq!(left, ["index"]);
    refused(&run(world.exec(&["resume", &one, "go on"])), "no session");
}

#[test]
fn room_is_made_by_age_and_size_and_only_as_told() {
    let world = World::playing(json!([says("one"), says("two"), says("three")]));
    let (one, two, three) =
        (begun(&world, "task one"), begun(&world, "task two"), begun(&world, "task three"));
    let journals = world.home().join("journals");
    fs::create_dir_all(journals.join(format!(".removed-{one}-0/db"))).expect("made");
    let before = bytes(world.home());
    let look = sessions(&world, &["gc", "--dry-run", "--older-than", "0s"]);
    assert_eq!(look.code, 0, "{}", look.stderr);
    for words in [&one, &two, &three, "\"task one\"", "a removed session"] {
        assert!(look.stdout.contains(words), "{words}: {}", look.stdout);
    }
    assert!(look.stdout.lines().all(|line| line.starts_with("would remove ")), "{}", look.stdout);
    let mut after = bytes(world.home());
    after.retain(|(path, _)| !path.ends_with("index"));
    assert_eq!(after, before, "looking changed something");
    let swept = sessions(&world, &["gc"]);
    assert_eq!((swept.code, swept.stdout.lines().count()), (0, 1), "{}", swept.stdout);
    assert!(swept.stdout.starts_with("removed what was left of"), "{}", swept.stdout);
    assert_eq!(ids(&world, &[]).len(), 3);
    assert_eq!(sessions(&world, &["archive", &two]).code, 0);
    let archived = sessions(&world, &["gc", "--archived-only", "--keep-size", "0", "--json"]);
    assert_eq!(archived.lines().len(), 1);
    assert_eq!(archived.lines()[0]["session"], two.as_str());
    assert_eq!(archived.lines()[0]["removed"], true);
    assert_eq!(sessions(&world, &["gc", "--older-than", "1d"]).stdout, "");
    assert_eq!(sessions(&world, &["gc", "--keep-size", "100GB"]).stdout, "");
    // A damaged one stays unless it is asked for.
    fs::write(journals.join(&one).join("db/db"), "garbage").expect("written");
    assert!(sessions(&world, &["gc", "--keep-size", "0"]).stdout.contains(&three));
    assert_eq!(ids(&world, &[]), std::slice::from_ref(&one));
    assert!(sessions(&world, &["gc", "--keep-size", "0", "--damaged"]).stdout.contains(&one));
    assert_eq!(ids(&world, &[]), [""; 0]);
    refused(&sessions(&world, &["gc", "--older-than", "soon"]), "`soon`");
    refused(&sessions(&world, &["gc", "--keep-size", "much"]), "`much`");
}

#[test]
fn words_are_found_across_sessions() {
    let world = World::playing(json!([
        runs("seq 1 20000; echo the-needle"),
        patches(PATCH),
        says("A long \u{1b}[2Jneedle story."),
        says("nothing to see"),
    ]));
    let (one, two) = (begun(&world, "look for a Needle"), begun(&world, "second"));
    let found = sessions(&world, &["search", "needle"]);
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(found.stdout.contains(&one) && !found.stdout.contains(&two), "{}", found.stdout);
    for kind in ["prompt ", "command ", "output ", "message "] {
        assert!(found.stdout.contains(kind), "{kind}: {}", found.stdout);
    }
    assert!(!found.stdout.contains('\u{1b}'), "{}", found.stdout);
    let marked = sessions(&world, &["search", "needle", "--color", "always"]);
    assert!(marked.stdout.contains("\u{1b}[1;31mNeedle\u{1b}[0m"), "{}", marked.stdout);
    let files = sessions(&world, &["search", "PLAN.txt", "--in", "files,commands", "--json"]);
    let hit = &files.lines()[0];
    assert_eq!(
        (&hit["kind"], &hit["turn"], &hit["session"]),
        (&"file".into(), &1.into(), &one.as_str().into())
    );
    let raw = run(world.program(&["replay", &one, "--raw"])).stdout;
    let event: Value = serde_json::from_str(
        raw.lines().nth(hit["seq"].as_u64().expect("a position") as usize - 1).expect("there"),
    )
    .expect("JSON");
    assert_eq!(event["kind"], "tool_finished");
    let limited = sessions(&world, &["search", "e", "--limit", "2", "--json"]);
    assert!(limited.lines().len() == 2 && limited.stderr.contains("--limit"), "{limited:?}");
    assert_eq!(sessions(&world, &["search", "needle", "--since", "1h"]).stdout, found.stdout);
    assert_eq!(sessions(&world, &["search", "no such words"]).stdout, "");
    let mut elsewhere = world.program(&["sessions", "search", "needle", "--here"]);
    elsewhere.current_dir(world.home());
    assert_eq!(run(elsewhere).stdout, "");
    refused(&sessions(&world, &["search", " "]), "empty");
    refused(&sessions(&world, &["search", "x", "--since", "yesterday"]), "`yesterday`");
}

#[test]
fn a_list_that_nobody_reads_to_its_end_is_no_error() {
    let world = World::playing(json!([says("one")]));
    begun(&world, "task one");
    for arguments in [&["sessions"][..], &["sessions", "--json"], &["sessions", "search", "task"]] {
        let mut child = world.program(arguments).spawn().expect("starts");
        drop(child.stdout.take());
        let turn = finish(child);
        assert_eq!((turn.code, turn.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn a_damaged_session_is_repaired_on_request() {
    let world = World::playing(json!([runs("seq 1 200"), says("one")]));
    let id = begun(&world, "task one");
    let folder = world.home().join("journals").join(&id);
    let whole = sessions(&world, &["repair", &id]);
    assert_eq!(
        (whole.code, whole.stdout.as_str()),
        (0, format!("session {id} is whole\n").as_str())
    );
    fs::write(folder.join("head"), "garbage").expect("written");
    assert_eq!(listed(&world, &[])[0]["state"], "damaged");
    let before = bytes(folder.clone());
    let look = sessions(&world, &["repair", "--dry-run", &id]);
    assert_eq!(look.code, 3, "{look:?}");
    assert!(look.stdout.contains("found: the head file is damaged"), "{}", look.stdout);
    assert!(look.stderr.contains("hint: "), "{}", look.stderr);
    assert_eq!(bytes(folder.clone()), before, "looking changed something");
    let done = sessions(&world, &["repair", &id]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.ends_with(&format!("session {id} is whole\n")), "{}", done.stdout);
    assert_eq!(listed(&world, &[])[0]["state"], "clean");
    // A record that is lost stays lost, and is named.
    let data = fs::read(folder.join("db/db")).expect("read");
    let wanted = 5_u64.to_le_bytes();
    let mut torn = data.clone();
    for at in 0..data.len() - 100 {
        if data[at..].starts_with(b"\xC0\xDEjourn\xFF") && data[at + 13..at + 21] == wanted {
            torn[at + 95] ^= 4;
        }
    }
    assert_ne!(torn, data, "there is such a record");
    fs::write(folder.join("db/db"), torn).expect("written");
    let lost = sessions(&world, &["repair", &id]);
    assert_eq!(lost.code, 3, "{lost:?}");
    assert!(lost.stdout.contains("lost for good: event 5"), "{}", lost.stdout);
    assert_eq!(listed(&world, &[])[0]["state"], "damaged");
    let copies = sessions(&world, &["gc", "--damaged-copies"]);
    assert!(copies.stdout.contains("the files from before a repair"), "{}", copies.stdout);
}

#[test]
fn many_may_name_a_session_at_once() {
    let world = World::playing(json!([says("Hello.")]));
    let turn = world.turn(&[]);
    let id = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let names: Vec<String> = (0..8).map(|number| format!("name {number}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| world.program(&["sessions", "name", &id, name]).spawn().expect("starts"))
        .collect();
    for one in all {
        let done = finish(one);
        assert_eq!(done.code, 0, "{done:?}");
    }
    let told = run(world.program(&["replay", &id, "--raw"])).lines();
    let named = told.iter().filter(|event| event["kind"] == "session_named");
    let mut named: Vec<&str> = named.filter_map(|event| event["body"]["name"].as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, names);
}
