//! Text files of the user: settings and instructions.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::{ConfigError, Origin};

/// Most bytes of such a file. A larger one was not written by a person.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a text file, without the byte order mark that it may begin with; `None` when there is none.
///
/// Only a regular file is opened, because reading a pipe could wait for ever. A link to nothing is
/// an error and not an absence: somebody wanted a file to be there.
pub(crate) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let not_a_file = |found| Err(ConfigError::NotAFile { path: path.to_owned(), found });
    let refused = |source| ConfigError::Read { path: path.to_owned(), source };
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if path.is_symlink() { not_a_file("a link to nothing") } else { Ok(None) };
        }
        // A home below a file holds no settings; that it can't hold a journal is said by the journal.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
        Err(source) => return Err(refused(source)),
    };
    if meta.is_dir() {
        return not_a_file("a folder");
    }
    if !meta.is_file() {
        return not_a_file("a pipe or a device");
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(refused)?;
    if bytes.len() as u64 > MAX_BYTES {
        return not_a_file("a file of more than 16 MiB");
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let before = std::str::from_utf8(before).unwrap_or_default();
        let origin = Lines::of(before).place(before.len(), path);
        ConfigError::NotUtf8 { origin }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(Some(text))
}

/// Finds the line and column of a byte offset, in a time that does not grow with the text.
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// Where each line starts, in bytes.
    starts: Vec<usize>,
    /// How many characters begin before each step of [`STEP`] bytes.
    characters: Vec<usize>,
}

/// Bytes between two counts of characters. A file may be one long line with a value every few bytes.
const STEP: usize = 256;

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Lines<'a> {
        let starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut count = 0;
        let characters = text
            .as_bytes()
            .chunks(STEP)
            .map(|step| {
                let before = count;
                count += beginnings(step);
                before
            })
            .collect();
        Lines { text, starts, characters }
    }

    pub(crate) fn place(&self, offset: usize, path: &Path) -> Origin {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let column = 1 + self.count(offset) - self.count(self.starts[line - 1]);
        Origin::File { path: path.to_owned(), line, column }
    }

    /// Counts the characters that begin before an offset.
    fn count(&self, offset: usize) -> usize {
        let step = offset / STEP;
        let counted = self.characters.get(step).or(self.characters.last()).copied().unwrap_or(0);
        let from = step.min(self.characters.len().saturating_sub(1)) * STEP;
        counted + beginnings(&self.text.as_bytes()[from..offset])
    }
}

/// Counts the bytes that begin a character.
fn beginnings(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_ones_that_counting_gives() {
        let mut texts: Vec<String> =
            ["", "a", "\n", "é\r\nx = 1\n\n", "x"].map(String::from).into();
        texts.push("é€x".repeat(300));
        texts.push(format!("{}\n{}", "é".repeat(STEP), "x".repeat(2 * STEP)));
        for text in texts {
            let lines = Lines::of(&text);
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len(), text.len() + 9]);
            for offset in ends {
                let before = &text[..offset.min(text.len())];
                let start = before.rfind('\n').map_or(0, |at| at + 1);
                let expected = Origin::File {
                    path: "f".into(),
                    line: before.matches('\n').count() + 1,
                    column: before[start..].chars().count() + 1,
                };
                assert_eq!(lines.place(offset, Path::new("f")), expected, "{text:?} at {offset}");
            }
        }
    }

    #[test]
    fn a_place_far_along_a_line_costs_no_more_than_a_near_one() {
        let text = "\"é\", ".repeat(1 << 20);
        let lines = Lines::of(&text);
        let started = std::time::Instant::now();
        for value in (0..1 << 20).step_by(5) {
            let column = 1 + value * "\"é\", ".chars().count();
            let expected = Origin::File { path: "f".into(), line: 1, column };
            assert_eq!(lines.place(value * "\"é\", ".len(), Path::new("f")), expected);
        }
        // Counting each from the start of the line takes minutes.
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}
