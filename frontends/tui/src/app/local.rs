//! What only this interface knows: words for the user, and what a command of the user's own prints while
//! it runs. None of it is in a journal, so none of it is in a replay.

use codex_event::Seq;
use codex_view::sanitize;
use ratatui::text::{Line, Span};

use crate::theme::Theme;
use crate::update::Moment;
use crate::wrap;

/// Lines of a command's output that are kept.
const KEPT: usize = 1_000;
/// Those of them that are shown while it is folded.
const FOLDED: usize = 12;
/// Time that a word in passing stays, in milliseconds.
const PASSING: u64 = 4_000;

/// A word in passing: it takes the footer's place until the next key, or for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toast {
    pub(crate) text: String,
    pub(crate) until: Moment,
}

impl Toast {
    pub(crate) fn new(now: Moment, text: impl Into<String>) -> Toast {
        Toast { text: text.into(), until: Moment(now.0.saturating_add(PASSING)) }
    }
}

/// Something that stands in the conversation on this screen alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    /// The last event before it.
    pub(crate) after: Seq,
    pub(crate) body: Body,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Words for the user.
    Remark { kind: Kind, text: String, hint: String },
    /// A command of the user's own.
    Shell(Shell),
}

/// How much a remark matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Note,
    Done,
    Warning,
    Failure,
}

/// A command of the user's own, outside of the sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shell {
    pub(crate) line: String,
    pub(crate) head: Head,
    output: String,
    left_out: usize,
    pub(crate) exit: Option<i32>,
}

/// Where the line of an own command stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Head {
    /// With its output.
    #[default]
    Here,
    /// In the cell right before it.
    Recorded,
}

impl Shell {
    pub(crate) fn new(line: String) -> Shell {
        Shell { line, ..Shell::default() }
    }

    /// Takes part of what it printed; of much, the end is kept.
    pub(crate) fn print(&mut self, text: &str) {
        self.output.push_str(text);
        let lines = self.output.lines().count();
        if lines > 2 * KEPT || self.output.len() > 1024 * 1024 {
            let kept: Vec<&str> = self.output.split_inclusive('\n').collect();
            let over = kept.len().saturating_sub(KEPT);
            self.left_out += over;
            let mut kept = kept[over..].concat();
            if kept.len() > 512 * 1024 {
                let cut = (kept.len() - 512 * 1024..kept.len())
                    .find(|at| kept.is_char_boundary(*at))
                    .unwrap_or_default();
                kept.drain(..cut);
            }
            self.output = kept;
        }
    }
}

impl Local {
    /// Tells whether it is as it will be.
    pub(crate) fn is_settled(&self) -> bool {
        match &self.body {
            Body::Remark { .. } => true,
            Body::Shell(shell) => shell.exit.is_some(),
        }
    }

    /// Puts it into lines that are no wider than `width`.
    pub(crate) fn lines(&self, theme: &Theme, width: u16) -> Vec<Line<'static>> {
        let mut lines = vec![Line::default()];
        match &self.body {
            Body::Remark { kind, text, hint } => {
                let style = match kind {
                    Kind::Note => theme.dim,
                    Kind::Done => theme.good,
                    Kind::Warning => theme.warning,
                    Kind::Failure => theme.bad,
                };
                let sign = match kind {
                    Kind::Note => "· ",
                    Kind::Done => "✓ ",
                    Kind::Warning => "! ",
                    Kind::Failure => "✗ ",
                };
                lines.extend(indented(text, Span::styled(sign, style), theme.text, width));
                if !hint.is_empty() {
                    lines.extend(indented(hint, Span::raw("  "), theme.dim, width));
                }
            }
            Body::Shell(shell) => lines.extend(shell.lines(theme, width)),
        }
        lines
    }
}

impl Shell {
    fn lines(&self, theme: &Theme, width: u16) -> Vec<Line<'static>> {
        let mut lines = match self.head {
            Head::Here => indented(&self.line, Span::styled("! ", theme.accent), theme.user, width),
            Head::Recorded => Vec::new(),
        };
        let output: Vec<&str> = self.output.lines().collect();
        let hidden = self.left_out + output.len().saturating_sub(FOLDED);
        if hidden > 0 {
            lines.push(Line::styled(format!("  … {hidden} lines more"), theme.dim));
        }
        for line in output.iter().skip(output.len().saturating_sub(FOLDED)) {
            lines.extend(indented(line, Span::raw("  "), theme.dim, width));
        }
        let words = match self.exit {
            None => "your own command · outside of the sandbox · Esc ends it".to_owned(),
            Some(code) => format!(
                "exit {code} · your own command, outside of the sandbox; nothing of it is recorded"
            ),
        };
        lines.extend(indented(&words, Span::raw("  "), theme.dim, width));
        lines
    }
}

/// Foreign text behind a sign, and what does not fit into its line below.
fn indented(
    text: &str,
    sign: Span<'static>,
    style: ratatui::style::Style,
    width: u16,
) -> Vec<Line<'static>> {
    let room = width.saturating_sub(2).max(1);
    let clean = sanitize::text(text).replace('\t', "    ");
    let mut lines = Vec::new();
    for part in clean.lines() {
        for line in wrap::wrap(Line::styled(part.to_owned(), style), room) {
            let sign = if lines.is_empty() { sign.clone() } else { Span::raw("  ") };
            let mut spans = vec![sign];
            let style = line.style;
            spans.extend(line.spans.into_iter().map(|span| span.patch_style(style)));
            lines.push(Line::from(spans));
        }
    }
    if width < 3 { Vec::new() } else { lines }
}
