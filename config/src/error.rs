//! Why there is no usable configuration.

use std::io;
use std::path::PathBuf;

use codex_event::{Permission, PermissionError};

use crate::Origin;
use crate::tree::DUPLICATE_KEY;

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
    /// Something else stands where a text file belongs.
    #[error("{}: is {found}, where a small text file belongs", path.display())]
    NotAFile {
        /// Where it stands.
        path: PathBuf,
        /// What it is, with its article.
        found: &'static str,
    },
    /// A file is not text.
    #[error("{origin}: not valid UTF-8 from here on")]
    NotUtf8 {
        /// Where the first byte stands that is none of UTF-8.
        origin: Origin,
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
    #[error("-c {}: {problem}", if key.is_empty() { "=…" } else { key })]
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
    #[error("{}: {source}", setter(key, origin))]
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
    /// A folder that is to be written to is not there.
    #[error("{}: {} is not a usable folder: {source}", setter(key, origin), path.display())]
    NoFolder {
        /// Full dotted key, or the flag.
        key: String,
        /// Where the folder is named.
        origin: Origin,
        /// The folder, absolute.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that a setting names is not there.
    #[error("{origin}: `{key}`: there is no file {}", path.display())]
    NoFile {
        /// Full dotted key.
        key: String,
        /// Where the file is named.
        origin: Origin,
        /// The file, absolute.
        path: PathBuf,
    },
    /// A key that nobody knows, where only known ones may stand (`--strict-config`).
    #[error("{origin}: unknown key `{key}`")]
    UnknownKey {
        /// Full dotted key.
        key: String,
        /// Where the key stands.
        origin: Origin,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// `[tui.keymap]` names something that no key does.
    #[error("{origin}: `{key}`: there is nothing of this name that a key can do")]
    UnknownAction {
        /// Full dotted key.
        key: String,
        /// Where the name stands.
        origin: Origin,
        /// The name.
        action: String,
        /// All names.
        known: Vec<&'static str>,
    },
    /// A text names no key of a keyboard.
    #[error("{origin}: `{key}`: `{name}` is no key")]
    UnknownKeyName {
        /// Full dotted key.
        key: String,
        /// Where the text stands.
        origin: Origin,
        /// The text.
        name: String,
    },
    /// A key does something else already.
    #[error("{origin}: `{key}`: {name} is the key of `{other}`")]
    KeyTaken {
        /// Full dotted key.
        key: String,
        /// Where the key stands.
        origin: Origin,
        /// The key, as it is shown.
        name: String,
        /// What else it does.
        other: String,
    },
    /// A key of earlier releases, where only known ones may stand (`--strict-config`).
    #[error("{origin}: `{key}` is not a setting any more")]
    RetiredKey {
        /// Full dotted key.
        key: String,
        /// Where the key stands.
        origin: Origin,
        /// What to do instead.
        instead: &'static str,
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
    /// Tells what to do about it.
    pub fn hint(&self) -> String {
        match self {
            ConfigError::NoHome => "set CODEX_HOME to the folder that holds config.toml".to_owned(),
            ConfigError::Read { .. } => {
                "make it readable, or move it away to run with the defaults".to_owned()
            }
            ConfigError::NotAFile { .. } => {
                "put a text file there, or move it away to run with the defaults".to_owned()
            }
            ConfigError::NotUtf8 { .. } => "save the file as UTF-8".to_owned(),
            ConfigError::Syntax { message, .. } if message.starts_with(DUPLICATE_KEY) => {
                "a key or a table may stand once: keep one, and put what belongs together into it"
                    .to_owned()
            }
            ConfigError::Syntax { message, .. } if message.starts_with("unclosed") => {
                "close what was opened there: [ with ], { with }, a quote with the same quote"
                    .to_owned()
            }
            ConfigError::Syntax { .. } => {
                "a line is key = value or [table], and text stands in quotes: model = \"o4-mini\""
                    .to_owned()
            }
            ConfigError::Override { .. } => {
                "write -c key=value, as in -c model=o4-mini or -c 'model_providers.x.name=\"x\"'"
                    .to_owned()
            }
            ConfigError::WrongType { origin: Origin::Override(_), found: "a string", .. } => {
                "a value that is not valid TOML is taken as a string: check its quotes and brackets"
                    .to_owned()
            }
            ConfigError::WrongType { key, expected, origin, .. } => {
                example(&format!("`{key}`"), expected, origin)
            }
            ConfigError::UnknownValue { value, allowed, .. } => {
                let meant = did_you_mean(value, allowed.iter().copied());
                format!("{meant}it takes one of: {}", allowed.join(", "))
            }
            ConfigError::Permission { source: PermissionError::Unknown(word), origin, .. }
                if Permission::expand(word).is_ok() && !matches!(origin, Origin::Flag(_)) =>
            {
                format!("that is a mode: write sandbox_mode = \"{word}\"")
            }
            ConfigError::Permission { source, origin, .. } => permission_hint(source, origin),
            ConfigError::NoUserFolder { .. } => "set HOME, or write the path out".to_owned(),
            ConfigError::NotText { .. } => "use a folder whose name is text".to_owned(),
            ConfigError::NoFolder { path, .. } => {
                format!("create it with `mkdir -p {}`, or name another folder", path.display())
            }
            ConfigError::NoFile { key, .. } => {
                format!("create it, or let `{key}` name another file")
            }
            ConfigError::UnknownKey { nearest: Some(near), .. } => {
                format!("did you mean `{near}`? without --strict-config it is only a warning")
            }
            ConfigError::UnknownKey { nearest: None, .. } => {
                "remove it; without --strict-config it is only a warning".to_owned()
            }
            ConfigError::UnknownAction { action, known, .. } => {
                let meant = did_you_mean(action, known.iter().copied());
                format!("{meant}it is one of: {}", known.join(", "))
            }
            ConfigError::UnknownKeyName { .. } => {
                "write it as ctrl-t, alt-x, shift-up, f2, pageup or a letter".to_owned()
            }
            ConfigError::KeyTaken { other, .. } => {
                format!(
                    "choose another key, or give `{other}` another one in [tui.keymap]; some keep theirs"
                )
            }
            ConfigError::RetiredKey { instead, .. } => {
                format!("{instead}; without --strict-config it is only a warning")
            }
            ConfigError::ChatWire { .. } => {
                "it comes later; until then choose a server that speaks `wire_api = \"responses\"`"
                    .to_owned()
            }
            ConfigError::UnknownProvider { id, known, .. } => format!(
                "{}the providers are: {}; a new one is a table [model_providers.ID]",
                did_you_mean(id, known.iter().map(String::as_str)),
                known.join(", ")
            ),
            ConfigError::NoBaseUrl { id, .. } => {
                format!("add base_url = \"https://…/v1\" to [model_providers.{id}]")
            }
            ConfigError::BadUrl { .. } => {
                "write it with its scheme, as in http://localhost:11434/v1".to_owned()
            }
            ConfigError::EnvironmentNumber { name, .. } => format!("unset or correct {name}"),
        }
    }
}

/// Names who set a key: the place, and the key where the place does not say it.
fn setter(key: &str, origin: &Origin) -> String {
    match origin {
        Origin::Environment(name) if *name == key => origin.to_string(),
        Origin::Override(written) if written == key => origin.to_string(),
        Origin::Flag(_) => origin.to_string(),
        Origin::File { .. } | Origin::Environment(_) | Origin::Override(_) => {
            format!("{origin}: `{key}`")
        }
    }
}

/// Shows how a value of the expected kind is written.
fn example(key: &str, expected: &str, origin: &Origin) -> String {
    if let Origin::Flag(flag) = origin {
        return format!("give {flag} {expected}");
    }
    // The words are those of `Section`; any other kind is named as it is.
    let form = match expected {
        "a string that is not empty" | "a string" => "text in quotes, as in \"text\"",
        "true or false" => "true or false, without quotes",
        "an integer of 0 or more" | "an integer of 1 or more" => "a number without quotes, as in 5",
        "an array of strings" => "a list, as in [\"one\", \"two\"]",
        "a table" => "a table: keys under a line with its name in brackets, or { key = value }",
        other => other,
    };
    format!("give {key} {form}")
}

/// Lists the permissions where one is expected, the nearest first.
fn permission_hint(error: &PermissionError, origin: &Origin) -> String {
    const MODES: [&str; 3] = ["read-only", "workspace-write", "danger-full-access"];
    let modes: &[&str] = if matches!(origin, Origin::Flag(_)) { &MODES } else { &[] };
    let words = || Permission::SPELLINGS.iter().chain(modes).copied();
    let meant = match error {
        PermissionError::Unknown(word) => did_you_mean(word, words()),
        PermissionError::MissingFolder => String::new(),
    };
    let or = if modes.is_empty() { String::new() } else { format!("; or {}", modes.join(", ")) };
    format!("{meant}permissions are {}{or}", Permission::SPELLINGS.join(", "))
}

fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = crate::keys::nearest(word, known);
    nearest.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default()
}
