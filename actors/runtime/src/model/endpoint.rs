//! The way to the server: clients, addresses, headers.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use codex_event::{Fault, FaultKind};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};
use reqwest::{Client, ClientBuilder, Url, redirect};
use rustls::crypto::ring;

use super::ModelCall;
use super::fault::fault;
use super::sse::root;

/// Longest time that setting up a connection may take.
const CONNECT: Duration = Duration::from_secs(30);

/// What `localhost` means; the address gives the port.
const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// The HTTP clients of a process, each made when it is first needed.
///
/// Reading the host's certificates takes milliseconds and megabytes that a model on the same host
/// should not cost, so only an `https` address does it.
#[derive(Default)]
pub(crate) struct Endpoint {
    /// For plain addresses elsewhere and on this host, then for secure ones likewise.
    clients: [OnceLock<Client>; 4],
}

impl Endpoint {
    /// Gives the client for an address.
    pub(crate) fn client(&self, url: &Url) -> Result<Client, Fault> {
        let local = url.host_str().is_some_and(is_loopback);
        let (cell, builder): (_, fn() -> ClientBuilder) = match (url.scheme(), local) {
            // No proxy leads back to this host.
            ("https", true) => (&self.clients[3], || secure().no_proxy()),
            ("https", false) => (&self.clients[2], secure),
            (_, true) => (&self.clients[1], || plain().no_proxy()),
            (_, false) => (&self.clients[0], plain),
        };
        if let Some(client) = cell.get() {
            return Ok(client.clone());
        }
        // This host's own name needs no file and no server; a program without shared libraries may
        // have neither (RFC 6761, 6.3).
        let builder = builder().resolve_to_addrs("localhost", &LOCALHOST);
        // Following a redirect would hand the conversation and further headers to another host.
        let builder = builder.redirect(redirect::Policy::none()).connect_timeout(CONNECT);
        let client = builder.build().map_err(|error| unreachable(&error, url))?;
        Ok(cell.get_or_init(|| client).clone())
    }
}

fn secure() -> ClientBuilder {
    // Fails when there is one already, which is as good.
    let _ = ring::default_provider().install_default();
    Client::builder()
}

fn plain() -> ClientBuilder {
    // Trusts nobody: it is never used, and keeps reqwest from reading the host's certificates.
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what the protocol versions need")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Gives the address that a call goes to.
pub(crate) fn address(call: &ModelCall) -> Result<Url, Fault> {
    let base = &call.settings.provider.base_url;
    let wrong =
        |why: &str| fault(FaultKind::BadRequest, format!("the provider's base_url `{base}` {why}"));
    let mut url = Url::parse(base).map_err(|error| wrong(&format!("is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http nor https"));
    }
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("responses");
    }
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&call.query);
    }
    Ok(url)
}

/// Shows an address without what may be secret in it.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail on addresses without a host alone, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// Gives the headers of a call.
pub(crate) fn headers(call: &ModelCall, key: Option<&str>) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    // A stream is read as it comes.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let agent = concat!("codex/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    headers.insert("originator", HeaderValue::from_static("codex_exec"));
    headers.insert("session-id", value("session-id", &call.session.to_string())?);
    if let Some(key) = key {
        headers.insert(AUTHORIZATION, secret("authorization", &format!("Bearer {key}"))?);
    }
    for (name, text) in &call.headers {
        let wrong = |_| fault(FaultKind::BadRequest, format!("`{name}` is no name of a header"));
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(wrong)?;
        headers.insert(known, secret(name, text)?);
    }
    Ok(headers)
}

fn secret(name: &str, text: &str) -> Result<HeaderValue, Fault> {
    let mut value = value(name, text)?;
    value.set_sensitive(true);
    Ok(value)
}

fn value(name: &str, text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| {
        let message =
            format!("the value for the header `{name}` has letters that HTTP can't carry");
        fault(FaultKind::BadRequest, message)
    })
}

/// Judges a request that got no answer.
pub(crate) fn unreachable(error: &reqwest::Error, url: &Url) -> Fault {
    let kind = if error.is_builder() { FaultKind::BadRequest } else { FaultKind::Unreachable };
    let host = url.host_str().unwrap_or_default();
    let cause = match io_kind(error) {
        _ if error.is_dns() => format!("dns does not know the name `{host}`: {}", root(error)),
        Some(std::io::ErrorKind::ConnectionRefused) => {
            "connection refused: nothing listens there".to_owned()
        }
        _ if error.is_timeout() => {
            format!("timed out: there is no connection after {} s", CONNECT.as_secs())
        }
        _ if tls(error) => format!("tls: {}", root(error)),
        _ => root(error),
    };
    fault(kind, format!("{} can't be reached: {cause}", shown(url)))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn io_kind(error: &reqwest::Error) -> Option<std::io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(|e| e.kind())
}

fn tls(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        // An I/O error hands out what it wraps, not itself, as its source.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(|e| e.get_ref());
        cause.is::<rustls::Error>() || wrapped.is_some_and(|inner| inner.is::<rustls::Error>())
    })
}

#[cfg(test)]
mod tests {
    use codex_event::Backend;

    use super::*;
    use crate::model::tests::call;

    #[test]
    fn the_address_is_the_base_with_one_more_segment() {
        let at = |base: &str, query: &[(&str, &str)]| {
            let mut call = call(base, Backend::Responses, vec![]);
            call.query = query.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
            address(&call).map(|url| url.to_string()).map_err(|fault| fault.kind)
        };
        assert_eq!(at("http://h/v1", &[]).as_deref(), Ok("http://h/v1/responses"));
        assert_eq!(at("http://h:1/v1/", &[]).as_deref(), Ok("http://h:1/v1/responses"));
        assert_eq!(at("https://h", &[]).as_deref(), Ok("https://h/responses"));
        let versioned = at("https://h/v1?a=b", &[("api-version", "1 2")]);
        assert_eq!(versioned.as_deref(), Ok("https://h/v1/responses?a=b&api-version=1+2"));
        for wrong in ["", "h/v1", "ftp://h/v1", "file:///etc"] {
            assert_eq!(at(wrong, &[]), Err(FaultKind::BadRequest), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let url = Url::parse("https://me:pw@h/v1/responses?key=k#f").unwrap();
        assert_eq!(shown(&url), "https://h/v1/responses");
    }

    #[test]
    fn hosts_of_this_machine_are_known() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1", "example.com", "[::2]", "localhost.example.com"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_not_shown() {
        let call = call("http://h", Backend::Responses, vec![]);
        let fault = headers(&call, Some("sk-\nsecret")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadRequest);
        assert!(!fault.message.contains("secret"), "{}", fault.message);
    }

    #[test]
    fn headers_of_the_provider_win() {
        let mut call = call("http://h", Backend::Responses, vec![]);
        call.headers = vec![("User-Agent".into(), "me".into()), ("api-key".into(), "k".into())];
        let headers = headers(&call, None).unwrap();
        assert_eq!(headers[USER_AGENT], "me");
        assert_eq!(headers["api-key"], "k");
        assert!(headers["api-key"].is_sensitive());
        assert!(!headers.contains_key(AUTHORIZATION));
        assert_eq!(headers["originator"], "codex_exec");
    }
}
