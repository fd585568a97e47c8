//! What the shell around the core tells it.

use codex_event::{
    Author, CallId, Command, Denial, Fault, FileChange, Invocation, ItemKind, Outcome, OutputBytes,
    OutputStream, ProcessMark, RequestId, StreamMark, StreamPart, Text, Texts, TurnId, Usage,
};

/// Who speaks; the shell knows, the core can't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Author of the command; reports are the supervisor's.
    pub author: Author,
}

/// Everything that [`crate::Session::decide`] takes: a wish or a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// A frontend wants something.
    Command(Command),
    /// The world says that something happened.
    Report(Report),
}

impl From<Command> for Intake {
    fn from(command: Command) -> Self {
        Intake::Command(command)
    }
}

impl From<Report> for Intake {
    fn from(report: Report) -> Self {
        Intake::Report(report)
    }
}

/// Something that happened in the world; only the core says what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Part of an answer came in.
    ModelStreamed {
        /// The request.
        request: RequestId,
        /// The attempt.
        attempt: u32,
        /// Position of the item.
        item: u32,
        /// Which text of it.
        part: StreamPart,
        /// The text.
        text: String,
        /// When its pieces came.
        marks: Vec<StreamMark>,
    },
    /// An item of an answer is complete.
    ModelItem {
        /// The request.
        request: RequestId,
        /// The attempt.
        attempt: u32,
        /// Position of the item.
        item: u32,
        /// What it is.
        kind: ItemKind,
        /// The provider's JSON.
        raw: String,
    },
    /// The answer is complete.
    ModelDone {
        /// The request.
        request: RequestId,
        /// The attempt.
        attempt: u32,
        /// The provider's id of the response.
        response: Option<String>,
        /// What it used.
        usage: Usage,
        /// What each call among the items asks for, by the item's position.
        calls: Vec<(u32, Invocation)>,
        /// Positions of the calls whose arguments are told with a marker in place of a secret.
        concealed: Vec<u32>,
    },
    /// The attempt failed.
    ModelFailed {
        /// The request.
        request: RequestId,
        /// The attempt.
        attempt: u32,
        /// Why.
        fault: Fault,
    },
    /// The pause before a new attempt is over.
    RetryDue {
        /// The request.
        request: RequestId,
        /// The attempt that may begin.
        attempt: u32,
    },
    /// A patch was held against the files; nothing was written.
    PatchPlanned {
        /// The call.
        call: CallId,
        /// What it would do.
        plan: PatchPlan,
    },
    /// A command's process is there.
    ToolSpawned {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: u32,
        /// The process.
        process: ProcessMark,
        /// What the kernel granted.
        enforced: String,
    },
    /// A command printed something.
    ToolOutput {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: u32,
        /// Where to.
        stream: OutputStream,
        /// Bytes left out just before.
        skipped: u64,
        /// What.
        bytes: OutputBytes,
    },
    /// A call was carried out, or could not be.
    ToolEnded {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// Milliseconds that it took.
        duration_ms: u64,
        /// What the model is told.
        output: String,
        /// Whether the sandbox stopped it.
        denial: Option<Denial>,
    },
    /// A grant for the project was written to the rules, or could not be.
    GrantKept {
        /// The call that was asked about.
        call: CallId,
        /// Root of the project.
        project: String,
        /// Why it could not be written.
        error: Option<String>,
    },
    /// Something that can run programs changed in a repository while a command ran.
    RepositoryChanged {
        /// The call.
        call: CallId,
        /// What changed.
        changes: Vec<String>,
    },
    /// A program was told of a finished turn, or could not be.
    Notified {
        /// The turn.
        turn: TurnId,
        /// The program and its arguments.
        program: Vec<String>,
        /// Its last argument.
        payload: String,
        /// Why it could not be started.
        error: Option<String>,
    },
}

/// What a patch would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchPlan {
    /// It fits, and stays below the writable roots or where it was allowed to.
    Ready {
        /// The changes, with digests before and after.
        changes: Vec<FileChange>,
        /// The paths among them that are outside of the roots, all of them allowed.
        outside: Vec<String>,
    },
    /// It would write where the session may not; nothing was looked at there.
    Outside {
        /// Every path outside.
        paths: Vec<String>,
        /// Words for the model.
        message: String,
    },
    /// It does not fit.
    Failed {
        /// Words for the model.
        message: String,
    },
}

impl Texts for PatchPlan {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            PatchPlan::Ready { changes, outside } => {
                changes.texts(see);
                outside.texts(see);
            }
            PatchPlan::Outside { paths, message } => {
                paths.texts(see);
                message.texts(see);
            }
            PatchPlan::Failed { message } => message.texts(see),
        }
    }
}

impl Texts for Report {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Report::ModelStreamed { request: _, attempt: _, item: _, part: _, text, marks } => {
                see(Text::Streamed(text, marks));
            }
            Report::ModelItem { request: _, attempt: _, item: _, kind, raw } => {
                kind.texts(see);
                see(Text::Json(raw));
            }
            Report::ModelDone {
                request: _,
                attempt: _,
                response,
                usage: _,
                calls,
                concealed: _,
            } => {
                response.texts(see);
                calls.iter_mut().for_each(|(_, invocation)| invocation.texts(see));
            }
            Report::ModelFailed { request: _, attempt: _, fault } => fault.texts(see),
            Report::PatchPlanned { call: _, plan } => plan.texts(see),
            Report::ToolSpawned { call: _, attempt: _, process, enforced } => {
                process.texts(see);
                enforced.texts(see);
            }
            Report::ToolOutput { call: _, attempt: _, stream: _, skipped: _, bytes } => {
                see(Text::Printed(&mut bytes.0));
            }
            Report::ToolEnded { call: _, attempt: _, outcome, duration_ms: _, output, denial } => {
                outcome.texts(see);
                output.texts(see);
                denial.texts(see);
            }
            Report::Notified { turn: _, program, payload, error } => {
                program.texts(see);
                payload.texts(see);
                error.texts(see);
            }
            Report::GrantKept { call: _, project, error } => {
                project.texts(see);
                error.texts(see);
            }
            Report::RepositoryChanged { call: _, changes } => changes.texts(see),
            Report::RetryDue { request: _, attempt: _ } => {}
        }
    }
}
