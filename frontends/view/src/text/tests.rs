use insta::assert_snapshot;
use proptest::prelude::*;

use super::figures::grouped;
use super::*;
use crate::testing::{self, Story};

fn told(story: &Story, style: Style) -> Vec<Line> {
    let mut text = Text::new(style);
    story.envelopes().iter().flat_map(|envelope| text.apply(envelope)).collect()
}

/// Shows each line behind the first letter of its channel.
fn shown(story: &Story) -> String {
    let lines = told(story, Style::default()).into_iter().map(|line| {
        let channel = match line.channel {
            Channel::Activity => "a",
            Channel::Answer => "A",
        };
        format!("{channel}|{}\n", line.text)
    });
    lines.collect()
}

/// Leaves the header out, which is the same everywhere.
fn beyond_the_header(story: &Story) -> String {
    let shown = shown(story);
    shown.rsplit_once("a|--------\n").expect("every story has a header").1.to_owned()
}

#[test]
fn a_message_alone_is_the_answer() {
    assert_snapshot!(shown(&testing::plain_text()), @r#"
    a|codex 0.1.0
    a|--------
    a|workdir: /ws/dir
    a|model: o4-mini
    a|provider: openai
    a|approval: never
    a|sandbox: landlock (landlock 4), allows disk-full-read-access, disk-write-cwd
    a|  writable: /ws/dir
    a|  limit: processes of other programs stay visible
    a|session id: 01900000-0000-7000-8000-000000000000
    a|--------
    a|user
    a|do the task
    a|tokens used: 5,321 in (4,096 cached), 42 out (7 reasoning)
    A|the quick brown fox
    "#);
}

#[test]
fn commands_tell_how_they_ended() {
    assert_snapshot!(beyond_the_header(&testing::shell()), @r#"
    a|user
    a|do the task
    a|exec /bin/bash -lc 'echo hello; echo warn >&2' in /ws/dir
    a| succeeded in 12ms:
    a|hello
    a|warn
    a|exec /bin/bash -lc 'exit 3' in /ws/dir
    a| exited 3 in 12ms
    a|exec /bin/bash -lc no_such_command_here in /ws/dir
    a| exited 127 in 12ms:
    a|/bin/bash: line 1: no_such_command_here: command not found
    a|tokens used: 4,000 in (0 cached), 400 out (0 reasoning)
    A|All three commands ran.
    "#);
}

#[test]
fn patches_list_their_files() {
    assert_snapshot!(beyond_the_header(&testing::patches()), @r#"
    a|user
    a|do the task
    a|patch
    a|A /ws/dir/hello.txt
    a|patch
    a|R /ws/dir/hello.txt -> /ws/dir/bye.txt
    a|D /ws/dir/src/lib.rs
    a|patch failed:
    a|A /ws/dir/full.txt
    a|no space left on device
    a|patch failed:
    a|Failed to find expected lines in /ws/dir/a.txt
    a|tokens used: 5,000 in (0 cached), 500 out (0 reasoning)
    A|Patched.
    "#);
}

#[test]
fn refusals_name_who_refused() {
    assert_snapshot!(beyond_the_header(&testing::declined()), @r#"
    a|user
    a|do the task
    a|rm -rf 'build dir'
    a| denied by policy:approval_policy=never: writing is not allowed here
    a|patch
    a| denied by policy:approval_policy=never: writing is not allowed here
    a|broken tool call
    a|unsupported call: does_not_exist
    a|exec /no/such/program in /ws/dir
    a| could not be started:
    a|No such file or directory (os error 2)
    a|tokens used: 2,000 in (0 cached), 200 out (0 reasoning)
    A|ok
    "#);
}

#[test]
fn long_output_is_cut_and_earlier_messages_are_activity() {
    assert_snapshot!(beyond_the_header(&testing::tool_loop()), @r#"
    a|user
    a|do the task
    a|thinking
    a|**Looking** around
    a|then acting
    a|codex
    a|I will look around first.
    a|exec /bin/bash -lc pwd in /ws/dir
    a| succeeded in 12ms:
    a|/ws/dir
    a|exec /bin/bash -lc "seq 1 30; printf '\\303\\251'" in /ws/dir
    a| succeeded in 12ms:
    a|1
    a|2
    a|3
    a|4
    a|5
    a|6
    a|7
    a|8
    a|9
    a|10
    a|11
    a|12
    a|13
    a|14
    a|15
    a|16
    a|17
    a|18
    a|19
    a|20
    a|… +13 lines
    a|tokens used: 3,000 in (0 cached), 300 out (0 reasoning)
    A|Finished the loop.
    "#);
}

#[test]
fn retries_and_failures_come_with_a_hint() {
    assert_snapshot!(beyond_the_header(&testing::drop_forever()), @r#"
    a|user
    a|do the task
    a|reconnecting 1/1 in 200ms: stream disconnected before completion: connection reset
    a|codex
    a|all that was said
    a|(cut off here)
    a|error: stream disconnected before completion: connection reset
    a|hint: this may pass: run it again in a moment
    "#);
    assert_snapshot!(beyond_the_header(&testing::drop_then_ok()), @r#"
    a|user
    a|do the task
    a|asking again 1/1 in 200ms: 502
    a|reconnecting 1/1 in 200ms: stream disconnected before completion: connection reset
    a|tokens used: 1,000 in (0 cached), 100 out (0 reasoning)
    A|second try worked
    "#);
}

#[test]
fn an_interrupted_turn_has_no_answer() {
    assert_snapshot!(beyond_the_header(&testing::broken_off()), @r#"
    a|user
    a|do the task
    a|reconnecting 1/1 in 200ms: stream disconnected before completion: connection reset
    a|thinking
    a|**Planning**
    a|
    a|first the store
    a|codex
    a|There are **three ways**:
    a|
    a|1. wait for
    a|(cut off here)
    a|interrupted by the user
    a|user
    a|go on
    a|tokens used: 1,000 in (0 cached), 100 out (0 reasoning)
    A|Went on.
    "#);
    assert_snapshot!(beyond_the_header(&testing::interrupted()), @r#"
    a|user
    a|do the task
    a|codex
    a|Running the tests.
    a|exec sleep 60 in /ws/dir
    a| was interrupted after 12ms:
    a|waiting
    a|ended by SIGINT
    a|session interrupted
    "#);
}

#[test]
fn a_resume_tells_what_was_lost() {
    assert_snapshot!(beyond_the_header(&testing::resumed_after_loss()), @r#"
    a|user
    a|do the task
    a|codex
    a|Building.
    a|exec make all in /ws/dir
    a|resumed by codex 0.1.0
    a|session id: 01900000-0000-7000-8000-000000000000
    a|1 of its calls never ended
    a|make all was lost: nobody knows what it did:
    a|compiling
    a|error: a command was running when the last process ended: make all
    a|hint: a tool call was under way when the last process ended, and nobody knows what it did; it is never run again by itself: look at the files, then resume with a prompt that says how to go on
    "#);
}

#[test]
fn every_other_kind_has_its_words_and_no_escape_gets_through() {
    assert_snapshot!(beyond_the_header(&testing::every_kind()), @r#"
    a|user
    a|do the task
    a|the sandbox is weaker here than asked
    a|exec touch '/etc/\x1b[2Jmotd' in /ws/dir
    a| exited 1 in 1.20s:
    a|Permission denied
    a| the sandbox stopped it: Permission denied
    a|may this run without a sandbox? touch '/etc/\x1b[2Jmotd' in /ws/dir
    a| the sandbox stopped it
    a| allowed by user:tui
    a|exec touch '/etc/\x1b[2Jmotd' in /ws/dir
    a| was ended by signal 9 after 12ms
    a|exec sleep 1000 in /ws/dir
    a| timed out after 1m15s
    a|user
    a|and hurry
    a|asking with the whole transcript: no such response
    a|requests now hold the whole transcript: the provider does not keep responses
    a|event 31 is of another release: moon_landed
    a|tokens used: 2,000 in (0 cached), 200 out (0 reasoning)
    A|Bells  and whistles.
    A|Second line.
    a|could not notify notify-send: No such file or directory (os error 2)
    a|own command make test in /work
    a| own command exited 2 in 40ms:
    a|1 failed
    a|own command make all in /work
    a| own command was lost: nobody knows how it ended
    a|resumed by codex 0.1.0
    a|session id: 01900000-0000-7000-8000-000000000000
    a|events 7 to 9 are lost
    a|session named: moon
    a|session without a name
    a|session archived
    a|session handed over to another process
    "#);
}

#[test]
fn times_count_from_the_opening() {
    let style = Style { timing: Timing::SinceOpened, ..Style::default() };
    let mut story = testing::plain_text();
    story.wait(61_234);
    story.turn("more");
    let lines = told(&story, style);
    let timed: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(timed[0], "[   0.000] codex 0.1.0");
    assert_eq!(timed[timed.len() - 2..], ["[  61.289] user", "more"]);
}

#[test]
fn an_answer_is_never_coloured_and_activity_ends_every_colour() {
    let style = Style { paint: Paint::Color, ..Style::default() };
    for line in told(&testing::every_kind(), style) {
        match line.channel {
            Channel::Answer => assert!(!line.text.contains('\x1b')),
            Channel::Activity => {
                let begun = line.text.matches("\x1b[").count();
                assert_eq!(begun, 2 * line.text.matches("\x1b[0m").count(), "{:?}", line.text);
            }
        }
    }
}

#[test]
fn colours_change_no_word() {
    let style = Style { paint: Paint::Color, ..Style::default() };
    for story in [testing::every_kind(), testing::tool_loop(), testing::patches()] {
        let bare = |line: Line| sanitize::text(&line.text);
        let coloured: Vec<String> = told(&story, style).into_iter().map(bare).collect();
        let plain: Vec<String> =
            told(&story, Style::default()).into_iter().map(|line| line.text).collect();
        assert_eq!(coloured, plain);
    }
}

#[test]
fn a_message_before_the_last_tool_call_is_still_the_answer_when_none_follows() {
    let mut story = Story::new();
    story.open();
    story.turn("go");
    story.ask();
    story.says("Done after this.");
    story.shell("true", &[], 0);
    story.responds();
    story.done();
    let answers: Vec<_> = told(&story, Style::default())
        .into_iter()
        .filter(|line| line.channel == Channel::Answer)
        .map(|line| line.text)
        .collect();
    assert_eq!(answers, ["Done after this."]);
}

#[test]
fn numbers_and_times_are_short() {
    let times =
        [(0, "0ms"), (999, "999ms"), (1204, "1.20s"), (59_999, "59.99s"), (75_300, "1m15s")];
    for (milliseconds, shown) in times {
        assert_eq!(duration(milliseconds), shown);
    }
    for (number, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(grouped(number), shown);
    }
}

proptest! {
    #[test]
    fn no_event_brings_a_forbidden_character_to_the_terminal(
        foreign in "([\\x00-\\xff]|\\x1b\\[2J|\\x1b\\]0;|\u{202e}|[a-z]){0,12}",
    ) {
        let mut story = Story::new();
        story.open();
        story.turn(&foreign);
        story.ask();
        story.says(&foreign);
        story.thinks(&[&foreign]);
        story.shell(&foreign, &[(codex_event::OutputStream::Stdout, &foreign)], 1);
        let change = testing::change(&foreign, ChangeKind::Add);
        story.patch(vec![change], Outcome::PatchFailed, &foreign);
        story.fails(codex_event::FaultKind::StreamLost, &foreign, testing::retry(RetryBudget::Stream));
        story.ask_again();
        story.says(&foreign);
        story.responds();
        story.done();
        let kind = codex_event::FailureKind::Model;
        story.push(Author::Supervisor, Event::TurnFailed { kind, message: foreign.clone() });
        let (kind, raw) = (foreign.clone(), "{}".to_owned());
        story.push_body(Author::Supervisor, codex_event::Body::Foreign { kind, version: 2, raw });
        for line in told(&story, Style::default()) {
            prop_assert!(!line.text.contains(|c| c == '\n' || sanitize::is_forbidden(c)), "{:?}", line.text);
        }
    }
}
