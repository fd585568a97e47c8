//! Ways to reach another process: its memory, its descriptors, its life, its terminal.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, kill_process, kill_process_group,
    pidfd_getfd, pidfd_open, pidfd_send_signal, prlimit, setpriority_process,
};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::call::{call, fields64};
use crate::number;

pub(crate) fn attempt(words: &[&str]) -> Option<io::Result<()>> {
    Some(match *words {
        ["trace", pid] => number(pid).and_then(trace),
        ["write-memory", pid, place] => number(pid).and_then(|it| write_memory(it, place)),
        ["read-memory", pid, place] => number(pid).and_then(|it| read_memory(it, place)),
        ["write-memory-file", pid, place] => write_memory_file(pid, place),
        ["take-descriptor", pid, fd] => process(pid).and_then(|it| take_descriptor(it, fd)),
        ["end", pid] => process(pid).and_then(|it| Ok(kill_process(it, Signal::KILL)?)),
        ["end-group", pid] => process(pid).and_then(|it| Ok(kill_process_group(it, Signal::KILL)?)),
        ["end-thread", pid] => number(pid).and_then(end_thread),
        ["end-queued", pid] => number(pid).and_then(end_queued),
        ["end-by-descriptor", pid] => process(pid).and_then(|it| {
            let fd = pidfd_open(it, PidfdFlags::empty())?;
            Ok(pidfd_send_signal(&fd, Signal::KILL)?)
        }),
        ["end-by-pipe", pid] => number(pid).and_then(end_by_pipe),
        ["end-own-group"] => end_own_group(),
        ["limit", pid] => process(pid).and_then(|it| {
            let limit = Rlimit { current: Some(17), maximum: Some(17) };
            prlimit(Some(it), Resource::Nofile, limit).map(drop).map_err(Into::into)
        }),
        ["lower", pid] => process(pid).and_then(|it| Ok(setpriority_process(Some(it), 17)?)),
        ["pin", pid] => process(pid).and_then(|it| {
            let mut set = CpuSet::new();
            set.set(0);
            Ok(sched_setaffinity(Some(it), &set)?)
        }),
        ["idle", pid] => number(pid).and_then(idle),
        ["hop", beats] => hop(beats),
        ["type-ahead", text] => type_ahead(text),
        ["type-ahead-high", text] => type_ahead_high(text),
        _ => return None,
    })
}

fn process(pid: &str) -> io::Result<Pid> {
    number(pid).and_then(|pid| Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput.into()))
}

/// Attaches so that the process dies with this one.
fn trace(pid: i32) -> io::Result<()> {
    let (seize, exit_kill) = (libc::PTRACE_SEIZE as i64, i64::from(libc::PTRACE_O_EXITKILL));
    call(libc::SYS_ptrace, [seize.into(), pid.into(), 0.into(), exit_kill.into()]).map(drop)
}

fn vectors(place: &str, ours: &[u8]) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let length = ours.len() as u64;
    Ok((fields64(&[ours.as_ptr() as u64, length]), fields64(&[number(place)?, length])))
}

fn write_memory(pid: i32, place: &str) -> io::Result<()> {
    let ours = *b"PWN";
    let (local, remote) = vectors(place, &ours)?;
    call(
        libc::SYS_process_vm_writev,
        [pid.into(), local[..].into(), 1.into(), remote[..].into(), 1.into(), 0.into()],
    )
    .map(drop)
}

fn read_memory(pid: i32, place: &str) -> io::Result<()> {
    let ours = vec![0_u8; 64];
    let (local, remote) = vectors(place, &ours)?;
    call(
        libc::SYS_process_vm_readv,
        [pid.into(), local[..].into(), 1.into(), remote[..].into(), 1.into(), 0.into()],
    )?;
    io::stdout().write_all(&std::hint::black_box(ours))
}

fn write_memory_file(pid: &str, place: &str) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(format!("/proc/{pid}/mem"))?;
    file.write_all_at(b"PWN", number(place)?)
}

fn take_descriptor(pid: Pid, fd: &str) -> io::Result<()> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let taken = pidfd_getfd(&process, number(fd)?, PidfdGetfdFlags::empty())?;
    rustix::io::write(&taken, b"escaped").map(drop).map_err(Into::into)
}

fn end_thread(pid: i32) -> io::Result<()> {
    call(libc::SYS_tgkill, [pid.into(), pid.into(), libc::SIGKILL.into()]).map(drop)
}

fn end_queued(pid: i32) -> io::Result<()> {
    // `struct siginfo`: number, errno, code; a code below zero is what a process may send.
    let mut info = [0_u8; 128];
    info[8..12].copy_from_slice(&(-1_i32).to_ne_bytes());
    call(libc::SYS_rt_sigqueueinfo, [pid.into(), libc::SIGKILL.into(), info[..].as_ref().into()])
        .map(drop)
}

/// Lets the kernel send the signal, when a pipe of this process becomes readable.
fn end_by_pipe(pid: i32) -> io::Result<()> {
    /// `F_SETSIG` of `linux/fcntl.h`.
    const SET_SIGNAL: i32 = 10;
    let (reader, mut writer) = io::pipe()?;
    let fd = reader.as_raw_fd();
    let set = |command: i32, value: i32| {
        call(libc::SYS_fcntl, [fd.into(), command.into(), value.into()]).map(drop)
    };
    set(libc::F_SETOWN, pid)?;
    set(SET_SIGNAL, libc::SIGKILL)?;
    set(libc::F_SETFL, libc::O_ASYNC)?;
    writer.write_all(b"x")
}

#[allow(unsafe_code)]
fn end_own_group() -> io::Result<()> {
    // SAFETY: ignoring a signal installs no handler.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    call(libc::SYS_kill, [0.into(), libc::SIGTERM.into()]).map(drop)
}

/// Lets a process wait for every other one.
fn idle(pid: i32) -> io::Result<()> {
    /// `SCHED_IDLE` of `linux/sched.h`.
    const IDLE: i32 = 5;
    call(libc::SYS_sched_setscheduler, [pid.into(), IDLE.into(), [0_u8; 4][..].into()]).map(drop)
}

/// Lives on in one child after the other, each with another number, faster than anyone could list
/// them; every one leaves a byte in a file. Ends after some seconds, should nobody end it.
fn hop(beats: &str) -> io::Result<()> {
    let began = Instant::now();
    let mut file = OpenOptions::new().create(true).append(true).open(beats)?;
    while began.elapsed() < Duration::from_secs(12) {
        let flags = [libc::SIGCHLD.into(), 0.into(), 0.into(), 0.into(), 0.into()];
        if call(libc::SYS_clone, flags)? != 0 {
            call(libc::SYS_exit_group, [0.into()])?;
        }
        let _ = rustix::process::setsid();
        file.write_all(b"x")?;
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Types into the terminal, for the shell that reads it next.
fn type_ahead(text: &str) -> io::Result<()> {
    push(text, libc::TIOCSTI as i64)
}

/// The same with bits that the kernel does not look at.
fn type_ahead_high(text: &str) -> io::Result<()> {
    push(text, libc::TIOCSTI as i64 | 1 << 40)
}

fn push(text: &str, request: i64) -> io::Result<()> {
    for byte in text.bytes().chain([b'\n']) {
        call(libc::SYS_ioctl, [0.into(), request.into(), [byte][..].into()])?;
    }
    Ok(())
}
