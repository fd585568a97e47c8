//! A small world on disk, and commands run in it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use codex_event::Permission;
use codex_sandbox::{
    Environment, GitWrites, Launch, Level, Outcome, Plan, Policy, Resources, Running, Spawner,
    Stdin, Stdio, probe,
};

/// A project, a place outside of it, a home with the agent's home, and a temporary folder.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
}

/// What a captured run gave.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) const FULL_AUTO: &[&str] =
    &["disk-full-read-access", "disk-write-platform-user-temp-folder", "disk-write-cwd"];
pub(crate) const READ_ONLY: &[&str] = &["disk-full-read-access"];
pub(crate) const DANGER: &[&str] =
    &["disk-full-read-access", "disk-full-write-access", "network-full-access"];

impl World {
    pub(crate) fn new() -> World {
        let folder = tempfile::Builder::new()
            .prefix("sandbox-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a folder for the test");
        let world = World { folder };
        for name in ["project", "outside", "home/.codex", "tmp"] {
            fs::create_dir_all(world.at(name)).expect("made");
        }
        fs::write(world.at("outside/victim"), "original").expect("written");
        fs::write(world.at("home/.codex/auth.json"), "canary-auth").expect("written");
        fs::write(world.at("home/notes"), "plain notes").expect("written");
        world
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().expect("exists").join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    pub(crate) fn policy(&self, permissions: &[&str]) -> Policy {
        Policy {
            permissions: permissions
                .iter()
                .map(|word| word.parse::<Permission>().expect("a permission"))
                .collect(),
            cwd: self.at("project"),
            home: Some(self.at("home")),
            agent_home: Some(self.at("home/.codex")),
            read_roots: vec![],
            path_entries: vec![],
            program: None,
            user_temp: Some(self.at("tmp")),
            level: level(),
            git_writes: GitWrites::None,
            resources: Resources::default(),
        }
    }

    pub(crate) fn plan(&self, permissions: &[&str]) -> Plan {
        Plan::on_disk(&self.policy(permissions), &probe()).expect("a plan")
    }

    pub(crate) fn launch(&self, permissions: &[&str], argv: &[&str]) -> Launch {
        let plan = self.plan(permissions);
        let mut env = Environment::scrubbed(std::env::vars_os(), plan.network);
        env.set("HOME", self.at("home"));
        env.set("TMPDIR", self.at("tmp"));
        Launch {
            argv: argv.iter().map(OsString::from).collect(),
            cwd: self.at("project"),
            env,
            plan,
            timeout: Some(Duration::from_secs(60)),
            stdin: Stdin::Null,
            stdio: Stdio::Captured,
        }
    }

    pub(crate) fn sh(&self, permissions: &[&str], script: &str) -> Ran {
        capture(self.launch(permissions, &["/bin/sh", "-c", script]))
    }

    /// Runs this program again as the confined command.
    pub(crate) fn probe(&self, permissions: &[&str], words: &[&str]) -> String {
        let me = std::env::current_exe().expect("known");
        let me = me.to_str().expect("UTF-8");
        let argv: Vec<&str> = [me, "--probe"].into_iter().chain(words.iter().copied()).collect();
        let ran = capture(self.launch(permissions, &argv));
        assert_eq!(ran.code(), 0, "the probe itself must run: {} {:?}", ran.stderr, ran.outcome);
        ran.stdout.trim().to_owned()
    }
}

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.outcome.exit_code()
    }
}

static LEVEL: Mutex<Level> = Mutex::new(Level::Auto);

/// The level at which worlds are made from now on.
pub(crate) fn set_level(level: Level) {
    *LEVEL.lock().expect("no panic while it is held") = level;
}

pub(crate) fn level() -> Level {
    *LEVEL.lock().expect("no panic while it is held")
}

/// Whether commands run in namespaces of their own.
pub(crate) fn is_full() -> bool {
    level() == Level::Full
}

pub(crate) fn spawner() -> &'static Spawner {
    static SPAWNER: OnceLock<Spawner> = OnceLock::new();
    SPAWNER.get_or_init(|| Spawner::start().expect("a spawner"))
}

pub(crate) fn start(launch: Launch) -> Running {
    spawner().spawn(launch).expect("a supervisor")
}

pub(crate) fn capture(launch: Launch) -> Ran {
    let parts = start(launch).into_parts();
    let reader = |fd: Option<std::os::fd::OwnedFd>| {
        let mut stream = File::from(fd.expect("captured"));
        thread::spawn(move || {
            let mut bytes = vec![];
            stream.read_to_end(&mut bytes).expect("readable");
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let (stdout, stderr) = (reader(parts.stdout), reader(parts.stderr));
    let mut bytes = vec![];
    File::from(parts.status).read_to_end(&mut bytes).expect("readable");
    let said = codex_sandbox::StatusParser::default().feed(&bytes).expect("well formed");
    let mut outcome = Outcome::default();
    for status in said {
        match status {
            codex_sandbox::Status::Confined(confined) => outcome.confined = Some(confined),
            codex_sandbox::Status::Failed(failed) => outcome.failed = Some(failed),
            codex_sandbox::Status::Ended(ended) => outcome.ended = Some(ended),
        }
    }
    drop(parts.lifeline);
    Ran { outcome, stdout: stdout.join().expect("read"), stderr: stderr.join().expect("read") }
}

/// Waits until `holds`, or fails after a limit that only a fault can reach.
pub(crate) fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Counts live processes whose command line holds a marker.
pub(crate) fn alive(marker: &str) -> usize {
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    entries
        .flatten()
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok())
                && entry.file_name().to_str() != Some(&std::process::id().to_string())
        })
        .filter(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            line.windows(marker.len()).any(|window| window == marker.as_bytes())
        })
        .count()
}

/// A number of seconds for `sleep` that no other process uses.
pub(crate) fn marker() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("300.{}{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
