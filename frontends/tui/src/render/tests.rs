mod examples;

use codex_event::Outcome;
use codex_view::{Notice, Prompt, Standing, Taken, TurnEnd, TurnEnding};
use examples::{command, commands, ended, notices, reviewed, said};
use proptest::prelude::*;

use super::testing::{dark, drawable, foreign, plain, styled};
use super::*;
use crate::options::Palette;

fn look(theme: &Theme, fold: Fold) -> Look<'_> {
    Look {
        theme,
        fold,
        now: Timestamp(100_000),
        cwd: "/ws",
        home: Some("/home/ann"),
        unfold: "Ctrl-O",
    }
}

fn lines(cells: &[Cell], fold: Fold, width: u16) -> Vec<Line<'static>> {
    let theme = dark();
    cells.iter().flat_map(|it| cell(it, &look(&theme, fold), width)).collect()
}

fn told(cells: &[Cell], fold: Fold, width: u16) -> String {
    plain(&lines(cells, fold, width))
}

#[test]
fn what_was_said() {
    insta::assert_snapshot!("said_40", told(&said(), Fold::Folded, 40));
    insta::assert_snapshot!("said_80", told(&said(), Fold::Folded, 80));
    insta::assert_snapshot!("said_120_unfolded", told(&said(), Fold::Unfolded, 120));
    insta::assert_snapshot!("said_styled", styled(&lines(&said(), Fold::Folded, 80), &dark()));
}

#[test]
fn the_headline_of_reasoning_shows_no_signs_of_markdown() {
    let headline = |text: &str| {
        let cell = examples::cell(CellBody::Reasoning(text.to_owned()));
        styled(&lines(&[cell], Fold::Folded, 80), &dark()).trim_end().to_owned()
    };
    let looking = headline("**Looking around** first.\n\nThen more.");
    assert!(!looking.contains('*') && looking.contains("Looking around"), "{looking}");
    assert!(looking.contains(" first.") && looking.contains("1 more line"), "{looking}");
    let plain = |text: &str| {
        let cell = examples::cell(CellBody::Reasoning(text.to_owned()));
        told(&[cell], Fold::Folded, 80).trim_end().to_owned()
    };
    assert_eq!(plain("## Reading `a*b`"), "· Reading a*b");
    assert_eq!(plain("see [the map](x.md)"), "· see the map (x.md)");
    assert_eq!(plain("```rust"), "· ```rust");
    assert_eq!(plain("3 * 4 * 5"), "· 3 * 4 * 5");
}

#[test]
fn what_commands_did() {
    insta::assert_snapshot!("commands_40", told(&commands(), Fold::Folded, 40));
    insta::assert_snapshot!("commands_80", told(&commands(), Fold::Folded, 80));
    insta::assert_snapshot!("commands_120_unfolded", told(&commands(), Fold::Unfolded, 120));
    insta::assert_snapshot!(
        "commands_styled",
        styled(&lines(&commands(), Fold::Folded, 80), &dark())
    );
}

#[test]
fn what_was_asked_and_changed() {
    insta::assert_snapshot!("reviewed_40", told(&reviewed(), Fold::Folded, 40));
    insta::assert_snapshot!("reviewed_80", told(&reviewed(), Fold::Folded, 80));
    insta::assert_snapshot!("reviewed_120_unfolded", told(&reviewed(), Fold::Unfolded, 120));
    insta::assert_snapshot!(
        "reviewed_styled",
        styled(&lines(&reviewed(), Fold::Folded, 80), &dark())
    );
}

#[test]
fn what_happened_to_the_session() {
    insta::assert_snapshot!("notices_40", told(&notices(), Fold::Folded, 40));
    insta::assert_snapshot!("notices_80", told(&notices(), Fold::Folded, 80));
    insta::assert_snapshot!("notices_120_unfolded", told(&notices(), Fold::Unfolded, 120));
    insta::assert_snapshot!(
        "notices_styled",
        styled(&lines(&notices(), Fold::Folded, 80), &dark())
    );
}

fn everything() -> Vec<Cell> {
    [said(), commands(), reviewed(), notices()].concat()
}

#[test]
fn every_cell_fits_any_width_and_ends_with_an_empty_line() {
    for cell in everything() {
        for fold in [Fold::Folded, Fold::Unfolded] {
            for width in (0..=24).chain([80, 500]) {
                let lines = lines(std::slice::from_ref(&cell), fold, width);
                drawable(&lines, width).expect("drawable");
                let (last, others) = lines.split_last().expect("at least one");
                assert!(last.spans.is_empty() && !others.is_empty(), "{cell:?}");
            }
        }
    }
}

#[test]
fn the_words_are_the_same_in_every_palette() {
    let cells = everything();
    let words = told(&cells, Fold::Folded, 80);
    for palette in [Palette::Light, Palette::Sixteen, Palette::Plain] {
        let theme = Theme::of(palette);
        let lines = cells.iter().flat_map(|it| cell(it, &look(&theme, Fold::Folded), 80));
        assert_eq!(plain(&lines.collect::<Vec<_>>()), words, "{palette:?}");
    }
}

#[test]
fn only_what_runs_depends_on_the_clock() {
    let theme = dark();
    for cell in everything().iter().filter(|cell| cell.standing == Standing::Settled) {
        let now = super::cell(cell, &look(&theme, Fold::Folded), 80);
        let later = Look { now: Timestamp(999_999), ..look(&theme, Fold::Folded) };
        assert_eq!(super::cell(cell, &later, 80), now);
    }
}

#[test]
fn a_command_in_one_line_tells_its_line_breaks() {
    let argv = ["bash", "-lc", "cd a\nls"].map(str::to_owned);
    assert_eq!(Line::from(super::command(&argv, &dark())).to_string(), "cd a ↵ ls");
    assert_eq!(plain(&command_lines(&argv, &dark())), "cd a\nls");
}

/// Puts the same foreign text wherever a cell has any.
fn bodies(text: &str) -> Vec<CellBody> {
    let own = || text.to_owned();
    let mut call = command(&[text, text], ended(Outcome::Exited { code: 1 }));
    call.output = own();
    call.enforced = own();
    call.repository = vec![own()];
    let mut patch = call.clone();
    patch.invocation = codex_event::Invocation::Patch { workdir: None, text: None };
    patch.patch = format!("*** Begin Patch\n*** Update File: {text}\n{text}");
    patch.state = ended(Outcome::PatchFailed);
    let author = codex_event::Author::Policy(own());
    let prompt = Prompt { text: own(), author, taken: Taken::Later };
    let ending = TurnEnding::Failed { message: own(), hint: own() };
    vec![
        CellBody::Prompt(prompt),
        CellBody::Message(own()),
        CellBody::Reasoning(own()),
        CellBody::Call(Box::new(call)),
        CellBody::Call(Box::new(patch)),
        CellBody::Notice(Notice::Note(own())),
        CellBody::Notice(Notice::Settings(vec![own()])),
        CellBody::Notice(Notice::Attempt { fault: own(), next: own() }),
        CellBody::Notice(Notice::Closed(own())),
        CellBody::Notice(Notice::Unknown(own())),
        CellBody::TurnEnd(TurnEnd { ending, usage: Default::default(), took_ms: None }),
    ]
}

proptest! {
    #[test]
    fn nothing_foreign_gets_through(text in foreign(), width in prop_oneof![1..5_u16, 1..100_u16]) {
        for body in bodies(&text) {
            for fold in [Fold::Folded, Fold::Unfolded] {
                drawable(&lines(&[examples::cell(body.clone())], fold, width), width)?;
            }
        }
        let argv = [text.clone(), text.clone()];
        drawable(&[Line::from(super::command(&argv, &dark()))], u16::MAX)?;
    }
}
