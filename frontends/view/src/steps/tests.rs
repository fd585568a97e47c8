use codex_event::{CallId, Event, Outcome};

use super::*;
use crate::testing::{self, Story};

fn steps(story: &Story) -> Vec<Step> {
    let mut steps = Steps::default();
    story.envelopes().iter().flat_map(|envelope| steps.apply(envelope)).collect()
}

fn outputs(story: &Story) -> Vec<String> {
    let ends = steps(story).into_iter();
    ends.filter_map(|step| match step {
        Step::Ended { end, .. } => Some(end.output),
        Step::Began { .. }
        | Step::Message(_)
        | Step::Reasoning(_)
        | Step::BrokenMessage(_)
        | Step::BrokenReasoning(_) => None,
    })
    .collect()
}

#[test]
fn output_is_decoded_once_over_all_chunks() {
    let outputs = outputs(&testing::tool_loop());
    let numbers: String = (1..=30).map(|number| format!("{number}\n")).collect();
    let long = format!("{numbers}é \u{fffd}\n[... 70000 bytes left out ...]\nthe end\n");
    assert_eq!(outputs, ["/ws/dir\n".to_owned(), long]);
}

#[test]
fn a_call_stopped_by_the_sandbox_may_begin_again() {
    let found: Vec<_> = steps(&testing::every_kind())
        .into_iter()
        .filter_map(|step| match step {
            Step::Began { call: CallId(1), .. } => Some(None),
            Step::Ended { call: CallId(1), end, .. } => Some(end.outcome),
            Step::Began { .. }
            | Step::Ended { .. }
            | Step::Message(_)
            | Step::Reasoning(_)
            | Step::BrokenMessage(_)
            | Step::BrokenReasoning(_) => None,
        })
        .collect();
    let (first, second) = (Outcome::Exited { code: 1 }, Outcome::Signalled { signal: 9 });
    assert_eq!(found, [None, Some(first), None, Some(second)]);
}

#[test]
fn nothing_is_held_once_a_session_is_over() {
    for story in [
        testing::tool_loop(),
        testing::declined(),
        testing::every_kind(),
        testing::interrupted(),
        testing::broken_off(),
        testing::resumed_after_loss(),
    ] {
        let mut steps = Steps::default();
        story.envelopes().iter().for_each(|envelope| drop(steps.apply(envelope)));
        assert!(steps.calls.is_empty(), "{:?}", steps.calls);
    }
}

#[test]
fn a_finished_command_is_dropped_before_the_turn_ends() {
    let mut steps = Steps::default();
    for envelope in testing::shell().envelopes() {
        steps.apply(envelope);
        if matches!(envelope.event(), Some(Event::ToolFinished { .. })) {
            assert!(steps.calls.is_empty());
        }
    }
}

#[test]
fn a_hole_in_the_journal_costs_only_what_stood_in_it() {
    let story = testing::every_kind();
    for hole in 0..story.envelopes().len() {
        let mut steps = Steps::default();
        let left = story.envelopes().iter().enumerate().filter(|(at, _)| *at != hole);
        left.for_each(|(_, envelope)| drop(steps.apply(envelope)));
    }
}
