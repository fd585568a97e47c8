//! A session that was recorded elsewhere, put down as a whole.

use std::collections::HashSet;

use codex_event::{Digest, Envelope, MAX_JSON_LEN, Record, SessionId};

use crate::base::BaseWriter;
use crate::blobs::Blobs;
use crate::head::Head;
use crate::layout::Layout;
use crate::making::Making;
use crate::open::OpenError;
use crate::store::{AppendError, StoreError};

/// Puts a session down event by event; nothing of it has a name before [`Recording::finish`].
///
/// Its records are the base that the session begins with, since nobody will ever add to them, and
/// are written one after the other: the memory that it takes does not grow with their length.
/// Dropping it removes what was begun.
pub struct Recording {
    making: Making,
    session: SessionId,
    base: BaseWriter,
    blobs: Blobs,
    known: HashSet<Digest>,
    end: Head,
}

impl Recording {
    /// Begins a session; an error when there is one of this id.
    pub fn begin(layout: &Layout, session: SessionId) -> Result<Recording, OpenError> {
        let making = Making::begin(layout, session)?;
        let base = BaseWriter::create(&making.dir().base(), session)?;
        let blobs = Blobs::at(making.dir().blobs());
        let end = Head::empty(&session);
        Ok(Recording { making, session, base, blobs, known: HashSet::new(), end })
    }

    /// Adds the next event, and the blobs that were moved out of it before.
    pub fn push(
        &mut self,
        envelope: Envelope,
        blobs: Vec<(Digest, Vec<u8>)>,
    ) -> Result<(), OpenError> {
        let fresh = blobs.into_iter().filter(|(digest, _)| self.known.insert(*digest));
        let fresh: Vec<_> = fresh.collect();
        if !fresh.is_empty() {
            self.blobs.put_all(&fresh)?;
        }
        let (seq, epoch) = (envelope.seq, envelope.epoch);
        let wrong = if envelope.session != self.session {
            Some(AppendError::WrongSession { session: self.session, found: envelope.session })
        } else if seq != self.end.seq.next() {
            Some(AppendError::NotDense { wanted: self.end.seq.next(), found: seq })
        } else if epoch < self.end.epoch {
            Some(AppendError::Fenced { head: self.end.epoch, found: epoch })
        } else {
            None
        };
        if let Some(wrong) = wrong {
            return Err(refused(&wrong));
        }
        let record = Record::seal(envelope, self.end.hash);
        let len = record.json().len();
        if len > MAX_JSON_LEN {
            return Err(refused(&AppendError::TooLarge { seq, len }));
        }
        self.end = Head { seq, hash: record.hash, epoch };
        self.base.push(&record.frame, self.session, self.end)?;
        Ok(())
    }

    /// Makes everything durable, and gives the session its name.
    pub fn finish(self) -> Result<Head, OpenError> {
        let Recording { making, base, end, .. } = self;
        base.finish()?;
        making.mark_imported(end.seq)?;
        let head = making.fill(Vec::new())?;
        making.finish()?;
        Ok(head)
    }
}

fn refused(error: &AppendError) -> OpenError {
    OpenError::Store(StoreError::Engine(error.to_string()))
}
