//! What is said of a rule file that can't be used.

use std::io;
use std::path::{Path, PathBuf};

use super::syntax::Wrong;

/// Most characters of a line that are shown around a mistake.
const SHOWN: usize = 100;

/// A rule file can't be used. Nothing is decided by what was left of it: half a policy is none.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The text is not one of rules.
    #[error("{}:{line}:{column}: {message}\n{excerpt}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// Character of the line that it begins at, from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// The line with its number, and below it a mark at the place.
        excerpt: String,
        /// What would be right.
        hint: String,
    },
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else stands where a file of rules would.
    #[error("{} is {found}, and no file of rules", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is, with its article.
        found: &'static str,
    },
    /// Others than its owner may write to the file of grants, and so give themselves any.
    #[error("{} can be changed by others than you (mode {mode:o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file of grants can't be written.
    #[error("{} can't be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RuleError {
    pub(crate) fn wrong(path: &Path, text: &str, wrong: Wrong) -> RuleError {
        let Wrong { at, message, hint } = wrong;
        let (line, column) = place(text, at);
        let excerpt = excerpt(text, at, line);
        RuleError::Wrong { path: path.to_owned(), line, column, message, excerpt, hint }
    }

    /// Says what a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            RuleError::Wrong { hint, .. } => hint.clone(),
            RuleError::Read { path, source } if source.kind() == io::ErrorKind::NotFound => {
                format!("check that the path {} is right", path.display())
            }
            RuleError::Read { path, .. } => {
                format!("check that you may read {}, or move it away", path.display())
            }
            RuleError::NotAFile { path, .. } => format!(
                "rules are text files of at most 1 MiB; move {} away, or give it another ending \
                 than .rules",
                path.display()
            ),
            RuleError::Exposed { path, .. } => format!(
                "look whether every grant in it is yours (`codex approvals list --all`), then \
                 `chmod 600 {}`",
                path.display()
            ),
            RuleError::Write { .. } => {
                "check that you may write to its folder, and that there is room".to_owned()
            }
        }
    }
}

/// Gives line and column of a place, from 1, the column in characters.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[begin..].chars().count() + 1)
}

/// Shows the line of a place, and the place in it.
fn excerpt(text: &str, at: usize, line: usize) -> String {
    let at = at.min(text.len());
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let column = text[begin..at].chars().count();
    // A long line is shown from a little before the place.
    let skipped = column.saturating_sub(SHOWN / 2);
    let plain = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    let shown: String = text[begin..end].chars().skip(skipped).take(SHOWN).map(plain).collect();
    let number = line.to_string();
    let indent = " ".repeat(number.len() + 3 + column - skipped);
    format!("  {number} | {}\n  {indent}^", shown.trim_end())
}
