//! A store without a disk, for tests and dry runs.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use codex_event::{Envelope, Record, Seq, SessionId};

use super::{AppendError, Reader, Store, StoreError, head_of, seal};
use crate::head::Head;

/// Keeps records in memory, under the same rules as the store on disk.
///
/// Clones share their records, so that a clone stands for the store opened again.
#[derive(Clone, Debug)]
pub struct MemStore {
    session: SessionId,
    records: Arc<Mutex<Vec<Arc<Record>>>>,
}

impl MemStore {
    /// Makes an empty store.
    pub fn new(session: SessionId) -> MemStore {
        MemStore { session, records: Arc::default() }
    }

    fn slice(&self, range: &RangeInclusive<Seq>) -> Vec<Arc<Record>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().filter(|record| range.contains(&record.envelope.seq)).cloned().collect()
    }
}

impl Store for MemStore {
    fn head(&self) -> Head {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.last().map_or_else(|| Head::empty(&self.session), |record| head_of(record))
    }

    fn append(
        &mut self,
        expect: Seq,
        batch: Vec<Envelope>,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        let sealed = seal(self.session, self.head(), expect, batch)?;
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.extend(sealed.iter().cloned());
        Ok(sealed)
    }

    fn barrier(&mut self) -> Result<Head, StoreError> {
        Ok(self.head())
    }

    fn scan(
        &self,
        range: RangeInclusive<Seq>,
    ) -> Box<dyn Iterator<Item = Result<Record, StoreError>> + '_> {
        Box::new(self.slice(&range).into_iter().map(|record| Ok(Record::clone(&record))))
    }

    fn reader(&self) -> Reader {
        let store = self.clone();
        Arc::new(move |range| {
            Ok(store.slice(&range).iter().map(|record| Record::clone(record)).collect())
        })
    }
}
