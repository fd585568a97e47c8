//! Unix sockets: what drives the user's daemons without any network.

use crate::escapes::case::{Case, Grants, Unable, attack, works};
use crate::escapes::outside::Listening;
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

#[test]
fn daemons_are_out_of_reach() {
    judge("sockets", CASES);
}

fn reached(world: &mut World, _: &Ran) -> bool {
    world.is_listener_reached()
}

fn stream(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Stream("../outside/daemon.sock"))
}

fn stream_inside(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Stream("daemon.sock"))
}

fn stream_in_temporary(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Stream("../temp/daemon.sock"))
}

fn stream_in_shared_temporary(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Stream("/tmp/escape-MARK"))
}

fn datagram(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Datagram("../outside/log.sock"))
}

fn datagram_inside(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Datagram("log.sock"))
}

fn packets(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Packets("../outside/packets.sock"))
}

fn abstract_stream(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::AbstractStream)
}

fn abstract_datagram(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::AbstractDatagram)
}

const CASES: &[Case] = &[
    attack("daemon_outside", "payload unix \"$SOCKET\"", reached).after(stream),
    attack("daemon_in_the_folder", "payload unix \"$SOCKET\"", reached).after(stream_inside),
    attack("daemon_in_temporary", "payload unix \"$SOCKET\"", reached).after(stream_in_temporary),
    attack("daemon_in_shared_temporary", "payload unix \"$SOCKET\"", reached)
        .after(stream_in_shared_temporary),
    attack("daemon_by_a_link", "ln -s \"$SOCKET\" link; payload unix link", reached).after(stream),
    attack("daemon_by_proc", "payload unix \"/proc/$PPID/cwd/$SOCKET\"", reached).after(|world| {
        world.below_a_shell()?;
        stream(world)
    }),
    attack("daemon_by_a_ring", "payload uring-unix \"$SOCKET\"", reached).after(stream),
    attack("daemon_read_only", "payload unix \"$SOCKET\"", reached)
        .after(stream)
        .with(Grants::ReadOnly),
    attack("daemon_full_write", "payload unix \"$SOCKET\"", reached)
        .after(stream)
        .with(Grants::FullWrite),
    attack("daemon_with_network", "payload unix \"$SOCKET\"", reached)
        .after(stream)
        .with(Grants::Network),
    attack("daemon_of_packets", "payload unix-packets \"$SOCKET\"", reached).after(packets),
    attack("log_by_connecting", "payload unix-datagram-connected \"$SOCKET\"", reached)
        .after(datagram),
    attack("log_by_sending", "payload unix-datagram \"$SOCKET\"", reached).after(datagram),
    attack("log_by_message", "payload unix-datagram-message \"$SOCKET\"", reached).after(datagram),
    attack("log_by_messages", "payload unix-datagram-messages \"$SOCKET\"", reached)
        .after(datagram_inside),
    attack("log_with_network", "payload unix-datagram-message \"$SOCKET\"", reached)
        .after(datagram)
        .with(Grants::Network),
    attack("pair_by_message", "payload pair-message \"$SOCKET\"", reached).after(datagram),
    attack("pair_by_messages", "payload pair-messages \"$SOCKET\"", reached).after(datagram),
    attack("pair_by_connecting", "payload pair-connect \"$SOCKET\"", reached).after(datagram),
    attack("pair_to_abstract", "payload pair-abstract \"$SOCKET\"", reached)
        .after(abstract_datagram),
    attack("pair_with_network", "payload pair-message \"$SOCKET\"", reached)
        .after(datagram)
        .with(Grants::Network),
    attack("abstract_daemon", "payload unix-abstract \"$SOCKET\"", reached).after(abstract_stream),
    attack("abstract_log", "payload abstract-datagram \"$SOCKET\"", reached)
        .after(abstract_datagram),
    attack("abstract_daemon_with_network", "payload unix-abstract \"$SOCKET\"", reached)
        .after(abstract_stream)
        .with(Grants::Network),
    attack("abstract_log_with_network", "payload abstract-datagram \"$SOCKET\"", reached)
        .after(abstract_datagram)
        .with(Grants::Network),
    works("daemon_in_danger", "payload unix \"$SOCKET\"", reached)
        .after(stream)
        .with(Grants::Danger),
    works("own_unix_server", "payload unix-loop-back mine.sock", |_, ran| ran.said("unix works"))
        .at_no_level("no server of its own"),
];
