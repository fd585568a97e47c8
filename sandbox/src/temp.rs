//! The user's own temporary folder.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Finds the user's own temporary folder, or makes a fresh private one.
///
/// `tmpdir_env` is the value of `$TMPDIR`. It is taken when it is absolute, a directory, owned by
/// the effective user and not writable by others; otherwise a new directory of mode 0700 is made
/// below `fallback_base`. The caller exports the result as `TMPDIR` and removes a fresh one when
/// the session ends. `fallback_base` must lie outside the agent's home. Many Linux users have no
/// `TMPDIR`; falling back to `/tmp` itself would silently widen the grant to a shared folder.
///
/// # Errors
///
/// Only when the fallback has to be made and can't.
pub fn resolve_user_temp(tmpdir_env: Option<&OsStr>, fallback_base: &Path) -> io::Result<PathBuf> {
    if let Some(folder) = tmpdir_env.map(Path::new).filter(|path| path.is_absolute())
        && let Ok(canonical) = fs::canonicalize(folder)
        && is_private_to_us(&canonical)
    {
        return Ok(canonical);
    }
    let base = fs::canonicalize(fallback_base)?;
    let mut attempt = 0_u32;
    loop {
        let folder = base.join(format!("codex-tmp-{}-{attempt}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 10_000 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_private_to_us(folder: &Path) -> bool {
    const WRITABLE_BY_OTHERS: u32 = 0o002;
    fs::metadata(folder).is_ok_and(|meta| {
        meta.is_dir()
            && meta.uid() == rustix::process::geteuid().as_raw()
            && meta.mode() & WRITABLE_BY_OTHERS == 0
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_private_tmpdir_is_taken() {
        let world = tempfile::tempdir().expect("a folder");
        let wanted = fs::canonicalize(world.path()).expect("canonical");
        let found = resolve_user_temp(Some(wanted.as_os_str()), world.path()).expect("resolves");
        assert_eq!(found, wanted);
    }

    #[test]
    fn anything_else_gives_a_fresh_private_folder() {
        let world = tempfile::tempdir().expect("a folder");
        let shared = world.path().join("shared");
        fs::create_dir(&shared).expect("made");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).expect("opened");
        let file = world.path().join("file");
        fs::write(&file, "").expect("written");
        let base = fs::canonicalize(world.path()).expect("canonical");
        let mut seen = vec![];
        for tmpdir in [
            None,
            Some(OsStr::new("relative")),
            Some(OsStr::new("/nonexistent-folder")),
            Some(shared.as_os_str()),
            Some(file.as_os_str()),
        ] {
            let found = resolve_user_temp(tmpdir, world.path()).expect("resolves");
            assert_eq!(found.parent(), Some(base.as_path()));
            assert_eq!(fs::metadata(&found).expect("exists").mode() & 0o777, 0o700);
            assert!(!seen.contains(&found), "a folder was handed out twice");
            seen.push(found);
        }
    }
}
