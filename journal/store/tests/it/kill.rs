//! What was acknowledged survives a kill.

use std::time::{Duration, Instant};

use codex_event::{Record, Seq};
use codex_journal::{Layout, OpenError, RawJournal, Scribe, SledStore, Store, verify};

use crate::child;
use crate::support::{Dice, dir, home, session};

// Killed after a number of acknowledgements and a few microseconds, or while it opens.
#[test]
fn acknowledged_records_survive_a_kill_at_any_point() {
    let home = home();
    let id = session(1);
    let dir = dir(home.path(), id);
    let mut dice = Dice(11);
    let mut acknowledged = 0;
    let mut known: Vec<Record> = Vec::new();
    for trial in 0..24 {
        let (mut writer, mut lines) = child::start("write", home.path(), id);
        let patience = if trial % 4 == 3 { 0 } else { 1 + dice.below(40) };
        for _ in 0..patience {
            let told = child::told(&mut lines).expect("writes until it is killed");
            acknowledged = told.parse().expect("a position");
        }
        let until = Instant::now() + Duration::from_micros(dice.below(4_000));
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        writer.kill().expect("killed");
        writer.wait().expect("ended");
        while let Some(told) = child::told(&mut lines) {
            acknowledged = told.parse().expect("a position");
        }
        if acknowledged == 0 {
            continue;
        }

        let verified = verify(&dir, id).expect("readable");
        assert_eq!(verified.problems, [], "trial {trial}");
        let raw: Vec<Record> = RawJournal::read(&dir, id)
            .and_then(|journal| journal.records().collect())
            .expect("readable");
        assert!(raw.len() as u64 >= acknowledged, "{} of {acknowledged}", raw.len());
        assert!(raw.starts_with(&known), "trial {trial}: history changed");

        let store = SledStore::open(&dir, id).expect("opens");
        let kept: Result<Vec<Record>, _> = store.scan(Seq(1)..=Seq(u64::MAX)).collect();
        assert_eq!(kept.expect("readable"), raw, "trial {trial}");
        known = raw;
    }
    assert!(acknowledged > 100, "the writer wrote");
}

#[test]
fn two_owners_are_one_too_many() {
    let home = home();
    let id = session(2);
    let (mut owner, mut lines) = child::start("hold", home.path(), id);
    assert_eq!(child::told(&mut lines).as_deref(), Some("held"));
    let refused = Scribe::open(&Layout::new(home.path()), id);
    assert!(
        matches!(refused, Err(OpenError::Busy { session: busy, .. }) if busy == id),
        "{refused:?}"
    );
    owner.kill().expect("killed");
    owner.wait().expect("ended");
    Scribe::open(&Layout::new(home.path()), id).expect("free again").0.finish().expect("finishes");
}

#[test]
fn two_owners_in_one_process_are_one_too_many() {
    let home = home();
    let layout = Layout::new(home.path());
    let owned = Scribe::create(&layout, session(3)).expect("created");
    assert!(matches!(Scribe::open(&layout, session(3)), Err(OpenError::Busy { .. })));
    assert!(matches!(Scribe::create(&layout, session(3)), Err(OpenError::Busy { .. })));
    drop(owned);
}
