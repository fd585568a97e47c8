//! Going on with a journal that has lost acknowledged records.
//!
//! The database is made anew from every record that can be read, and `Repaired` behind them names
//! what can't. It is chained behind the last acknowledged record, which the head file knows even
//! when the record is lost, so that no position is ever used twice. Each step leaves a journal that
//! the next opening can go on from.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use codex_event::{
    Author, Body, Envelope, Epoch, Event, Millis, Record, Seq, SessionId, Timestamp,
};

use super::remains::{Hopeless, Remains};
use super::{aside, head_of, kept, rebuild};
use crate::head::{Head, HeadFile, HeadState};
use crate::layout::SessionDir;
use crate::open::{Damage, OpenError};
use crate::phase::Phase;
use crate::raw::RawJournal;
use crate::verify::Problem;

/// Most runs of one event, which must stay small; more runs make more events.
const RUNS: usize = 256;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Positions that were found missing now: first and last of each run.
    pub missing: Vec<(Seq, Seq)>,
    /// Position of the first `Repaired` event; none when an earlier one says it all.
    pub told_at: Option<Seq>,
    /// The folder that holds the damaged files as they were found.
    pub kept: PathBuf,
}

/// Makes the journal anew from what can be read of it; `problem` is what keeps it from being opened.
pub(super) fn run(
    dir: &SessionDir,
    session: SessionId,
    problem: Problem,
) -> Result<Salvaged, OpenError> {
    let damage = Damage::Records(problem);
    // The copy of an opening that was cut off may hold what the engine has written over since.
    let journal = RawJournal::read_with(dir, aside::left(dir), session)?;
    let remains = match Remains::of(&journal)? {
        Ok(remains) => remains,
        Err(Hopeless::Empty | Hopeless::Strange) => {
            return Err(OpenError::Damaged { session, damage });
        }
    };
    let head_is_known =
        matches!(journal.acknowledged(), HeadState::Good(_) | HeadState::OneSlot(_));
    // The repair before was cut off when only the head file was left to do.
    let told = !head_is_known && remains.ends_in_repair && remains.missing.is_empty();
    let repairs = if told { Vec::new() } else { repairs(session, &remains) };
    tracing::warn!(%session, %damage, missing = ?remains.missing, "the journal is repaired");

    Phase::KeepDamaged.begin();
    let kept = kept::keep(dir)?;
    // The base is never written again, so a hole in it is named and nothing more.
    let own = journal.records_from(journal.inherited().next());
    let readable = own.filter(|record| {
        record.as_ref().map_or(true, |record| remains.kept.contains(&record.envelope.seq))
    });
    rebuild::run(dir, session, readable.chain(repairs.iter().cloned().map(Ok)))?;
    let end = repairs.last().map_or(remains.end, head_of);
    if !head_is_known {
        Phase::RepairHead.begin();
        HeadFile::replace(&dir.head(), end)?;
    }
    let told_at = repairs.first().map(|record| record.envelope.seq);
    Ok(Salvaged { missing: remains.missing, told_at, kept })
}

fn repairs(session: SessionId, remains: &Remains) -> Vec<Record> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let epoch = remains.end.epoch.next();
    let mut end = remains.end;
    let mut sealed = Vec::new();
    let mut runs = remains.missing.chunks(RUNS).map(<[_]>::to_vec).collect::<Vec<_>>();
    if runs.is_empty() {
        // What is wrong is not that records are missing before the end.
        runs.push(Vec::new());
    }
    for missing in runs {
        let record = repair(session, end, epoch, at, missing);
        end = head_of(&record);
        sealed.push(record);
    }
    sealed
}

fn repair(
    session: SessionId,
    end: Head,
    epoch: Epoch,
    at: Timestamp,
    missing: Vec<(Seq, Seq)>,
) -> Record {
    let envelope = Envelope {
        session,
        seq: end.seq.next(),
        epoch,
        at,
        mono: Millis(0),
        author: Author::Supervisor,
        cause: None,
        turn: None,
        body: Body::Known(Event::Repaired { missing }),
    };
    Record::seal(envelope, end.hash)
}
