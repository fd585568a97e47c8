//! What commands see of the agent's environment, as settings say it. It is in no journal.

use std::collections::BTreeMap;
use std::fmt;

/// What commands inherit and what is set for them: the settings `shell_environment_policy`.
///
/// Names that say secret (KEY, SECRET, TOKEN, PASSW, CREDENTIAL, COOKIE, _PAT) are left out unless
/// `ignore_default_excludes` is set. Codex 0.169 has it the other way round.
///
/// Patterns are compared with names without regard to case; `*` stands for any letters, `?` for one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvironmentPolicy {
    /// What there is to begin with.
    pub inherit: Inherit,
    /// Whether names that say secret are inherited as well.
    pub ignore_default_excludes: bool,
    /// Patterns of what is not inherited.
    pub exclude: Vec<String>,
    /// What is set.
    pub set: BTreeMap<String, String>,
    /// Patterns of all that a command may see; no pattern, no such limit.
    pub include_only: Vec<String>,
}

/// What an environment begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inherit {
    /// The agent's own.
    #[default]
    All,
    /// What nearly every program needs.
    Core,
    /// Nothing.
    None,
}

/// Values may be secrets, and show in no log.
impl fmt::Debug for EnvironmentPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentPolicy")
            .field("inherit", &self.inherit)
            .field("ignore_default_excludes", &self.ignore_default_excludes)
            .field("exclude", &self.exclude)
            .field("set", &self.set.keys())
            .field("include_only", &self.include_only)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_show_in_no_log() {
        let mut policy = EnvironmentPolicy::default();
        policy.set.insert("NAME".into(), "hunter2".into());
        let shown = format!("{policy:?}");
        assert!(shown.contains("NAME") && !shown.contains("hunter2"), "{shown}");
    }
}
