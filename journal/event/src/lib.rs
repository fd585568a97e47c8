//! The vocabulary of the journal: events, commands, ids, records and the hash chain. No I/O.
//!
//! [`Event`] is the story that this program can tell; an [`Envelope`] gives an event its place and
//! cause; a [`Record`] is an envelope sealed into a frame that proves itself and names its
//! predecessor. [`Command`] is what a frontend may ask for, [`Rejection`] why it may not have it.

mod assessment;
mod author;
mod change;
mod command;
mod digest;
mod envelope;
mod environment;
mod event;
mod id;
mod model;
mod parsed;
mod past;
mod permission;
mod protocol;
mod reach;
mod record;
mod restraint;
mod resume;
#[cfg(feature = "schema")]
pub mod schema;
mod settings;
mod stored;
mod texts;
mod time;
mod tool;

pub use assessment::{AssessedPart, Assessment, Escalation, RuleDecision, Ruling};
pub use author::Author;
pub use change::{ChangeKind, FileChange};
pub use command::{Command, MAX_NAME, Opening, Rejection};
pub use digest::{Digest, DigestError};
pub use envelope::{
    Body, CodecError, Envelope, Heading, IMPORTED, SCHEMA_VERSION, SPILL_ABOVE, kind,
};
pub use environment::{EnvironmentPolicy, Inherit};
pub use event::{CloseReason, Durability, Event, FailureKind, InterruptReason, Nature, Shelf};
pub use id::{CallId, Epoch, Millis, RequestId, Seq, SessionId, SessionIdError, Timestamp, TurnId};
pub use model::{
    Fault, FaultKind, ItemKind, Retry, RetryBudget, StreamMark, StreamPart, Tail, Usage,
};
pub use past::Past;
pub use permission::{ApprovalPolicy, FULL_AUTO, Permission, PermissionError};
pub use protocol::{Notice, PROTOCOL, Refusal, Request};
pub use record::{FORMAT, FrameError, HEADER_LEN, MAGIC, MAX_JSON_LEN, Proven, Record, genesis};
pub use restraint::Restraint;
pub use resume::{FoundPatch, PatchState, Resumption, Surroundings};
pub use settings::{
    Backend, ContextSource, DiskFloor, GitHead, GitWrites, PLACEHOLDER_MARK, ProviderSettings,
    Resources, SandboxLevel, SandboxReport, Settings,
};
pub use stored::{Content, OutputBytes, Slot, Stored};
pub use texts::{Text, Texts};
pub use time::utc;
pub use tool::{
    Arguments, Confinement, Denial, DenialGrade, Invocation, Outcome, OutputStream, ProcessMark,
    Question, Safety, Scope, Verdict,
};

#[cfg(test)]
mod tests;
