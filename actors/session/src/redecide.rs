//! Decision replay: a journal's facts, decided again, give its decisions.
//!
//! What a journal says was decided can be held against the rules that this program has: the same
//! facts in the same order must give the same events, with the same authors and causes. A difference
//! in a journal of another version says that a rule has changed; one in a journal of this version is
//! a bug, or the work of somebody who wrote the journal anew.

use codex_event::{
    Arguments, Author, Body, CloseReason, Command, Confinement, ContextSource, Envelope, Event,
    Invocation, Opening, Outcome, Question, Resumption, Seq, Stored, Verdict,
};

use crate::report::{Intake, PatchPlan, Report, Stamp};
use crate::{Draft, Session};

/// Where a journal is not what its facts lead to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// Nothing that could have come in begins with this event.
    #[error("event {seq} ({kind}) begins no decision")]
    Unled {
        /// Its position.
        seq: Seq,
        /// Its kind.
        kind: String,
    },
    /// The rules refuse what led to this event.
    #[error("event {seq} ({kind}) would be refused")]
    Refused {
        /// Its position.
        seq: Seq,
        /// Its kind.
        kind: String,
    },
    /// The rules give another event here.
    #[error("event {seq} is {kind}, and would be {decided}")]
    Other {
        /// Its position.
        seq: Seq,
        /// Its kind.
        kind: String,
        /// What is decided now; the same kind when it differs in its content.
        decided: String,
    },
    /// The rules give more events than there are.
    #[error("after event {seq} the rules go on with {decided}")]
    Missing {
        /// Position of the last event that is as decided.
        seq: Seq,
        /// Kind of the event that is not there.
        decided: String,
    },
}

/// Decides a whole journal again; its events must be hydrated.
///
/// A batch that a crash cut in two is as decided up to the cut, and then another process takes over.
/// Events that stand for themselves (repairs, remarks, kinds of another release) are taken as facts.
pub fn redecide(log: &[Envelope]) -> Result<(), Difference> {
    let mut session = Session::default();
    let mut at = 0;
    while at < log.len() {
        let rest = &log[at..];
        let decided = again(&session, rest)?.max(1);
        for envelope in &rest[..decided] {
            session.apply(envelope);
        }
        at += decided;
    }
    Ok(())
}

/// Decides once more what the log begins with, and tells how many of its events that gives.
fn again(session: &Session, rest: &[Envelope]) -> Result<usize, Difference> {
    let first = &rest[0];
    let (seq, kind) = (first.seq, first.kind());
    let intake = match led(session, rest) {
        Led::By(intake) => *intake,
        Led::Facts(count) => return Ok(count),
        Led::Nothing => return Err(Difference::Unled { seq, kind }),
    };
    let stamp = Stamp { author: first.author.clone() };
    let drafts = session.decide(stamp, intake).map_err(|_| Difference::Refused { seq, kind })?;
    let torn = |at: usize| rest.get(at).is_none_or(|next| next.epoch > first.epoch);
    for (at, draft) in drafts.iter().enumerate() {
        let Some(found) = rest.get(at) else { return Ok(at) };
        if is(found, draft) {
            continue;
        }
        if at > 0 && torn(at) {
            return Ok(at);
        }
        let decided = codex_event::kind(&draft.event);
        let (seq, kind) = (found.seq, found.kind());
        return Err(match found.epoch == first.epoch {
            true => Difference::Other { seq, kind, decided },
            false => Difference::Missing { seq: Seq(seq.0 - 1), decided },
        });
    }
    Ok(drafts.len())
}

fn is(found: &Envelope, draft: &Draft) -> bool {
    let same = (&found.author, found.cause, found.turn) == (&draft.author, draft.cause, draft.turn);
    same && found.event() == Some(&draft.event)
}

/// What an event came of.
enum Led {
    By(Box<Intake>),
    /// Itself: this many events, it among them, are taken as they are.
    Facts(usize),
    Nothing,
}

fn by(intake: impl Into<Intake>) -> Led {
    Led::By(Box::new(intake.into()))
}

fn led(session: &Session, rest: &[Envelope]) -> Led {
    let first = &rest[0];
    let Body::Known(event) = &first.body else { return Led::Facts(1) };
    match event.clone() {
        Event::SessionOpened { .. } => opening(rest).map_or(Led::Nothing, by),
        Event::SessionResumed { .. } => resumption(rest).map_or(Led::Nothing, by),
        Event::TurnStarted { input } | Event::InputQueued { input } => {
            text(input).map_or(Led::Nothing, |input| by(Command::Submit { input }))
        }
        Event::TurnInterruptRequested { reason } => by(Command::Interrupt { reason }),
        // Those that still ran are told to be lost first.
        Event::OwnCommandEnded { exit: None, .. } => {
            ending(rest).map_or(Led::Nothing, |reason| by(Command::Close { reason }))
        }
        Event::SessionClosed { reason } => by(Command::Close { reason }),
        Event::ReviewSettled { call, verdict, scope } => match (&first.author, verdict) {
            (Author::User(_), verdict) => by(Command::SettleReview { call, verdict, scope }),
            (_, Verdict::Denied { reason: message }) => {
                let plan = PatchPlan::Outside { paths: vec![], message };
                by(Report::PatchPlanned { call, plan })
            }
            (_, Verdict::Allowed | Verdict::Aborted) => {
                let plan = rest.get(1).and_then(intended).unwrap_or(NOTHING);
                by(Report::PatchPlanned { call, plan })
            }
        },
        // What it would change is not recorded before somebody has agreed to it.
        Event::ReviewAsked { call, question, reason: message } => {
            let plan = match question {
                Question::WriteOutside { paths } => PatchPlan::Outside { paths, message },
                Question::Run | Question::RunUnconfined | Question::RetryUnconfined => NOTHING,
            };
            by(Report::PatchPlanned { call, plan })
        }
        Event::ToolIntended { call, .. } => {
            intended(first).map_or(Led::Nothing, |plan| by(Report::PatchPlanned { call, plan }))
        }
        Event::ToolFinished { call, attempt, outcome, duration_ms, output, denial } => {
            match (text(output), attempt, &outcome) {
                (Some(message), 0, Outcome::PatchFailed) => {
                    by(Report::PatchPlanned { call, plan: PatchPlan::Failed { message } })
                }
                (Some(output), 1.., _) => {
                    by(Report::ToolEnded { call, attempt, outcome, duration_ms, output, denial })
                }
                (Some(_) | None, _, _) => Led::Nothing,
            }
        }
        Event::ModelStreamed { request, attempt, item, part, text, marks } => {
            by(Report::ModelStreamed { request, attempt, item, part, text, marks })
        }
        Event::ModelItemCompleted { request, attempt, item, kind, raw } => text(raw)
            .map_or(Led::Nothing, |raw| {
                by(Report::ModelItem { request, attempt, item, kind, raw })
            }),
        Event::ModelResponded { request, attempt, response, usage } => {
            let called = rest[1..].iter().map_while(|next| match next.event() {
                Some(Event::ToolCalled { item, invocation, arguments, .. }) => {
                    Some((*item, invocation.clone(), *arguments))
                }
                Some(_) | None => None,
            });
            let called: Vec<_> = called.collect();
            let hidden = |(item, _, arguments): &(u32, Invocation, Arguments)| match arguments {
                Arguments::Recorded => None,
                Arguments::Concealed => Some(*item),
            };
            let concealed = called.iter().filter_map(hidden).collect();
            let calls = called.into_iter().map(|(item, invocation, _)| (item, invocation));
            let calls = calls.collect();
            by(Report::ModelDone { request, attempt, response, usage, calls, concealed })
        }
        Event::ModelAttemptFailed { request, attempt, fault, .. } => {
            by(Report::ModelFailed { request, attempt, fault })
        }
        Event::ModelRequested { request, attempt, .. } => by(Report::RetryDue { request, attempt }),
        Event::ToolSpawned { call, attempt, process, enforced } => {
            by(Report::ToolSpawned { call, attempt, process, enforced })
        }
        Event::ToolOutput { call, attempt, stream, skipped, bytes } => {
            by(Report::ToolOutput { call, attempt, stream, skipped, bytes })
        }
        Event::NotificationSent { program, payload, error } => {
            let notice = session.notice.as_ref();
            match (notice, program.inline().cloned(), text(payload)) {
                (Some(notice), Some(program), Some(payload)) => {
                    by(Report::Notified { turn: notice.turn, program, payload, error })
                }
                (_, None, _) | (_, _, None) | (None, _, _) => Led::Nothing,
            }
        }
        Event::GrantKept { call, project, error, .. } => {
            by(Report::GrantKept { call, project, error })
        }
        Event::RepositoryChanged { call, changes } => {
            by(Report::RepositoryChanged { call, changes })
        }
        Event::SessionNamed { name } => by(Command::Name { name }),
        Event::OwnCommandStarted { line, cwd } => {
            text(line).map_or(Led::Nothing, |line| by(Command::StartOwnCommand { line, cwd }))
        }
        Event::OwnCommandEnded { started, exit: Some(exit), duration_ms, output } => {
            let line = session.own_command(started).and_then(|command| text(command.line.clone()));
            match (line, text(output)) {
                (Some(line), Some(output)) => {
                    by(Command::EndOwnCommand { line, exit, duration_ms, output })
                }
                (None, _) | (_, None) => Led::Nothing,
            }
        }
        Event::SessionShelved { shelf } => by(Command::Shelve { shelf }),
        // What it was narrowed to depends on what became of its parent since.
        Event::SessionForked { .. } => {
            let mut own = followers(rest);
            let narrowed = matches!(own.next(), Some(Event::SettingsChanged { .. }));
            Led::Facts(1 + usize::from(narrowed))
        }
        Event::Repaired { .. } | Event::Noted { .. } => Led::Facts(1),
        Event::SettingsChanged { .. }
        | Event::ContextAdded { .. }
        | Event::ToolCalled { .. }
        | Event::ToolAbandoned { .. }
        | Event::TurnInterrupted { .. }
        | Event::TurnCompleted { .. }
        | Event::TurnFailed { .. } => Led::Nothing,
    }
}

fn opening(rest: &[Envelope]) -> Option<Command> {
    let Event::SessionOpened { cwd, git, settings, sandbox, program, tools } =
        rest[0].event()?.clone()
    else {
        return None;
    };
    let mut context: Vec<(ContextSource, String)> = Vec::new();
    let mut notes = Vec::new();
    for event in followers(rest) {
        if let Event::ContextAdded { source, text: words } = event {
            context.push((*source, text(words.clone())?));
        } else if let Event::Noted { text: words } = event {
            notes.push(text(words.clone())?);
        } else {
            break;
        }
    }
    let (settings, sandbox) = (*settings, *sandbox);
    Some(Command::Open(Box::new(Opening {
        cwd,
        git,
        settings,
        sandbox,
        program,
        tools,
        context,
        notes,
    })))
}

/// Gives why the session is let go of behind the commands that are lost with that.
fn ending(rest: &[Envelope]) -> Option<CloseReason> {
    let is_lost =
        |it: &&Envelope| matches!(it.event(), Some(Event::OwnCommandEnded { exit: None, .. }));
    let closed = rest.iter().find(|next| !is_lost(next))?;
    let Event::SessionClosed { reason } = closed.event()? else { return None };
    Some(*reason)
}

fn resumption(rest: &[Envelope]) -> Option<Command> {
    let Event::SessionResumed { program, patches, surroundings, .. } = rest[0].event()?.clone()
    else {
        return None;
    };
    let mut resumption = Resumption {
        program,
        patches,
        surroundings: surroundings.map(|found| *found),
        settings: None,
        environment: None,
        input: None,
    };
    for event in followers(rest) {
        if let Event::SettingsChanged { settings, .. } = event {
            resumption.settings = settings.as_deref().cloned();
        } else if let Event::ContextAdded { text: words, .. } = event {
            resumption.environment = text(words.clone());
        } else if let Event::TurnStarted { input } | Event::InputQueued { input } = event {
            resumption.input = text(input.clone());
        }
    }
    Some(Command::Resume(Box::new(resumption)))
}

/// Gives the events that the first one caused directly, as far as its process wrote them.
fn followers(rest: &[Envelope]) -> impl Iterator<Item = &Event> {
    let first = &rest[0];
    let ours = rest[1..].iter().take_while(|next| next.epoch == first.epoch);
    ours.filter(|next| next.cause == Some(first.seq)).filter_map(Envelope::event)
}

/// What is not recorded of a patch that fits.
const NOTHING: PatchPlan = PatchPlan::Ready { changes: vec![], outside: vec![] };

fn intended(envelope: &Envelope) -> Option<PatchPlan> {
    let Event::ToolIntended { confinement, .. } = envelope.event()? else { return None };
    match confinement {
        Confinement::WritableRoots { changes, outside } => {
            let (changes, outside) = (changes.inline()?.clone(), outside.clone());
            Some(PatchPlan::Ready { changes, outside })
        }
        Confinement::Sandbox { .. } | Confinement::None => None,
    }
}

fn text(stored: Stored<String>) -> Option<String> {
    match stored {
        Stored::Inline(text) => Some(text),
        Stored::Blob { .. } => None,
    }
}
