//! The redactor as its users see it.

mod finding;
mod ordinary;
mod streams;

use codex_redact::{Known, Redactor};

/// A redactor that knows two secrets.
pub(crate) fn redactor() -> Redactor {
    let known = [
        Known::new("API_KEY", "canary-5e5c-\"q\"/x+1"),
        Known::new("DB_PASSWORD", "tr0ub4dor&3"),
        Known::new("SAME_AGAIN", "tr0ub4dor&3"),
        // Both overlap and begin alike.
        Known::new("PAIR_KEY", "abcabd-7788-abcabd"),
        Known::new("LONG_KEY", "abcabd-7788-abcabd-and-more"),
        Known::new("TAIL_KEY", "7788-abcabd-XYZ9"),
    ];
    Redactor::new(known.into_iter().flatten(), || [7; 32])
}

/// Examples of every pattern; put together here, so that no scanner takes this file for a leak.
pub(crate) fn tokens() -> Vec<(&'static str, String)> {
    let letters = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";
    let block = format!(
        "-----BEGIN {0}-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ==\n-----END {0}-----",
        "RSA PRIVATE KEY"
    );
    vec![
        ("openai-key", format!("sk-{letters}")),
        ("openai-key", format!("sk-proj-{letters}_{letters}-x")),
        ("anthropic-key", format!("sk-ant-api03-{letters}-AA")),
        ("github-token", format!("ghp_{}", &letters[..36])),
        ("github-token", format!("gho_{}", &letters[..36])),
        ("github-token", format!("github_pat_{letters}_{letters}")),
        ("slack-token", format!("xoxb-123456789012-{}", &letters[..24])),
        ("aws-key-id", format!("AKIA{}", &letters.to_uppercase()[..16])),
        ("google-key", format!("AIza{}", &letters[..35])),
        ("gitlab-token", format!("glpat-{}", &letters[..20])),
        ("npm-token", format!("npm_{}", &letters[..36])),
        ("stripe-key", format!("sk_live_{}", &letters[..24])),
        ("jwt", format!("eyJ{0}.eyJ{0}.{0}", &letters[..24])),
        ("private-key", block.clone()),
        ("private-key", block.replace('\n', "\\n")),
    ]
}
