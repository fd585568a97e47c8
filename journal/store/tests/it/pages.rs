//! Where the engine puts large records, and how the raw reader finds them.

use codex_event::{Body, Envelope, MAX_JSON_LEN, Record, Seq, SessionId};
use codex_journal::{RawJournal, SessionDir, SledStore, Store, verify};

use crate::support::{dir, envelope, home, output, session};

fn write(dir: &SessionDir, id: SessionId, count: u64, make: impl Fn(u64) -> Envelope) -> usize {
    let mut store = SledStore::create(dir, id).expect("created");
    for seq in 1..=count {
        store.append(Seq(seq - 1), vec![make(seq)]).expect("appended");
        store.barrier().expect("durable");
    }
    let pages = std::fs::read_dir(dir.db().join("blobs")).expect("a folder").count();
    drop(store);
    let store = SledStore::open(dir, id).expect("opens");
    let kept: Vec<Record> =
        store.scan(Seq(1)..=Seq(count)).collect::<Result<_, _>>().expect("readable");
    assert_eq!(kept.len() as u64, count);
    let raw: Vec<Record> =
        RawJournal::read(dir, id).and_then(|raw| raw.records().collect()).expect("readable");
    assert_eq!(raw, kept);
    assert_eq!(verify(dir, id).expect("readable").problems, []);
    pages
}

// A chunk is cut at 4 KiB; control characters are its longest form in JSON.
#[test]
fn the_largest_bounded_events_stay_in_the_log() {
    let home = home();
    let id = session(1);
    let make = |seq| envelope(id, seq, 1, output(vec![1; 4096]));
    assert!(make(1).to_json().len() > 24_000);
    // The head file stays at 0 here: only the scribe writes it.
    let pages = write(&dir(home.path(), id), id, 200, make);
    assert_eq!(pages, 0, "a page image became a file");
}

#[test]
fn records_of_any_allowed_size_are_kept_and_found() {
    let home = home();
    let id = session(2);
    let make = |seq| {
        let mut long = envelope(id, seq, 1, output(Vec::new()));
        let raw = format!("\"{}\"", "y".repeat(MAX_JSON_LEN - 400));
        long.body = Body::Foreign { kind: "long".into(), version: 1, raw };
        long
    };
    let pages = write(&dir(home.path(), id), id, 40, make);
    assert!(pages > 0, "this was to be larger than a page of the log");
}
