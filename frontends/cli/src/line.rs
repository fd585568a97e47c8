//! A session with a person at a terminal, line by line: `codex --plain`, `codex resume --plain`.

mod pick;

use std::io::{self, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use codex_actors::TakenUp;
use codex_event::{InterruptReason, Seq, SessionId};
use codex_journal::{Guest, Layout};
use codex_line::{Desk, Input, Keys, Left, LineError, Role};

use crate::args::{Color, Interactive, RunFlags};
use crate::failure::{Failure, INTERRUPTED, USAGE};
use crate::resume::{self, Questions, Ready, Taker};
use crate::{begin, exec, find, opening, say};

/// The name under which this frontend's wishes are recorded.
pub(crate) const FRONTEND: &str = "line";

pub(crate) fn run(before: RunFlags, args: Interactive) -> Result<ExitCode, Failure> {
    let Interactive { words, last, all, run: after, .. } = args;
    let flags = before.and(after).spelled_out()?;
    let (name, prompt) = named(words, last)?;
    terminal("resume", "codex exec resume SESSION \"...\" goes on without a terminal")?;
    refuse_headless(&flags)?;
    let here = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let layout = Layout::new(&home);
    let id = match name {
        Some(name) => find::session(&layout, &name)?,
        None if last => resume::last_session(&layout, &here, all)?,
        None => match pick::session(&layout, &opening::text(&here)?, all)? {
            Some(id) => id,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    let ready = take(&flags, &home, id, prompt)?;
    follow(ready, id, flags.color.unwrap_or(Color::Auto))
}

/// A new session, line by line: it begins with the prompt, or else with the first line.
pub(crate) fn begin(flags: &RunFlags, prompt: Option<String>) -> Result<ExitCode, Failure> {
    let here = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let config = begin::config(flags, &home, &here)?;
    exec::warn(&config);
    let Some(input) = prompt.map_or_else(first_line, |prompt| Ok(Some(prompt)))? else {
        return Ok(ExitCode::SUCCESS);
    };
    let spawner = exec::spawner()?;
    let (id, ready) = begin::ready(&config, &here, FRONTEND, spawner, Some(input))?;
    follow(ready, id, flags.color.unwrap_or(Color::Auto))
}

/// Reads what the session begins with; none when the person leaves.
fn first_line() -> Result<Option<String>, Failure> {
    loop {
        // A terminal that takes no text is one that nobody sees.
        let _ = write!(io::stdout(), "> ");
        let _ = io::stdout().flush();
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line).map_err(|error| {
            Failure::new(USAGE, format!("the terminal can't be read: {error}"))
                .hint("codex exec \"...\" works without one")
        })?;
        match (read, line.trim()) {
            (0, _) | (_, "/quit") => return Ok(None),
            (_, "") => {}
            (_, line) => return Ok(Some(line.to_owned())),
        }
    }
}

/// Takes a session up, to go on with a person.
pub(crate) fn take(
    flags: &RunFlags,
    home: &Path,
    id: SessionId,
    prompt: Option<String>,
) -> Result<Ready, Failure> {
    let spawner = exec::spawner()?;
    let session = TakenUp::open(&Layout::new(home), id)?;
    let questions = Questions::Answered;
    let taker = Taker { frontend: FRONTEND, questions, flags, home, spawner };
    taker.take(session, prompt)
}

/// Tells whether a person sees what is written and can answer.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Refuses to begin where nobody can be asked.
fn terminal(command: &str, instead: &str) -> Result<(), Failure> {
    if is_terminal() {
        return Ok(());
    }
    let message = format!("codex {command} talks to a person: stdin and stdout must be a terminal");
    Err(Failure::new(USAGE, message).hint(instead))
}

/// Refuses flags that speak of a turn without a terminal.
pub(crate) fn refuse_headless(flags: &RunFlags) -> Result<(), Failure> {
    flags.refuse_unsupported()?;
    let flag = match (flags.json, &flags.output_last_message) {
        (true, _) => "--json",
        (false, Some(_)) => "--output-last-message",
        (false, None) => return Ok(()),
    };
    let message = format!("{flag} belongs to codex exec");
    Err(Failure::new(USAGE, message)
        .hint("leave it out; codex replay shows the session again, with --json too"))
}

/// Runs a session with a person at the terminal, until one of them leaves.
pub(crate) fn follow(ready: Ready, id: SessionId, color: Color) -> Result<ExitCode, Failure> {
    let Ready { setup, from, workplace, .. } = ready;
    greet(id);
    let paint = color.paint(&io::stdout());
    let desk = Desk::new();
    let keys = desk.keys();
    let left = codex_actors::run(setup, move |port, handle| {
        keys.read(BufReader::new(io::stdin())).map_err(LineError::OutputClosed)?;
        let mut ask = |command| port.ask(command).map_err(|rejection| rejection.to_string());
        let role = Role::Owner { from };
        let subscription = handle.subscribe(Seq(1));
        codex_line::run(
            subscription,
            handle.blobs(),
            role,
            paint,
            desk,
            &mut ask,
            &mut io::stdout(),
        )
    })??;
    drop(workplace);
    say::aside(format_args!("codex resume {id} goes on with it"));
    Ok(ExitCode::from(code(left)))
}

/// Follows a session that another process runs, with a person at the terminal.
pub(crate) fn attach(guest: &Guest, color: Color) -> Result<ExitCode, Failure> {
    greet(guest.id());
    let paint = color.paint(&io::stdout());
    let desk = Desk::new();
    interrupts(desk.keys()).map_err(LineError::OutputClosed)?;
    desk.keys().read(BufReader::new(io::stdin())).map_err(LineError::OutputClosed)?;
    let mut ask = |command| guest.ask(command).map_err(|refusal| refusal.to_string());
    let subscription = guest.subscribe(Seq(1));
    let out = &mut io::stdout();
    let left =
        codex_line::run(subscription, guest.blobs(), Role::Guest, paint, desk, &mut ask, out)?;
    Ok(ExitCode::from(code(left)))
}

/// Hands Ctrl-C in as a key: here it ends the turn of another process, and not this one.
fn interrupts(keys: Keys) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listen = move || {
        while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            if !keys.press(Input::Interrupt) {
                return;
            }
        }
    };
    std::thread::Builder::new().name("interrupts".into()).spawn(listen).map(drop)
}

fn greet(id: SessionId) {
    say::aside(format_args!("session {id}: type what to do; /help lists what else there is"));
}

/// Gives the exit code of a session with a person.
fn code(left: Left) -> u8 {
    let signal = |reason: InterruptReason| {
        u8::try_from(codex_actors::wiring::exit_code(reason)).unwrap_or(INTERRUPTED)
    };
    match left {
        Left::Wished | Left::Ended => 0,
        Left::Signalled(Some(reason)) => signal(reason),
        Left::Signalled(None) => INTERRUPTED,
    }
}

/// With --last there is no session to name.
pub(crate) fn named(
    words: Vec<String>,
    last: bool,
) -> Result<(Option<String>, Option<String>), Failure> {
    let mut words = words.into_iter();
    match (last, words.next(), words.next()) {
        (true, prompt, None) => Ok((None, prompt)),
        (true, _, Some(_)) => Err(Failure::new(USAGE, "--last and a session exclude each other")
            .hint("codex resume --last [PROMPT], or codex resume SESSION [PROMPT]")),
        (false, name, prompt) => Ok((name, prompt)),
    }
}
