//! All that is laid down about commands in this home and project: rules, and grants as they are now.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use codex_event::{RuleDecision, Ruling, Safety};

use crate::grants::Stamp;
use crate::project_root;
use crate::rules::{self, Note, Owner, PrefixRule, RuleError, RuleSet};
use crate::runners::{self, Kind};
use crate::{Added, Grant, GrantError, Grants, Kept};

/// The rules and grants that hold for a session.
///
/// Rules are read once, when the session begins or is taken up. Grants are looked at whenever they
/// are asked for, so that one which another process has revoked counts no more.
#[derive(Debug, Default)]
pub struct Rulebook {
    rules: RuleSet,
    grants: Option<Book>,
}

#[derive(Debug)]
struct Book {
    file: Grants,
    seen: Mutex<Seen>,
}

/// The grants as they were when the file was last looked at.
#[derive(Debug, Default)]
struct Seen {
    stamp: Option<Stamp>,
    kept: Vec<Kept>,
    trouble: Option<String>,
}

/// A command that is about to run.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// Its argument list.
    pub argv: &'a [String],
    /// The plain commands that it consists of; none when it is more than plain commands.
    pub commands: Option<&'a [Vec<String>]>,
    /// The folder that it runs in, in the sandbox. None where nothing holds it: no grant counts there.
    pub folder: Option<&'a Path>,
}

/// One plain command of several, and what is laid down about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The command, or the whole argument list where it could not be taken apart.
    pub argv: Vec<String>,
    /// Whether it is known to change nothing.
    pub safety: Safety,
    /// What a rule or a grant says of it.
    pub ruling: Option<Ruling>,
}

impl Rulebook {
    /// Reads the rules of a home, then those of a project that the user trusts, then the grants.
    ///
    /// The project's are read from `.codex/rules` of its root. They may make things stricter; what
    /// they allow has no effect, and is in [`Rulebook::notes`].
    ///
    /// # Errors
    ///
    /// At the first mistake in any of the files: nothing is decided under half a policy.
    pub fn load(home: &Path, trusted: Option<&Path>) -> Result<Rulebook, RuleError> {
        let rules = Rulebook::rules_of(home, trusted)?;
        let file = Grants::of(home);
        let mut seen = Seen { stamp: file.stamp(), ..Seen::default() };
        seen.take(file.list()?);
        Ok(Rulebook { rules, grants: Some(Book { file, seen: Mutex::new(seen) }) })
    }

    /// Reads the rules alone, as [`Rulebook::load`] does.
    ///
    /// # Errors
    ///
    /// At the first mistake in any of the files.
    pub fn rules_of(home: &Path, trusted: Option<&Path>) -> Result<RuleSet, RuleError> {
        let user = std::env::home_dir();
        let mut found = RuleSet::default();
        let folders = [
            (Some(home.join("rules")), Owner::User),
            (trusted.map(|root| root.join(".codex/rules")), Owner::Project),
        ];
        for (folder, owner) in folders {
            let Some(folder) = folder else { continue };
            for path in rules::folder(&folder)? {
                let Some(file) = rules::text(&path)? else { continue };
                found.add(&path, &file.text, owner, user.as_deref())?;
            }
        }
        Ok(found)
    }

    /// Gives what has no effect, for the user to know.
    pub fn notes(&self) -> Vec<Note> {
        let mut notes = self.rules.notes().to_vec();
        if let Some(book) = &self.grants {
            for kept in book.now().kept.iter() {
                let Some(reason) = &kept.unfit else { continue };
                notes.push(Note {
                    file: book.file.path().into(),
                    line: kept.line,
                    message: format!("this grant has no effect: {reason}"),
                });
            }
        }
        notes
    }

    /// Says why the grants can't be looked at just now, if they can't; none of them counts, then.
    pub fn trouble(&self) -> Option<String> {
        self.grants.as_ref().and_then(|book| book.now().trouble.clone())
    }

    /// Keeps a grant. It counts at once, here and in every other session of this home.
    ///
    /// # Errors
    ///
    /// When such a grant is never made, or the file can't be read or written.
    pub fn keep(&self, grant: &Grant) -> Result<Added, GrantError> {
        match &self.grants {
            Some(book) => book.file.add(grant),
            // A session that leaves nothing behind leaves no grant.
            None => Err(GrantError::Unfit {
                prefix: grant.prefix.clone(),
                reason: "nothing of this session is kept".to_owned(),
            }),
        }
    }

    /// Says what rules and grants decide about a command; none when they leave it open.
    ///
    /// Every plain command of a script is looked at, and the strictest decision holds. It is allowed
    /// only if each of them is allowed or known to be safe, and a rule or grant says so of one at
    /// least. `known_safe` is asked for each of them.
    ///
    /// A script that can't be taken apart falls under a rule for its shell. Where its words are those
    /// of a rule that asks or forbids, it is asked about: what it runs is not known.
    pub fn rule(
        &self,
        proposal: &Proposal<'_>,
        known_safe: &dyn Fn(&[String]) -> bool,
    ) -> Option<Ruling> {
        decide(&self.members(proposal, known_safe))
    }

    /// Takes a command apart and says what is laid down about each part.
    pub fn members(
        &self,
        proposal: &Proposal<'_>,
        known_safe: &dyn Fn(&[String]) -> bool,
    ) -> Vec<Member> {
        let whole = [proposal.argv.to_vec()];
        let (commands, plain) = match proposal.commands {
            Some(commands) => (commands, true),
            None => (&whole[..], false),
        };
        let active = self.grants.as_ref().map(|book| book.now().kept.clone());
        let active = active.filter(|active| plain && !active.is_empty()).unwrap_or_default();
        let folder = proposal.folder.filter(|_| !active.is_empty());
        let project = folder.and_then(|folder| one_project(folder, commands));
        let granted = |argv: &[String]| {
            let project = project.as_deref()?;
            active.iter().find(|kept| kept.is_active() && kept.grant.covers(argv, project))
        };
        let member = |argv: &Vec<String>| {
            let ruling = self.strictest(argv).or_else(|| granted(argv).map(|it| self.of_grant(it)));
            let safety = match known_safe(argv) {
                true => Safety::KnownSafe,
                false => Safety::Unknown,
            };
            Member { argv: argv.clone(), safety, ruling }
        };
        commands.iter().map(member).collect()
    }

    /// Gives the strictest that any rule says of one command, also through what it is wrapped in.
    fn strictest(&self, argv: &[String]) -> Option<Ruling> {
        let mut found: Vec<Ruling> = self.rules.ruling(argv).into_iter().map(of_rule).collect();
        match argv.first().and_then(|program| runners::kind(program)) {
            Some(Kind::Wrapper) => {
                let inner = (1..argv.len()).flat_map(|from| self.rules.ruling(&argv[from..]));
                found.extend(inner.map(of_rule).filter(|it| strictness(it.decision) > 0));
                let scripts = runners::scripts(&argv[1..]);
                let suspected = scripts.iter().flat_map(|script| self.rules.suspected(script));
                found.extend(suspected.map(suspicion));
            }
            Some(Kind::Shell) => {
                let suspected = self.rules.suspected(&argv[1..].join(" "));
                found.extend(suspected.into_iter().map(suspicion));
            }
            Some(Kind::Interpreter | Kind::Git) | None => {}
        }
        // Of equals the first.
        found.into_iter().rev().max_by_key(|ruling| strictness(ruling.decision))
    }

    fn of_grant(&self, kept: &Kept) -> Ruling {
        let path = self.grants.as_ref().map(|book| book.file.path()).unwrap_or(Path::new(""));
        Ruling {
            decision: RuleDecision::Allow,
            source: format!("{}:{}", path.display(), kept.line),
            justification: None,
        }
    }
}

impl Book {
    /// Looks whether the file is still the one that was read, and reads it again if not.
    fn now(&self) -> MutexGuard<'_, Seen> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Before it is read: what is written in between is seen the next time.
        let stamp = self.file.stamp();
        if stamp != seen.stamp || seen.trouble.is_some() {
            seen.stamp = stamp;
            match self.file.list() {
                Ok(kept) => seen.take(kept),
                Err(error) => {
                    *seen = Seen { stamp, kept: Vec::new(), trouble: Some(error.to_string()) };
                }
            }
        }
        seen
    }
}

impl Seen {
    fn take(&mut self, kept: Vec<Kept>) {
        self.trouble = None;
        self.kept = kept.into_iter().filter(|kept| kept.revoked.is_none()).collect();
    }
}

/// Joins what is laid down about the parts of a command.
fn decide(members: &[Member]) -> Option<Ruling> {
    let rulings = || members.iter().filter_map(|member| member.ruling.as_ref());
    let strictest = rulings().rev().max_by_key(|ruling| strictness(ruling.decision))?;
    let covered = |member: &Member| match (&member.ruling, member.safety) {
        (Some(_), _) | (None, Safety::KnownSafe) => true,
        (None, Safety::Unknown) => false,
    };
    match strictest.decision {
        RuleDecision::Prompt | RuleDecision::Forbidden => Some(strictest.clone()),
        RuleDecision::Allow => members.iter().all(covered).then(|| {
            let mut sources: Vec<&str> = rulings().map(|ruling| ruling.source.as_str()).collect();
            sources.dedup();
            Ruling { source: sources.join(", "), ..strictest.clone() }
        }),
    }
}

fn strictness(decision: RuleDecision) -> u8 {
    match decision {
        RuleDecision::Allow => 0,
        RuleDecision::Prompt => 1,
        RuleDecision::Forbidden => 2,
    }
}

fn of_rule(rule: &PrefixRule) -> Ruling {
    Ruling {
        decision: rule.decision,
        source: format!("{}:{}", rule.file.display(), rule.line),
        justification: rule.justification.clone(),
    }
}

/// What a rule is worth for a script that may or may not run what it is about: a question.
fn suspicion(rule: &PrefixRule) -> Ruling {
    let why = "a script that is more than plain commands has the words of this rule";
    let justification = match &rule.justification {
        Some(theirs) => format!("{why}: {theirs}"),
        None => why.to_owned(),
    };
    Ruling { decision: RuleDecision::Prompt, justification: Some(justification), ..of_rule(rule) }
}

/// Gives the project that all commands of a script run in; none when that is not one or not known.
///
/// A script that changes its folder could take a grant along into other code.
fn one_project(folder: &Path, commands: &[Vec<String>]) -> Option<PathBuf> {
    let project = project_root(folder);
    let mut moves = commands.iter().filter(|argv| {
        argv.first().is_some_and(|word| matches!(word.as_str(), "cd" | "pushd" | "popd"))
    });
    let (first, more) = (moves.next(), moves.next());
    match (first.map(Vec::as_slice), more) {
        (None, _) => Some(project),
        (Some([word, to]), None) if word == "cd" && !to.starts_with(['-', '~']) => {
            let to = std::fs::canonicalize(folder.join(to)).ok()?;
            (to.is_dir() && project_root(&to) == project).then_some(project)
        }
        (Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests;
