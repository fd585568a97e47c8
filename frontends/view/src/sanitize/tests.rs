use proptest::prelude::*;

use super::*;

#[test]
fn running_text_loses_what_a_terminal_would_act_on() {
    let cases = [
        ("plain \u{e9} text\n\tindented\n", "plain \u{e9} text\n\tindented\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mrgb\x1b[?25l", "rgb"),
        ("\u{9b}2Jcleared", "cleared"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;cHdu\u{9c}after", "after"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1b_apc\x1b\\a\x1b^pm\x1b\\b\x1bXsos\x1b\\c", "abc"),
        ("\u{9d}0;title\x07a\u{90}dcs\u{9c}b", "ab"),
        ("\x1b(Bcharset\x1b7\x1b8\x1bc", "charset"),
        // Cut short.
        ("end\x1b", "end"),
        ("end\x1b[", "end"),
        ("end\x1b[31", "end"),
        ("end\x1b]0;title", "end"),
        ("end\x1b(", "end"),
        // A string that never ends does not hide the next line.
        ("\x1b]0;title\nnext line", "\nnext line"),
        ("\x1b[31\nnext", "\nnext"),
        ("\x1b]0;a\x1b[31mb", "b"),
        ("\x1b\x1b[31mx", "x"),
        // Carriage returns.
        ("10%\r50%\r100%\n", "100%\n"),
        ("dos\r\nlines\r\r\n", "dos\nlines\n"),
        ("safe\nbad\rgood", "safe\ngood"),
        ("end\r", "end"),
        // Single characters.
        ("a\x08b\x07c\0d\x7fe", "abcde"),
        ("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{200d}f", "abcdef"),
        ("a\u{85}b\u{9c}c\u{2028}d", "abcd"),
        ("tag\u{e0041}ged", "tagged"),
    ];
    for (foreign, clean) in cases {
        assert_eq!(text(foreign), clean, "{foreign:?}");
    }
}

#[test]
fn arguments_show_what_they_hold() {
    let cases = [
        ("ls -la \u{e9}", "ls -la \u{e9}"),
        ("\x1b[2Jrm", "\\x1b[2Jrm"),
        ("a\nb\tc\rd\0", "a\\nb\\tc\\rd\\x00"),
        ("\u{9b}1m\u{202e}gpj\x7f", "\\u{9b}1m\\u{202e}gpj\\x7f"),
    ];
    for (foreign, shown) in cases {
        assert_eq!(visible(foreign), shown);
    }
}

#[test]
fn what_is_read_before_it_is_allowed_hides_nothing() {
    for (foreign, shown) in [
        ("a\n\tb\t\tc\n\nd", "a\n\tb\t\tc\n\nd"),
        ("*** Add File: a\u{202e}b\r\n+\x1b[31m\n", "*** Add File: a\\u{202e}b\\r\n+\\x1b[31m\n"),
        ("", ""),
    ] {
        assert_eq!(revealed(foreign), shown);
    }
}

#[test]
fn lines_of_json_keep_their_value() {
    for value in
        ["plain \u{e9}", "\x1b[2J\0\x7f\u{9b}31m\u{202e}\u{feff}", "\u{e0041}\u{1f980}\\u009b"]
    {
        let line = serde_json::to_string(value).expect("encodes");
        let shown = json(&line);
        assert!(!shown.contains(is_forbidden), "{shown:?}");
        assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), value);
    }
}

/// Text in which sequences, whole and broken, are likely.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\x1b".to_owned()),
        Just("\x1b[".to_owned()),
        Just("\x1b]".to_owned()),
        Just("\x1bP".to_owned()),
        Just("\x1b\\".to_owned()),
        Just("\x07".to_owned()),
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\u{9b}31m".to_owned()),
        Just("\u{9d}".to_owned()),
        Just("\u{202e}".to_owned()),
        "[0-9;?]{0,3}[a-zA-Z~]".prop_map(String::from),
        any::<char>().prop_map(String::from),
        "[\\x00-\\x9f]{0,4}".prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_forbidden_character_comes_through(foreign in hostile()) {
        prop_assert!(!text(&foreign).contains(is_forbidden));
        let shown = visible(&foreign);
        prop_assert!(!shown.contains(is_forbidden));
        prop_assert!(!shown.contains(['\n', '\t']));
    }

    #[test]
    fn clean_text_stays_and_cleaning_twice_changes_nothing(foreign in hostile()) {
        let clean = text(&foreign);
        prop_assert_eq!(&text(&clean), &clean);
        let plain: String = foreign.chars().filter(|c| !is_forbidden(*c)).collect();
        prop_assert_eq!(&text(&plain), &plain);
    }

    #[test]
    fn no_line_is_lost(foreign in hostile()) {
        let breaks = |text: &str| text.matches('\n').count();
        prop_assert_eq!(breaks(&text(&foreign)), breaks(&foreign));
    }
}

#[test]
fn long_words_are_cut_in_their_middle() {
    let path = format!("/{}/end", "deep/".repeat(100));
    let short = shortened(&format!("{path} is\x1b[31m missing: \u{fc}{}", "\u{e4}".repeat(239)));
    let (first, rest) = short.split_once(' ').expect("words");
    assert_eq!(first.chars().count(), 239);
    assert!(first.starts_with("/deep/") && first.ends_with("/end") && first.contains('\u{2026}'));
    assert_eq!(rest, format!("is missing: \u{fc}{}", "\u{e4}".repeat(239)));
    let line = "a".repeat(300) + "\nb";
    assert!(shortened(&line).ends_with("a\nb"), "a line stays a line");
}
