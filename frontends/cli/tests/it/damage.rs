//! Damage of every kind, as a user meets it: it is named, or it makes no difference, and it never
//! costs another session.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Turn, World, bytes, patches, run, runs, says};

/// Bits that are flipped at random; as many as `CODEX_TEST_FLIPS` says, and then also one in every
/// byte of the head file and in every record.
const FLIPS: usize = 40;

/// Two sessions of one home: one to damage, one to leave alone.
struct Pair {
    world: World,
    id: String,
    other: String,
    printed: String,
    good: Vec<(PathBuf, Vec<u8>)>,
    untouched: Vec<(PathBuf, Vec<u8>)>,
}

impl Pair {
    fn new() -> Pair {
        let patch = "*** Begin Patch\n*** Add File: notes.txt\n+one\n+two\n*** End Patch\n";
        let world = World::playing(json!([
            runs("seq 1 20000"),
            patches(patch),
            runs("cat notes.txt; exit 3"),
            says(&"A long answer, which is kept outside of its record. ".repeat(60)),
            runs("echo other"),
            says("The other one."),
        ]));
        let turns = [world.turn(&["--full-auto"]), world.turn(&["--full-auto"])];
        let id = |turn: &Turn| turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
        let [id, other] = turns.each_ref().map(|turn| {
            assert_eq!(turn.code, 0, "{}", turn.stderr);
            id(turn)
        });
        let folder = |id: &str| world.home().join("journals").join(id);
        let (good, untouched) = (bytes(folder(&id)), bytes(folder(&other)));
        assert!(
            good.iter().filter(|(path, _)| path.starts_with(folder(&id).join("blobs"))).count() > 1
        );
        let [turn, _] = turns;
        Pair { id, other, printed: turn.stdout, good, untouched, world }
    }

    fn folder(&self) -> PathBuf {
        self.world.home().join("journals").join(&self.id)
    }

    fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.folder()).expect("below").display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Turn {
        let turn = run(self.world.program(arguments));
        assert!(!turn.stderr.contains("panicked"), "{arguments:?}: {}", turn.stderr);
        turn
    }

    /// Puts everything back as it was.
    fn restore(&self) {
        match fs::symlink_metadata(self.folder()) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(self.folder()).expect("removed"),
            Ok(_) => fs::remove_file(self.folder()).expect("removed"),
            Err(_) => {}
        }
        for (path, content) in &self.good {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
    }

    fn check_the_other(&self, what: &str) {
        let folder = self.world.home().join("journals").join(&self.other);
        assert!(bytes(folder) == self.untouched, "{what}: another session was touched");
        assert_eq!(self.run(&["replay", &self.other, "--verify"]).code, 0, "{what}");
    }

    // A flip is noticed and named, or nothing of what is shown is another.
    fn flip(&self, (path, content): &(PathBuf, Vec<u8>), at: usize, bit: u8) -> bool {
        let what = format!("bit {bit} of byte {at} of {}", self.name(path));
        let mut bad = content.clone();
        bad[at] ^= 1 << bit;
        fs::write(path, &bad).expect("written");
        let verified = self.run(&["replay", &self.id, "--verify"]);
        match verified.code {
            0 => {
                let replayed = self.run(&["replay", &self.id, "--json"]);
                assert_eq!(replayed.code, 0, "{what}: {replayed:?}");
                assert!(replayed.stdout == self.printed, "{what} changes what is shown, unnoticed");
            }
            3 => {
                let place = ["record ", "records ", "the head file ", "blob "];
                let named = |line: &str| place.iter().any(|place| line.contains(place));
                assert!(!verified.stdout.is_empty(), "{what}");
                assert!(verified.stdout.lines().all(named), "{what}: {}", verified.stdout);
                assert!(verified.stderr.contains("hint: "), "{what}: {}", verified.stderr);
            }
            _ => panic!("{what}: {verified:?}"),
        }
        assert!(fs::read(path).expect("readable") == bad, "{what}: reading changed it");
        fs::write(path, content).expect("written");
        verified.code == 3
    }
}

#[test]
fn a_flipped_bit_anywhere_is_named_or_makes_no_difference() {
    let pair = Pair::new();
    let wanted = std::env::var("CODEX_TEST_FLIPS").ok();
    let flips = wanted.as_ref().map_or(FLIPS, |number| number.parse().expect("a number"));
    let files: Vec<_> = pair.good.iter().filter(|(_, content)| !content.is_empty()).collect();
    let mut noticed = 0;
    let mut tried = 0;
    let mut flip = |file: &(PathBuf, Vec<u8>), at: usize, bit: u8| {
        noticed += u32::from(pair.flip(file, at, bit));
        tried += 1;
    };
    for file in &files {
        flip(file, 0, 0);
        flip(file, file.1.len() - 1, 7);
        if pair.name(&file.0) == "head" {
            let step = if wanted.is_some() { 1 } else { 41 };
            (0..file.1.len()).step_by(step).for_each(|at| flip(file, at, (at % 8) as u8));
        }
    }
    let data = files.iter().find(|(path, _)| path.ends_with("db/db")).expect("a data file");
    let mark = |at: &usize| data.1[*at..].starts_with(b"\xC0\xDEjourn\xFF");
    let records: Vec<_> = (0..data.1.len()).filter(mark).collect();
    assert!(records.len() > 50, "{}", records.len());
    for (number, at) in records.iter().enumerate().step_by(if wanted.is_some() { 1 } else { 7 }) {
        flip(data, at + number % 150, (number % 8) as u8);
    }
    let mut state: u64 = 7;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % bound
    };
    for trial in 0..flips {
        // Every other one in some file, else where the data file is not empty.
        let file = if trial % 2 == 0 { files[below(files.len())] } else { data };
        let used = file.1.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let end = if trial % 2 == 0 { file.1.len() } else { used };
        flip(file, below(end), below(8) as u8);
    }
    pair.check_the_other("after all flips");
    assert_eq!(pair.run(&["replay", &pair.id, "--verify"]).code, 0, "all were put back");
    println!("{tried} flipped bits, {noticed} noticed, the others without any difference");
    assert!(noticed > 10, "{noticed} of {tried}");
}

#[test]
fn whatever_is_missing_cut_or_in_the_way_is_named() {
    let pair = Pair::new();
    let folder = pair.folder();
    let (blob, _) =
        pair.good.iter().find(|(path, _)| path.starts_with(folder.join("blobs"))).expect("a blob");
    let digest = blob.file_name().and_then(|name| name.to_str()).expect("a digest").to_owned();
    let data = folder.join("db/db");
    let full = fs::read(&data).expect("readable");
    let remove =
        |path: &Path| fs::remove_dir_all(path).or_else(|_| fs::remove_file(path)).expect("removed");
    let instead = |path: &Path| {
        remove(path);
        fs::write(path, "in the way").expect("written");
    };
    let folder_instead = |path: &Path| {
        remove(path);
        fs::create_dir(path).expect("made");
    };
    // What is done, the exit code of a check, what it says, and how the session is listed.
    type Case<'a> = (&'a str, &'a dyn Fn(), i32, &'a str, Option<&'a str>);
    let cases: &[Case<'_>] = &[
        ("nothing", &|| {}, 0, "ok: ", Some("clean")),
        (
            "an empty data file",
            &|| fs::write(&data, "").expect("written"),
            3,
            "journal ends at record 0",
            Some("damaged"),
        ),
        (
            "half a data file",
            &|| {
                let end = full
                    .windows(8)
                    .rposition(|bytes| bytes == b"\xC0\xDEjourn\xFF")
                    .expect("a record");
                fs::write(&data, &full[..end / 2]).expect("written");
            },
            3,
            "was acknowledged",
            Some("damaged"),
        ),
        ("no data file", &|| remove(&data), 3, "no journal at ", Some("damaged")),
        (
            "no folder of the engine",
            &|| remove(&folder.join("db")),
            3,
            "no journal at ",
            Some("damaged"),
        ),
        (
            "a file for the engine's folder",
            &|| instead(&folder.join("db")),
            3,
            "no journal at ",
            Some("damaged"),
        ),
        (
            "no head",
            &|| remove(&folder.join("head")),
            3,
            "the head file is damaged",
            Some("damaged"),
        ),
        (
            "an empty head",
            &|| fs::write(folder.join("head"), "").expect("written"),
            3,
            "the head file is damaged",
            Some("damaged"),
        ),
        (
            "a folder for the head",
            &|| folder_instead(&folder.join("head")),
            3,
            "the head file is damaged",
            Some("damaged"),
        ),
        ("no blob", &|| remove(blob), 3, &digest, Some("damaged")),
        ("no blobs", &|| remove(&folder.join("blobs")), 3, &digest, Some("damaged")),
        ("a file for the blobs", &|| instead(&folder.join("blobs")), 3, &digest, Some("damaged")),
        ("a folder for a blob", &|| folder_instead(blob), 3, &digest, Some("damaged")),
        (
            "half a blob",
            &|| {
                let content = fs::read(blob).expect("readable");
                fs::write(blob, &content[..content.len() / 2]).expect("written");
            },
            3,
            &digest,
            Some("damaged"),
        ),
        (
            "a stranger's file",
            &|| fs::write(folder.join("garbage"), [0xA5; 999]).expect("written"),
            0,
            "ok: ",
            Some("clean"),
        ),
        (
            "a stranger's file among the blobs",
            &|| fs::write(folder.join("blobs/garbage"), "x").expect("written"),
            0,
            "ok: ",
            Some("clean"),
        ),
        (
            "a stranger's folder among the engine's files",
            &|| fs::create_dir_all(folder.join("db/blobs/garbage")).expect("made"),
            0,
            "ok: ",
            Some("clean"),
        ),
        (
            "a folder that the system does not give",
            &|| {
                // A link to itself, because no mode keeps root out.
                remove(&folder);
                std::os::unix::fs::symlink(&folder, &folder).expect("linked");
            },
            3,
            "can't read the journal",
            Some("damaged"),
        ),
        ("a file for the session", &|| instead(&folder), 2, "no session", None),
        ("no session", &|| remove(&folder), 2, "no session", None),
    ];
    for (what, act, code, words, listed) in cases {
        act();
        let verified = pair.run(&["replay", &pair.id, "--verify"]);
        assert_eq!(verified.code, *code, "{what}: {verified:?}");
        let said = format!("{}{}", verified.stdout, verified.stderr);
        assert!(said.contains(words), "{what}: {said}");
        assert!(*code == 0 || verified.stderr.contains("hint: "), "{what}: {verified:?}");
        for form in ["--json", "--text", "--raw"] {
            let shown = pair.run(&["replay", &pair.id, form]);
            assert!(matches!(shown.code, 0 | 2 | 3), "{what} {form}: {shown:?}");
            // What is lost is said, whatever is shown.
            let lossless = *code == 0 || (form == "--raw" && *words == digest);
            assert!(lossless || !shown.stderr.is_empty(), "{what} {form}: {shown:?}");
        }
        let table = pair.run(&["sessions"]);
        assert_eq!(table.code, 0, "{what}: {table:?}");
        let row = |id: &str| table.stdout.lines().find(|line| line.starts_with(id));
        assert!(row(&pair.other).is_some_and(|row| row.contains(" clean ")), "{what}: {table:?}");
        match listed {
            Some(state) => assert!(
                row(&pair.id).is_some_and(|row| row.contains(&format!(" {state} "))),
                "{what}: {}",
                table.stdout
            ),
            None => assert_eq!(row(&pair.id), None, "{what}"),
        }
        pair.restore();
    }
    pair.check_the_other("after everything");
}

#[test]
fn a_home_that_can_not_be_read_is_said_to_be_none() {
    let world = World::silent();
    let file = world.path("file");
    fs::write(&file, "").expect("written");
    for arguments in [&["sessions"][..], &["replay", "--last"], &["replay", "01900000-0000"]] {
        let mut command = world.program(arguments);
        command.env("CODEX_HOME", file.join("home"));
        let turn = run(command);
        assert_eq!((turn.code, turn.stdout.as_str()), (2, ""), "{arguments:?}: {}", turn.stderr);
        assert!(turn.stderr.contains("can't list the sessions"), "{arguments:?}: {}", turn.stderr);
        assert!(turn.stderr.contains("hint: "), "{arguments:?}: {}", turn.stderr);
    }
}
