//! Rules of the user: which commands need no question, which always do, and which never run.

mod error;
mod file;
mod matching;
mod read;
pub(crate) mod syntax;

pub use error::RuleError;
pub(crate) use error::place;
pub(crate) use file::{Arguments, list, string, words_of};
pub use file::{Decision, Note, Owner, PrefixRule, RuleSet, Word};
pub use matching::{Match, Programs};
pub use read::read_rules;
pub(crate) use read::{folder, text};
