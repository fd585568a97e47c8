//! How much of a text is looked at, so that one of any length costs no more than a screen can use.

use std::borrow::Cow;

use codex_view::sanitize;

use super::words::bytes;

/// Cuts a line that is longer than so many bytes, and says how much is missing.
///
/// A carriage return drops what stands before it, as a terminal would show it, and so it is what
/// stands behind the last one that is kept.
pub(super) fn line(line: &str, most: usize) -> Cow<'_, str> {
    if line.len() <= most {
        return Cow::Borrowed(line);
    }
    let shown = line.trim_end_matches('\r');
    let shown = shown.rfind('\r').map_or(shown, |at| &shown[at + 1..]);
    if shown.len() <= most {
        return Cow::Borrowed(shown);
    }
    let kept = &shown[..shown.floor_char_boundary(most)];
    Cow::Owned(format!("{} … {} more", sanitize::text(kept), bytes(shown.len() - kept.len())))
}

/// Cuts each line of a text.
pub(super) fn lines(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most || text.split('\n').all(|line| line.len() <= most) {
        return Cow::Borrowed(text);
    }
    let cut: Vec<_> = text.split('\n').map(|it| line(it, most)).collect();
    Cow::Owned(cut.join("\n"))
}

/// Gives the beginning of a text up to so many bytes, and how many are left; cut behind a line where
/// there is one.
pub(super) fn text(text: &str, most: usize) -> (&str, usize) {
    if text.len() <= most {
        return (text, 0);
    }
    let kept = &text[..text.floor_char_boundary(most)];
    let kept = kept.rfind('\n').map_or(kept, |at| &kept[..=at]);
    (kept, text.len() - kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let long = "é".repeat(1000);
        assert_eq!(line(&long, 7), "ééé … 1.9 kB more");
        assert_eq!(line("short", 7), "short");
        assert_eq!(line(&format!("{long}\rdone\r"), 7), "done");
        assert_eq!(lines(&format!("a\n{long}\nb"), 7), "a\nééé … 1.9 kB more\nb");
    }

    #[test]
    fn a_long_text_ends_with_a_line() {
        assert_eq!(text("ab\ncd\nef", 5), ("ab\n", 5));
        assert_eq!(text("abcdef", 5), ("abcde", 1));
        assert_eq!(text("ab\n", 5), ("ab\n", 0));
    }
}
