//! `codex resume`: a person at a terminal, line by line.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::support::{Watch, World, code, eventually, patches, run, runs, says};

/// A person at a terminal.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<String>>,
    shown: JoinHandle<()>,
    /// How far the screen was read.
    read: usize,
}

impl Terminal {
    /// Starts a program in a session of its own, whose terminal this is.
    pub(crate) fn start(command: &Command) -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("unlocked");
        let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
        let theirs =
            || Stdio::from(File::options().read(true).write(true).open(&name).expect("open"));
        let mut program = Command::new("setsid");
        program.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        program.env_clear().envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        program.env("TERM", "dumb").current_dir(command.get_current_dir().expect("a folder"));
        program.stdin(theirs()).stdout(theirs()).stderr(theirs());
        let child = program.spawn().expect("starts");
        // The command holds the other end too, which must not keep the terminal open.
        drop(program);
        let keys = File::from(ours);
        let mut terminal = keys.try_clone().expect("cloned");
        let screen = Arc::<Mutex<String>>::default();
        let fill = Arc::clone(&screen);
        let shown = std::thread::spawn(move || {
            let mut part = [0; 4096];
            // The end of a terminal is an error: the last one who had it open is gone.
            while let Ok(length @ 1..) = terminal.read(&mut part) {
                let text = String::from_utf8_lossy(&part[..length]).replace('\r', "");
                fill.lock().expect("whole").push_str(&text);
            }
        });
        Terminal { child, keys, screen, shown, read: 0 }
    }

    pub(crate) fn types(&mut self, line: &str) {
        self.presses(format!("{line}\n").as_bytes());
    }

    fn presses(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).expect("taken");
    }

    /// Waits until words are on the screen, after those that were waited for last.
    pub(crate) fn until(&mut self, words: &str) {
        let read = self.read;
        let found = |screen: &str| screen[read..].find(words);
        eventually(&format!("{words:?} on the screen"), || {
            found(&self.screen.lock().expect("whole")).is_some()
        });
        let screen = self.screen.lock().expect("whole");
        self.read += found(&screen).expect("seen") + words.len();
    }

    /// Waits for the end, and gives the exit code and all that was shown.
    pub(crate) fn end(mut self) -> (i32, String) {
        let watch = Watch::over(&self.child);
        let ended = self.child.wait().expect("ends");
        drop(watch);
        // What it said last may not have been read yet.
        self.shown.join().expect("no panic");
        (code(ended), self.screen.lock().expect("whole").clone())
    }
}

/// A session that was begun without a terminal.
fn begun(world: &World) {
    let turn = world.turn(&["-s", "workspace-write"]);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
}

const ASKS: [&str; 3] = ["--last", "-a", "unless-allow-listed"];

#[test]
fn a_person_says_what_to_do_and_is_asked_before_it_is_done() {
    let patch = "*** Begin Patch\n*** Add File: made\n+hello from a patch\n*** End Patch";
    let world = World::playing(json!([
        says("Hello."),
        runs("echo one >> counter"),
        runs("echo two >> counter"),
        patches(patch),
        says("All of it done.")
    ]));
    begun(&world);
    let mut person = Terminal::start(&world.asking_model("resume", &ASKS));
    person.until("Hello.");
    person.until("> ");
    person.types("do it");
    person.until("may this run? /bin/bash -c 'echo one >> counter' in ");
    person.until("not known to be safe");
    person.until("y/s/n/a> ");
    assert_eq!(world.read("counter"), None);
    person.types("do something else");
    person.until("a question waits");
    person.types("y");
    person.until("allowed by user:line");
    person.until("echo two >> counter");
    person.until("y/s/n/a> ");
    person.types("n use the wooden spoon");
    person.until("denied by user:line");
    person.until("+hello from a patch");
    // A patch is another one each time, so no more is offered, or taken.
    person.until("y/n/a> ");
    person.types("s");
    person.until("a patch is another one each time");
    person.types("y");
    person.until("All of it done.");
    person.until("> ");
    person.types("/name the moon");
    person.until("session named: the moon");
    person.types("/quit");
    let (code, screen) = person.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("codex resume "), "{screen}");
    assert_eq!(world.read("counter").as_deref(), Some("one\n"));
    assert_eq!(world.read("made").as_deref(), Some("hello from a patch\n"));
    assert!(world.bodies()[3].to_string().contains("refused by the user: use the wooden spoon"));
    world.check_journal();

    // The policy is the session's now, which no flag has to say; and it has a name.
    let refused = run(world.exec(&["resume", "the moon", "go on"]));
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("unless-allow-listed"), "{}", refused.stderr);
    let mut person = Terminal::start(&world.asking_model("resume", &["the moon"]));
    person.until("All of it done.");
    person.until("> ");
    person.presses(b"\x04");
    let (code, screen) = person.end();
    assert_eq!(code, 0, "{screen}");
    // What was asked before is shown, and asks for nothing.
    assert!(screen.contains("may this run?"), "{screen}");
    assert!(!screen.contains("y: yes") && !screen.contains("nothing waits here"), "{screen}");
    assert_eq!(world.kinds().last().map(String::as_str), Some("session_closed"));
}

#[test]
fn ctrl_c_ends_the_turn_and_leaves_when_there_is_none() {
    let world = World::playing(json!([
        says("Hello."),
        runs("sleep 60"),
        runs("sleep 60"),
        says("Better.")
    ]));
    begun(&world);
    let mut person = Terminal::start(&world.asking_model("resume", &["--last"]));
    person.until("> ");
    // Twice, since the first time must not be the only one.
    for _ in 0..2 {
        person.types("take your time");
        person.until("exec /bin/bash -c 'sleep 60'");
        person.presses(b"\x03");
        person.until("ended by SIGINT");
        person.until("> ");
    }
    person.types("be quick");
    person.until("Better.");
    person.until("> ");
    person.presses(b"\x03");
    let (code, screen) = person.end();
    assert_eq!(code, 130, "{screen}");
    world.check_journal();
}

#[test]
fn leaving_while_a_turn_runs_ends_it_and_a_question_is_asked_again() {
    let world = World::playing(json!([says("Hello."), runs("echo one >> counter"), says("Done.")]));
    begun(&world);
    let mut person = Terminal::start(&world.asking_model("resume", &ASKS));
    person.until("> ");
    person.types("do it");
    person.until("y/s/n/a> ");
    person.child.kill().expect("killed");
    person.end();
    let mut person = Terminal::start(&world.asking_model("resume", &["--last"]));
    person.until("may this run?");
    person.until("y/s/n/a> ");
    person.types("/quit");
    let (code, screen) = person.end();
    assert_eq!((code, world.read("counter")), (0, None), "{screen}");
    let kinds = world.kinds();
    assert!(kinds.ends_with(&["turn_interrupted".to_owned(), "session_closed".to_owned()]));
    world.check_journal();
}

#[test]
fn without_a_name_the_sessions_of_the_folder_are_offered() {
    let world = World::playing(json!([says("One."), says("Two.")]));
    for prompt in ["the first task", "the second \u{1b}[8mtask"] {
        assert_eq!(world.turn_of(&[], prompt).code, 0);
    }
    let mut person = Terminal::start(&world.asking_model("resume", &[]));
    person.until(" 1  ");
    person.until("the second task");
    person.until(" 2  ");
    person.until("the first task");
    person.until("which one");
    person.types("2");
    person.until("One.");
    person.until("> ");
    person.types("/quit");
    assert_eq!(person.end().0, 0);
    let mut person = Terminal::start(&world.asking_model("resume", &[]));
    person.until("which one");
    person.types("7");
    let (code, screen) = person.end();
    assert!(code == 2 && screen.contains("hint: "), "{screen}");
}

#[test]
fn a_fork_goes_on_at_the_terminal() {
    let world = World::playing(json!([says("Hello."), runs("echo one >> counter"), says("Done.")]));
    begun(&world);
    let mut person = Terminal::start(&world.asking_model("fork", &ASKS));
    person.until("forked from");
    person.until("> ");
    person.types("do it");
    person.until("y/s/n/a> ");
    person.types("y");
    person.until("Done.");
    person.until("> ");
    person.types("/quit");
    let (code, screen) = person.end();
    assert_eq!(code, 0, "{screen}");
    assert_eq!(world.read("counter").as_deref(), Some("one\n"));
    assert!(world.kinds().contains(&"session_forked".to_owned()));
    world.check_journal();
}

#[test]
fn off_a_terminal_the_way_without_one_is_named() {
    let world = World::playing(json!([says("Hello.")]));
    begun(&world);
    let turn = run(world.asking_model("resume", &["--last", "go on"]));
    assert_eq!((turn.code, turn.stdout.as_str()), (2, ""));
    assert!(turn.stderr.contains("codex exec resume"), "{}", turn.stderr);
    for (words, hint) in [
        (&["--last", "--json"][..], "codex exec"),
        (&["no such name"][..], "no session `no such name`"),
        (&["--last", "a", "b"][..], "exclude each other"),
    ] {
        let mut person = Terminal::start(&world.asking_model("resume", words));
        person.until(hint);
        assert_eq!(person.end().0, 2);
    }
}
