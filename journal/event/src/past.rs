//! What a frontend has to know of what is over.

use crate::{Envelope, Event, Seq};

/// The events of a journal that still count when their turn is over, and where the turn that is
/// running began.
///
/// A view that is fed with [`Past::events`], then with everything from [`Past::next`] on, goes on as
/// if it had been fed with the whole journal. This is why a session that is taken up again need not
/// be read a second time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    events: Vec<Envelope>,
    last: Seq,
    // Where it began, and how many events were kept by then.
    running: Option<(Seq, usize)>,
}

impl Past {
    /// Takes the next event.
    pub fn take(&mut self, envelope: &Envelope) {
        self.last = envelope.seq;
        let Some(event) = envelope.event() else { return };
        if matches!(event, Event::TurnStarted { .. }) {
            self.running = Some((envelope.seq, self.events.len()));
        }
        if event.ends_turn() {
            self.running = None;
        }
        if event.outlasts_turn() {
            self.events.push(envelope.clone());
        }
    }

    /// Gives what counts of everything before [`Past::next`], in order.
    pub fn events(&self) -> &[Envelope] {
        match self.running {
            Some((_, kept)) => &self.events[..kept],
            None => &self.events,
        }
    }

    /// Gives the position from which on everything counts: the beginning of the turn that is
    /// running, or the one after the last event.
    pub fn next(&self) -> Seq {
        self.running.map_or(self.last.next(), |(began, _)| began)
    }
}
