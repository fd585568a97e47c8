//! The lines that a session's text begins with.

use codex_event::{SandboxReport, Settings};

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

fn sandboxed(settings: &Settings, sandbox: &SandboxReport) -> String {
    let permissions: Vec<String> = settings.permissions.iter().map(ToString::to_string).collect();
    let granted =
        if permissions.is_empty() { "nothing".to_owned() } else { permissions.join(", ") };
    let abi = sandbox.landlock_abi.map(|abi| format!(" (landlock {abi})")).unwrap_or_default();
    visible(&format!("{}{abi}, allows {granted}", sandbox.level))
}
