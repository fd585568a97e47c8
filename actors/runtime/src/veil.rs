//! What the core and the journal are told, and what this process keeps to itself. No I/O.
//!
//! Everything that comes in passes here before the core sees it, and every event once more before it
//! is written, so that no producer of reports can forget to redact. What a call asks for is not
//! altered where it is carried out: a call that holds a secret is kept as it came, in memory, for as
//! long as its turn runs. A marker is never turned back into its value: what is carried out is found
//! by the call alone, so a model that writes a marker gets a marker.

use std::borrow::Cow;
use std::collections::HashMap;

use codex_event::{
    Arguments, CallId, Digest, Event, Invocation, RequestId, Stored, StreamMark, Text, Texts,
};
use codex_redact::Redactor;
use codex_session::{Intake, Report};

use crate::interpret::{Asked, read};

/// A call as the model made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Original {
    /// What it asks for.
    pub(crate) invocation: Invocation,
    /// The provider's JSON; none when the journal has it as it came.
    pub(crate) raw: Option<String>,
}

/// Redacts what comes in, and keeps the calls that this changes.
pub(crate) struct Veil {
    redactor: Redactor,
    /// Items of a response under way, where they hold a secret.
    items: HashMap<(RequestId, u32, u32), String>,
    /// Calls of a response that is complete, until they have a number.
    asked: HashMap<(RequestId, u32), Original>,
    calls: HashMap<CallId, Original>,
}

impl Veil {
    pub(crate) fn new(redactor: Redactor) -> Veil {
        let (items, asked, calls) = (HashMap::new(), HashMap::new(), HashMap::new());
        Veil { redactor, items, asked, calls }
    }

    /// Gives what the core is told of something that came in.
    pub(crate) fn take_in(&mut self, intake: Intake) -> Intake {
        match intake {
            Intake::Command(mut command) => {
                redact(&self.redactor, &mut command);
                Intake::Command(command)
            }
            Intake::Report(report) => Intake::Report(self.report(report)),
        }
    }

    fn report(&mut self, mut report: Report) -> Report {
        match &mut report {
            Report::ModelItem { request, attempt, item, kind, raw } => {
                redact(&self.redactor, kind);
                if let Cow::Owned(redacted) = self.redactor.json(raw) {
                    let original = std::mem::replace(raw, redacted);
                    self.items.insert((*request, *attempt, *item), original);
                }
                // It may be long, and is looked at once more before it is written.
                return report;
            }
            Report::ModelDone { request, attempt, calls, concealed, .. } => {
                for (item, invocation) in calls {
                    let raw = self.items.remove(&(*request, *attempt, *item));
                    let original = invocation.clone();
                    self.conceal(invocation, raw.as_deref());
                    let runs = !matches!(original, Invocation::Invalid { .. });
                    if runs && *invocation != original {
                        concealed.push(*item);
                        let original = Original { invocation: original, raw };
                        self.asked.insert((*request, *item), original);
                    }
                }
                self.items.clear();
            }
            Report::ModelFailed { .. } => self.items.clear(),
            Report::ModelStreamed { .. }
            | Report::RetryDue { .. }
            | Report::PatchPlanned { .. }
            | Report::ToolSpawned { .. }
            | Report::ToolOutput { .. }
            | Report::ToolEnded { .. }
            | Report::GrantKept { .. }
            | Report::RepositoryChanged { .. }
            | Report::Notified { .. } => {}
        }
        redact(&self.redactor, &mut report);
        report
    }

    /// Takes the secrets out of what a call asks for; it asks for the same kind of thing afterwards.
    fn conceal(&self, invocation: &mut Invocation, raw: Option<&str>) {
        redact(&self.redactor, invocation);
        // The digest of a text with a secret would let anybody try secrets out.
        if let (Invocation::Patch { text, .. }, Some(raw)) = (invocation, raw) {
            *text = match read(&self.redactor.json(raw)) {
                Asked::Patch { text, .. } => Some(Digest::of(text.as_bytes())),
                Asked::Command { .. } | Asked::Invalid { .. } => None,
            };
        }
    }

    /// Looks at an event once more before it is written, and follows which call got which number.
    pub(crate) fn write(&mut self, event: &mut Event) {
        redact(&self.redactor, event);
        if let Event::ToolCalled { call, request, item, arguments: Arguments::Concealed, .. } =
            event
            && let Some(original) = self.asked.remove(&(*request, *item))
        {
            self.calls.insert(*call, original);
        }
        if matches!(
            event,
            Event::TurnCompleted { .. } | Event::TurnFailed { .. } | Event::TurnInterrupted { .. }
        ) {
            self.items.clear();
            self.asked.clear();
            self.calls.clear();
        }
    }

    /// Gives a call as it is to be carried out: as the journal has it, or as it came if that holds a
    /// secret.
    pub(crate) fn call(
        &self,
        id: CallId,
        (invocation, raw): (&Invocation, &Stored<String>),
    ) -> (Invocation, Stored<String>) {
        match self.calls.get(&id) {
            None => (invocation.clone(), raw.clone()),
            Some(original) => {
                let raw = original.raw.clone().map_or_else(|| raw.clone(), Stored::Inline);
                (original.invocation.clone(), raw)
            }
        }
    }
}

/// Takes the secrets out of every text.
pub(crate) fn redact(redactor: &Redactor, of: &mut impl Texts) {
    of.texts(&mut |text| match text {
        Text::Plain(text) => {
            if let Cow::Owned(redacted) = redactor.text(text) {
                *text = redacted;
            }
        }
        Text::Json(text) => {
            if let Cow::Owned(redacted) = redactor.json(text) {
                *text = redacted;
            }
        }
        Text::Streamed(text, marks) => {
            if let Cow::Owned(redacted) = redactor.piece(text) {
                let at = marks.last().map_or(0, |mark| mark.1);
                *marks = vec![StreamMark(u32::try_from(redacted.len()).unwrap_or(u32::MAX), at)];
                *text = redacted;
            }
        }
        Text::Printed(bytes) => {
            if let Cow::Owned(redacted) = redactor.piece_of_bytes(bytes) {
                *bytes = redacted;
            }
        }
    });
}

#[cfg(test)]
mod tests;
