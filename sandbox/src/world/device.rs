//! A `/dev` that holds nothing of the host's but a few harmless nodes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::mount::MountAttrFlags;

use super::mount::{Depth, attach, copy, find, make, restrict};

/// Most bytes in `/dev/shm`: what is there counts as memory of the host.
const SHARED_MEMORY: &str = "1g";

/// The names that programs expect beside the nodes.
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// Opens the host's nodes while they can still be seen; those that are missing are left out.
pub(super) fn open_nodes(paths: &[PathBuf]) -> io::Result<Vec<(PathBuf, OwnedFd)>> {
    let mut nodes = vec![];
    for path in paths {
        match openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Ok(node) => nodes.push((path.clone(), node)),
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(nodes)
}

/// Covers `/dev` of the new root.
pub(super) fn cover(root: BorrowedFd<'_>, nodes: &[(PathBuf, OwnedFd)]) -> io::Result<()> {
    let no_programs = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let folder = make("tmpfs", &[("mode", "755"), ("size", "64k")], no_programs)?;
    attach(folder.as_fd(), find(root, Path::new("/dev"))?.as_fd())?;

    for (path, node) in nodes {
        let Ok(name) = path.strip_prefix("/dev") else {
            return Err(io::Error::other(format!("{} is not in /dev", path.display())));
        };
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        drop(openat(folder.as_fd(), name, flags, Mode::from_raw_mode(0o600))?);
        let tree = copy(node.as_fd(), Depth::Alone)?;
        restrict(tree.as_fd(), Depth::Alone, no_programs)?;
        attach(tree.as_fd(), find(folder.as_fd(), name)?.as_fd())?;
    }
    for (target, name) in LINKS {
        symlinkat(target, folder.as_fd(), name)?;
    }
    let terminals = [("mode", "600"), ("ptmxmode", "666")];
    let shared = [("mode", "1777"), ("size", SHARED_MEMORY)];
    let nothing_to_run = no_programs | MountAttrFlags::MOUNT_ATTR_NODEV;
    for (name, tree) in [
        ("pts", make("devpts", &terminals, no_programs)?),
        // Shared memory may hold programs: some run-time compilers map theirs from here.
        ("shm", make("tmpfs", &shared, nothing_to_run & !MountAttrFlags::MOUNT_ATTR_NOEXEC)?),
    ] {
        mkdirat(folder.as_fd(), name, Mode::from_raw_mode(0o755))?;
        attach(tree.as_fd(), find(folder.as_fd(), Path::new(name))?.as_fd())?;
    }
    restrict(folder.as_fd(), Depth::Alone, MountAttrFlags::MOUNT_ATTR_RDONLY)
}
