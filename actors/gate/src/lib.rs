//! The gate: what is known of a command before it runs.
//!
//! `classify` tells commands that only look from all others, with its reason in words. What it does
//! not understand is unknown, and an unknown command is asked about. Being known safe only spares
//! the question: the command still runs in the sandbox.

mod classify;
mod lookup;
mod options;
mod places;
mod prefix;
mod programs;
mod script;

pub use classify::{Verdict, classify};
pub use lookup::{Distrust, Lookup};
pub use prefix::propose;
