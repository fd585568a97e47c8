//! Taking a session up again after its process ended.

use codex_event::{Author, Event, Invocation};

use crate::decide::Step;
use crate::session::{CallState, Phase, Turn};

/// What the model is told of a call whose end is not known.
const EFFECTS_UNKNOWN: &str = "The program ended while this call was running. Whether it took \
effect is not known, and it was not run again. Check the state of things before going on.";
/// What the model is told of a call that was received but never looked at.
const NEVER_READ: &str = "The program ended before this call was read, so it was not carried out. \
Call the tool again if it is still wanted.";

impl Step<'_> {
    /// Continues from what the fold found: what is known stays, what is ambiguous is abandoned,
    /// and nothing that may have run is run again.
    pub(crate) fn resume(&mut self, author: Author, program: String) {
        let lost = self.session.unfinished();
        let last = self.session.last;
        let event = Event::SessionResumed { program, lost: lost.clone() };
        let resumed = self.emit(author, (last.0 > 0).then_some(last), event);
        for call in lost {
            let event = Event::ToolAbandoned { call, output: EFFECTS_UNKNOWN.into() };
            self.emit(Author::Supervisor, Some(resumed), event);
        }
        let Some(turn) = &self.turn else { return };
        if turn.interrupt.is_some() {
            return self.finish_interrupt();
        }
        match &turn.phase {
            Phase::Begun => self.request(resumed),
            Phase::Asking(asking) => {
                let (request, attempt) = (asking.request, asking.attempt + 1);
                self.attempt(request, attempt, resumed);
            }
            Phase::Working(working) => {
                let request = working.request;
                for item in working.uncalled.clone() {
                    let invocation = Invocation::Invalid { message: NEVER_READ.into() };
                    self.call_tool(request, item.seq, item.item, invocation);
                }
                self.settle_again();
                self.proceed(resumed);
            }
        }
    }

    /// Looks at a call that had been allowed and was not begun as if it had just come: an approval
    /// does not survive the process that it was given to.
    fn settle_again(&mut self) {
        let Some(Phase::Working(working)) =
            self.turn.as_mut().map(|turn: &mut Turn| &mut turn.phase)
        else {
            return;
        };
        let due = working.calls.iter_mut().find(|call| !matches!(call.state, CallState::Ended(_)));
        if let Some(call) = due
            && let CallState::Allowed { before: None, .. } = call.state
        {
            call.state = CallState::Called;
        }
    }
}
