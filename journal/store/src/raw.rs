//! Reading a journal's files without the engine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use codex_event::{Digest, Envelope, HEADER_LEN, Proven, Record, Seq, SessionId};

use crate::base::Base;
use crate::blobs::Blobs;
use crate::head::{Head, HeadFile, HeadState};
use crate::layout::{SessionDir, is_absence};
use crate::verify::Problem;

mod blocks;
mod chain;
mod frames;
mod parts;

use blocks::Blocks;
use chain::{Chain, Whose};
use frames::{Newer, Place, Sighting};
pub(crate) use parts::Part;

// Most looks at a journal that changes while it is read.
const LOOKS: usize = 6;

/// Why a journal's files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// There is no journal.
    #[error("no journal at {}", .0.display())]
    NotFound(PathBuf),
    /// The file system refused.
    #[error("can't read the journal: {0}")]
    Io(#[from] io::Error),
    /// A record that was there is not any more.
    #[error("record {0} can't be read any more")]
    Lost(Seq),
}

/// The records of a journal, found by their frames alone.
///
/// It never takes a lock, writes, or opens the engine, so it works beside a live writer and on
/// damaged files. Every frame was checked by its hash; bodies are read again when they are asked
/// for. Records behind the acknowledged head belong to the journal as far as they are linked to it:
/// a crash may leave others there, which nobody was told of.
#[derive(Debug)]
pub struct RawJournal {
    dir: SessionDir,
    reading: Reading,
    session: SessionId,
    blobs: Blobs,
    acknowledged: HeadState,
    files: Vec<File>,
    chain: Chain,
    gaps: Vec<(Seq, Seq)>,
    // Positions whose records a newer release wrote in a form that can't be read.
    newer: BTreeMap<Seq, u32>,
    newest: Option<u32>,
    // Where the base ends; 0 without one.
    inherited: Seq,
    index_damaged: bool,
}

/// What is looked through.
#[derive(Clone, Debug, Default)]
struct Reading {
    /// A copy of the engine's files, beside them.
    also: Option<SessionDir>,
    extent: Extent,
}

/// Which of a journal's records are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Extent {
    /// All of them.
    #[default]
    Whole,
    /// Those behind its base, which is known to be as it was written.
    Own,
}

/// A record's place in the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) head: Head,
    pub(crate) prev: Digest,
    /// The session that it was sealed for.
    pub(crate) session: SessionId,
}

/// Gives the record that a session begins with, without reading the others; none when it is not
/// found, as on a damaged journal or beside a writer that moves it.
pub(crate) fn opening(dir: &SessionDir, id: SessionId) -> io::Result<Option<Record>> {
    match frames::first(&dir.base(), None) {
        Err(error) if is_absence(&error) => frames::first(&dir.data(), Some(id)),
        found => found,
    }
}

/// Tells whether the bytes of a session's files hold some words; whether in a record, only reading
/// the records can tell.
pub(crate) fn mentions(dir: &SessionDir, words: &[u8]) -> io::Result<bool> {
    for path in frames::files(dir)? {
        let holds = std::fs::read(path)?.windows(words.len()).any(|window| window == words);
        if holds {
            return Ok(true);
        }
    }
    Ok(false)
}

impl RawJournal {
    /// Finds the records of a session.
    pub fn read(dir: &SessionDir, id: SessionId) -> Result<RawJournal, RawError> {
        RawJournal::read_as(dir, id, &Reading::default())
    }

    /// Finds the records of a session in its files and in a copy of them.
    pub(crate) fn read_with(
        dir: &SessionDir,
        also: Option<SessionDir>,
        id: SessionId,
    ) -> Result<RawJournal, RawError> {
        RawJournal::read_as(dir, id, &Reading { also, extent: Extent::Whole })
    }

    /// Finds the records behind the base of a session, which must be as it was written.
    pub(crate) fn read_own(dir: &SessionDir, id: SessionId) -> Result<RawJournal, RawError> {
        RawJournal::read_as(dir, id, &Reading { also: None, extent: Extent::Own })
    }

    fn read_as(dir: &SessionDir, id: SessionId, reading: &Reading) -> Result<RawJournal, RawError> {
        let mut journal = RawJournal::look(dir, id, reading)?;
        for _ in 1..LOOKS {
            // A page that moved while it was looked for is in the next look. A file that is really
            // damaged shows the same twice.
            if journal.is_whole() {
                break;
            }
            let again = RawJournal::look(dir, id, reading)?;
            let settled = again.acknowledged == journal.acknowledged && again.gaps == journal.gaps;
            journal = again;
            if settled {
                break;
            }
        }
        Ok(journal)
    }

    /// Gives the records in order; after a gap comes what follows it.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, RawError>> + '_ {
        self.records_from(Seq(1))
    }

    /// Gives the records from a position on.
    pub fn records_from(&self, first: Seq) -> impl Iterator<Item = Result<Record, RawError>> + '_ {
        self.read_each(first, |frame| frame.open().ok())
    }

    /// Gives the events of all records in order.
    pub(crate) fn envelopes(&self) -> impl Iterator<Item = Result<Envelope, RawError>> + '_ {
        self.read_each(Seq(1), |frame| frame.envelope().ok())
    }

    fn read_each<'a, T: 'a>(
        &'a self,
        first: Seq,
        mut take: fn(&Proven<'_>) -> Option<T>,
    ) -> impl Iterator<Item = Result<T, RawError>> + 'a {
        let begin = self.chain.records.partition_point(|place| place.seq < first);
        let (mut blocks, mut later) = (Blocks::default(), None);
        self.chain.records[begin..]
            .iter()
            .map(move |place| self.body(place, &mut take, &mut blocks, &mut later))
    }

    /// Reads from a copy of the engine's files from now on, so that nothing changes them.
    pub(crate) fn read_from(&mut self, copy: &SessionDir) -> io::Result<()> {
        let copies: io::Result<Vec<File>> =
            frames::files(copy)?.into_iter().map(File::open).collect();
        let copies = copies?;
        // The engine's files are the last ones.
        self.files.truncate(self.files.len().saturating_sub(copies.len()));
        self.files.extend(copies);
        Ok(())
    }

    /// Gives the place of the last record found, or the genesis.
    pub fn head(&self) -> Head {
        self.chain.records.last().map_or_else(
            || self.chain.floor,
            |place| Head { seq: place.seq, hash: place.hash, epoch: place.epoch },
        )
    }

    /// Gives what the head file said before the records were read.
    pub fn acknowledged(&self) -> HeadState {
        self.acknowledged
    }

    /// Gives the first and last position of each run of records that is missing before the head.
    pub fn gaps(&self) -> &[(Seq, Seq)] {
        &self.gaps
    }

    /// Gives the session's blobs.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Counts the records found.
    pub fn len(&self) -> usize {
        self.chain.records.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.chain.records.is_empty()
    }

    /// Gives everything that is wrong with records and links, in order of position; what the head
    /// file knows comes last.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<(Seq, Problem)> = self
            .gaps
            .iter()
            .map(|&(first, last)| (first, Problem::Missing { first, last }))
            .collect();
        let at = |seq: &Seq, problem: fn(Seq) -> Problem| (*seq, problem(*seq));
        let chain = &self.chain;
        problems.extend(chain.conflicts.iter().map(|seq| at(seq, |seq| Problem::Conflict { seq })));
        problems.extend(chain.broken.iter().map(|seq| at(seq, |seq| Problem::BrokenLink { seq })));
        problems.extend(chain.backward.iter().map(|seq| at(seq, |seq| Problem::EpochBack { seq })));
        problems
            .extend(chain.foreign.iter().map(|seq| at(seq, |seq| Problem::WrongSession { seq })));
        let strange = chain.strangers.iter();
        problems.extend(strange.map(|seq| at(seq, |seq| Problem::WrongSession { seq })));
        problems
            .extend(chain.unreadable.iter().map(|seq| at(seq, |seq| Problem::Unreadable { seq })));
        let newer = self.newer.iter().map(|(&seq, &version)| (seq, version));
        problems.extend(newer.map(|(seq, version)| (seq, Problem::Newer { seq, version })));
        problems.sort_by_key(|(seq, _)| *seq);
        let mut problems: Vec<Problem> = problems.into_iter().map(|(_, problem)| problem).collect();
        problems.extend(self.index_damaged.then_some(Problem::IndexDamaged));
        problems.extend(self.head_problems());
        problems
    }

    /// Gives the position behind which the engine keeps the records: where the base ends.
    pub(crate) fn inherited(&self) -> Seq {
        self.inherited
    }

    /// Tells whether there are records of sessions that this one does not descend from.
    pub(crate) fn is_strange(&self) -> bool {
        !self.chain.strangers.is_empty()
    }

    /// Gives the latest format or schema of a newer release that was found.
    pub fn newer(&self) -> Option<u32> {
        self.newest
    }

    /// Gives the places of all records in order.
    pub(crate) fn links(&self) -> impl DoubleEndedIterator<Item = Link> + '_ {
        self.chain.records.iter().map(|place| Link {
            head: Head { seq: place.seq, hash: place.hash, epoch: place.epoch },
            prev: place.prev,
            session: place.session,
        })
    }

    /// Tells whether a frame is that of the record at a position.
    pub(crate) fn frame_is(&self, seq: Seq, frame: &[u8]) -> bool {
        self.chain.find(seq).is_some_and(|place| {
            frame.len() == place.len as usize && frame[HEADER_LEN - 32..HEADER_LEN] == place.hash.0
        })
    }

    fn look(
        dir: &SessionDir,
        session: SessionId,
        reading: &Reading,
    ) -> Result<RawJournal, RawError> {
        // What the file system does not give of it is missing, and the rest can be read.
        let (base, unreadable) = match Base::open(&dir.base()) {
            Ok(base) => (base, false),
            Err(error) => {
                tracing::warn!(%session, %error, "base.seg can't be read");
                (None, true)
            }
        };
        match std::fs::metadata(dir.data()) {
            Ok(meta) if meta.is_file() => {}
            Err(error) if !is_absence(&error) => return Err(error.into()),
            Ok(_) | Err(_) if base.is_some() => {}
            Ok(_) | Err(_) => return Err(RawError::NotFound(dir.data())),
        }
        // First the head, then the records: all that it speaks of must be there.
        // One that the file system does not give is as good as a damaged one: the records are there.
        let acknowledged = HeadFile::read(&dir.head()).unwrap_or_else(|error| {
            tracing::warn!(%session, %error, "the head file can't be read");
            HeadState::Damaged
        });
        let mut sighting = Sighting::default();
        let (mut floor, mut before) = (Head::empty(&session), None);
        match (&base, reading.extent) {
            (Some(base), Extent::Own) => (floor, before) = (base.end(), Some(base.session())),
            (Some(_), Extent::Whole) => sighting.scan(&dir.base())?,
            (None, Extent::Own | Extent::Whole) => {}
        }
        let shared = sighting.files.len();
        for place in [Some(dir), reading.also.as_ref()].into_iter().flatten() {
            for path in frames::files(place)? {
                sighting.scan(&path)?;
            }
        }
        let newest = sighting.newer.iter().map(|(_, newer)| newer.version()).max();
        let unread = |(seq, newer): &(Seq, Newer)| newer.unread().map(|version| (*seq, version));
        let mut newer: BTreeMap<Seq, u32> = sighting.newer.iter().filter_map(unread).collect();
        let whose = Whose { session, shared, floor };
        let (files, mut chain) = Chain::build(sighting, whose, acknowledged);
        let read = |place: &Place| {
            let mut blocks = Blocks::default();
            blocks.frame(&files, place).ok()?.and_then(|proven| proven.open().ok())
        };
        chain.check_lineage(before, read);
        let mut gaps = Vec::new();
        newer.retain(|seq, _| chain.find(*seq).is_none());
        let mut there: Vec<Seq> = chain.records.iter().map(|place| place.seq).collect();
        there.extend(newer.keys());
        there.sort_unstable();
        let mut due = floor.seq.next();
        for seq in there {
            if seq > due {
                gaps.push((due, Seq(seq.0 - 1)));
            }
            due = seq.next();
        }
        let index_damaged = base.as_ref().map_or_else(
            || unreadable || dir.base().exists(),
            |base| {
                let there = chain.find(base.end().seq);
                !base.is_indexed() || there.is_some_and(|place| place.hash != base.end().hash)
            },
        );
        Ok(RawJournal {
            dir: dir.clone(),
            reading: reading.clone(),
            session,
            blobs: Blobs::at(dir.blobs()),
            acknowledged,
            files,
            chain,
            gaps,
            newer,
            newest,
            inherited: base.map_or(Seq(0), |base| base.end().seq),
            index_damaged,
        })
    }

    fn is_whole(&self) -> bool {
        self.problems().is_empty()
    }

    fn head_problems(&self) -> Vec<Problem> {
        let (damaged, head) = match self.acknowledged {
            HeadState::Good(head) => (false, head),
            HeadState::OneSlot(head) => (true, head),
            HeadState::Damaged | HeadState::Absent => return vec![Problem::HeadDamaged],
        };
        let mut problems = Vec::new();
        let newer = self.newer.keys().next_back().copied();
        let found = self.head().seq.max(newer.unwrap_or(Seq(0)));
        let floor = self.chain.floor;
        let there = self.chain.find(head.seq).map(|place| place.hash);
        let there = there.or((head.seq == floor.seq).then_some(floor.hash));
        if found < head.seq {
            problems.push(Problem::BehindHead { found, head: head.seq });
        } else if there.is_some_and(|hash| hash != head.hash) {
            problems.push(Problem::HeadMismatch { seq: head.seq });
        } else if let Some(last) = self.chain.records.last()
            && last.session != self.session
        {
            problems.push(Problem::WrongSession { seq: last.seq });
        }
        if damaged {
            problems.push(Problem::HeadDamaged);
        }
        problems
    }

    // A live writer may have moved the page since: look for the same record again.
    fn body<T>(
        &self,
        place: &Place,
        take: &mut impl FnMut(&Proven<'_>) -> Option<T>,
        blocks: &mut Blocks,
        later: &mut Option<RawJournal>,
    ) -> Result<T, RawError> {
        if let Some(taken) = blocks.frame(&self.files, place)?.as_ref().and_then(&mut *take) {
            return Ok(taken);
        }
        for _ in 0..LOOKS {
            if let Some(journal) = later
                && let Some(moved) = journal.chain.find(place.seq)
                && moved.hash == place.hash
                && let Some(taken) =
                    Blocks::default().frame(&journal.files, moved)?.as_ref().and_then(&mut *take)
            {
                return Ok(taken);
            }
            *later = Some(RawJournal::look(&self.dir, self.session, &self.reading)?);
        }
        Err(RawError::Lost(place.seq))
    }
}
