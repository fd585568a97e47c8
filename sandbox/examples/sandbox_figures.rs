//! Measures what a sandbox adds to a command: `true` bare, and at each level that this host gives.
//!
//! Prints one JSON object a line: a figure's name, its unit and its samples. `cargo xtask bench`
//! shows them as a table. The levels take turns, so that a busy machine is busy for all of them.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use codex_sandbox::{
    Environment, Launch, Level, Plan, Policy, Spawner, Stdin, Stdio, dispatch, probe,
};

/// Samples of each figure.
const SAMPLES: usize = 200;

/// What `workspace-write` means.
const PERMISSIONS: [&str; 4] = [
    "disk-full-read-access",
    "disk-write-platform-user-temp-folder",
    "disk-write-platform-global-temp-folder",
    "disk-write-cwd",
];

fn main() -> Result<(), Box<dyn Error>> {
    dispatch();
    let world = std::env::temp_dir().join(format!("codex-figures-{}", std::process::id()));
    for folder in ["folder", "repository/.git", "tmp", "home/.codex"] {
        std::fs::create_dir_all(world.join(folder))?;
    }
    let measured = measure(&world);
    std::fs::remove_dir_all(&world)?;
    measured
}

fn measure(world: &Path) -> Result<(), Box<dyn Error>> {
    let spawner = Spawner::start()?;
    let mut figures = vec![("true, bare".to_owned(), None, vec![])];
    for (name, level) in [("landlock", Level::Landlock), ("full", Level::Full)] {
        for folder in ["folder", "repository"] {
            // A level that this host does not give has no figures.
            if let Ok(launch) = launch(world, folder, level) {
                figures.push((format!("true, {name}, in a {folder}"), Some(launch), vec![]));
            }
        }
    }
    for _ in 0..SAMPLES {
        for (_, launch, samples) in &mut figures {
            let begun = Instant::now();
            match launch {
                None => drop(Command::new("true").output()?),
                Some(launch) => {
                    let outcome = spawner.spawn(launch.clone())?.wait();
                    if outcome.exit_code() != 0 {
                        return Err(format!("{outcome:?}").into());
                    }
                }
            }
            samples.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    for (name, _, samples) in figures {
        println!("{{\"figure\":{name:?},\"unit\":\"µs\",\"samples\":{samples:?}}}");
    }
    Ok(())
}

fn launch(world: &Path, folder: &str, level: Level) -> Result<Launch, Box<dyn Error>> {
    let cwd = world.join(folder);
    let permissions: Result<Vec<_>, _> = PERMISSIONS.iter().map(|word| word.parse()).collect();
    let policy = Policy {
        permissions: permissions.map_err(|_| "a permission is misspelt")?,
        cwd: cwd.clone(),
        home: Some(world.join("home")),
        agent_home: Some(world.join("home/.codex")),
        read_roots: vec![],
        path_entries: vec![],
        program: None,
        user_temp: Some(world.join("tmp")),
        level,
        git_writes: Default::default(),
        resources: Default::default(),
    };
    let plan = Plan::on_disk(&policy, &probe())?;
    Ok(Launch {
        argv: vec!["true".into()],
        cwd,
        env: Environment::scrubbed(std::env::vars_os(), plan.network),
        plan,
        timeout: Some(Duration::from_secs(60)),
        stdin: Stdin::Null,
        stdio: Stdio::Captured,
    })
}
