//! The world of one case: places, grants, and a command run in it.

use std::fmt;
use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use codex_event::Permission;
use codex_sandbox::{Confinement, GitWrites, Plan, Policy, Resources};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::escapes::case::{Grants, Unable};
use crate::escapes::outside::{Bystander, Listener, Process};

/// What the payload says when it begins.
pub(crate) const BEGUN: &str = "payload began as ";

/// Longest time that a script may take. One that is refused what it asks for ends long before.
const PATIENCE: Duration = Duration::from_secs(30);

/// A strength of confinement to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Full,
    Landlock,
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::Full => "full",
            Level::Landlock => "landlock",
        }
    }
}

/// The levels of this machine, the best one first.
pub(crate) fn levels() -> &'static [Level] {
    static LEVELS: OnceLock<Vec<Level>> = OnceLock::new();
    LEVELS.get_or_init(|| {
        // Asked of the plan: the best level is what a command gets when nobody says anything.
        match World::new(Grants::ReadOnly, Some(Level::Full)).plan().confinement {
            Confinement::Full => vec![Level::Full, Level::Landlock],
            Confinement::Landlock => vec![Level::Landlock],
            Confinement::None => vec![],
        }
    })
}

/// What the plan of a level says that it does not hold.
pub(crate) fn limits(level: Level, grants: Grants) -> Vec<String> {
    World::new(grants, Some(level)).plan().limits
}

pub(crate) struct World {
    root: PathBuf,
    grants: Grants,
    level: Option<Level>,
    /// A number that nothing else on the machine has: part of every name that is looked for.
    pub(crate) mark: String,
    /// Further variables of the agent's environment.
    pub(crate) variables: Vec<(String, String)>,
    /// A script that starts the command, given as its arguments.
    pub(crate) starter: Option<&'static str>,
    /// Where the command runs.
    pub(crate) folder: PathBuf,
    pub(crate) input: Option<OwnedFd>,
    /// The other end of a terminal that is the input.
    pub(crate) control: Option<OwnedFd>,
    /// What has to stay open as long as this world.
    pub(crate) open: Vec<OwnedFd>,
    pub(crate) listener: Option<Listener>,
    pub(crate) bystander: Option<Bystander>,
}

/// What a run said and left to see.
#[derive(Default)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What was seen while it ran, by the ways of running that look.
    pub(crate) observed: String,
    mark: String,
    needs_payload: bool,
}

impl Ran {
    /// Tells whether the script began, and its payload where it has one.
    pub(crate) fn began(&self) -> bool {
        self.stdout.contains(&format!("script {}", self.mark))
            && (!self.needs_payload || self.stdout.contains(BEGUN))
    }

    /// Adds what was seen while it ran.
    pub(crate) fn noting(self, observed: &str) -> Ran {
        Ran { observed: observed.to_owned(), ..self }
    }

    /// What it said last, for people.
    pub(crate) fn last_words(&self) -> String {
        let text = format!("exit {}, {}", self.code, self.stderr.trim());
        let from = text.char_indices().rev().nth(400).map_or(0, |(at, _)| at);
        text[from..].replace('\n', " | ")
    }

    pub(crate) fn said(&self, text: &str) -> bool {
        self.stdout.contains(text)
    }
}

impl World {
    pub(crate) fn new(grants: Grants, level: Option<Level>) -> World {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("7{}{count:05}", std::process::id());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("escape-{mark}"));
        let world = World {
            folder: root.join("work"),
            root,
            grants,
            level,
            mark,
            variables: Vec::new(),
            starter: None,
            input: None,
            control: None,
            open: Vec::new(),
            listener: None,
            bystander: None,
        };
        for folder in ["work", "outside", "home/.ssh", "temp", "agent"] {
            fs::create_dir_all(world.path(folder)).expect("made");
        }
        // A shared folder would be no private temporary one.
        fs::set_permissions(world.path("temp"), fs::Permissions::from_mode(0o700)).expect("set");
        world.write("outside/victim", &world.original());
        world.write("work/hello", "hello\n");
        world.write("home/.ssh/id_ed25519", &world.secret("ssh"));
        world.write("home/.bashrc", "# kept\n");
        world.write("agent/auth.json", &world.secret("auth"));
        world
    }

    /// A text that nobody else has, to be looked for where it must not be.
    pub(crate) fn secret(&self, kind: &str) -> String {
        format!("canary-{kind}-{}", self.mark)
    }

    fn original(&self) -> String {
        self.secret("victim")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// What a folder holds, in order.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Tells whether a name is there, even as a link to nowhere.
    pub(crate) fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// Tells whether the file outside is no longer what it was.
    pub(crate) fn is_victim_changed(&self) -> bool {
        self.read("outside/victim") != self.original()
    }

    pub(crate) fn set(&mut self, name: &str, value: impl fmt::Display) {
        self.variables.push((name.to_owned(), value.to_string()));
    }

    /// The words of what was granted.
    fn permissions(&self) -> Vec<&'static str> {
        let mut words = match self.grants {
            Grants::Workspace | Grants::ReadOnly => vec!["disk-full-read-access"],
            Grants::Strict => vec![],
            Grants::Network => vec!["disk-full-read-access", "network-full-access"],
            Grants::FullWrite => vec!["disk-full-read-access", "disk-full-write-access"],
            Grants::Danger => {
                vec!["disk-full-read-access", "disk-full-write-access", "network-full-access"]
            }
        };
        match self.grants {
            Grants::Workspace | Grants::Network => {
                words.extend(["disk-write-cwd", "disk-write-platform-user-temp-folder"]);
                // A world below it would lie in a granted folder as a whole.
                if !self.root.starts_with("/tmp") {
                    words.push("disk-write-platform-global-temp-folder");
                }
            }
            Grants::Strict => {
                words.extend(["disk-write-cwd", "disk-write-platform-user-temp-folder"]);
            }
            Grants::ReadOnly | Grants::FullWrite | Grants::Danger => {}
        }
        words
    }

    /// The plan of this world, as the program makes it.
    fn plan(&self) -> Plan {
        let level = match self.level {
            None | Some(Level::Full) => codex_sandbox::Level::Auto,
            Some(Level::Landlock) => codex_sandbox::Level::Landlock,
        };
        let permissions = self.permissions().into_iter();
        let policy = Policy {
            permissions: permissions.map(|it| it.parse::<Permission>().expect("known")).collect(),
            cwd: self.folder.clone(),
            home: Some(self.path("home")),
            agent_home: Some(self.path("agent")),
            read_roots: vec![],
            path_entries: vec![],
            program: None,
            user_temp: Some(self.path("temp")),
            level,
            git_writes: GitWrites::default(),
            resources: Resources::default(),
        };
        Plan::on_disk(&policy, &codex_sandbox::probe()).expect("a plan")
    }

    /// The command that runs these words at the level of this world.
    fn command(&self, words: &[&str]) -> Command {
        let mut line: Vec<String> = Vec::new();
        if let Some(starter) = self.starter {
            line.extend(["/bin/sh", "-c", starter, "sh"].map(str::to_owned));
        }
        match self.level {
            None => {}
            Some(level) => {
                line.extend([env!("CARGO_BIN_EXE_codex"), "sandbox"].map(str::to_owned));
                line.extend(level_flags(level).iter().map(|&flag| flag.to_owned()));
                for permission in self.permissions() {
                    line.extend(["-s", permission].map(str::to_owned));
                }
                line.push("--".to_owned());
            }
        }
        line.extend(words.iter().map(|&word| word.to_owned()));
        let mut command = Command::new(&line[0]);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(&line[1..])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", format!("{}:{path}", programs().display()))
            .env("HOME", self.path("home"))
            .env("CODEX_HOME", self.path("agent"))
            .env("TMPDIR", self.path("temp"))
            .env("LANG", "C.UTF-8")
            .env("GIT_CEILING_DIRECTORIES", &self.root)
            .env("MARK", &self.mark)
            .env("ROOT", &self.root)
            .env("WORK", self.path("work"))
            .env("OUT", self.path("outside"))
            .env("VICTIM", self.path("outside/victim"))
            .env("OPENAI_API_KEY", self.secret("environment"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(match &self.input {
                Some(input) => input.try_clone().expect("a descriptor").into(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    /// Starts a script, which says that it begins.
    pub(crate) fn start(&self, script: &str) -> Running {
        let line = format!("echo \"script $MARK\"; {script}");
        self.start_words(&["/bin/sh", "-c", &line], script.contains("payload "))
    }

    /// Starts a program with exactly these arguments.
    pub(crate) fn start_words(&self, words: &[&str], needs_payload: bool) -> Running {
        let mut child = self.command(words).spawn().expect("started");
        let streams = [
            Stream::read(child.stdout.take().expect("piped")),
            Stream::read(child.stderr.take().expect("piped")),
        ];
        Running { child, streams, mark: self.mark.clone(), needs_payload }
    }

    /// Gives the command a shell of this world as its parent, which has its folder and variables.
    pub(crate) fn below_a_shell(&mut self) -> Result<(), Unable> {
        self.starter = Some("\"$@\"; exit $?");
        Ok(())
    }

    /// Runs a script to its end.
    pub(crate) fn sh(&mut self, script: &str) -> Ran {
        self.start(script).end()
    }

    /// Runs a script until one of its processes shows `wanted` from outside, or it ends.
    pub(crate) fn watch(&mut self, script: &str, wanted: fn(&Process) -> bool) -> Ran {
        let mut running = self.start(script);
        let found = running.until(|| Process::marked(&self.mark).iter().any(wanted));
        running.kill().noting(if found { "seen" } else { "" })
    }

    /// Runs a script until its `sleep` shows up, and tells what is known of it from outside.
    pub(crate) fn inspect(&mut self, script: &str) -> Ran {
        let mut running = self.start(script);
        let mut observed = String::new();
        running.until(|| {
            let found = Process::marked(&self.mark).into_iter().find(Process::is_sleep);
            observed = found.map(|it| it.describe()).unwrap_or_default();
            !observed.is_empty()
        });
        running.kill().noting(&observed)
    }

    /// The processes that sleep for this world.
    pub(crate) fn sleepers(&self) -> usize {
        Process::marked(&self.mark).iter().filter(|it| it.is_sleep()).count()
    }

    /// Tells whether sleepers are left, after as long as an orderly end may take.
    pub(crate) fn are_sleepers_left(&self) -> bool {
        // Without a sandbox nothing ends them, and there is nothing to wait for.
        let patience = Duration::from_secs(if self.level.is_some() { 10 } else { 0 });
        let began = Instant::now();
        while self.sleepers() > 0 {
            if began.elapsed() >= patience {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    pub(crate) fn is_confined(&self) -> bool {
        self.level.is_some()
    }

    /// Runs a program outside, as its user would, and gives what it said.
    pub(crate) fn outside(&self, folder: &Path, words: &[&str]) -> Result<String, Unable> {
        let output = Command::new(words[0])
            .args(&words[1..])
            .current_dir(folder)
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // A world lies in a clone of this repository, whose own git it must not find.
            .env("GIT_CEILING_DIRECTORIES", &self.root)
            .env_remove("GIT_DIR")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("no {} here: {error}", words[0]))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.bystander = None;
        for process in Process::marked(&self.mark) {
            process.kill();
        }
        let _ = fs::remove_dir_all(&self.root);
        for shared in ["/tmp", "/dev/shm"] {
            for entry in fs::read_dir(shared).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().contains(&self.mark) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }
}

fn level_flags(level: Level) -> &'static [&'static str] {
    match level {
        Level::Full => &[],
        Level::Landlock => &["--without-namespaces"],
    }
}

/// A script that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    streams: [Stream; 2],
    mark: String,
    needs_payload: bool,
}

impl Running {
    /// Waits until something holds; false when the run ended first.
    pub(crate) fn until(&mut self, mut holds: impl FnMut() -> bool) -> bool {
        let began = Instant::now();
        loop {
            let ended = self.child.try_wait().expect("a child").is_some();
            if holds() {
                return true;
            }
            if ended || began.elapsed() > PATIENCE {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end, and ends it itself when that takes too long.
    pub(crate) fn end(mut self) -> Ran {
        self.until(|| false);
        self.kill()
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.child.try_wait().expect("a child").is_none()
            && let Some(pid) = self.pid()
        {
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends the group, as a harness around an agent does, and gathers what was said.
    pub(crate) fn kill(self) -> Ran {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        self.gather()
    }

    /// Waits for the process and gathers what was said, without waiting for pipes that a leftover
    /// holds open.
    pub(crate) fn gather(mut self) -> Ran {
        if !self.until(|| false)
            && self.child.try_wait().expect("a child").is_none()
            && let Some(pid) = self.pid()
        {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let status = self.child.wait().expect("a child");
        let began = Instant::now();
        let patience = Duration::from_millis(300);
        while began.elapsed() < patience && !self.streams.iter().all(|it| it.reader.is_finished()) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let [stdout, stderr] = self.streams.map(|stream| {
            String::from_utf8_lossy(&stream.bytes.lock().expect("no panic")).into_owned()
        });
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Ran {
            code,
            stdout,
            stderr,
            observed: String::new(),
            mark: self.mark,
            needs_payload: self.needs_payload,
        }
    }
}

/// What came out of a pipe so far.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Stream {
    fn read(mut pipe: impl Read + Send + 'static) -> Stream {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut part = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut part) {
                kept.lock().expect("no panic").extend_from_slice(&part[..length]);
            }
        });
        Stream { bytes, reader }
    }
}

/// A folder with `payload`, the program of this file's own test, for the `PATH` of every command.
///
/// It is a copy, because the strict view shows no folder of builds.
pub(crate) fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let me = std::env::current_exe().expect("known");
        let name = me.file_name().expect("a name").to_string_lossy().into_owned();
        let uid = rustix::process::getuid().as_raw();
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("escape-payload-{name}-{uid}"));
        let copy = folder.join("program");
        fs::create_dir_all(&folder).expect("made");
        let _ = fs::remove_file(&copy);
        if fs::hard_link(&me, &copy).is_err() {
            fs::copy(&me, &copy).expect("copied");
        }
        let script = folder.join("payload");
        let line = format!(
            "#!/bin/sh\nPAYLOAD=$(printf '%s\\n' \"$@\") exec '{}' --exact escapes::payload \
             --ignored --nocapture \"mark-$MARK\"\n",
            copy.display()
        );
        fs::write(&script, line).expect("written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("set");
        folder
    })
}
