use super::*;

/// Writes a text, leaves the mode for writing, goes to the beginning, and presses keys.
fn after(text: &str, keys: &str) -> String {
    let mut desk = Desk::new(Keys::Vim);
    desk.composer.put(text);
    desk.press("<Esc>gg0");
    desk.press(keys);
    desk.shown()
}

#[test]
fn motions_go_by_signs_words_and_lines() {
    assert_eq!(after("one two", "l"), "o|ne two");
    assert_eq!(after("one two", "lllh"), "on|e two");
    assert_eq!(after("one two", "h"), "|one two");
    assert_eq!(after("ab", "llll"), "a|b");
    assert_eq!(after("one.two three", "w"), "one|.two three");
    assert_eq!(after("one.two three", "www"), "one.two |three");
    assert_eq!(after("one.two three", "wwwb"), "one.|two three");
    assert_eq!(after("one.two three", "e"), "on|e.two three");
    assert_eq!(after("one.two three", "eee"), "one.tw|o three");
    assert_eq!(after("  one", "$"), "  on|e");
    assert_eq!(after("  one", "$^"), "  |one");
    assert_eq!(after("  one", "$0"), "|  one");
    assert_eq!(after("one\ntwo\nthree", "jl"), "one\nt|wo\nthree");
    assert_eq!(after("one\ntwo\nthree", "G"), "one\ntwo\n|three");
    assert_eq!(after("one\ntwo\nthree", "Ggg"), "|one\ntwo\nthree");
    assert_eq!(after("one\ntwo", "$j"), "one\ntw|o");
}

#[test]
fn writing_begins_in_many_places() {
    assert_eq!(after("  one", "lix"), " x| one");
    assert_eq!(after("  one", "ax"), " x| one");
    assert_eq!(after("  one", "Ix"), "  x|one");
    assert_eq!(after("  one", "Ax"), "  onex|");
    assert_eq!(after("one", "ox"), "one\nx|");
    assert_eq!(after("one", "Ox"), "x|\none");
    assert_eq!(after("", "ax"), "x|");
}

#[test]
fn changes_take_what_a_motion_passes() {
    assert_eq!(after("one", "x"), "|ne");
    assert_eq!(after("one", "$x"), "o|n");
    assert_eq!(after("one two", "dw"), "|two");
    assert_eq!(after("one two", "wdw"), "one| ");
    assert_eq!(after("one\ntwo", "dw"), "|\ntwo");
    assert_eq!(after("one two", "cwx"), "x| two");
    assert_eq!(after("a b", "cwx"), "x| b");
    assert_eq!(after("one two", "de"), "| two");
    assert_eq!(after("one two", "$db"), "one |o");
    assert_eq!(after("one two", "wD"), "one| ");
    assert_eq!(after("one two", "wCx"), "one x|");
    assert_eq!(after("one two", "wd0"), "|two");
    assert_eq!(after("one two", "d$"), "|");
    assert_eq!(after("one two", "dz"), "|one two");
    assert_eq!(after("one\ntwo", "ccx"), "x|\ntwo");
}

#[test]
fn lines_are_taken_and_put() {
    assert_eq!(after("one\ntwo\nthree", "jdd"), "one\n|three");
    assert_eq!(after("one\ntwo", "jdd"), "|one");
    assert_eq!(after("one", "dd"), "|");
    assert_eq!(after("one\ntwo", "ddp"), "two\n|one");
    assert_eq!(after("one\ntwo", "yyjp"), "one\ntwo\n|one");
    assert_eq!(after("one two", "dwp"), "tone| wo");
    assert_eq!(after("ab", "xp"), "b|a");
    assert_eq!(after("one two", "yw$p"), "one twoone| ");
}

#[test]
fn what_was_done_is_undone() {
    assert_eq!(after("one two", "dwu"), "|one two");
    assert_eq!(after("one two", "dwu<C-r>"), "|two");
    assert_eq!(after("abc", "xxu"), "|bc");
}

#[test]
fn escape_leaves_writing_then_is_somebody_elses() {
    let mut desk = Desk::new(Keys::Vim);
    assert_eq!(desk.press("ab<Esc>"), Did::Changed);
    assert_eq!(desk.shown(), "a|b");
    assert_eq!(desk.press("<Esc>"), Did::Ignored);
    assert_eq!(desk.press("d<Esc>"), Did::Changed, "a key that waits is given up");
    assert_eq!(desk.press("w"), Did::Changed);
    assert_eq!(desk.composer.text(), "ab");
}

#[test]
fn the_text_is_said_from_both_modes_and_writing_goes_on() {
    let mut desk = Desk::new(Keys::Vim);
    assert_eq!(desk.press("hi<Esc><Enter>"), say("hi"));
    assert_eq!(desk.press("there<Enter>"), say("there"));
}

#[test]
fn rows_and_old_texts_are_gone_through() {
    let mut desk = Desk::new(Keys::Vim);
    desk.press("old<Enter>draft<Esc>k");
    assert_eq!(desk.shown(), "ol|d");
    desk.press("j");
    assert_eq!(desk.shown(), "draf|t");
}

#[test]
fn commands_begin_in_both_modes() {
    assert_eq!(Desk::new(Keys::Vim).press("<Esc>/help<Enter>"), slash("help", ""));
    let shell = Did::Submit(Submission::Shell("ls".to_owned()));
    assert_eq!(Desk::new(Keys::Vim).press("<Esc>!ls<Enter>"), shell);
}

#[test]
fn the_mode_is_seen() {
    let mut desk = Desk::new(Keys::Vim);
    desk.press("ab");
    assert_eq!(desk.draw(20, 1).0, ["› ab"]);
    desk.press("<Esc>");
    assert_eq!(desk.draw(20, 1), (vec!["N ab".to_owned()], Some(Position::new(3, 0))));
    desk.composer.set_keys(Keys::Emacs);
    assert_eq!(desk.draw(20, 1).0, ["› ab"]);
}
