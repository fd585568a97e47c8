//! What the owner is doing to a session's files, for those who trace it.

/// Where in the files' life the owner is; each lasts until the next one is told.
///
/// Told at level `TRACE` under [`PHASE_TARGET`] as the field `phase`, by the thread that does the
/// work. Nobody recovers from it: it is there so that a crash can be aimed at each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Making the head file of a new session.
    CreateHead,
    /// The engine makes its files.
    CreateEngine,
    /// Making files and names of a new session durable.
    CreateSync,
    /// Writing the records that a fork or an import begins with.
    WriteBase,
    /// Making them durable.
    SyncBase,
    /// Giving a fork its parent's blobs, or an import those of its file. A fork's engine makes its
    /// files meanwhile, which is told of at once.
    LinkBlobs,
    /// Giving a fork or an import, which is complete, its name.
    NameSession,
    /// Reading the files before the engine may.
    Survey,
    /// Keeping damaged files before a repair.
    KeepDamaged,
    /// Making the engine's files anew, beside the old ones.
    Rebuild,
    /// Putting new files in the place of the engine's.
    PutInPlace,
    /// Making a head file anew.
    RepairHead,
    /// Copying the engine's files aside.
    CopyAside,
    /// The engine opens its files, and may write to them.
    OpenEngine,
    /// Comparing what the engine gives with what was there.
    Compare,
    /// Making durable what opening changed.
    SyncOpened,
    /// Removing the copy and the mark of the opening.
    DropAside,
    /// Writing a blob under a name for the time being.
    WriteBlob,
    /// Making a blob's bytes durable.
    SyncBlob,
    /// Giving a blob its name.
    NameBlob,
    /// Making the names of blobs durable.
    SyncNames,
    /// Handing records to the engine.
    Append,
    /// The engine writes what it was given.
    Flush,
    /// Making what the engine wrote durable.
    SyncData,
    /// Writing how far the journal is acknowledged.
    WriteHead,
    /// Making that durable.
    SyncHead,
    /// Telling subscribers and senders; after that, waiting for work.
    Answer,
    /// The engine closes its files.
    Close,
}

/// The target under which phases are traced.
pub const PHASE_TARGET: &str = "codex_journal::phase";

impl Phase {
    /// Every phase, in the order of a session's life.
    pub const ALL: [Phase; 28] = [
        Phase::CreateHead,
        Phase::CreateEngine,
        Phase::CreateSync,
        Phase::WriteBase,
        Phase::SyncBase,
        Phase::LinkBlobs,
        Phase::NameSession,
        Phase::Survey,
        Phase::KeepDamaged,
        Phase::Rebuild,
        Phase::PutInPlace,
        Phase::RepairHead,
        Phase::CopyAside,
        Phase::OpenEngine,
        Phase::Compare,
        Phase::SyncOpened,
        Phase::DropAside,
        Phase::WriteBlob,
        Phase::SyncBlob,
        Phase::NameBlob,
        Phase::SyncNames,
        Phase::Append,
        Phase::Flush,
        Phase::SyncData,
        Phase::WriteHead,
        Phase::SyncHead,
        Phase::Answer,
        Phase::Close,
    ];

    /// Gives its name in a trace.
    pub fn name(self) -> &'static str {
        match self {
            Phase::CreateHead => "create-head",
            Phase::CreateEngine => "create-engine",
            Phase::CreateSync => "create-sync",
            Phase::WriteBase => "write-base",
            Phase::SyncBase => "sync-base",
            Phase::LinkBlobs => "link-blobs",
            Phase::NameSession => "name-session",
            Phase::Survey => "survey",
            Phase::KeepDamaged => "keep-damaged",
            Phase::Rebuild => "rebuild",
            Phase::PutInPlace => "put-in-place",
            Phase::RepairHead => "repair-head",
            Phase::CopyAside => "copy-aside",
            Phase::OpenEngine => "open-engine",
            Phase::Compare => "compare",
            Phase::SyncOpened => "sync-opened",
            Phase::DropAside => "drop-aside",
            Phase::WriteBlob => "write-blob",
            Phase::SyncBlob => "sync-blob",
            Phase::NameBlob => "name-blob",
            Phase::SyncNames => "sync-names",
            Phase::Append => "append",
            Phase::Flush => "flush",
            Phase::SyncData => "sync-data",
            Phase::WriteHead => "write-head",
            Phase::SyncHead => "sync-head",
            Phase::Answer => "answer",
            Phase::Close => "close",
        }
    }

    /// Tells that it begins.
    pub(crate) fn begin(self) {
        tracing::trace!(target: PHASE_TARGET, phase = self.name());
    }
}
