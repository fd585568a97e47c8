//! Given what a crash left, when the session is taken up again, then these events follow.

use codex_event::*;
use codex_session::{Effect, PatchPlan, Report};

use crate::rules::{asked, called, command, done, ended, function, item, kinds};
use crate::world::{World, check_outputs};

const INPUT: &str = "input_queued by user:exec";
const ASKS: &str = "model_requested by supervisor";
const RESUMED: &str = "session_resumed by user:exec";

/// What the resume itself wrote.
fn resumed(world: &mut World, input: Option<&str>) -> Vec<String> {
    let before = world.log.len();
    let input = input.map(str::to_owned);
    world.crash_and(|resumption| Resumption { input, ..resumption });
    kinds(&world.log[before..])
}

/// A turn whose patch is about to be applied, whose files are like this when the process ends.
fn patching(state: PatchState) -> World {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    let custom = ItemKind::CustomCall { call_id: "c1".into(), name: "apply_patch".into() };
    item(&mut world, 0, custom);
    done(&mut world, vec![(0, Invocation::Patch { workdir: None, text: None })]);
    let plan = PatchPlan::Ready { changes: vec![], outside: vec![] };
    world.tell(Report::PatchPlanned { call: CallId(1), plan }).expect("awaited");
    world.effects.files.insert(CallId(1), state);
    world
}

#[test]
fn a_patch_that_was_not_begun_is_planned_and_applied() {
    let mut world = patching(PatchState::Before);
    assert_eq!(resumed(&mut world, None), [RESUMED]);
    assert_eq!(world.owed, [Effect::PlanPatch { call: CallId(1), outside: vec![] }]);
    let plan = PatchPlan::Ready { changes: vec![], outside: vec![] };
    let batch = world.tell(Report::PatchPlanned { call: CallId(1), plan }).expect("awaited");
    assert_eq!(kinds(&batch), ["review_settled by policy:never", "tool_intended by supervisor"]);
    let Some(Event::ToolIntended { attempt, .. }) = batch[1].event() else { panic!("{batch:?}") };
    assert_eq!(*attempt, 2, "an attempt of its own");
}

#[test]
fn a_patch_that_was_applied_is_finished_without_being_applied() {
    let mut world = patching(PatchState::After);
    assert_eq!(resumed(&mut world, None), [RESUMED, "tool_finished by supervisor", ASKS]);
    assert!(matches!(world.owed[..], [Effect::CallModel { .. }]), "{:?}", world.owed);
    check_outputs(&world.session);
}

#[test]
fn a_patch_that_was_half_applied_is_told_file_by_file() {
    let told: Stored<String> = "a.txt: as the patch leaves it\nb.txt: as before".into();
    let mut world = patching(PatchState::Mixed { told: told.clone() });
    let kinds = resumed(&mut world, Some("go on"));
    assert_eq!(kinds, [RESUMED, "tool_abandoned by supervisor", INPUT, ASKS]);
    let output = world.log.iter().find_map(|envelope| match envelope.event() {
        Some(Event::ToolAbandoned { output, .. }) => Some(output.clone()),
        Some(_) | None => None,
    });
    assert_eq!(output, Some(told));
}

#[test]
fn without_a_word_from_the_user_unknown_effects_end_the_turn() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    item(&mut world, 0, function("c1"));
    item(&mut world, 1, function("c2"));
    let calls = vec![(0, command("make", Safety::Unknown)), (1, command("test", Safety::Unknown))];
    done(&mut world, calls);
    let kinds = resumed(&mut world, None);
    assert_eq!(
        kinds,
        [
            RESUMED,
            "tool_abandoned by supervisor",
            "tool_finished by supervisor",
            "turn_failed by supervisor"
        ]
    );
    let failed = world.log.last().and_then(Envelope::event);
    let Some(Event::TurnFailed { kind: FailureKind::Ambiguous, message }) = failed else {
        panic!("{failed:?}")
    };
    assert!(message.ends_with("not known: make"), "{message}");
    assert_eq!(world.owed, []);
    check_outputs(&world.session);
    // The next word goes on from there, and the model sees what became of each call.
    world.tell(Command::Submit { input: "go on".into() }).expect("idle");
    check_outputs(&world.session);
}

#[test]
fn an_approval_does_not_survive_the_process_that_it_was_given_to() {
    let (mut world, _) = called(ApprovalPolicy::UnlessAllowListed, Safety::Unknown);
    let allow =
        Command::SettleReview { call: CallId(1), verdict: Verdict::Allowed, scope: Scope::Once };
    // The disk took the approval, and not the intent behind it.
    world.tell_torn(allow, 1).expect("asked");
    assert_eq!(resumed(&mut world, None), [RESUMED, "review_asked by supervisor"]);
    assert_eq!(world.owed, [Effect::AskReview { call: CallId(1) }]);
}

#[test]
fn a_question_without_an_answer_is_asked_again() {
    let (mut world, _) = called(ApprovalPolicy::UnlessAllowListed, Safety::Unknown);
    assert_eq!(resumed(&mut world, None), [RESUMED]);
    assert_eq!(world.owed, [Effect::AskReview { call: CallId(1) }]);
}

#[test]
fn a_retry_that_was_allowed_is_asked_about_again() {
    let (mut world, _) = called(ApprovalPolicy::OnFailure, Safety::Unknown);
    let denial = Denial {
        grade: DenialGrade::Certain,
        evidence: "EPERM".into(),
        denied: None,
        permission: None,
    };
    ended(&mut world, 1, Some(denial));
    let allow =
        Command::SettleReview { call: CallId(1), verdict: Verdict::Allowed, scope: Scope::Once };
    world.tell_torn(allow, 1).expect("asked");
    assert_eq!(resumed(&mut world, None), [RESUMED, "review_asked by supervisor"]);
}

/// Takes the session up with the policy that asks nobody, and without a word.
fn resumed_with_never(world: &mut World) -> Vec<String> {
    let before = world.log.len();
    let settings = crate::world::settings(ApprovalPolicy::Never, Backend::Responses);
    world.crash_and(|resumption| Resumption {
        settings: Some(settings),
        input: None,
        ..resumption
    });
    kinds(&world.log[before..])
}

const CHANGED: &str = "settings_changed by user:exec";

#[test]
fn a_question_that_nobody_is_asked_any_more_is_settled_by_the_policy() {
    let (mut world, _) = called(ApprovalPolicy::UnlessAllowListed, Safety::Unknown);
    let kinds = resumed_with_never(&mut world);
    assert_eq!(
        kinds,
        [RESUMED, CHANGED, "review_settled by policy:never", "tool_intended by supervisor"]
    );
    let last = world.log.last().and_then(Envelope::event);
    let Some(Event::ToolIntended { confinement, .. }) = last else { panic!("{last:?}") };
    assert!(matches!(confinement, Confinement::Sandbox { .. }), "{confinement:?}");
    assert!(matches!(world.owed[..], [Effect::RunTool { .. }]), "{:?}", world.owed);

    let mut world = asked(ApprovalPolicy::UnlessAllowListed, Backend::Responses);
    let custom = ItemKind::CustomCall { call_id: "c1".into(), name: "apply_patch".into() };
    item(&mut world, 0, custom);
    done(&mut world, vec![(0, Invocation::Patch { workdir: None, text: None })]);
    let plan = PatchPlan::Ready { changes: vec![], outside: vec![] };
    world.tell(Report::PatchPlanned { call: CallId(1), plan }).expect("awaited");
    let kinds = resumed_with_never(&mut world);
    assert_eq!(kinds, [RESUMED, CHANGED, "review_settled by policy:never"]);
    assert_eq!(world.owed, [Effect::PlanPatch { call: CallId(1), outside: vec![] }]);
}

#[test]
fn a_policy_that_asks_nobody_lets_nothing_out_of_the_sandbox() {
    // One retry was asked about, and one was allowed, when the process ended.
    for allowed in [false, true] {
        let (mut world, _) = called(ApprovalPolicy::OnFailure, Safety::Unknown);
        let denial = Denial {
            grade: DenialGrade::Certain,
            evidence: "EPERM".into(),
            denied: None,
            permission: None,
        };
        ended(&mut world, 1, Some(denial));
        if allowed {
            let (call, verdict) = (CallId(1), Verdict::Allowed);
            let allow = Command::SettleReview { call, verdict, scope: Scope::Once };
            world.tell_torn(allow, 1).expect("asked");
        }
        let kinds = resumed_with_never(&mut world);
        let settled: &[&str] = if allowed { &[] } else { &["review_settled by policy:never"] };
        assert_eq!(kinds, [&[RESUMED, CHANGED], settled, &[ASKS]].concat(), "{allowed}");
        assert!(matches!(world.owed[..], [Effect::CallModel { .. }]), "{:?}", world.owed);
        check_outputs(&world.session);
    }
}

#[test]
fn an_interrupt_that_was_asked_for_is_carried_out_before_anything_new() {
    let (mut world, _) = called(ApprovalPolicy::Never, Safety::Unknown);
    world.tell(Command::Interrupt { reason: InterruptReason::Sigint }).expect("running");
    let next = world.session.goes_on_with(Some("go on"));
    assert_eq!(next, Some(TurnId(2)));
    assert_eq!(
        resumed(&mut world, Some("go on")),
        [
            RESUMED,
            "tool_abandoned by supervisor",
            "turn_interrupted by supervisor",
            "turn_started by user:exec",
            ASKS
        ]
    );
    assert_eq!(world.session.running(), next);
}

#[test]
fn other_settings_and_surroundings_hold_from_the_first_request_on() {
    let (mut world, _) = called(ApprovalPolicy::Never, Safety::Unknown);
    let settings = Settings {
        model: "another".into(),
        ..crate::world::settings(ApprovalPolicy::UnlessAllowListed, Backend::Stateless)
    };
    let before = world.log.len();
    world.crash_and(|resumption| Resumption { settings: Some(settings), ..resumption });
    let kinds = kinds(&world.log[before..]);
    assert_eq!(
        kinds,
        [RESUMED, "settings_changed by user:exec", "tool_abandoned by supervisor", INPUT, ASKS]
    );
    let Some(Event::ModelRequested { backend, previous, .. }) =
        world.log.last().and_then(Envelope::event)
    else {
        panic!("{:?}", world.log.last())
    };
    assert_eq!((*backend, previous), (Backend::Stateless, &None));
    item(&mut world, 0, function("c1"));
    let batch = done(&mut world, vec![(0, command("make", Safety::Unknown))]);
    assert!(batch.iter().any(|it| matches!(it.event(), Some(Event::ReviewAsked { .. }))));
}

#[test]
fn a_session_at_rest_waits_for_input() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    item(&mut world, 0, ItemKind::Message);
    done(&mut world, vec![]);
    world.tell(Command::Close { reason: CloseReason::Done }).expect("idle");
    assert_eq!(world.session.goes_on_with(None), None);
    assert_eq!(resumed(&mut world, Some("more")), [RESUMED, "turn_started by user:exec", ASKS]);
    let previous = world.log.last().and_then(Envelope::event);
    let Some(Event::ModelRequested { previous: Some(_), .. }) = previous else {
        panic!("builds on the last response: {previous:?}")
    };
}

#[test]
fn what_was_said_before_changes_nothing_when_it_is_said_again() {
    let (mut world, _) = called(ApprovalPolicy::Never, Safety::Unknown);
    let process = ProcessMark { pid: 7, start_time: 1, boot_id: "b".into() };
    let spawned = || Report::ToolSpawned {
        call: CallId(1),
        attempt: 1,
        process: process.clone(),
        enforced: "x".into(),
    };
    world.tell(spawned()).expect("intended");
    assert_eq!(world.tell(spawned()), Err(Rejection::Stale));
    ended(&mut world, 1, None);
    item(&mut world, 0, ItemKind::Message);
    let again = Report::ModelItem {
        request: RequestId(2),
        attempt: 1,
        item: 0,
        kind: ItemKind::Message,
        raw: "{}".into(),
    };
    assert_eq!(world.tell(again), Err(Rejection::Stale));
    done(&mut world, vec![]);
    let told = |turn| Report::Notified {
        turn,
        program: vec!["p".into()],
        payload: "{}".into(),
        error: None,
    };
    assert_eq!(world.tell(told(TurnId(7))), Err(Rejection::Stale), "another turn's");
    world.tell(told(TurnId(1))).expect("owed");
    assert_eq!(world.tell(told(TurnId(1))), Err(Rejection::Stale));
}

#[test]
fn nobody_is_told_of_a_turn_once_no_program_is_to_be_told() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    item(&mut world, 0, ItemKind::Message);
    done(&mut world, vec![]);
    assert!(matches!(world.owed[..], [Effect::Notify { .. }]), "{:?}", world.owed);
    let mut settings = crate::world::settings(ApprovalPolicy::Never, Backend::Responses);
    settings.notify.clear();
    world.crash_and(|resumption| Resumption {
        settings: Some(settings),
        input: None,
        ..resumption
    });
    assert_eq!(world.owed, []);
}
