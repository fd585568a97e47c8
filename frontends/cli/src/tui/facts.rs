//! What the interface knows before any session is open.

use std::path::Path;

use codex_config::{Config, KeySource};
use codex_gate::project_root;
use codex_tui::host::{Concern, Facts, History};

use crate::{git, opening};

/// Most lines about what a project's own settings set.
const KEYS: usize = 20;

/// What the user is asked about, and told, before anything is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Everything: a session begins.
    All,
    /// What a session that was there before needs: that nothing undoes what it does was decided.
    Needs,
    /// Nothing: it is only looked at.
    Nothing,
}

/// Gives what is known: from the settings, and from a look at a few files. Nothing is run for it and
/// nothing searched, since the first picture waits.
pub(super) fn gather(config: &Config, cwd: &Path, asked: Asked) -> Facts {
    let mut models = vec![config.model.clone()];
    for model in &config.tui.models {
        if !models.contains(model) {
            models.push(model.clone());
        }
    }
    // A session that is only looked at may have worked on another machine.
    let head = cwd.is_dir().then(|| git::head(cwd)).flatten();
    let concerns = match asked {
        Asked::Nothing => Vec::new(),
        Asked::Needs | Asked::All => {
            no_key(config).into_iter().chain(untried(config, cwd)).collect()
        }
    };
    let history = match asked {
        Asked::All if head.is_none() => History::Absent,
        Asked::All | Asked::Needs | Asked::Nothing => History::Kept,
    };
    Facts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cwd: cwd.to_owned(),
        home: std::env::home_dir(),
        model: config.model.clone(),
        effort: config.reasoning_effort.clone(),
        models,
        provider: config.provider.name.clone(),
        approval: config.approval_policy,
        access: codex_view::access(&config.permissions),
        branch: head.and_then(|head| head.branch),
        concerns,
        history,
        warnings: config.warnings.iter().map(ToString::to_string).collect(),
    }
}

fn no_key(config: &Config) -> Option<Concern> {
    opening::key(config).err()?;
    let variables = match &config.provider.key_source {
        KeySource::Env(names) => names.clone(),
        KeySource::None | KeySource::Inline => Vec::new(),
    };
    Some(Concern::NoKey { variables })
}

/// Tells of a project with rules of its own that the user said nothing about.
fn untried(config: &Config, cwd: &Path) -> Option<Concern> {
    let project = project_root(cwd);
    let said = config.projects.keys();
    let mut said = said.filter_map(|path| std::fs::canonicalize(path).ok());
    if said.any(|path| path == project) {
        return None;
    }
    let rules = std::fs::read_dir(project.join(".codex/rules")).ok()?;
    let mut keys: Vec<String> = rules
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "rules"))
        .map(|entry| format!("rules about commands: .codex/rules/{}", entry.file_name().display()))
        .take(KEYS)
        .collect();
    keys.sort();
    (!keys.is_empty()).then_some(Concern::Untried { project, keys })
}
