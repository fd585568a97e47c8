use proptest::prelude::*;
use ratatui::style::Stylize;

use super::*;

fn texts(lines: &[Line<'_>]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

fn wrapped(text: &str, width: u16) -> Vec<String> {
    texts(&wrap(Line::from(Span::from(text.to_owned())), width))
}

#[test]
fn lines_are_broken_between_words() {
    assert_eq!(wrapped("the quick brown fox", 10), ["the quick", "brown fox"]);
    assert_eq!(wrapped("the quick  brown", 10), ["the quick", "brown"]);
    assert_eq!(wrapped("the quick ", 9), ["the quick"]);
    assert_eq!(wrapped("  lead stays", 8), ["  lead", "stays"]);
    assert_eq!(wrapped("", 8), [""]);
    assert_eq!(wrapped("a b", 1), ["a", "b"]);
}

#[test]
fn a_word_that_is_wider_than_a_line_is_cut() {
    assert_eq!(wrapped("see https://example.org/a", 10), ["see", "https://ex", "ample.org/", "a"]);
    assert_eq!(wrapped("abcdefg", 3), ["abc", "def", "g"]);
}

#[test]
fn wide_characters_take_two_columns() {
    assert_eq!(wrapped("日本語のテキスト", 7), ["日本語", "のテキ", "スト"]);
    assert_eq!(wrapped("これは。次", 6), ["これ", "は。次"], "a full stop begins no line");
    assert_eq!(wrapped("ab日本", 5), ["ab日", "本"]);
    assert_eq!(wrapped("日", 1), ["…"], "what is wider than a line can't be shown");
    assert_eq!(wrapped("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
    assert_eq!(wrapped("👩🏽👩🏽", 3), ["👩🏽", "👩🏽"]);
    assert_eq!(wrapped("ｶﾞﾞﾞ", 3), ["…"]);
}

#[test]
fn tabs_go_to_the_next_stop_and_the_rest_is_dropped() {
    assert_eq!(wrapped("a\tb\t\tc", 40), ["a   b       c"]);
    assert_eq!(wrapped("日\tb", 40), ["日  b"]);
    assert_eq!(wrapped("a\x1b[31m\u{202e}b\u{200b}\x07\nc", 40), ["a[31mb c"]);
}

#[test]
fn lines_hang() {
    let mut lines = Vec::new();
    let first = [Span::from("• ")];
    let rest = [Span::from("  ")];
    let hang = Hang { first: &first, rest: &rest, at: Break::Words };
    hang.put(Line::from("one two three"), 9, &mut lines);
    assert_eq!(texts(&lines), ["• one two", "  three"]);
    lines.clear();
    hang.put(Line::from("abcdef"), 4, &mut lines);
    assert_eq!(texts(&lines), ["abcd", "ef"], "the prefix gives way");
    lines.clear();
    Hang { at: Break::Anywhere, ..hang }.put(Line::from("a b  c d"), 6, &mut lines);
    assert_eq!(texts(&lines), ["• a b ", "   c d"], "code keeps its place");
}

#[test]
fn what_is_cut_says_so() {
    assert_eq!(cut(Line::from("abcdef"), 6).to_string(), "abcdef");
    assert_eq!(cut(Line::from("abcdef"), 5).to_string(), "abcd…");
    assert_eq!(cut(Line::from("日本語"), 4).to_string(), "日…");
    assert_eq!(cut(Line::from("ab"), 0).to_string(), "");
}

#[test]
fn styles_stay_with_their_text() {
    let line = Line::from(vec!["the ".into(), "quick brown".red(), " fox".into()]);
    let lines = wrap(line, 10);
    let expected = [
        Line::from(vec!["the ".into(), "quick".red()]),
        Line::from(vec!["brown".red(), " fox".into()]),
    ];
    assert_eq!(lines, expected);
}

fn foreign() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,12}",
        3 => " {1,3}",
        1 => "\\PC{0,6}",
        1 => prop::sample::select(vec![
            "日本", "。", "👨‍👩‍👧", "🇩🇪", "e\u{301}", "\t", "\u{301}", "ｶﾞ", "ﾞﾞﾞ", "\u{200d}", "\x1b[0m", "\u{202e}",
            "\u{ad}", "\u{fe0f}", "☺\u{fe0f}", "\n", "\u{a0}", "ريال", "ลำ", "한국", "\u{1100}\u{1161}",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn line() -> impl Strategy<Value = Line<'static>> {
    prop::collection::vec((foreign(), any::<bool>()), 0..4).prop_map(|spans| {
        let span = |(text, red): (String, bool)| if red { text.red() } else { Span::from(text) };
        Line::from(spans.into_iter().map(span).collect::<Vec<_>>())
    })
}

fn drawn(line: &Line<'_>) -> Vec<(char, Style)> {
    let of = |span: &Span<'_>| {
        let style = span.style;
        span.content.chars().map(move |c| (c, style)).collect::<Vec<_>>()
    };
    line.spans.iter().flat_map(of).collect()
}

proptest! {
    #[test]
    fn no_line_is_wider_than_it_may_be(
        line in line(),
        width in prop_oneof![1..4_u16, 1..60_u16],
        at in prop_oneof![Just(Break::Words), Just(Break::Anywhere)],
        prefix in "[ •│日]{0,8}",
    ) {
        let first = [Span::from(prefix)];
        let mut lines = Vec::new();
        Hang { first: &first, rest: &first, at }.put(line.clone(), width, &mut lines);
        lines.push(cut(line, width));
        for line in lines {
            prop_assert!(span_columns(&line.spans) <= usize::from(width), "{line:?}");
            for span in &line.spans {
                prop_assert!(!span.content.contains(|c: char| c == '\t' || c == '\n' || sanitize::is_forbidden(c)));
            }
        }
    }

    #[test]
    fn nothing_but_white_space_is_lost(line in line(), width in 12..40_u16) {
        let solid = |all: Vec<(char, Style)>| all.into_iter().filter(|(c, _)| *c != ' ').collect::<Vec<_>>();
        let given = solid(drawn(&Line::from(clean(line.spans.clone(), usize::from(width)))));
        let lines = wrap(line, width);
        prop_assert_eq!(solid(lines.iter().flat_map(drawn).collect()), given);
    }

    #[test]
    fn code_loses_nothing(line in line(), width in 12..40_u16) {
        let given = drawn(&Line::from(clean(line.spans.clone(), usize::from(width))));
        let mut lines = Vec::new();
        Hang { at: Break::Anywhere, ..Hang::default() }.put(line, width, &mut lines);
        prop_assert_eq!(lines.iter().flat_map(drawn).collect::<Vec<_>>(), given);
    }
}
