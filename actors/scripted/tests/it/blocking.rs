use std::io::{Read, Write};
use std::net::TcpStream;

use codex_scripted::{BlockingServer, Script};

use crate::folder;

#[test]
fn it_serves_without_a_runtime_and_ends_when_dropped() {
    let server = BlockingServer::start(Script::from_json("{}").unwrap()).unwrap();
    let addr = server.addr();
    assert_eq!(server.base_url(), format!("http://{addr}/v1"));
    let log = folder("blocking").join("log.jsonl");
    server.log_to(&log).unwrap();
    let mut socket = TcpStream::connect(addr).unwrap();
    let request = "POST /v1/responses HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    socket.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n0\r\n\r\n"), "{reply}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(std::fs::read_to_string(log).unwrap().lines().count(), 1);
    let mut idle = TcpStream::connect(addr).unwrap();
    idle.write_all(b"GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    idle.read_exact(&mut [0]).unwrap();
    server.shutdown();
    // Ends only when the server's side is closed. (Its port may be another server's by now.)
    idle.read_to_end(&mut Vec::new()).unwrap();
}
