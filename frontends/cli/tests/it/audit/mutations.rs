//! A journal that somebody else has had in hands, held against one earlier checkpoint.
//!
//! What counts as a *mutation*: a change of a session's files after which the journal tells another
//! story, that is, after which the frames that every reader is given, in order, are others byte for
//! byte, or a blob that one of them names has other bytes or is gone. A change of anything else (an
//! older copy of a page, unused room, the head file, as long as it leads to the same frames) is none,
//! is not counted, and may go unnoticed.
//!
//! Two sorts of people do it. The *clumsy* change bytes and seal nothing anew; what they do is found
//! anywhere in the journal. The *able* know everything that this program knows but the key: they seal
//! what they changed and all that follows, and write the head file anew. What they do is found where
//! it touches what the checkpoint covers; behind it nothing can be found until there is a later one,
//! which the last test shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use codex_event::{Author, Body, Digest, Envelope, Event, Record, Seq, SessionId, genesis};
use codex_journal::{Head, HeadFile, Layout, RawJournal};
use serde_json::json;

use super::{PATCH, audit, signed};
use crate::support::{Turn, World, bytes, patches, run, runs, says};

/// Mutations that are tried; `AUDIT_MUTATIONS` sets another number.
const MUTATIONS: usize = 96;

type Files = Vec<(PathBuf, Vec<u8>)>;

/// A session of which the first part was signed.
struct Victim {
    world: World,
    id: SessionId,
    good: Files,
    told: Vec<Option<Vec<u8>>>,
    records: Vec<Record>,
    other: Vec<Record>,
    // Another session's files, by their names inside of its folder.
    stranger: Files,
    signed: usize,
    checkpoints: String,
}

/// What is done to a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Attack {
    /// Clumsy: one bit anywhere in the files.
    Flip,
    /// Clumsy: one byte of a record, in all of its copies.
    Scratch,
    /// Clumsy: all copies of a record, or of a run of them, overwritten.
    Erase,
    /// Clumsy: two records in each other's place.
    Exchange,
    /// Clumsy: the data file cut.
    Cut,
    /// Clumsy: a well sealed record in the place of another, and what follows left as it is.
    Graft,
    /// Clumsy: a blob changed, removed or put in the place of another.
    Blob,
    /// Clumsy: the files of another session under this one's name.
    Stranger,
    /// Able: a word in a record.
    Edit,
    /// Able: a record left out, the others moved up.
    Delete,
    /// Able: a record left out, its place left empty, the link around it made good.
    Skip,
    /// Able: two neighbours in each other's place.
    Swap,
    /// Able: a record more.
    Insert,
    /// Able: the end cut off before the checkpoint.
    Truncate,
    /// Able: the same number of records, and all of them made up or another session's.
    Replace,
    /// Able: as `Edit`, with the good records left lying beside the made up ones.
    Beside,
    /// Able: as `Truncate`, and then another end, longer than what was there.
    Regrow,
}

use Attack::{
    Beside, Blob, Cut, Delete, Edit, Erase, Exchange, Flip, Graft, Insert, Regrow, Replace,
    Scratch, Skip, Stranger, Swap, Truncate,
};

const ATTACKS: [Attack; 17] = [
    Flip, Scratch, Erase, Exchange, Cut, Graft, Blob, Stranger, Edit, Delete, Skip, Swap, Insert,
    Truncate, Replace, Beside, Regrow,
];

/// The same throws for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's generator; its upper bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

fn id_of(turn: &Turn) -> SessionId {
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    turn.lines()[0]["thread_id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

fn resume(world: &World, id: SessionId) {
    let turn = run(world.exec(&["resume", "--json", &id.to_string(), "go on"]));
    assert_eq!(turn.code, 0, "{}", turn.stderr);
}

impl Victim {
    fn new() -> Victim {
        let long = "A long answer, which is kept outside of its record. ".repeat(60);
        let world = World::playing(json!([
            runs("seq 1 5000"),
            patches(PATCH),
            says(&long),
            runs("cat notes.txt; exit 3"),
            says("Looked."),
            runs("seq 1 3000"),
            says(&long.replace("long", "later")),
            runs("echo other"),
            patches(&PATCH.replace("notes", "other")),
            says("The other one."),
            runs("cat other.txt"),
            says("Went on with it."),
        ]));
        let id = id_of(&world.turn(&["--full-auto"]));
        resume(&world, id);
        let checkpoints = signed(&world);
        let signed = Victim::records_of(&world, id).len();
        resume(&world, id);
        let other = id_of(&world.turn(&["--full-auto"]));
        resume(&world, other);
        let folder = |id: SessionId| world.home().join("journals").join(id.to_string());
        let records = Victim::records_of(&world, id);
        assert!(signed > 30 && records.len() > signed + 10, "{signed} of {}", records.len());
        let mut victim = Victim {
            id,
            good: bytes(folder(id)),
            stranger: bytes(folder(other))
                .into_iter()
                .map(|(path, held)| {
                    (path.strip_prefix(folder(other)).expect("below").to_owned(), held)
                })
                .collect(),
            told: Vec::new(),
            other: Victim::records_of(&world, other),
            records,
            signed,
            checkpoints,
            world,
        };
        victim.told = victim.tells();
        assert!(victim.told.iter().all(Option::is_some));
        victim
    }

    fn records_of(world: &World, id: SessionId) -> Vec<Record> {
        let journal = RawJournal::read(&Layout::new(&world.home()).session(id), id);
        let journal = journal.expect("readable");
        journal.records().map(|record| record.expect("whole")).collect()
    }

    fn folder(&self) -> PathBuf {
        self.world.home().join("journals").join(self.id.to_string())
    }

    fn restore(&self) {
        fs::remove_dir_all(self.folder()).expect("removed");
        for (path, content) in &self.good {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
    }

    /// What the journal tells: its frames, and the blobs that they name.
    fn tells(&self) -> Vec<Option<Vec<u8>>> {
        let dir = Layout::new(&self.world.home()).session(self.id);
        let Ok(journal) = RawJournal::read(&dir, self.id) else { return Vec::new() };
        let mut told = Vec::new();
        for record in journal.records() {
            let Ok(record) = record else {
                told.push(None);
                continue;
            };
            let blobs = record.envelope.blobs();
            told.push(Some(record.frame));
            told.extend(blobs.iter().map(|(digest, _)| journal.blobs().get(digest).ok().flatten()));
        }
        told
    }

    fn verify(&self) -> Turn {
        let id = self.id.to_string();
        audit(&self.world, &["verify", &id, "--checkpoint", &self.checkpoints])
    }

    /// Writes frames in the place of all that were there, as one who knows how.
    fn forge(&self, records: &[Record], beside: &[u8]) {
        let dir = Layout::new(&self.world.home()).session(self.id);
        // A fork would have its first part here.
        let _ = fs::remove_file(dir.path().join("base.seg"));
        let mut data = beside.to_vec();
        records.iter().for_each(|record| data.extend_from_slice(&record.frame));
        fs::write(dir.data(), data).expect("written");
        fs::remove_file(dir.head()).expect("removed");
        let last = records.last().expect("some");
        let (seq, epoch) = (last.envelope.seq, last.envelope.epoch);
        HeadFile::create(&dir.head(), Head { seq, hash: last.hash, epoch }).expect("written");
    }

    /// Changes every copy of some bytes, in whatever file.
    fn everywhere(&self, old: &[u8], new: &[u8]) {
        for (path, content) in &self.good {
            let mut found = fs::read(path).unwrap_or_else(|_| content.clone());
            let mut at = 0;
            let mut changed = false;
            while at + old.len() <= found.len() {
                if found[at..].starts_with(old) {
                    found[at..at + new.len()].copy_from_slice(new);
                    changed = true;
                    at += old.len();
                } else {
                    at += 1;
                }
            }
            if changed {
                fs::write(path, found).expect("written");
            }
        }
    }
}

/// Seals events behind each other; positions and links are made good.
fn reseal(session: &SessionId, envelopes: impl IntoIterator<Item = Envelope>) -> Vec<Record> {
    let mut prev = genesis(session);
    let mut records = Vec::new();
    for (at, mut envelope) in envelopes.into_iter().enumerate() {
        envelope.seq = Seq(at as u64 + 1);
        let record = Record::seal(envelope, prev);
        prev = record.hash;
        records.push(record);
    }
    records
}

/// Changes one letter or digit of an event, so that it is still one, and another.
fn edited(envelope: &Envelope, dice: &mut Dice) -> Envelope {
    let json = envelope.to_json();
    loop {
        let mut bad = json.clone();
        let at = dice.below(bad.len());
        if !bad[at].is_ascii_alphanumeric() {
            continue;
        }
        bad[at] = if bad[at].is_ascii_digit() { b'0' + (bad[at] - b'0' + 1) % 10 } else { b'x' };
        match Envelope::from_json(&bad) {
            Ok(other) if other != *envelope && other.seq == envelope.seq => return other,
            Ok(_) | Err(_) => {}
        }
    }
}

fn made_up(like: &Envelope) -> Envelope {
    let text = "nothing to see here".into();
    let body = Body::Known(Event::Noted { text });
    Envelope { body, author: Author::Supervisor, ..like.clone() }
}

fn attack(victim: &Victim, attack: Attack, dice: &mut Dice) {
    let envelopes = || victim.records.iter().map(|record| record.envelope.clone());
    let all = victim.records.len();
    // A place that the checkpoint covers.
    let place = dice.below(victim.signed - 1);
    let forge = |envelopes: Vec<Envelope>| victim.forge(&reseal(&victim.id, envelopes), b"");
    match attack {
        Flip => {
            let files: Vec<_> = victim.good.iter().filter(|(_, held)| !held.is_empty()).collect();
            let (path, held) = files[dice.below(files.len())];
            let used = held.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
            let mut bad = held.clone();
            bad[dice.below(used)] ^= 1 << dice.below(8);
            fs::write(path, bad).expect("written");
        }
        Scratch => {
            let frame = &victim.records[dice.below(all)].frame;
            let mut bad = frame.clone();
            bad[dice.below(frame.len())] ^= 1 << dice.below(8);
            victim.everywhere(frame, &bad);
        }
        Erase => {
            let first = dice.below(all);
            let last = (first + 1 + dice.below(4)).min(all);
            for record in &victim.records[first..last] {
                victim.everywhere(&record.frame, &vec![0; record.frame.len()]);
            }
        }
        Exchange => {
            let (one, two) = (dice.below(all), dice.below(all));
            let (one, two) = (&victim.records[one].frame, &victim.records[two].frame);
            // As far as there is room: what is cut does not prove itself.
            let room = one.len().min(two.len());
            let mark = vec![0xAA; one.len()];
            victim.everywhere(one, &mark);
            victim.everywhere(two, &one[..room]);
            victim.everywhere(&mark, &two[..room]);
        }
        Cut => {
            let data = victim.folder().join("db/db");
            let held = fs::read(&data).expect("readable");
            let used = held.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
            fs::write(&data, &held[..dice.below(used)]).expect("written");
        }
        Graft => {
            let mut records = victim.records.clone();
            let there = &records[place];
            records[place] = match dice.below(2) {
                0 => Record::seal(made_up(&there.envelope), there.prev),
                _ => Record::seal(edited(&there.envelope, dice), there.prev),
            };
            victim.forge(&records, b"");
        }
        Blob => {
            let in_blobs = |path: &Path| path.parent() == Some(&victim.folder().join("blobs"));
            let blobs: Vec<_> = victim.good.iter().filter(|(path, _)| in_blobs(path)).collect();
            let (path, held) = blobs[dice.below(blobs.len())];
            let other = &blobs[dice.below(blobs.len())].1;
            match dice.below(3) {
                0 => fs::remove_file(path).expect("removed"),
                1 => fs::write(path, other).expect("written"),
                _ => {
                    let mut bad = held.clone();
                    bad[dice.below(held.len())] ^= 1 << dice.below(8);
                    fs::write(path, bad).expect("written");
                }
            }
        }
        Stranger => {
            fs::remove_dir_all(victim.folder()).expect("removed");
            for (inner, content) in &victim.stranger {
                let path = victim.folder().join(inner);
                fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                fs::write(path, content).expect("written");
            }
            // Sometimes with its head, sometimes with the one that was there.
            if dice.below(2) == 0 {
                let head = victim.folder().join("head");
                let (_, held) = victim.good.iter().find(|(path, _)| *path == head).expect("a head");
                fs::write(head, held).expect("written");
            }
        }
        Edit => {
            let mut told: Vec<Envelope> = envelopes().collect();
            told[place] = edited(&told[place], dice);
            forge(told);
        }
        Delete => {
            let mut told: Vec<Envelope> = envelopes().collect();
            let run = 1 + dice.below(3);
            told.drain(place..(place + run).min(victim.signed));
            forge(told);
        }
        Skip => {
            let mut prev: Option<Digest> = None;
            let mut records = Vec::new();
            for (at, record) in victim.records.iter().enumerate() {
                if at != place {
                    let before = prev.unwrap_or_else(|| genesis(&victim.id));
                    let record = Record::seal(record.envelope.clone(), before);
                    prev = Some(record.hash);
                    records.push(record);
                }
            }
            victim.forge(&records, b"");
        }
        Swap => {
            let mut told: Vec<Envelope> = envelopes().collect();
            told.swap(place, place + 1);
            forge(told);
        }
        Insert => {
            let mut told: Vec<Envelope> = envelopes().collect();
            let more = if dice.below(2) == 0 { made_up(&told[place]) } else { told[place].clone() };
            told.insert(place, more);
            forge(told);
        }
        Truncate => victim.forge(&victim.records[..=place], b""),
        Replace => {
            let others = victim.other.iter().map(|record| record.envelope.clone());
            let told = match dice.below(3) {
                0 => others.map(|told| Envelope { session: victim.id, ..told }).collect(),
                1 => envelopes().map(|told| made_up(&told)).collect(),
                // All of it as it was, an hour earlier.
                _ => envelopes()
                    .map(|mut told| {
                        told.at.0 -= 3_600_000;
                        told
                    })
                    .collect(),
            };
            forge(told);
        }
        Beside => {
            let mut told: Vec<Envelope> = envelopes().collect();
            told[place] = edited(&told[place], dice);
            let later = dice.below(2) as u64;
            told[place..].iter_mut().for_each(|told| told.epoch.0 += later);
            let data = fs::read(victim.folder().join("db/db")).expect("readable");
            victim.forge(&reseal(&victim.id, told), &data);
        }
        Regrow => {
            let mut told: Vec<Envelope> = envelopes().take(place + 1).collect();
            let last = told.last().expect("some").clone();
            told.extend((place..all + 5).map(|_| made_up(&last)));
            forge(told);
        }
    }
}

#[test]
fn whatever_is_done_to_a_journal_is_found_given_one_earlier_checkpoint() {
    let victim = Victim::new();
    let held = victim.verify();
    assert_eq!(held.code, 0, "{}{}", held.stdout, held.stderr);
    let wanted = std::env::var("AUDIT_MUTATIONS").ok();
    let wanted = wanted.map_or(MUTATIONS, |number| number.parse().expect("a number"));
    let mut found: BTreeMap<Attack, usize> = BTreeMap::new();
    let (mut mutations, mut none, mut unseen_inside) = (0, 0, 0);
    for seed in 0.. {
        if mutations == wanted {
            break;
        }
        let kind = ATTACKS[seed % ATTACKS.len()];
        let mut dice = Dice(seed as u64);
        // The first throws of a linear generator follow its seed.
        for _ in 0..4 {
            dice.below(2);
        }
        attack(&victim, kind, &mut dice);
        if victim.tells() == victim.told {
            none += 1;
        } else {
            let verdict = victim.verify();
            let what = format!("{kind:?}, seed {seed}");
            assert_eq!(verdict.code, 3, "{what}: {verdict:?}");
            assert!(verdict.stderr.contains("hint: "), "{what}: {verdict:?}");
            assert!(!verdict.stderr.contains("panicked"), "{what}: {verdict:?}");
            let said = format!("{}{}", verdict.stdout, verdict.stderr);
            let place = ["record", "blob ", "head file", "no journal", "journal ends"];
            assert!(place.iter().any(|place| said.contains(place)), "{what}: {said}");
            // What needs the checkpoint: these pass the check of the journal by itself, but for a
            // story that could not have happened.
            if matches!(kind, Truncate | Replace) {
                let alone = audit(&victim.world, &["verify", &victim.id.to_string()]);
                unseen_inside += usize::from(alone.code == 0);
            }
            *found.entry(kind).or_default() += 1;
            mutations += 1;
        }
        victim.restore();
    }
    println!(
        "{mutations} mutations, all found; {none} changes that told the same story: {found:?}"
    );
    println!("{unseen_inside} of the able ones pass without the checkpoint");
    assert_eq!(found.len(), ATTACKS.len(), "{found:?}");
    assert!(unseen_inside > 0);
    assert_eq!(victim.verify().code, 0, "all was put back");
}

#[test]
fn behind_the_last_checkpoint_only_a_later_one_finds_the_able() {
    let victim = Victim::new();
    let later = victim.world.path("later").display().to_string();
    let id = victim.id.to_string();
    assert_eq!(audit(&victim.world, &["checkpoint", &id, "-o", &later]).code, 0);
    let mut told: Vec<Envelope> = victim.records.iter().map(|one| one.envelope.clone()).collect();
    // A time that nobody else wrote down.
    told[victim.signed + 3].at.0 += 1;
    victim.forge(&reseal(&victim.id, told), b"");
    assert_ne!(victim.tells(), victim.told);
    let early = victim.verify();
    assert_eq!(early.code, 0, "{}", early.stdout);
    let behind = victim.records.len() - victim.signed;
    let words = format!("{behind} records after it are held by the chain alone");
    assert!(early.stdout.contains(&words), "{}", early.stdout);
    let late = audit(&victim.world, &["verify", &id, "--checkpoint", &later]);
    assert_eq!(late.code, 3, "{}", late.stdout);
    assert!(late.stdout.contains("is not the one that was signed"), "{}", late.stdout);
}
