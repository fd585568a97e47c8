//! A journal that lost acknowledged records is gone on with, and says what it lost.

use codex_event::{Author, Digest, Epoch, Event, HEADER_LEN, MAGIC, Record, Seq, SessionId};
use codex_journal::{
    Feed, Head, HeadFile, HeadState, Layout, OpenError, Problem, RawJournal, Scribe, SessionDir,
    SledStore, kept, repair, verify,
};

use crate::damage::{RECORDS, cut, damage, flip, journal, problems};
use crate::support::{barrier, batch, block_on, copy, dir, envelope, home, run, session};

pub(crate) fn records(dir: &SessionDir, id: SessionId) -> Vec<Record> {
    let journal = RawJournal::read(dir, id).expect("readable");
    journal.records().collect::<Result<_, _>>().expect("readable")
}

/// The repairs that a journal tells of: where, and what they name as lost.
pub(crate) fn repairs(dir: &SessionDir, id: SessionId) -> Vec<(Seq, Vec<(Seq, Seq)>)> {
    let told = |record: Record| match record.envelope.event() {
        Some(Event::Repaired { missing }) => Some((record.envelope.seq, missing.clone())),
        _ => None,
    };
    records(dir, id).into_iter().filter_map(told).collect()
}

/// Makes every copy of some records unreadable.
fn lose(dir: &SessionDir, id: SessionId, lost: impl Fn(u64) -> bool) {
    spoil(&dir.data(), &lost);
    let left = records(dir, id);
    assert!(left.iter().all(|record| !lost(record.envelope.seq.0)));
}

fn spoil(data: &std::path::Path, lost: impl Fn(u64) -> bool) {
    let mut bytes = std::fs::read(data).expect("readable");
    let frames: Vec<usize> =
        (0..bytes.len() - HEADER_LEN).filter(|at| bytes[*at..].starts_with(&MAGIC)).collect();
    for at in frames {
        let seq = u64::from_le_bytes(bytes[at + 13..at + 21].try_into().expect("8 bytes"));
        if lost(seq) {
            bytes[at + HEADER_LEN + 40] ^= 1;
        }
    }
    std::fs::write(data, bytes).expect("written");
}

fn head(dir: &SessionDir) -> Head {
    match HeadFile::read(&dir.head()).expect("readable") {
        HeadState::Good(head) => head,
        other => panic!("{other:?}"),
    }
}

// Opens and closes as an owner does.
fn own(home: &std::path::Path, id: SessionId) -> Head {
    let (scribe, _) = Scribe::open(&Layout::new(home), id).expect("opens");
    scribe.finish().expect("finishes")
}

#[test]
fn records_lost_in_the_middle_and_at_the_end_are_named_and_the_rest_goes_on() {
    let home = home();
    let id = session(1);
    let dir = journal(home.path(), id);
    let before = records(&dir, id);
    let acknowledged = head(&dir);
    lose(&dir, id, |seq| seq == 7 || (40..=42).contains(&seq) || seq >= 296);
    let damaged = std::fs::read(dir.data()).expect("readable");

    let store = SledStore::open(&dir, id).expect("opens");
    let runs = vec![(Seq(7), Seq(7)), (Seq(40), Seq(42)), (Seq(296), Seq(300))];
    let salvaged = store.salvaged().expect("repaired").clone();
    assert_eq!((&salvaged.missing, salvaged.told_at), (&runs, Some(Seq(301))));
    assert_eq!(std::fs::read(salvaged.kept.join("db")).expect("kept"), damaged);
    assert_eq!(kept(&dir).expect("listed"), [salvaged.kept]);
    drop(store);

    // The position of a lost record is never given to another one.
    let now = records(&dir, id);
    let last = now.last().expect("the repair");
    assert_eq!((last.envelope.seq, last.prev), (Seq(301), acknowledged.hash));
    assert_eq!((&last.envelope.author, last.envelope.epoch), (&Author::Supervisor, Epoch(2)));
    let there = |record: &&Record| {
        !runs.iter().any(|run| run.0 <= record.envelope.seq && record.envelope.seq <= run.1)
    };
    assert!(before.iter().filter(there).eq(&now[..now.len() - 1]));

    // Opened again, there is nothing new to say.
    for _ in 0..2 {
        assert_eq!(own(home.path(), id).seq, Seq(301));
        assert_eq!(repairs(&dir, id), [(Seq(301), runs.clone())]);
    }
    let verified = verify(&dir, id).expect("readable");
    let missing = |&(first, last): &(Seq, Seq)| Problem::Missing { first, last };
    assert_eq!(verified.problems, runs.iter().map(missing).collect::<Vec<_>>());
    assert_eq!(verified.repairs[0].missing, runs);

    // It goes on, and subscribers are given what is behind the holes.
    let (scribe, handle) = Scribe::open(&Layout::new(home.path()), id).expect("opens");
    block_on(scribe.write(batch(vec![envelope(id, 302, 3, barrier("on"))]))).expect("written");
    for from in [1, 7, 41, 42, 43, 299, 301] {
        let mut feed = handle.subscribe(Seq(from));
        let mut told = Vec::new();
        while let Feed::Record(record) = feed.next() {
            told.push(Record::clone(&record));
        }
        assert!(feed.fault().is_none(), "{:?}", feed.fault());
        let all = records(&dir, id);
        assert!(told.iter().eq(all.iter().filter(|r| r.envelope.seq >= Seq(from))), "{from}");
    }
    drop(handle);
    scribe.finish().expect("finishes");
}

#[test]
fn each_damage_is_told_once_and_two_copies_are_kept() {
    let home = home();
    let id = session(2);
    let dir = journal(home.path(), id);
    for (lost, told) in [(10_u64, 301_u64), (20, 302), (30, 303)] {
        lose(&dir, id, |seq| seq == lost);
        assert_eq!(own(home.path(), id).seq, Seq(told));
        let (at, missing) = repairs(&dir, id).pop().expect("told");
        assert_eq!((at, missing), (Seq(told), vec![(Seq(lost), Seq(lost))]));
    }
    let names: Vec<_> = kept(&dir)
        .expect("listed")
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["db.damaged-2", "db.damaged-3"]);
    // A repair is a record like any other: when it is lost, what it named is named again.
    lose(&dir, id, |seq| seq == 302);
    own(home.path(), id);
    let (_, missing) = repairs(&dir, id).pop().expect("told");
    assert_eq!(missing, [(Seq(20), Seq(20)), (Seq(302), Seq(302))]);
}

#[test]
fn a_journal_without_its_head_goes_on_behind_its_last_record() {
    let spoil: [fn(&SessionDir); 3] = [
        |dir| {
            flip(&dir.head(), 80);
            flip(&dir.head(), 512 * 8 + 80);
        },
        |dir| std::fs::remove_file(dir.head()).expect("removed"),
        |dir| {
            std::fs::remove_file(dir.head()).expect("removed");
            std::fs::create_dir(dir.head()).expect("made");
            std::fs::write(dir.head().join("note"), "a stranger's").expect("written");
        },
    ];
    for (number, spoil) in (3..).zip(spoil) {
        let home = home();
        let id = session(number);
        let dir = journal(home.path(), id);
        let last = records(&dir, id).pop().expect("a record");
        spoil(&dir);
        assert_eq!(problems(&dir, id), [Problem::HeadDamaged]);
        assert_eq!(own(home.path(), id).seq, Seq(RECORDS + 1));
        assert_eq!(repairs(&dir, id), [(Seq(RECORDS + 1), vec![])]);
        assert_eq!(records(&dir, id).pop().expect("the repair").prev, last.hash);
        assert_eq!(problems(&dir, id), []);
        assert_eq!(head(&dir).seq, Seq(RECORDS + 1));
        if number == 5 {
            let copies = kept(&dir).expect("listed");
            assert!(copies[0].join("head/note").is_file(), "nothing is destroyed");
        }
        // A kill before the head was there again: the same repair says it.
        std::fs::remove_file(dir.head()).expect("removed");
        assert_eq!(own(home.path(), id).seq, Seq(RECORDS + 1));
        assert_eq!(repairs(&dir, id).len(), 1);
        assert_eq!(head(&dir).seq, Seq(RECORDS + 1));
    }
}

#[test]
fn a_repair_that_a_kill_cut_off_is_finished_by_the_next_opening() {
    let home = home();
    let id = session(6);
    let dir = journal(home.path(), id);
    lose(&dir, id, |seq| seq >= 298);
    let (old_head, damaged) = (std::fs::read(dir.head()), std::fs::read(dir.data()));
    let (old_head, damaged) = (old_head.expect("readable"), damaged.expect("readable"));
    // The copy was half made, and so was the new database.
    std::fs::create_dir(dir.path().join("db.damaged.half")).expect("made");
    std::fs::create_dir(dir.path().join("db.new")).expect("made");
    std::fs::write(dir.path().join("db.new/db"), "half").expect("written");
    assert_eq!(own(home.path(), id).seq, Seq(301));
    let told = repairs(&dir, id);
    assert_eq!(told, [(Seq(301), vec![(Seq(298), Seq(300))])]);
    for name in ["db.damaged.half", "db.new"] {
        assert!(!dir.path().join(name).exists(), "{name}");
    }

    // The new database was in its place, and the head file still the old one.
    std::fs::write(dir.head(), &old_head).expect("written");
    assert_eq!(own(home.path(), id).seq, Seq(301));
    assert_eq!(repairs(&dir, id), told);
    assert_eq!(head(&dir).seq, Seq(301));

    // The copy was made, and nothing else: it is not made again.
    std::fs::write(dir.data(), &damaged).expect("written");
    std::fs::write(dir.head(), &old_head).expect("written");
    own(home.path(), id);
    assert_eq!(repairs(&dir, id).len(), 1);
    assert_eq!(kept(&dir).expect("listed").len(), 1);
}

#[test]
fn what_an_opening_that_was_cut_off_had_copied_fills_the_holes() {
    let home = home();
    let id = session(7);
    let dir = journal(home.path(), id);
    let all = records(&dir, id);
    let before = dir.path().join("db.before");
    copy(&dir.db(), &before);
    // Both are damaged, each in another place.
    spoil(&before.join("db"), |seq| seq == 20);
    lose(&dir, id, |seq| seq == 9);
    own(home.path(), id);
    assert_eq!(repairs(&dir, id), [(Seq(301), vec![])], "together they were whole");
    assert_eq!(records(&dir, id)[..300], all);
}

// A kill may leave records behind a hole, which the next writer does not see, and replaces.
#[test]
fn a_record_that_was_given_up_does_not_take_the_place_of_a_lost_one() {
    let home = home();
    let id = session(8);
    let dir = dir(home.path(), id);
    drop(SledStore::create(&dir, id).expect("created"));
    let mut prev = codex_event::genesis(&id);
    let mut written = Vec::new();
    for seq in 1..=9 {
        let record = Record::seal(envelope(id, seq, 2, barrier(&format!("kept {seq}"))), prev);
        prev = record.hash;
        written.push(record);
    }
    let mut prev = Digest::of(b"a record that was never written");
    let mut bytes = Vec::new();
    for seq in 5..=7 {
        let record = Record::seal(envelope(id, seq, 1, barrier(&format!("given up {seq}"))), prev);
        prev = record.hash;
        bytes.extend(record.frame);
    }
    bytes.extend(written.iter().filter(|r| r.envelope.seq != Seq(7)).flat_map(|r| r.frame.clone()));
    std::fs::write(dir.data(), bytes).expect("written");
    let end = written.last().expect("written");
    let (mut file, _) = HeadFile::open(&dir.head()).expect("opens");
    let head = Head { seq: Seq(9), hash: end.hash, epoch: Epoch(2) };
    file.write(head).and_then(|()| file.write(head)).expect("written");
    assert_eq!(own(home.path(), id).seq, Seq(10));
    assert_eq!(repairs(&dir, id), [(Seq(10), vec![(Seq(7), Seq(7))])]);
    let left = records(&dir, id);
    assert!(written.iter().filter(|r| r.envelope.seq != Seq(7)).eq(&left[..8]));
}

#[test]
fn a_journal_of_which_nothing_is_left_is_refused_and_left_alone() {
    let home = home();
    let id = session(9);
    let dir = journal(home.path(), id);
    cut(&dir.data(), 0);
    let behind = Problem::BehindHead { found: Seq(0), head: Seq(RECORDS) };
    assert_eq!(damage(&dir, id), codex_journal::Damage::Records(behind.clone()));
    assert_eq!(std::fs::read(dir.data()).expect("readable"), b"");
    assert_eq!(kept(&dir).expect("listed").len(), 0);
    std::fs::remove_dir_all(dir.db()).expect("removed");
    assert_eq!(damage(&dir, id), codex_journal::Damage::Records(behind));
}

#[test]
fn a_repair_on_purpose_tells_what_it_found_and_did() {
    let home = home();
    let id = session(10);
    let dir = journal(home.path(), id);
    let sound = repair(&dir, id).expect("opens");
    assert_eq!((&sound.found[..], &sound.salvaged, &sound.left[..]), (&[][..], &None, &[][..]));
    assert_eq!(records(&dir, id).len() as u64, RECORDS);

    lose(&dir, id, |seq| seq >= 299);
    let done = repair(&dir, id).expect("opens");
    assert_eq!(done.found, [Problem::BehindHead { found: Seq(298), head: Seq(300) }]);
    let salvaged = done.salvaged.expect("repaired");
    assert_eq!(salvaged.missing, [(Seq(299), Seq(300))]);
    assert_eq!(done.left, [Problem::Missing { first: Seq(299), last: Seq(300) }]);
    let again = repair(&dir, id).expect("opens");
    assert_eq!((again.salvaged, again.found), (None, done.left));

    let held = Scribe::open(&Layout::new(home.path()), id).expect("opens");
    assert!(matches!(repair(&dir, id), Err(OpenError::Busy { .. })));
    drop(held);
}

// More holes than one event holds.
#[test]
fn a_journal_full_of_holes_tells_of_each() {
    let home = home();
    let id = session(11);
    let layout = Layout::new(home.path());
    let (scribe, _) = Scribe::create(&layout, id).expect("created");
    for first in (1..1200).step_by(60) {
        block_on(scribe.write(batch(run(id, first, 60, barrier)))).expect("written");
    }
    scribe.finish().expect("finishes");
    let dir = layout.session(id);
    lose(&dir, id, |seq| seq % 2 == 0);
    own(home.path(), id);
    let told = repairs(&dir, id);
    assert_eq!(told.iter().map(|(at, _)| at.0).collect::<Vec<_>>(), [1201, 1202, 1203]);
    let lost: Vec<u64> = told.iter().flat_map(|(_, runs)| runs).map(|run| run.0.0).collect();
    assert_eq!(lost, (2..=1200).step_by(2).collect::<Vec<_>>());
    own(home.path(), id);
    assert_eq!(repairs(&dir, id).len(), 3);
}
