//! Which of two settings is the stricter one, for whatever keeps commands from something.

use crate::{GitWrites, Permission, Resources, SandboxLevel, Settings};

/// A setting that keeps commands from something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restraint {
    /// What commands may do.
    Permissions,
    /// When a person is asked.
    ApprovalPolicy,
    /// How much confinement the host must give.
    SandboxLevel,
    /// What commands may write in a repository's own folder.
    GitWrites,
    /// What a command may use up.
    Resources,
}

impl Restraint {
    /// Gives the key that the settings file has for it.
    pub fn key(self) -> &'static str {
        match self {
            Restraint::Permissions => "sandbox_permissions",
            Restraint::ApprovalPolicy => "approval_policy",
            Restraint::SandboxLevel => "sandbox_level",
            Restraint::GitWrites => "git_writes",
            Restraint::Resources => "sandbox_resources",
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
            sandbox_level: self.sandbox_level.stricter(others.sandbox_level),
            git_writes: self.git_writes.stricter(others.git_writes),
            resources: self.resources.stricter(others.resources),
            ..self.clone()
        };
        let changed = [
            (Restraint::Permissions, within.permissions != self.permissions),
            (Restraint::ApprovalPolicy, within.approval_policy != self.approval_policy),
            (Restraint::SandboxLevel, within.sandbox_level != self.sandbox_level),
            (Restraint::GitWrites, within.git_writes != self.git_writes),
            (Restraint::Resources, within.resources != self.resources),
        ];
        let changed = changed.into_iter().filter_map(|(what, differs)| differs.then_some(what));
        let changed = changed.collect();
        (within, changed)
    }
}

impl SandboxLevel {
    /// Gives the stricter level. The best that a host gives is never less than landlock.
    pub fn stricter(self, other: SandboxLevel) -> SandboxLevel {
        match (self, other) {
            (SandboxLevel::Full, _) | (_, SandboxLevel::Full) => SandboxLevel::Full,
            (SandboxLevel::Auto, _) | (_, SandboxLevel::Auto) => SandboxLevel::Auto,
            (SandboxLevel::Landlock, SandboxLevel::Landlock) => SandboxLevel::Landlock,
        }
    }
}

impl GitWrites {
    /// Gives the stricter rule.
    pub fn stricter(self, other: GitWrites) -> GitWrites {
        match (self, other) {
            (GitWrites::None, _) | (_, GitWrites::None) => GitWrites::None,
            (GitWrites::Metadata, GitWrites::Metadata) => GitWrites::Metadata,
        }
    }
}

impl Resources {
    /// Gives the stricter limit of each kind.
    pub fn stricter(self, other: Resources) -> Resources {
        let least = |one: Option<u64>, two: Option<u64>| one.into_iter().chain(two).min();
        Resources {
            processes: least(self.processes, other.processes),
            file_bytes: least(self.file_bytes, other.file_bytes),
            memory_bytes: least(self.memory_bytes, other.memory_bytes),
            disk_free: self.disk_free.max(other.disk_free),
        }
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
    use crate::DiskFloor;

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

    #[test]
    fn the_stricter_one_is_the_same_from_both_sides() {
        use SandboxLevel::{Auto, Full, Landlock};
        let by_strictness = [Landlock, Auto, Full];
        for (at, one) in by_strictness.into_iter().enumerate() {
            for (other, two) in by_strictness.into_iter().enumerate() {
                assert_eq!(one.stricter(two), by_strictness[at.max(other)]);
            }
        }
        let by_strictness = [GitWrites::Metadata, GitWrites::None];
        for (at, one) in by_strictness.into_iter().enumerate() {
            for (other, two) in by_strictness.into_iter().enumerate() {
                assert_eq!(one.stricter(two), by_strictness[at.max(other)]);
            }
        }
        let (off, on) = (DiskFloor::Off, DiskFloor::default());
        let limits = |processes, file_bytes, memory_bytes, disk_free| Resources {
            processes,
            file_bytes,
            memory_bytes,
            disk_free,
        };
        let few = limits(Some(1), None, Some(3), off);
        let small = limits(Some(2), Some(2), None, on);
        let both = limits(Some(1), Some(2), Some(3), on);
        assert_eq!((few.stricter(small), small.stricter(few)), (both, both));
    }
}
