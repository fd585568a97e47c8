//! `codex approvals`: what was allowed for good, and what would happen to a command.

mod explain;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use codex_event::Timestamp;
use codex_gate::{Grants, Kept, project_root};
use codex_view::{command_line, sanitize};

use crate::args::{Approvals, ApprovalsCommand, ListGrants, Revoke};
use crate::failure::{self, Failure, USAGE};
use crate::{opening, say};

pub(crate) fn run(args: Approvals) -> Result<ExitCode, Failure> {
    match args.command {
        ApprovalsCommand::List(args) => list(&args),
        ApprovalsCommand::Revoke(args) => revoke(&args),
        ApprovalsCommand::Explain(args) => explain::run(args),
    }
}

/// Gives the project that a folder lies in, as grants name it.
fn project(folder: Option<&Path>) -> Result<PathBuf, Failure> {
    match folder {
        None => Ok(project_root(&opening::folder(None)?)),
        Some(folder) => {
            let found = std::fs::canonicalize(folder).map_err(|error| {
                Failure::new(USAGE, format!("--project: {}: {error}", folder.display()))
                    .hint("give a folder of the project; `codex approvals list --all` names them")
            })?;
            Ok(project_root(&found))
        }
    }
}

fn list(args: &ListGrants) -> Result<ExitCode, Failure> {
    let wanted = match args.all {
        true => None,
        false => Some(project(args.project.as_deref())?),
    };
    let grants = Grants::of(&opening::home()?);
    let mut found = grants.list()?;
    found.retain(|kept| kept.revoked.is_none());
    let all = found.len();
    found.retain(|kept| {
        wanted.as_deref().is_none_or(|wanted| wanted == Path::new(&kept.grant.project))
    });
    let mut out = io::stdout().lock();
    let printed = match args.json {
        true => found.iter().try_for_each(|kept| writeln!(out, "{}", json(kept))),
        false => {
            let project = match wanted {
                Some(_) => Project::Said,
                None => Project::Shown,
            };
            found.iter().try_for_each(|kept| writeln!(out, "{}", row(kept, project)))
        }
    };
    printed.map_err(|error| failure::output(&error))?;
    if found.is_empty() && !args.json {
        let place = wanted.map_or("any project".to_owned(), |it| it.display().to_string());
        say::aside(format_args!("nothing was allowed for good in {}", sanitize::visible(&place)));
        if all > 0 {
            say::aside(format_args!("hint: --all lists {all} of other projects"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a row names its project.
#[derive(Clone, Copy)]
enum Project {
    Shown,
    /// It is the one that was asked for.
    Said,
}

fn row(kept: &Kept, project: Project) -> String {
    let grant = &kept.grant;
    let mut row = format!("{}  {}", grant.id(), sanitize::visible(&command_line(&grant.prefix)));
    if let Project::Shown = project {
        row.push_str(&format!("  in {}", sanitize::visible(&grant.project)));
    }
    row.push_str(&format!(
        "  ({}, session {}, event {})",
        sanitize::visible(&grant.at),
        grant.session,
        grant.seq
    ));
    if let Some(reason) = &kept.unfit {
        row.push_str(&format!("  without effect: {reason}"));
    }
    row
}

fn json(kept: &Kept) -> serde_json::Value {
    let grant = &kept.grant;
    let mut object = serde_json::json!({
        "id": grant.id(),
        "project": grant.project,
        "prefix": grant.prefix,
        "session": grant.session,
        "seq": grant.seq,
        "at": grant.at,
    });
    if let Some(reason) = &kept.unfit {
        object["without_effect"] = reason.as_str().into();
    }
    object
}

fn revoke(args: &Revoke) -> Result<ExitCode, Failure> {
    let grants = Grants::of(&opening::home()?);
    let here = project(args.project.as_deref())?;
    let is_here = |kept: &Kept| here == Path::new(&kept.grant.project);
    let everywhere = args.all && args.project.is_none();
    let by_id = |kept: &Kept| matches!(&args.words[..], [word] if *word == kept.grant.id());
    let wanted = |kept: &Kept| match args.all {
        true => everywhere || is_here(kept),
        false => by_id(kept) || is_here(kept) && kept.grant.prefix == args.words,
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let revoked = grants.revoke(&wanted, now)?;
    for kept in &revoked {
        let prefix = sanitize::visible(&command_line(&kept.grant.prefix));
        let project = &kept.grant.project;
        let project = sanitize::visible(project);
        say::line(format_args!("revoked {}: {prefix} in {project}", kept.grant.id()));
    }
    match (revoked.is_empty(), args.all) {
        (false, _) => Ok(ExitCode::SUCCESS),
        // What was to be gone is gone.
        (true, true) => {
            say::aside("nothing was allowed for good");
            Ok(ExitCode::SUCCESS)
        }
        (true, false) => Err(unknown(&grants, &args.words, &here)?),
    }
}

/// Says what else there is, where nothing was found to revoke.
fn unknown(grants: &Grants, words: &[String], here: &Path) -> Result<Failure, Failure> {
    let there = grants.list()?;
    let elsewhere = there.iter().find(|it| it.revoked.is_none() && it.grant.prefix == words);
    let message = format!("`{}` is not allowed for good in {}", words.join(" "), here.display());
    Ok(Failure::new(USAGE, message).hint(match elsewhere {
        Some(kept) => {
            format!("it is in {}: `codex approvals revoke {}`", kept.grant.project, kept.grant.id())
        }
        None => "`codex approvals list --all` shows what is; a prefix is named by all of its words"
            .to_owned(),
    }))
}
