//! What changes in files, as lines.

mod marks;
mod parse;
#[cfg(test)]
mod tests;

use codex_view::sanitize;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Fold, Look, bound, words};
use crate::theme::Theme;
use crate::wrap::{Break, Hang};
pub(super) use parse::{patch, unified};

/// Lines of a diff that are shown at most.
const MOST_FOLDED: usize = 16;
const MOST_UNFOLDED: usize = 4000;
/// Files that are named at most while the diff is folded.
const MOST_FILES: usize = 12;
/// Bytes of one line that are shown.
const MOST_LINE: usize = 2048;

/// What changes in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileDiff {
    /// Its path, as it was written; the old one when it moves.
    pub(super) path: String,
    /// Where it moves.
    pub(super) to: Option<String>,
    /// What happens to it.
    pub(super) fate: Fate,
    /// The places that change, from top to bottom.
    pub(super) hunks: Vec<Hunk>,
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is new.
    Added,
    /// It goes.
    Deleted,
    /// Its text changes, or its name.
    Edited,
    /// It changes, and is no text.
    Binary,
}

/// One place that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hunk {
    /// Number of the first line, before and after; none where that is not known.
    pub(super) at: Option<(u64, u64)>,
    /// What it says of its place.
    pub(super) title: String,
    /// The lines.
    pub(super) lines: Vec<(Sign, String)>,
}

/// What happens to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It stays.
    Same,
    /// It comes.
    Added,
    /// It goes.
    Removed,
}

impl FileDiff {
    /// Counts the lines that come and go.
    pub(super) fn counts(&self) -> (u64, u64) {
        let signs = self.hunks.iter().flat_map(|hunk| &hunk.lines);
        signs.fold((0, 0), |(added, removed), (sign, _)| match sign {
            Sign::Same => (added, removed),
            Sign::Added => (added + 1, removed),
            Sign::Removed => (added, removed + 1),
        })
    }

    /// Gives its name, and how much of it changes, where that is known.
    pub(super) fn header(&self, look: &Look<'_>) -> Vec<Span<'static>> {
        let theme = look.theme;
        let mut spans = vec![Span::styled(words::path(&self.path, look), theme.strong)];
        if let Some(to) = &self.to {
            spans.push(Span::styled(" → ", theme.dim));
            spans.push(Span::styled(words::path(to, look), theme.strong));
        }
        match self.fate {
            Fate::Added => spans.push(Span::styled(" new", theme.dim)),
            Fate::Deleted => spans.push(Span::styled(" deleted", theme.dim)),
            Fate::Binary => spans.push(Span::styled(" binary", theme.dim)),
            Fate::Edited if self.to.is_some() => spans.push(Span::styled(" moved", theme.dim)),
            Fate::Edited => {}
        }
        spans.extend(counts(self.counts(), theme));
        spans
    }
}

/// Gives the hunks of a patch the numbers of their lines. `places` holds for each file that changes its
/// absolute path and the line, before the patch, at which each of its hunks begins, in the order of the
/// patch; a file that has another number of hunks is left as it is.
pub(super) fn number(files: &mut [FileDiff], places: &[(&str, &[u64])]) {
    for (path, begins) in places {
        let here = |file: &FileDiff| {
            let name = file.path.trim_start_matches("./");
            let rest = path.strip_suffix(name);
            file.fate == Fate::Edited
                && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        let count: usize = files.iter().filter(|it| here(it)).map(|it| it.hunks.len()).sum();
        if count != begins.len() {
            continue;
        }
        let mut begins = begins.iter();
        for file in files.iter_mut().filter(|it| here(it)) {
            // Each section means the file as the one before left it.
            let mut shift = 0_i64;
            for (hunk, begin) in file.hunks.iter_mut().zip(&mut begins) {
                hunk.at = Some((*begin, begin.saturating_add_signed(shift)));
                for (sign, _) in &hunk.lines {
                    shift += match sign {
                        Sign::Same => 0,
                        Sign::Added => 1,
                        Sign::Removed => -1,
                    };
                }
            }
        }
    }
}

/// Puts the number of lines that come and go behind a name.
pub(super) fn counts((added, removed): (u64, u64), theme: &Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    if added > 0 {
        spans.push(Span::styled(format!(" +{added}"), theme.added));
    }
    if removed > 0 {
        spans.push(Span::styled(format!(" −{removed}"), theme.removed));
    }
    spans
}

/// Whether the files are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Each before what changes in it.
    Shown,
    /// The name of the only one stands elsewhere.
    Elsewhere,
}

/// Puts a diff into lines behind `indent`; what is left out is counted.
pub(super) fn lines(
    files: &[FileDiff],
    names: Names,
    indent: &[Span<'static>],
    look: &Look<'_>,
    width: u16,
) -> Vec<Line<'static>> {
    let (most, most_files) = match look.fold {
        Fold::Folded => (MOST_FOLDED, MOST_FILES),
        Fold::Unfolded => (MOST_UNFOLDED, usize::MAX),
    };
    let mut page = Page { look, indent, width, left: most, passed: 0, lines: Vec::new() };
    for (at, file) in files.iter().enumerate() {
        match names {
            Names::Shown if at < most_files => page.put(file.header(look), &[]),
            Names::Shown | Names::Elsewhere => {}
        }
        page.file(file);
    }
    let Page { passed, mut lines, .. } = page;
    let hidden = match names {
        Names::Shown => files.len().saturating_sub(most_files),
        Names::Elsewhere => 0,
    };
    let mut parts = Vec::new();
    if hidden > 0 {
        parts.push(words::count(hidden as u64, "more file"));
    }
    if passed > 0 {
        parts.push(words::count(passed, "more line"));
    }
    if !parts.is_empty() {
        let remark = super::more(&parts.join(" and "), look);
        Hang { first: indent, rest: indent, at: Break::Words }.put(
            Line::from(remark),
            width,
            &mut lines,
        );
    }
    lines
}

/// A page that is filled up to a bound.
struct Page<'a> {
    look: &'a Look<'a>,
    indent: &'a [Span<'static>],
    width: u16,
    /// Lines that may still be shown.
    left: usize,
    /// Lines that were not shown.
    passed: u64,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn put(&mut self, spans: Vec<Span<'static>>, gutter: &[Span<'static>]) {
        let first: Vec<_> = self.indent.iter().chain(gutter).cloned().collect();
        let blank: Vec<_> = gutter
            .iter()
            .map(|span| Span::raw(" ".repeat(crate::wrap::columns(&span.content))))
            .collect();
        let rest: Vec<_> = self.indent.iter().cloned().chain(blank).collect();
        let hang = Hang { first: &first, rest: &rest, at: Break::Anywhere };
        hang.put(Line::from(spans), self.width, &mut self.lines);
    }

    fn file(&mut self, file: &FileDiff) {
        let last = |hunk: &Hunk| {
            let (old, new) = hunk.at?;
            Some(old.max(new) + hunk.lines.len() as u64)
        };
        let digits = file.hunks.iter().filter_map(last).max().map_or(0, |it| it.to_string().len());
        for (at, hunk) in file.hunks.iter().enumerate() {
            let apart = at > 0 || !hunk.title.is_empty();
            if apart && self.left > 0 {
                let title = sanitize::visible(&bound::line(&hunk.title, MOST_LINE));
                let title = format!("{:digits$}⋮ {title}", "");
                self.put(vec![Span::styled(title.trim_end().to_owned(), self.look.theme.dim)], &[]);
            }
            self.hunk(hunk, digits);
        }
    }

    fn hunk(&mut self, hunk: &Hunk, digits: usize) {
        let theme = self.look.theme;
        let shown = hunk.lines.len().min(self.left);
        let marks = marks::of(&hunk.lines[..shown]);
        let (mut old, mut new) = hunk.at.unzip();
        for ((sign, text), marks) in hunk.lines[..shown].iter().zip(marks) {
            let (glyph, style, mark) = match sign {
                Sign::Same => (" ", theme.text, theme.text),
                Sign::Added => ("+", theme.added, theme.added_mark),
                Sign::Removed => ("-", theme.removed, theme.removed_mark),
            };
            let number = match sign {
                Sign::Same | Sign::Added => new,
                Sign::Removed => old,
            };
            let mut gutter = Vec::new();
            if let Some(number) = number {
                gutter.push(Span::styled(format!("{number:>digits$} "), theme.dim));
            } else if digits > 0 {
                gutter.push(Span::raw(" ".repeat(digits + 1)));
            }
            gutter.push(Span::styled(format!("{glyph} "), style));
            self.put(pieces(text, &marks, style, mark), &gutter);
            match sign {
                Sign::Same => {
                    old = old.map(|it| it + 1);
                    new = new.map(|it| it + 1);
                }
                Sign::Added => new = new.map(|it| it + 1),
                Sign::Removed => old = old.map(|it| it + 1),
            }
        }
        self.left -= shown;
        self.passed += (hunk.lines.len() - shown) as u64;
    }
}

/// Gives a line with the pieces marked that differ.
fn pieces(text: &str, marks: &[marks::Mark], style: Style, mark: Style) -> Vec<Span<'static>> {
    let shown = |text: &str, style| Span::styled(sanitize::revealed(text), style);
    if text.len() > MOST_LINE {
        return vec![shown(&bound::line(text, MOST_LINE), style)];
    }
    let mut spans = Vec::new();
    let mut begin = 0;
    for range in marks {
        spans.extend(text.get(begin..range.start).map(|it| shown(it, style)));
        spans.extend(text.get(range.clone()).map(|it| shown(it, mark)));
        begin = range.end;
    }
    spans.extend(text.get(begin..).map(|it| shown(it, style)));
    spans.retain(|span| !span.content.is_empty());
    spans
}
