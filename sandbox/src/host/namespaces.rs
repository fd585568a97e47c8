//! Which namespaces this user can enter, asked by entering them.

use std::ptr::null;

use serde::{Deserialize, Serialize};

/// Which kinds of namespaces this user can enter, and what can be done inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// User namespaces, with the user mapped to itself.
    pub user: bool,
    /// Mount namespaces whose mounts can be changed.
    pub mount: bool,
    /// Process namespaces.
    pub pid: bool,
    /// Network namespaces.
    pub net: bool,
    /// Namespaces of System V IPC and message queues.
    pub ipc: bool,
    /// Namespaces of the host name.
    pub uts: bool,
    /// A `/proc` of its own; refused where the surrounding container covers parts of its `/proc`.
    pub proc_mount: bool,
    /// Changing the flags of a tree of mounts at once (`mount_setattr`, Linux 5.12).
    pub mount_setattr: bool,
}

/// What a simulation says about namespaces; it can only take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// As the host gives them.
    AsFound,
    /// None, as in a container that forbids them.
    Absent,
}

impl Namespaces {
    /// What a host without any gives.
    pub const ABSENT: Namespaces = Namespaces::all_at(false);
    /// What a host gives where nothing is in the way.
    pub const COMPLETE: Namespaces = Namespaces::all_at(true);

    const fn all_at(value: bool) -> Namespaces {
        Namespaces {
            user: value,
            mount: value,
            pid: value,
            net: value,
            ipc: value,
            uts: value,
            proc_mount: value,
            mount_setattr: value,
        }
    }

    /// Tells whether they carry the level `full`.
    pub fn are_complete(&self) -> bool {
        *self == Namespaces::COMPLETE
    }
}

/// Everything that the level `full` enters at once.
const ALL: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWNET;

/// How far the child of a probe came: its exit code.
const ENTERED: i32 = 1;
const MAPPED: i32 = 2;
const PRIVATE_MOUNTS: i32 = 3;
const CHANGED_MOUNTS: i32 = 4;
const MOUNTED_PROC: i32 = 5;

/// Enters all namespaces at once, and only where that fails one after the other to see which.
pub(super) fn probe() -> Namespaces {
    if reach(ALL) == MOUNTED_PROC {
        return Namespaces::COMPLETE;
    }
    let user = libc::CLONE_NEWUSER;
    let mapped = |flags| reach(user | flags) >= MAPPED;
    let mounts = reach(user | libc::CLONE_NEWNS | libc::CLONE_NEWPID);
    Namespaces {
        user: mapped(0),
        mount: reach(user | libc::CLONE_NEWNS) >= PRIVATE_MOUNTS,
        pid: mapped(libc::CLONE_NEWPID),
        net: mapped(libc::CLONE_NEWNET),
        ipc: mapped(libc::CLONE_NEWIPC),
        uts: mapped(libc::CLONE_NEWUTS),
        mount_setattr: mounts >= CHANGED_MOUNTS,
        proc_mount: mounts >= MOUNTED_PROC,
    }
}

/// Starts a process in these namespaces and returns how far it came; 0 when it could not be started.
///
/// The process shares nothing with this one (no `CLONE_VM`), ends without a signal to anybody, and
/// this thread waits for it alone: no other part of the program can notice it.
#[allow(unsafe_code)]
fn reach(flags: libc::c_int) -> i32 {
    let ids = Ids::own();
    // SAFETY: without `CLONE_VM` the call behaves like `fork`: the child has a copy of the memory,
    // with whatever locks other threads held, so it may call nothing but system calls on memory
    // that is ready already; `advance` does just that and ends in `_exit`.
    unsafe {
        let none = 0 as libc::c_ulong;
        let flags = (flags | libc::CLONE_VFORK) as libc::c_ulong;
        let child = libc::syscall(libc::SYS_clone, flags, none, none, none, none);
        if child == 0 {
            let code = advance(&ids);
            libc::syscall(libc::SYS_exit_group, code);
            loop {
                std::hint::spin_loop();
            }
        }
        let Ok(child) = libc::pid_t::try_from(child) else { return 0 };
        if child < 0 {
            return 0;
        }
        let mut status = 0;
        while libc::waitpid(child, &raw mut status, libc::__WALL) < 0 {
            if *libc::__errno_location() != libc::EINTR {
                return 0;
            }
        }
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 0 }
    }
}

/// The mapping of this process's ids to themselves, written out before the fork: formatting
/// allocates.
struct Ids {
    users: Vec<u8>,
    groups: Vec<u8>,
}

impl Ids {
    fn own() -> Ids {
        let to_itself = |id: u32| format!("{id} {id} 1\n").into_bytes();
        Ids {
            users: to_itself(rustix::process::geteuid().as_raw()),
            groups: to_itself(rustix::process::getegid().as_raw()),
        }
    }
}

/// The child's part: nothing but system calls, on memory that was ready before the fork.
#[allow(unsafe_code)]
unsafe fn advance(ids: &Ids) -> i32 {
    let root = c"/".as_ptr();
    // SAFETY: every pointer is to a constant or to `ids`, and every string ends in NUL.
    unsafe {
        // The files of a process that can't be dumped, as the agent is, belong to root.
        libc::prctl(libc::PR_SET_DUMPABLE, 1);
        if !write(c"/proc/self/setgroups", b"deny")
            || !write(c"/proc/self/uid_map", &ids.users)
            || !write(c"/proc/self/gid_map", &ids.groups)
        {
            return ENTERED;
        }
        let private = libc::MS_REC | libc::MS_PRIVATE;
        if libc::mount(null(), root, null(), private, null()) != 0 {
            return MAPPED;
        }
        let read_only = libc::mount_attr {
            attr_set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID,
            attr_clr: 0,
            propagation: 0,
            userns_fd: 0,
        };
        let recursive = libc::AT_RECURSIVE;
        let size = size_of::<libc::mount_attr>();
        let call = libc::SYS_mount_setattr;
        if libc::syscall(call, libc::AT_FDCWD, root, recursive, &raw const read_only, size) != 0 {
            return PRIVATE_MOUNTS;
        }
        let (name, place) = (c"proc".as_ptr(), c"/proc".as_ptr());
        let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        if libc::mount(name, place, name, flags, null()) != 0 {
            return CHANGED_MOUNTS;
        }
        MOUNTED_PROC
    }
}

#[allow(unsafe_code)]
unsafe fn write(path: &std::ffi::CStr, bytes: &[u8]) -> bool {
    // SAFETY: the path ends in NUL, and the length is that of the bytes.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file < 0 {
            return false;
        }
        let written = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        libc::close(file);
        usize::try_from(written) == Ok(bytes.len())
    }
}
