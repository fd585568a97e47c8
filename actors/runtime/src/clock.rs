//! The one place where this crate reads clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use codex_event::{Millis, Timestamp};

/// Time of one writer's epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { began: Instant::now() }
    }

    /// Milliseconds since the epoch began.
    pub(crate) fn mono(&self) -> Millis {
        Millis(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The wall clock; a clock before 1970 reads as 1970.
    pub(crate) fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Makes the id of a new session.
pub fn new_session_id() -> codex_event::SessionId {
    codex_event::SessionId::new(uuid::Uuid::now_v7())
}
