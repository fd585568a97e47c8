//! Naming a session.

use std::fs::File;
use std::time::{Duration, SystemTime};

use codex_event::{Body, Event, SessionId};
use codex_journal::{FindError, Layout, Scribe, find, find_among, last};

use crate::support::{barrier, batch, block_on, home, run};

fn id(text: &str) -> SessionId {
    text.parse().expect("an id")
}

fn make(layout: &Layout, id: SessionId, age: u64) {
    let (scribe, _) = Scribe::create(layout, id).expect("created");
    block_on(scribe.write(batch(run(id, 1, 1, barrier)))).expect("written");
    scribe.finish().expect("finishes");
    let then = SystemTime::now() - Duration::from_secs(age);
    let head = File::options().write(true).open(layout.session(id).head()).expect("opens");
    head.set_modified(then).expect("set");
}

/// A session of this name.
fn name(layout: &Layout, id: SessionId, name: Option<&str>) {
    let (scribe, handle) = Scribe::open(layout, id).expect("opened");
    let seq = handle.head().seq.next();
    let mut envelope = run(id, seq.0, 1, barrier).remove(0);
    envelope.body = Body::Known(Event::SessionNamed { name: name.map(str::to_owned) });
    block_on(scribe.write(batch(vec![envelope]))).expect("written");
    drop(handle);
    scribe.finish().expect("finishes");
}

#[test]
fn a_session_is_found_by_its_name_but_an_id_wins() {
    let home = home();
    let layout = Layout::new(home.path());
    let one = id("01900000-aaaa-7000-8000-000000000001");
    let two = id("01900000-aaaa-7000-8000-000000000002");
    let other = id("01900001-bbbb-7000-8000-000000000003");
    for session in [one, two, other] {
        make(&layout, session, 10);
    }
    name(&layout, one, Some("first"));
    name(&layout, one, Some("the moon"));
    name(&layout, two, Some("01900001"));
    assert_eq!(find(&layout, "the moon").expect("found"), one);
    assert_eq!(find(&layout, "01900001").expect("found"), other, "an id wins");
    let unknown = |words: &str| match find(&layout, words) {
        Err(FindError::Unknown { near, .. }) => near,
        other => panic!("{words}: {other:?}"),
    };
    assert_eq!(unknown("first"), [""; 0], "it has another name by now");
    assert_eq!(unknown("the mon"), ["the moon"]);
    assert_eq!(unknown("The Moon"), ["the moon"]);
    assert_eq!(unknown("moon"), ["the moon"]);
    assert_eq!(unknown("01900000-aaaa-7000-8000-000000000022"), [one.to_string(), two.to_string()]);
    name(&layout, two, Some("the moon"));
    let Err(FindError::Ambiguous { candidates, .. }) = find(&layout, "the moon") else {
        panic!("two have it")
    };
    assert_eq!(candidates, [one, two]);
    name(&layout, one, None);
    assert_eq!(find(&layout, "the moon").expect("found"), two);

    // Names from elsewhere are asked for when no id fits, and only then.
    let asked = || -> std::io::Result<_> { panic!("an id fits") };
    assert_eq!(find_among(&layout, "01900001", asked).expect("found"), other);
    let names = || Ok(vec![(one, "from elsewhere".to_owned())]);
    assert_eq!(find_among(&layout, "from elsewhere", names).expect("found"), one);
}

#[test]
fn a_session_is_found_by_its_id_by_its_beginning_and_by_its_age() {
    let home = home();
    let layout = Layout::new(home.path());
    assert!(matches!(last(&layout), Err(FindError::Empty)));
    assert!(layout.sessions().expect("no folder is no session").is_empty());

    let one = id("01900000-aaaa-7000-8000-000000000001");
    let two = id("01900000-aaaa-7000-8000-000000000002");
    let other = id("01900001-bbbb-7000-8000-000000000003");
    make(&layout, two, 50);
    make(&layout, one, 10);
    make(&layout, other, 90);
    // Neither a stranger's file, nor a session that nothing was written to, is a session.
    std::fs::write(layout.path().join("notes.txt"), b"mine").expect("written");
    let begun = id("01900002-cccc-7000-8000-000000000004");
    drop(Scribe::create(&layout, begun).expect("created"));

    assert_eq!(layout.sessions().expect("listed"), [one, two, other]);
    assert_eq!(last(&layout).expect("found"), one);
    assert_eq!(find(&layout, &two.to_string()).expect("found"), two);
    assert_eq!(find(&layout, "01900001").expect("found"), other);
    assert_eq!(find(&layout, "01900001-BBBB").expect("found"), other);
    assert!(matches!(find(&layout, "0190000"), Err(FindError::TooShort(_))));
    assert!(matches!(find(&layout, "deadbeef"), Err(FindError::Unknown { .. })));
    assert!(matches!(find(&layout, &begun.to_string()), Err(FindError::Unknown { .. })));
    let Err(error @ FindError::Ambiguous { .. }) = find(&layout, "01900000-aaaa") else {
        panic!("two begin like this")
    };
    let text = error.to_string();
    assert!(text.contains(&one.to_string()) && text.contains(&two.to_string()), "{text}");
}

#[test]
fn a_whole_id_is_never_the_name_of_another_session() {
    let home = home();
    let layout = Layout::new(home.path());
    let one = id("01900000-aaaa-7000-8000-000000000001");
    let gone = "01900001-bbbb-7000-8000-000000000003";
    make(&layout, one, 10);
    name(&layout, one, Some(gone));
    assert!(matches!(find(&layout, gone), Err(FindError::Unknown { .. })));
}
