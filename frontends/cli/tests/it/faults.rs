//! What each fault of a model server comes to, for each backend, held against `faults.txt`.
//!
//! The file is meant to be read: it says what is recorded, what is printed, how often and after how
//! long a request is sent again, and the exit code. `FAULTS=write` writes it anew.

mod cases;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::socket::SocketServer;
use crate::support::{Turn, World, run};
use cases::{Case, Server, cases};

/// How many cases run at once; most of them wait most of the time.
const AT_ONCE: usize = 3;

#[test]
fn every_fault_comes_to_what_the_table_says() {
    let cases = cases();
    let found: Mutex<Vec<Option<String>>> = Mutex::new(vec![None; cases.len()]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let at = cases.iter().position(|other| std::ptr::eq(other, case));
                    found.lock().expect("whole")[at.expect("one of them")] = Some(block(case));
                }
            });
        }
    });
    let found = found.into_inner().expect("whole");
    let found = found.into_iter().map(|block| block.expect("every case has run"));
    let found = found.collect::<Vec<_>>().join("\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults.txt");
    if std::env::var("FAULTS").as_deref() == Ok("write") {
        std::fs::write(&path, &found).expect("written");
        return;
    }
    let expected = std::fs::read_to_string(&path).expect("the table");
    for (expected, found) in expected.split("\n\n").zip(found.split("\n\n")) {
        assert_eq!(found, expected, "FAULTS=write writes the table anew; read it then");
    }
    assert_eq!(found, expected);
}

/// The part of the table that is about one case.
fn block(case: &Case) -> String {
    let title = format!("== {}\n", case.name);
    let told = [("responses", false), ("stateless", true)].map(|(name, stateless)| {
        (
            name,
            std::panic::catch_unwind(|| play(case, stateless))
                .unwrap_or_else(|_| panic!("`{}` with the backend {name} failed", case.name)),
        )
    });
    let [(first, one), (second, other)] = &told;
    if one == other {
        return format!("{title}backends: {first}, {second}\n{one}");
    }
    format!("{title}backend: {first}\n{one}backend: {second}\n{other}")
}

fn play(case: &Case, stateless: bool) -> String {
    let (world, socket) = match &case.server {
        Server::Plays(steps) => (World::playing(steps.clone()), None),
        Server::Sends(serve) => (World::silent(), Some(serve())),
        Server::Absent => (World::silent(), None),
    };
    let base = match (&case.server, &socket) {
        (Server::Plays(_), _) => world.base_url(),
        (_, Some(socket)) => socket.base_url(),
        // Nothing listens on the port that is never given away.
        (Server::Absent | Server::Sends(_), None) => "http://127.0.0.1:1/v1".to_owned(),
    };
    let more = case.settings.map_or(String::new(), |more| format!(",{more}"));
    let settings = format!(
        "{{name=\"mock\",base_url=\"{base}\",request_max_retries=1,stream_max_retries=1{more}}}"
    );
    let world = world.with_provider(&settings);
    let backend: &[&str] = if stateless { &["-c", "disable_response_storage=true"] } else { &[] };
    let began = Instant::now();
    let turn = world.turn(backend);
    let took = began.elapsed();

    let events = events(&world);
    let waited: u64 =
        events.iter().filter_map(|event| event["body"]["retry"]["in_ms"].as_u64()).sum();
    assert!(took >= Duration::from_millis(waited), "{took:?}, and {waited} ms were to be waited");
    check_bodies(&bodies(&world, socket.as_ref(), case), &events);
    world.check_replay(&turn);

    let mut out = String::new();
    for line in attempts(&events) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "events: {}", kinds(&events).join(" "));
    for line in turn.lines() {
        let _ = writeln!(out, "stdout: {}", shape(&line));
    }
    for line in turn.stderr.lines() {
        let _ = writeln!(out, "stderr: {line}");
    }
    for line in people(&world) {
        let _ = writeln!(out, "people: {line}");
    }
    let _ = writeln!(out, "exit: {}", turn.code);
    out.replace(base.trim_end_matches("/v1"), "http://SERVER")
}

fn bodies(world: &World, socket: Option<&SocketServer>, case: &Case) -> Vec<Value> {
    match (&case.server, socket) {
        (Server::Plays(_), _) => world.bodies(),
        (_, Some(socket)) => {
            let bodies = socket.bodies();
            bodies.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect()
        }
        (Server::Absent | Server::Sends(_), None) => Vec::new(),
    }
}

/// Nothing of a failed attempt is sent: every attempt at a request sends the same, unless the
/// backend was changed in between.
fn check_bodies(bodies: &[Value], events: &[Value]) {
    let requested = events.iter().filter(|event| event["kind"] == "model_requested");
    let requested: Vec<_> = requested.map(|event| &event["body"]).collect();
    if bodies.is_empty() {
        return;
    }
    assert_eq!(bodies.len(), requested.len(), "each attempt is announced and sent once");
    for (at, body) in bodies.iter().enumerate().skip(1) {
        let same = |field: &str| requested[at][field] == requested[at - 1][field];
        if same("request") && same("backend") {
            assert_eq!(body, &bodies[at - 1], "every attempt sends the same");
        }
    }
}

fn events(world: &World) -> Vec<Value> {
    let raw = run(world.program(&["replay", "--last", "--raw"]));
    let events = raw.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    events.collect()
}

fn attempts(events: &[Value]) -> Vec<String> {
    let mut lines = Vec::new();
    for event in events {
        let (kind, body) = (event["kind"].as_str().unwrap_or_default(), &event["body"]);
        let attempt = &body["attempt"];
        match kind {
            "model_requested" if body["attempt"] == 1 && body["request"] != 1 => {
                lines.push(format!("request {}", body["request"]));
            }
            "model_responded" => lines.push(format!("attempt {attempt}: answered")),
            "model_attempt_failed" => {
                let fault = &body["fault"];
                let asked = fault["retry_after_ms"].as_u64();
                let follows = match body["retry"].as_object() {
                    None => "no retry".to_owned(),
                    Some(retry) => format!(
                        "{} retry {}/{} {}",
                        retry["budget"].as_str().unwrap_or_default(),
                        retry["number"],
                        retry["of"],
                        pause(retry["in_ms"].as_u64().unwrap_or_default(), asked)
                    ),
                };
                let fault = fault["kind"].as_str().unwrap_or_default();
                lines.push(format!("attempt {attempt}: {fault}, {follows}"));
            }
            _ => {}
        }
    }
    lines
}

/// A pause that the server asked for is told exactly; one of ours is spread by a tenth.
fn pause(in_ms: u64, asked: Option<u64>) -> String {
    match asked {
        Some(asked) => {
            assert_eq!(in_ms, asked);
            format!("after {asked} ms, as asked")
        }
        None => format!("after {}", about(in_ms)),
    }
}

fn about(in_ms: u64) -> &'static str {
    match in_ms {
        0 => "0 ms",
        180..=220 => "about 200 ms",
        360..=440 => "about 400 ms",
        _ => panic!("{in_ms} ms is no pause of ours"),
    }
}

/// Kinds of the turn's events, in order; a run of one kind counts once.
fn kinds(events: &[Value]) -> Vec<&str> {
    let kind = |event: &'_ Value| event["kind"] == "turn_started";
    let begin = events.iter().position(kind).expect("a turn");
    let mut kinds: Vec<&str> =
        events[begin..].iter().filter_map(|event| event["kind"].as_str()).collect();
    kinds.dedup();
    kinds
}

fn shape(line: &Value) -> String {
    let kind = line["type"].as_str().unwrap_or_default();
    let detail = match kind {
        "error" => line["message"].to_string(),
        "turn.failed" => line["error"]["message"].to_string(),
        "turn.completed" => json!(line["turn_usage"]["input_tokens"]).to_string() + " tokens in",
        "item.completed" => {
            let item = &line["item"];
            let detail = if item["text"].is_null() { &item["status"] } else { &item["text"] };
            format!("{} {detail}", item["type"].as_str().unwrap_or_default())
        }
        _ => return kind.to_owned(),
    };
    format!("{kind} {detail}")
}

/// What people are told of the fault: the same journal, told as text.
fn people(world: &World) -> Vec<String> {
    let Turn { stdout, stderr, .. } = run(world.program(&["replay", "--last"]));
    let told = ["reconnecting ", "asking ", "requests now ", "error: ", "hint: "];
    let lines = stdout.lines().chain(stderr.lines());
    // A line may begin with its time.
    let lines = lines.map(|line| match line.split_once("] ") {
        Some((time, rest)) if time.starts_with('[') => rest,
        Some(_) | None => line,
    });
    let lines = lines.filter(|line| told.iter().any(|begin| line.starts_with(begin)));
    lines.map(rounded).collect()
}

/// Replaces the exact length of a pause of ours.
fn rounded(line: &str) -> String {
    let pause = line.split(" in ").nth(1).and_then(|rest| rest.split_once("ms: "));
    match pause.and_then(|(number, rest)| Some((number.parse().ok()?, number, rest))) {
        Some((in_ms @ (180..=220 | 360..=440), number, _)) => {
            line.replacen(&format!(" in {number}ms: "), &format!(" in {}: ", about(in_ms)), 1)
        }
        Some(_) | None => line.to_owned(),
    }
}
