//! What goes on, in a line; what this screen is to the session; and what stands there at first.

use codex_view::sanitize;
use ratatui::text::{Line, Span};

use crate::app::{App, SPIN, Step};
use crate::host::Role;

/// The spinner's pictures.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Says what goes on; empty when nothing does.
pub(super) fn line(app: &App) -> Line<'static> {
    let theme = &app.theme;
    let (words, hint) = match going_on(app) {
        Some(GoingOn::Asks(words)) => {
            return Line::from(vec![
                Span::styled("? ", theme.warning),
                Span::styled(words, theme.strong),
            ]);
        }
        Some(GoingOn::Rests(words)) => return Line::styled(words, theme.dim),
        Some(GoingOn::Runs(words, hint)) => (words, hint),
        None => return Line::default(),
    };
    let at = usize::try_from(app.wall().0 / SPIN % 10).unwrap_or_default();
    let mut spans = vec![
        Span::styled(format!("{} ", SPINNER[at]), theme.accent),
        Span::styled(words, theme.strong),
    ];
    if !hint.is_empty() {
        spans.push(Span::styled(format!(" ({hint})"), theme.dim));
    }
    Line::from(spans)
}

enum GoingOn {
    /// It waits for the user.
    Asks(String),
    /// It is over, for now.
    Rests(String),
    /// It runs: what, and how long and what ends it.
    Runs(String, String),
}

fn going_on(app: &App) -> Option<GoingOn> {
    let runs = |words: &str, hint: &str| Some(GoingOn::Runs(words.to_owned(), hint.to_owned()));
    if let Some(leaving) = &app.leaving {
        let words = match leaving.step {
            Step::Opening => "Leaving, once the session is there",
            Step::Interrupting => "Interrupting the turn, then leaving",
            Step::Closing => "Closing the session",
        };
        return runs(words, "ctrl-c twice: without waiting");
    }
    if let Some(words) = &app.busy {
        return runs(&sanitize::visible(words), "");
    }
    if let Some(pending) = &app.pending {
        return runs(pending.what.words(), "");
    }
    if app.question_waits() {
        return Some(GoingOn::Asks("A question waits: Enter on an empty line shows it".to_owned()));
    }
    let view = app.view.as_ref().filter(|view| view.is_followed());
    if let Some(view) = view
        && let Some(running) = view.status.running
    {
        let waited = elapsed(app.wall().0.saturating_sub(running.since.0));
        if app.interrupting || running.interrupting {
            return runs("Interrupting…", &waited);
        }
        if let Some(since) = app.asked_since() {
            let waited = elapsed(app.wall().0.saturating_sub(since.0));
            let whose = if view.takes_commands() { "your" } else { "an" };
            return Some(GoingOn::Asks(format!("Waiting for {whose} answer ({waited})")));
        }
        let hint = match view.takes_commands() {
            true => format!("{waited} · esc to interrupt"),
            false => waited,
        };
        if let Some((since, wait)) = running.retry {
            let left = since.0.saturating_add(wait).saturating_sub(app.wall().0).div_ceil(1_000);
            return runs(&format!("Asking again in {left}s"), &hint);
        }
        return runs("Working", &hint);
    }
    if app.shell_runs() {
        return runs("Running your command", "esc to end it");
    }
    let over = app.view.as_ref().is_some_and(|view| match view.role {
        Role::Owner { .. } | Role::Guest { .. } => !view.is_followed(),
        Role::Reader => false,
    });
    over.then(|| {
        let words =
            "This session was let go of: what you say next takes it up again; /new begins another";
        GoingOn::Rests(words.to_owned())
    })
}

/// Says what this screen is to the session; empty when it is the session's own.
pub(super) fn banner(app: &App) -> Line<'static> {
    let theme = &app.theme;
    let Some(view) = &app.view else { return Line::default() };
    match (view.role, view.is_followed()) {
        (Role::Guest { pid }, true) => {
            let words = match others(view.others()) {
                Some(others) => format!(" · {others} · /take-over"),
                None => " · you can speak, answer and interrupt · /take-over".to_owned(),
            };
            Line::from(vec![
                Span::styled(format!("attached to process {pid}"), theme.accent),
                Span::styled(words, theme.dim),
            ])
        }
        (Role::Reader, _) => Line::from(vec![
            Span::styled("read only", theme.accent),
            Span::styled(" · what is recorded of this session", theme.dim),
        ]),
        (Role::Owner { .. }, _) => match others(view.others()) {
            Some(others) => Line::from(vec![
                Span::styled(others, theme.accent),
                Span::styled(" · and can speak, answer and interrupt", theme.dim),
            ]),
            None => Line::default(),
        },
        (Role::Guest { .. }, false) => Line::default(),
    }
}

/// Says how many others look on; nothing when nobody does.
pub(crate) fn others(frontends: &[String]) -> Option<String> {
    match frontends.len() {
        0 => None,
        1 => Some("one other looks on".to_owned()),
        several => Some(format!("{several} others look on")),
    }
}

/// What stands there before there is a session.
pub(crate) fn welcome(app: &App, width: u16) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let facts = &app.options.facts;
    let (model, effort) = app.current_model();
    let model = match effort {
        Some(effort) => format!("{model} ({effort})"),
        None => model,
    };
    let mut lines = vec![
        Line::default(),
        Line::from(vec![
            Span::styled("  codex ", theme.strong),
            Span::styled(facts.version.clone(), theme.dim),
        ]),
        Line::default(),
    ];
    for (name, value) in [
        ("model", format!("{model} · {}", facts.provider)),
        ("access", app.access_words()),
        ("asks", app.policy().as_str().to_owned()),
        ("folder", app.place()),
    ] {
        lines.push(Line::from(vec![
            Span::styled(format!("  {name:<8}"), theme.dim),
            Span::styled(sanitize::visible(&value), theme.text),
        ]));
    }
    lines.push(Line::default());
    let hint = "  Say what is to be done. / commands · @ files · ! your own command · ? keys";
    let hint = Line::styled(hint, theme.dim);
    lines.extend(crate::wrap::wrap(hint, width.max(1)));
    lines
}

/// Says how long something took, in the two units that matter.
pub(super) fn elapsed(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}
