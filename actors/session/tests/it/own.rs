//! Commands that the user runs without the model.

use codex_event::*;
use codex_session::{Effect, Entry, Report, redecide};

use crate::rules::{asked, command, current, done, item, kinds};
use crate::world::{World, opening};

const STARTED: &str = "own_command_started by user:exec";
const ENDED: &str = "own_command_ended by user:exec";
const LOST: &str = "own_command_ended by supervisor";

pub(crate) fn starts(line: &str) -> Command {
    Command::StartOwnCommand { line: line.to_owned(), cwd: "/work".to_owned() }
}

pub(crate) fn ends(line: &str) -> Command {
    let (line, output) = (line.to_owned(), "1 failed".to_owned());
    Command::EndOwnCommand { line, exit: 2, duration_ms: 40, output }
}

fn told(exit: Option<i32>) -> Entry {
    let (duration_ms, output) = if exit.is_some() { (40, "1 failed") } else { (0, "") };
    Entry::OwnCommand { line: "make".into(), exit, duration_ms, output: output.into() }
}

fn last(world: &World, count: usize) -> Vec<Entry> {
    let entries = world.session.transcript().entries();
    entries[entries.len() - count..].iter().map(|entry| (**entry).clone()).collect()
}

fn check(world: &World) {
    assert_eq!(redecide(&world.log), Ok(()));
}

#[test]
fn what_was_run_between_turns_is_told_with_what_is_said_next() {
    let mut world = World::new();
    world.tell(opening(ApprovalPolicy::Never, Backend::Responses)).expect("opens");
    assert_eq!(kinds(&world.tell(starts("make")).expect("taken")), [STARTED]);
    assert!(world.owed.is_empty(), "whoever asks carries it out: {:?}", world.owed);
    let ended = world.tell(ends("make")).expect("it runs");
    assert_eq!(kinds(&ended), [ENDED]);
    assert_eq!(world.session.running(), None, "no turn begins for it");
    assert_eq!(world.tell(ends("make")), Err(Rejection::Stale), "it has ended");
    world.tell(Command::Submit { input: "fix that".into() }).expect("idle");
    assert_eq!(last(&world, 2), [told(Some(2)), Entry::User { text: "fix that".into() }]);
    check(&world);
}

#[test]
fn what_was_run_during_a_turn_goes_along_and_asks_for_nothing() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    world.tell(starts("make")).expect("taken");
    world.tell(ends("make")).expect("it runs");
    item(&mut world, 0, ItemKind::Message);
    let batch = done(&mut world, vec![]);
    assert_eq!(kinds(&batch)[1..], ["turn_completed by supervisor"]);
    assert_eq!(last(&world, 1), [told(Some(2))]);
    check(&world);
}

#[test]
fn what_was_run_while_a_tool_worked_is_told_behind_what_came_of_that() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    let call = ItemKind::FunctionCall { call_id: "c1".into(), name: "shell".into() };
    item(&mut world, 0, call);
    done(&mut world, vec![(0, command("ls", Safety::KnownSafe))]);
    world.tell(starts("make")).expect("taken");
    world.tell(ends("make")).expect("it runs");
    let report = Report::ToolEnded {
        call: CallId(1),
        attempt: 1,
        outcome: Outcome::Exited { code: 0 },
        duration_ms: 1,
        output: "files".into(),
        denial: None,
    };
    world.tell(report).expect("awaited");
    assert!(matches!(world.owed.last(), Some(Effect::CallModel { .. })), "{:?}", world.owed);
    assert_eq!(current(&world), (RequestId(2), 1));
    let [output, own] = &last(&world, 2)[..] else { panic!("two entries") };
    assert!(matches!(output, Entry::Output { .. }), "{output:?}");
    assert_eq!(*own, told(Some(2)));
    check(&world);
}

#[test]
fn the_end_of_one_is_known_by_its_line() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    world.tell(starts("make")).expect("taken");
    world.tell(starts("ls")).expect("another may run beside it");
    assert_eq!(world.tell(ends("cargo")), Err(Rejection::Stale));
    world.tell(ends("ls")).expect("it runs");
    world.tell(ends("make")).expect("it still runs");
    assert_eq!(world.tell(starts(" \n")), Err(Rejection::EmptyInput));
    check(&world);
}

#[test]
fn one_that_still_runs_is_lost_with_its_process() {
    let mut world = World::new();
    world.tell(opening(ApprovalPolicy::Never, Backend::Responses)).expect("opens");
    world.tell(starts("make")).expect("taken");
    let before = world.log.len();
    world.crash_and(|resumption| Resumption { input: Some("go on".into()), ..resumption });
    assert_eq!(kinds(&world.log[before..])[1..3], [LOST, "turn_started by user:exec"]);
    assert_eq!(last(&world, 2), [told(None), Entry::User { text: "go on".into() }]);
    check(&world);
}

#[test]
fn one_that_still_runs_is_lost_when_the_session_is_let_go_of() {
    let mut world = World::new();
    world.tell(opening(ApprovalPolicy::Never, Backend::Responses)).expect("opens");
    world.tell(starts("make")).expect("taken");
    world.tell(starts("ls")).expect("taken");
    let batch = world.tell(Command::Close { reason: CloseReason::Done }).expect("idle");
    assert_eq!(kinds(&batch), [ENDED, ENDED, "session_closed by user:exec"]);
    assert_eq!(last(&world, 2)[0], told(None));
    assert_eq!(world.tell(ends("make")), Err(Rejection::Closed));
    check(&world);
}
