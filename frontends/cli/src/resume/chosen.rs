//! Which settings hold for a session that is taken up: its own, and what the command line changes.

use std::collections::BTreeSet;
use std::path::Path;

use codex_config::{Config, Flags, Inputs, KeySource, Origin, Warning};
use codex_event::{ApprovalPolicy, Resources, Restraint, Settings};

use crate::args::RunFlags;
use crate::failure::{Failure, USAGE};
use crate::resume::Questions;
use crate::{opening, say, workplace};

/// Names the settings of a session that flags are about, sorted; empty when the session goes on as it is.
///
/// How its server is reached is none of them, since no journal holds that, nor is how an interface
/// looks.
pub(crate) fn settings_of(flags: &RunFlags) -> Result<Vec<String>, Failure> {
    let Chosen(mut keys) = Chosen::of(flags)?;
    if !flags.add_dir.is_empty() {
        keys.insert("sandbox_permissions".to_owned());
    }
    let elsewhere = |key: &str| {
        key == "model_provider" || key.starts_with("model_providers.") || key.starts_with("tui.")
    };
    Ok(keys.into_iter().filter(|key| !elsewhere(key)).collect())
}

/// What the command line sets, as against what the settings file says today.
pub(crate) struct Chosen(BTreeSet<String>);

impl Chosen {
    pub(crate) fn of(flags: &RunFlags) -> Result<Chosen, Failure> {
        let mut keys = codex_config::set_keys(&flags.config)?;
        if flags.model.is_some() {
            keys.insert("model".to_owned());
        }
        if flags.full_auto || !flags.sandbox.is_empty() {
            keys.insert("sandbox_permissions".to_owned());
        }
        if flags.disable_response_storage {
            keys.insert("disable_response_storage".to_owned());
        }
        Ok(Chosen(keys))
    }

    /// Tells which restraints it is not about: what was narrowed of those stays so.
    pub(crate) fn left_alone(&self, restraints: &[Restraint]) -> Vec<Restraint> {
        let left = |it: &Restraint| match it {
            Restraint::Permissions => !self.sets_permissions(),
            Restraint::ApprovalPolicy | Restraint::SandboxLevel | Restraint::GitWrites => {
                !self.has(&[it.key()])
            }
            Restraint::Resources => !self.has_below("sandbox_resources."),
        };
        restraints.iter().copied().filter(left).collect()
    }

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.0.contains(*key))
    }

    pub(super) fn sets_permissions(&self) -> bool {
        self.has(&["sandbox_permissions", "sandbox_mode"])
    }

    fn has_below(&self, table: &str) -> bool {
        self.0.iter().any(|key| key.starts_with(table))
    }

    /// Gives the settings that hold from now on: the journal's, with what the command line changes.
    pub(super) fn settings(
        &self,
        kept: &Settings,
        config: &Config,
        flags: &RunFlags,
        questions: Questions,
    ) -> Settings {
        let mut now = kept.clone();
        if self.has(&["model"]) {
            now.model.clone_from(&config.model);
        }
        if self.has(&["model_reasoning_effort"]) {
            now.reasoning_effort.clone_from(&config.reasoning_effort);
        }
        if self.has(&["model_reasoning_summary"]) {
            now.reasoning_summary.clone_from(&config.reasoning_summary);
        }
        if self.has(&["notify"]) {
            now.notify = config.notify.clone().unwrap_or_default();
        }
        // Programs send a policy along with each turn. One that asks is none to take up where nobody
        // is asked, as none is when a session begins there.
        let asks = match questions {
            Questions::Answered => true,
            Questions::Refused => kept.approval_policy != ApprovalPolicy::Never,
        };
        if self.has(&["approval_policy"]) && asks {
            now.approval_policy = config.approval_policy;
        }
        if self.sets_permissions() || !flags.add_dir.is_empty() {
            now.permissions.clone_from(&config.permissions);
        } else if self.has_below("sandbox_workspace_write.") {
            say::aside(
                "warning: sandbox_workspace_write changes nothing here without --sandbox \
                 workspace-write: the session keeps its permissions",
            );
        }
        if self.has(&["sandbox_level"]) {
            now.sandbox_level = config.sandbox_level;
        }
        if self.has(&["git_writes"]) {
            now.git_writes = config.git_writes;
        }
        let limits = workplace::resources(config);
        // A journal of a release that had no limits names none, and is not told from one with the
        // limits by default: today's settings may say less.
        if kept.resources == Resources::default() {
            now.resources = kept.resources.stricter(limits);
            if now.resources != kept.resources && !self.has_below("sandbox_resources.") {
                say::aside(
                    "the session has no sandbox_resources of its own: it gets those of the settings, \
                     which are stricter",
                );
            }
        }
        if self.has(&["sandbox_resources.processes"]) {
            now.resources.processes = limits.processes;
        }
        if self.has(&["sandbox_resources.file_bytes"]) {
            now.resources.file_bytes = limits.file_bytes;
        }
        if self.has(&["sandbox_resources.memory_bytes"]) {
            now.resources.memory_bytes = limits.memory_bytes;
        }
        if self.has(&["sandbox_resources.disk_free_bytes"]) {
            now.resources.disk_free = limits.disk_free;
        }
        self.provider(&mut now, config);
        // Asking the provider to keep nothing narrows, so it holds wherever it is written.
        if config.disable_response_storage || self.has(&["disable_response_storage"]) {
            now.provider.backend = opening::backend(config);
        }
        now
    }

    fn provider(&self, now: &mut Settings, config: &Config) {
        let fresh = opening::provider(config);
        if fresh.id != now.provider.id {
            now.provider = fresh;
            return;
        }
        let table = format!("{}.", codex_config::dotted(["model_providers", &fresh.id]));
        let set = |key: &str| self.0.contains(&format!("{table}{key}"));
        // Servers move, and the address is then often handed over in the environment.
        let moved = config
            .origins
            .get(&format!("{table}base_url"))
            .is_some_and(|origin| matches!(origin, Origin::Environment(_)));
        if set("base_url") || self.has(&["openai_base_url"]) || moved {
            now.provider.base_url = fresh.base_url;
        }
        if set("request_max_retries") {
            now.provider.request_max_retries = fresh.request_max_retries;
        }
        if set("stream_max_retries") {
            now.provider.stream_max_retries = fresh.stream_max_retries;
        }
        if set("stream_idle_timeout_ms") {
            now.provider.stream_idle_timeout_ms = fresh.stream_idle_timeout_ms;
        }
        if set("response_storage") {
            now.provider.backend = fresh.backend;
        }
    }
}

/// Loads today's settings for what no journal holds: keys, headers, and what the flags change.
pub(super) fn config(
    home: &Path,
    cwd: &Path,
    flags: &RunFlags,
    kept: &Settings,
    chosen: &Chosen,
) -> Result<Config, Failure> {
    let id = &kept.provider.id;
    let text = |value: &str| serde_json::Value::from(value).to_string();
    let mut pins = vec![format!("model_provider={}", text(id))];
    if !chosen.sets_permissions() {
        let words: Vec<String> = kept.permissions.iter().map(ToString::to_string).collect();
        pins.push(format!("sandbox_permissions={}", serde_json::Value::from(words)));
    }
    let load = |pins: &[String]| {
        Config::load(Inputs {
            home: home.to_owned(),
            env: &|name| std::env::var(name).ok(),
            cwd: cwd.to_owned(),
            overrides: [pins, &flags.config].concat(),
            flags: Flags {
                model: flags.model.clone(),
                approval: None,
                sandbox: flags.sandbox.clone(),
                add_dir: flags.add_dir.clone(),
                disable_response_storage: flags.disable_response_storage,
                full_auto: flags.full_auto,
                strict_config: flags.strict_config,
            },
        })
    };
    // The session's provider may be gone from the settings, or have been given on a command line;
    // what else is wrong with them is said when they are loaded for good.
    if let Ok(today) = load(&pins) {
        check_address(&today, kept)?;
    }
    let moved = id == "openai"
        && (chosen.has(&["openai_base_url"])
            || ["OPENAI_BASE_URL", "OPENAI_API_BASE"].map(std::env::var).iter().any(Result::is_ok));
    if !moved {
        let key = codex_config::dotted(["model_providers", id, "base_url"]);
        pins.push(format!("{key}={}", text(&kept.provider.base_url)));
    }
    let mut config = load(&pins)?;
    // The file's permissions are passed over because the session has its own, which is no mistake.
    let by_session = |warning: &Warning| matches!(warning, Warning::Shadowed { .. });
    config.warnings.retain(|warning| chosen.sets_permissions() || !by_session(warning));
    Ok(config)
}

/// Refuses to send what the settings file has for one server to another: keys and headers are
/// today's, and the address is the session's.
///
/// An address that is given for this run alone is meant, so it moves the session.
fn check_address(today: &Config, kept: &Settings) -> Result<(), Failure> {
    let (provider, kept) = (&today.provider, &kept.provider);
    let secret = provider.key_source != KeySource::None
        || !provider.http_headers.is_empty()
        || !provider.env_http_headers.is_empty()
        || !provider.query_params.is_empty();
    let agree = provider.id != kept.id || provider.base_url == kept.base_url;
    let key = codex_config::dotted(["model_providers", &kept.id, "base_url"]);
    let shared = (kept.id == "openai").then_some("openai_base_url");
    let mut origins = [Some(key.as_str()), shared].into_iter().flatten();
    let origin = origins.find_map(|key| today.origins.get(key));
    if !secret || agree || !matches!(origin, Some(Origin::File { .. })) {
        return Ok(());
    }
    let (id, here, there) = (&kept.id, &provider.base_url, &kept.base_url);
    opening::bare_address(id, here)?;
    let message = format!(
        "the settings have the provider `{id}` at {here}, and the session has it at {there}: its \
         key is not sent there"
    );
    Err(Failure::new(USAGE, message).hint(format!(
        "-c {key}={here} moves the session, which is recorded; -c {key}={there} sends the key to \
         the session's address"
    )))
}
