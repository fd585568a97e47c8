//! What the confined command tries; the answer is one word on standard output.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::ExitCode;

pub(crate) fn run(words: &[String]) -> ExitCode {
    let argument = words.get(1).map(String::as_str).unwrap_or_default();
    let answer = match words.first().map(String::as_str).unwrap_or_default() {
        "tcp" => verdict(TcpStream::connect(argument)),
        "listen" => verdict(TcpListener::bind("127.0.0.1:0")),
        "udp" => verdict(UdpSocket::bind("127.0.0.1:0").and_then(|it| it.send_to(b"x", argument))),
        "unix" => verdict(UnixStream::connect(argument)),
        "unix-abstract" => verdict(connect_abstract(argument)),
        "pair-datagram" => verdict(UnixDatagram::pair()),
        "pair-stream" => verdict(UnixStream::pair()),
        "loopback" => verdict(loopback("127.0.0.1:0")),
        "loopback-6" => verdict(loopback("[::1]:0")),
        "terminal" => terminal(),
        "raw" => socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        "netlink" => socket(libc::AF_NETLINK, libc::SOCK_RAW, 0),
        "vsock" => socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        "io_uring" => call(libc::SYS_io_uring_setup, [1, 0]),
        "ptrace" => call(libc::SYS_ptrace, [libc::PTRACE_TRACEME as i64, 0]),
        "keyctl" => call(libc::SYS_keyctl, [0, -3]),
        "userns" => call(libc::SYS_unshare, [libc::CLONE_NEWUSER as i64, 0]),
        "clone3" => call(libc::SYS_clone3, [0, 0]),
        "x32" => call(0x4000_0000 | libc::SYS_getpid, [0, 0]),
        "tiocsti" => call(libc::SYS_ioctl, [0, libc::TIOCSTI as i64]),
        "tiocsti-high" => call(libc::SYS_ioctl, [0, libc::TIOCSTI as i64 | 1 << 40]),
        "request" => match u32::from_str_radix(argument, 16) {
            Ok(request) => call(libc::SYS_ioctl, [0, request.into()]),
            Err(error) => error.to_string(),
        },
        "file_setattr" => call(469, [0, 0, 0, 0]),
        // All processes of the user; the class is none that there is, so nothing changes.
        "user-io-priority" => call(libc::SYS_ioprio_set, [3, 0, 7 << 13]),
        // No process has the number.
        "other-priority" => call(libc::SYS_setpriority, [0, i32::MAX.into(), 19]),
        "truncate" => truncate(argument),
        "set-user-id" => set_user_id(argument),
        "kill" => kill(argument),
        "fds" => open_descriptors(),
        other => format!("unknown probe {other}"),
    };
    println!("{answer}");
    ExitCode::SUCCESS
}

fn verdict<T>(result: io::Result<T>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(error) => error_name(&error),
    }
}

fn loopback(address: &str) -> io::Result<()> {
    let server = TcpListener::bind(address)?;
    let _client = TcpStream::connect(server.local_addr()?)?;
    server.accept()?;
    let (one, other) = (UdpSocket::bind(address)?, UdpSocket::bind(address)?);
    one.send_to(b"x", other.local_addr()?)?;
    other.recv(&mut [0; 1]).map(drop)
}

#[allow(unsafe_code)]
fn terminal() -> String {
    let (mut leader, mut follower) = (0, 0);
    let (name, term, size) = (std::ptr::null_mut(), std::ptr::null(), std::ptr::null());
    // SAFETY: both numbers outlive the call, and nothing else is asked for.
    let answer = unsafe { libc::openpty(&raw mut leader, &raw mut follower, name, term, size) };
    done_or_error(answer.into())
}

fn error_name(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM) => "EPERM".to_owned(),
        Some(libc::EACCES) => "EACCES".to_owned(),
        Some(libc::EROFS) => "EROFS".to_owned(),
        Some(libc::ENOSYS) => "ENOSYS".to_owned(),
        _ => error.to_string(),
    }
}

fn connect_abstract(name: &str) -> io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt;
    UnixStream::connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)
}

#[allow(unsafe_code)]
fn socket(family: i32, kind: i32, protocol: i32) -> String {
    // SAFETY: takes numbers only.
    done_or_error(unsafe { libc::socket(family, kind, protocol) }.into())
}

#[allow(unsafe_code)]
fn call<const N: usize>(number: i64, arguments: [i64; N]) -> String {
    let [one, two, three, four] = std::array::from_fn(|at| arguments.get(at).copied().unwrap_or(0));
    // SAFETY: every call above takes numbers, null pointers that it accepts, or pointers to what
    // outlives it.
    done_or_error(unsafe { libc::syscall(number, one, two, three, four) })
}

#[allow(unsafe_code)]
fn truncate(path: &str) -> String {
    let path = std::ffi::CString::new(path).expect("no NUL");
    // SAFETY: the path outlives the call.
    done_or_error(unsafe { libc::truncate(path.as_ptr(), 0) }.into())
}

#[allow(unsafe_code)]
fn kill(pid: &str) -> String {
    // SAFETY: signal 0 only asks for permission.
    done_or_error(unsafe { libc::kill(pid.parse().expect("a pid"), 0) }.into())
}

/// Tries to give a file in the working directory the set-user-ID bit.
fn set_user_id(how: &str) -> String {
    const MODE: i64 = 0o4755;
    let here = libc::AT_FDCWD as i64;
    let file = std::fs::File::create("file").expect("made");
    let (old, new) = (c"file".as_ptr() as i64, c"made".as_ptr() as i64);
    let creating = i64::from(libc::O_CREAT | libc::O_WRONLY);
    match how {
        #[cfg(target_arch = "x86_64")]
        "chmod" => call(libc::SYS_chmod, [old, MODE]),
        #[cfg(not(target_arch = "x86_64"))]
        "chmod" => "ENOSYS".to_owned(),
        "fchmod" => call(libc::SYS_fchmod, [file.as_raw_fd().into(), MODE]),
        "fchmodat" => call(libc::SYS_fchmodat, [here, old, MODE]),
        "fchmodat2" => call(452, [here, old, MODE, 0]),
        "mknodat" => call(libc::SYS_mknodat, [here, new, i64::from(libc::S_IFREG) | MODE, 0]),
        "openat" => call(libc::SYS_openat, [here, new, creating, MODE]),
        "openat2" => {
            // Flags, mode and ways of resolving: `struct open_how` of `linux/openat2.h`.
            let how = [creating as u64, MODE as u64, 0_u64];
            let (name, size) = (c"made-2".as_ptr() as i64, size_of_val(&how) as i64);
            let answer = call(libc::SYS_openat2, [here, name, how.as_ptr() as i64, size]);
            let written = std::fs::OpenOptions::new().write(true).open("made-2");
            let written = written.and_then(|mut file| file.write_all(b"#!/bin/sh\n"));
            if answer == "done" { verdict(written) } else { answer }
        }
        other => format!("unknown way {other}"),
    }
}

fn done_or_error(answer: i64) -> String {
    if answer < 0 { error_name(&io::Error::last_os_error()) } else { "done".to_owned() }
}

#[allow(unsafe_code)]
fn open_descriptors() -> String {
    let open: Vec<String> = (0..1024)
        // SAFETY: only asks whether the number is an open descriptor.
        .filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0)
        .map(|fd| fd.to_string())
        .collect();
    open.join(" ")
}
