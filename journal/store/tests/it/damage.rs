//! Damaged files are reported, and what is good in them is read.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use codex_event::{Body, Digest, Event, HEADER_LEN, MAGIC, Record, SCHEMA_VERSION, Seq, SessionId};
use codex_journal::{
    Damage, Head, HeadFile, HeadState, Layout, OpenError, Problem, RawJournal, Scribe, SessionDir,
    SledStore, Store, verify,
};

use crate::support::{
    Dice, barrier, batch, block_on, bulk, copy, dir, envelope, home, run, session, turn_end,
};
use crate::{child, salvage};

pub(crate) const RECORDS: u64 = 300;

pub(crate) fn journal(home: &Path, id: SessionId) -> SessionDir {
    let layout = Layout::new(home);
    let (scribe, _) = Scribe::create(&layout, id).expect("created");
    for first in (1..RECORDS).step_by(10) {
        block_on(scribe.write(batch(run(id, first, 10, barrier)))).expect("written");
    }
    scribe.finish().expect("finishes");
    layout.session(id)
}

pub(crate) fn flip(file: &Path, bit: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).expect("a file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).expect("a byte");
    byte[0] ^= 1 << (bit % 8);
    file.write_all_at(&byte, bit / 8).expect("written");
}

pub(crate) fn problems(dir: &SessionDir, id: SessionId) -> Vec<Problem> {
    verify(dir, id).expect("readable").problems
}

pub(crate) fn damage(dir: &SessionDir, id: SessionId) -> Damage {
    match SledStore::open(dir, id) {
        Err(OpenError::Damaged { damage, .. }) => damage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_flipped_bit_costs_at_most_the_record_it_hits() {
    let origin = home();
    let id = session(1);
    let sound = journal(origin.path(), id);
    let records: Vec<Record> = RawJournal::read(&sound, id)
        .and_then(|journal| journal.records().collect())
        .expect("readable");
    assert_eq!(records.len() as u64, RECORDS);
    let bytes = std::fs::read(sound.data()).expect("readable");
    let frames: Vec<usize> =
        (0..bytes.len() - 8).filter(|at| bytes[*at..].starts_with(&MAGIC)).collect();
    let last = frames[frames.len() - 1] as u64 + 400;
    // The engine writes most records more than once; these can be lost to one bit.
    let hash = |at: usize| &bytes[at + HEADER_LEN - 32..at + HEADER_LEN];
    let single: Vec<usize> = frames
        .iter()
        .copied()
        .filter(|at| frames.iter().filter(|other| hash(**other) == hash(*at)).count() == 1)
        .collect();
    assert!(!single.is_empty());

    let mut dice = Dice(5);
    let (mut lost, mut anew) = (0, 0);
    for trial in 0..64 {
        let frame = |dice: &mut Dice, of: &[usize]| {
            let bit = of[dice.below(of.len() as u64) as usize] as u64 * 8 + dice.below(300 * 8);
            bit.min(bytes.len() as u64 * 8 - 1)
        };
        let bit = match trial % 4 {
            0 | 1 => dice.below(last.min(bytes.len() as u64) * 8),
            2 => frame(&mut dice, &frames),
            _ => frame(&mut dice, &single),
        };
        let home = home();
        let dir = dir(home.path(), id);
        copy(sound.path(), dir.path());
        flip(&dir.data(), bit);
        let damaged = std::fs::read(dir.data()).expect("readable");

        let journal = RawJournal::read(&dir, id).expect("never panics, never gives up");
        let kept: Vec<Record> = journal.records().collect::<Result<_, _>>().expect("readable");
        let missing: Vec<u64> = records
            .iter()
            .filter(|record| !kept.contains(record))
            .map(|record| record.envelope.seq.0)
            .collect();
        assert!(kept.iter().all(|record| records.contains(record)), "trial {trial}: made up");
        let said = problems(&dir, id);
        // Held, so that its number goes to no other file.
        let held = File::open(dir.data()).expect("a file");
        let before = inode(&dir);
        let (mut opener, mut lines) = child::start("open", home.path(), id);
        let opened = child::told(&mut lines).expect("says what it found");
        opener.wait().expect("ended");
        if opened.contains("is damaged") {
            let now = std::fs::read(dir.data()).expect("readable");
            assert!(now == damaged, "trial {trial}: a refused file was changed");
        }
        match missing[..] {
            [] => {
                assert_eq!(said, [], "trial {trial}");
                // The engine may be broken: then its files are made anew.
                assert_eq!(opened, format!("ok {RECORDS}"), "trial {trial}");
                assert_eq!(problems(&dir, id), [], "trial {trial}");
                anew += u32::from(inode(&dir) != before);
                drop(held);
            }
            [one] => {
                lost += 1;
                let named = if one == RECORDS {
                    Problem::BehindHead { found: Seq(one - 1), head: Seq(one) }
                } else {
                    Problem::Missing { first: Seq(one), last: Seq(one) }
                };
                assert_eq!(said, std::slice::from_ref(&named), "trial {trial}");
                // It is gone on with behind the record that was acknowledged last, lost or not.
                let (repair, lost) = (RECORDS + 1, (Seq(one), Seq(one)));
                assert_eq!(opened, format!("ok {repair}"), "trial {trial}");
                let told = salvage::repairs(&dir, id);
                assert_eq!(told, [(Seq(repair), vec![lost])], "trial {trial}");
                let rest = salvage::records(&dir, id);
                let (last, rest) = rest.split_last().expect("the repair");
                assert_eq!(rest, kept, "trial {trial}");
                assert_eq!(last.prev, records[RECORDS as usize - 1].hash, "trial {trial}");
                let missing = [Problem::Missing { first: lost.0, last: lost.1 }];
                assert_eq!(problems(&dir, id), missing, "trial {trial}");
                let copies = codex_journal::kept(&dir).expect("listed");
                let copied = std::fs::read(copies[0].join("db")).expect("readable");
                assert!(copied == damaged, "trial {trial}: the damaged file was not kept");
            }
            _ => panic!("trial {trial}: one bit at {bit} cost records {missing:?}"),
        }
    }
    assert!(lost > 0, "no trial hit a record");
    assert!(anew > 0, "no trial broke the engine: is the guard still needed?");
    println!("64 flipped bits: {lost} cost a record, {anew} broke the engine alone");
}

#[test]
fn a_tail_that_the_engine_drops_is_put_back_while_nobody_was_told_of_it() {
    let home = home();
    let id = session(11);
    let dir = dir(home.path(), id);
    // Without a scribe the head stays at 0: nothing of this is acknowledged.
    let mut store = SledStore::create(&dir, id).expect("created");
    for seq in 1..=60 {
        store.append(Seq(seq - 1), run(id, seq, 1, barrier)).expect("appended");
        store.barrier().expect("durable");
    }
    drop(store);
    let whole: Vec<Record> = RawJournal::read(&dir, id)
        .and_then(|journal| journal.records().collect())
        .expect("readable");
    assert_eq!(whole.len(), 60);
    // A byte of the engine's own, before a frame in the middle.
    let bytes = std::fs::read(dir.data()).expect("readable");
    let middle = (bytes.len() / 3..).find(|at| bytes[*at..].starts_with(&MAGIC)).expect("a frame");
    flip(&dir.data(), middle as u64 * 8 - 3);
    let copied = home.path().join("copy");
    copy(&dir.db(), &copied);
    let engine = sled::Config::new().path(&copied).segment_size(2 << 20).open().expect("opens");
    assert!(engine.len() < 60, "the engine alone loses nothing: is this still needed?");
    drop(engine);

    for _ in 0..2 {
        let store = SledStore::open(&dir, id).expect("opens");
        let kept: Result<Vec<Record>, _> = store.scan(Seq(1)..=Seq(99)).collect();
        assert_eq!(kept.expect("readable"), whole);
        drop(store);
        assert_eq!(problems(&dir, id), []);
    }
}

#[test]
fn a_torn_snapshot_does_not_keep_a_journal_shut() {
    let home = home();
    let id = session(2);
    let dir = journal(home.path(), id);
    let torn = dir.db().join("snap.FFFFFFFFFFFFFFFF.generating");
    std::fs::write(&torn, b"cut of").expect("written");
    // The defect is still there: without the repair the engine refuses.
    let copied = home.path().join("copy");
    copy(&dir.db(), &copied);
    let config = sled::Config::new().path(&copied).segment_size(2 << 20);
    assert!(config.open().is_err());

    drop(SledStore::open(&dir, id).expect("opens"));
    assert!(!torn.exists());
}

#[test]
fn a_journal_of_a_newer_release_is_left_as_it_was() {
    let home = home();
    let id = session(15);
    let dir = journal(home.path(), id);
    let mut store = SledStore::open(&dir, id).expect("opens");
    let mut newer = envelope(id, RECORDS + 1, 2, bulk("later"));
    let (kind, raw) = ("noted".to_owned(), r#"{"text":"later"}"#.to_owned());
    newer.body = Body::Foreign { kind, version: SCHEMA_VERSION + 1, raw };
    store.append(Seq(RECORDS), vec![newer]).expect("appended");
    store.barrier().expect("durable");
    drop(store);
    // Even what the engine stumbles over.
    std::fs::write(dir.db().join("snap.FFFFFFFFFFFFFFFF.generating"), b"cut of").expect("written");
    let before = files(dir.path());
    let refused = SledStore::open(&dir, id).expect_err("refused");
    assert!(matches!(refused, OpenError::Newer { found, .. } if found == SCHEMA_VERSION + 1));
    assert_eq!(files(dir.path()), before);
}

// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("readable");
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn a_damaged_slot_of_the_head_leaves_the_other() {
    let home = home();
    let id = session(3);
    let dir = journal(home.path(), id);
    let HeadState::Good(head) = HeadFile::read(&dir.head()).expect("readable") else { panic!() };
    assert_eq!(head.seq, Seq(RECORDS));
    for slot in [0, 512] {
        flip(&dir.head(), (slot + 10) * 8);
        assert!(matches!(HeadFile::read(&dir.head()), Ok(HeadState::OneSlot(_))));
        assert_eq!(problems(&dir, id), [Problem::HeadDamaged]);
        drop(SledStore::open(&dir, id).expect("one slot is enough"));
        // The next head goes where the damage is.
        let (mut file, _) = HeadFile::open(&dir.head()).expect("opens");
        file.write(head).expect("written");
        assert_eq!(HeadFile::read(&dir.head()).expect("readable"), HeadState::Good(head));
    }
    flip(&dir.head(), 80);
    flip(&dir.head(), 512 * 8 + 80);
    assert_eq!(HeadFile::read(&dir.head()).expect("readable"), HeadState::Damaged);
    assert_eq!(problems(&dir, id), [Problem::HeadDamaged]);
    std::fs::remove_file(dir.head()).expect("removed");
    assert_eq!(problems(&dir, id), [Problem::HeadDamaged]);
}

#[test]
fn a_journal_behind_its_head_is_reported() {
    let home = home();
    let id = session(4);
    let dir = journal(home.path(), id);
    let (mut file, state) = HeadFile::open(&dir.head()).expect("opens");
    let HeadState::Good(head) = state else { panic!("{state:?}") };
    file.write(Head { seq: Seq(RECORDS + 3), ..head }).expect("written");
    let behind = Problem::BehindHead { found: Seq(RECORDS), head: Seq(RECORDS + 3) };
    assert_eq!(problems(&dir, id), [behind]);
}

#[test]
fn another_record_than_the_acknowledged_one_is_reported() {
    let home = home();
    let id = session(5);
    let dir = journal(home.path(), id);
    let (mut file, state) = HeadFile::open(&dir.head()).expect("opens");
    let HeadState::Good(head) = state else { panic!("{state:?}") };
    let other = Head { hash: Digest::of(b"another"), ..head };
    file.write(other).and_then(|()| file.write(other)).expect("written");
    assert_eq!(problems(&dir, id), [Problem::HeadMismatch { seq: Seq(RECORDS) }]);
}

#[test]
fn a_journal_in_another_sessions_folder_is_reported() {
    let home = home();
    journal(home.path(), session(6));
    let moved = dir(home.path(), session(7));
    std::fs::rename(dir(home.path(), session(6)).path(), moved.path()).expect("moved");
    let found = problems(&moved, session(7));
    assert!(found.contains(&Problem::WrongSession { seq: Seq(1) }), "{found:?}");
    assert!(matches!(damage(&moved, session(7)), Damage::Records(Problem::WrongSession { .. })));
}

#[test]
fn an_opening_cut_off_while_the_engine_wrote_is_undone() {
    let home = home();
    let id = session(10);
    let dir = journal(home.path(), id);
    // As a kill leaves it: the copy is complete, and the engine has cut the log.
    copy(&dir.db(), &dir.path().join("db.before"));
    std::fs::write(dir.opening(), b".").expect("written");
    cut(&dir.data(), 20_000);
    assert!(matches!(problems(&dir, id)[..], [.., Problem::BehindHead { .. }]));
    drop(SledStore::open(&dir, id).expect("opens"));
    assert_eq!(problems(&dir, id), []);
    assert!(!dir.path().join("db.before").exists());
}

#[test]
fn a_copy_that_is_not_whole_takes_nobodys_place() {
    let home = home();
    let id = session(14);
    let dir = journal(home.path(), id);
    // As a power failure may leave it: the engine has cut the log, and the copy never got to disk.
    let all = records(&dir, id);
    let copied = dir.path().join("db.before");
    copy(&dir.db(), &copied);
    cut(&copied.join("db"), 0);
    std::fs::write(dir.opening(), b".").expect("written");
    cut(&dir.data(), 20_000);
    let left = records(&dir, id);
    assert!(!left.is_empty() && left.len() < all.len(), "{}", left.len());
    drop(SledStore::open(&dir, id).expect("opens"));
    let kept = salvage::records(&dir, id);
    assert_eq!(kept[..kept.len() - 1], left, "the copy took the place of what could be read");
}

#[test]
fn an_opening_cut_off_is_tried_again_and_then_with_new_files() {
    let home = home();
    let id = session(8);
    let dir = journal(home.path(), id);
    std::fs::write(dir.opening(), b"..").expect("written");
    drop(SledStore::open(&dir, id).expect("opens"));
    assert!(!dir.opening().exists(), "a success counts from the start again");
    let whole = records(&dir, id);
    for left in [&b"..."[..], b".......", b".it panicked", b".it panicked."] {
        std::fs::write(dir.opening(), left).expect("written");
        // Held, so that its number goes to no other file.
        let held = File::open(dir.data()).expect("a file");
        let before = inode(&dir);
        drop(SledStore::open(&dir, id).expect("opens with new files"));
        assert_ne!(inode(&dir), before, "made anew");
        drop(held);
        assert_eq!(records(&dir, id), whole);
        assert_eq!(problems(&dir, id), []);
        assert!(!dir.opening().exists() && !dir.path().join("db.new").exists());
    }
}

pub(crate) fn records(dir: &SessionDir, id: SessionId) -> Vec<Record> {
    let journal = RawJournal::read(dir, id).expect("readable");
    journal.records().collect::<Result<_, _>>().expect("whole")
}

pub(crate) fn cut(file: &Path, len: u64) {
    let opened = OpenOptions::new().write(true).open(file);
    opened.and_then(|file| file.set_len(len)).expect("cut");
}

pub(crate) fn inode(dir: &SessionDir) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(dir.data()).expect("there"))
}

#[test]
fn blobs_that_are_gone_or_changed_are_named() {
    let home = home();
    let layout = Layout::new(home.path());
    let id = session(9);
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    let mut made = Vec::new();
    for (seq, letter) in [(1, "a"), (2, "b"), (3, "c")] {
        let full = envelope(id, seq, 1, bulk(&letter.repeat(5000)));
        let mut spilled = full.clone();
        let blobs = spilled.spill();
        made.push((full, blobs[0].0));
        let batch = codex_journal::Batch { envelopes: vec![spilled], blobs };
        block_on(scribe.write(batch)).expect("written");
    }
    block_on(scribe.write(batch(vec![envelope(id, 4, 1, turn_end())]))).expect("written");
    scribe.finish().expect("finishes");
    let dir = layout.session(id);
    let clean = verify(&dir, id).expect("readable");
    assert_eq!((clean.records, clean.blobs, &clean.problems[..]), (4, 3, &[][..]));

    let blobs = handle.blobs();
    std::fs::remove_file(blobs.path(&made[0].1).expect("on disk")).expect("removed");
    flip(&blobs.path(&made[1].1).expect("on disk"), 99);
    let verified = verify(&dir, id).expect("readable");
    assert_eq!(
        verified.problems,
        [
            Problem::BlobMissing { seq: Seq(1), digest: made[0].1 },
            Problem::BlobDamaged { seq: Seq(2), digest: made[1].1 },
        ]
    );
    assert_eq!((verified.records, verified.blobs), (4, 1));

    let mut records = RawJournal::read(&dir, id)
        .and_then(|journal| journal.records().collect::<Result<Vec<_>, _>>())
        .expect("readable");
    assert_eq!(blobs.hydrate(&mut records[0].envelope), [made[0].1]);
    assert_eq!(blobs.hydrate(&mut records[1].envelope), [made[1].1]);
    assert_eq!(blobs.hydrate(&mut records[2].envelope), []);
    assert_eq!(records[2].envelope, made[2].0);
    // Writing a damaged one again repairs it.
    let Some(Event::Noted { text }) = made[1].0.event() else { panic!("not a note") };
    let bytes = text.inline().expect("inline").as_bytes();
    blobs.put(&made[1].1, bytes).expect("put");
    assert_eq!(blobs.get(&made[1].1).expect("good").as_deref(), Some(bytes));
    assert!(blobs.put(&made[0].1, b"other bytes").is_err());
}

#[test]
fn what_the_file_system_does_not_give_is_named_and_the_rest_is_read() {
    let home = home();
    let layout = Layout::new(home.path());
    let id = session(12);
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    let mut spilled = envelope(id, 1, 1, barrier(&"x".repeat(5000)));
    let blobs = spilled.spill();
    let digest = blobs[0].0;
    block_on(scribe.write(codex_journal::Batch { envelopes: vec![spilled], blobs }))
        .expect("written");
    scribe.finish().expect("finishes");
    let dir = layout.session(id);
    let instead = |path: &Path| {
        std::fs::remove_file(path).and_then(|()| std::fs::create_dir(path)).expect("replaced");
    };

    assert!(handle.blobs().has(&digest, 5000) && !handle.blobs().has(&digest, 4999));
    instead(&handle.blobs().path(&digest).expect("on disk"));
    assert!(!handle.blobs().has(&digest, 5000));
    let found = problems(&dir, id);
    assert!(
        matches!(&found[..], [Problem::BlobUnreadable { seq: Seq(1), digest: named, .. }] if *named == digest),
        "{found:?}"
    );
    instead(&dir.head());
    assert!(matches!(
        &problems(&dir, id)[..],
        [Problem::HeadDamaged, Problem::BlobUnreadable { .. }]
    ));
    assert_eq!(RawJournal::read(&dir, id).expect("readable").len(), 1);
    assert_eq!(layout.sessions().expect("listed"), [id]);
}

// Its head says that something was acknowledged, so somebody has to be told.
#[test]
fn a_session_without_its_data_is_still_listed() {
    let home = home();
    let id = session(13);
    let dir = journal(home.path(), id);
    std::fs::remove_dir_all(dir.db()).expect("removed");
    assert_eq!(Layout::new(home.path()).sessions().expect("listed"), [id]);
    assert!(matches!(verify(&dir, id), Err(codex_journal::RawError::NotFound(_))));
}
