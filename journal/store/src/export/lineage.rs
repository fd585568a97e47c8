//! Whether records follow from each other, one after the other.

use codex_event::{Event, Record, Seq, SessionId, genesis};

use crate::head::Head;
use crate::verify::Problem;

/// The end of the records that were checked so far; none before the first.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    last: Option<(SessionId, Head)>,
}

impl Lineage {
    /// Takes the next record, or tells what is wrong with it.
    pub(super) fn take(&mut self, record: &Record) -> Result<Head, Problem> {
        let envelope = &record.envelope;
        let seq = envelope.seq;
        let (session, before) =
            self.last.unwrap_or_else(|| (envelope.session, Head::empty(&envelope.session)));
        let due = before.seq.next();
        if seq > due {
            return Err(Problem::Missing { first: due, last: Seq(seq.0 - 1) });
        }
        if seq < due {
            return Err(Problem::Conflict { seq });
        }
        let prev = match self.last {
            Some(_) => before.hash,
            None => genesis(&envelope.session),
        };
        if record.prev != prev {
            return Err(Problem::BrokenLink { seq });
        }
        if envelope.epoch < before.epoch {
            return Err(Problem::EpochBack { seq });
        }
        if envelope.session != session {
            let forked = matches!(
                envelope.event(),
                Some(Event::SessionForked { parent, at, head })
                    if (*parent, *at, *head) == (session, before.seq, before.hash)
            );
            if !forked {
                return Err(Problem::WrongSession { seq });
            }
        }
        let head = Head { seq, hash: record.hash, epoch: envelope.epoch };
        self.last = Some((envelope.session, head));
        Ok(head)
    }

    /// Goes on behind a record that stands behind a hole.
    pub(super) fn jump(&mut self, record: &Record) -> Head {
        let envelope = &record.envelope;
        let head = Head { seq: envelope.seq, hash: record.hash, epoch: envelope.epoch };
        self.last = Some((envelope.session, head));
        head
    }

    /// Gives the last record's session and place.
    pub(super) fn end(&self) -> Option<(SessionId, Head)> {
        self.last
    }
}
