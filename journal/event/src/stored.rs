//! Values that move to the blob store when they are large.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Digest;

/// A value that is held in the event itself, or by digest in the session's blobs.
///
/// Events stay small because sled keeps large pages in files that it never syncs; the text of a
/// large value is written to a blob before the event that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored<T> {
    /// The value itself.
    Inline(T),
    /// The digest and length in bytes of the blob that holds the value.
    Blob {
        /// Digest of the blob's bytes.
        digest: Digest,
        /// Length of the blob in bytes.
        len: u64,
    },
}

/// What can be stored: it has one byte form, which is what its digest is taken of.
pub trait Content: Sized {
    /// Gives the bytes that a blob of this value holds.
    fn to_blob(&self) -> Vec<u8>;
    /// Reads the value back; none when the bytes are not of this form.
    fn from_blob(bytes: &[u8]) -> Option<Self>;
}

impl Content for String {
    fn to_blob(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_blob(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

impl<T: Serialize + DeserializeOwned> Content for Vec<T> {
    fn to_blob(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("lists of plain data always encode")
    }

    fn from_blob(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl<T: Content> Stored<T> {
    /// Gives the digest of the value's bytes, wherever they are held.
    pub fn digest(&self) -> Digest {
        match self {
            Stored::Inline(value) => Digest::of(&value.to_blob()),
            Stored::Blob { digest, .. } => *digest,
        }
    }
}

impl<T> Stored<T> {
    /// Gives the value if it is held here.
    pub fn inline(&self) -> Option<&T> {
        match self {
            Stored::Inline(value) => Some(value),
            Stored::Blob { .. } => None,
        }
    }
}

impl<T> From<T> for Stored<T> {
    fn from(value: T) -> Self {
        Stored::Inline(value)
    }
}

impl From<&str> for Stored<String> {
    fn from(value: &str) -> Self {
        Stored::Inline(value.to_owned())
    }
}

/// The stored values of an event seen alike, so that spilling and filling need no list of kinds.
pub trait Slot {
    /// Replaces an inline value whose JSON is longer than `above` bytes by its digest, and gives
    /// the bytes that must be in the blob store before the event is appended.
    fn spill(&mut self, above: usize) -> Option<(Digest, Vec<u8>)>;
    /// Names the blob that the value is held in, if it is.
    fn blob(&self) -> Option<(Digest, u64)>;
    /// Puts a blob's bytes in place of its digest; false when they are not of this value's form.
    fn fill(&mut self, bytes: &[u8]) -> bool;
}

impl<T: Content + Serialize> Slot for Stored<T> {
    fn spill(&mut self, above: usize) -> Option<(Digest, Vec<u8>)> {
        let Stored::Inline(value) = self else { return None };
        let long = serde_json::to_string(value).map_or(true, |json| json.len() > above);
        if !long {
            return None;
        }
        let bytes = value.to_blob();
        let digest = Digest::of(&bytes);
        *self = Stored::Blob { digest, len: bytes.len() as u64 };
        Some((digest, bytes))
    }

    fn blob(&self) -> Option<(Digest, u64)> {
        match self {
            Stored::Inline(_) => None,
            Stored::Blob { digest, len } => Some((*digest, *len)),
        }
    }

    fn fill(&mut self, bytes: &[u8]) -> bool {
        match T::from_blob(bytes) {
            Some(value) => {
                *self = Stored::Inline(value);
                true
            }
            None => false,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct BlobRef {
    blob: Digest,
    len: u64,
}

impl<T: Serialize> Serialize for Stored<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Stored::Inline(value) => value.serialize(serializer),
            Stored::Blob { digest, len } => {
                BlobRef { blob: *digest, len: *len }.serialize(serializer)
            }
        }
    }
}

// Inline values are strings and lists, never objects, so the two forms can't be confused. Told apart
// by their first byte: trying one after the other would put an error into words for each inline value.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Stored<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Stored<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a list, or the digest and length of a blob")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(text.into_deserializer()).map(Stored::Inline)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                T::deserialize(SeqAccessDeserializer::new(list)).map(Stored::Inline)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let BlobRef { blob, len } = BlobRef::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Stored::Blob { digest: blob, len })
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// Bytes that a command printed: text where they are text, base-16 where they are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputBytes(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
struct HexBytes {
    hex: String,
}

impl Serialize for OutputBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => text.serialize(serializer),
            Err(_) => {
                let hex = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
                HexBytes { hex }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for OutputBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = OutputBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or bytes in base 16")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(OutputBytes(text.as_bytes().to_vec()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(OutputBytes(text.into_bytes()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let HexBytes { hex } = HexBytes::deserialize(MapAccessDeserializer::new(map))?;
                let digit = |d: u8| (d as char).to_digit(16).map(|d| d as u8);
                let bytes = hex.as_bytes().chunks(2).map(|pair| match *pair {
                    [high, low] => Some(digit(high)? << 4 | digit(low)?),
                    _ => None,
                });
                bytes
                    .collect::<Option<Vec<u8>>>()
                    .map(OutputBytes)
                    .ok_or_else(|| Error::custom("broken hexadecimal output"))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
