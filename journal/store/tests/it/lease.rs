//! Who owns a session, who only did, and what an owner may do that was replaced.

use std::io::{BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout};
use std::sync::atomic::{AtomicBool, Ordering};

use codex_event::{Epoch, Seq, SessionId};
use codex_journal::{
    Layout, Lease, Leftovers, OpenError, RawJournal, Scribe, SessionDir, Standing, WriteError,
    WriteFault, is_owned, remove, verify,
};

use crate::child;
use crate::support::{barrier, batch, block_on, dir, envelope, home, session};

/// A process that appends when it is told to.
struct Appender {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Appender {
    fn start(home: &Path, id: SessionId) -> (Appender, String) {
        let (child, mut lines) = child::start("append", home, id);
        let told = child::told(&mut lines).expect("it says how it went");
        (Appender { child, lines }, told)
    }

    fn append(&mut self) -> String {
        let input = self.child.stdin.as_mut().expect("piped");
        input.write_all(b"\n").expect("it listens");
        child::told(&mut self.lines).expect("it answers")
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("it ends").success());
    }

    fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

fn owner(opened: Result<impl Sized, OpenError>) -> Option<Box<Lease>> {
    match opened {
        Err(OpenError::Busy { owner, .. }) => owner,
        Ok(_) => panic!("it opened"),
        Err(other) => panic!("{other}"),
    }
}

/// Everything is one chain, of so many records.
fn check(dir: &SessionDir, id: SessionId, records: usize) {
    assert_eq!(verify(dir, id).expect("readable").problems, []);
    assert_eq!(RawJournal::read(dir, id).expect("readable").len(), records);
}

fn write(scribe: &Scribe, id: SessionId, seq: u64) -> Result<Seq, WriteError> {
    let envelopes = vec![envelope(id, seq, 1, barrier("ours"))];
    block_on(scribe.write(batch(envelopes))).map(|head| head.seq)
}

fn is_fenced(written: &Result<Seq, WriteError>) -> bool {
    let Err(WriteError::Failed(fault)) = written else { return false };
    matches!(&**fault, WriteFault::Fenced { ours, theirs } if theirs > ours)
}

#[test]
fn a_live_owner_is_named_and_a_dead_one_is_not_in_the_way() {
    let home = home();
    let id = session(1);
    let (layout, dir) = (Layout::new(home.path()), dir(home.path(), id));
    let (mut first, told) = Appender::start(home.path(), id);
    assert_eq!(told, "held");
    assert_eq!(first.append(), "ok 1");
    let named = owner(Scribe::open(&layout, id)).expect("it is named");
    assert_eq!((named.pid, named.epoch), (first.child.id(), Epoch(1)));
    assert!(named.program.starts_with("codex "), "{}", named.program);
    let message = Scribe::open(&layout, id).map(drop).expect_err("busy").to_string();
    assert!(message.contains(&format!("process {} (codex ", named.pid)), "{message}");
    first.kill();

    let (stale, standing) = Lease::read(&dir).expect("it is left over");
    assert_eq!((stale, standing), (*named, Standing::Gone));
    let (scribe, handle) = Scribe::open(&layout, id).expect("free");
    let ours = Lease::live(&dir).expect("ours");
    assert_eq!((ours.pid, ours.epoch), (std::process::id(), Epoch(2)));
    scribe.finish().expect("finishes");
    drop(handle);
    assert!(!dir.lease().exists(), "an orderly end leaves no lease");
    check(&dir, id, 1);
}

#[test]
fn a_lease_that_nobody_stands_behind_keeps_nobody_out() {
    let home = home();
    let id = session(2);
    let (layout, dir) = (Layout::new(home.path()), dir(home.path(), id));
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    let ours = Lease::live(&dir).expect("ours");
    scribe.finish().expect("finishes");
    drop(handle);
    let reused = Lease { start_time: ours.start_time + 1, ..ours.clone() };
    let rebooted = Lease { boot_id: "another".into(), ..ours.clone() };
    let cases = [
        (serde_json::to_vec(&reused).expect("json"), Some(Standing::Reused)),
        (serde_json::to_vec(&rebooted).expect("json"), Some(Standing::Rebooted)),
        (b"{\"pid\": 1".to_vec(), None),
        (vec![0xff; 5000], None),
        (vec![], None),
    ];
    for (text, wanted) in cases {
        std::fs::write(dir.lease(), &text).expect("written");
        assert_eq!(Lease::read(&dir).map(|(_, standing)| standing), wanted);
        let opened = Scribe::open(&layout, id).expect("opens");
        assert_eq!(Lease::live(&dir).expect("ours").pid, ours.pid);
        opened.0.finish().expect("finishes");
    }
}

#[test]
fn an_owner_whose_lock_file_was_replaced_writes_no_more() {
    let home = home();
    let id = session(3);
    let dir = dir(home.path(), id);
    let (mut first, told) = Appender::start(home.path(), id);
    assert_eq!(told, "held");
    assert_eq!(first.append(), "ok 1");
    std::fs::remove_file(dir.lock()).expect("removed");
    let before = std::fs::read(dir.data()).expect("readable");
    // The second one finds the lock free, and the first one still at the engine's files.
    let (second, told) = Appender::start(home.path(), id);
    assert!(told.contains(&format!("in use by process {}", first.child.id())), "{told}");
    second.end();
    assert_eq!(std::fs::read(dir.data()).expect("readable"), before, "it touched nothing");
    let refused = first.append();
    assert!(refused.contains("was epoch 1") && refused.contains("epoch 2 took it"), "{refused}");
    assert_eq!(first.append(), refused, "and stays so");
    first.end();
    let (mut third, told) = Appender::start(home.path(), id);
    assert_eq!(told, "held");
    assert_eq!(third.append(), "ok 2");
    third.end();
    check(&dir, id, 2);
}

#[test]
fn an_owner_whose_folder_was_replaced_writes_no_more() {
    let home = home();
    let id = session(4);
    let (layout, dir) = (Layout::new(home.path()), dir(home.path(), id));
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    assert_eq!(write(&scribe, id, 1).expect("written"), Seq(1));
    let aside = home.path().join("aside");
    std::fs::rename(dir.path(), &aside).expect("moved");
    let copied = std::process::Command::new("cp").arg("-a").arg(&aside).arg(dir.path()).status();
    assert!(copied.expect("cp").success());
    let refused = write(&scribe, id, 2);
    assert!(is_fenced(&refused), "{refused:?}");
    assert!(scribe.finish().is_err());
    drop(handle);
    check(&dir, id, 1);
    let (scribe, _handle) = Scribe::open(&layout, id).expect("opens");
    scribe.finish().expect("finishes");
}

#[test]
fn a_later_owners_lease_ends_this_one_even_if_the_lock_says_nothing() {
    let home = home();
    let id = session(5);
    let (layout, dir) = (Layout::new(home.path()), dir(home.path(), id));
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    assert_eq!(write(&scribe, id, 1).expect("written"), Seq(1));
    // As where the home is shared by two machines whose locks do not know of each other.
    let ours = Lease::live(&dir).expect("ours");
    let theirs = Lease { boot_id: "another".into(), epoch: Epoch(2), ..ours };
    std::fs::remove_file(dir.lease()).expect("removed");
    std::fs::write(dir.lease(), serde_json::to_vec(&theirs).expect("json")).expect("written");
    let refused = write(&scribe, id, 2);
    assert!(is_fenced(&refused), "{refused:?}");
    assert!(scribe.finish().is_err());
    drop(handle);
    assert_eq!(Lease::read(&dir).map(|(lease, _)| lease), Some(theirs), "not ours to remove");
    check(&dir, id, 1);
}

#[test]
fn a_lock_and_a_lease_that_were_merely_removed_are_made_again() {
    let home = home();
    let id = session(6);
    let (layout, dir) = (Layout::new(home.path()), dir(home.path(), id));
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    assert_eq!(write(&scribe, id, 1).expect("written"), Seq(1));
    std::fs::remove_file(dir.lock()).expect("removed");
    std::fs::remove_file(dir.lease()).expect("removed");
    assert_eq!(write(&scribe, id, 2).expect("written"), Seq(2));
    let named = owner(Scribe::open(&layout, id)).expect("it is named");
    assert_eq!(named.pid, std::process::id());
    scribe.finish().expect("finishes");
    drop(handle);
    check(&dir, id, 2);
}

#[test]
fn a_folder_that_is_gone_ends_the_writer() {
    let home = home();
    let id = session(7);
    let (layout, dir) = (Layout::new(home.path()), dir(home.path(), id));
    let (scribe, _handle) = Scribe::create(&layout, id).expect("created");
    assert_eq!(write(&scribe, id, 1).expect("written"), Seq(1));
    std::fs::remove_dir_all(dir.path()).expect("removed");
    let refused = write(&scribe, id, 2);
    let Err(WriteError::Failed(fault)) = &refused else { panic!("{refused:?}") };
    assert!(matches!(&**fault, WriteFault::Lock(_)), "{fault:?}");
    assert!(!dir.path().exists(), "it is not made again");
}

/// A session that nobody owns any more.
fn left(layout: &Layout, id: SessionId) {
    let (scribe, handle) = Scribe::create(layout, id).expect("created");
    drop(handle);
    write(&scribe, id, 1).expect("written");
    scribe.finish().expect("finishes");
}

#[test]
fn asking_who_owns_a_session_keeps_nobody_from_it() {
    let home = home();
    let (layout, id) = (Layout::new(home.path()), session(1));
    let dir = dir(home.path(), id);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    is_owned(&dir);
                }
            });
        }
        let removed = (0..50).try_for_each(|_| {
            left(&layout, id);
            remove(&layout, id)
        });
        done.store(true, Ordering::Relaxed);
        removed.expect("nobody owns it");
    });
}

#[test]
fn whoever_looks_after_a_session_for_a_moment_does_not_own_it() {
    let home = home();
    let (layout, id) = (Layout::new(home.path()), session(1));
    let dir = dir(home.path(), id);
    left(&layout, id);
    let done = AtomicBool::new(false);
    let owned = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::fs::write(dir.path().join("db.half"), "what a kill left").expect("written");
                Leftovers::Safe.sweep_within(&dir, id).expect("swept");
            }
        });
        let owned = (0..2_000).find(|_| is_owned(&dir));
        done.store(true, Ordering::Relaxed);
        owned
    });
    assert_eq!(owned, None, "nobody does");
    // Its owner does, whatever asks.
    let (_scribe, _handle) = Scribe::open(&layout, id).expect("opens");
    assert!(is_owned(&dir));
}
