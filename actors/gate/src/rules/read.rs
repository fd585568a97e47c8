//! Finding and reading rule files. With `grants.rs`, all of this crate that touches files.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::RuleError;
use super::syntax::Wrong;

/// Most bytes of a rule file. A larger one was not written by a person.
const MAX_BYTES: u64 = 1 << 20;

/// A file as it was read.
pub(crate) struct Found {
    pub(crate) text: String,
    pub(crate) meta: Metadata,
}

/// Gives the rule files of a folder, by name; none where there is no such folder.
pub(crate) fn folder(folder: &Path) -> Result<Vec<PathBuf>, RuleError> {
    let refused = |source| RuleError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if absent(&error) && !folder.is_symlink() => return Ok(Vec::new()),
        Err(error) => return Err(refused(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(refused)?.path();
        if path.extension().is_some_and(|ending| ending == "rules") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Gives the text of a rule file; none when there is none.
///
/// # Errors
///
/// When it can't be read, is no regular file of at most 1 MiB, or not UTF-8.
pub fn read_rules(path: &Path) -> Result<Option<String>, RuleError> {
    Ok(text(path)?.map(|found| found.text))
}

/// Reads a rule file; none when there is none.
///
/// Only a regular file is opened, because reading a pipe could wait for ever. A link to nothing is
/// an error and not an absence: somebody wanted rules to be there.
pub(crate) fn text(path: &Path) -> Result<Option<Found>, RuleError> {
    let not_a_file = |found| Err(RuleError::NotAFile { path: path.to_owned(), found });
    let refused = |source| RuleError::Read { path: path.to_owned(), source };
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if absent(&error) => {
            return if path.is_symlink() { not_a_file("a link to nothing") } else { Ok(None) };
        }
        Err(error) => return Err(refused(error)),
    };
    if meta.is_dir() {
        return not_a_file("a folder");
    }
    if !meta.is_file() {
        return not_a_file("a pipe or a device");
    }
    let file = File::open(path).map_err(refused)?;
    // Of what was opened, should the name have gone to another file in between.
    let meta = file.metadata().map_err(refused)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > MAX_BYTES {
        return not_a_file("a file of more than 1 MiB");
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let message = "this is not valid UTF-8";
        RuleError::wrong(path, &text, Wrong::new(at, message, "save the file as UTF-8 text"))
    })?;
    Ok(Some(Found { text, meta }))
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
