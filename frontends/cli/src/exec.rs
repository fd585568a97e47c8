//! `codex exec`: one turn, without a terminal interface.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use codex_actors::{RunError, Setup, Start};
use codex_config::{Config, Flags, Inputs};
use codex_event::{ApprovalPolicy, FailureKind, Past, Seq, SessionId, TurnId};
use codex_exec::{Mode, Options};
use codex_journal::Layout;
use codex_sandbox::Spawner;
use codex_view::Ending;

use crate::args::{Color, Exec, ExecCommand, RunFlags};
use crate::failure::{
    AMBIGUOUS, Failure, INTERRUPTED, NO_JOURNAL, NO_SANDBOX, POLICY, TURN_FAILED, USAGE,
};
use crate::workplace::{self, Wanted, Workplace};
use crate::{fork, git, opening, resume, rulebook, say, secrets};

/// The name under which this frontend's wishes are recorded.
pub(crate) const FRONTEND: &str = "exec";

/// What a turn is run with, once settings and flags are resolved.
pub(crate) struct Turn {
    pub(crate) config: Config,
    pub(crate) keep: Keep,
    /// Where journals are kept; also what no command may touch.
    pub(crate) home: PathBuf,
    pub(crate) cwd: PathBuf,
    pub(crate) input: String,
    pub(crate) show: Show,
}

/// Whether a session outlives its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Its journal is on disk.
    OnDisk,
    /// Nothing of it is.
    InMemory,
}

/// How a turn is shown.
pub(crate) struct Show {
    pub(crate) json: bool,
    pub(crate) color: Color,
    pub(crate) last_message: Option<PathBuf>,
}

pub(crate) fn run(before: RunFlags, args: Exec) -> Result<ExitCode, Failure> {
    let Exec { run: after, prompt: words, command } = args;
    let flags = before.and(after);
    match command {
        None => begin(flags.spelled_out()?, words),
        Some(ExecCommand::Resume(again)) => {
            nothing_before("resume", words)?;
            kept("resumed", flags.ephemeral || again.run.ephemeral)?;
            resume::run(flags, *again)
        }
        Some(ExecCommand::Fork(args)) => {
            nothing_before("fork", words)?;
            kept("forked", flags.ephemeral || args.run.ephemeral)?;
            fork::headless(flags, *args)
        }
    }
}

/// Refuses to go on with a session and to keep it nowhere.
fn kept(what: &str, ephemeral: bool) -> Result<(), Failure> {
    match ephemeral {
        false => Ok(()),
        true => {
            let message = format!(
                "a session that is kept nowhere can't be {what}, and one that is kept stays so"
            );
            Err(Failure::new(USAGE, message)
                .hint("leave --ephemeral out; codex exec --ephemeral PROMPT begins a new one"))
        }
    }
}

fn nothing_before(word: &str, words: Option<String>) -> Result<(), Failure> {
    let Some(prompt) = words else { return Ok(()) };
    let message = format!("`{prompt}` stands before the word {word}");
    Err(Failure::new(USAGE, message).hint(format!(
        "codex exec {word} SESSION PROMPT; to say just \"{word}\" to the model: codex exec -- {word}"
    )))
}

fn begin(flags: RunFlags, words: Option<String>) -> Result<ExitCode, Failure> {
    let input = prompt(words)?;
    flags.refuse_unsupported()?;
    let cwd = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let config = Config::load(Inputs {
        home: home.clone(),
        env: &|name| std::env::var(name).ok(),
        cwd: cwd.clone(),
        overrides: flags.config,
        flags: Flags {
            model: flags.model,
            // Nobody is there to be asked.
            approval: Some(ApprovalPolicy::Never),
            sandbox: flags.sandbox,
            add_dir: flags.add_dir,
            disable_response_storage: flags.disable_response_storage,
            full_auto: flags.full_auto,
            strict_config: flags.strict_config,
        },
    })?;
    warn(&config);
    place_of_last_message(flags.output_last_message.as_deref())?;
    if !flags.skip_git_repo_check {
        check_repository(&cwd)?;
    }
    let show = Show {
        json: flags.json,
        color: flags.color.unwrap_or(Color::Auto),
        last_message: flags.output_last_message,
    };
    let input = input.ok_or_else(|| {
        Failure::new(USAGE, "No prompt provided.").hint("codex exec \"fix the failing test\"")
    })?;
    let keep = if flags.ephemeral { Keep::InMemory } else { Keep::OnDisk };
    if keep == Keep::InMemory && !show.json {
        say::aside("This session is kept nowhere: it can't be resumed or replayed.");
    }
    let turn = Turn { config, keep, home, cwd, input, show };
    turn.run().map(|(_, code)| code)
}

/// Says what the user should know about the settings.
pub(crate) fn warn(config: &Config) {
    for warning in &config.warnings {
        let warning = codex_view::sanitize::text(&warning.to_string());
        say::aside(format_args!("warning: {warning}"));
    }
}

/// Refuses a file that could not be written once the turn is done, and paid for.
pub(crate) fn place_of_last_message(file: Option<&Path>) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    let folder = match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => file,
    };
    let wrong = match (file.is_dir(), folder.is_dir()) {
        (true, _) => "it is a folder".to_owned(),
        (false, false) => format!("there is no folder {}", folder.display()),
        (false, true) => return Ok(()),
    };
    let message = format!("-o: {} can't take the last message: {wrong}", file.display());
    Err(Failure::new(USAGE, message).hint("-o takes a file in a folder that exists"))
}

/// Refuses a folder where nothing shows and undoes what the agent did.
pub(crate) fn check_repository(cwd: &Path) -> Result<(), Failure> {
    if git::head(cwd).is_some() {
        return Ok(());
    }
    let message = "Not inside a Git repo and --skip-git-repo-check was not specified.";
    Err(Failure::new(USAGE, message).hint(
        "a repository lets you see and undo what the agent did: `git init`, or pass \
         --skip-git-repo-check",
    ))
}

/// Reads what to do: the argument, or standard input when there is none or it is `-`. None when
/// there is nothing on it, or nobody but a person at a terminal.
///
/// A prompt given as an argument leaves standard input alone: an open pipe must not hang. It comes
/// before all else that can fail: a program that hands over a prompt may not survive that nobody
/// reads it.
pub(crate) fn prompt(argument: Option<String>) -> Result<Option<String>, Failure> {
    let missing = |message: &str| {
        Err(Failure::new(USAGE, message).hint("codex exec \"fix the failing test\""))
    };
    let asked = match argument {
        Some(text) if text != "-" && text.trim().is_empty() => {
            return missing("The prompt is empty.");
        }
        Some(text) if text != "-" => return Ok(Some(text)),
        None if io::stdin().is_terminal() => return Ok(None),
        asked => asked,
    };
    say::aside("Reading prompt from stdin...");
    let mut text = String::new();
    match (io::stdin().read_to_string(&mut text), asked) {
        (Ok(_), Some(_)) if text.trim().is_empty() => missing("No prompt provided via stdin."),
        (Ok(_), None) if text.trim().is_empty() => Ok(None),
        (Ok(_), _) => Ok(Some(text)),
        (Err(error), _) => missing(&format!("The prompt can't be read from stdin: {error}.")),
    }
}

impl Turn {
    /// Runs the turn in a new session, and gives the session's id and the exit code.
    pub(crate) fn run(self) -> Result<(SessionId, ExitCode), Failure> {
        let config = &self.config;
        let rulebook = rulebook::load(&self.home, config, &self.cwd)?;
        let workplace = Workplace::open(&Wanted {
            permissions: &config.permissions,
            level: config.sandbox_level,
            git_writes: config.git_writes,
            resources: workplace::resources(config),
            host: &codex_sandbox::probe_for(config.sandbox_level, &config.permissions),
            cwd: &self.cwd,
            agent_home: Some(&canonical(&self.home)),
        })?;
        workplace.announce();
        let spawner = spawner()?;
        let access = opening::access(config);
        let redactor = match self.keep {
            Keep::OnDisk => secrets::redactor(&self.home, &access, config)?,
            Keep::InMemory => secrets::ephemeral_redactor(&self.home, &access, config)?,
        };
        let id = codex_actors::wiring::new_session_id();
        let opening = Box::new(opening::opening(config, &self.cwd, &workplace, &redactor)?);
        let input = self.input;
        let start = match self.keep {
            Keep::OnDisk => {
                let layout = Layout::new(&self.home);
                Start::New { layout, id, opening, input: Some(input) }
            }
            Keep::InMemory => Start::Ephemeral { id, opening, input },
        };
        let setup = Setup {
            start,
            frontend: FRONTEND.to_owned(),
            access,
            place: opening::place(&self.cwd, &workplace, config),
            spawner,
            redactor,
            rulebook,
            notify: config.notify.clone().unwrap_or_default(),
        };
        let code = follow(setup, Seq(1), Past::default(), TurnId(1), self.show)?;
        Ok((id, code))
    }
}

/// Starts the thread that starts processes; it must come before any other thread.
pub(crate) fn spawner() -> Result<Spawner, Failure> {
    Spawner::start().map_err(|error| {
        Failure::new(NO_SANDBOX, format!("commands can't be started: {error}"))
            .hint("the system gives no more threads: see `ulimit -u`")
    })
}

/// Runs a session, shows it from a position on, and ends it with one of its turns.
pub(crate) fn follow(
    setup: Setup,
    from: Seq,
    past: Past,
    turn: TurnId,
    show: Show,
) -> Result<ExitCode, Failure> {
    let Show { json, color, last_message } = show;
    let mode = match json {
        true => Mode::Json,
        false => Mode::Human(color.paint(&io::stderr())),
    };
    let next = past.next();
    let options = Options { mode, from, past, turn, last_message };
    let shown = codex_actors::run(setup, move |port, handle| {
        let subscription = handle.subscribe(next);
        let mut commands = |command| port.submit(command);
        let (mut out, mut err) = (io::stdout(), io::stderr());
        let blobs = handle.blobs();
        let ending =
            codex_exec::run(subscription, blobs, &options, &mut commands, &mut out, &mut err);
        (ending, port.taker())
    });
    match shown {
        Ok((ending, taker)) => {
            let ending = ending?;
            if let Some(pid) = taker {
                say::aside(format_args!("handed over to process {pid}"));
            }
            // Between two turns nothing was cut off.
            let whole = taker.is_some() && ending == Ending::None;
            Ok(ExitCode::from(if whole { 0 } else { code(ending) }))
        }
        Err(error) => Err(unjournalled(error, json)),
    }
}

/// Resolves the links of a home that may not be there yet: the journal makes it, but its parents
/// may hold links all the same.
pub(crate) fn canonical(home: &Path) -> PathBuf {
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

pub(crate) fn code(ending: Ending) -> u8 {
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
