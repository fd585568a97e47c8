use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use codex_event::{FailureKind, Record, genesis};
use codex_view::Jsonl;
use codex_view::testing::{self, Story};

use super::*;

/// What a run of a story left behind.
struct Told {
    result: Result<Ending, ExecError>,
    out: String,
    err: String,
    commands: Vec<Command>,
}

fn options(mode: Mode) -> Options {
    Options { mode, from: Seq(1), past: Past::default(), turn: TurnId(1), last_message: None }
}

const HUMAN: Mode = Mode::Human(Paint::Plain);

fn feed(story: &Story) -> VecDeque<Feed> {
    let mut prev = genesis(&testing::SESSION.parse().expect("an id"));
    let records = story.envelopes().iter().map(|envelope| {
        let record = Record::seal(envelope.clone(), prev);
        prev = record.hash;
        Feed::Record(Arc::new(record))
    });
    records.collect()
}

fn tell_to(story: &Story, options: &Options, out: &mut dyn Write) -> Told {
    let mut feed = feed(story);
    let seen = options.past.next().0 - 1;
    feed.drain(..usize::try_from(seen).expect("a short story"));
    let mut commands = Vec::new();
    let mut err = Vec::new();
    let result = follow(
        &mut || feed.pop_front().unwrap_or(Feed::Ended),
        &Blobs::at("nowhere"),
        options,
        &mut |command| commands.push(command),
        out,
        &mut err,
    );
    assert!(feed.is_empty(), "the feed is drained to its end");
    let err = String::from_utf8(err).expect("text");
    Told { result, out: String::new(), err, commands }
}

fn tell(story: &Story, options: &Options) -> Told {
    let told = tell_all(story, options);
    // A process that takes a session up does not see what is over, and tells the same.
    let mut past = Past::default();
    let before = story.envelopes().iter().filter(|envelope| envelope.seq < options.from);
    before.for_each(|envelope| past.take(envelope));
    let short = tell_all(story, &Options { past, ..options.clone() });
    assert_eq!((&short.out, &short.err, &short.commands), (&told.out, &told.err, &told.commands));
    told
}

fn tell_all(story: &Story, options: &Options) -> Told {
    let mut out = Vec::new();
    let told = tell_to(story, options, &mut out);
    Told { out: String::from_utf8(out).expect("text"), ..told }
}

fn projected(story: &Story) -> String {
    let mut jsonl = Jsonl::default();
    let lines = story.envelopes().iter().flat_map(|envelope| jsonl.apply(envelope));
    lines.map(|line| line + "\n").collect()
}

/// Takes some writes, then behaves like a pipe whose reader is gone.
struct Pipe {
    left: usize,
    taken: String,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.left -= 1;
        self.taken.push_str(std::str::from_utf8(bytes).expect("text"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn json_is_the_projection_of_the_journal_and_nothing_else() {
    for story in [testing::shell(), testing::patches(), testing::every_kind()] {
        let told = tell(&story, &options(Mode::Json));
        assert_eq!(told.out, projected(&story));
        assert_eq!(told.err, "");
    }
}

#[test]
fn a_failed_turn_ends_with_one_hint_in_either_mode() {
    for mode in [Mode::Json, HUMAN] {
        let told = tell(&testing::drop_forever(), &options(mode));
        assert_eq!(told.err.matches("hint: this may pass").count(), 1, "{}", told.err);
        assert!(!told.out.contains("hint"));
    }
}

#[test]
fn the_final_message_stands_alone_on_stdout() {
    let told = tell(&testing::tool_loop(), &options(HUMAN));
    assert_eq!(told.out, "Finished the loop.\n");
    assert!(told.err.contains("I will look around first.\n"));
    assert!(told.err.ends_with("tokens used: 3,000 in (0 cached), 300 out (0 reasoning)\n"));
}

#[test]
fn the_session_is_closed_once_after_the_turn() {
    let cases = [
        (testing::shell(), Ending::Completed, CloseReason::Done),
        (testing::drop_forever(), Ending::Failed(FailureKind::Model), CloseReason::Done),
        (
            testing::interrupted(),
            Ending::Interrupted(InterruptReason::Sigint),
            CloseReason::Interrupted,
        ),
    ];
    for (story, ending, reason) in cases {
        let told = tell(&story, &options(Mode::Json));
        assert_eq!(told.result.expect("told to its end"), ending);
        assert_eq!(told.commands, [Command::Close { reason }]);
    }
}

#[test]
fn a_resume_prints_its_own_part_and_all_of_the_usage() {
    let story = testing::resumed();
    let from = Seq(testing::shell().envelopes().len() as u64 + 1);
    let told = tell(&story, &Options { from, turn: TurnId(2), ..options(Mode::Json) });
    let first = tell(&testing::shell(), &options(Mode::Json));
    assert_eq!(first.out + &told.out, projected(&story));
    assert!(told.out.contains(r#""usage":{"input_tokens":6000,"#));
    assert_eq!(told.commands, [Command::Close { reason: CloseReason::Done }]);
}

#[test]
fn the_end_of_an_older_turn_does_not_close_the_session() {
    let story = testing::shell();
    let from = Seq(story.envelopes().len() as u64 + 1);
    let told = tell(&story, &Options { from, turn: TurnId(2), ..options(Mode::Json) });
    assert_eq!((told.out.as_str(), &told.commands[..]), ("", &[][..]));
}

#[test]
fn a_turn_that_an_older_process_began_is_closed_after_its_end_here() {
    let story = testing::resumed_after_loss();
    let resumed = |envelope: &&Envelope| envelope.epoch.0 == 2;
    let from = story.envelopes().iter().find(resumed).expect("it was resumed").seq;
    let told = tell(&story, &Options { from, ..options(Mode::Json) });
    assert_eq!(told.commands, [Command::Close { reason: CloseReason::Done }]);
    assert_eq!(
        told.result.expect("told to its end"),
        Ending::Failed(FailureKind::Ambiguous),
        "an exit code of its own"
    );
}

#[test]
fn when_nobody_reads_the_turn_is_interrupted_and_drained() {
    // The pipe breaks at the n-th line: before, at and after the turn's begin, and in its middle.
    for left in 0..=5 {
        let mut pipe = Pipe { left, taken: String::new() };
        let told = tell_to(&testing::shell(), &options(Mode::Json), &mut pipe);
        assert!(matches!(told.result, Err(ExecError::OutputClosed(_))), "after {left} lines");
        let interrupt = Command::Interrupt { reason: InterruptReason::User };
        let close = Command::Close { reason: CloseReason::Interrupted };
        assert_eq!(told.commands, [interrupt, close], "after {left} lines");
        assert!(projected(&testing::shell()).starts_with(&pipe.taken));
        assert_eq!(pipe.taken.lines().count(), left, "nothing is printed after a failure");
    }
}

#[test]
fn when_nobody_reads_the_last_line_there_is_nothing_to_interrupt() {
    let lines = projected(&testing::shell()).lines().count();
    let mut pipe = Pipe { left: lines - 1, taken: String::new() };
    let told = tell_to(&testing::shell(), &options(Mode::Json), &mut pipe);
    assert!(matches!(told.result, Err(ExecError::OutputClosed(_))));
    assert_eq!(told.commands, [Command::Close { reason: CloseReason::Interrupted }]);
}

#[test]
fn the_last_message_is_saved_as_the_model_wrote_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("answer.txt");
    let with_file = Options { last_message: Some(path.clone()), ..options(Mode::Json) };
    tell(&testing::plain_text(), &with_file).result.expect("told");
    assert_eq!(std::fs::read_to_string(&path).expect("written"), "the quick brown fox\n");
    tell(&testing::shell(), &with_file).result.expect("told");
    assert_eq!(std::fs::read_to_string(&path).expect("written"), "All three commands ran.");
    tell(&testing::interrupted(), &with_file).result.expect("told");
    let kept = std::fs::read_to_string(&path).expect("still there");
    assert_eq!(kept, "All three commands ran.", "only a turn that is done has a final message");
}

#[test]
fn a_turn_without_a_message_leaves_an_empty_file_and_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("answer.txt");
    let with_file = Options { last_message: Some(path.clone()), ..options(Mode::Json) };
    let mut story = Story::new();
    story.open();
    story.turn("say nothing");
    story.ask();
    story.responds();
    story.done();
    let told = tell(&story, &with_file);
    assert_eq!(std::fs::read(&path).expect("written"), b"");
    assert!(told.err.starts_with("warning: the turn had no message; "), "{}", told.err);
}

#[test]
fn a_last_message_that_can_t_be_saved_is_an_error_after_the_drain() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    // Below a file nobody can write, not even root.
    let path = file.join("answer.txt");
    let with_file = Options { last_message: Some(path.clone()), ..options(Mode::Json) };
    let told = tell(&testing::shell(), &with_file);
    let error = told.result.expect_err("can't be written");
    assert!(matches!(&error, ExecError::LastMessage { path: named, .. } if *named == path));
    assert_eq!(told.out, projected(&testing::shell()));
    assert_eq!(told.commands, [Command::Close { reason: CloseReason::Done }]);
}

#[test]
fn a_feed_without_a_turn_ends_without_an_ending() {
    let mut story = Story::new();
    story.open();
    let told = tell(&story, &options(HUMAN));
    assert_eq!(told.result.expect("told"), Ending::None);
    assert!(told.commands.is_empty());
}
