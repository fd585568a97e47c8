//! Where the socket is, however long the path to it.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use codex_event::SessionId;
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::layout::SessionDir;

/// Connections that may wait until they are accepted.
const BACKLOG: i32 = 64;

/// Listens in the session's folder; where the file system holds no sockets, in a folder of the
/// user's for files of this run of the machine.
///
/// A socket that is there already is a dead owner's: the caller holds the session's lock.
pub(super) fn listen(dir: &SessionDir, id: SessionId) -> io::Result<(UnixListener, PathBuf)> {
    let own = dir.socket();
    listen_at(&own).map(|listener| (listener, own)).or_else(|error| {
        tracing::debug!(%error, "no socket in the session's folder");
        let other = runtime_dir()?.join(format!("{id}.s"));
        listen_at(&other).map(|listener| (listener, other))
    })
}

/// Holds the file of a socket without connecting to it.
pub(super) fn hold(socket: &Path) -> io::Result<File> {
    Ok(rustix::fs::open(socket, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?.into())
}

/// Connects to an owner's socket, if it belongs to this user.
pub(super) fn connect(socket: &Path) -> io::Result<UnixStream> {
    let (folder, name) = parts(socket)?;
    let stream = UnixStream::connect(short(&folder, name))?;
    is_ours(&stream)?;
    Ok(stream)
}

/// Refuses the other end of a connection when it belongs to somebody else; gives its process id.
pub(super) fn is_ours(stream: &UnixStream) -> io::Result<u32> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    if peer.uid != rustix::process::geteuid() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is another user's"));
    }
    Ok(peer.pid.as_raw_nonzero().get().cast_unsigned())
}

fn listen_at(socket: &Path) -> io::Result<UnixListener> {
    let (folder, name) = parts(socket)?;
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let path = short(&folder, name);
    let made = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    rustix::net::bind(&made, &SocketAddrUnix::new(&path)?)?;
    // Nobody can connect before it listens.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    rustix::net::listen(&made, BACKLOG)?;
    Ok(made.into())
}

fn parts(socket: &Path) -> io::Result<(File, &std::ffi::OsStr)> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    Ok((folder.into(), name))
}

// An address holds 108 bytes, and a home may lie deeper than that.
fn short(folder: &File, name: &std::ffi::OsStr) -> PathBuf {
    Path::new("/proc/self/fd").join(folder.as_fd().as_raw_fd().to_string()).join(name)
}

fn runtime_dir() -> io::Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let folder = match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder).join("codex"),
        None => std::env::temp_dir().join(format!("codex-{uid}")),
    };
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Where everybody may make folders, somebody may have been first.
    let meta = std::fs::symlink_metadata(&folder)?;
    if meta.is_dir() && meta.uid() == uid && meta.mode() & 0o077 == 0 {
        return Ok(folder);
    }
    let message = format!("{} is not this user's alone", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}
