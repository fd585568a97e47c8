//! Where commands run: what confines them, and what the session brings along for them.

use std::path::{Path, PathBuf};

use codex_config::{Config, Limit, SandboxLevel};
use codex_event::{DiskFloor, Permission};
use codex_sandbox::{
    Confinement, Environment, EnvironmentPolicy, GitWrites, Host, Plan, PlanError, Policy,
    Resources, RuntimeFolder, Seen, Toolbox, memory_first, private_temp, runtime_bases,
};

use crate::apply_patch;
use crate::failure::{Failure, USAGE};
use crate::say;

/// A plan, a temporary folder and a few programs. What was made for them goes when this does.
pub(crate) struct Workplace {
    pub(crate) plan: Plan,
    /// The temporary folder that commands are told of, if they may write there.
    pub(crate) temp: Option<PathBuf>,
    /// None where no place takes a folder; commands have to do without, then.
    pub(crate) tools: Option<Toolbox>,
    /// Layers that the host does not give, each with its remedy.
    pub(crate) missing: Vec<String>,
    /// Landlock ABI of the kernel; none where the plan does without landlock.
    pub(crate) landlock_abi: Option<u32>,
    folders: Vec<RuntimeFolder>,
}

/// What a workplace is made for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) permissions: &'a [Permission],
    pub(crate) level: SandboxLevel,
    pub(crate) git_writes: GitWrites,
    pub(crate) resources: Resources,
    pub(crate) cwd: &'a Path,
    pub(crate) agent_home: Option<&'a Path>,
    /// What the host gives, found or pretended.
    pub(crate) host: &'a Host,
}

impl Workplace {
    /// Finds or makes all of it, and removes what killed processes left where its folders may lie.
    pub(crate) fn open(wanted: &Wanted<'_>) -> Result<Workplace, Failure> {
        let workplace = Workplace::open_unswept(wanted)?;
        RuntimeFolder::sweep(&bases());
        Ok(workplace)
    }

    /// Leaves what killed processes left to the caller, who is in a hurry now and not later, see
    /// [`Workplace::places`].
    pub(crate) fn open_unswept(wanted: &Wanted<'_>) -> Result<Workplace, Failure> {
        let wants_temp = wanted.permissions.contains(&Permission::DiskWritePlatformUserTempFolder)
            && !Permission::is_unconfined(wanted.permissions);
        let seen = Seen::default();
        let own = private_temp(std::env::var_os("TMPDIR").as_deref())
            .filter(|temp| wants_temp && !wanted.is_refused(temp, &seen));

        // The folder must lie outside of what can be written, so that is worked out first.
        let needs_temp = wants_temp && own.is_none();
        let granted = wanted.permissions.iter();
        let known: Vec<Permission> = granted
            .filter(|it| !(needs_temp && **it == Permission::DiskWritePlatformUserTempFolder))
            .cloned()
            .collect();
        let policy = wanted.policy(&known, own.clone());
        let known = Plan::on_disk_as_seen(&policy, wanted.host, &seen)?;
        let mut taken = known.writable_roots();
        taken.extend(policy.agent_home.clone());

        let bases = bases();
        let mut folders = Vec::new();
        let temp = match needs_temp {
            true => {
                let folder = RuntimeFolder::make(&bases, &taken).map_err(no_temp)?;
                let temp = folder.temp().map_err(no_temp)?;
                folders.push(folder);
                Some(temp)
            }
            false => own,
        };
        // A view of its own has no memory of the host's, and one folder is enough then.
        match known.confinement {
            Confinement::Landlock => {
                folders.extend(RuntimeFolder::make(&memory_first(bases.clone()), &taken));
            }
            Confinement::None | Confinement::Full if folders.is_empty() => {
                folders.extend(RuntimeFolder::make(&bases, &taken));
            }
            Confinement::None | Confinement::Full => {}
        }
        let program = std::env::current_exe().ok().filter(|program| program.is_file());
        let tools = folders
            .last()
            .zip(program.as_deref())
            .and_then(|(folder, program)| folder.link(&apply_patch::NAMES, program).ok());
        let policy = Policy {
            read_roots: tools.iter().map(|tools| tools.root().to_owned()).collect(),
            program,
            ..wanted.policy(wanted.permissions, temp.clone())
        };
        let plan = Plan::on_disk_as_seen(&policy, wanted.host, &seen)?;
        let missing = match plan.confinement {
            Confinement::None => Vec::new(),
            Confinement::Landlock | Confinement::Full => wanted.host.missing(wanted.level),
        };
        let landlock_abi = (plan.landlock_abi > 0).then(|| wanted.host.landlock_abi.into());
        Ok(Workplace { plan, temp, tools, missing, landlock_abi, folders })
    }

    /// Lists where this workplace has made folders, for [`RuntimeFolder::sweep`]: whoever looks where
    /// he makes some himself has looked everywhere before long.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let places = self.folders.iter().filter_map(RuntimeFolder::base);
        places.map(Path::to_owned).collect()
    }

    /// Says on standard error, in one line, that the host gives less than a sandbox could have.
    pub(crate) fn announce(&self) {
        if self.missing.is_empty() {
            return;
        }
        say::aside(format_args!(
            "warning: the sandbox has the level {} only: {}; `codex doctor --verbose` tells what holds",
            self.plan.confinement.name(),
            self.missing.join("; ")
        ));
    }

    /// Gives the plan of commands that only look; none where nothing is confined at all.
    pub(crate) fn narrow(&self) -> Option<Plan> {
        match self.plan.confinement {
            Confinement::None => None,
            Confinement::Landlock | Confinement::Full => Some(self.plan.narrowed()),
        }
    }

    /// Gives commands this environment: scrubbed as the settings say, with the temporary folder and
    /// the programs.
    pub(crate) fn environment(&self, settings: &EnvironmentPolicy) -> Environment {
        let mut env = Environment::by_policy(settings, std::env::vars_os(), self.plan.network);
        if let Some(temp) = &self.temp {
            env.set("TMPDIR", temp.as_os_str());
        }
        if let Some(tools) = &self.tools {
            env.offer(tools);
        }
        env
    }
}

impl Wanted<'_> {
    /// Tells whether no plan lets commands write to this folder, as when it holds the agent's home.
    fn is_refused(&self, temp: &Path, seen: &Seen) -> bool {
        let alone = [Permission::DiskWritePlatformUserTempFolder];
        let policy = self.policy(&alone, Some(temp.to_owned()));
        let plan = Plan::on_disk_as_seen(&policy, self.host, seen);
        matches!(plan, Err(PlanError::Refused { .. }))
    }

    fn policy(&self, permissions: &[Permission], user_temp: Option<PathBuf>) -> Policy {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Policy {
            permissions: permissions.to_vec(),
            cwd: self.cwd.to_owned(),
            home: std::env::home_dir(),
            agent_home: self.agent_home.map(Path::to_owned),
            read_roots: Vec::new(),
            path_entries: std::env::split_paths(&path).collect(),
            program: None,
            user_temp,
            level: self.level,
            git_writes: self.git_writes,
            resources: self.resources,
        }
    }
}

/// Lists where folders may lie.
fn bases() -> Vec<PathBuf> {
    runtime_bases(std::env::var_os("XDG_RUNTIME_DIR").as_deref())
}

/// Gives the limits on commands: the settings', and what the sandbox thinks fit where they are silent.
pub(crate) fn resources(config: &Config) -> Resources {
    /// The largest number that a journal holds; no machine has as much of anything.
    const LARGEST: u64 = (1 << 53) - 1;
    let fit = Resources::default();
    let limit = |asked: Limit, fit| asked.or(fit).map(|limit| limit.min(LARGEST));
    Resources {
        processes: limit(config.resources.processes, fit.processes),
        file_bytes: limit(config.resources.file_bytes, fit.file_bytes),
        memory_bytes: limit(config.resources.memory_bytes, fit.memory_bytes),
        disk_free: match config.resources.disk_free_bytes {
            Limit::Default => fit.disk_free,
            Limit::Unlimited => DiskFloor::Off,
            Limit::AtMost(bytes) => DiskFloor::Bytes(bytes.min(LARGEST)),
        },
    }
}

fn no_temp(error: impl std::fmt::Display) -> Failure {
    Failure::new(USAGE, format!("no temporary folder can be made in /tmp: {error}"))
        .hint("set TMPDIR to a private folder of yours")
}
