//! What a list says.

use std::fs;

use codex_event::{Author, CloseReason, Digest, Event, Seq, Shelf};
use codex_sessions::{Entry, State};
use codex_view::testing::{self, Story};
use insta::assert_snapshot;

use crate::fixture::{home, id};

fn user() -> Author {
    Author::User("sessions".into())
}

#[test]
fn every_session_has_a_row() {
    let home = home();
    home.tell(&testing::shell().of(id(1)));
    home.tell(&testing::interrupted().of(id(2)));
    let mut left = Story::new();
    left.open();
    left.turn("\n  first line\x1b[31m of many\nsecond line");
    home.tell(&left.of(id(3)));
    home.tell(&testing::resumed().of(id(4)));
    let mut silent = Story::new();
    silent.open();
    home.tell(&silent.of(id(5)));
    let mut named = testing::plain_text();
    named.push(user(), Event::SessionNamed { name: Some("nightly".into()) });
    named.push(user(), Event::SessionShelved { shelf: Shelf::Archived });
    home.tell(&named.of(id(6)));
    let mut fork = testing::plain_text();
    fork.push(user(), Event::SessionNamed { name: Some("the parent's".into()) });
    let (parent, at, head) = (id(1), Seq(9), Digest::of(b"head"));
    fork.push(user(), Event::SessionForked { parent, at, head });
    fork.close(CloseReason::Done);
    home.tell(&fork.of(id(7)));
    assert_snapshot!(home.listed(), @r"
    ID                                    STATE        ACTIVE           IN/CACHED/OUT      SIZE  FOLDER                    SESSION
    01900007-0000-7000-8000-000000000000  clean        4 min ago                0/0/0    10 KiB  ~/dir                     do the task (fork of 01900001-0000) · the quick brown fox
    01900006-0000-7000-8000-000000000000  clean        4 min ago         5.3k/4.0k/42    10 KiB  ~/dir                     [nightly] (archived) · the quick brown fox
    01900005-0000-7000-8000-000000000000  interrupted  4 min ago                0/0/0    10 KiB  ~/dir
    01900004-0000-7000-8000-000000000000  clean        3 min ago           6.0k/0/600    10 KiB  ~/dir                     do the task · Went on.
    01900003-0000-7000-8000-000000000000  interrupted  4 min ago                0/0/0    10 KiB  ~/dir                     first line of many
    01900002-0000-7000-8000-000000000000  interrupted  4 min ago           1.0k/0/100    10 KiB  ~/dir                     do the task · Running the tests.
    01900001-0000-7000-8000-000000000000  clean        4 min ago           4.0k/0/400    10 KiB  ~/dir                     do the task · All three commands ran.
    ");
    assert_eq!(home.catalog().forks(id(1)), [id(7)]);
}

#[test]
fn what_can_t_be_read_is_listed_and_hides_nothing() {
    let home = home();
    home.tell(&testing::shell().of(id(1)));
    // No frame at all, and no head.
    let dir = home.layout.session(id(2));
    fs::create_dir_all(dir.db()).expect("a folder");
    fs::write(dir.data(), [7; 4096]).expect("written");
    // The opening is gone.
    home.tell(&testing::shell().of(id(3)));
    let dir = home.layout.session(id(3));
    let mut data = fs::read(dir.data()).expect("read");
    data[100] ^= 1;
    fs::write(dir.data(), data).expect("written");
    // A folder where a file should be, and files where folders should be.
    let dir = home.layout.session(id(4));
    fs::create_dir_all(dir.head()).expect("a folder");
    fs::create_dir_all(dir.data()).expect("a folder");
    fs::write(home.layout.path().join(id(5).to_string()), "a file").expect("written");
    fs::create_dir_all(home.layout.path().join("notes")).expect("a folder");
    // Never begun: nothing was acknowledged.
    let dir = home.layout.session(id(6));
    fs::create_dir_all(dir.db()).expect("a folder");
    codex_journal::HeadFile::create(&dir.head(), codex_journal::Head::empty(&id(6)))
        .expect("written");
    fs::write(dir.data(), [0; 64]).expect("written");
    let states = |catalog: &codex_sessions::Catalog| {
        let mut states: Vec<_> =
            catalog.entries.iter().map(|entry| (entry.id, entry.state())).collect();
        states.sort_by_key(|(id, _)| *id);
        states
    };
    let wanted = [
        (id(1), State::Clean),
        (id(2), State::Damaged),
        (id(3), State::Damaged),
        (id(4), State::Damaged),
    ];
    for _ in 0..2 {
        assert_eq!(states(&home.catalog()), wanted);
    }
}

#[test]
fn a_session_that_somebody_holds_is_running() {
    let home = home();
    let mut open = Story::new();
    open.open();
    open.turn("go");
    home.tell(&open.of(id(1)));
    let state = || home.catalog().entries[0].state();
    assert_eq!(state(), State::Interrupted);
    let owner = fs::File::open(home.layout.session(id(1)).lock()).expect("there");
    owner.lock().expect("locked");
    assert_eq!(state(), State::Running);
    drop(owner);
    assert_eq!(state(), State::Interrupted);
    assert!(!codex_journal::is_owned(&home.layout.session(id(2))));
    assert!(!home.layout.session(id(2)).path().exists(), "asking makes nothing");
}

#[test]
fn a_session_is_found_by_id_beginning_and_name() {
    let home = home();
    for (number, name) in [(1, "nightly"), (2, "twice"), (3, "twice"), (4, "fix it")] {
        let mut story = testing::shell();
        story.push(user(), Event::SessionNamed { name: Some(name.into()) });
        home.tell(&story.of(id(number)));
    }
    let mut nameless = testing::shell();
    nameless.push(user(), Event::SessionNamed { name: Some("old".into()) });
    nameless.push(user(), Event::SessionNamed { name: None });
    home.tell(&nameless.of(id(5)));
    let catalog = home.catalog();
    let found = |words: &str| catalog.named(&home.layout, words).map_err(|error| error.to_string());
    assert_eq!(found("nightly"), Ok(id(1)));
    assert_eq!(found(" fix it "), Ok(id(4)));
    assert_eq!(found("01900002"), Ok(id(2)));
    assert_eq!(found(&id(3).to_string()), Ok(id(3)));
    assert!(found("twice").is_err_and(|error| error.contains("names 2 sessions")));
    assert!(found("old").is_err() && found("nothing like it").is_err());
    assert_eq!(catalog.names().len(), 3);
}

#[test]
fn programs_are_told_the_same_as_people() {
    let home = home();
    home.tell(&testing::tool_loop().of(id(1)));
    let catalog = home.catalog();
    let entries: Vec<&Entry> = catalog.entries.iter().collect();
    let mut out = Vec::new();
    codex_sessions::json(&entries, &mut out).expect("printed");
    let line: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(line["id"], id(1).to_string());
    assert_eq!((&line["state"], &line["archived"]), (&"clean".into(), &false.into()));
    assert_eq!(line["message"], "Finished the loop.");
    assert!(line["usage"]["input_tokens"].as_u64() > Some(0) && line["size"].as_u64() > Some(0));
}
