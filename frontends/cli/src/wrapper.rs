//! Commands that wrap another: `codex sandbox`, `codex debug landlock`, `codex apply-patch`.

use std::io::{Read, Write};
use std::process::ExitCode;

use codex_config::{ConfigError, Origin, SandboxLevel};
use codex_event::{FULL_AUTO, Permission};
use codex_sandbox::{EXIT_SETUP, Environment, Launch, Stdin, Stdio, run_inherited};

use crate::args::Sandbox;
use crate::failure::{Failure, USAGE, step_hint};
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
    let temp =
        opening::wants_temp(&granted).then(opening::Temp::resolve).transpose().map_err(setup)?;
    let home = opening::home().ok().map(|home| std::fs::canonicalize(&home).unwrap_or(home));
    let plan = opening::plan(&granted, SandboxLevel::Auto, &cwd, home.as_deref(), temp.as_ref())
        .map_err(setup)?;
    let mut env = Environment::scrubbed(std::env::vars_os(), plan.network);
    if let Some(temp) = &temp {
        env.set("TMPDIR", temp.folder.as_os_str());
    }
    let launch = Launch {
        argv: args.command,
        cwd,
        env,
        plan,
        timeout: None,
        stdin: Stdin::Inherit,
        stdio: Stdio::Inherit,
    };
    let outcome = run_inherited(launch).map_err(|error| setup(error.into()))?;
    if let Some(failed) = &outcome.failed {
        say::aside(format_args!("error: {}", codex_view::sanitize::text(&failed.message)));
        say::aside(format_args!("hint: {}", step_hint(failed)));
    }
    Ok(ExitCode::from(u8::try_from(outcome.exit_code()).unwrap_or(u8::MAX)))
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

fn absolute(permission: Permission, cwd: &std::path::Path) -> Permission {
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

/// Applies a patch to the current folder, and nowhere else.
pub(crate) fn apply_patch(patch: &str) -> Result<ExitCode, Failure> {
    let mut text = patch.as_bytes().to_vec();
    if patch == "-" {
        text.clear();
        std::io::stdin().read_to_end(&mut text).map_err(|error| {
            Failure::new(USAGE, format!("the patch can't be read from stdin: {error}"))
                .hint("codex apply-patch - < file.patch")
        })?;
    }
    let cwd = opening::folder(None)?;
    let outcome = codex_patch::run_cli(&text, &cwd);
    // What can't be written is nobody's business: the exit code still tells.
    let _ = std::io::stdout().write_all(outcome.stdout.as_bytes());
    if !outcome.stderr.is_empty() {
        say::aside(outcome.stderr.trim_end());
    }
    if let Some(hint) = outcome.hint {
        say::aside(format_args!("hint: {hint}"));
    }
    Ok(ExitCode::from(outcome.code))
}
