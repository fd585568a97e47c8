//! Which folders may become roots.

use std::path::{Path, PathBuf};

use codex_event::Permission;

use super::{Confinement, How, PlanError, Protected, Resolve};
use crate::Policy;

/// Judges folders against the places that must stay out of a command's reach.
pub(super) struct Guard<'a> {
    home: Option<PathBuf>,
    agent_home: Option<PathBuf>,
    /// Whether mounts can take the agent's home out of a root again.
    covers_agent_home: bool,
    resolve: Resolve<'a>,
}

impl<'a> Guard<'a> {
    pub(super) fn new(
        policy: &Policy,
        confinement: Confinement,
        resolve: Resolve<'a>,
    ) -> Guard<'a> {
        // A home that does not exist yet is guarded under the name it will get.
        let place = |path: &Option<PathBuf>| path.as_deref().map(|path| settle(path, resolve));
        let is_there = policy.agent_home.as_deref().is_some_and(|path| resolve(path).is_ok());
        let covers_agent_home = match confinement {
            Confinement::None | Confinement::Landlock => false,
            // A folder that is missing can't be covered, and a command could make it.
            Confinement::Full => is_there,
        };
        let (home, agent_home) = (place(&policy.home), place(&policy.agent_home));
        Guard { home, agent_home, covers_agent_home, resolve }
    }

    /// The agent's home, which must be nameable in a plan or could not be withheld.
    pub(super) fn agent_home(&self) -> Result<Option<PathBuf>, PlanError> {
        match &self.agent_home {
            Some(path) if path.to_str().is_none() => Err(PlanError::NotUtf8 { path: path.clone() }),
            home => Ok(home.clone()),
        }
    }

    pub(super) fn cwd(&self, cwd: &Path) -> Result<PathBuf, PlanError> {
        self.root(cwd, &Permission::DiskWriteCwd)
    }

    /// Resolves a folder that a permission makes writable, or refuses it.
    pub(super) fn root(&self, path: &Path, by: &Permission) -> Result<PathBuf, PlanError> {
        let grant = match by {
            Permission::DiskWriteFolder(_) => "disk-write-folder".to_owned(),
            Permission::DiskFullReadAccess
            | Permission::DiskWritePlatformUserTempFolder
            | Permission::DiskWritePlatformGlobalTempFolder
            | Permission::DiskWriteCwd
            | Permission::DiskFullWriteAccess
            | Permission::NetworkFullAccess => by.to_string(),
        };
        if !path.is_absolute() {
            return Err(PlanError::NotAbsolute { grant, path: path.to_owned() });
        }
        let canonical = match (self.resolve)(path) {
            Ok(canonical) => canonical,
            Err(source) => {
                return Err(PlanError::Missing { grant, path: path.to_owned(), source });
            }
        };
        if canonical.to_str().is_none() {
            return Err(PlanError::NotUtf8 { path: canonical });
        }
        match self.objection(&canonical) {
            Some(reason) => Err(PlanError::Refused { grant, path: canonical, reason }),
            None => Ok(canonical),
        }
    }

    fn objection(&self, root: &Path) -> Option<String> {
        if root == Path::new("/") {
            return Some("is the whole file system".to_owned());
        }
        if let Some(agent) = &self.agent_home {
            if agent == root {
                return Some("is the agent's own home".to_owned());
            }
            if agent.starts_with(root) && !self.covers_agent_home {
                return Some(format!(
                    "contains the agent's own home {}, which can't be protected inside it",
                    agent.display()
                ));
            }
            if root.starts_with(agent) {
                return Some(format!("lies inside the agent's own home {}", agent.display()));
            }
        }
        if let Some(home) = &self.home {
            if home == root {
                return Some("is the home directory".to_owned());
            }
            if home.starts_with(root) {
                return Some(format!("contains the home directory {}", home.display()));
            }
        }
        ["/proc", "/sys", "/dev"]
            .iter()
            .any(|system| root.starts_with(system))
            .then(|| "belongs to the kernel".to_owned())
    }

    /// Lists the folders between a root and the agent's home inside it: were one of them renamed,
    /// the command could put another home in that place.
    pub(super) fn way_to_agent_home(&self, roots: &[PathBuf]) -> Vec<Protected> {
        let Some(agent) = &self.agent_home else { return vec![] };
        let Some(root) = roots.iter().find(|root| agent.starts_with(root)) else { return vec![] };
        let between = agent.ancestors().skip(1).take_while(|step| *step != root);
        between.map(|step| Protected { path: step.to_owned(), how: How::InPlace }).collect()
    }

    /// Names the agent's own program where no read grant covers it: in the strict view, and inside
    /// the agent's home.
    pub(super) fn programs(&self, policy: &Policy, full_read: bool) -> Vec<PathBuf> {
        let is_withheld =
            |path: &PathBuf| self.agent_home.as_ref().is_some_and(|home| path.starts_with(home));
        let program = policy.program.iter().filter(|path| path.to_str().is_some());
        program.filter(|path| !full_read || is_withheld(path)).cloned().collect()
    }

    /// Collects the strict read view: system folders, `$PATH` outside the home, configured roots.
    pub(super) fn read_view(
        &self,
        policy: &Policy,
        system: &[&str],
    ) -> Result<Vec<PathBuf>, PlanError> {
        let mut roots: Vec<PathBuf> = system
            .iter()
            .filter_map(|path| (self.resolve)(Path::new(path)).ok())
            .filter(|path| path.to_str().is_some())
            .collect();
        for entry in policy.path_entries.iter().filter(|entry| entry.is_absolute()) {
            if let Ok(folder) = (self.resolve)(entry)
                && folder.to_str().is_some()
                && !self.home.as_ref().is_some_and(|home| folder.starts_with(home))
                && self.objection(&folder).is_none()
            {
                roots.push(folder);
            }
        }
        for path in &policy.read_roots {
            let grant = || "read root".to_owned();
            if !path.is_absolute() {
                return Err(PlanError::NotAbsolute { grant: grant(), path: path.clone() });
            }
            let folder = (self.resolve)(path).map_err(|source| PlanError::Missing {
                grant: grant(),
                path: path.clone(),
                source,
            })?;
            if folder.to_str().is_none() {
                return Err(PlanError::NotUtf8 { path: folder });
            }
            if let Some(agent) = self.agent_home.as_ref().filter(|it| folder.starts_with(it)) {
                let reason = format!("lies inside the agent's own home {}", agent.display());
                return Err(PlanError::Refused { grant: grant(), path: folder, reason });
            }
            roots.push(folder);
        }
        Ok(minimal(roots))
    }
}

/// Resolves as much of a path as exists.
fn settle(path: &Path, resolve: Resolve<'_>) -> PathBuf {
    path.ancestors()
        .find_map(|known| {
            let rest = path.strip_prefix(known).ok()?;
            Some(resolve(known).ok()?.join(rest).components().collect())
        })
        .unwrap_or_else(|| path.to_owned())
}

/// Lists what keeps a root inside another where it is: each folder between them stays in its place,
/// and settings and repositories can't be made there, since they are looked for upwards.
pub(super) fn ways_to_inner(roots: &[PathBuf]) -> Vec<Protected> {
    let mut kept = vec![];
    for inner in roots {
        let Some(outer) = roots.iter().find(|it| *it != inner && inner.starts_with(it)) else {
            continue;
        };
        for step in inner.ancestors().skip(1).take_while(|step| *step != outer) {
            let step = step.to_owned();
            kept.extend(super::reserved(std::slice::from_ref(&step)));
            kept.push(Protected { path: step, how: How::InPlace });
        }
    }
    kept
}

/// Sorts roots and drops those that lie below another.
pub(super) fn minimal(mut roots: Vec<PathBuf>) -> Vec<PathBuf> {
    roots.sort();
    roots.dedup();
    let mut kept: Vec<PathBuf> = vec![];
    for root in roots {
        if !kept.iter().any(|outer| root.starts_with(outer)) {
            kept.push(root);
        }
    }
    kept
}
