//! Questions about a call, and their answers.

use codex_event::{Author, Question, Scope, Verdict};
use codex_view::{CallCell, Review, command_line, sanitize};
use ratatui::text::Span;

use super::super::sheet::Sheet;
use super::super::{Fold, bound, words};

/// Bytes of a reason that are shown while it is folded.
const REASON: usize = 1000;
/// Bytes of the reason for a question that was answered, which are shown while it is folded.
const SHORT_REASON: usize = 160;

/// Tells whether a question about a call waits for its answer.
pub(super) fn waits(call: &CallCell) -> bool {
    call.reviews.last().is_some_and(|last| last.asked.is_some() && last.settled.is_none())
}

/// Tells whether it is said who refused a call.
pub(super) fn refused(call: &CallCell) -> bool {
    call.reviews.iter().any(|review| match &review.settled {
        Some((Verdict::Denied { .. } | Verdict::Aborted, ..)) => true,
        Some((Verdict::Allowed, ..)) | None => false,
    })
}

/// Puts a question and its answer.
pub(super) fn put(sheet: &mut Sheet<'_>, review: &Review) {
    let theme = sheet.theme();
    let unfolded = sheet.look.fold == Fold::Unfolded;
    if let Some((question, reason)) = &review.asked
        && (review.settled.is_none() || unfolded)
    {
        let reason = sanitize::visible(reason);
        let reason = if unfolded { reason.into() } else { bound::line(&reason, REASON) };
        let spans = vec![
            Span::styled(asked(question), theme.warning),
            Span::styled(format!(" {reason}"), theme.text),
        ];
        sheet.remark("?", theme.warning, spans);
        if let Question::WriteOutside { paths } = question {
            for path in paths {
                let path = Span::styled(words::path(path, sheet.look), theme.strong);
                sheet.remark(" ", theme.text, vec![path]);
            }
        }
    }
    if let Some((verdict, scope, author)) = &review.settled {
        let person = match author {
            Author::User(_) => true,
            Author::Model | Author::Policy(_) | Author::Supervisor => false,
        };
        let by = who(author);
        match verdict {
            // Rules allow most of what is done; saying so each time would drown the rest.
            Verdict::Allowed if review.asked.is_none() && !person && !unfolded => {}
            Verdict::Allowed => {
                let what = match &review.asked {
                    Some((question, _)) => allowed(question),
                    None => "allowed",
                };
                let spans = vec![
                    Span::styled(what, theme.good),
                    Span::styled(
                        format!(" by {by}{}{}", far(*scope), why(review, sheet.look.fold)),
                        theme.dim,
                    ),
                ];
                sheet.remark("✓", theme.good, spans);
            }
            Verdict::Denied { reason } => {
                let mut spans = vec![
                    Span::styled("denied", theme.bad),
                    Span::styled(format!(" by {by}"), theme.dim),
                ];
                if !reason.trim().is_empty() {
                    let reason = sanitize::visible(reason);
                    let reason =
                        if unfolded { reason.into() } else { bound::line(&reason, REASON) };
                    spans.push(Span::styled(format!(": {reason}"), theme.text));
                }
                sheet.remark("✗", theme.bad, spans);
            }
            Verdict::Aborted => {
                let spans = vec![
                    Span::styled("denied, and the turn ended,", theme.bad),
                    Span::styled(format!(" by {by}"), theme.dim),
                ];
                sheet.remark("✗", theme.bad, spans);
            }
        }
    }
    match &review.kept {
        None => {}
        Some(Ok(prefix)) => {
            let prefix = sanitize::visible(&command_line(prefix));
            let spans = vec![
                Span::styled("kept for this project: commands that begin with ", theme.dim),
                Span::styled(prefix, theme.strong),
            ];
            sheet.remark("✓", theme.good, spans);
        }
        Some(Err(error)) => {
            let spans = vec![
                Span::styled("could not be kept: ", theme.warning),
                Span::styled(sanitize::visible(error), theme.text),
            ];
            sheet.remark("!", theme.warning, spans);
        }
    }
}

fn asked(question: &Question) -> &'static str {
    match question {
        Question::Run => "May this run?",
        Question::RetryUnconfined => "It was stopped by the sandbox: may it run without one?",
        Question::RunUnconfined => "May this run outside of the sandbox?",
        Question::WriteOutside { .. } => "May this write outside of the writable folders?",
    }
}

fn allowed(question: &Question) -> &'static str {
    match question {
        Question::Run => "allowed",
        Question::RetryUnconfined | Question::RunUnconfined => "allowed without a sandbox",
        Question::WriteOutside { .. } => "allowed outside of the writable folders",
    }
}

/// Says why it was asked, where the question itself is not shown any more.
fn why(review: &Review, fold: Fold) -> String {
    match (&review.asked, fold) {
        (Some((_, reason)), Fold::Folded) if !reason.trim().is_empty() => {
            format!("; asked since {}", bound::line(&sanitize::visible(reason), SHORT_REASON))
        }
        (Some(_) | None, Fold::Folded | Fold::Unfolded) => String::new(),
    }
}

/// Names who answered.
fn who(author: &Author) -> String {
    match author {
        Author::User(frontend) => format!("the user ({})", sanitize::visible(frontend)),
        Author::Model => "the model".to_owned(),
        Author::Policy(rule) => format!("policy {}", sanitize::visible(rule)),
        Author::Supervisor => "the program".to_owned(),
    }
}

fn far(scope: Scope) -> &'static str {
    match scope {
        Scope::Once => ", once",
        Scope::Session => ", until the session ends",
        Scope::Project => ", always in this project",
    }
}
