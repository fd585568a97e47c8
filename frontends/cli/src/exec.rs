//! `codex exec`: one turn, without a terminal interface.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use codex_actors::{RunError, Setup};
use codex_config::{Config, Flags, Inputs};
use codex_event::{ApprovalPolicy, FailureKind, Permission, Seq, SessionId};
use codex_exec::{Mode, Options};
use codex_journal::Layout;
use codex_sandbox::Spawner;
use codex_view::Ending;

use crate::args::{Color, Exec};
use crate::failure::{
    AMBIGUOUS, Failure, INTERRUPTED, NO_JOURNAL, NO_SANDBOX, POLICY, TURN_FAILED, USAGE,
};
use crate::{git, opening, say};

/// What a turn is run with, once settings and flags are resolved.
pub(crate) struct Turn {
    pub(crate) config: Config,
    /// Where journals are kept; also what no command may touch.
    pub(crate) home: PathBuf,
    pub(crate) cwd: PathBuf,
    pub(crate) input: String,
    pub(crate) json: bool,
    pub(crate) color: Color,
    pub(crate) last_message: Option<PathBuf>,
}

pub(crate) fn run(args: Exec) -> Result<ExitCode, Failure> {
    let cwd = opening::folder(args.cd.as_deref())?;
    let home = opening::home()?;
    let config = Config::load(Inputs {
        home: home.clone(),
        env: &|name| std::env::var(name).ok(),
        cwd: cwd.clone(),
        overrides: args.config,
        flags: Flags {
            model: args.model,
            // Nobody is there to be asked.
            approval: Some(ApprovalPolicy::Never),
            permissions: permissions(&args.sandbox)?,
            disable_response_storage: args.disable_response_storage,
            full_auto: args.full_auto,
        },
    })?;
    for warning in &config.warnings {
        say::aside(format_args!("warning: {warning}"));
    }
    if !args.skip_git_repo_check && git::head(&cwd).is_none() {
        let message = "Not inside a Git repo and --skip-git-repo-check was not specified.";
        return Err(Failure::new(USAGE, message).hint(
            "a repository lets you see and undo what the agent did: `git init`, or pass \
             --skip-git-repo-check",
        ));
    }
    let turn = Turn {
        config,
        home,
        input: prompt(args.prompt)?,
        cwd,
        json: args.json,
        color: args.color,
        last_message: args.output_last_message,
    };
    turn.run().map(|(_, code)| code)
}

/// Reads `-s`; none when the flag was not given.
pub(crate) fn permissions(words: &[String]) -> Result<Option<Vec<Permission>>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    let mut permissions = Vec::new();
    for word in words {
        let expanded = Permission::expand(word).map_err(|error| {
            Failure::new(USAGE, error.to_string()).hint(format!(
                "permissions are {}; or read-only, workspace-write, danger-full-access",
                Permission::SPELLINGS.join(", ")
            ))
        })?;
        permissions.extend(expanded);
    }
    Ok(Some(permissions))
}

/// A prompt given as an argument leaves standard input alone: an open pipe must not hang.
fn prompt(argument: Option<String>) -> Result<String, Failure> {
    let missing = |message: &str| {
        Err(Failure::new(USAGE, message).hint("codex exec \"fix the failing test\""))
    };
    match argument {
        Some(text) if text != "-" && text.trim().is_empty() => missing("The prompt is empty."),
        Some(text) if text != "-" => Ok(text),
        None if io::stdin().is_terminal() => missing("No prompt provided."),
        Some(_) | None => {
            say::aside("Reading prompt from stdin...");
            let mut text = String::new();
            match io::stdin().read_to_string(&mut text) {
                Ok(_) if text.trim().is_empty() => missing("No prompt provided via stdin."),
                Ok(_) => Ok(text),
                Err(error) => missing(&format!("The prompt can't be read from stdin: {error}.")),
            }
        }
    }
}

impl Turn {
    /// Runs the turn in a new session, and gives the session's id and the exit code.
    pub(crate) fn run(self) -> Result<(SessionId, ExitCode), Failure> {
        let temp = opening::wants_temp(&self.config.permissions)
            .then(opening::Temp::resolve)
            .transpose()?;
        let temp = temp.as_ref();
        let config = &self.config;
        let agent_home = canonical(&self.home);
        let plan = opening::plan(
            &config.permissions,
            config.sandbox_level,
            &self.cwd,
            Some(&agent_home),
            temp,
        )?;
        let spawner = Spawner::start().map_err(|error| {
            Failure::new(NO_SANDBOX, format!("commands can't be started: {error}"))
                .hint("the system gives no more threads: see `ulimit -u`")
        })?;
        let id = codex_actors::wiring::new_session_id();
        let setup = Setup {
            layout: Layout::new(&self.home),
            id,
            opening: opening::opening(config, &self.cwd, &plan)?,
            input: self.input,
            frontend: "exec".to_owned(),
            access: opening::access(config),
            place: opening::place(&self.cwd, &plan, temp),
            spawner,
        };
        let mode = match self.json {
            true => Mode::Json,
            false => Mode::Human(self.color.paint(&io::stderr())),
        };
        let options = Options { mode, from: Seq(1), last_message: self.last_message };
        let shown = codex_actors::run(setup, move |port, handle| {
            let subscription = handle.subscribe(Seq(1));
            let mut commands = |command| port.submit(command);
            let (mut out, mut err) = (io::stdout(), io::stderr());
            codex_exec::run(
                subscription,
                handle.blobs(),
                &options,
                &mut commands,
                &mut out,
                &mut err,
            )
        });
        let ending = match shown {
            Ok(shown) => shown?,
            Err(error) => return Err(unjournalled(error, self.json)),
        };
        Ok((id, ExitCode::from(code(ending))))
    }
}

// A home that is not there yet is made by the journal; its parents may hold links all the same.
fn canonical(home: &Path) -> PathBuf {
    std::fs::canonicalize(home).unwrap_or_else(|_| match (home.parent(), home.file_name()) {
        (Some(parent), Some(name)) => canonical(parent).join(name),
        (None, _) | (_, None) => home.to_owned(),
    })
}

/// The one line that no replay has: it says that there may be none.
fn unjournalled(error: RunError, json: bool) -> Failure {
    let failure = Failure::from(error);
    if json && failure.code == NO_JOURNAL {
        let line = serde_json::json!({
            "type": "turn.failed",
            "error": { "message": failure.message },
            "journalled": false,
        });
        say::line(line);
    }
    failure
}

fn code(ending: Ending) -> u8 {
    match ending {
        Ending::Completed => 0,
        Ending::Failed(FailureKind::Model | FailureKind::MissingKey) => TURN_FAILED,
        Ending::Failed(FailureKind::Policy) => POLICY,
        Ending::Failed(FailureKind::Ambiguous) => AMBIGUOUS,
        Ending::Failed(FailureKind::SandboxUnavailable) => NO_SANDBOX,
        Ending::Interrupted(reason) => {
            u8::try_from(codex_actors::wiring::exit_code(reason)).unwrap_or(TURN_FAILED)
        }
        // The session ended without a turn, which only a signal before the first one can do.
        Ending::None => INTERRUPTED,
    }
}
