//! `codex fork` and `codex exec fork`: a new session that begins with what another one has.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use codex_actors::TakenUp;
use codex_event::{Author, CloseReason, Event, Seq, SessionId, Timestamp, TurnId};
use codex_journal::{Cut, Forked, Layout, NewFork, RawJournal};

use crate::args::{Color, Fork, RunFlags};
use crate::exec::{self, FRONTEND};
use crate::failure::Failure;
use crate::resume::{self, Going, Named};
use crate::{line, opening, say};

/// Makes a fork, and runs a turn of it if there is something to say; for programs and scripts.
pub(crate) fn headless(before: RunFlags, args: Fork) -> Result<ExitCode, Failure> {
    run("exec fork", before, args)
}

/// The same for people: at a terminal the fork goes on there, line by line.
pub(crate) fn interactive(before: RunFlags, args: Fork) -> Result<ExitCode, Failure> {
    if !line::is_terminal() {
        return run("fork", before, args);
    }
    let cut = args.cut();
    let Fork { words, last, all, run: after, .. } = args;
    let flags = before.and(after).spelled_out()?;
    let Named { session, prompt } = resume::named("fork", words, last)?;
    line::refuse_headless(&flags)?;
    let here = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let layout = Layout::new(&home);
    let parent = resume::session(&layout, session, &here, all)?;
    let child = make(&layout, parent, cut, line::FRONTEND, &flags)?.id;
    match line::take(&flags, &home, child, prompt) {
        Ok(ready) => line::follow(ready, child, flags.color.unwrap_or(Color::Auto)),
        Err(failure) => {
            discard(&layout, child);
            Err(failure)
        }
    }
}

fn run(command: &str, before: RunFlags, args: Fork) -> Result<ExitCode, Failure> {
    let cut = args.cut();
    let Fork { words, last, all, run: after, .. } = args;
    let flags = before.and(after).spelled_out()?;
    let Named { session, prompt } = resume::named(command, words, last)?;
    // Without a prompt there is nothing to read: to make a fork is all that is asked for.
    let input = prompt.map(|word| exec::prompt(Some(word))).transpose()?.flatten();
    flags.refuse_unsupported()?;
    exec::place_of_last_message(flags.output_last_message.as_deref())?;
    let here = opening::folder(flags.cd.as_deref())?;
    let home = opening::home()?;
    let layout = Layout::new(&home);
    let parent = resume::session(&layout, session, &here, all)?;
    let Some(input) = input else {
        let child = make(&layout, parent, cut, FRONTEND, &flags)?.id;
        match flags.json {
            true => {
                say::line(format_args!("{{\"type\":\"thread.started\",\"thread_id\":\"{child}\"}}"))
            }
            false => say::line(child),
        }
        say::aside(format_args!("hint: codex exec resume {child} \"...\" goes on with it"));
        return Ok(ExitCode::SUCCESS);
    };
    let spawner = exec::spawner()?;
    let child = make(&layout, parent, cut, FRONTEND, &flags)?.id;
    let prepared = TakenUp::open(&layout, child)
        .map_err(Failure::from)
        .and_then(|session| resume::headless(session, flags, &home, spawner, Some(input)));
    match prepared {
        Ok(Going { ready, turn, show }) => ready.follow(turn, show),
        Err(failure) => {
            // Nothing came of it, so it is nobody's.
            discard(&layout, child);
            Err(failure)
        }
    }
}

/// Makes the fork, and says so on standard error, and what it may not do any more unless the flags that
/// it is taken up with ask for it.
pub(crate) fn make(
    layout: &Layout,
    parent: SessionId,
    cut: Cut,
    frontend: &str,
    flags: &RunFlags,
) -> Result<Forked, Failure> {
    let chosen = resume::Chosen::of(flags)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let new = NewFork {
        id: codex_actors::wiring::new_session_id(),
        author: Author::User(frontend.to_owned()),
        now: Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
    };
    let made = codex_journal::fork(layout, parent, cut, new)?;
    let Forked { id, at, missing, narrowed } = &made;
    say::aside(format_args!("session {id}: forked from {parent} behind event {at}"));
    if let Some(first) = missing.first() {
        say::aside(format_args!(
            "warning: the parent does not have {} of its large values any more, first {first}; \
             they are shown as missing",
            missing.len()
        ));
    }
    let kept: Vec<&str> =
        chosen.left_alone(narrowed).iter().map(|restraint| restraint.key()).collect();
    if !kept.is_empty() {
        say::aside(format_args!(
            "session {id} may do no more than session {parent} may by now: narrowed {}",
            kept.join(", ")
        ));
    }
    Ok(made)
}

/// Removes a fork that nothing was done with.
pub(crate) fn discard(layout: &Layout, child: SessionId) {
    if let Err(error) = codex_journal::discard(layout, child) {
        tracing::warn!(%child, %error, "a fork that was given up is left");
    }
}

/// Removes a fork that was to be gone on with, if no process ever took it up.
pub(crate) fn discard_unused(layout: &Layout, child: SessionId) {
    let resumed = RawJournal::read(&layout.session(child), child).is_ok_and(|journal| {
        let mut own = journal.records().flatten().filter(|record| record.envelope.session == child);
        own.any(|record| matches!(record.envelope.event(), Some(Event::SessionResumed { .. })))
    });
    if !resumed {
        discard(layout, child);
    }
}

/// Tells whether nothing was done in a fork behind an event: nothing was said, and no other process has it.
pub(crate) fn is_unused(layout: &Layout, child: SessionId, at: Seq) -> bool {
    let Ok(journal) = RawJournal::read(&layout.session(child), child) else { return false };
    let mut own = journal.records_from(at.next());
    own.all(|record| record.is_ok_and(|record| record.envelope.event().is_some_and(only_opens)))
}

/// Tells whether an event says no more than that a session was opened and let go of.
fn only_opens(event: &Event) -> bool {
    matches!(
        event,
        Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SettingsChanged { .. }
            | Event::ContextAdded { .. }
            | Event::Noted { .. }
            | Event::SessionClosed { reason: CloseReason::Done | CloseReason::Interrupted }
    )
}

impl Fork {
    /// Gives where the parent is left.
    pub(crate) fn cut(&self) -> Cut {
        match (self.at, self.turn) {
            (Some(at), _) => Cut::At(Seq(at)),
            (None, Some(turn)) => Cut::Turn(TurnId(turn)),
            (None, None) => Cut::End,
        }
    }
}
