//! The law of [`Past`]: views that begin with what counts of the past go on like views that saw all of it.

use codex_event::{Envelope, Past, Seq};

use crate::testing::{self, Story};
use crate::{Finale, Jsonl, Style, Text};

/// Everything that is shown from a position on, and how the last turn ended.
fn shown<'a>(events: impl Iterator<Item = &'a Envelope>, from: Seq) -> (Vec<String>, String) {
    let (mut jsonl, mut text) = (Jsonl::default(), Text::new(Style::default()));
    let mut finale = Finale::default();
    let mut lines = Vec::new();
    for envelope in events {
        finale.apply(envelope);
        let told = text.apply(envelope).into_iter().map(|line| format!("{line:?}"));
        let fresh: Vec<String> = jsonl.apply(envelope).into_iter().chain(told).collect();
        lines.extend(fresh.into_iter().filter(|_| envelope.seq >= from));
    }
    let end = format!("{:?} {:?} {:?}", finale.ending(), finale.message(), finale.failure());
    (lines, end)
}

fn goes_on(mut story: Story) {
    let from = Seq(story.envelopes().len() as u64 + 1);
    let mut past = Past::default();
    story.envelopes().iter().for_each(|envelope| past.take(envelope));
    let running = past.next() < from;
    story.resume(Vec::new());
    if !running {
        story.turn("go on");
    }
    story.ask();
    story.shell("make", &[], 0);
    story.says("Went on.");
    story.responds();
    story.done();
    let all = story.envelopes();
    let rest = all.iter().filter(|envelope| envelope.seq >= past.next());
    let short = shown(past.events().iter().chain(rest), from);
    assert_eq!(short, shown(all.iter(), from), "resumed at {from}");
    assert!(short.0.len() > 4, "{short:?}");
}

#[test]
fn a_view_that_begins_with_the_past_goes_on_like_one_that_saw_all() {
    let stories = [
        testing::plain_text(),
        testing::shell(),
        testing::patches(),
        testing::declined(),
        testing::tool_loop(),
        testing::drop_then_ok(),
        testing::drop_forever(),
        testing::interrupted(),
        testing::broken_off(),
        testing::resumed(),
        testing::resumed_after_loss(),
        testing::every_kind(),
    ];
    let mut cuts = 0;
    for story in stories {
        for len in 1..=story.envelopes().len() {
            goes_on(story.clone().cut(len));
            cuts += 1;
        }
    }
    assert!(cuts > 100, "{cuts}");
}

#[test]
fn what_is_kept_of_a_turn_that_is_over_is_little() {
    let story = testing::tool_loop();
    let mut past = Past::default();
    story.envelopes().iter().for_each(|envelope| past.take(envelope));
    assert_eq!(past.next(), Seq(story.envelopes().len() as u64 + 1));
    assert!(past.events().len() * 2 < story.envelopes().len(), "{}", past.events().len());
}
