//! Positions that a repair has named as lost.

use std::ops::RangeInclusive;

use codex_event::{Envelope, Event, Seq};

/// The positions whose records were lost, as the journal's own `Repaired` events name them.
///
/// A reader passes over them; any other position that is not there is a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holes {
    // In order, apart from each other.
    runs: Vec<(Seq, Seq)>,
}

impl Holes {
    /// Takes over what an event names as lost, if it is one that does.
    pub fn learn(&mut self, envelope: &Envelope) {
        if let Some(Event::Repaired { missing }) = envelope.event() {
            missing.iter().for_each(|run| self.add(*run));
        }
    }

    /// Gives the first and last position of each run, in order.
    pub fn runs(&self) -> &[(Seq, Seq)] {
        &self.runs
    }

    /// Tells whether nothing is lost.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Tells whether all of these positions are named as lost.
    pub fn cover(&self, range: RangeInclusive<Seq>) -> bool {
        let (first, last) = range.into_inner();
        self.runs.iter().any(|run| run.0 <= first && last <= run.1)
    }

    /// Gives the parts of a run that nothing names as lost.
    pub(super) fn unnamed(&self, (first, last): (Seq, Seq)) -> Vec<(Seq, Seq)> {
        let mut parts = Vec::new();
        let mut due = first;
        for (begin, end) in self.runs.iter().filter(|run| run.1 >= first && run.0 <= last) {
            if *begin > due {
                parts.push((due, Seq(begin.0 - 1)));
            }
            due = end.next();
        }
        if due <= last {
            parts.push((due, last));
        }
        parts
    }

    fn add(&mut self, (first, last): (Seq, Seq)) {
        if first > last {
            return;
        }
        let mut run = (first, last);
        self.runs.retain(|known| {
            let apart = known.1.next() < run.0 || run.1.next() < known.0;
            if !apart {
                run = (run.0.min(known.0), run.1.max(known.1));
            }
            apart
        });
        let at = self.runs.partition_point(|known| known.0 < run.0);
        self.runs.insert(at, run);
    }
}

impl FromIterator<(Seq, Seq)> for Holes {
    fn from_iter<T: IntoIterator<Item = (Seq, Seq)>>(runs: T) -> Holes {
        let mut holes = Holes::default();
        runs.into_iter().for_each(|run| holes.add(run));
        holes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(runs: &[(u64, u64)]) -> Holes {
        runs.iter().map(|(first, last)| (Seq(*first), Seq(*last))).collect()
    }

    #[test]
    fn runs_that_touch_become_one() {
        let found = holes(&[(9, 9), (3, 4), (5, 5), (12, 20), (14, 15), (8, 7)]);
        assert_eq!(found, holes(&[(3, 5), (9, 9), (12, 20)]));
        assert!(found.cover(Seq(3)..=Seq(5)) && found.cover(Seq(13)..=Seq(20)));
        assert!(!found.cover(Seq(5)..=Seq(6)) && !found.cover(Seq(2)..=Seq(3)));
        let parts = |first, last| found.unnamed((Seq(first), Seq(last)));
        assert_eq!(parts(1, 15), [(Seq(1), Seq(2)), (Seq(6), Seq(8)), (Seq(10), Seq(11))]);
        assert_eq!((parts(4, 4), parts(21, 22)), (vec![], vec![(Seq(21), Seq(22))]));
        assert_eq!(holes(&[(1, 2), (6, 7), (3, 5)]), holes(&[(1, 7)]));
    }
}
