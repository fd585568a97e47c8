//! Runs one command to its end: starts it, takes its output in, and reports.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use actix::{Addr, Recipient};
use codex_event::{CallId, Denial, DenialGrade, Outcome, OutputStream, ProcessMark};
use codex_redact::{Redactor, Stream};
use codex_sandbox::{
    Cause, Confined, Confinement, CutShort, End as ProcessEnd, Environment, Failed, Grade, Launch,
    Network, Observation, Plan, Status, StatusParser, Stdin, Stdio, grade,
};
use codex_session::Report;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::interpret::Form;
use crate::messages::{End, Forget, Observe, Spawn};
use crate::output::{Chunk, Retained};
use crate::sandbox::SandboxActor;
use crate::told;

/// Time that a command may take when the model sets none.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
/// Time that a command has to end after an interrupt before its tree is abandoned.
const END_DEADLINE: Duration = Duration::from_secs(5);
/// Time that output may still come after the whole tree has ended.
const DRAIN: Duration = Duration::from_millis(500);
/// Bytes that are read from a pipe at once.
const READ_BYTES: usize = 16 * 1024;

/// One attempt to run a command.
pub(crate) struct Job {
    pub(crate) call: CallId,
    pub(crate) attempt: u32,
    pub(crate) argv: Vec<String>,
    pub(crate) form: Form,
    pub(crate) cwd: PathBuf,
    /// The session's folder, which permissions are about.
    pub(crate) project: PathBuf,
    pub(crate) plan: Plan,
    pub(crate) environment: Environment,
    pub(crate) timeout: Duration,
    pub(crate) cancel: CancellationToken,
}

/// Where a command's reports go, and who owns its processes.
pub(crate) struct Ports {
    pub(crate) session: Recipient<Observe>,
    pub(crate) sandbox: Addr<SandboxActor>,
    pub(crate) redactor: Redactor,
}

impl Job {
    /// Runs the command. The last report is always its end.
    pub(crate) async fn run(self, ports: Ports) {
        let mut watch = Watch {
            clock: Clock::start(),
            retained: Retained::default(),
            texts: [ports.redactor.stream(), ports.redactor.stream()],
            ports,
            call: self.call,
            attempt: self.attempt,
        };
        let end = watch.follow(&self).await;
        let _ = watch.ports.sandbox.send(Forget { call: self.call }).await;
        watch.release().await;
        for chunk in watch.retained.finish() {
            watch.output(chunk).await;
        }
        let duration_ms = watch.clock.mono().0;
        let excerpt = watch.retained.excerpt();
        let (form, call, attempt) = (self.form, self.call, self.attempt);
        let (end, denial, excerpt) = self.graded(end, excerpt).await;
        let output =
            told::command(form, &end.outcome, duration_ms, &told::with(excerpt, denial.as_ref()));
        let report =
            Report::ToolEnded { call, attempt, outcome: end.outcome, duration_ms, output, denial };
        let _ = watch.ports.session.send(Observe(report)).await;
    }

    /// Grades a failure, on a thread that may wait: the file systems that an output names may be slow.
    async fn graded(self, end: Ended, output: String) -> (Ended, Option<Denial>, String) {
        let (outcome, process) = (end.outcome.clone(), end.end);
        let kept = output.clone();
        let graded = tokio::task::spawn_blocking(move || {
            let denial = end.denial(&self, &output);
            (end, denial, output)
        });
        graded.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "a failure was not graded");
            (Ended { outcome, end: process }, None, kept)
        })
    }

    fn launch(&self) -> Launch {
        let mut env = self.environment.clone();
        // A call that may run without the sandbox has the network that the others have not.
        env.tell_network(self.plan.network);
        env.set("CODEX_TOOL_CALL_ID", self.call.to_string());
        Launch {
            argv: self.argv.iter().map(OsString::from).collect(),
            cwd: self.cwd.clone(),
            env,
            plan: self.plan.clone(),
            timeout: Some(self.timeout),
            stdin: Stdin::Null,
            stdio: Stdio::Captured,
        }
    }
}

/// How a command ended, before it is put into words.
struct Ended {
    outcome: Outcome,
    end: Option<ProcessEnd>,
}

impl Ended {
    fn not_started(reason: String) -> Ended {
        Ended { outcome: Outcome::NotStarted { reason }, end: None }
    }

    fn denial(&self, job: &Job, output: &str) -> Option<Denial> {
        self.end?;
        let timed_out = self.outcome == Outcome::TimedOut;
        let (argv, cwd) = (&job.argv[..], job.cwd.as_path());
        let (project, env) = (job.project.as_path(), &job.environment);
        let seen = Observation { end: self.end, timed_out, argv, cwd, project, env, output };
        let denial = grade(&seen, &job.plan)?;
        let grade = match denial.grade {
            Grade::Certain => DenialGrade::Certain,
            Grade::Likely => DenialGrade::Likely,
            Grade::Unlikely => return None,
        };
        let codex_sandbox::Denial { grade: _, evidence, denied, permission } = denial;
        Some(Denial { grade, evidence, denied, permission })
    }
}

struct Watch {
    clock: Clock,
    retained: Retained,
    /// What may still become a secret of either output; before the budget, so that no cut parts one.
    texts: [Stream; 2],
    ports: Ports,
    call: CallId,
    attempt: u32,
}

/// A pipe that may have ended.
struct Source {
    pipe: Option<Receiver>,
    bytes: Vec<u8>,
}

impl Source {
    fn new(fd: OwnedFd) -> std::io::Result<Source> {
        Ok(Source { pipe: Some(Receiver::from_owned_fd(fd)?), bytes: vec![0; READ_BYTES] })
    }

    /// Gives the next bytes; an empty slice once, at the end; then never comes back.
    async fn read(&mut self) -> &[u8] {
        let Some(pipe) = &mut self.pipe else { return std::future::pending().await };
        let length = pipe.read(&mut self.bytes).await.unwrap_or(0);
        if length == 0 {
            self.pipe = None;
        }
        &self.bytes[..length]
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }
}

impl Watch {
    async fn follow(&mut self, job: &Job) -> Ended {
        let spawn = Spawn { call: job.call, launch: Box::new(job.launch()) };
        let tree = match self.ports.sandbox.send(spawn).await {
            Ok(Ok(tree)) => tree,
            Ok(Err(reason)) => return Ended::not_started(reason),
            Err(_) => return Ended::not_started("the program is ending".into()),
        };
        let mark = ProcessMark {
            pid: u32::try_from(tree.process.pid).unwrap_or_default(),
            start_time: tree.process.start_time,
            boot_id: tree.process.boot_id.clone(),
        };
        let sources =
            (Source::new(tree.stdout), Source::new(tree.stderr), Source::new(tree.status));
        let (Ok(mut stdout), Ok(mut stderr), Ok(mut status)) = sources else {
            return Ended::not_started("the command's pipes can't be read".into());
        };

        let mut parser = StatusParser::default();
        let mut ended = None;
        let mut failed: Option<Failed> = None;
        let mut confined: Option<Confined> = None;
        let mut interrupted = false;
        let mut deadline: Option<Instant> = None;
        while ended.is_none() && status.is_open() {
            // Output of a command is reported only once its process is.
            let running = confined.is_some();
            let due = self.retained.due_at();
            tokio::select! {
                biased;
                bytes = status.read() => {
                    for said in parser.feed(bytes).unwrap_or_default() {
                        match said {
                            Status::Confined(now) => {
                                self.spawned(mark.clone(), &now, job.plan.network).await;
                                confined = Some(now);
                            }
                            Status::Failed(step) => failed = Some(step),
                            Status::Ended(end) => ended = Some(end),
                        }
                    }
                }
                () = job.cancel.cancelled(), if !interrupted => {
                    interrupted = true;
                    deadline = Some(Instant::now() + END_DEADLINE);
                    self.end(Cause::Interrupt).await;
                }
                () = wait(deadline), if deadline.is_some() => {
                    deadline = None;
                    self.end(Cause::Abandon).await;
                }
                bytes = stdout.read(), if running => {
                    let bytes = bytes.to_vec();
                    self.take(OutputStream::Stdout, &bytes).await;
                }
                bytes = stderr.read(), if running => {
                    let bytes = bytes.to_vec();
                    self.take(OutputStream::Stderr, &bytes).await;
                }
                () = self.wait_until(due), if due.is_some() => {
                    if let Some(chunk) = self.retained.due(self.clock.mono().0) {
                        self.output(chunk).await;
                    }
                }
            }
        }
        if confined.is_some() {
            let _ = timeout(DRAIN, self.drain(&mut stdout, &mut stderr)).await;
        }
        self.ended(ended, failed, interrupted, confined.is_some()).await
    }

    async fn ended(
        &mut self,
        ended: Option<codex_sandbox::Ended>,
        failed: Option<Failed>,
        interrupted: bool,
        confined: bool,
    ) -> Ended {
        if let Some(changes) =
            ended.as_ref().map(|it| it.changes.clone()).filter(|it| !it.is_empty())
        {
            let report = Report::RepositoryChanged { call: self.call, changes };
            let _ = self.ports.session.send(Observe(report)).await;
        }
        let outcome = match (ended, failed) {
            (None, Some(failed)) if confined => {
                // The fence stood and the program was not there: a shell would say so like this.
                self.take(OutputStream::Stderr, format!("{}\n", failed.message).as_bytes()).await;
                let end = Some(ProcessEnd::Code(failed.code));
                return Ended { outcome: Outcome::Exited { code: failed.code }, end };
            }
            // Whoever ends it while it is still being fenced in did so.
            (None, Some(_)) if interrupted => Outcome::Interrupted,
            (None, Some(failed)) => return Ended::not_started(failed.message),
            (None, None) if interrupted => Outcome::Interrupted,
            // Without its supervisor nobody saw the end; the broken lifeline is what killed it. The
            // command may have run even if its supervisor could not say so any more.
            (None, None) => Outcome::Signalled { signal: 9 },
            (Some(_), _) if interrupted => Outcome::Interrupted,
            (Some(ended), _) => match (ended.cut_short, ended.end) {
                (Some(CutShort::Time), _) => Outcome::TimedOut,
                (Some(CutShort::Disk { folder, free_bytes }), _) => {
                    Outcome::DiskFull { folder, free_bytes }
                }
                (None, end) => {
                    let outcome = match end {
                        ProcessEnd::Code(code) => Outcome::Exited { code },
                        ProcessEnd::Signal(signal) => Outcome::Signalled { signal },
                    };
                    return Ended { outcome, end: Some(end) };
                }
            },
        };
        Ended { outcome, end: None }
    }

    async fn drain(&mut self, stdout: &mut Source, stderr: &mut Source) {
        while stdout.is_open() || stderr.is_open() {
            tokio::select! {
                bytes = stdout.read() => {
                    let bytes = bytes.to_vec();
                    self.take(OutputStream::Stdout, &bytes).await;
                }
                bytes = stderr.read() => {
                    let bytes = bytes.to_vec();
                    self.take(OutputStream::Stderr, &bytes).await;
                }
            }
        }
    }

    async fn take(&mut self, stream: OutputStream, bytes: &[u8]) {
        let text = match stream {
            OutputStream::Stdout => &mut self.texts[0],
            OutputStream::Stderr => &mut self.texts[1],
        };
        let decided = text.push(bytes);
        self.retain(stream, &decided).await;
    }

    /// Takes what was held back of both outputs: nothing more comes.
    async fn release(&mut self) {
        for (at, stream) in [OutputStream::Stdout, OutputStream::Stderr].into_iter().enumerate() {
            let rest = self.texts[at].finish();
            self.retain(stream, &rest).await;
        }
    }

    async fn retain(&mut self, stream: OutputStream, bytes: &[u8]) {
        for chunk in self.retained.push(stream, bytes, self.clock.mono().0) {
            self.output(chunk).await;
        }
    }

    async fn output(&self, chunk: Chunk) {
        let Chunk { stream, skipped, bytes } = chunk;
        let (call, attempt) = (self.call, self.attempt);
        let report = Report::ToolOutput { call, attempt, stream, skipped, bytes };
        let _ = self.ports.session.send(Observe(report)).await;
    }

    async fn spawned(&self, process: ProcessMark, confined: &Confined, network: Network) {
        let enforced = enforced(confined, network);
        let (call, attempt) = (self.call, self.attempt);
        let report = Report::ToolSpawned { call, attempt, process, enforced };
        let _ = self.ports.session.send(Observe(report)).await;
    }

    async fn end(&self, cause: Cause) {
        let _ = self.ports.sandbox.send(End { call: self.call, cause }).await;
    }

    async fn wait_until(&self, due: Option<u64>) {
        let now = self.clock.mono().0;
        let pause = due.map_or(0, |due| due.saturating_sub(now));
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

async fn wait(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Says what the kernel was given, for the journal.
fn enforced(confined: &Confined, network: Network) -> String {
    let Confined { landlock_abi, file_rules, mounts, protected, .. } = confined;
    let mut layers = vec![];
    match confined.confinement {
        Confinement::None => return "none".to_owned(),
        Confinement::Landlock => {}
        Confinement::Full => {
            let bound = if confined.partial { ", some may be missed" } else { "" };
            layers.push(format!("namespaces, {mounts} mounts, {protected} protected{bound}"));
        }
    }
    if *landlock_abi > 0 {
        layers.push(format!("landlock abi {landlock_abi} with {file_rules} file rules"));
    }
    layers.push("seccomp".to_owned());
    layers.push(match network {
        Network::Off => "network off".to_owned(),
        Network::Full => "network on".to_owned(),
    });
    layers.join(", ")
}
