//! Commands of the user's own, from their beginning to their end.

use codex_event::{Envelope, Event, Seq, Timestamp};

use super::{Changed, Extent, Made};
use crate::cell::{Cell, CellBody, OwnCommand, OwnState, Standing};
use crate::stored::words;

/// Those that run.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnCommands {
    open: Vec<Open>,
}

#[derive(Clone, Debug)]
struct Open {
    first: Seq,
    at: Timestamp,
    command: OwnCommand,
    extent: Extent,
}

impl OwnCommands {
    pub(super) fn apply(&mut self, envelope: &Envelope, event: &Event, changed: &mut Changed) {
        if let Event::OwnCommandStarted { line, .. } = event {
            changed.touch(envelope.seq);
            self.open.push(Open {
                first: envelope.seq,
                at: envelope.at,
                command: OwnCommand {
                    line: words(line),
                    author: envelope.author.clone(),
                    state: OwnState::Running,
                },
                extent: Extent::of(line),
            });
        }
        if let Event::OwnCommandEnded { started, exit, duration_ms, output } = event {
            // One whose beginning is not among the events is told by no cell.
            let there = self.open.iter().position(|there| there.first == *started);
            let Some(mut there) = there.map(|at| self.open.remove(at)) else { return };
            there.extent.add(Extent::of(output));
            let (exit, duration_ms, output) = (*exit, *duration_ms, words(output));
            there.command.state = OwnState::Ended { exit, duration_ms, output };
            changed.settle(there.made(envelope.seq, Standing::Settled));
        }
    }

    pub(super) fn cell(&self, first: Seq) -> Option<Made> {
        let there = self.open.iter().find(|there| there.first == first)?;
        Some(there.clone().made(first, Standing::Open))
    }
}

impl Open {
    fn made(self, last: Seq, standing: Standing) -> Made {
        let Open { first, at, command, extent } = self;
        let body = CellBody::OwnCommand(Box::new(command));
        Made { cell: Cell { first, last, at, standing, body }, extent }
    }
}
