//! What a fork may do: never more than its parent may by now.

use std::path::Path;

use codex_event::{Permission, SessionId, Settings};
use codex_journal::{Layout, RawJournal};
use codex_view::Status;

use crate::args::RunFlags;
use crate::failure::Failure;
use crate::resume;

/// Puts into the flags for a fork what keeps it from more than its parent may by now.
///
/// Settings at an earlier position are those of then, and the user may have taken some of it back since:
/// going back in a conversation does not give it again. Of permissions those of then stay when the parent
/// has all of them; a policy has no order, so that of now holds. What the flags set is asked for.
pub(super) fn narrowed(
    mut flags: RunFlags,
    layout: &Layout,
    parent: SessionId,
    then: &Settings,
) -> Result<RunFlags, Failure> {
    let Some(now) = last_settings(layout, parent)? else { return Ok(flags) };
    let set = resume::settings_of(&flags)?;
    let sets = |keys: &[&str]| set.iter().any(|key| keys.contains(&key.as_str()));
    if !sets(&["sandbox_permissions", "sandbox_mode"])
        && !covers(&now.permissions, &then.permissions)
    {
        let kept = now.permissions.iter().filter(|it| names_no_link(it));
        let words: Vec<String> = kept.map(ToString::to_string).collect();
        flags.config.push(format!("sandbox_permissions={}", serde_json::Value::from(words)));
    }
    if !sets(&["approval_policy"]) && now.approval_policy != then.approval_policy {
        let policy = serde_json::Value::from(now.approval_policy.as_str());
        flags.config.push(format!("approval_policy={policy}"));
    }
    Ok(flags)
}

/// Gives the settings that hold at the end of a session; none when it was never opened.
fn last_settings(layout: &Layout, session: SessionId) -> Result<Option<Settings>, Failure> {
    let journal = RawJournal::read(&layout.session(session), session)?;
    let mut status = Status::default();
    for mut record in journal.records().flatten() {
        journal.blobs().hydrate(&mut record.envelope);
        status.apply(&record.envelope);
    }
    Ok(status.settings)
}

/// Tells whether what is permitted is still what it was when it was written down, with its links resolved:
/// a link that came to stand there since leads to what nobody ever allowed.
fn names_no_link(permission: &Permission) -> bool {
    if let Permission::DiskWriteFolder(folder) = permission {
        return std::fs::canonicalize(folder).is_ok_and(|found| found == Path::new(folder));
    }
    true
}

/// Tells whether the one set allows all that the other does.
fn covers(wide: &[Permission], narrow: &[Permission]) -> bool {
    Permission::is_unconfined(wide) || narrow.iter().all(|it| wide.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_set_covers_another_when_it_has_all_of_it() {
        let set = |words: &[&str]| -> Vec<Permission> {
            words.iter().flat_map(|word| Permission::expand(word).expect("a word")).collect()
        };
        let modes = ["read-only", "workspace-write", "danger-full-access"].map(|mode| set(&[mode]));
        for (at, wide) in modes.iter().enumerate() {
            for (other, narrow) in modes.iter().enumerate() {
                assert_eq!(covers(wide, narrow), other <= at, "{wide:?} {narrow:?}");
            }
        }
        let network = set(&["read-only", "network-full-access"]);
        assert!(!covers(&modes[1], &network) && !covers(&network, &modes[1]));
    }

    #[test]
    fn a_folder_that_became_a_link_is_not_permitted_again() {
        let room = tempfile::tempdir().expect("a folder");
        let room = room.path().canonicalize().expect("there");
        let named = |name: &str| {
            Permission::DiskWriteFolder(room.join(name).to_str().expect("text").to_owned())
        };
        std::fs::create_dir(room.join("folder")).expect("made");
        std::os::unix::fs::symlink("/", room.join("link")).expect("made");
        let kept = ["folder", "link", "gone"].map(|name| names_no_link(&named(name)));
        assert_eq!(kept, [true, false, false]);
        assert!(names_no_link(&Permission::DiskWriteCwd));
    }
}
