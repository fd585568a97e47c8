//! The lines that a session's text begins with.

use codex_event::{SandboxReport, Settings, Surroundings};

use crate::sanitize::visible;

/// Gives the names and values of the header's lines; a rule has a name alone.
pub(super) fn block(
    program: &str,
    cwd: &str,
    settings: &Settings,
    sandbox: &SandboxReport,
    session: &str,
) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("codex ", visible(program)),
        ("--------", String::new()),
        ("workdir: ", visible(cwd)),
        ("model: ", visible(&settings.model)),
        ("provider: ", visible(&settings.provider.id)),
        ("approval: ", settings.approval_policy.as_str().to_owned()),
        ("sandbox: ", sandboxed(settings, sandbox)),
    ];
    lines.extend(sandbox.writable_roots.iter().map(|root| ("  writable: ", visible(root))));
    lines.extend(sandbox.limits.iter().map(|limit| ("  limit: ", visible(limit))));
    if let Some(effort) = &settings.reasoning_effort {
        lines.push(("reasoning effort: ", visible(effort)));
    }
    lines.push(("session id: ", session.to_owned()));
    lines.push(("--------", String::new()));
    lines
}

/// Gives the names and values of the lines on where a resumed session goes on.
pub(super) fn surroundings(found: &Surroundings) -> Vec<(&'static str, String)> {
    let sandbox = &found.sandbox;
    let roots = sandbox.writable_roots.iter().map(|root| ("  writable: ", visible(root)));
    [("workdir: ", visible(&found.cwd)), ("sandbox: ", visible(&level(sandbox)))]
        .into_iter()
        .chain(roots)
        .collect()
}

/// Gives what holds after settings were changed, and why they were.
pub(super) fn settings(now: &Settings, reason: &str) -> String {
    let Settings { model, provider, approval_policy, .. } = now;
    visible(&format!(
        "model {model}, provider {} at {}, approval {}, allows {} ({reason})",
        provider.id,
        provider.base_url,
        approval_policy.as_str(),
        granted(now),
    ))
}

fn sandboxed(settings: &Settings, sandbox: &SandboxReport) -> String {
    visible(&format!("{}, allows {}", level(sandbox), granted(settings)))
}

fn level(sandbox: &SandboxReport) -> String {
    let abi = sandbox.landlock_abi.map(|abi| format!(" (landlock {abi})")).unwrap_or_default();
    format!("{}{abi}", sandbox.level)
}

fn granted(settings: &Settings) -> String {
    let permissions: Vec<String> = settings.permissions.iter().map(ToString::to_string).collect();
    if permissions.is_empty() { "nothing".to_owned() } else { permissions.join(", ") }
}
