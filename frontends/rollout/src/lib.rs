//! Sessions that Codex recorded, made into sessions of this program.
//!
//! A rollout is a file with one JSON object a line. Its lines become the events that this program
//! would have written had it been there, as far as the lines say so ([`Conversion`], pure). What
//! they say beyond that is kept as it came, as records of a kind that no release writes, and
//! counted. [`import`] reads the files and puts the session down, whole or not at all.

mod call;
mod convert;
mod import;
mod item;
mod line;
mod outcome;
mod redact;
mod reply;
mod setting;
mod time;

pub use convert::{Conversion, Counts, Fault, Spilled, Terms};
pub use import::{ImportError, Imported, import, is_rollout};
