//! What a person said, and what the model told of its reasoning.

use codex_event::Author;
use codex_view::{Prompt, Standing, Taken, image, sanitize};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::sheet::Sheet;
use super::{Fold, Look, bound, message, more, words};
use crate::theme::Theme;

/// Lines of a prompt that are shown, and at most.
const PROMPT_FOLDED: usize = 24;
const PROMPT_UNFOLDED: usize = 4000;
/// Bytes of one of its lines that are shown.
const MOST_LINE: usize = 16 * 1024;
/// Bytes of the first line of reasoning that are looked at.
const HEADLINE: usize = 400;

/// The frontend that need not be named.
const OWN: &str = "tui";

/// Puts what a person said into lines.
pub(super) fn prompt(prompt: &Prompt, look: &Look<'_>, width: u16) -> Vec<Line<'static>> {
    let mut sheet = Sheet::new(look, width);
    let theme = look.theme;
    let bar = Span::styled("▌ ", theme.user);
    let most = match look.fold {
        Fold::Folded => PROMPT_FOLDED,
        Fold::Unfolded => PROMPT_UNFOLDED,
    };
    let text = image::without_bytes(prompt.text.trim_end());
    let all = text.split('\n');
    let hidden = all.clone().count().saturating_sub(most);
    for line in all.take(most) {
        let line = sanitize::text(&bound::line(line, MOST_LINE));
        sheet.barred(&bar, vec![Span::styled(line, theme.user)]);
    }
    if hidden > 0 {
        sheet.barred(&bar, vec![more(&words::count(hidden as u64, "more line"), look)]);
    }
    let mut remarks = Vec::new();
    match prompt.taken {
        Taken::AtOnce => {}
        Taken::Later => remarks.push("said while a turn ran".to_owned()),
    }
    match &prompt.author {
        Author::User(frontend) if look.fold == Fold::Unfolded && frontend != OWN => {
            remarks.push(format!("said in {}", sanitize::visible(frontend)));
        }
        Author::User(_) => {}
        Author::Model | Author::Policy(_) | Author::Supervisor => {
            remarks.push(format!("said by {}", sanitize::visible(&prompt.author.to_string())));
        }
    }
    if !remarks.is_empty() {
        sheet.barred(&bar, vec![Span::styled(remarks.join(" · "), theme.dim)]);
    }
    sheet.end()
}

/// Puts reasoning into lines: its headline, or all of it.
pub(super) fn reasoning(
    text: &str,
    standing: Standing,
    look: &Look<'_>,
    width: u16,
) -> Vec<Line<'static>> {
    let theme = look.theme;
    match look.fold {
        Fold::Folded => {
            let mut sheet = Sheet::new(look, width);
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            let first = lines.next().unwrap_or_default();
            let mut spans = headline(first, theme);
            let rest = lines.count() as u64;
            if rest > 0 && standing != Standing::Open {
                spans.push(Span::styled(" ", theme.dim));
                spans.push(more(&words::count(rest, "more line"), look));
            }
            sheet.marked(Span::styled("· ", theme.dim), spans);
            sheet.end()
        }
        Fold::Unfolded => {
            let quiet = quiet(theme);
            let mut lines = message::lines(text, standing, &quiet, width);
            if let Some(mark) = lines.first_mut().and_then(|line| line.spans.first_mut())
                && mark.content == "  "
            {
                *mark = Span::styled("· ", theme.dim);
            }
            lines
        }
    }
}

/// Puts a line of Markdown into one line, without the signs of a title.
fn headline(line: &str, theme: &Theme) -> Vec<Span<'static>> {
    let line = bound::line(line, HEADLINE);
    let line = line.trim().trim_start_matches('#').trim_start();
    let lines = message::whole(line, &quiet(theme), u16::MAX);
    match lines.into_iter().find(|line| !line.spans.is_empty()) {
        Some(found) => found.spans,
        // The beginning of code, or an address: what it is begins in the next line.
        None => vec![Span::styled(sanitize::text(line), theme.reasoning)],
    }
}

/// Gives a theme in which running text looks like reasoning.
fn quiet(theme: &Theme) -> Theme {
    let text = theme.reasoning;
    let strong = text.add_modifier(Modifier::BOLD);
    Theme { text, strong, code: text, ..theme.clone() }
}
