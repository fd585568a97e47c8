//! The state of a session: what a fold over its events knows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use codex_event::{
    Backend, CallId, Digest, Envelope, Epoch, FileChange, InterruptReason, Invocation, ItemKind,
    ProcessMark, Question, RequestId, SandboxReport, Seq, Settings, Stored, Surroundings, TurnId,
    Usage,
};

use crate::grant::OwedGrant;
use crate::repeat::{Rounds, Trace};
use crate::transcript::{CallForm, Entry, Origin, Transcript};

/// A session, folded from its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    pub(crate) last: Seq,
    pub(crate) epoch: Epoch,
    pub(crate) life: Life,
    pub(crate) opened: Option<Opened>,
    pub(crate) transcript: Transcript,
    pub(crate) turn: Option<Turn>,
    pub(crate) turns: TurnId,
    pub(crate) requests: RequestId,
    pub(crate) calls: CallId,
    pub(crate) usage: Usage,
    /// Commands that were allowed until the session ends.
    pub(crate) grants: HashSet<Digest>,
    /// Prefixes that were allowed for the project, and since when that is written. For calls that come
    /// later than that the rules speak, and whoever revokes it there has the last word.
    pub(crate) kept: HashMap<Digest, Option<Seq>>,
    pub(crate) owed_grants: Vec<OwedGrant>,
    pub(crate) notice: Option<Notice>,
    /// Commands of the user's own that run, in the order in which they began.
    pub(crate) own_commands: Vec<OwnCommand>,
}

/// A command of the user's own that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnCommand {
    pub(crate) started: Seq,
    pub(crate) line: Stored<String>,
}

/// Whether events may still come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    #[default]
    Unopened,
    Open,
    /// Begun with what another one has, and taken up by nobody yet.
    Forked,
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) cwd: String,
    pub(crate) settings: Settings,
    pub(crate) sandbox: SandboxReport,
    pub(crate) tools: Digest,
    pub(crate) seq: Seq,
    /// Who is asked; shared by all items of theirs.
    pub(crate) origin: Arc<Origin>,
}

/// A finished turn that a program has yet to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) turn: TurnId,
    pub(crate) completed: Seq,
    pub(crate) inputs: Vec<Stored<String>>,
    pub(crate) last_message: Option<Stored<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) id: TurnId,
    pub(crate) started: Seq,
    pub(crate) inputs: Vec<Stored<String>>,
    pub(crate) queued: Vec<Stored<String>>,
    /// What the next request takes along, and what no request is sent for.
    pub(crate) aside: Vec<Entry>,
    pub(crate) interrupt: Option<(Seq, InterruptReason)>,
    pub(crate) usage: Usage,
    pub(crate) last_message: Option<Stored<String>>,
    pub(crate) rounds: Rounds,
    pub(crate) phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was asked yet.
    Begun,
    /// A response is awaited.
    Asking(Asking),
    /// The calls of a response are carried out, one after the other.
    Working(Working),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asking {
    pub(crate) request: RequestId,
    pub(crate) attempt: u32,
    pub(crate) requested: Seq,
    pub(crate) items: Vec<Item>,
    pub(crate) request_retries: u32,
    pub(crate) stream_retries: u32,
    /// Set while the next attempt waits for its time: position of the failure, pause in milliseconds.
    pub(crate) pause: Option<(Seq, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) seq: Seq,
    pub(crate) item: u32,
    pub(crate) kind: ItemKind,
    pub(crate) raw: Stored<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Working {
    pub(crate) request: RequestId,
    pub(crate) responded: Seq,
    /// Whether the response also tells the user something.
    pub(crate) spoken: bool,
    /// Items of the response that are calls and have no `ToolCalled` yet.
    pub(crate) uncalled: Vec<Item>,
    pub(crate) calls: Vec<Call>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) call_id: String,
    pub(crate) form: CallForm,
    pub(crate) raw: Stored<String>,
    pub(crate) called: Seq,
    pub(crate) invocation: Invocation,
    pub(crate) keeping: Keeping,
    /// Attempts that were announced so far.
    pub(crate) attempts: u32,
    pub(crate) state: CallState,
    pub(crate) trace: Trace,
}

/// Who has the arguments of a call word for word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// The journal.
    Journal,
    /// The process that got the call, and nobody else.
    Process,
    /// Nobody any more: that process is over.
    Nobody,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallState {
    /// Nothing was decided yet.
    Called,
    /// A person has to answer.
    Asked { question: Question, asked: Seq, before: Option<Ended> },
    /// It may go on.
    Allowed { settled: Seq, question: Question, before: Option<Ended> },
    /// It may not go on, and its end has yet to be written.
    Refused { settled: Seq, before: Option<Ended> },
    /// It is being carried out.
    Intended { intended: Seq, attempt: u32, kind: IntentKind, process: Option<ProcessMark> },
    /// It has ended.
    Ended(Ended),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IntentKind {
    Sandboxed,
    Unconfined,
    Patch {
        changes: Stored<Vec<FileChange>>,
    },
    /// Whatever it was, it was begun by the session that this one was forked from.
    Parents,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) seq: Seq,
    pub(crate) attempt: u32,
    pub(crate) output: Stored<String>,
    pub(crate) abandoned: bool,
}

impl Session {
    /// Folds events, from the first on.
    pub fn fold<'a>(log: impl IntoIterator<Item = &'a Envelope>) -> Session {
        let mut session = Session::default();
        for envelope in log {
            session.apply(envelope);
        }
        session
    }

    /// Gives the position of the last event.
    pub fn last(&self) -> Seq {
        self.last
    }

    /// Gives the generation of the last writer.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Gives the settings that hold now; none before the session is open.
    pub fn settings(&self) -> Option<&Settings> {
        self.opened.as_ref().map(|opened| &opened.settings)
    }

    /// Gives the session's working directory.
    pub fn cwd(&self) -> Option<&str> {
        self.opened.as_ref().map(|opened| opened.cwd.as_str())
    }

    /// Gives the conversation: complete, and in no provider's form.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Gives what the whole session has used.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Names the turn that is running.
    pub fn running(&self) -> Option<TurnId> {
        self.turn.as_ref().map(|turn| turn.id)
    }

    /// Gives where commands and patches work.
    pub fn surroundings(&self) -> Option<Surroundings> {
        self.opened.as_ref().map(|opened| Surroundings {
            cwd: opened.cwd.clone(),
            sandbox: opened.sandbox.clone(),
            tools: opened.tools,
        })
    }

    /// Tells whether anything was ever begun; a journal without its opening is no session.
    pub fn is_opened(&self) -> bool {
        self.opened.is_some()
    }

    /// Names the turn that a process which takes the session up with this input sees to its end;
    /// none when there is nothing to go on with.
    ///
    /// A turn that the user had ended is only ended for good; the input begins the next one.
    pub fn goes_on_with(&self, input: Option<&str>) -> Option<TurnId> {
        match (&self.turn, input) {
            (Some(turn), Some(_)) if turn.interrupt.is_none() => Some(turn.id),
            (Some(turn), None) => Some(turn.id),
            (Some(_) | None, Some(_)) => Some(self.turns.next()),
            (None, None) => None,
        }
    }

    /// Commits to everything that the next request's body is made from.
    pub fn input_digest(&self, backend: Backend, previous: Option<&str>) -> Digest {
        self.input_digest_ahead(self.opened.as_ref(), backend, previous, &[])
    }

    /// As [`Session::input_digest`], of a request that also takes up what waits for it.
    pub fn next_input_digest(&self, backend: Backend, previous: Option<&str>) -> Digest {
        let pending = self.turn.as_ref().map(Turn::pending).unwrap_or_default();
        self.input_digest_ahead(self.opened.as_ref(), backend, previous, &pending)
    }

    pub(crate) fn input_digest_ahead(
        &self,
        opened: Option<&Opened>,
        backend: Backend,
        previous: Option<&str>,
        ahead: &[Entry],
    ) -> Digest {
        let (model, tools) =
            opened.map_or(("", None), |it| (it.settings.model.as_str(), Some(it.tools)));
        let parts = format!(
            "{backend:?}\n{model}\n{tools:?}\n{previous:?}\n{}",
            self.transcript.digest_ahead(ahead)
        );
        Digest::of(parts.as_bytes())
    }

    /// Gives the response that the next request may build on, if the provider keeps responses.
    pub(crate) fn previous(&self) -> Option<String> {
        match self.settings()?.provider.backend {
            Backend::Responses => self.transcript.last_response().map(str::to_owned),
            Backend::Stateless => None,
        }
    }
}

impl Turn {
    pub(crate) fn working(&self) -> Option<&Working> {
        match &self.phase {
            Phase::Working(working) => Some(working),
            Phase::Begun | Phase::Asking(_) => None,
        }
    }

    pub(crate) fn asking(&self) -> Option<&Asking> {
        match &self.phase {
            Phase::Asking(asking) => Some(asking),
            Phase::Begun | Phase::Working(_) => None,
        }
    }
}

impl Call {
    pub(crate) fn is_spawned(&self) -> bool {
        matches!(self.state, CallState::Intended { process: Some(_), .. })
    }

    /// Tells whether a command of this session is under way for it.
    pub(crate) fn runs_a_command(&self) -> bool {
        match &self.state {
            CallState::Intended { kind, .. } => match kind {
                IntentKind::Sandboxed | IntentKind::Unconfined => true,
                IntentKind::Patch { .. } | IntentKind::Parents => false,
            },
            CallState::Called
            | CallState::Asked { .. }
            | CallState::Allowed { .. }
            | CallState::Refused { .. }
            | CallState::Ended(_) => false,
        }
    }

    /// Tells whether there is nobody left who could carry it out.
    pub(crate) fn is_stranded(&self) -> bool {
        self.keeping == Keeping::Nobody
    }
}

impl Item {
    /// Gives the item as the transcript holds it.
    pub(crate) fn entry(&self, by: &Arc<Origin>) -> Entry {
        Entry::Item { kind: self.kind.clone(), raw: self.raw.clone(), by: Arc::clone(by) }
    }
}

impl Working {
    /// Gives the call whose turn it is; calls are carried out in the order of the response.
    pub(crate) fn due(&self) -> Option<&Call> {
        self.calls.iter().find(|call| !matches!(call.state, CallState::Ended(_)))
    }
}
