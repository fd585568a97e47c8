//! Measures what a frontend makes of a journal of 100,000 events.
//!
//! Prints one JSON object a line: a figure's name, its unit and its samples. `cargo xtask bench`
//! shows them as a table.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::hint::black_box;
use std::time::Instant;

use codex_event::OutputStream;
use codex_view::Jsonl;
use codex_view::testing::Story;

/// Length of the journal.
const EVENTS: usize = 100_000;
/// Samples of the figure.
const SAMPLES: usize = 7;

fn main() {
    let mut story = Story::new();
    story.open();
    story.turn("make the tests pass");
    while story.envelopes().len() < EVENTS {
        story.ask();
        story.says("I run the tests.");
        story.calls("shell");
        story.responds();
        story.shell("cargo test", &[(OutputStream::Stdout, "test result: ok\n")], 0);
    }
    let events = story.envelopes().len();
    let once = || {
        let begun = Instant::now();
        let mut lines = Jsonl::default();
        let bytes: usize =
            story.envelopes().iter().flat_map(|event| lines.apply(event)).map(|l| l.len()).sum();
        assert!(black_box(bytes) > events, "a line for many an event");
        begun.elapsed().as_secs_f64() * 1e6 / events as f64
    };
    once();
    let samples: Vec<f64> = (0..SAMPLES).map(|_| once()).collect();
    println!(
        "{{\"figure\":\"jsonl of 100000 events\",\"unit\":\"µs/event\",\"samples\":{samples:?}}}"
    );
}
