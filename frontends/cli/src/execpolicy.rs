//! `codex execpolicy check`: rules held against a command, in the JSON that other programs read.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use codex_config::{Config, Flags, Inputs};
use codex_event::RuleDecision;
use codex_gate::{Match, Owner, Programs, RuleError, RuleSet, Rulebook};
use serde::Serialize;

use crate::args::Check;
use crate::failure::Failure;
use crate::{opening, rulebook, say};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    matched_rules: Vec<Matched>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<RuleDecision>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Matched {
    #[serde(rename_all = "camelCase")]
    PrefixRuleMatch {
        matched_prefix: Vec<String>,
        decision: RuleDecision,
        #[serde(skip_serializing_if = "Option::is_none")]
        resolved_program: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        justification: Option<String>,
    },
}

pub(crate) fn check(args: &Check) -> Result<ExitCode, Failure> {
    let rules = match args.rules.is_empty() {
        true => of_home()?,
        false => of_files(&args.rules)?,
    };
    let programs = match args.resolve_host_executables {
        true => Programs::Resolved,
        false => Programs::AsWritten,
    };
    let found = rules.matches(&args.command, programs);
    let decision = strictest(found.iter().map(|it| it.rule.decision));
    let output = Output { matched_rules: found.into_iter().map(matched).collect(), decision };
    let json = match args.pretty {
        true => serde_json::to_string_pretty(&output),
        false => serde_json::to_string(&output),
    };
    let json = json.map_err(|error| crate::failure::output(&error.into()))?;
    say::line(codex_view::sanitize::json(&json));
    Ok(ExitCode::SUCCESS)
}

fn matched(found: Match<'_>) -> Matched {
    Matched::PrefixRuleMatch {
        matched_prefix: found.prefix,
        decision: found.rule.decision,
        resolved_program: found.resolved,
        justification: found.rule.justification.clone(),
    }
}

fn strictest(decisions: impl Iterator<Item = RuleDecision>) -> Option<RuleDecision> {
    decisions.max_by_key(|decision| match decision {
        RuleDecision::Allow => 0,
        RuleDecision::Prompt => 1,
        RuleDecision::Forbidden => 2,
    })
}

/// Reads the files that were named, all as the user's own.
fn of_files(paths: &[impl AsRef<Path>]) -> Result<RuleSet, Failure> {
    let user = std::env::home_dir();
    let mut rules = RuleSet::default();
    for path in paths.iter().map(AsRef::as_ref) {
        let text = codex_gate::read_rules(path)?.ok_or_else(|| RuleError::Read {
            path: path.to_owned(),
            // Asked again, because the system says it better than the kind of the error.
            source: std::fs::metadata(path).err().unwrap_or(io::ErrorKind::NotFound.into()),
        })?;
        rules.add(path, &text, Owner::User, user.as_deref())?;
    }
    Ok(rules)
}

/// Reads the rules that a session here would have.
fn of_home() -> Result<RuleSet, Failure> {
    let (home, cwd) = (opening::home()?, opening::folder(None)?);
    let config = Config::load(Inputs {
        home: home.clone(),
        env: &|name| std::env::var(name).ok(),
        cwd: cwd.clone(),
        overrides: Vec::new(),
        flags: Flags::default(),
    })?;
    Ok(Rulebook::rules_of(&home, rulebook::trusted(&config, &cwd).as_deref())?)
}
