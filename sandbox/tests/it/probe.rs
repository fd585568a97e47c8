//! What the confined command tries; the answer is one word on standard output.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
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
        "truncate" => truncate(argument),
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
fn call(number: i64, arguments: [i64; 2]) -> String {
    // SAFETY: every call above takes numbers or accepts null pointers; all are expected to fail.
    done_or_error(unsafe { libc::syscall(number, arguments[0], arguments[1], 0_i64, 0_i64) })
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
