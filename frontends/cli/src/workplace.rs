//! Where commands run: what confines them, and what the session brings along for them.

use std::path::{Path, PathBuf};

use codex_config::SandboxLevel;
use codex_event::Permission;
use codex_sandbox::{
    Confinement, Environment, GitWrites, Level, Plan, PlanError, Policy, Resources, RuntimeFolder,
    Toolbox, private_temp, probe, runtime_bases,
};

use crate::apply_patch;
use crate::failure::{Failure, USAGE};

/// A plan, a temporary folder and a few programs. What was made for them goes when this does.
pub(crate) struct Workplace {
    pub(crate) plan: Plan,
    /// The temporary folder that commands are told of, if they may write there.
    pub(crate) temp: Option<PathBuf>,
    /// None where no place takes a folder; commands have to do without, then.
    pub(crate) tools: Option<Toolbox>,
    _folder: Option<RuntimeFolder>,
}

/// What a workplace is made for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) permissions: &'a [Permission],
    pub(crate) level: SandboxLevel,
    pub(crate) cwd: &'a Path,
    pub(crate) agent_home: Option<&'a Path>,
}

impl Workplace {
    /// Finds or makes all of it.
    pub(crate) fn open(wanted: &Wanted<'_>) -> Result<Workplace, Failure> {
        let wants_temp = wanted.permissions.contains(&Permission::DiskWritePlatformUserTempFolder)
            && !Permission::is_unconfined(wanted.permissions);
        let own = private_temp(std::env::var_os("TMPDIR").as_deref())
            .filter(|temp| wants_temp && !wanted.is_refused(temp));

        // The folder must lie outside of what can be written, so that is worked out first.
        let needs_temp = wants_temp && own.is_none();
        let granted = wanted.permissions.iter();
        let known: Vec<Permission> = granted
            .filter(|it| !(needs_temp && **it == Permission::DiskWritePlatformUserTempFolder))
            .cloned()
            .collect();
        let policy = wanted.policy(&known, own.clone());
        let mut taken = plan(&policy)?.writable_roots();
        taken.extend(policy.agent_home.clone());

        let bases = runtime_bases(std::env::var_os("XDG_RUNTIME_DIR").as_deref());
        let folder = RuntimeFolder::make(&bases, &taken);
        let temp = match (needs_temp, &folder) {
            (false, _) => own,
            (true, Ok(folder)) => Some(folder.temp().map_err(no_temp)?),
            (true, Err(error)) => return Err(no_temp(error)),
        };
        let folder = folder.ok();
        let program = std::env::current_exe().ok().filter(|program| program.is_file());
        let tools = folder
            .as_ref()
            .zip(program.as_deref())
            .and_then(|(folder, program)| folder.link(&apply_patch::NAMES, program).ok());
        let policy = Policy {
            read_roots: tools.iter().map(|tools| tools.root().to_owned()).collect(),
            program,
            ..wanted.policy(wanted.permissions, temp.clone())
        };
        Ok(Workplace { plan: plan(&policy)?, temp, tools, _folder: folder })
    }

    /// Gives the plan of commands that only look; none where nothing is confined at all.
    pub(crate) fn narrow(&self) -> Option<Plan> {
        match self.plan.confinement {
            Confinement::None => None,
            Confinement::Landlock | Confinement::Full => Some(self.plan.narrowed()),
        }
    }

    /// Gives commands this environment: scrubbed, with the temporary folder and the programs.
    pub(crate) fn environment(&self) -> Environment {
        let mut env = Environment::scrubbed(std::env::vars_os(), self.plan.network);
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
    fn is_refused(&self, temp: &Path) -> bool {
        let alone = [Permission::DiskWritePlatformUserTempFolder];
        let policy = self.policy(&alone, Some(temp.to_owned()));
        matches!(Plan::on_disk(&policy, &probe()), Err(PlanError::Refused { .. }))
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
            level: match self.level {
                SandboxLevel::Auto => Level::Auto,
                SandboxLevel::Full => Level::Full,
                SandboxLevel::Landlock => Level::Landlock,
            },
            git_writes: GitWrites::None,
            resources: Resources::default(),
        }
    }
}

fn plan(policy: &Policy) -> Result<Plan, Failure> {
    Ok(Plan::on_disk(policy, &probe())?)
}

fn no_temp(error: impl std::fmt::Display) -> Failure {
    Failure::new(USAGE, format!("no temporary folder can be made in /tmp: {error}"))
        .hint("set TMPDIR to a private folder of yours")
}
