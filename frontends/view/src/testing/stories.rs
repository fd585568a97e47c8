//! Whole journals that several frontends tell.

use codex_event::{
    Author, Backend, Body, CallId, ChangeKind, CloseReason, Confinement, Denial, DenialGrade,
    Event, FailureKind, FaultKind, InterruptReason, Invocation, Outcome, OutputStream, Question,
    RetryBudget, SCHEMA_VERSION, Scope, Seq, Shelf, StreamPart, Usage, Verdict,
};

use super::{Story, change, command, retry, user};

/// How a provider's stream breaks.
pub const DROPPED: &str = "stream disconnected before completion: connection reset";

fn begun() -> Story {
    let mut story = Story::new();
    story.open();
    story.turn("do the task");
    story.ask();
    story
}

fn ended(mut story: Story) -> Story {
    story.responds();
    story.done();
    story.close(CloseReason::Done);
    story
}

/// One message, with cached tokens and reasoning in its usage.
pub fn plain_text() -> Story {
    let mut story = begun();
    for text in ["the quick ", "brown fox\n"] {
        story.streams(0, StreamPart::Text, text);
    }
    story.says("the quick brown fox\n");
    story.responds_with(Usage {
        input_tokens: 5321,
        cached_input_tokens: 4096,
        cache_write_input_tokens: 0,
        output_tokens: 42,
        reasoning_output_tokens: 7,
    });
    story.done();
    story.close(CloseReason::Done);
    story
}

/// Three commands: one that works and prints to both streams, two that fail.
pub fn shell() -> Story {
    let (out, err) = (OutputStream::Stdout, OutputStream::Stderr);
    let mut story = begun();
    story.shell("echo hello; echo warn >&2", &[(out, "hello\n"), (err, "warn\n")], 0);
    story.shell("exit 3", &[], 3);
    let not_found = "/bin/bash: line 1: no_such_command_here: command not found\n";
    story.shell("no_such_command_here", &[(err, not_found)], 127);
    story.says("All three commands ran.");
    ended(story)
}

/// Patches that work, one that fails after its intent, one that fails before.
pub fn patches() -> Story {
    let (add, update) = (ChangeKind::Add, ChangeKind::Update);
    let patched =
        |changes: &[codex_event::FileChange]| Outcome::Patched { changes: changes.to_vec().into() };
    let mut story = begun();
    let first = vec![change("/ws/dir/hello.txt", add)];
    story.patch(first.clone(), patched(&first), "Success.");
    let mut moved = change("/ws/dir/hello.txt", update);
    moved.move_to = Some("/ws/dir/bye.txt".to_owned());
    let second = vec![moved, change("/ws/dir/src/lib.rs", ChangeKind::Delete)];
    story.patch(second.clone(), patched(&second), "Success.");
    let third = vec![change("/ws/dir/full.txt", add)];
    story.patch(third, Outcome::PatchFailed, "no space left on device");
    story.calls("apply_patch");
    story.responds();
    let call = story.called(Invocation::Patch { workdir: None, text: None });
    story.finished(call, 0, Outcome::PatchFailed, "Failed to find expected lines in /ws/dir/a.txt");
    story.ask();
    story.says("Patched.");
    ended(story)
}

/// Calls that a rule refused, that were broken, or that never started.
pub fn declined() -> Story {
    let mut story = begun();
    story.calls("shell");
    story.calls("apply_patch");
    story.calls("does_not_exist");
    story.calls("shell");
    story.responds();
    let denied = || Verdict::Denied { reason: "writing is not allowed here".to_owned() };
    let told = "refused: writing is not allowed here";
    let call = story.called(command(&["rm", "-rf", "build dir"]));
    story.settled(call, denied());
    story.finished(call, 0, Outcome::Refused, told);
    let call = story.called(Invocation::Patch { workdir: None, text: None });
    story.settled(call, denied());
    story.finished(call, 0, Outcome::Refused, told);
    let call =
        story.called(Invocation::Invalid { message: "unsupported call: does_not_exist".into() });
    story.finished(call, 0, Outcome::Invalid, "unsupported call: does_not_exist");
    let call = story.called(command(&["/no/such/program"]));
    story.settled(call, Verdict::Allowed);
    story.intended(call, 1, Confinement::None);
    let reason = "No such file or directory (os error 2)".to_owned();
    story.finished(call, 1, Outcome::NotStarted { reason }, "could not be started");
    story.ask();
    story.says("ok");
    ended(story)
}

/// Reasoning, a message in between, output that arrives in broken pieces, and a final message.
pub fn tool_loop() -> Story {
    let out = OutputStream::Stdout;
    let mut story = begun();
    story.thinks(&["**Looking** around", "then acting"]);
    story.thinks(&[]);
    story.says("I will look around first.");
    story.shell("pwd", &[(out, "/ws/dir\n")], 0);
    story.calls("shell");
    story.responds();
    let call = story.runs(&["/bin/bash", "-lc", "seq 1 30; printf '\\303\\251'"]);
    let numbers: String = (1..=30).map(|number| format!("{number}\n")).collect();
    story.prints(call, out, 0, numbers.as_bytes());
    story.prints(call, out, 0, b"\xc3");
    story.prints(call, out, 0, b"\xa9 \xff");
    story.prints(call, out, 70_000, b"the end\n");
    story.finished(call, 1, Outcome::Exited { code: 0 }, "1\n2\n");
    story.ask();
    story.says("Finished the loop.");
    ended(story)
}

/// A stream that breaks after an item and works the second time.
pub fn drop_then_ok() -> Story {
    let mut story = begun();
    story.fails(FaultKind::ServerError, "502", retry(RetryBudget::Request));
    story.ask_again();
    story.says("never shown");
    story.fails(FaultKind::StreamLost, DROPPED, retry(RetryBudget::Stream));
    story.ask_again();
    story.says("second try worked");
    ended(story)
}

/// A stream that breaks every time.
pub fn drop_forever() -> Story {
    let mut story = begun();
    story.says("all that was said");
    story.fails(FaultKind::StreamLost, DROPPED, retry(RetryBudget::Stream));
    story.ask_again();
    story.fails(FaultKind::StreamLost, DROPPED, None);
    let event = Event::TurnFailed { kind: FailureKind::Model, message: DROPPED.to_owned() };
    story.push(Author::Supervisor, event);
    story.close(CloseReason::Done);
    story
}

/// An answer that is interrupted while it comes in, for the second time; its first attempt broke.
pub fn broken_off() -> Story {
    let mut story = begun();
    story.streams(0, StreamPart::Text, "never sho");
    story.fails(FaultKind::StreamLost, DROPPED, retry(RetryBudget::Stream));
    story.ask_again();
    story.streams(0, StreamPart::Reasoning, "**Planning**\n\nfirst");
    story.thinks(&["**Planning**\n\nfirst the store"]);
    story.streams(1, StreamPart::Text, "There are **three");
    story.streams(1, StreamPart::Text, " ways**:\n\n1. wai");
    let reason = InterruptReason::User;
    story.push(user(), Event::TurnInterruptRequested { reason });
    story.streams(1, StreamPart::Text, "t for");
    story.fails(FaultKind::Cancelled, "the request was cancelled", None);
    story.push(Author::Supervisor, Event::TurnInterrupted { reason });
    story.turn("go on");
    story.ask();
    story.says("Went on.");
    ended(story)
}

/// A command ended by Ctrl-C.
pub fn interrupted() -> Story {
    let mut story = begun();
    story.says("Running the tests.");
    story.calls("shell");
    story.responds();
    let call = story.runs(&["sleep", "60"]);
    story.prints(call, OutputStream::Stdout, 0, b"waiting\n");
    let reason = InterruptReason::Sigint;
    story.push(user(), Event::TurnInterruptRequested { reason });
    story.finished(call, 1, Outcome::Interrupted, "interrupted");
    story.push(Author::Supervisor, Event::TurnInterrupted { reason });
    story.close(CloseReason::Interrupted);
    story
}

/// A session with one turn in each of two processes, and a command in each.
pub fn resumed() -> Story {
    let mut story = shell();
    story.resume(Vec::new());
    story.turn("go on");
    story.ask();
    story.shell("true", &[], 0);
    story.says("Went on.");
    ended(story)
}

/// A process that was killed while a command ran, and what the next one makes of it.
pub fn resumed_after_loss() -> Story {
    let mut story = begun();
    story.says("Building.");
    story.calls("shell");
    story.responds();
    let call = story.runs(&["make", "all"]);
    story.prints(call, OutputStream::Stdout, 0, b"compiling\n");
    story.resume(vec![call]);
    let output = "the command's effects are unknown".into();
    story.push(Author::Supervisor, Event::ToolAbandoned { call, output });
    let message = "a command was running when the last process ended: make all".to_owned();
    story.push(Author::Supervisor, Event::TurnFailed { kind: FailureKind::Ambiguous, message });
    story.close(CloseReason::Done);
    story
}

/// One of everything else: questions and answers, a retry outside of the sandbox, repairs, changed
/// settings, notes, queued input, a failed notification, and a kind of another release.
pub fn every_kind() -> Story {
    let mut story = begun();
    let note = "the sandbox is weaker here than asked".into();
    story.push(Author::Supervisor, Event::Noted { text: note });
    story.calls("shell");
    story.calls("shell");
    story.responds();
    let call = story.called(command(&["touch", "/etc/\x1b[2Jmotd"]));
    story.settled(call, Verdict::Allowed);
    story.intended(call, 1, Confinement::Sandbox { plan: codex_event::Digest::of(b"plan") });
    story.spawned(call, 1);
    story.prints(call, OutputStream::Stderr, 0, b"\x1b]0;pwned\x07Permission denied\r\n");
    let denial = Denial {
        grade: DenialGrade::Certain,
        evidence: "Permission denied".to_owned(),
        denied: None,
        permission: None,
    };
    let event = Event::ToolFinished {
        call,
        attempt: 1,
        outcome: Outcome::Exited { code: 1 },
        duration_ms: 1204,
        output: "Permission denied".into(),
        denial: Some(denial),
    };
    story.push(Author::Supervisor, event);
    let (question, reason) = (Question::RetryUnconfined, "the sandbox stopped it".to_owned());
    story.push(Author::Supervisor, Event::ReviewAsked { call, question, reason });
    let (verdict, scope) = (Verdict::Allowed, Scope::Once);
    story.push(Author::User("tui".to_owned()), Event::ReviewSettled { call, verdict, scope });
    story.intended(call, 2, Confinement::None);
    story.spawned(call, 2);
    story.finished(call, 2, Outcome::Signalled { signal: 9 }, "killed");
    let slow = story.runs(&["sleep", "1000"]);
    let event = Event::ToolFinished {
        call: slow,
        attempt: 1,
        outcome: Outcome::TimedOut,
        duration_ms: 75_300,
        output: "timed out".into(),
        denial: None,
    };
    story.push(Author::Supervisor, event);
    story.push(user(), Event::InputQueued { input: "and hurry".into() });
    story.ask();
    story.fails(
        FaultKind::PreviousResponseUnknown,
        "no such response",
        retry(RetryBudget::WholeTranscript),
    );
    let reason = "the provider does not keep responses".to_owned();
    let backend = Backend::Stateless;
    story.push(Author::Supervisor, Event::SettingsChanged { backend, reason, settings: None });
    story.ask_again();
    let (kind, raw) = ("moon_landed".to_owned(), "{\"at\":1}".to_owned());
    story.push_body(Author::Supervisor, Body::Foreign { kind, version: SCHEMA_VERSION, raw });
    story.says("Bells \x07 and \x1b[1mwhistles.\nSecond line.");
    story.responds();
    story.done();
    let program = vec!["notify-send".to_owned()].into();
    let error = Some("No such file or directory (os error 2)".to_owned());
    story
        .push(Author::Supervisor, Event::NotificationSent { program, payload: "{}".into(), error });
    story.own_command("make test", Some((2, "1 failed\n")));
    story.own_command("make all", None);
    story.close(CloseReason::Done);
    let missing = vec![(Seq(7), Seq(9))];
    story.resume(Vec::<CallId>::new());
    story.push(Author::Supervisor, Event::Repaired { missing });
    story.push(Author::User("exec".into()), Event::SessionNamed { name: Some("moon".into()) });
    story.push(Author::User("exec".into()), Event::SessionNamed { name: None });
    let shelf = Shelf::Archived;
    story.push(Author::User("exec".into()), Event::SessionShelved { shelf });
    story.close(CloseReason::HandedOver);
    story
}
