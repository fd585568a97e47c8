//! Reaching the network, and being reached.

use std::net::{TcpListener, TcpStream};

use crate::escapes::case::{Case, Grants, Unable, attack, works};
use crate::escapes::outside::Listening;
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

#[test]
fn the_network_is_out_of_reach() {
    judge("network", CASES);
}

fn reached(world: &mut World, _: &Ran) -> bool {
    world.is_listener_reached()
}

fn tcp(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Tcp("127.0.0.1:0"))
}

fn tcp6(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Tcp("[::1]:0"))
}

fn udp(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Udp("127.0.0.1:0"))
}

fn udp6(world: &mut World) -> Result<(), Unable> {
    world.listen(Listening::Udp("[::1]:0"))
}

/// Serves inside, while a client outside tries to connect.
fn serve(world: &mut World, script: &str) -> Ran {
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback");
        free.local_addr().expect("bound").port()
    };
    world.set("PORT", port);
    let mut running = world.start(script);
    let met = running.until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    running.kill().noting(if met { "met" } else { "" })
}

/// A server that waits for a client that can't come; its patience is the case's length.
const SERVER: &str = "payload listen $PORT & server=$!; sleep 0.7; kill $server";

const CASES: &[Case] = &[
    attack("tcp", "payload tcp 127.0.0.1:$PORT", reached).after(tcp),
    attack("tcp_of_a_shell", "bash -c \"echo x > /dev/tcp/127.0.0.1/$PORT\"", reached).after(tcp),
    attack("tcp_to_any_address", "payload tcp 0.0.0.0:$PORT", reached).after(tcp),
    attack("tcp_version_6", "payload tcp [::1]:$PORT", reached).after(tcp6),
    attack("tcp_version_4_in_6", "payload tcp [::ffff:127.0.0.1]:$PORT", reached).after(tcp),
    attack("tcp_fast_open", "payload tcp-fast-open 127.0.0.1:$PORT", reached).after(tcp),
    attack("multipath_tcp", "payload multipath-tcp 127.0.0.1:$PORT", reached).after(tcp),
    attack("tcp_by_a_ring", "payload uring-tcp $PORT", reached).after(tcp),
    attack("udp", "payload udp 127.0.0.1:$PORT", reached).after(udp),
    attack("udp_of_a_shell", "bash -c \"echo x > /dev/udp/127.0.0.1/$PORT\"", reached).after(udp),
    attack("udp_connected", "payload udp-connected 127.0.0.1:$PORT", reached).after(udp),
    attack("udp_many_at_once", "payload udp-many 127.0.0.1:$PORT", reached).after(udp),
    attack("udp_version_6", "payload udp [::1]:$PORT", reached).after(udp6),
    attack("udp_version_6_connected", "payload udp-connected [::1]:$PORT", reached).after(udp6),
    attack("raw_packet", "payload raw-udp $PORT", reached).after(udp),
    attack("tcp_read_only", "payload tcp 127.0.0.1:$PORT", reached)
        .after(tcp)
        .with(Grants::ReadOnly),
    attack("tcp_full_write", "payload tcp 127.0.0.1:$PORT", reached)
        .after(tcp)
        .with(Grants::FullWrite),
    attack("udp_strict", "bash -c \"echo x > /dev/udp/127.0.0.1/$PORT\"", reached)
        .after(udp)
        .with(Grants::Strict),
    attack("served_to_outside", SERVER, |_, ran| ran.observed == "met").acting(serve),
    // Families that lead to the host, or to more of the kernel. The number after them is the type.
    attack("netlink", "payload keep-socket 16 3", socket_kept).acting(watch_socket),
    attack("packets", "payload keep-socket 17 3", socket_kept).acting(watch_socket),
    attack("machine_sockets", "payload keep-socket 40 1", socket_kept).acting(watch_socket),
    attack("kernel_ciphers", "payload keep-socket 38 5", socket_kept).acting(watch_socket),
    attack("bluetooth", "payload keep-socket 31 3", socket_kept).acting(watch_socket),
    attack("express_data_path", "payload keep-socket 44 3", socket_kept).acting(watch_socket),
    attack("netlink_with_network", "payload keep-socket 16 3", socket_kept)
        .acting(watch_socket)
        .with(Grants::Network),
    attack("machine_sockets_with_network", "payload keep-socket 40 1", socket_kept)
        .acting(watch_socket)
        .with(Grants::Network),
    attack("raw_with_network", "payload raw-udp $PORT", reached).after(udp).with(Grants::Network),
    works("tcp_where_granted", "payload tcp 127.0.0.1:$PORT", reached)
        .after(tcp)
        .with(Grants::Network),
    works("udp_where_granted", "payload udp 127.0.0.1:$PORT", reached)
        .after(udp)
        .with(Grants::Network),
    works("own_server_and_client", "payload loop-back", |_, ran| ran.said("loop-back works"))
        .with_namespaces("no server of its own"),
];

fn watch_socket(world: &mut World, script: &str) -> Ran {
    world.watch(script, |process| process.holds("socket:"))
}

fn socket_kept(_: &mut World, ran: &Ran) -> bool {
    ran.observed == "seen"
}
