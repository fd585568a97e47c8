use super::*;

fn desk() -> Desk {
    Desk::new(Keys::Emacs)
}

fn pasted(text: &str) -> Desk {
    let mut desk = desk();
    desk.composer.paste(text.to_owned());
    desk
}

#[test]
fn line_ends_are_made_alike_and_control_characters_dropped() {
    assert_eq!(pasted("a\r\nb\rc\n\td").composer.text(), "a\nb\nc\n\td");
    assert_eq!(pasted("a\u{1b}[31mb\u{7}\u{0}\u{9b}c\u{7f}").composer.text(), "a[31mbc");
    assert_eq!(pasted("x\u{10f000}y\u{10fffd}").composer.text(), "x\u{fffd}y\u{fffd}");
}

#[test]
fn a_long_paste_is_one_sign_until_it_is_said() {
    let text = "line\n".repeat(342);
    let mut desk = desk();
    desk.press("see ");
    desk.composer.paste(text.clone());
    desk.press(" now");
    assert_eq!(desk.draw(60, 1).0, ["› see [pasted 342 lines] now"]);
    assert_eq!(desk.composer.text(), format!("see {text} now"));
    assert_eq!(desk.press("<Enter>"), say(&format!("see {text} now")));
}

#[test]
fn only_long_pastes_are_folded() {
    assert_eq!(pasted(&"x\n".repeat(10)).draw(60, 1).1.unwrap().x, 2);
    assert_eq!(pasted(&"x\n".repeat(11)).draw(60, 1).0, ["› [pasted 11 lines]"]);
    assert_eq!(pasted(&"é".repeat(2_001)).draw(60, 1).0, ["› [pasted 2,001 characters]"]);
    assert_eq!(pasted(&"é".repeat(2_000)).composer.buffer.raw(), "é".repeat(2_000));
}

#[test]
fn a_folded_paste_goes_with_one_key_and_comes_back() {
    let mut desk = pasted(&"x\n".repeat(20));
    desk.press("<Backspace>");
    assert!(desk.composer.is_empty());
    desk.press("<C-_>");
    assert_eq!(desk.composer.text(), "x\n".repeat(20));
    desk.press("<C-w><C-y><C-y>");
    assert_eq!(desk.draw(60, 1).0, ["› [pasted 20 lines][pasted 20 lines]"]);
}

#[test]
fn what_was_killed_outlives_the_text_it_was_folded_in() {
    let mut desk = pasted(&"x\n".repeat(20));
    desk.press("<C-w>hello<Enter>");
    desk.composer.paste("y\n".repeat(30));
    desk.press("<C-y>");
    assert_eq!(desk.composer.text(), "y\n".repeat(30) + &"x\n".repeat(20));
    assert_eq!(desk.draw(60, 1).0, ["› [pasted 30 lines][pasted 20 lines]"]);
}

#[test]
fn a_pasted_text_is_no_command_of_the_users_shell() {
    assert_eq!(pasted("!rm -rf x").press("<Enter>"), say("!rm -rf x"));
}

#[test]
fn only_a_short_text_may_be_a_command_with_a_list() {
    let command = |written: &str, pasted: &str| {
        let mut desk = desk();
        desk.press(written);
        desk.composer.paste(pasted.to_owned());
        desk.composer.begun_command()
    };
    assert_eq!(command("/", ""), Some("/".to_owned()));
    assert_eq!(command("/new ", "a\nb"), Some("/new a\nb".to_owned()));
    let folded = "a line\n".repeat(20);
    assert_eq!(command("/new ", &folded), Some(format!("/new {folded}")));
    for none in ["", "x/new", " /new", "//new", "!/new"] {
        assert_eq!(command(none, ""), None, "{none}");
    }
    assert_eq!(command("/new ", &"a line\n".repeat(10_000)), None);
    assert_eq!(command("x", &"a line\n".repeat(10_000)), None);
    let mut desk = desk();
    desk.composer.put(&format!("/new {}", "x\n".repeat(6_000)));
    assert!(desk.composer.begun_command().is_some());
    desk.composer.put(&format!("/new {}", "x\n".repeat(9_000)));
    assert_eq!(desk.composer.begun_command(), None);
}

#[test]
fn a_million_characters_are_edited_and_drawn() {
    let mut desk = desk();
    for text in ["x".repeat(1_000_000), "word\n".repeat(200_000), "日本 ".repeat(333_333)] {
        desk.composer.put(&text);
        let (rows, cursor) = desk.draw(80, 10);
        assert_eq!(rows.len(), 10);
        assert!(cursor.is_some());
        desk.press("<Up><Up><Left>a<Left><Delete>");
        desk.draw(80, 10);
        desk.press("<C-_><C-_>");
        // A failure prints no million characters.
        assert!(desk.composer.text() == text);
        assert_eq!(desk.composer.height(80, 10), 10);
    }
}
