use std::collections::BTreeMap;

use codex_event::{
    Author, Body, ChangeKind, Confinement, Digest, Envelope, Event, IMPORTED, InterruptReason,
    Invocation, ItemKind, Outcome, OutputStream, Question, RequestId, Scope, Seq, Stored,
    StreamPart, Verdict,
};
use proptest::prelude::*;

use super::*;
use crate::cell::{CallState, OwnState};
use crate::testing::{self, Story, change};

/// What a screen would hold.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shown(BTreeMap<Seq, Cell>);

impl Shown {
    fn take(&mut self, changes: Vec<CellChange>) {
        let firsts: Vec<Seq> = changes.iter().map(first).collect();
        assert!(firsts.is_sorted_by(|a, b| a < b), "{firsts:?}");
        for change in changes {
            let before = self.0.get(&first(&change));
            assert!(before.is_none_or(|cell| cell.standing == Standing::Open), "{before:?}");
            match change {
                CellChange::Put(cell) | CellChange::Partial(cell) => {
                    assert!(cell.first <= cell.last, "{cell:?}");
                    self.0.insert(cell.first, cell);
                }
                CellChange::Gone(first) => {
                    assert!(self.0.remove(&first).is_some(), "{first} was never there");
                }
            }
        }
    }
}

fn first(change: &CellChange) -> Seq {
    match change {
        CellChange::Put(cell) | CellChange::Partial(cell) => cell.first,
        CellChange::Gone(first) => *first,
    }
}

fn shown<'a>(events: impl IntoIterator<Item = &'a Envelope>) -> Shown {
    let (mut cells, mut shown) = (Cells::default(), Shown::default());
    events.into_iter().for_each(|envelope| shown.take(cells.apply(envelope)));
    shown
}

/// A call with streamed words before it, a patch in its item, a question, and words that go.
fn streamed() -> Story {
    let mut story = Story::new();
    story.open();
    story.turn("go");
    story.ask();
    let stream = |story: &mut Story, attempt, item, part, text: &str| {
        let (request, text) = (RequestId(1), text.to_owned());
        let event = Event::ModelStreamed { request, attempt, item, part, text, marks: Vec::new() };
        story.push(Author::Model, event);
    };
    stream(&mut story, 1, 0, StreamPart::Reasoning, "hm");
    stream(&mut story, 1, 1, StreamPart::Text, "lost wor");
    story.fails(
        codex_event::FaultKind::StreamLost,
        "broke",
        testing::retry(codex_event::RetryBudget::Stream),
    );
    story.ask_again();
    stream(&mut story, 2, 0, StreamPart::Reasoning, "**Look");
    stream(&mut story, 2, 1, StreamPart::Text, "I ");
    stream(&mut story, 2, 1, StreamPart::Text, "patch");
    stream(&mut story, 2, 2, StreamPart::Text, "{\"inp");
    story.thinks(&["**Looking**", "more"]);
    story.says("I patch it.");
    let raw = r#"{"type":"custom_tool_call","input":"*** Begin Patch"}"#;
    let (call_id, name) = ("call_2".to_owned(), "apply_patch".to_owned());
    story.item(ItemKind::CustomCall { call_id, name }, raw);
    story.responds();
    let call = story.called(Invocation::Patch { workdir: None, text: None });
    let (question, reason) = (Question::Run, "untrusted".to_owned());
    story.push(Author::Supervisor, Event::ReviewAsked { call, question, reason });
    let (verdict, scope) = (Verdict::Allowed, Scope::Session);
    story.push(testing::user(), Event::ReviewSettled { call, verdict, scope });
    let changes = vec![change("/ws/dir/a.txt", ChangeKind::Add)];
    let confinement =
        Confinement::WritableRoots { changes: changes.clone().into(), outside: Vec::new() };
    story.intended(call, 1, confinement);
    story.finished(call, 1, Outcome::Patched { changes: changes.into() }, "Success.");
    story.ask();
    story.says("Done.");
    story.responds();
    story.done();
    story
}

fn stories() -> Vec<Story> {
    vec![
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
        streamed(),
    ]
}

/// One line for each cell.
fn outline(shown: &Shown) -> Vec<String> {
    let line = |cell: &Cell| {
        let what = match &cell.body {
            CellBody::Prompt(prompt) => format!("prompt {}", prompt.text),
            CellBody::Message(text) => format!("message {text}"),
            CellBody::Reasoning(text) => format!("reasoning {text}"),
            CellBody::Call(call) => match &call.state {
                CallState::Waiting => "call waits".to_owned(),
                CallState::Running { attempt, .. } => format!("call runs {attempt}"),
                CallState::Ended { outcome, .. } => format!("call {outcome:?}"),
                CallState::Lost { .. } => "call lost".to_owned(),
            },
            CellBody::OwnCommand(own) => match &own.state {
                OwnState::Running => format!("own {} runs", own.line),
                OwnState::Ended { exit, .. } => format!("own {} ended {exit:?}", own.line),
            },
            CellBody::Notice(notice) => format!("{notice:?}"),
            CellBody::TurnEnd(end) => format!("end {:?}", end.ending),
        };
        let open = match cell.standing {
            Standing::Open => " …",
            Standing::Broken => " broken",
            Standing::Settled => "",
        };
        format!("{}-{}{open} {}", cell.first, cell.last, what.replace('\n', "⏎"))
    };
    shown.0.values().map(line).collect()
}

/// Every cell can be had again from its own stretch of the events.
fn stand_alone(events: &[&Envelope]) -> Result<(), TestCaseError> {
    let shown = shown(events.iter().copied());
    for cell in shown.0.values().filter(|cell| cell.stands_alone()) {
        let stretch = events.iter().filter(|it| (cell.first..=cell.last).contains(&it.seq));
        let again = Cells::of(stretch.copied());
        let again: Vec<&Cell> = again.iter().filter(|it| it.first == cell.first).collect();
        prop_assert_eq!(again, vec![cell]);
    }
    // What changes many times and is given once is the same in the end.
    let mut at_once = Shown::default();
    let (left, right) = events.split_at(events.len() / 2);
    let mut cells = Cells::default();
    for part in [left, right] {
        for change in cells.apply_all(part.iter().copied()) {
            match change {
                CellChange::Put(cell) | CellChange::Partial(cell) => {
                    drop(at_once.0.insert(cell.first, cell));
                }
                CellChange::Gone(first) => drop(at_once.0.remove(&first)),
            }
        }
    }
    prop_assert_eq!(at_once, shown);
    Ok(())
}

#[test]
fn a_cell_is_a_function_of_its_own_events_in_every_prefix() {
    for story in stories() {
        let events: Vec<&Envelope> = story.envelopes().iter().collect();
        for len in 0..=events.len() {
            stand_alone(&events[..len]).expect("the law holds");
        }
    }
}

proptest! {
    #[test]
    fn a_cell_is_a_function_of_its_own_events_whatever_is_missing(
        story in 0..stories().len(),
        kept in prop::collection::vec(prop::bool::weighted(0.7), 80),
    ) {
        let story = &stories()[story];
        let events: Vec<&Envelope> = story
            .envelopes()
            .iter()
            .enumerate()
            .filter(|(at, _)| kept[at % kept.len()])
            .map(|(_, envelope)| envelope)
            .collect();
        stand_alone(&events)?;
    }
}

#[test]
fn a_hole_costs_what_stood_in_it() {
    for story in stories() {
        for hole in 0..story.envelopes().len() {
            let events = story.envelopes().iter().enumerate().filter(|(at, _)| *at != hole);
            let events: Vec<&Envelope> = events.map(|(_, envelope)| envelope).collect();
            stand_alone(&events).expect("the law holds");
        }
    }
}

#[test]
fn nothing_is_held_of_what_is_over() {
    for story in stories() {
        let mut cells = Cells::default();
        for envelope in story.envelopes() {
            cells.apply(envelope);
            assert!(cells.changed.0.is_empty());
            if envelope.event().is_some_and(Event::ends_turn) {
                assert!(cells.items.is_empty() && cells.calls.is_empty(), "{}", envelope.seq);
            }
        }
    }
}

#[test]
fn what_streams_in_is_shown_at_once_and_goes_with_its_attempt() {
    let story = streamed();
    let at = |len: usize| outline(&shown(story.envelopes().iter().take(len)));
    let last = |len: usize, n: usize| at(len).split_off(at(len).len() - n);
    assert_eq!(last(7, 2), ["6-6 … reasoning hm", "7-7 … message lost wor"]);
    assert_eq!(last(8, 2)[0], "7-7 … message lost wor");
    assert!(last(8, 1)[0].starts_with("8-8 Attempt"), "{:?}", last(8, 1));
    // What was said last stays until another attempt says something.
    assert_eq!(last(9, 3)[..2], ["6-6 … reasoning hm", "7-7 … message lost wor"]);
    assert_eq!(last(10, 3)[0], "4-4 prompt go");
    let streaming =
        ["10-10 … reasoning **Look", "11-12 … message I patch", "13-13 … message {\"inp"];
    assert_eq!(last(13, 3), streaming);
    // The item that turned out to be a call is no message, and its call begins where it began.
    let complete = ["10-14 … reasoning **Looking**⏎more", "11-15 … message I patch it."];
    assert_eq!(last(16, 2), complete);
    let settled = ["10-17 reasoning **Looking**⏎more", "11-17 message I patch it."];
    assert_eq!(last(17, 2), settled);
    assert_eq!(last(18, 1), ["13-18 … call waits"]);
    let all = shown(story.envelopes());
    let CellBody::Call(call) = &all.0[&Seq(13)].body else { panic!("no call") };
    assert_eq!(call.patch, "*** Begin Patch");
    assert_eq!(call.changes.len(), 1);
    let (asked, settled) = (call.reviews[0].asked.clone(), call.reviews[0].settled.clone());
    assert_eq!(asked, Some((Question::Run, "untrusted".to_owned())));
    assert_eq!(settled, Some((Verdict::Allowed, Scope::Session, testing::user())));
}

#[test]
fn an_answer_that_breaks_off_stays_as_far_as_it_came() {
    let broken = |story: &Story| {
        let lines = outline(&shown(story.envelopes()));
        lines.into_iter().filter(|line| line.contains(" broken ")).collect::<Vec<_>>()
    };
    let said = |story: &Story| {
        let lines = outline(&shown(story.envelopes()));
        let said = |line: &String| line.contains(" message ") || line.contains(" reasoning ");
        lines.into_iter().filter(said).collect::<Vec<_>>()
    };
    let story = testing::broken_off();
    let kept = [
        "9-16 reasoning **Planning**⏎⏎first the store",
        "11-16 broken message There are **three ways**:⏎⏎1. wait for",
    ];
    assert_eq!(said(&story)[..2], kept);
    let told: String = Cells::of(story.envelopes()).iter().map(crate::markdown).collect();
    assert!(told.contains("1. wait for\n\n*(cut off here)*\n\n"), "{told}");
    assert!(!told.contains("never sho"), "{told}");
    assert_eq!(broken(&testing::drop_forever()), ["6-10 broken message all that was said"]);
    // A crash within the answer, and an interrupt that was still to be carried out.
    let mut crashed = testing::broken_off().cut(12);
    crashed.resume(Vec::new());
    let reason = InterruptReason::User;
    crashed.push(Author::Supervisor, Event::TurnInterrupted { reason });
    assert_eq!(said(&crashed).len(), 2);
    // An item that turns out to be a call was never shown.
    let mut called = Story::new();
    called.open();
    called.turn("go");
    called.ask();
    called.calls("shell");
    called.push(Author::Supervisor, Event::TurnInterrupted { reason });
    assert_eq!(broken(&called), [""; 0]);
}

#[test]
fn a_call_that_the_sandbox_stopped_is_one_cell() {
    let outline = outline(&shown(testing::every_kind().envelopes()));
    let calls: Vec<&String> = outline.iter().filter(|line| line.contains(" call ")).collect();
    assert_eq!(calls, ["8-20 call Signalled { signal: 9 }", "21-25 call TimedOut"]);
    let texts = outline.join("\n");
    for word in ["moon_landed", "and hurry", "could not notify", "whole transcript", "Repaired"] {
        assert!(texts.contains(word), "{word}: {texts}");
    }
}

#[test]
fn a_hole_is_a_cell_that_says_what_is_missing() {
    let story = testing::plain_text();
    let mut events = story.envelopes().to_vec();
    let session = events[0].session;
    events.drain(2..5);
    let cells = Cells::of(&events);
    let hole = cells.iter().find(|cell| cell.first == Seq(3)).expect("a cell");
    let notice = Notice::Missing { session, first: Seq(3), last: Seq(5) };
    assert_eq!((&hole.body, hole.last), (&CellBody::Notice(notice), Seq(5)));
    assert!(!hole.stands_alone());
    assert!(crate::markdown(hole).contains("events 3 to 5 are missing"));
    // A stretch need not begin with the first event.
    let holes = |cells: Vec<Cell>| {
        cells
            .iter()
            .filter(|cell| matches!(cell.body, CellBody::Notice(Notice::Missing { .. })))
            .count()
    };
    assert_eq!((holes(Cells::of(&events[2..])), holes(cells)), (0, 1));
}

#[test]
fn images_are_words() {
    let mut story = Story::new();
    story.open();
    story.turn("draw it");
    story.ask();
    let kind = ItemKind::Other { name: "image_generation_call".to_owned() };
    story.item(kind, r#"{"type":"image_generation_call","output_format":"png","result":"AAAA"}"#);
    let other = ItemKind::Other { name: "web_search_call".to_owned() };
    story.item(other, "{}");
    story.responds();
    story.done();
    let imported = |kind: &str, raw: serde_json::Value| Body::Foreign {
        kind: format!("{}{kind}", IMPORTED),
        version: 1,
        raw: raw.to_string(),
    };
    let image =
        serde_json::json!({"type": "input_image", "image_url": "data:image/gif;base64,AAAA"});
    let line = serde_json::json!({"payload": {"type": "message", "content": [image]}});
    for (kind, raw) in
        [("response_item.message", line.clone()), ("event_msg.user_message", line.clone())]
    {
        story.push_body(Author::Supervisor, imported(kind, raw));
    }
    // A line that is too long for a record of its own is kept as a remark.
    let text = format!("{}response_item.message {line}", IMPORTED);
    story.push(Author::Supervisor, Event::Noted { text: text.as_str().into() });
    let told: Vec<String> = Cells::of(story.envelopes())
        .into_iter()
        .filter_map(|cell| match cell.body {
            CellBody::Notice(Notice::Images(images)) => Some(images.concat()),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["[image: made by the model, png]", "[image: gif]", "[image: gif]"]);
    let whole: String = Cells::of(story.envelopes()).iter().map(crate::markdown).collect();
    assert!(!whole.contains("AAAA") && !whole.contains("codex_rollout"), "{whole}");
}

#[test]
fn calls_end_with_what_is_known_of_them() {
    let ends = |story: Story| {
        let lines = outline(&shown(story.envelopes()));
        lines
            .into_iter()
            .filter(|line| line.contains(" call ") && !line.contains(" end "))
            .collect::<Vec<_>>()
    };
    assert_eq!(ends(testing::interrupted()), ["7-15 call Interrupted"]);
    assert_eq!(ends(testing::resumed_after_loss()), ["7-15 call lost"]);
    let mut story = testing::interrupted().cut(11);
    story.push(Author::Supervisor, Event::TurnInterrupted { reason: InterruptReason::User });
    assert_eq!(ends(story), ["7-12 call lost"], "its end is not in the journal");
}

#[test]
fn output_is_decoded_over_all_its_chunks_and_kept_within_bounds() {
    let mut story = Story::new();
    story.turn("go");
    let call = story.runs(&["yes"]);
    story.prints(call, OutputStream::Stdout, 0, b"\xc3");
    story.prints(call, OutputStream::Stdout, 0, b"\xa9\n");
    let chunk = "0123456789abcde\n".repeat(256);
    for _ in 0..256 {
        story.prints(call, OutputStream::Stdout, 0, chunk.as_bytes());
    }
    story.prints(call, OutputStream::Stderr, 9, b"the end");
    let shown = shown(story.envelopes());
    let CellBody::Call(call) = &shown.0.values().last().expect("a cell").body else {
        panic!("no call")
    };
    assert!(call.output.starts_with("é\n0123"), "{:?}", &call.output[..20]);
    assert!(call.output.ends_with("\n[... 9 bytes left out ...]\nthe end"));
    assert_eq!(call.output.matches("bytes left out").count(), 2);
    assert!(call.output.len() <= output::HEAD + 2 * output::TAIL + 64, "{}", call.output.len());
    assert_eq!(call.lines, 1 + 256 * 256 + 1);
}

#[test]
fn what_was_not_read_is_said_and_had_when_it_is() {
    let story = testing::plain_text();
    let long = "the quick brown fox\n".repeat(100);
    let spilled: Vec<Envelope> = story
        .envelopes()
        .iter()
        .cloned()
        .map(|mut envelope| {
            if let Body::Known(
                Event::ModelItemCompleted { raw: text, .. } | Event::TurnStarted { input: text },
            ) = &mut envelope.body
            {
                *text = Stored::Blob { digest: Digest::of(long.as_bytes()), len: 9 };
            }
            envelope
        })
        .collect();
    let changes = Cells::default().apply_all(&spilled);
    let partial: Vec<&CellBody> = changes
        .iter()
        .filter_map(|change| match change {
            CellChange::Partial(cell) => Some(&cell.body),
            CellChange::Put(_) | CellChange::Gone(_) => None,
        })
        .collect();
    let [CellBody::Prompt(prompt), CellBody::Message(text)] = partial[..] else {
        panic!("{partial:?}")
    };
    assert!(prompt.text.contains("9 bytes are missing"), "{}", prompt.text);
    assert_eq!(text, "the quick brown fox\n", "what was streamed is there");
}

#[test]
fn a_turn_tells_what_it_took_and_used() {
    let end = |story: &Story| {
        let shown = shown(story.envelopes());
        let mut ends = shown.0.into_values().filter_map(|cell| match cell.body {
            CellBody::TurnEnd(end) => Some(end),
            CellBody::Prompt(_)
            | CellBody::Message(_)
            | CellBody::Reasoning(_)
            | CellBody::Call(_)
            | CellBody::OwnCommand(_)
            | CellBody::Notice(_) => None,
        });
        ends.next_back().expect("a turn ended")
    };
    let done = end(&testing::plain_text());
    assert_eq!((done.usage.input_tokens, done.took_ms), (5321, Some(30)));
    let interrupted = end(&testing::interrupted());
    assert_eq!(interrupted.usage.input_tokens, 1000, "added up from its answers");
    let TurnEnding::Failed { message, hint } = end(&testing::drop_forever()).ending else {
        panic!("it did not fail")
    };
    assert_eq!(message, testing::DROPPED);
    assert!(hint.contains("again"), "{hint}");
}

/// A tail as the model's stream would show it at some moment: the end of an item's text, which may
/// be behind the events or ahead of them.
fn tails(events: &[Envelope], keep: usize, cut: usize) -> Vec<Tail> {
    let mut texts: BTreeMap<(RequestId, u32, u32), (StreamPart, String)> = BTreeMap::new();
    for envelope in events {
        if let Some(Event::ModelStreamed { request, attempt, item, part, text, .. }) =
            envelope.event()
        {
            let key = (*request, *attempt, *item);
            texts.entry(key).or_insert_with(|| (*part, String::new())).1.push_str(text);
        }
    }
    let tail = |((request, attempt, item), (part, text)): ((RequestId, u32, u32), (_, String))| {
        let from = text.len().saturating_sub(keep);
        let end = text.len().saturating_sub(cut).max(from);
        let text = text.get(from..end)?.to_owned();
        Some(Tail { request, attempt, item, part, from, text })
    };
    texts.into_iter().filter_map(tail).collect()
}

proptest! {
    #[test]
    fn tails_leave_nothing_behind(
        shows in prop::collection::vec((0_usize..200, 0_usize..20, 0_usize..6), 1..40),
    ) {
        let story = streamed();
        let events = story.envelopes();
        let (mut cells, mut shown) = (Cells::default(), Shown::default());
        for (index, envelope) in events.iter().enumerate() {
            shown.take(cells.apply(envelope));
            let (keep, cut, ahead) = shows[index % shows.len()];
            let known = &events[..(index + 1 + ahead).min(events.len())];
            for tail in tails(known, keep, cut) {
                shown.take(cells.tail(&tail, envelope.at).into_iter().collect());
            }
        }
        // The story ends between turns, where nothing is ahead of the events.
        prop_assert_eq!(shown, self::shown(events));
    }
}

#[test]
fn a_tail_is_seen_before_its_first_event_and_then_takes_its_place() {
    let mut story = Story::new();
    story.open();
    story.turn("go");
    story.ask();
    let (mut cells, mut shown) = (Cells::default(), Shown::default());
    shown.take(cells.apply_all(story.envelopes()));
    let before = shown.0.len();
    let mut tail = Tail {
        request: RequestId(1),
        attempt: 1,
        item: 0,
        part: StreamPart::Text,
        from: 0,
        text: "Hel".to_owned(),
    };
    for text in ["Hel", "Hello, wor"] {
        tail.text = text.to_owned();
        shown.take(cells.tail(&tail, Timestamp(1)).into_iter().collect());
        let (_, cell) = shown.0.last_key_value().expect("a cell");
        assert_eq!((&cell.body, shown.0.len()), (&CellBody::Message(text.to_owned()), before + 1));
    }
    let told = story.envelopes().len();
    story.says("Hello, world.");
    story.responds();
    story.done();
    shown.take(cells.apply_all(&story.envelopes()[told..]));
    assert_eq!(shown, self::shown(story.envelopes()));
}
