//! The `apply_patch` format: reading it, planning it and carrying it out all or nothing.
//!
//! A patch passes through four stations. [`parse`] turns text into a [`Patch`] and [`intercept`]
//! finds such text inside a command; both are pure. [`plan`] reads the files that the patch names
//! and works out every new byte in memory; it writes nothing, so its [`Plan`] can be journalled and
//! reviewed first. [`apply`] then changes the tree completely or not at all. After a crash,
//! [`compare`] tells from the recorded digests which of the two it was, and [`sweep`] removes what
//! lies about.

mod apply;
mod cli;
mod disk;
mod hint;
mod parse;
mod plan;
mod recover;
mod roots;
mod search;
mod shell;
mod sweep;
mod text;

pub use apply::{Applied, ApplyError, apply};
pub use cli::{CliOutcome, run_cli};
pub use parse::{Chunk, ChunkLine, FileOp, ParseError, Patch, Problem, parse};
pub use plan::{Plan, PlanError, PlannedFile, plan, strays};
pub use recover::{FileState, Found, Recovery, compare};
pub use roots::Roots;
pub use shell::{Intercepted, intercept, intercept_script};
pub use sweep::sweep;
