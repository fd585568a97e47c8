//! Every subscriber sees the same story: no gap, no duplicate.

use std::thread;
use std::time::Duration;

use codex_event::{Envelope, RequestId, Seq, SessionId, StreamPart, Tail};
use codex_journal::{
    Blobs, Feed, Handle, Layout, MemStore, RING_BYTES, RING_RECORDS, Scribe, Subscription,
};
use proptest::prelude::*;

use crate::support::{Dice, barrier, batch, block_on, bulk, envelope, home, output, run, session};

fn memory(id: SessionId) -> (Scribe, Handle) {
    Scribe::start(MemStore::new(id), Blobs::at("/nonexistent"), None)
}

/// Reads until the end, and checks what each step may say.
fn rest(mut feed: Subscription) -> Vec<Envelope> {
    let mut seen = Vec::new();
    let mut caught_up = None;
    loop {
        match feed.next() {
            Feed::Record(record) => {
                seen.push(record.envelope.clone());
                caught_up = None;
            }
            Feed::CaughtUp(head) => {
                assert_eq!(caught_up.replace(head), None, "told twice in a row");
                if let Some(last) = seen.last() {
                    assert_eq!(last.seq, head.seq);
                }
            }
            Feed::Tail(_) | Feed::Present(_) => panic!("nobody asked for it"),
            Feed::Ended => {
                assert!(seen.is_empty() || caught_up.is_some(), "ended before it had caught up");
                assert!(matches!(feed.next(), Feed::Ended), "the end is the end");
                assert!(feed.fault().is_none());
                return seen;
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Join(u64),
    Read(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_u64..700).prop_map(Step::Append),
        2 => (0_u64..4000).prop_map(Step::Join),
        4 => (any::<usize>(), 1_usize..900).prop_map(|(who, count)| Step::Read(who, count)),
    ];
    prop::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    // The ring holds 1,024 records and a run up to some thousands, so both ways of reading meet.
    #[test]
    fn any_interleaving_gives_everybody_the_same(steps in steps()) {
        let id = session(1);
        let (scribe, handle) = memory(id);
        let mut readers: Vec<(Subscription, u64, Vec<u64>)> = Vec::new();
        let mut written = 0;
        for step in steps {
            match step {
                Step::Append(count) => {
                    let head = block_on(scribe.write(batch(run(id, written + 1, count, barrier))));
                    written += count;
                    prop_assert_eq!(head.expect("written").seq, Seq(written));
                    prop_assert_eq!(handle.head().seq, Seq(written), "shown before it is answered");
                }
                Step::Join(from) => {
                    readers.push((handle.subscribe(Seq(from)), from.max(1), Vec::new()));
                }
                Step::Read(who, count) if !readers.is_empty() => {
                    let who = who % readers.len();
                    let (feed, _, seen) = &mut readers[who];
                    for _ in 0..count {
                        match feed.next_timeout(Duration::ZERO) {
                            Some(Feed::Record(record)) => seen.push(record.envelope.seq.0),
                            Some(Feed::CaughtUp(head)) => prop_assert_eq!(head.seq, Seq(written)),
                            Some(Feed::Tail(_) | Feed::Present(_)) => {
                                prop_assert!(false, "nobody asked for it");
                            },
                            Some(Feed::Ended) => prop_assert!(false, "nobody ended it"),
                            None => break,
                        }
                    }
                }
                Step::Read(..) => {}
            }
        }
        scribe.finish().expect("finishes");
        for (feed, from, mut seen) in readers {
            seen.extend(rest(feed).iter().map(|envelope| envelope.seq.0));
            prop_assert_eq!(seen, (from..=written).collect::<Vec<_>>());
        }
    }
}

#[test]
fn followers_of_a_busy_writer_on_disk_all_see_everything() {
    const COUNT: u64 = 4000;
    let home = home();
    let id = session(2);
    let (scribe, handle) = Scribe::create(&Layout::new(home.path()), id).expect("created");
    let followers: Vec<_> = [1, 1, 700, 3900, 4100]
        .map(|from| {
            let handle = handle.clone();
            thread::spawn(move || {
                // They join while it is written, at moments of their own.
                while handle.head().seq.0 < from / 2 {
                    thread::yield_now();
                }
                (from, rest(handle.subscribe(Seq(from))))
            })
        })
        .into();
    let mut dice = Dice(3);
    let mut written = 0;
    while written < COUNT {
        let count = (1 + dice.below(60)).min(COUNT - written);
        let make = if dice.below(3) == 0 { bulk } else { barrier };
        block_on(scribe.write(batch(run(id, written + 1, count, make)))).expect("written");
        written += count;
    }
    // Of 4100 there is nothing, yet it learns of the end.
    scribe.finish().expect("finishes");
    for follower in followers {
        let (from, seen) = follower.join().expect("no panic");
        let seqs: Vec<u64> = seen.iter().map(|envelope| envelope.seq.0).collect();
        assert_eq!(seqs, (from..=COUNT).collect::<Vec<_>>());
    }
}

#[test]
fn a_subscriber_that_never_reads_holds_up_nobody() {
    let id = session(3);
    let (scribe, handle) = memory(id);
    let stuck = handle.subscribe(Seq(1));
    // More than the ring holds, by count and by bytes.
    let bytes = |seq| envelope(id, seq, 1, output(vec![b'x'; 4096]));
    let count = (RING_RECORDS + RING_BYTES / 4096) as u64;
    for first in (1..=count).step_by(64) {
        let last = count.min(first + 63);
        let mut envelopes: Vec<_> = (first..last).map(bytes).collect();
        envelopes.push(envelope(id, last, 1, barrier("b")));
        block_on(scribe.write(batch(envelopes))).expect("never waits for a subscriber");
    }
    scribe.finish().expect("finishes");
    assert_eq!(rest(stuck).len() as u64, count, "and it still gets everything");
}

#[test]
fn a_subscriber_of_an_empty_journal_waits_behind_its_beginning() {
    let id = session(4);
    let (scribe, handle) = memory(id);
    let mut feed = handle.subscribe(Seq(0));
    assert_eq!(feed.next(), Feed::CaughtUp(handle.head()));
    assert_eq!(feed.next_timeout(Duration::ZERO), None);
    block_on(scribe.write(batch(run(id, 1, 1, barrier)))).expect("written");
    let Feed::Record(record) = feed.next() else { panic!("a record") };
    assert_eq!(record.envelope.seq, Seq(1));
    assert_eq!(feed.next(), Feed::CaughtUp(handle.head()));
    drop(scribe);
    assert_eq!(feed.next(), Feed::Ended);
}

#[test]
fn the_raw_reader_sees_no_gap_beside_a_busy_writer() {
    let home = home();
    let id = session(5);
    let layout = Layout::new(home.path());
    let (scribe, handle) = Scribe::create(&layout, id).expect("created");
    let writer = thread::spawn(move || {
        for first in (1..=6000).step_by(20) {
            block_on(scribe.write(batch(run(id, first, 20, barrier)))).expect("written");
        }
        scribe.finish().expect("finishes");
    });
    let dir = layout.session(id);
    let mut looks = 0;
    loop {
        let before = handle.head().seq.0;
        let journal = codex_journal::RawJournal::read(&dir, id).expect("readable");
        assert_eq!(journal.gaps(), []);
        assert!(journal.head().seq.0 >= before, "{} of {before}", journal.head().seq);
        let verified = codex_journal::verify(&dir, id).expect("readable");
        assert_eq!(verified.problems, []);
        looks += 1;
        if before == 6000 {
            break;
        }
    }
    writer.join().expect("no panic");
    assert!(looks > 1);
}

fn tail(from: usize, text: &str) -> Tail {
    let (request, part) = (RequestId(1), StreamPart::Text);
    Tail { request, attempt: 1, item: 0, part, from, text: text.to_owned() }
}

#[test]
fn tails_come_behind_all_records_and_to_those_alone_who_asked() {
    let (scribe, handle) = memory(session(1));
    let tails = handle.tails();
    assert!(!tails.wanted());
    let mut plain = handle.subscribe(Seq(1));
    let mut live = handle.subscribe(Seq(1)).with_tails();
    assert!(tails.wanted());
    tails.show(tail(0, "a"));
    block_on(scribe.write(batch(run(session(1), 1, 1, barrier)))).expect("written");
    tails.show(tail(0, "ab"));

    assert!(matches!(live.next(), Feed::Record(record) if record.envelope.seq == Seq(1)));
    assert!(matches!(live.next(), Feed::CaughtUp(_)));
    // The last one stands for those before it.
    assert!(matches!(live.next(), Feed::Tail(told) if *told == tail(0, "ab")));
    assert!(live.next_timeout(Duration::from_millis(1)).is_none());
    assert!(matches!(plain.next(), Feed::Record(_)));
    assert!(matches!(plain.next(), Feed::CaughtUp(_)));
    assert!(plain.next_timeout(Duration::from_millis(1)).is_none());
    drop(live);
    assert!(!tails.wanted());
    drop(scribe);
    assert_eq!(plain.next(), Feed::Ended);
}

#[test]
fn one_who_waits_is_woken_by_a_tail_and_sees_the_last() {
    for listeners in [1, 3] {
        let (scribe, handle) = memory(session(1));
        let tails = handle.tails();
        let readers: Vec<_> = (0..listeners)
            .map(|_| {
                let mut live = handle.subscribe(Seq(1)).with_tails();
                thread::spawn(move || {
                    let mut seen = String::new();
                    loop {
                        match live.next() {
                            Feed::Tail(told) => {
                                let added = told.beyond(seen.len()).map(str::to_owned);
                                seen.push_str(&added.unwrap_or_default());
                                if seen.ends_with('.') {
                                    return seen;
                                }
                            }
                            Feed::Record(_) | Feed::CaughtUp(_) | Feed::Present(_) => {}
                            Feed::Ended => return seen,
                        }
                    }
                })
            })
            .collect();
        let mut text = String::new();
        for n in 0..2000 {
            text.push_str(&n.to_string());
            tails.show(tail(0, &text));
            if n % 100 == 0 {
                thread::yield_now();
            }
        }
        text.push('.');
        tails.show(tail(0, &text));
        for reader in readers {
            assert_eq!(reader.join().expect("a reader"), text);
        }
        drop(scribe);
    }
}

#[test]
fn a_tail_joins_on_to_what_is_known_or_adds_nothing() {
    let tail = tail(3, "dé");
    assert_eq!(tail.beyond(3), Some("dé"));
    assert_eq!(tail.beyond(4), Some("é"));
    assert_eq!(tail.beyond(6), None);
    assert_eq!(tail.beyond(2), None, "there is a hole between");
    assert_eq!(tail.beyond(5), None, "no boundary of a letter");
    assert_eq!(tail.beyond(99), None);
}
