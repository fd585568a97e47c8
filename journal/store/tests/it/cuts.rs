//! A kill at every boundary of an append, and at every byte of the last record; and one bit anywhere
//! in a long session.

use std::path::Path;

use codex_event::{Envelope, Event, HEADER_LEN, Record, Seq, SessionId};
use codex_journal::{
    Batch, HeadFile, HeadState, Layout, Problem, RawJournal, Scribe, SessionDir, verify,
};

use crate::child::Opener;
use crate::damage::flip;
use crate::faults::disk::Image;
use crate::salvage::{records, repairs};
use crate::support::{
    Dice, barrier, block_on, bulk, copy, dir, envelope, home, output, session, single_frames,
    turn_end,
};

const APPENDS: u64 = 24;

fn one(id: SessionId, seq: u64) -> Vec<Envelope> {
    let text = format!("event {seq} ").repeat(12);
    let event = if seq.is_multiple_of(5) { turn_end() } else { barrier(&text) };
    vec![envelope(id, seq, 1, event)]
}

// What is on the disk before and after each append, the first with no record at all.
fn appends(id: SessionId) -> (Vec<Image>, Vec<Record>) {
    let home = home();
    let (scribe, _) = Scribe::create(&Layout::new(home.path()), id).expect("created");
    let dir = dir(home.path(), id);
    let mut images = vec![Image::take(dir.path())];
    for seq in 1..=APPENDS {
        let batch = Batch { envelopes: one(id, seq), blobs: Vec::new() };
        block_on(scribe.write(batch)).expect("written");
        images.push(Image::take(dir.path()));
    }
    let all = records(&dir, id);
    scribe.finish().expect("finishes");
    (images, all)
}

#[test]
fn a_kill_at_every_boundary_of_an_append_costs_nothing() {
    let id = session(1);
    let (images, all) = appends(id);
    let mut opener = Opener::default();
    for (written, image) in images.iter().enumerate() {
        let home = home();
        let dir = dir(home.path(), id);
        image.lay(dir.path());
        if written > 0 {
            assert_eq!(records(&dir, id), all[..written]);
        }
        assert_eq!(opener.open(home.path(), id), Some(format!("ok {written}")));
        assert_eq!(records(&dir, id), all[..written]);
        assert_eq!(verify(&dir, id).expect("readable").problems, []);
    }
}

#[test]
fn a_last_record_cut_at_any_byte_costs_itself_alone() {
    let id = session(2);
    let (images, all) = appends(id);
    let data = Path::new("db/db");
    let [.., before, after] = &images[..] else { panic!("there are some") };
    let (old, new) = (&before.0[data], &after.0[data]);
    let frame = &all[all.len() - 1].frame;
    let begin = new.windows(frame.len()).position(|bytes| bytes == frame).expect("in the log");
    let kept = all.len() - 1;
    let mut told = 0;
    let mut opener = Opener::default();
    for cut in begin..=begin + frame.len() {
        // The append was cut there: before, nobody was told of the record; after, everybody was.
        for acknowledged in [before, after] {
            if std::ptr::eq(acknowledged, after) && cut % 9 != 0 {
                continue;
            }
            let mut image = acknowledged.clone();
            let mut content = new[..cut].to_vec();
            content.extend(old.get(cut..).unwrap_or_default());
            image.0.insert(data.to_owned(), content);
            let home = home();
            let dir = dir(home.path(), id);
            image.lay(dir.path());
            let opened = opener.open(home.path(), id).expect("says what it found");
            let now = records(&dir, id);
            let whole = cut == begin + frame.len();
            if whole && now.len() == all.len() {
                assert_eq!((opened, &now), (format!("ok {}", all.len()), &all), "at {cut}");
            } else if std::ptr::eq(acknowledged, before) {
                assert_eq!(opened, format!("ok {kept}"), "at {cut}");
                assert_eq!(now, all[..kept], "at {cut}");
                assert_eq!(verify(&dir, id).expect("readable").problems, [], "at {cut}");
            } else {
                told += 1;
                let (lost, end) = (Seq(kept as u64 + 1), all.len() as u64 + 1);
                assert_eq!(opened, format!("ok {end}"), "at {cut}");
                assert_eq!(now[..kept], all[..kept], "at {cut}");
                assert_eq!(repairs(&dir, id), [(Seq(end), vec![(lost, lost)])], "at {cut}");
                let named = Problem::Missing { first: lost, last: lost };
                assert_eq!(verify(&dir, id).expect("readable").problems, [named], "at {cut}");
            }
        }
    }
    assert!(told > 20, "{told}");
}

// `CODEX_TEST_LONG=5000,200` plays 5,000 events and 200 bits.
#[test]
fn one_bit_anywhere_in_a_long_session_costs_at_most_the_record_it_hits() {
    let wanted = std::env::var("CODEX_TEST_LONG").unwrap_or_else(|_| "700,16".to_owned());
    let (events, trials) = wanted.split_once(',').expect("two numbers");
    let [events, trials] = [events, trials].map(|number| number.parse().expect("a number"));
    let origin = home();
    let id = session(3);
    let sound = long(origin.path(), id, events);
    let all = records(&sound, id);
    assert_eq!(all.len() as u64, events);
    let files: Vec<_> =
        Image::take(sound.path()).0.into_iter().filter(|it| !it.1.is_empty()).collect();
    let largest = files.iter().map(|(_, content)| content.len()).max().unwrap_or(1);
    let single = single_frames(&files.iter().find(|it| it.1.len() == largest).expect("the data").1);
    let mut dice = Dice(events ^ trials);
    let (mut lost, mut heads, mut without) = (0, 0, 0);
    let mut opener = Opener::default();
    for trial in 0..trials {
        let home = home();
        let dir = dir(home.path(), id);
        copy(sound.path(), dir.path());
        // Anywhere in the data file, every fourth time in a record that is there once, and every
        // eighth time in any file.
        let data = files.iter().find(|(_, content)| content.len() == largest).expect("the data");
        let (name, content) =
            if trial % 8 == 7 { &files[dice.below(files.len() as u64) as usize] } else { data };
        let used = content.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let bit = match trial % 4 {
            1 => {
                let frame = single[dice.below(single.len() as u64) as usize];
                frame as u64 * 8 + dice.below((HEADER_LEN as u64 + 40) * 8)
            }
            _ => dice.below(used as u64 * 8),
        };
        let what = format!("trial {trial}: bit {bit} of {}", name.display());
        flip(&dir.path().join(name), bit);

        let raw = RawJournal::read(&dir, id).expect("readable");
        let kept: Vec<Record> = raw.records().collect::<Result<_, _>>().expect("readable");
        let missing: Vec<Seq> = all
            .iter()
            .filter(|record| {
                kept.binary_search_by_key(&record.envelope.seq, |it| it.envelope.seq).is_err()
            })
            .map(|record| record.envelope.seq)
            .collect();
        assert!(missing.len() <= 1, "{what}: {missing:?} are lost");
        let head_is_whole = matches!(HeadFile::read(&dir.head()), Ok(HeadState::Good(_)));
        // A panic of the engine breaks the process that opens; the next one opens.
        let opened = (0..2)
            .filter_map(|_| opener.open(home.path(), id))
            .find(|told| told.starts_with("ok "));
        let end = events + missing.len() as u64;
        assert_eq!(opened, Some(format!("ok {end}")), "{what}");
        let verified = verify(&dir, id).expect("readable");
        match missing[..] {
            [] => {
                without += 1;
                heads += u64::from(!head_is_whole);
                let harmless = |problem: &Problem| {
                    matches!(problem, Problem::HeadDamaged | Problem::BlobDamaged { .. })
                };
                assert!(verified.problems.iter().all(harmless), "{what}: {:?}", verified.problems);
            }
            [one] => {
                lost += 1;
                assert_eq!(repairs(&dir, id), [(Seq(end), vec![(one, one)])], "{what}");
                let named = Problem::Missing { first: one, last: one };
                assert_eq!(verified.problems, [named], "{what}");
                // Everything before it is there to fork from, and everything behind it to be read.
                let now = records(&dir, id);
                let there = all.iter().filter(|record| record.envelope.seq != one);
                assert!(now[..now.len() - 1].iter().eq(there), "{what}");
            }
            _ => unreachable!("at most one"),
        }
    }
    println!(
        "{trials} bits in {events} events: {lost} cost one record, {without} none, {heads} hit the head"
    );
    assert!(without > 0 && lost > 0);
}

fn long(home: &Path, id: SessionId, events: u64) -> SessionDir {
    let layout = Layout::new(home);
    let (scribe, _) = Scribe::create(&layout, id).expect("created");
    let mut dice = Dice(3);
    let mut seq = 0;
    while seq < events {
        let mut batch = Batch::default();
        for _ in 0..(1 + dice.below(9)).min(events - seq) {
            seq += 1;
            let event: Event = match dice.below(10) {
                0 => output(vec![b'o'; dice.below(4000) as usize]),
                1 => bulk(&"large ".repeat(dice.below(600) as usize)),
                2 => turn_end(),
                _ => bulk(&format!("{seq} ").repeat(dice.below(40) as usize)),
            };
            let mut made = envelope(id, seq, 1, event);
            batch.blobs.extend(made.spill());
            batch.envelopes.push(made);
        }
        block_on(scribe.write(batch)).expect("written");
    }
    scribe.finish().expect("finishes");
    layout.session(id)
}
