//! Secrets are nowhere but where they came from and where they were sent to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::socket::{SocketServer, plain};
use crate::support::{
    Running, Turn, World, bytes, eventually, patches, processes, provider, run, runs, says,
};

/// What the environment of the program holds, and no command's.
const TOKEN: &str = "c4n4ry-Zx9Q-7731-tail";
/// The same, with what JSON, shells and addresses escape.
const PASSWORD: &str = "p\"w\\x/7&k1LL+ö";

/// A token that only its form tells; put together here, so that no scanner takes this for a leak.
fn of_a_form() -> String {
    format!("ghp_{}", "a1B2c3D4e5F6".repeat(3))
}

fn exec(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.exec(arguments);
    command.env("MY_TOKEN", TOKEN).env("DB_PASSWORD", PASSWORD).env("RUST_LOG", "trace");
    command
}

fn turn(world: &World, prompt: &str) -> Turn {
    let last = world.path("last.txt");
    let last = last.to_str().expect("text");
    let stateless = "disable_response_storage=true";
    run(exec(world, &["--json", "--full-auto", "-c", stateless, "-o", last, "--", prompt]))
}

/// What a secret looks like, whoever writes it down.
fn looks(secret: &str) -> Vec<Vec<u8>> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let base64 = |before: &[u8]| {
        let all = [before, secret.as_bytes()].concat();
        // Whole groups alone: the same whatever follows.
        let groups = all.chunks_exact(3).skip(before.len().div_ceil(3));
        let word = |group: &[u8]| group.iter().fold(0, |word, byte| word << 8 | usize::from(*byte));
        let letters = |word: usize| [18, 12, 6, 0].map(|bits| LETTERS[word >> bits & 63]);
        groups.flat_map(|group| letters(word(group))).collect::<Vec<u8>>()
    };
    let quoted = serde_json::to_string(secret).expect("text");
    let twice = serde_json::to_string(&quoted).expect("text");
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        secret.as_bytes().to_vec(),
        quoted.trim_matches('"').as_bytes().to_vec(),
        twice.as_bytes()[3..twice.len() - 3].to_vec(),
        hex.into_bytes(),
        base64(b""),
        base64(b"x"),
        base64(b"xy"),
        // Halves are too much as well.
        secret.as_bytes()[..secret.len() / 2 + 1].to_vec(),
        secret.as_bytes()[secret.len() / 2 - 1..].to_vec(),
    ]
}

fn check(what: &str, held: &[u8]) {
    let (form, text) = (of_a_form(), String::from_utf8_lossy(held));
    // What only its form tells is not told in another form.
    let of_form = looks(&form).into_iter().filter(|look| form.as_bytes().starts_with(look));
    for looks in [looks(TOKEN), looks(PASSWORD), of_form.collect()] {
        for look in looks {
            let look = String::from_utf8(look).expect("text");
            assert!(!text.contains(&look), "{what} holds {look}");
        }
    }
}

/// Looks through every byte that the program left anywhere.
fn check_files(world: &World) {
    let mut files = bytes(world.home());
    files.extend(bytes(world.path("temp")));
    for base in ["/tmp", "/var/tmp", "/dev/shm"] {
        let folders = fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path());
        let ours = |path: &PathBuf| path.to_string_lossy().contains("/codex-") && path.is_dir();
        for folder in folders.filter(ours) {
            // Other tests run beside this one, and their folders go.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                files.extend(fs::read(entry.path()).ok().map(|held| (entry.path(), held)));
            }
        }
    }
    // Journals of the engine are plain: what was not redacted shows.
    let marked = |(path, held): &&(PathBuf, Vec<u8>)| {
        path.ends_with("db/db") && String::from_utf8_lossy(held).contains("[redacted:")
    };
    assert!(files.iter().any(|file| marked(&file)), "no journal was looked at");
    for (path, held) in &files {
        check(&path.display().to_string(), held);
        check(&path.display().to_string(), path.to_string_lossy().as_bytes());
    }
}

fn check_bodies(world: &World) {
    for body in world.bodies() {
        check("a request", body.to_string().as_bytes());
    }
}

fn check_printed(turn: &Turn) {
    check("stdout", turn.stdout.as_bytes());
    check("stderr", turn.stderr.as_bytes());
}

/// Puts all secrets into a file of the project, one a line.
fn with_env_file(world: &World) {
    let text = format!("{TOKEN}\n{PASSWORD}\n{}\n", of_a_form());
    fs::write(world.work().join(".env"), text).expect("written");
}

fn add(text: &str) -> String {
    format!("*** Begin Patch\n*** Add File: made.txt\n+{text}\n*** End Patch\n")
}

#[test]
fn secrets_of_prompt_output_answer_and_patch_are_kept_nowhere() {
    let form = of_a_form();
    let all = format!("{TOKEN} {PASSWORD} {form}");
    let world = World::playing(json!([
        runs("cat .env; cat .env >&2; base64 -w0 .env; tr -d '\\n' <.env | base64 -w0"),
        runs(&format!("printf %s '{all}' > given.txt; printf %s '{TOKEN}'; exit 3")),
        [{"type": "function_call", "name": "shell",
          "arguments": {"command": ["printf", "%s", TOKEN, PASSWORD, form], "workdir": "."}}],
        patches(&add(&all)),
        [{"type": "function_call", "name": "no_such_tool", "arguments": {"key": TOKEN}}],
        {"items": [{"type": "text", "text": format!("It is {all}, as asked.")}], "chunk_deltas": 1}
    ]));
    with_env_file(&world);
    let turn = turn(&world, &format!("use {all} for it"));
    assert_eq!(turn.code, 0, "{}{}", turn.stdout, turn.stderr);

    // What was done was done with the values …
    assert_eq!(world.read("given.txt"), Some(all.clone()));
    assert_eq!(world.read("made.txt"), Some(format!("{all}\n")));
    // … and what is told of it has markers, the same one for the same secret.
    let marker = |name: &str, text: &str| {
        let at = text.find(&format!("[redacted:{name}:")).expect("a marker");
        text[at..].split_inclusive(']').next().expect("an end").to_owned()
    };
    let answer = fs::read_to_string(world.path("last.txt")).expect("an answer");
    for name in ["MY_TOKEN", "DB_PASSWORD", "github-token"] {
        let marker = marker(name, &answer);
        for (number, body) in world.bodies().iter().enumerate() {
            assert!(body.to_string().contains(&marker), "{name} in request {number}: {body}");
        }
    }
    assert!(turn.outputs()[1].starts_with("[redacted:MY_TOKEN:"), "{:?}", turn.outputs());
    let log = fs::read_to_string(world.home().join("log/codex.log")).expect("a log");
    assert!(!log.is_empty());

    check("the last message", answer.as_bytes());
    check_printed(&turn);
    check_bodies(&world);
    check_files(&world);
    world.check_replay(&turn);
}

#[test]
fn no_cut_of_output_lets_a_secret_through() {
    // Each secret is printed in two parts, parted at every position, on both outputs; then in one
    // part of which the budget of what is kept leaves out the middle.
    let script = "while read -r s; do
        for ((i = 0; i <= ${#s}; i++)); do
            printf %s \"${s:0:i}\"; printf %s \"${s:0:i}\" >&2
            sleep 0.004
            printf '%s\\n' \"${s:i}\"; printf '%s\\n' \"${s:i}\" >&2
        done
    done < .env
    for n in 1 2 3; do yes \"$(tr -d '\\n' < .env)\" | head -c 1000003; echo; done";
    let world = World::playing(json!([runs(script), says("done")]));
    with_env_file(&world);
    let turn = turn(&world, "print it");
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let printed = &turn.outputs()[0];
    for name in ["MY_TOKEN", "DB_PASSWORD"] {
        assert!(printed.matches(&format!("[redacted:{name}:")).count() > 100, "{name}");
    }
    check_printed(&turn);
    check_bodies(&world);
    check_files(&world);
    world.check_replay(&turn);
}

#[test]
fn a_streamed_secret_is_kept_nowhere_even_if_its_answer_breaks_off() {
    let text = format!("{} {TOKEN} {PASSWORD} and more", of_a_form());
    let broken = |at: u32| {
        json!({"items": [{"type": "text", "text": text}], "chunk_deltas": 1,
               "fault": {"kind": "drop", "after_events": at}})
    };
    let steps: Vec<Value> = [4, 7, 9, 12].map(broken).into();
    for step in steps {
        let world = World::playing(json!([step, says("fine")]));
        let turn = turn(&world, &format!("say {TOKEN}"));
        assert_eq!(turn.code, 0, "{}{}", turn.stdout, turn.stderr);
        check_printed(&turn);
        check_files(&world);
    }
}

#[test]
fn a_key_that_the_server_repeats_is_not_kept() {
    let body = format!(r#"{{"error":{{"message":"Incorrect API key provided: {TOKEN}."}}}}"#);
    let plain_text = format!("no: {PASSWORD}");
    for (status, body) in [("401 Unauthorized", &body), ("400 Bad Request", &plain_text)] {
        let server = SocketServer::sending(vec![plain(status, "", body.as_bytes())]);
        let settings = provider(&server.base_url());
        let settings = format!("{},env_key=\"MY_TOKEN\"}}", settings.trim_end_matches('}'));
        let world = World::silent().with_provider(&settings);
        let turn = turn(&world, "go");
        assert_eq!(turn.code, 1, "{}", turn.stderr);
        assert!(turn.last().to_string().contains("[redacted:"), "{}", turn.stdout);
        check_printed(&turn);
        check_files(&world);
    }
}

#[test]
fn a_call_with_a_secret_is_not_carried_out_by_another_process() {
    let mark = format!("86.{}", std::process::id());
    let wait = json!({"type": "function_call", "name": "exec_command",
                      "arguments": {"cmd": format!("cat .env; sleep {mark}"), "login": false}});
    let patch = json!({"type": "custom_tool_call", "name": "apply_patch", "input": add(TOKEN)});
    let command = json!({"type": "function_call", "name": "exec_command", "arguments":
        {"cmd": format!("printf %s '{PASSWORD}' > given.txt"), "login": false}});
    let world = World::playing(json!([[wait, patch, command], says("I see.")]));
    with_env_file(&world);
    let mut running = Running::start(exec(&world, &["--json", "--full-auto", "go"]));
    running.until("item.started");
    eventually("the command runs", || processes(&mark) >= 1);
    check_files_of_the_living(&world);
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, 137);
    eventually("the command ended with it", || processes(&mark) == 0);
    check_files(&world);

    let turn = run(exec(&world, &["--json", "resume", "--last", "go on"]));
    assert_eq!(turn.code, 0, "{}{}", turn.stdout, turn.stderr);
    assert_eq!((world.read("made.txt"), world.read("given.txt")), (None, None));
    let body = world.bodies().pop().expect("a request").to_string();
    assert_eq!(body.matches("The arguments of this call hold a secret").count(), 2, "{body}");
    check_printed(&turn);
    check_bodies(&world);
    check_files(&world);
    world.check_journal();
}

/// As `check_files`, while the program runs: the engine has not written everything yet.
fn check_files_of_the_living(world: &World) {
    for (path, held) in bytes(world.home()).into_iter().chain(bytes(world.path("temp"))) {
        check(&path.display().to_string(), &held);
    }
}

#[test]
fn a_patch_with_a_secret_is_applied_whole_or_not_at_all_wherever_the_kill_came() {
    for trial in 0..8 {
        let world = World::playing(json!([patches(&add(TOKEN)), says("Done.")]));
        with_env_file(&world);
        let mut running =
            Running::start(exec(&world, &["--json", "--full-auto", "--", &format!("use {TOKEN}")]));
        running.until("turn.started");
        // Spread over the few milliseconds that it takes.
        std::thread::sleep(std::time::Duration::from_millis(trial));
        running.signal(Signal::KILL);
        running.end();
        check_files(&world);
        let turn = run(exec(&world, &["--json", "resume", "--last", "go on"]));
        assert_eq!(turn.code, 0, "{}{}", turn.stdout, turn.stderr);
        if let Some(made) = world.read("made.txt") {
            assert_eq!(made, format!("{TOKEN}\n"));
        }
        check_bodies(&world);
        check_files(&world);
        world.check_journal();
    }
}

#[test]
fn the_key_of_the_markers_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::playing(json!([says("fine")]));
    let plain = run(exec(&world, &["nothing to hide"]));
    assert_eq!(plain.code, 0, "{}", plain.stderr);
    let key = world.home().join("redaction.key");
    assert!(!key.exists(), "nobody needed it");
    let marker = |turn: &Turn| {
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        let bodies = world.bodies().pop().expect("a request").to_string();
        let at = bodies.rfind("[redacted:MY_TOKEN:").expect("a marker");
        bodies[at..at + 32].to_owned()
    };
    let one = marker(&turn(&world, &format!("use {TOKEN}")));
    let held = fs::metadata(&key).expect("made");
    assert_eq!((held.permissions().mode() & 0o777, held.len()), (0o600, 32));
    let two = marker(&turn(&world, &format!("use {TOKEN} again")));
    assert_eq!(one, two, "another session has other markers");
}

#[test]
fn a_key_of_the_markers_that_is_none_is_said_and_left_alone() {
    let world = World::playing(json!([says("fine"), says("fine again")]));
    let key = world.home().join("redaction.key");
    for broken in [&b"short"[..], b"", &[7; 33]] {
        fs::write(&key, broken).expect("written");
        let refused = run(exec(&world, &["go"]));
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        let words = format!("redaction.key is no key of markers: it has {} bytes", broken.len());
        assert!(refused.stderr.contains(&words), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
        assert_eq!(fs::read(&key).expect("there"), broken, "nothing is lost");
    }
    assert_eq!(world.bodies().len(), 0, "the model was asked");
    fs::write(&key, [7; 32]).expect("written");
    let turn = run(exec(&world, &["go"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
}

#[test]
fn an_address_with_a_secret_is_refused() {
    let settings = provider(&format!("http://127.0.0.1:1/{TOKEN}/v1"));
    let world = World::silent().with_provider(&settings);
    let turn = turn(&world, "go");
    assert_eq!(turn.code, 2, "{}", turn.stderr);
    assert!(turn.stderr.contains("holds more than an address"), "{}", turn.stderr);
    assert!(!world.home().join("journals").exists());
}

#[test]
fn a_program_to_be_told_gets_its_arguments_as_they_are() {
    let world = World::playing(json!([says("fine")]));
    let told = world.work().join("told.txt");
    let line = format!("printf '%s %s' \"$1\" \"$2\" > {}", told.display());
    let notify = json!(["sh", "-c", line, "sh", TOKEN]).to_string();
    let notify = format!("notify={notify}");
    let turn = run(exec(&world, &["--json", "-c", &notify, "--", &format!("use {TOKEN}")]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    eventually("the program was told", || {
        world.read("told.txt").is_some_and(|text| text.contains("agent-turn-complete"))
    });
    let text = world.read("told.txt").expect("told");
    assert!(text.starts_with(TOKEN), "{text}");
    check("the payload", &text.as_bytes()[TOKEN.len()..]);
    check_files(&world);
    world.check_replay(&turn);
}
