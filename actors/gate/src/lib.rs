//! The gate: what is known of a command before it runs.
//!
//! `classify` tells commands that only look from all others, with its reason in words. What it does
//! not understand is unknown, and an unknown command is asked about. Being known safe only spares
//! the question: the command still runs in the sandbox.
//!
//! # Why a command is known to only look
//!
//! 1. *Form.* An argument list, or exactly a shell, `-c` or `-lc`, and a script (`classify.rs`). Other options
//!    of a shell read files and change its language. A script that starts with `-` is one of them.
//! 2. *Identity* (`lookup.rs`). A name resolves in the `PATH` of the command to a file in a system folder that
//!    only root can change; otherwise `./ls`, or a shim in a home, would pass for `ls`. A login shell may put
//!    folders of the user's home before the others: those are the user's, and no command can write there.
//! 3. *Script* (`script.rs`). Two readers have to see the same plain commands: the grammar of bash, and one of
//!    plain words. Nothing expands, assigns, groups, runs in the background, or writes but to `/dev/null`.
//! 4. *Words* are compared unquoted, as the shell would hand them over. A backslash outside of single quotes is
//!    refused: it has too many meanings to be worth one.
//! 5. *Globs* are for programs that a file name can't lead astray: a file may be called `--pre=./x`. Never in
//!    zsh, where a glob can run code.
//! 6. *Options* (`options.rs`, `programs/`). What a program may be told stands in a table, so an abbreviation,
//!    a bundle or a new option is asked about. Operands that would be written to are counted.
//! 7. *Never* (`programs/never.rs`): git, wrappers, interpreters, pagers, build tools, the environment, and
//!    builtins that change what later words mean.
//! 8. *Operands* (`places.rs`) that may hold secrets, are devices, or tell of other processes are asked about,
//!    from wherever a `cd` may have led. It goes by letters alone: the sandbox withholds what a link leads to.
//!
//! What "always" would remember of a command is in `prefix.rs`.
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
