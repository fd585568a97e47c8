use super::*;

fn desk(text: &str) -> Desk {
    let mut desk = Desk::new(Keys::Emacs);
    desk.composer.put(text);
    desk
}

#[test]
fn an_empty_one_says_what_can_be_done() {
    let (rows, cursor) = desk("").draw(60, 1);
    assert_eq!(rows, ["› Ask anything · / commands · @ files · ! shell"]);
    assert_eq!(cursor, Some(Position::new(2, 0)));
    assert_eq!(desk("").draw(20, 1).0, ["› Ask anything · / …"]);
    assert_eq!(desk("!").draw(60, 1).0, ["! A command of your own, outside of the sandbox"]);
}

#[test]
fn a_text_is_broken_into_rows_below_each_other() {
    let mut desk = desk("to be or not to be so");
    assert_eq!(desk.composer.height(12, 9), 3);
    let (rows, cursor) = desk.draw(12, 3);
    assert_eq!(rows, ["› to be or", "  not to be", "  so"]);
    assert_eq!(cursor, Some(Position::new(4, 2)));
}

#[test]
fn more_rows_than_there_is_room_for_are_scrolled_with_the_cursor() {
    let mut desk = desk("1\n2\n3\n4\n5");
    assert_eq!(desk.composer.height(12, 3), 3);
    assert_eq!(desk.draw(12, 3).0, ["↑ 3", "  4", "  5"]);
    desk.press("<Up><Up><Up>");
    assert_eq!(desk.draw(12, 3).0, ["↑ 2", "  3", "  4        ↓"]);
    desk.press("<Up>");
    assert_eq!(desk.draw(12, 3).0, ["› 1", "  2", "  3        ↓"]);
    desk.press("<Down><Down>");
    assert_eq!(desk.draw(12, 3).0, ["› 1", "  2", "  3        ↓"]);
}

#[test]
fn rows_that_go_leave_no_empty_ones() {
    let mut desk = desk("1\n2\n3\n4\n5");
    desk.draw(12, 3);
    desk.press("<Backspace><Backspace>");
    assert_eq!(desk.draw(12, 3).0, ["↑ 2", "  3", "  4"]);
}

#[test]
fn wide_characters_and_tabs_take_their_columns() {
    let (rows, cursor) = desk("日本\tx").draw(20, 1);
    assert_eq!((rows, cursor), (vec!["› 日本    x".to_owned()], Some(Position::new(11, 0))));
}

#[test]
fn what_would_hide_is_shown_as_a_sign() {
    assert_eq!(desk("a\u{202e}b\u{e0041}c").draw(20, 1).0, ["› a�b�c"]);
    // A joiner is not drawn: terminals differ in what they make of it.
    assert_eq!(desk("👩\u{200d}👧").draw(20, 1).0, ["› 👩👧"]);
}

#[test]
fn the_end_of_a_full_row_leaves_the_cursor_on_the_screen() {
    let (rows, cursor) = desk("123456789").draw(12, 1);
    assert_eq!((rows, cursor), (vec!["› 123456789".to_owned()], Some(Position::new(11, 0))));
}

#[test]
fn a_screen_of_a_few_columns_has_no_sign() {
    assert_eq!(desk("abcdef").draw(4, 2).0, ["abc", "def"]);
    assert_eq!(desk("日本").draw(1, 2).0, ["…", "…"]);
    assert_eq!(desk("a").draw(0, 1).1, None);
}

#[test]
fn a_label_wider_than_a_row_is_cut() {
    let mut desk = desk("");
    desk.composer.paste("x\n".repeat(20));
    assert_eq!(desk.draw(12, 1).0, ["› [pasted 20"]);
}
