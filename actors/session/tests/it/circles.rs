//! A model that asks for the same again and again.

use codex_event::*;
use codex_session::{PatchPlan, Report, Session};

use crate::rules::{asked, command, current, done, function, item};
use crate::world::{World, check_outputs};

/// How one round goes: its call, what it prints, and its exit code.
#[derive(Clone, Copy)]
struct Round<'a> {
    program: &'a str,
    prints: &'a [&'a str],
    code: i32,
}

const SAME: Round<'_> = Round { program: "make", prints: &["it failed"], code: 1 };

fn begin() -> World {
    asked(ApprovalPolicy::Never, Backend::Responses)
}

/// Lets the model call, and the call run when it may; gives what the model is told.
fn round(world: &mut World, round: Round<'_>) -> String {
    item(world, 0, function("c"));
    let batch = done(world, vec![(0, command(round.program, Safety::Unknown))]);
    if let Some(told) = told(&batch) {
        return told;
    }
    end(world, &batch, round)
}

fn told(batch: &[Envelope]) -> Option<String> {
    batch.iter().rev().find_map(|envelope| match envelope.event() {
        Some(Event::ToolFinished { output, .. }) => output.inline().cloned(),
        _ => None,
    })
}

/// Runs the call that a batch intends.
fn end(world: &mut World, batch: &[Envelope], round: Round<'_>) -> String {
    let intended = batch.iter().find_map(|envelope| match envelope.event() {
        Some(Event::ToolIntended { call, .. }) => Some(*call),
        _ => None,
    });
    let (call, attempt) = (intended.expect("it may run"), 1);
    let process = ProcessMark { pid: 7, start_time: 1, boot_id: "b".into() };
    world
        .tell(Report::ToolSpawned { call, attempt, process, enforced: "landlock".into() })
        .expect("intended");
    for piece in round.prints {
        let bytes = OutputBytes(piece.as_bytes().to_vec());
        let stream = OutputStream::Stdout;
        world
            .tell(Report::ToolOutput { call, attempt, stream, skipped: 0, bytes })
            .expect("under way");
    }
    world.owed.clear();
    let took = world.log.len() as u64;
    let report = Report::ToolEnded {
        call,
        attempt,
        outcome: Outcome::Exited { code: round.code },
        duration_ms: took,
        output: format!("Wall time: {took}\nthe output\n"),
        denial: None,
    };
    told(&world.tell(report).expect("under way")).expect("an end")
}

fn is_remarked(told: &str) -> bool {
    told.contains("times in a row")
}

fn authors(world: &World, rule: &str) -> usize {
    let rule = Author::Policy(rule.into());
    world.log.iter().filter(|envelope| envelope.author == rule).count()
}

#[test]
fn a_call_that_is_repeated_is_remarked_upon_then_refused_then_ends_the_turn() {
    let mut world = begin();
    for number in 1..=64 {
        let told = round(&mut world, SAME);
        assert_eq!(is_remarked(&told), number >= 8, "{number}: {told}");
        assert!(told.starts_with("Wall time: "), "the result comes first: {told}");
    }
    let eighth = "[You asked for exactly this 8 times in a row, and the 7 results before this one";
    assert!(
        world.log.iter().any(|e| told(std::slice::from_ref(e)).is_some_and(|t| t.contains(eighth)))
    );
    for number in 65..=67 {
        assert!(world.session.running().is_some(), "{number}");
        let told = round(&mut world, SAME);
        assert!(told.starts_with("refused: this was asked for "), "{told}");
    }
    assert_eq!(authors(&world, "never"), 64, "the first 64 ran");
    assert_eq!(authors(&world, "repeated-call"), 3);
    let last = world.log.last().and_then(Envelope::event);
    let Some(Event::TurnFailed { kind: FailureKind::Policy, message }) = last else {
        panic!("{last:?}")
    };
    assert!(
        message.contains("same result 64 times in a row, and was then refused 3 times"),
        "{message}"
    );
    check_outputs(&world.session);
    assert_eq!(codex_session::redecide(&world.log), Ok(()), "decided again, it is the same");
}

#[test]
fn another_call_another_result_or_another_turn_begins_a_new_count() {
    let others = [
        Round { program: "vi", ..SAME },
        Round { code: 2, ..SAME },
        Round { prints: &["it failed again"], ..SAME },
        Round { prints: &[], ..SAME },
    ];
    for (number, other) in others.into_iter().enumerate() {
        let mut world = begin();
        for _ in 0..40 {
            for _ in 0..7 {
                let told = round(&mut world, SAME);
                assert!(!is_remarked(&told), "{number}: {told}");
            }
            assert!(!is_remarked(&round(&mut world, Round { program: "edit", ..SAME })));
            round(&mut world, other);
        }
        assert_eq!(authors(&world, "repeated-call"), 0);
    }
    let mut world = begin();
    for _ in 0..7 {
        round(&mut world, SAME);
    }
    item(&mut world, 0, ItemKind::Message);
    done(&mut world, vec![]);
    world.tell(Command::Submit { input: "once more".into() }).expect("idle");
    assert!(!is_remarked(&round(&mut world, SAME)));
}

#[test]
fn a_result_that_changes_after_a_remark_begins_a_new_count() {
    let mut world = begin();
    for _ in 0..20 {
        round(&mut world, SAME);
    }
    let told = round(&mut world, Round { code: 0, ..SAME });
    assert!(is_remarked(&told), "the results before were the same: {told}");
    assert!(!is_remarked(&round(&mut world, Round { code: 0, ..SAME })));
}

#[test]
fn how_output_was_cut_makes_no_difference() {
    let cuts: [&[&str]; 3] = [&["it failed"], &["it", " failed"], &["it f", "a", "iled"]];
    let mut world = begin();
    for number in 1..=8 {
        let told = round(&mut world, Round { prints: cuts[number % 3], ..SAME });
        assert_eq!(is_remarked(&told), number == 8, "{told}");
    }
}

#[test]
fn many_equal_calls_of_one_response_are_one_round() {
    let mut world = begin();
    for number in 1..=20 {
        for at in 0..50 {
            item(&mut world, at, function(&format!("c{at}")));
        }
        let calls = (0..50).map(|at| (at, command("true", Safety::Unknown))).collect();
        let mut batch = done(&mut world, calls);
        for _ in 0..50 {
            let before = world.log.len();
            let told = end(&mut world, &batch, SAME);
            assert_eq!(is_remarked(&told), number >= 8, "{number}: {told}");
            batch = world.log[before..].to_vec();
        }
    }
    assert_eq!(authors(&world, "never"), 1000);
}

#[test]
fn the_count_comes_from_the_journal() {
    let mut world = begin();
    for number in 1..=67 {
        round(&mut world, SAME);
        if number % 9 == 0 || number > 63 {
            assert_eq!(Session::fold(&world.log), world.session, "after {number}");
        }
    }
}

#[test]
fn a_killed_process_begins_a_new_count_and_the_turn_ends_all_the_same() {
    for before in [0, 1, 7, 30, 63, 64, 66] {
        let mut world = begin();
        for _ in 0..before {
            round(&mut world, SAME);
        }
        item(&mut world, 0, function("c"));
        done(&mut world, vec![(0, command(SAME.program, Safety::Unknown))]);
        let mut after = 0;
        if world.session.running().is_some() {
            world.owed.clear();
            world.crash();
        }
        while world.session.running().is_some() {
            round(&mut world, SAME);
            after += 1;
            assert!(after <= 67, "the turn does not end");
        }
        // A call that was under way has no result to compare; one that was refused has.
        assert_eq!(after, if before < 64 { 67 } else { 66 - before }, "{before}");
        check_outputs(&world.session);
    }
}

#[test]
fn calls_at_fault_count_as_well() {
    let mut world = begin();
    for number in 1..=67 {
        item(&mut world, 0, function("c"));
        let message = Stored::from("unsupported call: frobnicate");
        let batch = done(&mut world, vec![(0, Invocation::Invalid { message })]);
        let told = told(&batch).expect("answered at once");
        assert_eq!(told.starts_with("unsupported call"), number <= 64, "{told}");
        assert_eq!(is_remarked(&told), number >= 8, "{told}");
    }
    assert!(world.session.running().is_none());
}

#[test]
fn patches_are_told_apart_by_their_text() {
    let patched = |world: &mut World, text: Option<&str>| {
        let kind = ItemKind::CustomCall { call_id: "c".into(), name: "apply_patch".into() };
        item(world, 0, kind);
        let text = text.map(|text| Digest::of(text.as_bytes()));
        let batch = done(world, vec![(0, Invocation::Patch { workdir: None, text })]);
        let called = batch.iter().find_map(|envelope| match envelope.event() {
            Some(Event::ToolCalled { call, .. }) => Some(*call),
            _ => None,
        });
        world.owed.clear();
        let plan = PatchPlan::Failed { message: "does not fit".into() };
        let report = Report::PatchPlanned { call: called.expect("a call"), plan };
        told(&world.tell(report).expect("due")).expect("an end")
    };
    let mut world = begin();
    for number in 1..=8 {
        assert_eq!(is_remarked(&patched(&mut world, Some("a"))), number == 8);
    }
    let mut world = begin();
    for number in 0..20 {
        assert!(!is_remarked(&patched(&mut world, Some(&format!("{number}")))));
    }
    // A journal that does not say which patch it was proves nothing.
    for _ in 0..20 {
        assert!(!is_remarked(&patched(&mut world, None)));
    }
    let (request, _) = current(&world);
    assert_eq!(request, RequestId(41));
}
