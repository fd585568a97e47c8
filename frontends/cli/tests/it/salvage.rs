//! Sessions whose files are damaged, as their owner meets them: gone on with, or refused with a way
//! out.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Turn, World, bytes, patches, run, runs, says};
use crate::tui::screen::{Person, Size, in_colour};

const MAGIC: &[u8] = b"\xC0\xDEjourn\xFF";
const HEADER: usize = 85;

/// A session to damage and one to leave alone, and a model that answers whoever asks.
struct Wounded {
    world: World,
    id: String,
    other: String,
    good: Vec<(PathBuf, Vec<u8>)>,
    untouched: Vec<(PathBuf, Vec<u8>)>,
}

impl Wounded {
    fn new(answers: usize) -> Wounded {
        let patch = "*** Begin Patch\n*** Add File: notes.txt\n+one\n*** End Patch\n";
        let mut steps = vec![
            patches(patch),
            runs("seq 1 2000"),
            says(&"Long. ".repeat(500)),
            says("The other one."),
        ];
        steps.extend((0..answers).map(|_| says("On.")));
        let world = World::playing(Value::from(steps));
        let turns = [world.turn(&["--full-auto"]), world.turn(&["--full-auto"])];
        let [id, other] = turns.map(|turn| {
            assert_eq!(turn.code, 0, "{}", turn.stderr);
            turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned()
        });
        let folder = |id: &str| world.home().join("journals").join(id);
        let (good, untouched) = (bytes(folder(&id)), bytes(folder(&other)));
        Wounded { id, other, good, untouched, world }
    }

    fn folder(&self) -> PathBuf {
        self.world.home().join("journals").join(&self.id)
    }

    fn run(&self, arguments: &[&str]) -> Turn {
        sound(run(self.world.program(arguments)))
    }

    fn resume(&self) -> Turn {
        sound(run(self.world.exec(&["resume", &self.id, "go on"])))
    }

    fn restore(&self) {
        fs::remove_dir_all(self.folder()).expect("removed");
        for (path, content) in &self.good {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
    }

    fn check_the_other(&self, what: &str) {
        let folder = self.world.home().join("journals").join(&self.other);
        assert!(bytes(folder) == self.untouched, "{what}: another session was touched");
    }

    fn frames(&self) -> (Vec<u8>, Vec<usize>) {
        let data = fs::read(self.folder().join("db/db")).expect("readable");
        let found = (0..data.len()).filter(|at| data[*at..].starts_with(MAGIC)).collect();
        (data, found)
    }

    fn raw(&self) -> Vec<Value> {
        let raw = self.run(&["replay", &self.id, "--raw"]);
        raw.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Makes every copy of some records unreadable.
    fn lose(&self, lost: impl Fn(u64) -> bool) {
        let (mut data, frames) = self.frames();
        for at in frames {
            if lost(u64::from_le_bytes(data[at + 13..at + 21].try_into().expect("8 bytes"))) {
                data[at + HEADER + 9] ^= 4;
            }
        }
        fs::write(self.folder().join("db/db"), data).expect("written");
    }
}

fn sound(turn: Turn) -> Turn {
    assert!(!turn.stderr.contains("panicked"), "{turn:?}");
    assert!(turn.code == 0 || turn.stderr.contains("hint: "), "{turn:?}");
    turn
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path).expect("removed"),
        Ok(_) => fs::remove_file(path).expect("removed"),
        Err(_) => {}
    }
}

#[test]
fn whatever_stands_in_the_place_of_a_file_the_owner_opens_or_refuses() {
    let wounded = Wounded::new(400);
    let folder = wounded.folder();
    let blob = wounded.good.iter().find(|(path, _)| path.starts_with(folder.join("blobs")));
    let blob = blob.expect("a blob").0.strip_prefix(&folder).expect("below").to_owned();
    let snapshot = wounded.good.iter().find(|(path, _)| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap."))
    });
    let snapshot = snapshot.map(|(path, _)| path.strip_prefix(&folder).expect("below").to_owned());
    let places = [
        "db", "db/db", "db/conf", "db/blobs", "blobs", "head", "lock", "opening", "lease",
        "reserve",
    ];
    let beside = ["db.half", "db.before", "db.new", "db.damaged.half", "db.damaged-1", "head.new"];
    let places = places.iter().chain(&beside).map(PathBuf::from).chain([blob]).chain(snapshot);
    type Act<'a> = (&'a str, &'a dyn Fn(&Path));
    let acts: [Act<'_>; 7] = [
        ("is missing", &remove),
        ("is cut", &|path| {
            if let Ok(content) = fs::read(path) {
                fs::write(path, &content[..content.len() / 2]).expect("written");
            }
        }),
        ("is empty", &|path| {
            remove(path);
            fs::write(path, "").expect("written");
        }),
        ("is garbage", &|path| {
            remove(path);
            fs::write(path, [0xA5; 5000]).expect("written");
        }),
        ("is a folder", &|path| {
            remove(path);
            fs::create_dir(path).expect("made");
            fs::write(path.join("stranger"), "x").expect("written");
        }),
        ("is a dangling link", &|path| {
            remove(path);
            symlink("/nonexistent/thing", path).expect("linked");
        }),
        ("can't be read", &|path| {
            remove(path);
            symlink(path, path).expect("linked");
        }),
    ];
    let mut opened = 0;
    let mut refused = 0;
    for place in places {
        for (how, act) in &acts {
            let what = format!("{} {how}", place.display());
            act(&folder.join(&place));
            let verified = wounded.run(&["replay", &wounded.id, "--verify"]);
            assert!(matches!(verified.code, 0 | 3), "{what}: {verified:?}");
            assert!(
                verified.code == 0 || !verified.stdout.is_empty() || !verified.stderr.is_empty()
            );
            assert!(matches!(wounded.run(&["replay", &wounded.id]).code, 0 | 3), "{what}");
            let table = wounded.run(&["sessions"]);
            assert_eq!(table.code, 0, "{what}");
            assert!(table.stdout.contains(&wounded.id), "{what}: {}", table.stdout);

            let resumed = wounded.resume();
            match resumed.code {
                0 => opened += 1,
                2 | 3 => refused += 1,
                _ => panic!("{what}: {resumed:?}"),
            }
            if resumed.code == 0 {
                let after = wounded.run(&["replay", &wounded.id, "--verify"]);
                let blobs_alone = after.stdout.lines().all(|line| line.starts_with("blob "));
                assert!(after.code == 0 || blobs_alone, "{what}: {after:?}");
            }
            wounded.check_the_other(&what);
            wounded.restore();
        }
    }
    println!("{opened} sessions were gone on with, {refused} refused");
    assert!(opened > 40 && refused > 20, "{opened} and {refused}");
    assert!(fs::symlink_metadata("/nonexistent/thing").is_err(), "no link was followed");
}

#[test]
fn a_session_with_a_hole_is_repaired_and_says_where_to_fork_it() {
    let wounded = Wounded::new(1);
    let before = wounded.raw();
    let last = before.len() as u64;
    wounded.lose(|seq| seq == 6 || seq >= last - 1);
    let lost = before.len() - 3;
    for _ in 0..2 {
        let resumed = wounded.resume();
        assert_eq!(resumed.code, 3, "{resumed:?}");
        assert!(resumed.stderr.contains("event 6 is lost"), "{resumed:?}");
        let way = format!("`codex fork {} --at 5`", wounded.id);
        assert!(resumed.stderr.contains(&way), "{resumed:?}");
        // The repair is told once, whatever is tried afterwards.
        let now = wounded.raw();
        assert_eq!(now.len(), lost + 1);
        let repair = &now[lost];
        let runs = json!([[6, 6], [last - 1, last]]);
        assert_eq!((&repair["kind"], &repair["body"]["missing"]), (&json!("repaired"), &runs));
        assert_eq!((&repair["seq"], &repair["author"]), (&json!(last + 1), &json!("supervisor")));
    }
    let verified = wounded.run(&["replay", &wounded.id, "--verify"]);
    assert_eq!(verified.code, 3);
    for words in ["record 6 is missing", "are missing", "repaired: record "] {
        assert!(verified.stdout.contains(words), "{words}: {}", verified.stdout);
    }
    let shown = wounded.run(&["replay", &wounded.id]);
    assert_eq!(shown.code, 0);
    assert!(shown.stdout.contains("are lost"), "{}", shown.stdout);
    assert!(fs::read_dir(wounded.folder().join("db.damaged-1")).is_ok(), "kept");
    wounded.check_the_other("after a repair");
}

#[test]
fn a_session_without_its_head_file_is_gone_on_with() {
    let wounded = Wounded::new(1);
    fs::remove_file(wounded.folder().join("head")).expect("removed");
    let resumed = wounded.resume();
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let kinds: Vec<Value> = wounded.raw().iter().map(|event| event["kind"].clone()).collect();
    assert!(kinds.contains(&json!("repaired")) && kinds.last() == Some(&json!("session_closed")));
    let verified = wounded.run(&["replay", &wounded.id, "--verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    assert!(verified.stdout.contains("names what is lost: none"), "{}", verified.stdout);
}

#[test]
fn a_journal_of_a_newer_release_is_shown_and_not_written() {
    let wounded = Wounded::new(1);
    let before = wounded.raw();
    let (mut data, frames) = wounded.frames();
    let at = frames[frames.len() - 1];
    let len = u32::from_le_bytes(data[at + 9..at + 13].try_into().expect("4 bytes")) as usize;
    let mut frame = data[at..at + HEADER + len].to_vec();
    // The next record, in a format that this release does not know.
    let next = before.len() as u64 + 1;
    frame[8] = 3;
    frame[13..21].copy_from_slice(&next.to_le_bytes());
    data.extend(frame);
    fs::write(wounded.folder().join("db/db"), &data).expect("written");
    let held = bytes(wounded.folder());

    let resumed = wounded.resume();
    assert_eq!(resumed.code, 2, "{resumed:?}");
    assert!(resumed.stderr.contains("has format 3, this one knows 1"), "{resumed:?}");
    assert!(resumed.stderr.contains("update this program"), "{resumed:?}");
    assert_eq!(wounded.raw(), before, "what is known of it is shown");
    let verified = wounded.run(&["replay", &wounded.id, "--verify"]);
    assert_eq!(verified.code, 3);
    let named = format!("record {next} was written by a newer release, in format 3");
    assert!(verified.stdout.contains(&named), "{}", verified.stdout);
    assert!(bytes(wounded.folder()) == held, "not a byte was changed");
}

#[test]
fn a_hole_is_shown_where_it_is_with_what_can_be_done() {
    let wounded = Wounded::new(0);
    wounded.lose(|seq| (6..=8).contains(&seq));
    let shown = in_colour(wounded.world.program(&["replay", "--screen", &wounded.id]));
    let mut person = Person::start(&shown, Size(120, 60));
    person.until("missing");
    person.presses("g");
    let screen = person.until("missing here: 3 events (6 to 8)");
    assert!(screen.contains(&format!("`codex fork {} --at 5`", wounded.id)), "{screen}");
    person.presses("q");
    assert_eq!(person.end(), 0);
    let forked = wounded.run(&["exec", "fork", &wounded.id, "--at", "5"]);
    assert_eq!(forked.code, 0, "{forked:?}");
}
