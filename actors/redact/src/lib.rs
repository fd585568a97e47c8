//! Takes secrets out of texts before anybody keeps them: pure, whole texts and streams alike.
//!
//! Two things are found. *Known values* are what this process was told to be secret: they are found
//! anywhere, as they are and in base64, percent-encoded or escaped as in JSON. *Patterns* are forms
//! that only credentials have; each asks for so much that hashes, ids and encoded files are left
//! alone. In its place a secret leaves a marker, `[redacted:NAME:DIGEST]`; the digest is keyed, so
//! that equal secrets are seen to be equal, and none can be guessed from it.
//!
//! Nothing here turns a marker back into a value: whoever still needs the value has to keep it.

mod json;
mod known;
mod pattern;
mod redactor;
mod scan;
mod stream;

pub use known::{Known, named, says_secret};
pub use redactor::{KEY_BYTES, Redactor};
pub use stream::Stream;
