//! What was seen live is what a replay shows.

use std::path::Path;

use codex_event::{Envelope, Seq, Timestamp};
use codex_journal::{Layout, RawJournal};
use codex_view::testing::{self, Story};

use super::{Rig, session};
use crate::host::Role;
use crate::update::{Input, Moment};

/// Sizes that everything is held against.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// A journal, as it is told and as it can be read.
struct Tale {
    name: &'static str,
    told: Vec<Envelope>,
    whole: Vec<Envelope>,
}

impl Tale {
    fn of(name: &'static str, story: &Story) -> Tale {
        let told = story.envelopes().to_vec();
        Tale { name, whole: told.clone(), told }
    }
}

fn stories() -> Vec<Tale> {
    let mut all = vec![
        Tale::of("plain_text", &testing::plain_text()),
        Tale::of("shell", &testing::shell()),
        Tale::of("patches", &testing::patches()),
        Tale::of("declined", &testing::declined()),
        Tale::of("tool_loop", &testing::tool_loop()),
        Tale::of("drop_then_ok", &testing::drop_then_ok()),
        Tale::of("drop_forever", &testing::drop_forever()),
        Tale::of("interrupted", &testing::interrupted()),
        Tale::of("broken_off", &testing::broken_off()),
        Tale::of("every_kind", &testing::every_kind()),
        Tale::of("resumed", &testing::resumed()),
        Tale::of("resumed_after_loss", &testing::resumed_after_loss()),
        Tale::of("asking", &super::keys::asking()),
    ];
    all.push(golden());
    all
}

/// The golden journal, as a story of the session that tests show.
fn golden() -> Tale {
    let home = concat!(env!("CARGO_MANIFEST_DIR"), "/../../journal/corpus/v1");
    let layout = Layout::new(Path::new(home));
    let id = "01a20616-6896-7577-b949-eebfebfb6ddf".parse().expect("a session id");
    let journal = RawJournal::read(&layout.session(id), id).expect("a journal");
    let records = journal.records().map(|record| record.expect("a good record").envelope);
    let told: Vec<Envelope> =
        records.map(|envelope| Envelope { session: session(), ..envelope }).collect();
    let mut whole = told.clone();
    for envelope in &mut whole {
        assert_eq!(journal.blobs().hydrate(envelope), []);
    }
    assert_ne!(told, whole, "something lies in a blob");
    Tale { name: "golden", told, whole }
}

/// Fed event by event, and looked at each time.
fn live(tale: &Tale, len: usize, size: (u16, u16)) -> Rig {
    let mut rig = Rig::new();
    rig.journal = tale.whole[..len].to_vec();
    rig.link(Role::Owner { from: Seq(1) });
    rig.tell(Input::CaughtUp);
    for event in &tale.told[..len] {
        rig.events(std::slice::from_ref(event));
        let _ = rig.frame(size.0, size.1);
        rig.now.0 += 5;
    }
    rig
}

/// Fed all at once.
fn replay(tale: &Tale, len: usize) -> Rig {
    let mut rig = Rig::new();
    rig.journal = tale.whole[..len].to_vec();
    rig.link(Role::Owner { from: Seq(1) });
    rig.events(&tale.told[..len]);
    rig.tell(Input::CaughtUp);
    rig
}

/// Lets words in passing pass; the clock shows what it showed at the last event.
fn rest(rig: &mut Rig, at: Timestamp) {
    rig.now = Moment(1_000_000);
    rig.tell(Input::Tick);
    rig.app.set_clock(rig.now, at);
}

#[test]
fn live_frames_equal_replayed_ones() {
    for tale in stories() {
        let len = tale.told.len();
        for size in SIZES {
            compare(&tale, len, size);
        }
    }
}

#[test]
fn every_prefix_is_shown_alike() {
    for tale in stories() {
        for len in 1..=tale.told.len() {
            compare(&tale, len, SIZES[0]);
        }
    }
}

fn compare(tale: &Tale, len: usize, size: (u16, u16)) {
    let at = tale.told[len - 1].at;
    let (mut live, mut replay) = (live(tale, len, size), replay(tale, len));
    rest(&mut live, at);
    rest(&mut replay, at);
    let frames = (live.frame(size.0, size.1), replay.frame(size.0, size.1));
    assert_eq!(frames.0, frames.1, "{} at {len}, {size:?}", tale.name);
    // Styles, too.
    assert_eq!(live.buffer(size.0, size.1), replay.buffer(size.0, size.1), "{}", tale.name);
}
