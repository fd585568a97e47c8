//! Which of the frames found are the journal.

use std::collections::HashSet;
use std::fs::File;

use codex_event::{Digest, Event, Record, Seq, SessionId, genesis};

use super::frames::{Place, Sighting};
use crate::head::{Head, HeadState};

/// The records of a journal in order, and what is wrong with them.
#[derive(Debug)]
pub(super) struct Chain {
    /// What the first of them follows, where the journal is not read from its first record on.
    pub(super) floor: Head,
    pub(super) records: Vec<Place>,
    /// Positions with different good frames of one writer, each linked to the record before.
    pub(super) conflicts: Vec<Seq>,
    /// Records that do not name the one before them.
    pub(super) broken: Vec<Seq>,
    /// Records of an earlier epoch than the one before them.
    pub(super) backward: Vec<Seq>,
    /// The first record of each other session.
    pub(super) foreign: Vec<Seq>,
    /// Records where the journal goes over to another session without a fork.
    pub(super) strangers: Vec<Seq>,
    /// Records that hold no event.
    pub(super) unreadable: Vec<Seq>,
}

/// Whose records are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose {
    /// The session.
    pub(super) session: SessionId,
    /// How many of the files, from the first, hold what it inherited: there, records of other
    /// sessions are its own as well.
    pub(super) shared: usize,
    /// What the first of the records has to follow.
    pub(super) floor: Head,
}

impl Chain {
    /// Orders what was found, from the acknowledged record backward by the links and forward as far
    /// as they hold. A later epoch wins where an earlier writer's tail was given up.
    pub(super) fn build(
        sighting: Sighting,
        whose: Whose,
        acknowledged: HeadState,
    ) -> (Vec<File>, Chain) {
        let Whose { session, shared, floor } = whose;
        let mut foreign = Vec::new();
        let mut others = HashSet::new();
        let mut candidates = sighting.places;
        candidates.retain(|place| {
            let ours = place.session == session || place.file < shared;
            if !ours && others.insert(place.session) {
                foreign.push(place.seq);
            }
            ours
        });
        // Those of one position stay in the order in which they were found.
        candidates.sort_by_key(|place| place.seq);
        let several = several(&candidates);
        let mut chain = Chain {
            floor,
            records: choose(&candidates, floor, acknowledged),
            conflicts: Vec::new(),
            broken: Vec::new(),
            backward: Vec::new(),
            foreign,
            strangers: Vec::new(),
            unreadable: sighting.unreadable,
        };
        let disputed = several.into_iter().filter(|place| chain.disputes(place));
        chain.conflicts = disputed.map(|place| place.seq).collect();
        chain.conflicts.dedup();
        chain.check();
        (sighting.files, chain)
    }

    /// Finds where records begin to be another session's, which only a fork makes them: `before` is
    /// the session of the record that the first one follows, none at the beginning of a journal.
    pub(super) fn check_lineage(
        &mut self,
        before: Option<SessionId>,
        read: impl Fn(&Place) -> Option<Record>,
    ) {
        let mut last = before.map(|before| (before, self.floor));
        for place in &self.records {
            let head = Head { seq: place.seq, hash: place.hash, epoch: place.epoch };
            if let Some((before, at)) = last.replace((place.session, head))
                && before != place.session
            {
                // Behind a hole there is nothing to hold it against.
                let adjacent = at.seq.next() == place.seq;
                let forked = read(place).is_none_or(|record| match record.envelope.event() {
                    Some(Event::SessionForked { parent, at: from, head }) => {
                        (*parent, *from, *head) == (before, at.seq, at.hash)
                    }
                    Some(_) | None => false,
                });
                if adjacent && !forked {
                    self.strangers.push(place.seq);
                }
            }
        }
    }

    /// Gives the record at a position.
    pub(super) fn find(&self, seq: Seq) -> Option<&Place> {
        let at = self.records.binary_search_by_key(&seq, |place| place.seq).ok()?;
        Some(&self.records[at])
    }

    // Tells whether a frame claims the place of another one that its writer also wrote behind the
    // same record. One that follows from nothing here is what a crash left behind a hole: the next
    // writer did not see it, and may have the same epoch.
    fn disputes(&self, place: &Place) -> bool {
        let Some(chosen) = self.find(place.seq) else { return false };
        let before = match place.seq {
            Seq(1) => Some(genesis(&place.session)),
            seq if seq == self.floor.seq.next() => Some(self.floor.hash),
            Seq(seq) => self.find(Seq(seq - 1)).map(|place| place.hash),
        };
        place.hash != chosen.hash
            && place.epoch == chosen.epoch
            && before.is_none_or(|hash| place.prev == hash)
    }

    fn check(&mut self) {
        if let Some(first) = self.records.first() {
            let floor = self.floor;
            let linked = match first.seq {
                Seq(1) => first.prev == genesis(&first.session),
                seq => seq != floor.seq.next() || first.prev == floor.hash,
            };
            if !linked {
                self.broken.push(first.seq);
            }
            if first.epoch < floor.epoch {
                self.backward.push(first.seq);
            }
        }
        for pair in self.records.windows(2) {
            let [before, after] = pair else { continue };
            if after.seq == before.seq.next() && after.prev != before.hash {
                self.broken.push(after.seq);
            }
            if after.epoch < before.epoch {
                self.backward.push(after.seq);
            }
        }
    }
}

// The frames of each position that has more than one. In order of position, like the candidates below.
fn several(candidates: &[Place]) -> Vec<Place> {
    positions(candidates).filter(|places| places.len() > 1).flatten().cloned().collect()
}

fn positions(candidates: &[Place]) -> impl DoubleEndedIterator<Item = &[Place]> {
    candidates.chunk_by(|one, other| one.seq == other.seq)
}

// Gives those that are the journal, at most one of each position.
fn choose(candidates: &[Place], floor: Head, acknowledged: HeadState) -> Vec<Place> {
    let anchor = match acknowledged {
        HeadState::Good(head) | HeadState::OneSlot(head) => Some(head),
        HeadState::Damaged | HeadState::Absent => None,
    };
    let begin = |seq: Seq| candidates.partition_point(|place| place.seq < seq);
    let at = |seq: Seq| candidates[begin(seq)..begin(seq.next())].iter();
    let anchored = anchor.filter(|head| {
        (head.seq, head.hash) == (floor.seq, floor.hash)
            || at(head.seq).any(|place| place.hash == head.hash)
            // The record itself is lost, and what follows names it.
            || at(head.seq.next()).any(|place| place.prev == head.hash)
    });
    let mut chosen: Vec<&Place> = Vec::with_capacity(candidates.len());
    let mut wanted: Option<(Seq, Digest)> = None;
    let mut before = candidates;
    if let Some(head) = anchored {
        // What is behind the acknowledged record counts as far as it is linked to it.
        let behind;
        (before, behind) = candidates.split_at(begin(head.seq.next()));
        let mut end = (head.seq, head.hash);
        for places in positions(behind) {
            let linked =
                places.iter().filter(|place| (place.seq, place.prev) == (end.0.next(), end.1));
            let Some(place) = linked.max_by_key(|place| place.epoch) else { break };
            end = (place.seq, place.hash);
            chosen.push(place);
        }
        chosen.reverse();
        wanted = Some((head.seq, head.hash));
    }
    for places in positions(before).rev() {
        let seq = places[0].seq;
        let named = wanted.filter(|(at, _)| *at == seq).map(|(_, hash)| hash);
        let best = places.iter().max_by_key(|place| (Some(place.hash) == named, place.epoch));
        if let Some(place) = best {
            // One that took the place of a lost record says nothing about those before it.
            let follows = named.is_none_or(|hash| hash == place.hash);
            wanted = follows.then_some((Seq(seq.0.saturating_sub(1)), place.prev));
            chosen.push(place);
        }
    }
    chosen.reverse();
    chosen.into_iter().cloned().collect()
}
