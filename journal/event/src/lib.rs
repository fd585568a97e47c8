//! The vocabulary of the journal: events, commands, ids, records and the hash chain. No I/O.

mod change;
mod digest;
mod permission;

pub use change::{ChangeKind, FileChange};
pub use digest::{Digest, DigestError};
pub use permission::{ApprovalPolicy, FULL_AUTO, Permission, PermissionError};
