//! Given a session, when something comes in, then these events follow.

use codex_event::*;
use codex_session::{Effect, PatchPlan, Report};

use crate::world::{World, opening};

pub(crate) fn kinds(batch: &[Envelope]) -> Vec<String> {
    batch.iter().map(|envelope| format!("{} by {}", envelope.kind(), envelope.author)).collect()
}

pub(crate) fn asked(policy: ApprovalPolicy, backend: Backend) -> World {
    let mut world = World::new();
    world.tell(opening(policy, backend)).expect("opens");
    world.tell(Command::Submit { input: "fix it".into() }).expect("starts");
    world
}

pub(crate) fn item(world: &mut World, item: u32, kind: ItemKind) {
    let (request, attempt) = current(world);
    world
        .tell(Report::ModelItem { request, attempt, item, kind, raw: "{}".into() })
        .expect("awaited");
}

pub(crate) fn current(world: &World) -> (RequestId, u32) {
    let last = world.log.iter().rev().find_map(|envelope| match envelope.event() {
        Some(Event::ModelRequested { request, attempt, .. }) => Some((*request, *attempt)),
        _ => None,
    });
    last.expect("something was requested")
}

pub(crate) fn done(world: &mut World, calls: Vec<(u32, Invocation)>) -> Vec<Envelope> {
    done_concealing(world, calls, vec![])
}

/// As `done`, where the calls at these positions hold a secret.
pub(crate) fn done_concealing(
    world: &mut World,
    calls: Vec<(u32, Invocation)>,
    concealed: Vec<u32>,
) -> Vec<Envelope> {
    let (request, attempt) = current(world);
    world.owed.retain(|effect| !matches!(effect, Effect::CallModel { .. }));
    let response = Some(format!("resp_{request}"));
    let usage = Usage { input_tokens: 100, output_tokens: 10, ..Usage::default() };
    let report = Report::ModelDone { request, attempt, response, usage, calls, concealed };
    world.tell(report).expect("awaited")
}

pub(crate) fn command(program: &str, safety: Safety) -> Invocation {
    let argv = vec![program.to_owned()].into();
    Invocation::Command {
        argv,
        workdir: None,
        timeout_ms: None,
        safety,
        escalation: None,
        assessment: None,
    }
}

fn run(attempt: u32, confinement: Confinement) -> Effect {
    Effect::RunTool { call: CallId(1), attempt, confinement }
}

pub(crate) fn function(call_id: &str) -> ItemKind {
    ItemKind::FunctionCall { call_id: call_id.into(), name: "shell".into() }
}

/// A turn whose first response calls one command.
pub(crate) fn called(policy: ApprovalPolicy, safety: Safety) -> (World, Vec<Envelope>) {
    let mut world = asked(policy, Backend::Responses);
    item(&mut world, 0, function("c1"));
    let batch = done(&mut world, vec![(0, command("make", safety))]);
    (world, batch)
}

pub(crate) fn ended(world: &mut World, attempt: u32, denial: Option<Denial>) -> Vec<Envelope> {
    let report = Report::ToolEnded {
        call: CallId(1),
        attempt,
        outcome: Outcome::Exited { code: 1 },
        duration_ms: 5,
        output: "it failed".into(),
        denial,
    };
    world.tell(report).expect("under way")
}

#[test]
fn a_turn_begins_with_its_input_and_a_request() {
    let mut world = World::new();
    world.tell(opening(ApprovalPolicy::Never, Backend::Responses)).expect("opens");
    let batch = world.tell(Command::Submit { input: "hi".into() }).expect("starts");
    assert_eq!(kinds(&batch), ["turn_started by user:exec", "model_requested by supervisor"]);
    assert_eq!(batch[1].cause, Some(batch[0].seq));
    assert_eq!(
        world.owed,
        [Effect::CallModel { request: RequestId(1), attempt: 1, previous: None }]
    );
}

#[test]
fn never_runs_a_command_in_the_sandbox_without_a_question() {
    let (world, batch) = called(ApprovalPolicy::Never, Safety::Unknown);
    assert_eq!(
        kinds(&batch),
        [
            "model_responded by model",
            "tool_called by model",
            "review_settled by policy:never",
            "tool_intended by supervisor"
        ]
    );
    let chain: Vec<_> = batch.windows(2).map(|pair| pair[1].cause == Some(pair[0].seq)).collect();
    assert_eq!(
        chain,
        [false, true, true],
        "the call's cause is its item, then one after the other"
    );
    let Some(Event::ToolIntended { confinement, .. }) = batch[3].event() else { panic!() };
    assert_eq!(*confinement, Confinement::Sandbox { plan: Digest::of(b"plan") });
    assert_eq!(world.owed, [run(1, Confinement::Sandbox { plan: Digest::of(b"plan") })]);
}

#[test]
fn unless_allow_listed_asks_for_what_is_not_known_to_be_safe() {
    let (_, batch) = called(ApprovalPolicy::UnlessAllowListed, Safety::KnownSafe);
    assert_eq!(kinds(&batch)[2], "review_settled by policy:known-safe");

    let (mut world, batch) = called(ApprovalPolicy::UnlessAllowListed, Safety::Unknown);
    assert_eq!(kinds(&batch).last().map(String::as_str), Some("review_asked by supervisor"));
    assert_eq!(world.owed, [Effect::AskReview { call: CallId(1) }]);
    world.owed.clear();
    let answer =
        Command::SettleReview { call: CallId(1), verdict: Verdict::Allowed, scope: Scope::Session };
    let batch = world.tell(answer.clone()).expect("asked");
    assert_eq!(kinds(&batch), ["review_settled by user:exec", "tool_intended by supervisor"]);
    assert_eq!(world.tell(answer), Err(Rejection::NoSuchReview(CallId(1))));

    // The same command again is covered by the answer for the session.
    world.owed.clear();
    ended(&mut world, 1, None);
    item(&mut world, 0, function("c2"));
    let batch = done(&mut world, vec![(0, command("make", Safety::Unknown))]);
    assert_eq!(kinds(&batch)[2], "review_settled by policy:granted-for-session");
}

#[test]
fn a_denied_command_is_told_to_the_model_and_the_turn_goes_on() {
    let (mut world, _) = called(ApprovalPolicy::UnlessAllowListed, Safety::Unknown);
    let verdict = Verdict::Denied { reason: "use ninja".into() };
    let answer = Command::SettleReview { call: CallId(1), verdict, scope: Scope::Once };
    let batch = world.tell(answer).expect("asked");
    assert_eq!(
        kinds(&batch),
        [
            "review_settled by user:exec",
            "tool_finished by supervisor",
            "model_requested by supervisor"
        ]
    );
    let Some(Event::ToolFinished { outcome, output, .. }) = batch[1].event() else { panic!() };
    assert_eq!(
        (outcome, output.inline().map(String::as_str)),
        (&Outcome::Refused, Some("use ninja"))
    );
}

#[test]
fn abort_ends_the_turn() {
    let (mut world, _) = called(ApprovalPolicy::UnlessAllowListed, Safety::Unknown);
    let answer =
        Command::SettleReview { call: CallId(1), verdict: Verdict::Aborted, scope: Scope::Once };
    let batch = world.tell(answer).expect("asked");
    let Some(Event::TurnFailed { kind, .. }) = batch.last().and_then(Envelope::event) else {
        panic!("{batch:?}")
    };
    assert_eq!(*kind, FailureKind::Policy);
}

#[test]
fn on_failure_offers_a_retry_outside_of_the_sandbox() {
    let denial = Denial {
        grade: DenialGrade::Certain,
        evidence: "EROFS /etc/x".into(),
        denied: None,
        permission: None,
    };
    let (mut world, _) = called(ApprovalPolicy::OnFailure, Safety::Unknown);
    let batch = ended(&mut world, 1, Some(denial.clone()));
    assert_eq!(kinds(&batch), ["tool_finished by supervisor", "review_asked by supervisor"]);
    world.owed.clear();
    let answer =
        Command::SettleReview { call: CallId(1), verdict: Verdict::Allowed, scope: Scope::Once };
    let batch = world.tell(answer).expect("asked");
    let Some(Event::ToolIntended { attempt, confinement, .. }) = batch[1].event() else {
        panic!("{batch:?}")
    };
    assert_eq!((*attempt, confinement), (2, &Confinement::None));
    assert_eq!(world.owed, [run(2, Confinement::None)]);

    // A denial outside of the sandbox is no denial, and `never` offers nothing.
    let batch = ended(&mut world, 2, Some(denial.clone()));
    assert_eq!(kinds(&batch)[1], "model_requested by supervisor");
    let (mut world, _) = called(ApprovalPolicy::Never, Safety::Unknown);
    let batch = ended(&mut world, 1, Some(denial));
    assert_eq!(kinds(&batch)[1], "model_requested by supervisor");
}

#[test]
fn a_patch_is_planned_before_it_is_intended() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Stateless);
    let kind = ItemKind::CustomCall { call_id: "c1".into(), name: "apply_patch".into() };
    item(&mut world, 0, kind);
    let batch = done(&mut world, vec![(0, Invocation::Patch { workdir: None, text: None })]);
    assert_eq!(kinds(&batch), ["model_responded by model", "tool_called by model"]);
    assert_eq!(world.owed, [Effect::PlanPatch { call: CallId(1), outside: vec![] }]);
    world.owed.clear();
    let plan =
        PatchPlan::Outside { paths: vec![], message: "writing outside of the project".into() };
    let mut refused = World::new();
    refused.log = world.log.clone();
    refused.session = world.session.clone();
    let batch = refused.tell(Report::PatchPlanned { call: CallId(1), plan }).expect("due");
    assert_eq!(kinds(&batch)[0], "review_settled by policy:writable-roots");
    assert!(!refused.owed.iter().any(|effect| matches!(effect, Effect::RunTool { .. })));
    let plan = PatchPlan::Ready { changes: vec![], outside: vec![] };
    let batch = world.tell(Report::PatchPlanned { call: CallId(1), plan }).expect("due");
    assert_eq!(kinds(&batch), ["review_settled by policy:never", "tool_intended by supervisor"]);
}

#[test]
fn a_lost_stream_is_tried_again_until_the_budget_is_used_up() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    let mut seen = Vec::new();
    loop {
        let (request, attempt) = current(&world);
        let fault =
            Fault { kind: FaultKind::StreamLost, message: "cut".into(), retry_after_ms: None };
        let batch = world.tell(Report::ModelFailed { request, attempt, fault }).expect("awaited");
        let Some(Event::ModelAttemptFailed { retry, .. }) = batch[0].event() else { panic!() };
        seen.push(retry.map(|retry| (retry.number, retry.of)));
        if retry.is_none() {
            assert_eq!(kinds(&batch)[1], "turn_failed by supervisor");
            break;
        }
        world.owed.clear();
        world.tell(Report::RetryDue { request, attempt: attempt + 1 }).expect("paused");
        world.owed.clear();
    }
    assert_eq!(seen, [Some((1, 2)), Some((2, 2)), None]);
}

/// Fails every attempt in the same way; gives each retry that was granted.
fn retries(kind: FaultKind, retry_after_ms: Option<u64>) -> (Vec<Retry>, String) {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    let mut granted = Vec::new();
    loop {
        let (request, attempt) = current(&world);
        let fault = Fault { kind, message: "broken".into(), retry_after_ms };
        world.owed.clear();
        let batch = world.tell(Report::ModelFailed { request, attempt, fault }).expect("awaited");
        let Some(Event::ModelAttemptFailed { retry, .. }) = batch[0].event() else { panic!() };
        let Some(retry) = retry else {
            let Some(Event::TurnFailed { message, .. }) = batch[1].event() else { panic!() };
            return (granted, message.clone());
        };
        granted.push(*retry);
        world.owed.clear();
        world.tell(Report::RetryDue { request, attempt: attempt + 1 }).expect("paused");
    }
}

#[test]
fn each_kind_of_fault_has_its_budget() {
    use RetryBudget::{Request, Stream};
    let budgets = |kind, asked| -> Vec<_> {
        retries(kind, asked).0.iter().map(|retry| (retry.budget, retry.number)).collect()
    };
    // Nobody there: no endless asking, and never more than the one budget.
    assert_eq!(budgets(FaultKind::Unreachable, None), [(Request, 1), (Request, 2)]);
    let both = [(Request, 1), (Request, 2)];
    let (first, second) = ([(Stream, 1)], [(Stream, 2)]);
    let failing = [&both[..], &first, &both, &second, &both].concat();
    assert_eq!(budgets(FaultKind::ServerError, None), failing);
    let streams = [(Stream, 1), (Stream, 2)];
    assert_eq!(
        budgets(FaultKind::ServerError, Some(50)),
        streams,
        "announced, since it takes time"
    );
    for kind in [FaultKind::RateLimited, FaultKind::StreamLost, FaultKind::ResponseFailed] {
        assert_eq!(budgets(kind, None), streams, "{kind:?}");
    }
    for kind in [
        FaultKind::MissingKey,
        FaultKind::Unauthorized,
        FaultKind::BadRequest,
        FaultKind::ContextWindow,
        FaultKind::Quota,
        FaultKind::Incomplete,
    ] {
        assert_eq!(budgets(kind, None), [], "{kind:?}");
    }
}

#[test]
fn our_own_pauses_double_and_are_spread() {
    let (granted, _) = retries(FaultKind::StreamLost, None);
    for (retry, about) in granted.iter().zip([200, 400]) {
        let spread = about * 9 / 10..=about * 11 / 10;
        assert!(spread.contains(&retry.in_ms), "{retry:?}");
    }
}

#[test]
fn a_server_that_asks_for_too_much_time_is_not_waited_for() {
    let (granted, message) = retries(FaultKind::RateLimited, Some(600_000));
    assert_eq!(granted.len(), 2, "ten minutes are waited");
    assert_eq!(message, "broken");
    let (granted, message) = retries(FaultKind::RateLimited, Some(600_001));
    assert_eq!(granted, []);
    assert_eq!(message, "broken; the server asks to wait 11 minutes, and at most 10 are waited");
    assert_eq!(retries(FaultKind::ServerError, Some(u64::MAX)).0, []);
}

#[test]
fn the_server_is_waited_for_as_it_asks() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    let (request, attempt) = current(&world);
    let fault = Fault {
        kind: FaultKind::RateLimited,
        message: "slow down".into(),
        retry_after_ms: Some(2000),
    };
    world.owed.clear();
    world.tell(Report::ModelFailed { request, attempt, fault }).expect("awaited");
    assert_eq!(world.owed, [Effect::Pause { request, attempt: 2, in_ms: 2000 }]);
}

#[test]
fn a_provider_that_forgot_the_last_response_gets_the_whole_transcript_from_then_on() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    item(&mut world, 0, ItemKind::Message);
    done(&mut world, vec![]);
    world.tell(Command::Submit { input: "more".into() }).expect("idle");
    let (request, attempt) = current(&world);
    let kind = FaultKind::PreviousResponseUnknown;
    let fault = Fault { kind, message: "not found".into(), retry_after_ms: None };
    let batch = world.tell(Report::ModelFailed { request, attempt, fault }).expect("awaited");
    assert_eq!(
        kinds(&batch),
        [
            "model_attempt_failed by supervisor",
            "settings_changed by policy:stateless",
            "model_requested by supervisor"
        ]
    );
    let Some(Event::ModelRequested { backend, previous, .. }) = batch[2].event() else { panic!() };
    assert_eq!((*backend, previous), (Backend::Stateless, &None));
}

#[test]
fn the_next_request_builds_on_the_last_response() {
    let (mut world, _) = called(ApprovalPolicy::Never, Safety::Unknown);
    let batch = ended(&mut world, 1, None);
    let Some(Event::ModelRequested { previous, .. }) = batch[1].event() else { panic!() };
    assert_eq!(previous.as_deref(), Some("resp_1"));
    assert_eq!(world.session.transcript().since(Some("resp_1")).len(), 1, "the output alone");
}

#[test]
fn input_that_comes_while_a_turn_runs_is_taken_up_by_the_next_request() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    let batch = world.tell(Command::Submit { input: "and this".into() }).expect("queued");
    assert_eq!(kinds(&batch), ["input_queued by user:exec"]);
    item(&mut world, 0, ItemKind::Message);
    let batch = done(&mut world, vec![]);
    assert_eq!(kinds(&batch)[1], "model_requested by supervisor");
    item(&mut world, 0, ItemKind::Message);
    let batch = done(&mut world, vec![]);
    let Some(Event::TurnCompleted { usage }) = batch[1].event() else { panic!("{batch:?}") };
    assert_eq!(usage.input_tokens, 200);
}

#[test]
fn a_call_at_fault_is_answered_at_once() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    item(&mut world, 0, function("c1"));
    let message = Stored::from("unsupported call: frobnicate");
    let batch = done(&mut world, vec![(0, Invocation::Invalid { message })]);
    assert_eq!(
        kinds(&batch),
        [
            "model_responded by model",
            "tool_called by model",
            "tool_finished by supervisor",
            "model_requested by supervisor"
        ]
    );
}

#[test]
fn an_interrupt_ends_what_runs_and_answers_every_call() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    item(&mut world, 0, function("c1"));
    item(&mut world, 1, function("c2"));
    let calls = vec![(0, command("make", Safety::Unknown)), (1, command("test", Safety::Unknown))];
    done(&mut world, calls);
    let reason = InterruptReason::Sigterm;
    let batch = world.tell(Command::Interrupt { reason }).expect("running");
    assert_eq!(kinds(&batch), ["turn_interrupt_requested by user:exec"]);
    assert!(world.owed.contains(&Effect::Cancel { turn: TurnId(1) }));
    let batch = ended(&mut world, 1, None);
    assert_eq!(
        kinds(&batch),
        [
            "tool_finished by supervisor",
            "tool_finished by supervisor",
            "turn_interrupted by supervisor"
        ]
    );
    crate::world::check_outputs(&world.session);
}

#[test]
fn what_can_not_be_done_is_refused_and_writes_nothing() {
    let mut world = World::new();
    let submit = || Command::Submit { input: "hi".into() };
    assert_eq!(world.tell(submit()), Err(Rejection::NotOpen));
    world.tell(opening(ApprovalPolicy::Never, Backend::Responses)).expect("opens");
    let again = opening(ApprovalPolicy::Never, Backend::Responses);
    assert_eq!(world.tell(again), Err(Rejection::AlreadyOpen));
    let blank = Command::Submit { input: " \n".into() };
    assert_eq!(world.tell(blank), Err(Rejection::EmptyInput));
    let interrupt = Command::Interrupt { reason: InterruptReason::User };
    assert_eq!(world.tell(interrupt), Err(Rejection::NoTurn));
    world.tell(submit()).expect("starts");
    let close = || Command::Close { reason: CloseReason::Done };
    assert_eq!(world.tell(close()), Err(Rejection::TurnRunning));
    let late = Report::RetryDue { request: RequestId(1), attempt: 2 };
    assert_eq!(world.tell(late), Err(Rejection::Stale));
    let before = world.log.len();
    item(&mut world, 0, ItemKind::Message);
    done(&mut world, vec![]);
    assert!(world.log.len() > before);
    world.tell(close()).expect("idle");
    assert_eq!(world.tell(submit()), Err(Rejection::Closed));
}

#[test]
fn a_killed_call_is_abandoned_and_never_run_again() {
    let (mut world, _) = called(ApprovalPolicy::Never, Safety::Unknown);
    world.owed.clear();
    world.crash();
    let kinds = kinds(&world.log);
    assert_eq!(
        kinds[kinds.len() - 4..],
        [
            "session_resumed by user:exec",
            "tool_abandoned by supervisor",
            "input_queued by user:exec",
            "model_requested by supervisor"
        ]
    );
    assert!(!world.owed.iter().any(|effect| matches!(effect, Effect::RunTool { .. })));
}

#[test]
fn a_closed_session_can_be_named_and_put_away_and_stays_closed() {
    let mut world = World::new();
    world.tell(opening(ApprovalPolicy::Never, Backend::Responses)).expect("opens");
    world.tell(Command::Close { reason: CloseReason::Done }).expect("idle");
    let name = |name: &str| Command::Name { name: Some(name.to_owned()) };
    for bad in ["", " padded", "two\nlines", &"x".repeat(81)] {
        assert_eq!(world.tell(name(bad)), Err(Rejection::BadName), "{bad:?}");
    }
    let batch = world.tell(name("the parser")).expect("a name");
    assert_eq!(kinds(&batch), ["session_named by user:exec"]);
    let batch = world.tell(Command::Shelve { shelf: Shelf::Archived }).expect("a shelf");
    assert_eq!(kinds(&batch), ["session_shelved by user:exec"]);
    assert_eq!(world.tell(Command::Submit { input: "hi".into() }), Err(Rejection::Closed));
}
