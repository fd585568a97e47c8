//! Lines as tests read them.

use proptest::prelude::*;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::options::Palette;
use crate::theme::Theme;
use crate::wrap::span_columns;

/// Gives lines as text, without the white space at their ends.
pub(crate) fn plain(lines: &[Line<'_>]) -> String {
    let lines: Vec<String> =
        lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Gives lines as text, each styled piece in brackets behind the names of its style.
pub(crate) fn styled(lines: &[Line<'_>], theme: &Theme) -> String {
    let mut told = String::new();
    for line in lines {
        for span in &line.spans {
            match name(span.style, theme) {
                None => told.push_str(&span.content),
                Some(name) => told.push_str(&format!("‹{name}:{}›", span.content)),
            }
        }
        told.push('\n');
    }
    told
}

fn name(style: Style, theme: &Theme) -> Option<String> {
    let known = [
        ("dim", theme.dim),
        ("accent", theme.accent),
        ("good", theme.good),
        ("bad", theme.bad),
        ("warning", theme.warning),
        ("user", theme.user),
        ("code", theme.code),
        ("added+", theme.added_mark),
        ("removed+", theme.removed_mark),
        ("border", theme.border),
        ("link", theme.link),
        ("reasoning", theme.reasoning),
        ("keyword", theme.syntax.keyword),
        ("string", theme.syntax.string),
        ("constant", theme.syntax.constant),
        ("function", theme.syntax.function),
        ("kind", theme.syntax.kind),
        ("variable", theme.syntax.variable),
    ];
    let found =
        known.iter().find(|(_, it)| (it.fg, it.bg) == (style.fg, style.bg) && style.fg.is_some());
    let mut name = found.map(|(name, _)| (*name).to_owned()).unwrap_or_default();
    if found.is_none() && (style.fg.is_some() || style.bg.is_some()) {
        name = format!("{:?}", style.fg);
    }
    if !style.add_modifier.is_empty() {
        name.push_str(
            &format!("{:?}", style.add_modifier).replace("Modifier", "").replace(' ', ""),
        );
    }
    (!name.is_empty()).then_some(name)
}

/// Gives text of all kinds that models and commands write, some of it meant to do harm.
pub(crate) fn foreign() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-zA-Z]{1,9}",
        4 => Just(" ".to_owned()),
        4 => Just("\n".to_owned()),
        3 => prop::sample::select(MARKS.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => prop::sample::select(HARMFUL.to_vec()).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

const MARKS: [&str; 44] = [
    "**",
    "*",
    "_",
    "`",
    "```",
    "```rust\n",
    "\n```\n",
    "~~~",
    "# ",
    "## ",
    "- ",
    "1. ",
    "> ",
    "| ",
    " |",
    "|---|---|\n",
    "\n| a | b |\n|---|:-:|\n| c | d |\n",
    "\n\n",
    "    ",
    "[a]",
    "[a](",
    ")",
    "](",
    "![",
    "http://a.b/c",
    "<br>",
    "<div>",
    "</div>",
    "---\n",
    "===\n",
    "[^1]",
    "\n[^1]: ",
    "\n[a]: /b\n",
    "- [ ] ",
    "- [x] ",
    "\t",
    "&#27;",
    "&lt;",
    "\\",
    "~~",
    "+",
    "-",
    "@@",
    "*** Update File: a\n",
];

const HARMFUL: [&str; 18] = [
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\x1b",
    "\u{9b}",
    "\r",
    "\x08",
    "\x00",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "日本",
    "e\u{301}",
    "👨‍👩‍👧",
    "\u{301}",
    "ｶﾞ",
    "\u{7f}",
];

/// Checks that lines can be drawn: none is too wide, and none holds what a terminal would act on.
pub(crate) fn drawable(lines: &[Line<'_>], width: u16) -> Result<(), TestCaseError> {
    for line in lines {
        prop_assert!(span_columns(&line.spans) <= usize::from(width.max(1)), "{width}: {line:?}");
        for span in &line.spans {
            let bad = |c: char| c == '\n' || c == '\t' || codex_view::sanitize::is_forbidden(c);
            prop_assert!(!span.content.contains(bad), "{span:?}");
        }
    }
    Ok(())
}

/// Gives the theme that tells most apart.
pub(crate) fn dark() -> Theme {
    Theme::of(Palette::Dark)
}
