//! An HTTP/1.1 client that shows what is on the wire, broken or not.

use std::io;

use codex_scripted::Server;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Client {
    socket: TcpStream,
    seen: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// One for a body with a length.
    pub(crate) chunks: Vec<String>,
    pub(crate) end: End,
}

#[derive(Debug, PartialEq)]
pub(crate) enum End {
    /// The body says that it is over.
    Whole,
    /// The connection closed before that.
    Cut,
    Reset,
}

impl Client {
    pub(crate) async fn connect(server: &Server) -> Self {
        let socket = TcpStream::connect(server.addr()).await.unwrap();
        Self { socket, seen: Vec::new() }
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, body: &str) {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer k\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn ask(&mut self, body: &str) -> Reply {
        self.send("POST", "/v1/responses", body).await;
        self.reply().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, "").await;
        self.reply().await
    }

    /// Reads past what this client has looked at.
    pub(crate) async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.read(bytes).await
    }

    /// Reads until `text` has been seen.
    pub(crate) async fn wait_for(&mut self, text: &str) {
        while self.find(text.as_bytes()).is_none() {
            assert!(self.more().await.unwrap(), "closed before {text}");
        }
    }

    /// Whether bytes have arrived that were not read yet.
    pub(crate) fn has_unread(&self) -> bool {
        let mut byte = [0];
        match self.socket.try_read(&mut byte) {
            Ok(_) => true,
            Err(e) => {
                assert_eq!(e.kind(), io::ErrorKind::WouldBlock);
                false
            }
        }
    }

    pub(crate) async fn reply(&mut self) -> Reply {
        let head = loop {
            if let Some(at) = self.find(b"\r\n\r\n") {
                break self.take(at + 4);
            }
            assert!(self.more().await.unwrap(), "closed in the head");
        };
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Reply { status, headers, chunks: Vec::new(), end: End::Whole };
        match reply.header("content-length") {
            Some(length) => {
                let length = length.parse().unwrap();
                while self.seen.len() < length {
                    assert!(self.more().await.unwrap(), "closed in the body");
                }
                reply.chunks.push(self.take(length));
            }
            None => {
                while let Some(chunk) = self.chunk(&mut reply.end).await {
                    reply.chunks.push(chunk);
                }
            }
        }
        reply
    }

    async fn chunk(&mut self, end: &mut End) -> Option<String> {
        loop {
            if let Some(at) = self.find(b"\r\n") {
                let size = std::str::from_utf8(&self.seen[..at]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                if self.seen.len() >= at + 2 + size + 2 {
                    let text = self.take(at + 2 + size + 2);
                    let chunk = &text[at + 2..at + 2 + size];
                    return (size > 0).then(|| chunk.to_owned());
                }
            }
            match self.more().await {
                Ok(true) => {}
                Ok(false) => {
                    *end = End::Cut;
                    return None;
                }
                Err(e) => {
                    assert_eq!(e.kind(), io::ErrorKind::ConnectionReset);
                    *end = End::Reset;
                    return None;
                }
            }
        }
    }

    async fn more(&mut self) -> io::Result<bool> {
        Ok(self.socket.read_buf(&mut self.seen).await? > 0)
    }

    fn find(&self, text: &[u8]) -> Option<usize> {
        self.seen.windows(text.len()).position(|window| window == text)
    }

    fn take(&mut self, n: usize) -> String {
        String::from_utf8(self.seen.drain(..n).collect()).unwrap()
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn body(&self) -> String {
        self.chunks.concat()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body()).unwrap()
    }

    /// The `data` of each event, as text.
    pub(crate) fn data(&self) -> Vec<String> {
        self.body()
            .split_terminator("\n\n")
            .map(|event| event.split_once("\ndata: ").unwrap().1.to_owned())
            .collect()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.data().iter().map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    /// The last event.
    pub(crate) fn last(&self) -> Value {
        self.events().pop().unwrap()
    }
}
