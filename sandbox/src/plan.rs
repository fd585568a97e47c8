//! What will be enforced on a command, as plain data.

mod error;
mod level;
mod protected;
mod roots;
#[cfg(test)]
mod tests;

pub use error::PlanError;
pub(crate) use level::HIGHEST_USED_ABI;
pub use protected::{How, Protected};

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use codex_event::{Digest, GitWrites, Permission, Resources};
use serde::{Deserialize, Serialize};

use crate::{Host, Policy, protect};
use roots::{Guard, minimal, ways_to_inner};

/// Names at the top of a writable root that a command may neither change nor make: they name
/// programs that run outside of the sandbox later.
const RESERVED: [&str; 3] = [".agents", ".codex", ".git"];

/// Everything that decides what a command can reach.
///
/// A plan is a value: the journal records its digest before the command starts, and the child
/// enforces exactly it or refuses to run. Nothing in it depends on the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The kind of confinement.
    pub confinement: Confinement,
    /// What of the file system can be read and written.
    pub files: FilePlan,
    /// What stays as it is although it lies below a writable root, outer paths before inner ones;
    /// needs mounts, so it is empty at the level `landlock`.
    ///
    /// A plan names what is known without a look at the disk: the reserved names of each root. What
    /// lies deeper is found anew for each command by [`protect`](crate::protect), because
    /// repositories come and go while a session lasts.
    pub protected: Vec<Protected>,
    /// How much of a repository commands may change.
    pub git_writes: GitWrites,
    /// What a command may use up.
    pub resources: Resources,
    /// Whether the network can be reached.
    pub network: Network,
    /// What the command may do to processes and sockets outside the fence.
    pub scopes: Scopes,
    /// Landlock ABI that the rules use; 0 without confinement.
    pub landlock_abi: u8,
    /// What this plan does not hold although its permissions suggest it; shown once a session.
    pub limits: Vec<String>,
}

/// The kinds of confinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confinement {
    /// No fence: a scrubbed environment and supervised death only.
    None,
    /// Landlock, seccomp and no capabilities.
    Landlock,
    /// User, mount, process, IPC, host name and (without the network permission) network namespaces,
    /// a private `/dev` and `/proc`, then all of [`Confinement::Landlock`]; a
    /// [`Plan::landlock_abi`] of 0 means namespaces and seccomp only.
    Full,
}

impl Confinement {
    /// Names the level, as the settings and the journal do.
    pub fn name(self) -> &'static str {
        match self {
            Confinement::None => "none",
            Confinement::Landlock => "landlock",
            Confinement::Full => "full",
        }
    }
}

/// What of the file system can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// Read and execute.
    pub read: ReadPlan,
    /// Write, create, remove, rename.
    pub write: WritePlan,
    /// Single files that can be read and executed wherever they lie.
    pub programs: Vec<PathBuf>,
    /// Device files that can be read and written.
    pub devices: Vec<PathBuf>,
    /// Paths left out of every read grant that contains them. The last component may begin or end
    /// with `*`.
    pub withheld: Vec<PathBuf>,
}

/// What can be read and executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadPlan {
    /// Everything the user can read.
    Everything,
    /// These hierarchies.
    Roots(Vec<PathBuf>),
}

/// What can be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WritePlan {
    /// Everything the user can write.
    Everything,
    /// These hierarchies, which can also be read.
    Roots(Vec<PathBuf>),
}

/// Whether the network can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// No socket of any internet family.
    Off,
    /// Internet sockets; local daemons stay out of reach.
    Full,
}

/// What is cut off from processes and sockets outside the fence by landlock itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes {
    /// No signals to processes outside.
    pub signals: bool,
    /// No connection to abstract Unix sockets outside.
    pub abstract_sockets: bool,
    /// TCP bind and connect refused a second time, by landlock.
    pub tcp: bool,
}

/// Resolves a path to the canonical path of an existing directory.
pub type Resolve<'a> = &'a dyn Fn(&Path) -> io::Result<PathBuf>;

/// Folders that were found on the disk, for plans that are made within one moment.
#[derive(Debug, Default)]
pub struct Seen(RefCell<BTreeMap<PathBuf, PathBuf>>);

impl Seen {
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        if let Some(known) = self.0.borrow().get(path) {
            return Ok(known.clone());
        }
        let canonical = std::fs::canonicalize(path)?;
        if !std::fs::metadata(&canonical)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        self.0.borrow_mut().insert(path.to_owned(), canonical.clone());
        Ok(canonical)
    }
}

/// System folders of the strict read view; those that do not exist are left out.
const SYSTEM_ROOTS: [&str; 10] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/proc"];

/// Device files that every command gets.
const DEVICES: [&str; 6] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// Secrets that the strict read view leaves out; an agent run as root could read them.
const SYSTEM_SECRETS: [&str; 5] =
    ["/etc/shadow*", "/etc/gshadow*", "/etc/sudoers*", "/etc/ssh/*_key", "/etc/security/opasswd*"];

impl Plan {
    /// Plans for this machine's file system.
    ///
    /// # Errors
    ///
    /// See [`Plan::new`].
    pub fn on_disk(policy: &Policy, host: &Host) -> Result<Plan, PlanError> {
        Plan::on_disk_as_seen(policy, host, &Seen::default())
    }

    /// Plans like [`Plan::on_disk`], without looking twice at a folder that another plan with the same
    /// `seen` has looked at.
    ///
    /// # Errors
    ///
    /// See [`Plan::new`].
    pub fn on_disk_as_seen(policy: &Policy, host: &Host, seen: &Seen) -> Result<Plan, PlanError> {
        Plan::new(policy, host, &|path| seen.resolve(path))
    }

    /// Plans, taking every look at the file system through `resolve`.
    ///
    /// Permissions are a union. A writable root is refused when it is, contains or lies inside the
    /// agent's home, or when it is or contains the user's home or `/`: landlock can only add
    /// rights, so nothing could be taken out of such a root again. At the level `full` a mount can
    /// do that, so there a root may contain the agent's home if it is there already. The shared
    /// temporary folder is left out instead of refused, and `limits` says so: nobody chose what lies
    /// in it. A root inside another is a root of its own, and so is the working directory inside a
    /// root: its settings and its repository are what the agent goes by.
    ///
    /// # Errors
    ///
    /// When the host is below the floor, the level is out of reach, or a root is missing or refused.
    pub fn new(policy: &Policy, host: &Host, resolve: Resolve<'_>) -> Result<Plan, PlanError> {
        if Permission::is_unconfined(&policy.permissions) {
            return Ok(Plan::unconfined());
        }
        let confinement = level::choose(policy.level, host)?;
        let guard = Guard::new(policy, confinement, resolve);
        let mut full_read = false;
        let mut full_write = false;
        let mut network = Network::Off;
        let mut roots = vec![];
        let mut left_out = vec![];
        for permission in &policy.permissions {
            match permission {
                Permission::DiskFullReadAccess => full_read = true,
                Permission::DiskFullWriteAccess => full_write = true,
                Permission::NetworkFullAccess => network = Network::Full,
                Permission::DiskWriteCwd => roots.push(guard.cwd(&policy.cwd)?),
                Permission::DiskWriteFolder(folder) => {
                    roots.push(guard.root(Path::new(folder), permission)?);
                }
                Permission::DiskWritePlatformUserTempFolder => {
                    let folder = policy.user_temp.as_deref().ok_or(PlanError::NoUserTemp)?;
                    roots.push(guard.root(folder, permission)?);
                }
                Permission::DiskWritePlatformGlobalTempFolder => {
                    match guard.root(Path::new("/tmp"), permission) {
                        Ok(root) => roots.push(root),
                        Err(PlanError::Refused { path, reason, .. }) => {
                            left_out
                                .push(format!("{} can't be written: it {reason}", path.display()));
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }

        let abi = level::usable_abi(host);
        let agent_home = guard.agent_home()?;
        let programs = guard.programs(policy, full_read);
        let has_agent_home = agent_home.is_some();
        let mut withheld: Vec<PathBuf> = agent_home.into_iter().collect();
        let read = if full_read {
            ReadPlan::Everything
        } else {
            withheld.extend(SYSTEM_SECRETS.map(PathBuf::from));
            ReadPlan::Roots(guard.read_view(policy, &SYSTEM_ROOTS)?)
        };
        // Other settings may lie where the session does than at the top of the root around it.
        if let Ok(cwd) = guard.cwd(&policy.cwd)
            && roots.iter().any(|root| cwd.starts_with(root))
        {
            roots.push(cwd);
        }
        roots.sort();
        roots.dedup();
        let (protected, resources) = match confinement {
            Confinement::None | Confinement::Landlock => (
                vec![],
                // Without namespaces the limit would count the user's own programs, too.
                Resources { processes: None, ..policy.resources },
            ),
            Confinement::Full if full_write => (vec![], policy.resources),
            Confinement::Full => {
                let mut protected = reserved(&roots);
                protected.extend(guard.way_to_agent_home(&roots));
                protected.extend(ways_to_inner(&roots));
                protected.sort();
                protected.dedup();
                (protected, policy.resources)
            }
        };
        let write = if full_write { WritePlan::Everything } else { WritePlan::Roots(roots) };
        let mut plan = Plan {
            confinement,
            files: FilePlan {
                read,
                write,
                programs,
                devices: DEVICES.map(PathBuf::from).to_vec(),
                withheld,
            },
            protected,
            git_writes: policy.git_writes,
            resources,
            network,
            scopes: Scopes {
                signals: abi >= 6,
                abstract_sockets: abi >= 6,
                // A network namespace of its own leads nowhere, and test suites want its loopback.
                tcp: abi >= 4 && network == Network::Off && confinement == Confinement::Landlock,
            },
            landlock_abi: abi,
            limits: vec![],
        };
        plan.limits = left_out;
        plan.limits.extend(level::limits(&plan, host, has_agent_home));
        Ok(plan)
    }

    /// Plans for no confinement at all.
    pub fn unconfined() -> Plan {
        Plan {
            confinement: Confinement::None,
            files: FilePlan {
                read: ReadPlan::Everything,
                write: WritePlan::Everything,
                programs: vec![],
                devices: vec![],
                withheld: vec![],
            },
            protected: vec![],
            git_writes: GitWrites::None,
            resources: Resources::UNLIMITED,
            network: Network::Full,
            scopes: Scopes { signals: false, abstract_sockets: false, tcp: false },
            landlock_abi: 0,
            limits: vec!["commands run without any confinement".to_owned()],
        }
    }

    /// Digests the canonical JSON of the plan: struct field order, no white space.
    pub fn digest(&self) -> Digest {
        let json = serde_json::to_vec(self)
            .expect("plan paths are UTF-8 by construction, and nothing else can fail to encode");
        Digest::of(&json)
    }

    /// Lists the roots that can be written; `/` alone when everything can.
    pub fn writable_roots(&self) -> Vec<PathBuf> {
        match &self.files.write {
            WritePlan::Everything => vec![PathBuf::from("/")],
            WritePlan::Roots(roots) => roots.clone(),
        }
    }

    /// Lists what stays as it is at the top of each root, at every level: whoever writes there for a
    /// command, as a patch does, leaves it alone, too. Nothing where everything can be written.
    ///
    /// It looks at the disk for roots that are bare repositories, or would become one by themselves.
    pub fn reserved(&self) -> Vec<PathBuf> {
        let roots = match &self.files.write {
            WritePlan::Everything => &[][..],
            WritePlan::Roots(roots) => roots,
        };
        let known = self.protected.iter().filter(|kept| kept.how != How::InPlace);
        let known = known.map(|kept| kept.path.clone());
        let withheld = self.files.withheld.iter();
        let withheld = withheld.filter(|path| roots.iter().any(|root| path.starts_with(root)));
        let withheld = withheld.cloned();
        let refs = roots.iter().filter_map(|root| protect::refs_to_keep(root).ok().flatten());
        let bare = roots.iter().flat_map(|root| protect::bare_identity(root));
        known
            .chain(refs)
            .chain(bare)
            .chain(reserved(roots).into_iter().map(|kept| kept.path))
            .chain(withheld)
            .collect()
    }

    /// Narrows the plan to what a command needs that only looks: nothing to write, and no network.
    ///
    /// What could be written can still be read.
    pub fn narrowed(&self) -> Plan {
        let read = match (&self.files.read, &self.files.write) {
            (ReadPlan::Roots(read), WritePlan::Roots(written)) => {
                ReadPlan::Roots(minimal([&read[..], written].concat()))
            }
            (read, _) => read.clone(),
        };
        let write = WritePlan::Roots(Vec::new());
        Plan {
            files: FilePlan { read, write, ..self.files.clone() },
            protected: Vec::new(),
            network: Network::Off,
            scopes: Scopes { tcp: self.landlock_abi >= 4, ..self.scopes },
            ..self.clone()
        }
    }

    /// Says in one line what a command can reach.
    pub fn describe(&self) -> String {
        if self.confinement == Confinement::None {
            return "no confinement".to_owned();
        }
        let mut text = format!("landlock rules of ABI {}, read ", self.landlock_abi);
        text.push_str(match &self.files.read {
            ReadPlan::Everything => "everything",
            ReadPlan::Roots(_) => "system folders and writable folders",
        });
        text.push_str(", write ");
        match &self.files.write {
            WritePlan::Everything => text.push_str("everything"),
            WritePlan::Roots(roots) if roots.is_empty() => text.push_str("nothing"),
            WritePlan::Roots(roots) => {
                for (index, root) in roots.iter().enumerate() {
                    let separator = if index == 0 { "" } else { " " };
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{separator}{}", root.display());
                }
            }
        }
        text.push_str(match self.network {
            Network::Off => ", no network",
            Network::Full => ", network",
        });
        text
    }
}

/// The names at the top of each root that stay as they are, there or not.
fn reserved(roots: &[PathBuf]) -> Vec<Protected> {
    let path = |root: &PathBuf| RESERVED.map(|name| root.join(name));
    let paths = roots.iter().flat_map(path);
    paths.map(|path| Protected { path, how: How::Placeholder }).collect()
}
