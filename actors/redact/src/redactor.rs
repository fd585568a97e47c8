//! The redactor: what is secret, and the marker that stands for it.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::known::Known;
use crate::scan::{Hit, More, Scanner, What, Which};
use crate::stream::Stream;
use crate::{json, pattern};

/// Bytes of the key of the markers' digests.
pub const KEY_BYTES: usize = 32;
/// Hexadecimal digits of a marker's digest.
const DIGEST_DIGITS: usize = 12;

/// Takes secrets out of texts. A clone is the same redactor.
///
/// The same text always gives the same result, and a result that is redacted once more stays as it
/// is. The key is asked for when the first secret is found, and never again.
#[derive(Clone)]
pub struct Redactor(Arc<Inner>);

struct Inner {
    known: Vec<Known>,
    scanner: Scanner,
    key: OnceLock<[u8; KEY_BYTES]>,
    source: Box<dyn Fn() -> [u8; KEY_BYTES] + Send + Sync>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("known", &self.0.known).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Makes a redactor of what is known to be secret; `key` gives the key of the digests.
    ///
    /// Of several names for one value the first counts.
    pub fn new(
        known: impl IntoIterator<Item = Known>,
        key: impl Fn() -> [u8; KEY_BYTES] + Send + Sync + 'static,
    ) -> Redactor {
        let mut kept: Vec<Known> = Vec::new();
        for known in known {
            if !kept.iter().any(|kept| kept.value() == known.value()) {
                kept.push(known);
            }
        }
        // What is part of a marker is a word, and would be found in every marker.
        let names: Vec<String> = kept.iter().map(|known| known.name().to_owned()).collect();
        let names = names.iter().map(String::as_str).chain(pattern::NAMES);
        let heads: Vec<String> = names.map(|name| format!("[redacted:{name}:")).collect();
        kept.retain(|known| !heads.iter().any(|head| head.contains(known.value())));
        let scanner = Scanner::new(&kept);
        Redactor(Arc::new(Inner {
            known: kept,
            scanner,
            key: OnceLock::new(),
            source: Box::new(key),
        }))
    }

    /// Redacts a whole text.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.whole(text, Which::All)
    }

    /// Redacts a piece that was cut from a longer text, which itself was redacted before: looks for
    /// known values alone, since at a cut anything may look like a pattern.
    pub fn piece<'t>(&self, piece: &'t str) -> Cow<'t, str> {
        self.whole(piece, Which::Known)
    }

    /// As [`Redactor::piece`], of bytes.
    pub fn piece_of_bytes<'t>(&self, piece: &'t [u8]) -> Cow<'t, [u8]> {
        self.bytes(piece, Which::Known)
    }

    /// Redacts the strings of a JSON text, however they are written, and those of JSON within them;
    /// it stays JSON, and what holds no secret stays as it is, byte for byte.
    pub fn json<'t>(&self, text: &'t str) -> Cow<'t, str> {
        json::redact(self, text)
    }

    /// Begins the redaction of a text that comes in pieces.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    fn whole<'t>(&self, text: &'t str, which: Which) -> Cow<'t, str> {
        match self.bytes(text.as_bytes(), which) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Secrets begin and end between letters, so nothing is lost here.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    fn bytes<'t>(&self, bytes: &'t [u8], which: Which) -> Cow<'t, [u8]> {
        let found = self.scanner().find(bytes, [0; 2], which, More::End);
        if found.hits.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut hits = found.hits;
        sort(&mut hits);
        let mut out = Vec::with_capacity(bytes.len());
        let mut done = 0;
        for hit in hits.iter().filter(|hit| hit.start < hit.end) {
            if hit.end > done {
                out.extend_from_slice(&bytes[done.min(hit.start)..hit.start]);
                out.extend_from_slice(self.marker(hit, bytes).as_bytes());
                done = hit.end;
            }
        }
        out.extend_from_slice(&bytes[done..]);
        Cow::Owned(out)
    }

    pub(crate) fn scanner(&self) -> &Scanner {
        &self.0.scanner
    }

    /// Gives what stands in a secret's place.
    pub(crate) fn marker(&self, hit: &Hit, bytes: &[u8]) -> String {
        let (name, value) = match hit.what {
            What::Known(number) => {
                let known = &self.0.known[number];
                (known.name(), known.value().as_bytes())
            }
            What::Pattern(name) => (name, &bytes[hit.start..hit.end]),
        };
        let key = self.0.key.get_or_init(&*self.0.source);
        let digest = blake3::keyed_hash(key, value).to_hex();
        format!("[redacted:{name}:{}]", &digest[..DIGEST_DIGITS])
    }
}

/// Puts secrets in the order in which they are replaced: of two that begin together the longer one
/// first, and of two that are equal the one that is known.
pub(crate) fn sort(hits: &mut [Hit]) {
    hits.sort_by_key(|hit| {
        let rank = match hit.what {
            What::Known(number) => number,
            What::Pattern(_) => usize::MAX,
        };
        (hit.start, std::cmp::Reverse(hit.end), rank)
    });
}
