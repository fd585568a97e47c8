//! What the terminal interface asks of the program around it, and what it is told.
//!
//! The interface draws and takes keys; it opens no session, starts no process and reads no settings.
//! Whoever runs it (the cli) carries [`Request`]s out and answers each with [`Reply`]s.

use std::path::PathBuf;
use std::sync::Arc;

use codex_event::{ApprovalPolicy, Command, Seq, SessionId, Timestamp};
use codex_journal::{Guest, Handle, RawJournal};

use crate::options::{Colours, Keys};

/// What is asked of the program around the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Begin a session. No session is open.
    Begin {
        /// What the user says to the model first; none when they run a command of their own first.
        input: Option<String>,
        /// What differs from the settings.
        changes: Changes,
    },
    /// Take a session up. No session is open.
    TakeUp {
        /// The session.
        session: SessionId,
        /// What is to be changed of its settings, which is recorded.
        changes: Changes,
        /// What to do about a process that has it.
        owner: Owner,
    },
    /// Begin a session with what another has up to a position, and take it up. No session is open.
    Fork {
        /// The other one.
        parent: SessionId,
        /// The last position that both have; everything when none.
        at: Option<Seq>,
    },
    /// Show a session without changing anything. No session is open.
    Watch {
        /// The session.
        session: SessionId,
    },
    /// The session of this process ended without having been left: another process takes it over, or its
    /// journal failed. No session is open; what holds it is let go of.
    Ended,
    /// List the sessions of this home, the last first.
    Sessions,
    /// Give what was said to models in earlier sessions, the last first.
    History,
    /// Write the session to a file as Markdown or as an export.
    Export {
        /// The session.
        session: SessionId,
        /// The file; a name is found when none.
        file: Option<PathBuf>,
    },
    /// Show what differs from the repository's last commit.
    Diff,
    /// Run the user's own command, outside of any sandbox, in the session's folder; recorded in the
    /// session that is shown, unless that is only read.
    Shell {
        /// The line, for the user's shell.
        line: String,
    },
    /// End the user's own command: first politely, then at once.
    Stop,
    /// A session of another process, or of none, is shown, which works in this folder; or none is any
    /// more, and this is the folder that the next one begins in. It may not be there.
    Moved {
        /// The folder.
        folder: PathBuf,
    },
    /// Trust a project, or say that it is not trusted; written to the settings.
    Trust {
        /// Its folder.
        project: PathBuf,
        /// What is said of it.
        trust: Trust,
    },
    /// Keep a key for the provider, with the user's rights alone.
    Key(String),
    /// Write a setting down: the user chose it, and it holds in later sessions too.
    Keep(Setting),
    /// Leave the program. No session is open.
    Leave,
}

/// What a request is about. Those about a session are carried out one after the other, so at most one
/// of them waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Another session to show.
    Session,
    /// The list of sessions.
    Sessions,
    /// Anything else, also what nobody asked for, like the end of the session that is shown.
    Aside,
}

impl Request {
    /// Gives what it is about.
    pub fn topic(&self) -> Topic {
        match self {
            Request::Begin { .. }
            | Request::TakeUp { .. }
            | Request::Fork { .. }
            | Request::Watch { .. } => Topic::Session,
            Request::Sessions => Topic::Sessions,
            Request::Ended
            | Request::History
            | Request::Export { .. }
            | Request::Diff
            | Request::Shell { .. }
            | Request::Stop
            | Request::Moved { .. }
            | Request::Trust { .. }
            | Request::Key(_)
            | Request::Keep(_)
            | Request::Leave => Topic::Aside,
        }
    }
}

/// A setting that is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The colours.
    Theme(Colours),
    /// How keys are read in the composer.
    Keys(Keys),
}

/// What is done about a process that has a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// Its session is attached to.
    #[default]
    Attach,
    /// It is asked to let go of the session.
    Ask,
    /// It is ended when it does not answer; the user confirmed that.
    End,
}

/// What the user says of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its own settings count.
    Trusted,
    /// They don't.
    Untrusted,
}

/// What differs from the settings, or is to be changed of a session's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Model to ask.
    pub model: Option<String>,
    /// How hard it should think.
    pub effort: Option<String>,
    /// When a person is asked.
    pub approval: Option<ApprovalPolicy>,
    /// What commands may do.
    pub access: Option<Access>,
}

/// What commands may do, as `sandbox_mode` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read everything, write nothing, no network.
    ReadOnly,
    /// Write in the working folder and the temporary ones, no network.
    WorkspaceWrite,
    /// Everything.
    Full,
}

/// What the interface is told.
#[derive(Debug)]
pub enum Reply {
    /// A session is there: it is shown, and takes commands until its feed ends.
    Connected(Link),
    /// What was asked for could not be done; nothing changed.
    Failed {
        /// What was asked for: nothing else that is waited for has failed.
        of: Topic,
        /// Why.
        message: String,
        /// What can be done about it.
        hint: String,
    },
    /// Something takes a while.
    Busy(String),
    /// The sessions of this home.
    Sessions(Vec<SessionRow>),
    /// What was said in earlier sessions, the last first.
    History(Vec<String>),
    /// Something was done, in these words.
    Done(String),
    /// What differs from the last commit, as git tells it.
    Diff(String),
    /// Part of what the user's own command printed.
    Printed(String),
    /// The user's own command ended with this exit code, and nothing was recorded of it.
    Exited(i32),
    /// The user's own command ended, and the session has all of it.
    Recorded,
    /// What is known of the surroundings changed.
    Facts(Box<Facts>),
}

/// A session that is shown.
pub struct Link {
    /// The session.
    pub session: SessionId,
    /// What the interface is to it.
    pub role: Role,
    /// Where its events are.
    pub source: Source,
    /// Hands a command in, and gives why it was refused. May wait for a disk.
    pub ask: Box<dyn FnMut(Command) -> Result<(), String> + Send>,
    /// Stands in the composer at first: what the user wrote at the place of a fork.
    pub draft: String,
}

/// What the interface is to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its process owns the session.
    Owner {
        /// Position of the first event of this process.
        from: Seq,
    },
    /// It follows the session of another process, and may answer and interrupt.
    Guest {
        /// That process.
        pid: u32,
    },
    /// It shows what is recorded; nothing can be said.
    Reader,
}

/// Where the events of a session are.
#[derive(Clone)]
pub enum Source {
    /// In a journal that this process writes.
    Own(Handle),
    /// With the process that writes it.
    Remote(Arc<Guest>),
    /// In the files of a journal.
    Files(Arc<RawJournal>),
}

/// One session of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Its name, or its first words.
    pub title: String,
    /// The first line of what was said last.
    pub last: String,
    /// How it stands: `clean`, `ready`, `interrupted`, `running`, `damaged`, `archived`.
    pub state: String,
    /// Folder that it works in.
    pub cwd: String,
    /// When something happened last.
    pub at: Timestamp,
    /// Tokens that it used, in and out.
    pub tokens: (u64, u64),
}

/// What is known before any session is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Version of the program.
    pub version: String,
    /// Working folder.
    pub cwd: PathBuf,
    /// The user's home, which paths are shortened by.
    pub home: Option<PathBuf>,
    /// Model that is asked.
    pub model: String,
    /// Effort that is asked of it.
    pub effort: Option<String>,
    /// Models that can be chosen, as the settings name them; the first is the one in use.
    pub models: Vec<String>,
    /// Server, as the settings name it.
    pub provider: String,
    /// When a person is asked.
    pub approval: ApprovalPolicy,
    /// What commands may do, in words.
    pub access: String,
    /// Branch of the repository; none outside of one, and while that is not known.
    pub branch: Option<String>,
    /// What the user should know or decide first, in order.
    pub concerns: Vec<Concern>,
    /// Whether git knows the working folder.
    pub history: History,
    /// What was found odd about the settings.
    pub warnings: Vec<String>,
}

/// Whether git can show and undo what is done in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// It can, or the user wants to hear nothing of it.
    Kept,
    /// The folder is in no repository: the user is told so, and is not kept from anything.
    Absent,
}

/// What the user should know or decide before the first turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// There is no key for the provider, which is read from these variables.
    NoKey {
        /// Names of the variables.
        variables: Vec<String>,
    },
    /// The project has settings of its own, and the user never said whether they count.
    Untried {
        /// The project.
        project: PathBuf,
        /// What its settings set, one line each.
        keys: Vec<String>,
    },
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("session", &self.session)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
