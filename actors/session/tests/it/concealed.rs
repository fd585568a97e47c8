//! Given a call whose arguments only its process has, when that process ends, then nobody runs it.

use codex_event::*;
use codex_session::{Effect, PatchPlan, Report, Session};

use crate::rules::{asked, command, done_concealing, ended, function, item, kinds};
use crate::world::{World, check_outputs};

const RESUMED: &str = "session_resumed by user:exec";
const FINISHED: &str = "tool_finished by supervisor";
const ASKS: &str = "model_requested by supervisor";

fn resumed(world: &mut World) -> Vec<String> {
    let before = world.log.len();
    world.crash_and(|resumption| Resumption { input: None, ..resumption });
    kinds(&world.log[before..])
}

fn patching(policy: ApprovalPolicy) -> World {
    let mut world = asked(policy, Backend::Responses);
    item(&mut world, 0, ItemKind::CustomCall { call_id: "c1".into(), name: "apply_patch".into() });
    let patch = Invocation::Patch { workdir: None, text: None };
    done_concealing(&mut world, vec![(0, patch)], vec![0]);
    world
}

fn running(policy: ApprovalPolicy) -> World {
    let mut world = asked(policy, Backend::Responses);
    item(&mut world, 0, function("c1"));
    done_concealing(&mut world, vec![(0, command("make", Safety::Unknown))], vec![0]);
    world
}

/// The end of the call, which says that it was not carried out.
fn check_not_started(world: &World) {
    let end = world.log.iter().rev().find_map(|envelope| match envelope.event() {
        Some(Event::ToolFinished { attempt, outcome, output, .. }) => {
            Some((*attempt, outcome.clone(), output.clone()))
        }
        Some(_) | None => None,
    });
    let Some((0, Outcome::NotStarted { reason }, Stored::Inline(output))) = end else {
        panic!("{end:?}")
    };
    assert!(reason.contains("hold a secret") && output.contains("Call the tool again"), "{output}");
    assert!(matches!(world.owed[..], [Effect::CallModel { .. }]), "{:?}", world.owed);
    check_outputs(&world.session);
}

#[test]
fn its_own_process_carries_it_out() {
    let world = running(ApprovalPolicy::Never);
    assert!(matches!(world.owed[..], [Effect::RunTool { .. }]), "{:?}", world.owed);
    let world = patching(ApprovalPolicy::Never);
    assert_eq!(world.owed, [Effect::PlanPatch { call: CallId(1), outside: vec![] }]);
}

#[test]
fn a_patch_that_was_not_planned_ends() {
    let mut world = patching(ApprovalPolicy::Never);
    assert_eq!(resumed(&mut world), [RESUMED, FINISHED, ASKS]);
    check_not_started(&world);
}

#[test]
fn a_patch_that_was_intended_and_not_begun_ends() {
    let mut world = patching(ApprovalPolicy::Never);
    let plan = PatchPlan::Ready { changes: vec![], outside: vec![] };
    world.tell(Report::PatchPlanned { call: CallId(1), plan }).expect("awaited");
    world.effects.files.insert(CallId(1), PatchState::Before);
    assert_eq!(resumed(&mut world), [RESUMED, FINISHED, ASKS]);
    check_not_started(&world);
}

#[test]
fn a_question_about_it_is_not_asked_again() {
    let mut world = running(ApprovalPolicy::UnlessAllowListed);
    assert_eq!(world.owed, [Effect::AskReview { call: CallId(1) }]);
    assert_eq!(resumed(&mut world), [RESUMED, FINISHED, ASKS]);
    check_not_started(&world);
    // Nor does an answer that comes late start it.
    let allow =
        Command::SettleReview { call: CallId(1), verdict: Verdict::Allowed, scope: Scope::Once };
    assert_eq!(world.tell(allow), Err(Rejection::NoSuchReview(CallId(1))));
}

#[test]
fn what_its_first_attempt_came_to_stands() {
    for answered in [false, true] {
        let mut world = running(ApprovalPolicy::OnFailure);
        let denial = Denial {
            grade: DenialGrade::Likely,
            evidence: "EPERM".into(),
            denied: None,
            permission: None,
        };
        ended(&mut world, 1, Some(denial));
        assert!(world.owed.contains(&Effect::AskReview { call: CallId(1) }), "{:?}", world.owed);
        if answered {
            let (verdict, scope) = (Verdict::Allowed, Scope::Once);
            let allow = Command::SettleReview { call: CallId(1), verdict, scope };
            // The answer is durable, and what follows it is not.
            world.tell_torn(allow, 1).expect("awaited");
        }
        let expected: &[&str] = match answered {
            false => &[RESUMED, "review_settled by policy:concealed", ASKS],
            true => &[RESUMED, ASKS],
        };
        assert_eq!(resumed(&mut world), expected);
        check_outputs(&world.session);
    }
}

#[test]
fn one_that_was_under_way_is_abandoned_as_any_other() {
    let mut world = running(ApprovalPolicy::Never);
    world.crash();
    let abandoned = world.log.iter().filter_map(Envelope::event);
    assert!(abandoned.into_iter().any(|it| matches!(it, Event::ToolAbandoned { .. })));
    check_outputs(&world.session);
}

#[test]
fn the_grammar_forbids_to_intend_it_in_another_process() {
    let mut world = patching(ApprovalPolicy::Never);
    let plan = PatchPlan::Ready { changes: vec![], outside: vec![] };
    let batch = world.tell(Report::PatchPlanned { call: CallId(1), plan }).expect("awaited");
    // The same journal, with a resume between the verdict and the intent.
    let at = world.log.len() - 1;
    let mut forged = world.log[..at].to_vec();
    let mut resume = batch[0].clone();
    resume.seq = batch[1].seq;
    resume.epoch = batch[1].epoch.next();
    resume.body = Body::Known(Event::SessionResumed {
        program: "0.1.0".into(),
        lost: vec![],
        patches: vec![],
        surroundings: None,
    });
    let mut allow = batch[0].clone();
    (allow.seq, allow.epoch) = (resume.seq.next(), resume.epoch);
    let mut intend = batch[1].clone();
    (intend.seq, intend.epoch) = (allow.seq.next(), resume.epoch);
    forged.extend([resume, allow]);
    let session = Session::fold(&forged);
    assert!(session.admit(&intend).is_err());
}
