//! What to do when a session can't be changed.

use codex_actors::WishError;
use codex_journal::RemoveError;

use super::{BUG, Failure, NO_JOURNAL, USAGE, journal};

impl From<WishError> for Failure {
    fn from(error: WishError) -> Self {
        match error {
            WishError::Refused(rejection) => rejection.into(),
            WishError::Journal(error) => error.into(),
            WishError::Runtime(_) => Failure::new(BUG, error.to_string())
                .hint("the system refused it; check the limits (`ulimit -a`)"),
        }
    }
}

impl From<RemoveError> for Failure {
    fn from(error: RemoveError) -> Self {
        let message = error.to_string();
        match error {
            RemoveError::NotFound(_) => Failure::new(USAGE, message)
                .hint("`codex sessions` lists the sessions of this home"),
            RemoveError::WentOn(_) => Failure::new(USAGE, message)
                .hint("`codex sessions` lists the sessions as they are now"),
            RemoveError::Busy(_) => Failure::new(USAGE, message)
                .hint("wait for its end, or end its process; then it can be removed"),
            RemoveError::Io { source, .. } => {
                Failure::new(NO_JOURNAL, message).hint(journal::system(&source))
            }
        }
    }
}
