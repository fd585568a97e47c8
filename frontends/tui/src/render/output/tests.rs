use codex_event::Timestamp;

use super::*;
use crate::render::Look;
use crate::render::testing::{dark, plain};

fn told(text: &str, total: u64, flow: Flow, fold: Fold) -> Vec<String> {
    let theme = dark();
    let look =
        Look { theme: &theme, fold, now: Timestamp(0), cwd: "/", home: None, unfold: "Ctrl-O" };
    let mut sheet = Sheet::new(&look, 40);
    put(&mut sheet, text, total, flow);
    plain(&sheet.lines).lines().map(str::to_owned).collect()
}

fn numbered(count: usize) -> String {
    (1..=count).map(|at| format!("line {at}\n")).collect()
}

#[test]
fn what_a_command_prints_is_folded_to_its_head_and_tail() {
    assert_eq!(told(&numbered(8), 8, Flow::Over, Fold::Folded).len(), 8);
    let shown = told(&numbered(100), 100, Flow::Over, Fold::Folded);
    let expected = [
        "  │ line 1",
        "  │ line 2",
        "  │ line 3",
        "  │ … 93 more lines (Ctrl-O)",
        "  │ line 97",
        "  │ line 98",
        "  │ line 99",
        "  │ line 100",
    ];
    assert_eq!(shown, expected);
    let shown = told(&numbered(100), 5000, Flow::Over, Fold::Folded);
    assert_eq!(shown[3], "  │ … 4993 more lines (Ctrl-O)", "what the text lacks counts");
    assert_eq!(told(&numbered(100), 100, Flow::Over, Fold::Unfolded).len(), 100);
}

#[test]
fn of_what_is_still_printed_the_last_lines_count() {
    let shown = told(&numbered(100), 100, Flow::Live, Fold::Folded);
    assert_eq!(shown.len(), 6);
    assert_eq!(shown[..2], ["  │ … 95 more lines (Ctrl-O)", "  │ line 96"]);
}

#[test]
fn all_of_it_has_a_bound() {
    let shown = told(&numbered(3000), 3000, Flow::Over, Fold::Unfolded);
    assert_eq!(shown.len(), 2000);
    assert_eq!(shown[999], "  │ … 1001 more lines");
}

#[test]
fn a_long_line_is_cut_to_one_or_broken() {
    let text = "x".repeat(10_000_000);
    let shown = told(&text, 1, Flow::Over, Fold::Folded);
    assert_eq!(shown, [format!("  │ {}…", "x".repeat(35))]);
    let shown = told(&text, 1, Flow::Over, Fold::Unfolded);
    assert_eq!(shown.len(), 115);
    let whole: String = shown.iter().map(|line| line.get(6..).unwrap_or_default()).collect();
    assert!(whole.ends_with("xxx … 9.9 MB more"), "{}", &whole[4000..]);
}

#[test]
fn nothing_that_a_command_prints_is_carried_out() {
    let text = "a\x1b[31mb\x1b]0;title\x07c\nprogress 1\rprogress 2\r\n\u{202e}d\x07";
    assert_eq!(told(text, 3, Flow::Over, Fold::Folded), ["  │ abc", "  │ progress 2", "  │ d"]);
    assert!(
        told(
            "
 

",
            3,
            Flow::Over,
            Fold::Folded
        )
        .is_empty()
    );
}
