//! Making room.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use codex_event::{Author, Body, Event, Shelf, Timestamp};
use codex_journal::{Head, HeadFile, LeftoverKind, Leftovers, RemoveError};
use codex_sessions::State;
use codex_sessions::gc::{self, Act, Limits, Scope};
use codex_view::testing::{self, Story};

use crate::fixture::{Home, home, id};

fn swept(home: &Home, what: Leftovers, act: Act) -> Vec<LeftoverKind> {
    let swept = gc::sweep(&home.layout, what, act, &mut |_| {}).expect("swept");
    assert_eq!(swept.failed, [""; 0]);
    swept.leftovers.iter().map(|leftover| leftover.kind).collect()
}

fn age(path: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(3_600);
    fs::File::open(path).expect("there").set_modified(long_ago).expect("aged");
}

/// A folder as a process leaves it that ends while it makes a session.
fn never_begun(home: &Home, number: u32) {
    let dir = home.layout.session(id(number));
    fs::create_dir_all(dir.db()).expect("made");
    fs::write(dir.lock(), "").expect("written");
    HeadFile::create(&dir.head(), Head::empty(&id(number))).expect("written");
    for path in [dir.db(), dir.lock(), dir.head(), dir.path().to_owned()] {
        age(&path);
    }
}

fn with_blob() -> Story {
    let mut story = Story::new();
    story.open();
    story.turn(&"a long prompt ".repeat(500));
    story
}

#[test]
fn what_dead_processes_left_goes_and_nothing_else() {
    let home = home();
    home.tell(&with_blob().of(id(1)));
    let dir = home.layout.session(id(1));
    let right = home.listed();
    let put = |path: &Path| {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "x").expect("written");
    };
    assert_eq!(swept(&home, Leftovers::WithDamagedCopies, Act::Look), []);
    never_begun(&home, 2);
    put(&dir.blobs().join(format!("{}.tmp", "a".repeat(64))));
    put(&dir.blobs().join("b".repeat(64)));
    put(&dir.blobs().join("of another program"));
    put(&dir.path().join("db.half/db"));
    put(&dir.path().join("db.before/db"));
    put(&dir.path().join("db.damaged-1/db"));
    put(&home.layout.path().join(format!(".removed-{}-0/db/db", id(9))));
    let temp = home.layout.path().join("index.tmp-1");
    put(&temp);
    age(&temp);
    put(&home.layout.path().join("notes/mine"));
    let wanted = [
        LeftoverKind::Tombstone,
        LeftoverKind::NeverBegun,
        LeftoverKind::HalfWritten,
        LeftoverKind::HalfWritten,
        LeftoverKind::HalfWritten,
        LeftoverKind::Copy,
        LeftoverKind::OrphanBlob,
    ];
    assert_eq!(swept(&home, Leftovers::Safe, Act::Look), wanted);
    assert!(dir.path().join("db.half").exists(), "looking removes nothing");
    assert_eq!(swept(&home, Leftovers::Safe, Act::Remove), wanted);
    assert_eq!(swept(&home, Leftovers::Safe, Act::Remove), []);
    assert!(!home.layout.session(id(2)).path().exists() && !temp.exists());
    assert!(dir.blobs().join("of another program").exists());
    assert!(home.layout.path().join("notes/mine").exists());
    assert_eq!(
        swept(&home, Leftovers::WithDamagedCopies, Act::Remove),
        [LeftoverKind::DamagedCopy]
    );
    assert_eq!(home.listed(), right);
    assert!(codex_journal::verify(&dir, id(1)).expect("read").problems.is_empty());
}

#[test]
fn what_may_still_be_needed_stays() {
    let home = home();
    // Young, so it may be in the making.
    let young = home.layout.session(id(1));
    fs::create_dir_all(young.db()).expect("made");
    // Held by somebody.
    never_begun(&home, 2);
    let owner = fs::File::open(home.layout.session(id(2)).lock()).expect("there");
    owner.lock().expect("locked");
    // A damaged journal: the copy may be all there is, and a lost record may name the blob.
    home.tell(&with_blob().of(id(3)));
    let dir = home.layout.session(id(3));
    fs::create_dir_all(dir.path().join("db.before")).expect("made");
    let mut data = fs::read(dir.data()).expect("read");
    data[120] ^= 1;
    fs::write(dir.data(), data).expect("written");
    // An opening that did not come to its end, and an event of another release.
    home.tell(&with_blob().of(id(4)));
    let opening = home.layout.session(id(4));
    fs::write(opening.opening(), ".").expect("written");
    fs::create_dir_all(opening.path().join("db.before")).expect("made");
    let mut foreign = with_blob();
    let (kind, raw) = ("later".to_owned(), "{\"blob\":\"?\"}".to_owned());
    foreign.push_body(Author::Supervisor, Body::Foreign { kind, version: 9, raw });
    home.tell(&foreign.of(id(5)));
    fs::write(home.layout.session(id(5)).blobs().join("c".repeat(64)), "x").expect("written");
    // A session that runs.
    home.tell(&with_blob().of(id(6)));
    let running = home.layout.session(id(6));
    fs::write(running.blobs().join(format!("{}.tmp", "d".repeat(64))), "x").expect("written");
    let busy = fs::File::open(running.lock()).expect("there");
    busy.lock().expect("locked");
    assert_eq!(swept(&home, Leftovers::Safe, Act::Remove), []);
    drop((owner, busy));
    assert_eq!(
        swept(&home, Leftovers::Safe, Act::Remove),
        [LeftoverKind::NeverBegun, LeftoverKind::HalfWritten]
    );
}

#[test]
fn a_session_is_removed_whole_or_not_at_all() {
    let home = home();
    home.tell(&with_blob().of(id(1)));
    let dir = home.layout.session(id(1));
    let owner = fs::File::open(dir.lock()).expect("there");
    owner.lock().expect("locked");
    let refused = codex_journal::remove(&home.layout, id(1));
    assert!(matches!(refused, Err(RemoveError::Busy(busy)) if busy == id(1)), "{refused:?}");
    drop(owner);
    // An older one of that id was removed, and a kill left its tombstone.
    let tombstone = home.layout.path().join(format!(".removed-{}-0", id(1)));
    fs::create_dir_all(tombstone.join("db")).expect("made");
    codex_journal::remove(&home.layout, id(1)).expect("removed");
    assert!(!dir.path().exists() && tombstone.exists());
    assert!(home.catalog().entries.is_empty(), "a tombstone is no session");
    let again = codex_journal::remove(&home.layout, id(1));
    assert!(matches!(again, Err(RemoveError::NotFound(_))), "{again:?}");
}

#[test]
fn limits_choose_the_oldest_and_spare_what_is_running_or_damaged() {
    let home = home();
    for number in 1..=6 {
        let mut story = testing::shell();
        story.wait(u64::from(number) * 3_600_000);
        if number == 4 {
            story.push(Author::Supervisor, Event::SessionShelved { shelf: Shelf::Archived });
        }
        story.resume(Vec::new());
        story.turn("the last words");
        home.tell(&story.of(id(number)));
    }
    let data = home.layout.session(id(1)).data();
    fs::write(&data, "garbage").expect("written");
    let running = fs::File::open(home.layout.session(id(2)).lock()).expect("there");
    running.lock().expect("locked");
    let mut catalog = home.catalog();
    for entry in &mut catalog.entries {
        // Of one size, and last used when their events say so.
        entry.size = 100;
        entry.touched = Timestamp(0);
    }
    catalog.entries.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    assert_eq!((catalog.count(State::Damaged), catalog.count(State::Running)), (1, 1));
    let last = catalog.find(id(5)).expect("there").active();
    let chosen = |limits: Limits| -> Vec<_> {
        gc::choose(&catalog, &limits).iter().map(|entry| entry.id).collect()
    };
    let limits = Limits::default();
    assert_eq!(chosen(limits), [], "without a limit nothing goes");
    let before = Some(last);
    assert_eq!(chosen(Limits { before, ..limits }), [id(3), id(4)]);
    let scope = Scope::Archived;
    assert_eq!(chosen(Limits { before, scope, ..limits }), [id(4)]);
    let scope = Scope::Damaged;
    assert_eq!(chosen(Limits { before, scope, ..limits }), [id(1), id(3), id(4)]);
    assert_eq!(chosen(Limits { keep: Some(600), ..limits }), []);
    assert_eq!(chosen(Limits { keep: Some(599), ..limits }), [id(3)]);
    assert_eq!(chosen(Limits { keep: Some(0), ..limits }), [id(3), id(4), id(5), id(6)]);
}

#[test]
fn a_session_that_went_on_since_it_was_chosen_stays() {
    let home = home();
    let mut story = with_blob();
    home.tell(&story.clone().of(id(1)));
    let catalog = home.catalog();
    let chosen = catalog.find(id(1)).expect("listed");
    story.turn("one more");
    home.tell(&story.of(id(1)));
    let refused = gc::remove(&home.layout, chosen);
    assert!(matches!(refused, Err(RemoveError::WentOn(on)) if on == id(1)), "{refused:?}");
    let catalog = home.catalog();
    gc::remove(&home.layout, catalog.find(id(1)).expect("listed")).expect("removed");
    assert_eq!(home.catalog().entries, []);
}
