//! When a frame may be drawn: at once for a key, less often for what streams in.

use crate::update::Moment;

/// Least time between two frames, in milliseconds: 60 a second.
const FRAME: u64 = 16;
/// Least time between two frames that nobody waits for, in milliseconds: 30 a second.
const STREAM: u64 = 33;

/// Why a frame is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Something happened elsewhere.
    Stream,
    /// The user did something, and waits to see it.
    User,
}

/// Keeps frames apart.
///
/// A key that comes while nothing was drawn for a while is drawn at once; while text streams in it
/// waits at most one frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    last: Option<Moment>,
    due: Option<Cause>,
}

impl Pace {
    /// Something changed that is not drawn yet.
    pub(crate) fn want(&mut self, cause: Cause) {
        self.due = self.due.max(Some(cause));
    }

    /// Gives when the next frame may be drawn; none when nothing changed.
    pub(crate) fn next(&self) -> Option<Moment> {
        let apart = match self.due? {
            Cause::User => FRAME,
            Cause::Stream => STREAM,
        };
        Some(self.last.map_or(Moment(0), |last| Moment(last.0.saturating_add(apart))))
    }

    /// A frame was drawn.
    pub(crate) fn drawn(&mut self, now: Moment) {
        (self.last, self.due) = (Some(now), None);
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Pace};
    use crate::update::Moment;

    #[test]
    fn nothing_changed_nothing_drawn() {
        let mut pace = Pace::default();
        assert_eq!(pace.next(), None);
        pace.want(Cause::Stream);
        pace.drawn(Moment(5));
        assert_eq!(pace.next(), None);
    }

    #[test]
    fn a_key_does_not_wait_behind_a_stream() {
        let mut pace = Pace::default();
        pace.drawn(Moment(100));
        pace.want(Cause::Stream);
        assert_eq!(pace.next(), Some(Moment(133)));
        pace.want(Cause::User);
        assert_eq!(pace.next(), Some(Moment(116)));
        pace.want(Cause::Stream);
        assert_eq!(pace.next(), Some(Moment(116)));
    }
}
