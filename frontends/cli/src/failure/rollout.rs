//! Why a session that Codex recorded was not imported.

use codex_journal::OpenError;
use codex_rollout::ImportError;

use super::{BUG, Failure, UNVERIFIED, USAGE};

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let message = error.to_string();
        match error {
            ImportError::Input { .. } => {
                Failure::new(USAGE, message).hint("check its name, and that you may read it")
            }
            ImportError::NotARollout(_) => Failure::new(UNVERIFIED, message)
                .hint("a rollout begins with a line that says what the session is"),
            ImportError::Already(id) => Failure::new(USAGE, message).hint(format!(
                "`codex exec resume {id}` goes on with it; to import it anew: `codex sessions \
                 delete {id}` first"
            )),
            ImportError::Make(OpenError::Exists(id)) => Failure::new(USAGE, message).hint(format!(
                "another session has its id; `codex sessions delete {id}` makes room for it"
            )),
            ImportError::Make(error) => error.into(),
            ImportError::Convert(_) => Failure::new(BUG, message)
                .hint("nothing was imported; this is a bug, and the rollout's lines show where"),
        }
    }
}
