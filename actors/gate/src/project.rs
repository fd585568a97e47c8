//! Which project a folder belongs to.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use codex_event::PLACEHOLDER_MARK;

/// Gives the root of the project that a folder lies in, without links: the nearest folder above it
/// that holds `.git`, or the folder itself where none does.
///
/// Grants and trust are keyed by it. A worktree is a project of its own, since other code stands in
/// it. Looks at names alone; no file of the project is read. What a sandbox put where no `.git` is
/// makes no project, or a command of another session would move the root while it runs.
pub fn project_root(folder: &Path) -> PathBuf {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let root = folder.ancestors().find(|above| is_repository(&above.join(".git")));
    root.unwrap_or(&folder).to_owned()
}

fn is_repository(git: &Path) -> bool {
    let is_marked = std::fs::symlink_metadata(git)
        .is_ok_and(|it| it.is_dir() && it.mode() & PLACEHOLDER_MARK != 0);
    let is_empty = || std::fs::read_dir(git).is_ok_and(|mut entries| entries.next().is_none());
    git.exists() && !(is_marked && is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, DirBuilder};
    use std::os::unix::fs::DirBuilderExt;

    use super::*;

    #[test]
    fn what_a_sandbox_put_there_makes_no_project() {
        let world = tempfile::tempdir().expect("a folder");
        let root = world.path().canonicalize().expect("it exists");
        let sub = root.join("sub");
        fs::create_dir_all(root.join(".git")).expect("made");
        fs::create_dir(&sub).expect("made");
        DirBuilder::new().mode(0o1755).create(sub.join(".git")).expect("made");
        assert_eq!(project_root(&sub), root);
        fs::write(sub.join(".git/HEAD"), "").expect("written");
        assert_eq!(project_root(&sub), sub, "one that was filled is somebody's own");
        fs::remove_dir_all(sub.join(".git")).expect("removed");
        fs::create_dir(sub.join(".git")).expect("made");
        assert_eq!(project_root(&sub), sub, "without the mark it is what it is called");
    }
}
