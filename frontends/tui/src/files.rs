//! Searches the files of the working folder on a thread of its own.

use std::path::PathBuf;

use crate::update::FileMatches;

/// A search for files below a folder.
#[derive(Debug)]
pub struct Finder {}

impl Finder {
    /// Searches below a folder, and hands to `sink` what it finds.
    pub fn new(_root: PathBuf, _sink: impl Fn(FileMatches) + Send + 'static) -> Finder {
        Finder {}
    }

    /// Searches for this from now on; an earlier search ends.
    pub fn find(&self, _query: String) {}
}
