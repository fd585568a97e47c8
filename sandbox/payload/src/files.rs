//! Ways to change a file or what is known of it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{
    AtFlags, CWD, FileType, IFlags, Mode, OFlags, RenameFlags, XattrFlags, ioctl_getflags,
    ioctl_setflags, linkat, makedev, mknodat, openat, removexattr, renameat_with, setxattr,
};

use crate::call::{c_string, call, fields64};
use crate::number;

pub(crate) fn attempt(words: &[&str]) -> Option<io::Result<()>> {
    Some(match *words {
        ["truncate", path] => {
            call(libc::SYS_truncate, [c_string(path)[..].into(), 0.into()]).map(drop)
        }
        // A descriptor opened for reading that empties the file all the same.
        ["open-truncating", path] => {
            openat(CWD, path, OFlags::RDONLY | OFlags::TRUNC, Mode::empty())
                .map(drop)
                .map_err(Into::into)
        }
        ["exchange", one, other] => rename(one, other, RenameFlags::EXCHANGE),
        ["rename-keeping", one, other] => rename(one, other, RenameFlags::NOREPLACE),
        ["rename-whiteout", one, other] => rename(one, other, RenameFlags::WHITEOUT),
        ["mode-by-descriptor", path] => {
            File::open(path).and_then(|file| file.set_permissions(Permissions::from_mode(0o777)))
        }
        ["mode-by-path-descriptor", path] => mode_by_path_descriptor(path),
        ["times-by-descriptor", path] => {
            File::open(path).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH))
        }
        ["set-attribute", path] => {
            setxattr(path, "user.escape", b"1", XattrFlags::empty()).map_err(Into::into)
        }
        ["remove-attribute", path] => removexattr(path, "user.kept").map_err(Into::into),
        ["inode-flags", path] => File::open(path).and_then(|file| {
            let flags = ioctl_getflags(&file)?;
            Ok(ioctl_setflags(&file, flags | IFlags::NODUMP)?)
        }),
        ["extended-flags", path] => extended_flags(path),
        ["flags-by-the-newest-call", path] => flags_by_the_newest_call(path),
        ["version", path] => version(path),
        ["mode-by-the-newest-call", path] => {
            let path = c_string(path);
            let here: i32 = libc::AT_FDCWD;
            call(FCHMODAT2, [here.into(), path[..].into(), 0o777.into(), 0.into()]).map(drop)
        }
        ["by-a-copy-of-the-tree", path] => by_a_copy_of_the_tree(path),
        ["link-unnamed", folder, path] => link_unnamed(folder, path),
        ["device-node", path] => device_node(path),
        ["by-handle", path] => by_handle(path),
        ["write-descriptor", fd] => write_descriptor(fd),
        ["reopen-descriptor", fd] => fs::write(format!("/proc/self/fd/{fd}"), "escaped"),
        ["create-below-descriptor", fd, name] => below(fd, name),
        ["path-descriptor-reopen", path] => path_descriptor_reopen(path),
        ["map-shared", path] => map_shared(path),
        ["uring-create", path] => crate::uring::create(path),
        ["uring-rename", one, other] => crate::uring::rename(one, other),
        ["flip-link", link, one, other, target] => flip_link(link, one, other, target),
        _ => return None,
    })
}

/// `fchmodat2` of Linux 6.6 and `file_setattr` of Linux 6.17; the numbers are the same on all
/// architectures.
const FCHMODAT2: i64 = 452;
const FILE_SETATTR: i64 = 469;

/// `FS_XFLAG_NODUMP` of `linux/fs.h`.
const NO_DUMP: u32 = 0x80;

/// Marks a file to be left out of backups, by the request that all file systems share.
fn extended_flags(path: &str) -> io::Result<()> {
    /// `FS_IOC_FSGETXATTR` and `FS_IOC_FSSETXATTR`; `struct fsxattr` has 28 bytes, flags first.
    const GET: i64 = 0x801C_581F;
    const SET: i64 = 0x401C_5820;
    let file = File::open(path)?;
    let fd = file.as_raw_fd();
    let mut attributes = [0_u8; 28];
    call(libc::SYS_ioctl, [fd.into(), GET.into(), attributes[..].as_mut().into()])?;
    attributes[..4].copy_from_slice(&NO_DUMP.to_ne_bytes());
    call(libc::SYS_ioctl, [fd.into(), SET.into(), attributes[..].as_ref().into()]).map(drop)
}

/// The same by a call of its own, which needs no descriptor at all.
fn flags_by_the_newest_call(path: &str) -> io::Result<()> {
    // `struct file_attr`: flags of 64 bits, then four numbers of 32.
    let attributes = fields64(&[NO_DUMP.into(), 0, 0]);
    let (here, path) = (libc::AT_FDCWD, c_string(path));
    let (attributes, size) = (&attributes[..], 24);
    call(FILE_SETATTR, [here.into(), path[..].into(), attributes.into(), size.into(), 0.into()])
        .map(drop)
}

/// Sets the number by which servers of files tell an inode from the one before it.
fn version(path: &str) -> io::Result<()> {
    /// `FS_IOC_SETVERSION`.
    const SET: i64 = 0x4008_7602;
    let file = File::open(path)?;
    let number = 1717_u64.to_ne_bytes();
    call(libc::SYS_ioctl, [file.as_raw_fd().into(), SET.into(), number[..].into()]).map(drop)
}

/// Writes to a file through a copy of the mounts that is attached nowhere.
fn by_a_copy_of_the_tree(path: &str) -> io::Result<()> {
    /// `OPEN_TREE_CLONE` of `linux/mount.h`, with `AT_RECURSIVE`.
    const COPY: i64 = 1 | 0x8000;
    let (here, root) = (libc::AT_FDCWD, c_string("/"));
    let tree = call(libc::SYS_open_tree, [here.into(), root[..].into(), COPY.into()])?;
    fs::write(format!("/proc/self/fd/{tree}{path}"), "escaped")
}

fn rename(one: &str, other: &str, flags: RenameFlags) -> io::Result<()> {
    renameat_with(CWD, one, CWD, other, flags).map_err(Into::into)
}

/// Changes a mode through a descriptor that grants neither reading nor writing.
fn mode_by_path_descriptor(path: &str) -> io::Result<()> {
    let fd = openat(CWD, path, OFlags::PATH, Mode::empty())?;
    fs::set_permissions(format!("/proc/self/fd/{}", fd.as_raw_fd()), Permissions::from_mode(0o777))
}

/// Opens for writing what was opened as a mere place.
fn path_descriptor_reopen(path: &str) -> io::Result<()> {
    let fd = openat(CWD, path, OFlags::PATH, Mode::empty())?;
    fs::write(format!("/proc/self/fd/{}", fd.as_raw_fd()), "escaped")
}

/// Makes a file without a name, then gives it one elsewhere.
fn link_unnamed(folder: &str, path: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).mode(0o600).open(folder)?;
    file.write_all(b"escaped")?;
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, name, CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(Into::into)
}

/// Makes a device and reads from it: a harmless stand-in for the node of a disk.
fn device_node(path: &str) -> io::Result<()> {
    mknodat(CWD, path, FileType::CharacterDevice, Mode::from(0o600), makedev(1, 5))?;
    let mut bytes = [1; 4];
    io::Read::read_exact(&mut File::open(path)?, &mut bytes)?;
    fs::write(Path::new(path).with_extension("read"), bytes)
}

/// Opens a file by the number of its inode, past every check of a path.
fn by_handle(path: &str) -> io::Result<()> {
    /// `MAX_HANDLE_SZ` of `linux/fcntl.h`, after the two numbers that head `struct file_handle`.
    const ROOM: usize = 128;
    let mut handle = [0; 8 + ROOM];
    handle[..4].copy_from_slice(&128_u32.to_ne_bytes());
    let (mut mount, name) = ([0; 4], c_string(path));
    let folder = File::open(Path::new(path).parent().unwrap_or(Path::new("/")))?;
    call(
        libc::SYS_name_to_handle_at,
        [
            libc::AT_FDCWD.into(),
            name[..].into(),
            handle[..].as_mut().into(),
            mount[..].as_mut().into(),
            0.into(),
        ],
    )?;
    let fd = call(
        libc::SYS_open_by_handle_at,
        [folder.as_raw_fd().into(), handle[..].as_ref().into(), libc::O_WRONLY.into()],
    )?;
    write_descriptor(&fd.to_string())
}

#[allow(unsafe_code)]
fn borrowed(fd: &str) -> io::Result<BorrowedFd<'static>> {
    let fd: RawFd = number(fd)?;
    // SAFETY: the number is only used in calls that answer EBADF where nothing is open; no object
    // of this process owns it, since it was inherited.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

fn write_descriptor(fd: &str) -> io::Result<()> {
    rustix::io::write(borrowed(fd)?, b"escaped").map(drop).map_err(Into::into)
}

fn below(fd: &str, name: &str) -> io::Result<()> {
    let flags = OFlags::CREATE | OFlags::WRONLY;
    openat(borrowed(fd)?, name, flags, Mode::from(0o644)).map(drop).map_err(Into::into)
}

/// Maps a file that was opened for reading, makes the map writable, and writes.
#[allow(unsafe_code)]
fn map_shared(path: &str) -> io::Result<()> {
    const PAGE: usize = 4096;
    let file = File::open(path)?;
    let (read, write) = (libc::PROT_READ, libc::PROT_WRITE);
    // SAFETY: a new mapping at a place that the kernel chooses.
    let map = unsafe {
        libc::mmap(std::ptr::null_mut(), PAGE, read, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    if map == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the page was mapped above, and nothing else knows it.
    if unsafe { libc::mprotect(map, PAGE, read | write) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the page can be written now; the file has at least one byte.
    unsafe { map.cast::<u8>().write(b'E') };
    Ok(())
}

/// Exchanges two names again and again, of which one is a link to elsewhere, while another process writes
/// below the first: the race between the check of a path and its use.
fn flip_link(link: &str, one: &str, other: &str, target: &str) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)?;
    for _ in 0..300 {
        rename(one, other, RenameFlags::EXCHANGE)?;
        let _ = fs::write(format!("{one}/raced"), "escaped");
    }
    Ok(())
}
