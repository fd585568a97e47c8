//! A session told to people.

mod figures;
mod header;
mod own;
mod question;
#[cfg(test)]
mod tests;

use codex_event::{
    Author, Backend, CallId, ChangeKind, CloseReason, Envelope, Event, FileChange, IMPORTED,
    Outcome, Question, Retry, RetryBudget, Scope, Shelf, Timestamp, Verdict,
};

use crate::disk::disk_full;
use crate::finale::interruption;
use crate::hint::hint;
use crate::paint::{Paint, Tone};
use crate::steps::{End, Step, Steps, Work};
use crate::stored::{list, words};
use crate::{BROKEN, command_line, sanitize};
pub use figures::grouped;
use figures::{duration, tokens};

/// Lines of a command's output that are shown; all of them are in the journal.
const SHOWN_LINES: usize = 20;
/// Characters of one line of a command's output that are shown.
const SHOWN_WIDTH: usize = 500;

/// How the text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Colours.
    pub paint: Paint,
    /// Times.
    pub timing: Timing,
}

/// Whether it is told when something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// It is not.
    #[default]
    Hidden,
    /// In seconds since the session was opened, at the first line of each event.
    SinceOpened,
}

/// Where a line belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// What goes on: stderr of a headless run.
    Activity,
    /// The final message of a turn: stdout of a headless run.
    Answer,
}

/// One line of text, without its line break. Safe for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it belongs.
    pub channel: Channel,
    /// What it says.
    pub text: String,
}

/// Folds hydrated events into lines.
///
/// A message is held back until the next step, since the last one of a turn that is done is its
/// answer, and is told as nothing else. Every piece of a line that did not
/// come from this program's own words passes through [`sanitize`].
#[derive(Clone, Debug)]
pub struct Text {
    style: Style,
    steps: Steps,
    cwd: String,
    opened: Option<Timestamp>,
    message: Option<Message>,
    /// The command whose announcement is the last line, so that its end need not name it.
    current: Option<CallId>,
    /// Calls whose refusal was told by the one who refused.
    denied: Vec<CallId>,
    lines: Vec<Line>,
}

/// The last message of the turn so far.
#[derive(Clone, Debug)]
struct Message {
    text: String,
    told: bool,
}

impl Text {
    /// Begins a text.
    pub fn new(style: Style) -> Text {
        Text {
            style,
            steps: Steps::to_the_last_word(),
            cwd: String::new(),
            opened: None,
            message: None,
            current: None,
            denied: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Takes the next event, and gives its lines.
    pub fn apply(&mut self, envelope: &Envelope) -> Vec<Line> {
        match envelope.event() {
            Some(event) => {
                // What was being said comes before what ended it.
                if event.ends_turn() {
                    self.tell(envelope);
                    self.event(envelope, event);
                } else {
                    self.event(envelope, event);
                    self.tell(envelope);
                }
            }
            // Kept for whoever looks for it; hundreds of them would hide what was said.
            None if envelope.kind().starts_with(IMPORTED) => {}
            None => {
                let kind = envelope.kind();
                let at = envelope.seq.to_string();
                self.line(&[
                    (Tone::Dim, "event "),
                    (Tone::Dim, &at),
                    (Tone::Dim, " is of another release: "),
                    (Tone::Dim, &kind),
                ]);
            }
        }
        let mut lines = std::mem::take(&mut self.lines);
        if let (Timing::SinceOpened, Some(opened), Some(first)) =
            (self.style.timing, self.opened, lines.first_mut())
        {
            let since = envelope.at.0.saturating_sub(opened.0);
            let time = format!("[{:>4}.{:03}] ", since / 1000, since % 1000);
            first.text.insert_str(0, &self.style.paint.dye(Tone::Dim, &time));
        }
        lines
    }

    fn event(&mut self, envelope: &Envelope, event: &Event) {
        match event {
            Event::SessionOpened { cwd, settings, sandbox, program, .. } => {
                self.cwd.clone_from(cwd);
                self.opened = Some(envelope.at);
                let session = envelope.session.to_string();
                for (name, value) in header::block(program, cwd, settings, sandbox, &session) {
                    self.line(&[(Tone::Strong, name), (Tone::Body, &value)]);
                }
            }
            Event::SessionResumed { program, lost, surroundings, .. } => {
                let what = format!("resumed by codex {}", sanitize::visible(program));
                self.line(&[(Tone::Strong, &what)]);
                if let Some(found) = surroundings {
                    self.cwd.clone_from(&found.cwd);
                    for (name, value) in header::surroundings(found) {
                        self.line(&[(Tone::Strong, name), (Tone::Body, &value)]);
                    }
                }
                let session = envelope.session.to_string();
                self.line(&[(Tone::Strong, "session id: "), (Tone::Body, &session)]);
                if !lost.is_empty() {
                    let what = format!("{} of its calls never ended", lost.len());
                    self.line(&[(Tone::Warning, &what)]);
                }
            }
            Event::SettingsChanged { settings: Some(settings), reason, .. } => {
                let now = header::settings(settings, reason);
                self.line(&[(Tone::Strong, "settings: "), (Tone::Body, &now)]);
            }
            Event::SettingsChanged { settings: None, backend, reason } => {
                let now = match backend {
                    Backend::Responses => "requests now name the last response: ",
                    Backend::Stateless => "requests now hold the whole transcript: ",
                };
                self.line(&[(Tone::Dim, now), (Tone::Dim, reason)]);
            }
            Event::SessionForked { parent, at, .. } => {
                let what = format!("forked from {parent} after event {at}");
                self.line(&[(Tone::Dim, &what)]);
            }
            Event::SessionNamed { name: Some(name) } => {
                self.line(&[(Tone::Dim, "session named: "), (Tone::Body, name)]);
            }
            Event::SessionNamed { name: None } => {
                self.line(&[(Tone::Dim, "session without a name")]);
            }
            Event::SessionShelved { shelf } => {
                let what = match shelf {
                    Shelf::Active => "session taken out of the archive",
                    Shelf::Archived => "session archived",
                };
                self.line(&[(Tone::Dim, what)]);
            }
            Event::Repaired { missing } => {
                if missing.is_empty() {
                    let what = "the journal was repaired; no event is known to be lost";
                    self.line(&[(Tone::Warning, what)]);
                }
                for (first, last) in missing {
                    let what = format!("events {first} to {last} are lost");
                    self.line(&[(Tone::Warning, &what)]);
                }
            }
            Event::SessionClosed { reason } => match reason {
                CloseReason::Done => {}
                CloseReason::Interrupted => self.line(&[(Tone::Dim, "session interrupted")]),
                CloseReason::HandedOver => {
                    self.line(&[(Tone::Dim, "session handed over to another process")]);
                }
            },
            Event::TurnStarted { input } => {
                self.message = None;
                self.denied.clear();
                self.line(&[(Tone::Label, "user")]);
                self.block(Channel::Activity, Tone::Body, &words(input));
            }
            Event::InputQueued { input } => {
                self.release();
                self.line(&[(Tone::Label, "user")]);
                self.block(Channel::Activity, Tone::Body, &words(input));
            }
            Event::TurnInterrupted { reason } => {
                self.release();
                self.line(&[(Tone::Bad, interruption(*reason))]);
            }
            Event::TurnCompleted { usage } => {
                self.line(&[(Tone::Dim, "tokens used: "), (Tone::Dim, &tokens(usage))]);
                if let Some(message) = self.message.take() {
                    self.block(Channel::Answer, Tone::Body, &message.text);
                }
            }
            Event::TurnFailed { kind, message } => {
                self.release();
                self.line(&[(Tone::Bad, "error: "), (Tone::Bad, message)]);
                let hint = hint(*kind, message);
                self.line(&[(Tone::Warning, "hint: "), (Tone::Body, &hint)]);
            }
            Event::ModelAttemptFailed { fault, retry: Some(retry), .. } => {
                self.retry(retry, &fault.message);
            }
            Event::ReviewAsked { call, question, reason } => {
                let asked = question::asked(question);
                let what = self.name(*call);
                let folder = match self.steps.work(*call) {
                    Some(Work::Command { workdir, .. }) => self.folder(workdir.as_deref()),
                    Some(Work::Patch { .. } | Work::Invalid) | None => self.folder(None),
                };
                self.release();
                self.line(&[
                    (Tone::Warning, asked),
                    (Tone::Strong, &what),
                    (Tone::Dim, " in "),
                    (Tone::Dim, &sanitize::visible(&folder)),
                ]);
                if let Question::WriteOutside { paths } = question {
                    for path in paths {
                        self.line(&[(Tone::Strong, " "), (Tone::Strong, &sanitize::visible(path))]);
                    }
                }
                // The model may have written it: nothing in it is taken out, all of it is shown.
                self.line(&[(Tone::Dim, " "), (Tone::Dim, &sanitize::visible(reason))]);
            }
            Event::ReviewSettled { call, verdict, scope } => {
                self.settled(*call, verdict, *scope, &envelope.author);
            }
            Event::GrantKept { prefix, project, error, .. } => {
                let prefix = sanitize::visible(&command_line(prefix));
                match error {
                    None => self.line(&[
                        (Tone::Dim, " kept for "),
                        (Tone::Dim, project),
                        (Tone::Dim, ": commands that begin with "),
                        (Tone::Strong, &prefix),
                    ]),
                    Some(error) => self.line(&[
                        (Tone::Warning, " could not be kept for "),
                        (Tone::Body, project),
                        (Tone::Body, ": "),
                        (Tone::Body, error),
                    ]),
                }
            }
            Event::RepositoryChanged { changes, .. } => {
                self.release();
                for change in changes {
                    let change = sanitize::visible(change);
                    self.line(&[(Tone::Warning, "warning: "), (Tone::Body, &change)]);
                }
            }
            Event::NotificationSent { program, error: Some(error), .. } => {
                let program = command_line(&list(program).unwrap_or_default());
                let program = sanitize::visible(&program);
                self.line(&[
                    (Tone::Warning, "could not notify "),
                    (Tone::Body, &program),
                    (Tone::Body, ": "),
                    (Tone::Body, error),
                ]);
            }
            Event::Noted { text } => self.block(Channel::Activity, Tone::Dim, &words(text)),
            Event::OwnCommandStarted { .. } | Event::OwnCommandEnded { .. } => self.own(event),
            Event::ContextAdded { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { retry: None, .. }
            | Event::ToolCalled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::ToolFinished { .. }
            | Event::ToolAbandoned { .. }
            | Event::NotificationSent { error: None, .. } => {}
        }
    }

    fn tell(&mut self, envelope: &Envelope) {
        let steps = self.steps.apply(envelope);
        let breaks_off = steps.iter().any(Step::is_broken);
        steps.into_iter().for_each(|step| self.step(step));
        if breaks_off {
            self.line(&[(Tone::Dim, BROKEN)]);
        }
    }

    fn step(&mut self, step: Step) {
        self.release();
        match step {
            Step::Message(text) => self.message = Some(Message { text, told: false }),
            Step::Reasoning(text) | Step::BrokenReasoning(text) => {
                self.line(&[(Tone::Label, "thinking")]);
                self.block(Channel::Activity, Tone::Dim, &text);
            }
            Step::BrokenMessage(text) => self.said(&text),
            Step::Began { call, work: Work::Command { argv, workdir } } => {
                let command = sanitize::visible(&command_line(&argv));
                let folder = self.folder(workdir.as_deref());
                self.line(&[
                    (Tone::Label, "exec "),
                    (Tone::Strong, &command),
                    (Tone::Dim, " in "),
                    (Tone::Dim, &folder),
                ]);
                self.current = Some(call);
            }
            // Told once it is known what came of it.
            Step::Began { work: Work::Patch { .. } | Work::Invalid, .. } => {}
            Step::Ended { call, end: End { outcome: Some(Outcome::Refused), .. }, .. }
                if self.denied.contains(&call) => {}
            Step::Ended { call, work: Work::Command { argv, .. }, end } => {
                self.command_ended(call, &argv, &end);
            }
            Step::Ended { work: Work::Patch { changes }, end, .. } => {
                self.patch_ended(&changes, &end);
            }
            Step::Ended { work: Work::Invalid, end, .. } => {
                self.line(&[(Tone::Bad, "broken tool call")]);
                self.output(&end.told);
            }
        }
    }

    fn command_ended(&mut self, call: CallId, argv: &[String], end: &End) {
        let took = duration(end.duration_ms);
        let (tone, how, shown) = match &end.outcome {
            Some(Outcome::Exited { code: 0 }) => {
                (Tone::Good, format!("succeeded in {took}"), &end.output)
            }
            Some(Outcome::Exited { code }) => {
                (Tone::Bad, format!("exited {code} in {took}"), &end.output)
            }
            Some(Outcome::Signalled { signal }) => {
                (Tone::Bad, format!("was ended by signal {signal} after {took}"), &end.output)
            }
            Some(Outcome::TimedOut) => (Tone::Bad, format!("timed out after {took}"), &end.output),
            Some(Outcome::DiskFull { folder, free_bytes }) => {
                let why = disk_full(folder, *free_bytes);
                (Tone::Bad, format!("was ended after {took}: {why}"), &end.output)
            }
            Some(Outcome::Interrupted) if end.began => {
                (Tone::Bad, format!("was interrupted after {took}"), &end.output)
            }
            Some(Outcome::Interrupted) => (Tone::Dim, "was not run".to_owned(), &end.output),
            Some(Outcome::Refused) => (Tone::Bad, "was declined".to_owned(), &end.told),
            Some(Outcome::NotStarted { reason }) => {
                (Tone::Bad, "could not be started".to_owned(), reason)
            }
            Some(Outcome::Invalid | Outcome::Patched { .. } | Outcome::PatchFailed) => {
                (Tone::Bad, "failed".to_owned(), &end.told)
            }
            None => (Tone::Bad, "was lost: nobody knows what it did".to_owned(), &end.output),
        };
        let colon = if shown.is_empty() { "" } else { ":" };
        let name = if self.current == Some(call) {
            String::new()
        } else {
            sanitize::visible(&command_line(argv))
        };
        self.line(&[(Tone::Body, &name), (Tone::Body, " "), (tone, &how), (tone, colon)]);
        self.output(shown);
        if let Some(denial) = &end.denial {
            let what = (Tone::Warning, " the sandbox stopped it: ");
            self.line(&[what, (Tone::Body, &denial.evidence)]);
            if let Some(denied) = &denial.denied {
                let denied = sanitize::visible(denied);
                let allowed = match &denial.permission {
                    Some(permission) => {
                        format!("; {} would allow it", sanitize::visible(permission))
                    }
                    None => String::new(),
                };
                let what = (Tone::Warning, " it was denied ");
                self.line(&[what, (Tone::Body, &denied), (Tone::Dim, &allowed)]);
            }
        }
    }

    fn patch_ended(&mut self, changes: &[FileChange], end: &End) {
        let head = match &end.outcome {
            Some(Outcome::Patched { .. }) => None,
            Some(Outcome::Refused) => Some("was declined:"),
            Some(Outcome::Interrupted) => Some("was interrupted:"),
            Some(
                Outcome::PatchFailed
                | Outcome::Invalid
                | Outcome::NotStarted { .. }
                | Outcome::Exited { .. }
                | Outcome::Signalled { .. }
                | Outcome::TimedOut
                | Outcome::DiskFull { .. },
            ) => Some("failed:"),
            None => Some("was lost, and may have been applied in part:"),
        };
        match head {
            None => self.line(&[(Tone::Label, "patch")]),
            Some(how) => self.line(&[(Tone::Label, "patch "), (Tone::Bad, how)]),
        }
        for change in changes {
            let (letter, tone) = match (change.kind, &change.move_to) {
                (ChangeKind::Add, _) => ("A ", Tone::Good),
                (ChangeKind::Delete, _) => ("D ", Tone::Bad),
                (ChangeKind::Update, None) => ("M ", Tone::Warning),
                (ChangeKind::Update, Some(_)) => ("R ", Tone::Warning),
            };
            let path = sanitize::visible(&change.path);
            match &change.move_to {
                Some(new) => {
                    let new = sanitize::visible(new);
                    let arrow = (Tone::Dim, " -> ");
                    self.line(&[(tone, letter), (Tone::Body, &path), arrow, (Tone::Body, &new)]);
                }
                None => self.line(&[(tone, letter), (Tone::Body, &path)]),
            }
        }
        if head.is_some() {
            self.output(&end.told);
        }
    }

    fn settled(&mut self, call: CallId, verdict: &Verdict, scope: Scope, author: &Author) {
        let by = author.to_string();
        match (verdict, author) {
            // Rules allow most of what is done; saying so each time would drown the rest.
            (Verdict::Allowed, Author::Policy(_) | Author::Supervisor | Author::Model) => {}
            (Verdict::Allowed, Author::User(_)) => {
                let far = question::far(scope);
                self.line(&[(Tone::Good, " allowed by "), (Tone::Body, &by), (Tone::Body, far)]);
            }
            (Verdict::Denied { reason }, _) => {
                let what = self.name(call);
                self.line(&[(Tone::Strong, &what)]);
                self.line(&[
                    (Tone::Bad, " denied by "),
                    (Tone::Body, &by),
                    (Tone::Body, ": "),
                    (Tone::Body, reason),
                ]);
                self.denied.push(call);
            }
            (Verdict::Aborted, _) => {
                self.line(&[(Tone::Bad, " turn ended by "), (Tone::Body, &by)]);
            }
        }
    }

    fn retry(&mut self, retry: &Retry, message: &str) {
        let Retry { in_ms, budget, number, of } = retry;
        match budget {
            RetryBudget::Stream => {
                let what = format!("reconnecting {number}/{of} in {}: ", duration(*in_ms));
                self.line(&[(Tone::Warning, &what), (Tone::Body, message)]);
            }
            RetryBudget::Request => {
                let what = format!("asking again {number}/{of} in {}: ", duration(*in_ms));
                self.line(&[(Tone::Dim, &what), (Tone::Dim, message)]);
            }
            RetryBudget::WholeTranscript => {
                self.line(&[
                    (Tone::Dim, "asking with the whole transcript: "),
                    (Tone::Dim, message),
                ]);
            }
        }
    }

    /// Tells the message that is held back: something else follows it.
    fn release(&mut self) {
        let Some(message) = self.message.as_mut().filter(|message| !message.told) else { return };
        message.told = true;
        let text = message.text.clone();
        self.said(&text);
    }

    fn said(&mut self, text: &str) {
        self.line(&[(Tone::Label, "codex")]);
        self.block(Channel::Activity, Tone::Body, text);
    }

    /// Shows the beginning of what a command printed.
    fn output(&mut self, text: &str) {
        let text = sanitize::text(text);
        let mut lines = text.lines();
        for line in lines.by_ref().take(SHOWN_LINES) {
            let mut shown: String = line.chars().take(SHOWN_WIDTH).collect();
            if shown.len() < line.len() {
                shown.push('…');
            }
            let text = self.style.paint.dye(Tone::Dim, &shown);
            self.add(Channel::Activity, text);
        }
        match lines.count() {
            0 => {}
            1 => self.line(&[(Tone::Dim, "… +1 line")]),
            more => {
                let more = format!("… +{more} lines");
                self.line(&[(Tone::Dim, &more)]);
            }
        }
    }

    /// Adds a line of activity; line breaks within a piece become spaces.
    fn line(&mut self, pieces: &[(Tone, &str)]) {
        let paint = self.style.paint;
        let text = pieces
            .iter()
            .map(|(tone, piece)| paint.dye(*tone, &sanitize::text(piece).replace('\n', " ")))
            .collect::<String>();
        self.add(Channel::Activity, text);
    }

    /// Adds all lines of a text.
    fn block(&mut self, channel: Channel, tone: Tone, text: &str) {
        for line in sanitize::text(text).lines() {
            let text = self.style.paint.dye(tone, line);
            self.add(channel, text);
        }
    }

    fn add(&mut self, channel: Channel, text: String) {
        self.current = None;
        self.lines.push(Line { channel, text });
    }

    fn name(&self, call: CallId) -> String {
        match self.steps.work(call) {
            Some(Work::Command { argv, .. }) => sanitize::visible(&command_line(argv)),
            Some(Work::Patch { .. }) => "patch".to_owned(),
            Some(Work::Invalid) | None => format!("call {call}"),
        }
    }

    fn folder(&self, workdir: Option<&str>) -> String {
        let folder = match workdir {
            Some(workdir) if workdir.starts_with('/') => workdir.to_owned(),
            Some(workdir) if !workdir.is_empty() && workdir != "." => {
                format!("{}/{workdir}", self.cwd.trim_end_matches('/'))
            }
            Some(_) | None => self.cwd.clone(),
        };
        sanitize::visible(&folder)
    }
}
