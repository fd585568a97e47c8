//! Everything about one session.

mod text;

use std::collections::BTreeMap;

use codex_event::{
    CallId, ChangeKind, Envelope, Event, GitHead, Invocation, ItemKind, Outcome, SandboxReport,
    SessionId, Settings, Timestamp, Usage,
};
use codex_journal::{Layout, RawError, RawJournal, verify};
use codex_view::{Finale, command_line, disk_full, interruption, list, words};
use serde::Serialize;

use crate::catalog::Catalog;
use crate::entry::Entry;
use crate::line::first_line;
use crate::search::paths;
use crate::table;

pub use text::print;

const LINE: usize = 160;

/// What there is to say of a session.
#[derive(Serialize)]
pub struct Portrait<'a> {
    #[serde(flatten)]
    line: table::Line<'a>,
    #[serde(skip)]
    entry: &'a Entry,
    path: String,
    program: Option<String>,
    git: Option<GitHead>,
    settings: Option<Settings>,
    sandbox: Option<SandboxReport>,
    /// Names that it had, in order.
    names: Vec<String>,
    forks: Vec<SessionId>,
    turns_told: Vec<Turn>,
    /// What happened last to each file that patches touched.
    files: BTreeMap<String, ChangeKind>,
    journal: Journal,
}

/// What a check of the journal found.
#[derive(Serialize)]
struct Journal {
    records: u64,
    blobs: u64,
    head: Option<codex_event::Digest>,
    problems: Vec<String>,
}

#[derive(Default, Serialize)]
struct Turn {
    number: u64,
    at_ms: u64,
    inputs: Vec<String>,
    ended: Ended,
    duration_ms: u64,
    usage: Usage,
    requests: u64,
    message: Option<String>,
    calls: Vec<Call>,
}

#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ended {
    #[default]
    NotYet,
    Completed,
    Failed(String),
    Interrupted(String),
}

#[derive(Serialize)]
struct Call {
    call: CallId,
    asks: String,
    outcome: Option<String>,
    duration_ms: u64,
}

/// Reads everything about a session that a catalog names, and checks its journal and blobs.
pub fn portray<'a>(
    layout: &Layout,
    catalog: &Catalog,
    entry: &'a Entry,
) -> Result<Portrait<'a>, RawError> {
    let dir = layout.session(entry.id);
    let journal = RawJournal::read(&dir, entry.id)?;
    let mut portrait = Portrait {
        line: table::Line::of(entry),
        entry,
        path: dir.path().display().to_string(),
        program: None,
        git: None,
        settings: None,
        sandbox: None,
        names: Vec::new(),
        forks: catalog.forks(entry.id),
        turns_told: Vec::new(),
        files: BTreeMap::new(),
        journal: Journal { records: 0, blobs: 0, head: None, problems: Vec::new() },
    };
    let mut finale = Finale::default();
    // What can't be read is among the problems.
    for record in journal.records().flatten() {
        let mut envelope = record.envelope;
        if is_shown(envelope.event()) {
            journal.blobs().hydrate(&mut envelope);
        }
        finale.apply(&envelope);
        portrait.take(&envelope, &finale);
    }
    let checked = verify(&dir, entry.id)?;
    portrait.journal = Journal {
        records: checked.records,
        blobs: checked.blobs,
        head: Some(checked.head.hash),
        problems: checked.problems.iter().map(ToString::to_string).collect(),
    };
    Ok(portrait)
}

fn is_shown(event: Option<&Event>) -> bool {
    matches!(
        event,
        Some(
            Event::TurnStarted { .. }
                | Event::InputQueued { .. }
                | Event::ModelItemCompleted { kind: ItemKind::Message, .. }
                | Event::ToolCalled { .. }
                | Event::ToolFinished { .. }
        )
    )
}

impl Portrait<'_> {
    fn take(&mut self, envelope: &Envelope, finale: &Finale) {
        let Some(event) = envelope.event() else { return };
        match event {
            Event::SessionOpened { git, settings, sandbox, program, .. } => {
                self.git.clone_from(git);
                self.settings = Some(Settings::clone(settings));
                self.sandbox = Some(SandboxReport::clone(sandbox));
                self.program = Some(program.clone());
            }
            Event::SessionForked { .. } => self.names.clear(),
            Event::SessionResumed { program, surroundings, .. } => {
                self.program = Some(program.clone());
                if let Some(surroundings) = surroundings {
                    self.sandbox = Some(surroundings.sandbox.clone());
                }
            }
            Event::SettingsChanged { backend, settings, .. } => {
                if let Some(settings) = settings {
                    self.settings = Some(Settings::clone(settings));
                }
                if let Some(settings) = &mut self.settings {
                    settings.provider.backend = *backend;
                }
            }
            Event::SessionNamed { name } => self.names.extend(name.clone()),
            Event::TurnStarted { input } => {
                self.turns_told.push(Turn {
                    number: self.turns_told.len() as u64 + 1,
                    at_ms: envelope.at.0,
                    inputs: vec![first_line(&words(input), LINE)],
                    ..Turn::default()
                });
            }
            Event::InputQueued { input } => {
                let input = first_line(&words(input), LINE);
                self.turn().into_iter().for_each(|turn| turn.inputs.push(input.clone()));
            }
            Event::ModelResponded { usage, .. } => {
                let message = finale.message().map(|message| first_line(message, LINE));
                if let Some(turn) = self.turn() {
                    turn.requests += 1;
                    turn.usage += *usage;
                    turn.message = message;
                }
            }
            Event::ToolCalled { call, invocation, .. } => {
                let asks = asks(invocation);
                if let Some(turn) = self.turn() {
                    turn.calls.push(Call { call: *call, asks, outcome: None, duration_ms: 0 });
                }
            }
            Event::ToolFinished { call, outcome, duration_ms, .. } => {
                self.settle(*call, told(outcome), *duration_ms);
                if let Outcome::Patched { changes } = outcome {
                    for change in list(changes).into_iter().flatten() {
                        paths(&change).for_each(|path| {
                            self.files.insert(path.clone(), change.kind);
                        });
                    }
                }
            }
            Event::ToolAbandoned { call, .. } => {
                self.settle(*call, "effects unknown".to_owned(), 0);
            }
            Event::TurnCompleted { .. } => self.end(Ended::Completed, envelope.at),
            Event::TurnFailed { message, .. } => {
                self.end(Ended::Failed(message.clone()), envelope.at);
            }
            Event::TurnInterrupted { reason } => {
                self.end(Ended::Interrupted(interruption(*reason).to_owned()), envelope.at);
            }
            Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
    }

    fn turn(&mut self) -> Option<&mut Turn> {
        self.turns_told.last_mut()
    }

    fn settle(&mut self, of: CallId, outcome: String, duration_ms: u64) {
        let calls = self.turns_told.iter_mut().rev().flat_map(|turn| &mut turn.calls);
        if let Some(call) = calls.into_iter().find(|call| call.call == of) {
            call.outcome = Some(outcome);
            call.duration_ms = duration_ms;
        }
    }

    fn end(&mut self, ended: Ended, at: Timestamp) {
        if let Some(turn) = self.turn() {
            turn.ended = ended;
            turn.duration_ms = at.0.saturating_sub(turn.at_ms);
        }
    }
}

fn asks(invocation: &Invocation) -> String {
    match invocation {
        Invocation::Command { argv, .. } => {
            list(argv).map_or_else(|| "a command".to_owned(), |argv| command_line(&argv))
        }
        Invocation::Patch { .. } => "apply_patch".to_owned(),
        Invocation::Invalid { message } => format!("invalid: {}", first_line(&words(message), 80)),
    }
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code } => format!("exit {code}"),
        Outcome::Signalled { signal } => format!("signal {signal}"),
        Outcome::TimedOut => "timed out".to_owned(),
        Outcome::DiskFull { folder, free_bytes } => disk_full(folder, *free_bytes),
        Outcome::Interrupted => "interrupted".to_owned(),
        Outcome::Refused => "refused".to_owned(),
        Outcome::Invalid => "invalid".to_owned(),
        Outcome::Patched { changes } => {
            let count = list(changes).map_or(0, |changes| changes.len());
            format!("applied to {count} file{}", if count == 1 { "" } else { "s" })
        }
        Outcome::PatchFailed => "not applied".to_owned(),
        Outcome::NotStarted { reason } => format!("not started: {reason}"),
    }
}
