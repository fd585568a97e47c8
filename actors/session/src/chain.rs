//! Events on their way into the journal.

use codex_event::{Author, Event, Seq, TurnId};

/// An event that was decided and has no envelope yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who is answerable.
    pub author: Author,
    /// What led to it.
    pub cause: Option<Seq>,
    /// The turn that it belongs to.
    pub turn: Option<TurnId>,
    /// What happens.
    pub event: Event,
}

/// The drafts of one decision.
///
/// Positions are dense and the session has one writer, so a draft's position is known before it is
/// appended, and a later draft of the same decision can name it as its cause.
#[derive(Debug)]
pub(crate) struct Chain {
    next: Seq,
    turn: Option<TurnId>,
    drafts: Vec<Draft>,
}

impl Chain {
    pub(crate) fn new(next: Seq, turn: Option<TurnId>) -> Chain {
        Chain { next, turn, drafts: Vec::new() }
    }

    /// Gives the position that the next draft will have.
    pub(crate) fn next(&self) -> Seq {
        Seq(self.next.0 + self.drafts.len() as u64)
    }

    /// Makes all further drafts part of a turn.
    pub(crate) fn enter(&mut self, turn: TurnId) {
        self.turn = Some(turn);
    }

    /// Makes all further drafts part of no turn.
    pub(crate) fn leave(&mut self) {
        self.turn = None;
    }

    pub(crate) fn push(&mut self, author: Author, cause: Option<Seq>, event: Event) {
        self.drafts.push(Draft { author, cause, turn: self.turn, event });
    }

    pub(crate) fn into_drafts(self) -> Vec<Draft> {
        self.drafts
    }
}
