//! One line of a text that may have many.

use codex_view::sanitize;

/// Gives the first line that says anything, without what a terminal would act on.
pub fn first_line(text: &str, width: usize) -> String {
    // What a terminal would act on rarely makes half of a line.
    let begin = head(text.trim_start(), width * 8 + 256);
    let clean = sanitize::text(begin);
    let line = clean.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    cut(&line.replace('\t', " "), width)
}

/// Gives at most so many bytes of the beginning of a text, and no part of a character.
pub fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Cuts a line to so many characters; the last one then says so.
pub(crate) fn cut(line: &str, width: usize) -> String {
    match line.char_indices().nth(width) {
        None => line.to_owned(),
        Some(_) => line.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Cuts the beginning of a line away, as for a path, whose end says more.
pub(crate) fn cut_front(line: &str, width: usize) -> String {
    let count = line.chars().count();
    match count > width {
        false => line.to_owned(),
        true => ['…'].into_iter().chain(line.chars().skip(count - width + 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_short_and_harmless() {
        assert_eq!(first_line("\n  fix\tthe \x1b[31mtest\x1b[0m\nplease", 60), "fix the test");
        assert_eq!(first_line(&"é".repeat(70), 60), format!("{}…", "é".repeat(59)));
        assert_eq!(first_line("", 60), "");
        assert_eq!(first_line(&"x\n".repeat(1_000_000), 60), "x");
    }

    #[test]
    fn what_is_cut_is_marked() {
        assert_eq!((cut("abcd", 4).as_str(), cut("abcde", 4).as_str()), ("abcd", "abc…"));
        assert_eq!(cut_front("/srv/a/b", 8), "/srv/a/b");
        assert_eq!(cut_front("/srv/a/b", 5), "…/a/b");
        assert_eq!(head("aé", 2), "a");
    }
}
