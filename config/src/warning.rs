//! What was odd about the settings, but does not stop a run.

use std::fmt;
use std::path::PathBuf;

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
    /// Unknown keys beyond those that are worth a line each.
    MoreUnknownKeys {
        /// How many there are.
        count: usize,
    },
    /// A key of earlier releases that neither Codex nor this program reads any more.
    Retired {
        /// Full dotted key.
        key: String,
        /// Where the key stands.
        origin: Origin,
        /// What to do instead.
        instead: &'static str,
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
    /// A folder of `--add-dir` that stays as it is, because somebody asked for `read-only`.
    StaysReadOnly {
        /// The folder, as it was written.
        folder: PathBuf,
        /// Who asked.
        by: Origin,
    },
    /// The file with instructions is there and can't be used.
    InstructionsIgnored {
        /// What is wrong with it, with its path.
        problem: String,
    },
    /// Commands see what the environment holds of secrets.
    SecretsInherited {
        /// Full dotted key.
        key: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A theme that this program does not have; it finds out which one fits.
    ThemeUnknown {
        /// What was asked for.
        value: String,
        /// Where it stands.
        origin: Origin,
        /// The themes that there are.
        allowed: Vec<&'static str>,
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
            Warning::MoreUnknownKeys { count: 1 } => f.write_str("one more unknown key"),
            Warning::MoreUnknownKeys { count } => write!(f, "{count} more unknown keys"),
            Warning::Retired { key, origin, instead } => {
                write!(f, "{origin}: `{key}` is not a setting any more: {instead}")
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
            Warning::StaysReadOnly { folder, by } => write!(
                f,
                "--add-dir {}: stays read-only, as {by} asks; \
                 -s workspace-write lets commands write there",
                folder.display()
            ),
            Warning::InstructionsIgnored { problem } => {
                write!(f, "{problem}; the instructions in it are not used")
            }
            Warning::SecretsInherited { key, origin } => write!(
                f,
                "{origin}: `{key}`: commands, and so the model, see the environment's keys, tokens \
                 and passwords"
            ),
            Warning::ThemeUnknown { value, origin, allowed } => write!(
                f,
                "{origin}: there is no theme `{value}` here; it is one of {}",
                allowed.join(", ")
            ),
            Warning::Capped { key, origin, limit } => {
                write!(f, "{origin}: `{key}` is capped at {limit}")
            }
        }
    }
}
