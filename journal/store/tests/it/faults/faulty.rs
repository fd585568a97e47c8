//! A store that fails when it is told to.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use codex_event::{Envelope, Record, Seq};
use codex_journal::{AppendError, Head, Holes, Reader, Store, StoreError};

/// When and how it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing of the batch is written.
    Append(Errno),
    /// The batch is written as far as its middle.
    HalfAppend(Errno),
    /// Nothing is made durable.
    Sync(Errno),
    /// Everything is durable, and nobody is told.
    AfterSync(Errno),
    /// The engine panics while it is written to.
    Panic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    /// The device failed.
    Io,
    /// The disk is full.
    NoSpace,
}

impl Errno {
    fn error(self) -> StoreError {
        let number = match self {
            Errno::Io => 5,
            Errno::NoSpace => 28,
        };
        StoreError::Io(io::Error::from_raw_os_error(number))
    }
}

impl Fault {
    pub(crate) const ALL: [Fault; 9] = [
        Fault::Append(Errno::Io),
        Fault::Append(Errno::NoSpace),
        Fault::HalfAppend(Errno::Io),
        Fault::HalfAppend(Errno::NoSpace),
        Fault::Sync(Errno::Io),
        Fault::Sync(Errno::NoSpace),
        Fault::AfterSync(Errno::Io),
        Fault::AfterSync(Errno::NoSpace),
        Fault::Panic,
    ];
}

/// Passes everything on to a store, until its fault is due.
pub(crate) struct Faulty<S> {
    pub(crate) inner: S,
    pub(crate) fault: Fault,
    /// The first append or barrier that reaches this position fails.
    pub(crate) at: Seq,
}

impl<S: Store> Store for Faulty<S> {
    fn head(&self) -> Head {
        self.inner.head()
    }

    fn append(
        &mut self,
        expect: Seq,
        mut batch: Vec<Envelope>,
    ) -> Result<Vec<Arc<Record>>, AppendError> {
        let due = batch.last().is_some_and(|last| last.seq >= self.at);
        match self.fault {
            Fault::Append(errno) if due => Err(errno.error().into()),
            Fault::HalfAppend(errno) if due => {
                batch.truncate(batch.len() / 2);
                self.inner.append(expect, batch)?;
                Err(errno.error().into())
            }
            Fault::Panic if due => panic!("the store was told to"),
            Fault::Append(_)
            | Fault::HalfAppend(_)
            | Fault::Sync(_)
            | Fault::AfterSync(_)
            | Fault::Panic => self.inner.append(expect, batch),
        }
    }

    fn barrier(&mut self) -> Result<Head, StoreError> {
        let due = self.inner.head().seq >= self.at;
        match self.fault {
            Fault::Sync(errno) if due => Err(errno.error()),
            Fault::AfterSync(errno) if due => {
                self.inner.barrier()?;
                Err(errno.error())
            }
            Fault::Append(_)
            | Fault::HalfAppend(_)
            | Fault::Sync(_)
            | Fault::AfterSync(_)
            | Fault::Panic => self.inner.barrier(),
        }
    }

    fn scan(
        &self,
        range: RangeInclusive<Seq>,
    ) -> Box<dyn Iterator<Item = Result<Record, StoreError>> + '_> {
        self.inner.scan(range)
    }

    fn holes(&self) -> Holes {
        self.inner.holes()
    }

    fn reader(&self) -> Reader {
        self.inner.reader()
    }
}
