//! A session that others follow, answer, interrupt and take over while it runs.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::line::Terminal;
use crate::support::{Running, Turn, World, eventually, has, processes, run, runs, says};

/// A gate that the model waits at.
fn gate(world_name: &str) -> PathBuf {
    let name = format!("gate-{}-{world_name}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

/// The model says something once the gate is open.
fn says_behind(gate: &Path, text: &str) -> Value {
    json!({"items": says(text), "wait_for": gate})
}

fn open(gate: &Path) {
    fs::write(gate, "").expect("written");
}

/// Starts a turn, and waits until the model was asked and others can join.
fn begun(world: &World, arguments: &[&str]) -> Running {
    let mut running = Running::start(world.exec(&[&["--json"], arguments, &["go"]].concat()));
    running.until("turn.started");
    eventually("the model was asked", || !world.bodies().is_empty());
    eventually("its owner listens", || {
        let journals = fs::read_dir(world.home().join("journals")).expect("a folder");
        journals.flatten().any(|session| {
            let lease = fs::read_to_string(session.path().join("lease")).unwrap_or_default();
            serde_json::from_str::<Value>(&lease).is_ok_and(|lease| lease["socket"].is_string())
        })
    });
    running
}

fn attach(world: &World, arguments: &[&str]) -> Turn {
    run(world.program(&[&["attach", "--last"], arguments].concat()))
}

/// The stored events.
fn events(world: &World) -> Vec<Value> {
    run(world.program(&["replay", "--last", "--raw"])).lines()
}

fn authors(world: &World, kind: &str) -> Vec<String> {
    let events = events(world).into_iter().filter(|event| event["kind"] == kind);
    events.map(|event| event["author"].as_str().expect("an author").to_owned()).collect()
}

#[test]
fn whoever_joins_a_running_session_sees_all_of_it() {
    let gate = gate("joins");
    let world = World::playing(json!([runs("echo one"), says_behind(&gate, "Done at last.")]));
    let mut owner = begun(&world, &[]);
    owner.until("item.completed");
    let follows = [
        Running::start(world.program(&["attach", "--last", "--json"])),
        Running::start(world.program(&["replay", "--last", "--follow", "--json"])),
        Running::start(world.program(&["attach", "--last", "--from", "2"])),
        Running::start(world.program(&["replay", "--last", "--follow", "--raw"])),
    ];
    let [mut json, mut watch, mut text, mut raw] = follows;
    // What was there is told at once, the rest when it happens.
    json.until("item.completed");
    watch.until("item.completed");
    text.until("echo one");
    raw.until("tool_finished");
    open(&gate);
    let owner = owner.end();
    assert_eq!(owner.code, 0, "{}", owner.stderr);
    for follower in [json, watch] {
        let told = follower.end();
        assert_eq!((told.code, told.stderr.as_str()), (0, ""));
        assert_eq!(told.stdout, owner.stdout);
    }
    let (text, raw) = (text.end(), raw.end());
    assert_eq!((text.code, raw.code), (0, 0));
    assert!(text.stdout.contains("Done at last."), "{}", text.stdout);
    assert_eq!(raw.stdout, run(world.program(&["replay", "--last", "--raw"])).stdout);
    world.check_replay(&owner);
    // They only looked.
    assert!(events(&world).iter().all(|event| event["author"] != "user:attach"));
}

#[test]
fn without_anybody_who_runs_it_there_is_nothing_to_join() {
    let world = World::playing(json!([says("Done.")]));
    let turn = world.turn(&[]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let refused = attach(&world, &[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("no process runs session"), "{}", refused.stderr);
    assert!(refused.stderr.contains("codex exec resume"), "{}", refused.stderr);
    let watched = run(world.program(&["replay", "--last", "--follow", "--json"]));
    assert_eq!((watched.code, watched.stdout.as_str()), (0, turn.stdout.as_str()));
    assert!(watched.stderr.contains("is not running"), "{}", watched.stderr);
    let unknown = run(world.program(&["attach", "00000000-0000-7000-8000-000000000000"]));
    assert_eq!(unknown.code, 2);
}

#[test]
fn a_guest_may_interrupt_the_turn_and_is_named_for_it() {
    let gate = gate("interrupts");
    let world = World::playing(json!([says_behind(&gate, "never")]));
    let owner = begun(&world, &[]);
    let none = attach(&world, &["--approve", "waiting"]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("no call of session"), "{}", none.stderr);
    let late = attach(&world, &["--deny", "7", "--message", "no"]);
    assert_eq!(late.code, 2, "{}", late.stderr);
    assert!(late.stderr.contains("call 7 waits for no answer"), "{}", late.stderr);
    let done = attach(&world, &["--interrupt"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{}", done.stderr);
    let owner = owner.end();
    assert_eq!(owner.code, 130, "{}", owner.stderr);
    assert_eq!(authors(&world, "turn_interrupt_requested"), ["user:attach"]);
    world.check_journal();
}

#[test]
fn whoever_follows_a_session_that_is_killed_sees_what_is_left_of_it() {
    let gate = gate("killed");
    let world = World::playing(json!([runs("echo one"), says_behind(&gate, "never")]));
    let mut owner = begun(&world, &[]);
    owner.until("item.completed");
    let mut follower = Running::start(world.program(&["attach", "--last", "--json"]));
    follower.until("item.completed");
    let mut person = Terminal::start(&world.program(&["attach", "--last"]));
    person.until("echo one");
    owner.signal(Signal::KILL);
    assert_eq!(owner.end().code, 137);
    let (code, shown) = person.end();
    assert!(code == 0 && shown.contains("the owner went away"), "{code}: {shown}");
    let told = follower.end();
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stderr.contains("the owner went away"), "{}", told.stderr);
    assert_eq!(told.stdout, run(world.program(&["replay", "--last", "--json"])).stdout);
    // What it left behind is in nobody's way.
    let refused = attach(&world, &[]);
    assert_eq!(refused.code, 2);
    open(&gate);
    let again = run(world.exec(&["resume", "--last", "--json", "go on"]));
    assert_eq!(again.code, 0, "{}", again.stderr);
    world.check_journal();
}

#[test]
fn a_session_is_taken_over_in_the_middle_of_a_stream() {
    let world = World::playing(json!([
        {"items": [{"type": "text", "n": 4000, "chars": 40}], "delay_ms": 20},
        says("Taken over.")
    ]));
    let owner = begun(&world, &[]);
    let taker = run(world.exec(&["resume", "--last", "--take-over", "--json", "go on"]));
    assert_eq!(taker.code, 0, "{}{}", taker.stdout, taker.stderr);
    assert_eq!(taker.items("agent_message")[0]["text"], "Taken over.");
    check_taken(&world, owner.end(), &taker);
}

#[test]
fn a_session_is_taken_over_in_the_middle_of_a_command() {
    let mark = format!("771.{}", std::process::id());
    let line = format!("echo run >> counter; sleep {mark}");
    let world = World::playing(json!([runs(&line), says("Taken over.")]));
    let mut owner = begun(&world, &["--full-auto"]);
    owner.until("item.started");
    eventually("the command runs", || world.read("counter").is_some());
    let taker = run(world.exec(&["resume", "--last", "--take-over", "--json", "go on"]));
    assert_eq!(taker.code, 0, "{}{}", taker.stdout, taker.stderr);
    assert_eq!(processes(&mark), 0, "the command ended with its owner");
    assert_eq!(world.read("counter").expect("it ran").lines().count(), 1, "and ran once");
    check_taken(&world, owner.end(), &taker);
}

/// The owner said whom it gave the session to, and both parts are one story.
fn check_taken(world: &World, owner: Turn, taker: &Turn) {
    assert_eq!(owner.code, 130, "{}", owner.stderr);
    assert!(owner.stderr.contains("handed over to process "), "{}", owner.stderr);
    assert!(taker.stderr.contains("to let go of session"), "{}", taker.stderr);
    let all = events(world);
    let closed: Vec<_> = all.iter().filter(|event| event["kind"] == "session_closed").collect();
    assert_eq!(closed[0]["body"]["reason"], "handed_over");
    assert_eq!(closed[0]["author"], "user:exec");
    let epochs: Vec<u64> = all.iter().map(|event| event["epoch"].as_u64().expect("one")).collect();
    assert!(epochs.is_sorted() && epochs.last() == Some(&2), "{epochs:?}");
    let replayed = run(world.program(&["replay", "--last", "--json"]));
    assert_eq!(replayed.stdout, owner.stdout + &taker.stdout);
    world.check_journal();
}

#[test]
fn an_owner_that_does_not_answer_is_ended_only_by_force() {
    let gate = gate("hangs");
    let world = World::playing(json!([says_behind(&gate, "never"), says("Taken over.")]));
    let owner = begun(&world, &[]);
    owner.signal(Signal::STOP);
    let joined = attach(&world, &[]);
    assert_eq!(joined.code, 2);
    assert!(joined.stderr.contains("does not answer"), "{}", joined.stderr);
    assert!(joined.stderr.contains("--take-over=force"), "{}", joined.stderr);
    let asked = run(world.exec(&["resume", "--last", "--take-over", "go on"]));
    assert_eq!((asked.code, asked.stdout.as_str()), (2, ""), "{}", asked.stderr);
    assert!(asked.stderr.contains("--take-over=force"), "{}", asked.stderr);
    let forced = run(world.exec(&["resume", "--last", "--take-over=force", "--json", "go on"]));
    assert_eq!(forced.code, 0, "{}{}", forced.stdout, forced.stderr);
    assert!(forced.stderr.contains("ending process"), "{}", forced.stderr);
    let owner = owner.end();
    // It went on for as long as it took to close: it was asked before it was killed.
    assert!([143, 137].contains(&owner.code), "{}", owner.code);
    world.check_journal();
}

#[test]
fn of_two_that_take_up_one_session_one_wins_and_the_other_explains() {
    for round in 0..8 {
        let gate = gate(&format!("race-{round}"));
        let world = World::playing(json!([says("Begun."), says_behind(&gate, "Won.")]));
        assert_eq!(world.turn(&[]).code, 0);
        let resume = || {
            let mut command = world.exec(&["resume", "--last", "--json", "go on"]);
            (command.spawn().expect("it starts"), ())
        };
        let (mut one, ()) = resume();
        let (mut two, ()) = resume();
        let ended = |child: &mut std::process::Child| child.try_wait().expect("a child").is_some();
        let (loser, winner) = loop {
            if ended(&mut one) {
                break (one, two);
            }
            if ended(&mut two) {
                break (two, one);
            }
            std::thread::yield_now();
        };
        let pid = winner.id();
        let loser = crate::support::finish(loser);
        assert_eq!((loser.code, loser.stdout.as_str()), (2, ""), "{}", loser.stderr);
        assert!(loser.stderr.contains(&format!("in use by process {pid}")), "{}", loser.stderr);
        assert!(loser.stderr.contains("codex attach"), "{}", loser.stderr);
        open(&gate);
        let winner = crate::support::finish(winner);
        assert_eq!(winner.code, 0, "{}", winner.stderr);
        assert_eq!(winner.items("agent_message")[0]["text"], "Won.");
        world.check_journal();
    }
}

#[test]
fn an_owner_whose_lock_was_replaced_stops_and_nothing_is_lost() {
    let gate = gate("fenced");
    let world = World::playing(json!([says_behind(&gate, "never told"), says("Told.")]));
    let owner = begun(&world, &[]);
    let journals = fs::read_dir(world.home().join("journals")).expect("a folder");
    let locks = journals.flatten().map(|entry| entry.path().join("lock"));
    let lock = locks.filter(|path| path.is_file()).last().expect("one session");
    fs::remove_file(lock).expect("removed");
    let second = run(world.exec(&["resume", "--last", "go on"]));
    assert_eq!(second.code, 2, "{}", second.stderr);
    assert!(second.stderr.contains("in use by process"), "{}", second.stderr);
    open(&gate);
    let owner = owner.end();
    assert_eq!(owner.code, 74, "{}", owner.stderr);
    assert!(owner.stderr.contains("took it over"), "{}", owner.stderr);
    assert!(owner.stderr.contains("hint: its lock or its folder was replaced"), "{}", owner.stderr);
    let again = run(world.exec(&["resume", "--last", "--json", "go on"]));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(again.items("agent_message")[0]["text"], "Told.");
    world.check_journal();
}

#[test]
fn a_command_in_the_sandbox_can_not_reach_the_owner() {
    if !has("python3") {
        return;
    }
    // With namespaces the agent's home looks empty; without, its names can be listed.
    let program = "import glob,os,socket,sys\n\
                   found = glob.glob(\"../home/journals/*\")\n\
                   if not found: sys.exit(\"nothing is there\")\n\
                   os.chdir(found[0])\n\
                   print(\"there:\", os.path.exists(\"s\"))\n\
                   s = socket.socket(socket.AF_UNIX)\n\
                   s.connect(\"s\")\n\
                   print(\"reached\")";
    let world = World::playing(json!([runs(&format!("python3 -c '{program}'")), says("Done.")]));
    let turn = world.turn(&["--full-auto"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let outputs = turn.outputs();
    let is_refused = outputs[0].contains("there: True") && outputs[0].contains("PermissionError");
    assert!(is_refused || outputs[0].contains("nothing is there"), "{outputs:?}");
    assert!(!outputs[0].contains("reached"), "{outputs:?}");
}
