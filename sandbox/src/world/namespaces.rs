//! Entering namespaces.

use std::fs;
use std::io;

use rustix::process::Pid;

use crate::{Network, Plan};

/// The namespaces that every confined command gets.
const ALWAYS: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// Forks a child that is process 1 of namespaces of its own; none in the child.
///
/// All at once, because entering them one by one would take a process in between: a new process
/// namespace holds only the children of whoever asks for it.
///
/// # Errors
///
/// When the kernel refuses one of the namespaces.
#[allow(unsafe_code)]
pub(crate) fn fork_into(plan: &Plan) -> io::Result<Option<Pid>> {
    let net = match plan.network {
        Network::Off => libc::CLONE_NEWNET,
        Network::Full => 0,
    };
    let flags = (ALWAYS | net | libc::SIGCHLD) as libc::c_ulong;
    let none: libc::c_ulong = 0;
    // SAFETY: without `CLONE_VM` and with no stack given this is a fork, and the caller has exactly
    // one thread, so the child may do anything. That the C library is not told has one consequence,
    // a stale thread id in its own bookkeeping, which nothing here reads.
    match unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(i32::try_from(pid).ok().and_then(Pid::from_raw)),
    }
}

/// The ids of the supervisor, who looks them up outside: inside, nothing is mapped yet.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    user: u32,
    group: u32,
}

impl Ids {
    pub(crate) fn own() -> Ids {
        Ids {
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
        }
    }

    /// Maps the user and the group to themselves in this process's new user namespace.
    ///
    /// Nobody else is mapped: files of others belong to `nobody` inside. Other groups are kept but
    /// can't be given up, which is what the kernel asks of an unprivileged mapping: a group may
    /// also take rights away.
    pub(super) fn map(self) -> io::Result<()> {
        let Ids { user, group } = self;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1\n"))?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1\n"))
    }
}

/// Switches the loopback interface of a new network namespace on, so that test suites can talk to
/// their own servers.
#[allow(unsafe_code)]
pub(super) fn raise_loopback() -> io::Result<()> {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    // SAFETY: the descriptor is new and owned by nobody else.
    let socket = unsafe {
        match libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) {
            -1 => return Err(io::Error::last_os_error()),
            fd => OwnedFd::from_raw_fd(fd),
        }
    };
    // SAFETY: `ifreq` is plain numbers and unions of them, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, letter) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = *letter as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: this request reads an `ifreq`, which outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
