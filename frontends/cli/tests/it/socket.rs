//! A server on a socket that sends whatever bytes a test wants, for what no good server sends.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The head of a stream of events.
pub(crate) const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// Answers each request, on a connection of its own, until it is dropped.
pub(crate) struct SocketServer {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl SocketServer {
    /// Starts to serve; `serve` gets the number of the request, from 0. The connection ends with it.
    pub(crate) fn start(
        serve: impl Fn(usize, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> SocketServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let bodies = Arc::<Mutex<Vec<String>>>::default();
        let stop = Arc::<AtomicBool>::default();
        let server = SocketServer { address, bodies: bodies.clone(), stop: stop.clone() };
        let (serve, count) = (Arc::new(serve), Arc::new(AtomicUsize::new(0)));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (serve, count, bodies) = (serve.clone(), count.clone(), bodies.clone());
                std::thread::spawn(move || {
                    let mut socket = socket;
                    let Ok(body) = request(&mut socket) else { return };
                    bodies.lock().expect("whole").push(body);
                    // Fails when the client hangs up first, which it may.
                    let _ = serve(count.fetch_add(1, Ordering::Relaxed), &mut socket);
                });
            }
        });
        server
    }

    /// Starts to send these bytes, the last of them again and again.
    pub(crate) fn sending(answers: Vec<Vec<u8>>) -> SocketServer {
        SocketServer::start(move |number, socket| {
            socket.write_all(&answers[number.min(answers.len() - 1)])
        })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().expect("whole").clone()
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one request, and gives its body.
fn request(socket: &mut TcpStream) -> io::Result<String> {
    let mut seen = Vec::new();
    let mut piece = [0; 64 << 10];
    loop {
        let length = socket.read(&mut piece)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&piece[..length]);
        let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&seen[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        if seen.len() >= end + 4 + length {
            return Ok(String::from_utf8_lossy(&seen[end + 4..]).into_owned());
        }
    }
}

/// One event of a stream.
pub(crate) fn event(json: &str) -> String {
    format!("data: {json}\n\n")
}

/// A message, complete.
pub(crate) fn message(text: &str) -> String {
    event(&format!(
        r#"{{"type":"response.output_item.done","item":{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"{text}"}}]}}}}"#
    ))
}

/// The end of a response.
pub(crate) fn completed(id: &str) -> String {
    event(&format!(r#"{{"type":"response.completed","response":{{"id":"{id}"}}}}"#))
}

/// A whole answer, with its head.
pub(crate) fn answer(text: &str) -> Vec<u8> {
    format!("{HEAD}{}{}", message(text), completed("resp_1")).into_bytes()
}

/// An answer with this status line, further headers and body.
pub(crate) fn plain(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
