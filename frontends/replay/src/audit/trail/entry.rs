//! One act of a session.

use std::fmt;
use std::str::FromStr;

use codex_event::{Author, CallId, Digest, Envelope, Seq, SessionId, Timestamp, TurnId};
use serde::Serialize;

use super::super::time::utc;

/// What kind of act an entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A question to a person, and every answer, a rule's too.
    Approvals,
    /// Something that was not allowed.
    Refusals,
    /// A program that was run, or nearly.
    Commands,
    /// A command that the sandbox stopped.
    Denials,
    /// A file that a patch changed, or was to.
    Files,
    /// What may use the network, and who asked for it.
    Network,
    /// Settings that hold or changed.
    Settings,
    /// An attempt at a response that failed.
    Retries,
    /// A process that took the session up again.
    Resumes,
    /// A journal that was rebuilt.
    Repairs,
    /// The begin and the end of the session and of its parts.
    Session,
    /// Input, and the end of turns.
    Turns,
    /// A remark for the record.
    Notes,
    /// An event of another release.
    Foreign,
    /// Positions that can't be read.
    Damage,
}

/// One act of a session: flat, so that a line of JSON needs no further look.
///
/// What does not apply to an act is not there. Text is as it was recorded, and not made harmless for
/// a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The session, by the name of its folder.
    pub session: SessionId,
    /// The record that tells it; the first of them where several do.
    pub seq: Seq,
    /// When, by the clock of the writer, in UTC.
    #[serde(rename = "time", serialize_with = "as_utc")]
    pub at: Timestamp,
    /// The turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnId>,
    /// Kind of the act.
    pub kind: Kind,
    /// Other kinds that it is of as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Kind>,
    /// Kind of the event; `none` where it is missing.
    pub event: String,
    /// Who is answerable, as the journal writes it.
    pub author: String,
    /// What sort of author: `person`, `rule`, `model` or `program`.
    pub by: &'static str,
    /// The frontend that the person used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontend: Option<String>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The act in words.
    pub what: String,
    /// The tool call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// Number of the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The command as one would type it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The command's argument list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// Folder that the command ran in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Confinement that was decided on: `sandbox`, `narrow sandbox` (nothing can be written, and
    /// there is no network: for commands that are known to only look), `writable roots` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<&'static str>,
    /// Digest of the sandbox plan: of the command, or of the session where it is opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// Digest of the session's plan for commands that are known to only look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub narrow: Option<Digest>,
    /// What the kernel granted when the command was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforced: Option<String>,
    /// Whether the network was `open` or `blocked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<&'static str>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Milliseconds that it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The record that tells its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_seq: Option<Seq>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What happened to it: `add`, `update` or `delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<&'static str>,
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_to: Option<String>,
    /// Digest of its bytes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// Digest of its bytes after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Digest>,
    /// What was asked: `run` or `retry unconfined`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<&'static str>,
    /// The answer: `allowed`, `denied` or `aborted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
    /// How far the answer reaches: `once` or `session`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The setting that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<&'static str>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whether more may be done than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub widened: Option<bool>,
    /// What commands may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
}

impl Kind {
    /// All kinds, in the order of their explanation.
    pub const ALL: [Kind; 15] = [
        Kind::Approvals,
        Kind::Refusals,
        Kind::Commands,
        Kind::Denials,
        Kind::Files,
        Kind::Network,
        Kind::Settings,
        Kind::Retries,
        Kind::Resumes,
        Kind::Repairs,
        Kind::Session,
        Kind::Turns,
        Kind::Notes,
        Kind::Foreign,
        Kind::Damage,
    ];

    /// Names the kind, as a person types it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Approvals => "approvals",
            Kind::Refusals => "refusals",
            Kind::Commands => "commands",
            Kind::Denials => "denials",
            Kind::Files => "files",
            Kind::Network => "network",
            Kind::Settings => "settings",
            Kind::Retries => "retries",
            Kind::Resumes => "resumes",
            Kind::Repairs => "repairs",
            Kind::Session => "session",
            Kind::Turns => "turns",
            Kind::Notes => "notes",
            Kind::Foreign => "foreign",
            Kind::Damage => "damage",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

impl Entry {
    pub(super) fn of(session: SessionId, envelope: &Envelope, kind: Kind, what: String) -> Entry {
        let mut entry = Entry::new(session, envelope.seq, envelope.at, kind, what);
        entry.turn = envelope.turn;
        entry.event = envelope.kind();
        entry.by(&envelope.author);
        entry
    }

    /// Gives an entry that no event stands behind.
    pub(super) fn new(
        session: SessionId,
        seq: Seq,
        at: Timestamp,
        kind: Kind,
        what: String,
    ) -> Entry {
        Entry {
            session,
            seq,
            at,
            turn: None,
            kind,
            also: Vec::new(),
            event: "none".to_owned(),
            author: Author::Supervisor.to_string(),
            by: "program",
            frontend: None,
            rule: None,
            what,
            call: None,
            attempt: None,
            command: None,
            argv: None,
            cwd: None,
            planned: None,
            plan: None,
            narrow: None,
            enforced: None,
            network: None,
            outcome: None,
            exit: None,
            duration_ms: None,
            end_seq: None,
            path: None,
            change: None,
            move_to: None,
            before: None,
            after: None,
            question: None,
            verdict: None,
            scope: None,
            reason: None,
            setting: None,
            from: None,
            to: None,
            widened: None,
            permissions: None,
        }
    }

    fn by(&mut self, author: &Author) {
        self.author = author.to_string();
        (self.by, self.frontend, self.rule) = match author {
            Author::User(frontend) => ("person", Some(frontend.clone()), None),
            Author::Policy(rule) => ("rule", None, Some(rule.clone())),
            Author::Model => ("model", None, None),
            Author::Supervisor => ("program", None, None),
        };
    }

    /// Says what holds a program that is run; one that may use the network is told among those too.
    pub(super) fn confined(&mut self, planned: &'static str, network: &'static str) {
        self.planned = Some(planned);
        self.network = Some(network);
        if network == "open" {
            self.also.push(Kind::Network);
        }
    }

    /// Tells whether it is of a kind, as its first or another one.
    pub fn is(&self, kind: Kind) -> bool {
        self.kind == kind || self.also.contains(&kind)
    }
}

fn as_utc<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&utc(*at))
}
