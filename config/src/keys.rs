//! Which keys there are: ours, and those of Codex that have no effect here.

use crate::section::Section;
use crate::tree::dotted;
use crate::{ConfigError, Origin, Warning};

/// Top-level keys that this program reads.
const OURS: &[&str] = &[
    "approval_policy",
    "disable_response_storage",
    "instructions",
    "model",
    "model_instructions_file",
    "model_provider",
    "model_providers",
    "model_reasoning_effort",
    "model_reasoning_summary",
    "notify",
    "openai_base_url",
    "projects",
    "sandbox_level",
    "sandbox_mode",
    "sandbox_permissions",
];

/// Top-level keys that Codex 0.169 accepts, or earlier releases did, and that are not read here.
const UNUSED: &[&str] = &[
    "agents",
    "allow_login_shell",
    "allow_symlinked_codex_home",
    "analytics",
    "approvals_reviewer",
    "apps",
    "auto_review",
    "background_terminal_max_timeout",
    "chatgpt_base_url",
    "check_for_update_on_startup",
    "cli_auth_credentials_store",
    "compact_prompt",
    "default_permissions",
    "developer_instructions",
    "disable_paste_burst",
    "experimental_compact_prompt_file",
    "experimental_instructions_file",
    "experimental_resume",
    "experimental_thread_store",
    "features",
    "feedback",
    "file_opener",
    "forced_chatgpt_workspace_id",
    "forced_login_method",
    "ghost_snapshot",
    "goals",
    "hide_agent_reasoning",
    "history",
    "hooks",
    "include_apps_instructions",
    "include_collaboration_mode_instructions",
    "include_environment_context",
    "include_permissions_instructions",
    "include_plan_tool",
    "log_dir",
    "marketplaces",
    "mcp_oauth_callback_port",
    "mcp_oauth_callback_url",
    "mcp_oauth_credentials_store",
    "mcp_optional_startup_grace_ms",
    "mcp_servers",
    "memories",
    "model_auto_compact_token_limit",
    "model_auto_compact_token_limit_scope",
    "model_catalog_json",
    "model_context_window",
    "model_max_output_tokens",
    "model_post_turn_compact_threshold_percent",
    "model_verbosity",
    "notice",
    "oss_provider",
    "otel",
    "permissions",
    "personality",
    "plan_mode_reasoning_effort",
    "plugins",
    "profile",
    "profiles",
    "project_doc_fallback_filenames",
    "project_doc_max_bytes",
    "project_root_markers",
    "responses_api_metadata",
    "review_model",
    "sandbox_workspace_write",
    "service_tier",
    "shell_environment_policy",
    "show_raw_agent_reasoning",
    "skills",
    "sqlite_home",
    "suppress_unstable_features_warning",
    "thread_unload_delay_secs",
    "tool_output_token_limit",
    "tool_suggest",
    "tools",
    "tui",
    "web_search",
    "windows",
];

const OURS_PROVIDER: &[&str] = &[
    "base_url",
    "env_http_headers",
    "env_key",
    "env_key_instructions",
    "experimental_bearer_token",
    "http_headers",
    "name",
    "query_params",
    "request_max_retries",
    "response_storage",
    "stream_idle_timeout_ms",
    "stream_max_retries",
    "wire_api",
];

const UNUSED_PROVIDER: &[&str] =
    &["requires_openai_auth", "supports_websockets", "websocket_connect_timeout_ms"];

const OURS_PROJECT: &[&str] = &["trust_level"];

/// Reports the keys without effect: each unknown one on its own, the ones of Codex together.
pub(crate) fn check(root: &Section<'_>, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
    let mut unused = Vec::new();
    check_table(root, &[], OURS, UNUSED, &mut unused, warnings);
    let providers = root.section("model_providers")?;
    for (id, _) in providers.entries() {
        let path = ["model_providers", id];
        let table = providers.section(id)?;
        check_table(&table, &path, OURS_PROVIDER, UNUSED_PROVIDER, &mut unused, warnings);
    }
    let projects = root.section("projects")?;
    for (project, _) in projects.entries() {
        let table = projects.section(project)?;
        check_table(&table, &["projects", project], OURS_PROJECT, &[], &mut unused, warnings);
    }
    unused.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some((_, origin)) = unused.iter().min_by_key(|(_, origin)| position(origin)).cloned() {
        let keys = unused.into_iter().map(|(key, _)| key).collect();
        warnings.push(Warning::Unused { keys, origin });
    }
    Ok(())
}

fn check_table(
    table: &Section<'_>,
    above: &[&str],
    ours: &[&str],
    others: &[&str],
    unused: &mut Vec<(String, Origin)>,
    warnings: &mut Vec<Warning>,
) {
    let path = |key: &str| dotted(above.iter().copied().chain([key]));
    for (key, node) in table.entries() {
        let origin = node.key_origin.clone();
        if ours.contains(&key) {
            continue;
        } else if others.contains(&key) {
            unused.push((path(key), origin));
        } else {
            let nearest = nearest(key, ours.iter().chain(others).copied()).map(path);
            warnings.push(Warning::UnknownKey { key: path(key), origin, nearest });
        }
    }
}

fn position(origin: &Origin) -> (u8, usize, usize) {
    match origin {
        Origin::File { line, column, .. } => (0, *line, *column),
        Origin::Environment(_) | Origin::Override(_) | Origin::Flag(_) => (1, 0, 0),
    }
}

/// Finds the word that looks most like `word`, if any looks like it at all: at most a third of its
/// letters may differ.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance with swaps of neighbours counted once (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut cost = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(before[j - 2] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_the_textbook_ones() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("modle", "model", 1),
            ("ab", "ba", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn nothing_is_near_to_a_word_of_its_own() {
        assert_eq!(nearest("aproval_polcy", OURS.iter().copied()), Some("approval_policy"));
        assert_eq!(nearest("zebra", OURS.iter().copied()), None);
    }

    #[test]
    fn no_key_is_both_read_and_unused() {
        assert!(OURS.iter().all(|key| !UNUSED.contains(key)));
        assert!(OURS_PROVIDER.iter().all(|key| !UNUSED_PROVIDER.contains(key)));
    }
}
