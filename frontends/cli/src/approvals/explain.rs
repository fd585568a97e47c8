//! `codex approvals explain`: what would happen to a command here and now, and why.

use std::io::{self, BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use codex_config::{Config, Flags, Inputs};
use codex_event::{ApprovalPolicy, Assessment, RuleDecision, Ruling, Safety};
use codex_gate::{Lookup, Proposal, Rulebook, assess, classify, project_root};
use codex_session::{Outlook, outlook};
use codex_view::{command_line, sanitize};
use serde::Serialize;

use crate::args::Explain;
use crate::failure::{self, Failure};
use crate::lines::{Lines, Said};
use crate::{opening, rulebook};

/// What a command is judged by.
struct Gate {
    folder: PathBuf,
    trusted: bool,
    policy: ApprovalPolicy,
    rulebook: Rulebook,
    lookup: Lookup,
}

#[derive(Serialize)]
struct Answer<'a> {
    argv: &'a [String],
    auto_approve: bool,
    reason: String,
    safety: Safety,
    #[serde(skip_serializing_if = "Option::is_none")]
    ruling: Option<Ruling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<Vec<String>>,
    policy: &'static str,
    outcome: &'static str,
}

pub(super) fn run(args: Explain) -> Result<ExitCode, Failure> {
    let gate = Gate::open(&args)?;
    let mut out = io::stdout().lock();
    let printed = match (args.stdin, args.json) {
        (true, _) => gate.answer_lines(&mut out),
        (false, true) => print(&mut out, &gate.answer(&args.command)),
        (false, false) => gate.explain(&args.command, &mut out),
    };
    printed.map_err(|error| failure::output(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes one line and lets go of it at once: a program may wait for it.
fn print(out: &mut impl Write, answer: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", sanitize::json(&serde_json::to_string(answer)?))?;
    out.flush()
}

impl Gate {
    fn open(args: &Explain) -> Result<Gate, Failure> {
        let (home, folder) = (opening::home()?, opening::folder(args.cd.as_deref())?);
        let policy = args
            .ask_for_approval
            .as_deref()
            .map(|policy| format!("approval_policy={}", serde_json::Value::from(policy)));
        let config = Config::load(Inputs {
            home: home.clone(),
            env: &|name| std::env::var(name).ok(),
            cwd: folder.clone(),
            overrides: policy.into_iter().collect(),
            flags: Flags::default(),
        })?;
        let rulebook = match args.no_rules {
            true => Rulebook::default(),
            false => rulebook::load(&home, &config, &folder)?,
        };
        Ok(Gate {
            lookup: Lookup::host(&std::env::var_os("PATH").unwrap_or_default(), &folder),
            trusted: rulebook::trusted(&config, &folder).is_some(),
            policy: config.approval_policy,
            rulebook,
            folder,
        })
    }

    fn assess(&self, argv: &[String]) -> (Safety, Assessment) {
        assess(argv, Some(&self.folder), &self.rulebook, &self.lookup)
    }

    fn answer<'a>(&self, argv: &'a [String]) -> Answer<'a> {
        let (safety, Assessment { reason, ruling, prefix, parts: _ }) = self.assess(argv);
        let strictest = outlook(ApprovalPolicy::UnlessAllowListed, safety, ruling.as_ref());
        Answer {
            argv,
            auto_approve: strictest == Outlook::Runs,
            reason: ruling.as_ref().map_or(reason, words),
            safety,
            policy: self.policy.as_str(),
            outcome: outlook(self.policy, safety, ruling.as_ref()).as_str(),
            ruling,
            prefix,
        }
    }

    /// Answers each line of the input by one line.
    fn answer_lines(&self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = Lines::new(BufReader::new(io::stdin().lock()));
        while let Some(said) = lines.next::<Vec<String>>() {
            let broken = |why: &str| serde_json::json!({ "error": why });
            match said {
                Said::Request(argv) if argv.is_empty() => {
                    print(out, &broken("the list of words is empty"))?;
                }
                Said::Request(argv) => print(out, &self.answer(&argv))?,
                Said::Broken(why) => print(out, &broken(&why))?,
            }
        }
        Ok(())
    }

    /// Says it to a person.
    fn explain(&self, argv: &[String], out: &mut impl Write) -> io::Result<()> {
        let (safety, Assessment { reason, ruling, prefix, parts: _ }) = self.assess(argv);
        let project = project_root(&self.folder);
        let trust = if self.trusted { ", trusted" } else { "" };
        writeln!(out, "command  {}", sanitize::visible(&command_line(argv)))?;
        writeln!(out, "project  {}{trust}", sanitize::visible(&project.display().to_string()))?;
        let known = match safety {
            Safety::KnownSafe => "known to change nothing",
            Safety::Unknown => "not known to be safe",
        };
        writeln!(out, "safety   {known}: {}", sanitize::visible(&reason))?;
        self.members(argv, out)?;
        match &ruling {
            Some(ruling) => writeln!(out, "rules    {}", sanitize::visible(&words(ruling)))?,
            None => writeln!(out, "rules    no rule and no grant decides")?,
        }
        if let Some(trouble) = self.rulebook.trouble() {
            writeln!(out, "grants   none counts: {}", sanitize::text(&trouble))?;
        }
        if let Some(prefix) = prefix {
            writeln!(
                out,
                "always   would remember: {}",
                sanitize::visible(&command_line(&prefix))
            )?;
        }
        let then = match outlook(self.policy, safety, ruling.as_ref()) {
            Outlook::Runs => "it runs in the sandbox, and nobody is asked",
            Outlook::Asks => "you are asked first",
            Outlook::Refused => "it is refused, and the model is told why",
        };
        writeln!(out, "policy   {}: {then}", self.policy.as_str())
    }

    /// Shows what is laid down about each of several commands.
    fn members(&self, argv: &[String], out: &mut impl Write) -> io::Result<()> {
        let verdict = classify(argv, &self.lookup);
        let Some(commands @ [_, _, ..]) = verdict.commands.as_deref() else { return Ok(()) };
        let proposal = Proposal { argv, commands: Some(commands), folder: Some(&self.folder) };
        let safe = |command: &[String]| verdict.is_safe(command);
        for member in self.rulebook.members(&proposal, &safe) {
            let said = match (&member.ruling, member.safety) {
                (Some(ruling), _) => words(ruling),
                (None, Safety::KnownSafe) => "known to change nothing".to_owned(),
                (None, Safety::Unknown) => "nothing is laid down about it".to_owned(),
            };
            let command = sanitize::visible(&command_line(&member.argv));
            writeln!(out, "         - {command}: {}", sanitize::visible(&said))?;
        }
        Ok(())
    }
}

/// Says what a rule or grant decides, where it stands, and why.
fn words(ruling: &Ruling) -> String {
    let decides = match ruling.decision {
        RuleDecision::Allow => "allowed by",
        RuleDecision::Prompt => "to be asked about, by",
        RuleDecision::Forbidden => "forbidden by",
    };
    match &ruling.justification {
        Some(why) => format!("{decides} {}: {why}", ruling.source),
        None => format!("{decides} {}", ruling.source),
    }
}
