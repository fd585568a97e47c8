//! Laws of the core, as properties.

use codex_event::{Backend, CallId, Command, Event};
use codex_session::{BegunBy, Effect, Intake, Session, redecide};
use proptest::prelude::*;

use crate::world::{Dice, Faults, World, opening};

fn played(seed: u64, steps: usize) -> World {
    let mut dice = Dice(seed);
    let mut world = World::new();
    let policy = crate::sim::POLICIES[(seed % 4) as usize];
    world.tell(opening(policy, Backend::Responses)).expect("opens");
    world.tell(Command::Submit { input: "go".into() }).expect("starts");
    let mut queue: Vec<Intake> = Vec::new();
    for _ in 0..steps {
        if queue.is_empty() {
            match world.answer(&mut dice, Faults::Some) {
                Some(next) => queue = next,
                None => break,
            }
        }
        if !queue.is_empty() {
            let _ = world.tell(queue.remove(0));
        }
    }
    world
}

/// What is owed while nothing reports: an effect that the world has taken up is still owed until
/// its report is in the journal.
fn owed_by_state(effects: &[Effect]) -> Vec<Effect> {
    let kept = effects.iter().filter(|effect| match effect {
        Effect::CallModel { .. }
        | Effect::Pause { .. }
        | Effect::PlanPatch { .. }
        | Effect::AskReview { .. }
        | Effect::KeepGrant { .. }
        | Effect::Notify { .. } => true,
        // Ambiguous after a crash; and what only ends things is owed to nobody afterwards.
        Effect::RunTool { .. } | Effect::Cancel { .. } | Effect::Finish => false,
    });
    kept.cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Law 1: whatever was owed and not taken up is outstanding for a fold of the journal.
    #[test]
    fn recovery(seed in any::<u64>(), steps in 0_usize..120) {
        let world = played(seed, steps);
        let folded = Session::fold(&world.log);
        let outstanding = folded.outstanding();
        for effect in owed_by_state(&world.owed) {
            prop_assert!(outstanding.contains(&effect), "{effect:?} is owed, not outstanding");
        }
        let runs = outstanding.iter().any(|effect| matches!(effect, Effect::RunTool { .. }));
        prop_assert!(!runs);
    }

    /// Law 1, for every prefix: resuming never runs a call again, and names what is lost.
    #[test]
    fn recovery_of_any_prefix(seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let mut world = played(seed, 200);
        let cut = cut.index(world.log.len()) + 1;
        world.log.truncate(cut);
        let folded = Session::fold(&world.log);
        let lost: Vec<CallId> = folded.unfinished().iter().filter(|it| it.changes.is_none()).map(|it| it.call).collect();
        world.crash();
        for call in lost {
            let again = world.owed.iter().any(|effect| matches!(effect, Effect::RunTool { call: id, .. } if *id == call));
            prop_assert!(!again, "call {call} is run again");
        }
    }

    /// Law 3: every event that was decided is admitted; `World::tell` panics otherwise.
    #[test]
    fn grammar(seed in any::<u64>()) {
        let world = played(seed, 400);
        let mut session = Session::default();
        for envelope in &world.log {
            prop_assert_eq!(session.admit(envelope), Ok(()));
            session.apply(envelope);
        }
    }

    /// The grammar has teeth: leaving an event out of a journal is noticed.
    #[test]
    fn a_hole_is_not_admitted(seed in any::<u64>(), hole in any::<prop::sample::Index>()) {
        let world = played(seed, 200);
        let hole = hole.index(world.log.len() - 1);
        let mut session = Session::default();
        let holed = world.log.iter().enumerate().filter(|(at, _)| *at != hole);
        let refused = holed.map(|(_, envelope)| envelope).any(|envelope| {
            let refused = session.admit(envelope).is_err();
            session.apply(envelope);
            refused
        });
        prop_assert!(refused);
    }

    /// A fork has what its parent had up to there, and nothing that is the parent's to end: no
    /// process, no file, nobody to be told.
    #[test]
    fn a_fork_leaves_the_parent_what_is_its(seed in any::<u64>(), at in any::<prop::sample::Index>()) {
        let mut world = played(seed, 300);
        let at = 1 + at.index(world.log.len());
        let parent = Session::fold(&world.log[..at]);
        world.branch(at);
        let child = &world.session;
        prop_assert_eq!(child.transcript(), parent.transcript());
        prop_assert_eq!(child.running(), parent.running());
        prop_assert_eq!(child.settings(), parent.settings());
        prop_assert_eq!(child.usage(), parent.usage());
        prop_assert_eq!(child.unfinished().len(), parent.unfinished().len());
        for left in child.unfinished() {
            prop_assert_eq!((left.process, left.changes), (None, None));
            prop_assert_eq!(left.begun_by, BegunBy::Parent);
        }
        let tells = child.outstanding().iter().any(|it| matches!(it, Effect::Notify { .. }));
        prop_assert!(!tells);
        // What is resumed of it abandons what the parent had begun.
        let left: Vec<CallId> = child.unfinished().iter().map(|it| it.call).collect();
        let before = world.log.len();
        world.crash();
        let abandoned = |call: &CallId| world.log[before..].iter().any(|it| {
            matches!(it.event(), Some(Event::ToolAbandoned { call: gone, .. }) if gone == call)
        });
        prop_assert!(left.iter().all(abandoned));
        prop_assert_eq!(redecide(&world.log), Ok(()));
    }
}
