//! What was done in a session and who is answerable for it: one entry for each act.

mod calls;
mod entry;
mod settings;

use codex_event::{
    CloseReason, Envelope, Event, FailureKind, InterruptReason, Outcome, PatchState, Retry, Seq,
    SessionId, Shelf, Timestamp,
};
use codex_view::words;

use calls::Calls;
pub use entry::{Entry, Kind};
use settings::Held;

/// Folds hydrated events into entries, in order of position.
///
/// Whatever somebody asked, allowed, refused, ran or changed is an entry; what the model said is
/// none. It skips nothing in silence: positions that are missing and events of other releases are
/// entries too.
#[derive(Debug)]
pub struct Trail {
    session: SessionId,
    due: Seq,
    at: Timestamp,
    held: Held,
    calls: Calls,
    /// Commands of the user's own that run: where they began, and their entries.
    own: Vec<(Seq, usize)>,
    entries: Vec<Entry>,
}

impl Trail {
    /// Begins the trail of a session, which is named by its folder: a fork's first records carry the
    /// name of the session that it came from.
    pub fn new(session: SessionId) -> Trail {
        Trail {
            session,
            due: Seq(1),
            at: Timestamp(0),
            held: Held::default(),
            calls: Calls::default(),
            own: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Gives the entries. What has not ended by now is said to have no end, and what was acknowledged
    /// and did not come is said to be missing.
    pub fn end(mut self, acknowledged: Option<Seq>) -> Vec<Entry> {
        if let Some(head) = acknowledged.filter(|head| *head >= self.due) {
            self.lost(head, self.at);
        }
        self.entries
    }

    /// Tells whether an event's large values make a difference, so that others need not be read.
    pub fn reads_values_of(event: &Event) -> bool {
        match event {
            Event::InputQueued { .. }
            | Event::TurnStarted { .. }
            | Event::ToolCalled { .. }
            | Event::ToolIntended { .. }
            | Event::OwnCommandStarted { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. }
            | Event::SessionResumed { .. } => true,
            Event::ToolFinished { outcome, .. } => matches!(outcome, Outcome::Patched { .. }),
            Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::SettingsChanged { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::OwnCommandEnded { .. }
            | Event::ToolAbandoned { .. } => false,
        }
    }

    /// Takes the next event.
    pub fn apply(&mut self, envelope: &Envelope) {
        if envelope.seq > self.due {
            self.lost(Seq(envelope.seq.0 - 1), envelope.at);
        }
        self.due = envelope.seq.next();
        self.at = envelope.at;
        match envelope.event() {
            Some(event) => self.event(envelope, event),
            None => {
                let what = format!("an event of another release: {}", envelope.kind());
                self.push(envelope, Kind::Foreign, what);
            }
        }
    }

    fn event(&mut self, envelope: &Envelope, event: &Event) {
        match event {
            Event::SessionOpened { cwd, settings, sandbox, program, .. } => {
                self.push(envelope, Kind::Session, format!("opened in {cwd} by program {program}"));
                self.held.open(cwd, settings, sandbox);
                let now = self.held.told();
                let what = format!("{now}; sandbox {}", sandbox.level);
                let mut entry = self.entry(envelope, Kind::Settings, what);
                entry.permissions = Some(self.held.permissions());
                entry.network = Some(self.held.network());
                (entry.plan, entry.narrow) = (Some(sandbox.plan), sandbox.narrow);
                self.entries.push(entry);
                self.network(envelope);
            }
            Event::SessionResumed { program, lost, patches, surroundings } => {
                let what = match lost.len() {
                    0 => format!("taken up again by program {program}"),
                    lost => format!(
                        "taken up again by program {program}, with {lost} calls of unknown end"
                    ),
                };
                let mut entry = self.entry(envelope, Kind::Resumes, what);
                entry.also.push(Kind::Session);
                self.entries.push(entry);
                for found in patches {
                    let state = match &found.state {
                        PatchState::Before => "not begun",
                        PatchState::After => "applied",
                        PatchState::Mixed { .. } => "neither done nor undone",
                    };
                    let what = format!("the patch of call {} was found {state}", found.call);
                    let mut entry = self.entry(envelope, Kind::Files, what);
                    entry.call = Some(found.call);
                    entry.outcome = Some(state.to_owned());
                    self.entries.push(entry);
                }
                if let Some(now) = surroundings {
                    let changes = self.held.move_to(&now.cwd, &now.sandbox);
                    self.changed(envelope, changes, None);
                }
            }
            Event::SettingsChanged { backend, reason, settings } => {
                let before = self.held.network();
                let changes = self.held.change(*backend, settings.as_deref());
                self.changed(envelope, changes, Some(reason));
                if self.held.network() != before {
                    self.network(envelope);
                }
            }
            Event::Repaired { missing: runs } => {
                let runs: Vec<String> = runs.iter().map(|(a, b)| missing(*a, *b)).collect();
                let lost = if runs.is_empty() { "nothing is lost".into() } else { runs.join(", ") };
                let what = format!("rebuilt from what could be read: {lost}");
                self.push(envelope, Kind::Repairs, what);
            }
            Event::SessionClosed { reason } => {
                let what = match reason {
                    CloseReason::Done => "closed, its work done",
                    CloseReason::Interrupted => "closed by a signal or a key",
                    CloseReason::HandedOver => "handed over to the process that asked for it",
                };
                self.push(envelope, Kind::Session, what.to_owned());
            }
            Event::SessionForked { parent, at, head } => {
                let what = format!("goes on by itself from record {at} ({head}) of {parent}");
                self.push(envelope, Kind::Session, what);
            }
            Event::SessionNamed { name } => {
                let what = match name {
                    Some(name) => format!("named {name}"),
                    None => "its name was taken away".to_owned(),
                };
                self.push(envelope, Kind::Session, what);
            }
            Event::SessionShelved { shelf } => {
                let what = match shelf {
                    Shelf::Active => "taken out of the archive",
                    Shelf::Archived => "put into the archive",
                };
                self.push(envelope, Kind::Session, what.to_owned());
            }
            Event::TurnStarted { input } => {
                self.push(envelope, Kind::Turns, format!("asked: {}", words(input)));
            }
            Event::InputQueued { input } => {
                self.push(envelope, Kind::Turns, format!("added: {}", words(input)));
            }
            Event::TurnInterruptRequested { reason } => {
                self.push(envelope, Kind::Turns, format!("interrupt asked for: {}", by(*reason)));
            }
            Event::TurnInterrupted { reason } => {
                self.push(envelope, Kind::Turns, format!("interrupted: {}", by(*reason)));
            }
            Event::TurnCompleted { .. } => {
                self.push(envelope, Kind::Turns, "the turn is done".to_owned());
            }
            Event::TurnFailed { kind, message } => {
                let what = format!("the turn failed: {message}");
                let mut entry = self.entry(envelope, Kind::Turns, what);
                if *kind == FailureKind::Policy {
                    entry.also.push(Kind::Refusals);
                }
                self.entries.push(entry);
            }
            Event::ModelAttemptFailed { request, attempt, fault, retry } => {
                let follows = retry.as_ref().map_or_else(
                    || "not tried again".to_owned(),
                    |Retry { in_ms, number, of, .. }| {
                        format!("tried again in {in_ms} ms, retry {number} of {of}")
                    },
                );
                let message = &fault.message;
                let what =
                    format!("request {request}, attempt {attempt} failed: {message}; {follows}");
                let mut entry = self.entry(envelope, Kind::Retries, what);
                entry.attempt = Some(*attempt);
                entry.reason = Some(message.clone());
                self.entries.push(entry);
            }
            Event::ToolCalled { .. }
            | Event::ReviewAsked { .. }
            | Event::ReviewSettled { .. }
            | Event::ToolIntended { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. } => {
                let blank = self.entry(envelope, Kind::Commands, String::new());
                self.calls.apply(event, blank, &self.held, &mut self.entries);
            }
            Event::OwnCommandStarted { line, cwd } => {
                let line = words(line);
                let what = format!("ran a command of their own: {line}");
                let mut entry = self.entry(envelope, Kind::Commands, what);
                entry.confined("none", "open");
                entry.command = Some(line);
                entry.cwd = Some(cwd.clone());
                self.own.push((envelope.seq, self.entries.len()));
                self.entries.push(entry);
            }
            Event::OwnCommandEnded { started, exit, duration_ms, .. } => {
                let at = self.own.iter().position(|(seq, _)| seq == started);
                let at = at.map(|at| self.own.remove(at).1);
                let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) else { return };
                entry.outcome = Some(match exit {
                    Some(code) => format!("exited with {code}"),
                    None => "nobody knows how it ended".to_owned(),
                });
                (entry.exit, entry.duration_ms) = (*exit, exit.map(|_| *duration_ms));
                entry.end_seq = Some(envelope.seq);
            }
            Event::NotificationSent { program, error, .. } => {
                let argv = codex_view::list(program);
                let command = argv.as_deref().map_or_else(
                    || "a program whose name is missing".to_owned(),
                    codex_view::command_line,
                );
                let outcome = match error {
                    None => "was told of the turn".to_owned(),
                    Some(error) => format!("could not be started: {error}"),
                };
                let what = format!("{command} {outcome}");
                let mut entry = self.entry(envelope, Kind::Commands, what);
                entry.confined("none", "open");
                entry.command = Some(command);
                entry.argv = argv;
                entry.outcome = Some(outcome);
                self.entries.push(entry);
            }
            Event::Noted { text } => self.push(envelope, Kind::Notes, words(text)),
            Event::ContextAdded { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ToolOutput { .. } => {}
        }
    }

    fn network(&mut self, envelope: &Envelope) {
        let what = match self.held.network() {
            "open" => "commands may use the network, by network-full-access",
            _ => "commands may not use the network: no permission allows it",
        };
        let mut entry = self.entry(envelope, Kind::Network, what.to_owned());
        entry.network = Some(self.held.network());
        self.entries.push(entry);
    }

    fn changed(
        &mut self,
        envelope: &Envelope,
        changes: Vec<settings::Change>,
        reason: Option<&String>,
    ) {
        for change in changes {
            let wider = if change.widened { " (wider)" } else { "" };
            let settings::Change { setting, from, to, widened } = change;
            let what = format!("{setting}: {from} -> {to}{wider}");
            let mut entry = self.entry(envelope, Kind::Settings, what);
            entry.setting = Some(setting);
            entry.from = Some(from);
            entry.to = Some(to);
            entry.widened = Some(widened);
            entry.reason = reason.cloned();
            self.entries.push(entry);
        }
    }

    fn lost(&mut self, last: Seq, at: Timestamp) {
        let what = missing(self.due, last);
        self.entries.push(Entry::new(self.session, self.due, at, Kind::Damage, what));
    }

    fn push(&mut self, envelope: &Envelope, kind: Kind, what: String) {
        let entry = self.entry(envelope, kind, what);
        self.entries.push(entry);
    }

    fn entry(&self, envelope: &Envelope, kind: Kind, what: String) -> Entry {
        Entry::of(self.session, envelope, kind, what)
    }
}

fn missing(first: Seq, last: Seq) -> String {
    match first == last {
        true => format!("record {first} is missing"),
        false => format!("records {first} to {last} are missing"),
    }
}

fn by(reason: InterruptReason) -> &'static str {
    match reason {
        InterruptReason::User => "by key or command",
        InterruptReason::Sigint => "by SIGINT",
        InterruptReason::Sigterm => "by SIGTERM",
        InterruptReason::Sighup => "by SIGHUP",
    }
}
