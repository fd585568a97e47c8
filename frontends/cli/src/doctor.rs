//! `codex doctor`: what confines commands on this machine, and whether the agent finds what it needs.

mod text;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use codex_config::{Config, Flags, Inputs, KeySource, SandboxLevel};
use codex_gate::Rulebook;
use codex_sandbox::{Host, Layer, Need, Plan, PlanError, Policy};
use serde::Serialize;

use crate::args::Doctor;
use crate::failure::{Failure, NO_SANDBOX, USAGE};
use crate::{opening, rulebook, say};
use text::Detail;

/// All that was found.
#[derive(Serialize)]
struct Report {
    /// What commands would run with; none when they can't run in a sandbox.
    level: Option<&'static str>,
    /// What the settings ask for.
    asked: SandboxLevel,
    kernel: String,
    layers: Vec<Finding>,
    /// What the level does not hold, for a session that may write to its folder.
    limits: Vec<String>,
    checks: Vec<Finding>,
    exit: u8,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    name: &'static str,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gives: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// As it should be.
    Good,
    /// Something is weaker or missing, and work goes on.
    Weak,
    /// Work can't go on.
    Bad,
}

pub(crate) fn run(args: Doctor) -> Result<ExitCode, Failure> {
    let host = args.host.pretended(&[]);
    let report = Report::make(&host)?;
    match args.json {
        true => say::line(serde_json::to_string(&report).map_err(bug)?),
        // What of it is not our own word is clean already; the colours have to get through.
        false => {
            let detail = if args.verbose { Detail::All } else { Detail::Marks };
            let text = report.text(detail, args.color.paint(&io::stdout()));
            let _ = io::stdout().write_all(text.as_bytes());
        }
    }
    Ok(ExitCode::from(report.exit))
}

fn bug(error: serde_json::Error) -> Failure {
    Failure::new(crate::failure::BUG, error.to_string())
        .hint("this is a bug; run it without --json")
}

impl Report {
    fn make(host: &Host) -> Result<Report, Failure> {
        let cwd = opening::folder(None)?;
        let home = opening::home()?;
        let loaded = Config::load(Inputs {
            home: home.clone(),
            env: &|name| std::env::var(name).ok(),
            cwd: cwd.clone(),
            overrides: Vec::new(),
            flags: Flags::default(),
        });
        let asked = loaded.as_ref().map_or(SandboxLevel::Auto, |config| config.sandbox_level);
        let planned = plan(host, asked, &cwd, &home);

        let mut checks = vec![writable("home", &home), settings(&home, &loaded)];
        checks.extend(loaded.as_ref().ok().map(key));
        checks.push(rules(&home, loaded.as_ref().ok(), &cwd));
        checks.push(journals(&home));
        checks.push(git());

        let unreadable = checks.iter().any(|check| check.state == State::Bad);
        let exit = match (&planned, unreadable) {
            (Err(_), _) => NO_SANDBOX,
            (Ok(_), true) => USAGE,
            (Ok(_), false) => 0,
        };
        Ok(Report {
            level: planned.as_ref().ok().map(|plan| plan.confinement.name()),
            asked,
            kernel: host.kernel.clone(),
            layers: host.layers().into_iter().map(|it| Finding::of(it, planned.is_ok())).collect(),
            limits: planned.map(|plan| plan.limits).unwrap_or_default(),
            checks,
            exit,
        })
    }
}

/// Plans for a session that may read everything and write to its folder, wherever that is: what the
/// host gives is asked here, not whether this folder may be written.
fn plan(host: &Host, level: SandboxLevel, cwd: &Path, home: &Path) -> Result<Plan, PlanError> {
    use codex_event::Permission::{DiskFullReadAccess, DiskWriteCwd};
    let policy = |permissions: &[codex_event::Permission]| Policy {
        permissions: permissions.to_vec(),
        cwd: cwd.to_owned(),
        home: std::env::home_dir(),
        agent_home: Some(home.to_owned()),
        read_roots: Vec::new(),
        path_entries: Vec::new(),
        program: None,
        user_temp: None,
        level,
        git_writes: codex_event::GitWrites::None,
        resources: codex_sandbox::Resources::default(),
    };
    match Plan::on_disk(&policy(&[DiskFullReadAccess, DiskWriteCwd]), host) {
        Err(PlanError::Refused { .. }) => Plan::on_disk(&policy(&[DiskFullReadAccess]), host),
        planned => planned,
    }
}

impl Finding {
    fn of(layer: Layer, is_enough: bool) -> Finding {
        let state = match (&layer.lack, layer.need) {
            (None, _) => State::Good,
            (Some(_), Need::Every) => State::Bad,
            (Some(_), Need::Landlock | Need::Full) if !is_enough => State::Bad,
            (Some(_), Need::Landlock | Need::Full | Need::Extra) => State::Weak,
        };
        let (lost, remedy) = layer.lack.map(|lack| (lack.lost, lack.remedy)).unzip();
        let Layer { name, gives, found, .. } = layer;
        Finding { name, state, found, gives: Some(gives), lost, remedy }
    }

    fn good(name: &'static str, found: impl Into<String>) -> Finding {
        let found = found.into();
        Finding { name, state: State::Good, found, gives: None, lost: None, remedy: None }
    }

    fn not(name: &'static str, state: State, found: String, remedy: impl Into<String>) -> Finding {
        let remedy = Some(remedy.into());
        Finding { name, state, found, gives: None, lost: None, remedy }
    }
}

/// Tells whether files can be made in the home: by making one, which is removed again.
fn writable(name: &'static str, home: &Path) -> Finding {
    let shown = home.display();
    if !home.exists() {
        return Finding::good(
            name,
            format!("{shown} is not there yet; the first session makes it"),
        );
    }
    let probe = home.join(format!(".doctor-{}", std::process::id()));
    match File::create_new(&probe).and_then(|_| fs::remove_file(&probe)) {
        Ok(()) => Finding::good(name, format!("{shown} can be written")),
        Err(error) => Finding::not(
            name,
            State::Bad,
            format!("{shown} can't be written: {error}"),
            "set CODEX_HOME to a folder of yours, or use --ephemeral, which keeps nothing",
        ),
    }
}

fn settings(home: &Path, loaded: &Result<Config, codex_config::ConfigError>) -> Finding {
    const NAME: &str = "settings";
    let file = home.join("config.toml");
    let bad = |error: &codex_config::ConfigError| {
        Finding::not(NAME, State::Bad, error.to_string(), error.hint())
    };
    match loaded {
        Err(error) => bad(error),
        Ok(config) => match (crate::tui::keymap(&config.tui), config.warnings.first()) {
            (Err(error), _) => bad(&error),
            (Ok(_), Some(first)) => {
                let count = config.warnings.len();
                let found = format!("{count} without effect: {first}");
                Finding::not(NAME, State::Weak, found, "take them out, or correct them")
            }
            (Ok(_), None) if file.exists() => {
                Finding::good(NAME, format!("{} is sound", file.display()))
            }
            (Ok(_), None) => {
                Finding::good(NAME, format!("no {}; the defaults hold", file.display()))
            }
        },
    }
}

/// Tells whether there is a key, never which.
fn key(config: &Config) -> Finding {
    const NAME: &str = "key";
    let provider = &config.provider;
    match (opening::key(config), &provider.key_source) {
        (Err(missing), _) => Finding::not(
            NAME,
            State::Weak,
            format!("{} is not set, and {} takes a key", missing.name, provider.name),
            missing.instructions.unwrap_or_else(|| format!("export {}=...", missing.name)),
        ),
        (Ok(_), KeySource::None) => Finding::good(NAME, format!("{} takes none", provider.name)),
        (Ok(_), KeySource::Inline) => Finding::good(NAME, "set in the settings"),
        (Ok(_), KeySource::Env(names)) => {
            let set = |name: &String| std::env::var(name).is_ok_and(|key| !key.trim().is_empty());
            Finding::good(
                NAME,
                match names.iter().any(set) {
                    true => format!("set in the environment ({})", names.join(" or ")),
                    false => format!("kept in {}", codex_config::key_file(&config.home).display()),
                },
            )
        }
    }
}

fn rules(home: &Path, config: Option<&Config>, cwd: &Path) -> Finding {
    const NAME: &str = "rules";
    let trusted = config.and_then(|config| rulebook::trusted(config, cwd));
    match Rulebook::load(home, trusted.as_deref()) {
        Err(error) => {
            let failure = Failure::from(error);
            Finding::not(NAME, State::Bad, failure.message, failure.hint)
        }
        Ok(book) => match book.notes().first() {
            Some(note) => Finding::not(
                NAME,
                State::Weak,
                note.to_string(),
                "`codex approvals list` shows them",
            ),
            None => Finding::good(NAME, "sound, or none"),
        },
    }
}

fn journals(home: &Path) -> Finding {
    const NAME: &str = "journals";
    let layout = codex_journal::Layout::new(home);
    match layout.sessions() {
        Ok(sessions) => Finding::good(NAME, format!("{} sessions", sessions.len())),
        Err(error) => Finding::not(
            NAME,
            State::Bad,
            format!("{} can't be read: {error}", layout.path().display()),
            "let this user read and write it",
        ),
    }
}

fn git() -> Finding {
    const NAME: &str = "git";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found: Option<PathBuf> =
        std::env::split_paths(&path).map(|folder| folder.join("git")).find(|it| it.is_file());
    match found {
        Some(program) => Finding::good(NAME, program.display().to_string()),
        None => Finding::not(
            NAME,
            State::Weak,
            "not in the PATH".to_owned(),
            "install it: commands of the model use it, and a session names its commit",
        ),
    }
}
