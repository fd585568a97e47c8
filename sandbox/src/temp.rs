//! The user's own temporary folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Tells which temporary folder is the user's own.
///
/// `tmpdir_env` is the value of `$TMPDIR`. It is taken, canonical, when it is absolute, a directory,
/// owned by the effective user and not writable by others. Where there is none a session brings its
/// own ([`RuntimeFolder::temp`](crate::RuntimeFolder::temp)): many Linux users have no `TMPDIR`, and
/// falling back to `/tmp` itself would silently widen the grant to a shared folder.
pub fn private_temp(tmpdir_env: Option<&OsStr>) -> Option<PathBuf> {
    let folder = tmpdir_env.map(Path::new).filter(|path| path.is_absolute())?;
    fs::canonicalize(folder).ok().filter(|folder| is_private_to_us(folder))
}

/// Tells whether a path is a folder of the user's that others can't write to.
pub(crate) fn is_private_to_us(folder: &Path) -> bool {
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
        assert_eq!(private_temp(Some(wanted.as_os_str())), Some(wanted));
    }

    #[test]
    fn anything_else_is_not() {
        let world = tempfile::tempdir().expect("a folder");
        let shared = world.path().join("shared");
        fs::create_dir(&shared).expect("made");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).expect("opened");
        let file = world.path().join("file");
        fs::write(&file, "").expect("written");
        for tmpdir in [
            None,
            Some(OsStr::new("relative")),
            Some(OsStr::new("/nonexistent-folder")),
            Some(shared.as_os_str()),
            Some(file.as_os_str()),
        ] {
            assert_eq!(private_temp(tmpdir), None, "{tmpdir:?}");
        }
    }
}
