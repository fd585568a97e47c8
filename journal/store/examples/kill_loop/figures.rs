//! What was counted, and how it is shown.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use codex_journal::Phase;

use crate::shot::{Aim, Told};

/// Everything that was counted so far.
#[derive(Debug)]
pub(crate) struct Figures {
    begun: Instant,
    shown: Instant,
    pub(crate) rounds: u64,
    // For each phase: kills of a writer that had stopped where it begins, and of one that ran.
    kills: [(u64, u64); Phase::ALL.len()],
    early: u64,
    ended: u64,
    engine_wrote: u64,
    pub(crate) answers: u64,
    pub(crate) records: u64,
    pub(crate) looked_at: u64,
    pub(crate) blobs: u64,
    /// Forks that were there, whole, when their maker was killed.
    pub(crate) forks: u64,
    pub(crate) sessions: u64,
    openings: u64,
    /// Times that the judge opened a journal and went on with it.
    pub(crate) went_on: u64,
}

impl Figures {
    pub(crate) fn new() -> Figures {
        let now = Instant::now();
        Figures {
            begun: now,
            shown: now,
            rounds: 0,
            kills: [(0, 0); Phase::ALL.len()],
            early: 0,
            ended: 0,
            engine_wrote: 0,
            answers: 0,
            records: 0,
            looked_at: 0,
            blobs: 0,
            forks: 0,
            sessions: 0,
            openings: 0,
            went_on: 0,
        }
    }

    /// Counts where a kill landed.
    pub(crate) fn landed(&mut self, told: &Told) {
        self.rounds += 1;
        self.answers += told.answers;
        self.openings += u64::from(told.opened);
        let place = told.phase.and_then(|phase| Phase::ALL.iter().position(|one| *one == phase));
        match place {
            _ if told.ended => self.ended += 1,
            None => self.early += 1,
            Some(at) if told.held => self.kills[at].0 += 1,
            Some(at) => self.kills[at].1 += 1,
        }
        // Only while it is still opening: what is written later is in the other rows.
        let opening = told.phase == Some(Phase::OpenEngine);
        self.engine_wrote += u64::from(told.engine_wrote && opening);
    }

    /// Gives how to hit what no kill has hit.
    pub(crate) fn missed(&self) -> Vec<Aim> {
        let phases = Phase::ALL.into_iter().zip(self.kills);
        let missed = phases.filter(|(_, (held, running))| held + running == 0);
        let mut aims: Vec<_> = missed.map(|(phase, _)| Aim::Held { phase, time: 1 }).collect();
        if self.engine_wrote == 0 {
            aims.push(Aim::EngineWrites { later: Duration::ZERO });
        }
        aims
    }

    /// Shows how far it is: on a terminal in one line all the time, elsewhere now and then.
    pub(crate) fn progress(&mut self, of: u64) {
        let mut err = std::io::stderr().lock();
        let terminal = err.is_terminal();
        let every = Duration::from_millis(if terminal { 100 } else { 10_000 });
        let last = self.rounds == of;
        if last || self.shown.elapsed() >= every {
            self.shown = Instant::now();
            let begin = if terminal { "\r\x1b[K" } else { "" };
            let end = if terminal && !last { "" } else { "\n" };
            let (rounds, speed, answers) = (self.rounds, self.speed(), self.answers);
            // Progress that can't be shown is no failure.
            let _ = write!(
                err,
                "{begin}kill-loop: {rounds} of {of} rounds, {speed:.1}/s, {answers} answers{end}"
            )
            .and_then(|()| err.flush());
        }
    }

    fn speed(&self) -> f64 {
        self.rounds as f64 / self.begun.elapsed().as_secs_f64()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<16} {:>8} {:>8}", "killed in", "stopped", "running")?;
        writeln!(f, "{:<16} {:>8} {:>8}", "(before any)", "", self.early)?;
        for (phase, (held, running)) in Phase::ALL.iter().zip(self.kills) {
            writeln!(f, "{:<16} {held:>8} {running:>8}", phase.name())?;
        }
        let (held, running) =
            self.kills.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        writeln!(f, "{:<16} {held:>8} {:>8}", "all", running + self.early)?;
        writeln!(
            f,
            "{} kills in open-engine after the engine had begun to write",
            self.engine_wrote
        )?;
        writeln!(
            f,
            "{} rounds at {:.1}/s; {} writers came to their end before",
            self.rounds,
            self.speed(),
            self.ended
        )?;
        writeln!(
            f,
            "{} sessions, opened {} times by writers and {} times to go on after a kill; {} forks",
            self.sessions, self.openings, self.went_on, self.forks
        )?;
        writeln!(
            f,
            "{} answers, {} records acknowledged; {} records and {} blobs read back",
            self.answers, self.records, self.looked_at, self.blobs
        )
    }
}
