//! What counts of the settings of a session that came as a file.

use std::path::Path;

use codex_config::{Config, Flags, Inputs};
use codex_event::{Event, Permission, SessionId, Settings};
use codex_journal::{Layout, RawJournal};

use crate::args::RunFlags;
use crate::failure::Failure;
use crate::{say, workplace};

/// Tells whether a session came as a file and was not taken up since: from then on its settings are
/// those that counted here.
pub(super) fn is_untried(layout: &Layout, id: SessionId) -> bool {
    let dir = layout.session(id);
    let Some(last) = dir.imported_to() else { return false };
    let Ok(journal) = RawJournal::read(&dir, id) else { return true };
    let mut since = journal.records_from(last.next()).flatten();
    !since.any(|record| matches!(record.envelope.event(), Some(Event::SessionResumed { .. })))
}

/// Gives a session's settings as far as this machine's go: whoever made the file may have chosen
/// them.
///
/// The address that gets the key and the program that is told of turns are this machine's, and
/// permissions are those that its settings give as well; of the level, git's writes and the limits the
/// stricter one holds. The command line may add to the permissions.
pub(super) fn trusted(
    home: &Path,
    cwd: &Path,
    flags: &RunFlags,
    kept: &Settings,
) -> Result<Settings, Failure> {
    let pin = format!("model_provider={}", serde_json::Value::from(kept.provider.id.as_str()));
    let today = Config::load(Inputs {
        home: home.to_owned(),
        env: &|name| std::env::var(name).ok(),
        cwd: cwd.to_owned(),
        overrides: [&[pin], flags.config.as_slice()].concat(),
        flags: Flags::default(),
    })?;
    let mut now = kept.clone();
    now.provider.base_url.clone_from(&today.provider.base_url);
    now.notify = today.notify.clone().unwrap_or_default();
    now.permissions.retain(|permission| gives(&today.permissions, permission));
    now.sandbox_level = now.sandbox_level.stricter(today.sandbox_level);
    now.git_writes = now.git_writes.stricter(today.git_writes);
    now.resources = now.resources.stricter(workplace::resources(&today));
    if now.permissions != kept.permissions {
        say::aside(
            "warning: the session was imported, and may do no more here than the settings say; \
             --sandbox gives it more, which is recorded",
        );
    }
    Ok(now)
}

fn gives(permissions: &[Permission], wanted: &Permission) -> bool {
    let full = match wanted {
        Permission::DiskWritePlatformUserTempFolder
        | Permission::DiskWritePlatformGlobalTempFolder
        | Permission::DiskWriteCwd
        | Permission::DiskWriteFolder(_)
        | Permission::DiskFullWriteAccess => Some(Permission::DiskFullWriteAccess),
        Permission::DiskFullReadAccess => return true,
        Permission::NetworkFullAccess => None,
    };
    permissions.contains(wanted) || full.is_some_and(|full| permissions.contains(&full))
}
