//! What to do about a journal that can't be opened or written.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use codex_event::{SessionId, Timestamp};
use codex_journal::{AppendError, Damage, StoreError, WriteError, WriteFault};

const PLACE: &str = "the journal lives under `$CODEX_HOME/journals` (default `~/.codex`): check that \
                     it is writable and that the disk is not full";
const FULL: &str = "the disk or your share of it is full: free some space, then run it again";
const REPLACED: &str = "its lock or its folder was replaced, and nothing that was not acknowledged is \
                        lost by that; `codex sessions` shows it, `codex attach` follows the new owner";
const FILLED: &str = "nothing before it is lost: free some space, then `codex exec resume --last` \
                      goes on where it ended";
const CHECK: &str = "`codex replay --last --verify` says what is wrong";

pub(super) fn write(error: &WriteError) -> &'static str {
    match error {
        WriteError::Failed(fault) => match &**fault {
            WriteFault::Full { .. } => FILLED,
            WriteFault::Append(error) => append(error),
            WriteFault::Barrier(error) => store(error),
            WriteFault::Blob(error) | WriteFault::Head(error) => system(error),
            WriteFault::Fenced { .. } => REPLACED,
            WriteFault::Lock(_) => {
                "the session's folder was moved or removed while it was in use: nothing more can be \
                 written to it"
            }
        },
        WriteError::Ended => "this is a bug; what was done so far: `codex replay --last`",
    }
}

fn append(error: &AppendError) -> &'static str {
    match error {
        AppendError::Expected { .. } | AppendError::Fenced { .. } => REPLACED,
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
        StoreError::Damaged { .. } | StoreError::Missing(_) | StoreError::Feed(_) => CHECK,
    }
}

pub(super) fn system(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FULL,
        // The rest of what a system may say leads to the same place.
        _ => PLACE,
    }
}

pub(super) fn busy(session: SessionId) -> String {
    format!(
        "`codex attach {session}` joins it, `codex replay {session} --follow` watches it, and \
         `codex exec resume {session} --take-over` makes that process let go of it"
    )
}

/// Says for how long, as long as the clock makes sense.
pub(super) fn ago(since: Timestamp, now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Some(seconds) = now.checked_sub(since.0 / 1000) else { return String::new() };
    let (many, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!(" for {many} {unit}{}", if many == 1 { "" } else { "s" })
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
