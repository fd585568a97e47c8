//! Tool calls: what was asked for, who allowed it, what held it, what came of it.

mod review;
#[cfg(test)]
mod tests;

use codex_event::{
    Assessment, ChangeKind, Denial, DenialGrade, FileChange, Invocation, Outcome, RuleDecision,
    Stored,
};
use codex_view::{CallCell, CallState, disk_full, sanitize, words as stored};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::diff::{self, Fate, FileDiff, Names};
use super::output::{self, Flow};
use super::sheet::Sheet;
use super::{Fold, Look, bounded, more, shell, words};

/// Lines of a script that are shown while it is folded, and at most.
const SCRIPT_FOLDED: usize = 6;
const SCRIPT_UNFOLDED: usize = 500;

/// Puts a call into lines.
pub(super) fn lines(call: &CallCell, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    let mut sheet = Sheet::new(look, width);
    match &call.invocation {
        Invocation::Command { argv, workdir, escalation, assessment, .. } => {
            let argv = match argv {
                Stored::Inline(argv) => argv.clone(),
                Stored::Blob { digest, len } => {
                    vec![stored(&Stored::Blob { digest: *digest, len: *len })]
                }
            };
            command(&mut sheet, call, &argv, workdir.as_deref());
            if let Some(wish) = escalation {
                let why = sanitize::visible(&wish.justification);
                let wish = vec![
                    Span::styled("wants to run outside of the sandbox: ", look.theme.warning),
                    Span::styled(why, look.theme.text),
                ];
                sheet.remark("!", look.theme.warning, wish);
            }
            if let Some(known) = assessment {
                assessed(&mut sheet, known);
            }
        }
        Invocation::Patch { .. } => patch(&mut sheet, call),
        Invocation::Invalid { message } => {
            let head = vec![Span::styled("Broken tool call", look.theme.bad)];
            sheet.marked(Span::styled("✗ ", look.theme.bad), head);
            output::told(&mut sheet, &stored(message));
            return sheet.end();
        }
    }
    for review in &call.reviews {
        review::put(&mut sheet, review);
    }
    came(&mut sheet, call);
    for change in &call.repository {
        let change = Span::styled(sanitize::visible(change), look.theme.text);
        sheet.remark("!", look.theme.warning, vec![change]);
    }
    sheet.end()
}

/// A state as its head shows it.
struct Head {
    glyph: &'static str,
    style: Style,
    verb: &'static str,
}

/// How a kind of work is spoken of.
struct Verbs {
    asks: &'static str,
    will: &'static str,
    doing: &'static str,
    did: &'static str,
    did_not: &'static str,
    could_not: &'static str,
    lost: &'static str,
}

const RUN: Verbs = Verbs {
    asks: "Asks to run",
    will: "Will run",
    doing: "Running",
    did: "Ran",
    did_not: "Did not run",
    could_not: "Could not run",
    lost: "Lost track of",
};
const EDIT: Verbs = Verbs {
    asks: "Asks to edit",
    will: "Will edit",
    doing: "Editing",
    did: "Edited",
    did_not: "Did not edit",
    could_not: "Could not edit",
    lost: "Lost track of editing",
};

fn head(call: &CallCell, look: &Look<'_>, verbs: &Verbs) -> Head {
    let theme = look.theme;
    let (glyph, style, verb) = match &call.state {
        CallState::Waiting if review::waits(call) => ("? ", theme.warning, verbs.asks),
        CallState::Waiting => ("◦ ", theme.dim, verbs.will),
        CallState::Running { .. } => ("• ", theme.accent, verbs.doing),
        CallState::Lost { .. } => ("! ", theme.warning, verbs.lost),
        CallState::Ended { outcome, .. } => match outcome {
            Outcome::Exited { code: 0 } | Outcome::Patched { .. } => ("• ", theme.good, verbs.did),
            Outcome::Exited { .. }
            | Outcome::Signalled { .. }
            | Outcome::TimedOut
            | Outcome::DiskFull { .. } => ("✗ ", theme.bad, verbs.did),
            Outcome::Interrupted if began(call) => ("✗ ", theme.bad, verbs.did),
            Outcome::Interrupted | Outcome::Refused => ("✗ ", theme.bad, verbs.did_not),
            Outcome::PatchFailed | Outcome::NotStarted { .. } | Outcome::Invalid => {
                ("✗ ", theme.bad, verbs.could_not)
            }
        },
    };
    Head { glyph, style, verb }
}

/// Tells whether a call that was interrupted had begun.
fn began(call: &CallCell) -> bool {
    let took = match &call.state {
        CallState::Ended { duration_ms, .. } => *duration_ms,
        CallState::Waiting | CallState::Running { .. } | CallState::Lost { .. } => 0,
    };
    took > 0 || call.lines > 0 || !call.enforced.is_empty()
}

fn command(sheet: &mut Sheet<'_>, call: &CallCell, argv: &[String], workdir: Option<&str>) {
    let look = sheet.look;
    let theme = look.theme;
    let Head { glyph, style, verb } = head(call, look, &RUN);
    let mut lines = shell::lines(argv, theme);
    let most = match look.fold {
        Fold::Folded => SCRIPT_FOLDED,
        Fold::Unfolded => SCRIPT_UNFOLDED,
    };
    let hidden = lines.len().saturating_sub(most);
    lines.truncate(most);
    let place = workdir.filter(|folder| *folder != look.cwd && *folder != ".");
    if let (Some(folder), Some(last)) = (place, lines.last_mut()) {
        let folder = format!(" in {}", words::path(folder, look));
        last.push(Span::styled(folder, theme.dim));
    }
    for (at, line) in lines.into_iter().enumerate() {
        if at == 0 {
            let mut spans = vec![Span::styled(format!("{verb} "), theme.strong)];
            spans.extend(line);
            let bar = [Span::styled(glyph, style)];
            let rest = [Span::raw("    ")];
            let hang = crate::wrap::Hang { first: &bar, rest: &rest, ..Default::default() };
            hang.put(Line::from(spans), sheet.width, &mut sheet.lines);
        } else {
            sheet.marked(Span::raw("    "), line);
        }
    }
    if hidden > 0 {
        sheet.cut(Span::raw("    "), vec![more(&words::count(hidden as u64, "more line"), look)]);
    }
    if look.fold == Fold::Unfolded
        && shell::script(argv).is_some()
        && let [shell, flag, _] = argv
    {
        let with = format!("script of {} {flag}", sanitize::visible(shell));
        sheet.remark("·", theme.dim, vec![Span::styled(with, theme.dim)]);
    }
}

/// Says what was known of a command before anybody was asked.
fn assessed(sheet: &mut Sheet<'_>, known: &Assessment) {
    let theme = sheet.theme();
    if let Some(ruling) = &known.ruling {
        let (says, style) = match ruling.decision {
            RuleDecision::Allow => ("a rule allows it", theme.dim),
            RuleDecision::Prompt => ("a rule asks about it", theme.warning),
            RuleDecision::Forbidden => ("a rule forbids it", theme.bad),
        };
        if sheet.look.fold == Fold::Unfolded || ruling.decision == RuleDecision::Forbidden {
            let place = sanitize::visible(&ruling.source);
            let why = ruling.justification.as_deref().map(sanitize::visible);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            let spans = vec![
                Span::styled(says, style),
                Span::styled(format!(" ({place}){why}"), theme.dim),
            ];
            sheet.remark("·", theme.dim, spans);
        }
    }
    if sheet.look.fold == Fold::Unfolded {
        let reason = sanitize::visible(&known.reason);
        sheet.remark("·", theme.dim, vec![Span::styled(reason, theme.dim)]);
    }
}

fn patch(sheet: &mut Sheet<'_>, call: &CallCell) {
    let look = sheet.look;
    let theme = look.theme;
    let Head { glyph, style, verb } = head(call, look, &EDIT);
    let mut files = diff::patch(bounded(&call.patch));
    let places: Vec<_> = call.changes.iter().map(|it| (&*it.path, &*it.hunks)).collect();
    diff::number(&mut files, &places);
    if files.is_empty() {
        files = call.changes.iter().map(change).collect();
    }
    let mut spans = vec![Span::styled(format!("{verb} "), theme.strong)];
    let names = match &files[..] {
        [file] => {
            spans.extend(file.header(look));
            Names::Elsewhere
        }
        [] => {
            spans.push(Span::styled("files", theme.text));
            Names::Shown
        }
        several => {
            let add = |(added, removed): (u64, u64), file: &FileDiff| {
                let (more, less) = file.counts();
                (added + more, removed + less)
            };
            spans.push(Span::styled(words::count(several.len() as u64, "file"), theme.text));
            spans.extend(diff::counts(several.iter().fold((0, 0), add), theme));
            Names::Shown
        }
    };
    sheet.marked(Span::styled(glyph, style), spans);
    let indent = [Span::raw("    ")];
    sheet.lines.extend(diff::lines(&files, names, &indent, look, sheet.width));
}

/// Gives what is known of a file whose patch is not.
fn change(change: &FileChange) -> FileDiff {
    let fate = match change.kind {
        ChangeKind::Add => Fate::Added,
        ChangeKind::Delete => Fate::Deleted,
        ChangeKind::Update => Fate::Edited,
    };
    let FileChange { path, move_to, .. } = change;
    FileDiff { path: path.clone(), to: move_to.clone(), fate, hunks: Vec::new() }
}

/// Says what came of a call so far.
fn came(sheet: &mut Sheet<'_>, call: &CallCell) {
    let theme = sheet.theme();
    match &call.state {
        CallState::Waiting => {}
        CallState::Running { attempt, since } => {
            output::put(sheet, &call.output, call.lines, Flow::Live);
            let ms = sheet.look.now.0.saturating_sub(since.0);
            let mut how = format!("for {}", words::running(ms));
            if *attempt > 1 {
                how.push_str(&format!(", attempt {attempt}"));
            }
            outcome(sheet, call, how, theme.accent);
        }
        CallState::Lost { told } => {
            output::put(sheet, &call.output, call.lines, Flow::Over);
            let how = "nobody knows how it ended; it is not carried out again".to_owned();
            outcome(sheet, call, how, theme.warning);
            if sheet.look.fold == Fold::Unfolded {
                output::told(sheet, told);
            }
        }
        CallState::Ended { outcome: end, duration_ms, told, denial } => {
            output::put(sheet, &call.output, call.lines, Flow::Over);
            ended(sheet, call, end, *duration_ms, told);
            if let Some(denial) = denial {
                denied(sheet, denial);
            }
        }
    }
}

fn ended(sheet: &mut Sheet<'_>, call: &CallCell, end: &Outcome, duration_ms: u64, told: &str) {
    let theme = sheet.theme();
    let took = words::duration(duration_ms);
    match end {
        Outcome::Exited { code: 0 } => outcome(sheet, call, format!("ok · {took}"), theme.dim),
        Outcome::Exited { code } => {
            outcome(sheet, call, format!("exit code {code} · {took}"), theme.bad);
        }
        Outcome::Signalled { signal } => {
            let how = format!("ended by {} · {took}", signal_name(*signal));
            outcome(sheet, call, how, theme.bad);
        }
        Outcome::TimedOut => outcome(sheet, call, format!("timed out · {took}"), theme.bad),
        Outcome::DiskFull { folder, free_bytes } => {
            let how = format!("ended · {took}: {}", disk_full(folder, *free_bytes));
            outcome(sheet, call, how, theme.bad);
        }
        Outcome::Interrupted if began(call) => {
            outcome(sheet, call, format!("interrupted · {took}"), theme.bad);
        }
        Outcome::Interrupted => outcome(sheet, call, "interrupted".to_owned(), theme.bad),
        Outcome::Refused => {
            // Whoever refused is named, and says why.
            if !review::refused(call) {
                outcome(sheet, call, "refused".to_owned(), theme.bad);
                output::told(sheet, told);
            }
        }
        Outcome::NotStarted { reason } => {
            outcome(sheet, call, "could not be started".to_owned(), theme.bad);
            output::told(sheet, reason);
        }
        Outcome::Patched { .. } => {}
        Outcome::PatchFailed => {
            outcome(sheet, call, "no file changed".to_owned(), theme.bad);
            output::told(sheet, told);
        }
        Outcome::Invalid => {
            outcome(sheet, call, "broken tool call".to_owned(), theme.bad);
            output::told(sheet, told);
        }
    }
}

/// Says how a call is going or went, and what holds or held it.
fn outcome(sheet: &mut Sheet<'_>, call: &CallCell, how: String, style: Style) {
    let theme = sheet.theme();
    let mut spans = vec![Span::styled(how, style)];
    match (&*call.enforced, sheet.look.fold) {
        ("", _) => {}
        ("none", _) => {
            spans.push(Span::styled(" · ", theme.dim));
            spans.push(Span::styled("outside of the sandbox", theme.warning));
        }
        (enforced, Fold::Unfolded) => {
            let held = format!(" · sandbox: {}", sanitize::visible(enforced));
            spans.push(Span::styled(held, theme.dim));
        }
        (enforced, Fold::Folded) => {
            let network = if enforced.ends_with("network on") { ", network on" } else { "" };
            spans.push(Span::styled(format!(" · sandboxed{network}"), theme.dim));
        }
    }
    sheet.remark("└", theme.dim, spans);
}

fn denied(sheet: &mut Sheet<'_>, denial: &Denial) {
    let theme = sheet.theme();
    let Denial { grade, evidence, denied, permission } = denial;
    let sure = match grade {
        DenialGrade::Certain => "the sandbox stopped it: ",
        DenialGrade::Likely => "the sandbox seems to have stopped it: ",
    };
    let spans = vec![
        Span::styled(sure, theme.warning),
        Span::styled(sanitize::visible(evidence), theme.text),
    ];
    sheet.remark("!", theme.warning, spans);
    let mut spans = Vec::new();
    if let Some(denied) = denied {
        spans.push(Span::styled("denied: ", theme.warning));
        spans.push(Span::styled(sanitize::visible(denied), theme.text));
    }
    if let Some(permission) = permission {
        let between = if spans.is_empty() { "" } else { "; " };
        spans.push(Span::styled(between, theme.dim));
        spans.push(Span::styled(sanitize::visible(permission), theme.strong));
        spans.push(Span::styled(" would allow it", theme.dim));
    }
    if !spans.is_empty() {
        sheet.remark(" ", theme.dim, spans);
    }
}

/// Names a signal, as Linux numbers them.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return format!("signal {other}"),
    };
    format!("signal {signal} ({name})")
}
