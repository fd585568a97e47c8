//! A seeded simulation: the world answers by dice, the process is killed and interrupted anywhere.
//!
//! `SIM_SEED=n` runs one seed, `SIM_SEEDS=n` that many; a failure names its seed.

use std::collections::{HashMap, HashSet};

use codex_event::{
    ApprovalPolicy, Author, Backend, CallId, CloseReason, Command, Confinement, Digest, Event,
    InterruptReason, Invocation, Question, Rejection, RuleDecision, Scope, Verdict,
};
use codex_session::{Intake, Session};

use crate::world::{Dice, Faults, World, check_outputs, opening};

/// What the simulated user and machine do to the session at one position.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Blow {
    None,
    /// The process is killed once the journal has this many events.
    Kill(usize),
    /// As above, in the middle of the batch that reaches it.
    Tear(usize),
    /// The user interrupts at this position.
    Interrupt(usize),
    /// The user goes on in a fork that leaves at this position.
    Fork(usize),
}

pub(crate) fn run(seed: u64, blow: Blow) -> World {
    let mut dice = Dice(seed);
    let mut world = World::new();
    let policy = POLICIES[(seed % 4) as usize];
    let backend = if seed.is_multiple_of(2) { Backend::Responses } else { Backend::Stateless };
    let faults = if seed.is_multiple_of(5) { Faults::None } else { Faults::Some };
    let mut struck = matches!(blow, Blow::None);
    let mut queue: Vec<Intake> =
        vec![opening(policy, backend).into(), Command::Submit { input: "fix it".into() }.into()];
    let mut turns = 1;
    for _ in 0..2000 {
        if queue.is_empty() {
            match world.answer(&mut dice, faults) {
                Some(next) => queue = next,
                None if world.session.running().is_some() => {
                    panic!("nothing is owed, and the turn has no end: {:#?}", world.session)
                }
                None if turns < 3 => {
                    turns += 1;
                    queue.push(Command::Submit { input: format!("turn {turns}") }.into());
                }
                None => break,
            }
        }
        if queue.is_empty() {
            continue;
        }
        let next = queue.remove(0);
        let before = world.log.len();
        match blow {
            Blow::Tear(at) if !struck => {
                let drafts = world
                    .session
                    .decide(codex_session::Stamp { author: Author::Model }, next.clone());
                if drafts.is_ok_and(|drafts| before + drafts.len() > at) {
                    struck = true;
                    world.tell_torn(next, at - before).expect("decided a moment ago");
                    world.crash();
                    queue.retain(|intake| matches!(intake, Intake::Command(_)));
                    reopen(&mut world, &mut queue, policy, backend);
                    continue;
                }
            }
            Blow::Tear(_) | Blow::None | Blow::Kill(_) | Blow::Interrupt(_) | Blow::Fork(_) => {}
        }
        match world.tell(next) {
            Ok(_) => {}
            // The world does not know what a crash or an interrupt made of its reports.
            Err(
                Rejection::Stale
                | Rejection::NoSuchReview(_)
                | Rejection::TooWide(_)
                | Rejection::Closed,
            ) => {}
            Err(other) => panic!("refused: {other}"),
        }
        match blow {
            Blow::Kill(at) if !struck && world.log.len() >= at => {
                struck = true;
                world.crash();
                queue.retain(|intake| matches!(intake, Intake::Command(_)));
                reopen(&mut world, &mut queue, policy, backend);
            }
            Blow::Interrupt(at) if !struck && world.log.len() >= at => {
                struck = true;
                match world.tell(Command::Interrupt { reason: InterruptReason::Sigint }) {
                    Ok(_) | Err(Rejection::NoTurn) => {}
                    Err(other) => panic!("refused: {other}"),
                }
            }
            Blow::Fork(at) if !struck && world.log.len() >= at => {
                struck = true;
                world.fork(at);
                queue.retain(|intake| matches!(intake, Intake::Command(_)));
                reopen(&mut world, &mut queue, policy, backend);
            }
            Blow::Kill(_) | Blow::Interrupt(_) | Blow::Tear(_) | Blow::Fork(_) | Blow::None => {}
        }
        check(&world);
    }
    assert!(world.session.running().is_none(), "the turn never ended");
    assert_eq!(world.session.outstanding(), [], "what is owed when nobody is struck any more");
    world.tell(Command::Close { reason: CloseReason::Done }).expect("an idle session closes");
    check(&world);
    world
}

// A kill before the first event was durable leaves no session; the user would begin anew.
fn reopen(world: &mut World, queue: &mut Vec<Intake>, policy: ApprovalPolicy, backend: Backend) {
    if world.log.is_empty() {
        queue.insert(0, opening(policy, backend).into());
    }
    if !world.log.iter().any(|e| matches!(e.event(), Some(Event::TurnStarted { .. }))) {
        queue.retain(|intake| !matches!(intake, Intake::Command(Command::Submit { .. })));
        queue.push(Command::Submit { input: "again".into() }.into());
    }
}

fn check(world: &World) {
    assert_eq!(Session::fold(&world.log), world.session, "fold of the journal = live state");
    check_outputs(&world.session);
    check_effects(world);
    check_gate(world);
}

/// Nothing ran or was sent twice, and nothing ran unannounced.
pub(crate) fn check_effects(world: &World) {
    for (call, times) in &world.effects.ran {
        assert_eq!(*times, 1, "{call:?} ran more than once");
        assert!(allowed_and_intended(world, call.0, call.1), "{call:?} ran unannounced");
    }
    for (request, times) in &world.effects.sent {
        assert_eq!(*times, 1, "{request:?} was sent more than once");
    }
}

fn allowed_and_intended(world: &World, id: CallId, wanted: u32) -> bool {
    let events = || world.log.iter().filter_map(codex_event::Envelope::event);
    let allowed = events().any(|event| {
        matches!(event, Event::ReviewSettled { call, verdict: Verdict::Allowed, .. } if *call == id)
    });
    let intended = events().any(|event| {
        matches!(event, Event::ToolIntended { call, attempt, .. } if *call == id && *attempt == wanted)
    });
    allowed && intended
}

/// Every policy; a seed takes one of them.
pub(crate) const POLICIES: [ApprovalPolicy; 4] = [
    ApprovalPolicy::Never,
    ApprovalPolicy::OnFailure,
    ApprovalPolicy::OnRequest,
    ApprovalPolicy::UnlessAllowListed,
];

/// Nothing leaves the sandbox or the writable roots that nobody has agreed to, and under a policy
/// that asks nobody nothing does.
pub(crate) fn check_gate(world: &World) {
    let mut questions: HashMap<CallId, Question> = HashMap::new();
    let mut open: HashSet<CallId> = HashSet::new();
    let mut outside: HashSet<Digest> = HashSet::new();
    let mut called: HashMap<CallId, (Digest, Option<RuleDecision>)> = HashMap::new();
    let mut policy = None;
    for envelope in &world.log {
        let Some(event) = envelope.event() else { continue };
        match event {
            Event::SessionOpened { settings, .. }
            | Event::SettingsChanged { settings: Some(settings), .. } => {
                policy = Some(settings.approval_policy);
            }
            Event::ToolCalled { call, invocation, .. } => {
                open.remove(call);
                let Invocation::Command { argv, assessment, .. } = invocation else { continue };
                let ruling = assessment.as_ref().and_then(|it| it.ruling.as_ref());
                called.insert(*call, (argv.digest(), ruling.map(|ruling| ruling.decision)));
            }
            Event::ReviewAsked { call, question, .. } => {
                assert_ne!(policy, Some(ApprovalPolicy::Never), "{envelope:?} asks");
                open.remove(call);
                questions.insert(*call, question.clone());
            }
            Event::ReviewSettled { call, verdict: Verdict::Allowed, scope } => {
                let leaves = matches!(
                    questions.get(call),
                    Some(Question::RunUnconfined | Question::RetryUnconfined)
                );
                let argv = called.get(call).map(|(argv, _)| *argv);
                match &envelope.author {
                    Author::User(_) => {
                        open.insert(*call);
                        if leaves && *scope == Scope::Session {
                            outside.extend(argv);
                        }
                        assert!(!leaves || *scope != Scope::Project, "{envelope:?} is durable");
                    }
                    Author::Policy(rule) if rule == "granted-for-session" => {
                        let known = argv.is_some_and(|argv| outside.contains(&argv));
                        if known {
                            open.insert(*call);
                        }
                    }
                    Author::Policy(_) | Author::Model | Author::Supervisor => {}
                }
            }
            Event::ToolIntended { call, confinement, .. } => {
                match confinement {
                    Confinement::None => {
                        assert!(open.contains(call), "{envelope:?}: nobody let it out");
                        assert_ne!(policy, Some(ApprovalPolicy::Never), "{envelope:?}");
                    }
                    Confinement::WritableRoots { outside, .. } => {
                        let agreed = match questions.get(call) {
                            Some(Question::WriteOutside { paths }) if open.contains(call) => paths,
                            Some(_) | None => &Vec::new(),
                        };
                        let strays = outside.iter().any(|path| !agreed.contains(path));
                        assert!(!strays, "{envelope:?} writes where nobody agreed to");
                    }
                    Confinement::Sandbox { .. } => {}
                }
                let forbidden = called.get(call).and_then(|(_, decision)| *decision);
                assert_ne!(forbidden, Some(RuleDecision::Forbidden), "{envelope:?} is forbidden");
            }
            // What was given for the whole of a session is the parent's.
            Event::SessionForked { .. } => outside.clear(),
            _ => {}
        }
    }
}

/// Seeds of one run when nobody says how many.
const SEEDS: u64 = 400;
/// Of the seeds, those that are run at each position of a life; each costs a hundred lives.
const EXHAUSTIVE: u64 = 50;

fn seeds(one_in: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SIM_SEEDS").unwrap_or(SEEDS).div_ceil(one_in)).collect(),
    }
}

/// Runs the seeds that were asked for, or of a costly run one in so many.
pub(crate) fn each_seed(what: &str, one_in: u64, run: impl Fn(u64) + std::panic::RefUnwindSafe) {
    for seed in seeds(one_in) {
        if std::panic::catch_unwind(|| run(seed)).is_err() {
            panic!("{what}: seed {seed} failed; run it alone with `cargo xtask sim --seed {seed}`");
        }
    }
}

#[test]
fn sim_undisturbed() {
    each_seed("undisturbed", 1, |seed| drop(run(seed, Blow::None)));
}

#[test]
fn sim_killed_at_every_position() {
    each_seed("killed", EXHAUSTIVE, |seed| {
        let length = run(seed, Blow::None).log.len();
        for at in 1..=length {
            run(seed, Blow::Kill(at));
        }
    });
}

#[test]
fn sim_torn_at_every_position() {
    each_seed("torn", EXHAUSTIVE, |seed| {
        let length = run(seed, Blow::None).log.len();
        for at in 0..length {
            run(seed, Blow::Tear(at));
        }
    });
}

#[test]
fn sim_interrupted_at_every_position() {
    each_seed("interrupted", EXHAUSTIVE, |seed| {
        let length = run(seed, Blow::None).log.len();
        for at in 1..=length {
            run(seed, Blow::Interrupt(at));
        }
    });
}

#[test]
fn sim_forked_at_every_position() {
    each_seed("forked", EXHAUSTIVE, |seed| {
        let length = run(seed, Blow::None).log.len();
        for at in 1..=length {
            let world = run(seed, Blow::Fork(at));
            assert_eq!(codex_session::redecide(&world.log), Ok(()), "forked at {at}");
        }
    });
}
