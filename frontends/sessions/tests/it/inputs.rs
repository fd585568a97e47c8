//! What was said to models, at hand again.

use std::fs;

use codex_sessions::inputs;
use codex_view::testing::Story;

use crate::fixture::{home, id};

fn story(number: u32, said: &[&str]) -> Story {
    let mut story = Story::new().of(id(number));
    story.open();
    for text in said {
        story.turn(text);
        story.ask();
        story.says("Done.");
        story.responds();
        story.done();
    }
    story
}

#[test]
fn the_last_comes_first_and_each_text_once() {
    let home = home();
    let long = "long ".repeat(2_000);
    let longer = "x".repeat(20 << 10);
    home.tell(&story(1, &["one", "two", &long]));
    home.tell(&story(2, &["three", "two", "  ", &longer]));
    home.tell(&story(3, &["lost"]));
    let data = home.layout.session(id(3)).data();
    fs::write(data, "nothing of it is left").expect("written");
    let mut entries = home.catalog().entries;
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    let all = inputs(&home.layout, &entries, 100, &mut || true);
    assert_eq!(all, ["two", "three", &long, "one"]);
    assert_eq!(inputs(&home.layout, &entries, 3, &mut || true), all[..3]);
    // The session that is being read is read to its end.
    let mut count = 0;
    let mut twice = || {
        count += 1;
        count <= 2
    };
    assert_eq!(inputs(&home.layout, &entries, 100, &mut twice), ["two", "three"]);
    assert_eq!(inputs(&home.layout, &entries, 100, &mut || false), [""; 0]);
}
