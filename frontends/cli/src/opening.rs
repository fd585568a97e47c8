//! From resolved settings to what a session is opened with.

use std::path::{Path, PathBuf};

use codex_actors::wiring::{Access, Place};
use codex_config::{Config, MissingKey, Secret};
use codex_event::{Backend, ContextSource, Opening, ProviderSettings, SandboxReport, Settings};
use codex_redact::Redactor;
use codex_sandbox::{Network, Plan};

use crate::failure::{Failure, USAGE};
use crate::git;
use crate::workplace::{self, Workplace};

/// What the model is told it is, when the settings don't say.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// Puts together what a session is opened with.
pub(crate) fn opening(
    config: &Config,
    cwd: &Path,
    workplace: &Workplace,
    redactor: &Redactor,
) -> Result<Opening, Failure> {
    address_without_secret(&config.provider.id, &config.provider.base_url, redactor)?;
    let cwd_text = text(cwd)?;
    let environment = environment(&cwd_text, &workplace.plan);
    Ok(Opening {
        cwd: cwd_text,
        git: git::head(cwd),
        settings: Settings {
            model: config.model.clone(),
            provider: provider(config),
            approval_policy: config.approval_policy,
            permissions: config.permissions.clone(),
            reasoning_effort: config.reasoning_effort.clone(),
            reasoning_summary: config.reasoning_summary.clone(),
            notify: config.notify.clone().unwrap_or_default(),
            sandbox_level: config.sandbox_level,
            git_writes: config.git_writes,
            resources: workplace::resources(config),
        },
        sandbox: sandbox(workplace)?,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        tools: codex_actors::tools_digest(config.approval_policy),
        context: vec![
            (ContextSource::Instructions, instructions(config)),
            (ContextSource::Environment, environment),
        ],
        notes: Vec::new(),
    })
}

/// Gives what the model is told it is.
pub(crate) fn instructions(config: &Config) -> String {
    config.instructions.clone().unwrap_or_else(|| INSTRUCTIONS.to_owned())
}

/// Gives a path as the journal keeps it.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(USAGE, format!("{} is not valid UTF-8", path.display()))
            .hint("rename the folder, or work in another one")
    })
}

/// Gives how the transcript is sent.
pub(crate) fn backend(config: &Config) -> Backend {
    match config.keeps_responses() {
        true => Backend::Responses,
        false => Backend::Stateless,
    }
}

/// Gives the provider as the journal keeps it.
pub(crate) fn provider(config: &Config) -> ProviderSettings {
    let provider = &config.provider;
    ProviderSettings {
        id: provider.id.clone(),
        base_url: provider.base_url.clone(),
        backend: backend(config),
        request_max_retries: provider.request_max_retries,
        stream_max_retries: provider.stream_max_retries,
        stream_idle_timeout_ms: u64::try_from(provider.stream_idle_timeout.as_millis())
            .unwrap_or(u64::MAX),
    }
}

/// Gives what confines commands, as the journal keeps it.
pub(crate) fn sandbox(workplace: &Workplace) -> Result<SandboxReport, Failure> {
    let plan = &workplace.plan;
    Ok(SandboxReport {
        level: plan.confinement.name().to_owned(),
        landlock_abi: workplace.landlock_abi,
        plan: plan.digest(),
        writable_roots: plan
            .writable_roots()
            .iter()
            .map(|root| text(root))
            .collect::<Result<_, _>>()?,
        limits: plan.limits.clone(),
        narrow: workplace.narrow().map(|plan| plan.digest()),
        missing: workplace.missing.clone(),
    })
}

/// Refuses an address that carries credentials: the journal keeps addresses, and no secret.
pub(crate) fn bare_address(id: &str, address: &str) -> Result<(), Failure> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.contains('@') || address.contains('?') {
        true => Err(more_than_an_address(id)),
        false => Ok(()),
    }
}

/// Refuses an address that holds a secret anywhere: the journal would have a marker in its place, and
/// could not be resumed.
pub(crate) fn address_without_secret(
    id: &str,
    address: &str,
    redactor: &Redactor,
) -> Result<(), Failure> {
    bare_address(id, address)?;
    match redactor.text(address) == address {
        true => Ok(()),
        false => Err(more_than_an_address(id)),
    }
}

fn more_than_an_address(id: &str) -> Failure {
    let message = format!("base_url of the provider `{id}` holds more than an address");
    Failure::new(USAGE, message).hint(
        "put a key into the variable that env_key names, the rest into http_headers or query_params",
    )
}

/// Describes the surroundings to the model.
pub(crate) fn environment(cwd: &str, plan: &Plan) -> String {
    let network = match plan.network {
        Network::Off => "off",
        Network::Full => "on",
    };
    let roots: Vec<String> = plan
        .writable_roots()
        .iter()
        .map(|root| format!("  <writable_root>{}</writable_root>\n", root.display()))
        .collect();
    format!(
        "<environment_context>\n  <cwd>{cwd}</cwd>\n  <shell>/bin/bash</shell>\n  \
         <sandbox>{}</sandbox>\n  <network>{network}</network>\n{}</environment_context>",
        plan.describe(),
        roots.concat(),
    )
}

/// Looks up the provider's key: one in the environment comes before one that the user entered.
pub(crate) fn key(config: &Config) -> Result<Option<Secret>, MissingKey> {
    let kept = |name: &str| codex_config::kept_key(&config.home, name);
    config.provider.key(&|name| {
        let set = std::env::var(name).ok().filter(|key| !key.trim().is_empty());
        set.or_else(|| kept(name).map(|key| key.reveal().to_owned()))
    })
}

/// Gathers what it takes to talk to the provider, which the journal must not hold.
pub(crate) fn access(config: &Config) -> Access {
    let env = |name: &str| std::env::var(name).ok();
    let plain = |secrets: std::collections::BTreeMap<String, Secret>| {
        secrets.into_iter().map(|(name, value)| (name, value.reveal().to_owned())).collect()
    };
    Access {
        key: key(config).map(|key| key.map(|secret| secret.reveal().to_owned())),
        headers: plain(config.provider.headers(&env)),
        query: plain(config.provider.query_params.clone()),
    }
}

/// Gathers where the tools work.
pub(crate) fn place(cwd: &Path, workplace: &Workplace, config: &Config) -> Place {
    Place {
        cwd: cwd.to_owned(),
        plan: workplace.plan.clone(),
        narrow: workplace.narrow(),
        environment: workplace.environment(&config.environment),
    }
}

/// Finds the folder to work in, canonical.
pub(crate) fn folder(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(wanted) = wanted else { return std::fs::canonicalize(".").map_err(gone) };
    let refuse = |error: std::io::Error| {
        let message = format!("-C: {} is not a usable folder: {error}", wanted.display());
        Failure::new(USAGE, message).hint("-C takes a folder that exists and that you may enter")
    };
    let folder = std::fs::canonicalize(wanted).map_err(refuse)?;
    match folder.is_dir() {
        true => Ok(folder),
        false => Err(refuse(std::io::ErrorKind::NotADirectory.into())),
    }
}

/// The current folder is gone, or closed to this user.
fn gone(error: std::io::Error) -> Failure {
    Failure::new(USAGE, format!("the current folder can't be entered: {error}"))
        .hint("change to a folder that exists")
}

/// Finds the home of settings and journals.
pub(crate) fn home() -> Result<PathBuf, Failure> {
    let home = codex_config::find_home(&|name| std::env::var(name).ok(), Path::new(""))?;
    // Only a relative one depends on the current folder, which may be gone.
    match home.is_absolute() {
        true => Ok(home),
        false => Ok(std::env::current_dir().map_err(gone)?.join(home)),
    }
}
