//! `codex proto`: a session run for a program, which is asked what a person would be.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::approvals::granted;
use crate::line::Terminal;
use crate::schema::{check_notice, check_request};
use crate::support::{
    Turn, Watch, World, code, eventually, finish, patches, piped, run, runs, says,
};

const ASKS: [&str; 2] = ["-a", "unless-allow-listed"];

/// A program that talks to `codex proto`.
pub(crate) struct Talk {
    child: Child,
    requests: Option<ChildStdin>,
    notices: BufReader<ChildStdout>,
    /// All that it was told.
    pub(crate) told: Vec<Value>,
    /// How much of that was looked through for events.
    looked: usize,
    ids: u64,
    _watch: Watch,
}

impl Talk {
    fn start(world: &World, arguments: &[&str]) -> Talk {
        let mut command = world.asking_model("proto", arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
        let notices = BufReader::new(child.stdout.take().expect("piped"));
        let requests = child.stdin.take();
        let _watch = Watch::over(&child);
        Talk { child, requests, notices, told: Vec::new(), looked: 0, ids: 0, _watch }
    }

    /// Starts it and greets.
    pub(crate) fn greeted(world: &World, arguments: &[&str]) -> Talk {
        let mut talk = Talk::start(world, arguments);
        talk.say(&json!({"hello": {"protocol": 1, "frontend": "robot"}}));
        talk.until("a welcome", |notice| notice.get("welcome").is_some());
        talk
    }

    fn say(&mut self, request: &Value) {
        check_request(request);
        self.write(format!("{request}\n").as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        // It may have ended, which the test sees by what it is told.
        let _ = self.requests.as_mut().expect("open").write_all(bytes);
    }

    /// Submits a command, and gives the answer.
    fn submit(&mut self, command: &Value) -> Value {
        self.ids += 1;
        let id = self.ids;
        self.say(&json!({"submit": {"id": id, "command": command}}));
        let answers = |notice: &Value, kind: &str| notice[kind]["id"] == json!(id);
        self.until("an answer", |notice| answers(notice, "accepted") || answers(notice, "refused"))
    }

    pub(crate) fn input(&mut self, input: &str) -> Value {
        self.submit(&json!({"command": "submit", "input": input}))
    }

    pub(crate) fn settle(&mut self, call: &Value, verdict: &Value, scope: &str) -> Value {
        let command =
            json!({"command": "settle_review", "call": call, "verdict": verdict, "scope": scope});
        self.submit(&command)
    }

    /// Reads until it is told something.
    fn until(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let notice = self.next();
            let notice = notice.unwrap_or_else(|| panic!("no {what}; told {:#?}", self.told));
            if is(&notice) {
                return notice;
            }
        }
    }

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        let length = self.notices.read_line(&mut line).expect("readable");
        let notice: Value = (length > 0)
            .then(|| serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}")))?;
        check_notice(&notice);
        self.told.push(notice.clone());
        Some(notice)
    }

    /// Reads until an event of a kind is shown, after the last one that was asked for, and gives it.
    /// Answers and events come in any order, so it may have been read before.
    pub(crate) fn event(&mut self, kind: &str) -> Value {
        loop {
            let fresh = &self.told[self.looked..];
            if let Some(at) = fresh.iter().position(|notice| notice["record"]["kind"] == kind) {
                self.looked += at + 1;
                return self.told[self.looked - 1]["record"].clone();
            }
            self.looked = self.told.len();
            self.until(kind, |_| true);
        }
    }

    /// As `event`, for the first one of several kinds.
    pub(crate) fn any_event(&mut self, kinds: &[&str]) -> Value {
        loop {
            let fresh = &self.told[self.looked..];
            let wanted = |notice: &Value| {
                notice["record"]["kind"].as_str().is_some_and(|kind| kinds.contains(&kind))
            };
            if let Some(at) = fresh.iter().position(wanted) {
                self.looked += at + 1;
                return self.told[self.looked - 1]["record"].clone();
            }
            self.looked = self.told.len();
            self.until("one of several events", |_| true);
        }
    }

    /// Reads until a question is asked, and gives its call.
    fn question(&mut self) -> Value {
        self.event("review_asked")["body"]["call"].clone()
    }

    fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Says nothing more, reads the rest, and gives how it ended.
    pub(crate) fn end(mut self) -> (i32, Vec<Value>, String) {
        drop(self.requests.take());
        while self.next().is_some() {}
        let turn = finish(self.child);
        (turn.code, self.told, turn.stderr)
    }
}

fn kinds(told: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> =
        told.iter().filter_map(|notice| notice["record"]["kind"].as_str()).collect();
    kinds.dedup();
    kinds
}

pub(crate) fn allowed() -> Value {
    json!({"verdict": "allowed"})
}

pub(crate) fn denied(reason: &str) -> Value {
    json!({"verdict": "denied", "reason": reason})
}

fn no_such_review(answer: &Value) -> bool {
    answer["refused"]["reason"]["rejected"]["rejection"] == "no_such_review"
}

#[test]
fn a_question_is_asked_answered_once_and_recorded_with_who_answered() {
    let world = World::playing(json!([runs("echo ran > proof"), says("Done.")]));
    let mut talk = Talk::greeted(&world, &[&ASKS[..], &["-s", "workspace-write"]].concat());
    let welcome = talk.told[0]["welcome"].clone();
    assert_eq!((&welcome["protocol"], &welcome["head"]), (&json!(1), &json!(0)));
    assert_eq!(welcome["pid"], json!(talk.child.id()));
    assert!(world.kinds_or_none().is_empty(), "nothing was said yet, so there is no session");

    assert!(talk.input("do it").get("accepted").is_some());
    let call = talk.question();
    assert_eq!(world.read("proof"), None, "it waits");
    assert!(no_such_review(&talk.settle(&json!(77), &allowed(), "once")));
    assert!(talk.settle(&call, &allowed(), "once").get("accepted").is_some());
    assert!(no_such_review(&talk.settle(&call, &denied("no"), "once")), "the first answer wins");
    talk.event("turn_completed");
    assert_eq!(world.read("proof").as_deref(), Some("ran\n"));
    let (code, told, stderr) = talk.end();
    assert_eq!(code, 0, "{stderr}");
    assert!(told.last().expect("told")["ended"]["fault"].is_null());
    let settled = |notice: &&Value| notice["record"]["kind"] == "review_settled";
    let settled = told.iter().find(settled).expect("settled");
    assert_eq!(settled["record"]["author"], "user:robot");

    // What was shown is what is stored, byte for byte.
    let raw = run(world.program(&["replay", "--last", "--raw"]));
    let shown = told.iter().filter(|notice| notice.get("record").is_some());
    assert_eq!(shown.count(), raw.stdout.lines().count());
    let stored: Vec<Value> =
        raw.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let shown: Vec<Value> =
        told.iter().filter_map(|notice| notice.get("record")).cloned().collect();
    assert_eq!(shown, stored);
    world.check_journal();
}

#[test]
fn a_turn_may_ask_twice_and_an_answer_may_hold_for_the_session() {
    let line = "echo run >> counter";
    let world = World::playing(json!([
        [runs(line)[0], runs("echo other >> counter")[0]],
        runs(line),
        says("Done.")
    ]));
    let mut talk = Talk::greeted(&world, &[&ASKS[..], &["-s", "workspace-write"]].concat());
    talk.input("do it");
    let first = talk.question();
    talk.settle(&first, &allowed(), "session");
    let second = talk.question();
    assert_ne!(first, second);
    talk.settle(&second, &allowed(), "once");
    talk.event("turn_completed");
    let (code, told, _) = talk.end();
    assert_eq!(code, 0);
    assert_eq!(world.read("counter").as_deref(), Some("run\nother\nrun\n"));
    let asked = told.iter().filter(|notice| notice["record"]["kind"] == "review_asked").count();
    assert_eq!(asked, 2, "the third call was allowed for the session");
    let by_grant = |notice: &Value| notice["record"]["author"] == "policy:granted-for-session";
    assert!(told.iter().any(by_grant));
}

#[test]
fn a_grant_counts_in_a_running_session_until_another_process_revokes_it() {
    let world =
        World::playing(json!([runs("touch one"), says("Done."), runs("touch one"), says("Done.")]));
    fs::create_dir_all(world.work().join(".git")).expect("a folder");
    let mut talk = Talk::greeted(&world, &[&ASKS[..], &["-s", "workspace-write"]].concat());
    let id = granted(&world, "work", &["touch", "one"], 7);
    talk.input("do it");
    talk.event("turn_completed");
    assert!(world.read("one").is_some(), "it was given after the program had begun");
    let asked =
        |talk: &Talk| talk.told.iter().filter(|it| it["record"]["kind"] == "review_asked").count();
    assert_eq!(asked(&talk), 0);
    assert_eq!(run(world.program(&["approvals", "revoke", &id])).code, 0);
    fs::remove_file(world.work().join("one")).expect("it is there");
    talk.input("do it again");
    let call = talk.question();
    talk.settle(&call, &denied("no more"), "once");
    talk.event("turn_completed");
    let (code, _, stderr) = talk.end();
    assert_eq!((code, world.read("one")), (0, None), "{stderr}");
    world.check_journal();
}

#[test]
fn a_denial_reaches_the_model_with_its_reason_and_the_turn_goes_on() {
    let patch = "*** Begin Patch\n*** Add File: made\n+hello\n*** End Patch";
    let world = World::playing(json!([runs("echo ran > proof"), patches(patch), says("Done.")]));
    let mut talk = Talk::greeted(&world, &[&ASKS[..], &["-s", "workspace-write"]].concat());
    talk.input("do it");
    let call = talk.question();
    talk.settle(&call, &denied("use the wooden spoon"), "once");
    let call = talk.question();
    talk.settle(&call, &allowed(), "once");
    talk.event("turn_completed");
    let (code, _, _) = talk.end();
    assert_eq!((code, world.read("proof")), (0, None));
    assert_eq!(world.read("made").as_deref(), Some("hello\n"));
    assert!(world.bodies()[1].to_string().contains("use the wooden spoon"));
}

#[test]
fn an_abort_ends_the_turn_and_the_next_one_may_begin() {
    let world = World::playing(json!([runs("echo ran > proof"), says("Hello.")]));
    let mut talk = Talk::greeted(&world, &ASKS);
    talk.input("do it");
    let call = talk.question();
    talk.settle(&call, &json!({"verdict": "aborted"}), "once");
    assert_eq!(talk.event("turn_failed")["body"]["kind"], "policy");
    assert!(talk.input("then say hello").get("accepted").is_some());
    talk.event("turn_completed");
    let (code, ..) = talk.end();
    assert_eq!((code, world.read("proof")), (0, None), "the code is that of the last turn");
}

#[test]
fn the_end_of_the_input_lets_the_turn_finish_but_nobody_can_be_asked_any_more() {
    let world = World::playing(json!([runs("sleep 0.2; echo ran > proof"), says("Done.")]));
    let mut talk = Talk::greeted(&world, &["-a", "never", "-s", "workspace-write"]);
    talk.input("do it");
    let (code, told, _) = talk.end();
    assert_eq!((code, world.read("proof").as_deref()), (0, Some("ran\n")));
    assert_eq!(kinds(&told).last(), Some(&"session_closed"));

    let world = World::playing(json!([runs("echo ran > proof"), says("Never said.")]));
    let mut talk = Talk::greeted(&world, &ASKS);
    talk.input("do it");
    let (code, told, _) = talk.end();
    assert_eq!((code, world.read("proof")), (4, None));
    let told = kinds(&told);
    assert!(told.ends_with(&["turn_failed", "session_closed"]), "{told:?}");
    world.check_journal();
}

#[test]
fn a_signal_or_a_command_interrupts_the_turn() {
    let world = World::playing(json!([runs("sleep 60"), says("Hello.")]));
    let mut talk = Talk::greeted(&world, &["-a", "never"]);
    talk.input("do it");
    talk.event("tool_spawned");
    let answer = talk.submit(&json!({"command": "interrupt", "reason": "user"}));
    assert!(answer.get("accepted").is_some());
    talk.event("turn_interrupted");
    talk.input("then say hello");
    talk.event("turn_completed");
    assert_eq!(talk.end().0, 0);

    for (signal, expected) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let world = World::playing(json!([runs("sleep 60")]));
        let mut talk = Talk::greeted(&world, &ASKS);
        talk.input("do it");
        talk.question();
        talk.signal(signal);
        // It ends by itself: the input stays open.
        talk.until("the end", |notice| notice.get("ended").is_some());
        assert_eq!(code(talk.child.wait().expect("ends")), expected);
        assert_eq!(kinds(&talk.told).last(), Some(&"session_closed"));
        world.check_journal();
    }
}

#[test]
fn a_question_that_a_kill_left_is_asked_again_and_an_answer_to_it_still_counts() {
    let world = World::playing(json!([runs("echo run >> counter"), says("Done.")]));
    let write = [&ASKS[..], &["-s", "workspace-write"]].concat();
    let mut talk = Talk::greeted(&world, &write);
    talk.input("do it");
    let call = talk.question();
    talk.signal(Signal::KILL);
    assert_eq!(talk.end().0, 137);

    let mut talk = Talk::greeted(&world, &["--last"]);
    assert!(talk.told[0]["welcome"]["epoch"] == 2);
    talk.say(&json!({"subscribe": {"from": 1}}));
    assert_eq!(talk.question(), call);
    talk.event("session_resumed");
    assert_eq!(world.read("counter"), None, "an approval never survives by accident");
    assert!(talk.settle(&call, &allowed(), "once").get("accepted").is_some());
    talk.event("turn_completed");
    assert_eq!(talk.end().0, 0);
    assert_eq!(world.read("counter").as_deref(), Some("run\n"));
    world.check_journal();
}

#[test]
fn an_approval_does_not_outlive_the_process_that_got_it() {
    // Killed right after the answer was durable, over and over: the call ran once or not at all,
    // and where it had not begun, it was judged again.
    for _ in 0..4 {
        let world = World::playing(json!([runs("echo run >> counter"), says("Done.")]));
        let write = [&ASKS[..], &["-s", "workspace-write"]].concat();
        let mut talk = Talk::greeted(&world, &write);
        talk.input("do it");
        let call = talk.question();
        talk.settle(&call, &allowed(), "once");
        talk.signal(Signal::KILL);
        talk.end();
        let mut talk = Talk::greeted(&world, &["--last"]);
        talk.say(&json!({"subscribe": {"from": 1}}));
        talk.event("session_resumed");
        let (_, told, _) = talk.end();
        let runs = world.read("counter").unwrap_or_default().lines().count();
        assert!(runs <= 1, "it ran {runs} times: {told:?}");
        world.check_journal();
    }
}

#[test]
fn lines_that_are_no_requests_are_answered_and_passed_over_in_flat_memory() {
    const GARBAGE: usize = 10_000;
    let world = World::playing(json!([says("Hello.")]));
    let mut talk = Talk::greeted(&world, &["-a", "never"]);
    // More than the growth that is allowed, so that it can't be held whole.
    let long = vec![b'x'; 8 << 20];
    let before = peak_memory(&talk.child);
    let garbage: [&[u8]; 6] = [
        b"nonsense",
        b"{\"moon\":1}",
        b"\xff\xfe\xfd",
        b"\0\0\0",
        b"{\"submit\":{\"id\":1}}",
        b"[[[[",
    ];
    let mut requests = talk.requests.take().expect("open");
    let writer = std::thread::spawn(move || {
        for at in 0..GARBAGE {
            requests.write_all(garbage[at % garbage.len()]).expect("taken");
            requests.write_all(b"\n").expect("taken");
        }
        requests.write_all(&long).expect("taken");
        requests.write_all(b"\n").expect("taken");
        requests
    });
    for _ in 0..=GARBAGE {
        let notice = talk.next().expect("an answer to each");
        assert!(notice["broken"]["message"].is_string(), "{notice}");
    }
    talk.requests = Some(writer.join().expect("written"));
    let peak = peak_memory(&talk.child);
    assert!(peak < before + 6.0, "peak {peak} MiB, {before} before");
    talk.input("hello");
    talk.event("turn_completed");
    assert_eq!(talk.end().0, 0);
    world.check_journal();
}

fn peak_memory(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("alive");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kibibytes = peak.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    kibibytes.expect("a number") / 1024.0
}

#[test]
fn a_program_greets_first_and_says_one_thing_at_a_time() {
    let world = World::playing(json!([says("Hello.")]));
    let mut talk = Talk::start(&world, &["-a", "never"]);
    let stranger = |answer: Value| assert_eq!(answer["refused"]["reason"], "stranger", "{answer}");
    stranger(talk.input("hello"));
    for broken in [
        json!({"subscribe": {"from": 1}}),
        json!({"hello": {"protocol": 2, "frontend": "robot"}}),
        json!({"hello": {"protocol": 1, "frontend": ""}}),
        json!({"hello": {"protocol": 1, "frontend": "a\nb"}}),
    ] {
        talk.say(&broken);
        assert!(talk.next().expect("told")["broken"]["message"].is_string());
    }
    // Whoever waits for an answer gets one.
    talk.write(b"{\"submit\":{\"id\":7,\"command\":{\"command\":\"dance\"}}}\n");
    let told = talk.next().expect("told");
    assert_eq!(told["broken"]["id"], 7, "{told}");
    talk.say(&json!({"hello": {"protocol": 1, "frontend": "robot"}}));
    talk.until("a welcome", |notice| notice.get("welcome").is_some());
    let refused = |answer: &Value| answer["refused"]["reason"].clone();
    let rejected = |answer: Value| refused(&answer)["rejected"]["rejection"].clone();
    assert_eq!(rejected(talk.submit(&json!({"command": "name", "name": "moon"}))), "not_open");
    assert_eq!(rejected(talk.input("  ")), "empty_input");
    talk.say(&json!({"subscribe": {"from": 3}}));
    assert!(talk.input("hello").get("accepted").is_some());
    talk.event("turn_completed");
    talk.say(&json!({"subscribe": {"from": 1}}));
    talk.until("a broken line", |notice| notice.get("broken").is_some());
    let resume = json!({"command": "resume", "program": "x", "patches": [], "surroundings": null,
        "settings": null, "environment": null, "input": null});
    assert_eq!(refused(&talk.submit(&resume)), "owner_only");
    assert!(talk.submit(&json!({"command": "name", "name": "moon"})).get("accepted").is_some());
    assert_eq!(rejected(talk.submit(&json!({"command": "name", "name": ""}))), "bad_name");
    let (code, told, _) = talk.end();
    assert_eq!(code, 0);
    let shown: Vec<u64> =
        told.iter().filter_map(|notice| notice["record"]["seq"].as_u64()).collect();
    assert_eq!(shown[0], 3);

    // By the name that it was given.
    let mut talk = Talk::greeted(&world, &["--resume", "moon"]);
    talk.input("again");
    talk.event("turn_completed");
    assert_eq!(talk.end().0, 0);
    let unknown = run(world.asking_model("proto", &["--resume", "mon"]));
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
    assert!(unknown.stderr.contains("did you mean moon?"), "{}", unknown.stderr);
}

#[test]
fn a_question_is_answered_from_another_process_and_both_see_who_did() {
    let world = World::playing(json!([
        runs("echo one >> counter"),
        runs("echo two >> counter"),
        says("Done.")
    ]));
    let mut talk = Talk::greeted(&world, &[&ASKS[..], &["-s", "workspace-write"]].concat());
    talk.input("do it");
    let call = talk.question();
    let mut person = Terminal::start(&world.program(&["attach", "--last"]));
    person.until("may this run? /bin/bash -c 'echo one >> counter'");
    person.until("y: yes");
    person.until("y/s/n/a> ");
    person.types("y");
    person.until("allowed by user:attach");
    assert_eq!(talk.event("review_settled")["author"], "user:attach");
    assert!(no_such_review(&talk.settle(&call, &denied("too late"), "once")));

    // The other way round, the question is dismissed at the terminal.
    let call = talk.question();
    person.until("echo two >> counter");
    person.until("y/s/n/a> ");
    talk.settle(&call, &allowed(), "once");
    person.until("answered by user:robot");
    person.until("Done.");
    person.types("/quit");
    assert_eq!(person.end().0, 0);
    talk.event("turn_completed");
    let (code, ..) = talk.end();
    assert_eq!((code, world.read("counter").as_deref()), (0, Some("one\ntwo\n")));
    world.check_journal();
}

#[test]
fn a_program_that_says_nothing_leaves_nothing_behind() {
    let world = World::playing(json!([says("Hello.")]));
    let turn = piped(
        world.asking_model("proto", &[]),
        b"{\"hello\":{\"protocol\":1,\"frontend\":\"x\"}}\n",
    );
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(world.kinds_or_none().is_empty());
}

#[test]
fn a_program_that_stops_reading_ends_the_turn() {
    let world = World::playing(json!([runs("sleep 60"), says("Hello.")]));
    let mut talk = Talk::greeted(&world, &["-a", "never"]);
    talk.input("do it");
    talk.event("tool_spawned");
    let Talk { child, requests, notices, .. } = talk;
    drop(notices);
    let mut requests = requests.expect("open");
    requests.write_all(b"nonsense\nnonsense\n").expect("taken");
    let turn: Turn = finish_without_output(child);
    drop(requests);
    assert_eq!(turn.code, 1, "{}", turn.stderr);
    eventually("the session was closed", || {
        world.kinds().last().is_some_and(|kind| kind == "session_closed")
    });
    world.check_journal();
}

fn finish_without_output(mut child: Child) -> Turn {
    child.stdout = None;
    finish(child)
}
