//! `codex proto`: a session run for another program, over stdin and stdout.
//!
//! The program talks as it would over the owner's socket. It is asked what a session's policy wants
//! asked, so it stands where a person would.

mod owner;
mod talk;

use std::collections::BTreeSet;
use std::io::{self, BufReader, IsTerminal, Stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use codex_actors::{Setup, Start, TakenUp};
use codex_config::{Config, Flags, Inputs};
use codex_event::{Epoch, InterruptReason, Notice, PROTOCOL, Past, Seq, SessionId};
use codex_journal::Layout;
use codex_sandbox::Spawner;
use codex_session::Effect;
use codex_view::Ending;

use crate::args::{Proto, RunFlags};
use crate::failure::{Failure, INTERRUPTED, USAGE};
use crate::resume::{self, Questions, Ready, Taker};
use crate::workplace::{self, Wanted, Workplace};
use crate::{exec, failure, find, line, opening, rulebook, secrets};

use owner::{Ended, Stand};
use talk::{Out, Talk};

pub(crate) fn run(before: RunFlags, args: Proto) -> Result<ExitCode, Failure> {
    let Proto { resume, last, all, run: after } = args;
    let flags = before.and(after).spelled_out()?;
    if io::stdin().is_terminal() {
        let message = "codex proto talks to a program: stdin must not be a terminal";
        return Err(Failure::new(USAGE, message)
            .hint("codex resume is for people; a program writes requests to this one's stdin"));
    }
    line::refuse_headless(&flags)?;
    let cwd = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let layout = Layout::new(&home);
    let known = match resume {
        Some(name) => Some(find::session(&layout, &name)?),
        None if last => Some(resume::last_session(&layout, &cwd, all)?),
        None => None,
    };
    let spawner = exec::spawner()?;
    let talk = Talk::new(BufReader::new(io::stdin()));
    match known {
        Some(id) => go_on(TakenUp::open(&layout, id)?, &flags, &home, spawner, talk),
        None => begin(flags, cwd, home, spawner, talk),
    }
}

type Lines = Talk<BufReader<Stdin>>;

/// Opens a session with the first thing that the program says to the model. Before that there is
/// none, so a program that says nothing leaves nothing behind.
fn begin(
    flags: RunFlags,
    cwd: PathBuf,
    home: PathBuf,
    spawner: Spawner,
    mut talk: Lines,
) -> Result<ExitCode, Failure> {
    let config = Config::load(Inputs {
        home: home.clone(),
        env: &|name| std::env::var(name).ok(),
        cwd: cwd.clone(),
        overrides: flags.config,
        flags: Flags {
            model: flags.model,
            // The settings say when somebody is asked: here, somebody can be.
            approval: None,
            sandbox: flags.sandbox,
            add_dir: flags.add_dir,
            disable_response_storage: flags.disable_response_storage,
            full_auto: flags.full_auto,
            strict_config: flags.strict_config,
        },
    })?;
    exec::warn(&config);
    let rulebook = rulebook::load(&home, &config, &cwd)?;
    if !flags.skip_git_repo_check {
        exec::check_repository(&cwd)?;
    }
    let workplace = Workplace::open(&Wanted {
        permissions: &config.permissions,
        level: config.sandbox_level,
        git_writes: config.git_writes,
        resources: workplace::resources(&config),
        host: &codex_sandbox::probe_for(config.sandbox_level, &config.permissions),
        cwd: &cwd,
        agent_home: Some(&exec::canonical(&home)),
    })?;
    workplace.announce();
    let access = opening::access(&config);
    let redactor = secrets::redactor(&home, &access, &config)?;
    let opening = Box::new(opening::opening(&config, &cwd, &workplace, &redactor)?);
    let id = codex_actors::wiring::new_session_id();
    let out = Arc::new(Out::default());
    let Some(frontend) = talk.greeting(&out) else { return Ok(ExitCode::SUCCESS) };
    out.tell(&welcome(id, Epoch(0).next(), Seq(0)));
    let Some(mut first) = talk.first(&out) else { return Ok(ExitCode::SUCCESS) };
    let input = std::mem::take(&mut first.input);
    let setup = Setup {
        start: Start::New { layout: Layout::new(&home), id, opening, input: Some(input) },
        frontend,
        access,
        place: opening::place(&cwd, &workplace, &config),
        spawner,
        redactor,
        rulebook,
        notify: config.notify.clone().unwrap_or_default(),
    };
    let from = Seq(1);
    let stand = Stand { from, running: false, questions: BTreeSet::new(), first: Some(first) };
    follow(Ready { setup, from, past: Past::default(), workplace }, talk, out, stand)
}

/// Takes a session up as soon as the program has greeted: what a crash left undone goes on, and
/// what was asked is asked again.
fn go_on(
    session: TakenUp,
    flags: &RunFlags,
    home: &Path,
    spawner: Spawner,
    mut talk: Lines,
) -> Result<ExitCode, Failure> {
    let fold = session.session();
    let (id, epoch, head) = (session.id(), fold.epoch().next(), fold.last());
    let running = fold.running().is_some();
    let asked = fold.outstanding().into_iter().filter_map(|owed| match owed {
        Effect::AskReview { call } => Some(call),
        Effect::CallModel { .. }
        | Effect::Pause { .. }
        | Effect::PlanPatch { .. }
        | Effect::KeepGrant { .. }
        | Effect::RunTool { .. }
        | Effect::Cancel { .. }
        | Effect::Notify { .. }
        | Effect::Finish => None,
    });
    let questions = asked.collect();
    let taker = Taker { frontend: "proto", questions: Questions::Answered, flags, home, spawner };
    let mut ready = taker.take(session, None)?;
    let out = Arc::new(Out::default());
    let Some(frontend) = talk.greeting(&out) else { return Ok(ExitCode::SUCCESS) };
    ready.setup.frontend = frontend;
    out.tell(&welcome(id, epoch, head));
    let stand = Stand { from: ready.from, running, questions, first: None };
    follow(ready, talk, out, stand)
}

fn welcome(session: SessionId, epoch: Epoch, head: Seq) -> Notice {
    Notice::Welcome {
        protocol: PROTOCOL,
        session,
        pid: std::process::id(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        epoch,
        head,
    }
}

fn follow(ready: Ready, talk: Lines, out: Arc<Out>, stand: Stand) -> Result<ExitCode, Failure> {
    let Ready { setup, workplace, .. } = ready;
    let told = Arc::clone(&out);
    let ended = codex_actors::run(setup, move |port, handle| {
        owner::serve(port, handle, talk, told, stand)
    })?;
    drop(workplace);
    match out.closed() {
        Some(error) => Err(failure::output(&error)),
        None => Ok(ExitCode::from(code(&ended))),
    }
}

/// Gives the exit code: that of the last turn, if there was one.
fn code(ended: &Ended) -> u8 {
    match ended.ending {
        // The program asked for it, so it is no surprise.
        Ending::Interrupted(InterruptReason::User) => 0,
        Ending::None if ended.signalled => INTERRUPTED,
        Ending::None => 0,
        ending @ (Ending::Completed | Ending::Failed(_) | Ending::Interrupted(_)) => {
            exec::code(ending)
        }
    }
}
