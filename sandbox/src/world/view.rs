//! The file system as a command sees it, built from copies of the host's mounts.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, mkdirat, openat, symlinkat};
use rustix::mount::{MountAttrFlags, MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::process::{fchdir, pivot_root};

use super::Trouble;
use super::device;
use super::mount::{Depth, attach, copy, find, make, restrict, same};
use crate::alias::Mounts;
use crate::placeholder::is_required;
use crate::{FilePlan, How, Plan, Protected, ReadPlan, Step, WritePlan};

/// What every mount gets: no privileged programs and no devices, not even for root.
const HARMLESS: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);

/// What every mount gets that can't be written.
const READ_ONLY: MountAttrFlags = HARMLESS.union(MountAttrFlags::MOUNT_ATTR_RDONLY);

/// What is mounted where there is nothing to be found.
const NOTHING: MountAttrFlags = READ_ONLY.union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// A new root, mounted over the old one and not yet entered.
pub(super) struct View {
    root: OwnedFd,
    /// Whether folders can be made for mounts: where the root is ours.
    empty: bool,
    /// Number of places that were mounted.
    mounts: u32,
}

/// A place opened before anything is mounted over it.
type Opened<'a> = (&'a Path, OwnedFd);

fn at(step: Step, path: &Path) -> impl Fn(io::Error) -> Trouble {
    move |error| Trouble::new(step, format!("{}: {error}", path.display()))
}

impl View {
    /// Builds all of it. Only this process's mount namespace changes.
    pub(super) fn build(plan: &Plan, protected: &[Protected], cwd: &Path) -> Result<View, Trouble> {
        let files = &plan.files;
        let root = Path::new("/");
        let host = mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
            .map_err(io::Error::from)
            .and_then(|()| open(root))
            .map_err(at(Step::Mounts, root))?;

        let mounts = Mounts::of_this_process().map_err(at(Step::Withheld, root))?;
        // Everything that comes from the host is opened before anything is mounted.
        let below_root = |path: &PathBuf| path != root;
        let mut read = vec![];
        if let ReadPlan::Roots(roots) = &files.read {
            read = open_all(roots.iter().filter(|it| below_root(it) && !is_private(it)))?;
        }
        let mut write = vec![];
        if let WritePlan::Roots(roots) = &files.write {
            write = open_all(roots.iter())?;
        }
        let programs = open_present(&files.programs)?;
        let nodes =
            device::open_nodes(&files.devices).map_err(at(Step::Devices, Path::new("/dev")))?;

        let mut view = View::root_of(files, host.as_fd()).map_err(at(Step::Mounts, root))?;
        for (path, place) in &read {
            view.show(path, place.as_fd(), READ_ONLY)?;
        }
        for (path, place) in &write {
            view.show(path, place.as_fd(), HARMLESS)?;
        }
        view.withhold(&files.withheld, &mounts, &programs)?;
        for (path, place) in &programs {
            // A mount on a file that can be seen already would only keep a build from replacing it.
            let seen = find(view.root.as_fd(), path);
            if !seen.is_ok_and(|seen| same(place.as_fd(), seen.as_fd())) {
                view.show(path, place.as_fd(), READ_ONLY)?;
            }
        }
        view.protect(protected, &plan.protected)?;
        device::cover(view.root.as_fd(), &nodes).map_err(at(Step::Devices, Path::new("/dev")))?;
        view.mount_proc().map_err(at(Step::Proc, Path::new("/proc")))?;
        if view.empty {
            view.stand_at(cwd).map_err(at(Step::WorkingDirectory, cwd))?;
            restrict(view.root.as_fd(), Depth::Alone, READ_ONLY).map_err(at(Step::Mounts, root))?;
        }
        Ok(view)
    }

    fn root_of(files: &FilePlan, host: BorrowedFd<'_>) -> io::Result<View> {
        let whole = files.read == ReadPlan::Everything || files.write == WritePlan::Everything;
        let tree = if whole {
            let tree = copy(host, Depth::Whole)?;
            let flags = match files.write {
                WritePlan::Everything => HARMLESS,
                WritePlan::Roots(_) => READ_ONLY,
            };
            restrict(tree.as_fd(), Depth::Whole, flags)?;
            tree
        } else {
            make("tmpfs", &[("mode", "755"), ("size", "1m")], HARMLESS)?
        };
        attach(tree.as_fd(), host)?;
        let mut view = View { root: tree, empty: !whole, mounts: 0 };
        if whole {
            view.close_the_kernels_folder(&files.write)?;
        } else {
            view.link_like_the_host()?;
            for name in ["/dev", "/proc"] {
                view.place(Path::new(name), FileType::Directory)?;
            }
        }
        Ok(view)
    }

    /// Keeps `/sys` read-only: root could change the kernel there without a single capability.
    fn close_the_kernels_folder(&mut self, write: &WritePlan) -> io::Result<()> {
        match write {
            WritePlan::Roots(_) => return Ok(()),
            WritePlan::Everything => {}
        }
        let place = match find(self.root.as_fd(), Path::new("/sys")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        let tree = copy(place.as_fd(), Depth::Whole)?;
        restrict(tree.as_fd(), Depth::Whole, READ_ONLY)?;
        attach(tree.as_fd(), place.as_fd())?;
        self.mounts += 1;
        Ok(())
    }

    /// Repeats the links at the top of the host's root, such as `/bin`.
    fn link_like_the_host(&mut self) -> io::Result<()> {
        for entry in fs::read_dir("/")?.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                let target = fs::read_link(entry.path())?;
                symlinkat(target.as_path(), self.root.as_fd(), entry.file_name())?;
            }
        }
        Ok(())
    }

    /// Makes an empty folder where the command starts, if the view shows nothing of that name.
    fn stand_at(&self, cwd: &Path) -> io::Result<()> {
        let is_private = is_private(cwd) || cwd.is_relative();
        if !is_private && fs::metadata(cwd)?.is_dir() {
            let cwd = fs::canonicalize(cwd)?;
            drop(self.place(&cwd, FileType::Directory)?);
        }
        Ok(())
    }

    /// Shows a place of the host under its own name.
    ///
    /// What is mounted is what was opened, whatever has its name by now; all that another process
    /// can reach by renaming is that the command finds it under no name.
    fn show(
        &mut self,
        path: &Path,
        place: BorrowedFd<'_>,
        flags: MountAttrFlags,
    ) -> Result<(), Trouble> {
        let shown = || -> io::Result<()> {
            let kind = FileType::from_raw_mode(fstat(place)?.st_mode);
            let tree = copy(place, Depth::Whole)?;
            restrict(tree.as_fd(), Depth::Whole, flags)?;
            attach(tree.as_fd(), self.place(path, kind)?.as_fd())
        };
        shown().map_err(at(Step::Mounts, path))?;
        self.mounts += 1;
        Ok(())
    }

    /// Finds the place for a mount; makes it in folders that are ours.
    fn place(&self, path: &Path, kind: FileType) -> io::Result<OwnedFd> {
        match find(self.root.as_fd(), path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let mut folder = find(self.root.as_fd(), Path::new("/"))?;
        let names: Vec<&OsStr> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name),
                Component::Prefix(_)
                | Component::RootDir
                | Component::CurDir
                | Component::ParentDir => None,
            })
            .collect();
        let last = names.len().saturating_sub(1);
        for (index, name) in names.into_iter().enumerate() {
            if index < last || kind == FileType::Directory {
                match mkdirat(folder.as_fd(), name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            } else {
                let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                drop(openat(folder.as_fd(), name, flags, Mode::from_raw_mode(0o444))?);
            }
            folder = find(folder.as_fd(), Path::new(name))?;
        }
        Ok(folder)
    }

    /// Covers what is withheld, under each of its names: a folder by an empty one, a file by an
    /// empty file.
    fn withhold(
        &mut self,
        patterns: &[PathBuf],
        mounts: &Mounts,
        programs: &[Opened<'_>],
    ) -> Result<(), Trouble> {
        let mut empty_file = None;
        for path in patterns.iter().flat_map(|pattern| expand(pattern)) {
            let place = find(self.root.as_fd(), &path).or_else(|_| open(&path));
            for alias in mounts.aliases(&path) {
                // What can't be opened here can't be by the command either.
                let Ok(other) = find(self.root.as_fd(), &alias) else { continue };
                if place.as_ref().is_ok_and(|place| same(place.as_fd(), other.as_fd())) {
                    let covered = self.cover(&alias, programs, &mut empty_file);
                    self.mounts += covered.map_err(at(Step::Withheld, &alias))?;
                }
            }
            let covered = self.cover(&path, programs, &mut empty_file);
            self.mounts += covered.map_err(at(Step::Withheld, &path))?;
        }
        Ok(())
    }

    fn cover(
        &self,
        path: &Path,
        programs: &[Opened<'_>],
        empty_file: &mut Option<OwnedFd>,
    ) -> io::Result<u32> {
        let target = match find(self.root.as_fd(), path) {
            Ok(target) => target,
            // Hidden by the view, or by an outer cover, or not there: nothing can be seen of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        if FileType::from_raw_mode(fstat(&target)?.st_mode) != FileType::Directory {
            if empty_file.is_none() {
                *empty_file = Some(self.make_empty_file()?);
            }
            if let Some(file) = empty_file {
                let tree = copy(file.as_fd(), Depth::Alone)?;
                restrict(tree.as_fd(), Depth::Alone, NOTHING)?;
                attach(tree.as_fd(), target.as_fd())?;
            }
            return Ok(1);
        }
        let tree = make("tmpfs", &[("mode", "555"), ("size", "64k")], HARMLESS)?;
        attach(tree.as_fd(), target.as_fd())?;
        // A program that lies inside is shown again; it needs a place before the cover is closed.
        for (program, file) in programs.iter().filter(|(program, _)| program.starts_with(path)) {
            let kind = FileType::from_raw_mode(fstat(file)?.st_mode);
            drop(self.place(program, kind)?);
        }
        restrict(tree.as_fd(), Depth::Alone, READ_ONLY)?;
        Ok(1)
    }

    /// Makes an empty file where nothing can reach it: below the private `/dev`, which comes later.
    fn make_empty_file(&self) -> io::Result<OwnedFd> {
        let tree = make(
            "tmpfs",
            &[("mode", "755"), ("size", "64k")],
            NOTHING & !MountAttrFlags::MOUNT_ATTR_RDONLY,
        )?;
        attach(tree.as_fd(), find(self.root.as_fd(), Path::new("/dev"))?.as_fd())?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        drop(openat(tree.as_fd(), "empty", flags, Mode::from_raw_mode(0o444))?);
        find(tree.as_fd(), Path::new("empty"))
    }

    /// Binds what must stay on itself; outer paths come first, or they would cover the inner ones.
    ///
    /// What was found below the roots and has vanished since needs no mount. If it comes back under
    /// the command's eyes, that is told like any repository that was made anew.
    fn protect(&mut self, protected: &[Protected], known: &[Protected]) -> Result<(), Trouble> {
        for Protected { path, how } in protected {
            let flags = match how {
                How::ReadOnly | How::Placeholder | How::PlaceholderFile(_) => READ_ONLY,
                How::InPlace => HARMLESS,
            };
            let target = match find(self.root.as_fd(), path) {
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && !is_required(path, known) =>
                {
                    continue;
                }
                found => found.map_err(at(Step::Protect, path))?,
            };
            let bound = || -> io::Result<()> {
                let tree = copy(target.as_fd(), Depth::Whole)?;
                restrict(tree.as_fd(), Depth::Whole, flags)?;
                attach(tree.as_fd(), target.as_fd())
            };
            match bound() {
                // Gone between the look and the mount.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && !is_required(path, known) => {}
                done => {
                    done.map_err(at(Step::Protect, path))?;
                    self.mounts += 1;
                }
            }
        }
        Ok(())
    }

    /// Mounts a `/proc` that shows this process namespace alone.
    ///
    /// Read-only: root may change the kernel's settings there without a single capability.
    fn mount_proc(&self) -> io::Result<()> {
        let tree = make("proc", &[], NOTHING)?;
        attach(tree.as_fd(), find(self.root.as_fd(), Path::new("/proc"))?.as_fd())
    }

    /// Makes it the root of this process, lets go of the old one, and returns the number of mounts.
    pub(super) fn enter(self) -> io::Result<u32> {
        fchdir(&self.root)?;
        // The old root lands on top of the new one, from where it is taken away.
        pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        rustix::process::chdir("/")?;
        Ok(self.mounts)
    }
}

/// Whether a path lies in a folder that each command gets anew.
fn is_private(path: &Path) -> bool {
    ["/dev", "/proc"].iter().any(|private| path.starts_with(private))
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let root = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    find(root.as_fd(), path)
}

fn open_all<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<Vec<Opened<'a>>, Trouble> {
    paths.map(|path| Ok((path.as_path(), open(path).map_err(at(Step::Mounts, path))?))).collect()
}

/// Opens those that are there: an update may have taken one away.
fn open_present(paths: &[PathBuf]) -> Result<Vec<Opened<'_>>, Trouble> {
    let mut found = vec![];
    for path in paths {
        match open(path) {
            Ok(place) => found.push((path.as_path(), place)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(Step::Mounts, path)(error)),
        }
    }
    Ok(found)
}

/// Lists what a pattern means now: its last component may begin or end with `*`.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let has_star = pattern.file_name().is_some_and(|name| name.as_bytes().contains(&b'*'));
    let (true, Some(folder)) = (has_star, pattern.parent()) else {
        return vec![pattern.to_owned()];
    };
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| crate::ruleset::matches(pattern, path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_folders_are_told_from_their_neighbours() {
        assert!(is_private(Path::new("/proc")) && is_private(Path::new("/dev/shm/x")));
        assert!(!is_private(Path::new("/development")) && !is_private(Path::new("/usr/dev")));
    }

    #[test]
    fn a_pattern_is_expanded_and_a_name_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["shadow", "shadow-", "passwd"] {
            fs::write(folder.path().join(name), "").expect("written");
        }
        let mut found = expand(&folder.path().join("shadow*"));
        found.sort();
        assert_eq!(found, ["shadow", "shadow-"].map(|name| folder.path().join(name)));
        assert_eq!(expand(&folder.path().join("none*")), [""; 0].map(PathBuf::from));
        assert_eq!(expand(Path::new("/nowhere/file")), [PathBuf::from("/nowhere/file")]);
    }
}
