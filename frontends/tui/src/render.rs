//! Cells as lines of styled text at a width.

mod bound;
mod call;
mod code;
mod diff;
mod markdown;
mod message;
mod notice;
mod output;
mod own;
mod said;
mod sheet;
mod shell;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod words;

use codex_event::Timestamp;
use codex_view::{BROKEN, Cell, CellBody, Standing};
use ratatui::text::{Line, Span};

use crate::theme::Theme;
use sheet::Sheet;

pub use message::Stream;

/// Bytes of a diff that are looked at.
const MOST_DIFF: usize = 1024 * 1024;

/// How cells are to look.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Styles.
    pub theme: &'a Theme,
    /// How much is shown of what can be long.
    pub fold: Fold,
    /// What the clock shows, for what is under way.
    pub now: Timestamp,
    /// The session's folder, which paths are shortened by.
    pub cwd: &'a str,
    /// The user's home, which other paths are shortened by.
    pub home: Option<&'a str>,
    /// The key that unfolds what is folded; empty when none does.
    pub unfold: &'a str,
}

/// How much is shown of what can be long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    /// A few lines.
    #[default]
    Folded,
    /// All of it, up to a bound.
    Unfolded,
}

/// Puts a cell into lines; none of them is wider than `width` columns, and the last one is empty, which
/// keeps the cell apart from the next.
pub fn cell(cell: &Cell, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    let mut lines = whole(cell, look, width);
    match cell.standing {
        Standing::Broken => {
            // The last line is the empty one.
            lines.pop();
            let mut sheet = Sheet::new(look, width);
            let mark = " ".repeat(usize::from(inset(width)));
            sheet.marked(Span::raw(mark), vec![Span::styled(BROKEN, look.theme.dim)]);
            lines.extend(sheet.end());
        }
        Standing::Open | Standing::Settled => {}
    }
    lines
}

fn whole(cell: &Cell, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    match &cell.body {
        CellBody::Prompt(prompt) => said::prompt(prompt, look, width),
        CellBody::Message(text) => message::lines(text, cell.standing, look.theme, width),
        CellBody::Reasoning(text) => said::reasoning(text, cell.standing, look, width),
        CellBody::Call(call) => call::lines(call, look, width),
        CellBody::OwnCommand(own) => own::lines(own, look, width),
        CellBody::Notice(notice) => notice::lines(notice, look, width),
        CellBody::TurnEnd(end) => notice::turn_end(end, look, width),
    }
}

/// Puts Markdown into lines.
pub fn markdown(text: &str, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    message::whole(text, theme, width)
}

/// Puts a patch, as a model writes it, into lines.
pub fn patch(text: &str, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    diff::lines(&diff::patch(bounded(text)), diff::Names::Shown, &[], look, width)
}

/// Puts a unified diff, as git prints it, into lines.
pub fn diff(text: &str, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    diff::lines(&diff::unified(bounded(text)), diff::Names::Shown, &[], look, width)
}

/// Gives what is looked at of a diff.
fn bounded(text: &str) -> &str {
    bound::text(text, MOST_DIFF).0
}

/// Says what is left out, and how to see it.
fn more(what: &str, look: &Look<'_>) -> Span<'static> {
    let how = match (look.fold, look.unfold) {
        (Fold::Folded, key) if !key.is_empty() => format!(" ({key})"),
        (Fold::Folded | Fold::Unfolded, _) => String::new(),
    };
    Span::styled(format!("… {what}{how}"), look.theme.dim)
}

/// Gives a command as one would type it, in one line, with its parts told apart. Of `bash -lc SCRIPT`
/// it is the script, whose line breaks are shown as `↵`.
pub fn command(argv: &[String], theme: &Theme) -> Vec<Span<'static>> {
    let lines = shell::lines(argv, theme);
    let between = || vec![Span::styled(" ↵ ", theme.dim)];
    let parts = lines.into_iter().enumerate();
    parts.flat_map(|(at, line)| if at == 0 { line } else { [between(), line].concat() }).collect()
}

/// Gives a command as one would type it, with its parts told apart: each line of a script by itself.
pub fn command_lines(argv: &[String], theme: &Theme) -> Vec<Line<'static>> {
    shell::lines(argv, theme).into_iter().map(Line::from).collect()
}

/// Columns that stand free at the left of what is not marked there.
fn inset(width: u16) -> u16 {
    if width < 12 { 0 } else { 2 }
}
