//! What holds for a session right now: for headers, footers and dialogs.

#[cfg(test)]
mod tests;

use codex_event::{
    Arguments, CallId, CloseReason, Denial, Envelope, Event, Invocation, Permission, Question,
    SandboxReport, Scope, Seq, Settings, Timestamp, TurnId, Usage,
};

use crate::stored::words;

/// Folds events into what holds after the last of them.
///
/// Memory is that of one answer's calls; what large values are held in need not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Settings that hold; none before the session was opened.
    pub settings: Option<Settings>,
    /// Working folder; empty before the session was opened.
    pub cwd: String,
    /// What confines commands.
    pub sandbox: Option<SandboxReport>,
    /// What the session used so far.
    pub usage: Usage,
    /// What the last turn used so far.
    pub turn_usage: Usage,
    /// Tokens of the last request and its answer: how much of the model's context is in use.
    pub context_tokens: u64,
    /// The turn that runs.
    pub running: Option<Running>,
    /// The question that waits for an answer.
    pub waiting: Option<Waiting>,
    /// What was said while the turn runs and waits for the next request, in order.
    pub queued: Vec<String>,
    /// The session's name.
    pub name: Option<String>,
    /// Why the last process let go of the session; none while one has it.
    pub closed: Option<CloseReason>,
    /// Position of the last event.
    pub last: Option<Seq>,
    calls: Vec<Call>,
}

/// A turn that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// The turn.
    pub turn: Option<TurnId>,
    /// When it began.
    pub since: Timestamp,
    /// Whether somebody wants it to end.
    pub interrupting: bool,
    /// The retry that is waited for: when it was announced, and milliseconds until then.
    pub retry: Option<(Timestamp, u64)>,
}

/// A question that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The call.
    pub call: CallId,
    /// What is asked.
    pub question: Question,
    /// Why it is asked.
    pub reason: String,
    /// When it was asked.
    pub since: Timestamp,
    /// What the call asks for; none when its event is missing.
    pub asked: Option<(Invocation, Arguments)>,
    /// What the sandbox had denied, where the question is about running again without one.
    pub denial: Option<Denial>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    call: CallId,
    invocation: Invocation,
    arguments: Arguments,
    denial: Option<Denial>,
}

impl Waiting {
    /// Gives how far an answer may reach, the nearest first.
    pub fn scopes(&self) -> Vec<Scope> {
        match &self.asked {
            Some((asked, arguments)) => self.question.scopes(asked, *arguments),
            None => vec![Scope::Once],
        }
    }

    /// Says why an answer may not reach that far; none when it may.
    pub fn too_wide(&self, scope: Scope) -> Option<&'static str> {
        let (asked, arguments) = self.asked.as_ref()?;
        self.question.too_wide(scope, asked, *arguments)
    }

    /// Gives what "always" would remember: commands that begin with these words.
    pub fn prefix(&self) -> Option<&[String]> {
        match &self.asked.as_ref()?.0 {
            Invocation::Command { assessment, .. } => assessment.as_ref()?.prefix.as_deref(),
            Invocation::Patch { .. } | Invocation::Invalid { .. } => None,
        }
    }
}

impl Status {
    /// Takes the next event.
    pub fn apply(&mut self, envelope: &Envelope) {
        self.last = Some(envelope.seq);
        let Some(event) = envelope.event() else { return };
        match event {
            Event::SessionOpened { cwd, settings, sandbox, .. } => {
                self.cwd.clone_from(cwd);
                self.settings = Some((**settings).clone());
                self.sandbox = Some((**sandbox).clone());
                self.closed = None;
            }
            Event::SessionResumed { surroundings, .. } => {
                if let Some(found) = surroundings {
                    self.cwd.clone_from(&found.cwd);
                    self.sandbox = Some(found.sandbox.clone());
                }
                self.closed = None;
                // A question never outlives the process that asked it: it is asked again.
                self.waiting = None;
            }
            Event::SettingsChanged { settings, backend, .. } => {
                match (settings, &mut self.settings) {
                    (Some(now), _) => self.settings = Some((**now).clone()),
                    (None, Some(settings)) => settings.provider.backend = *backend,
                    (None, None) => {}
                }
            }
            Event::SessionNamed { name } => self.name.clone_from(name),
            Event::SessionClosed { reason } => {
                self.closed = Some(*reason);
                self.rest();
            }
            Event::TurnStarted { .. } => {
                self.rest();
                self.turn_usage = Usage::default();
                let (turn, since) = (envelope.turn, envelope.at);
                self.running = Some(Running { turn, since, interrupting: false, retry: None });
            }
            Event::InputQueued { input } => self.queued.push(words(input)),
            Event::TurnInterruptRequested { .. } => {
                if let Some(running) = &mut self.running {
                    running.interrupting = true;
                }
            }
            Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. } => self.rest(),
            Event::ModelRequested { .. } => {
                self.queued.clear();
                self.calls.clear();
                self.waiting = None;
                self.retry(None);
            }
            Event::ModelAttemptFailed { retry, .. } => {
                self.retry(retry.map(|retry| (envelope.at, retry.in_ms)));
            }
            Event::ModelResponded { usage, .. } => {
                self.usage += *usage;
                self.turn_usage += *usage;
                self.context_tokens = usage.input_tokens.saturating_add(usage.output_tokens);
            }
            Event::ToolCalled { call, invocation, arguments, .. } => {
                let (invocation, arguments) = (invocation.clone(), *arguments);
                self.calls.retain(|there| there.call != *call);
                self.calls.push(Call { call: *call, invocation, arguments, denial: None });
            }
            Event::ToolFinished { call, denial, .. } => {
                if let Some(there) = self.calls.iter_mut().find(|there| there.call == *call) {
                    there.denial.clone_from(denial);
                }
                self.answered(*call);
            }
            Event::ReviewAsked { call, question, reason } => {
                let there = self.calls.iter().find(|there| there.call == *call);
                self.waiting = Some(Waiting {
                    call: *call,
                    question: question.clone(),
                    reason: reason.clone(),
                    since: envelope.at,
                    asked: there.map(|there| (there.invocation.clone(), there.arguments)),
                    denial: there.and_then(|there| there.denial.clone()),
                });
            }
            Event::ReviewSettled { call, .. }
            | Event::ToolIntended { call, .. }
            | Event::ToolAbandoned { call, .. } => self.answered(*call),
            Event::SessionForked { .. }
            | Event::SessionShelved { .. }
            | Event::Repaired { .. }
            | Event::ContextAdded { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
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

    /// Says what commands may do; empty before the session was opened.
    pub fn access(&self) -> String {
        self.settings.as_ref().map(|it| access(&it.permissions)).unwrap_or_default()
    }

    /// Says what the sandbox lets commands do, folder by folder.
    pub fn permits(&self) -> String {
        let (Some(settings), Some(sandbox)) = (&self.settings, &self.sandbox) else {
            return String::new();
        };
        let has = |permission: &Permission| settings.permissions.contains(permission);
        if Permission::is_unconfined(&settings.permissions) {
            return "do everything: there is no sandbox".to_owned();
        }
        let writes = match (&sandbox.writable_roots[..], has(&Permission::DiskFullWriteAccess)) {
            (_, true) => "write everywhere".to_owned(),
            ([], false) => "write nothing".to_owned(),
            (roots, false) => format!("write below {}", roots.join(", ")),
        };
        let network = match has(&Permission::NetworkFullAccess) {
            true => "use the network",
            false => "no network",
        };
        format!("{writes}; {network}")
    }

    fn answered(&mut self, call: CallId) {
        self.waiting.take_if(|waiting| waiting.call == call);
    }

    fn retry(&mut self, retry: Option<(Timestamp, u64)>) {
        if let Some(running) = &mut self.running {
            running.retry = retry;
        }
    }

    fn rest(&mut self) {
        self.running = None;
        self.waiting = None;
        self.queued.clear();
        self.calls.clear();
    }
}

/// Says in few words what commands may do.
pub fn access(permissions: &[Permission]) -> String {
    if Permission::is_unconfined(permissions) {
        return "full access".to_owned();
    }
    let has = |permission: &Permission| permissions.contains(permission);
    let writes = if has(&Permission::DiskFullWriteAccess) {
        "write everywhere"
    } else if has(&Permission::DiskWriteCwd) {
        "workspace write"
    } else if permissions.iter().any(|it| matches!(it, Permission::DiskWriteFolder(_))) {
        "write some folders"
    } else {
        "read only"
    };
    match has(&Permission::NetworkFullAccess) {
        true => format!("{writes}, network"),
        false => writes.to_owned(),
    }
}
