//! The folders that may be written to, and what a path means below them.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

/// Symbolic links that one path may lead through, the kernel's own limit.
const MAX_LINKS: usize = 40;

#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// The folders below which a patch may read and write.
///
/// They are canonical: absolute, without `..` and without symbolic links, as they were when this
/// was made. An empty set allows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    folders: Vec<PathBuf>,
    guard: Guard,
    allowed: Vec<PathBuf>,
}

/// What below the folders stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Guard {
    Nothing,
    /// These paths and what lies below them, and every `.git`: they name programs that run later.
    Paths(Vec<PathBuf>),
}

/// Where a place stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Inside,
    Outside,
    Protected,
}

impl Roots {
    /// Makes roots of existing folders; one that does not exist allows nothing and is left out.
    pub fn new<P: AsRef<Path>>(folders: impl IntoIterator<Item = P>) -> io::Result<Roots> {
        let mut roots = Roots { folders: Vec::new(), guard: Guard::Nothing, allowed: Vec::new() };
        for folder in folders {
            match folder.as_ref().canonicalize() {
                Ok(folder) => roots.folders.push(folder),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(roots)
    }

    /// Makes roots of folders that were canonical when somebody allowed them.
    ///
    /// One that is not any more allows nothing and is left out: a command that may write around a
    /// folder can put a link in its place, or in the place of one above it, and what the link leads to
    /// was allowed by nobody.
    pub fn as_allowed<P: AsRef<Path>>(folders: impl IntoIterator<Item = P>) -> Roots {
        let is_itself =
            |folder: &PathBuf| folder.canonicalize().is_ok_and(|canonical| canonical == *folder);
        let folders = folders.into_iter().map(|folder| folder.as_ref().to_owned());
        Roots {
            folders: folders.filter(is_itself).collect(),
            guard: Guard::Nothing,
            allowed: Vec::new(),
        }
    }

    /// Leaves these canonical paths as they are although they lie below a folder, and with them
    /// whatever is named `.git` at any depth: a command could not change them there either.
    pub fn guarding(self, paths: impl IntoIterator<Item = PathBuf>) -> Roots {
        Roots { guard: Guard::Paths(paths.into_iter().collect()), ..self }
    }

    /// Lets exactly these canonical files be written besides, wherever they are.
    pub fn allowing(self, files: impl IntoIterator<Item = PathBuf>) -> Roots {
        Roots { allowed: files.into_iter().collect(), ..self }
    }

    /// Tells whether a canonical path is one that is written only where it is allowed by name.
    pub fn is_stray(&self, place: &Path) -> bool {
        match self.standing(place) {
            Standing::Inside => false,
            Standing::Outside | Standing::Protected => true,
        }
    }

    fn standing(&self, place: &Path) -> Standing {
        let Some(root) = self.above(place) else { return Standing::Outside };
        let Guard::Paths(paths) = &self.guard else { return Standing::Inside };
        let below = place.strip_prefix(root).unwrap_or(place);
        let git = below.components().any(|part| part.as_os_str() == ".git");
        match git || paths.iter().any(|path| place.starts_with(path)) {
            true => Standing::Protected,
            false => Standing::Inside,
        }
    }

    /// The canonical folders.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    fn above(&self, path: &Path) -> Option<&Path> {
        let above = self.folders.iter().filter(|root| path.starts_with(root));
        above.max_by_key(|root| root.as_os_str().len()).map(PathBuf::as_path)
    }

    /// Opens a folder, given by its canonical path.
    ///
    /// No step may be a symbolic link, neither below the root nor on the way to it, so a folder that was
    /// swapped for a link since its path was worked out is an error and not a way out.
    pub(crate) fn open(&self, folder: &Path) -> io::Result<OwnedFd> {
        // An allowed file may need folders, too, and its temporary lies beside it.
        let allowed = self.allowed.iter().any(|file| file != folder && file.starts_with(folder));
        let root = self.above(folder).or(allowed.then_some(Path::new("/")));
        let root = root.ok_or(Errno::XDEV)?;
        let below = folder.strip_prefix(root).map_err(|_| Errno::XDEV)?;
        let root = open_root(root)?;
        if below.as_os_str().is_empty() {
            return Ok(root);
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{ResolveFlags, openat2};
            let resolve =
                ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
            match openat2(&root, below, FOLDER, Mode::empty(), resolve) {
                // An old kernel, or a filter that does not know the call: walk instead.
                Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
                other => return Ok(other?),
            }
        }
        walk(root, below)
    }
}

/// Opens a root by its canonical path; on systems without such a call, links on the way to it are
/// followed.
fn open_root(root: &Path) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        match openat2(CWD, root, FOLDER, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
            other => return Ok(other?),
        }
    }
    Ok(openat(CWD, root, FOLDER | OFlags::NOFOLLOW, Mode::empty())?)
}

fn walk(root: OwnedFd, below: &Path) -> io::Result<OwnedFd> {
    below.components().try_fold(root, |folder, part| match part {
        Component::Normal(name) => {
            Ok(openat(&folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?)
        }
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            Err(Errno::XDEV.into())
        }
    })
}

/// What stands at a path.
pub(crate) enum Seen {
    Nothing,
    Folder,
    File,
    Link(PathBuf),
}

/// Whether a symbolic link at the very end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLink {
    Follow,
    Keep,
}

/// Why a path means no place for a file.
#[derive(Debug)]
pub(crate) enum Misplaced {
    Outside(PathBuf),
    Protected(PathBuf),
    Unusable(io::Error),
}

/// Works out the canonical path that `path` means, links followed and `..` resolved.
///
/// Steps that do not exist are taken literally, so a path to be created can be worked out too; but
/// not folders that a link's text names, since no system makes folders through a dangling link.
/// `see` says what stands where, which lets a plan put its own pending changes over the disk.
pub(crate) fn locate(
    roots: &Roots,
    cwd: &Path,
    path: &str,
    last: LastLink,
    mut see: impl FnMut(&Path) -> io::Result<Seen>,
) -> Result<PathBuf, Misplaced> {
    let unusable = |errno: Errno| Misplaced::Unusable(errno.into());
    if path.is_empty() {
        return Err(unusable(Errno::NOENT));
    }
    if path.contains('\0') {
        return Err(unusable(Errno::INVAL));
    }
    let full = cwd.join(path);
    let mut todo: Vec<OsString> = Vec::new();
    queue(&mut todo, &full);
    let mut place = PathBuf::from("/");
    let mut links = 0;
    // As long as more steps than this are left to do, they come from a link's text.
    let mut behind_link = usize::MAX;
    while let Some(name) = todo.pop() {
        if name == ".." {
            place.pop();
            continue;
        }
        let next = place.join(&name);
        let is_last = todo.is_empty();
        let is_linked = behind_link <= todo.len();
        if !is_linked {
            behind_link = usize::MAX;
        }
        match see(&next).map_err(Misplaced::Unusable)? {
            Seen::Link(target) if !is_last || last == LastLink::Follow => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(unusable(Errno::LOOP));
                }
                if target.is_absolute() {
                    place = PathBuf::from("/");
                }
                behind_link = behind_link.min(todo.len());
                queue(&mut todo, &target);
            }
            Seen::Nothing if is_linked && !is_last => return Err(unusable(Errno::NOENT)),
            Seen::File if !is_last => return Err(unusable(Errno::NOTDIR)),
            Seen::Nothing | Seen::Folder | Seen::File | Seen::Link(_) => place = next,
        }
    }
    match roots.standing(&place) {
        Standing::Inside => {}
        Standing::Outside | Standing::Protected if roots.allowed.contains(&place) => {}
        Standing::Outside => return Err(Misplaced::Outside(place)),
        Standing::Protected => return Err(Misplaced::Protected(place)),
    }
    // A trailing slash asks for a folder; so does the name of a root itself.
    if path.ends_with('/') || roots.folders.contains(&place) {
        return Err(unusable(Errno::ISDIR));
    }
    Ok(place)
}

fn queue(todo: &mut Vec<OsString>, path: &Path) {
    todo.extend(path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    }));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed_with_or_without_the_kernels_help() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("a/b")).expect("folders");
        symlink("a", folder.path().join("l")).expect("a link");
        symlink("/", folder.path().join("out")).expect("a link");
        let roots = Roots::new([folder.path()]).expect("it exists");
        let root = roots.folders()[0].clone();
        let by_walking = |below: &str| walk(roots.open(&root)?, Path::new(below));
        for (below, is_open) in
            [("a", true), ("a/b", true), ("l", false), ("l/b", false), ("out/etc", false)]
        {
            assert_eq!(roots.open(&root.join(below)).is_ok(), is_open, "{below}");
            assert_eq!(by_walking(below).is_ok(), is_open, "{below}");
        }
        by_walking("../x").expect_err("it leads out");
        roots.open(Path::new("/")).expect_err("it is above the root");
    }

    #[test]
    fn a_root_that_became_a_link_allows_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let around = folder.path().canonicalize().expect("it exists");
        let (root, deep) = (around.join("a"), around.join("a/deep"));
        fs::create_dir_all(&deep).expect("folders");
        fs::create_dir_all(around.join("other/deep")).expect("folders");
        let allowed = Roots::as_allowed([&root, &deep, &around.join("nowhere")]);
        assert_eq!(allowed.folders(), [root.clone(), deep.clone()]);
        fs::rename(&root, around.join("old")).expect("moved");
        symlink("other", &root).expect("a link");
        for folder in [&root, &deep] {
            allowed.open(folder).expect_err("a link is on the way");
        }
        assert!(Roots::as_allowed([&root, &deep]).folders().is_empty());
    }

    #[test]
    fn what_is_allowed_by_name_is_a_file_and_not_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let (inside, beside) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir_all(&inside).expect("a folder");
        fs::create_dir_all(&beside).expect("a folder");
        symlink(&beside, inside.join("link")).expect("a link");
        let real = beside.canonicalize().expect("it exists");
        let roots = Roots::new([&inside]).expect("it exists").allowing([real.join("a")]);
        let place = |path: &str| {
            let see = crate::disk::see;
            locate(&roots, &inside, path, LastLink::Follow, see)
        };
        assert_eq!(place("../out/a").expect("allowed"), real.join("a"));
        assert_eq!(place("link/a").expect("the same file"), real.join("a"));
        for stray in ["../out/b", "../out/a/b", "../out", "link/b", "/etc/hosts"] {
            assert!(matches!(place(stray), Err(Misplaced::Outside(_))), "{stray}");
        }
        roots.open(&real).expect("the allowed file's folder");
        roots.open(&real.join("a")).expect_err("the file is no folder to write in");
        roots.open(Path::new("/etc")).expect_err("nothing is allowed there");
    }

    #[test]
    fn what_names_programs_stays_as_it_is_at_any_depth() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it exists");
        fs::create_dir_all(root.join("a/.git")).expect("folders");
        symlink("a/.git", root.join("link")).expect("a link");
        let roots = Roots::new([&root]).expect("it exists").guarding([root.join(".codex")]);
        let place = |path: &str| locate(&roots, &root, path, LastLink::Follow, crate::disk::see);
        for kept in [
            ".git/config",
            ".git",
            "a/.git/hooks/x",
            "a/b/.git",
            "link/config",
            ".codex/x",
            ".codex",
        ] {
            assert!(matches!(place(kept), Err(Misplaced::Protected(_))), "{kept}");
        }
        for free in [".github/x", "a/git", ".gitignore", "a/.codex/x", ".codexrc"] {
            place(free).expect(free);
        }
        let named = roots.clone().allowing([root.join(".git/config")]);
        let place = |path: &str| locate(&named, &root, path, LastLink::Follow, crate::disk::see);
        place(".git/config").expect("it is allowed by name");
        assert!(matches!(place(".git/hooks/x"), Err(Misplaced::Protected(_))));
    }
}
