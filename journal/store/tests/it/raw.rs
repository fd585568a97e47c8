//! What the raw reader makes of files of any form.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use codex_event::{Digest, Epoch, HEADER_LEN, MAGIC, Record, Seq, SessionId, genesis};
use codex_journal::{Head, HeadFile, Problem, RawError, RawJournal, SessionDir, verify};

use crate::support::{Dice, barrier, bulk, dir, envelope, home, session};

fn lay(dir: &SessionDir, data: &[u8], head: Option<&Record>) {
    std::fs::create_dir_all(dir.db()).expect("a folder");
    std::fs::write(dir.data(), data).expect("written");
    if let Some(record) = head {
        HeadFile::create(&dir.head(), head_of(record)).expect("created");
    }
}

fn head_of(record: &Record) -> Head {
    Head { seq: record.envelope.seq, hash: record.hash, epoch: record.envelope.epoch }
}

fn sealed(id: SessionId, seq: u64, epoch: u64, text: &str, prev: Digest) -> Record {
    Record::seal(envelope(id, seq, epoch, barrier(text)), prev)
}

fn chain(id: SessionId, count: u64) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for seq in 1..=count {
        let prev = records.last().map_or(genesis(&id), |record| record.hash);
        records.push(sealed(id, seq, 1, &format!("event {seq}"), prev));
    }
    records
}

fn bytes<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<u8> {
    records.into_iter().flat_map(|record| record.frame.iter().copied()).collect()
}

fn found(dir: &SessionDir, id: SessionId) -> Vec<Record> {
    RawJournal::read(dir, id).and_then(|journal| journal.records().collect()).expect("readable")
}

fn problems(dir: &SessionDir, id: SessionId) -> Vec<Problem> {
    verify(dir, id).expect("readable").problems
}

// Larger than a window and than what one thread reads; frames out of order, twice, cut short, and
// between them bytes that begin like frames.
#[test]
fn every_good_frame_is_found_wherever_it_lies() {
    let home = home();
    let (id, mut dice) = (session(1), Dice(9));
    let dir = dir(home.path(), id);
    let mut records: Vec<Record> = Vec::new();
    for seq in 1..=600 {
        let prev = records.last().map_or(genesis(&id), |record| record.hash);
        let text = "z".repeat(dice.below(60_000) as usize);
        records.push(Record::seal(envelope(id, seq, 1, bulk(&text)), prev));
    }
    let mut order: Vec<usize> = (0..records.len()).chain((0..records.len()).step_by(3)).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, dice.below(at as u64 + 1) as usize);
    }
    let mut data = Vec::new();
    for at in order {
        for _ in 0..dice.below(3) {
            data.extend_from_slice(&MAGIC[..dice.below(9) as usize]);
            data.extend((0..dice.below(300)).map(|_| dice.below(256) as u8));
        }
        // The header of another, as an overwritten page leaves it.
        let other = &records[dice.below(600) as usize].frame;
        data.extend_from_slice(&other[..dice.below(HEADER_LEN as u64 + 20) as usize]);
        data.extend_from_slice(&records[at].frame);
    }
    assert!(data.len() > 20 << 20, "{}", data.len());
    lay(&dir, &data, records.last());
    assert!(found(&dir, id) == records);
    assert_eq!(problems(&dir, id), []);
}

#[test]
fn what_is_no_journal_is_said_to_be_none() {
    let home = home();
    let dir = dir(home.path(), session(1));
    assert!(matches!(RawJournal::read(&dir, session(1)), Err(RawError::NotFound(_))));
    lay(&dir, b"", None);
    let empty = RawJournal::read(&dir, session(1)).expect("readable");
    assert!(empty.is_empty() && empty.gaps().is_empty());
    assert_eq!(empty.head(), Head::empty(&session(1)));
    assert_eq!(problems(&dir, session(1)), [Problem::HeadDamaged]);
}

#[test]
fn a_hole_is_named_and_what_follows_it_is_read() {
    let home = home();
    let id = session(2);
    let dir = dir(home.path(), id);
    let records = chain(id, 9);
    let kept: Vec<&Record> =
        records.iter().filter(|record| ![1, 4, 5].contains(&record.envelope.seq.0)).collect();
    lay(&dir, &bytes(kept.iter().copied()), records.last());
    assert!(found(&dir, id).iter().eq(kept));
    assert_eq!(
        problems(&dir, id),
        [
            Problem::Missing { first: Seq(1), last: Seq(1) },
            Problem::Missing { first: Seq(4), last: Seq(5) },
        ]
    );
}

#[test]
fn a_record_put_in_the_place_of_another_breaks_the_link() {
    let home = home();
    let id = session(3);
    let dir = dir(home.path(), id);
    let mut records = chain(id, 5);
    records[2] = sealed(id, 3, 1, "never happened", records[1].hash);
    lay(&dir, &bytes(&records), records.last());
    assert_eq!(problems(&dir, id), [Problem::BrokenLink { seq: Seq(4) }]);

    let mut first = chain(id, 1);
    first[0] = sealed(id, 1, 1, "another beginning", Digest::of(b"not the genesis"));
    std::fs::remove_file(dir.head()).expect("removed");
    lay(&dir, &bytes(&first), first.last());
    assert_eq!(problems(&dir, id), [Problem::BrokenLink { seq: Seq(1) }]);
}

#[test]
fn two_records_of_one_writer_at_one_place_are_a_conflict() {
    let home = home();
    let id = session(4);
    let dir = dir(home.path(), id);
    let records = chain(id, 5);
    let other = sealed(id, 3, 1, "also happened", records[1].hash);
    let mut data = bytes(&records);
    data.extend_from_slice(&other.frame);
    lay(&dir, &data, records.last());
    assert_eq!(found(&dir, id), records, "the one that the next record names");
    assert_eq!(problems(&dir, id), [Problem::Conflict { seq: Seq(3) }]);
}

#[test]
fn a_tail_that_its_writer_gave_up_is_not_the_journal() {
    let home = home();
    let id = session(5);
    let dir = dir(home.path(), id);
    let mut records = chain(id, 5);
    let stale = chain(id, 9).split_off(5);
    // A later writer went on from 5; of the earlier one's 6 to 9 some frames are still there.
    for seq in 6..=7 {
        let prev = records[records.len() - 1].hash;
        records.push(sealed(id, seq, 2, "after the crash", prev));
    }
    lay(&dir, &[bytes(&stale), bytes(&records)].concat(), records.last());
    assert_eq!(found(&dir, id), records);
    assert_eq!(problems(&dir, id), []);
    // The same where the head is older, and both tails follow from it.
    let (mut file, _) = HeadFile::open(&dir.head()).expect("opens");
    let older = head_of(&records[3]);
    file.write(older).and_then(|()| file.write(older)).expect("written");
    assert_eq!(found(&dir, id), records);
    assert_eq!(problems(&dir, id), []);
}

// A kill may leave a later part of what was written at once, and not the one before it. The next
// writer never sees such a tail, so it goes on from the same record and with the same epoch.
#[test]
fn a_tail_behind_a_hole_is_no_conflict_with_what_was_written_later() {
    let home = home();
    let id = session(8);
    let dir = dir(home.path(), id);
    let mut records = chain(id, 5);
    let mut stale = Vec::new();
    for (epoch, tail) in [(2, &mut stale), (2, &mut records)] {
        for seq in 6..=8 {
            let text = format!("{} before", tail.len());
            let prev = tail.last().map_or(Digest::of(b"lost"), |record: &Record| record.hash);
            tail.push(sealed(id, seq, epoch, &text, prev));
        }
    }
    lay(&dir, &[bytes(&stale[1..]), bytes(&records)].concat(), records.last());
    assert_eq!(found(&dir, id), records);
    assert_eq!(problems(&dir, id), []);
}

#[test]
fn an_owner_that_was_replaced_is_noticed() {
    let home = home();
    let id = session(6);
    let dir = dir(home.path(), id);
    let first = sealed(id, 1, 2, "later", genesis(&id));
    let second = sealed(id, 2, 1, "earlier", first.hash);
    assert_eq!(second.envelope.epoch, Epoch(1));
    lay(&dir, &bytes([&first, &second]), Some(&second));
    assert_eq!(problems(&dir, id), [Problem::EpochBack { seq: Seq(2) }]);
}

#[test]
fn a_record_that_moves_after_it_was_found_is_found_again() {
    let home = home();
    let id = session(7);
    let dir = dir(home.path(), id);
    let records = chain(id, 5);
    lay(&dir, &bytes(&records), records.last());
    let journal = RawJournal::read(&dir, id).expect("readable");
    let file = OpenOptions::new().write(true).open(dir.data()).expect("opens");
    let frame = &records[0].frame;
    file.write_all_at(frame, bytes(&records).len() as u64 + 77).expect("written");
    file.write_all_at(&vec![0; frame.len()], 0).expect("written");
    let read: Vec<Record> = journal.records().collect::<Result<_, _>>().expect("readable");
    assert_eq!(read, records);
    // Gone for good is an error of that record alone.
    file.set_len(bytes(&records).len() as u64).expect("cut");
    let read: Vec<_> = journal.records().collect();
    assert!(matches!(read[0], Err(RawError::Lost(Seq(1)))));
    assert!(read[1..].iter().all(Result::is_ok));
}
