//! The terminal interface, and the program around it: what it is begun with, what it asks for, and what
//! is left when it has ended.
//!
//! The interface has threads of its own and draws at once; this side reads settings before it and does
//! everything else behind the first picture.

mod carry;
mod child;
mod diff;
mod export;
mod facts;
mod keep;
mod look;
mod session;

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use codex_event::{InterruptReason, SessionId};
use codex_journal::{Guest, Layout};
use codex_tui::host::{Reply, Topic};
use codex_tui::options::Start;
use codex_tui::run::{Left, StartError};
use codex_tui::update::Signal;

use crate::args::{Attach, Fork, Interactive, RunFlags, ScreenFlags};
use crate::failure::{Failure, INTERRUPTED, USAGE};
use crate::resume::{self, Named};
use crate::say::{self, Diverted};
use crate::{begin, exec, find, fork, line, opening};
use facts::Asked;
pub(crate) use look::keymap;
use session::{Host, Meant};

/// The name under which this frontend's wishes are recorded.
pub(crate) const FRONTEND: &str = "tui";

/// `codex [PROMPT]`: a new session.
pub(crate) fn run(
    flags: RunFlags,
    screen: &ScreenFlags,
    prompt: Option<String>,
) -> Result<ExitCode, Failure> {
    if !line::is_terminal() {
        return Err(Failure::new(
            USAGE,
            "the terminal interface talks to a person: stdin and stdout must be a terminal",
        )
        .hint(
            "codex exec \"fix the failing test\" works without one; codex --help lists what else \
             there is",
        ));
    }
    let flags = flags.spelled_out()?;
    line::refuse_headless(&flags)?;
    if flags.ephemeral {
        return Err(Failure::new(USAGE, "a session of the interface is always kept")
            .hint("codex exec --ephemeral PROMPT keeps nothing; or leave --ephemeral out"));
    }
    let prompt = prompt.filter(|prompt| !prompt.trim().is_empty());
    match is_wanted(screen) {
        true => open(flags, screen, Begin::at(Start::New(prompt))),
        false => line::begin(&flags, prompt),
    }
}

/// `codex resume`: a session that was there before.
pub(crate) fn resume(before: RunFlags, args: Interactive) -> Result<ExitCode, Failure> {
    if !line::is_terminal() || !is_wanted(&args.screen) {
        return line::run(before, args);
    }
    let Interactive { words, last, all, screen, run: after } = args;
    let flags = before.and(after).spelled_out()?;
    let (name, prompt) = line::named(words, last)?;
    line::refuse_headless(&flags)?;
    let here = opening::folder(flags.cd.as_deref())?;
    let layout = Layout::new(&opening::home()?);
    let start = match name {
        Some(name) => Start::TakeUp(find::session(&layout, &name)?, prompt),
        None if last => Start::TakeUp(resume::last_session(&layout, &here, all)?, prompt),
        None => Start::Choose,
    };
    open(flags, &screen, Begin::at(start))
}

/// `codex fork`: a new session that begins with what another one has.
pub(crate) fn fork(before: RunFlags, args: Fork) -> Result<ExitCode, Failure> {
    if !line::is_terminal() || !is_wanted(&args.screen) {
        return fork::interactive(before, args);
    }
    let cut = args.cut();
    let Fork { words, last, all, screen, run: after, .. } = args;
    let flags = before.and(after).spelled_out()?;
    let Named { session, prompt } = resume::named("fork", words, last)?;
    line::refuse_headless(&flags)?;
    let here = opening::folder(flags.cd.as_deref())?;
    let layout = Layout::new(&opening::home()?);
    let parent = resume::session(&layout, session, &here, all)?;
    let child = fork::make(&layout, parent, cut, FRONTEND, &flags)?.id;
    let begin = Begin { fresh: Some(child), ..Begin::at(Start::TakeUp(child, prompt)) };
    open(flags, &screen, begin).inspect_err(|_| fork::discard_unused(&layout, child))
}

/// `codex attach` at a terminal, if that is what the arguments and the terminal mean.
pub(crate) fn attach(args: Attach) -> Result<ExitCode, Failure> {
    if !line::is_terminal() || !is_wanted(&args.screen) || !args.is_for_a_person() {
        return crate::attach::run(args);
    }
    let layout = Layout::new(&opening::home()?);
    let id = match &args.session {
        Some(words) => find::session(&layout, words)?,
        None => codex_journal::last(&layout)?,
    };
    // A session that nobody runs is not begun by looking at it.
    drop(Guest::connect(&layout, id, FRONTEND)?);
    // Its process has the key, and was asked all there is to ask.
    let begin = Begin { asked: Asked::Nothing, ..Begin::at(Start::TakeUp(id, None)) };
    open(RunFlags::default(), &args.screen, begin)
}

/// `codex replay --screen`: what is recorded, and nothing changed.
pub(crate) fn watch(id: SessionId) -> Result<ExitCode, Failure> {
    if !line::is_terminal() {
        return Err(Failure::new(USAGE, "--screen needs a terminal: stdin and stdout must be one")
            .hint("codex replay without it prints the session"));
    }
    open(RunFlags::default(), &ScreenFlags::default(), Begin::at(Start::Watch(id)))
}

/// Tells whether the terminal can show it, and the user wants it.
fn is_wanted(screen: &ScreenFlags) -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    !screen.plain && !matches!(term.as_str(), "" | "dumb")
}

/// What is shown first.
struct Begin {
    start: Start,
    /// A fork that was made for it; it is nobody's unless it is taken up.
    fresh: Option<SessionId>,
    asked: Asked,
}

impl Begin {
    fn at(start: Start) -> Begin {
        let asked = match start {
            Start::New(_) => Asked::All,
            Start::TakeUp(..) | Start::Choose => Asked::Needs,
            Start::Watch(_) => Asked::Nothing,
        };
        Begin { start, fresh: None, asked }
    }
}

fn open(flags: RunFlags, screen: &ScreenFlags, begin: Begin) -> Result<ExitCode, Failure> {
    let here = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let config = begin::config(&flags, &home, &here)?;
    let spawner = exec::spawner()?;
    let meant = match &begin.start {
        Start::TakeUp(id, _) => Meant::Named(*id),
        Start::Choose => Meant::Chosen,
        Start::New(_) | Start::Watch(_) => Meant::Nobody,
    };
    let asked = match begin.asked {
        Asked::All if flags.skip_git_repo_check => Asked::Needs,
        asked => asked,
    };
    let env = |name: &str| std::env::var(name).ok();
    let facts = facts::gather(&config, &here, asked);
    let options = look::options(&config.tui, screen, &env, begin.start, facts)?;
    codex_actors::wiring::before_end(codex_tui::restore);
    let desk = codex_tui::run::start(options)?;

    let voice = desk.voice();
    let said = Mutex::new(std::collections::HashSet::new());
    let diverted = Diverted::to(move |words| {
        // Warnings about settings come with each session that is opened.
        let new = said.lock().is_ok_and(|mut said| said.insert(words.clone()));
        if new {
            let _ = voice.reply(if words.starts_with("warning: ") {
                Reply::Done(words)
            } else {
                Reply::Busy(words)
            });
        }
    });
    let host = Host::new(desk, flags, home, here, spawner, meant, begin.fresh);
    let host = Arc::new(Mutex::new(host));
    session::serve(&host);
    let (left, last, failure) = match Arc::into_inner(host).map(Mutex::into_inner) {
        Some(Ok(host)) => host.end(),
        // A panic ends the process before this.
        Some(Err(_)) | None => (Left::default(), None, None),
    };
    drop(diverted);
    if let Some(id) = last {
        say::aside(format_args!("codex resume {id} goes on with it"));
    }
    match (left.signal, failure) {
        (Some(signal), _) => Ok(ExitCode::from(code(signal))),
        (None, Some(failure)) => Err(failure),
        (None, None) => Ok(ExitCode::SUCCESS),
    }
}

fn code(signal: Signal) -> u8 {
    let reason = match signal {
        Signal::Terminate => InterruptReason::Sigterm,
        Signal::HangUp => InterruptReason::Sighup,
        Signal::Interrupt => InterruptReason::Sigint,
    };
    u8::try_from(codex_actors::wiring::exit_code(reason)).unwrap_or(INTERRUPTED)
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let hint = match &error {
            StartError::Terminal(_) => {
                "is it a terminal? --plain talks line by line, on any; codex exec needs none"
            }
            StartError::Thread(_) => "the system gives no more threads: see `ulimit -u`",
        };
        Failure::new(USAGE, error.to_string()).hint(hint)
    }
}

/// Gives a failure as the interface is told of it.
fn failed(of: Topic, failure: Failure) -> Reply {
    let Failure { message, hint, .. } = failure;
    Reply::Failed { of, message, hint }
}

/// The system refuses something to the interface's host.
fn refused(what: &str, error: &io::Error) -> Failure {
    Failure::new(USAGE, format!("{what}: {error}"))
        .hint("look at the folder's rights and at the room on its disk")
}
