//! What is known of a command, put together as the journal keeps it.

use std::path::Path;

use codex_event::{AssessedPart, Assessment, RuleDecision, Safety};

use crate::{Lookup, Proposal, Rulebook, Verdict, classify, propose};

/// Commands of a script that are told apart, and characters of what is told of one: an event is small.
const PARTS: usize = 12;
const PROGRAM: usize = 32;
const REASON: usize = 100;

/// Says whether a command is known to be safe, why, what rules and grants decide about it, and what
/// an answer for good would remember of it.
///
/// `folder` is where the command runs, absolute: grants hold in the project that it lies in. It is none
/// where no sandbox holds the command: nothing durable lets one run there, so no grant counts and none is
/// offered. All of it is a fact about this moment, kept with the call, so that no later rule or release changes what
/// was decided.
pub fn assess(
    argv: &[String],
    folder: Option<&Path>,
    book: &Rulebook,
    lookup: &Lookup,
) -> (Safety, Assessment) {
    let verdict = classify(argv, lookup);
    let proposal = Proposal { argv, commands: verdict.commands.as_deref(), folder };
    let known_safe = |command: &[String]| verdict.is_safe(command);
    let ruling = book.rule(&proposal, &known_safe);
    let prefix = match ruling.as_ref().map(|ruling| ruling.decision) {
        None | Some(RuleDecision::Allow) => folder.and_then(|_| propose(&verdict, lookup)),
        // A rule that asks or forbids is stronger than any grant.
        Some(RuleDecision::Prompt | RuleDecision::Forbidden) => None,
    };
    let parts = parts(&verdict);
    (verdict.safety, Assessment { reason: verdict.reason, ruling, prefix, parts })
}

/// What is known of each command, where there are several and not all of them only look.
fn parts(verdict: &Verdict) -> Vec<AssessedPart> {
    let commands = verdict.commands.as_deref().unwrap_or_default();
    match (verdict.safety, commands) {
        (Safety::Unknown, [_, _, ..]) => {}
        (Safety::KnownSafe | Safety::Unknown, _) => return Vec::new(),
    }
    let each = commands.iter().zip(&verdict.why).take(PARTS);
    let part = |(command, why): (&Vec<String>, &Option<String>)| {
        let program = command.first().map(String::as_str).unwrap_or_default();
        // It begins with the program's name, which is told already.
        let why = why.as_deref().map(|why| {
            let named = format!("`{program}`: ");
            cut(why.strip_prefix(&named).unwrap_or(why), REASON)
        });
        AssessedPart { program: cut(program, PROGRAM), reason: why }
    };
    each.map(part).collect()
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(safety: Safety, commands: &[(&str, Option<&str>)]) -> Verdict {
        Verdict {
            safety,
            reason: "x".to_owned(),
            commands: Some(commands.iter().map(|(name, _)| vec![(*name).to_owned()]).collect()),
            each: Vec::new(),
            why: commands.iter().map(|(_, why)| why.map(str::to_owned)).collect(),
        }
    }

    #[test]
    fn each_command_of_a_script_that_is_not_safe_is_told() {
        let two = [("ls", None), ("rm", Some("`rm`: it removes files"))];
        let told = parts(&verdict(Safety::Unknown, &two));
        let part = |program: &str, reason: Option<&str>| AssessedPart {
            program: program.to_owned(),
            reason: reason.map(str::to_owned),
        };
        assert_eq!(told, [part("ls", None), part("rm", Some("it removes files"))]);
        assert_eq!(parts(&verdict(Safety::KnownSafe, &[("ls", None), ("cat", None)])), []);
        assert_eq!(parts(&verdict(Safety::Unknown, &two[1..])), []);
    }

    #[test]
    fn what_is_told_is_short() {
        let (name, why) = ("é".repeat(900), "w".repeat(900));
        let many = vec![(name.as_str(), Some(why.as_str())); 40];
        let told = parts(&verdict(Safety::Unknown, &many));
        assert_eq!(told.len(), PARTS);
        let longest = |it: &AssessedPart| {
            let reason = it.reason.as_deref().unwrap_or_default();
            it.program.chars().count() <= PROGRAM + 1 && reason.chars().count() <= REASON + 1
        };
        assert!(told.iter().all(longest));
    }
}
