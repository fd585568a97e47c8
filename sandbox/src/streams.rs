//! The standard streams of a command: the one thing from outside that it is given.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, fstat};
use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::stdio::{stderr, stdin, stdout};

use crate::status::{EXIT_SETUP, Failed, Step};
use crate::{Confinement, Network, Plan};

/// Refuses streams that lead farther than to what they are.
///
/// A folder is a way to everything below it, past what a view covers. A socket that is not bound to
/// its one partner can be turned to another: a connection over the network is closed and made anew,
/// a datagram names its destination, a listener takes whoever comes. None of it passes a rule, since
/// the object was made outside.
pub(crate) fn look(plan: &Plan) -> Result<(), Failed> {
    if plan.confinement == Confinement::None {
        return Ok(());
    }
    for (name, stream) in
        [("standard input", stdin()), ("standard output", stdout()), ("standard error", stderr())]
    {
        if let Some(what) = objection(stream, plan.network) {
            let message = format!("{name} is {what}, which leads out of the sandbox");
            return Err(Failed { step: Step::Stdin, message, code: EXIT_SETUP });
        }
    }
    Ok(())
}

/// Says what a stream is that may not reach a command.
fn objection(stream: BorrowedFd<'_>, network: Network) -> Option<&'static str> {
    // A stream that is closed leads nowhere.
    let mode = fstat(stream).ok()?.st_mode;
    match FileType::from_raw_mode(mode) {
        FileType::Directory => Some("a folder"),
        FileType::Socket => objection_to_socket(stream, network),
        FileType::RegularFile
        | FileType::Symlink
        | FileType::Fifo
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => None,
    }
}

fn objection_to_socket(stream: BorrowedFd<'_>, network: Network) -> Option<&'static str> {
    let (Ok(family), Ok(kind)) = (sockopt::socket_domain(stream), sockopt::socket_type(stream))
    else {
        return Some("an unknown socket");
    };
    match (family, kind, network) {
        (AddressFamily::UNIX, SocketType::STREAM | SocketType::SEQPACKET, _) => {
            match sockopt::socket_acceptconn(stream) {
                Ok(false) => None,
                Ok(true) | Err(_) => Some("a socket that waits for connections"),
            }
        }
        (AddressFamily::INET | AddressFamily::INET6, SocketType::STREAM, Network::Full) => None,
        (AddressFamily::INET | AddressFamily::INET6, SocketType::STREAM, Network::Off) => {
            Some("a connection over the network")
        }
        _ => Some("a socket of datagrams or of another kind"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    #[test]
    fn streams_that_lead_on_are_told_from_those_that_do_not() {
        let (both, local) = ([Network::Off, Network::Full], "127.0.0.1:0");
        let (reader, writer) = io::pipe().expect("made");
        let pair = UnixStream::pair().expect("made");
        let plain = File::open("/dev/null").expect("opened");
        for network in both {
            for stream in [reader.as_fd(), writer.as_fd(), pair.0.as_fd(), plain.as_fd()] {
                assert_eq!(objection(stream, network), None);
            }
            let folder = File::open("/").expect("opened");
            assert_eq!(objection(folder.as_fd(), network), Some("a folder"));
            let datagrams = UnixDatagram::pair().expect("made");
            let udp = UdpSocket::bind(local).expect("bound");
            for stream in [datagrams.0.as_fd(), udp.as_fd()] {
                assert!(objection(stream, network).is_some_and(|it| it.contains("datagrams")));
            }
        }
        let server = TcpListener::bind(local).expect("bound");
        let client = TcpStream::connect(server.local_addr().expect("bound")).expect("connected");
        let said = both.map(|network| objection(client.as_fd(), network));
        assert_eq!(said, [Some("a connection over the network"), None]);
        assert!(objection(server.as_fd(), Network::Off).is_some());
    }

    #[test]
    fn a_unix_socket_that_listens_is_no_stream() {
        let folder = tempfile::tempdir().expect("made");
        let server =
            std::os::unix::net::UnixListener::bind(folder.path().join("s")).expect("bound");
        let said = objection(server.as_fd(), Network::Full);
        assert_eq!(said, Some("a socket that waits for connections"));
    }
}
