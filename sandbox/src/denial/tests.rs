use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::{FilePlan, GitWrites, How, Protected, ReadPlan, Resources, Scopes, WritePlan};

/// A host where the user may do everything.
struct Everywhere;

impl Look for Everywhere {
    fn at(&self, path: &Path) -> Standing {
        Standing {
            path: path.to_owned(),
            exists: true,
            is_folder: false,
            read: true,
            write: true,
            execute: true,
        }
    }

    fn has_process(&self, _: i32) -> bool {
        true
    }
}

fn plan(network: Network) -> Plan {
    Plan {
        confinement: Confinement::Landlock,
        files: FilePlan {
            read: ReadPlan::Everything,
            write: WritePlan::Roots(vec!["/w/project".into(), "/run/tmp".into()]),
            programs: vec![],
            devices: vec!["/dev/null".into()],
            withheld: vec![],
        },
        protected: vec![Protected { path: "/w/project/.git".into(), how: How::ReadOnly }],
        git_writes: GitWrites::None,
        resources: Resources::default(),
        network,
        scopes: Scopes { signals: true, abstract_sockets: true, tcp: true },
        landlock_abi: 6,
        limits: vec![],
    }
}

fn graded(program: &str, code: i32, output: &str, network: Network) -> Option<Grade> {
    let argv = [program.to_owned()];
    let seen = Observation {
        end: Some(End::Code(code)),
        timed_out: false,
        argv: &argv,
        cwd: Path::new("/w/project/sub"),
        project: Path::new("/w/project"),
        env: &Environment::default(),
        output,
    };
    grade_by(&seen, &plan(network), &Everywhere).map(|denial| denial.grade)
}

#[test]
fn messages_are_graded_by_where_their_path_lies() {
    use Grade::{Certain, Likely, Unlikely};
    for (output, expected) in [
        ("/bin/sh: 1: cannot create /etc/x: Permission denied", Certain),
        ("bash: line 1: /outside/f: Permission denied", Certain),
        ("touch: cannot touch '/outside/f': Permission denied", Certain),
        ("mkdir: cannot create directory \u{2018}/outside/d\u{2019}: Permission denied", Certain),
        ("mv: cannot move 'a' to '/outside/b': Permission denied", Certain),
        ("cp: cannot create regular file '../../x/f': Permission denied", Certain),
        ("PermissionError: [Errno 13] Permission denied: '/outside/f'", Certain),
        ("Error: EACCES: permission denied, open '/outside/f'", Certain),
        ("error: could not write /w/project/.git/index.lock: Read-only file system", Certain),
        ("fatal: Unable to create '/w/project/.git/index.lock': Permission denied", Certain),
        ("cat: ../secret/f: Permission denied", Unlikely),
        ("bash: ./run.sh: Permission denied", Unlikely),
        ("error: Permission denied (os error 13)", Likely),
        ("PermissionError: [Errno 1] Operation not permitted", Likely),
        ("curl: (6) Could not resolve host: example.org", Likely),
        ("curl: (7) Failed to connect to 127.0.0.1 port 80", Likely),
        ("ping: example.org: Temporary failure in name resolution", Likely),
        ("error[E0308]: mismatched types", Unlikely),
        ("test result: FAILED. 1 passed; 1 failed", Unlikely),
    ] {
        assert_eq!(graded("sh", 1, output, Network::Off), Some(expected), "{output}");
    }
}

#[test]
fn the_end_alone_can_decide() {
    let denied = "touch: /outside/f: Permission denied";
    assert_eq!(graded("sh", 0, denied, Network::Off), None);
    assert_eq!(graded("sh", 127, denied, Network::Off), Some(Grade::Unlikely));
    assert_eq!(graded("sh", 126, denied, Network::Off), Some(Grade::Unlikely));
    assert_eq!(graded("sh", 159, "", Network::Off), Some(Grade::Certain));
    assert_eq!(
        graded("tool", 2, "usage: tool FILE\nPermission denied", Network::Off),
        Some(Grade::Unlikely)
    );
    assert_eq!(graded("getent", 2, "", Network::Off), Some(Grade::Likely));
}

#[test]
fn a_granted_network_is_not_blamed() {
    let output = "curl: (6) Could not resolve host: example.org";
    assert_eq!(graded("curl", 6, output, Network::Full), Some(Grade::Unlikely));
}

#[test]
fn set_up_failures_signals_and_timeouts() {
    let seen = Observation {
        end: None,
        timed_out: false,
        argv: &[],
        cwd: Path::new("/w"),
        project: Path::new("/w"),
        env: &Environment::default(),
        output: "",
    };
    let of = |seen: &Observation<'_>| grade(seen, &plan(Network::Off)).map(|it| it.grade);
    assert_eq!(of(&seen), Some(Grade::Certain));
    let killed = Observation { end: Some(End::Signal(libc::SIGSYS)), ..seen };
    assert_eq!(of(&killed), Some(Grade::Certain));
    let late = Observation {
        end: Some(End::Signal(15)),
        timed_out: true,
        output: "/outside: Permission denied",
        ..seen
    };
    assert_eq!(of(&late), Some(Grade::Unlikely));
    assert_eq!(grade(&late, &Plan::unconfined()), None);
}

#[test]
fn only_the_end_of_a_long_output_counts() {
    let output = "touch: /outside/f: Permission denied\n".to_owned() + &"\u{e9}".repeat(TAIL);
    assert_eq!(graded("sh", 1, &output, Network::Off), Some(Grade::Unlikely));
}

/// What the host knew when a case was recorded.
struct Remembered {
    looks: BTreeMap<PathBuf, Standing>,
    processes: Vec<i32>,
}

impl Look for Remembered {
    fn at(&self, path: &Path) -> Standing {
        self.looks.get(path).cloned().unwrap_or_else(|| Everywhere.at(path))
    }

    fn has_process(&self, pid: i32) -> bool {
        self.processes.contains(&pid)
    }
}

/// One run that was recorded by the integration tests (`--record`); `/W` is its world.
#[derive(Deserialize)]
struct Recorded {
    name: String,
    level: String,
    #[serde(default)]
    granted: Option<String>,
    argv: Vec<String>,
    end: End,
    output: String,
    looks: BTreeMap<PathBuf, Standing>,
    processes: Vec<i32>,
    #[serde(default)]
    denied: Option<String>,
    #[serde(default)]
    permission: Option<String>,
}

impl Recorded {
    fn plan(&self) -> Plan {
        let granted = self.granted.as_deref();
        let protected = |name: &str| Protected {
            path: Path::new("/W/project").join(name),
            how: How::Placeholder,
        };
        let (confinement, protected) = match self.level.as_str() {
            "full" if granted != Some("ro") => {
                (Confinement::Full, [".agents", ".codex", ".git"].map(protected).to_vec())
            }
            "full" => (Confinement::Full, vec![]),
            _ => (Confinement::Landlock, vec![]),
        };
        let roots = match granted {
            Some("ro") => vec![],
            Some("strict") => vec!["/W/project".into()],
            Some(_) | None => vec!["/W/project".into(), "/W/tmp".into()],
        };
        let read = match granted {
            Some("strict") => ReadPlan::Roots(
                ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt", "/proc", "/W/project"]
                    .map(PathBuf::from)
                    .to_vec(),
            ),
            Some(_) | None => ReadPlan::Everything,
        };
        let network = if granted == Some("net") { Network::Full } else { Network::Off };
        let mut plan = plan(network);
        plan.confinement = confinement;
        plan.protected = protected;
        plan.files.read = read;
        plan.files.write = WritePlan::Roots(roots);
        plan.files.withheld = vec!["/W/home/.codex".into(), "/etc/shadow*".into()];
        if granted != Some("strict") {
            plan.files.withheld.pop();
        }
        plan
    }

    /// Tells what is wrong with the verdict.
    fn problem(&self) -> Option<String> {
        let mut env = Environment::default();
        env.set("HOME", "/W/home");
        env.set("TMPDIR", "/W/tmp");
        let seen = Observation {
            end: Some(self.end),
            timed_out: false,
            argv: &self.argv,
            cwd: Path::new("/W/project"),
            project: Path::new("/W/project"),
            env: &env,
            output: &self.output,
        };
        let look = Remembered { looks: self.looks.clone(), processes: self.processes.clone() };
        let verdict = grade_by(&seen, &self.plan(), &look);
        let said = format!("{verdict:?}");
        let verdict = verdict?;
        let fits = match (&self.denied, verdict.grade) {
            (None, grade) => grade == Grade::Unlikely,
            (Some(_), Grade::Unlikely) => false,
            (Some(words), Grade::Certain | Grade::Likely) => {
                let allows = verdict.permission == self.permission;
                let is_told = verdict.denied.unwrap_or_default().contains(words);
                words.is_empty() || (is_told && (allows || self.permission.as_deref() == Some("*")))
            }
        };
        (!fits).then_some(said)
    }
}

/// Cases that are known to be mistaken: they say nothing that could be read.
const SILENT: [&str; 1] = ["vim"];

#[test]
fn what_was_recorded_is_told_apart() {
    let lines = include_str!("../../tests/it/denials/recorded.jsonl").lines();
    let cases: Vec<Recorded> =
        lines.map(|line| serde_json::from_str(line).expect("a record")).collect();
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| !SILENT.contains(&case.name.as_str()))
        .filter_map(|case| {
            Some(format!("{} at {}: {}\n{}", case.name, case.level, case.problem()?, case.output))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    for is_denial in [true, false] {
        let count = cases.iter().filter(|case| case.denied.is_some() == is_denial).count();
        assert!(count >= 80, "only {count} cases with denial: {is_denial}");
    }
}
