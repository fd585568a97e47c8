//! The shell around the core: actors that carry out what the session owes the world.
//!
//! One actor a module, all on one thread: [`wiring`] says who is plugged into whom. Actors hold no
//! rule; what is worth deciding is decided in `codex-session`, or in a small struct without I/O
//! beside the actor. Messages carry control; bytes flow through bounded channels.

mod approval;
mod clock;
mod command;
mod interpret;
mod judge;
mod messages;
mod model;
mod model_actor;
mod notifier;
mod output;
mod port;
mod sandbox;
mod secrets;
mod session;
mod takeup;
mod told;
mod tools;
mod veil;
pub mod wiring;
mod wish;

pub use judge::interpret;
pub use model::tools_digest;
pub use output::Excerpt;
pub use secrets::{NoMarkerKey, check_marker_key, ephemeral_redactor, redactor};
pub use takeup::{TakeUpError, TakenUp};
pub use wiring::{Port, RunError, Setup, Start, run};
pub use wish::WishError;
