use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use codex_event::{RequestId, Seq, StreamPart, Tail};

use super::{Feed, Subscription};
use crate::{Blobs, MemStore, Scribe};

fn tail(text: &str) -> Tail {
    let (request, part) = (RequestId(1), StreamPart::Text);
    Tail { request, attempt: 1, item: 0, part, from: 0, text: text.to_owned() }
}

fn next_tail(feed: &mut Subscription) -> Option<String> {
    loop {
        match feed.next_timeout(Duration::from_secs(10))? {
            Feed::Tail(tail) => return Some(tail.text.clone()),
            Feed::CaughtUp(_) => {}
            fed @ (Feed::Record(_) | Feed::Present(_) | Feed::Ended) => panic!("{fed:?}"),
        }
    }
}

#[test]
fn one_who_is_left_alone_is_woken_by_the_next_tail() {
    let session = "01900000-0000-7000-8000-000000000000".parse().expect("an id");
    let (scribe, handle) = Scribe::start(MemStore::new(session), Blobs::at("/nonexistent"), None);
    let tails = handle.tails();
    let mut stays = handle.subscribe(Seq(1)).with_tails();
    let mut goes = handle.subscribe(Seq(1)).with_tails();
    tails.show(tail("one"));
    assert_eq!(next_tail(&mut stays).as_deref(), Some("one"));
    assert_eq!(next_tail(&mut goes).as_deref(), Some("one"));
    drop(goes);
    // It is asked under the lock that it lets go of by waiting: the tail comes when it waits.
    let (waits, waiting) = mpsc::channel();
    let (told, tells) = mpsc::channel();
    let reader = thread::spawn(move || {
        let fed = stays.next_unless(|| waits.send(()).is_err());
        let _ = told.send(fed);
    });
    waiting.recv().expect("it waits");
    tails.show(tail("one two"));
    let fed = tells.recv_timeout(Duration::from_secs(10));
    // Whatever came of it, the end wakes it.
    drop(scribe);
    assert_eq!(fed, Ok(Some(Feed::Tail(tail("one two").into()))));
    reader.join().expect("no panic");
}
