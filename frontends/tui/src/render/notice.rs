//! What happened to the session, and how turns ended.

use codex_event::{ApprovalPolicy, CallId, Seq, Usage};
use codex_view::{Notice, TurnEnd, TurnEnding, sanitize};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::sheet::Sheet;
use super::{Fold, Look, bound, more, words};

/// Lines of a note that are shown, and at most.
const NOTE_FOLDED: usize = 12;
const NOTE_UNFOLDED: usize = 1000;
/// Runs of lost events that are named.
const RUNS: usize = 20;
/// Bytes of one of its lines that are shown.
const MOST_LINE: usize = 4096;

/// Puts a notice into lines.
pub(super) fn lines(notice: &Notice, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    let mut sheet = Sheet::new(look, width);
    let theme = look.theme;
    match notice {
        Notice::Opened { cwd, model, sandbox, approval, limits } => {
            let rows = [
                ("model", sanitize::visible(model)),
                ("folder", words::path_of_session(cwd, look)),
                ("sandbox", sanitize::visible(sandbox)),
                ("approval", asks(*approval).to_owned()),
            ];
            for (name, value) in rows {
                let name = Span::styled(format!("  {name:<10}"), theme.dim);
                sheet.marked(name, vec![Span::styled(value, theme.text)]);
            }
            for limit in limits {
                warn(&mut sheet, "!", &sanitize::visible(limit));
            }
        }
        Notice::Forked { from } => {
            aside(&mut sheet, &format!("forked from {}", sanitize::visible(from)));
        }
        Notice::Resumed { lost } => {
            aside(&mut sheet, "taken up again");
            if !lost.is_empty() {
                warn(&mut sheet, "!", &never_ended(lost));
            }
        }
        Notice::Settings(changes) => {
            for change in changes {
                aside(&mut sheet, &sanitize::visible(change));
            }
        }
        Notice::Images(images) => {
            for image in images {
                aside(&mut sheet, &sanitize::visible(image));
            }
        }
        Notice::Note(text) => note(&mut sheet, text),
        Notice::Attempt { fault, next } => {
            warn(&mut sheet, "!", &sanitize::visible(fault));
            if !next.is_empty() {
                let next = Span::styled(sanitize::visible(next), theme.dim);
                sheet.remark(" ", theme.dim, vec![next]);
            }
        }
        Notice::Repaired(missing) if missing.is_empty() => {
            warn(&mut sheet, "!", "the journal was repaired; no event is known to be lost");
        }
        Notice::Repaired(missing) => {
            let lost: u64 = missing.iter().map(|(first, last)| last.0 - first.0 + 1).sum();
            let runs: Vec<String> = missing.iter().take(RUNS).map(run).collect();
            let more = if missing.len() > RUNS { ", …" } else { "" };
            let events = words::count(lost, "event");
            let what =
                format!("the journal was repaired; lost: {events} ({}{more})", runs.join(", "));
            warn(&mut sheet, "!", &what);
        }
        Notice::Missing { session, first, last } => {
            let events = words::count(last.0 - first.0 + 1, "event");
            warn(&mut sheet, "!", &format!("missing here: {events} ({})", run(&(*first, *last))));
            let way = format!(
                "`codex fork {session} --at {}` goes on from before; `codex replay {session} --verify` tells \
                 what is known",
                first.0 - 1
            );
            sheet.remark(" ", theme.dim, vec![Span::styled(way, theme.dim)]);
        }
        Notice::Closed(words) => aside(&mut sheet, &sanitize::visible(words)),
        Notice::Unknown(kind) => {
            aside(&mut sheet, &format!("event of another release: {}", sanitize::visible(kind)));
        }
    }
    sheet.end()
}

fn run((first, last): &(Seq, Seq)) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

fn asks(approval: ApprovalPolicy) -> &'static str {
    match approval {
        ApprovalPolicy::UnlessAllowListed => {
            "unless-allow-listed: asks about every patch, and every command that is not known to be safe"
        }
        ApprovalPolicy::OnFailure => "on-failure: asks when the sandbox stopped something",
        ApprovalPolicy::OnRequest => "on-request: asks when the model wants to leave the sandbox",
        ApprovalPolicy::Never => "never: asks nobody; what would need a question is refused",
    }
}

fn never_ended(lost: &[CallId]) -> String {
    let numbers: Vec<String> = lost.iter().map(ToString::to_string).collect();
    let calls = words::count(lost.len() as u64, "call");
    format!("{calls} never ended, and what they did is not known: {}", numbers.join(", "))
}

fn aside(sheet: &mut Sheet<'_>, text: &str) {
    let dim = sheet.theme().dim;
    sheet.marked(Span::styled("· ", dim), vec![Span::styled(text.to_owned(), dim)]);
}

fn warn(sheet: &mut Sheet<'_>, sign: &str, text: &str) {
    let theme = sheet.theme();
    let sign = Span::styled(format!("{sign} "), theme.warning);
    sheet.marked(sign, vec![Span::styled(text.to_owned(), theme.text)]);
}

/// Puts a text of several lines, each of which is dim.
fn note(sheet: &mut Sheet<'_>, text: &str) {
    let most = match sheet.look.fold {
        Fold::Folded => NOTE_FOLDED,
        Fold::Unfolded => NOTE_UNFOLDED,
    };
    let dim = sheet.theme().dim;
    let all = text.trim_end().split('\n');
    let hidden = all.clone().count().saturating_sub(most);
    for (at, line) in all.take(most).enumerate() {
        let line = sanitize::text(&bound::line(line, MOST_LINE));
        let mark = if at == 0 { "· " } else { "  " };
        sheet.marked(Span::styled(mark, dim), vec![Span::styled(line, dim)]);
    }
    if hidden > 0 {
        sheet.cut(
            Span::raw("  "),
            vec![more(&words::count(hidden as u64, "more line"), sheet.look)],
        );
    }
}

/// Puts the end of a turn into lines.
pub(super) fn turn_end(end: &TurnEnd, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    let mut sheet = Sheet::new(look, width);
    let theme = look.theme;
    match &end.ending {
        TurnEnding::Completed => {}
        TurnEnding::Interrupted(words) => {
            let what = Span::styled(sanitize::visible(words), theme.bad);
            sheet.marked(Span::styled("■ ", theme.bad), vec![what]);
        }
        TurnEnding::Failed { message, hint } => {
            several(&mut sheet, Span::styled("✗ ", theme.bad), message, theme.bad);
            if !hint.is_empty() {
                several(&mut sheet, Span::styled("  hint: ", theme.warning), hint, theme.text);
            }
        }
    }
    let mut parts = used(&end.usage);
    parts.extend(end.took_ms.map(words::duration));
    if !parts.is_empty() {
        let parts = parts.join(" · ");
        sheet.marked(Span::styled("─ ", theme.border), vec![Span::styled(parts, theme.dim)]);
    }
    sheet.end()
}

fn several(sheet: &mut Sheet<'_>, mark: Span<'static>, text: &str, style: Style) {
    let rest = Span::raw(" ".repeat(crate::wrap::columns(&mark.content)));
    for (at, line) in text.trim_end().split('\n').take(NOTE_UNFOLDED).enumerate() {
        let line = sanitize::text(&bound::line(line, MOST_LINE));
        let mark = if at == 0 { mark.clone() } else { rest.clone() };
        sheet.marked(mark, vec![Span::styled(line, style)]);
    }
}

/// Says what a turn used; nothing where it used nothing.
fn used(usage: &Usage) -> Vec<String> {
    let Usage { input_tokens, cached_input_tokens, output_tokens, .. } = *usage;
    let mut parts = Vec::new();
    if input_tokens > 0 {
        let cached = match cached_input_tokens {
            0 => String::new(),
            cached => format!(" ({} cached)", words::tokens(cached)),
        };
        parts.push(format!("{} in{cached}", words::tokens(input_tokens)));
    }
    if output_tokens > 0 {
        parts.push(format!("{} out", words::tokens(output_tokens)));
    }
    parts
}
