//! The gate: what is known of a command before it runs.
//!
//! `classify` tells commands that only look from all others, with its reason in words. What it does
//! not understand is unknown, and an unknown command is asked about. Being known safe only spares
//! the question: the command still runs in the sandbox.
//!
//! [`Rulebook`] holds what was laid down beforehand: rules of the user (`rules/*.rules`), stricter
//! ones of a trusted project, and grants, which a person gave by answering "always". What allows
//! spares the question, and nothing else.

mod assess;
mod classify;
mod grants;
mod lookup;
mod options;
mod places;
mod prefix;
mod programs;
mod project;
mod rulebook;
mod rules;
mod runners;
mod script;

pub use assess::assess;
pub use classify::{Verdict, classify};
pub use grants::{Added, Grant, GrantError, Grants, Kept};
pub use lookup::{Distrust, Lookup};
pub use prefix::propose;
pub use project::project_root;
pub use rulebook::{Member, Proposal, Rulebook};
pub use rules::{
    Decision, Match, Note, Owner, PrefixRule, Programs, RuleError, RuleSet, Word, read_rules,
};
