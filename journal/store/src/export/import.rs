//! A session from its file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use codex_event::{Digest, Epoch, FrameError, HEADER_LEN, MAX_JSON_LEN, Record, Seq, SessionId};

use super::lineage::Lineage;
use super::{BLOB, END, FORMAT, FRAME, MAGIC, MISSING, hasher};
use crate::base::{BaseWriter, blobs_of};
use crate::blobs::sync_dir;
use crate::head::Head;
use crate::layout::Layout;
use crate::making::Making;
use crate::open::OpenError;
use crate::phase::Phase;
use crate::verify::Problem;

const PART: usize = 64 << 10;

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The session.
    pub id: SessionId,
    /// Its records.
    pub records: u64,
    /// Its blobs.
    pub blobs: u64,
    /// Blobs that the file says were lost before it was made.
    pub missing_blobs: Vec<Digest>,
}

/// Why a file was not imported. Nothing of it is left then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It begins like no export.
    #[error("the file is no exported session")]
    NotAnExport,
    /// A newer release wrote it.
    #[error("the file has export format {0}, which this release does not know")]
    Format(u8),
    /// It ends before its end.
    #[error("the file is cut off after {at} bytes")]
    CutOff {
        /// How long it is.
        at: u64,
    },
    /// Something else than what belongs there is in it.
    #[error("the file is damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: u64,
        /// What is wrong.
        what: Damage,
    },
    /// The session that was exported had lost records.
    #[error("{0}: lost before the session was exported")]
    Incomplete(Problem),
    /// The file can't be read.
    #[error("the file can't be read: {0}")]
    Input(#[source] io::Error),
    /// The session can't be made; also when there is one of its id.
    #[error(transparent)]
    Make(#[from] OpenError),
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A frame is not good.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// A record does not follow from the one before.
    #[error("{0}")]
    Chain(Problem),
    /// A blob's bytes are not those of its digest, or no record names it.
    #[error("blob {0} is not the one that a record names")]
    Blob(Digest),
    /// A blob that a record names is not there.
    #[error("blob {0} is missing")]
    NoBlob(Digest),
    /// There is something that no export holds.
    #[error("something that does not belong there")]
    Strange,
    /// The last record is another one than the head says, or another session's.
    #[error("it does not end with the record that its head names")]
    Head,
    /// The bytes are not those that were written.
    #[error("the checksum is another one")]
    Checksum,
}

/// Makes a session of an exported file; `progress` is told the bytes read so far.
pub fn import(
    layout: &Layout,
    input: &mut dyn Read,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    let mut source = Source { input, hasher: hasher(), at: 0, progress };
    let mut magic = [0; MAGIC.len()];
    let begins = source.take(&mut magic);
    if !matches!(begins, Ok(()) if magic == MAGIC) {
        return Err(match begins {
            Err(error @ ImportError::Input(_)) => error,
            Ok(()) | Err(_) => ImportError::NotAnExport,
        });
    }
    let [format] = source.array()?;
    if format != FORMAT {
        return Err(ImportError::Format(format));
    }
    let id = SessionId::from_bytes(source.array()?);
    let (seq, epoch) = (Seq(source.number()?), Epoch(source.number()?));
    let head = Head { seq, epoch, hash: Digest(source.array()?) };
    let making = Making::begin(layout, id)?;
    let mut made = Made::begin(&making, id)?;
    let mut missing = None;
    let (records, blobs) = loop {
        let at = source.at;
        let damaged = |what| ImportError::Damaged { at, what };
        let [tag] = source.array()?;
        match tag {
            FRAME => {
                let record = source.frame()?.map_err(|error| damaged(error.into()))?;
                match made.lineage.take(&record) {
                    Ok(place) => made.push(&record, place)?,
                    // What comes behind a hole is looked at all the same.
                    Err(problem @ Problem::Missing { .. }) => {
                        missing.get_or_insert(problem);
                        let place = made.lineage.jump(&record);
                        made.push(&record, place)?;
                    }
                    Err(problem) => return Err(damaged(Damage::Chain(problem))),
                }
            }
            BLOB => {
                let (digest, len) = source.name()?;
                made.blob(&mut source, digest, len)?;
            }
            MISSING => {
                let (digest, len) = source.name()?;
                if made.named.remove(&digest) != Some(len) {
                    return Err(damaged(Damage::Blob(digest)));
                }
                made.missing.push(digest);
            }
            END => break (source.number()?, source.number()?),
            _ => return Err(damaged(Damage::Strange)),
        }
    };
    let at = source.at;
    let damaged = |what| ImportError::Damaged { at, what };
    let sum = *source.hasher.finalize().as_bytes();
    if source.array()? != sum {
        return Err(damaged(Damage::Checksum));
    }
    if source.has_more()? || (records, blobs) != (made.records, made.blobs) {
        return Err(ImportError::Damaged { at: source.at, what: Damage::Strange });
    }
    if let Some(digest) = made.named.keys().min() {
        return Err(damaged(Damage::NoBlob(*digest)));
    }
    let (session, end) = made.lineage.end().ok_or_else(|| damaged(Damage::Head))?;
    if end.seq < head.seq {
        missing.get_or_insert(Problem::Missing { first: end.seq.next(), last: head.seq });
    }
    if let Some(problem) = missing {
        return Err(ImportError::Incomplete(problem));
    }
    if (session, end) != (id, head) {
        return Err(damaged(Damage::Head));
    }
    let missing_blobs = made.finish()?;
    making.mark_imported(head.seq).map_err(making_failed)?;
    making.fill(Vec::new())?;
    making.finish()?;
    Ok(Imported { id, records, blobs, missing_blobs })
}

/// What is made of the file so far.
struct Made {
    base: BaseWriter,
    blobs_at: PathBuf,
    lineage: Lineage,
    /// Blobs that records name and that have not come yet.
    named: HashMap<Digest, u64>,
    known: HashMap<Digest, u64>,
    missing: Vec<Digest>,
    records: u64,
    blobs: u64,
}

impl Made {
    fn begin(making: &Making, id: SessionId) -> Result<Made, ImportError> {
        let base = BaseWriter::create(&making.dir().base(), id).map_err(making_failed)?;
        Ok(Made {
            base,
            blobs_at: making.dir().blobs(),
            lineage: Lineage::default(),
            named: HashMap::new(),
            known: HashMap::new(),
            missing: Vec::new(),
            records: 0,
            blobs: 0,
        })
    }

    fn push(&mut self, record: &Record, place: Head) -> Result<(), ImportError> {
        self.records += 1;
        for (digest, len) in blobs_of(record.json()) {
            if self.known.insert(digest, len).is_none() {
                self.named.insert(digest, len);
            }
        }
        self.base.push(&record.frame, record.envelope.session, place).map_err(making_failed)
    }

    fn blob(
        &mut self,
        source: &mut Source<'_>,
        digest: Digest,
        len: u64,
    ) -> Result<(), ImportError> {
        let at = source.at;
        let wrong = ImportError::Damaged { at, what: Damage::Blob(digest) };
        if self.named.remove(&digest) != Some(len) {
            return Err(wrong);
        }
        if self.blobs == 0 {
            Phase::LinkBlobs.begin();
            std::fs::create_dir(&self.blobs_at).map_err(making_failed)?;
        }
        let mut file =
            File::create(self.blobs_at.join(digest.to_string())).map_err(making_failed)?;
        let mut hasher = blake3::Hasher::new();
        let mut part = vec![0; PART];
        let mut left = len;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(PART).min(PART);
            source.take(&mut part[..now])?;
            hasher.update(&part[..now]);
            file.write_all(&part[..now]).map_err(making_failed)?;
            left -= now as u64;
        }
        file.sync_all().map_err(making_failed)?;
        self.blobs += 1;
        if Digest(*hasher.finalize().as_bytes()) == digest { Ok(()) } else { Err(wrong) }
    }

    fn finish(self) -> Result<Vec<Digest>, ImportError> {
        self.base.finish().map_err(making_failed)?;
        if self.blobs > 0 {
            sync_dir(&self.blobs_at).map_err(making_failed)?;
        }
        Ok(self.missing)
    }
}

/// The file, and how far it was read.
struct Source<'a> {
    input: &'a mut dyn Read,
    hasher: blake3::Hasher,
    at: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Source<'_> {
    fn take(&mut self, space: &mut [u8]) -> Result<(), ImportError> {
        self.input.read_exact(space).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ImportError::CutOff { at: self.at },
            _ => ImportError::Input(error),
        })?;
        self.hasher.update(space);
        self.at += space.len() as u64;
        (self.progress)(self.at);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        let mut bytes = [0; N];
        self.take(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, ImportError> {
        self.array().map(u64::from_le_bytes)
    }

    fn name(&mut self) -> Result<(Digest, u64), ImportError> {
        Ok((Digest(self.array()?), self.number()?))
    }

    fn frame(&mut self) -> Result<Result<Record, FrameError>, ImportError> {
        let mut frame = vec![0; HEADER_LEN];
        self.take(&mut frame)?;
        let len = u32::from_le_bytes(frame[9..13].try_into().expect("four bytes were sliced"));
        if len as usize <= MAX_JSON_LEN {
            frame.resize(HEADER_LEN + len as usize, 0);
            self.take(&mut frame[HEADER_LEN..])?;
        }
        Ok(Record::open(&frame))
    }

    fn has_more(&mut self) -> Result<bool, ImportError> {
        loop {
            match self.input.read(&mut [0]) {
                Ok(read) => return Ok(read > 0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ImportError::Input(error)),
            }
        }
    }
}

fn making_failed(error: io::Error) -> ImportError {
    ImportError::Make(OpenError::Io(error))
}
