//! The files that the rules look at.

use std::fs;
use std::io;
use std::path::Path;

/// The text files of a checkout, and the names at its root.
#[derive(Default)]
pub(crate) struct Tree {
    /// Names at the root, without those that no commit holds.
    pub(crate) root: Vec<String>,
    /// Files, sorted by path. Those that are not text are left out.
    pub(crate) files: Vec<File>,
}

/// One text file.
pub(crate) struct File {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// Everything in it.
    pub(crate) text: String,
}

/// Names of folders that no commit holds.
const SKIPPED: [&str; 2] = [".git", "target"];

/// Ends of names that no commit holds.
const SKIPPED_ENDS: [&str; 2] = [".snap.new", ".pending-snap"];

impl Tree {
    /// Reads a checkout. It walks the folders and does not ask git, so that what is about to be
    /// committed counts too. Symbolic links are not followed.
    pub(crate) fn read(root: &Path) -> io::Result<Tree> {
        let mut tree = Tree::default();
        tree.walk(root, "")?;
        tree.root.sort();
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let skipped =
                SKIPPED.contains(&&*name) || SKIPPED_ENDS.iter().any(|end| name.ends_with(end));
            if skipped {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.walk(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file()
                && let Some(text) = text(&entry.path())?
            {
                self.files.push(File { path, text });
            }
            if prefix.is_empty() {
                self.root.push(name);
            }
        }
        Ok(())
    }

    /// Gives the text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Makes a tree out of a table, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect();
        let mut root: Vec<String> = files
            .iter()
            .filter_map(|file| file.path.split('/').next())
            .map(str::to_owned)
            .collect();
        root.dedup();
        Tree { root, files }
    }
}

impl File {
    /// Tells whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Tells whether all of it is test code, by its path.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }
}

/// Reads a file if it is text. One that went away meanwhile, as an editor's file does, is none.
fn text(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) if bytes.contains(&0) => Ok(None),
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
