//! What holds in a turn, as rollouts tell it.

use codex_event::{ApprovalPolicy, Permission, Settings};
use serde::Deserialize;
use serde_json::Value;

/// What the session is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    pub(crate) id: Option<String>,
    pub(crate) cwd: Option<String>,
    pub(crate) originator: Option<String>,
    pub(crate) cli_version: Option<String>,
    pub(crate) model_provider: Option<String>,
    pub(crate) git: Option<Git>,
    pub(crate) history_base: Option<Base>,
}

/// The state of the repository.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Git {
    pub(crate) commit_hash: Option<String>,
    pub(crate) branch: Option<String>,
}

/// Where a fork leaves its parent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Base {
    pub(crate) thread_id: String,
    pub(crate) end_ordinal_exclusive: Option<u64>,
    pub(crate) end_byte_offset: Option<u64>,
}

/// What holds from a turn on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Context {
    pub(crate) cwd: Option<String>,
    model: Option<String>,
    effort: Option<Value>,
    summary: Option<Value>,
    approval_policy: Option<Value>,
    sandbox_policy: Option<Value>,
    collaboration_mode: Option<Value>,
}

impl Context {
    /// Changes settings to what holds now; never to more than the turn was allowed.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        if let Some(model) = self.model.as_deref().filter(|model| !model.is_empty()) {
            model.clone_into(&mut settings.model);
        }
        let mode = self.collaboration_mode.as_ref();
        let effort = mode.and_then(|mode| mode.pointer("/settings/reasoning_effort"));
        let effort = self.effort.as_ref().or(effort).and_then(Value::as_str);
        settings.reasoning_effort = effort.filter(|effort| plain(effort)).map(str::to_owned);
        let summary = self.summary.as_ref().and_then(Value::as_str);
        let summary = summary.filter(|word| ["auto", "concise", "detailed"].contains(word));
        settings.reasoning_summary = summary.map(str::to_owned);
        settings.approval_policy = approval(self.approval_policy.as_ref());
        settings.permissions = permissions(self.sandbox_policy.as_ref());
    }
}

fn plain(word: &str) -> bool {
    !word.is_empty() && word.len() < 32 && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What is not known asks about everything.
fn approval(policy: Option<&Value>) -> ApprovalPolicy {
    match policy.and_then(Value::as_str) {
        Some("never") => ApprovalPolicy::Never,
        Some("on-failure") => ApprovalPolicy::OnFailure,
        _ => ApprovalPolicy::UnlessAllowListed,
    }
}

/// What is not known may only read.
pub(crate) fn permissions(policy: Option<&Value>) -> Vec<Permission> {
    let Some(policy) = policy else { return read_only() };
    let named = ["type", "mode"].into_iter().find_map(|key| policy.get(key)?.as_str());
    match named.or(policy.as_str()) {
        Some("danger-full-access") => vec![
            Permission::DiskFullReadAccess,
            Permission::DiskFullWriteAccess,
            Permission::NetworkFullAccess,
        ],
        Some("workspace-write") => workspace(policy),
        _ => read_only(),
    }
}

fn read_only() -> Vec<Permission> {
    vec![Permission::DiskFullReadAccess]
}

fn workspace(policy: &Value) -> Vec<Permission> {
    let says = |key: &str| policy.get(key).and_then(Value::as_bool).unwrap_or(false);
    let mut granted = read_only();
    if !says("exclude_tmpdir_env_var") {
        granted.push(Permission::DiskWritePlatformUserTempFolder);
    }
    if !says("exclude_slash_tmp") {
        granted.push(Permission::DiskWritePlatformGlobalTempFolder);
    }
    granted.push(Permission::DiskWriteCwd);
    let roots = policy.get("writable_roots").and_then(Value::as_array);
    for root in roots.into_iter().flatten().filter_map(Value::as_str) {
        // Others are not the folder that was meant, wherever this runs.
        if root.starts_with('/') {
            granted.push(Permission::DiskWriteFolder(root.to_owned()));
        }
    }
    if says("network_access") {
        granted.push(Permission::NetworkFullAccess);
    }
    granted
}

/// Names the folders that these permissions open for writing, as far as they name any.
pub(crate) fn writable_roots(permissions: &[Permission], cwd: &str) -> Vec<String> {
    let root = |permission: &Permission| match permission {
        Permission::DiskWriteCwd => Some(cwd.to_owned()),
        Permission::DiskWriteFolder(folder) => Some(folder.clone()),
        Permission::DiskWritePlatformGlobalTempFolder => Some("/tmp".to_owned()),
        Permission::DiskFullWriteAccess => Some("/".to_owned()),
        Permission::DiskFullReadAccess
        | Permission::DiskWritePlatformUserTempFolder
        | Permission::NetworkFullAccess => None,
    };
    permissions.iter().filter_map(root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_turn_gets_no_more_than_it_had() {
        for (policy, expected) in [
            (json!(null), "disk-full-read-access"),
            (json!({"type": "read-only"}), "disk-full-read-access"),
            (
                json!({"type": "external-sandbox", "network_access": "enabled"}),
                "disk-full-read-access",
            ),
            (json!({"type": "of-tomorrow"}), "disk-full-read-access"),
            (json!({"permissions": ["disk-write-cwd"]}), "disk-full-read-access"),
            (
                json!({"mode": "danger-full-access"}),
                "disk-full-read-access disk-full-write-access network-full-access",
            ),
            (
                json!({"type": "workspace-write", "writable_roots": ["/srv", "elsewhere"],
                    "network_access": true, "exclude_tmpdir_env_var": true,
                    "exclude_slash_tmp": true}),
                "disk-full-read-access disk-write-cwd disk-write-folder=/srv network-full-access",
            ),
            (
                json!({"type": "workspace-write", "network_access": false}),
                "disk-full-read-access disk-write-platform-user-temp-folder \
                 disk-write-platform-global-temp-folder disk-write-cwd",
            ),
        ] {
            let words: Vec<String> =
                permissions(Some(&policy)).iter().map(ToString::to_string).collect();
            assert_eq!(words.join(" "), expected, "{policy}");
        }
        assert_eq!(permissions(None), [Permission::DiskFullReadAccess]);
    }

    #[test]
    fn a_policy_that_is_not_known_asks() {
        for (policy, expected) in [
            (json!("never"), ApprovalPolicy::Never),
            (json!("on-failure"), ApprovalPolicy::OnFailure),
            (json!("on-request"), ApprovalPolicy::UnlessAllowListed),
            (json!({"granular": {}}), ApprovalPolicy::UnlessAllowListed),
        ] {
            assert_eq!(approval(Some(&policy)), expected, "{policy}");
        }
        assert_eq!(approval(None), ApprovalPolicy::UnlessAllowListed);
    }
}
