use super::*;

fn desk() -> Desk {
    let mut desk = Desk::new(Keys::Emacs);
    let said = ["fix the Parser", "!cargo test", "two\nlines", "first of all"];
    desk.composer.history(said.map(str::to_owned).to_vec());
    desk
}

#[test]
fn up_and_down_walk_and_the_draft_is_kept() {
    let mut desk = desk();
    desk.press("my dra<Left>");
    desk.press("<Up>");
    assert_eq!(desk.shown(), "fix the Parser|");
    desk.press("<Up>");
    assert_eq!(desk.shown(), "!cargo test|");
    desk.press("<Up><Up>");
    assert_eq!(desk.shown(), "first of all|");
    desk.press("<Up>");
    assert_eq!(desk.shown(), "first of all|", "there is nothing before it");
    desk.press("<Down><Down><Down>");
    assert_eq!(desk.shown(), "fix the Parser|");
    desk.press("<Down>");
    assert_eq!(desk.shown(), "my dr|a");
    assert_eq!(desk.press("<Down>"), Did::Changed);
    assert_eq!(desk.shown(), "my dr|a");
}

#[test]
fn within_a_text_of_several_lines_the_cursor_moves_first() {
    let mut desk = desk();
    desk.press("a<C-j>b<Up>");
    assert_eq!(desk.shown(), "a|\nb");
    desk.press("<Up>");
    assert_eq!(desk.shown(), "fix the Parser|");
    desk.press("<Up><Up>");
    assert_eq!(desk.shown(), "two\nlines|");
    desk.press("<Left><Up>");
    assert_eq!(desk.shown(), "two|\nlines");
    desk.press("<Up>");
    assert_eq!(desk.shown(), "first of all|");
}

#[test]
fn an_old_text_that_is_changed_is_the_new_draft() {
    let mut desk = desk();
    desk.press("<Up><Backspace>");
    assert_eq!(desk.shown(), "fix the Parse|");
    desk.press("<Up>");
    assert_eq!(desk.shown(), "fix the Parser|");
    desk.press("<Down>");
    assert_eq!(desk.shown(), "fix the Parse|");
}

#[test]
fn what_is_said_here_comes_first_and_once() {
    let mut desk = desk();
    desk.press("now<Enter>now<Enter><Up>");
    assert_eq!(desk.shown(), "now|");
    desk.press("<Up>");
    assert_eq!(desk.shown(), "fix the Parser|");
    // The same words, told by whoever keeps them, are no second text.
    desk.press("<Down><Down>");
    desk.composer.history(vec!["now".to_owned(), "fix the Parser".to_owned()]);
    desk.press("<Up><Up>");
    assert_eq!(desk.shown(), "fix the Parser|");
}

#[test]
fn a_search_shows_the_last_text_that_has_the_words() {
    let mut desk = desk();
    desk.press("draft<C-r>s");
    assert_eq!(desk.shown(), "fix the Par|ser");
    desk.press("t");
    assert_eq!(desk.shown(), "!cargo te|st");
    desk.press("<C-r>");
    assert_eq!(desk.shown(), "fir|st of all");
    desk.press("<C-r>");
    assert_eq!(desk.shown(), "fir|st of all", "there is nothing before it");
    desk.press("<C-s>");
    assert_eq!(desk.shown(), "!cargo te|st");
    desk.press("<Enter>");
    assert_eq!(desk.shown(), "!cargo test|");
    assert_eq!(desk.press("<Enter>"), Did::Submit(Submission::Shell("cargo test".to_owned())));
}

#[test]
fn a_search_that_is_left_gives_the_draft_back() {
    for leave in ["<Esc>", "<C-g>", "<C-c>"] {
        let mut desk = desk();
        desk.press("draft<Left><C-r>cargo");
        assert_eq!(desk.press(leave), Did::Changed);
        assert_eq!(desk.shown(), "draf|t");
    }
    let mut desk = desk();
    desk.press("draft<C-r>no such words<Enter>");
    assert_eq!(desk.shown(), "draft|");
}

#[test]
fn a_search_can_be_widened_again() {
    let mut desk = desk();
    desk.press("draft<C-r>st<C-r><Backspace>");
    assert_eq!(desk.shown(), "fix the Par|ser");
    desk.press("<Backspace>");
    assert_eq!(desk.shown(), "draft|");
    desk.press("lines<Left>");
    assert_eq!(desk.shown(), "two\nline|s", "other keys take what was found");
}

#[test]
fn case_counts_once_a_capital_letter_is_searched_for() {
    let mut desk = desk();
    desk.press("<C-r>parser");
    assert_eq!(desk.shown(), "fix the |Parser");
    desk.press("<Esc><C-r>PARSER");
    assert_eq!(desk.shown(), "|");
}

#[test]
fn the_words_that_were_found_are_marked() {
    let mut desk = desk();
    desk.press("<C-r>test");
    assert_eq!(desk.draw(40, 2).0, ["! cargo test", "search: test"]);
    let marked = desk.composer.marked.clone().unwrap();
    assert_eq!(desk.composer.buffer.between(marked.start, marked.end), "test");
    desk.press("x");
    assert_eq!(desk.draw(40, 2).0, ["›", "nothing said with testx"]);
}
