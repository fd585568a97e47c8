//! What was denied, in words, and what would allow it.

use std::path::{Path, PathBuf};

use codex_event::Permission;

use crate::{Confinement, Environment, Plan};

/// What a command was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Writing, making, moving or removing a file.
    Write {
        /// The file.
        path: PathBuf,
        /// What stands in the way.
        guard: Guard,
    },
    /// Reading or executing a file.
    Read(PathBuf),
    /// Reaching another machine, or a port of this one.
    Network(Option<String>),
    /// Reaching a local daemon.
    UnixSocket(Option<PathBuf>),
    /// Sending a signal.
    Signal(Option<i32>),
    /// Looking into another process.
    Trace,
    /// Making a namespace.
    Namespace,
    /// Mounting a file system.
    Mount,
    /// Becoming another user.
    Privileges,
    /// Some other call to the kernel.
    Call(&'static str),
}

/// What stands in the way of writing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// It lies outside of what can be written.
    Open,
    /// It is protected below a root that can be written.
    Kept,
    /// It is a folder around something that is protected.
    Around,
    /// It is protected as a part of a repository, and a setting opens some parts of those.
    Repository,
    /// It would be a part of a repository that is not there.
    NewRepository,
    /// It lies outside, in the repository of a worktree or submodule.
    LinkedRepository,
}

/// Folders that belong to the system: nothing in a project's work is worth opening one.
const SYSTEM: [&str; 13] = [
    "/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/root", "/run",
    "/sbin", "/usr", "/var",
];

/// The one of those that everybody works in.
const SHARED: &str = "/var/tmp";

/// Folders of a home that hold keys.
const KEYS: [&str; 3] = [".ssh", ".gnupg", ".aws"];

/// Where a command ran, which decides how a folder is best named.
pub(crate) struct Surroundings<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) project: &'a Path,
    pub(crate) env: &'a Environment,
}

impl Subject {
    /// Names it, as "writing /etc/hosts".
    pub(crate) fn words(&self, around: &Surroundings<'_>) -> String {
        let named = |path: &Path| around.named(path);
        match self {
            Subject::Write { path, guard } => {
                let why = match guard {
                    Guard::Open if around.is_the_users(path) => {
                        ", which is better left to the user (only danger-full-access allows it)"
                    }
                    Guard::Open => "",
                    Guard::Kept => ", which is protected",
                    Guard::Around => ", which stays where it is if a repository lies in it",
                    Guard::Repository => ", which is protected (see git_writes)",
                    Guard::NewRepository => {
                        ", which is protected: no repository is made here from inside the sandbox, \
                         so `git init` is left to the user"
                    }
                    Guard::LinkedRepository => {
                        ", the repository of a worktree or submodule, which lies outside of the \
                         writable folders where git_writes does not reach: commits there are left \
                         to the user"
                    }
                };
                format!("writing {}{why}", named(path))
            }
            Subject::Read(path) => format!("reading {}", named(path)),
            Subject::Network(Some(host)) => format!("the network ({host})"),
            Subject::Network(None) => "the network".to_owned(),
            Subject::UnixSocket(Some(path)) => format!("a Unix socket ({})", named(path)),
            Subject::UnixSocket(None) => "a Unix socket".to_owned(),
            Subject::Signal(Some(pid)) => format!("signalling a process ({pid})"),
            Subject::Signal(None) => "signalling a process".to_owned(),
            Subject::Trace => "looking into a process".to_owned(),
            Subject::Namespace => "a namespace".to_owned(),
            Subject::Mount => "a mount".to_owned(),
            Subject::Privileges => "the rights of another user".to_owned(),
            Subject::Call(name) => format!("the system call {name}"),
        }
    }

    /// Names the narrowest permission that would allow it.
    pub(crate) fn permission(&self, around: &Surroundings<'_>, is_folder: bool) -> Option<String> {
        let permission = match self {
            Subject::Write { path, guard: Guard::Open } => around.write(path, is_folder)?,
            Subject::Write {
                guard:
                    Guard::Kept
                    | Guard::Around
                    | Guard::Repository
                    | Guard::NewRepository
                    | Guard::LinkedRepository,
                ..
            } => return None,
            Subject::Read(path) if around.is_withheld(path) => return None,
            Subject::Read(_) => Permission::DiskFullReadAccess,
            Subject::Network(_) => Permission::NetworkFullAccess,
            Subject::UnixSocket(_)
            | Subject::Signal(_)
            | Subject::Trace
            | Subject::Namespace
            | Subject::Mount
            | Subject::Privileges
            | Subject::Call(_) => return None,
        };
        Some(permission.to_string())
    }
}

impl Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<&Path> {
        self.env.get(name).map(Path::new).filter(|path| path.is_absolute())
    }

    pub(crate) fn is_withheld(&self, path: &Path) -> bool {
        self.plan.files.withheld.iter().any(|place| path.ancestors().any(|it| fits(it, place)))
    }

    /// Writes a path the short way, if the home is above it.
    fn named(&self, path: &Path) -> String {
        let below = self.variable("HOME").and_then(|home| path.strip_prefix(home).ok());
        match below {
            Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// Finds the folder of the repository whose own files the path is one of.
    fn repository<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        path.ancestors().find(|it| it.file_name().is_some_and(|name| name == ".git"))?.parent()
    }

    /// Finds the narrowest permission to write a path; none for what no permission opens.
    fn write(&self, path: &Path, is_folder: bool) -> Option<Permission> {
        if self.is_withheld(path) || ["/dev", "/proc", "/sys"].iter().any(|it| path.starts_with(it))
        {
            return None;
        }
        let holds_home = self.variable("HOME").is_some_and(|home| home.starts_with(self.project));
        if self.is_in_project(path) && !holds_home {
            return Some(Permission::DiskWriteCwd);
        }
        if self.variable("TMPDIR").is_some_and(|temp| path.starts_with(temp)) {
            return Some(Permission::DiskWritePlatformUserTempFolder);
        }
        // The shared folder is left out of a plan where it holds what is withheld.
        let holds_withheld = self.plan.files.withheld.iter().any(|it| it.starts_with("/tmp"));
        if path.starts_with("/tmp") && !holds_withheld {
            return Some(Permission::DiskWritePlatformGlobalTempFolder);
        }
        let folder = match self.repository(path) {
            // At this level a root never opens its repositories.
            Some(_) if self.plan.confinement == Confinement::Full => return None,
            Some(folder) => folder,
            None if is_folder => path,
            None => path.parent().unwrap_or(path),
        };
        match folder.to_str() {
            Some(text) if !self.is_the_users(path) && !self.is_refused(folder) => {
                Some(Permission::DiskWriteFolder(text.to_owned()))
            }
            Some(_) | None => None,
        }
    }

    /// Tells whether a folder would be refused as a root, see `PlanError::Refused`.
    fn is_refused(&self, folder: &Path) -> bool {
        folder.parent().is_none()
            || self.variable("HOME").is_some_and(|home| home.starts_with(folder))
            || self.plan.files.withheld.iter().any(|place| place.starts_with(folder))
    }

    /// Tells whether no permission to write there should be given: in folders of the system, at the
    /// top of the home or of the file system, beside keys.
    fn is_the_users(&self, path: &Path) -> bool {
        let home = self.variable("HOME");
        if let Some(below) = home.and_then(|home| path.strip_prefix(home).ok()) {
            let has_keys = KEYS.iter().any(|keys| below.starts_with(keys));
            return has_keys || below.components().count() <= 1 && !self.is_in_project(path);
        }
        let is_system = SYSTEM.iter().any(|folder| path.starts_with(folder));
        let is_open = path.starts_with(SHARED) || self.is_in_project(path);
        (is_system || path.components().count() <= 2) && !is_open
    }

    fn is_in_project(&self, path: &Path) -> bool {
        path.starts_with(self.project)
    }
}

/// Tells whether a path is the one that a plan withholds; its last part may begin or end with `*`.
fn fits(path: &Path, withheld: &Path) -> bool {
    let names = (
        path.file_name().and_then(|name| name.to_str()),
        withheld.file_name().and_then(|name| name.to_str()),
    );
    let (Some(name), Some(pattern)) = names else { return path == withheld };
    let same_folder = path.parent() == withheld.parent();
    same_folder
        && match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => name.ends_with(end),
            (None, Some(beginning)) => name.starts_with(beginning),
            (None, None) => name == pattern,
        }
}
