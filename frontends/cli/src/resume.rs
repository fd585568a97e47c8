//! `codex exec resume`: another turn of a session, or what a crash left of one.

use std::path::Path;
use std::process::ExitCode;

use codex_actors::{Setup, Start, TakenUp};
use codex_event::{ApprovalPolicy, Past, Resumption, Seq, SessionId, Settings, TurnId};
use codex_journal::Layout;
use codex_sandbox::Spawner;

use crate::args::{Color, Resume, RunFlags};
use crate::exec::{self, FRONTEND, Show};
use crate::failure::{Failure, USAGE};
use crate::workplace::{Wanted, Workplace};
use crate::{find, opening, rulebook, secrets, takeover};

mod chosen;
mod imported;
mod place;

use chosen::config;
pub(crate) use chosen::{Chosen, settings_of};
use place::{check_roots, environment, folder, surroundings};

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
    /// What those before it come to.
    pub(crate) past: Past,
    /// What commands were given to work with; it goes when this does.
    pub(crate) workplace: Workplace,
}

pub(crate) fn run(before: RunFlags, again: Resume) -> Result<ExitCode, Failure> {
    let Resume { words, last, all, take_over, run: after } = again;
    let flags = before.and(after).spelled_out()?;
    let Named { session: name, prompt } = named("exec resume", words, last)?;
    let input = exec::prompt(prompt)?;
    flags.refuse_unsupported()?;
    let here = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let layout = Layout::new(&home);
    let id = session(&layout, name, &here, all)?;
    let spawner = exec::spawner()?;
    let taken_up = takeover::open(&layout, id, take_over.map(Into::into))?;
    let Going { ready, turn, show } = headless(taken_up, flags, &home, spawner, input)?;
    ready.follow(turn, show)
}

/// A session that is ready to go on with one turn, without a terminal.
pub(crate) struct Going {
    pub(crate) ready: Ready,
    pub(crate) turn: TurnId,
    pub(crate) show: Show,
}

/// Prepares one turn of a session, with nobody to be asked.
pub(crate) fn headless(
    session: TakenUp,
    flags: RunFlags,
    home: &Path,
    spawner: Spawner,
    input: Option<String>,
) -> Result<Going, Failure> {
    let id = session.id();
    let Some(turn) = session.session().goes_on_with(input.as_deref()) else {
        return Err(Failure::new(USAGE, format!("session {id} has nothing left to do"))
            .hint(format!("say what to do next: codex exec resume {id} \"...\"")));
    };
    exec::place_of_last_message(flags.output_last_message.as_deref())?;
    let questions = Questions::Refused;
    let taker = Taker { frontend: FRONTEND, questions, flags: &flags, home, spawner };
    let ready = taker.take(session, input)?;
    let show = Show {
        json: flags.json,
        color: flags.color.unwrap_or(Color::Auto),
        last_message: flags.output_last_message,
    };
    Ok(Going { ready, turn, show })
}

impl Ready {
    /// Goes on, shows it, and ends with one of the turns.
    pub(crate) fn follow(self, turn: TurnId, show: Show) -> Result<ExitCode, Failure> {
        let Ready { setup, from, past, workplace } = self;
        let code = exec::follow(setup, from, past, turn, show);
        drop(workplace);
        code
    }
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
        let trusted = match imported::is_untried(&Layout::new(home), id) {
            true => imported::trusted(home, &cwd, flags, &kept)?,
            false => kept.clone(),
        };
        let config = config(home, &cwd, flags, &trusted, &chosen)?;
        exec::warn(&config);
        let rulebook = rulebook::load(home, &config, &cwd)?;
        let settings = chosen.settings(&trusted, &config, flags, questions);
        let access = opening::access(&config);
        let redactor = secrets::redactor(home, &access, &config)?;
        let provider = &settings.provider;
        opening::address_without_secret(&provider.id, &provider.base_url, &redactor)?;
        if questions == Questions::Refused {
            asks_nobody(&settings)?;
        }

        let workplace = Workplace::open(&Wanted {
            permissions: &settings.permissions,
            level: settings.sandbox_level,
            git_writes: settings.git_writes,
            resources: settings.resources,
            host: &codex_sandbox::probe_for(settings.sandbox_level, &settings.permissions),
            cwd: &cwd,
            agent_home: Some(&exec::canonical(home)),
        })?;
        workplace.announce();
        let plan = &workplace.plan;
        if !chosen.sets_permissions() {
            let asked = [cwd.clone()].into_iter().chain(workplace.temp.clone());
            let asked = asked.chain(flags.add_dir.iter().map(|folder| cwd.join(folder)));
            check_roots(&session, plan, asked)?;
        }
        let resumption = Resumption {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            patches: session.look()?,
            surroundings: surroundings(&session, &cwd, &workplace, settings.approval_policy)?,
            settings: (settings != kept).then_some(settings),
            environment: environment(&session, &cwd, plan)?,
            input,
        };
        let (from, past) = (session.from(), session.past().clone());
        let setup = Setup {
            start: Start::TakenUp { session: Box::new(session), resumption: Box::new(resumption) },
            frontend: frontend.to_owned(),
            access,
            place: opening::place(&cwd, &workplace, &config),
            spawner,
            redactor,
            rulebook,
            notify: config.notify.clone().unwrap_or_default(),
        };
        Ok(Ready { setup, from, past, workplace })
    }
}

/// Which session is meant, and what to say to it.
pub(crate) struct Named {
    /// None for the last one.
    pub(crate) session: Option<String>,
    pub(crate) prompt: Option<String>,
}

/// Tells the session from the prompt. With --last there is no session to name, so one word is all
/// there may be.
pub(crate) fn named(command: &str, words: Vec<String>, last: bool) -> Result<Named, Failure> {
    let mut words = words.into_iter();
    match (last, words.next(), words.next()) {
        (true, prompt, None) => Ok(Named { session: None, prompt }),
        (true, _, Some(_)) => Err(Failure::new(USAGE, "--last and a session exclude each other")
            .hint(format!("codex {command} --last [PROMPT], or codex {command} SESSION [PROMPT]"))),
        (false, session @ Some(_), prompt) => Ok(Named { session, prompt }),
        (false, None, _) => Err(Failure::new(USAGE, "no session was named").hint(format!(
            "codex {command} SESSION [PROMPT], or --last; `codex sessions` lists the sessions"
        ))),
    }
}

/// Finds the session that was named, or the last one of this folder or of all.
pub(crate) fn session(
    layout: &Layout,
    named: Option<String>,
    here: &Path,
    all: bool,
) -> Result<SessionId, Failure> {
    match named {
        Some(name) => Ok(find::session(layout, &name)?),
        None => last_session(layout, here, all),
    }
}

pub(crate) fn last_session(layout: &Layout, here: &Path, all: bool) -> Result<SessionId, Failure> {
    if all {
        return Ok(codex_journal::last(layout)?);
    }
    Ok(codex_journal::last_in(layout, &opening::text(here)?)?)
}

/// Refuses a session that asks before it acts: nobody could answer here.
fn asks_nobody(settings: &Settings) -> Result<(), Failure> {
    match settings.approval_policy {
        ApprovalPolicy::Never => Ok(()),
        policy @ (ApprovalPolicy::OnFailure
        | ApprovalPolicy::OnRequest
        | ApprovalPolicy::UnlessAllowListed) => {
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
