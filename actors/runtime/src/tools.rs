//! The tool actor: carries out calls whose intent is durable.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler, Recipient};
use codex_event::{CallId, Confinement, Digest, FileChange, Invocation, Outcome, Stored};
use codex_journal::Blobs;
use codex_patch::{PlanError, Roots};
use codex_redact::Redactor;
use codex_sandbox::{Environment, Plan, WritePlan};
use codex_session::{PatchPlan, Report};

use crate::command::{DEFAULT_TIMEOUT, Job, Ports};
use crate::interpret::{Asked, Form, read};
use crate::messages::{Observe, PlanPatch, RunTool};
use crate::sandbox::SandboxActor;
use crate::{told, veil};

/// Where a session's tools work; fixed when the session is opened, never by the model.
#[derive(Clone, Debug)]
pub struct Place {
    /// Canonical working directory.
    pub cwd: PathBuf,
    /// What confines commands.
    pub plan: Plan,
    /// What confines commands that are known to be safe and run without a question: the same, with
    /// nothing to write and no network. None where nothing confines commands at all.
    pub narrow: Option<Plan>,
    /// The environment of commands, but for what it says of the network.
    pub environment: Environment,
}

impl Place {
    /// Finds the plan that an intent names.
    fn plan_of(&self, digest: Digest) -> Option<&Plan> {
        let plans = [Some(&self.plan), self.narrow.as_ref()].into_iter().flatten();
        plans.into_iter().find(|plan| plan.digest() == digest)
    }
}

const ANOTHER_PLAN: &str = "the sandbox plan is not the one that was intended";

/// Carries calls out, each as a task of its own.
pub(crate) struct ToolActor {
    pub(crate) session: Recipient<Observe>,
    pub(crate) sandbox: Addr<SandboxActor>,
    pub(crate) blobs: Blobs,
    pub(crate) place: Arc<Place>,
    pub(crate) redactor: Redactor,
}

impl Actor for ToolActor {
    type Context = Context<Self>;
}

impl Handler<PlanPatch> for ToolActor {
    type Result = ();

    fn handle(&mut self, message: PlanPatch, _: &mut Self::Context) {
        let (session, blobs) = (self.session.clone(), self.blobs.clone());
        let place = Arc::clone(&self.place);
        actix::spawn(async move {
            let PlanPatch { call, raw, outside } = message;
            let planned = tokio::task::spawn_blocking(move || plan(&raw, &outside, &blobs, &place));
            let plan = match planned.await {
                Ok(Ok(plan)) => {
                    PatchPlan::Ready { changes: plan.changes(), outside: outside_of(&plan) }
                }
                Ok(Err(Unfit::Outside { paths, message })) => PatchPlan::Outside { paths, message },
                Ok(Err(Unfit::Failed(message))) => PatchPlan::Failed { message },
                Err(panic) => PatchPlan::Failed { message: told::patch_failed(&panic) },
            };
            let _ = session.send(Observe(Report::PatchPlanned { call, plan })).await;
        });
    }
}

impl Handler<RunTool> for ToolActor {
    type Result = ();

    fn handle(&mut self, message: RunTool, _: &mut Self::Context) {
        let (session, blobs) = (self.session.clone(), self.blobs.clone());
        let place = Arc::clone(&self.place);
        let redactor = self.redactor.clone();
        let ports = Ports {
            session: session.clone(),
            sandbox: self.sandbox.clone(),
            redactor: redactor.clone(),
        };
        actix::spawn(async move {
            match (&message.invocation, &message.confinement) {
                (_, Confinement::WritableRoots { changes, outside }) => {
                    let intended = (changes.clone(), outside.clone());
                    let (call, attempt) = (message.call, message.attempt);
                    let gear = (blobs, place, redactor);
                    let report = apply(call, attempt, message.raw, intended, gear).await;
                    let _ = session.send(Observe(report)).await;
                }
                (Invocation::Command { .. }, Confinement::Sandbox { .. } | Confinement::None) => {
                    match job(message, &blobs, &place).await {
                        Ok(job) => drop(tokio::spawn(job.run(ports)).await),
                        Err(report) => drop(session.send(Observe(report)).await),
                    }
                }
                (
                    Invocation::Patch { .. } | Invocation::Invalid { .. },
                    Confinement::Sandbox { .. } | Confinement::None,
                ) => {
                    let reason = "the call is no command".to_owned();
                    let report = not_started(message.call, message.attempt, reason);
                    let _ = session.send(Observe(report)).await;
                }
            }
        });
    }
}

async fn job(message: RunTool, blobs: &Blobs, place: &Place) -> Result<Job, Report> {
    let RunTool { call, attempt, invocation, raw, confinement, cancel } = message;
    let fault = |reason: String| not_started(call, attempt, reason);
    let Invocation::Command { argv, workdir, timeout_ms, .. } = invocation else {
        return Err(fault("the call is no command".into()));
    };
    let store = blobs.clone();
    // The argument list is the recorded fact; the raw call only says how the answer is worded.
    let loaded = tokio::task::spawn_blocking(move || {
        let argv = match argv {
            Stored::Inline(argv) => Some(argv),
            Stored::Blob { digest, .. } => {
                let bytes = store.get(&digest).ok().flatten();
                bytes.and_then(|bytes| codex_event::Content::from_blob(&bytes))
            }
        };
        let form = match read(&told::text(&raw, &store)) {
            Asked::Command { form, .. } => form,
            Asked::Patch { .. } | Asked::Invalid { .. } => Form::Exec,
        };
        (argv, form)
    });
    let (argv, form) = match loaded.await {
        Ok((Some(argv), form)) => (argv, form),
        Ok((None, _)) => return Err(fault("the command is missing from the journal".into())),
        Err(panic) => return Err(fault(panic.to_string())),
    };
    let plan = match confinement {
        Confinement::None => Plan::unconfined(),
        Confinement::Sandbox { plan } => match place.plan_of(plan) {
            Some(plan) => plan.clone(),
            None => return Err(fault(ANOTHER_PLAN.into())),
        },
        Confinement::WritableRoots { .. } => return Err(fault(ANOTHER_PLAN.into())),
    };
    Ok(Job {
        call,
        attempt,
        argv,
        form,
        cwd: folder(&place.cwd, workdir.as_deref()),
        project: place.cwd.clone(),
        plan,
        environment: place.environment.clone(),
        timeout: timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis),
        cancel,
    })
}

fn not_started(call: CallId, attempt: u32, reason: String) -> Report {
    let outcome = Outcome::NotStarted { reason };
    let output = told::command(Form::Exec, &outcome, 0, "");
    Report::ToolEnded { call, attempt, outcome, duration_ms: 0, output, denial: None }
}

/// Gives the folder that a call works in.
pub(crate) fn folder(cwd: &Path, workdir: Option<&str>) -> PathBuf {
    workdir.map_or_else(|| cwd.to_owned(), |inner| cwd.join(inner))
}

/// Why a patch can't be applied.
enum Unfit {
    Outside { paths: Vec<String>, message: String },
    Failed(String),
}

/// Most bytes of the paths outside that one question may name; a journal's values stay small, and
/// nobody reads a longer list.
const OUTSIDE_BYTES: usize = 3000;

/// Plans a patch that may write below the roots of the plan, less what commands could not change
/// there either, and to exactly the files of `outside`.
fn plan(
    raw: &Stored<String>,
    outside: &[String],
    blobs: &Blobs,
    place: &Place,
) -> Result<codex_patch::Plan, Unfit> {
    let failed = |error: &dyn std::fmt::Display| Unfit::Failed(told::patch_failed(error));
    let Asked::Patch { text, workdir } = read(&told::text(raw, blobs)) else {
        return Err(failed(&"the call holds no patch"));
    };
    let patch = codex_patch::parse(&text).map_err(|error| failed(&error))?;
    let roots = Roots::as_allowed(place.plan.writable_roots());
    let roots = match &place.plan.files.write {
        WritePlan::Everything => roots,
        WritePlan::Roots(_) => roots.guarding(place.plan.reserved()),
    };
    let roots = roots.allowing(outside.iter().map(PathBuf::from));
    let cwd = folder(&place.cwd, workdir.as_deref());
    // A shell would not get there either, and a patch must not make the folder.
    if let Err(error) = std::fs::read_dir(&cwd) {
        return Err(failed(&format_args!("{}: {error}", cwd.display())));
    }
    codex_patch::plan(&patch, &roots, &cwd).map_err(|error| match error {
        PlanError::Outside { .. } | PlanError::Protected { .. } => {
            strayed(&codex_patch::strays(&patch, &roots, &cwd), &error)
        }
        PlanError::Context { .. }
        | PlanError::Lines { .. }
        | PlanError::Read { .. }
        | PlanError::Delete { .. }
        | PlanError::Write { .. } => failed(&error),
    })
}

/// Says which paths a patch would have to be allowed; none where nobody could tell what is asked.
fn strayed(places: &BTreeSet<PathBuf>, error: &PlanError) -> Unfit {
    let paths: Option<Vec<String>> =
        places.iter().map(|place| place.to_str().map(str::to_owned)).collect();
    let short = |paths: &Vec<String>| paths.iter().map(String::len).sum::<usize>() <= OUTSIDE_BYTES;
    let message = error.to_string();
    match paths.filter(short) {
        Some(paths) => Unfit::Outside { paths, message },
        None => Unfit::Outside {
            paths: Vec::new(),
            message: format!("{message}, and it is too much to ask about at once"),
        },
    }
}

/// Names the files of a plan that were allowed one by one.
fn outside_of(plan: &codex_patch::Plan) -> Vec<String> {
    plan.strays().map(|place| place.display().to_string()).collect()
}

async fn apply(
    call: CallId,
    attempt: u32,
    raw: Stored<String>,
    (changes, outside): (Stored<Vec<FileChange>>, Vec<String>),
    (blobs, place, redactor): (Blobs, Arc<Place>, Redactor),
) -> Report {
    let began = Instant::now();
    let applied = tokio::task::spawn_blocking(move || {
        let plan = match plan(&raw, &outside, &blobs, &place) {
            Ok(plan) => plan,
            Err(Unfit::Outside { message, .. } | Unfit::Failed(message)) => return Err(message),
        };
        // What is done must be what the journal says will be done.
        let mut now = plan.changes();
        veil::redact(&redactor, &mut now);
        if Stored::Inline(now).digest() != changes.digest() {
            return Err(told::patch_failed(&"the files changed since the patch was checked"));
        }
        codex_patch::apply(plan).map_err(|error| format!("failed to apply the patch: {error}"))
    });
    let applied = applied.await.unwrap_or_else(|panic| Err(panic.to_string()));
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (outcome, output) = match applied {
        Ok(applied) => (
            Outcome::Patched { changes: applied.changes.into() },
            told::patch(duration_ms, &applied.summary),
        ),
        Err(message) => (Outcome::PatchFailed, message),
    };
    Report::ToolEnded { call, attempt, outcome, duration_ms, output, denial: None }
}
