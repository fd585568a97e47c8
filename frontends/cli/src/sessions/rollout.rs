//! `codex sessions import rollout-….jsonl`: a session that Codex recorded.

use std::path::{Path, PathBuf};

use codex_config::{Config, Flags, Inputs};
use codex_event::Settings;
use codex_rollout::{Imported, Terms};
use codex_view::sanitize;

use super::Home;
use super::progress::Progress;
use crate::failure::Failure;
use crate::{opening, say, secrets};

pub(super) fn import(home: &Home, path: &Path) -> Result<(), Failure> {
    let config = load(home.path.clone(), Vec::new())?;
    let redactor = secrets::redactor(&home.path, &opening::access(&config), &config)?;
    let fresh = opening::provider(&config);
    opening::address_without_secret(&fresh.id, &fresh.base_url, &redactor)?;
    let settings = Settings {
        model: config.model.clone(),
        provider: fresh,
        approval_policy: config.approval_policy,
        permissions: Vec::new(),
        reasoning_effort: None,
        reasoning_summary: None,
        notify: Vec::new(),
        sandbox_level: Default::default(),
        git_writes: Default::default(),
        resources: Default::default(),
    };
    // A provider of the rollout's name is the rollout's, if there is one.
    let provider = |id: &str| {
        let pin = format!("model_provider={}", serde_json::Value::from(id));
        let found = opening::provider(&load(home.path.clone(), vec![pin]).ok()?);
        let bare = opening::address_without_secret(id, &found.base_url, &redactor).is_ok();
        (found.id == id && bare).then_some(found)
    };
    let terms = |id| Terms {
        id,
        settings,
        provider: &provider,
        instructions: opening::instructions(&config),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        tools: codex_actors::tools_digest(config.approval_policy),
        interpret: &codex_actors::interpret,
        redactor: redactor.clone(),
    };
    let mut progress = Progress::of("importing");
    let mut tell = |at, _of| progress.bytes(at);
    let made = codex_rollout::import(&home.layout, path, terms, &mut tell)?;
    report(&made);
    Ok(())
}

fn load(home: PathBuf, overrides: Vec<String>) -> Result<Config, Failure> {
    Ok(Config::load(Inputs {
        home,
        env: &|name| std::env::var(name).ok(),
        cwd: opening::folder(None)?,
        overrides,
        flags: Flags::default(),
    })?)
}

fn report(made: &Imported) {
    let counts = &made.counts;
    say::line(format_args!("{} ({} events)", made.id, made.records));
    let mut parts = vec![
        count(counts.turns, "turn"),
        count(counts.items, "item"),
        count(counts.calls, "call"),
        count(counts.foreign, "foreign record"),
        count(counts.broken, "broken line"),
    ];
    for (number, what) in [
        (counts.abandoned, "call without an output"),
        (counts.orphans, "output without a call"),
        (counts.summaries, "summary in place of what was before"),
    ] {
        if number > 0 {
            parts.push(format!("{number} × {what}"));
        }
    }
    say::line(format_args!("  {}", parts.join(", ")));
    for parent in made.files.iter().rev().skip(1) {
        say::aside(format_args!("it goes on from {}, which is part of it now", parent.display()));
    }
    if let Some(id) = &made.other_id {
        let id = sanitize::visible(id);
        say::aside(format_args!("its own id, {id}, can't be the session's"));
    }
    for note in &counts.notes {
        say::aside(format_args!("note: {}", sanitize::visible(note)));
    }
}

fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
