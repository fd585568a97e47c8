//! What the user may do with a file where there is no fence.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use rustix::fs::{Access, AtFlags, CWD, accessat};

/// What is known of a path outside of any fence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Where the path leads once its links are followed; the last part need not exist.
    pub path: PathBuf,
    /// Whether something is there.
    pub exists: bool,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Whether the user may read it, or list it.
    pub read: bool,
    /// Whether the user may write to it, or make it where it is not there.
    pub write: bool,
    /// Whether the user may execute it, or enter it.
    pub execute: bool,
}

/// A way to look at the host, so that grading itself looks at nothing.
pub trait Look {
    /// Looks at a path.
    fn at(&self, path: &Path) -> Standing;

    /// Tells whether the host has this process.
    fn has_process(&self, pid: i32) -> bool;
}

/// Looks at this machine.
pub fn look_on_disk() -> impl Look {
    OnDisk
}

pub(super) struct OnDisk;

impl Look for OnDisk {
    fn at(&self, path: &Path) -> Standing {
        let real = resolved(path);
        let may = |path: &Path, access| accessat(CWD, path, access, AtFlags::EACCESS).is_ok();
        let exists = real.symlink_metadata().is_ok();
        // What the kernel shows as files can't be made, whatever the mode of its folder.
        let is_shown = ["/proc", "/sys"].iter().any(|folder| real.starts_with(folder));
        let makes = || {
            !is_shown
                && real.parent().is_some_and(|above| may(above, Access::WRITE_OK | Access::EXEC_OK))
        };
        Standing {
            exists,
            is_folder: real.is_dir(),
            read: may(&real, Access::READ_OK),
            // What exists may also be replaced or removed by whoever may write its folder.
            write: (exists && may(&real, Access::WRITE_OK)) || makes(),
            execute: may(&real, Access::EXEC_OK),
            path: real,
        }
    }

    fn has_process(&self, pid: i32) -> bool {
        Path::new(&format!("/proc/{pid}")).exists()
    }
}

/// Follows the links of the longest beginning of a path that is there.
fn resolved(path: &Path) -> PathBuf {
    let mut missing = vec![];
    let mut rest = path;
    loop {
        if let Ok(mut real) = std::fs::canonicalize(rest) {
            real.extend(missing.iter().rev());
            return real;
        }
        let (Some(above), Some(name)) = (rest.parent(), rest.file_name()) else {
            return path.to_owned();
        };
        missing.push(name);
        rest = above;
    }
}
