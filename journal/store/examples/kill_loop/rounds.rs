//! The loop: choose a session, aim, kill, judge.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_event::SessionId;
use codex_journal::{Layout, Phase, Scribe};

use crate::dice::Dice;
use crate::figures::Figures;
use crate::judge::{Found, Session, Verdict, go_on, look, look_at_fork};
use crate::shot::{Aim, Lengths, Told, Trace, files, fire};

/// Most sessions at once.
const SESSIONS: usize = 4;
/// A session with more records, or with larger files, is not gone on with.
const RECORDS: usize = 1500;
const BYTES: u64 = 8 << 20;
/// Most further rounds for what was never hit.
const SPARE: u64 = 40;
/// Openings in a row that are cut off before one is left alone: enough for the database to be made
/// anew, and for that to be cut off as well.
const CUT_OFF: u64 = 6;

struct Loop {
    home: PathBuf,
    dice: Dice,
    made: u64,
    sessions: Vec<Session>,
    traces: HashMap<SessionId, Vec<Trace>>,
    lengths: Lengths,
    figures: Figures,
}

/// Runs so many rounds in a folder of its own, which is removed when nothing was found.
pub(crate) fn run(folder: &Path, rounds: u64, seed: u64) -> Result<(), String> {
    let root = folder.join(format!("{seed}-{}", std::process::id()));
    let home = root.join("home");
    std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", root.display()))?;
    let mut state = Loop {
        home,
        dice: Dice(seed),
        made: 0,
        sessions: Vec::new(),
        traces: HashMap::new(),
        lengths: Lengths::default(),
        figures: Figures::new(),
    };
    let outcome = state.rounds(rounds);
    print!("{}", state.figures);
    let Verdict { lost, unreadable, words } = outcome.err().unwrap_or_default();
    println!("lost {lost}, unreadable {unreadable}");
    if !words.is_empty() {
        let (round, kept) = (state.figures.rounds, root.display());
        return Err(format!("seed {seed}, round {round}: {words}\nkept: {kept}"));
    }
    std::fs::remove_dir_all(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    match &state.figures.missed()[..] {
        [] => Ok(()),
        missed => Err(format!("seed {seed}: no kill landed where these aim: {missed:?}")),
    }
}

fn says(words: impl ToString) -> Verdict {
    Verdict { words: words.to_string(), ..Verdict::default() }
}

impl Loop {
    fn rounds(&mut self, rounds: u64) -> Result<(), Verdict> {
        for round in 0..rounds {
            let aim = self.aim(round);
            self.round(aim)?;
            self.figures.progress(rounds);
        }
        // A writer may have ended, or the machine have been too busy, before what was aimed at.
        for _ in 0..SPARE {
            let Some(aim) = self.figures.missed().pop() else { break };
            self.round(aim)?;
        }
        self.end()
    }

    fn round(&mut self, aim: Aim) -> Result<(), Verdict> {
        let mut session = self.choose(aim)?;
        let fresh = session.known.is_empty();
        let seed = self.dice.next();
        self.wound(&mut session, aim)?;
        let told = fire(&self.home, session.id, seed, aim, &mut self.lengths).map_err(says)?;
        self.figures.landed(&told);
        let id = session.id;
        let within = |verdict: Verdict| Verdict {
            words: format!("{aim:?}, {told:?}, session {id}: {}", verdict.words),
            ..verdict
        };
        if let Some(error) = &told.error {
            return Err(within(says(error)));
        }
        self.others(session.id).map_err(within)?;
        let dir = Layout::new(&self.home).session(session.id);
        if fresh && was_never_made(&told) {
            let listed = Layout::new(&self.home).sessions().map_err(says)?;
            if listed.contains(&session.id) {
                return Err(within(says("a session that was never made is listed")));
            }
            return remove(dir.path());
        }
        let found = look(&self.home, &session, told.durable).map_err(within)?;
        let forked = look_at_fork(&self.home, session.id, &found).map_err(within)?;
        self.figures.forks += u64::from(forked);
        self.figures.looked_at += found.hashes.len() as u64;
        self.figures.blobs += found.blobs;
        session.headless &= !told.opened;
        let begun = told.phase.is_some_and(|phase| {
            !salvages(phase) && phase != Phase::Survey && phase != Phase::CopyAside
        });
        session.cut_off = if told.opened { 0 } else { session.cut_off + u64::from(begun) };

        let before = session.known.len();
        if told.opened && session.awaits_repair(&found) {
            return Err(within(says("it was opened, and what is lost is not named")));
        }
        let durable = told.durable.map_or(0, |(seq, _)| seq.0);
        let end = session.known.last_key_value().map_or(0, |(seq, _)| *seq).max(durable);
        let traces = files(dir.path());
        let full =
            found.hashes.len() > RECORDS || traces.iter().map(|trace| trace.1).sum::<u64>() > BYTES;
        // Often the next writer opens what the kill has left, and may be killed while it does.
        let chosen = self.dice.below(4) == 0;
        if full || session.cut_off >= CUT_OFF || chosen {
            self.go_on(&mut session, &found).map_err(within)?;
        } else {
            let there = found.hashes.iter().filter(|(seq, _)| **seq <= end);
            session.known = there.map(|(seq, hash)| (*seq, *hash)).collect();
        }
        self.figures.records += session.known.len().saturating_sub(before) as u64;
        if full {
            return remove(dir.path());
        }
        self.traces.insert(session.id, files(dir.path()));
        self.sessions.push(session);
        if self.sessions.len() > SESSIONS {
            let mut old = self.sessions.remove(0);
            self.traces.remove(&old.id);
            self.open_again(&mut old)?;
            return remove(Layout::new(&self.home).session(old.id).path());
        }
        Ok(())
    }

    fn go_on(&mut self, session: &mut Session, found: &Found) -> Result<(), Verdict> {
        go_on(&self.home, session, found).map_err(says)?;
        session.headless = false;
        session.known = found.hashes.clone();
        let found = look(&self.home, session, None)?;
        if session.awaits_repair(&found) {
            return Err(says("it was gone on with, and what is lost is not named"));
        }
        session.known = found.hashes;
        session.cut_off = 0;
        self.figures.went_on += 1;
        Ok(())
    }

    // No session is left that was not opened again.
    fn end(&mut self) -> Result<(), Verdict> {
        for mut session in std::mem::take(&mut self.sessions) {
            self.open_again(&mut session)?;
        }
        Ok(())
    }

    fn open_again(&mut self, session: &mut Session) -> Result<(), Verdict> {
        let found = look(&self.home, session, None)?;
        self.go_on(session, &found)
    }

    // For a repair there has to be something to repair.
    fn wound(&mut self, session: &mut Session, aim: Aim) -> Result<(), Verdict> {
        let phase = match aim {
            Aim::Held { phase, .. } | Aim::Running { phase, .. } if salvages(phase) => phase,
            Aim::Held { .. } | Aim::Running { .. } | Aim::EngineWrites { .. } => return Ok(()),
        };
        // Nor does anybody know of a record that is lost at the end of a journal without a head.
        while session.known.len() < 4 || session.headless {
            let found = look(&self.home, session, None)?;
            self.go_on(session, &found)?;
        }
        // The last ones are worth most, because no record behind them names them.
        let known: Vec<u64> = session.known.keys().copied().collect();
        let back = match self.dice.below(2) {
            0 => self.dice.below(3.min(known.len() as u64 - 1)),
            _ => self.dice.below(known.len() as u64 - 1),
        };
        let seq = known[known.len() - 1 - usize::try_from(back).unwrap_or(0)];
        if phase != Phase::RepairHead {
            session.wound(&self.home, Some(seq)).map_err(says)?;
        }
        if phase == Phase::RepairHead || self.dice.below(4) == 0 {
            // Without the head nobody knows of a record that is lost at the end.
            let ends = |session: &Session| session.lost.last() >= session.known.keys().last();
            if phase == Phase::RepairHead && ends(session) {
                let found = look(&self.home, session, None)?;
                self.go_on(session, &found)?;
            }
            if !ends(session) {
                session.wound(&self.home, None).map_err(says)?;
            }
        }
        Ok(())
    }

    // First every phase once for sure, then at some moment of each.
    fn aim(&mut self, round: u64) -> Aim {
        let count = Phase::ALL.len() as u64;
        let at = round % (2 * count + 2);
        let phase = Phase::ALL[(at % count) as usize];
        let once = creates(phase) || opens(phase) || phase == Phase::Close;
        let mut time = |most| match (once, copies(phase)) {
            (true, _) => 1,
            // Once for a fork, and once for an import.
            (false, true) => 1 + self.dice.below(2),
            (false, false) => 1 + self.dice.below(most),
        };
        match at {
            _ if at < count => Aim::Held { phase, time: time(3) },
            _ if at < 2 * count => {
                let time = time(10);
                Aim::Running { phase, time, share: self.dice.below(1000) }
            }
            _ => Aim::EngineWrites { later: Duration::from_micros(self.dice.below(300)) },
        }
    }

    // Takes a session out of the list, or makes a new one.
    fn choose(&mut self, aim: Aim) -> Result<Session, Verdict> {
        let fresh = match aim {
            Aim::EngineWrites { .. } => false,
            Aim::Held { phase, .. } | Aim::Running { phase, .. } => {
                creates(phase) || !opens(phase) && self.dice.below(30) == 0
            }
        };
        if fresh || self.sessions.is_empty() {
            self.made += 1;
            self.figures.sessions += 1;
            let id = format!("01900000-0000-7000-8000-{:012x}", self.made).parse().map_err(says)?;
            let session = Session::new(id);
            if !fresh {
                // There has to be something to open.
                let made = Scribe::create(&Layout::new(&self.home), id).map_err(says)?;
                made.0.finish().map_err(says)?;
            }
            return Ok(session);
        }
        let at = self.dice.below(self.sessions.len() as u64) as usize;
        let session = self.sessions.remove(at);
        self.traces.remove(&session.id);
        Ok(session)
    }

    // No other session was touched.
    fn others(&self, id: SessionId) -> Result<(), Verdict> {
        let changed = |(other, traces): (&SessionId, &Vec<Trace>)| {
            let now = files(Layout::new(&self.home).session(*other).path());
            (*other != id && now != *traces).then_some(*other)
        };
        match self.traces.iter().find_map(changed) {
            None => Ok(()),
            Some(other) => Err(says(format!("session {other} was touched"))),
        }
    }
}

// Killed before the journal was there; nobody was told of the session.
fn was_never_made(told: &Told) -> bool {
    !told.opened && told.phase.is_none_or(creates)
}

fn creates(phase: Phase) -> bool {
    matches!(phase, Phase::CreateHead | Phase::CreateEngine | Phase::CreateSync)
}

fn copies(phase: Phase) -> bool {
    matches!(phase, Phase::WriteBase | Phase::SyncBase | Phase::LinkBlobs | Phase::NameSession)
}

fn opens(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::Survey
            | Phase::KeepDamaged
            | Phase::Rebuild
            | Phase::PutInPlace
            | Phase::RepairHead
            | Phase::CopyAside
            | Phase::OpenEngine
            | Phase::Compare
            | Phase::SyncOpened
            | Phase::DropAside
    )
}

fn salvages(phase: Phase) -> bool {
    matches!(phase, Phase::KeepDamaged | Phase::Rebuild | Phase::PutInPlace | Phase::RepairHead)
}

fn remove(folder: &Path) -> Result<(), Verdict> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(says(error)),
        _ => Ok(()),
    }
}
