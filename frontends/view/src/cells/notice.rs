//! Events that are a cell by themselves.

use codex_event::{
    Backend, CloseReason, ContextSource, Event, IMPORTED, Retry, RetryBudget, Settings, Shelf,
};

use super::Extent;
use crate::cell::Notice;
use crate::stored::{list, words};
use crate::{command_line, image};

/// What a summary that takes the place of the conversation so far is announced with.
const SUMMARY: &str = "the model is shown a summary in place of all before:\n";

/// Gives what an event of another release shows; what was kept of an imported session stays in the
/// journal, since hundreds of them would hide what was said.
pub(super) fn foreign(kind: &str, raw: &str) -> Option<(Notice, Extent)> {
    let notice = match kind.starts_with(IMPORTED) {
        true => images(kind, raw)?,
        false => Notice::Unknown(kind.to_owned()),
    };
    Some((notice, Extent::Whole))
}

/// Gives what stands for the images of an item that was imported; what its text said was told by itself.
fn images(kind: &str, raw: &str) -> Option<Notice> {
    let item = kind.strip_prefix(IMPORTED)?.starts_with("response_item");
    let images = if item { image::imported(raw) } else { Vec::new() };
    (!images.is_empty()).then_some(Notice::Images(images))
}

/// Gives what an event shows by itself; none when it is part of something else, or of no interest.
pub(super) fn of(event: &Event) -> Option<(Notice, Extent)> {
    let mut extent = Extent::Whole;
    let notice = match event {
        Event::SessionOpened { cwd, settings, sandbox, .. } => Notice::Opened {
            cwd: cwd.clone(),
            model: settings.model.clone(),
            sandbox: sandbox.level.clone(),
            approval: settings.approval_policy,
            limits: sandbox.limits.clone(),
        },
        Event::SessionForked { parent, at, .. } => {
            Notice::Forked { from: format!("{parent} after event {at}") }
        }
        Event::SessionResumed { lost, .. } => Notice::Resumed { lost: lost.clone() },
        Event::SettingsChanged { settings: None, backend, reason } => {
            let now = match backend {
                Backend::Responses => "requests now name the last response",
                Backend::Stateless => "requests now hold the whole transcript",
            };
            Notice::Note(format!("{now}: {reason}"))
        }
        Event::SessionNamed { name: Some(name) } => Notice::Note(format!("session named: {name}")),
        Event::SessionNamed { name: None } => Notice::Note("session without a name".to_owned()),
        Event::SessionShelved { shelf } => Notice::Note(
            match shelf {
                Shelf::Active => "session taken out of the archive",
                Shelf::Archived => "session archived",
            }
            .to_owned(),
        ),
        Event::Repaired { missing } => Notice::Repaired(missing.clone()),
        Event::SessionClosed { reason } => match reason {
            CloseReason::Done => return None,
            CloseReason::Interrupted => Notice::Closed("session interrupted".to_owned()),
            CloseReason::HandedOver => {
                Notice::Closed("session handed over to another process".to_owned())
            }
        },
        Event::ContextAdded { source: ContextSource::Summary, text } => {
            extent = Extent::of(text);
            Notice::Note(format!("{SUMMARY}{}", words(text)))
        }
        Event::ModelAttemptFailed { fault, retry: Some(retry), .. } => {
            Notice::Attempt { fault: fault.message.clone(), next: next(retry) }
        }
        Event::GrantKept { prefix, project, error, .. } => {
            let prefix = command_line(prefix);
            Notice::Note(match error {
                None => format!("kept for {project}: commands that begin with {prefix}"),
                Some(error) => format!("{prefix} could not be kept for {project}: {error}"),
            })
        }
        Event::RepositoryChanged { changes, .. } => {
            Notice::Note(format!("warning: {}", changes.join("\n")))
        }
        Event::NotificationSent { program, error: Some(error), .. } => {
            extent = Extent::of(program);
            let program = command_line(&list(program).unwrap_or_default());
            Notice::Note(format!("could not notify {program}: {error}"))
        }
        Event::Noted { text } => {
            extent = Extent::of(text);
            let text = words(text);
            // A long line of a rollout is kept as a remark, behind its kind.
            let line = text.split_once(' ').filter(|(kind, _)| kind.starts_with(IMPORTED));
            line.and_then(|(kind, raw)| images(kind, raw)).unwrap_or(Notice::Note(text))
        }
        // Settings that were changed are held against those before; the rest is part of other cells.
        Event::SettingsChanged { settings: Some(_), .. }
        | Event::ContextAdded {
            source: ContextSource::Instructions | ContextSource::Environment,
            ..
        }
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
        // The turn's end says it.
        | Event::ModelAttemptFailed { retry: None, .. }
        | Event::ToolCalled { .. }
        | Event::ReviewAsked { .. }
        | Event::ReviewSettled { .. }
        | Event::ToolIntended { .. }
        | Event::ToolSpawned { .. }
        | Event::ToolOutput { .. }
        | Event::ToolFinished { .. }
        | Event::ToolAbandoned { .. }
        | Event::OwnCommandStarted { .. }
        | Event::OwnCommandEnded { .. }
        | Event::NotificationSent { error: None, .. } => return None,
    };
    Some((notice, extent))
}

/// Gives one line for each setting that differs, and why; all of them when those before are not known.
pub(super) fn settings(before: Option<&Settings>, now: &Settings, reason: &str) -> Vec<String> {
    let told = |of: &Settings| {
        let granted: Vec<String> = of.permissions.iter().map(ToString::to_string).collect();
        [
            ("model", of.model.clone()),
            ("provider", format!("{} at {}", of.provider.id, of.provider.base_url)),
            ("effort", of.reasoning_effort.clone().unwrap_or_else(|| "as the model has it".into())),
            ("approval", of.approval_policy.as_str().to_owned()),
            ("allows", if granted.is_empty() { "nothing".into() } else { granted.join(", ") }),
        ]
    };
    let before = before.map(told);
    let mut lines: Vec<String> = told(now)
        .into_iter()
        .enumerate()
        .filter(|(at, (_, value))| before.as_ref().is_none_or(|before| before[*at].1 != *value))
        .map(|(_, (name, value))| format!("{name}: {value}"))
        .collect();
    lines.push(reason.to_owned());
    lines
}

fn next(retry: &Retry) -> String {
    let Retry { in_ms, budget, number, of } = retry;
    let wait = match in_ms {
        0..1000 => format!("{in_ms} ms"),
        _ => format!("{}.{} s", in_ms / 1000, in_ms % 1000 / 100),
    };
    match budget {
        RetryBudget::Stream => format!("reconnecting {number}/{of} in {wait}"),
        RetryBudget::Request => format!("asking again {number}/{of} in {wait}"),
        RetryBudget::WholeTranscript => "asking with the whole transcript".to_owned(),
    }
}
