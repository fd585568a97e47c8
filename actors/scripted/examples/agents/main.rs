//! Measures whole runs of command line agents against a scripted model on loopback.
//!
//! `agents FIGURE ROUNDS USAGE FOLDER NAME=PROGRAM...`: the agents take turns, so that a noisy
//! machine is noisy for all of them. Each has a fresh home in the folder, in `$CODEX_HOME`, and is
//! asked as `PROGRAM exec -s danger-full-access --json ...`. USAGE is the example of that name in
//! the sandbox's crate, which tells what a process used.
//!
//! Prints one JSON object a line: figure, agent, unit and samples. `cargo xtask bench` shows them
//! as a table.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

mod interface;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use codex_scripted::{BlockingServer, Script};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Calls of the tool loop.
const CALLS: usize = 50;
/// Pieces of the streamed text.
const DELTAS: usize = 100_000;
/// Steps of the long session.
const STEPS: usize = 200;
/// Steps at either end of the long session that are compared.
const ENDS: usize = 20;
/// How often the long session's size is looked at.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [figure, rounds, usage, folder, agents @ ..] = &words[..] else {
        return Err("agents FIGURE ROUNDS USAGE FOLDER NAME=PROGRAM...".into());
    };
    let rounds: usize = rounds.parse()?;
    let measure = match figure.as_str() {
        "startup" => startup,
        "answer" => answer,
        "tools" => tools,
        "stream" => stream,
        "long" => long,
        "interface" => interface::measure,
        other => return Err(format!("no figure is called {other}").into()),
    };
    let mut samples: BTreeMap<(usize, usize), (Figure, Vec<f64>)> = BTreeMap::new();
    for _ in 0..rounds {
        for (number, agent) in agents.iter().enumerate() {
            let (name, program) = agent.split_once('=').ok_or("an agent is NAME=PROGRAM")?;
            let world = World::fresh(usage, &Path::new(folder).join(name), program)?;
            for (row, (figure, value)) in measure(&world)?.into_iter().enumerate() {
                samples.entry((row, number)).or_insert_with(|| (figure, vec![])).1.push(value);
            }
        }
    }
    for ((_, number), ((figure, unit), samples)) in samples {
        let agent = agents[number].split('=').next();
        println!(
            "{}",
            json!({ "figure": figure, "agent": agent, "unit": unit, "samples": samples })
        );
    }
    Ok(())
}

/// What a figure is called, and its unit.
type Figure = (&'static str, &'static str);
type Row = Vec<(Figure, f64)>;

fn startup(world: &World) -> Outcome<Row> {
    let run = world.run(&["--version"], None)?;
    Ok(vec![
        (("--version", "ms"), run.wall * 1e3),
        (("--version, CPU", "ms"), run.cpu * 1e3),
        (("--version, peak memory", "MiB"), run.peak),
    ])
}

fn answer(world: &World) -> Outcome<Row> {
    let script = json!({ "steps": [[{ "type": "text", "text": "All is well." }]] });
    let mut row = Vec::new();
    // Named apart, because the first run of a home sets things up.
    let fresh = [
        ("answer, fresh home: first request", "ms"),
        ("answer, fresh home", "ms"),
        ("answer, fresh home: CPU", "ms"),
        ("answer, fresh home: peak memory", "MiB"),
    ];
    let used = [
        ("answer, used home: first request", "ms"),
        ("answer, used home", "ms"),
        ("answer, used home: CPU", "ms"),
        ("answer, used home: peak memory", "MiB"),
    ];
    for figures in [fresh, used] {
        let (run, asked) = world.turn(&script, None)?;
        let first = asked.first().ok_or("the agent asked nothing")?;
        let first = first.saturating_duration_since(run.begun).as_secs_f64();
        row.extend(figures.into_iter().zip([first * 1e3, run.wall * 1e3, run.cpu * 1e3, run.peak]));
    }
    Ok(row)
}

fn tools(world: &World) -> Outcome<Row> {
    let script = json!({ "steps": [
        { "items": [call("true")], "repeat": CALLS },
        [{ "type": "text", "text": "Done." }],
    ] });
    let (run, asked) = world.turn(&script, None)?;
    let gaps = gaps(&asked, CALLS)?;
    // A call that was refused would be a fast one.
    let succeeded = run.commands_that_exited_with(0);
    if succeeded != CALLS {
        return Err(format!("{succeeded} of {CALLS} commands exited with 0").into());
    }
    Ok(vec![
        (("50 calls: gap per call", "ms"), median(&gaps)),
        (("50 calls: CPU", "ms"), run.cpu * 1e3),
        (("50 calls: peak memory", "MiB"), run.peak),
    ])
}

fn stream(world: &World) -> Outcome<Row> {
    let script = json!({ "steps": [[{ "type": "text", "n": DELTAS, "chars": 8 }]] });
    let (run, asked) = world.turn(&script, None)?;
    let asked = asked.first().ok_or("the agent asked nothing")?;
    let streamed = (run.begun + Duration::from_secs_f64(run.wall))
        .saturating_duration_since(*asked)
        .as_secs_f64();
    Ok(vec![
        (("100,000 deltas: request to exit", "s"), streamed),
        (("100,000 deltas: CPU of each", "µs"), run.cpu * 1e6 / DELTAS as f64),
        (("100,000 deltas: peak memory", "MiB"), run.peak),
    ])
}

fn long(world: &World) -> Outcome<Row> {
    // About 2 KiB of text and 4 KiB of output in each step.
    let command = "seq -f 'line %04g of some tool output' 1 120";
    let script = json!({ "steps": [
        { "items": [{ "type": "text", "n": 64, "chars": 32 }, call(command)], "repeat": STEPS },
        [{ "type": "text", "text": "Done." }],
    ] });
    let (run, asked) = world.turn(&script, Some(LOOK))?;
    let gaps = gaps(&asked, STEPS)?;
    let at = |step: usize| {
        let later = run.sizes.iter().find(|(at, _)| *at >= asked[step]);
        later.or(run.sizes.last()).map(|(_, size)| *size).ok_or("its size could not be read")
    };
    let growth = (at(STEPS)? - at(ENDS)?) * 1024.0 / (STEPS - ENDS) as f64;
    Ok(vec![
        (("200 steps: gap, first 20", "ms"), median(&gaps[..ENDS])),
        (("200 steps: gap, last 20", "ms"), median(&gaps[gaps.len() - ENDS..])),
        (("200 steps: growth of each", "KiB"), growth),
        (("200 steps: CPU", "s"), run.cpu),
        (("200 steps: peak memory", "MiB"), run.peak),
    ])
}

fn call(command: &str) -> Value {
    let arguments = json!({ "cmd": command, "login": false });
    json!({ "type": "function_call", "name": "exec_command", "arguments": arguments })
}

/// Milliseconds from each request to the next: the call between them, and the short response.
fn gaps(asked: &[Instant], steps: usize) -> Outcome<Vec<f64>> {
    if asked.len() != steps + 1 {
        return Err(format!("{} requests instead of {}", asked.len(), steps + 1).into());
    }
    let gap = |pair: &[Instant]| pair[1].duration_since(pair[0]).as_secs_f64() * 1e3;
    Ok(asked.windows(2).map(gap).collect())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// A place for one agent: a home and a folder to work in.
struct World {
    usage: PathBuf,
    program: PathBuf,
    place: PathBuf,
}

/// What came of one run.
struct Run {
    begun: Instant,
    /// Seconds.
    wall: f64,
    /// Seconds.
    cpu: f64,
    /// MiB.
    peak: f64,
    printed: String,
    /// MiB at some times.
    sizes: Vec<(Instant, f64)>,
}

impl World {
    fn fresh(usage: &str, place: &Path, program: &str) -> Outcome<World> {
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
        for folder in ["home", "work"] {
            fs::create_dir_all(place.join(folder))?;
        }
        let place = fs::canonicalize(place)?;
        Ok(World { usage: usage.into(), program: fs::canonicalize(program)?, place })
    }

    fn turn(&self, script: &Value, look: Option<Duration>) -> Outcome<(Run, Vec<Instant>)> {
        let server = BlockingServer::start(Script::from_json(&script.to_string())?)?;
        let provider = format!(
            "model_providers.bench={{name=\"bench\",base_url=\"{}\",wire_api=\"responses\"}}",
            server.base_url()
        );
        let fixed = ["exec", "-s", "danger-full-access", "--json", "--skip-git-repo-check"];
        // The first is for agents that would call home, and wait for that.
        let settings = ["-c", "analytics.enabled=false", "-c", "model_provider=\"bench\""];
        let rest = ["-m", "gpt-5.5", "-c", &provider, "go on"];
        let run = self.run(&[&fixed[..], &settings, &rest].concat(), look)?;
        Ok((run, server.asked()))
    }

    fn run(&self, words: &[&str], look: Option<Duration>) -> Outcome<Run> {
        let (out, err) = (self.place.join("out"), self.place.join("err"));
        let mut usage = Command::new(&self.usage);
        usage.arg(&out).arg(&err).arg(&self.program).args(words);
        self.surround(&mut usage);
        let mut child = usage.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut told = BufReader::new(child.stdout.take().ok_or("no output")?);
        let pid = line(&mut told)?.strip_prefix("begin ").ok_or("no begin")?.trim().to_owned();
        let begun = Instant::now();
        let (stop, stopped) = sync_channel(0);
        let looking = look.map(|every| thread::spawn(move || look_at(&pid, every, stopped)));
        let end = line(&mut told);
        drop::<SyncSender<()>>(stop);
        let sizes = looking.map(|thread| thread.join()).transpose();
        let sizes = sizes.map_err(|_| "the thread that looks panicked")?.unwrap_or_default();
        child.wait()?;
        let end = end?;
        let numbers: Vec<f64> = end.split_whitespace().skip(1).flat_map(str::parse).collect();
        let [code, wall, cpu, peak] = numbers[..] else { return Err("no end".into()) };
        if code != 0.0 {
            let told = fs::read_to_string(err)?;
            return Err(format!("{} exited with {code}: {told}", self.program.display()).into());
        }
        let printed = fs::read_to_string(out)?;
        Ok(Run { begun, wall: wall / 1e6, cpu: cpu / 1e6, peak: peak / 1024.0, printed, sizes })
    }
}

impl World {
    /// Gives a command the folder, the home and nothing else.
    fn surround(&self, command: &mut Command) {
        let home = self.place.join("home");
        command.current_dir(self.place.join("work")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs([("LANG", "C.UTF-8"), ("SHELL", "/bin/bash")]);
        command.env("HOME", &home).env("CODEX_HOME", &home);
    }
}

impl Run {
    fn commands_that_exited_with(&self, code: i64) -> usize {
        let lines = self.printed.lines().filter_map(|line| serde_json::from_str(line).ok());
        let done = lines.filter(|line: &Value| {
            line["type"] == "item.completed"
                && line["item"]["type"] == "command_execution"
                && line["item"]["exit_code"] == code
        });
        done.count()
    }
}

fn line(from: &mut BufReader<ChildStdout>) -> Outcome<String> {
    let mut line = String::new();
    match from.read_line(&mut line)? {
        0 => Err("the measuring program ended early".into()),
        _ => Ok(line),
    }
}

/// Looks at a process's size again and again, until nobody wants to know any more.
fn look_at(
    pid: &str,
    every: Duration,
    stopped: std::sync::mpsc::Receiver<()>,
) -> Vec<(Instant, f64)> {
    let mut sizes = Vec::new();
    while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = resident.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        sizes.extend(kibibytes.map(|kibibytes: f64| (Instant::now(), kibibytes / 1024.0)));
    }
    sizes
}
