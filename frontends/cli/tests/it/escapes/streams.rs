//! The standard streams, which a command gets from outside: what else do they lead to?

use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;

use crate::escapes::case::{Case, Grants, Unable, attack, works};
use crate::escapes::outside::Listening;
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

#[test]
fn the_streams_lead_nowhere_else() {
    judge("streams", CASES);
}

fn changed(world: &mut World, _: &Ran) -> bool {
    world.is_victim_changed()
}

fn reached(world: &mut World, _: &Ran) -> bool {
    world.is_listener_reached()
}

fn unable(error: std::io::Error) -> Unable {
    error.to_string()
}

fn folder(world: &mut World) -> Result<(), Unable> {
    world.input = Some(File::open("/").map_err(unable)?.into());
    Ok(())
}

fn victim(world: &mut World) -> Result<(), Unable> {
    world.input = Some(File::open(world.path("outside/victim")).map_err(unable)?.into());
    Ok(())
}

/// A connection to somebody, beside the listener that must not be reached.
fn connection(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Tcp("127.0.0.1:0"))?;
    let partner = TcpListener::bind("127.0.0.1:0").map_err(unable)?;
    let stream = TcpStream::connect(partner.local_addr().map_err(unable)?).map_err(unable)?;
    world.open.push(partner.accept().map_err(unable)?.0.into());
    world.input = Some(stream.into());
    Ok(())
}

const CASES: &[Case] = &[
    attack("folder_as_input_read", "cat \"/proc/self/fd/0$CODEX_HOME/auth.json\"", |world, ran| {
        ran.said(&world.secret("auth"))
    })
    .after(folder)
    .or_refused(),
    attack("folder_as_input_written", "echo escaped > \"/proc/self/fd/0$VICTIM\"", changed)
        .after(folder)
        .or_refused(),
    attack(
        "folder_as_input_with_full_write",
        "cat \"/proc/self/fd/0$CODEX_HOME/auth.json\"",
        |world, ran| ran.said(&world.secret("auth")),
    )
    .after(folder)
    .with(Grants::FullWrite)
    .or_refused(),
    attack("file_for_reading_opened_for_writing", "payload reopen-descriptor 0", changed)
        .after(victim),
    attack("connection_turned_to_another", "payload input-to 127.0.0.1:$PORT", reached)
        .after(connection)
        .or_refused(),
    attack("datagrams_over_the_network", "payload input-datagram 127.0.0.1:$PORT", reached)
        .after(|world| {
            world.listen(Listening::Udp("127.0.0.1:0"))?;
            world.input = Some(UdpSocket::bind("127.0.0.1:0").map_err(unable)?.into());
            Ok(())
        })
        .or_refused(),
    attack("datagrams_to_a_daemon", "payload input-unix-datagram \"$SOCKET\"", reached)
        .after(|world| {
            world.listen(Listening::Datagram("../outside/log.sock"))?;
            let (ours, theirs) = UnixDatagram::pair().map_err(unable)?;
            world.open.push(theirs.into());
            world.input = Some(ours.into());
            Ok(())
        })
        .or_refused(),
    attack(
        "datagrams_to_a_daemon_with_network",
        "payload input-unix-datagram \"$SOCKET\"",
        reached,
    )
    .after(|world| {
        world.listen(Listening::Datagram("../outside/log.sock"))?;
        world.input = Some(UnixDatagram::unbound().map_err(unable)?.into());
        Ok(())
    })
    .with(Grants::Network)
    .or_refused(),
    works("file_as_input", "cat", |world, ran| ran.said(&world.secret("victim"))).after(victim),
    works("pair_as_input", "head -c 5", |_, ran| ran.said("given")).after(|world| {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(unable)?;
        std::io::Write::write_all(&mut &theirs, b"given").map_err(unable)?;
        world.open.push(theirs.into());
        world.input = Some(ours.into());
        Ok(())
    }),
    works("connection_as_input_with_network", "echo fine", |_, ran| ran.said("fine"))
        .after(connection)
        .with(Grants::Network),
];
