use codex_event::{SessionId, Timestamp};
use codex_replay::sessions;
use codex_view::Paint;
use codex_view::testing::{self, Story};
use insta::assert_snapshot;

use crate::fixture::{Home, home};

const MINUTE: u64 = 60_000;

fn id(number: u8) -> SessionId {
    format!("0190000{number}-0000-7000-8000-000000000000").parse().expect("an id")
}

fn listed(home: &Home) -> String {
    let mut out = Vec::new();
    let now = Timestamp(1_795_000_000_000 + 5 * MINUTE);
    let found = sessions::summaries(&home.layout).expect("found");
    sessions::list(&found, now, Paint::Plain, &mut out).expect("listed");
    String::from_utf8(out).expect("text")
}

#[test]
fn an_empty_home_says_so() {
    assert_eq!(listed(&home()), "no sessions yet\n");
}

#[test]
fn every_session_has_a_row_newest_first() {
    let home = home();
    home.tell(&testing::shell().of(id(1)));
    home.tell(&testing::interrupted().of(id(2)));
    let mut running = Story::new();
    running.open();
    running.turn("\n  first line\x1b[31m of many\nsecond line");
    home.tell(&running.of(id(3)));
    home.tell(&testing::resumed().of(id(4)));
    let mut silent = Story::new();
    silent.open();
    home.tell(&silent.of(id(5)));
    assert_snapshot!(listed(&home), @r#"
    ID                                    STARTED           STATE        TURNS  INPUT
    01900005-0000-7000-8000-000000000000  4 min ago         open             0
    01900004-0000-7000-8000-000000000000  4 min ago         clean            2  do the task
    01900003-0000-7000-8000-000000000000  4 min ago         open             1  first line of many
    01900002-0000-7000-8000-000000000000  4 min ago         interrupted      1  do the task
    01900001-0000-7000-8000-000000000000  4 min ago         clean            1  do the task
    "#);
}

#[test]
fn what_can_t_be_read_is_listed_and_hides_nothing() {
    let home = home();
    home.tell(&testing::shell().of(id(1)));
    // No frame at all, and no head.
    let dir = home.layout.session(id(2));
    std::fs::create_dir_all(dir.db()).expect("a folder");
    std::fs::write(dir.data(), [7; 4096]).expect("written");
    // The opening is gone.
    home.write(testing::shell().of(id(3)).envelopes());
    let dir = home.layout.session(id(3));
    let mut data = std::fs::read(dir.data()).expect("read");
    data[100] ^= 1;
    std::fs::write(dir.data(), data).expect("written");
    assert_snapshot!(listed(&home), @r#"
    ID                                    STARTED           STATE        TURNS  INPUT
    01900003-0000-7000-8000-000000000000  ?                 damaged          ?
    01900002-0000-7000-8000-000000000000  ?                 damaged          ?
    01900001-0000-7000-8000-000000000000  4 min ago         clean            1  do the task
    "#);
}

#[test]
fn a_journal_cut_short_is_damaged() {
    let home = home();
    let story = testing::shell();
    home.tell(&story);
    home.damage(&story, 9);
    assert!(listed(&home).contains("  damaged "), "{}", listed(&home));
}
