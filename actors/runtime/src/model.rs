//! Asks the model: one request, one stream, one terminal report.
//!
//! No actix here. [`ask`] says what happened and retries nothing: whether and when an attempt is
//! repeated is the core's to decide.

mod chunks;
mod encode;
mod faults;
mod stream;
mod tools;

use std::sync::OnceLock;
use std::time::Duration;

use codex_config::MissingKey;
use codex_event::{
    Backend, Fault, FaultKind, Invocation, ItemKind, RequestId, SessionId, Settings,
};
use codex_session::{Entry, Report};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use tools::tools_digest;

/// Everything that it takes to ask once.
pub(crate) struct ModelCall {
    pub(crate) session: SessionId,
    pub(crate) request: RequestId,
    pub(crate) attempt: u32,
    pub(crate) backend: Backend,
    pub(crate) previous: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) instructions: Option<String>,
    /// What the provider does not have yet, every text read back.
    pub(crate) entries: Vec<Entry>,
    pub(crate) key: Result<Option<String>, MissingKey>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
}

/// Says what a call asks for, from the kind and JSON of its item.
pub(crate) type Interpret = dyn Fn(&ItemKind, &str) -> Invocation + Send + Sync;

/// The process's connections, set up when they are first needed.
///
/// Roots of trust are read from disk, which takes longer than everything else before the first
/// request; so a client that knows https is made only for an address that needs it.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    plain: OnceLock<reqwest::Client>,
    secure: OnceLock<reqwest::Client>,
}

impl Endpoint {
    fn client(&self, url: &reqwest::Url) -> Result<reqwest::Client, Fault> {
        let (slot, builder) = if url.scheme() == "https" {
            // Fails only when a provider is installed already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            (&self.secure, reqwest::Client::builder())
        } else {
            (&self.plain, reqwest::Client::builder().tls_backend_preconfigured(no_roots()))
        };
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let agent = concat!("codex/", env!("CARGO_PKG_VERSION"));
        let client = builder
            .user_agent(agent)
            .connect_timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| faults::unreachable(url.as_str(), &error))?;
        Ok(slot.get_or_init(|| client).clone())
    }
}

/// A TLS set-up that trusts nobody, for addresses that use no TLS.
fn no_roots() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// Asks the model once. The last report is `ModelDone` or `ModelFailed`.
pub(crate) async fn ask(
    call: ModelCall,
    endpoint: &Endpoint,
    interpret: &Interpret,
    reports: mpsc::Sender<Report>,
    cancel: CancellationToken,
) {
    let (request, attempt) = (call.request, call.attempt);
    let asked = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(faults::cancelled()),
        done = attempt_once(&call, endpoint, interpret, &reports) => done,
    };
    let last = asked.unwrap_or_else(|mut fault| {
        fault.message = faults::without_secret(&fault.message, call.key.as_ref().ok());
        Report::ModelFailed { request, attempt, fault }
    });
    // The session is gone, and with it whoever would want to know.
    let _ = reports.send(last).await;
}

async fn attempt_once(
    call: &ModelCall,
    endpoint: &Endpoint,
    interpret: &Interpret,
    reports: &mpsc::Sender<Report>,
) -> Result<Report, Fault> {
    let key = call.key.as_ref().map_err(|missing| Fault {
        kind: FaultKind::MissingKey,
        message: missing.to_string(),
        retry_after_ms: None,
    })?;
    let url = address(call)?;
    let idle = Duration::from_millis(call.settings.provider.stream_idle_timeout_ms);
    let mut post = endpoint
        .client(&url)?
        .post(url.clone())
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .header("originator", "codex_exec")
        .header("session-id", call.session.to_string());
    if let Some(key) = key {
        post = post.bearer_auth(key);
    }
    for (name, value) in &call.headers {
        post = post.header(name, value);
    }
    let sent = timeout(idle, post.body(encode::body(call)).send()).await;
    let response = sent
        .map_err(|_| faults::idle())?
        .map_err(|error| faults::unreachable(call.settings.provider.base_url.as_str(), &error))?;
    if !response.status().is_success() {
        return Err(faults::refused(response, &call.settings.provider.base_url, idle).await);
    }
    stream::follow(response, call, idle, interpret, reports).await
}

fn address(call: &ModelCall) -> Result<reqwest::Url, Fault> {
    let base = &call.settings.provider.base_url;
    let text = format!("{base}/responses");
    let mut url = reqwest::Url::parse(&text).map_err(|error| Fault {
        kind: FaultKind::BadRequest,
        message: format!("`{base}` is not an address: {error}"),
        retry_after_ms: None,
    })?;
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&call.query);
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
