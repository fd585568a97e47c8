//! Folders that relative paths start from.

use std::path::{Path, PathBuf};

use crate::{ConfigError, Origin};

/// Looks up one environment variable; `None` when it is not set.
///
/// The program passes the real environment, tests pass a table.
pub type Env<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Finds the agent's home: `$CODEX_HOME` if set and not empty, else `~/.codex`.
///
/// A relative `$CODEX_HOME` starts from `cwd`. Whether the folder exists is not looked at: without
/// one, the defaults hold.
///
/// # Errors
///
/// [`ConfigError::NoHome`] when neither `CODEX_HOME` nor `HOME` is set.
pub fn find_home(env: &Env<'_>, cwd: &Path) -> Result<PathBuf, ConfigError> {
    if let Some(home) = filled(env, "CODEX_HOME") {
        return Ok(cwd.join(home));
    }
    filled(env, "HOME").map(|user| Path::new(&user).join(".codex")).ok_or(ConfigError::NoHome)
}

/// Looks up a variable and takes a blank one for one that is not set.
pub(crate) fn filled(env: &Env<'_>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.trim().is_empty())
}

/// The folders that the paths of one load start from.
pub(crate) struct Places {
    /// Folder of the settings file.
    pub(crate) home: PathBuf,
    /// Working directory, for the paths of the command line.
    pub(crate) cwd: PathBuf,
    /// What `~` means.
    pub(crate) user: Option<PathBuf>,
}

impl Places {
    /// Makes a path absolute: `~` is the user's folder, and a relative path starts where it was
    /// written, from the file's folder or the working directory.
    pub(crate) fn absolute(
        &self,
        path: &str,
        key: &str,
        origin: &Origin,
    ) -> Result<PathBuf, ConfigError> {
        let below_user = match path.strip_prefix('~') {
            Some("") => Some(""),
            Some(rest) => rest.strip_prefix('/'),
            None => None,
        };
        if let Some(rest) = below_user {
            let user = self.user.as_ref().ok_or_else(|| ConfigError::NoUserFolder {
                key: key.to_owned(),
                origin: origin.clone(),
            })?;
            return Ok(if rest.is_empty() { user.clone() } else { user.join(rest) });
        }
        Ok(match origin {
            Origin::File { .. } => self.home.join(path),
            Origin::Environment(_) | Origin::Override(_) | Origin::Flag(_) => self.cwd.join(path),
        })
    }
}
