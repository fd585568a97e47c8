//! Values that are too large for a record, by the digest of their bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use codex_event::{Digest, Envelope};

use crate::phase::Phase;

/// Keeps a session's large values in files named by their digest, or in memory for a session that
/// leaves nothing behind.
///
/// A blob is durable before the record that names it is appended, so a record never points at
/// nothing; a blob that no record names is harmless.
#[derive(Clone, Debug)]
pub struct Blobs {
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(Arc<Path>),
    // Clones share it, as they share a folder.
    Memory(Arc<Mutex<HashMap<Digest, Arc<[u8]>>>>),
}

impl Blobs {
    /// Names the folder; it is made by the first blob.
    pub fn at(dir: impl Into<PathBuf>) -> Blobs {
        Blobs { place: Place::Folder(dir.into().into()) }
    }

    /// Keeps them in memory; they end with the last clone.
    pub fn in_memory() -> Blobs {
        Blobs { place: Place::Memory(Arc::default()) }
    }

    /// Puts a blob down durably; a good one that is there already stays.
    pub fn put(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        self.put_all(&[(*digest, bytes)])
    }

    /// Reads a blob, none when there is no such file; other bytes than the digest's are an error
    /// of kind `InvalidData`.
    pub fn get(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        let dir = match &self.place {
            Place::Folder(dir) => dir,
            Place::Memory(kept) => {
                let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                return Ok(kept.get(digest).map(|bytes| bytes.to_vec()));
            }
        };
        match std::fs::read(dir.join(digest.to_string())) {
            Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(bytes)),
            Ok(_) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, format!("blob {digest} is damaged")))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells whether there is a file of a blob with so many bytes; they are not read.
    pub fn has(&self, digest: &Digest, len: u64) -> bool {
        match &self.place {
            Place::Folder(dir) => std::fs::metadata(dir.join(digest.to_string()))
                .is_ok_and(|meta| meta.is_file() && meta.len() == len),
            Place::Memory(kept) => {
                let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.get(digest).is_some_and(|bytes| bytes.len() as u64 == len)
            }
        }
    }

    /// Puts the values back that an event holds by digest, and names those that can't be had.
    pub fn hydrate(&self, envelope: &mut Envelope) -> Vec<Digest> {
        envelope.hydrate(|digest| self.get(digest).ok().flatten())
    }

    /// Gives the file of a blob; none of those in memory.
    pub fn path(&self, digest: &Digest) -> Option<PathBuf> {
        match &self.place {
            Place::Folder(dir) => Some(dir.join(digest.to_string())),
            Place::Memory(_) => None,
        }
    }

    /// Puts several blobs down, with one sync of the folder for all of them.
    pub(crate) fn put_all(&self, blobs: &[(Digest, impl AsRef<[u8]>)]) -> io::Result<()> {
        if let Some((digest, _)) =
            blobs.iter().find(|(digest, bytes)| Digest::of(bytes.as_ref()) != *digest)
        {
            let text = format!("bytes are not those of blob {digest}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        match &self.place {
            Place::Folder(dir) => self.put_down(dir, blobs),
            Place::Memory(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(blobs.iter().map(|(digest, bytes)| (*digest, bytes.as_ref().into())));
                Ok(())
            }
        }
    }

    fn put_down(&self, dir: &Path, blobs: &[(Digest, impl AsRef<[u8]>)]) -> io::Result<()> {
        if blobs.is_empty() {
            return Ok(());
        }
        if !dir.is_dir() {
            std::fs::create_dir_all(dir)?;
            if let Some(parent) = dir.parent() {
                sync_dir(parent)?;
            }
        }
        for (digest, bytes) in blobs {
            // A good file may still be one whose name a power failure would take: the folder is
            // synced for it as well.
            if !matches!(self.get(digest), Ok(Some(_))) {
                Phase::WriteBlob.begin();
                let temp = dir.join(format!("{digest}.tmp"));
                let mut file = File::create(&temp)?;
                file.write_all(bytes.as_ref())?;
                Phase::SyncBlob.begin();
                file.sync_all()?;
                Phase::NameBlob.begin();
                std::fs::rename(&temp, dir.join(digest.to_string()))?;
            }
        }
        Phase::SyncNames.begin();
        sync_dir(dir)
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
