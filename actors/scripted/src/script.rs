//! The script: what the server answers, step by step.

mod parse;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// Says what a server answers to each request for a response.
///
/// A script is immutable and checked as a whole when it is read, so that a mistake in it shows
/// up where the test is written and not as a strange answer in the middle of one.
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) select: Select,
    pub(crate) on_exhausted: OnExhausted,
    pub(crate) strict: bool,
    /// One entry per request: steps that `repeat` are shared, not copied.
    pub(crate) steps: Vec<Arc<Step>>,
}

impl Script {
    /// Reads a script from the text of a script file.
    ///
    /// # Errors
    ///
    /// [`ScriptError`], which names the step (and the item) at fault by its position in the file,
    /// counted from 0 as in the ids the server gives out.
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        parse::script(text)
    }
}

/// Says why a script cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The text is not JSON, or a setting of the whole script is wrong.
    #[error("script: {0}")]
    Script(#[source] serde_json::Error),
    /// A setting of one step is wrong.
    #[error("script: steps[{step}]: {source}")]
    Step {
        /// Position in the file, from 0.
        step: usize,
        /// What the decoder said.
        source: serde_json::Error,
    },
    /// The fault of one step is unknown or incomplete.
    #[error("script: steps[{step}].fault: {source}")]
    Fault {
        /// Position in the file, from 0.
        step: usize,
        /// What the decoder said.
        source: serde_json::Error,
    },
    /// One output item of a step is wrong.
    #[error("script: steps[{step}].items[{item}]: {source}")]
    Item {
        /// Position in the file, from 0.
        step: usize,
        /// Position in the step, from 0.
        item: usize,
        /// What the decoder said.
        source: serde_json::Error,
    },
    /// A value is of the right type and still can't be served.
    #[error("script: steps[{step}]: {problem}")]
    Value {
        /// Position in the file, from 0.
        step: usize,
        /// What is wrong with which value.
        problem: String,
    },
}

/// Which step answers a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Select {
    /// The n-th request plays the n-th step.
    #[default]
    Count,
    /// As many steps are behind as there are tool outputs in the conversation.
    Input,
}

/// What answers a request for which there is no step left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnExhausted {
    #[default]
    RepeatLast,
    Loop,
    /// A plain "done".
    Text,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub(crate) items: Vec<Item>,
    pub(crate) usage: Usage,
    pub(crate) pacing: Pacing,
    /// Time to first byte: a pause before the response head.
    pub(crate) ttfb: Duration,
    /// The response is held back until this file exists.
    pub(crate) wait_for: Option<String>,
    pub(crate) fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pacing {
    /// Events per write; 0 fills writes up to 64 KiB.
    pub(crate) events_per_write: usize,
    /// The pause after each write.
    pub(crate) delay: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Text(Pieces),
    Reasoning(Pieces),
    FunctionCall {
        name: String,
        namespace: Option<String>,
        /// A string is sent as it is (broken JSON too), anything else as compact JSON.
        arguments: Value,
    },
    CustomToolCall {
        name: String,
        input: String,
    },
    /// Any other item goes out as it stands in the script.
    Other(Value),
}

/// The deltas of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pieces {
    Given(String),
    Made { n: usize, chars: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cached: u64,
    pub(crate) reasoning: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self { input: 1000, output: 100, cached: 0, reasoning: 0 }
    }
}

/// How a step misbehaves. Positions count events from the start of the stream.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Fault {
    /// An HTTP status instead of a stream.
    Status {
        #[serde(default = "internal_error")]
        code: u16,
        retry_after: Option<Value>,
        body: Option<Value>,
        error_code: Option<Value>,
    },
    /// The connection closes in the middle of the body.
    Drop {
        after_events: usize,
        /// Close with a TCP reset; the client may then lose bytes it has not read yet.
        #[serde(default)]
        reset: bool,
    },
    /// Silence in the middle of the stream.
    Stall {
        after_events: usize,
        #[serde(
            default = "half_a_minute",
            deserialize_with = "parse::seconds",
            rename = "seconds"
        )]
        pause: Duration,
    },
    /// One event with broken JSON in between.
    Malformed { after_events: usize },
    /// The stream ends cleanly without its last event.
    NoCompleted,
    /// `response.failed` instead of `response.completed`.
    Failed {
        #[serde(default = "server_error")]
        code: String,
        #[serde(default = "mock_failure")]
        message: String,
    },
    /// `response.incomplete` instead of `response.completed`.
    Incomplete {
        #[serde(default = "max_output_tokens")]
        reason: String,
    },
    /// One event per write with a pause after each.
    Slow {
        #[serde(deserialize_with = "parse::millis", rename = "ms_between")]
        between: Duration,
    },
}

fn internal_error() -> u16 {
    500
}

fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

fn server_error() -> String {
    "server_error".into()
}

fn mock_failure() -> String {
    "mock failure".into()
}

fn max_output_tokens() -> String {
    "max_output_tokens".into()
}
