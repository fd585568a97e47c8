//! `codex demo`: the whole way from a prompt to a passing test, with a scripted model.
//!
//! Only the model's mind is scripted. The server speaks the real protocol over real HTTP, and the
//! turn is an ordinary `exec --full-auto`: sandbox, journal and all.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use codex_config::{Config, Flags, Inputs};
use codex_event::ApprovalPolicy;
use codex_scripted::{BlockingServer, Demo as Story, Script, demo};

use crate::args::{Demo, Program};
use crate::exec::{Keep, Show, Turn};
use crate::failure::{BUG, Failure, TURN_FAILED, USAGE};
use crate::{opening, say};

pub(crate) fn run(args: &Demo) -> Result<ExitCode, Failure> {
    let story = match args.program {
        Program::Rust => demo::rust_demo(),
        Program::Shell => demo::shell_demo(),
        Program::Auto if found("cargo") => demo::rust_demo(),
        Program::Auto => demo::shell_demo(),
    };
    let home = opening::home()?;
    let folder = scratch(story)?;
    let script = Script::from_json(story.script).map_err(|error| {
        Failure::new(BUG, format!("the demo's script is broken: {error}"))
            .hint("this is a bug; `codex demo --program` plays another one")
    })?;
    let server = BlockingServer::start(script).map_err(|error| {
        Failure::new(TURN_FAILED, format!("no server can be started on loopback: {error}"))
            .hint("the demo needs 127.0.0.1")
    })?;

    say::aside(format_args!("A scratch repository with a failing test: {}", folder.display()));
    say::aside(format_args!("A scripted model server: {}", server.base_url()));
    say::aside(format_args!("The same as: codex exec --full-auto {:?}\n", story.prompt));
    // The user's own settings have no part in this: the demo is the same everywhere.
    let config = Config::load(Inputs {
        home: folder.join(".no-settings"),
        env: &|_| None,
        cwd: folder.clone(),
        overrides: vec![
            "model_provider=\"demo\"".to_owned(),
            format!("model_providers.demo={{name=\"demo\",base_url=\"{}\"}}", server.base_url()),
        ],
        flags: Flags {
            model: Some("scripted".to_owned()),
            approval: Some(ApprovalPolicy::Never),
            full_auto: true,
            ..Flags::default()
        },
    })?;
    let turn = Turn {
        config,
        keep: Keep::OnDisk,
        home,
        cwd: folder.clone(),
        input: story.prompt.to_owned(),
        show: Show { json: args.json, color: args.color, last_message: None },
    };
    let (id, code) = turn.run()?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    let passed = check(story, &folder);
    say::aside("");
    let checked = story.check.join(" ");
    say::aside(format_args!("$ {checked}   # in the scratch repository, outside of the sandbox"));
    say::aside(if passed { "The test passes now." } else { "The test still fails." });
    say::aside("\nEvery act of this turn is in the journal. Watch it again, from any folder:");
    say::aside(format_args!("  {} replay {id}", program()));
    if passed {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::new(TURN_FAILED, "the demo's test does not pass")
            .hint(format!("look at {}", folder.display())))
    }
}

fn scratch(story: &Story) -> Result<PathBuf, Failure> {
    let broken = |error: std::io::Error| {
        Failure::new(USAGE, format!("no scratch folder can be made: {error}"))
            .hint("set TMPDIR to a folder that you can write to")
    };
    let name = format!("codex-demo-{}", codex_actors::wiring::new_session_id());
    let folder = std::env::temp_dir().join(name);
    for file in story.files {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().unwrap_or(&folder)).map_err(broken)?;
        fs::write(&path, file.content).map_err(broken)?;
        if file.executable {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(broken)?;
        }
    }
    let folder = fs::canonicalize(&folder).map_err(broken)?;
    git(&folder);
    Ok(folder)
}

/// Makes a repository of the folder, where there is git; the demo works without.
fn git(folder: &Path) {
    let run = |arguments: &[&str]| {
        let fixed = [
            "-c",
            "user.name=demo",
            "-c",
            "user.email=demo@localhost",
            "-c",
            "commit.gpgsign=false",
        ];
        Command::new("git")
            .args(fixed)
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let _ = run(&["init", "-q"])
        && run(&["add", "-A"])
        && run(&["commit", "-q", "-m", "a failing test"]);
}

/// Runs the story's test where the user would, and sees whether it passes.
fn check(story: &Story, folder: &Path) -> bool {
    let Some((program, arguments)) = story.check.split_first() else { return false };
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Names this program so that the line works from any folder: by name where the shell would find
/// this very file, else by its path; with the home, where that is not the default.
fn program() -> String {
    let this = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("codex"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let by_name = std::env::split_paths(&path)
        .map(|folder| folder.join("codex"))
        .find(|candidate| candidate.is_file())
        .and_then(|candidate| fs::canonicalize(candidate).ok());
    let name = match by_name {
        Some(found) if found == this => OsString::from("codex"),
        Some(_) | None => this.into_os_string(),
    };
    let name = codex_view::command_line(&[name.to_string_lossy().into_owned()]);
    match std::env::var("CODEX_HOME").ok().filter(|home| !home.is_empty()) {
        Some(_) => match opening::home() {
            Ok(home) => format!(
                "CODEX_HOME={} {name}",
                codex_view::command_line(&[home.to_string_lossy().into_owned()])
            ),
            Err(_) => name,
        },
        None => name,
    }
}
