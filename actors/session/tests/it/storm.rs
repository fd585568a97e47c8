//! Everything at once: whole lives of a session with several blows each, drawn by a seed.
//!
//! The process is killed, batches are torn, the disk refuses; it goes on in a fork; reports come twice and late; users
//! interrupt, add input, resume with and without a word, with other settings, in another place.
//! `SIM_SEED=n` runs one seed, `SIM_SEEDS=n` that many; a failure names its seed.

use codex_event::*;
use codex_session::{Intake, Report, Session, Stamp, redecide};
use codex_view::Jsonl;

use crate::own::{ends, starts};
use crate::sim::{POLICIES, check_effects, check_gate, each_seed};
use crate::world::{Dice, Faults, World, check_outputs, opening, settings};

/// Intakes until the weather clears, so that every life ends.
const STORMY: usize = 120;
/// Intakes until a life that does not end is a failure.
const LIMIT: usize = 3000;
/// Turns that the user begins.
const TURNS: u32 = 4;

struct Storm {
    dice: Dice,
    world: World,
    queue: Vec<Intake>,
    /// What was reported to this process, to be said again.
    said: Vec<Report>,
    policy: ApprovalPolicy,
    backend: Backend,
    /// What the processes printed, one after the other.
    printed: Vec<String>,
    live: Jsonl,
    shown: usize,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let mut dice = Dice(seed);
        let policy = POLICIES[dice.roll(4) as usize];
        let backend = if dice.roll(2) == 0 { Backend::Responses } else { Backend::Stateless };
        let queue = vec![
            opening(policy, backend).into(),
            Command::Submit { input: "fix it".into() }.into(),
        ];
        Storm {
            dice,
            world: World::new(),
            queue,
            said: Vec::new(),
            policy,
            backend,
            printed: Vec::new(),
            live: Jsonl::default(),
            shown: 0,
        }
    }

    fn live_a_life(mut self) {
        let mut turns = 1;
        let mut stormy = 0;
        for step in 0..LIMIT {
            if step % 16 == 0 {
                self.check();
            }
            let calm = stormy >= STORMY;
            if self.queue.is_empty() {
                let faults = if calm { Faults::None } else { Faults::Some };
                match self.world.answer(&mut self.dice, faults) {
                    Some(next) => self.queue = next,
                    None if self.world.session.running().is_some() => {
                        panic!(
                            "nothing is owed, and the turn has no end: {:#?}",
                            self.world.session
                        )
                    }
                    None if turns < TURNS => {
                        turns += 1;
                        self.queue.push(Command::Submit { input: format!("turn {turns}") }.into());
                    }
                    None => return self.end(),
                }
                continue;
            }
            let next = self.queue.remove(0);
            stormy += 1;
            if calm {
                self.tell(next);
            } else {
                self.struck(next);
            }
            self.show();
        }
        panic!("the turn never ended: {:#?}", self.world.session);
    }

    /// Lets something come in, and perhaps something happen to it.
    fn struck(&mut self, next: Intake) {
        match self.dice.roll(40) {
            0 => {
                self.tell(next);
                self.crash();
            }
            // The disk takes none, some or all of what was decided, and the process ends.
            1 | 2 => {
                let stamp = Stamp { author: Author::User("exec".into()) };
                let drafts = self.world.session.decide(stamp, next.clone());
                let length = drafts.map_or(0, |drafts| drafts.len());
                let durable = self.dice.roll(length as u64 + 1) as usize;
                if durable < length {
                    self.world.tell_torn(next, durable).expect("decided a moment ago");
                }
                self.crash();
            }
            3 => {
                self.tell(next);
                self.tell(Command::Interrupt { reason: InterruptReason::Sigterm }.into());
            }
            4 => {
                self.tell(next.clone());
                self.tell_again(next);
            }
            5 if !self.said.is_empty() => {
                let old = self.dice.roll(self.said.len() as u64) as usize;
                let old = self.said[old].clone();
                self.tell_again(Intake::Report(old));
                self.tell(next);
            }
            6 => {
                self.tell(next);
                self.tell(Command::Submit { input: "and this".into() }.into());
            }
            7 if !self.world.log.is_empty() => {
                self.tell(next);
                self.fork();
            }
            // The user runs something without the model, which may end or be lost.
            8 => {
                self.tell(next);
                self.tell(starts("make").into());
            }
            9 => {
                self.tell(ends("make").into());
                self.tell(next);
            }
            _ => self.tell(next),
        }
    }

    fn tell(&mut self, intake: Intake) {
        if let Intake::Report(report) = &intake {
            self.said.push(report.clone());
        }
        match self.world.tell(intake) {
            Ok(_) => {}
            // The world does not know what a crash or an interrupt made of its reports.
            Err(
                Rejection::Stale
                | Rejection::NoSuchReview(_)
                | Rejection::TooWide(_)
                | Rejection::Closed
                | Rejection::NoTurn
                | Rejection::NotOpen,
            ) => {}
            Err(other) => panic!("refused: {other}"),
        }
    }

    /// Says something for the second time. Chunks have no name of their own, so they are taken
    /// again while their stream runs, and a patch is planned again after somebody was asked about
    /// it; nothing else may change anything.
    fn tell_again(&mut self, intake: Intake) {
        let repeatable = matches!(
            intake,
            Intake::Report(
                Report::ModelStreamed { .. }
                    | Report::ToolOutput { .. }
                    | Report::RepositoryChanged { .. }
                    | Report::PatchPlanned { .. }
            )
        );
        if repeatable || matches!(intake, Intake::Command(_)) {
            return;
        }
        let told = self.world.tell(intake.clone());
        assert!(told.is_err(), "said twice and taken twice: {intake:?}");
    }

    fn crash(&mut self) {
        // What was not printed by then never is.
        self.show();
        self.queue.retain(|intake| matches!(intake, Intake::Command(_)));
        // What a process was told dies with it.
        self.said.clear();
        if self.world.log.is_empty() {
            self.world.crash();
            self.queue = vec![
                opening(self.policy, self.backend).into(),
                Command::Submit { input: "again".into() }.into(),
            ];
            return;
        }
        let input = (self.dice.roll(3) > 0).then(|| "go on".to_owned());
        let changed = self.dice.roll(5) == 0;
        let moved = self.dice.roll(5) == 0;
        if changed {
            // Whoever takes a session up may have others asked, or nobody.
            self.policy = POLICIES[self.dice.roll(4) as usize];
        }
        let (policy, backend) = (self.policy, self.backend);
        self.world.crash_and(|resumption| Resumption {
            settings: changed
                .then(|| Settings { model: "another".into(), ..settings(policy, backend) }),
            surroundings: moved.then(|| Surroundings {
                cwd: "/elsewhere".into(),
                sandbox: SandboxReport {
                    level: "landlock".into(),
                    landlock_abi: Some(5),
                    plan: Digest::of(b"another plan"),
                    writable_roots: vec!["/elsewhere".into()],
                    limits: vec![],
                    narrow: None,
                    missing: Vec::new(),
                },
                tools: Digest::of(b"other tools"),
            }),
            environment: moved.then(|| "cwd: /elsewhere".to_owned()),
            input,
            ..resumption
        });
        self.relive();
    }

    /// Goes on in a fork that left somewhere; nobody hears of the parent any more.
    fn fork(&mut self) {
        self.show();
        self.queue.retain(|intake| matches!(intake, Intake::Command(_)));
        self.said.clear();
        let at = 1 + self.dice.roll(self.world.log.len() as u64) as usize;
        self.world.branch(at);
        let child = &self.world.session;
        let left = child.unfinished();
        assert!(left.iter().all(|it| it.process.is_none() && it.changes.is_none()), "{left:#?}");
        // A replay of the child begins with what its parent printed up to there.
        self.shown = at;
        let mut told = Jsonl::default();
        self.printed = self.world.log[..at].iter().flat_map(|it| told.apply(it)).collect();
        self.crash();
    }

    /// A process that resumes folds what came before in silence.
    fn relive(&mut self) {
        self.live = Jsonl::default();
        for envelope in &self.world.log[..self.shown] {
            self.live.apply(envelope);
        }
        self.show();
    }

    fn show(&mut self) {
        for envelope in &self.world.log[self.shown..] {
            self.printed.extend(self.live.apply(envelope));
        }
        self.shown = self.world.log.len();
    }

    fn check(&self) {
        assert_eq!(Session::fold(&self.world.log), self.world.session, "fold = live state");
        check_outputs(&self.world.session);
        check_effects(&self.world);
        check_gate(&self.world);
    }

    fn end(mut self) {
        self.check();
        self.tell(Command::Close { reason: CloseReason::Done }.into());
        self.show();
        if let Err(difference) = redecide(&self.world.log) {
            panic!("decided again, the journal is another: {difference}\n{:#?}", self.world.log);
        }
        let mut replay = Jsonl::default();
        let lines: Vec<String> =
            self.world.log.iter().flat_map(|envelope| replay.apply(envelope)).collect();
        assert_eq!(lines, self.printed, "replayed = printed");
        check_chain(&self.world.log);
    }
}

fn check_chain(log: &[Envelope]) {
    let mut prev = genesis(&log[0].session);
    for envelope in log {
        let record = Record::seal(envelope.clone(), prev);
        let read = Record::open(&record.frame).expect("what was sealed opens");
        assert_eq!(read, record, "read = written");
        prev = record.hash;
    }
}

#[test]
fn sim_everything_at_once() {
    each_seed("storm", 1, |seed| Storm::new(seed).live_a_life());
}
