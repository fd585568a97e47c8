//! What it takes to go on with a session whose process ended.

use serde::{Deserialize, Serialize};

use crate::{CallId, Digest, SandboxReport, Settings, Slot, Stored};

/// Where a process of a session works; each process finds it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Surroundings {
    /// Canonical working directory.
    pub cwd: String,
    /// What confines commands here.
    pub sandbox: SandboxReport,
    /// Digest of the tool schemas offered to the model.
    pub tools: Digest,
}

/// How far a patch got whose process ended while it was being applied.
///
/// A fact: what the files were like when somebody looked, before anything else was done to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FoundPatch {
    /// The call.
    pub call: CallId,
    /// How far it got.
    #[serde(flatten)]
    pub state: PatchState,
}

/// What the files of a patch are like, held against the digests of its intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum PatchState {
    /// All are as before: nothing was done, and the patch may be applied.
    Before,
    /// All are as the patch leaves them: it was applied.
    After,
    /// Some are neither, or they differ among each other.
    Mixed {
        /// What the model is told, file by file.
        told: Stored<String>,
    },
}

impl PatchState {
    pub(crate) fn slot(&mut self) -> Option<&mut dyn Slot> {
        match self {
            PatchState::Mixed { told } => Some(told),
            PatchState::Before | PatchState::After => None,
        }
    }
}

/// How a session is to be taken up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resumption {
    /// Version of the program that resumes it.
    pub program: String,
    /// What was found of patches that were under way.
    pub patches: Vec<FoundPatch>,
    /// Where this process works; as before when none.
    pub surroundings: Option<Surroundings>,
    /// Settings that hold from now on; those of the journal when none.
    pub settings: Option<Settings>,
    /// Description of the surroundings for the model, when it is another than the last one.
    pub environment: Option<String>,
    /// What the user says. Without it the session only goes on with what it was doing, and stops
    /// where that would be guessing: after a call whose effects are not known.
    pub input: Option<String>,
}
