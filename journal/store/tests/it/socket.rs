//! Other processes see what the owner sees, and cost it nothing.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use codex_event::{
    CallId, CloseReason, Command, InterruptReason, Record, Refusal, Rejection, Scope, Seq,
    SessionId, Verdict,
};
use codex_journal::{
    Attendant, CLIENTS, Feed, Guest, GuestError, Handle, Head, Layout, Lease, MAX_REQUEST,
    RING_BYTES, RING_RECORDS, Scribe, Server, Subscription,
};
use serde_json::{Value, json};

use crate::support::{barrier, batch, block_on, bulk, home, run, session};

type Asked = Arc<Mutex<Vec<(String, Command)>>>;

/// An owner who takes the first answer to a question, and remembers what it was asked.
#[derive(Clone, Default)]
struct Desk {
    asked: Asked,
    taker: Arc<Mutex<Option<u32>>>,
}

impl Attendant for Desk {
    fn ask(&self, frontend: &str, command: Command) -> Result<(), Rejection> {
        let mut asked = self.asked.lock().expect("whole");
        if let Command::SettleReview { call, .. } = command {
            let settled = |(_, old): &(String, Command)| matches!(old, Command::SettleReview { call: other, .. } if *other == call);
            if asked.iter().any(settled) {
                return Err(Rejection::NoSuchReview(call));
            }
        }
        asked.push((frontend.to_owned(), command));
        Ok(())
    }

    fn hand_over(&self, _: &str, taker: u32) -> Result<(), Rejection> {
        *self.taker.lock().expect("whole") = Some(taker);
        Ok(())
    }
}

/// A session that this process owns and serves.
struct Owner {
    home: tempfile::TempDir,
    layout: Layout,
    id: SessionId,
    scribe: Scribe,
    handle: Handle,
    server: Server,
    desk: Desk,
    written: u64,
}

impl Owner {
    fn start(number: u64) -> Owner {
        Owner::below(number, "")
    }

    fn below(number: u64, folders: &str) -> Owner {
        let home = home();
        let layout = Layout::new(&home.path().join(folders));
        let id = session(number);
        let (scribe, handle) = Scribe::create(&layout, id).expect("created");
        let desk = Desk::default();
        let server = Server::start(id, &handle, "exec", desk.clone()).expect("on a disk");
        Owner { home, layout, id, scribe, handle, server, desk, written: 0 }
    }

    fn write(&mut self, count: u64) {
        let envelopes = run(self.id, self.written + 1, count, barrier);
        block_on(self.scribe.write(batch(envelopes))).expect("written");
        self.written += count;
    }

    fn guest(&self) -> Guest {
        Guest::connect(&self.layout, self.id, "attach").expect("it joins")
    }

    /// Ends as a process does, and gives how long its guests took.
    fn end(self) -> Duration {
        let dir = self.layout.session(self.id);
        let (took, _home) = self.leave();
        assert!(!dir.lease().exists(), "the lease is given up");
        took
    }

    /// Ends while readers of its own process still read, who hold the lease for as long as they do.
    fn leave(self) -> (Duration, tempfile::TempDir) {
        let Owner { home, scribe, handle, server, .. } = self;
        scribe.finish().expect("finishes");
        let begun = Instant::now();
        server.stop();
        drop(handle);
        (begun.elapsed(), home)
    }
}

/// A connection without our own client.
struct Raw {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Raw {
    fn connect(owner: &Owner) -> Raw {
        // The guest waits until the owner listens.
        let socket = owner.guest().owner().socket.clone().expect("it listens");
        let stream = UnixStream::connect(socket).expect("connected");
        let lines = BufReader::new(stream.try_clone().expect("cloned"));
        Raw { stream, lines }
    }

    fn greeted(owner: &Owner, frontend: &str) -> Raw {
        let mut raw = Raw::connect(owner);
        let welcome = raw.ask(&json!({"hello": {"protocol": 1, "frontend": frontend}}).to_string());
        assert_eq!(welcome["welcome"]["session"], owner.id.to_string(), "{welcome}");
        raw
    }

    fn send(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).expect("sent");
        self.stream.write_all(b"\n").expect("sent");
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("readable");
        (!line.is_empty()).then(|| line.trim_end().to_owned())
    }

    fn notice(&mut self) -> Value {
        serde_json::from_str(&self.line().expect("a line")).expect("json")
    }

    fn ask(&mut self, line: &str) -> Value {
        self.send(line);
        self.notice()
    }
}

/// Reads until the end; each head that was told must be that of the last record.
fn everything(mut feed: Subscription) -> Vec<Arc<Record>> {
    let mut seen: Vec<Arc<Record>> = Vec::new();
    loop {
        match feed.next() {
            Feed::Record(record) => seen.push(record),
            Feed::CaughtUp(head) => {
                if let Some(last) = seen.last() {
                    assert_eq!((head.seq, head.hash), (last.envelope.seq, last.hash));
                }
            }
            Feed::Tail(_) | Feed::Present(_) => panic!("nobody asked for it"),
            Feed::Ended => {
                assert!(feed.fault().is_none(), "{:?}", feed.fault());
                return seen;
            }
        }
    }
}

fn say(input: &str) -> Command {
    Command::Submit { input: input.to_owned() }
}

fn settle(verdict: Verdict) -> Command {
    Command::SettleReview { call: CallId(7), verdict, scope: Scope::Once }
}

#[test]
fn a_guest_gets_the_records_that_the_owner_has_from_wherever_it_begins() {
    let mut owner = Owner::start(1);
    owner.write(150);
    let guest = owner.guest();
    assert_eq!((guest.head(), guest.owner().pid), (Seq(150), std::process::id()));
    let feeds: Vec<_> = [0, 1, 2, 100, 150, 151]
        .map(|from| (Seq(from), guest.subscribe(Seq(from)), owner.handle.subscribe(Seq(from))))
        .into();
    let mut live = guest.subscribe(Seq(151));
    let Feed::CaughtUp(Head { seq: Seq(150), .. }) = live.next() else { panic!("nothing new") };
    assert_eq!(live.next_timeout(Duration::from_millis(20)), None);
    owner.write(1);
    let Feed::Record(record) = live.next() else { panic!("a record") };
    assert_eq!(record.envelope.seq, Seq(151));
    owner.write(50);
    let readers: Vec<_> = feeds
        .into_iter()
        .map(|(from, remote, local)| {
            (from, thread::spawn(|| everything(remote)), thread::spawn(|| everything(local)))
        })
        .collect();
    let dir = owner.layout.session(owner.id);
    let (_, _home) = owner.leave();
    for (from, remote, local) in readers {
        let (remote, local) = (remote.join().expect("read"), local.join().expect("read"));
        assert_eq!(remote.first().map(|record| record.envelope.seq), Some(from.max(Seq(1))));
        assert!(remote == local, "from {from}: not the same records");
        assert_eq!(remote.last().map(|record| record.envelope.seq), Some(Seq(201)));
    }
    assert!(!dir.lease().exists(), "the lease is given up with the last reader");
    let rest = everything(live);
    assert_eq!(rest.len(), 50, "read to its end after the owner's");
}

#[test]
fn wishes_reach_the_owner_under_the_guests_name_and_the_first_answer_wins() {
    let owner = Owner::start(2);
    let (one, two) =
        (owner.guest(), Guest::connect(&owner.layout, owner.id, "tui").expect("joins"));
    assert_eq!(one.ask(say("go")), Ok(()));
    assert_eq!(two.ask(settle(Verdict::Allowed)), Ok(()));
    let late = Refusal::Rejected(Rejection::NoSuchReview(CallId(7)));
    assert_eq!(one.ask(settle(Verdict::Aborted)), Err(late));
    assert_eq!(one.ask(Command::Close { reason: CloseReason::Done }), Err(Refusal::OwnerOnly));
    let long = say(&"x".repeat(MAX_REQUEST));
    assert_eq!(one.ask(long), Err(Refusal::TooLong));
    assert_eq!(one.ask(say(&"\u{1}".repeat(1 << 20))), Ok(()), "a megabyte, however escaped");
    assert_eq!(one.ask(Command::Interrupt { reason: InterruptReason::User }), Ok(()));
    let asked = owner.desk.asked.lock().expect("whole").clone();
    let names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["attach", "tui", "attach", "attach"]);
    assert_eq!(asked[0].1, say("go"));
    assert_eq!(two.hand_over().expect("it lets go").pid, std::process::id());
    assert_eq!(*owner.desk.taker.lock().expect("whole"), Some(std::process::id()));
    owner.end();
    assert_eq!(one.ask(say("more")), Err(Refusal::Gone));
}

#[test]
fn whoever_follows_is_told_who_else_does() {
    let owner = Owner::start(3);
    let mut one = Raw::greeted(&owner, "attach");
    one.send(r#"{"subscribe":{"from":1}}"#);
    let caught = one.notice();
    assert_eq!(caught["caught_up"]["seq"], 0, "{caught}");
    assert_eq!(one.notice(), json!({"attached": {"frontends": ["exec", "attach"]}}));
    let mut two = Raw::greeted(&owner, "tui");
    two.send(r#"{"subscribe":{"from":1}}"#);
    assert_eq!(one.notice(), json!({"attached": {"frontends": ["exec", "attach", "tui"]}}));
    drop(two);
    assert_eq!(one.notice(), json!({"attached": {"frontends": ["exec", "attach"]}}));
    owner.end();
    assert_eq!(one.notice(), json!({"ended": {"fault": null}}));
    assert_eq!(one.line(), None);
}

/// Waits for the next news of who follows, past all else.
fn present(feed: &mut Subscription) -> Vec<String> {
    loop {
        match feed.next() {
            Feed::Present(frontends) => return frontends.to_vec(),
            Feed::Record(_) | Feed::CaughtUp(_) => {}
            Feed::Tail(_) => panic!("nobody asked for tails"),
            Feed::Ended => panic!("it is not over"),
        }
    }
}

#[test]
fn a_subscriber_that_wants_to_know_is_told_who_follows_on_both_ends() {
    let mut owner = Owner::start(14);
    // More than the system holds for a reader that takes nothing.
    owner.write(10_000);
    let mut own = owner.handle.subscribe(Seq(1)).with_presence();
    let guest = owner.guest();
    let mut follows = guest.subscribe(Seq(1)).with_presence();
    assert_eq!(present(&mut follows), ["exec", "attach"]);
    assert_eq!(present(&mut own), ["exec", "attach"]);
    // Whoever reads a part of what was is nobody who looks on.
    let mut reads = guest.subscribe(Seq(1));
    assert!(matches!(reads.next(), Feed::Record(_)));
    let mut other = owner.guest().subscribe(Seq(9_999)).with_presence();
    let all = ["exec", "attach", "attach"];
    assert_eq!(present(&mut other), all);
    assert_eq!(present(&mut own), all);
    drop(other);
    assert_eq!(present(&mut own), ["exec", "attach"]);
    drop((own, follows, reads));
    owner.end();
}

#[test]
fn what_is_no_request_is_answered_and_passed_over() {
    let mut owner = Owner::start(4);
    owner.write(3);
    let mut raw = Raw::connect(&owner);
    let stranger = raw.ask(r#"{"submit":{"id":7,"command":{"command":"submit","input":"x"}}}"#);
    assert_eq!(stranger, json!({"refused": {"id": 7, "reason": "stranger"}}));
    let subscribed = raw.ask(r#"{"subscribe":{"from":1}}"#);
    assert!(subscribed["broken"]["message"].as_str().expect("words").contains("greeted"));
    for line in [
        "",
        "hello",
        "{\"hello\":",
        "[]",
        "{}",
        r#"{"dance":{}}"#,
        r#"{"hello":{"protocol":2,"frontend":"attach"}}"#,
        r#"{"hello":{"protocol":1,"frontend":"two words"}}"#,
        r#"{"hello":{"protocol":1,"frontend":""}}"#,
        r#"{"hello":{"protocol":1}}"#,
        &"[".repeat(100_000),
        &format!("\"{}\"", "x".repeat(MAX_REQUEST)),
    ] {
        let answer = raw.ask(line);
        assert!(answer["broken"]["message"].is_string(), "{:.60}: {answer}", line);
    }
    raw.stream.write_all(b"\xff\xfe\0\n").expect("sent");
    assert!(raw.notice()["broken"]["message"].is_string());
    let welcome = raw.ask(r#"{"hello":{"protocol":1,"frontend":"attach"}}"#);
    assert_eq!(welcome["welcome"]["head"], 3);
    let refused = raw.ask(r#"{"submit":{"id":8,"command":{"command":"close","reason":"done"}}}"#);
    assert_eq!(refused, json!({"refused": {"id": 8, "reason": "owner_only"}}));
    raw.send(r#"{"subscribe":{"from":3}}"#);
    let kinds: Vec<String> = (0..3)
        .map(|_| raw.notice().as_object().expect("an object").keys().next().expect("a key").clone())
        .collect();
    assert_eq!(kinds, ["after", "record", "caught_up"]);
    assert_eq!(raw.notice()["attached"]["frontends"], json!(["exec", "attach"]));
    assert!(raw.ask(r#"{"subscribe":{"from":1}}"#)["broken"].is_object(), "once is enough");
    owner.end();
}

#[test]
fn there_are_only_so_many_connections_at_a_time() {
    let owner = Owner::start(5);
    let mut held: Vec<Raw> = Vec::new();
    // The guest that found the socket is gone when the next one comes, or a moment later.
    let deadline = Instant::now() + Duration::from_secs(30);
    while held.len() < CLIENTS {
        assert!(Instant::now() < deadline, "{} of {CLIENTS} are let in", held.len());
        let socket = Lease::live(&owner.layout.session(owner.id)).and_then(|lease| lease.socket);
        let Some(Ok(stream)) = socket.map(UnixStream::connect) else { continue };
        let lines = BufReader::new(stream.try_clone().expect("cloned"));
        let mut raw = Raw { stream, lines };
        let answer = raw.ask(r#"{"hello":{"protocol":1,"frontend":"attach"}}"#);
        if answer["welcome"].is_object() {
            held.push(raw);
        }
    }
    let refused = Guest::connect(&owner.layout, owner.id, "attach").map(drop);
    let Err(GuestError::Refused { message, .. }) = refused else { panic!("{refused:?}") };
    assert!(message.contains("64 programs"), "{message}");
    held.pop();
    while Guest::connect(&owner.layout, owner.id, "attach").is_err() {
        assert!(Instant::now() < deadline, "a place that was given up is free again");
        thread::yield_now();
    }
    owner.end();
}

#[test]
fn readers_who_are_stuck_cost_nobody_anything_and_go_on_where_they_were() {
    let mut owner = Owner::start(6);
    owner.write(10);
    let guest = owner.guest();
    let mut stuck: Vec<Raw> = (0..5)
        .map(|_| {
            let mut raw = Raw::greeted(&owner, "stuck");
            raw.send(r#"{"subscribe":{"from":1}}"#);
            raw
        })
        .collect();
    let readers: Vec<_> = (0..15)
        .map(|_| {
            let feed = guest.subscribe(Seq(1));
            thread::spawn(move || everything(feed))
        })
        .collect();
    // Far more than the ring and the sockets' buffers hold.
    let total = 3 * RING_RECORDS as u64 / 2;
    let text = "words ".repeat(500);
    while owner.written < total {
        let first = owner.written + 1;
        let mut envelopes = run(owner.id, first, 64, bulk);
        for envelope in &mut envelopes {
            envelope.body = codex_event::Body::Known(bulk(&text));
        }
        block_on(owner.scribe.write(batch(envelopes))).expect("written");
        owner.written += 64;
    }
    owner.write(1);
    assert!(total as usize * text.len() > RING_BYTES);
    let all = everything_now(&owner.handle);
    // One of those that were stuck reads again, and misses nothing.
    let mut paused = stuck.pop().expect("five");
    let mut seen = Vec::new();
    while seen.len() < all.len() {
        let line = paused.line().expect("it goes on");
        if let Some(record) = line.strip_prefix("{\"record\":") {
            seen.push(record.strip_suffix('}').expect("whole").as_bytes().to_vec());
        }
    }
    let stored: Vec<Vec<u8>> = all.iter().map(|record| record.json().to_vec()).collect();
    assert!(seen == stored, "the bytes that are stored, from the first on");
    let took = owner.end();
    assert!(took < Duration::from_millis(1500), "the end waited {took:?} for those who are stuck");
    for reader in readers {
        assert!(reader.join().expect("read") == all, "every reader sees the same records");
    }
}

/// Reads what there is.
fn everything_now(handle: &Handle) -> Vec<Arc<Record>> {
    let mut feed = handle.subscribe(Seq(1));
    let mut seen = Vec::new();
    loop {
        match feed.next() {
            Feed::Record(record) => seen.push(record),
            Feed::CaughtUp(_) => return seen,
            Feed::Tail(_) | Feed::Present(_) => panic!("nobody asked for it"),
            Feed::Ended => panic!("it is not over"),
        }
    }
}

#[test]
fn the_socket_is_the_users_alone_and_no_path_is_too_long() {
    let deep = "a-folder-with-a-long-name/".repeat(12);
    let mut owner = Owner::below(7, &deep);
    owner.write(2);
    let socket = owner.guest().owner().socket.clone().expect("it listens");
    assert_eq!(socket, owner.layout.session(owner.id).socket());
    assert!(socket.as_os_str().len() > 300);
    let mode = std::fs::metadata(&socket).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let feed = owner.guest().subscribe(Seq(1));
    owner.end();
    assert_eq!(everything(feed).len(), 2);
    assert!(!socket.exists(), "an orderly end leaves no socket");
}

#[test]
fn where_the_folder_holds_no_socket_another_one_does() {
    let home = home();
    let layout = Layout::new(home.path());
    let id = session(8);
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    // As on a file system that has no sockets: nothing can be bound there.
    std::fs::create_dir_all(layout.session(id).socket().join("taken")).expect("a folder");
    let server = Server::start(id, &handle, "exec", Desk::default()).expect("on a disk");
    let guest = Guest::connect(&layout, id, "attach").expect("it joins");
    let socket = guest.owner().socket.clone().expect("it listens");
    assert!(!socket.starts_with(home.path()), "{}", socket.display());
    assert_eq!(guest.ask(say("go")), Ok(()));
    scribe.finish().expect("finishes");
    server.stop();
    assert!(!socket.exists());
}

#[test]
fn an_owner_that_was_replaced_leaves_the_next_ones_socket_alone() {
    let owner = Owner::start(10);
    let socket = owner.guest().owner().socket.clone().expect("it listens");
    // As the owner that comes next does: it makes its own under this name.
    std::fs::remove_file(&socket).expect("removed");
    let next = UnixListener::bind(&socket).expect("bound");
    let Owner { home: _home, scribe, server, .. } = owner;
    scribe.finish().expect("finishes");
    server.stop();
    UnixStream::connect(&socket).expect("the next owner can be joined");
    drop(next);
}

#[test]
fn a_session_that_nobody_runs_says_so() {
    let owner = Owner::start(9);
    let (layout, id) = (owner.layout.clone(), owner.id);
    let unknown = Guest::connect(&layout, session(99), "attach").map(drop);
    assert!(matches!(unknown, Err(GuestError::NotFound(_))), "{unknown:?}");
    let Owner { home: _home, scribe, handle, server, .. } = owner;
    scribe.finish().expect("finishes");
    server.stop();
    drop(handle);
    let idle = Guest::connect(&layout, id, "attach").map(drop);
    assert!(matches!(idle, Err(GuestError::NoOwner(_))), "{idle:?}");
}
