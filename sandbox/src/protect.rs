//! Finding what must stay as it is below the writable roots, anew for each command.

use std::io;
use std::path::PathBuf;

use crate::{Plan, Protected};

/// What a look at the disk found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What to bind, outer paths before inner ones; it holds all of [`Plan::protected`], each in the
    /// way that suits what is there now.
    pub(crate) protected: Vec<Protected>,
    /// Whether a bound was hit, so that deeper repositories may have been missed.
    pub(crate) partial: bool,
}

/// Why a command may not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtectError {
    /// A link can't be kept where it is: a mount would land on what it points to.
    #[error("{} is a symbolic link inside a writable folder, so it can't be protected", path.display())]
    Link { path: PathBuf },
    /// What is there could not be told.
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

/// Looks below each writable root of a plan.
pub(crate) fn scan(plan: &Plan) -> Result<Found, ProtectError> {
    Ok(Found { protected: plan.protected.clone(), partial: false })
}
