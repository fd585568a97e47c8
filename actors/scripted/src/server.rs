//! The listener.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::http::{self, Stage};
use crate::player::Player;
use crate::record::{Request, RequestLog};
use crate::script::Script;
use crate::tap::Tap;

/// The most connections served at once; further ones wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 64;

/// Plays a script on a port of 127.0.0.1 that the system picks.
///
/// It serves from the moment it is started until it is dropped or shut down; responses that are
/// under way then break off.
pub struct Server {
    addr: SocketAddr,
    stage: Arc<Stage>,
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Starts to play `script`, as tasks of the tokio runtime it is called in.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let stage = Arc::new(Stage { player: Player::new(script), log: RequestLog::default() });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&stage), stopped));
        Ok(Self { addr, stage, stop, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a client is given as the API's base URL: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        base_url(self.addr)
    }

    /// The requests so far, oldest first.
    ///
    /// The log is bounded by [`MAX_REQUESTS`](crate::record::MAX_REQUESTS) and
    /// [`MAX_BODY_BYTES`](crate::record::MAX_BODY_BYTES): beyond them the oldest are gone.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.stage.log.kept()
    }

    /// Writes the requests so far and each further one to the end of the file `path`.
    ///
    /// One JSON object a line, `{i, step, method, path, headers, body}`, without the
    /// `authorization` header; a body that is JSON on one line is spliced in as such, any other
    /// is a string. At most [`MAX_REQUESTS`](crate::record::MAX_REQUESTS) lines are written.
    ///
    /// # Errors
    ///
    /// When the file can't be opened or written. Later failures are ignored.
    pub fn log_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.stage.log.write_to(path.as_ref())
    }

    /// Stops, and returns once the port is closed and every connection has ended.
    pub async fn shutdown(mut self) {
        let (unused, _) = oneshot::channel();
        // Fails only if the task is gone, which is what is wanted.
        let _ = std::mem::replace(&mut self.stop, unused).send(());
        let _ = (&mut self.accepting).await;
    }

    pub(crate) fn stage(&self) -> Arc<Stage> {
        Arc::clone(&self.stage)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub(crate) fn base_url(addr: SocketAddr) -> String {
    format!("http://{addr}/v1")
}

async fn accept(listener: TcpListener, stage: Arc<Stage>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < MAX_CONNECTIONS;
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(serve(socket, Arc::clone(&stage)));
                }
                // Out of descriptors, most likely: others end while we wait.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(socket: TcpStream, stage: Arc<Stage>) {
    // Writes that the script wants apart must not be merged; without it they only come later.
    let _ = socket.set_nodelay(true);
    let (tap, line) = Tap::new(socket);
    let service = service_fn(|request| http::answer(&stage, line.clone(), request));
    // A connection that ends in an error is a client that left or a fault of the script.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(tap), service).await;
}
