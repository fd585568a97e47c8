//! Writers on a disk that fails, loses what was not synced, tears what it writes, and flips bits.
//!
//! `CODEX_TEST_FAULT_SEEDS` says how many lives of sessions are played; each prints its seed when it
//! fails. The files are real ones: what a crash leaves is made of what was on the disk at the last
//! barrier and at the moment of the crash.

pub(crate) mod disk;
mod faulty;

use std::path::Path;

use codex_event::{Envelope, Event, HEADER_LEN, Record, Seq, SessionId};
use codex_journal::{
    Batch, Blobs, HeadFile, HeadState, Problem, RawJournal, Scribe, SessionDir, SledStore, Store,
    verify,
};

use crate::child::Opener;
use crate::salvage::{records, repairs};
use crate::support::{
    Dice, barrier, block_on, bulk, dir, envelope, home, output, session, single_frames, turn_end,
};

use disk::Image;
use faulty::{Fault, Faulty};

const SEEDS: u64 = 16;
/// Lives of one session: each ends in a crash.
const LIVES: u64 = 4;

/// A session and everything that was ever said of it.
struct Story {
    id: SessionId,
    dice: Dice,
    /// Each event that was handed over, by position; the last writer's word counts.
    sent: Vec<Envelope>,
    /// How far it was acknowledged.
    acknowledged: u64,
    /// What was named as lost.
    lost: Vec<u64>,
    opener: Opener,
    /// Whether a bit was flipped in what the crash left.
    flipped: bool,
}

/// What was counted.
#[derive(Debug, Default)]
struct Sums {
    lives: u64,
    failed: u64,
    torn: u64,
    flipped: u64,
    lost: u64,
    records: u64,
}

#[test]
fn no_acknowledged_record_is_lost_on_a_disk_that_fails() {
    let seeds = std::env::var("CODEX_TEST_FAULT_SEEDS")
        .map_or(SEEDS, |number| number.parse().expect("a number"));
    let mut sums = Sums::default();
    for seed in 1..=seeds {
        let id = session(seed);
        let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut story = Story {
            id,
            dice,
            sent: Vec::new(),
            acknowledged: 0,
            lost: Vec::new(),
            flipped: false,
            opener: Opener::default(),
        };
        let mut image = None;
        for life in 0..LIVES {
            let what = format!("seed {seed}, life {life}");
            image = Some(story.live(image, &what, &mut sums));
        }
    }
    println!("{sums:?}");
    assert!(sums.failed > 0 && sums.torn > 0 && sums.flipped > 0 && sums.lost > 0, "{sums:?}");
}

impl Story {
    // Opens what the life before left, writes, and crashes; gives what is left.
    fn live(&mut self, before: Option<Image>, what: &str, sums: &mut Sums) -> Image {
        let home = home();
        let dir = dir(home.path(), self.id);
        let store = match before {
            None => SledStore::create(&dir, self.id).expect("created"),
            Some(image) => {
                image.lay(dir.path());
                sums.lost += self.judge(home.path(), &dir, what);
                SledStore::open(&dir, self.id).expect("opens once more")
            }
        };
        let begin = store.head();
        let (mut head_file, _) = HeadFile::open(&dir.head()).expect("a head file");
        // As the owner's opening does.
        head_file.write(begin).and_then(|()| head_file.sync()).expect("written");
        self.acknowledged = begin.seq.0;
        sums.lives += 1;

        let fault = Fault::ALL[self.dice.below(Fault::ALL.len() as u64) as usize];
        let at = Seq(begin.seq.0 + 1 + self.dice.below(80));
        let faulty = Faulty { inner: store, fault, at };
        let (scribe, handle) = Scribe::start(faulty, Blobs::at(dir.blobs()), Some(head_file));
        let mut synced = Image::take(dir.path());
        let mut heads = vec![synced.0[Path::new("head")].clone()];
        let mut next = begin.seq.next();
        let mut failed = false;
        let writes = 1 + self.dice.below(14);
        for _ in 0..writes {
            let (batch, turn_ended) = self.batch(next, begin.epoch.next().0);
            next = batch.envelopes.last().expect("an event").seq.next();
            self.sent.truncate(batch.envelopes[0].seq.0 as usize - 1);
            self.sent.extend(batch.envelopes.clone());
            match block_on(scribe.write(batch)) {
                Ok(head) if !failed => self.acknowledged = head.seq.0,
                Ok(_) => panic!("{what}: a write behind a failed one was answered"),
                Err(_) => failed = true,
            }
            if failed {
                continue;
            }
            // What the barrier made durable is what is there when it is over.
            synced = Image::take(dir.path());
            let head = synced.0[Path::new("head")].clone();
            if turn_ended {
                heads.clear();
            }
            heads.push(head);
        }
        sums.failed += u64::from(failed);
        sums.records += next.0 - begin.seq.0;
        // More may be in flight when it crashes.
        let written =
            if failed { Image::take(dir.path()) } else { self.in_flight(&scribe, next, &dir) };
        drop(handle);
        // What it writes while it ends is written after the crash.
        let _ = scribe.finish();
        match self.dice.below(4) {
            0 => written,
            // Not together with a power failure: the head file may then be behind, and nothing tells
            // what follows a hole from what a crash left there.
            1 => {
                sums.flipped += 1;
                self.flip(written)
            }
            _ => {
                sums.torn += 1;
                written.power_failure(&synced, &heads, &mut self.dice)
            }
        }
    }

    // Events that nobody answers for any more.
    fn in_flight(&mut self, scribe: &Scribe, next: Seq, dir: &SessionDir) -> Image {
        let epoch = self.sent.last().map_or(1, |last| last.epoch.0);
        let (batch, _) = self.batch(next, epoch);
        self.sent.truncate(next.0 as usize - 1);
        self.sent.extend(batch.envelopes.clone());
        let _ = block_on(scribe.write(batch));
        Image::take(dir.path())
    }

    fn batch(&mut self, first: Seq, epoch: u64) -> (Batch, bool) {
        let mut batch = Batch::default();
        let mut seq = first.0;
        let mut put = |event: Event| {
            let mut made = envelope(self.id, seq, epoch, event);
            batch.blobs.extend(made.spill());
            batch.envelopes.push(made);
            seq += 1;
        };
        for _ in 0..self.dice.below(12) {
            match self.dice.below(8) {
                0 => put(output(vec![b'o'; self.dice.below(6000) as usize])),
                1 => put(bulk(&format!("{epoch} large ").repeat(self.dice.below(400) as usize))),
                _ => put(bulk(&format!("{epoch} small ").repeat(self.dice.below(20) as usize))),
            }
        }
        let turn_ended = self.dice.below(4) == 0;
        put(if turn_ended { turn_end() } else { barrier("waits") });
        (batch, turn_ended)
    }

    // One bit somewhere in the data file.
    fn flip(&mut self, mut image: Image) -> Image {
        let data = image.0.get_mut(Path::new("db/db")).expect("a data file");
        let single = single_frames(data);
        if let Some(last) = data.iter().rposition(|byte| *byte != 0) {
            let at = match self.dice.below(2) {
                0 if !single.is_empty() => {
                    let frame = single[self.dice.below(single.len() as u64) as usize];
                    frame + self.dice.below(HEADER_LEN as u64 + 40) as usize
                }
                _ => self.dice.below(last as u64 + 1) as usize,
            };
            data[at] ^= 1 << self.dice.below(8);
            self.flipped = true;
        }
        image
    }

    // Holds what a crash left against everything that was said.
    fn judge(&mut self, home: &Path, dir: &SessionDir, what: &str) -> u64 {
        let flipped = std::mem::take(&mut self.flipped);
        // The answer to the last write may have been on its way.
        if let Ok(HeadState::Good(head)) = HeadFile::read(&dir.head()) {
            self.acknowledged = self.acknowledged.max(head.seq.0);
        }
        let raw = RawJournal::read(dir, self.id).unwrap_or_else(|e| panic!("{what}: {e}"));
        let there: Vec<Record> = raw.records().collect::<Result<_, _>>().expect("readable");
        let mut lost = Vec::new();
        for seq in (1..=self.acknowledged).filter(|seq| !self.lost.contains(seq)) {
            let found = there.iter().find(|record| record.envelope.seq == Seq(seq));
            match found {
                Some(record) => assert_eq!(
                    Some(&record.envelope),
                    self.sent.get(seq as usize - 1),
                    "{what}: record {seq} is another one"
                ),
                None => lost.push(seq),
            }
        }
        assert!(
            lost.len() <= usize::from(flipped),
            "{what}: acknowledged records {lost:?} are lost"
        );
        let told_before = repairs(dir, self.id).len();
        self.lost.extend(&lost);

        // The owner opens it, in a process that a broken engine may break; then in another one.
        let opened = (0..2)
            .find_map(|_| self.opener.open(home, self.id).filter(|told| told.starts_with("ok ")));
        let opened = opened.unwrap_or_else(|| panic!("{what}: it does not open"));
        let end: u64 = opened[3..].parse().expect("a position");
        assert!(end >= self.acknowledged, "{what}: opened at {end} of {}", self.acknowledged);

        // Whatever is missing is named, once, and the chain holds.
        let told = repairs(dir, self.id);
        if !lost.is_empty() {
            assert_eq!(told.len(), told_before + 1, "{what}");
            let runs = lost.iter().map(|seq| (Seq(*seq), Seq(*seq))).collect::<Vec<_>>();
            assert_eq!(told.last().expect("told").1, runs, "{what}");
        }
        let named: Vec<u64> = told.iter().flat_map(|(_, runs)| runs).map(|run| run.0.0).collect();
        let verified = verify(dir, self.id).expect("readable");
        for problem in &verified.problems {
            let missing = match problem {
                Problem::Missing { first, last } => {
                    (first.0..=last.0).all(|seq| named.contains(&seq))
                }
                Problem::HeadDamaged => true,
                _ => false,
            };
            assert!(missing, "{what}: {problem}");
        }
        // What the next writer goes on from.
        let now = records(dir, self.id);
        self.sent.truncate(end as usize);
        for record in now {
            let at = record.envelope.seq.0 as usize - 1;
            if at >= self.sent.len() {
                self.sent.push(record.envelope);
            } else if record
                .envelope
                .event()
                .is_some_and(|event| matches!(event, Event::Repaired { .. }))
            {
                self.sent[at] = record.envelope;
            }
        }
        lost.len() as u64
    }
}
