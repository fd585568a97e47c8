//! How the last turn ended, and with which words.

use codex_event::{Envelope, Event, FailureKind, InterruptReason};

use crate::answers::{Answers, Said, Told};

/// How the last turn ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It is not over, or there was none.
    #[default]
    None,
    /// It was done.
    Completed,
    /// It could not go on.
    Failed(FailureKind),
    /// It was ended before it was done.
    Interrupted(InterruptReason),
}

/// Folds events into the end of the last turn.
#[derive(Clone, Debug, Default)]
pub struct Finale {
    answers: Answers,
    ending: Ending,
    message: Option<String>,
    failure: Option<String>,
}

impl Finale {
    /// Takes the next event.
    pub fn apply(&mut self, envelope: &Envelope) {
        let Some(event) = envelope.event() else { return };
        for told in self.answers.apply(event) {
            match told {
                Told::Whole(Said::Message(text)) => self.message = Some(text),
                Told::Whole(Said::Reasoning(_)) | Told::Broken(_) => {}
            }
        }
        match event {
            Event::TurnStarted { .. } => {
                *self = Finale { answers: std::mem::take(&mut self.answers), ..Finale::default() };
            }
            Event::TurnCompleted { .. } => self.ending = Ending::Completed,
            Event::TurnFailed { kind, message } => {
                self.ending = Ending::Failed(*kind);
                self.failure = Some(message.clone());
            }
            Event::TurnInterrupted { reason } => self.ending = Ending::Interrupted(*reason),
            Event::SessionOpened { .. }
            | Event::SessionResumed { .. }
            | Event::SettingsChanged { .. }
            | Event::SessionForked { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
    }

    /// Tells how the last turn ended.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Gives the last message of the last turn, as the model wrote it.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Gives what the user is told of the last turn's failure.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

/// Puts an interruption into words.
pub fn interruption(reason: InterruptReason) -> &'static str {
    match reason {
        InterruptReason::User => "interrupted by the user",
        InterruptReason::Sigint => "ended by SIGINT",
        InterruptReason::Sigterm => "ended by SIGTERM",
        InterruptReason::Sighup => "ended by SIGHUP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Story};

    fn told(story: &Story) -> Finale {
        let mut finale = Finale::default();
        story.envelopes().iter().for_each(|envelope| finale.apply(envelope));
        finale
    }

    #[test]
    fn the_last_message_of_the_turn_is_its_answer() {
        let finale = told(&testing::tool_loop());
        assert_eq!(finale.ending(), Ending::Completed);
        assert_eq!(finale.message(), Some("Finished the loop."));
        assert_eq!(finale.failure(), None);
    }

    #[test]
    fn a_new_turn_forgets_the_last_one() {
        let mut story = testing::plain_text();
        story.turn("once more");
        let finale = told(&story);
        assert_eq!((finale.ending(), finale.message()), (Ending::None, None));
    }

    #[test]
    fn a_failure_keeps_its_kind_and_words() {
        let finale = told(&testing::drop_forever());
        assert_eq!(finale.ending(), Ending::Failed(FailureKind::Model));
        assert_eq!(finale.failure(), Some(testing::DROPPED));
        assert_eq!(finale.message(), None, "a failed attempt says nothing");
    }

    #[test]
    fn an_interrupt_keeps_its_reason() {
        let finale = told(&testing::interrupted());
        assert_eq!(finale.ending(), Ending::Interrupted(InterruptReason::Sigint));
    }
}
