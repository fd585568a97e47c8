//! What was printed live is what a replay prints, byte for byte.

use codex_event::{Envelope, Epoch, Past, Seq, TurnId};
use codex_exec::{Mode, Options};
use codex_journal::{Batch, Layout, Scribe};
use codex_view::testing::{self, Story};

use crate::fixture::{home, id, long_message};

/// Writes the events of one epoch as a process would, in batches of some size, while a headless
/// frontend follows; gives what that printed.
fn process(layout: &Layout, envelopes: &[Envelope], size: usize) -> String {
    let from = envelopes.first().expect("a process writes something").seq;
    // It does not matter here: what the session is asked at the turn's end is ignored.
    let turn = TurnId(1);
    let (scribe, handle) = if from == Seq(1) {
        Scribe::create(layout, id()).expect("created")
    } else {
        Scribe::open(layout, id()).expect("opened")
    };
    let subscription = handle.subscribe(Seq(1));
    let blobs = handle.blobs().clone();
    let frontend = std::thread::spawn(move || {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let past = Past::default();
        let options = Options { mode: Mode::Json, past, from, turn, last_message: None };
        let mut ignored = |_| {};
        codex_exec::run(subscription, &blobs, &options, &mut ignored, &mut out, &mut err)
            .expect("told to its end");
        String::from_utf8(out).expect("text")
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for some in envelopes.chunks(size) {
        let mut batch = Batch::default();
        for envelope in some {
            let mut envelope = envelope.clone();
            batch.blobs.extend(envelope.spill());
            batch.envelopes.push(envelope);
        }
        runtime.block_on(scribe.write(batch)).expect("written");
    }
    scribe.finish().expect("finished");
    frontend.join().expect("the frontend lives")
}

fn live_and_replayed(story: &Story, size: usize) -> (String, String) {
    let home = home();
    let epochs = [Epoch(1), Epoch(2)];
    let live = epochs.map(|epoch| {
        let envelopes = story.envelopes().iter().filter(|envelope| envelope.epoch == epoch);
        let own: Vec<Envelope> = envelopes.cloned().collect();
        if own.is_empty() { String::new() } else { process(&home.layout, &own, size) }
    });
    (live.concat(), home.replay(codex_replay::Mode::Json).0)
}

#[test]
fn live_lines_are_replayed_lines() {
    for (name, story) in [
        ("plain_text", testing::plain_text()),
        ("tool_loop", testing::tool_loop()),
        ("drop_forever", testing::drop_forever()),
        ("broken_off", testing::broken_off()),
        ("declined", testing::declined()),
        ("every_kind", testing::every_kind()),
        ("resumed", testing::resumed()),
        ("resumed_after_loss", testing::resumed_after_loss()),
        ("long_message", long_message().0),
    ] {
        for size in [1, 3, 1000] {
            let (live, replayed) = live_and_replayed(&story, size);
            assert_eq!(live, replayed, "{name} in batches of {size}");
            assert!(live.starts_with("{\"type\":\"thread.started\""), "{name}");
        }
    }
}
