//! The key that checkpoints are signed with.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

// A word before the seed, so that nobody takes the file for another key, or another for it.
const LABEL: &str = "codex-audit-key-1";
// Far more than a key takes; another file is not read to its end.
const MOST: u64 = 1024;

/// An ed25519 public key, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// The text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public key is 64 hexadecimal digits")]
pub struct KeyTextError;

/// The key of one home, which signs its checkpoints.
///
/// It is made once and never replaced: whoever pinned its public part goes on to trust it. A file
/// that others may read is refused, because what it signs proves nothing any more.
pub struct AuditKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The key's file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// Others may read or write the file.
    #[error("{}: others than you may use this key (mode {mode:o})", path.display())]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{}: this is not an audit key", path.display())]
    NotAKey {
        /// The key's file.
        path: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("no random bytes to make a key of")]
    Entropy,
}

impl AuditKey {
    /// Reads the key, or makes it if there is none.
    ///
    /// A key is durable before it is given: it never signs anything that a crash could orphan. Of
    /// two processes that make one at once, both get the same.
    pub fn open_or_create(path: &Path) -> Result<AuditKey, KeyError> {
        if let Some(key) = AuditKey::open(path)? {
            return Ok(key);
        }
        let random = SystemRandom::new();
        let (mut seed, mut name) = ([0; 32], [0; 8]);
        random.fill(&mut seed).map_err(|_| KeyError::Entropy)?;
        random.fill(&mut name).map_err(|_| KeyError::Entropy)?;
        let place = path.with_extension(format!("{}.tmp", hex(&name)));
        let text = format!("{LABEL} {}\n", hex(&seed));
        let made = put(&place, path, text.as_bytes());
        let _ = std::fs::remove_file(&place);
        match made {
            Ok(()) => {}
            // Another process was faster, and its key is as good.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(KeyError::Io { path: path.to_owned(), source }),
        }
        let gone = || KeyError::Io { path: path.into(), source: io::ErrorKind::NotFound.into() };
        AuditKey::open(path)?.ok_or_else(gone)
    }

    /// Reads the key; none when there is no such file.
    pub fn open(path: &Path) -> Result<Option<AuditKey>, KeyError> {
        let failed = |source| KeyError::Io { path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let meta = file.metadata().map_err(failed)?;
        let not_a_key = || KeyError::NotAKey { path: path.to_owned() };
        if !meta.is_file() {
            return Err(not_a_key());
        }
        let mode = meta.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = Vec::new();
        file.take(MOST).read_to_end(&mut text).map_err(failed)?;
        let text = String::from_utf8(text).map_err(|_| not_a_key())?;
        let seed = text.trim_end().strip_prefix(LABEL).and_then(|rest| rest.strip_prefix(' '));
        let seed: [u8; 32] = seed.and_then(unhex).ok_or_else(not_a_key)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| not_a_key())?;
        let public = pair.public_key().as_ref().try_into().map(PublicKey);
        let public = public.map_err(|_| not_a_key())?;
        Ok(Some(AuditKey { pair, public }))
    }

    /// Gives the public part.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    pub(super) fn sign(&self, text: &[u8]) -> [u8; 64] {
        let signature = self.pair.sign(text);
        signature.as_ref().try_into().expect("ed25519 signatures have 64 bytes")
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret part is shown nowhere.
        write!(f, "AuditKey({})", self.public)
    }
}

impl PublicKey {
    pub(super) fn signed(&self, text: &[u8], signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(text, signature).is_ok()
    }
}

// Under its own name only when all of it is there, and never in the place of another.
fn put(place: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::hard_link(place, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        unhex(text).map(PublicKey).ok_or(KeyTextError)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
