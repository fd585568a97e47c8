//! Tool calls, from the question whether they may run to their end.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use codex_event::{
    CallId, ChangeKind, Confinement, Event, FileChange, Invocation, Outcome, Question, Scope, Seq,
    Verdict,
};
use codex_view::{command_line, disk_full, list, words};

use super::entry::{Entry, Kind};
use super::settings::Held;

/// Calls that were made, by their number.
#[derive(Debug, Default)]
pub(super) struct Calls(HashMap<CallId, Call>);

#[derive(Debug)]
struct Call {
    work: Work,
    workdir: Option<String>,
    asked: Option<Question>,
    // The entries of the attempt that runs.
    running: Range<usize>,
}

#[derive(Debug)]
enum Work {
    Command { argv: Option<Vec<String>>, line: String },
    Patch,
    Invalid { message: String },
    // Its call is in a hole.
    Unknown,
}

impl Calls {
    /// Takes an event of a call; `blank` is an entry of that event with nothing in it yet.
    pub(super) fn apply(
        &mut self,
        event: &Event,
        blank: Entry,
        held: &Held,
        entries: &mut Vec<Entry>,
    ) {
        match event {
            Event::ToolCalled { call, invocation, .. } => {
                self.0.insert(*call, Call::new(invocation));
            }
            Event::ReviewAsked { call, question, reason } => {
                let there = self.of(*call);
                there.asked = Some(question.clone());
                let mut entry = there.entry(blank, *call, held);
                entry.kind = Kind::Approvals;
                entry.reason = Some(reason.clone());
                entry.question = Some(asked(question));
                let about = &entry.what;
                entry.what = match question {
                    Question::Run => format!("may this run? {about} ({reason})"),
                    Question::RetryUnconfined => {
                        format!("may this run again without a sandbox? {about} ({reason})")
                    }
                    Question::RunUnconfined => {
                        format!("may this run outside of the sandbox? {about} ({reason})")
                    }
                    Question::WriteOutside { paths } => {
                        let paths = paths.join(", ");
                        format!("may this write to {paths}? {about} ({reason})")
                    }
                };
                wants_out(&mut entry, Some(question));
                entries.push(entry);
            }
            Event::ReviewSettled { call, verdict, scope } => {
                let there = self.of(*call);
                let question = there.asked.take();
                let mut entry = there.entry(blank, *call, held);
                entry.kind = Kind::Approvals;
                entry.question = question.as_ref().map(asked);
                settle(&mut entry, question.as_ref(), verdict, *scope);
                wants_out(&mut entry, question.as_ref());
                entries.push(entry);
            }
            Event::GrantKept { call, prefix, project, error } => {
                let mut entry = self.of(*call).entry(blank, *call, held);
                entry.kind = Kind::Approvals;
                entry.scope = Some("project");
                let prefix = command_line(prefix);
                entry.what = match error {
                    None => format!("kept for {project}: commands that begin with {prefix}"),
                    Some(error) => format!("could not be kept for {project}: {prefix} ({error})"),
                };
                entry.reason.clone_from(error);
                entries.push(entry);
            }
            Event::RepositoryChanged { call, changes } => {
                let mut entry = self.of(*call).entry(blank, *call, held);
                entry.kind = Kind::Files;
                let changes = changes.join("; ");
                entry.what = format!("a repository changed while it ran: {changes}");
                entries.push(entry);
            }
            Event::ToolIntended { call, attempt, confinement } => {
                let there = self.of(*call);
                let begin = entries.len();
                let mut entry = there.entry(blank, *call, held);
                entry.attempt = Some(*attempt);
                entry.outcome = Some("no end is recorded".to_owned());
                match confinement {
                    Confinement::WritableRoots { changes, outside: _ } => {
                        entry.planned = Some("writable roots");
                        entries.extend(files(entry, list(changes)));
                    }
                    Confinement::Sandbox { plan } if held.is_narrow(*plan) => {
                        entry.confined("narrow sandbox", "blocked");
                        entry.plan = Some(*plan);
                        entries.push(entry);
                    }
                    Confinement::Sandbox { plan } => {
                        entry.confined("sandbox", held.network());
                        entry.plan = Some(*plan);
                        entries.push(entry);
                    }
                    Confinement::None => {
                        entry.confined("none", "open");
                        entries.push(entry);
                    }
                }
                there.running = begin..entries.len();
                there.retell(entries);
            }
            Event::ToolSpawned { call, enforced, .. } => {
                let there = self.of(*call);
                for entry in &mut entries[there.running.clone()] {
                    entry.enforced = Some(enforced.clone());
                }
                there.retell(entries);
            }
            Event::ToolFinished { call, attempt, outcome, duration_ms, denial, .. } => {
                let there = self.of(*call);
                let mut entry = there.entry(blank, *call, held);
                entry.attempt = Some(*attempt);
                if let Some(denial) = denial {
                    let mut stopped = entry.clone();
                    stopped.kind = Kind::Denials;
                    stopped.reason = Some(denial.evidence.clone());
                    let about = &entry.what;
                    stopped.what = format!("stopped by the sandbox: {about} ({})", denial.evidence);
                    entries.push(stopped);
                }
                there.finish(entry, outcome, *duration_ms, entries);
            }
            Event::ToolAbandoned { call, .. } => {
                let there = self.of(*call);
                let entry = there.entry(blank, *call, held);
                let outcome = "abandoned: its effects are not known";
                there.end(entry, outcome, entries, |_| {});
            }
            Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::SessionResumed { .. }
            | Event::SettingsChanged { .. }
            | Event::Repaired { .. }
            | Event::SessionClosed { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnStarted { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::TurnInterrupted { .. }
            | Event::TurnCompleted { .. }
            | Event::TurnFailed { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolOutput { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => {}
        }
    }

    fn of(&mut self, call: CallId) -> &mut Call {
        self.0.entry(call).or_insert_with(|| Call::doing(Work::Unknown, None))
    }
}

impl Call {
    fn new(invocation: &Invocation) -> Call {
        match invocation {
            Invocation::Command { argv, workdir, .. } => {
                let argv = list(argv);
                let line = argv.as_deref().map_or_else(
                    || "a command whose arguments are missing".to_owned(),
                    command_line,
                );
                Call::doing(Work::Command { argv, line }, workdir.clone())
            }
            Invocation::Patch { workdir, .. } => Call::doing(Work::Patch, workdir.clone()),
            Invocation::Invalid { message } => {
                Call::doing(Work::Invalid { message: words(message) }, None)
            }
        }
    }

    fn doing(work: Work, workdir: Option<String>) -> Call {
        Call { work, workdir, asked: None, running: 0..0 }
    }

    /// Fills in what the call is about.
    fn entry(&self, mut entry: Entry, call: CallId, held: &Held) -> Entry {
        entry.call = Some(call);
        let here = || {
            let inner = self.workdir.as_deref().unwrap_or_default();
            let folder = Path::new(held.cwd()).join(inner);
            // Joining nothing leaves a slash behind.
            folder.components().as_path().display().to_string()
        };
        match &self.work {
            Work::Command { argv, line } => {
                entry.kind = Kind::Commands;
                entry.argv.clone_from(argv);
                entry.command = Some(line.clone());
                entry.cwd = Some(here());
                entry.what.clone_from(line);
            }
            Work::Patch => {
                entry.kind = Kind::Files;
                entry.cwd = Some(here());
                entry.what = format!("the patch of call {call}");
            }
            Work::Invalid { message } => entry.what.clone_from(message),
            Work::Unknown => entry.what = format!("call {call}, which is not recorded"),
        }
        entry
    }

    fn finish(
        &mut self,
        mut entry: Entry,
        outcome: &Outcome,
        duration_ms: u64,
        entries: &mut Vec<Entry>,
    ) {
        if self.running.is_empty() {
            if let Outcome::Refused = outcome {
                entry.kind = Kind::Refusals;
            }
        } else if let Outcome::Patched { changes } = outcome
            && let Some(changes) = list(changes)
        {
            // What was done counts for more than what was meant.
            for (told, change) in entries[self.running.clone()].iter_mut().zip(changes) {
                fill(told, &change);
            }
        }
        let words = match outcome {
            Outcome::Exited { code } => format!("exited {code}"),
            Outcome::Signalled { signal } => format!("ended by signal {signal}"),
            Outcome::TimedOut => "ended: its time was up".to_owned(),
            Outcome::DiskFull { folder, free_bytes } => {
                format!("ended: {}", disk_full(folder, *free_bytes))
            }
            Outcome::Interrupted => "ended by an interrupt".to_owned(),
            Outcome::Refused => "refused: nothing ran".to_owned(),
            Outcome::Invalid => "at fault: nothing ran".to_owned(),
            Outcome::Patched { .. } => "applied".to_owned(),
            Outcome::PatchFailed => "not applied: no file changed".to_owned(),
            Outcome::NotStarted { reason } => format!("could not be started: {reason}"),
        };
        let exit = outcome.exit_code();
        self.end(entry, &words, entries, |entry| {
            entry.exit = exit;
            entry.duration_ms = Some(duration_ms);
        });
    }

    /// Ends the attempt that runs; one that was never begun is told here and now.
    fn end(
        &mut self,
        entry: Entry,
        outcome: &str,
        entries: &mut Vec<Entry>,
        fill: impl Fn(&mut Entry),
    ) {
        let end: Seq = entry.seq;
        if self.running.is_empty() {
            self.running = entries.len()..entries.len() + 1;
            entries.push(entry);
        }
        for entry in &mut entries[self.running.clone()] {
            entry.outcome = Some(outcome.to_owned());
            entry.end_seq = Some(end);
            fill(entry);
        }
        self.retell(entries);
        self.running = 0..0;
    }

    /// Puts what is known of the attempt into words.
    fn retell(&self, entries: &mut [Entry]) {
        for entry in &mut entries[self.running.clone()] {
            let subject = match (&entry.path, &entry.command, &self.work) {
                (Some(path), _, _) => {
                    let change = entry.change.unwrap_or("change");
                    let moved = entry.move_to.iter().map(|to| format!(" -> {to}"));
                    format!("{change} {path}{}", moved.collect::<String>())
                }
                (None, Some(line), _) => {
                    format!("{line} in {}", entry.cwd.as_deref().unwrap_or("?"))
                }
                (None, None, Work::Invalid { message }) => message.clone(),
                (None, None, Work::Patch) => {
                    format!("the patch of call {}", entry.call.unwrap_or_default())
                }
                (None, None, Work::Command { .. } | Work::Unknown) => {
                    format!("call {}", entry.call.unwrap_or_default())
                }
            };
            let mut told = subject;
            if let Some(outcome) = &entry.outcome {
                told.push_str(&format!(": {outcome}"));
            }
            if let (Some(ms), Some(_)) = (entry.duration_ms, entry.planned) {
                told.push_str(&format!(" in {ms} ms"));
            }
            if let (Some(planned), Some(_)) = (entry.planned, &entry.command) {
                let enforced = entry.enforced.as_deref().unwrap_or("not recorded");
                told.push_str(&format!("; planned: {planned}; enforced: {enforced}"));
            }
            entry.what = told;
        }
    }
}

fn settle(entry: &mut Entry, question: Option<&Question>, verdict: &Verdict, scope: Scope) {
    let about = std::mem::take(&mut entry.what);
    let (word, reason) = match verdict {
        Verdict::Allowed => ("allowed", None),
        Verdict::Denied { reason } => ("denied", Some(reason)),
        Verdict::Aborted => ("aborted", None),
    };
    let far = match scope {
        Scope::Once => "once",
        Scope::Session => "session",
        Scope::Project => "project",
    };
    entry.verdict = Some(word);
    entry.scope = Some(far);
    let unconfined = match question {
        Some(Question::RetryUnconfined | Question::RunUnconfined) => " without a sandbox",
        Some(Question::WriteOutside { .. }) => " outside of the writable folders",
        Some(Question::Run) | None => "",
    };
    entry.what = match (verdict, scope) {
        (Verdict::Allowed, Scope::Once) => format!("allowed{unconfined}: {about}"),
        (Verdict::Allowed, Scope::Session) => {
            format!("allowed{unconfined} until the session ends: {about}")
        }
        (Verdict::Allowed, Scope::Project) => {
            format!("allowed{unconfined} always in this project: {about}")
        }
        (Verdict::Denied { reason }, _) => format!("denied{unconfined}: {about} ({reason})"),
        (Verdict::Aborted, _) => format!("denied{unconfined}, and the turn ended: {about}"),
    };
    if let Some(reason) = reason {
        entry.reason = Some(reason.clone());
    }
    if *verdict != Verdict::Allowed {
        entry.also.push(Kind::Refusals);
    }
}

// Outside of the sandbox is the network, too.
fn wants_out(entry: &mut Entry, question: Option<&Question>) {
    match question {
        Some(Question::RetryUnconfined | Question::RunUnconfined) => {
            entry.also.push(Kind::Network);
        }
        Some(Question::Run | Question::WriteOutside { .. }) | None => {}
    }
}

fn asked(question: &Question) -> &'static str {
    match question {
        Question::Run => "run",
        Question::RetryUnconfined => "retry unconfined",
        Question::RunUnconfined => "run unconfined",
        Question::WriteOutside { .. } => "write outside",
    }
}

/// Gives an entry for each file, or one for all when they are not known.
fn files(entry: Entry, changes: Option<Vec<FileChange>>) -> Vec<Entry> {
    let Some(changes) = changes else { return vec![entry] };
    let of = |change: &FileChange| {
        let mut entry = entry.clone();
        fill(&mut entry, change);
        entry
    };
    changes.iter().map(of).collect()
}

fn fill(entry: &mut Entry, change: &FileChange) {
    entry.path = Some(change.path.clone());
    entry.change = Some(match change.kind {
        ChangeKind::Add => "add",
        ChangeKind::Delete => "delete",
        ChangeKind::Update => "update",
    });
    entry.move_to.clone_from(&change.move_to);
    entry.before = change.before;
    entry.after = change.after;
}
