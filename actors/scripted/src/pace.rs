//! From the events of a stream to what happens on the wire, in order.

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;

use crate::script::{Fault, Pacing};

/// How much is gathered before a write where no pacing is asked for.
const WRITE_BYTES: usize = 64 << 10;

const BROKEN_EVENT: &str =
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.del\n\n";

/// One thing the connection does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Write(Bytes),
    /// Goes on once everything written so far is with the kernel.
    Flush,
    Pause(Duration),
    /// Ends the connection without the end of the body.
    Break(Close),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Close {
    Fin,
    Reset,
}

/// Lays out `events` as acts. A list without a [`Act::Break`] ends the body cleanly.
pub(crate) fn acts(events: &[String], pacing: Pacing, fault: Option<&Fault>) -> Vec<Act> {
    let mut out = Vec::new();
    match fault {
        Some(Fault::Drop { after_events, reset }) => {
            write(&mut out, head(events, *after_events), pacing);
            // Everything before the break must have left: the client sees exactly that much.
            out.push(Act::Flush);
            out.push(Act::Break(if *reset { Close::Reset } else { Close::Fin }));
        }
        Some(Fault::Stall { after_events, pause }) => {
            write(&mut out, head(events, *after_events), pacing);
            out.push(Act::Flush);
            out.push(Act::Pause(*pause));
            write(&mut out, tail(events, *after_events), pacing);
        }
        Some(Fault::Malformed { after_events }) => {
            write(&mut out, head(events, *after_events), pacing);
            out.push(Act::Write(Bytes::from_static(BROKEN_EVENT.as_bytes())));
            write(&mut out, tail(events, *after_events), pacing);
        }
        Some(Fault::Slow { between }) => {
            write(&mut out, events, Pacing { events_per_write: 1, delay: *between });
        }
        Some(
            Fault::Status { .. }
            | Fault::NoCompleted
            | Fault::Failed { .. }
            | Fault::Incomplete { .. },
        )
        | None => write(&mut out, events, pacing),
    }
    out
}

fn head(events: &[String], n: usize) -> &[String] {
    &events[..n.min(events.len())]
}

fn tail(events: &[String], n: usize) -> &[String] {
    &events[n.min(events.len())..]
}

fn write(out: &mut Vec<Act>, events: &[String], pacing: Pacing) {
    let pause = |out: &mut Vec<Act>| {
        if !pacing.delay.is_zero() {
            out.push(Act::Pause(pacing.delay));
        }
    };
    if pacing.events_per_write > 0 {
        for chunk in events.chunks(pacing.events_per_write) {
            out.push(Act::Write(chunk.concat().into()));
            // Without it the HTTP layer would gather the writes again.
            out.push(Act::Flush);
            pause(out);
        }
        return;
    }
    let mut gathered = String::new();
    for event in events {
        gathered.push_str(event);
        if gathered.len() >= WRITE_BYTES {
            out.push(Act::Write(std::mem::take(&mut gathered).into()));
            pause(out);
        }
    }
    if !gathered.is_empty() {
        out.push(Act::Write(gathered.into()));
    }
}
