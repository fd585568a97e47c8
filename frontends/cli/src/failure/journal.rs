//! What to do about a journal that can't be opened or written.

use std::io;

use codex_event::SessionId;
use codex_journal::{AppendError, Damage, StoreError, WriteError, WriteFault};

const PLACE: &str = "the journal lives under `$CODEX_HOME/journals` (default `~/.codex`): check that \
                     it is writable and that the disk is not full";
const FULL: &str = "the disk or your share of it is full: free some space, then run it again";
const CHECK: &str = "`codex replay --last --verify` says what is wrong";

pub(super) fn write(error: &WriteError) -> &'static str {
    match error {
        WriteError::Failed(fault) => match &**fault {
            WriteFault::Append(error) => append(error),
            WriteFault::Barrier(error) => store(error),
            WriteFault::Blob(error) | WriteFault::Head(error) => system(error),
        },
        WriteError::Ended => "this is a bug; what was done so far: `codex replay --last`",
    }
}

fn append(error: &AppendError) -> &'static str {
    match error {
        AppendError::Expected { .. } | AppendError::Fenced { .. } => {
            "another process writes to this session: end one of the two"
        }
        AppendError::NotDense { .. }
        | AppendError::WrongSession { .. }
        | AppendError::TooLarge { .. } => {
            "this is a bug; what was done so far: `codex replay --last`"
        }
        AppendError::Store(error) => store(error),
    }
}

pub(super) fn store(error: &StoreError) -> &'static str {
    match error {
        StoreError::Io(error) => system(error),
        StoreError::Engine(_) | StoreError::Panicked(_) => PLACE,
        StoreError::Damaged { .. } | StoreError::Missing(_) => CHECK,
    }
}

pub(super) fn system(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FULL,
        // The rest of what a system may say leads to the same place.
        _ => PLACE,
    }
}

pub(super) fn damage(session: SessionId, damage: &Damage) -> String {
    match damage {
        Damage::Records(_) => {
            format!(
                "nothing of it can be gone on with, so put its files back from a copy if you have \
                 one; `codex replay {session} --verify` names what is wrong"
            )
        }
        Damage::Engine(_) | Damage::Panicked(_) | Damage::Earlier(_) | Damage::Unfinished(_) => {
            format!(
                "its records are whole: run it again, and its database is made anew from them; \
                 `codex replay {session}` shows it all the same"
            )
        }
    }
}
