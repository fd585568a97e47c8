//! `codex exec resume`: another turn of a session, or what a crash left of one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use codex_actors::{Setup, Start, TakenUp};
use codex_config::{Config, Flags, Inputs, KeySource, Origin, Warning};
use codex_event::{
    ApprovalPolicy, ContextSource, Resumption, Seq, SessionId, Settings, Stored, Surroundings,
};
use codex_journal::Layout;
use codex_sandbox::{Plan, Spawner};
use codex_session::Entry;

use crate::args::{Color, Resume, RunFlags};
use crate::exec::{self, FRONTEND, Show};
use crate::failure::{Failure, USAGE};
use crate::workplace::{Wanted, Workplace};
use crate::{opening, say, secrets};

/// Whether somebody answers the questions that a session asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Questions {
    /// A person, or a program.
    Answered,
    /// Nobody; a session that asks is refused.
    Refused,
}

/// Who takes a session up, and what with.
pub(crate) struct Taker<'a> {
    /// Name of the frontend, for the record.
    pub(crate) frontend: &'a str,
    pub(crate) questions: Questions,
    pub(crate) flags: &'a RunFlags,
    /// Where journals are kept; also what no command may touch.
    pub(crate) home: &'a Path,
    pub(crate) spawner: Spawner,
}

/// A session that is ready to go on.
pub(crate) struct Ready {
    pub(crate) setup: Setup,
    /// Position of the first event of this process.
    pub(crate) from: Seq,
    /// What commands were given to work with; it goes when this does.
    pub(crate) workplace: Workplace,
}

pub(crate) fn run(before: RunFlags, again: Resume) -> Result<ExitCode, Failure> {
    let Resume { words, last, all, run: after } = again;
    let flags = before.and(after).spelled_out()?;
    let (name, prompt) = match last {
        true => (None, one(words)?),
        false => named(words).map(|(name, prompt)| (Some(name), prompt))?,
    };
    let input = exec::prompt(prompt)?;
    flags.refuse_unsupported()?;
    let here = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let layout = Layout::new(&home);
    let id = match name {
        Some(name) => codex_journal::find(&layout, &name)?,
        None => last_session(&layout, &here, all)?,
    };
    let spawner = exec::spawner()?;
    let session = TakenUp::open(&layout, id)?;
    let Some(turn) = session.session().goes_on_with(input.as_deref()) else {
        return Err(Failure::new(USAGE, format!("session {id} has nothing left to do"))
            .hint(format!("say what to do next: codex exec resume {id} \"...\"")));
    };
    exec::place_of_last_message(flags.output_last_message.as_deref())?;
    let questions = Questions::Refused;
    let taker = Taker { frontend: FRONTEND, questions, flags: &flags, home: &home, spawner };
    let past = session.past().clone();
    let Ready { setup, from, workplace } = taker.take(session, input)?;
    let show = Show {
        json: flags.json,
        color: flags.color.unwrap_or(Color::Auto),
        last_message: flags.output_last_message,
    };
    let code = exec::follow(setup, from, past, turn, show);
    drop(workplace);
    code
}

impl Taker<'_> {
    /// Holds a session against today's settings and the flags, and prepares to go on with it.
    pub(crate) fn take(self, session: TakenUp, input: Option<String>) -> Result<Ready, Failure> {
        let Taker { frontend, questions, flags, home, spawner } = self;
        let id = session.id();
        let cwd = folder(&session, flags)?;
        let kept = session.session().settings().cloned().ok_or_else(|| {
            Failure::new(USAGE, format!("session {id} has no settings"))
                .hint(format!("`codex replay {id} --verify` says what is wrong with its journal"))
        })?;
        let chosen = Chosen::of(flags)?;
        let config = config(home, &cwd, flags, &kept, &chosen)?;
        exec::warn(&config);
        let settings = chosen.settings(&kept, &config, flags, questions);
        let access = opening::access(&config);
        let redactor = secrets::redactor(home, &access);
        let provider = &settings.provider;
        opening::address_without_secret(&provider.id, &provider.base_url, &redactor)?;
        if questions == Questions::Refused {
            asks_nobody(&settings)?;
        }

        let workplace = Workplace::open(&Wanted {
            permissions: &settings.permissions,
            level: config.sandbox_level,
            cwd: &cwd,
            agent_home: Some(&exec::canonical(home)),
        })?;
        let plan = &workplace.plan;
        if !chosen.sets_permissions() {
            let asked = [cwd.clone()].into_iter().chain(workplace.temp.clone());
            let asked = asked.chain(flags.add_dir.iter().map(|folder| cwd.join(folder)));
            check_roots(&session, plan, asked)?;
        }
        let resumption = Resumption {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            patches: session.look()?,
            surroundings: surroundings(&session, &cwd, plan)?,
            settings: (settings != kept).then_some(settings),
            environment: environment(&session, &cwd, plan)?,
            input,
        };
        let from = session.from();
        let setup = Setup {
            start: Start::TakenUp { session: Box::new(session), resumption: Box::new(resumption) },
            frontend: frontend.to_owned(),
            access,
            place: opening::place(&cwd, &workplace),
            spawner,
            redactor,
            notify: config.notify.clone().unwrap_or_default(),
        };
        Ok(Ready { setup, from, workplace })
    }
}

fn named(words: Vec<String>) -> Result<(String, Option<String>), Failure> {
    let mut words = words.into_iter();
    let Some(name) = words.next() else {
        return Err(Failure::new(USAGE, "no session was named").hint(
            "codex exec resume SESSION [PROMPT], or --last; `codex sessions` lists the sessions",
        ));
    };
    Ok((name, words.next()))
}

pub(crate) fn last_session(layout: &Layout, here: &Path, all: bool) -> Result<SessionId, Failure> {
    if all {
        return Ok(codex_journal::last(layout)?);
    }
    Ok(codex_journal::last_in(layout, &opening::text(here)?)?)
}

/// With --last there is no session to name, so one word is all there may be.
fn one(words: Vec<String>) -> Result<Option<String>, Failure> {
    let mut words = words.into_iter();
    match (words.next(), words.next()) {
        (word, None) => Ok(word),
        (_, Some(_)) => Err(Failure::new(USAGE, "--last and a session exclude each other")
            .hint("codex exec resume --last [PROMPT], or codex exec resume SESSION [PROMPT]")),
    }
}

/// Finds the folder to go on in: the session's own, or the one that a flag names.
fn folder(session: &TakenUp, flags: &RunFlags) -> Result<PathBuf, Failure> {
    let own = session.session().cwd().unwrap_or_default();
    let Some(wanted) = &flags.cd else { return still_there(own) };
    let wanted = opening::folder(Some(wanted))?;
    if wanted == Path::new(own) {
        return Ok(wanted);
    }
    if session.session().running().is_some() {
        // What is left of it was meant for the folder that it began in.
        let message = format!("a turn was under way in {own}, and can't go on in another folder");
        return Err(Failure::new(USAGE, message)
            .hint("resume without -C first; the next turn can be anywhere"));
    }
    if !flags.skip_git_repo_check {
        exec::check_repository(&wanted)?;
    }
    Ok(wanted)
}

/// Gives the session's own folder, if that is what stands there today.
fn still_there(own: &str) -> Result<PathBuf, Failure> {
    let unusable = |error: std::io::Error| {
        Failure::new(USAGE, format!("the session's folder {own}: {error}"))
            .hint("put it back, or name another one with -C DIR")
    };
    let found = std::fs::canonicalize(own).map_err(unusable)?;
    if !found.is_dir() {
        return Err(unusable(std::io::ErrorKind::NotADirectory.into()));
    }
    // It was resolved when the session got it, so a link was put there since.
    if found != Path::new(own) {
        let found = found.display();
        let message = format!("the session's folder {own} has become a link to {found}");
        return Err(Failure::new(USAGE, message)
            .hint(format!("put it back; or -C {found} goes on there, which is recorded")));
    }
    Ok(found)
}

/// Refuses folders that became writable without anybody asking for it.
///
/// Permissions name folders, and where one was there may be a link by now, even one that the
/// session's own commands made.
fn check_roots(
    session: &TakenUp,
    plan: &Plan,
    asked: impl Iterator<Item = PathBuf>,
) -> Result<(), Failure> {
    let before = session.session().surroundings().map(|before| before.sandbox.writable_roots);
    let asked = asked.filter_map(|folder| std::fs::canonicalize(folder).ok());
    let known: Vec<PathBuf> =
        before.into_iter().flatten().map(PathBuf::from).chain(asked).collect();
    let fresh = |root: &PathBuf| !known.iter().any(|known| root.starts_with(known));
    let Some(root) = plan.writable_roots().into_iter().find(fresh) else { return Ok(()) };
    let root = root.display();
    let message = format!("commands could write to {root} now, which the session never allowed");
    Err(Failure::new(USAGE, message).hint(format!(
        "a link stands where a folder was: put that back; or --add-dir {root} allows it, which is \
         recorded"
    )))
}

/// What the command line sets, as against what the settings file says today.
struct Chosen(BTreeSet<String>);

impl Chosen {
    fn of(flags: &RunFlags) -> Result<Chosen, Failure> {
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

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.0.contains(*key))
    }

    fn sets_permissions(&self) -> bool {
        self.has(&["sandbox_permissions", "sandbox_mode"])
    }

    fn has_below(&self, table: &str) -> bool {
        self.0.iter().any(|key| key.starts_with(table))
    }

    /// Gives the settings that hold from now on: the journal's, with what the command line changes.
    fn settings(
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
fn config(
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

/// Refuses a session that asks before it acts: nobody could answer here.
fn asks_nobody(settings: &Settings) -> Result<(), Failure> {
    match settings.approval_policy {
        ApprovalPolicy::Never => Ok(()),
        policy @ (ApprovalPolicy::OnFailure | ApprovalPolicy::UnlessAllowListed) => {
            let message = format!(
                "the session's approval policy is {}, and nobody can be asked here",
                policy.as_str()
            );
            Err(Failure::new(USAGE, message).hint(
                "-c approval_policy=never goes on without questions, inside the session's \
                 sandbox; the change is recorded",
            ))
        }
    }
}

/// Gives where this process works, when that is not where the last one did.
fn surroundings(
    session: &TakenUp,
    cwd: &Path,
    plan: &Plan,
) -> Result<Option<Surroundings>, Failure> {
    let found = Surroundings {
        cwd: opening::text(cwd)?,
        sandbox: opening::sandbox(plan)?,
        tools: codex_actors::tools_digest(),
    };
    Ok(Some(found).filter(|found| session.session().surroundings().as_ref() != Some(found)))
}

/// Gives the surroundings in words for the model, when it was told others.
fn environment(session: &TakenUp, cwd: &Path, plan: &Plan) -> Result<Option<String>, Failure> {
    let mut entries = session.session().transcript().entries().iter().rev();
    let told = entries.find_map(|entry| environment_of(entry));
    let told = told.map(|text| session.text(text));
    let now = opening::environment(&opening::text(cwd)?, plan);
    Ok(Some(now).filter(|now| told.as_ref() != Some(now)))
}

fn environment_of(entry: &Entry) -> Option<&Stored<String>> {
    match entry {
        Entry::Context { source: ContextSource::Environment, text } => Some(text),
        Entry::Context { source: ContextSource::Instructions, .. }
        | Entry::User { .. }
        | Entry::Item { .. }
        | Entry::Output { .. } => None,
    }
}
