//! What commands inherit of the agent's environment.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// Variables of [`Inherit::Core`], as Codex has them.
const CORE: [&str; 9] =
    ["HOME", "LOGNAME", "PATH", "SHELL", "USER", "USERNAME", "TMPDIR", "TEMP", "TMP"];

/// What commands inherit and what is set for them: the settings `shell_environment_policy`.
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

impl EnvironmentPolicy {
    /// Tells whether a variable is inherited as far as the settings tell by its name.
    pub(super) fn inherits(&self, name: &OsStr) -> bool {
        let begins = match self.inherit {
            Inherit::All => true,
            Inherit::Core => CORE.iter().any(|core| fits(core, name)),
            Inherit::None => false,
        };
        begins && !self.exclude.iter().any(|pattern| fits(pattern, name))
    }

    /// Tells whether names that say secret are inherited.
    pub(super) fn inherits_secrets(&self) -> bool {
        self.ignore_default_excludes
    }

    /// Tells whether a command may see a variable that it has by now.
    pub(super) fn keeps(&self, name: &OsStr) -> bool {
        self.include_only.is_empty() || self.include_only.iter().any(|pattern| fits(pattern, name))
    }
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

/// Compares a name with a pattern; linear in both but for the last `*`, to which it goes back.
fn fits(pattern: &str, name: &OsStr) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(letter) if *letter == b'?' || letter.eq_ignore_ascii_case(&name[seen]) => {
                at += 1;
                seen += 1;
            }
            Some(_) | None => match &mut star {
                Some((begin, taken)) => {
                    *taken += 1;
                    (at, seen) = (*begin + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_globs_without_case() {
        for (pattern, name, expected) in [
            ("PATH", "path", true),
            ("PATH", "PATHS", false),
            ("*", "", true),
            ("*", "anything", true),
            ("AWS_*", "aws_region", true),
            ("*_KEY", "MY_KEY_KEY", true),
            ("*_KEY", "MY_KEYS", false),
            ("A?C", "ABC", true),
            ("A?C", "AC", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
            ("", "X", false),
        ] {
            assert_eq!(fits(pattern, name.as_ref()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn values_show_in_no_log() {
        let mut policy = EnvironmentPolicy::default();
        policy.set.insert("NAME".into(), "hunter2".into());
        let shown = format!("{policy:?}");
        assert!(shown.contains("NAME") && !shown.contains("hunter2"), "{shown}");
    }
}
