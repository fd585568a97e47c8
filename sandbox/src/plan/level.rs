//! Which level a plan has, and what that level does not hold.

use std::path::Path;

use super::{Confinement, Plan, PlanError, ReadPlan, WritePlan};
use crate::{Arch, GitWrites, Host, Level, MIN_LANDLOCK_ABI};

/// The highest landlock ABI whose features the rules use.
///
/// ABI 7 and 8 add nothing for a single-threaded child; ABI 9 (Unix socket paths) would matter only
/// if the filters let Unix sockets through.
pub(crate) const HIGHEST_USED_ABI: u8 = 6;

/// Picks the level, or says what stands in the way.
pub(super) fn choose(level: Level, host: &Host) -> Result<Confinement, PlanError> {
    let floor = host.seccomp && host.close_range && host.arch != Arch::Other;
    let full = floor && host.namespaces.are_complete();
    let landlock = floor && host.landlock_abi >= MIN_LANDLOCK_ABI;
    match level {
        Level::Auto | Level::Full if full => Ok(Confinement::Full),
        Level::Auto | Level::Landlock if landlock => Ok(Confinement::Landlock),
        Level::Full => Err(PlanError::FullUnavailable { missing: host.missing(level) }),
        Level::Auto | Level::Landlock => {
            Err(PlanError::BelowFloor { host: Box::new(host.clone()) })
        }
    }
}

/// The landlock ABI that the rules use; 0 where the host's is not good enough to be one layer of
/// several.
pub(super) fn usable_abi(host: &Host) -> u8 {
    match host.landlock_abi {
        abi if abi >= MIN_LANDLOCK_ABI => abi.min(HIGHEST_USED_ABI),
        _ => 0,
    }
}

/// Says what a plan does not hold although its permissions suggest it.
pub(super) fn limits(plan: &Plan, host: &Host, has_agent_home: bool) -> Vec<String> {
    let mut found = match plan.confinement {
        Confinement::None => vec!["commands run without any confinement"],
        Confinement::Landlock => of_landlock(plan, has_agent_home),
        Confinement::Full => of_full(plan, host),
    };
    let has_roots = match &plan.files.write {
        WritePlan::Everything => true,
        WritePlan::Roots(roots) => !roots.is_empty(),
    };
    if plan.confinement != Confinement::None && has_roots {
        found.push(
            "bare repositories below a writable folder can be changed, and so can others that lie more \
             than six folders deep or below `node_modules` or `target`",
        );
        found.push(
            "files of a project that a repository's settings name can be changed like its other files: \
             hooks below `core.hooksPath`, included settings",
        );
        found.push(
            "new repositories and programs that run as their group can be made in a writable folder",
        );
    }
    found.into_iter().map(str::to_owned).collect()
}

fn of_landlock(plan: &Plan, has_agent_home: bool) -> Vec<&'static str> {
    let mut limits = vec![];
    if !plan.writable_roots().is_empty() {
        limits.push(
            "`.git` and project settings inside a writable folder can be changed, and so can a \
             repository without a `.git` (a bare one)",
        );
    }
    limits.push(
        "modes, owners, times and extended attributes of the user's own files can be changed \
         anywhere",
    );
    if has_agent_home {
        limits.push("names of files in the agent's home can be listed");
    }
    if plan.files.read == ReadPlan::Everything && has_agent_home {
        limits.push(
            "files that appear beside the agent's home while a command runs can't be read by it",
        );
    }
    limits.push("names and arguments of other processes can be seen");
    limits.push("the processors of the user's other processes can be chosen");
    limits.push("System V objects and message queues of the user can be read and changed");
    if plan.files.write == WritePlan::Everything && has_agent_home {
        limits.push("the agent's home can be written, because everything can");
    }
    if !plan.scopes.signals {
        limits.push("signals can be sent to the user's other processes");
    }
    if plan.landlock_abi < 5 {
        limits.push("devices that the user may open accept ioctls");
    }
    limits
}

fn of_full(plan: &Plan, host: &Host) -> Vec<&'static str> {
    let mut limits = vec![];
    let (writes, roots) = match &plan.files.write {
        WritePlan::Everything => (true, &[][..]),
        WritePlan::Roots(roots) => (!roots.is_empty(), &roots[..]),
    };
    if plan.files.write == WritePlan::Everything {
        limits.push("`.git` and project settings can be changed, because everything can");
    } else if writes {
        match plan.git_writes {
            GitWrites::None => {}
            GitWrites::Metadata => limits.push(
                "commits, branches and the index of repositories in a writable folder can be \
                 changed or lost",
            ),
        }
    }
    if roots.iter().any(|root| root == Path::new("/tmp")) {
        limits.push("repositories in the folders below /tmp can be changed");
    }
    if plan.landlock_abi == 0 {
        limits.push(
            "mounts are the only layer that holds files: landlock is missing, and a file that is given \
             as the input can be written",
        );
    }
    if plan.resources.processes.is_some() && host.root {
        limits.push("the number of root's processes is not limited");
    }
    limits
}
