//! Given a session, when a fork of it is taken up, then these events follow.

use codex_event::*;
use codex_session::{BegunBy, Effect, Illegal, PatchPlan, Report, redecide};

use crate::rules::{asked, called, command, done, ended, function, item, kinds};
use crate::world::{World, check_outputs};

const FORKED: &str = "session_forked by user:exec";
const RESUMED: &str = "session_resumed by user:exec";
const ASKS: &str = "model_requested by supervisor";

/// What a fork behind so many events is taken up with.
fn forked(world: &mut World, at: usize, input: Option<&str>) -> Vec<String> {
    let input = input.map(str::to_owned);
    world.fork_and(at, |resumption| Resumption { input, ..resumption });
    let events = kinds(&world.log[at..]);
    assert_eq!(redecide(&world.log), Ok(()));
    check_outputs(&world.session);
    events
}

fn told(world: &World) -> String {
    let told = world.log.iter().find_map(|envelope| match envelope.event() {
        Some(Event::ToolAbandoned { output, .. }) => output.inline().cloned(),
        Some(_) | None => None,
    });
    told.expect("something is abandoned")
}

#[test]
fn a_command_that_the_parent_runs_is_left_to_it() {
    let (mut world, _) = called(ApprovalPolicy::Never, Safety::Unknown);
    let process = ProcessMark { pid: 7, start_time: 1, boot_id: "b".into() };
    let (call, enforced) = (CallId(1), "landlock".to_owned());
    world.tell(Report::ToolSpawned { call, attempt: 1, process, enforced }).expect("intended");
    let at = world.log.len();
    assert!(world.session.unfinished()[0].process.is_some());
    world.branch(at);
    let left = world.session.unfinished();
    assert_eq!((left[0].process, left[0].begun_by), (None, BegunBy::Parent), "not ours to end");
    world.crash();
    let events = kinds(&world.log[at..]);
    let input = "input_queued by user:exec";
    assert_eq!(events, [FORKED, RESUMED, "tool_abandoned by supervisor", input, ASKS]);
    assert!(told(&world).starts_with("This session was forked"), "{}", told(&world));
}

#[test]
fn without_a_word_the_turn_stops_at_what_the_parent_was_doing() {
    let (mut world, _) = called(ApprovalPolicy::Never, Safety::Unknown);
    let at = world.log.len();
    let events = forked(&mut world, at, None);
    let stops = ["tool_abandoned by supervisor", "turn_failed by supervisor"];
    assert_eq!(events, [&[FORKED, RESUMED][..], &stops].concat());
    let failed = world.log.last().and_then(Envelope::event);
    let Some(Event::TurnFailed { kind: FailureKind::Ambiguous, message }) = failed else {
        panic!("{failed:?}")
    };
    assert!(message.starts_with("the session was forked while"), "{message}");
}

#[test]
fn a_patch_that_the_parent_applies_is_not_looked_at() {
    for state in [PatchState::Before, PatchState::After] {
        let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
        let custom = ItemKind::CustomCall { call_id: "c1".into(), name: "apply_patch".into() };
        item(&mut world, 0, custom);
        done(&mut world, vec![(0, Invocation::Patch { workdir: None, text: None })]);
        let plan = PatchPlan::Ready { changes: vec![], outside: vec![] };
        world.tell(Report::PatchPlanned { call: CallId(1), plan }).expect("awaited");
        world.effects.files.insert(CallId(1), state);
        let at = world.log.len();
        let events = forked(&mut world, at, None);
        assert_eq!(events[2..], ["tool_abandoned by supervisor", "turn_failed by supervisor"]);
        let resumed = world.log[at + 1].event();
        let Some(Event::SessionResumed { patches, lost, .. }) = resumed else { panic!() };
        assert_eq!((&patches[..], &lost[..]), (&[][..], &[CallId(1)][..]));
    }
}

#[test]
fn what_was_allowed_for_the_whole_session_was_allowed_to_the_parent() {
    let (mut world, _) = called(ApprovalPolicy::UnlessAllowListed, Safety::Unknown);
    let (call, verdict, scope) = (CallId(1), Verdict::Allowed, Scope::Session);
    world.tell(Command::SettleReview { call, verdict, scope }).expect("asked");
    ended(&mut world, 1, None);
    let again = |world: &mut World| {
        item(world, 0, function("c2"));
        let (_, invocation) = (0, command("make", Safety::Unknown));
        kinds(&done(world, vec![(0, invocation)]))
    };
    let at = world.log.len();
    let before = again(&mut world);
    assert!(!before.iter().any(|it| it.starts_with("review_asked")), "granted: {before:?}");
    forked(&mut world, at, None);
    let after = again(&mut world);
    assert!(after.iter().any(|it| it.starts_with("review_asked")), "{after:?}");
}

#[test]
fn a_question_to_the_parents_user_is_asked_again() {
    let (mut world, _) = called(ApprovalPolicy::UnlessAllowListed, Safety::Unknown);
    let at = world.log.len();
    assert_eq!(forked(&mut world, at, None), [FORKED, RESUMED]);
    assert_eq!(world.owed, [Effect::AskReview { call: CallId(1) }]);
}

#[test]
fn a_fork_behind_a_turn_builds_on_its_response_and_tells_nobody() {
    let mut world = asked(ApprovalPolicy::Never, Backend::Responses);
    item(&mut world, 0, ItemKind::Message);
    done(&mut world, vec![]);
    let at = world.log.len();
    assert!(matches!(world.owed[..], [Effect::Notify { .. }]), "{:?}", world.owed);
    world.tell(Command::Close { reason: CloseReason::Done }).expect("idle");
    let events = forked(&mut world, at, Some("another way"));
    assert_eq!(events, [FORKED, RESUMED, "turn_started by user:exec", ASKS]);
    assert!(matches!(world.owed[..], [Effect::CallModel { .. }]), "{:?}", world.owed);
    let last = world.log.last().and_then(Envelope::event);
    let Some(Event::ModelRequested { previous: Some(_), request: RequestId(2), .. }) = last else {
        panic!("{last:?}")
    };
}

#[test]
fn a_fork_names_the_event_that_it_leaves_behind() {
    let world = asked(ApprovalPolicy::Never, Backend::Responses);
    let last = world.log.last().expect("an event");
    let forked = |at: u64, epoch: Epoch| Envelope {
        seq: last.seq.next(),
        epoch,
        cause: None,
        turn: None,
        body: Body::Known(Event::SessionForked {
            parent: last.session,
            at: Seq(at),
            head: Digest::of(b""),
        }),
        ..last.clone()
    };
    let admits = |at, epoch| world.session.admit(&forked(at, epoch));
    assert_eq!(admits(last.seq.0, last.epoch.next()), Ok(()));
    let unrelated = Err(Illegal::Unrelated { kind: "session_forked" });
    assert_eq!(admits(last.seq.0 - 1, last.epoch.next()), unrelated);
    assert_eq!(admits(last.seq.0, last.epoch), unrelated, "another process made it");
}

#[test]
fn the_maker_of_a_fork_narrows_it_and_says_nothing_else() {
    let whole = asked(ApprovalPolicy::OnRequest, Backend::Responses).log.len();
    for at in [1, whole] {
        let mut world = asked(ApprovalPolicy::OnRequest, Backend::Responses);
        world.branch(at);
        let forked = world.log.last().expect("an event").clone();
        let own = |cause, event| Envelope {
            seq: forked.seq.next(),
            cause,
            body: Body::Known(event),
            ..forked.clone()
        };
        let mut settings = world.session.settings().expect("settings").clone();
        settings.approval_policy = ApprovalPolicy::Never;
        let narrowed = own(
            Some(forked.seq),
            Event::SettingsChanged {
                backend: settings.provider.backend,
                reason: "narrowed".to_owned(),
                settings: Some(Box::new(settings)),
            },
        );
        let other = own(None, Event::Noted { text: "a word".into() });
        assert_ne!(world.session.admit(&other), Ok(()), "nobody owns it yet");
        assert_eq!(world.session.admit(&narrowed), Ok(()));
        world.session.apply(&narrowed);
        world.log.push(narrowed.clone());
        let policy = world.session.settings().map(|settings| settings.approval_policy);
        assert_eq!(policy, Some(ApprovalPolicy::Never));
        let again = Envelope { seq: narrowed.seq.next(), ..narrowed };
        assert_ne!(world.session.admit(&again), Ok(()), "there is one of them");
        assert_eq!(redecide(&world.log), Ok(()));
    }
}
