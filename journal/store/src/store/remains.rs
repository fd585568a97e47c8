//! What of a damaged journal is still a journal.

use std::collections::BTreeSet;

use codex_event::{Digest, Seq, genesis};

use super::Holes;
use crate::head::{Head, HeadState};
use crate::raw::{Link, RawError, RawJournal};

/// The records that a damaged journal goes on with, and what it goes on behind.
#[derive(Debug)]
pub(super) struct Remains {
    /// Positions of the records that are kept.
    pub(super) kept: BTreeSet<Seq>,
    /// Runs of positions that are lost, and that no earlier repair has named.
    pub(super) missing: Vec<(Seq, Seq)>,
    /// Where the next record belongs: behind the last acknowledged one, even if that is lost.
    pub(super) end: Head,
    /// Whether the last record that is kept is an earlier repair.
    pub(super) ends_in_repair: bool,
}

/// Why a journal can't be gone on with, whatever is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hopeless {
    /// Nothing of it can be read.
    Empty,
    /// What can be read is not what this session's owner wrote.
    Strange,
}

impl Remains {
    /// Chooses what is kept: each record that the one behind it names, back from the acknowledged
    /// one, and those at the upper end of a run for which nothing speaks any more but their hash.
    pub(super) fn of(journal: &RawJournal) -> Result<Result<Remains, Hopeless>, RawError> {
        let head = match journal.acknowledged() {
            HeadState::Good(head) | HeadState::OneSlot(head) => Some(head),
            HeadState::Damaged | HeadState::Absent => None,
        };
        let links: Vec<Link> = journal.links().collect();
        let (chosen, end) = choose(&links, head);
        let Some(end) = end else { return Ok(Err(Hopeless::Empty)) };
        if journal.is_strange() || !is_one_history(&chosen) {
            return Ok(Err(Hopeless::Strange));
        }
        let kept: BTreeSet<Seq> = chosen.iter().map(|link| link.head.seq).collect();
        let mut holes = Holes::default();
        let mut ends_in_repair = false;
        for record in journal.records() {
            let record = record?;
            if kept.contains(&record.envelope.seq) {
                let known = holes.clone();
                holes.learn(&record.envelope);
                ends_in_repair = known != holes || is_repair(&record.envelope);
            }
        }
        let missing = gaps(&kept, end.seq);
        let missing = missing.into_iter().flat_map(|run| holes.unnamed(run)).collect();
        Ok(Ok(Remains { kept, missing, end, ends_in_repair }))
    }
}

fn is_repair(envelope: &codex_event::Envelope) -> bool {
    matches!(envelope.event(), Some(codex_event::Event::Repaired { .. }))
}

// In order; with the end to go on behind, if there is any record.
fn choose(links: &[Link], head: Option<Head>) -> (Vec<Link>, Option<Head>) {
    let last = links.last().map(|link| link.head);
    let Some(mut end) = head.or(last) else { return (Vec::new(), None) };
    let behind = links.partition_point(|link| link.head.seq <= end.seq);
    let mut wanted: Option<(Seq, Digest)> = Some((end.seq, end.hash));
    let mut chosen: Vec<Link> = Vec::new();
    for link in links[..behind].iter().rev() {
        let impostor = wanted
            .is_some_and(|(seq, hash)| seq == link.head.seq && hash != link.head.hash)
            || chosen.last().is_some_and(|later| later.head.epoch < link.head.epoch)
                && wanted.is_none_or(|(seq, _)| seq != link.head.seq);
        if !impostor {
            chosen.push(*link);
            wanted = Some((Seq(link.head.seq.0.saturating_sub(1)), link.prev));
        }
    }
    chosen.reverse();
    for link in &links[behind..] {
        if (link.head.seq, link.prev) != (end.seq.next(), end.hash) {
            break;
        }
        end = link.head;
        chosen.push(*link);
    }
    let end = (!chosen.is_empty()).then_some(end);
    (chosen, end)
}

fn is_one_history(chosen: &[Link]) -> bool {
    let begins = chosen
        .first()
        .is_none_or(|first| first.head.seq > Seq(1) || first.prev == genesis(&first.session));
    begins && chosen.windows(2).all(|pair| pair[0].head.epoch <= pair[1].head.epoch)
}

fn gaps(kept: &BTreeSet<Seq>, end: Seq) -> Vec<(Seq, Seq)> {
    let mut found = Vec::new();
    let mut due = Seq(1);
    for seq in kept.iter().copied().chain([end.next()]) {
        if seq > due {
            found.push((due, Seq(seq.0 - 1)));
        }
        due = due.max(seq.next());
    }
    found
}
