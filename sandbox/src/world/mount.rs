//! Mounts by descriptor: what is opened once can't be another place when it is mounted.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

/// Which mounts of a tree are meant.
#[derive(Clone, Copy)]
pub(super) enum Depth {
    /// One mount, without those below it.
    Alone,
    /// All of them.
    Whole,
}

/// Opens a place below `root` without following a single link.
///
/// A path of the plan is canonical, so a link found there now was put there afterwards.
pub(super) fn find(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    Ok(openat2(root, below, flags, Mode::empty(), resolve)?)
}

/// Copies what is mounted at an open place, as a tree that is not mounted anywhere yet.
///
/// The copy keeps the flags of its mounts; those that a surrounding container has locked could not
/// be taken away again.
pub(super) fn copy(place: BorrowedFd<'_>, depth: Depth) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    match depth {
        Depth::Alone => {}
        Depth::Whole => flags |= OpenTreeFlags::AT_RECURSIVE,
    }
    Ok(open_tree(place, c"", flags)?)
}

/// Adds flags to the mounts of a tree; none are taken away.
#[allow(unsafe_code)]
pub(super) fn restrict(
    tree: BorrowedFd<'_>,
    depth: Depth,
    flags: MountAttrFlags,
) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: flags.bits().into(),
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let depth = match depth {
        Depth::Alone => 0,
        Depth::Whole => libc::AT_RECURSIVE,
    };
    // SAFETY: the path is an empty string, and the attributes outlive the call, which reads as many
    // bytes of them as it is told.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | depth,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Mounts a tree on an open place.
pub(super) fn attach(tree: BorrowedFd<'_>, place: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree, c"", place, c"", flags)?)
}

/// Makes a file system of the kernel's, as a tree that is not mounted anywhere yet.
pub(super) fn make(
    kind: &str,
    options: &[(&str, &str)],
    flags: MountAttrFlags,
) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (name, value) in options {
        fsconfig_set_string(context.as_fd(), *name, *value)?;
    }
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)?)
}

/// Tells whether two descriptors are of the same file.
pub(super) fn same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let name = |stat: Stat| (stat.st_dev, stat.st_ino);
    match (fstat(one), fstat(other)) {
        (Ok(one), Ok(other)) => name(one) == name(other),
        (Err(_), _) | (_, Err(_)) => false,
    }
}
