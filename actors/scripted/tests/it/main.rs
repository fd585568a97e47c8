//! The server as a client sees it: bytes on a socket.

mod blocking;
mod client;
mod demos;
mod faults;
mod serving;

use std::path::PathBuf;

use codex_scripted::{Script, Server};

async fn serve(script: &str) -> Server {
    Server::start(Script::from_json(script).unwrap()).await.unwrap()
}

/// An empty folder of that name.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("scripted").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}
