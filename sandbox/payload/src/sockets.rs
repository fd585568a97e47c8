//! Ways to reach a listener outside, or to be reached.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener, UnixStream};

use rustix::net::{
    AddressFamily, MMsgHdr, Protocol, SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketType,
    connect, ipproto, sendmmsg, sendmsg_addr, sendto, socket, socketpair,
};
use rustix::stdio::stdin;

use crate::{number, stay};

pub(crate) fn attempt(words: &[&str]) -> Option<io::Result<()>> {
    use SocketType as Type;
    Some(match *words {
        ["tcp", to] => TcpStream::connect(to).and_then(|mut it| it.write_all(b"x")),
        ["tcp-fast-open", to] => fast_open(to),
        ["multipath-tcp", to] => inet(to, Type::STREAM, Some(ipproto::MPTCP)),
        ["sctp", to] => inet(to, Type::STREAM, Some(ipproto::SCTP)),
        ["udp", to] => UdpSocket::bind(any(to)).and_then(|it| it.send_to(b"x", to).map(drop)),
        ["udp-connected", to] => inet(to, Type::DGRAM, None),
        ["udp-many", to] => udp_many(to),
        ["raw-udp", port] => raw_udp(port),
        ["uring-tcp", port] => number(port).and_then(|port: u16| {
            let family = (libc::AF_INET as u16).to_ne_bytes();
            let rest = [&family[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat();
            crate::uring::connect(&rest)
        }),
        ["uring-unix", path] => {
            let family = (libc::AF_UNIX as u16).to_ne_bytes();
            crate::uring::connect(&[&family[..], path.as_bytes(), b"\0"].concat())
        }
        ["listen", port] => TcpListener::bind(format!("127.0.0.1:{port}")).and_then(answer),
        ["loop-back", ""] | ["loop-back"] => loop_back(),
        ["unix-loop-back", path] => unix_loop_back(path),
        ["keep-socket", family, kind] => keep_socket(family, kind),

        ["unix", path] => UnixStream::connect(path).and_then(|mut it| it.write_all(b"x")),
        ["unix-abstract", name] => abstract_name(name)
            .and_then(|it| UnixStream::connect_addr(&it))
            .and_then(|mut it| it.write_all(b"x")),
        ["unix-packets", path] => unix_to(path, Type::SEQPACKET, Way::Connect),
        ["unix-datagram", path] => unix_to(path, Type::DGRAM, Way::SendTo),
        ["unix-datagram-connected", path] => unix_to(path, Type::DGRAM, Way::Connect),
        ["unix-datagram-message", path] => unix_to(path, Type::DGRAM, Way::Message),
        ["unix-datagram-messages", path] => unix_to(path, Type::DGRAM, Way::Messages),
        ["abstract-datagram", name] => abstract_name(name)
            .and_then(|it| UnixDatagram::unbound()?.send_to_addr(b"x", &it).map(drop)),
        ["pair-message", path] => SocketAddrUnix::new(path)
            .map_err(Into::into)
            .and_then(|to| pair(Type::DGRAM).and_then(|it| send(&it, &to, Way::Message))),
        ["pair-messages", path] => SocketAddrUnix::new(path)
            .map_err(Into::into)
            .and_then(|to| pair(Type::DGRAM).and_then(|it| send(&it, &to, Way::Messages))),
        ["pair-connect", path] => SocketAddrUnix::new(path)
            .map_err(Into::into)
            .and_then(|to| pair(Type::DGRAM).and_then(|it| send(&it, &to, Way::Connect))),
        ["pair-abstract", name] => SocketAddrUnix::new_abstract_name(name.as_bytes())
            .map_err(Into::into)
            .and_then(|to| pair(Type::DGRAM).and_then(|it| send(&it, &to, Way::Message))),
        // What was given as the standard input, turned to another partner.
        ["input-to", to] => input_to(to),
        ["input-datagram", to] => {
            address(to).and_then(|to| Ok(sendto(stdin(), b"x", SendFlags::empty(), &to)?)).map(drop)
        }
        ["input-unix-datagram", path] => SocketAddrUnix::new(path)
            .and_then(|to| sendto(stdin(), b"x", SendFlags::empty(), &to))
            .map(drop)
            .map_err(Into::into),
        ["bind-unix", path] => UnixListener::bind(path).map(drop),
        _ => return None,
    })
}

/// How something is sent to an address.
#[derive(Clone, Copy)]
enum Way {
    Connect,
    SendTo,
    Message,
    Messages,
}

fn any(to: &str) -> &'static str {
    if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" }
}

fn address(to: &str) -> io::Result<SocketAddr> {
    to.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, to.to_owned()))
}

/// Closes a connection and makes another with the same socket.
fn input_to(to: &str) -> io::Result<()> {
    rustix::net::connect_unspec(stdin())?;
    connect(stdin(), &address(to)?)?;
    rustix::net::send(stdin(), b"x", SendFlags::NOSIGNAL)?;
    Ok(())
}

fn inet(to: &str, kind: SocketType, protocol: Option<Protocol>) -> io::Result<()> {
    let to = address(to)?;
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, kind, protocol)?;
    connect(&socket, &to)?;
    rustix::net::send(&socket, b"x", SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Connects without `connect`.
fn fast_open(to: &str) -> io::Result<()> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    let flags = SendFlags::from_bits_retain(libc::MSG_FASTOPEN as u32);
    sendto(&socket, b"x", flags, &address(to)?).map(drop).map_err(Into::into)
}

fn udp_many(to: &str) -> io::Result<()> {
    let (to, socket) = (address(to)?.into(), socket(AddressFamily::INET, SocketType::DGRAM, None)?);
    let (slices, mut control) = ([IoSlice::new(b"x")], SendAncillaryBuffer::default());
    let mut messages = [MMsgHdr::new_with_addr(&to, &slices, &mut control)];
    sendmmsg(&socket, &mut messages, SendFlags::NOSIGNAL).map(drop).map_err(Into::into)
}

/// Writes a whole packet, with the addresses and ports of its choice.
fn raw_udp(port: &str) -> io::Result<()> {
    let (to, port) = (address("127.0.0.1:0")?, number::<u16>(port)?);
    let ports = [&4000_u16.to_be_bytes()[..], &port.to_be_bytes(), &9_u16.to_be_bytes(), &[0, 0]];
    let datagram = [&ports.concat()[..], b"x"].concat();
    let here = [127, 0, 0, 1];
    let head = [0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0, 0];
    let packet = [&head[..], &here, &here, &datagram].concat();
    let socket = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW))?;
    sendto(&socket, &packet, SendFlags::empty(), &to).map(drop).map_err(Into::into)
}

fn answer(listener: TcpListener) -> io::Result<()> {
    println_now("listening")?;
    listener.accept().map(drop)
}

/// A server and its client, both inside.
fn loop_back() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    client.write_all(b"loop-back works\n")?;
    client.shutdown(std::net::Shutdown::Write)?;
    let mut text = String::new();
    listener.accept()?.0.read_to_string(&mut text)?;
    println_now(&text)
}

fn unix_loop_back(path: &str) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    let mut client = UnixStream::connect(path)?;
    client.write_all(b"unix works\n")?;
    client.shutdown(std::net::Shutdown::Write)?;
    let mut text = String::new();
    listener.accept()?.0.read_to_string(&mut text)?;
    println_now(&text)
}

fn println_now(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    out.flush()
}

/// Opens a socket of any family and keeps it, to be seen from outside.
fn keep_socket(family: &str, kind: &str) -> io::Result<()> {
    let family = AddressFamily::from_raw(number(family)?);
    let _socket = socket(family, SocketType::from_raw(number(kind)?), None)?;
    stay()
}

fn abstract_name(name: &str) -> io::Result<UnixAddr> {
    UnixAddr::from_abstract_name(name)
}

fn pair(kind: SocketType) -> io::Result<OwnedFd> {
    let flags = rustix::net::SocketFlags::CLOEXEC;
    let (one, other) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
    // The other end must stay open, or the first can't send.
    std::mem::forget(other);
    Ok(one)
}

fn unix_to(path: &str, kind: SocketType, way: Way) -> io::Result<()> {
    send(&socket(AddressFamily::UNIX, kind, None)?, &SocketAddrUnix::new(path)?, way)
}

fn send(socket: &OwnedFd, to: &SocketAddrUnix, way: Way) -> io::Result<()> {
    let flags = SendFlags::NOSIGNAL;
    let slices = [IoSlice::new(b"x")];
    match way {
        Way::Connect => {
            connect(socket, to)?;
            rustix::net::send(socket, b"x", flags)?;
        }
        Way::SendTo => {
            sendto(socket, b"x", flags, to)?;
        }
        Way::Message => {
            sendmsg_addr(socket, to, &slices, &mut SendAncillaryBuffer::default(), flags)?;
        }
        Way::Messages => {
            let (to, mut control) = (to.clone().into(), SendAncillaryBuffer::default());
            let mut messages = [MMsgHdr::new_with_addr(&to, &slices, &mut control)];
            sendmmsg(socket, &mut messages, flags)?;
        }
    }
    Ok(())
}
