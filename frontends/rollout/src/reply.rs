//! A response whose items are still coming in.

use std::collections::VecDeque;

use codex_event::{ItemKind, Timestamp, Usage};

/// Bytes of other lines that may wait for a response to be told before them.
const MOST_WAITING: usize = 1 << 20;

/// What the model said in one response, and what came of its calls.
///
/// Nothing in a rollout says where a response ends, so it ends where the next one begins: with an
/// item after its usage, or after something that is not the model's.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) items: Vec<Said>,
    pub(crate) usage: Option<Usage>,
    /// Whether another item begins another response.
    pub(crate) closed: bool,
    pub(crate) after: VecDeque<After>,
    waiting: usize,
}

#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) at: Timestamp,
    pub(crate) kind: ItemKind,
    pub(crate) raw: String,
    pub(crate) output: Option<Output>,
}

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) at: Timestamp,
    pub(crate) text: String,
}

/// What came while a response was under way, to be told after it.
#[derive(Debug)]
pub(crate) enum After {
    Input(Timestamp, String),
    Foreign(Timestamp, String, String),
}

impl Said {
    pub(crate) fn call_id(&self) -> Option<&str> {
        match &self.kind {
            ItemKind::FunctionCall { call_id, .. } | ItemKind::CustomCall { call_id, .. } => {
                Some(call_id)
            }
            ItemKind::Message | ItemKind::Reasoning | ItemKind::Other { .. } => None,
        }
    }
}

impl Reply {
    /// Takes an output; gives it back when no call awaits it.
    pub(crate) fn answer(&mut self, call_id: &str, output: Output) -> Result<(), Output> {
        let awaits = |said: &&mut Said| said.call_id() == Some(call_id) && said.output.is_none();
        match self.items.iter_mut().find(awaits) {
            Some(said) => {
                said.output = Some(output);
                self.closed = true;
                Ok(())
            }
            None => Err(output),
        }
    }

    /// Keeps a line for later; gives it back when too much waits already.
    pub(crate) fn wait(
        &mut self,
        at: Timestamp,
        kind: String,
        raw: String,
    ) -> Option<(String, String)> {
        if self.waiting > MOST_WAITING {
            return Some((kind, raw));
        }
        self.waiting += raw.len();
        self.after.push_back(After::Foreign(at, kind, raw));
        None
    }
}
