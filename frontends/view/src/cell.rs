//! What a screen shows of a session: one cell for each thing that somebody said or did.

mod words;

use codex_event::{
    ApprovalPolicy, Author, CallId, Denial, FileChange, Invocation, Outcome, Question, Scope, Seq,
    SessionId, Timestamp, Usage, Verdict,
};

/// One thing that was said or done.
///
/// A function of the events from `first` to `last` alone: folding just those gives the same cell
/// again. That is what lets a screen forget it, and read it again when it comes into view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Position of its first event, which also names it and orders it among the others.
    pub first: Seq,
    /// Position of its last event so far.
    pub last: Seq,
    /// When its first event happened.
    pub at: Timestamp,
    /// Whether it may still change or vanish.
    pub standing: Standing,
    /// What it shows.
    pub body: CellBody,
}

impl Cell {
    /// Tells whether its own events are all that it is made of.
    ///
    /// How long a turn took, which settings differ, and that events are missing is known only from
    /// what was before; who forgets such a cell can't have it again from its events. They are small,
    /// and few.
    pub fn stands_alone(&self) -> bool {
        match &self.body {
            CellBody::TurnEnd(_)
            | CellBody::Notice(Notice::Settings(_) | Notice::Missing { .. }) => false,
            CellBody::Prompt(_)
            | CellBody::Message(_)
            | CellBody::Reasoning(_)
            | CellBody::Call(_)
            | CellBody::OwnCommand(_)
            | CellBody::Notice(_) => true,
        }
    }
}

/// Whether a cell may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// More of it is to come; an answer whose attempt fails vanishes once another attempt says more.
    Open,
    /// It is as it will be.
    Settled,
    /// It is as it will be, and here the answer breaks off: the turn ended while it came in. The model
    /// is told nothing of such an answer.
    Broken,
}

/// What a cell shows. All text is foreign: it is made safe where it is drawn, and not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellBody {
    /// A person said something.
    Prompt(Prompt),
    /// The model said something to the user, in Markdown.
    Message(String),
    /// The model told some of its reasoning.
    Reasoning(String),
    /// A tool call.
    Call(Box<CallCell>),
    /// A command that the user ran without the model.
    OwnCommand(Box<OwnCommand>),
    /// Something else happened that a reader should know.
    Notice(Notice),
    /// A turn ended.
    TurnEnd(TurnEnd),
}

/// What a person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The words.
    pub text: String,
    /// Who said it.
    pub author: Author,
    /// When it is taken up.
    pub taken: Taken,
}

/// When what a person said is taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It began a turn.
    AtOnce,
    /// It came while a turn ran, and goes out with the next request.
    Later,
}

/// A tool call, from its question to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCell {
    /// The call.
    pub call: CallId,
    /// What was asked for; also what was known of a command when it came.
    pub invocation: Invocation,
    /// The patch as the model wrote it; empty for other calls.
    pub patch: String,
    /// What changes, once that is known.
    pub changes: Vec<FileChange>,
    /// How far it is.
    pub state: CallState,
    /// Each question about it and its answer, in order; also the answers of rules, without a question.
    pub reviews: Vec<Review>,
    /// What the command printed, both streams as they came: head and tail, with a remark between
    /// them where something was left out.
    pub output: String,
    /// Lines that it printed, those left out of `output` included.
    pub lines: u64,
    /// What held it, as the kernel granted it; empty before it runs, and for patches.
    pub enforced: String,
    /// What may run programs and changed while the call ran.
    pub repository: Vec<String>,
}

/// A command that the user ran without the model, outside of any sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCommand {
    /// The line, for their shell.
    pub line: String,
    /// Who ran it.
    pub author: Author,
    /// How far it is.
    pub state: OwnState,
}

/// How far a command of the user's own is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnState {
    /// It runs; what it prints is known to whoever runs it alone.
    Running,
    /// It ended.
    Ended {
        /// Its exit code, as shells count it; none when nobody knows how it ended.
        exit: Option<i32>,
        /// Milliseconds that it took.
        duration_ms: u64,
        /// What it printed, head and tail.
        output: String,
    },
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallState {
    /// It has not been carried out yet; whether a question waits, the last review says.
    Waiting,
    /// It is being carried out.
    Running {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// When it began.
        since: Timestamp,
    },
    /// It ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// Milliseconds that it took.
        duration_ms: u64,
        /// What the model is told.
        told: String,
        /// What the sandbox had to do with it.
        denial: Option<Denial>,
    },
    /// Nobody knows how it ended, and it is never carried out again.
    Lost {
        /// What the model is told.
        told: String,
    },
}

/// A question about a call and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// What was asked, and why; none where a rule settled it without asking.
    pub asked: Option<(Question, String)>,
    /// The answer, how far it reaches, and who gave it; none while it waits.
    pub settled: Option<(Verdict, Scope, Author)>,
    /// What "always" wrote to the rules: the prefix, or why it could not be written.
    pub kept: Option<Result<Vec<String>, String>>,
}

/// Something that happened to the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It was opened.
    Opened {
        /// Where.
        cwd: String,
        /// Model.
        model: String,
        /// Level of the sandbox, and what it does not hold.
        sandbox: String,
        /// When a person is asked.
        approval: ApprovalPolicy,
        /// What the level does not hold on this host.
        limits: Vec<String>,
    },
    /// What is before was another session's.
    Forked {
        /// That session, and the last position that both have.
        from: String,
    },
    /// Another process took it up.
    Resumed {
        /// Calls whose end is not known.
        lost: Vec<CallId>,
    },
    /// Settings were changed; one line for each that differs.
    Settings(Vec<String>),
    /// Images that can't be shown, in words: `[image: PATH, 640x480 png]`, one each.
    Images(Vec<String>),
    /// Something to know, that changes nothing.
    Note(String),
    /// An attempt to ask the model failed.
    Attempt {
        /// What went wrong.
        fault: String,
        /// What follows; empty when nothing does.
        next: String,
    },
    /// Events that should stand here are not in the journal.
    Missing {
        /// The session, which can be forked before them.
        session: SessionId,
        /// Position of the first of them.
        first: Seq,
        /// Position of the last.
        last: Seq,
    },
    /// The journal was rebuilt, and these positions are missing.
    Repaired(Vec<(Seq, Seq)>),
    /// It was let go of, in these words.
    Closed(String),
    /// An event that this release doesn't know.
    Unknown(String),
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnEnd {
    /// How.
    pub ending: TurnEnding,
    /// What the turn used.
    pub usage: Usage,
    /// Milliseconds since it began, by the clock on the wall; none when its beginning is not among
    /// the events.
    pub took_ms: Option<u64>,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnEnding {
    /// It is done.
    Completed,
    /// It was ended, in these words.
    Interrupted(String),
    /// It could not go on.
    Failed {
        /// What the user is told.
        message: String,
        /// What can be done about it; empty when nothing is known.
        hint: String,
    },
}
