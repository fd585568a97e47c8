//! The files below a folder, a few at a time.

use std::path::Path;
use std::time::{Duration, Instant};

use ignore::WalkBuilder;

/// Files that are kept at most.
const FILES: usize = 500_000;
/// Bytes of their paths that are.
const BYTES: usize = 64 << 20;

/// Whether hidden files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// They are, but for what git keeps for itself.
    Seen,
    /// They are left out.
    Unseen,
}

impl Hidden {
    /// Tells whether whoever writes this as part of a path wants hidden files.
    pub(super) fn of(query: &str) -> Hidden {
        let named = query.split('/').any(|part| part.starts_with('.') && part != "..");
        if named { Hidden::Seen } else { Hidden::Unseen }
    }
}

/// A walk through a folder and all below it, which respects what ignore files say.
///
/// Links are not followed and other file systems not entered, so that it ends and does not hang.
pub(super) struct Walk {
    hidden: Hidden,
    /// None when it is over.
    rest: Option<ignore::Walk>,
    root: std::path::PathBuf,
    /// All paths, one after the other, and where each ends.
    text: String,
    ends: Vec<u32>,
    /// When it began, or was over.
    since: Instant,
}

impl Walk {
    /// Begins; nothing is read yet.
    pub(super) fn begin(root: &Path, hidden: Hidden) -> Walk {
        let mut builder = WalkBuilder::new(root);
        // Files that are to be ignored are in folders without a repository as well.
        builder.hidden(hidden == Hidden::Unseen).require_git(false).same_file_system(true);
        builder.filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git");
        Walk {
            hidden,
            rest: Some(builder.build()),
            root: root.to_owned(),
            text: String::new(),
            ends: Vec::new(),
            since: Instant::now(),
        }
    }

    pub(super) fn hidden(&self) -> Hidden {
        self.hidden
    }

    /// Tells how long it has been over; how long it has lasted while it is not.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Tells whether all files were seen, or as many as are kept.
    pub(super) fn is_over(&self) -> bool {
        self.rest.is_none()
    }

    /// Looks at so many more entries. What can't be read is left out, and so is what can't be
    /// written into a text: names that are no UTF-8 or have control characters.
    pub(super) fn go_on(&mut self, entries: usize) {
        let Some(rest) = &mut self.rest else { return };
        for _ in 0..entries {
            let full = self.ends.len() >= FILES || self.text.len() >= BYTES;
            let entry = if full { None } else { rest.next() };
            let Some(entry) = entry else {
                self.rest = None;
                self.since = Instant::now();
                return;
            };
            let Ok(entry) = entry else { continue };
            if entry.file_type().is_none_or(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            let path = path.strip_prefix(&self.root).unwrap_or(path).to_str();
            let Some(path) = path.filter(|path| !path.contains(char::is_control)) else { continue };
            self.text.push_str(path);
            // Paths are far shorter than what the sum is bounded by.
            self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        }
    }

    /// Gives how many files were seen so far.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Gives the path of one of them, relative to the folder.
    pub(super) fn path(&self, number: usize) -> &str {
        let begin = number.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[begin..self.ends[number] as usize]
    }
}
