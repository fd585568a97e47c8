//! When a frame may be drawn: at once for a key, less often for what streams in.

use crate::update::Moment;

/// Least time between two frames that the user waits for, in milliseconds: 60 a second.
const FRAME: u64 = 16;
/// Least time from any frame to one that nobody waits for, in milliseconds: 30 a second.
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
/// A key is drawn at once, also right behind a frame of what streams in; only keys that come faster
/// than frames wait for each other. Together they are never more than 60 frames a second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    last: Option<Moment>,
    /// The last one that the user waited for.
    awaited: Option<Moment>,
    due: Option<Cause>,
}

impl Pace {
    /// Something changed that is not drawn yet.
    pub(crate) fn want(&mut self, cause: Cause) {
        self.due = self.due.max(Some(cause));
    }

    /// Gives when the next frame may be drawn; none when nothing changed.
    pub(crate) fn next(&self) -> Option<Moment> {
        let (last, apart) = match self.due? {
            Cause::User => (self.awaited, FRAME),
            Cause::Stream => (self.last, STREAM),
        };
        Some(last.map_or(Moment(0), |last| Moment(last.0.saturating_add(apart))))
    }

    /// A frame was drawn.
    pub(crate) fn drawn(&mut self, now: Moment) {
        if self.due == Some(Cause::User) {
            self.awaited = Some(now);
        }
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
        pace.want(Cause::Stream);
        pace.drawn(Moment(100));
        pace.want(Cause::Stream);
        assert_eq!(pace.next(), Some(Moment(133)));
        pace.want(Cause::User);
        assert_eq!(pace.next(), Some(Moment(0)));
        pace.want(Cause::Stream);
        assert_eq!(pace.next(), Some(Moment(0)));
        pace.drawn(Moment(101));
        pace.want(Cause::User);
        assert_eq!(pace.next(), Some(Moment(117)));
    }

    #[test]
    fn there_are_at_most_sixty_frames_a_second() {
        let mut pace = Pace::default();
        let mut frames = 0;
        for now in 0..10_000 {
            // A stream without an end, and a key for every frame of it and for its own.
            pace.want(Cause::Stream);
            if now % 33 == 1 || now % 16 == 3 {
                pace.want(Cause::User);
            }
            if pace.next().is_some_and(|due| due <= Moment(now)) {
                pace.drawn(Moment(now));
                frames += 1;
            }
        }
        assert!((300..=626).contains(&frames), "{frames}");
    }
}
