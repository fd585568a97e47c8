use super::*;

fn find(query: &str) -> Did {
    Did::FindFiles(query.to_owned())
}

/// A list of two files is open.
fn desk() -> Desk {
    let mut desk = Desk::new(Keys::Emacs);
    assert_eq!(desk.press("see @m"), find("m"));
    desk.found("m", &["src/main.rs", "my file.md"]);
    desk
}

#[test]
fn every_character_behind_the_sign_asks_anew() {
    let mut desk = Desk::new(Keys::Emacs);
    assert_eq!(desk.press("@"), find(""));
    assert_eq!(desk.press("s"), find("s"));
    assert_eq!(desk.press("<Backspace>"), find(""));
    assert_eq!(desk.press("<Backspace>"), Did::Changed);
    assert_eq!(desk.composer.completion(), None);
}

#[test]
fn a_sign_within_a_word_is_no_mention() {
    assert_eq!(Desk::new(Keys::Emacs).press("me@home"), Did::Changed);
    assert_eq!(Desk::new(Keys::Emacs).press("(@a"), find("a"));
    assert_eq!(Desk::new(Keys::Emacs).press("@a b"), Did::Changed);
    assert_eq!(Desk::new(Keys::Emacs).press("x<C-j>@a"), find("a"));
}

#[test]
fn a_key_takes_a_file_in_place_of_what_was_written() {
    for take in ["<Tab>", "<Enter>"] {
        let mut desk = desk();
        assert_eq!(desk.press(take), Did::Changed);
        assert_eq!(desk.shown(), "see src/main.rs |");
        assert_eq!(desk.composer.completion(), None);
        desk.press("<C-_>");
        assert_eq!(desk.shown(), "see @m|");
    }
}

#[test]
fn a_path_with_spaces_is_quoted() {
    let mut desk = desk();
    desk.press("<Down><Tab>");
    assert_eq!(desk.shown(), "see 'my file.md' |");
    assert_eq!(mention::quoted("it's"), r"'it'\''s'");
    assert_eq!(mention::quoted("~x"), "'~x'");
    assert_eq!(mention::quoted("日本.rs"), "日本.rs");
}

#[test]
fn up_and_down_choose_and_go_round() {
    let mut desk = desk();
    let selected = |desk: &Desk| desk.composer.completion().unwrap().selected;
    for (key, expected) in [("<Down>", 1), ("<Down>", 0), ("<Up>", 1), ("<C-p>", 0), ("<C-n>", 1)] {
        desk.press(key);
        assert_eq!(selected(&desk), expected, "{key}");
    }
}

#[test]
fn the_chosen_file_stays_chosen_when_more_are_found() {
    let mut desk = desk();
    desk.press("<Down>");
    desk.found("m", &["new.md", "src/main.rs", "my file.md"]);
    assert_eq!(desk.composer.completion().unwrap().selected, 2);
    desk.found("m", &["new.md"]);
    assert_eq!(desk.composer.completion().unwrap().selected, 0);
}

#[test]
fn files_of_another_search_are_nothing_to_it() {
    let mut desk = desk();
    desk.found("other", &["other.rs"]);
    assert_eq!(desk.composer.completion().unwrap().paths[0], "src/main.rs");
    // Those that still match are shown until others come.
    assert_eq!(desk.press("y"), find("my"));
    assert_eq!(desk.composer.completion().unwrap().paths, ["my file.md"]);
}

#[test]
fn escape_closes_the_list_and_it_stays_closed() {
    let mut desk = desk();
    assert_eq!(desk.press("<Esc>"), Did::Changed);
    assert_eq!(desk.composer.completion(), None);
    assert_eq!(desk.press("o"), Did::Changed);
    assert_eq!(desk.press("<Esc>"), Did::Ignored);
    assert_eq!(desk.press(" @"), find(""));
    assert_eq!(desk.press("<Esc>"), Did::Changed);
    assert_eq!(desk.press("<Enter>"), say("see @mo @"));
}

#[test]
fn without_files_keys_do_what_they_do() {
    let mut desk = Desk::new(Keys::Emacs);
    desk.press("@x");
    desk.found("x", &[]);
    assert_eq!(desk.press("<Enter>"), say("@x"));
}

#[test]
fn moving_away_closes_the_list() {
    let mut desk = desk();
    desk.press("<Left>");
    assert_eq!(desk.composer.completion(), None);
    desk.press("<Right>");
    assert_eq!(desk.composer.completion(), None, "no list is opened by a move");
}

#[test]
fn files_are_listed_below_the_text() {
    let mut desk = desk();
    assert_eq!(desk.composer.height(30, 10), 3);
    assert_eq!(desk.draw(30, 3).0, ["› see @m", "› src/main.rs", "  my file.md"]);
    let many: Vec<_> = (0..20).map(|number| format!("m{number}.rs")).collect();
    desk.found("m", &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(desk.composer.height(30, 20), 9);
    assert_eq!(desk.composer.height(30, 4), 4);
    desk.press("<Up>");
    assert_eq!(desk.draw(30, 3).0, ["› see @m", "  m18.rs", "› m19.rs"]);
}

#[test]
fn a_long_text_and_a_long_list_share_the_room() {
    let mut desk = Desk::new(Keys::Emacs);
    desk.press("a<C-j>b<C-j>c<C-j>d<C-j>@m");
    desk.found("m", &["1m", "2m", "3m", "4m", "5m"]);
    assert_eq!(desk.composer.height(30, 6), 6);
    let rows = ["↑ c", "  d", "  @m", "› 1m", "  2m", "  3m"];
    assert_eq!(desk.draw(30, 6).0, rows);
    assert_eq!(desk.draw(30, 1).0, ["↑ @m"]);
}

#[test]
fn a_long_path_shows_its_end() {
    let mut desk = Desk::new(Keys::Emacs);
    desk.press("@m");
    desk.found("m", &["a/very/deep/folder/main.rs"]);
    assert_eq!(desk.draw(16, 2).0, ["› @m", "› …older/main.rs"]);
}

#[test]
fn the_list_says_when_there_is_nothing() {
    let mut desk = Desk::new(Keys::Emacs);
    desk.press("@m");
    assert_eq!(desk.draw(30, 2).0, ["› @m", "  searching files…"]);
    desk.found("m", &[]);
    assert_eq!(desk.draw(30, 2).0, ["› @m", "  no file matches"]);
}
