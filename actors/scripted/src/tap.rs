//! A socket that tells when it was flushed.
//!
//! An HTTP body can't know when its bytes have left. Two faults need to: a break must come after
//! everything before it was sent, and writes that are meant to be separate must not be merged.
//! hyper flushes the socket only after it has written all it had buffered, and it does so each
//! time the body has nothing to give; so a body that waits for the next flush waits for that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// The connection's socket.
pub(crate) struct Tap {
    socket: TcpStream,
    flushes: watch::Sender<u64>,
    reset: Arc<AtomicBool>,
}

/// What a body can learn from its connection, and ask of it.
#[derive(Clone)]
pub(crate) struct Line {
    flushes: watch::Receiver<u64>,
    reset: Arc<AtomicBool>,
}

impl Tap {
    pub(crate) fn new(socket: TcpStream) -> (Self, Line) {
        let (tx, rx) = watch::channel(0);
        let reset = Arc::new(AtomicBool::new(false));
        let line = Line { flushes: rx, reset: Arc::clone(&reset) };
        (Self { socket, flushes: tx, reset }, line)
    }
}

impl Line {
    /// Waits until all that the body has given so far is with the kernel.
    ///
    /// Must be awaited inside the body's own poll: only flushes after the first poll count.
    pub(crate) async fn flushed(&mut self) {
        self.flushes.mark_unchanged();
        // An error means that the socket is gone, and with it the one who could wait.
        let _ = self.flushes.changed().await;
    }

    /// Makes the connection end with a TCP reset instead of a FIN.
    pub(crate) fn reset_on_close(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Without it the close is a FIN: still a break in the middle of the body.
            let _ = self.socket.set_zero_linger();
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        if flushed.is_ready() {
            self.flushes.send_modify(|n| *n += 1);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
