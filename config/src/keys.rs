//! Which keys there are: ours, and those of Codex that have no effect here.

use crate::section::Section;
use crate::tree::{Node, Value, dotted};
use crate::{ConfigError, Origin, Warning};

/// Top-level keys that this program reads.
const OURS: &[&str] = &[
    "approval_policy",
    "disable_response_storage",
    "git_writes",
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
    "sandbox_resources",
    "sandbox_workspace_write",
    "shell_environment_policy",
    "tui",
];

/// Top-level keys that Codex 0.169 accepts and that are not read here.
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
    "model_post_turn_compact_threshold_percent",
    "model_verbosity",
    "notice",
    "oss_provider",
    "otel",
    "permissions",
    "personality",
    "plan_mode_reasoning_effort",
    "plugins",
    "project_doc_fallback_filenames",
    "project_doc_max_bytes",
    "project_root_markers",
    "responses_api_metadata",
    "review_model",
    "service_tier",
    "show_raw_agent_reasoning",
    "skills",
    "sqlite_home",
    "suppress_unstable_features_warning",
    "thread_unload_delay_secs",
    "tool_output_token_limit",
    "tool_suggest",
    "tools",
    "web_search",
    "windows",
];

/// Keys that earlier releases read and nobody reads any more, and what to do instead.
const RETIRED: &[(&[&str], &str)] = &[
    (&["experimental_instructions_file"], "its name is model_instructions_file now"),
    (&["experimental_resume"], "remove it; sessions are named on the command line"),
    (&["include_plan_tool"], "remove it"),
    (&["model_max_output_tokens"], "remove it; the server decides"),
    (&["profile"], PROFILES),
    (&["profiles"], PROFILES),
    (&["tools", "view_image"], "remove it"),
];

const PROFILES: &str =
    "move what you use to the top of the file, or into a home of its own (CODEX_HOME)";

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
    "requires_openai_auth",
    "response_storage",
    "stream_idle_timeout_ms",
    "stream_max_retries",
    "wire_api",
];

const UNUSED_PROVIDER: &[&str] = &["supports_websockets", "websocket_connect_timeout_ms"];

const OURS_ENVIRONMENT: &[&str] =
    &["exclude", "ignore_default_excludes", "include_only", "inherit", "set"];

const UNUSED_ENVIRONMENT: &[&str] = &["experimental_use_profile"];

const OURS_PROJECT: &[&str] = &["trust_level"];

const OURS_RESOURCES: &[&str] = &["disk_free_bytes", "file_bytes", "memory_bytes", "processes"];

const OURS_WORKSPACE: &[&str] =
    &["exclude_slash_tmp", "exclude_tmpdir_env_var", "network_access", "writable_roots"];

const OURS_TUI: &[&str] = &[
    "alternate_screen",
    "keymap",
    "models",
    "mouse",
    "notification_method",
    "notifications",
    "theme",
];

const UNUSED_TUI: &[&str] = &["animations", "show_tooltips", "status_line", "terminal_title"];

/// Most unknown keys that get a line each. More of them mean a file for another program.
const MAX_UNKNOWN: usize = 20;

/// The keys without effect, in the order in which they stand.
pub(crate) struct Keys {
    unknown: Vec<Unknown>,
    retired: Vec<Retired>,
    unused: Vec<(String, Origin)>,
}

struct Unknown {
    above: Vec<String>,
    key: String,
    origin: Origin,
    /// All keys that its table may have.
    known: [&'static [&'static str]; 2],
}

struct Retired {
    key: String,
    origin: Origin,
    instead: &'static str,
}

/// Finds the keys without effect.
pub(crate) fn check(root: &Section<'_>) -> Result<Keys, ConfigError> {
    let mut found = Keys { unknown: Vec::new(), retired: Vec::new(), unused: Vec::new() };
    found.look(root, &[], OURS, UNUSED);
    let providers = root.section("model_providers")?;
    for (id, _) in providers.entries() {
        let above = ["model_providers", id];
        found.look(&providers.section(id)?, &above, OURS_PROVIDER, UNUSED_PROVIDER);
    }
    let projects = root.section("projects")?;
    for (project, _) in projects.entries() {
        found.look(&projects.section(project)?, &["projects", project], OURS_PROJECT, &[]);
    }
    let workspace = root.section("sandbox_workspace_write")?;
    found.look(&workspace, &["sandbox_workspace_write"], OURS_WORKSPACE, &[]);
    let resources = root.section("sandbox_resources")?;
    found.look(&resources, &["sandbox_resources"], OURS_RESOURCES, &[]);
    let environment = root.section("shell_environment_policy")?;
    let above = ["shell_environment_policy"];
    found.look(&environment, &above, OURS_ENVIRONMENT, UNUSED_ENVIRONMENT);
    found.look(&root.section("tui")?, &["tui"], OURS_TUI, UNUSED_TUI);
    found.look_at_keymap(&root.section("tui")?);
    for (path, instead) in RETIRED {
        if let Some(origin) = root.key_origin(path) {
            let (key, origin) = (dotted(path.iter().copied()), origin.clone());
            found.retired.push(Retired { key, origin, instead });
        }
    }
    found.unknown.sort_by_key(|key| position(&key.origin));
    found.retired.sort_by_key(|key| position(&key.origin));
    found.unused.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

impl Keys {
    /// Codex has a table for each part of its interface, which are not those of this one.
    fn look_at_keymap(&mut self, tui: &Section<'_>) {
        let Some(Node { value: Value::Table(keymap), .. }) = tui.node("keymap") else { return };
        let tables = keymap.iter().filter(|(_, node)| matches!(node.value, Value::Table(_)));
        let unused =
            tables.map(|(key, node)| (dotted(["tui", "keymap", key]), node.key_origin.clone()));
        self.unused.extend(unused);
    }

    fn look(
        &mut self,
        table: &Section<'_>,
        above: &[&str],
        ours: &'static [&'static str],
        others: &'static [&'static str],
    ) {
        for (key, node) in table.entries() {
            let origin = node.key_origin.clone();
            let retired = RETIRED.iter().any(|(path, _)| above.is_empty() && *path == [key]);
            if ours.contains(&key) || retired {
                continue;
            } else if others.contains(&key) {
                self.unused.push((dotted(above.iter().copied().chain([key])), origin));
            } else {
                self.unknown.push(Unknown {
                    above: above.iter().map(|part| (*part).to_owned()).collect(),
                    key: key.to_owned(),
                    origin,
                    known: [ours, others],
                });
            }
        }
    }

    /// Refuses the first key that nobody knows; those of Codex are known.
    pub(crate) fn refuse(&self) -> Result<(), ConfigError> {
        let unknown = self.unknown.first().map(|it| {
            let (key, nearest) = it.names();
            (&it.origin, ConfigError::UnknownKey { key, origin: it.origin.clone(), nearest })
        });
        let retired = self.retired.first().map(|Retired { key, origin, instead }| {
            let (key, at) = (key.clone(), origin.clone());
            (origin, ConfigError::RetiredKey { key, origin: at, instead })
        });
        let first = unknown.into_iter().chain(retired).min_by_key(|(at, _)| position(at));
        first.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Reports them: the unknown and the retired ones one by one, those of Codex together.
    pub(crate) fn warnings(self) -> Vec<Warning> {
        let mut warnings: Vec<Warning> = Vec::new();
        for unknown in self.unknown.iter().take(MAX_UNKNOWN) {
            let (key, nearest) = unknown.names();
            warnings.push(Warning::UnknownKey { key, origin: unknown.origin.clone(), nearest });
        }
        match self.unknown.len().saturating_sub(MAX_UNKNOWN) {
            0 => {}
            count => warnings.push(Warning::MoreUnknownKeys { count }),
        }
        let retired = self.retired.into_iter();
        warnings.extend(retired.map(|Retired { key, origin, instead }| Warning::Retired {
            key,
            origin,
            instead,
        }));
        let first = self.unused.iter().map(|(_, origin)| origin).min_by_key(|it| position(it));
        if let Some(origin) = first.cloned() {
            let keys = self.unused.into_iter().map(|(key, _)| key).collect();
            warnings.push(Warning::Unused { keys, origin });
        }
        warnings
    }
}

impl Unknown {
    /// Gives its full name, and that of the known key which looks most like it.
    fn names(&self) -> (String, Option<String>) {
        let full = |key: &str| dotted(self.above.iter().map(String::as_str).chain([key]));
        let known = self.known.iter().copied().flatten().copied();
        (full(&self.key), nearest(&self.key, known).map(full))
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
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = (length / 3).max(1);
    known
        .into_iter()
        // A word that is longer or shorter by more is farther away, and need not be measured.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= limit)
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
        assert!(OURS_TUI.iter().all(|key| !UNUSED_TUI.contains(key)));
    }
}
