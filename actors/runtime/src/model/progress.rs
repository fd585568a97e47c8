//! Whether a stream still gets anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Idle timeouts that may pass without a whole event of the response.
///
/// More than one: servers send comments while a model thinks, and those are no events of it.
const IDLES: u32 = 4;
/// Bytes that buy another millisecond, so that a large event over a slow line is waited for, and one
/// that drips is not.
const BYTES_PER_MS: u64 = 16;

/// The clock of an attempt that runs while nothing comes that makes sense.
///
/// The clock for silence does not do: a server, or what is left of one, that sends a byte now and
/// then is never silent.
pub(crate) struct Progress {
    idle: Duration,
    since: Instant,
    before: u64,
    received: Arc<AtomicU64>,
}

impl Progress {
    /// Starts the clock.
    pub(crate) fn new(idle: Duration) -> Progress {
        Progress { idle, since: Instant::now(), before: 0, received: Arc::default() }
    }

    /// Gives what counts the bytes that come.
    pub(crate) fn meter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    /// Starts the clock anew: an event came.
    pub(crate) fn made(&mut self) {
        self.since = Instant::now();
        self.before = self.received.load(Ordering::Relaxed);
    }

    /// Tells when the attempt is to be given up, as far as can be said now.
    pub(crate) fn deadline(&self) -> Instant {
        let bytes = self.received.load(Ordering::Relaxed).saturating_sub(self.before);
        self.since + self.idle * IDLES + Duration::from_millis(bytes / BYTES_PER_MS)
    }

    /// Tells whether the attempt is to be given up.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_buy_time_until_an_event_comes() {
        let mut progress = Progress::new(Duration::from_secs(5));
        let first = progress.deadline();
        assert!(!progress.is_over());
        progress.meter().fetch_add(16_000_000, Ordering::Relaxed);
        assert_eq!(progress.deadline() - first, Duration::from_secs(1000));
        progress.made();
        assert!(progress.deadline() < first + Duration::from_secs(1000), "they are used up");
        assert!(Progress::new(Duration::ZERO).is_over());
    }
}
