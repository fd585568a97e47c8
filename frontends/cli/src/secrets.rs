//! What must not be shown or logged, as far as it is known by now.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use codex_actors::wiring::Access;
use codex_config::Config;
use codex_redact::Redactor;

use crate::failure::Failure;

/// The last redactor that was made; none before anybody needed one.
static CURRENT: RwLock<Option<Redactor>> = RwLock::new(None);

/// Makes the redactor of a session, which from now on also cleans the log.
pub(crate) fn redactor(home: &Path, access: &Access, config: &Config) -> Result<Redactor, Failure> {
    codex_actors::check_marker_key(home)?;
    Ok(current(codex_actors::redactor(home, variables(config), Some(access))))
}

/// The same for a session that leaves nothing behind.
pub(crate) fn ephemeral_redactor(
    home: &Path,
    access: &Access,
    config: &Config,
) -> Result<Redactor, Failure> {
    codex_actors::check_marker_key(home)?;
    Ok(current(codex_actors::ephemeral_redactor(home, variables(config), Some(access))))
}

/// Gives our own variables, and those that the settings set for commands.
fn variables(config: &Config) -> impl Iterator<Item = (OsString, OsString)> {
    let set = config.environment.set.iter();
    let set = set.map(|(name, value)| (name.into(), value.into()));
    std::env::vars_os().chain(set)
}

fn current(redactor: Redactor) -> Redactor {
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = Some(redactor.clone());
    redactor
}

/// Takes the secrets out of a text for the log or for a message about a bug.
pub(crate) fn clean(text: &str) -> String {
    let current = CURRENT.read().unwrap_or_else(PoisonError::into_inner).clone();
    let redactor = current.unwrap_or_else(|| {
        let cwd = std::env::current_dir().unwrap_or_default();
        let home = codex_config::find_home(&|name| std::env::var(name).ok(), &cwd);
        let made = codex_actors::redactor(&home.unwrap_or_default(), std::env::vars_os(), None);
        CURRENT.write().unwrap_or_else(PoisonError::into_inner).get_or_insert(made).clone()
    });
    redactor.text(text).into_owned()
}
