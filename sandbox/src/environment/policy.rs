//! What commands inherit of the agent's environment.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use codex_event::{EnvironmentPolicy, Inherit};

/// Variables of [`Inherit::Core`], as Codex has them.
const CORE: [&str; 9] =
    ["HOME", "LOGNAME", "PATH", "SHELL", "USER", "USERNAME", "TMPDIR", "TEMP", "TMP"];

/// Tells whether a variable is inherited as far as the settings tell by its name.
pub(super) fn inherits(policy: &EnvironmentPolicy, name: &OsStr) -> bool {
    let begins = match policy.inherit {
        Inherit::All => true,
        Inherit::Core => CORE.iter().any(|core| fits(core, name)),
        Inherit::None => false,
    };
    begins && !policy.exclude.iter().any(|pattern| fits(pattern, name))
}

/// Tells whether a command may see a variable that it has by now.
pub(super) fn keeps(policy: &EnvironmentPolicy, name: &OsStr) -> bool {
    policy.include_only.is_empty() || policy.include_only.iter().any(|pattern| fits(pattern, name))
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
}
