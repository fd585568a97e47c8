//! Asks the model: one attempt at one response, over HTTP and server-sent events.
//!
//! No actor in here: [`ask`] is a plain task that turns a [`ModelCall`] into reports. The pure parts
//! are the body ([`encode`]), the tools ([`tools`]), what an event says ([`said`]), where a streamed
//! text is cut ([`chunk`]) and what a failure means ([`fault`]).

mod attempt;
mod body;
mod chunk;
mod encode;
mod endpoint;
mod fault;
mod positions;
mod progress;
mod said;
mod sse;
mod tail;
#[cfg(test)]
mod tests;
mod tools;

use codex_config::MissingKey;
use codex_event::{
    Backend, Fault, FaultKind, Invocation, ItemKind, RequestId, SessionId, Settings,
};
use codex_journal::Tails;
use codex_redact::Redactor;
use codex_session::Report;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use attempt::{Attempt, Ended};
pub(crate) use encode::{Input, Target};
pub(crate) use endpoint::Endpoint;
use fault::Secrets;
pub use tools::digest as tools_digest;

/// Everything needed to ask once, with every text in place.
pub(crate) struct ModelCall {
    /// The session; names the prompt cache.
    pub(crate) session: SessionId,
    /// The request that reports speak of.
    pub(crate) request: RequestId,
    /// The attempt that reports speak of.
    pub(crate) attempt: u32,
    /// How the model is asked.
    pub(crate) backend: Backend,
    /// The response that `input` follows, where the provider keeps responses.
    pub(crate) previous: Option<String>,
    /// Model, provider and reasoning.
    pub(crate) settings: Settings,
    /// Goes with every request, whatever the backend keeps.
    pub(crate) instructions: Option<String>,
    /// The conversation, or what `previous` does not cover of it: see [`Input::follow`].
    pub(crate) input: String,
    /// The key; its absence is reported before anything is sent.
    pub(crate) key: Result<Option<String>, MissingKey>,
    /// Further headers; they win over ours of the same name.
    pub(crate) headers: Vec<(String, String)>,
    /// Parameters of the address.
    pub(crate) query: Vec<(String, String)>,
    /// What is secret.
    pub(crate) redactor: Redactor,
    /// Where the answer is shown as it comes in.
    pub(crate) tails: Tails,
}

/// Reads what a call asks for: its kind, and the provider's JSON of it.
pub(crate) type Interpret = dyn Fn(&ItemKind, &str) -> Invocation + Send + Sync;

/// Asks once, and reports what comes.
///
/// Sends exactly one `ModelDone` or `ModelFailed`, after everything else. Returns early, and without
/// one, only when nobody receives the reports any more.
pub(crate) async fn ask(
    call: ModelCall,
    endpoint: &Endpoint,
    interpret: &Interpret,
    reports: mpsc::Sender<Report>,
    cancel: CancellationToken,
) {
    let mut attempt = Attempt::new(&call, interpret, &reports);
    let ended = tokio::select! {
        // First, so that a flood of events can't delay it.
        biased;
        () = cancel.cancelled() => {
            Err(Ended::Failed(fault::fault(FaultKind::Cancelled, "the request was cancelled")))
        }
        ended = attempt.run(endpoint) => ended,
    };
    let (report, rest) = match ended {
        Ok(answer) => (answer.report, Some(answer.rest)),
        Err(Ended::Failed(fault)) => {
            if attempt.finish().await.is_err() {
                return;
            }
            let Fault { kind, message, retry_after_ms } = fault;
            let message = Secrets::of(&call).clean(&call.redactor.text(&message));
            let fault = Fault { kind, message, retry_after_ms };
            let (request, attempt) = (call.request, call.attempt);
            (Report::ModelFailed { request, attempt, fault }, None)
        }
        Err(Ended::Unheard) => return,
    };
    if reports.send(report).await.is_ok()
        && let Some(rest) = rest
    {
        rest.finish().await;
    }
}
