//! A session as Markdown, for people to keep and to send on.

use codex_event::{ApprovalPolicy, ChangeKind, FileChange, Invocation, Outcome, Verdict};

use crate::cell::{
    CallCell, CallState, Cell, CellBody, Notice, OwnCommand, OwnState, Review, Standing, TurnEnd,
    TurnEnding,
};
use crate::disk::disk_full;
use crate::sanitize::{text, visible};
use crate::stored::{list, words};
use crate::{BROKEN, command_line};

/// Gives a cell as Markdown, with a blank line behind it; nothing for what a reader has no use for.
///
/// What a person said stands under a heading of its own, the model's words stand as they are, and what
/// was run is quoted, with its end.
pub fn markdown(cell: &Cell) -> String {
    let told = of_body(&cell.body);
    match cell.standing {
        Standing::Broken if !told.is_empty() => format!("{told}*{BROKEN}*\n\n"),
        Standing::Broken | Standing::Open | Standing::Settled => told,
    }
}

fn of_body(body: &CellBody) -> String {
    match body {
        CellBody::Prompt(prompt) => {
            format!("## {}\n\n{}\n\n", visible(&prompt.author.to_string()), text(&prompt.text))
        }
        CellBody::Message(said) => format!("{}\n\n", text(said).trim_end()),
        CellBody::Reasoning(thought) => {
            let lines = text(thought);
            let lines: String = lines.trim().lines().map(|line| format!("> {line}\n")).collect();
            if lines.is_empty() { lines } else { lines + "\n" }
        }
        CellBody::Call(call) => of_call(call),
        CellBody::OwnCommand(own) => of_own(own),
        CellBody::Notice(notice) => of_notice(notice),
        CellBody::TurnEnd(end) => of_end(end),
    }
}

fn of_own(own: &OwnCommand) -> String {
    let who = visible(&own.author.to_string());
    let (told, output) = match &own.state {
        OwnState::Running => (", running".to_owned(), ""),
        OwnState::Ended { exit: Some(code), duration_ms, output } => {
            (format!(", exit {code} ({duration_ms} ms)"), output.as_str())
        }
        OwnState::Ended { exit: None, output, .. } => {
            (", and nobody knows how it ended".to_owned(), output.as_str())
        }
    };
    let shown = format!("$ {}\n{}", text(&own.line), text(output));
    format!("**Command of {who}**, outside of the sandbox{told}\n\n{}", fenced("console", &shown))
}

fn of_call(call: &CallCell) -> String {
    let (mut told, shown) = match &call.invocation {
        Invocation::Command { argv, .. } => {
            let line = list(argv).map(|argv| command_line(&argv)).unwrap_or_default();
            let prompt = format!("$ {}", text(&line));
            let output = text(&call.output);
            ("**Command**".to_owned(), fenced("console", &format!("{prompt}\n{output}")))
        }
        Invocation::Patch { .. } if call.patch.is_empty() => {
            ("**Patch**".to_owned(), call.changes.iter().map(of_change).collect())
        }
        Invocation::Patch { .. } => ("**Patch**".to_owned(), fenced("diff", &text(&call.patch))),
        Invocation::Invalid { message } => {
            (format!("**Call at fault**: {}", visible(&words(message))), String::new())
        }
    };
    for review in &call.reviews {
        told.push_str(&of_review(review));
    }
    told.push_str(&match &call.state {
        CallState::Waiting => ", not carried out".to_owned(),
        CallState::Running { .. } => ", running".to_owned(),
        CallState::Ended { outcome, duration_ms, .. } => {
            format!(", {} ({duration_ms} ms)", of_outcome(outcome))
        }
        CallState::Lost { .. } => ", and nobody knows how it ended".to_owned(),
    });
    let end = if shown.starts_with('-') { "\n" } else { "" };
    format!("{told}\n\n{shown}{end}")
}

fn of_change(change: &FileChange) -> String {
    let done = match change.kind {
        ChangeKind::Add => "added",
        ChangeKind::Update => "changed",
        ChangeKind::Delete => "removed",
    };
    format!("- {done}: `{}`\n", visible(&change.path))
}

fn of_review(review: &Review) -> String {
    let Some((verdict, _, author)) = &review.settled else { return ", waits for an answer".into() };
    let by = visible(&author.to_string());
    match verdict {
        Verdict::Allowed => format!(", allowed by {by}"),
        Verdict::Denied { reason } => format!(", denied by {by}: {}", visible(reason)),
        Verdict::Aborted => format!(", stopped by {by}"),
    }
}

fn of_outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code } => format!("exit code {code}"),
        Outcome::Signalled { signal } => format!("ended by signal {signal}"),
        Outcome::TimedOut => "ended, its time was up".to_owned(),
        Outcome::DiskFull { folder, free_bytes } => {
            format!("ended: {}", disk_full(folder, *free_bytes))
        }
        Outcome::Interrupted => "interrupted".to_owned(),
        Outcome::Refused => "nothing ran".to_owned(),
        Outcome::Invalid => "nothing ran, the call was at fault".to_owned(),
        Outcome::Patched { .. } => "applied".to_owned(),
        Outcome::PatchFailed => "not applied".to_owned(),
        Outcome::NotStarted { reason } => format!("not started: {}", visible(reason)),
    }
}

fn of_notice(notice: &Notice) -> String {
    let told = match notice {
        Notice::Opened { cwd, model, sandbox, approval, limits: _ } => {
            return format!(
                "- folder: `{}`\n- model: {}\n- sandbox: {}\n- approval: {}\n\n",
                visible(cwd),
                visible(model),
                visible(sandbox),
                policy(*approval),
            );
        }
        Notice::Forked { from } => format!("forked: {from}"),
        Notice::Resumed { lost } if lost.is_empty() => "resumed".to_owned(),
        Notice::Resumed { lost } => {
            format!("resumed; {} calls were under way, and nobody knows how they ended", lost.len())
        }
        Notice::Settings(lines) => format!("settings: {}", lines.join("; ")),
        Notice::Images(images) => images.join(" "),
        Notice::Note(note) => note.clone(),
        Notice::Attempt { fault, next } if next.is_empty() => format!("attempt failed: {fault}"),
        Notice::Attempt { fault, next } => format!("attempt failed: {fault}; {next}"),
        Notice::Missing { session: _, first, last } => {
            format!("the events {first} to {last} are missing")
        }
        Notice::Repaired(gaps) => {
            let gaps: Vec<String> =
                gaps.iter().map(|(first, last)| format!("{first} to {last}")).collect();
            format!("the journal was repaired; lost are the events {}", gaps.join(", "))
        }
        Notice::Closed(why) => format!("closed: {why}"),
        Notice::Unknown(kind) => format!("an event of another release: {kind}"),
    };
    format!("*{}*\n\n", visible(&told).replace('*', "\\*"))
}

fn policy(approval: ApprovalPolicy) -> &'static str {
    approval.as_str()
}

fn of_end(end: &TurnEnd) -> String {
    match &end.ending {
        TurnEnding::Completed => {
            format!("*{} tokens in, {} out*\n\n", end.usage.input_tokens, end.usage.output_tokens)
        }
        TurnEnding::Interrupted(how) => format!("*{}*\n\n", visible(how)),
        TurnEnding::Failed { message, hint } if hint.is_empty() => {
            format!("**Error**: {}\n\n", visible(message))
        }
        TurnEnding::Failed { message, hint } => {
            format!("**Error**: {} ({})\n\n", visible(message), visible(hint))
        }
    }
}

/// Puts a text between fences that it does not hold.
fn fenced(language: &str, shown: &str) -> String {
    let longest = shown.split(|it| it != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n\n", shown.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cells;
    use crate::testing::{self, Story};

    fn told(story: &Story) -> String {
        Cells::of(story.envelopes()).iter().map(markdown).collect()
    }

    #[test]
    fn a_conversation_reads_as_one() {
        insta::assert_snapshot!(told(&testing::shell()));
        insta::assert_snapshot!(told(&testing::patches()));
        insta::assert_snapshot!(told(&testing::declined()));
    }

    #[test]
    fn nothing_in_it_can_do_anything_to_a_terminal_or_leave_its_fence() {
        let told = told(&testing::every_kind());
        assert!(!told.chars().any(|it| it.is_control() && it != '\n' && it != '\t'), "{told:?}");
        assert_eq!(fenced("x", "a\n````\nb\n"), "`````x\na\n````\nb\n`````\n\n");
        assert_eq!(fenced("x", ""), "```x\n\n```\n\n");
    }
}
