//! Commands that the fence stops, and commands that fail by themselves: which is which?
//!
//! The cases are in `tests/denials/cases.jsonl`. Here they are run for real, at every level that this
//! host gives; `--record FILE` runs all of them and writes down what the unit tests of the crate
//! grade again, on machines without these tools. In a case `{W}` is the world's folder and `{PID}` a
//! process outside of the fence.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use codex_sandbox::{
    Confinement, Denial, End, Environment, Grade, Launch, Level, Look, Observation, Plan,
    PlanError, Standing, Stdin, Stdio as Streams, grade_by, probe,
};
use serde::{Deserialize, Serialize};

use crate::world::{FULL_AUTO, READ_ONLY, World, capture};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[("denials_are_told_from_failures", told_apart)];

/// Tools that take seconds; only a recording runs them.
const SLOW: [&str; 8] = ["cargo", "javac", "java", "npm", "pip", "pip-system", "docker", "apt-get"];

/// One case, as the file has it.
#[derive(Deserialize)]
struct Told {
    name: String,
    run: Vec<String>,
    #[serde(default)]
    granted: Option<String>,
    #[serde(default)]
    needs: Vec<String>,
    /// Runs before it without a fence.
    #[serde(default)]
    setup: Option<String>,
    /// The one level at which it is denied; at the others it succeeds.
    #[serde(default)]
    only: Option<String>,
    /// Words of what is denied; empty where nothing tells, absent where nothing is.
    #[serde(default, deserialize_with = "present")]
    denied: Option<String>,
    #[serde(default)]
    permission: Option<String>,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(value).map(|words| Some(words.unwrap_or_default()))
}

/// What became of a case, for the unit tests.
#[derive(Serialize)]
struct Recorded<'a> {
    name: &'a str,
    level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<&'a str>,
    argv: Vec<String>,
    end: End,
    output: String,
    /// What was looked at, and found.
    looks: BTreeMap<PathBuf, Standing>,
    processes: Vec<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denied: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<String>,
}

/// A process outside of the fence; it ends with this value.
struct Bystander(Child);

impl Bystander {
    fn start() -> Bystander {
        Bystander(Command::new("sleep").arg("600").spawn().expect("a process outside"))
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks at this machine, and remembers.
struct Remembering {
    looks: Mutex<BTreeMap<PathBuf, Standing>>,
    processes: Mutex<Vec<i32>>,
}

impl Look for Remembering {
    fn at(&self, path: &Path) -> Standing {
        let found = codex_sandbox::look_on_disk().at(path);
        self.looks.lock().expect("whole").insert(path.to_owned(), found.clone());
        found
    }

    fn has_process(&self, pid: i32) -> bool {
        let found = codex_sandbox::look_on_disk().has_process(pid);
        if found {
            self.processes.lock().expect("whole").push(pid);
        }
        found
    }
}

/// Counts of one way: denials, or failures.
#[derive(Default)]
struct Score {
    right: u32,
    wrong: Vec<String>,
}

impl Score {
    fn share(&self) -> f64 {
        let all = f64::from(self.right) + self.wrong.len() as f64;
        if all == 0.0 { 1.0 } else { f64::from(self.right) / all }
    }
}

fn told_apart() -> Verdict {
    let (text, _) = run_all(&|told| !told.needs.iter().any(|tool| SLOW.contains(&tool.as_str())));
    assert!(text.is_empty(), "{text}");
    Verdict::Held
}

/// Runs all cases and writes down what became of them.
pub(crate) fn record(file: &str) {
    let (text, recorded) = run_all(&|_| true);
    println!("{text}");
    fs::write(file, recorded).expect("written");
}

/// Gives what is wrong, if it is more than a few cases, and the records.
fn run_all(wanted: &dyn Fn(&Told) -> bool) -> (String, String) {
    let cases = include_str!("../denials/cases.jsonl");
    let cases = cases.lines().map(|line| serde_json::from_str::<Told>(line).expect("a case"));
    let cases: Vec<Told> = cases.filter(|told| wanted(told)).collect();
    let (mut problems, mut recorded) = (String::new(), String::new());
    for (level, name) in [(Level::Landlock, "landlock"), (Level::Full, "full")] {
        let world = World::new();
        let mut policy = world.policy(FULL_AUTO);
        policy.level = level;
        if matches!(Plan::on_disk(&policy, &probe()), Err(PlanError::FullUnavailable { .. })) {
            println!("  level {name}: not available here");
            continue;
        }
        let (mut denials, mut failures) = (Score::default(), Score::default());
        let mut skipped = 0;
        for told in &cases {
            if told.only.as_deref().is_some_and(|only| only != name)
                || !told.needs.iter().all(|it| has(it))
            {
                skipped += 1;
                continue;
            }
            let score = if told.denied.is_some() { &mut denials } else { &mut failures };
            match run_one(told, level, name, &mut recorded) {
                Ok(()) => score.right += 1,
                Err(why) => score.wrong.push(format!("{}: {why}", told.name)),
            }
        }
        for (way, score) in [("denials", denials), ("failures", failures)] {
            let all = score.right as usize + score.wrong.len();
            println!("  level {name}: {} of {all} {way} told, {skipped} skipped", score.right);
            for wrong in &score.wrong {
                println!("    {wrong}");
            }
            if score.share() < 0.95 {
                problems.push_str(&format!("level {name}: too many {way} mistaken; "));
            }
        }
    }
    (problems, recorded)
}

fn has(need: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    match need {
        "root" => is_root,
        "user" => !is_root,
        "pip-system" => Command::new("/usr/bin/python3")
            .args(["-c", "import pip, setuptools"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
        tool => std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|folder| folder.join(tool).is_file()),
    }
}

fn run_one(told: &Told, level: Level, name: &str, recorded: &mut String) -> Result<(), String> {
    let world = World::new();
    let root = world.at("").display().to_string();
    let root = root.trim_end_matches('/');
    let bystander = Bystander::start();
    let pid = bystander.0.id().to_string();
    let filled = |text: &str| text.replace("{W}", root).replace("{PID}", &pid);
    if let Some(setup) = &told.setup {
        let done = Command::new("/bin/sh")
            .args(["-c", &filled(setup)])
            .current_dir(root)
            .stdout(Stdio::null())
            .status();
        assert!(done.expect("a shell").success(), "{}: its setup failed", told.name);
    }
    let granted = match told.granted.as_deref() {
        None => FULL_AUTO.to_vec(),
        Some("ro") => READ_ONLY.to_vec(),
        Some("strict") => vec!["disk-write-cwd"],
        Some("net") => [FULL_AUTO, &["network-full-access"]].concat(),
        Some(other) => panic!("unknown set of permissions {other}"),
    };
    let mut policy = world.policy(&granted);
    policy.level = level;
    let plan = Plan::on_disk(&policy, &probe()).expect("a plan");
    assert_eq!(plan.confinement == Confinement::Landlock, name == "landlock");
    let env = environment(&world, &plan);
    let argv: Vec<String> = told.run.iter().map(|word| filled(word)).collect();
    let ran = capture(Launch {
        argv: argv.iter().map(Into::into).collect(),
        cwd: world.at("work"),
        env: env.clone(),
        plan: plan.clone(),
        timeout: Some(Duration::from_secs(60)),
        stdin: Stdin::Null,
        stdio: Streams::Captured,
    });
    // Modes that the setup took away would keep the world from being removed.
    let _ = Command::new("chmod").args(["-R", "u+rwX", root]).status();

    let end = match (&ran.outcome.ended, &ran.outcome.failed) {
        (Some(ended), _) => ended.end,
        (None, Some(failed)) => End::Code(failed.code),
        (None, None) => return Err("nothing is known of its end".to_owned()),
    };
    let failed = ran.outcome.failed.as_ref().map(|failed| format!("{}\n", failed.message));
    let output = format!("{}{}{}", ran.stdout, ran.stderr, failed.unwrap_or_default());
    let look = Remembering { looks: Mutex::default(), processes: Mutex::default() };
    let (cwd, project) = (world.at("work"), world.at("work"));
    let seen = Observation {
        end: Some(end),
        timed_out: false,
        argv: &argv,
        cwd: &cwd,
        project: &project,
        env: &env,
        output: &output,
    };
    let verdict = grade_by(&seen, &plan, &look);
    drop(bystander);

    let shown = |text: &str| text.replace(root, "/W");
    let record = Recorded {
        name: &told.name,
        level: name,
        granted: told.granted.as_deref(),
        argv: argv.iter().map(|word| shown(word)).collect(),
        end,
        output: shown(&output),
        looks: look
            .looks
            .into_inner()
            .expect("whole")
            .into_iter()
            .map(|(path, found)| {
                let path = PathBuf::from(shown(&path.display().to_string()));
                let real = PathBuf::from(shown(&found.path.display().to_string()));
                (path, Standing { path: real, ..found })
            })
            .collect(),
        processes: look.processes.into_inner().expect("whole"),
        denied: told.denied.as_deref().map(|words| shown(&filled(words))),
        permission: told.permission.as_deref().map(|it| shown(&filled(it))),
    };
    recorded.push_str(&serde_json::to_string(&record).expect("encodes"));
    recorded.push('\n');
    let denied = told.denied.as_deref().map(filled);
    let permission = told.permission.as_deref().map(filled);
    judge(verdict, denied.as_deref(), permission.as_deref()).map_err(|why| {
        format!("{why}\n      {end:?} {}", output.trim_end().replace('\n', "\n      "))
    })
}

fn judge(
    verdict: Option<Denial>,
    denied: Option<&str>,
    permission: Option<&str>,
) -> Result<(), String> {
    match (verdict, denied) {
        (None, _) => Err("it did not fail".to_owned()),
        (Some(Denial { grade: Grade::Unlikely, .. }), None) => Ok(()),
        (Some(Denial { grade: Grade::Unlikely, .. }), Some(_)) => Err("graded unlikely".to_owned()),
        (Some(verdict), None) => Err(format!("graded {verdict:?}")),
        (Some(verdict), Some(words)) => {
            let said = verdict.denied.clone().unwrap_or_default();
            match said.contains(words)
                && (words.is_empty()
                    || permission == Some("*")
                    || verdict.permission.as_deref() == permission)
            {
                true => Ok(()),
                false => Err(format!("expected {words:?} and {permission:?}, got {verdict:?}")),
            }
        }
    }
}

/// The environment of the test, in the world's home, with the tools of the real one.
fn environment(world: &World, plan: &Plan) -> Environment {
    let mut env = Environment::scrubbed(std::env::vars_os(), plan.network);
    let real = std::env::var("HOME").unwrap_or_default();
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let folder = std::env::var(name).unwrap_or_else(|_| format!("{real}/{folder}"));
        env.set(name, folder);
    }
    env.set("HOME", world.at("home"));
    env.set("TMPDIR", world.at("tmp"));
    // Messages are in one language here; the grading reads no other.
    env.set("LC_ALL", "C");
    env
}
