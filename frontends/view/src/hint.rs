//! What a user can do about a failed turn.

use codex_event::FailureKind;

/// Gives a hint for a failure, one or two sentences about what to do.
///
/// The message is the one of the failed turn; its words decide between the many ways in which a
/// model can't be asked.
pub fn hint(kind: FailureKind, message: &str) -> String {
    match kind {
        FailureKind::MissingKey => missing_key(message),
        FailureKind::Policy if message.contains("again and again") => {
            "the model went round in circles: say in the next prompt what to do differently, or \
             take another model with -m"
                .to_owned()
        }
        FailureKind::Policy => {
            "a person or a rule ended the turn, and nothing was run after that; say in the next \
             prompt what to do instead, or allow more with -s"
                .to_owned()
        }
        FailureKind::Ambiguous => {
            "a tool call was under way when the last process ended, and nobody knows what it did; \
             it is never run again by itself: look at the files, then resume with a prompt that \
             says how to go on"
                .to_owned()
        }
        FailureKind::SandboxUnavailable => {
            "this host can't confine commands as asked; sandbox_level = \"auto\" takes the best \
             that there is, and -s danger-full-access runs without a sandbox"
                .to_owned()
        }
        FailureKind::Model => model(message).to_owned(),
    }
}

fn missing_key(message: &str) -> String {
    // The message names the variable between backquotes.
    match message.split('`').nth(1).filter(|name| !name.is_empty()) {
        Some(name) => format!(
            "set the key with `export {name}=...`, or let env_key of the provider in config.toml \
             name another variable"
        ),
        None => "set the variable that env_key of the provider in config.toml names".to_owned(),
    }
}

fn model(message: &str) -> &'static str {
    // The address is ours, and its port must not be taken for a status.
    let message = message.split(", url: ").next().unwrap_or_default().to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    // The first that fits wins, so the more exact ones stand first.
    if says(&["context window", "context_length"]) {
        "start a new session, or ask for less at once"
    } else if says(&["previous response", "previous_response"]) {
        "the server does not keep responses: set response_storage = false for its provider"
    } else if says(&["quota", "usage not included", "usage limit", "billing"]) {
        "the account has nothing left to spend: check its plan and limits at the provider"
    } else if says(&["401 ", "unauthorized", "invalid api key", "incorrect api key"]) {
        "the server refuses the key: check that it is current and belongs to this provider"
    } else if says(&["403 ", "forbidden"]) {
        "the key may not do this: check its rights, and that the model is open to it"
    } else if says(&["instead of a stream of events"]) {
        "something else than a model's API answers there: check that base_url ends where /responses \
         begins (often /v1), that the server can stream, and that no proxy answers in its place"
    } else if says(&["redirects to"]) {
        "set base_url of the provider to where it redirects, if you trust that address"
    } else if says(&["base_url"]) {
        "set base_url of the provider in config.toml to an http or https address that ends where \
         /responses begins (often /v1)"
    } else if says(&["header"]) {
        "correct the key, or http_headers and env_http_headers of the provider in config.toml"
    } else if says(&["asks to wait"]) {
        "run it again when that time is over"
    } else if says(&["404 ", "model_not_found", "does not exist"]) {
        "check the model's name, and that base_url ends where /responses begins (often /v1)"
    } else if says(&["429 ", "rate limit", "too many requests"]) {
        "wait a little and run it again, or raise stream_max_retries of the provider"
    } else if says(&["invalid prompt"]) {
        "the provider's rules refuse this prompt: ask in other words"
    } else if says(&["content_filter"]) {
        "the provider's filter stopped the answer: ask for it in other words"
    } else if says(&["max_output_tokens", "incomplete response"]) {
        "the answer was cut off by its length: ask for smaller steps"
    } else if says(&["idle timeout"]) {
        "the server fell silent: run it again, or raise stream_idle_timeout_ms"
    } else if says(&[
        "can't be reached",
        "connection refused",
        "connection failed",
        "unreachable",
        "error sending request",
        "dns",
        "network is",
        "timed out",
        "certificate",
        "tls",
    ]) {
        "check base_url of the provider, the network and any proxy between here and there"
    } else if says(&[
        "stream disconnected",
        "stream closed",
        "high demand",
        "overloaded",
        "response failed",
        "status 5",
    ]) {
        "this may pass: run it again in a moment"
    } else {
        "the provider refused the request: check the model's name and what the model supports"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_that_has_a_remedy_names_it() {
        let cases = [
            (FailureKind::MissingKey, "Missing environment variable: `MY_KEY`.", "export MY_KEY="),
            (FailureKind::MissingKey, "no key", "env_key"),
            (FailureKind::Policy, "aborted", "-s"),
            (FailureKind::Ambiguous, "unknown effects", "resume"),
            (FailureKind::SandboxUnavailable, "no landlock", "sandbox_level"),
            (FailureKind::Model, "unexpected status 401 Unauthorized: nope", "key"),
            (FailureKind::Model, "unexpected status 404 Not Found: x", "base_url"),
            (
                FailureKind::Model,
                "exceeded retry limit, last status: 429 Too Many Requests",
                "wait",
            ),
            (FailureKind::Model, "Quota exceeded. Check your plan and billing details.", "plan"),
            (
                FailureKind::Model,
                "Codex ran out of room in the model's context window.",
                "new session",
            ),
            (FailureKind::Model, "Connection refused (os error 111)", "base_url"),
            (
                FailureKind::Model,
                "http://127.0.0.1:42904/v1/responses can't be reached: timed out",
                "base_url",
            ),
            (
                FailureKind::Model,
                "unexpected status 500 Internal Server Error: oops, url: http://127.0.0.1:1/429 /",
                "in a moment",
            ),
            (
                FailureKind::Model,
                "the server answered with a web page instead of a stream of events: Sign in",
                "proxy",
            ),
            (
                FailureKind::Model,
                "unexpected status 308 Permanent Redirect: the server redirects to https://h/v1",
                "set base_url",
            ),
            (FailureKind::Model, "the provider's base_url `x` is no address: y", "http or https"),
            (
                FailureKind::Model,
                "the value for the header `authorization` has letters that HTTP can't carry",
                "key",
            ),
            (
                FailureKind::Model,
                "exceeded retry limit, last status: 429 Too Many Requests; the server asks to wait \
                 90 minutes, and at most 10 are waited",
                "when that time is over",
            ),
            (
                FailureKind::Model,
                "Incomplete response returned, reason: content_filter",
                "other words",
            ),
            (
                FailureKind::Policy,
                "the model makes the same call again and again: it gave …",
                "circles",
            ),
            (FailureKind::Model, "idle timeout waiting for SSE", "stream_idle_timeout_ms"),
            (
                FailureKind::Model,
                "Incomplete response returned, reason: max_output_tokens",
                "smaller",
            ),
            (FailureKind::Model, "stream disconnected before completion: x", "again"),
            (FailureKind::Model, "usage not included: upgrade", "plan"),
            (FailureKind::Model, "Invalid prompt: flagged", "other words"),
            (FailureKind::Model, "the response failed: the roof is on fire", "in a moment"),
            (FailureKind::Model, "something new", "model"),
        ];
        for (kind, message, word) in cases {
            let hint = hint(kind, message);
            assert!(hint.contains(word), "{message:?} gives {hint:?}");
        }
    }
}
