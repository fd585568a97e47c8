//! Objects of the kernel that no path leads to, and new namespaces and mounts.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags,
    fsconfig_create, fsmount, fsopen, mount, mount_bind, move_mount, unmount,
};

use crate::call::{c_string, call, fields64};
use crate::{number, stay};

pub(crate) fn attempt(words: &[&str]) -> Option<io::Result<()>> {
    Some(match *words {
        ["write-shared-memory", id] => number(id).and_then(write_shared_memory),
        ["read-shared-memory", id] => number(id).and_then(read_shared_memory),
        ["remove-shared-memory", id] => number(id).and_then(|id: i32| {
            call(libc::SYS_shmctl, [id.into(), libc::IPC_RMID.into(), 0.into()]).map(drop)
        }),
        ["take-message", id] => number(id).and_then(take_message),
        ["add-message", id] => number(id).and_then(add_message),
        ["set-semaphore", id] => number(id).and_then(|id: i32| {
            /// `SETVAL` of `linux/sem.h`.
            const SET_VALUE: i32 = 16;
            call(libc::SYS_semctl, [id.into(), 0.into(), SET_VALUE.into(), 17.into()]).map(drop)
        }),
        ["post", name] => post(name),
        ["read-key", name, id] => number(id).and_then(|id| read_key(name, id)),
        ["new-user-namespace", "unshare"] => alone(|| {
            call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into()])?;
            stay()
        }),
        ["new-user-namespace", "clone"] => become_child(call(
            libc::SYS_clone,
            [(libc::CLONE_NEWUSER | libc::SIGCHLD).into(), 0.into(), 0.into(), 0.into(), 0.into()],
        )),
        ["new-user-namespace", "clone3"] => {
            // `struct clone_args`: flags first, the signal of its end fifth.
            let mut fields = [0; 11];
            (fields[0], fields[4]) = (libc::CLONE_NEWUSER as u64, libc::SIGCHLD as u64);
            let fields = fields64(&fields);
            become_child(call(libc::SYS_clone3, [fields[..].into(), 88.into()]))
        }
        ["join-namespace", pid, kind] => alone(|| join_namespace(pid, kind)),
        ["mount", place] => {
            mount("escape", place, "tmpfs", MountFlags::empty(), None).map_err(Into::into)
        }
        ["mount-new", place] => mount_new(place).map_err(Into::into),
        ["mount-bind", from, place] => mount_bind(from, place).map_err(Into::into),
        ["unmount", place] => unmount(place, UnmountFlags::DETACH).map_err(Into::into),
        ["keep-ring"] => crate::uring::keep(),
        ["keep-program-map"] => keep_program_map(),
        ["keep-counter"] => keep_counter(),
        ["keep-fault-handler"] => call(libc::SYS_userfaultfd, [0.into()]).and_then(|_| stay()),
        ["keep-watch"] => call(libc::SYS_fanotify_init, [0.into(), 0.into()]).and_then(|_| stay()),
        ["memory-program"] => memory_program(),
        _ => return None,
    })
}

#[allow(unsafe_code)]
fn attached<T>(id: i32, work: impl FnOnce(*mut u8) -> T) -> io::Result<T> {
    // SAFETY: the kernel chooses the place; the segment has a page at least.
    let place = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    if place as isize == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(work(place.cast()))
}

#[allow(unsafe_code)]
fn write_shared_memory(id: i32) -> io::Result<()> {
    // SAFETY: the segment was attached for writing and holds at least three bytes.
    attached(id, |place| unsafe { place.copy_from_nonoverlapping(b"PWN".as_ptr(), 3) })
}

#[allow(unsafe_code)]
fn read_shared_memory(id: i32) -> io::Result<()> {
    // SAFETY: the segment holds at least 64 bytes, and this process only looks at them.
    let bytes = attached(id, |place| unsafe { std::slice::from_raw_parts(place, 64) }.to_vec())?;
    io::stdout().write_all(&bytes)
}

fn take_message(id: i32) -> io::Result<()> {
    let mut message = [0_u8; 8 + 64];
    let room = 64;
    call(
        libc::SYS_msgrcv,
        [id.into(), message[..].as_mut().into(), room.into(), 0.into(), libc::IPC_NOWAIT.into()],
    )?;
    io::stdout().write_all(&message[8..])
}

fn add_message(id: i32) -> io::Result<()> {
    let message = [&1_i64.to_ne_bytes()[..], b"PWN"].concat();
    call(libc::SYS_msgsnd, [id.into(), message[..].into(), 3.into(), libc::IPC_NOWAIT.into()])
        .map(drop)
}

/// Puts a message into a POSIX queue.
fn post(name: &str) -> io::Result<()> {
    let flags = libc::O_WRONLY | libc::O_NONBLOCK;
    let name = c_string(name);
    let queue = call(libc::SYS_mq_open, [name[..].into(), flags.into(), 0.into(), 0.into()])?;
    let text = &b"PWN"[..];
    call(libc::SYS_mq_timedsend, [queue.into(), text.into(), 3.into(), 0.into(), 0.into()])
        .map(drop)
}

fn read_key(name: &str, id: i64) -> io::Result<()> {
    let session = libc::KEY_SPEC_USER_KEYRING;
    let (kind, name) = (c_string("user"), c_string(name));
    let found = call(
        libc::SYS_keyctl,
        [
            (libc::KEYCTL_SEARCH as i64).into(),
            i64::from(session).into(),
            kind[..].into(),
            name[..].into(),
            0.into(),
        ],
    );
    let mut text = [0_u8; 200];
    call(
        libc::SYS_keyctl,
        [
            (libc::KEYCTL_READ as i64).into(),
            found.unwrap_or(id).into(),
            text[..].as_mut().into(),
            200.into(),
        ],
    )?;
    io::stdout().write_all(&text)
}

/// Does something in a child, which has one thread, as some calls demand.
fn alone(work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let flags = [libc::SIGCHLD.into(), 0.into(), 0.into(), 0.into(), 0.into()];
    match call(libc::SYS_clone, flags)? {
        0 => {
            let answer = work();
            std::process::exit(i32::from(answer.is_err()))
        }
        _ => wait(),
    }
}

/// What follows a clone: the child stays to be looked at, the parent waits for it.
fn become_child(cloned: io::Result<i64>) -> io::Result<()> {
    match cloned? {
        0 => stay(),
        _ => wait(),
    }
}

fn wait() -> io::Result<()> {
    call(libc::SYS_wait4, [(-1).into(), 0.into(), 0.into(), 0.into()]).map(drop)
}

/// Stays as a process named [`JOINED`](crate::JOINED) once the kernel has let it in: nothing else
/// tells a process that has joined from one that still tries.
fn join_namespace(pid: &str, kind: &str) -> io::Result<()> {
    let file = std::fs::File::open(format!("/proc/{pid}/ns/{kind}"))?;
    call(libc::SYS_setns, [file.as_fd().as_raw_fd().into(), 0.into()])?;
    call(libc::SYS_prctl, [libc::PR_SET_NAME.into(), c_string(crate::JOINED)[..].into()])?;
    stay()
}

fn mount_new(place: &str) -> rustix::io::Result<()> {
    let context = fsopen("tmpfs", FsOpenFlags::empty())?;
    fsconfig_create(context.as_fd())?;
    let made = fsmount(context.as_fd(), FsMountFlags::empty(), MountAttrFlags::empty())?;
    move_mount(made.as_fd(), "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

fn keep_program_map() -> io::Result<()> {
    // `BPF_MAP_CREATE` of an array: type, size of a key, size of a value, entries.
    let attributes: Vec<u8> =
        [2_u32, 4, 4, 1].iter().flat_map(|field| field.to_ne_bytes()).chain([0; 112]).collect();
    call(libc::SYS_bpf, [0.into(), attributes[..].into(), 128.into()])?;
    stay()
}

fn keep_counter() -> io::Result<()> {
    // `struct perf_event_attr` of the software clock: type 1, size 64, config 0; no kernel events.
    let mut attributes = [0_u8; 64];
    attributes[0] = 1;
    attributes[4] = 64;
    attributes[40] = 0x60;
    let any: i32 = -1;
    call(
        libc::SYS_perf_event_open,
        [attributes[..].as_ref().into(), 0.into(), any.into(), any.into(), 0.into()],
    )?;
    stay()
}

/// Runs a program that lies in memory only, which is no escape: tools do it.
fn memory_program() -> io::Result<()> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let file = memfd_create("program", MemfdFlags::empty())?;
    rustix::io::write(&file, &std::fs::read("/bin/true")?)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let status = std::process::Command::new(path).status()?;
    writeln!(io::stdout(), "in memory: {}", status.success())
}
