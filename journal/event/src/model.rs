//! What the model's side of a session is made of.

use serde::{Deserialize, Serialize};

use crate::RequestId;

/// Tokens, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// Tokens of the request.
    pub input_tokens: u64,
    /// Those of them that the provider had cached.
    pub cached_input_tokens: u64,
    /// Those of them that the provider wrote to its cache.
    pub cache_write_input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Those of them that were reasoning.
    pub reasoning_output_tokens: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_input_tokens =
            self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.cache_write_input_tokens =
            self.cache_write_input_tokens.saturating_add(other.cache_write_input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.reasoning_output_tokens =
            self.reasoning_output_tokens.saturating_add(other.reasoning_output_tokens);
    }
}

/// Which text of an item a chunk belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StreamPart {
    /// What is said to the user.
    Text,
    /// The summary of the reasoning.
    Reasoning,
}

/// When a piece of a streamed chunk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamMark(
    /// Length of the piece in bytes.
    pub u32,
    /// Milliseconds since the attempt began.
    pub u64,
);

/// Text of an answer as it comes in, ahead of the journal.
///
/// Never stored and never needed: the chunks that follow say the same, and one that is missed costs
/// nothing. It holds the end of a text, so that it joins on to what the journal has by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The request.
    pub request: RequestId,
    /// The attempt.
    pub attempt: u32,
    /// Position of the item in the response.
    pub item: u32,
    /// Which text of the item.
    pub part: StreamPart,
    /// Bytes of that text before `text`.
    pub from: usize,
    /// The end of the text so far.
    pub text: String,
}

impl Tail {
    /// Gives what it adds to the text that the journal has, of so many bytes; none when it does not
    /// join on to it, or adds nothing.
    pub fn beyond(&self, known: usize) -> Option<&str> {
        let added = self.text.get(known.checked_sub(self.from)?..)?;
        (!added.is_empty()).then_some(added)
    }
}

/// What an item of a response is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum ItemKind {
    /// Text for the user.
    Message,
    /// Reasoning, perhaps with a summary.
    Reasoning,
    /// A call whose arguments are JSON.
    FunctionCall {
        /// The provider's id of the call, which its output must name.
        call_id: String,
        /// Name of the tool.
        name: String,
    },
    /// A call whose input is free text.
    CustomCall {
        /// The provider's id of the call, which its output must name.
        call_id: String,
        /// Name of the tool.
        name: String,
    },
    /// Something else; kept, shown by its name, and no part of a conversation that is sent anew.
    Other {
        /// The provider's name for it.
        name: String,
    },
}

/// Why an attempt to get a response failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fault {
    /// What kind of failure it is; decides whether and how it is retried.
    pub kind: FaultKind,
    /// What the user is told.
    pub message: String,
    /// Time that the server asked to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Kinds of failure of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The server can't be reached.
    Unreachable,
    /// The server failed before a stream opened (5xx).
    ServerError,
    /// Too many requests (429, or the code for it in a stream).
    RateLimited,
    /// The stream ended, broke or fell silent before the response was complete.
    StreamLost,
    /// The response failed for a reason that may pass.
    ResponseFailed,
    /// The server does not know the response that the request builds on.
    PreviousResponseUnknown,
    /// The key is missing; nothing was sent.
    MissingKey,
    /// The server refuses the key (401, 403).
    Unauthorized,
    /// The server refuses the request (other 4xx).
    BadRequest,
    /// The transcript no longer fits into the model's context.
    ContextWindow,
    /// The account's quota is used up.
    Quota,
    /// The response was cut short and will be again.
    Incomplete,
    /// The attempt was cancelled by an interrupt.
    Cancelled,
}

/// What kind of answer follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Retry {
    /// Milliseconds until the next attempt.
    pub in_ms: u64,
    /// Which budget it is taken from.
    pub budget: RetryBudget,
    /// Number of this retry within its budget, from 1.
    pub number: u32,
    /// Size of the budget.
    pub of: u32,
}

/// The two budgets of retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetryBudget {
    /// Failures before a stream opened; retried without a word.
    Request,
    /// Everything later; each retry is announced.
    Stream,
    /// The one repetition with the whole transcript; not announced.
    WholeTranscript,
}
