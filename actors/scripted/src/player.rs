//! Which step answers a request, and what a strict server refuses.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use crate::pace::{self, Act};
use crate::render;
use crate::script::{Fault, Item, OnExhausted, Pieces, Script, Select, Step};

/// Responses that can be continued from; the oldest are forgotten first.
const MAX_RESPONSES: usize = 10_000;

/// Plays one script. Its lock is held for the choice of a step only, never over a wait.
pub(crate) struct Player {
    script: Script,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    played: usize,
    issued: HashMap<String, Conversation>,
    oldest_first: VecDeque<String>,
}

/// What has to be known of a conversation up to some response.
#[derive(Clone, Default)]
struct Conversation {
    outputs: usize,
    /// Calls without an output yet.
    open: BTreeSet<String>,
}

/// What the server does about a request.
pub(crate) enum Answer {
    Play(Play),
    /// A 400 that uses up no step.
    Refuse(Refusal),
}

pub(crate) struct Play {
    pub(crate) index: usize,
    pub(crate) step: Arc<Step>,
    pub(crate) acts: Vec<Act>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) param: Option<&'static str>,
    pub(crate) code: Option<&'static str>,
}

/// The part of a request body that matters here.
#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    input: Value,
    #[serde(default)]
    previous_response_id: Option<String>,
    #[serde(default)]
    store: Option<bool>,
}

impl Player {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, state: Mutex::default() }
    }

    pub(crate) fn answer(&self, body: &str) -> Answer {
        let strict = self.script.strict;
        let asked = match serde_json::from_str::<Asked>(body) {
            Ok(asked) => asked,
            Err(e) if strict => return Answer::Refuse(Refusal::unreadable(&e)),
            Err(_) => Asked::default(),
        };
        // A panic elsewhere leaves a state that is whole: each change below is one statement.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut talk = match &asked.previous_response_id {
            None => Conversation::default(),
            Some(id) => match state.issued.get(id) {
                Some(talk) => talk.clone(),
                None if strict => return Answer::Refuse(Refusal::unknown_response(id)),
                None => Conversation::default(),
            },
        };
        let orphan = talk.take(asked.input.as_array().map_or(&[], Vec::as_slice));
        if strict {
            if let Some(call) = orphan {
                return Answer::Refuse(Refusal::output_without_call(&call));
            }
            if let Some(call) = talk.open.first() {
                return Answer::Refuse(Refusal::call_without_output(call));
            }
        }
        let index = match self.script.select {
            Select::Count => state.played,
            Select::Input => talk.outputs,
        };
        state.played += 1;
        let step = self.step(index);
        if matches!(step.fault, Some(Fault::Status { .. })) {
            return Answer::Play(Play { index, step, acts: Vec::new() });
        }
        let rendered = render::events(index, &step);
        if asked.store != Some(false) && ends(&step, rendered.events.len()) {
            talk.open.extend(rendered.calls);
            // Before the first byte: the next request may come as soon as the last one is read.
            state.issue(render::response_id(index), talk);
        }
        drop(state);
        let acts = pace::acts(&rendered.events, step.pacing, step.fault.as_ref());
        Answer::Play(Play { index, step, acts })
    }

    fn step(&self, index: usize) -> Arc<Step> {
        let steps = &self.script.steps;
        if let Some(step) = steps.get(index) {
            return Arc::clone(step);
        }
        match (self.script.on_exhausted, steps.last()) {
            (OnExhausted::Loop, Some(_)) => Arc::clone(&steps[index % steps.len()]),
            (OnExhausted::RepeatLast, Some(last)) => Arc::clone(last),
            (OnExhausted::Text, _) | (OnExhausted::Loop | OnExhausted::RepeatLast, None) => {
                let items = vec![Item::Text(Pieces::Given("done".into()))];
                Arc::new(Step { items, ..Step::default() })
            }
        }
    }
}

/// Says whether a client that reads to the end gets a response it can continue from.
fn ends(step: &Step, events: usize) -> bool {
    match &step.fault {
        Some(Fault::Drop { after_events, .. }) => *after_events >= events,
        Some(Fault::Status { .. } | Fault::NoCompleted | Fault::Failed { .. }) => false,
        Some(
            Fault::Stall { .. }
            | Fault::Malformed { .. }
            | Fault::Incomplete { .. }
            | Fault::Slow { .. },
        )
        | None => true,
    }
}

impl State {
    fn issue(&mut self, id: String, talk: Conversation) {
        if self.issued.insert(id.clone(), talk).is_none() {
            self.oldest_first.push_back(id);
        }
        if self.oldest_first.len() > MAX_RESPONSES
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.issued.remove(&oldest);
        }
    }
}

impl Conversation {
    /// Takes up new input and returns the first output that answers no open call.
    fn take(&mut self, input: &[Value]) -> Option<String> {
        let mut orphan = None;
        for item in input {
            if let Some(call) = render::call_id(item) {
                self.open.insert(call.to_owned());
            }
            let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
            if kind.ends_with("_output") {
                self.outputs += 1;
                let call = item.get("call_id").and_then(Value::as_str).unwrap_or_default();
                if !self.open.remove(call) && orphan.is_none() {
                    orphan = Some(call.to_owned());
                }
            }
        }
        orphan
    }
}

impl Refusal {
    fn unreadable(error: &serde_json::Error) -> Self {
        let message = format!("We could not parse the JSON body of your request: {error}");
        Self { message, param: None, code: None }
    }

    fn unknown_response(id: &str) -> Self {
        Self {
            message: format!("Previous response with id '{id}' not found (previous_response_id)."),
            param: Some("previous_response_id"),
            code: Some("previous_response_not_found"),
        }
    }

    fn call_without_output(call: &str) -> Self {
        let message = format!("No tool output found for function call {call}.");
        Self { message, param: Some("input"), code: None }
    }

    fn output_without_call(call: &str) -> Self {
        let message = format!("No tool call found for function call output with call_id {call}.");
        Self { message, param: Some("input"), code: None }
    }
}
