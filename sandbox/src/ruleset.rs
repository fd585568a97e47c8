//! The landlock rules of a plan.

mod promise;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

pub(crate) use promise::{Promised, promise};

use crate::alias::Mounts;
use crate::{Confinement, Plan, ReadPlan, Stdio, WritePlan};

/// Where devices are, and the one folder there that holds files.
const DEVICES: &str = "/dev";
const SHARED_MEMORY: &str = "/dev/shm";

/// Why the rules could not be enforced exactly as planned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesError {
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Landlock(#[from] RulesetError),
    #[error("landlock says {0:?} where the plan asks for full enforcement")]
    Partial(RulesetStatus),
    #[error("sharing a ruleset: {0}")]
    Share(io::Error),
    #[error("reading the wrapper's word: {0}")]
    Word(io::Error),
    #[error("restricting to the ruleset: {0}")]
    Restrict(io::Error),
    #[error("{}", if .0.is_empty() { "the wrapper ended before it had granted all rules" } else { .0 })]
    Broken(String),
}

/// Who grants the rules.
pub(crate) enum Granting {
    /// The process that they bind.
    Itself,
    /// The wrapper, at the same time.
    Wrapper(Promised),
}

/// Restricts the calling thread to the plan's files, and returns the number of file rules.
///
/// Every feature the plan names is a hard requirement: what can't be enforced exactly is an error,
/// never a weaker fence.
pub(crate) fn enforce(plan: &Plan, stdio: Stdio, granting: Granting) -> Result<u32, RulesError> {
    match granting {
        Granting::Wrapper(promised) => return promised.enforce(),
        Granting::Itself => {}
    }
    let Some(mut rules) = Rules::begin(plan)? else { return Ok(0) };
    rules.grant_all(plan, stdio)?;
    let count = rules.count;
    let status = rules.ruleset.restrict_self()?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(count),
        other @ (RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced) => {
            Err(RulesError::Partial(other))
        }
    }
}

fn abi_of(plan: &Plan) -> ABI {
    match plan.landlock_abi {
        0..=3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6.. => ABI::V6,
    }
}

struct Rules {
    ruleset: RulesetCreated,
    abi: ABI,
    count: u32,
    /// Paths that no read rule may cover.
    withheld: Vec<PathBuf>,
}

impl Rules {
    /// Makes a ruleset without a rule; none where the plan asks for no landlock.
    fn begin(plan: &Plan) -> Result<Option<Rules>, RulesError> {
        if plan.landlock_abi == 0 {
            return Ok(None);
        }
        let abi = abi_of(plan);
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(abi))?;
        if plan.scopes.tcp {
            ruleset = ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
        }
        if plan.scopes.signals {
            ruleset = ruleset.scope(Scope::Signal)?;
        }
        if plan.scopes.abstract_sockets {
            ruleset = ruleset.scope(Scope::AbstractUnixSocket)?;
        }
        Ok(Some(Rules { ruleset: ruleset.create()?, abi, count: 0, withheld: vec![] }))
    }

    /// Grants all that the plan does.
    fn grant_all(&mut self, plan: &Plan, stdio: Stdio) -> Result<(), RulesError> {
        let abi = self.abi;
        match plan.confinement {
            Confinement::None | Confinement::Landlock => {
                let withheld = plan.files.withheld.iter().filter(|path| is_present(path));
                self.withheld = withheld.cloned().collect();
                if !self.withheld.is_empty() {
                    self.withhold_other_names()?;
                }
                if plan.files.read == ReadPlan::Everything {
                    self.withhold_devices()?;
                }
            }
            // What is withheld is covered, and can be read as the emptiness that it shows.
            Confinement::Full => self.private_folders()?,
        }
        match &plan.files.read {
            ReadPlan::Everything => self.read(Path::new("/"))?,
            ReadPlan::Roots(roots) => {
                for root in roots {
                    self.read(root)?;
                }
            }
        }
        match &plan.files.write {
            WritePlan::Everything => self.grant(&open(Path::new("/"))?, self.writes())?,
            WritePlan::Roots(roots) => {
                for root in roots {
                    self.grant(&open(root)?, self.writes() | AccessFs::from_read(abi))?;
                }
            }
        }
        for path in &plan.files.programs {
            match open(path) {
                Ok(file) => self.grant(&file, AccessFs::from_read(abi))?,
                // An update has taken it away meanwhile: then there is nothing to execute.
                Err(RulesError::Open { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let device = self.device();
        for path in &plan.files.devices {
            match open(path) {
                Ok(file) => self.grant(&file, device)?,
                Err(RulesError::Open { source, .. })
                    if matches!(source.raw_os_error(), Some(libc::ENOENT | libc::ENXIO)) => {}
                Err(error) => return Err(error),
            }
        }
        if stdio == Stdio::Inherit {
            // `/dev/stderr` opens the terminal anew; whoever gave us this one may write to it.
            for stream in [
                io::stdin().is_terminal().then(|| io::stdin().as_fd().try_clone_to_owned()),
                io::stdout().is_terminal().then(|| io::stdout().as_fd().try_clone_to_owned()),
                io::stderr().is_terminal().then(|| io::stderr().as_fd().try_clone_to_owned()),
            ]
            .into_iter()
            .flatten()
            .flatten()
            {
                self.grant(&stream, device)?;
            }
        }
        Ok(())
    }

    /// Writing without the right to make device nodes, which lead around every rule.
    fn writes(&self) -> BitFlags<AccessFs> {
        AccessFs::from_write(self.abi) & !(AccessFs::MakeChar | AccessFs::MakeBlock)
    }

    /// Reading and writing a device, and what else it understands.
    fn device(&self) -> BitFlags<AccessFs> {
        (AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate)
            | (AccessFs::from_all(self.abi) & AccessFs::IoctlDev)
    }

    /// Grants what each command gets anew at the level `full`.
    fn private_folders(&mut self) -> Result<(), RulesError> {
        let list: BitFlags<AccessFs> = AccessFs::ReadDir.into();
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        for (path, access) in [
            // Nothing is in the view that may not be listed.
            ("/", list),
            ("/proc", read),
            ("/dev/pts", self.device() | AccessFs::ReadDir),
            ("/dev/shm", self.writes() | AccessFs::from_read(self.abi)),
        ] {
            self.grant(&open(Path::new(path))?, access)?;
        }
        Ok(())
    }

    /// Leaves devices to the few that a plan names: to read them is to read what the user types into
    /// another terminal, what the kernel logs, and, for root, the disk below all files.
    ///
    /// Shared memory, the one folder of files there, can be read like other files.
    fn withhold_devices(&mut self) -> Result<(), RulesError> {
        self.withheld.push(DEVICES.into());
        match open(Path::new(SHARED_MEMORY)) {
            Ok(folder) => self.grant(&folder, AccessFs::from_read(self.abi)),
            Err(RulesError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Withholds under its other names, too, what is withheld: rules are found by the name.
    fn withhold_other_names(&mut self) -> Result<(), RulesError> {
        let mounts = Mounts::of_this_process()
            .map_err(|source| RulesError::Open { path: "/proc/self/mountinfo".into(), source })?;
        let name = |path: &Path| fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()));
        for path in self.withheld.clone() {
            let Ok(own) = name(&path) else { continue };
            let aliases = mounts.aliases(&path).into_iter();
            self.withheld.extend(aliases.filter(|alias| name(alias).is_ok_and(|it| it == own)));
        }
        Ok(())
    }

    fn grant(&mut self, file: &OwnedFd, access: BitFlags<AccessFs>) -> Result<(), RulesError> {
        let is_folder = rustix::fs::fstat(file)
            .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir());
        self.grant_as(Kind::of(is_folder), file, access)
    }

    /// Grants without another look at what kind it is. Of a folder that is no folder any more the rule
    /// is refused, and nothing runs.
    fn grant_as(
        &mut self,
        kind: Kind,
        file: &OwnedFd,
        access: BitFlags<AccessFs>,
    ) -> Result<(), RulesError> {
        let access = match kind {
            Kind::Folder => access,
            Kind::File => access & AccessFs::from_file(self.abi),
        };
        (&mut self.ruleset).add_rule(PathBeneath::new(file, access))?;
        self.count += 1;
        Ok(())
    }

    /// Grants reading of a hierarchy without what is withheld.
    ///
    /// Landlock can't take anything out of a hierarchy. So on the way down to a withheld path each
    /// folder is granted for listing only, and its other entries one by one. What appears in such a
    /// folder later is not covered, and the right to list reaches down to the withheld names.
    fn read(&mut self, root: &Path) -> Result<(), RulesError> {
        let file = open(root)?;
        if self.leads_to_withheld(root) {
            return self.read_entries(&file, root);
        }
        self.grant(&file, AccessFs::from_read(self.abi))
    }

    fn leads_to_withheld(&self, folder: &Path) -> bool {
        self.withheld.iter().any(|path| path.parent().is_some_and(|it| it.starts_with(folder)))
    }

    fn read_entries(&mut self, folder: &OwnedFd, root: &Path) -> Result<(), RulesError> {
        self.grant_as(Kind::Folder, folder, AccessFs::ReadDir.into())?;
        let entries = match fs::read_dir(root) {
            Ok(entries) => entries,
            Err(source) => return Err(RulesError::Open { path: root.to_owned(), source }),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            // A link grants nothing by itself: its target is covered where it really lies.
            if kind.is_symlink() || self.withheld.iter().any(|pattern| matches(pattern, &path)) {
                continue;
            }
            let (mode, how) = (Mode::empty(), ResolveFlags::NO_SYMLINKS);
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            // It vanished between the listing and the look, or can't be entered anyway.
            let Ok(file) = openat2(folder, entry.file_name(), flags, mode, how) else { continue };
            if self.leads_to_withheld(&path) {
                match self.read_entries(&file, &path) {
                    Ok(()) | Err(RulesError::Open { .. }) => {}
                    Err(error) => return Err(error),
                }
            } else {
                let kind = Kind::of(kind.is_dir());
                self.grant_as(kind, &file, AccessFs::from_read(self.abi))?;
            }
        }
        Ok(())
    }
}

/// What a rule is for.
#[derive(Clone, Copy)]
enum Kind {
    Folder,
    File,
}

impl Kind {
    fn of(is_folder: bool) -> Kind {
        if is_folder { Kind::Folder } else { Kind::File }
    }
}

/// Opens a canonical path without following a single link: a link found there now was put there
/// after the plan was made.
fn open(path: &Path) -> Result<OwnedFd, RulesError> {
    openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::NO_SYMLINKS)
        .map_err(|error| RulesError::Open { path: path.to_owned(), source: error.into() })
}

fn is_present(pattern: &Path) -> bool {
    let has_star = pattern.file_name().is_some_and(|name| name.as_bytes().contains(&b'*'));
    let probe = if has_star { pattern.parent() } else { Some(pattern) };
    probe.is_some_and(|path| fs::symlink_metadata(path).is_ok())
}

/// Compares a path with a pattern whose last component may begin or end with `*`.
pub(crate) fn matches(pattern: &Path, path: &Path) -> bool {
    let (Some(wanted), Some(name)) = (pattern.file_name(), path.file_name()) else {
        return pattern == path;
    };
    if pattern.parent() != path.parent() {
        return false;
    }
    let name: &OsStr = name;
    let (wanted, name) = (wanted.as_bytes(), name.as_bytes());
    match (wanted.strip_prefix(b"*"), wanted.strip_suffix(b"*")) {
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (Some(_), Some(_)) | (None, None) => wanted == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_in_their_own_folder_only() {
        for (pattern, path, expected) in [
            ("/etc/shadow*", "/etc/shadow", true),
            ("/etc/shadow*", "/etc/shadow-", true),
            ("/etc/shadow*", "/etc/passwd", false),
            ("/etc/shadow*", "/etc/sub/shadow", false),
            ("/etc/ssh/*_key", "/etc/ssh/ssh_host_rsa_key", true),
            ("/etc/ssh/*_key", "/etc/ssh/ssh_host_rsa_key.pub", false),
            ("/home/ann/.codex", "/home/ann/.codex", true),
            ("/home/ann/.codex", "/home/ann/.codex2", false),
        ] {
            assert_eq!(matches(pattern.as_ref(), path.as_ref()), expected, "{pattern} {path}");
        }
    }
}
