//! Servers that send too much, too slowly, or what makes no sense: what the user sees of it.

use std::io::{self, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::socket::{HEAD, SocketServer, answer, completed, event};
use crate::support::{Running, Turn, World, eventually, finish, provider, run, says};

const MIB: usize = 1 << 20;

fn world(server: &SocketServer) -> World {
    World::silent().with_provider(&provider(&server.base_url()))
}

#[test]
fn a_signal_ends_a_stream_that_drips() {
    let server = SocketServer::start(|_, socket| {
        socket.write_all(HEAD.as_bytes())?;
        loop {
            socket.write_all(b"x")?;
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let world = world(&server);
    let mut running = Running::start(world.exec(&["--json", "go"]));
    running.until("turn.started");
    eventually("the stream has begun", || !server.bodies().is_empty());
    let began = Instant::now();
    running.signal(Signal::INT);
    let turn = running.end();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(turn.code, 130, "{}", turn.stderr);
    assert_eq!(turn.last()["type"], "turn.failed");
    world.check_replay(&turn);
}

/// Runs a program to its end, and gives the most memory that it held, in MiB.
fn weighed(mut command: Command) -> (Turn, usize) {
    let child = command.spawn().expect("the program starts");
    let (status, over) = (format!("/proc/{}/status", child.id()), Arc::<AtomicBool>::default());
    let peak = Arc::<Mutex<usize>>::default();
    let watch = std::thread::spawn({
        let (over, peak) = (over.clone(), peak.clone());
        move || {
            while !over.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&status).unwrap_or_default();
                let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
                let mut peak = peak.lock().expect("whole");
                *peak = number.map_or(*peak, |kib: usize| (kib / 1024).max(*peak));
                drop(peak);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    let turn = finish(child);
    over.store(true, Ordering::Relaxed);
    watch.join().expect("the watch does not panic");
    let peak = *peak.lock().expect("whole");
    assert!(peak > 0, "nothing was weighed");
    let _ = writeln!(io::stderr(), "peak of {peak} MiB");
    (turn, peak)
}

fn item_of(socket: &mut TcpStream, mebibytes: usize) -> io::Result<()> {
    socket.write_all(br#"data: {"type":"response.output_item.done","item":{"type":"message","content":[{"type":"output_text","text":""#)?;
    for _ in 0..mebibytes {
        socket.write_all(&[b'x'; MIB])?;
    }
    socket.write_all(b"\"}]}}\n\n")
}

#[test]
fn a_hundred_megabytes_in_one_item_are_refused_in_bounded_memory() {
    let server = SocketServer::start(|_, socket| {
        socket.write_all(HEAD.as_bytes())?;
        item_of(socket, 100)?;
        socket.write_all(completed("r").as_bytes())
    });
    let world = world(&server);
    let (turn, peak) = weighed(world.exec(&["--json", "go"]));
    assert_eq!(turn.code, 1, "{}", turn.stderr);
    let message = turn.last()["error"]["message"].to_string();
    assert!(message.contains("an event of the response is larger than"), "{message}");
    assert!(turn.stderr.contains("hint: "), "{}", turn.stderr);
    assert_eq!(server.bodies().len(), 1, "the next attempt would be as long");
    assert!(peak < 150, "{peak} MiB");
    world.check_replay(&turn);
}

#[test]
fn a_long_answer_in_small_pieces_is_held_by_nobody() {
    const LENGTH: usize = 64;
    let server = SocketServer::start(|_, socket| {
        socket.write_all(HEAD.as_bytes())?;
        let text = "y".repeat(MIB / 16);
        let delta =
            event(&json!({"type": "response.output_text.delta", "delta": text}).to_string());
        for _ in 0..LENGTH * 16 {
            socket.write_all(delta.as_bytes())?;
        }
        socket.write_all(&answer("that was a lot")[HEAD.len()..])
    });
    let world = world(&server);
    let (turn, peak) = weighed(world.exec(&["--json", "go"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let little = SocketServer::sending(vec![answer("that was little")]);
    let (_, usual) = weighed(self::world(&little).exec(&["--json", "go"]));
    assert!(peak < usual + LENGTH, "{peak} MiB instead of {usual}");
}

#[test]
fn the_largest_item_that_is_taken_is_taken_whole() {
    let server = SocketServer::start(|_, socket| {
        socket.write_all(HEAD.as_bytes())?;
        item_of(socket, 31)?;
        socket.write_all(completed("r").as_bytes())
    });
    let world = world(&server);
    let (turn, peak) = weighed(world.exec(&["--json", "go"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let message = turn.items("agent_message")[0]["text"].as_str().map(str::len);
    assert_eq!(message, Some(31 * MIB));
    assert!(peak < 320, "{peak} MiB");
    world.check_replay(&turn);
}

fn stateless(world: &World) -> Turn {
    world.turn(&["--full-auto", "-c", "disable_response_storage=true"])
}

fn calls(arguments: &str) -> Value {
    json!([{"type": "function_call", "name": "exec_command", "arguments": arguments}])
}

/// The call and its outputs, as the second request holds them.
fn sent_back(world: &World) -> (Value, Vec<String>) {
    let input = world.bodies()[1]["input"].clone();
    let items = || input.as_array().expect("items").iter();
    let call = items().find(|item| item["type"] == "function_call").expect("the call").clone();
    let outputs = items().filter(|item| item["type"] == "function_call_output");
    let outputs = outputs.map(|item| item["output"].as_str().unwrap_or_default().to_owned());
    (call, outputs.collect())
}

#[test]
fn arguments_that_were_cut_off_are_not_run_and_go_back_whole() {
    let cut = r#"{"cmd": "echo begun > begun; ec"#;
    let world = World::playing(json!([calls(cut), says("I see.")]));
    let turn = stateless(&world);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert_eq!(world.read("begun"), None, "nothing was run");
    let (call, outputs) = sent_back(&world);
    let arguments: Value =
        serde_json::from_str(call["arguments"].as_str().expect("a string")).expect("JSON");
    assert_eq!(arguments, json!({"invalid_arguments": cut}));
    let [output] = &outputs[..] else { panic!("one output: {outputs:?}") };
    assert!(output.contains("cut off, and nothing was run"), "{output}");
    // The journal keeps what came.
    let raw = run(world.program(&["replay", "--last", "--raw"]));
    let kept = raw.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let kept = kept.filter_map(|event| event["body"]["raw"].as_str().map(str::to_owned));
    assert!(kept.into_iter().any(|raw| raw.contains(&json!(cut).to_string())));
    world.check_replay(&turn);
}

#[test]
fn arguments_may_be_as_deep_as_they_like() {
    for depth in [1_000, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let deep = format!(r#"{{"cmd":"echo ran","login":false,"why":{nested}}}"#);
        let world = World::playing(json!([calls(&deep), says("It ran.")]));
        let turn = stateless(&world);
        assert_eq!(turn.code, 0, "{depth}: {}", turn.stderr);
        assert_eq!(turn.outputs(), ["ran\n"], "{depth}");
        let (call, outputs) = sent_back(&world);
        assert!(call["arguments"] == deep, "{depth}: they go back as they came");
        assert_eq!(outputs.len(), 1);
        world.check_replay(&turn);

        // Where the command itself is so deep, the model is told.
        let world = World::playing(json!([calls(&format!(r#"{{"cmd":{nested}}}"#)), says("No.")]));
        let turn = stateless(&world);
        assert_eq!(turn.code, 0, "{depth}: {}", turn.stderr);
        let (_, outputs) = sent_back(&world);
        assert!(outputs[0].contains("failed to parse function arguments"), "{outputs:?}");
        world.check_replay(&turn);
    }
}
