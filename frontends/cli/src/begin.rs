//! A new session for somebody who answers its questions.

use std::path::Path;

use codex_actors::{Setup, Start};
use codex_config::{Config, Flags, Inputs};
use codex_event::{Past, Seq, SessionId};
use codex_journal::Layout;
use codex_sandbox::Spawner;

use crate::args::RunFlags;
use crate::failure::Failure;
use crate::resume::Ready;
use crate::workplace::{self, Wanted, Workplace};
use crate::{exec, opening, rulebook, secrets};

/// Resolves the settings of a session with somebody who is asked.
pub(crate) fn config(flags: &RunFlags, home: &Path, cwd: &Path) -> Result<Config, Failure> {
    Ok(Config::load(Inputs {
        home: home.to_owned(),
        env: &|name| std::env::var(name).ok(),
        cwd: cwd.to_owned(),
        overrides: flags.config.clone(),
        flags: Flags {
            model: flags.model.clone(),
            approval: None,
            sandbox: flags.sandbox.clone(),
            add_dir: flags.add_dir.clone(),
            disable_response_storage: flags.disable_response_storage,
            full_auto: flags.full_auto,
            strict_config: flags.strict_config,
        },
    })?)
}

/// Prepares a new session, which begins with an input if there is one.
pub(crate) fn ready(
    config: &Config,
    cwd: &Path,
    frontend: &str,
    spawner: Spawner,
    input: Option<String>,
) -> Result<(SessionId, Ready), Failure> {
    let home = &config.home;
    let rulebook = rulebook::load(home, config, cwd)?;
    let workplace = Workplace::open(&Wanted {
        permissions: &config.permissions,
        level: config.sandbox_level,
        git_writes: config.git_writes,
        resources: workplace::resources(config),
        host: &codex_sandbox::probe_for(config.sandbox_level, &config.permissions),
        cwd,
        agent_home: Some(&exec::canonical(home)),
    })?;
    workplace.announce();
    let access = opening::access(config);
    let redactor = secrets::redactor(home, &access, config)?;
    let id = codex_actors::wiring::new_session_id();
    let opening = Box::new(opening::opening(config, cwd, &workplace, &redactor)?);
    let setup = Setup {
        start: Start::New { layout: Layout::new(home), id, opening, input },
        frontend: frontend.to_owned(),
        access,
        place: opening::place(cwd, &workplace, config),
        spawner,
        redactor,
        rulebook,
        notify: config.notify.clone().unwrap_or_default(),
    };
    Ok((id, Ready { setup, from: Seq(1), past: Past::default(), workplace }))
}
