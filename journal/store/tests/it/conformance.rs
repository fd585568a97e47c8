//! One suite for every store.

use codex_event::{Body, Epoch, MAX_JSON_LEN, Record, Seq, genesis};
use codex_journal::{AppendError, Head, MemStore, OpenError, SledStore, Store};

use crate::support::{barrier, bulk, dir, envelope, home, run, session};

fn all(store: &impl Store) -> Vec<Record> {
    store.scan(Seq(0)..=Seq(u64::MAX)).collect::<Result<_, _>>().expect("readable")
}

fn conforms<S: Store>(mut store: S, reopen: impl Fn(S) -> S) {
    let id = session(1);
    assert_eq!(store.head(), Head { seq: Seq(0), hash: genesis(&id), epoch: Epoch(0) });
    assert_eq!(all(&store), []);

    // Dense, linked, sealed.
    let sealed = store.append(Seq(0), run(id, 1, 40, barrier)).expect("appended");
    assert_eq!(sealed[0].prev, genesis(&id));
    assert!(sealed.windows(2).all(|pair| pair[1].prev == pair[0].hash));
    assert_eq!(store.head().hash, sealed[39].hash);
    assert_eq!(store.barrier().expect("durable"), store.head());

    // What breaks a rule changes nothing.
    let head = store.head();
    let refuse = |store: &mut S, expect, batch| {
        let refused = store.append(Seq(expect), batch).expect_err("refused");
        assert_eq!(store.head(), head);
        refused
    };
    let refused = refuse(&mut store, 39, run(id, 40, 1, barrier));
    assert!(matches!(refused, AppendError::Expected { expect: Seq(39), head: Seq(40) }));
    let refused = refuse(&mut store, 40, run(id, 42, 1, barrier));
    assert!(matches!(refused, AppendError::NotDense { wanted: Seq(41), found: Seq(42) }));
    let mut gap = run(id, 41, 2, barrier);
    gap.push(envelope(id, 44, 1, barrier("skips one")));
    let refused = refuse(&mut store, 40, gap);
    assert!(matches!(refused, AppendError::NotDense { wanted: Seq(43), found: Seq(44) }));
    let refused = refuse(&mut store, 40, run(session(2), 41, 1, barrier));
    assert!(matches!(refused, AppendError::WrongSession { .. }));
    let mut long = envelope(id, 41, 1, bulk("x"));
    let raw = format!("\"{}\"", "x".repeat(MAX_JSON_LEN));
    long.body = Body::Foreign { kind: "long".into(), version: 1, raw };
    assert!(matches!(refuse(&mut store, 40, vec![long]), AppendError::TooLarge { .. }));

    // A later writer fences off the earlier one.
    store.append(Seq(40), vec![envelope(id, 41, 5, barrier("later"))]).expect("appended");
    let refused = store.append(Seq(41), run(id, 42, 1, barrier)).expect_err("refused");
    assert!(matches!(refused, AppendError::Fenced { head: Epoch(5), found: Epoch(1) }));

    // Ranges, and reading beside the writer.
    let middle: Vec<u64> = store
        .scan(Seq(7)..=Seq(9))
        .map(|record| record.expect("readable").envelope.seq.0)
        .collect();
    assert_eq!(middle, [7, 8, 9]);
    assert_eq!(store.scan(Seq(42)..=Seq(50)).count(), 0);
    let reader = store.reader();
    assert_eq!(reader(Seq(1)..=Seq(41)).expect("readable"), all(&store));
    drop(reader);

    // Opened again it is the same, and goes on.
    store.barrier().expect("durable");
    let (before, head) = (all(&store), store.head());
    let mut store = reopen(store);
    assert_eq!((all(&store), store.head()), (before, head));
    store.append(Seq(41), vec![envelope(id, 42, 6, bulk("on"))]).expect("appended");
    assert_eq!(all(&store).len(), 42);
}

#[test]
fn memory_conforms() {
    conforms(MemStore::new(session(1)), |store| store.clone());
}

#[test]
fn sled_conforms() {
    let home = home();
    let dir = dir(home.path(), session(1));
    let store = SledStore::create(&dir, session(1)).expect("created");
    conforms(store, |store| {
        drop(store);
        SledStore::open(&dir, session(1)).expect("opens")
    });
}

#[test]
fn a_session_is_created_once_and_opened_only_where_it_is() {
    let home = home();
    let dir = dir(home.path(), session(1));
    assert!(matches!(SledStore::open(&dir, session(1)), Err(OpenError::NotFound(_))));
    drop(SledStore::create(&dir, session(1)).expect("created"));
    assert!(matches!(SledStore::create(&dir, session(1)), Err(OpenError::Exists(_))));
    drop(SledStore::open(&dir, session(1)).expect("opens"));
}
