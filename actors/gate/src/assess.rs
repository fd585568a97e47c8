//! What is known of a command, put together as the journal keeps it.

use std::path::Path;

use codex_event::{Assessment, RuleDecision, Safety};

use crate::{Lookup, Proposal, Rulebook, classify, propose};

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
    (verdict.safety, Assessment { reason: verdict.reason, ruling, prefix })
}
