//! Who did what, and proof that the journal still says so.

mod mutations;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Running, Turn, World, bytes, patches, run, runs, says};

const PATCH: &str = "*** Begin Patch\n*** Add File: notes.txt\n+one\n*** End Patch\n";

/// A session with a command, a patch, a failing command and a refused patch, in two processes.
fn busy() -> (World, String) {
    let world = World::playing(json!([
        runs("echo hello"),
        patches(PATCH),
        runs("exit 3"),
        says("Done."),
        patches(&PATCH.replace("notes.txt", "/etc/codex-audit-test")),
        says("Not that one."),
    ]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let id = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let resume = ["resume", "--json", "-s", "danger-full-access", "--last", "go on"];
    let turn = run(world.exec(&resume));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    (world, id)
}

fn audit(world: &World, arguments: &[&str]) -> Turn {
    run(world.program(&[&["audit"], arguments].concat()))
}

fn entries(world: &World, arguments: &[&str]) -> Vec<Value> {
    let shown = audit(world, &[&["show", "--json"], arguments].concat());
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    shown.lines()
}

/// Signs the session that was active last, in a file outside of the home.
fn signed(world: &World) -> String {
    let file = world.path("checkpoints").display().to_string();
    let made = audit(world, &["checkpoint", "--last", "-o", &file]);
    assert_eq!((made.code, made.stdout.as_str()), (0, ""), "{}", made.stderr);
    assert!(made.stderr.contains("nobody who can write to this home"), "{}", made.stderr);
    file
}

#[test]
fn a_trail_says_who_allowed_what_and_what_came_of_it() {
    let (world, id) = busy();
    let before = bytes(world.home());
    let all = entries(&world, &["--last"]);
    assert!(all.iter().all(|entry| entry["session"] == id.as_str() && entry["seq"].is_u64()));
    assert!(all.iter().flat_map(|entry| entry.as_object().expect("flat")).all(|(_, value)| {
        // Lists of words are as flat as it gets.
        !value.is_object() && value.as_array().is_none_or(|list| list.iter().all(Value::is_string))
    }));
    let of = |kind: &str| {
        let of = |entry: &&Value| entry["kind"] == kind;
        all.iter().filter(of).cloned().collect::<Vec<Value>>()
    };

    let commands = of("commands");
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert_eq!(commands[0]["argv"], json!(["/bin/bash", "-c", "echo hello"]));
    assert_eq!(
        commands[0]["cwd"],
        world.work().canonicalize().expect("there").to_str().expect("text")
    );
    assert_eq!(
        (&commands[0]["planned"], &commands[0]["network"]),
        (&json!("sandbox"), &json!("blocked"))
    );
    assert!(commands[0]["enforced"].as_str().expect("enforced").contains("network off"));
    assert_eq!((&commands[0]["exit"], &commands[1]["exit"]), (&json!(0), &json!(3)));
    assert!(
        commands[0]["duration_ms"].is_u64()
            && commands[0]["end_seq"].as_u64() > commands[0]["seq"].as_u64()
    );

    // The seq of an entry leads back to its record.
    let raw = run(world.program(&["replay", "--last", "--raw"]));
    let at = usize::try_from(commands[0]["seq"].as_u64().expect("a seq")).expect("small");
    assert!(raw.stdout.lines().nth(at - 1).expect("a line").contains("\"kind\":\"tool_intended\""));

    let approvals = of("approvals");
    assert!(approvals.len() >= 3, "{approvals:?}");
    assert!(approvals.iter().all(|entry| entry["by"] == "rule" && entry["rule"].is_string()));
    assert_eq!(approvals[0]["verdict"], "allowed");
    assert_eq!(approvals[0]["command"], commands[0]["command"]);

    let files = of("files");
    let notes = world.work().join("notes.txt").canonicalize().expect("written");
    let changed: Vec<&Value> =
        files.iter().filter(|entry| entry["path"] == notes.to_str().expect("text")).collect();
    assert_eq!(changed.len(), 1, "{files:?}");
    assert_eq!((&changed[0]["change"], &changed[0]["outcome"]), (&json!("add"), &json!("applied")));
    assert!(changed[0]["after"].is_string());

    let resumes = of("resumes");
    assert_eq!((resumes.len(), &resumes[0]["frontend"]), (1, &json!("exec")), "{resumes:?}");
    let settings = of("settings");
    let wider: Vec<&Value> = settings.iter().filter(|entry| entry["widened"] == true).collect();
    assert!(wider.iter().any(|entry| entry["setting"] == "permissions"), "{settings:?}");
    assert!(wider.iter().all(|entry| entry["author"] == "user:exec"), "{wider:?}");
    let network: Vec<Value> = of("network").iter().map(|entry| entry["network"].clone()).collect();
    assert_eq!(network, ["blocked", "open"]);

    assert_eq!(bytes(world.home()), before, "an audit changed something");
}

#[test]
fn filters_leave_what_they_are_asked_for() {
    let (world, id) = busy();
    let all = entries(&world, &["--last"]);
    let kind = entries(&world, &[&id[..13], "--kind", "commands,files"]);
    assert!(kind.len() > 2 && kind.len() < all.len());
    assert!(kind.iter().all(|entry| entry["kind"] == "commands" || entry["kind"] == "files"));
    let people = entries(&world, &["--last", "--author", "user"]);
    assert!(!people.is_empty() && people.iter().all(|entry| entry["author"] == "user:exec"));
    assert_eq!(entries(&world, &["--last", "--author", "exec"]), people);
    assert_eq!(entries(&world, &["--last", "--author", "nobody"]), [Value::Null; 0]);
    let file = entries(&world, &["--last", "--path", "notes.txt"]);
    assert_eq!(file.len(), 1, "{file:?}");
    assert_eq!(entries(&world, &["--last", "--path", "."]), file);
    let command = entries(&world, &["--last", "--command", "echo hel"]);
    assert!(command.len() >= 2, "{command:?}");
    assert!(command.iter().all(|entry| entry["call"] == command[0]["call"]));
    let second = entries(&world, &["--last", "--turn", "2"]);
    assert!(!second.is_empty() && second.iter().all(|entry| entry["turn"] == 2));
    assert_eq!(entries(&world, &["--last", "--since", "1h"]), all);
    assert_eq!(entries(&world, &["--last", "--until", "2020-01-01"]), [Value::Null; 0]);
    assert_eq!(entries(&world, &["--all-sessions"]), all);

    let table = audit(&world, &["show"]);
    assert!(table.stdout.starts_with(&format!("session {id}\n")), "{}", table.stdout);
    assert_eq!(table.stdout.lines().count(), all.len() + 2, "{}", table.stdout);
    assert!(!table.stdout.contains('\u{1b}'));
    let wrong = audit(&world, &["show", "--since", "yesteryear"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("--since") && wrong.stderr.contains("hint: "),
        "{}",
        wrong.stderr
    );
    assert_eq!(audit(&world, &["show", "--kind", "sorts"]).code, 2);
}

#[test]
fn a_trail_shows_what_a_terminal_would_act_on() {
    let world =
        World::playing(json!([runs("printf '\u{1b}]0;pwned\u{7}' '\u{202e}'"), says("ok")]));
    assert_eq!(world.turn(&[]).code, 0);
    let shown = audit(&world, &["show", "--color", "always", "--kind", "commands"]);
    assert!(shown.stdout.contains("\\x1b]0;pwned\\x07"), "{}", shown.stdout);
    assert!(
        !shown.stdout.contains("\u{1b}]") && !shown.stdout.contains('\u{202e}'),
        "{}",
        shown.stdout
    );
    let line = entries(&world, &["--kind", "commands"]);
    assert!(
        line[0]["command"].as_str().expect("text").contains('\u{1b}'),
        "JSON keeps what it was"
    );
}

#[test]
fn a_damaged_session_is_shown_as_far_as_it_goes_and_says_what_is_gone() {
    let (world, id) = busy();
    let whole = entries(&world, &["--last"]);
    let data = world.home().join("journals").join(&id).join("db/db");
    let mut content = fs::read(&data).expect("readable");
    let words = b"\"kind\":\"tool_finished\"";
    let hits: Vec<usize> =
        (0..content.len()).filter(|at| content[*at..].starts_with(words)).collect();
    assert!(!hits.is_empty());
    hits.iter().for_each(|at| content[at + 9] ^= 1);
    fs::write(&data, &content).expect("written");
    let shown = audit(&world, &["show", "--json"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let damage = shown.lines().iter().filter(|entry| entry["kind"] == "damage").count();
    assert!(damage >= 1, "{}", shown.stdout);
    assert!(shown.lines().len() >= whole.len() / 2);
    assert!(
        shown.stderr.contains("warning: ") && shown.stderr.contains("missing"),
        "{}",
        shown.stderr
    );
    let open =
        shown.lines().iter().filter(|entry| entry["outcome"] == "no end is recorded").count();
    assert!(open >= 1, "{}", shown.stdout);
    let unsigned = audit(&world, &["checkpoint"]);
    assert_eq!((unsigned.code, unsigned.stdout.as_str()), (3, ""), "damage is not signed");
    assert!(unsigned.stderr.contains("hint: "), "{}", unsigned.stderr);
}

#[test]
fn a_session_that_runs_can_be_shown_and_signed_and_goes_on_under_its_checkpoint() {
    let world = World::silent();
    let gate = world.path("gate");
    let held = json!({"items": says("late"), "wait_for": gate});
    let world = World::playing(json!([runs("echo early"), held]));
    let mut running = Running::start(world.exec(&["--json", "go"]));
    running.until("item.completed");
    assert_eq!(entries(&world, &["--kind", "commands"])[0]["exit"], 0);
    let file = signed(&world);
    let during = audit(&world, &["verify", "--checkpoint", &file]);
    assert_eq!(during.code, 0, "{}{}", during.stdout, during.stderr);
    fs::create_dir_all(gate.parent().expect("a folder")).expect("made");
    fs::write(&gate, "").expect("opened");
    assert_eq!(running.end().code, 0);
    let after = audit(&world, &["verify", "--last", "--checkpoint", &file]);
    assert_eq!(after.code, 0, "{}{}", after.stdout, after.stderr);
    assert!(after.stdout.contains("held by the chain alone"), "{}", after.stdout);
    let _ = fs::remove_dir_all(gate.parent().expect("a folder"));
}

#[test]
fn what_a_check_proved_is_said_in_one_line() {
    let (world, id) = busy();
    let bare = audit(&world, &["verify"]);
    assert_eq!((bare.code, bare.stdout.lines().count()), (0, 1), "{}", bare.stderr);
    assert!(bare.stdout.starts_with(&format!("ok: session {id}: ")), "{}", bare.stdout);
    assert!(bare.stdout.contains("held against nothing from outside"), "{}", bare.stdout);
    let head = bare.stdout.split("head ").nth(1).expect("a head");
    let (seq, hash) =
        (head.split(':').next().expect("a seq"), &head.split(':').nth(1).expect("a hash")[..64]);
    for claim in [format!("{seq}:{hash}"), hash.to_owned()] {
        let held = audit(&world, &["verify", "--head", &claim]);
        assert_eq!(held.code, 0, "{}", held.stdout);
        assert!(held.stdout.contains("is the one that --head names"), "{}", held.stdout);
    }
    let other = hash.chars().rev().collect::<String>();
    let cases = [
        (format!("{seq}:{other}"), format!("record {seq} is not the one that --head names")),
        (other.clone(), other.clone()),
        (format!("9999:{hash}"), format!("the journal ends at record {seq}, and record 9999")),
    ];
    for (claim, words) in cases {
        let found = audit(&world, &["verify", &id, "--head", &claim]);
        assert_eq!((found.code, found.stdout.lines().count()), (3, 1), "{}", found.stdout);
        assert!(found.stdout.contains(&words) && found.stderr.contains("hint: "), "{found:?}");
    }
    for wrong in ["12", "0:00", &format!("0:{hash}"), &format!("x:{hash}")] {
        assert_eq!(audit(&world, &["verify", "--head", wrong]).code, 2, "{wrong}");
    }

    let file = signed(&world);
    signed(&world);
    let held = audit(&world, &["verify", &id, "--checkpoint", &file]);
    assert_eq!(held.code, 0, "{}", held.stdout);
    for words in [
        "2 checkpoints hold",
        " s ago) at record ",
        "nothing was written since",
        "that of this home",
    ] {
        assert!(held.stdout.contains(words), "{words}: {}", held.stdout);
    }
}

#[test]
fn the_key_is_made_once_for_its_owner_alone() {
    let (world, id) = busy();
    let file = world.home().join("audit.key");
    let first = audit(&world, &["key"]);
    assert_eq!((first.code, first.stdout.trim().len()), (0, 64), "{}", first.stderr);
    assert_eq!(fs::metadata(&file).expect("made").permissions().mode() & 0o7777, 0o600);
    assert_eq!(audit(&world, &["key"]).stdout, first.stdout);
    let left: Vec<PathBuf> = bytes(world.home()).into_iter().map(|(path, _)| path).collect();
    assert!(!left.iter().any(|path| path.extension().is_some_and(|end| end == "tmp")), "{left:?}");
    let secret = fs::read_to_string(&file).expect("readable");
    let printed = audit(&world, &["checkpoint", &id]);
    let line: Value = serde_json::from_str(&printed.stdout).expect("a line");
    assert_eq!(line["key"], first.stdout.trim());
    for name in ["format", "session", "seq", "hash", "epoch", "time", "records", "key", "signature"]
    {
        assert!(!line[name].is_null(), "{name}: {line}");
    }
    let secret = secret.split_whitespace().nth(1).expect("a seed");
    assert!(!printed.stdout.contains(secret) && !first.stdout.contains(secret));

    let at_once: Vec<Turn> = {
        fs::remove_file(&file).expect("removed");
        let start = |_| world.program(&["audit", "key"]).spawn().expect("starts");
        let children: Vec<_> = (0..8).map(start).collect();
        children.into_iter().map(crate::support::finish).collect()
    };
    assert!(
        at_once.iter().all(|turn| turn.code == 0 && turn.stdout == at_once[0].stdout),
        "{at_once:?}"
    );

    for (mode, words) in [(0o644, "mode 644"), (0o660, "mode 660"), (0o601, "mode 601")] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
        let refused = audit(&world, &["checkpoint", "--last"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{words}");
        assert!(
            refused.stderr.contains(words) && refused.stderr.contains("chmod 600"),
            "{}",
            refused.stderr
        );
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    fs::write(&file, "something else").expect("written");
    let refused = audit(&world, &["key"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("not an audit key"), "{}", refused.stderr);
}

#[test]
fn a_command_in_its_sandbox_does_not_get_the_key() {
    let world = World::silent();
    assert_eq!(audit(&world, &["key"]).code, 0);
    let key = world.home().join("audit.key");
    let secret = fs::read_to_string(&key).expect("readable");
    let line = format!("cat {}; echo tried", key.display());
    // The model's world is another one, but for the home.
    let model = World::playing(json!([runs(&line), says("No."), runs(&line), says("No.")]));
    for permissions in [&["--full-auto"][..], &["-s", "read-only"]] {
        let mut command = model.exec(&[permissions, &["--json", "go"]].concat());
        command.env("CODEX_HOME", world.home());
        let turn = run(command);
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        assert!(turn.outputs().iter().all(|output| output.contains("tried")), "{}", turn.stdout);
        assert!(!turn.stdout.contains(secret.trim()), "{}", turn.stdout);
    }
}

#[test]
fn checkpoints_of_another_key_or_of_nobody_are_named() {
    let (world, id) = busy();
    let file = signed(&world);
    let key = audit(&world, &["key"]).stdout.trim().to_owned();
    let verify =
        |more: &[&str]| audit(&world, &[&["verify", &id, "--checkpoint", &file], more].concat());
    assert_eq!(verify(&["--key", &key]).code, 0);
    let noted = world.path("public");
    fs::write(&noted, format!("{key}\n")).expect("written");
    assert_eq!(verify(&["--key", noted.to_str().expect("text")]).code, 0);
    assert_eq!(verify(&["--key", "nothing of the kind"]).code, 2);

    // Another home signs the same journal.
    fs::rename(world.home().join("audit.key"), world.path("old.key")).expect("moved");
    let unpinned = verify(&[]);
    assert_eq!(unpinned.code, 0, "{}", unpinned.stdout);
    assert!(unpinned.stdout.contains("nothing here vouches for"), "{}", unpinned.stdout);
    signed(&world);
    let other = audit(&world, &["key"]).stdout.trim().to_owned();
    let mixed = verify(&[]);
    assert_eq!(mixed.code, 3);
    assert!(
        mixed.stdout.contains(&format!("line 1 of {file}: it was signed by {key}")),
        "{}",
        mixed.stdout
    );
    let pinned = verify(&["--key", &key]);
    assert_eq!((pinned.code, pinned.stdout.lines().count()), (3, 1), "{}", pinned.stdout);
    assert!(
        pinned.stdout.contains(&format!("line 2 of {file}: it was signed by {other}")),
        "{}",
        pinned.stdout
    );

    let good = fs::read_to_string(&file).expect("readable");
    let line = good.lines().nth(1).expect("a line");
    let cases = [
        (line.replace("\"seq\":", "\"seq\":1"), "its signature does not fit"),
        (line.replace("codex-audit-checkpoint-1", "codex-audit-checkpoint-2"), "does not know"),
        (line.replace("\"seq\":", "\"position\":"), "is not a checkpoint"),
        ("\u{0}\u{fffd} nonsense".to_owned(), "is not a checkpoint"),
        (line[..line.len() / 2].to_owned(), "is not a checkpoint"),
    ];
    for (text, words) in cases {
        fs::write(&file, format!("\n{line}\n{text}\n")).expect("written");
        let found = verify(&[]);
        assert_eq!((found.code, found.stdout.lines().count()), (3, 1), "{}", found.stdout);
        assert!(
            found.stdout.contains("line 3 of ") && found.stdout.contains(words),
            "{}",
            found.stdout
        );
    }
    // A line that was cut off does not spoil the one behind it.
    fs::write(&file, &line[..line.len() / 2]).expect("written");
    signed(&world);
    assert_eq!(verify(&[]).stdout.lines().count(), 1);
    fs::write(&file, "nonsense\n").expect("written");
    let none = audit(&world, &["verify", "--all", "--checkpoint", &file]);
    assert_eq!(none.code, 3, "{}", none.stdout);
    assert!(none.stdout.contains("line 1 of ") && none.stdout.contains("holds no checkpoint\n"));
    fs::write(&file, "").expect("written");
    let none = verify(&[]);
    assert_eq!(none.code, 3);
    assert!(none.stdout.contains("holds no checkpoint of session"), "{}", none.stdout);
    assert_eq!(audit(&world, &["verify", "--checkpoint", "/no/such/file"]).code, 2);
}

#[test]
fn all_sessions_are_signed_at_once_and_one_that_is_gone_is_missed() {
    let (world, id) = busy();
    let file = world.path("all").display().to_string();
    let turn = run(world.exec(&["--json", "once more"]));
    let second = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    assert_eq!(audit(&world, &["checkpoint", "--all", "-o", &file]).code, 0);
    assert_eq!(fs::read_to_string(&file).expect("written").lines().count(), 2);
    let all = audit(&world, &["verify", "--all", "--checkpoint", &file]);
    assert_eq!((all.code, all.stdout.lines().count()), (0, 2), "{}", all.stdout);
    fs::remove_dir_all(world.home().join("journals").join(&id)).expect("removed");
    for words in [&["--all"][..], &[&id]] {
        let missed = audit(&world, &[&["verify", "--checkpoint", &file], words].concat());
        assert_eq!(missed.code, 3, "{}{}", missed.stdout, missed.stderr);
        assert!(missed.stdout.contains("no journal at"), "{}", missed.stdout);
    }
    let other = audit(&world, &["verify", &second, "--checkpoint", &file]);
    assert_eq!(other.code, 0, "{}", other.stdout);
    assert_eq!(audit(&world, &["verify", &id]).code, 2);
}
