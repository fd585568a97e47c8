//! This binary, run again as another process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use codex_event::{Epoch, SessionId};
use codex_journal::{Layout, Scribe, SledStore, Store};

use crate::support::{barrier, batch, block_on, bulk, dir, envelope};

const ROLE: &str = "JOURNAL_TEST_ROLE";
const HOME: &str = "JOURNAL_TEST_HOME";
const SESSION: &str = "JOURNAL_TEST_SESSION";

/// Starts the role in a process of its own; its lines come over the pipe.
pub(crate) fn start(role: &str, home: &Path, id: SessionId) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["child::plays_its_role", "--exact", "--nocapture"])
        .env(ROLE, role)
        .env(HOME, home)
        .env(SESSION, id.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program again");
    let lines = BufReader::new(child.stdout.take().expect("a pipe"));
    (child, lines)
}

/// A process that opens one journal after the other, and is replaced when an engine broke it.
#[derive(Default)]
pub(crate) struct Opener(Option<(Child, ChildStdin, BufReader<ChildStdout>)>);

impl Opener {
    /// Opens a journal and closes it again: `ok` and its end, or why not; none when the process
    /// ended.
    pub(crate) fn open(&mut self, home: &Path, id: SessionId) -> Option<String> {
        let (child, input, lines) = self.0.get_or_insert_with(|| {
            let (mut child, lines) = start("open-each", home, id);
            let input = child.stdin.take().expect("a pipe");
            (child, input, lines)
        });
        writeln!(input, "{id} {}", home.display()).expect("it listens");
        let told = told(lines);
        if !told.as_ref().is_some_and(|told| told.starts_with("ok ")) {
            // After a panic nothing that the engine does in that process can be relied on.
            let _ = child.kill();
            child.wait().expect("ended");
            self.0 = None;
        }
        told
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        if let Some((mut child, input, _)) = self.0.take() {
            drop(input);
            let _ = child.wait();
        }
    }
}

/// Gives what a line of the child says behind the marker; none at its end.
pub(crate) fn told(lines: &mut BufReader<ChildStdout>) -> Option<String> {
    let mut line = String::new();
    loop {
        line.clear();
        let read = lines.read_line(&mut line).expect("readable");
        if read == 0 || !line.ends_with('\n') {
            return None;
        }
        // The test harness does not end its own line first.
        if let Some((_, told)) = line.trim_end().split_once("child: ") {
            return Some(told.to_owned());
        }
    }
}

fn tell(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "child: {text}").and_then(|()| out.flush()).expect("the parent listens");
}

#[test]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let home = std::env::var(HOME).expect("a home");
    let id = std::env::var(SESSION).expect("a session").parse().expect("an id");
    match role.as_str() {
        "write" => write(Path::new(&home), id),
        "hold" => hold(Path::new(&home), id),
        "open" => open(Path::new(&home), id),
        "append" => append(Path::new(&home), id),
        "open-each" => open_each(),
        other => panic!("no role {other}"),
    }
}

// Writes until it is killed, and tells each acknowledged position.
fn write(home: &Path, id: SessionId) {
    let layout = Layout::new(home);
    let opened = if layout.session(id).data().exists() {
        Scribe::open(&layout, id)
    } else {
        Scribe::create(&layout, id)
    };
    let (scribe, handle) = opened.expect("opens after every kill");
    let Epoch(before) = handle.head().epoch;
    let mut seq = handle.head().seq.0;
    for round in 1_u64.. {
        let mut envelopes = Vec::new();
        for _ in 0..round % 4 {
            seq += 1;
            envelopes.push(envelope(id, seq, before + 1, bulk(&"bulk ".repeat(30))));
        }
        seq += 1;
        envelopes.push(envelope(id, seq, before + 1, barrier(&format!("round {round}"))));
        let head = block_on(scribe.write(batch(envelopes))).expect("written");
        tell(&head.seq.to_string());
    }
}

// Appends a record for each line of its input, and tells what became of it.
fn append(home: &Path, id: SessionId) {
    let layout = Layout::new(home);
    let opened = if layout.session(id).data().exists() {
        Scribe::open(&layout, id)
    } else {
        Scribe::create(&layout, id)
    };
    let (scribe, handle) = match opened {
        Ok(owned) => owned,
        Err(error) => return tell(&error.to_string()),
    };
    let Epoch(before) = handle.head().epoch;
    tell("held");
    while std::io::stdin().read_line(&mut String::new()).is_ok_and(|read| read > 0) {
        let seq = handle.head().seq.next().0;
        let envelopes = vec![envelope(id, seq, before + 1, barrier("on demand"))];
        match block_on(scribe.write(batch(envelopes))) {
            Ok(head) => tell(&format!("ok {}", head.seq)),
            Err(error) => tell(&error.to_string()),
        }
    }
}

fn hold(home: &Path, id: SessionId) {
    let owned = Scribe::create(&Layout::new(home), id).expect("created");
    tell("held");
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(owned);
}

fn open_each() {
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let (id, home) = line.split_once(' ').expect("an id and a folder");
        open(Path::new(home), id.parse().expect("an id"));
    }
}

// Opens a journal that may be damaged, where a broken engine breaks this process alone.
fn open(home: &Path, id: SessionId) {
    match SledStore::open(&dir(home, id), id) {
        Ok(store) => {
            let end = store.head().seq;
            // Whoever is told may open it at once.
            drop(store);
            tell(&format!("ok {end}"));
        }
        Err(error) => tell(&error.to_string()),
    }
}
