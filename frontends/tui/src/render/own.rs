//! Commands that the user ran without the model.

use codex_event::Author;
use codex_view::{OwnCommand, OwnState, sanitize};
use ratatui::text::{Line, Span};

use super::output::{self, Flow};
use super::sheet::Sheet;
use super::{Look, bound, words};

/// Lines of the command that are shown, and bytes of each.
const MOST_LINES: usize = 24;
const MOST_LINE: usize = 4096;
/// The frontend that need not be named.
const OWN: &str = "tui";

/// Puts one into lines.
pub(super) fn lines(own: &OwnCommand, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    let mut sheet = Sheet::new(look, width);
    let theme = look.theme;
    for (at, line) in own.line.lines().take(MOST_LINES).enumerate() {
        let mark = Span::styled(if at == 0 { "! " } else { "  " }, theme.accent);
        let line = sanitize::text(&bound::line(line, MOST_LINE)).replace('\t', "    ");
        sheet.marked(mark, vec![Span::styled(line, theme.user)]);
    }
    let how = match &own.state {
        OwnState::Running => "running".to_owned(),
        OwnState::Ended { exit, duration_ms, output } => {
            output::put(&mut sheet, output, output.lines().count() as u64, Flow::Over);
            match exit {
                Some(code) => format!("exit {code} · {}", words::duration(*duration_ms)),
                None => "nobody knows how it ended".to_owned(),
            }
        }
    };
    let by = match &own.author {
        Author::User(frontend) if frontend == OWN => "your own command".to_owned(),
        author @ (Author::User(_) | Author::Model | Author::Policy(_) | Author::Supervisor) => {
            format!("a command of {}", sanitize::visible(&author.to_string()))
        }
    };
    let words = format!("{how} · {by}, outside of the sandbox");
    sheet.marked(Span::raw("  "), vec![Span::styled(words, theme.dim)]);
    sheet.end()
}
