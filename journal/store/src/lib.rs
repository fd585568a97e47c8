//! The journal of a session: stores, the writer's thread, feeds, blobs and the raw reader.
//!
//! A [`Scribe`] owns a [`Store`] and writes [`Batch`]es behind durability barriers; a [`Handle`]
//! gives any number of [`Subscription`]s, which see durable records alone. [`RawJournal`] and
//! [`verify()`] read the same files without the engine, beside a live writer or after damage.

mod base;
mod blobs;
mod export;
mod feed;
mod find;
mod fork;
mod guard;
mod head;
mod layout;
mod lease;
mod lock;
mod making;
mod open;
mod phase;
mod raw;
mod recording;
mod remove;
mod repair;
mod room;
mod scribe;
mod socket;
mod store;
mod sweep;
mod verify;

pub use blobs::Blobs;
pub use export::{
    ExportError, Exported, ImportDamage, ImportError, Imported, export, import, is_export,
};
pub use feed::{Feed, Handle, RING_BYTES, RING_RECORDS, Subscription, TAIL_PAUSE, Tails};
pub use find::{FindError, PREFIX_LEN, find, find_among, last, last_in, recent};
pub use fork::{Cut, ForkError, Forked, KEPT_BASES, NewFork, fork};
pub use guard::is_guarded;
pub use head::{Head, HeadFile, HeadState};
pub use layout::{Layout, SessionDir};
pub use lease::{Lease, Standing};
pub use making::discard;
pub use open::{Damage, OpenError, Witness};
pub use phase::{PHASE_TARGET, Phase};
pub use raw::{RawError, RawJournal};
pub use recording::Recording;
pub use remove::{RemoveError, acknowledged, is_owned, remove, remove_at};
pub use repair::{Repair, repair};
pub use scribe::{
    BULK_DELAY, BULK_RECORDS, Batch, GROUP_BATCHES, QUEUE, Scribe, WriteError, WriteFault,
};
pub use socket::{Attendant, CLIENTS, Guest, GuestError, MAX_REQUEST, Server};
pub use store::{
    AppendError, Holes, MemStore, Reader, Salvaged, SledStore, Store, StoreError, kept,
};
pub use sweep::{Leftover, LeftoverKind, Leftovers};
pub use verify::{Problem, Repaired, Verified, verify};
