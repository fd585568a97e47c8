//! From resolved settings to what a session is opened with.

use std::path::{Path, PathBuf};

use codex_actors::wiring::{Access, Place};
use codex_config::Config;
use codex_event::{Backend, ContextSource, Opening, ProviderSettings, SandboxReport, Settings};
use codex_sandbox::{Network, Plan};

use crate::failure::{Failure, NO_JOURNAL, USAGE};
use crate::git;
use crate::workplace::Workplace;

/// What the model is told it is, when the settings don't say.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// Puts together what a session is opened with.
pub(crate) fn opening(config: &Config, cwd: &Path, plan: &Plan) -> Result<Opening, Failure> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::new(USAGE, format!("{} is not valid UTF-8", path.display()))
                .hint("rename the folder, or work in another one")
        })
    };
    let provider = &config.provider;
    bare_address(&provider.base_url)?;
    let roots = plan.writable_roots().iter().map(|root| text(root)).collect::<Result<_, _>>()?;
    let (level, landlock_abi) = match plan.confinement {
        codex_sandbox::Confinement::None => ("none", None),
        codex_sandbox::Confinement::Landlock => ("landlock", Some(u32::from(plan.landlock_abi))),
    };
    let instructions = config.instructions.clone().unwrap_or_else(|| INSTRUCTIONS.to_owned());
    let cwd_text = text(cwd)?;
    let environment = environment(&cwd_text, plan);
    Ok(Opening {
        cwd: cwd_text,
        git: git::head(cwd),
        settings: Settings {
            model: config.model.clone(),
            provider: ProviderSettings {
                id: provider.id.clone(),
                base_url: provider.base_url.clone(),
                backend: match config.keeps_responses() {
                    true => Backend::Responses,
                    false => Backend::Stateless,
                },
                request_max_retries: provider.request_max_retries,
                stream_max_retries: provider.stream_max_retries,
                stream_idle_timeout_ms: u64::try_from(provider.stream_idle_timeout.as_millis())
                    .unwrap_or(u64::MAX),
            },
            approval_policy: config.approval_policy,
            permissions: config.permissions.clone(),
            reasoning_effort: config.reasoning_effort.clone(),
            reasoning_summary: config.reasoning_summary.clone(),
            notify: config.notify.clone().unwrap_or_default(),
        },
        sandbox: SandboxReport {
            level: level.to_owned(),
            landlock_abi,
            plan: plan.digest(),
            writable_roots: roots,
            limits: plan.limits.clone(),
        },
        program: env!("CARGO_PKG_VERSION").to_owned(),
        tools: codex_actors::tools_digest(),
        context: vec![
            (ContextSource::Instructions, instructions),
            (ContextSource::Environment, environment),
        ],
        notes: Vec::new(),
    })
}

/// Refuses an address that carries credentials: the journal keeps addresses, and no secret.
fn bare_address(address: &str) -> Result<(), Failure> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') || address.contains('?') {
        return Err(Failure::new(USAGE, "the provider's base_url holds more than an address")
            .hint("put a key into the variable that env_key names, the rest into http_headers or query_params"));
    }
    Ok(())
}

/// Describes the surroundings to the model.
fn environment(cwd: &str, plan: &Plan) -> String {
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

/// Gathers what it takes to talk to the provider, which the journal must not hold.
pub(crate) fn access(config: &Config) -> Access {
    let env = |name: &str| std::env::var(name).ok();
    let plain = |secrets: std::collections::BTreeMap<String, codex_config::Secret>| {
        secrets.into_iter().map(|(name, value)| (name, value.reveal().to_owned())).collect()
    };
    Access {
        key: config.provider.key(&env).map(|key| key.map(|secret| secret.reveal().to_owned())),
        headers: plain(config.provider.headers(&env)),
        query: plain(config.provider.query_params.clone()),
    }
}

/// Gathers where the tools work.
pub(crate) fn place(cwd: &Path, workplace: &Workplace) -> Place {
    Place {
        cwd: cwd.to_owned(),
        plan: workplace.plan.clone(),
        environment: workplace.environment(),
    }
}

/// Finds the folder to work in, canonical.
pub(crate) fn folder(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let here = wanted.unwrap_or(Path::new("."));
    let folder = std::fs::canonicalize(here).map_err(|error| {
        Failure::new(USAGE, format!("{}: {error}", here.display()))
            .hint("-C takes a folder that exists")
    })?;
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(Failure::new(USAGE, format!("{} is not a folder", here.display()))
            .hint("-C takes a folder that exists"))
    }
}

/// Finds the home of settings and journals.
pub(crate) fn home() -> Result<PathBuf, Failure> {
    let cwd = std::env::current_dir().map_err(|error| {
        Failure::new(NO_JOURNAL, format!("the current folder can't be read: {error}"))
            .hint("change to a folder that exists")
    })?;
    Ok(codex_config::find_home(&|name| std::env::var(name).ok(), &cwd)?)
}
