//! Finding words.

use std::fs;
use std::ops::ControlFlow;

use codex_event::{
    Author, CallId, ChangeKind, Event, Outcome, OutputBytes, OutputStream, Seq, Timestamp,
};
use codex_sessions::search::{self, Hit, Kind, Needle, Query};
use codex_view::testing::{self, Story};

use crate::fixture::{Home, home, id};

const ALL: [Kind; 5] = [Kind::Prompt, Kind::Message, Kind::Command, Kind::Output, Kind::File];

fn found(home: &Home, words: &str, kinds: &[Kind]) -> Vec<(u64, Kind, String)> {
    let (hits, unread) = searched(home, words, kinds, None);
    assert_eq!(unread, [""; 0]);
    let told = |hit: Hit| (hit.seq.0, hit.kind, hit.excerpt[hit.found].to_owned());
    hits.into_iter().map(told).collect()
}

fn searched(
    home: &Home,
    words: &str,
    kinds: &[Kind],
    since: Option<Timestamp>,
) -> (Vec<Hit>, Vec<String>) {
    let needle = Needle::new(words).expect("words");
    let query = Query { needle, kinds: kinds.to_vec(), since };
    let catalog = home.catalog();
    let mut entries: Vec<_> = catalog.entries.iter().collect();
    entries.sort_by_key(|entry| entry.id);
    let (mut hits, mut unread) = (Vec::new(), Vec::new());
    search::run(&home.layout, &entries, &query, &mut |_| {}, &mut |_, found| {
        hits.extend(found.hits);
        unread.extend(found.unread);
        ControlFlow::Continue(())
    });
    (hits, unread)
}

fn story() -> Story {
    let mut story = Story::new();
    story.open();
    story.turn("Find the Needle in this haystack");
    story.ask();
    story.thinks(&["a needle nobody is told of"]);
    story.says(&format!("{}the needle was here", "hay ".repeat(2_000)));
    story.calls("shell");
    story.responds();
    story
}

#[test]
fn words_are_found_in_everything_that_was_said_and_done() {
    let home = home();
    let mut story = story();
    let call = story.runs(&["/bin/bash", "-c", "grep -r needle ."]);
    story.prints(call, OutputStream::Stdout, 0, b"one nee");
    story.prints(call, OutputStream::Stdout, 0, b"dle\nno more\n");
    story.finished(call, 1, Outcome::Exited { code: 0 }, "one needle\nno more\n");
    let path = "/ws/dir/needle.rs";
    let change = testing::change(path, ChangeKind::Add);
    let changes = vec![change].into();
    story.patch(Vec::new(), Outcome::Patched { changes }, "Success: A needle.rs");
    story.push(testing::user(), Event::InputQueued { input: "more needles".into() });
    story.done();
    home.tell(&story.of(id(1)));
    let kinds = |hits: &[(u64, Kind, String)]| -> Vec<Kind> {
        hits.iter().map(|(_, kind, _)| *kind).collect()
    };
    let hits = found(&home, "nEEDLE", &ALL);
    let wanted = [
        Kind::Prompt,
        Kind::Message,
        Kind::Command,
        Kind::Output,
        Kind::File,
        Kind::Output,
        Kind::Prompt,
    ];
    assert_eq!(kinds(&hits), wanted, "{hits:?}");
    assert_eq!(hits[0].2, "Needle");
    for kind in ALL {
        let alone = found(&home, "needle", &[kind]);
        let wanted: Vec<_> = hits.iter().filter(|hit| hit.1 == kind).cloned().collect();
        assert_eq!(alone, wanted, "{kind:?}");
    }
    assert_eq!(found(&home, "grep -r", &[Kind::Command]).len(), 1);
    assert_eq!(found(&home, "not there", &ALL), []);
}

#[test]
fn output_is_found_where_it_was_printed_also_of_a_command_that_was_killed() {
    let home = home();
    let mut story = story();
    let call = story.runs(&["make"]);
    story.prints(call, OutputStream::Stdout, 0, b"compiling a\n");
    let begin = story.envelopes().len() as u64 + 1;
    story.prints(call, OutputStream::Stderr, 0, b"err");
    story.prints(call, OutputStream::Stderr, 0, b"or[E0308]: mismatched\n");
    home.tell(&story.clone().of(id(1)));
    assert_eq!(found(&home, "error[e0308]", &ALL), [(begin, Kind::Output, "error[E0308]".into())]);
    story.ask();
    let said = Event::ModelStreamed {
        request: codex_event::RequestId(2),
        attempt: 1,
        item: 0,
        part: codex_event::StreamPart::Text,
        text: "half a sentence".into(),
        marks: Vec::new(),
    };
    story.push(Author::Model, said);
    home.tell(&story.of(id(1)));
    assert_eq!(found(&home, "half a", &ALL).len(), 1, "what never came to its end was said, too");
}

#[test]
fn a_damaged_session_is_searched_as_far_as_it_goes_and_said_to_be_damaged() {
    let home = home();
    home.tell(&testing::tool_loop().of(id(1)));
    home.tell(&testing::tool_loop().of(id(2)));
    let dir = home.layout.session(id(1));
    let mut data = fs::read(dir.data()).expect("read");
    let middle = data.len() / 2;
    data[middle] ^= 1;
    fs::write(dir.data(), data).expect("written");
    let (hits, unread) = searched(&home, "finished the loop", &ALL, None);
    assert_eq!(hits.iter().map(|hit| hit.session).collect::<Vec<_>>(), [id(1), id(2)]);
    assert_eq!(unread.len(), 1);
    fs::write(dir.data(), "nothing").expect("written");
    let (hits, unread) = searched(&home, "finished the loop", &ALL, None);
    assert_eq!((hits.len(), unread.len()), (1, 1));
}

#[test]
fn the_time_of_the_event_counts() {
    let home = home();
    let mut story = testing::plain_text();
    let at = story.envelopes().last().expect("events").at;
    story.wait(86_400_000);
    story.turn("a question of the next day");
    home.tell(&story.of(id(1)));
    let since = Timestamp(at.0 + 3_600_000);
    let (hits, _) = searched(&home, "a", &[Kind::Prompt], Some(since));
    assert_eq!(hits.len(), 1);
    assert!(hits[0].at_ms > since && hits[0].seq > Seq(1));
    let call = CallId(1);
    let bytes = OutputBytes(vec![0xFF, b'x']);
    let mut story = testing::plain_text();
    let stream = OutputStream::Stdout;
    story.push(
        Author::Supervisor,
        Event::ToolOutput { call, attempt: 1, stream, skipped: 0, bytes },
    );
    home.tell(&story.of(id(2)));
    assert_eq!(searched(&home, "\u{fffd}x", &[Kind::Output], None).0.len(), 1);
}
