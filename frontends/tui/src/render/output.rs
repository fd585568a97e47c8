//! What a command printed, as lines.

#[cfg(test)]
mod tests;

use codex_view::sanitize;
use ratatui::style::Style;
use ratatui::text::Span;

use super::sheet::Sheet;
use super::{Fold, bound, more, words};

/// Lines that are shown while the command runs.
const LIVE: usize = 5;
/// Lines that are shown of what it printed, the remark on the others among them.
const FOLDED: usize = 8;
/// Lines that are shown when all of it is wanted: the others are named, and are in the journal.
const UNFOLDED: usize = 2000;
/// Bytes of one line that are shown.
const MOST_LINE: usize = 4096;

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The last lines count.
    Live,
    /// That is all.
    Over,
}

/// Puts output into lines; `total` counts its lines, also those that `text` does not hold.
pub(super) fn put(sheet: &mut Sheet<'_>, text: &str, total: u64, flow: Flow) {
    let theme = sheet.theme();
    let bar = Span::styled("  │ ", theme.border);
    lines(sheet, text, total, flow, &bar, theme.dim);
}

/// Puts what a call is told into lines: all of it counts, and nothing of it comes later.
pub(super) fn told(sheet: &mut Sheet<'_>, text: &str) {
    let style = sheet.theme().text;
    lines(sheet, text, 0, Flow::Over, &Span::raw("    "), style);
}

fn lines(
    sheet: &mut Sheet<'_>,
    text: &str,
    total: u64,
    flow: Flow,
    bar: &Span<'static>,
    style: Style,
) {
    let all: Vec<&str> = text.trim_end_matches(['\n', '\r']).split('\n').collect();
    if all.iter().all(|line| line.trim().is_empty()) {
        return;
    }
    let most = match (sheet.look.fold, flow) {
        (Fold::Unfolded, _) => UNFOLDED,
        (Fold::Folded, Flow::Live) => LIVE,
        (Fold::Folded, Flow::Over) => FOLDED,
    };
    let (head, tail) = match flow {
        _ if all.len() <= most => (all.len(), 0),
        Flow::Live => (0, most),
        Flow::Over => (most / 2 - 1, most - most / 2),
    };
    // What was left out before is not counted twice: it is counted with what is left out here, if
    // anything is.
    let hidden = total.max(all.len() as u64).saturating_sub((head + tail) as u64);
    for text in &all[..head] {
        line(sheet, text, bar, style);
    }
    if head < all.len() {
        let remark = more(&words::count(hidden, "more line"), sheet.look);
        sheet.cut(bar.clone(), vec![remark]);
    }
    for text in &all[all.len() - tail..] {
        line(sheet, text, bar, style);
    }
}

fn line(sheet: &mut Sheet<'_>, text: &str, bar: &Span<'static>, style: Style) {
    let text = sanitize::text(&bound::line(text, MOST_LINE));
    let spans = vec![Span::styled(text, style)];
    match sheet.look.fold {
        Fold::Folded => sheet.cut(bar.clone(), spans),
        Fold::Unfolded => sheet.code(bar, spans),
    }
}
