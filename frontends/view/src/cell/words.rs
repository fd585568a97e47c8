//! The texts of a cell, for searches.

use codex_event::{Invocation, Outcome};

use super::{CallCell, CallState, Cell, CellBody, Notice, OwnState, Review, TurnEnding};
use crate::command_line;
use crate::stored::{list, words};

impl Cell {
    /// Gives the texts that the cell shows when all of it is shown, in order; foreign, as they came.
    pub fn texts(&self) -> Vec<String> {
        match &self.body {
            CellBody::Prompt(prompt) => vec![prompt.text.clone()],
            CellBody::Message(text) | CellBody::Reasoning(text) => vec![text.clone()],
            CellBody::Call(call) => call.texts(),
            CellBody::OwnCommand(own) => match &own.state {
                OwnState::Running => vec![own.line.clone()],
                OwnState::Ended { output, .. } => vec![own.line.clone(), output.clone()],
            },
            CellBody::Notice(notice) => notice.texts(),
            CellBody::TurnEnd(end) => match &end.ending {
                TurnEnding::Completed => Vec::new(),
                TurnEnding::Interrupted(words) => vec![words.clone()],
                TurnEnding::Failed { message, hint } => vec![message.clone(), hint.clone()],
            },
        }
    }

    /// Gives about how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        let texts = match &self.body {
            CellBody::Prompt(prompt) => prompt.text.len(),
            CellBody::Message(text) | CellBody::Reasoning(text) => text.len(),
            CellBody::Call(call) => {
                let invocation = match &call.invocation {
                    Invocation::Command { argv, .. } => {
                        argv.inline().into_iter().flatten().map(String::len).sum()
                    }
                    Invocation::Invalid { message } => message.inline().map_or(0, String::len),
                    Invocation::Patch { .. } => 0,
                };
                let told = match &call.state {
                    CallState::Ended { told, .. } | CallState::Lost { told } => told.len(),
                    CallState::Waiting | CallState::Running { .. } => 0,
                };
                let changes = call.changes.len() * 256;
                invocation + call.patch.len() + call.output.len() + told + changes
            }
            CellBody::OwnCommand(own) => match &own.state {
                OwnState::Running => own.line.len(),
                OwnState::Ended { output, .. } => own.line.len() + output.len(),
            },
            CellBody::Notice(_) | CellBody::TurnEnd(_) => 256,
        };
        size_of::<Cell>() + size_of::<CallCell>() + texts
    }
}

impl CallCell {
    fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        match &self.invocation {
            Invocation::Command { argv, .. } => {
                texts.push(command_line(&list(argv).unwrap_or_default()));
            }
            Invocation::Patch { .. } => {
                texts.extend(self.changes.iter().map(|change| change.path.clone()));
                texts.push(self.patch.clone());
            }
            Invocation::Invalid { message } => texts.push(words(message)),
        }
        texts.extend(self.reviews.iter().filter_map(Review::reason));
        texts.push(self.output.clone());
        match &self.state {
            CallState::Waiting | CallState::Running { .. } => {}
            CallState::Lost { told } => texts.push(told.clone()),
            CallState::Ended { told, outcome, .. } => {
                if let Outcome::NotStarted { reason } = outcome {
                    texts.push(reason.clone());
                }
                // What a command printed was said already.
                if self.output.is_empty() {
                    texts.push(told.clone());
                }
            }
        }
        texts.extend_from_slice(&self.repository);
        texts
    }
}

impl Review {
    fn reason(&self) -> Option<String> {
        self.asked.as_ref().map(|(_, reason)| reason.clone())
    }
}

impl Notice {
    fn texts(&self) -> Vec<String> {
        match self {
            Notice::Opened { cwd, model, sandbox, approval: _, limits } => {
                let mut texts = vec![cwd.clone(), model.clone(), sandbox.clone()];
                texts.extend_from_slice(limits);
                texts
            }
            Notice::Forked { from: text }
            | Notice::Note(text)
            | Notice::Closed(text)
            | Notice::Unknown(text) => vec![text.clone()],
            Notice::Settings(lines) | Notice::Images(lines) => lines.clone(),
            Notice::Attempt { fault, next } => vec![fault.clone(), next.clone()],
            Notice::Resumed { .. } | Notice::Missing { .. } | Notice::Repaired(_) => Vec::new(),
        }
    }
}
