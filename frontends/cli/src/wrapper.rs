//! Commands that wrap another: `codex sandbox`, `codex debug landlock`.

mod explain;

use std::path::Path;
use std::process::ExitCode;

use codex_config::{Config, ConfigError, EnvironmentPolicy, Flags, Inputs, Origin, SandboxLevel};
use codex_event::{FULL_AUTO, Permission};
use codex_sandbox::{
    CutShort, EXIT_SETUP, Launch, Resources, RuntimeFolder, Stdin, Stdio, run_inherited,
};

use crate::args::Sandbox;
use crate::failure::{Failure, step_hint};
use crate::workplace::{Wanted, Workplace};
use crate::{opening, say};

/// Runs one command in the sandbox, with our own input and output.
///
/// Speaks the exit codes of wrappers: 125 when the sandbox can't be set up, 126 and 127 when the
/// command can't be executed, 128 + n for a signal, else the command's own.
pub(crate) fn sandbox(args: Sandbox) -> Result<ExitCode, Failure> {
    let setup =
        |failure: Failure| Failure { code: u8::try_from(EXIT_SETUP).unwrap_or(u8::MAX), ..failure };
    let cwd = opening::folder(args.cd.as_deref()).map_err(setup)?;
    let granted = match args.full_auto {
        true => Some(FULL_AUTO.to_vec()),
        false => permissions(&args.sandbox)?,
    };
    let granted = granted.unwrap_or_else(|| vec![Permission::DiskFullReadAccess]);
    let granted =
        granted.into_iter().map(|permission| absolute(permission, &cwd)).collect::<Vec<_>>();
    let home = opening::home().ok().map(|home| std::fs::canonicalize(&home).unwrap_or(home));
    let environment = environment(home.as_deref(), &cwd).map_err(setup)?;
    let wanted = Wanted {
        permissions: &granted,
        level: SandboxLevel::Auto,
        git_writes: args.git_writes.into(),
        resources: Resources::default(),
        cwd: &cwd,
        agent_home: home.as_deref(),
        host: &args.host.pretended(&granted),
    };
    let workplace = Workplace::open_unswept(&wanted).map_err(setup)?;
    if args.explain {
        explain::print(&workplace);
        return Ok(ExitCode::SUCCESS);
    }
    let launch = Launch {
        argv: args.command,
        env: workplace.environment(&environment),
        plan: workplace.plan.clone(),
        cwd,
        timeout: None,
        stdin: Stdin::Inherit,
        stdio: Stdio::Inherit,
    };
    let places = workplace.places();
    let outcome = run_inherited(launch, || RuntimeFolder::sweep(&places), || drop(workplace))
        .map_err(|error| setup(error.into()))?;
    if let Some(failed) = &outcome.failed {
        say::aside(format_args!("error: {}", codex_view::sanitize::text(&failed.message)));
        say::aside(format_args!("hint: {}", step_hint(failed)));
    }
    if let Some(CutShort::Disk { folder, free_bytes }) =
        outcome.ended.as_ref().and_then(|ended| ended.cut_short.as_ref())
    {
        let why = codex_view::disk_full(folder, *free_bytes);
        say::aside(format_args!("error: the command was ended: {why}"));
        say::aside(format_args!("hint: free some room, or let the command write elsewhere (-s)"));
    }
    // Nothing was printed but the lines above, which are in no buffer.
    outcome.leave()
}

/// Reads what the settings say of the environment; without a home there are none.
fn environment(home: Option<&Path>, cwd: &Path) -> Result<EnvironmentPolicy, Failure> {
    let Some(home) = home else { return Ok(EnvironmentPolicy::default()) };
    // To resolve all settings where nothing is said of any takes longer than to look.
    let file = std::fs::symlink_metadata(home.join("config.toml"));
    if file.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(EnvironmentPolicy::default());
    }
    let config = Config::load(Inputs {
        home: home.to_owned(),
        env: &|name| std::env::var(name).ok(),
        cwd: cwd.to_owned(),
        overrides: Vec::new(),
        flags: Flags::default(),
    })?;
    Ok(config.environment)
}

/// Reads `-s`; none when the flag was not given.
fn permissions(words: &[String]) -> Result<Option<Vec<Permission>>, Failure> {
    const FLAG: &str = "-s";
    let expand = |word: &String| {
        Permission::expand(word).map_err(|source| ConfigError::Permission {
            key: FLAG.to_owned(),
            origin: Origin::Flag(FLAG),
            source,
        })
    };
    let expanded = words.iter().map(expand).collect::<Result<Vec<_>, _>>()?.concat();
    Ok((!words.is_empty()).then_some(expanded))
}

fn absolute(permission: Permission, cwd: &Path) -> Permission {
    match permission {
        Permission::DiskWriteFolder(folder) => {
            Permission::DiskWriteFolder(cwd.join(folder).to_string_lossy().into_owned())
        }
        other @ (Permission::DiskFullReadAccess
        | Permission::DiskWritePlatformUserTempFolder
        | Permission::DiskWritePlatformGlobalTempFolder
        | Permission::DiskWriteCwd
        | Permission::DiskFullWriteAccess
        | Permission::NetworkFullAccess) => other,
    }
}
