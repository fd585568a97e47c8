//! What a user can do about a failed turn.

use codex_event::FailureKind;

/// Gives a hint for a failure, one or two sentences about what to do.
///
/// The message is the one of the failed turn; its words decide between the many ways in which a
/// model can't be asked.
pub fn hint(kind: FailureKind, message: &str) -> String {
    match kind {
        FailureKind::MissingKey => missing_key(message),
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
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    // The first that fits wins, so the more exact ones stand first.
    if says(&["context window", "context_length"]) {
        "start a new session, or ask for less at once"
    } else if says(&["previous response", "previous_response"]) {
        "the server does not keep responses: set response_storage = false for its provider"
    } else if says(&["quota", "usage_not_included", "billing"]) {
        "the account has nothing left to spend: check its plan and limits at the provider"
    } else if says(&["401 ", "unauthorized", "invalid api key", "incorrect api key"]) {
        "the server refuses the key: check that it is current and belongs to this provider"
    } else if says(&["403 ", "forbidden"]) {
        "the key may not do this: check its rights, and that the model is open to it"
    } else if says(&["404 ", "model_not_found", "does not exist"]) {
        "check the model's name, and that base_url ends where /responses begins (often /v1)"
    } else if says(&["429", "rate limit", "too many requests"]) {
        "wait a little and run it again, or raise stream_max_retries of the provider"
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
        "response failed",
        "high demand",
        "overloaded",
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
            (FailureKind::Model, "idle timeout waiting for SSE", "stream_idle_timeout_ms"),
            (
                FailureKind::Model,
                "Incomplete response returned, reason: max_output_tokens",
                "smaller",
            ),
            (FailureKind::Model, "stream disconnected before completion: x", "again"),
            (FailureKind::Model, "something new", "model"),
        ];
        for (kind, message, word) in cases {
            let hint = hint(kind, message);
            assert!(hint.contains(word), "{message:?} gives {hint:?}");
        }
    }
}
