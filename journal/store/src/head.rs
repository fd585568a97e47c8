//! The file that says how far the journal was acknowledged.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use codex_event::{Digest, Epoch, Seq, SessionId, genesis};

use crate::blobs::sync_dir;

const MAGIC: [u8; 8] = *b"jrnlhead";
const CONTEXT: &str = "codex journal 2026-11 head slot";
const BODY: usize = 8 + 8 + 8 + 32;
const SLOT: usize = BODY + 32;
// Slots in sectors of their own: a torn write spoils one alone.
const AT: [u64; 2] = [0, 512];

/// The end of a journal: the last record, or the genesis of an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Position of the last record; 0 when there is none.
    pub seq: Seq,
    /// Hash of the last record, or the session's genesis.
    pub hash: Digest,
    /// Epoch of the last record; 0 when there is none.
    pub epoch: Epoch,
}

/// What the head file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadState {
    /// Both slots are good; this is the later one.
    Good(Head),
    /// One slot is damaged; the other says this, and the damaged one may have said more.
    OneSlot(Head),
    /// Neither slot is good.
    Damaged,
    /// There is no file.
    Absent,
}

/// The head file, open for its one writer.
///
/// It is written after each barrier and before the acknowledgement, so a journal that ends before
/// its head has lost acknowledged records. Two slots take turns, so that a torn write leaves the
/// head before it.
#[derive(Debug)]
pub struct HeadFile {
    file: File,
    // The slot to overwrite next: the older or the damaged one.
    turn: usize,
}

impl Head {
    /// Gives the head of a journal without records.
    pub fn empty(session: &SessionId) -> Head {
        Head { seq: Seq(0), hash: genesis(session), epoch: Epoch(0) }
    }
}

impl HeadFile {
    /// Creates the file with both slots at `head`, and syncs it; an existing one is an error.
    pub fn create(path: &Path, head: Head) -> io::Result<HeadFile> {
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(path)?;
        for at in AT {
            file.write_all_at(&encode(head), at)?;
        }
        file.sync_all()?;
        Ok(HeadFile { file, turn: 0 })
    }

    /// Puts a new file in the place of whatever is there, at once and durably.
    pub fn replace(path: &Path, head: Head) -> io::Result<()> {
        let beside = path.with_extension("new");
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => HeadFile::create(&beside, head)?,
        };
        if path.is_dir() {
            // No file takes the place of a folder by itself.
            std::fs::remove_dir_all(path)?;
        }
        std::fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), sync_dir)
    }

    /// Opens the file for writing, and tells what it says.
    pub fn open(path: &Path) -> io::Result<(HeadFile, HeadState)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let slots = slots(&file)?;
        let turn = match slots {
            [None, _] => 0,
            [Some(_), None] => 1,
            [Some(first), Some(second)] => usize::from(later(first, second) == first),
        };
        Ok((HeadFile { file, turn }, state(slots)))
    }

    /// Tells what the file says, without opening it for writing.
    pub fn read(path: &Path) -> io::Result<HeadState> {
        match File::open(path) {
            Ok(file) => Ok(state(slots(&file)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadState::Absent),
            Err(error) => Err(error),
        }
    }

    /// Puts the head down; it survives a kill at once, a power failure after [`HeadFile::sync`].
    pub fn write(&mut self, head: Head) -> io::Result<()> {
        self.file.write_all_at(&encode(head), AT[self.turn])?;
        self.turn = 1 - self.turn;
        Ok(())
    }

    /// Makes the last head survive a power failure.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn encode(head: Head) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(&MAGIC);
    slot[8..16].copy_from_slice(&head.seq.0.to_le_bytes());
    slot[16..24].copy_from_slice(&head.epoch.0.to_le_bytes());
    slot[24..BODY].copy_from_slice(&head.hash.0);
    let sum = checksum(&slot[..BODY]);
    slot[BODY..].copy_from_slice(&sum);
    slot
}

fn decode(slot: &[u8; SLOT]) -> Option<Head> {
    let number = |at: usize| {
        u64::from_le_bytes(slot[at..at + 8].try_into().expect("eight bytes were sliced"))
    };
    let good = slot[..8] == MAGIC && slot[BODY..] == checksum(&slot[..BODY]);
    good.then(|| Head {
        seq: Seq(number(8)),
        epoch: Epoch(number(16)),
        hash: Digest(slot[24..BODY].try_into().expect("thirty-two bytes were sliced")),
    })
}

fn checksum(body: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_derive_key(CONTEXT).update(body).finalize().as_bytes()
}

fn slots(file: &File) -> io::Result<[Option<Head>; 2]> {
    let mut found = [None; 2];
    for (slot, at) in found.iter_mut().zip(AT) {
        let mut bytes = [0; SLOT];
        match file.read_exact_at(&mut bytes, at) {
            Ok(()) => *slot = decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn later(first: Head, second: Head) -> Head {
    if second.seq > first.seq { second } else { first }
}

fn state(slots: [Option<Head>; 2]) -> HeadState {
    match slots {
        [Some(first), Some(second)] => HeadState::Good(later(first, second)),
        [Some(one), None] | [None, Some(one)] => HeadState::OneSlot(one),
        [None, None] => HeadState::Damaged,
    }
}
