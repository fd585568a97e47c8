//! Sessions that begin with what another one has.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use codex_event::{
    ApprovalPolicy, Author, Backend, Digest, Envelope, Epoch, Event, HEADER_LEN, Permission,
    ProviderSettings, Record, Restraint, SandboxReport, Seq, SessionId, Settings, Timestamp,
    TurnId,
};
use codex_journal::{
    Batch, Cut, Feed, ForkError, Forked, KEPT_BASES, Layout, NewFork, OpenError, Problem,
    RawJournal, Scribe, SledStore, Store, discard, fork, last_in, verify,
};

use crate::damage::flip;
use crate::support::{
    Dice, barrier, block_on, bulk, copy, dir, envelope, home, output, session, turn_end,
};

pub(crate) fn opened(cwd: &str) -> Event {
    Event::SessionOpened {
        cwd: cwd.to_owned(),
        git: None,
        settings: Box::new(Settings {
            model: "o4-mini".into(),
            provider: ProviderSettings {
                id: "mock".into(),
                base_url: "http://127.0.0.1:1/v1".into(),
                backend: Backend::Responses,
                request_max_retries: 2,
                stream_max_retries: 2,
                stream_idle_timeout_ms: 1000,
            },
            approval_policy: ApprovalPolicy::Never,
            permissions: codex_event::FULL_AUTO.to_vec(),
            reasoning_effort: None,
            reasoning_summary: None,
            notify: vec![],
            sandbox_level: Default::default(),
            git_writes: Default::default(),
            resources: Default::default(),
        }),
        sandbox: Box::new(SandboxReport {
            level: "landlock".into(),
            landlock_abi: Some(7),
            plan: Digest::of(b"plan"),
            writable_roots: vec![],
            limits: vec![],
            narrow: None,
            missing: Vec::new(),
        }),
        program: "0.1.0".into(),
        tools: Digest::of(b"tools"),
    }
}

/// Writes turns of three events each behind the opening; the text of every third is a blob.
pub(crate) fn parent(layout: &Layout, id: SessionId, turns: u64) {
    let (scribe, handle) = Scribe::create(layout, id).expect("created");
    drop(handle);
    let mut envelopes = vec![Envelope { turn: None, ..envelope(id, 1, 1, opened("/work")) }];
    let mut blobs = Vec::new();
    for turn in 1..=turns {
        let text = if turn % 3 == 0 { format!("{turn} ").repeat(3000) } else { turn.to_string() };
        for event in [barrier("go on"), bulk(&text), turn_end()] {
            let seq = envelopes.len() as u64 + 1;
            let made = envelope(id, seq, 1, event);
            let mut made = Envelope { turn: Some(TurnId(turn)), ..made };
            blobs.extend(made.spill());
            envelopes.push(made);
        }
    }
    block_on(scribe.write(Batch { envelopes, blobs })).expect("written");
    scribe.finish().expect("finishes");
}

pub(crate) fn new(id: SessionId) -> NewFork {
    NewFork { id, author: Author::User("test".into()), now: Timestamp(7) }
}

fn forked(layout: &Layout, from: SessionId, cut: Cut, to: SessionId) -> Forked {
    fork(layout, from, cut, new(to)).expect("forked")
}

pub(crate) fn records(layout: &Layout, id: SessionId) -> Vec<Record> {
    let journal = RawJournal::read(&layout.session(id), id).expect("readable");
    journal.records().collect::<Result<_, _>>().expect("whole")
}

fn problems(layout: &Layout, id: SessionId) -> Vec<Problem> {
    verify(&layout.session(id), id).expect("readable").problems
}

/// What the owner sees, and then one event more.
fn go_on(layout: &Layout, id: SessionId) -> Vec<Record> {
    let (scribe, handle) = Scribe::open(layout, id).expect("opens");
    let mut feed = handle.subscribe(Seq(1));
    let mut seen = Vec::new();
    while let Feed::Record(record) = feed.next() {
        seen.push(Record::clone(&record));
    }
    let head = handle.head();
    let more = envelope(id, head.seq.0 + 1, head.epoch.0 + 1, barrier("more"));
    block_on(scribe.write(Batch { envelopes: vec![more], blobs: vec![] })).expect("written");
    scribe.finish().expect("finishes");
    seen
}

#[test]
fn a_fork_has_what_its_parent_had_and_needs_nothing_of_it() {
    let home = home();
    let layout = Layout::new(home.path());
    let (old, young) = (session(1), session(2));
    parent(&layout, old, 40);
    let all = records(&layout, old);
    let made = forked(&layout, old, Cut::At(Seq(100)), young);
    assert_eq!((made.id, made.at, made.missing), (young, Seq(100), vec![]));
    assert_eq!(records(&layout, old), all, "the parent is as before");
    std::fs::remove_dir_all(layout.session(old).path()).expect("removed");

    assert_eq!(problems(&layout, young), []);
    assert_eq!(layout.sessions().expect("listed"), [young]);
    let has = records(&layout, young);
    assert_eq!(has[..100], all[..100], "the same frames");
    let [own] = &has[100..] else { panic!("one event of its own") };
    assert_eq!(own.prev, all[99].hash);
    assert_eq!((own.envelope.session, own.envelope.seq), (young, Seq(101)));
    assert_eq!(own.envelope.epoch, Epoch(2));
    let head = all[99].hash;
    let event = Event::SessionForked { parent: old, at: Seq(100), head };
    assert_eq!(own.envelope.event(), Some(&event));
    let mut third = has[9].envelope.clone();
    let blobs = codex_journal::Blobs::at(layout.session(young).blobs());
    assert_eq!(blobs.hydrate(&mut third), []);
    assert_eq!(std::fs::read_dir(layout.session(young).blobs()).expect("there").count(), 11);

    for more in 0..3 {
        assert_eq!(go_on(&layout, young)[..], records(&layout, young)[..101 + more]);
        assert_eq!(problems(&layout, young), []);
    }
    assert_eq!(last_in(&layout, "/work").expect("found"), young);
}

#[test]
fn a_long_beginning_is_read_in_parts_and_is_one_sequence() {
    let home = home();
    let layout = Layout::new(home.path());
    let (old, young) = (session(1), session(2));
    parent(&layout, old, 1);
    let (scribe, handle) = Scribe::open(&layout, old).expect("opens");
    // More than is written before the first of it is asked onto the disk.
    let (first, count) = (handle.head().seq.0 + 1, 1_100);
    let mut dice = Dice(9);
    for seq in first..first + count {
        let bytes = (0..9_000 + dice.below(9_000)).map(|_| dice.below(256) as u8).collect();
        let chunk = envelope(old, seq, 2, output(bytes));
        block_on(scribe.write(Batch { envelopes: vec![chunk], blobs: vec![] })).expect("written");
    }
    drop(handle);
    scribe.finish().expect("finishes");
    let all = records(&layout, old);
    let size: usize = all.iter().map(|record| record.frame.len()).sum();
    assert!(size > 17 << 20, "{size} bytes");

    forked(&layout, old, Cut::End, young);
    assert_eq!(records(&layout, young)[..all.len()], all);
    assert_eq!(problems(&layout, young), []);
    let base = std::fs::read(layout.session(young).base()).expect("there");
    let frames: Vec<u8> = all.iter().flat_map(|record| record.frame.clone()).collect();
    assert!(base.starts_with(&frames), "the frames as they were sealed");
    assert_eq!(go_on(&layout, young)[..all.len()], all);
}

#[test]
fn a_fork_of_a_fork_goes_back_to_the_first_session() {
    let home = home();
    let layout = Layout::new(home.path());
    parent(&layout, session(1), 10);
    forked(&layout, session(1), Cut::End, session(2));
    go_on(&layout, session(2));
    // Of its own events, of where it began, and before that.
    for (number, at) in [(3, 33), (4, 32), (5, 31), (6, 20)] {
        forked(&layout, session(2), Cut::At(Seq(at)), session(number));
    }
    let second = records(&layout, session(2));
    for number in [1, 2] {
        std::fs::remove_dir_all(layout.session(session(number)).path()).expect("removed");
    }
    for (number, at) in [(3, 33), (4, 32), (5, 31), (6, 20)] {
        let id = session(number);
        assert_eq!(problems(&layout, id), [], "{number}");
        assert_eq!(records(&layout, id)[..at], second[..at]);
        assert_eq!(go_on(&layout, id).len(), at + 1);
        assert_eq!(problems(&layout, id), [], "{number}");
    }
}

#[test]
fn forks_share_one_file_and_a_parent_keeps_few() {
    let home = home();
    let layout = Layout::new(home.path());
    parent(&layout, session(1), 10);
    let inode = |path: &Path| std::fs::metadata(path).expect("there").ino();
    let base = |number| inode(&layout.session(session(number)).base());
    forked(&layout, session(1), Cut::End, session(2));
    forked(&layout, session(1), Cut::At(Seq(31)), session(3));
    assert_eq!(base(2), base(3), "one file");
    // A fork where the parent itself began.
    forked(&layout, session(3), Cut::At(Seq(31)), session(4));
    assert_eq!(base(4), base(3));
    let text = layout
        .session(session(1))
        .blobs()
        .join(Digest::of("3 ".repeat(3000).as_bytes()).to_string());
    assert_eq!(std::fs::metadata(text).expect("there").nlink(), 4);
    for number in 5..12 {
        forked(&layout, session(1), Cut::At(Seq(number)), session(number));
        assert!(layout.session(session(1)).kept_bases().len() <= KEPT_BASES);
    }
    forked(&layout, session(1), Cut::At(Seq(11)), session(20));
    assert_eq!(base(20), base(11), "the last one is kept");
    // One that is no good any more is written anew.
    let kept = layout.session(session(1)).kept_base(Seq(11));
    std::fs::remove_file(&kept).and_then(|()| std::fs::write(&kept, b"rubbish")).expect("written");
    forked(&layout, session(1), Cut::At(Seq(11)), session(21));
    assert_eq!(problems(&layout, session(21)), []);
    assert_eq!(inode(&kept), base(21));
}

#[test]
fn a_fork_is_made_while_the_parent_is_owned_and_written() {
    let home = home();
    let layout = Layout::new(home.path());
    let id = session(1);
    parent(&layout, id, 5);
    let (scribe, handle) = Scribe::open(&layout, id).expect("opens");
    for number in 2..20 {
        let seq = handle.head().seq.next().0;
        let more = envelope(id, seq, 2, barrier("more"));
        block_on(scribe.write(Batch { envelopes: vec![more], blobs: vec![] })).expect("written");
        let made = forked(&layout, id, Cut::End, session(number));
        assert_eq!(made.at, Seq(seq));
        assert_eq!(problems(&layout, session(number)), []);
    }
}

#[test]
fn turns_name_where_they_ended() {
    let home = home();
    let layout = Layout::new(home.path());
    parent(&layout, session(1), 4);
    for (turn, at) in [(0, 1), (1, 4), (3, 10), (4, 13)] {
        let made = forked(&layout, session(1), Cut::Turn(TurnId(turn)), session(10 + turn));
        assert_eq!(made.at, Seq(at));
    }
    let beyond = fork(&layout, session(1), Cut::Turn(TurnId(5)), new(session(2)));
    assert!(
        matches!(beyond, Err(ForkError::NoTurn { turn: TurnId(5), last: TurnId(4), .. })),
        "{beyond:?}"
    );
    for at in [0, 14] {
        let beyond = fork(&layout, session(1), Cut::At(Seq(at)), new(session(2)));
        assert!(matches!(beyond, Err(ForkError::Beyond { last: Seq(13), .. })), "{beyond:?}");
    }
    let there = fork(&layout, session(1), Cut::End, new(session(11)));
    assert!(matches!(there, Err(ForkError::Make(OpenError::Exists(_)))), "{there:?}");
    let none = fork(&layout, session(99), Cut::End, new(session(2)));
    assert!(matches!(none, Err(ForkError::Read(_))), "{none:?}");
    let (scribe, _) = Scribe::create(&layout, session(50)).expect("created");
    scribe.finish().expect("finishes");
    let empty = fork(&layout, session(50), Cut::End, new(session(2)));
    assert!(matches!(empty, Err(ForkError::Beyond { .. } | ForkError::NeverBegun(_))), "{empty:?}");
    assert!(!layout.session(session(2)).path().exists(), "nothing is left of those");
    assert_eq!(std::fs::read_dir(layout.path()).expect("there").count(), 6);
}

#[test]
fn a_damaged_session_is_forked_before_its_hole() {
    let home = home();
    let layout = Layout::new(home.path());
    let id = session(1);
    parent(&layout, id, 20);
    let all = records(&layout, id);
    // All copies of one record.
    let mut bytes = std::fs::read(layout.session(id).data()).expect("readable");
    let frame = &all[29].frame;
    while let Some(at) = bytes.windows(frame.len()).position(|part| part == frame) {
        bytes[at + HEADER_LEN + 5] ^= 1;
    }
    std::fs::write(layout.session(id).data(), bytes).expect("written");
    for cut in [Cut::End, Cut::At(Seq(30)), Cut::At(Seq(40)), Cut::Turn(TurnId(15))] {
        let hole = fork(&layout, id, cut, new(session(2)));
        let Err(ForkError::Hole { first: Seq(30), last: Seq(30), .. }) = hole else {
            panic!("{cut:?}: {hole:?}")
        };
    }
    forked(&layout, id, Cut::At(Seq(29)), session(2));
    assert_eq!(problems(&layout, session(2)), []);
    assert_eq!(go_on(&layout, session(2))[..29], all[..29]);
}

#[test]
fn one_flipped_bit_in_the_beginning_costs_one_record() {
    let sound = home();
    let layout = Layout::new(sound.path());
    parent(&layout, session(1), 60);
    let id = session(2);
    forked(&layout, session(1), Cut::At(Seq(170)), id);
    go_on(&layout, id);
    let all = records(&layout, id);
    let len = std::fs::metadata(layout.session(id).base()).expect("there").len();
    let frames: u64 = all[..170].iter().map(|record| record.frame.len() as u64).sum();
    let mut dice = Dice(3);
    let (mut lost, mut index) = (0, 0);
    for trial in 0..100 {
        let home = home();
        let here = dir(home.path(), id);
        copy(layout.session(id).path(), here.path());
        let bit = match trial % 4 {
            0 => frames * 8 + dice.below((len - frames) * 8),
            _ => dice.below(frames * 8),
        };
        flip(&here.base(), bit);
        let journal = RawJournal::read(&here, id).expect("readable");
        let kept: Vec<Record> = journal.records().collect::<Result<_, _>>().expect("readable");
        let missing: Vec<&Record> = all.iter().filter(|record| !kept.contains(record)).collect();
        let said = verify(&here, id).expect("readable").problems;
        let opened = SledStore::open(&here, id);
        match missing[..] {
            [] => {
                index += 1;
                assert_eq!(said, [Problem::IndexDamaged], "trial {trial}");
                let store = opened.expect("opens");
                let seen: Result<Vec<Record>, _> = store.scan(Seq(1)..=Seq(999)).collect();
                assert_eq!(seen.expect("readable"), all, "trial {trial}");
            }
            [one] => {
                lost += 1;
                let seq = one.envelope.seq;
                assert_eq!(said, [Problem::Missing { first: seq, last: seq }], "trial {trial}");
                // The owner names it, and reads all the rest.
                let store = opened.expect("opens");
                let salvaged = store.salvaged().expect("it was repaired");
                assert_eq!(salvaged.missing, [(seq, seq)], "trial {trial}");
                let seen: Result<Vec<Record>, _> = store.scan(Seq(1)..=Seq(999)).collect();
                let seen = seen.expect("readable");
                assert_eq!(seen[..all.len() - 1], kept, "trial {trial}");
                assert_eq!(seen.len(), all.len(), "trial {trial}: and the repair");
            }
            _ => panic!("trial {trial}: one bit at {bit} cost {} records", missing.len()),
        }
    }
    assert!(lost > 50 && index > 10, "{lost} {index}");
}

#[test]
fn a_beginning_of_another_session_is_not_taken_for_ones_own() {
    let home = home();
    let layout = Layout::new(home.path());
    parent(&layout, session(1), 10);
    forked(&layout, session(1), Cut::At(Seq(20)), session(2));
    parent(&layout, session(3), 10);
    forked(&layout, session(3), Cut::At(Seq(20)), session(4));
    let put = |from: u64, to: u64| {
        let (from, to) = (layout.session(session(from)), layout.session(session(to)));
        let _ = std::fs::remove_file(to.base());
        std::fs::copy(from.base(), to.base()).expect("copied");
    };
    put(4, 2);
    let found = problems(&layout, session(2));
    assert!(found.contains(&Problem::WrongSession { seq: Seq(21) }), "{found:?}");
    assert!(matches!(
        SledStore::open(&layout.session(session(2)), session(2)),
        Err(OpenError::Damaged { .. })
    ));
    std::fs::remove_file(layout.session(session(2)).base()).expect("removed");
    assert_eq!(problems(&layout, session(2)), [Problem::Missing { first: Seq(1), last: Seq(20) }]);
}

#[test]
fn the_engine_of_a_fork_is_made_anew_behind_its_beginning() {
    let home = home();
    let layout = Layout::new(home.path());
    let (id, here) = (session(2), layout.session(session(2)));
    parent(&layout, session(1), 10);
    forked(&layout, session(1), Cut::At(Seq(20)), id);
    go_on(&layout, id);
    let all = records(&layout, id);
    std::fs::write(here.opening(), b"it panicked").expect("written");
    assert_eq!(go_on(&layout, id), all);
    assert_eq!(problems(&layout, id), []);
    assert_eq!(records(&layout, id)[..22], all);
}

#[test]
fn what_is_missing_of_the_blobs_is_named() {
    let home = home();
    let layout = Layout::new(home.path());
    parent(&layout, session(1), 10);
    let digest = Digest::of("6 ".repeat(3000).as_bytes());
    std::fs::remove_file(layout.session(session(1)).blobs().join(digest.to_string()))
        .expect("gone");
    let made = forked(&layout, session(1), Cut::End, session(2));
    assert_eq!(made.missing, [digest]);
    // Chunks of output are no blobs, whatever they say.
    let (scribe, _) = Scribe::create(&layout, session(3)).expect("created");
    let says = format!(r#"{{"blob":"{digest}","len":5}}"#);
    let envelopes = vec![
        envelope(session(3), 1, 1, opened("/")),
        envelope(session(3), 2, 1, output(says.into_bytes())),
        envelope(session(3), 3, 1, turn_end()),
    ];
    block_on(scribe.write(Batch { envelopes, blobs: vec![] })).expect("written");
    scribe.finish().expect("finishes");
    assert_eq!(forked(&layout, session(3), Cut::End, session(4)).missing, []);
}

#[test]
fn a_fork_that_somebody_took_up_is_not_given_up() {
    let home = home();
    let layout = Layout::new(home.path());
    parent(&layout, session(1), 2);
    fork(&layout, session(1), Cut::End, new(session(2))).expect("forked");
    let (scribe, handle) = Scribe::open(&layout, session(2)).expect("opened");
    drop(handle);
    discard(&layout, session(2)).expect_err("it is owned");
    assert!(layout.session(session(2)).is_session());
    // Its thread ends by itself, and is waited for.
    drop(scribe);
    discard(&layout, session(2)).expect("nobody owns it");
    assert!(!layout.session(session(2)).path().exists());
}

/// Appends a change of settings to a session.
fn change(layout: &Layout, id: SessionId, to: impl FnOnce(&mut Settings)) {
    let Event::SessionOpened { mut settings, .. } = opened("/work") else { panic!("an opening") };
    to(&mut settings);
    let (scribe, handle) = Scribe::open(layout, id).expect("opens");
    let head = handle.head();
    drop(handle);
    let backend = settings.provider.backend;
    let event =
        Event::SettingsChanged { backend, reason: "asked for".into(), settings: Some(settings) };
    let made = envelope(id, head.seq.0 + 1, head.epoch.0 + 1, event);
    block_on(scribe.write(Batch { envelopes: vec![made], blobs: vec![] })).expect("written");
    scribe.finish().expect("finishes");
}

#[test]
fn a_fork_at_an_earlier_place_is_narrowed_to_what_its_parent_may_by_now() {
    let home = home();
    let layout = Layout::new(home.path());
    let old = session(1);
    parent(&layout, old, 3);
    let read_only = vec![Permission::DiskFullReadAccess];
    change(&layout, old, |now| now.permissions = read_only.clone());
    change(&layout, old, |now| {
        now.permissions = vec![Permission::DiskFullReadAccess, Permission::NetworkFullAccess];
        now.approval_policy = ApprovalPolicy::OnRequest;
        now.provider.backend = Backend::Stateless;
    });
    let end = records(&layout, old).len() as u64;
    for (number, cut, narrowed) in [
        (2, Cut::At(Seq(3)), vec![Restraint::Permissions, Restraint::ApprovalPolicy]),
        (3, Cut::Turn(TurnId(1)), vec![Restraint::Permissions, Restraint::ApprovalPolicy]),
        (4, Cut::At(Seq(end - 1)), vec![Restraint::ApprovalPolicy]),
        (5, Cut::At(Seq(end)), vec![]),
        (6, Cut::End, vec![]),
    ] {
        let young = session(number);
        let made = forked(&layout, old, cut, young);
        assert_eq!(made.narrowed, narrowed, "{cut:?}");
        assert_eq!(problems(&layout, young), []);
        let has = records(&layout, young);
        let own: Vec<&Envelope> =
            has.iter().map(|record| &record.envelope).filter(|it| it.session == young).collect();
        assert!(matches!(own[0].event(), Some(Event::SessionForked { .. })));
        let Some(changed) = own.get(1) else {
            assert!(narrowed.is_empty(), "{cut:?}");
            continue;
        };
        assert_eq!((changed.cause, changed.epoch, own.len()), (Some(own[0].seq), own[0].epoch, 2));
        let Some(Event::SettingsChanged { settings: Some(settings), backend, .. }) =
            changed.event()
        else {
            panic!("{changed:?}")
        };
        // What keeps commands from nothing is as it was.
        assert_eq!((*backend, settings.provider.backend), (Backend::Responses, Backend::Responses));
        assert_eq!(settings.permissions, read_only, "{cut:?}");
        assert_eq!(settings.approval_policy, ApprovalPolicy::OnRequest);
    }
}
