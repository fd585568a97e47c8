use super::*;

fn order(query: &str, items: &[&str]) -> Vec<usize> {
    rank(query, items).into_iter().map(|(index, _)| index).collect()
}

#[test]
fn an_empty_query_keeps_everything_in_order() {
    assert_eq!(rank("", ["b", "a"]), [(0, vec![]), (1, vec![])]);
}

#[test]
fn what_does_not_match_is_left_out_and_the_best_comes_first() {
    assert_eq!(order("mod", &["my old dog", "zzz", "mod"]), [2, 0]);
}

#[test]
fn equally_good_ones_keep_their_order() {
    assert_eq!(order("a", &["a1", "a2", "a3"]), [0, 1, 2]);
}

#[test]
fn case_counts_once_the_query_has_a_capital_letter() {
    assert_eq!(order("read", &["README", "read"]).len(), 2);
    assert_eq!(order("Read", &["README", "read", "Read"]), [2]);
}

#[test]
fn words_match_in_any_order() {
    assert_eq!(order("main src", &["src/main.rs", "src/lib.rs"]), [0]);
}

#[test]
fn letters_match_those_with_accents_and_places_are_bytes() {
    assert_eq!(rank("cafe", ["un café"]), [(0, vec![3, 4, 5, 6])]);
    assert_eq!(rank("本b", ["日本語abc"]), [(0, vec![3, 10])]);
}

#[test]
fn a_grapheme_of_many_characters_is_one_place() {
    let text = "👨\u{200d}👩\u{200d}👧 fox";
    let at = text.find("fox").unwrap();
    assert_eq!(rank("fox", [text]), [(0, vec![at, at + 1, at + 2])]);
}

#[test]
fn signs_of_the_matcher_are_plain_characters() {
    assert_eq!(order("^a", &["abc", "x^a"]), [1]);
    assert_eq!(order("!a", &["xyz", "!a"]), [1]);
}
