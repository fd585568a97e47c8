//! Why there is no usable configuration.

use std::io;
use std::path::PathBuf;

use codex_event::{Permission, PermissionError};

use crate::Origin;

/// Why the settings could not be read.
///
/// Each message starts with the place, as `file:line:column` or as the flag that was given, and
/// names the key. It never shows a value that may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing says where the agent's home is.
    #[error("the home folder is unknown: neither CODEX_HOME nor HOME is set")]
    NoHome,
    /// A file is there and can't be read.
    #[error("{}: can't be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where the parser stopped.
        origin: Origin,
        /// What it expected.
        message: String,
    },
    /// A `-c` is not `key=value`.
    #[error("-c {key}: {problem}")]
    Override {
        /// What stands before the first `=`.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value has another type than its key takes.
    #[error("{origin}: `{key}` takes {expected}, not {found}")]
    WrongType {
        /// Full dotted key.
        key: String,
        /// Where the value stands.
        origin: Origin,
        /// What the key takes.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// A word is none of those that the key takes.
    #[error("{origin}: `{key}` can't be `{value}`")]
    UnknownValue {
        /// Full dotted key.
        key: String,
        /// Where the value stands.
        origin: Origin,
        /// The word.
        value: String,
        /// All words that the key takes.
        allowed: Vec<&'static str>,
    },
    /// A permission is not one of the seven.
    #[error("{origin}: `{key}`: {source}")]
    Permission {
        /// Full dotted key.
        key: String,
        /// Where the word stands.
        origin: Origin,
        /// What is wrong with the word.
        source: PermissionError,
    },
    /// `~` was used and the user's folder is unknown.
    #[error("{origin}: `{key}`: `~` means nothing here: HOME is not set")]
    NoUserFolder {
        /// Full dotted key.
        key: String,
        /// Where the path stands.
        origin: Origin,
    },
    /// A path can't be written down as text.
    #[error("{origin}: `{key}`: {} is not valid unicode", path.display())]
    NotText {
        /// Full dotted key.
        key: String,
        /// Where the path stands.
        origin: Origin,
        /// The path.
        path: PathBuf,
    },
    /// The chosen provider speaks a protocol that this program does not speak yet.
    #[error("{origin}: `{key}`: the `chat` protocol is not supported yet")]
    ChatWire {
        /// Full dotted key.
        key: String,
        /// Where the value stands.
        origin: Origin,
    },
    /// No provider has the chosen id.
    #[error("{origin}: there is no model provider `{id}`")]
    UnknownProvider {
        /// The id.
        id: String,
        /// Where it stands.
        origin: Origin,
        /// All ids there are.
        known: Vec<String>,
    },
    /// The chosen provider has no address.
    #[error("{origin}: the model provider `{id}` has no `base_url`")]
    NoBaseUrl {
        /// The provider's id.
        id: String,
        /// Where its table stands.
        origin: Origin,
    },
    /// An address is not one of the web.
    #[error("{origin}: `{key}` is not an http or https address")]
    BadUrl {
        /// Full dotted key, or the variable's name.
        key: String,
        /// Where the value stands.
        origin: Origin,
    },
    /// An environment variable should hold a number.
    #[error("${name} takes an integer of 0 or more, not `{value}`")]
    EnvironmentNumber {
        /// Name of the variable.
        name: &'static str,
        /// What it holds.
        value: String,
    },
}

impl ConfigError {
    /// Tells what to do about it, when that isn't plain from the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::NoHome => {
                Some("set CODEX_HOME to the folder that holds config.toml".to_owned())
            }
            ConfigError::Read { .. } => {
                Some("make it readable, or move it away to run with the defaults".to_owned())
            }
            ConfigError::Syntax { .. } => {
                Some("strings need quotes in TOML: model = \"o4-mini\"".to_owned())
            }
            ConfigError::Override { .. } => Some(
                "write -c key=value, as in -c model=o4-mini or -c model_providers.x.name=x"
                    .to_owned(),
            ),
            ConfigError::WrongType { origin: Origin::Override(_), found: "a string", .. } => {
                Some("a value that is not valid TOML is taken as a string".to_owned())
            }
            ConfigError::WrongType { key, expected, .. } => {
                Some(format!("give `{key}` {expected}"))
            }
            ConfigError::UnknownValue { allowed, .. } => {
                Some(format!("it takes one of: {}", allowed.join(", ")))
            }
            ConfigError::Permission { source: PermissionError::Unknown(word), .. }
                if Permission::expand(word).is_ok() =>
            {
                Some(format!("that is a mode: write sandbox_mode = \"{word}\""))
            }
            ConfigError::Permission { .. } => {
                Some(format!("the permissions are: {}", Permission::SPELLINGS.join(", ")))
            }
            ConfigError::NoUserFolder { .. } => Some("write the path out".to_owned()),
            ConfigError::NotText { .. } => Some("use a folder whose name is text".to_owned()),
            ConfigError::ChatWire { .. } => Some(
                "it comes later; until then choose a server that speaks `wire_api = \"responses\"`"
                    .to_owned(),
            ),
            ConfigError::UnknownProvider { id, known, .. } => {
                let nearest = crate::keys::nearest(id, known.iter().map(String::as_str))
                    .map(|near| format!("did you mean `{near}`? "))
                    .unwrap_or_default();
                Some(format!(
                    "{nearest}the providers are: {}; a new one is a table [model_providers.ID]",
                    known.join(", ")
                ))
            }
            ConfigError::NoBaseUrl { id, .. } => {
                Some(format!("add base_url = \"https://…/v1\" to [model_providers.{id}]"))
            }
            ConfigError::BadUrl { .. } => {
                Some("write it with its scheme, as in http://localhost:11434/v1".to_owned())
            }
            ConfigError::EnvironmentNumber { name, .. } => Some(format!("unset or correct {name}")),
        }
    }
}
