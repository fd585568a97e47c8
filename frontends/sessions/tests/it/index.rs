//! When the index is believed, and when it is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use codex_event::{Author, Event};
use codex_journal::Head;
use codex_sessions::State;
use codex_view::testing::{self, Story};

use crate::fixture::{Home, home, id};

fn told(number: u32) -> Story {
    testing::shell().of(id(number))
}

fn name(story: &mut Story, name: &str) {
    story.push(Author::Supervisor, Event::SessionNamed { name: Some(name.into()) });
}

/// Says that a session's head was written at another time.
fn date(home: &Home, number: u32, time: SystemTime) {
    let head = fs::File::options().write(true).open(home.layout.session(id(number)).head());
    head.expect("there").set_modified(time).expect("set");
}

#[test]
fn only_what_changed_is_read_again() {
    let home = home();
    (1..=20).for_each(|number| home.tell(&told(number)));
    assert_eq!(home.catalog().read, 20);
    let index = fs::read(home.index()).expect("kept");
    assert_eq!(home.catalog().read, 0);
    assert_eq!(fs::read(home.index()).expect("kept"), index, "nothing changed, nothing is written");
    let mut changed = told(7);
    name(&mut changed, "seven");
    home.tell(&changed);
    home.tell(&told(21));
    fs::remove_dir_all(home.layout.session(id(3)).path()).expect("removed");
    let catalog = home.catalog();
    assert_eq!((catalog.read, catalog.entries.len()), (2, 20));
    assert_eq!(catalog.named(&home.layout, "seven").expect("found"), id(7));
    assert!(catalog.find(id(3)).is_none());
    assert_eq!(home.catalog().read, 0);
}

#[test]
fn a_change_within_one_tick_of_the_clock_is_seen() {
    let home = home();
    let mut story = told(1);
    home.tell(&story);
    let dir = home.layout.session(id(1));
    // As if all of it happened at one moment that is now, or yet to come: the times say nothing.
    let ahead = SystemTime::now() + Duration::from_secs(3_600);
    let freeze = || {
        date(&home, 1, ahead);
        fs::File::options().write(true).open(dir.data()).expect("there").set_modified(ahead)
    };
    freeze().expect("set");
    assert_eq!(home.catalog().read, 1);
    assert_eq!(home.catalog().read, 0, "the head says that nothing changed");
    // The same sizes, inode and times: another name of the same length for the last event.
    name(&mut story, "aaaa");
    home.tell(&story);
    freeze().expect("set");
    assert_eq!(home.catalog().read, 1);
    assert!(home.catalog().named(&home.layout, "aaaa").is_ok());
}

#[test]
fn a_clock_that_jumps_back_hides_nothing() {
    let home = home();
    home.tell(&told(1));
    home.tell(&told(2));
    date(&home, 1, SystemTime::now() + Duration::from_secs(400 * 86_400));
    assert_eq!(home.catalog().read, 2);
    // From now on everything happens years before.
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
    let mut changed = told(1);
    name(&mut changed, "later, and dated before");
    home.tell(&changed);
    date(&home, 1, past);
    home.tell(&told(3));
    date(&home, 3, past);
    let catalog = home.catalog();
    assert_eq!((catalog.read, catalog.entries.len()), (2, 3));
    assert!(catalog.named(&home.layout, "later, and dated before").is_ok());
    assert!(home.listed().contains(&id(3).to_string()));
}

#[test]
fn an_index_that_is_wrong_is_dropped() {
    let home = home();
    (1..=3).for_each(|number| home.tell(&told(number)));
    let right = home.listed();
    let good = fs::read(home.index()).expect("kept");
    let mut bad: Vec<Vec<u8>> = Vec::new();
    for at in (0..good.len()).step_by(61) {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        bad.push(flipped);
    }
    bad.extend([Vec::new(), good[..good.len() / 2].to_vec(), vec![0xFF; 4096], b"\n".to_vec()]);
    let text = String::from_utf8(good.clone()).expect("text");
    bad.push(text.replace("index 2 ", "index 1 ").into_bytes());
    for (number, bytes) in bad.iter().enumerate() {
        fs::write(home.index(), bytes).expect("written");
        assert_eq!(home.catalog().read, 3, "{number}");
        assert_eq!(home.catalog().read, 0, "{number}");
        assert_eq!(home.listed(), right, "{number}");
    }
    fs::remove_file(home.index()).expect("removed");
    fs::create_dir_all(home.index().join("not empty")).expect("made");
    assert_eq!(home.listed(), right);
}

#[test]
fn damage_that_comes_after_the_list_is_seen_by_the_next() {
    let home = home();
    let text = "all work and no play\n".repeat(200);
    let mut story = Story::new();
    story.open();
    story.turn("write");
    story.ask();
    story.says(&text);
    story.responds();
    story.done();
    home.tell(&story.of(id(1)));
    home.tell(&told(2));
    let states = || {
        let catalog = home.catalog();
        [1, 2].map(|number| catalog.find(id(number)).expect("listed").state())
    };
    assert_eq!(states(), [State::Interrupted, State::Clean]);
    let dir = home.layout.session(id(2));
    let mut data = fs::read(dir.data()).expect("read");
    let middle = data.len() / 2;
    data[middle] ^= 1;
    fs::write(dir.data(), data).expect("written");
    assert_eq!(states(), [State::Interrupted, State::Damaged]);
    let blobs = home.layout.session(id(1)).blobs();
    let blob = fs::read_dir(blobs).expect("there").next().expect("a blob").expect("read");
    fs::remove_file(blob.path()).expect("removed");
    assert_eq!(states(), [State::Damaged, State::Damaged]);
    let (mut head, _) =
        codex_journal::HeadFile::open(&home.layout.session(id(2)).head()).expect("there");
    head.write(Head::empty(&id(2))).expect("written");
    assert_eq!(home.catalog().entries.len(), 2);
}

#[test]
fn a_session_that_can_not_be_looked_at_is_looked_at_again() {
    let home = home();
    home.tell(&told(1));
    let folder = home.layout.session(id(1)).path().to_owned();
    fs::remove_dir_all(&folder).expect("removed");
    std::os::unix::fs::symlink(&folder, &folder).expect("linked");
    assert_eq!(home.catalog().entries[0].state(), State::Damaged);
    fs::remove_file(&folder).expect("removed");
    fs::write(&folder, "a file").expect("written");
    assert!(home.catalog().entries.is_empty(), "there is nothing that could have been known");
}

#[test]
fn a_home_that_takes_no_index_is_listed_all_the_same() {
    let home = home();
    (1..=3).for_each(|number| home.tell(&told(number)));
    let right = home.listed();
    fs::remove_file(home.index()).expect("removed");
    // Whoever may write everywhere meets a folder in the way instead.
    fs::create_dir_all(home.index().join("in the way")).expect("made");
    let read_only = fs::Permissions::from_mode(0o500);
    fs::set_permissions(home.layout.path(), read_only).expect("set");
    let listed = home.listed();
    fs::set_permissions(home.layout.path(), fs::Permissions::from_mode(0o700)).expect("set");
    assert_eq!(listed, right);
    let left: Vec<_> = fs::read_dir(home.layout.path())
        .expect("readable")
        .map(|entry| entry.expect("read").file_name())
        .filter(|name| name.to_string_lossy().contains("tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(home.path().is_dir());
}

#[test]
fn many_folders_of_which_some_hold_garbage_are_listed() {
    let home = home();
    let story = {
        let mut story = Story::new();
        story.open();
        story
    };
    for number in 0..1_000 {
        home.tell(&story.clone().of(id(number)));
        if number % 100 == 7 {
            fs::write(home.layout.session(id(number)).data(), "garbage").expect("written");
        }
        if number % 100 == 8 {
            fs::write(home.layout.session(id(number)).head(), "garbage").expect("written");
        }
    }
    let catalog = home.catalog();
    assert_eq!(catalog.entries.len(), 1_000);
    assert_eq!(catalog.count(State::Damaged), 20);
    assert_eq!(home.catalog().read, 0);
}
