//! Where a session that is taken up goes on: its own folder as it was, or another one on purpose.

use std::path::{Path, PathBuf};

use codex_actors::TakenUp;
use codex_event::{ApprovalPolicy, ContextSource, Stored, Surroundings};
use codex_sandbox::Plan;
use codex_session::Entry;

use crate::args::RunFlags;
use crate::failure::{Failure, USAGE};
use crate::workplace::Workplace;
use crate::{exec, opening};

/// Finds the folder to go on in: the session's own, or the one that a flag names.
pub(super) fn folder(session: &TakenUp, flags: &RunFlags) -> Result<PathBuf, Failure> {
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
pub(super) fn check_roots(
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

/// Gives where this process works, when that is not where the last one did.
pub(super) fn surroundings(
    session: &TakenUp,
    cwd: &Path,
    workplace: &Workplace,
    policy: ApprovalPolicy,
) -> Result<Option<Surroundings>, Failure> {
    let found = Surroundings {
        cwd: opening::text(cwd)?,
        sandbox: opening::sandbox(workplace)?,
        tools: codex_actors::tools_digest(policy),
    };
    Ok(Some(found).filter(|found| session.session().surroundings().as_ref() != Some(found)))
}

/// Gives the surroundings in words for the model, when it was told others.
pub(super) fn environment(
    session: &TakenUp,
    cwd: &Path,
    plan: &Plan,
) -> Result<Option<String>, Failure> {
    let mut entries = session.session().transcript().entries().iter().rev();
    let told = entries.find_map(|entry| environment_of(entry));
    let told = told.map(|text| session.text(text));
    let now = opening::environment(&opening::text(cwd)?, plan);
    Ok(Some(now).filter(|now| told.as_ref() != Some(now)))
}

fn environment_of(entry: &Entry) -> Option<&Stored<String>> {
    match entry {
        Entry::Context { source: ContextSource::Environment, text } => Some(text),
        Entry::Context { source: ContextSource::Instructions | ContextSource::Summary, .. }
        | Entry::User { .. }
        | Entry::OwnCommand { .. }
        | Entry::Item { .. }
        | Entry::Output { .. } => None,
    }
}
