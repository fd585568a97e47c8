//! The owner's socket: how other processes follow a session and say what they want.
//!
//! A Unix socket in the session's folder that only the same user may use. Both ends speak the
//! protocol of `codex_event::protocol`, one JSON object a line.

mod client;
mod lines;
mod place;
mod remote;
mod server;

pub use client::{Guest, GuestError};
pub use lines::MAX_REQUEST;
pub(crate) use remote::Remote;
pub use server::{Attendant, CLIENTS, Server};

/// Longest name of a frontend.
const MAX_FRONTEND: usize = 32;

/// Tells whether a frontend may be recorded under this name.
fn is_name(frontend: &str) -> bool {
    let fits =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    (1..=MAX_FRONTEND).contains(&frontend.len()) && frontend.chars().all(fits)
}
