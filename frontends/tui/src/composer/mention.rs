//! Files that are offered for what stands behind an `@`.

use super::buffer::{Buffer, Place};
use super::graphemes;
use crate::fuzzy;
use crate::update::{FileMatches, Progress};

/// Files that are shown at once.
pub(super) const SHOWN: usize = 8;
/// Bytes before the cursor among which an `@` is looked for.
const REACH: usize = 512;

/// An `@` before the cursor, and the files that match what stands between the two.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    /// Where the `@` is.
    pub(super) at: Place,
    /// What stands behind it.
    pub(super) query: String,
    /// Paths, best first.
    pub(super) paths: Vec<String>,
    /// Where each of them matches, in bytes.
    pub(super) marks: Vec<Vec<usize>>,
    /// Which of them a key would take.
    pub(super) selected: usize,
    /// Whether more may come.
    pub(super) progress: Progress,
}

/// Gives the `@` that the cursor stands behind, and what is in between: the beginning of a path.
pub(super) fn before_cursor(buffer: &Buffer) -> Option<(Place, String)> {
    let cursor = buffer.cursor();
    let line = buffer.line(cursor.line);
    let floor = line.floor_char_boundary(cursor.byte.saturating_sub(REACH));
    let at = line[floor..cursor.byte].rfind(['@', ' ', '\t'])? + floor;
    let query = line[at..cursor.byte].strip_prefix('@')?;
    let begins = match line[..at].chars().next_back() {
        None => true,
        Some(before) => before.is_whitespace() || "([{<\"'`=:,".contains(before),
    };
    let plain = !query.chars().any(|c| c.is_whitespace() || super::chips::is_chip(c));
    // What is snapped elsewhere is a part of a larger grapheme, and no sign of its own.
    let whole = graphemes::snap(line, at) == at;
    (begins && plain && whole).then(|| (Place { line: cursor.line, byte: at }, query.to_owned()))
}

impl Mention {
    pub(super) fn new(at: Place, query: String) -> Mention {
        let (paths, marks) = (Vec::new(), Vec::new());
        Mention { at, query, paths, marks, selected: 0, progress: Progress::Searching }
    }

    /// Takes another query. Until files come for it, those of the last one that match it are shown.
    pub(super) fn ask(&mut self, query: String) {
        let ranked = fuzzy::rank(&query, &self.paths);
        let mut paths = Vec::with_capacity(ranked.len());
        self.marks.clear();
        for (index, marks) in ranked {
            paths.push(std::mem::take(&mut self.paths[index]));
            self.marks.push(marks);
        }
        (self.paths, self.query) = (paths, query);
        (self.selected, self.progress) = (0, Progress::Searching);
    }

    /// Takes files that were found. The chosen one stays chosen, wherever it is now.
    pub(super) fn take(&mut self, found: FileMatches) {
        if found.query != self.query {
            return;
        }
        self.progress = found.progress;
        let chosen = (self.selected > 0).then(|| self.paths.get(self.selected).cloned()).flatten();
        self.marks = found
            .paths
            .iter()
            .map(|path| {
                fuzzy::Ranking::of_paths(&self.query).find(path).map_or(Vec::new(), |it| it.1)
            })
            .collect();
        self.paths = found.paths;
        let place = chosen.and_then(|chosen| self.paths.iter().position(|path| *path == chosen));
        self.selected = place.unwrap_or(0);
    }

    /// Goes on by one, round at the end.
    pub(super) fn next(&mut self) {
        self.selected = (self.selected + 1) % self.paths.len().max(1);
    }

    /// Goes back by one, round at the beginning.
    pub(super) fn previous(&mut self) {
        let count = self.paths.len().max(1);
        self.selected = (self.selected + count - 1) % count;
    }

    /// Gives the rows that the list takes at most.
    pub(super) fn height(&self) -> usize {
        self.paths.len().clamp(1, SHOWN)
    }
}

/// Writes a path so that it is one word, also for a shell.
pub(super) fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%,:=~".contains(c);
    if !path.is_empty() && path.chars().all(plain) && !path.starts_with('~') {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}
