//! Which of two settings is the stricter one, for whatever keeps commands from something.

use crate::{Permission, Settings};

/// A setting that keeps commands from something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restraint {
    /// What commands may do.
    Permissions,
    /// When a person is asked.
    ApprovalPolicy,
}

impl Restraint {
    /// Gives the key that the settings file has for it.
    pub fn key(self) -> &'static str {
        match self {
            Restraint::Permissions => "sandbox_permissions",
            Restraint::ApprovalPolicy => "approval_policy",
        }
    }
}

impl Settings {
    /// Gives these settings with nothing allowed that others don't allow as well, and names what had
    /// to be changed for it.
    ///
    /// An approval policy is not stricter or less strict than another one, so that of the others holds.
    pub fn within(&self, others: &Settings) -> (Settings, Vec<Restraint>) {
        let within = Settings {
            permissions: Permission::common(&self.permissions, &others.permissions),
            approval_policy: others.approval_policy,
            ..self.clone()
        };
        let changed = [
            (Restraint::Permissions, within.permissions != self.permissions),
            (Restraint::ApprovalPolicy, within.approval_policy != self.approval_policy),
        ];
        let changed = changed.into_iter().filter_map(|(what, differs)| differs.then_some(what));
        let changed = changed.collect();
        (within, changed)
    }
}

impl Permission {
    /// Gives what both sets allow.
    pub fn common(one: &[Permission], other: &[Permission]) -> Vec<Permission> {
        let mut common: Vec<Permission> =
            one.iter().filter(|it| it.is_in(other)).cloned().collect();
        let rest = other.iter().filter(|it| it.is_in(one) && !it.is_in(&common)).cloned();
        let rest: Vec<Permission> = rest.collect();
        common.extend(rest);
        common
    }

    /// Tells whether a set allows all that this does. A folder below another one is none of it: what
    /// lies between them on the disk is not looked at.
    fn is_in(&self, set: &[Permission]) -> bool {
        let full = match self {
            Permission::DiskWritePlatformUserTempFolder
            | Permission::DiskWritePlatformGlobalTempFolder
            | Permission::DiskWriteCwd
            | Permission::DiskWriteFolder(_) => Some(Permission::DiskFullWriteAccess),
            Permission::DiskFullReadAccess
            | Permission::DiskFullWriteAccess
            | Permission::NetworkFullAccess => None,
        };
        set.contains(self) || full.is_some_and(|full| set.contains(&full))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> Vec<Permission> {
        words.iter().flat_map(|word| Permission::expand(word).expect("a word")).collect()
    }

    #[test]
    fn what_two_sets_have_in_common_is_what_both_allow() {
        let modes = ["read-only", "workspace-write", "danger-full-access"].map(|mode| set(&[mode]));
        for (at, one) in modes.iter().enumerate() {
            for (other, two) in modes.iter().enumerate() {
                assert_eq!(Permission::common(one, two), modes[at.min(other)], "{one:?} {two:?}");
            }
        }
        let network = set(&["read-only", "network-full-access"]);
        assert_eq!(Permission::common(&modes[1], &network), modes[0]);
        assert_eq!(Permission::common(&network, &modes[2]), network);
        let folders = set(&["disk-write-folder=/a", "disk-write-folder=/a/b"]);
        let all = set(&["disk-full-write-access"]);
        assert_eq!(Permission::common(&folders, &all), folders);
        assert_eq!(Permission::common(&all, &folders), folders);
        assert_eq!(Permission::common(&folders[..1], &folders[1..]), []);
        assert_eq!(Permission::common(&[], &modes[2]), []);
    }
}
