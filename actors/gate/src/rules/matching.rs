//! Which rules a command falls under.

use super::file::{Decision, PrefixRule, RuleSet};

/// Whether a rule for `git` also stands for `/usr/bin/git`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Programs {
    /// A program is what it is called.
    AsWritten,
    /// Where no rule takes an absolute path as it is written, those for its last part are looked at:
    /// if `host_executable` lists the path, or lists none for that name.
    Resolved,
}

/// A rule that a command falls under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The rule.
    pub rule: &'a PrefixRule,
    /// The words that it took, the program as the rule names it.
    pub prefix: Vec<String>,
    /// The path that the program was called by, where the rule names only its last part.
    pub resolved: Option<String>,
}

impl RuleSet {
    /// Gives every rule that takes this one command, in the order of the files.
    ///
    /// The argument list is taken as it is: no script is looked into.
    pub fn matches(&self, argv: &[String], programs: Programs) -> Vec<Match<'_>> {
        let Some((program, rest)) = argv.split_first() else { return Vec::new() };
        let exact: Vec<Match<'_>> =
            self.rules.iter().filter_map(|rule| matched(rule, program, rest, None)).collect();
        if !exact.is_empty() || programs == Programs::AsWritten || !program.starts_with('/') {
            return exact;
        }
        let name = last_part(program);
        let listed = self.hosts.iter().find(|host| host.name == name);
        if listed.is_some_and(|host| !host.paths.contains(program)) {
            return Vec::new();
        }
        let named = |rule| matched(rule, name, rest, Some(program));
        self.rules.iter().filter_map(named).collect()
    }

    /// Gives every rule that counts for a command that is about to run.
    ///
    /// What allows must fit exactly: a path stands for its name only where `host_executable` lists
    /// it. What asks or forbids holds under every path, since a copy or a longer spelling of a
    /// program does the same.
    pub(crate) fn ruling(&self, argv: &[String]) -> Vec<&PrefixRule> {
        let Some((program, rest)) = argv.split_first() else { return Vec::new() };
        let name = last_part(program);
        let listed =
            || self.hosts.iter().any(|host| host.name == name && host.paths.contains(program));
        let takes = |rule: &&PrefixRule| {
            matched(rule, program, rest, None).is_some()
                || matched(rule, name, rest, None).is_some()
                    && match rule.decision {
                        Decision::Allow => listed(),
                        Decision::Prompt | Decision::Forbidden => true,
                    }
        };
        self.rules.iter().filter(takes).collect()
    }

    /// Gives the rules that ask or forbid whose words stand in a text, in their order.
    ///
    /// For scripts that can't be taken apart: what they run is not known, so this is a guess that
    /// errs towards asking.
    pub(crate) fn suspected(&self, script: &str) -> Vec<&PrefixRule> {
        // Quotes and backslashes hide words from a reader and not from a shell.
        let bare: String = script.chars().filter(|c| !matches!(c, '"' | '\'' | '\\')).collect();
        let apart = |c: char| !(c.is_alphanumeric() || "_-./=+:,@%~^".contains(c));
        let words: Vec<&str> = bare.split(apart).filter(|word| !word.is_empty()).collect();
        let within = |rule: &&PrefixRule| {
            let mut words = words.iter();
            let strict = match rule.decision {
                Decision::Allow => false,
                Decision::Prompt | Decision::Forbidden => true,
            };
            strict
                && rule.pattern.iter().enumerate().all(|(position, wanted)| {
                    words.any(|word| {
                        wanted.takes(word) || position == 0 && wanted.takes(last_part(word))
                    })
                })
        };
        self.rules.iter().filter(within).collect()
    }
}

fn matched<'a>(
    rule: &'a PrefixRule,
    program: &str,
    rest: &[String],
    resolved: Option<&String>,
) -> Option<Match<'a>> {
    let (first, more) = rule.pattern.split_first()?;
    let words = rest.get(..more.len())?;
    let fits = first.takes(program) && more.iter().zip(words).all(|(wanted, it)| wanted.takes(it));
    let prefix = || std::iter::once(program.to_owned()).chain(words.iter().cloned()).collect();
    fits.then(|| Match { rule, prefix: prefix(), resolved: resolved.cloned() })
}

pub(crate) fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
