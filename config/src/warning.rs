//! What was odd about the settings, but does not stop a run.

use std::fmt;

use crate::Origin;

/// Something the user should see once; one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A key that nobody knows, probably misspelt.
    UnknownKey {
        /// Full dotted key.
        key: String,
        /// Where the key stands.
        origin: Origin,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// Keys of Codex that have no effect in this program, gathered from all layers.
    Unused {
        /// Full dotted keys, sorted.
        keys: Vec<String>,
        /// Where the first of them stands.
        origin: Origin,
    },
    /// An approval policy of Codex that this program does not have; it asks more often instead.
    PolicyNotSupported {
        /// What was asked for.
        value: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A key that another one overrules.
    Shadowed {
        /// The key without effect.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The key that counts.
        by: String,
    },
    /// A number above its limit; the limit counts.
    Capped {
        /// Full dotted key, or the variable's name.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The limit.
        limit: u32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::UnknownKey { key, origin, nearest } => {
                write!(f, "{origin}: unknown key `{key}`")?;
                nearest.iter().try_for_each(|near| write!(f, "; did you mean `{near}`?"))
            }
            Warning::Unused { keys, origin } => {
                write!(f, "{origin}: no effect in this program: {}", keys.join(", "))
            }
            Warning::PolicyNotSupported { value, origin } => write!(
                f,
                "{origin}: approval_policy `{value}` is not supported yet; \
                 using `unless-allow-listed`, which asks more often"
            ),
            Warning::Shadowed { key, origin, by } => {
                write!(f, "{origin}: `{key}` has no effect because `{by}` is set")
            }
            Warning::Capped { key, origin, limit } => {
                write!(f, "{origin}: `{key}` is capped at {limit}")
            }
        }
    }
}
