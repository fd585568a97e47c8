//! Where a setting came from.

use std::fmt;
use std::path::PathBuf;

/// The place that set a value.
///
/// It never holds the value itself, since some values are secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An environment variable, by name.
    Environment(&'static str),
    /// A position in a file.
    File {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column in characters, counted from 1.
        column: usize,
    },
    /// The key of one `-c key=value`, as it was written.
    Override(String),
    /// A flag with a name of its own, such as `--model`.
    Flag(&'static str),
}

/// Layers from weakest to strongest; all `-c` of a command line are one layer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Environment,
    File,
    Override,
    Flag,
}

impl Origin {
    pub(crate) fn layer(&self) -> Layer {
        match self {
            Origin::Environment(_) => Layer::Environment,
            Origin::File { .. } => Layer::File,
            Origin::Override(_) => Layer::Override,
            Origin::Flag(_) => Layer::Flag,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Environment(name) => write!(f, "${name}"),
            Origin::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Origin::Override(key) => write!(f, "-c {key}"),
            Origin::Flag(flag) => f.write_str(flag),
        }
    }
}
