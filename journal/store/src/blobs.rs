//! Values that are too large for a record, by the digest of their bytes.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use codex_event::{Digest, Envelope};

use crate::phase::Phase;

/// Keeps a session's large values in files named by their digest.
///
/// A blob is durable before the record that names it is appended, so a record never points at
/// nothing; a blob that no record names is harmless.
#[derive(Clone, Debug)]
pub struct Blobs {
    dir: Arc<Path>,
}

impl Blobs {
    /// Names the folder; it is made by the first blob.
    pub fn at(dir: impl Into<PathBuf>) -> Blobs {
        Blobs { dir: dir.into().into() }
    }

    /// Puts a blob down durably; a good one that is there already stays.
    pub fn put(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        self.put_all(&[(*digest, bytes)])
    }

    /// Reads a blob, none when there is no such file; other bytes than the digest's are an error
    /// of kind `InvalidData`.
    pub fn get(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.path(digest)) {
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
        std::fs::metadata(self.path(digest)).is_ok_and(|meta| meta.is_file() && meta.len() == len)
    }

    /// Puts the values back that an event holds by digest, and names those that can't be had.
    pub fn hydrate(&self, envelope: &mut Envelope) -> Vec<Digest> {
        envelope.hydrate(|digest| self.get(digest).ok().flatten())
    }

    /// Gives the file of a blob.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.to_string())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.dir
    }

    /// Puts several blobs down, with one sync of the folder for all of them.
    pub(crate) fn put_all(&self, blobs: &[(Digest, impl AsRef<[u8]>)]) -> io::Result<()> {
        if blobs.is_empty() {
            return Ok(());
        }
        if !self.dir.is_dir() {
            std::fs::create_dir_all(&self.dir)?;
            if let Some(parent) = self.dir.parent() {
                sync_dir(parent)?;
            }
        }
        for (digest, bytes) in blobs {
            let bytes = bytes.as_ref();
            if Digest::of(bytes) != *digest {
                let text = format!("bytes are not those of blob {digest}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            // A good file may still be one whose name a power failure would take: the folder is
            // synced for it as well.
            if !matches!(self.get(digest), Ok(Some(_))) {
                Phase::WriteBlob.begin();
                let temp = self.dir.join(format!("{digest}.tmp"));
                let mut file = File::create(&temp)?;
                file.write_all(bytes)?;
                Phase::SyncBlob.begin();
                file.sync_all()?;
                Phase::NameBlob.begin();
                std::fs::rename(&temp, self.path(digest))?;
            }
        }
        Phase::SyncNames.begin();
        sync_dir(&self.dir)
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
