//! What each popup looks like.

use super::*;

#[test]
fn every_popup_is_comfortable_at_80_by_24() {
    for (name, mut popup) in each() {
        insta::assert_snapshot!(format!("{name}_80x24"), picture(&mut popup, 80, 24));
    }
}

#[test]
fn every_popup_has_its_essence_at_40_by_12() {
    for (name, mut popup) in each() {
        insta::assert_snapshot!(format!("{name}_40x12"), picture(&mut popup, 40, 12));
    }
}

#[test]
fn a_wide_screen_shows_the_selected_session_beside_the_list() {
    insta::assert_snapshot!(picture(&mut filled(), 120, 16));
}

#[test]
fn a_question_on_the_smallest_screen_keeps_its_answers() {
    insta::assert_snapshot!(picture(&mut Popup::approval(plain()), 20, 5));
}

#[test]
fn a_question_shows_all_of_it_on_demand() {
    let mut popup = Popup::approval(script());
    press(&mut popup, "v");
    assert!(popup.is_full_screen());
    insta::assert_snapshot!(picture(&mut popup, 80, 24));
}

#[test]
fn what_is_written_to_the_model_has_a_field() {
    let mut popup = Popup::approval(script());
    press(&mut popup, "e");
    write(&mut popup, "use the cache, please");
    insta::assert_snapshot!(picture(&mut popup, 80, 24));
    press(&mut popup, "^u tab");
    insta::assert_snapshot!("a_command_is_edited", picture(&mut popup, 80, 24));
}

#[test]
fn a_server_of_ones_own_is_a_few_lines_of_settings() {
    let concern = Concern::NoKey { variables: Vec::new() };
    let mut popup = Popup::concern(&concern, "openai");
    press(&mut popup, "s");
    insta::assert_snapshot!(picture(&mut popup, 80, 24));
}

#[test]
fn a_key_is_not_shown_while_it_is_typed() {
    let concern = Concern::NoKey { variables: vec!["OPENAI_API_KEY".to_owned()] };
    let mut popup = Popup::concern(&concern, "openai");
    press(&mut popup, "k");
    popup.paste("sk-secret\n");
    let shown = picture(&mut popup, 80, 24);
    assert!(!shown.contains("secret"), "{shown}");
    assert!(!format!("{popup:?}").contains("secret"));
    insta::assert_snapshot!(shown);
}
