//! A world for one test: a home, a folder to work in, a scripted model, and the program.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use codex_scripted::{BlockingServer, Script};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Longest time that a test waits for something that has to come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    root: PathBuf,
    server: Option<BlockingServer>,
    settings: String,
}

impl World {
    /// A world whose model plays these steps.
    pub(crate) fn playing(steps: Value) -> World {
        let mut world = World::silent();
        let script = Script::from_json(&json!({ "steps": steps }).to_string());
        let server = BlockingServer::start(script.expect("a script")).expect("loopback");
        world.settings = provider(&server.base_url());
        world.server = Some(server);
        world
    }

    /// A world without a model.
    pub(crate) fn silent() -> World {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for folder in ["home", "user", "work", "temp"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        World { root, server: None, settings: provider("http://127.0.0.1:1/v1") }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A file of the working folder.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.work().join(name)).ok()
    }

    /// The program with these arguments, in the working folder.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex"));
        command
            .args(arguments)
            .current_dir(self.work())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("user"))
            .env("CODEX_HOME", self.home())
            .env("TMPDIR", self.path("temp"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// `codex exec` against the scripted model, with further arguments.
    pub(crate) fn exec(&self, arguments: &[&str]) -> Command {
        self.asking_model("exec", arguments)
    }

    /// A subcommand that asks the scripted model, with further arguments.
    pub(crate) fn asking_model(&self, word: &str, arguments: &[&str]) -> Command {
        let provider = format!("model_providers.mock={}", self.settings);
        let fixed =
            [word, "--skip-git-repo-check", "-c", "model_provider=\"mock\"", "-c", &provider];
        self.program(&[&fixed[..], arguments].concat())
    }

    /// `codex` alone, which asks the scripted model, with further arguments.
    pub(crate) fn interface(&self, arguments: &[&str]) -> Command {
        let provider = format!("model_providers.mock={}", self.settings);
        let fixed = ["-c", "model_provider=\"mock\"", "-c", &provider];
        self.program(&[&fixed[..], arguments].concat())
    }

    /// The same, where no file may grow past so many KiB: a full disk without a disk.
    pub(crate) fn limited(&self, kibibytes: u32, arguments: &[&str]) -> Command {
        let exec = self.exec(arguments);
        let line = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &line, "bash"]).arg(exec.get_program()).args(exec.get_args());
        command.env_clear().current_dir(self.work());
        command.envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Replaces the provider's settings.
    pub(crate) fn with_provider(mut self, settings: &str) -> World {
        self.settings = settings.to_owned();
        self
    }

    pub(crate) fn base_url(&self) -> String {
        self.server.as_ref().expect("a world that plays").base_url()
    }

    /// The bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        let requests = self.server.as_ref().expect("a world that plays").requests();
        let body = |body: &str| serde_json::from_str(body).expect("a body is JSON");
        requests.iter().map(|request| body(&request.body)).collect()
    }

    /// The values of a header, by request.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let requests = self.server.as_ref().expect("a world that plays").requests();
        requests.iter().filter_map(|request| request.header(name).map(str::to_owned)).collect()
    }

    /// Runs `codex exec --json` to its end.
    pub(crate) fn turn(&self, arguments: &[&str]) -> Turn {
        self.turn_of(arguments, "do the task")
    }

    /// Runs `codex exec --json` with this prompt to its end.
    pub(crate) fn turn_of(&self, arguments: &[&str], prompt: &str) -> Turn {
        let all = [&["--json"], arguments, &["--", prompt]].concat();
        run(self.exec(&all))
    }

    /// Holds what was printed against the journal: the same bytes again, and nothing wrong.
    pub(crate) fn check_replay(&self, live: &Turn) {
        let replayed = run(self.program(&["replay", "--last", "--json"]));
        assert_eq!(replayed.stdout, live.stdout, "the replay differs from what was printed");
        self.check_journal();
    }

    pub(crate) fn check_journal(&self) {
        let verified = run(self.program(&["replay", "--last", "--verify"]));
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        assert!(verified.stdout.starts_with("ok: "), "{}", verified.stdout);
    }

    /// Kinds of the stored events, in order; a run of one bulk kind counts once.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let raw = run(self.program(&["replay", "--last", "--raw"]));
        let kind = |line: &str| {
            let event: Value = serde_json::from_str(line).expect("an event is JSON");
            event["kind"].as_str().expect("an event has a kind").to_owned()
        };
        let mut kinds: Vec<String> = raw.stdout.lines().map(kind).collect();
        kinds.dedup();
        kinds
    }
}

impl World {
    /// The same, where there may be no session.
    pub(crate) fn kinds_or_none(&self) -> Vec<String> {
        match self.home().join("journals").exists() {
            true => self.kinds(),
            false => Vec::new(),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

/// A provider's settings; short pauses, so that tests are.
pub(crate) fn provider(base_url: &str) -> String {
    format!(
        "{{name=\"mock\",base_url=\"{base_url}\",request_max_retries=1,stream_max_retries=1,\
         stream_idle_timeout_ms=20000}}"
    )
}

/// What a process printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Turn {
    fn of(output: Output) -> Turn {
        Turn {
            code: code(output.status),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).expect("a line is JSON");
        self.stdout.lines().map(line).collect()
    }

    /// The types of the lines, with the type and status of their items.
    pub(crate) fn shape(&self) -> Vec<String> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let shape = |line: &Value| {
            let item = &line["item"];
            let parts = [word(&line["type"]), word(&item["type"]), word(&item["status"])];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
        };
        self.lines().iter().map(shape).collect()
    }

    pub(crate) fn last(&self) -> Value {
        self.lines().pop().expect("a line")
    }

    /// Completed items of a type.
    pub(crate) fn items(&self, kind: &str) -> Vec<Value> {
        let lines = self.lines().into_iter();
        let completed = lines.filter(|line| line["type"] == "item.completed");
        completed.map(|line| line["item"].clone()).filter(|item| item["type"] == kind).collect()
    }

    pub(crate) fn outputs(&self) -> Vec<String> {
        let items = self.items("command_execution");
        let text = |item: &Value| item["aggregated_output"].as_str().unwrap_or_default().to_owned();
        items.iter().map(text).collect()
    }
}

pub(crate) fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).expect("an end")
}

pub(crate) fn run(mut command: Command) -> Turn {
    finish(command.spawn().expect("the program starts"))
}

/// Reads what a process prints, and waits for its end; one that hangs is killed, so that the test
/// sees 137 instead of waiting forever.
pub(crate) fn finish(child: Child) -> Turn {
    let watch = Watch::over(&child);
    let output = child.wait_with_output().expect("it ends");
    drop(watch);
    Turn::of(output)
}

/// Runs a program with this on its standard input.
pub(crate) fn piped(mut command: Command, input: &[u8]) -> Turn {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("piped").write_all(input);
    finish(child)
}

/// Ends a process that takes too long, so that the test sees its end instead of waiting forever.
pub(crate) struct Watch(Option<std::sync::mpsc::SyncSender<()>>);

impl Watch {
    pub(crate) fn over(child: &Child) -> Watch {
        let pid = Pid::from_child(child);
        let (ended, end) = std::sync::mpsc::sync_channel::<()>(0);
        std::thread::spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Watch(Some(ended))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0 = None;
    }
}

/// A program that runs while the test looks at it.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    pub(crate) printed: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        Running::of(command.spawn().expect("the program starts"))
    }

    /// One that was started already, as to write to it.
    pub(crate) fn of(mut child: Child) -> Running {
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Running { child, lines, printed: String::new() }
    }

    /// Reads until a line holds these words.
    pub(crate) fn until(&mut self, words: &str) {
        loop {
            let mut line = String::new();
            let length = self.lines.read_line(&mut line).expect("readable");
            assert!(length > 0, "the program ended before it printed {words:?}:\n{}", self.printed);
            self.printed.push_str(&line);
            if line.contains(words) {
                return;
            }
        }
    }

    /// Reads one line more; tells whether there was one.
    pub(crate) fn line(&mut self) -> bool {
        self.lines.read_line(&mut self.printed).expect("readable") > 0
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a pid");
        // It may have ended by itself, which the test sees by its output.
        let _ = kill_process(pid, signal);
    }

    /// The most memory that it ever had, in MiB.
    pub(crate) fn peak_memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a live process has a status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kibibytes.expect("a live process has memory") / 1024.0
    }

    /// Reads the rest, and waits for the end.
    pub(crate) fn end(mut self) -> Turn {
        let mut rest = self.lines.buffer().to_vec();
        self.child.stdout = Some(self.lines.into_inner());
        let turn = finish(self.child);
        rest.extend(turn.stdout.as_bytes());
        let rest = String::from_utf8(rest).expect("text");
        Turn { stdout: self.printed + &rest, ..turn }
    }
}

/// Moments spread over a length of time, the same ones for the same seed.
pub(crate) struct Moments(pub(crate) u64);

impl Moments {
    pub(crate) fn within(&mut self, length: Duration) -> Duration {
        // Knuth's generator; its upper bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        length * u32::try_from(self.0 >> 44).expect("20 bits") / (1 << 20)
    }
}

/// Waits for something that has to come.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The files below a folder, with what they hold.
pub(crate) fn bytes(folder: PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                // The owner's socket holds no bytes.
                path if !path.is_file() => {}
                path => found.push((path.clone(), fs::read(path).expect("readable"))),
            }
        }
    }
    found.sort();
    found
}

/// Counts live processes whose command line holds a word.
pub(crate) fn processes(word: &str) -> usize {
    pids(word).len()
}

/// Ends the processes whose command line holds a word, which only this test put there.
pub(crate) fn end_all(word: &str) {
    for pid in pids(word).into_iter().filter_map(Pid::from_raw) {
        // It may be gone by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
    eventually("cleaned up", || processes(word) == 0);
}

fn pids(word: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("proc").flatten();
    let holds = |path: PathBuf| {
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        let gone = stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z"));
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        !gone && String::from_utf8_lossy(&line).contains(word)
    };
    let found = entries.filter(|entry| holds(entry.path()));
    found.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Tells whether a program is on the path; says so when it is not.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        let _ = writeln!(std::io::stderr(), "skipped a part: there is no {program} here");
    }
    found
}

/// Lets a program use the Rust toolchain of the user who runs the tests.
pub(crate) fn rust_of_the_user(command: &mut Command) {
    let real = std::env::var("HOME").unwrap_or_default();
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let named = std::env::var(name).unwrap_or_else(|_| format!("{real}/{folder}"));
        command.env(name, named);
    }
}

/// Tells whether a command said that something was refused: a fence of mounts makes it say so in other
/// words than one of rules.
pub(crate) fn tells_of_a_refusal(text: &str) -> bool {
    ["Permission denied", "Read-only file system"].iter().any(|words| text.contains(words))
}

/// A step in which the model says something.
pub(crate) fn says(text: &str) -> Value {
    json!([{"type": "text", "text": text}])
}

/// A step in which the model runs a line in a shell.
pub(crate) fn runs(line: &str) -> Value {
    json!([{
        "type": "function_call",
        "name": "exec_command",
        "arguments": {"cmd": line, "login": false}
    }])
}

/// A step in which the model runs a program, with a time limit.
pub(crate) fn runs_for(milliseconds: u64, line: &str) -> Value {
    json!([{
        "type": "function_call",
        "name": "shell",
        "arguments": {"command": ["bash", "-c", line], "timeout": milliseconds}
    }])
}

/// A step in which the model applies a patch.
pub(crate) fn patches(patch: &str) -> Value {
    json!([{"type": "custom_tool_call", "name": "apply_patch", "input": patch}])
}
