//! How far something is that takes longer than a person waits without wondering.

use std::time::{Duration, Instant};

use codex_sessions::Tick;

use crate::say;

/// Time without a word.
const QUIET: Duration = Duration::from_secs(1);
/// Time between two words.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Progress {
    what: &'static str,
    due: Instant,
}

impl Progress {
    pub(super) fn of(what: &'static str) -> Progress {
        Progress { what, due: Instant::now() + QUIET }
    }

    pub(super) fn tick(&mut self, tick: Tick) {
        let now = Instant::now();
        if now >= self.due && tick.done < tick.of {
            self.due = now + PAUSE;
            say::aside(format_args!("{}: {} of {} sessions", self.what, tick.done, tick.of));
        }
    }

    pub(super) fn bytes(&mut self, bytes: u64) {
        let now = Instant::now();
        if now >= self.due {
            self.due = now + PAUSE;
            say::aside(format_args!("{}: {}", self.what, codex_sessions::size(bytes)));
        }
    }
}
