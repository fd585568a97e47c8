//! What can be known of a repository by reading its files. Runs no git: a repository's own settings
//! can name programs that git would run.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use codex_event::GitHead;
use rustix::fs::OFlags;

/// Most bytes of a file that are read; packed branches of the largest repositories are fewer.
const LONGEST: u64 = 16 << 20;

/// A repository, as its files tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    /// Folder of the working tree.
    pub(crate) root: PathBuf,
    /// What belongs to this working tree: its head, its index.
    pub(crate) dir: PathBuf,
    /// What all working trees share: objects, branches.
    pub(crate) common: PathBuf,
    pub(crate) head: GitHead,
}

/// Finds the state of the repository that a folder lies in; none outside of one.
pub(crate) fn head(folder: &Path) -> Option<GitHead> {
    find(folder).map(|repository| repository.head)
}

/// Finds the repository that a folder lies in; none outside of one.
pub(crate) fn find(folder: &Path) -> Option<Repository> {
    let (root, dir) = folder
        .ancestors()
        .find_map(|above| Some((above.to_owned(), git_dir(&above.join(".git"))?)))?;
    let common =
        text_of(&dir.join("commondir")).map_or_else(|| dir.clone(), |text| dir.join(text.trim()));
    let text = text_of(&dir.join("HEAD"))?;
    let text = text.trim();
    let head = match text.strip_prefix("ref: ") {
        Some(name) => GitHead {
            commit: resolve(&dir, &common, name),
            branch: name.strip_prefix("refs/heads/").map(str::to_owned),
        },
        None => GitHead { commit: commit(text), branch: None },
    };
    Some(Repository { root, dir, common, head })
}

/// `.git` is a folder, or a file that names one (worktrees, submodules).
fn git_dir(path: &Path) -> Option<PathBuf> {
    if path.join("HEAD").is_file() {
        return Some(path.to_owned());
    }
    let text = text_of(path)?;
    let named = path.parent()?.join(text.strip_prefix("gitdir: ")?.trim());
    named.join("HEAD").is_file().then_some(named)
}

/// Reads a file of a repository, which anybody may have put there.
///
/// What is no file may keep whoever opens or reads it waiting for ever, or have no end.
fn text_of(path: &Path) -> Option<String> {
    let without_waiting = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
    let file = File::options().read(true).custom_flags(without_waiting).open(path).ok()?;
    file.metadata().ok().filter(fs::Metadata::is_file)?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

fn resolve(git: &Path, common: &Path, name: &str) -> Option<String> {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return None;
    }
    let loose = [git, common].into_iter().find_map(|dir| text_of(&dir.join(name)));
    loose.and_then(|text| commit(text.trim())).or_else(|| {
        let packed = text_of(&common.join("packed-refs"))?;
        packed.lines().find_map(|line| {
            let (hash, packed) = line.split_once(' ')?;
            (packed == name).then(|| commit(hash))?
        })
    })
}

fn commit(text: &str) -> Option<String> {
    let is_hash = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sandbox_put_there_is_no_repository() {
        use std::os::unix::fs::DirBuilderExt;
        let world = tempfile::tempdir().expect("a folder");
        let sub = world.path().join("sub");
        put(world.path().join(".git/HEAD"), "ref: refs/heads/main\n");
        fs::create_dir(&sub).expect("made");
        fs::DirBuilder::new().mode(0o1755).create(sub.join(".git")).expect("made");
        assert_eq!(head(&sub).and_then(|it| it.branch).as_deref(), Some("main"));
        fs::remove_dir_all(world.path().join(".git")).expect("removed");
        assert_eq!(head(&sub), None);
    }

    #[test]
    fn what_is_no_file_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        put(root.join(".git/HEAD"), "ref: refs/heads/main\n");
        let pipe = |name: &str| {
            let path = root.join(".git").join(name);
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
                .expect("made");
        };
        for name in ["commondir", "packed-refs"] {
            pipe(name);
        }
        let unborn = GitHead { commit: None, branch: Some("main".into()) };
        assert_eq!(head(root), Some(unborn));
        for name in ["/dev/zero", "../../../../../../../../dev/zero"] {
            put(root.join(".git/HEAD"), &format!("ref: {name}\n"));
            assert_eq!(head(root).and_then(|head| head.commit), None, "{name}");
        }
    }

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn put(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn a_repository_is_found_from_below() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        assert_eq!(head(root), None);
        put(root.join(".git/HEAD"), "ref: refs/heads/main\n");
        let unborn = GitHead { commit: None, branch: Some("main".into()) };
        assert_eq!(head(root), Some(unborn));
        put(root.join(".git/packed-refs"), &format!("# pack\n{HASH} refs/heads/main\n"));
        fs::create_dir_all(root.join("src/deep")).expect("made");
        let found = GitHead { commit: Some(HASH.into()), branch: Some("main".into()) };
        assert_eq!(head(&root.join("src/deep")), Some(found));
        put(root.join(".git/HEAD"), HASH);
        assert_eq!(head(root), Some(GitHead { commit: Some(HASH.into()), branch: None }));
    }

    #[test]
    fn a_worktree_is_followed_to_its_repository() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        put(root.join("main/.git/worktrees/w/HEAD"), "ref: refs/heads/topic\n");
        put(root.join("main/.git/worktrees/w/commondir"), "../..\n");
        put(root.join("main/.git/refs/heads/topic"), HASH);
        put(root.join("w/.git"), "gitdir: ../main/.git/worktrees/w\n");
        let found = GitHead { commit: Some(HASH.into()), branch: Some("topic".into()) };
        assert_eq!(head(&root.join("w")), Some(found));
    }
}
