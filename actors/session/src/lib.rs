//! The pure core: commands and reports become events, events become state and work owed.
//!
//! [`Session::decide`] holds every rule and changes nothing; [`Session::apply`] holds no rule and
//! changes the state; [`Session::react`] and [`Session::outstanding`] say what the world is owed.
//! No clock, no entropy, no I/O: a session can be folded, replayed and simulated anywhere.

mod admit;
mod apply;
mod chain;
mod decide;
mod grant;
mod own;
mod policy;
mod react;
mod redecide;
mod repeat;
mod report;
mod resume;
mod retry;
mod review;
mod session;
mod transcript;

pub use admit::Illegal;
pub use chain::Draft;
pub use policy::{Outlook, outlook};
pub use react::{BegunBy, Effect, Unfinished};
pub use redecide::{Difference, redecide};
pub use report::{Intake, PatchPlan, Report, Stamp};
pub use session::Session;
pub use transcript::{CallForm, Entry, Origin, Transcript};
