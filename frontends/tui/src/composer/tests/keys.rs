use super::*;

/// Presses keys, and shows the text and the cursor.
fn after(keys: &str) -> String {
    let mut desk = Desk::new(Keys::Emacs);
    desk.press(keys);
    desk.shown()
}

#[test]
fn enter_says_it_and_leaves_nothing() {
    let mut desk = Desk::new(Keys::Emacs);
    assert_eq!(desk.press("hello<Enter>"), say("hello"));
    assert!(desk.composer.is_empty());
    assert_eq!(desk.composer.submitted(), Some("hello"));
    assert_eq!(desk.press("<Enter>"), Did::Ignored);
    assert_eq!(desk.press(" <Enter>"), Did::Changed);
}

#[test]
fn a_new_line_is_written_with_a_key_held() {
    for new_line in ["<A-Enter>", "<S-Enter>", "<C-Enter>", "<C-j>"] {
        let mut desk = Desk::new(Keys::Emacs);
        assert_eq!(desk.press(&format!("a{new_line}b<Enter>")), say("a\nb"), "{new_line}");
    }
}

#[test]
fn a_slash_begins_a_command_and_two_are_one() {
    let cases = [
        ("/model<Enter>", slash("model", "")),
        ("/model  gpt 5 <Enter>", slash("model", "gpt 5")),
        ("/<Enter>", slash("", "")),
        ("/usr/bin is full<Enter>", slash("usr/bin", "is full")),
        ("//etc<Enter>", say("/etc")),
        (" /etc<Enter>", say("/etc")),
        ("a /etc<Enter>", say("a /etc")),
    ];
    for (keys, did) in cases {
        assert_eq!(Desk::new(Keys::Emacs).press(keys), did, "{keys}");
    }
}

#[test]
fn an_exclamation_mark_at_the_beginning_is_a_mode() {
    let mut desk = Desk::new(Keys::Emacs);
    desk.press("!ls -l");
    assert_eq!((desk.shown().as_str(), desk.composer.text().as_str()), ("!ls -l|", "!ls -l"));
    assert_eq!(desk.press("<Enter>"), Did::Submit(Submission::Shell("ls -l".to_owned())));
    // The next text is said again.
    assert_eq!(desk.press("well!<Enter>"), say("well!"));
}

#[test]
fn the_mode_comes_and_goes_at_the_beginning() {
    assert_eq!(after("ls<C-a>!"), "!|ls");
    assert_eq!(after("ls<C-a>!<Backspace>"), "|ls");
    assert_eq!(after("!<Backspace>"), "|");
    assert_eq!(after("!<Esc>"), "|");
    assert_eq!(after("!ls<C-u><C-u>"), "|");
    assert_eq!(after("!!"), "!!|");
    let mut desk = Desk::new(Keys::Emacs);
    desk.press("!");
    assert!(!desk.composer.is_empty());
    assert_eq!(desk.press("<Enter>"), Did::Changed);
}

#[test]
fn moves_go_by_graphemes_words_and_lines() {
    assert_eq!(after("ab<Left>"), "a|b");
    assert_eq!(after("ae\u{301}<Left>"), "a|e\u{301}");
    assert_eq!(after("x👩\u{200d}👧<C-b>"), "x|👩\u{200d}👧");
    assert_eq!(after("one two.three<C-Left>"), "one two.|three");
    assert_eq!(after("one two.three<A-b><A-b>"), "one |two.three");
    assert_eq!(after("one two<C-a><A-f>"), "one| two");
    assert_eq!(after("one two<Home><C-Right><C-Right>"), "one two|");
    assert_eq!(after("one<C-j>two<C-a>"), "one\n|two");
    assert_eq!(after("one<C-j>two<C-a><Left>"), "one|\ntwo");
    assert_eq!(after("one<C-j>two<Up><C-e>"), "one|\ntwo");
    assert_eq!(after("one<Left><Left><C-f>"), "on|e");
}

#[test]
fn what_is_erased_is_erased_by_graphemes() {
    assert_eq!(after("ae\u{301}<Backspace>"), "a|");
    assert_eq!(after("日本<Backspace>"), "日|");
    assert_eq!(after("🇩🇪🇫🇷<Backspace>"), "🇩🇪|");
    assert_eq!(after("one<C-j><Backspace>"), "one|");
    assert_eq!(after("ab<Home><Delete>"), "|b");
    assert_eq!(after("ab<Home><C-d>"), "|b");
    assert_eq!(after("ab<C-h>"), "a|");
}

#[test]
fn what_is_killed_can_be_put_elsewhere() {
    assert_eq!(after("one two<C-w>"), "one |");
    assert_eq!(after("one two<C-w><Home><C-y>"), "two|one ");
    assert_eq!(after("a/b c/d<C-w>"), "a/b |");
    assert_eq!(after("a/b c/d<A-Backspace>"), "a/b c/|");
    assert_eq!(after("one two<Home><A-d>"), "| two");
    assert_eq!(after("one two<Home><C-k><C-y><C-y>"), "one twoone two|");
    assert_eq!(after("one<C-j>two<C-u>"), "one\n|");
    assert_eq!(after("one<C-j>two<C-u><C-u><C-u>"), "|");
    assert_eq!(after("one<C-j>two<Up><C-e><C-k>"), "one|two");
}

#[test]
fn kills_in_a_row_are_put_as_one() {
    assert_eq!(after("one two three<C-w><C-w><C-y>"), "one two three|");
    assert_eq!(after("one two<Home><A-d><A-d><C-y>"), "one two|");
    assert_eq!(after("one two three<C-w><Left><C-w><C-y>"), "one two| ");
}

#[test]
fn what_was_done_is_undone() {
    assert_eq!(after("one two<C-_>"), "one |");
    assert_eq!(after("one two<C-7><C-7>"), "|");
    assert_eq!(after("one two<C-w><C-_>"), "one two|");
    assert_eq!(after("one two<C-_><C-_><A-_>"), "one |");
    assert_eq!(after("one two<C-_>x<A-_>"), "one x|");
}

#[test]
fn the_editor_is_given_all_and_gives_all_back() {
    let mut desk = Desk::new(Keys::Emacs);
    desk.press("!ls");
    assert_eq!(desk.press("<C-g>"), Did::Edit("!ls".to_owned()));
    desk.composer.put("first\r\nsecond");
    assert_eq!(desk.shown(), "first\nsecond|");
    desk.composer.put("!pwd");
    assert_eq!(desk.press("<Enter>"), Did::Submit(Submission::Shell("pwd".to_owned())));
}

#[test]
fn control_c_empties_it_and_the_text_can_be_had_again() {
    let mut desk = Desk::new(Keys::Emacs);
    desk.press("long thought<C-c>");
    assert_eq!(desk.shown(), "|");
    assert_eq!(desk.press("<C-c>"), Did::Ignored);
    desk.press("<Up>");
    assert_eq!(desk.shown(), "long thought|");
}

#[test]
fn keys_of_others_are_left_to_them() {
    let keys =
        ["<PageUp>", "<S-Up>", "<C-Home>", "<C-t>", "<C-o>", "<C-l>", "<C-z>", "<Esc>", "<Tab>"];
    for key in keys {
        let mut desk = Desk::new(Keys::Emacs);
        assert_eq!(desk.press(key), Did::Ignored, "{key} while empty");
        desk.press("text");
        assert_eq!(desk.press(key), Did::Ignored, "{key}");
        assert_eq!(desk.shown(), "text|");
    }
    assert_eq!(Desk::new(Keys::Emacs).press("<C-d>"), Did::Ignored);
}

#[test]
fn shift_beside_another_key_that_is_held_means_nothing() {
    assert_eq!(after("one two<C-S-W>"), "one |");
    assert_eq!(after("one two<C-S-_>"), "one |");
    assert_eq!(after("one two<C-_><C-_><A-S-_>"), "one |");
}
