//! Sessions as files, and sessions that were forked, as `codex sessions` treats them.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::support::{Turn, World, run, runs, says};

fn sessions(world: &World, arguments: &[&str]) -> Turn {
    run(world.program(&[&["sessions"], arguments].concat()))
}

fn begun(world: &World) -> String {
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_session_goes_from_one_home_to_another_in_a_file() {
    let world = World::playing(json!([runs("seq 1 20000"), says("Counted.")]));
    let id = begun(&world);
    let file = world.path("it.codex-session");
    let path = file.to_str().expect("text");
    let done = sessions(&world, &["export", &id, "-o", path]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.starts_with(path), "{}", done.stdout);
    let mode = fs::metadata(&file).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others of this machine read no conversations");
    let piped = world.program(&["sessions", "export", &id, "-o", "-"]).output().expect("runs");
    assert_eq!(piped.stdout, fs::read(&file).expect("written"), "a pipe gets the same bytes");
    assert_eq!(sessions(&world, &["export", &id]).code, 0);
    assert!(world.work().join(format!("{id}.codex-session")).is_file());
    assert_eq!(sessions(&world, &["export", &id]).code, 2, "a file is replaced only when asked to");
    assert_eq!(sessions(&world, &["export", &id, "--force"]).code, 0);
    let left = fs::read_dir(world.work()).expect("there").flatten();
    let half = left.filter(|it| it.file_name().to_string_lossy().ends_with("half")).count();
    assert_eq!(half, 0);

    let other = World::playing(json!([says("On.")]));
    let made = sessions(&other, &["import", path]);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.stdout.starts_with(&id), "{}", made.stdout);
    let replay = |world: &World| run(world.program(&["replay", &id, "--json"])).stdout;
    assert_eq!(replay(&other), replay(&world));
    assert_eq!(run(other.program(&["replay", &id, "--verify"])).code, 0);
    let table = sessions(&other, &["--json"]).lines();
    assert_eq!((&table[0]["id"], &table[0]["state"]), (&id.as_str().into(), &"clean".into()));
    let found = sessions(&other, &["search", "19999", "--json"]).lines();
    assert!(!found.is_empty() && found[0]["session"] == id.as_str(), "{found:?}");
    let turn =
        run(other.exec(&["-C", other.work().to_str().expect("text"), "resume", &id, "go on"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);

    let again = sessions(&other, &["import", path]);
    assert!(again.code == 2 && again.stderr.contains("exists"), "{again:?}");
    let keeps = format!("`codex sessions export {id} -o OLD` keeps what is here");
    assert!(again.stderr.contains(&keeps), "a session may be all that there is: {again:?}");
    let mut torn = fs::read(&file).expect("read");
    let middle = torn.len() / 2;
    torn[middle] ^= 1;
    fs::write(&file, torn).expect("written");
    let third = World::silent();
    let notes = third.path("notes.txt");
    fs::write(&notes, "no session").expect("written");
    let text = notes.to_str().expect("text");
    let refused = sessions(&third, &["import", path, text, "/nowhere"]);
    assert!(refused.code == 3 && refused.stderr.contains("damaged"), "{refused:?}");
    for words in ["no exported session", "can't be read", "hint: "] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert_eq!(sessions(&third, &[]).stdout, "no sessions yet\n");
}

/// Whoever makes a file chooses what is in it: it must not bring a program that is started, an address
/// that gets the key, or permissions.
#[test]
fn what_a_file_brings_along_counts_as_far_as_the_settings_here_go() {
    let world = World::playing(json!([says("Done."), says("To the wrong one.")]));
    let told = world.path("told");
    let notify = format!("notify=[\"touch\", {told:?}]");
    let wide = ["-c", "git_writes=\"metadata\"", "-c", "sandbox_level=\"landlock\""];
    let turn = world.turn(&[&["--full-auto", "-c", &notify], &wide[..]].concat());
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let id = turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let file = world.path("it.codex-session");
    let path = file.to_str().expect("text");
    assert_eq!(sessions(&world, &["export", &id, "-o", path]).code, 0);

    let other = World::playing(json!([says("On."), says("As a fork.")]));
    assert_eq!(sessions(&other, &["import", path]).code, 0);
    let fork = run(other.exec(&["fork", &id]));
    assert_eq!(fork.code, 0, "{fork:?}");
    let work = other.work();
    let here = ["-C", work.to_str().expect("text")];
    for (session, requests) in [(id.as_str(), 1), (fork.stdout.trim(), 2)] {
        let turn = run(other.exec(&[&here[..], &["resume", session, "go on"]].concat()));
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        assert!(turn.stderr.contains("the session was imported"), "{}", turn.stderr);
        assert_eq!(other.bodies().len(), requests, "this machine's server is asked");
        let replay = run(other.program(&["replay", session, "--json", "--verify"]));
        let shown = sessions(&other, &["show", session, "--json"]).lines();
        let settings = &shown[0]["settings"];
        assert_eq!(settings["permissions"], json!(["disk-full-read-access"]), "{replay:?}");
        assert_eq!(settings.get("notify").unwrap_or(&json!([])), &json!([]), "{settings}");
        // They are not told where they are as by default.
        let (git, level) = (settings.get("git_writes"), settings.get("sandbox_level"));
        assert_eq!((git, level), (None, None), "{settings}");
    }
    assert_eq!(world.bodies().len(), 1, "nothing reached the server that the file names");
    let wider = [&here[..], &["--full-auto", "resume", &id, "go on"]].concat();
    assert_eq!(run(other.exec(&wider)).code, 0);
    let again = run(other.exec(&[&here[..], &["resume", &id, "go on"]].concat()));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(!again.stderr.contains("imported"), "what was allowed here counts: {}", again.stderr);
    let shown = sessions(&other, &["show", &id, "--json"]).lines();
    assert!(shown[0]["settings"]["permissions"].as_array().is_some_and(|all| all.len() == 3));
}

#[test]
fn a_fork_is_listed_as_one_and_outlives_its_parent() {
    let world = World::playing(json!([runs("seq 1 20000"), says("Counted."), says("On.")]));
    let parent = begun(&world);
    assert_eq!(sessions(&world, &["name", &parent, "the parent"]).code, 0);
    let fork = run(world.exec(&["fork", &parent]));
    assert_eq!(fork.code, 0, "{fork:?}");
    let child = fork.stdout.trim().to_owned();
    let lines = sessions(&world, &["--json"]).lines();
    let line = |id: &str| lines.iter().find(|line| line["id"] == id).expect("listed").clone();
    assert_eq!(line(&child)["state"], "ready", "nothing of it was cut off");
    assert!(sessions(&world, &[]).stdout.contains("  ready        "));
    assert_eq!(line(&child)["forked"]["session"], parent.as_str());
    assert_eq!(line(&child)["name"], Value::Null);
    assert_eq!(line(&child)["usage"]["input_tokens"], 0, "what was before is the parent's");
    assert!(sessions(&world, &[]).stdout.contains(&format!("(fork of {})", &parent[..13])));
    let shown = sessions(&world, &["show", "the parent", "--json"]).lines();
    assert_eq!(shown[0]["forks"], json!([child]));
    assert_eq!(sessions(&world, &["delete", "--force", "the parent"]).code, 0);
    assert_eq!(run(world.program(&["replay", &child, "--verify"])).code, 0);
    assert_eq!(sessions(&world, &["gc"]).stdout, "");
    let turn = run(world.exec(&["resume", &child, "go on"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(sessions(&world, &["--json"]).lines()[0]["state"], "clean");
    assert_eq!(run(world.program(&["replay", &child, "--verify"])).code, 0);
    // From the middle of a turn there is something to go on with.
    let raw = run(world.program(&["replay", &child, "--raw"])).lines();
    let begun = raw.iter().find(|event| event["kind"] == "tool_intended").expect("a call");
    let at = begun["seq"].to_string();
    let fork = run(world.exec(&["fork", "--at", &at, &child]));
    assert_eq!(fork.code, 0, "{fork:?}");
    assert_eq!(sessions(&world, &["--json"]).lines()[0]["state"], "interrupted");
}

#[test]
fn an_export_to_a_pipe_or_a_link_leaves_it_what_it_is() {
    let world = World::playing(json!([says("Hello.")]));
    let id = begun(&world);
    let whole = world.program(&["sessions", "export", &id, "-o", "-"]).output().expect("runs");

    let pipe = world.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("runs");
    assert!(made.success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).expect("read")
    });
    let done = sessions(&world, &["export", &id, "-o", pipe.to_str().expect("text")]);
    if !fs::symlink_metadata(&pipe).expect("there").file_type().is_fifo() {
        panic!("the pipe was replaced: {done:?}");
    }
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(reader.join().expect("read"), whole.stdout);

    let (file, link) = (world.path("file"), world.path("link"));
    fs::write(&file, "before").expect("written");
    symlink(&file, &link).expect("linked");
    let link_name = link.to_str().expect("text");
    let done = sessions(&world, &["export", &id, "-o", link_name]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        done.stderr.contains("is there already") && done.stderr.contains("--force"),
        "{done:?}"
    );
    assert_eq!(fs::read(&file).expect("read"), b"before");
    let done = sessions(&world, &["export", &id, "--force", "-o", link_name]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink(), "the link was replaced");
    assert_eq!(fs::read(&file).expect("read"), whole.stdout);

    let done = sessions(&world, &["export", &id, "-o", "/dev/full"]);
    assert!(done.code == 2 && done.stderr.contains("can't be written"), "{done:?}");
}

#[test]
fn a_session_goes_on_from_its_base_when_the_engine_s_files_are_gone() {
    let world =
        World::playing(json!([runs("seq 1 100"), says("Counted."), says("On."), says("More.")]));
    let parent = begun(&world);
    let child = run(world.exec(&["fork", &parent])).stdout.trim().to_owned();
    let file = world.path("it.codex-session");
    let path = file.to_str().expect("text");
    assert_eq!(sessions(&world, &["export", &parent, "-o", path]).code, 0);
    assert_eq!(sessions(&world, &["delete", "--force", &parent]).code, 0);
    assert_eq!(sessions(&world, &["import", path]).code, 0);
    let engine = |id: &str| world.home().join("journals").join(id).join("db");

    // Everything that was imported is in the base.
    fs::remove_dir_all(engine(&parent)).expect("removed");
    assert_eq!(run(world.program(&["replay", &parent, "--verify"])).code, 0);
    let turn = run(world.exec(&["resume", &parent, "go on"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(run(world.program(&["replay", &parent, "--verify"])).code, 0);

    // What the fork did itself is lost, is named, and what was before goes on.
    fs::remove_dir_all(engine(&child)).expect("removed");
    let refused = run(world.exec(&["resume", &child, "go on"]));
    assert!(refused.code == 3 && refused.stderr.contains("is lost"), "{refused:?}");
    let at = refused.stderr.split("--at ").nth(1).and_then(|rest| rest.split('`').next());
    let at = at.expect("a way out").to_owned();
    let turn = run(world.exec(&["fork", &child, "--at", &at, "go on"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
}
