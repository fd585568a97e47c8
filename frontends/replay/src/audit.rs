//! The audit of sessions: what was done and who allowed it, and proof that the journal still says so.
//!
//! [`Trail`] is a pure projection of events into [`Entry`]s, one act each, which [`show`] prints. A
//! [`Checkpoint`] is a signed statement of how far a journal was at some time; kept elsewhere, it
//! lets [`verify`] find out that a journal was cut or rewritten as a whole, which no chain inside of
//! the journal can. What each of them proves, and what it can't, stands in journal/README.md.

mod checkpoint;
mod filter;
mod key;
mod show;
mod time;
mod trail;
mod verify;

pub use checkpoint::{Checkpoint, LineError, Unsigned, take};
pub use filter::Filter;
pub use key::{AuditKey, KeyError, KeyTextError, PublicKey};
pub use show::{Form, Shown, show};
pub use time::{moment, utc};
pub use trail::{Entry, Kind, Trail};
pub use verify::{
    CheckpointFile, Claims, HeadClaim, HeadClaimError, Pin, PinOrigin, Proof, verify,
};
