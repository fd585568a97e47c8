//! The server for callers without a runtime.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::http::Stage;
use crate::record::Request;
use crate::script::Script;
use crate::server::{self, Server};

/// Plays a script like [`Server`], from a thread with a runtime of its own.
///
/// For tests that start real processes and wait for them. The thread ends when this is dropped.
pub struct BlockingServer {
    addr: SocketAddr,
    stage: Arc<Stage>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl BlockingServer {
    /// Starts to play `script`.
    ///
    /// # Errors
    ///
    /// When no thread, runtime or port can be had.
    pub fn start(script: Script) -> io::Result<Self> {
        let (started, starting) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("scripted-model".into())
            .spawn(move || run(script, &started, stopped))?;
        let (addr, stage) =
            starting.recv().map_err(|_| io::Error::other("the server's thread died"))??;
        Ok(Self { addr, stage, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a client is given as the API's base URL: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        server::base_url(self.addr)
    }

    /// The requests so far, as [`Server::requests`].
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.stage.log.kept()
    }

    /// When each request that a step answers was complete; unlike the requests themselves, none of
    /// the first [`MAX_REQUESTS`](crate::record::MAX_REQUESTS) is ever left out.
    #[must_use]
    pub fn asked(&self) -> Vec<Instant> {
        self.stage.log.asked()
    }

    /// Writes requests to a file, as [`Server::log_to`].
    ///
    /// # Errors
    ///
    /// When the file can't be opened or written. Later failures are ignored.
    pub fn log_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.stage.log.write_to(path.as_ref())
    }

    /// Stops, and returns once the port is closed and the thread has ended.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for BlockingServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Fails only if the thread is gone already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Started = io::Result<(SocketAddr, Arc<Stage>)>;

fn run(script: Script, started: &mpsc::SyncSender<Started>, stopped: oneshot::Receiver<()>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            let _ = started.send(Err(e));
            return;
        }
    };
    runtime.block_on(async {
        match Server::start(script).await {
            Ok(server) => {
                let _ = started.send(Ok((server.addr(), server.stage())));
                // A sender that is gone means the same as a stop.
                let _ = stopped.await;
                server.shutdown().await;
            }
            Err(e) => {
                let _ = started.send(Err(e));
            }
        }
    });
}
