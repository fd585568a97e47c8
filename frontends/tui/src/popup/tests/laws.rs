//! What holds for any popup, keys and size.

use codex_view::sanitize;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;

use super::*;

/// Something that a user does.
#[derive(Clone, Debug)]
enum Did {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEventKind, u16, u16),
    Size(u16, u16),
}

fn did() -> impl Strategy<Value = Did> {
    let codes = prop_oneof![
        4 => prop::char::range(' ', '~').prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        6 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Backspace,
            KeyCode::Delete, KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right,
            KeyCode::Home, KeyCode::End, KeyCode::PageUp, KeyCode::PageDown, KeyCode::F(1),
            KeyCode::Char('/'), KeyCode::Char('e'), KeyCode::Char('v'), KeyCode::Char('n'),
        ]),
    ];
    let modifiers = prop::sample::select(vec![
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::CONTROL,
        KeyModifiers::ALT,
        KeyModifiers::SHIFT,
    ]);
    let mouse = prop::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
        MouseEventKind::Moved,
    ]);
    prop_oneof![
        8 => (codes, modifiers).prop_map(|(code, held)| Did::Key(KeyEvent::new(code, held))),
        1 => "\\PC{0,20}|(.|\n|\u{1b}|\u{202e}|\u{200b}|\u{301}|界|👩‍👩‍👧){0,8}".prop_map(Did::Paste),
        1 => (mouse, 0u16..100, 0u16..40).prop_map(|(kind, x, y)| Did::Mouse(kind, x, y)),
        2 => (0u16..100, 0u16..40).prop_map(|(width, height)| Did::Size(width, height)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_keys_and_no_size_break_a_popup(
        which in any::<prop::sample::Index>(),
        dids in prop::collection::vec(did(), 1..40),
    ) {
        let mut popups = each();
        let (name, mut popup) = popups.swap_remove(which.index(popups.len()));
        let (mut width, mut height) = (80, 24);
        for did in &dids {
            match did {
                Did::Key(key) => drop(popup.key(*key)),
                Did::Paste(text) => drop(popup.paste(text)),
                Did::Mouse(kind, column, row) => drop(popup.mouse(Moment(9_000), MouseEvent {
                    kind: *kind,
                    column: *column,
                    row: *row,
                    modifiers: KeyModifiers::NONE,
                })),
                Did::Size(columns, rows) => (width, height) = (*columns, *rows),
            }
            // It is somewhere on the screen, and stays there.
            let area = Rect::new(3, 2, width, height);
            let mut buf = Buffer::empty(Rect::new(0, 0, width + 6, height + 4));
            prop_assert!(popup.height(width, height) <= height);
            let place = popup.draw(area, &mut buf, &Theme::of(Palette::Dark));
            prop_assert!(place.is_none_or(|it| area.contains(it)), "{name} {place:?}");
            for y in 0..buf.area.height {
                for x in 0..buf.area.width {
                    let symbol = buf[(x, y)].symbol();
                    prop_assert!(!symbol.contains(sanitize::is_forbidden), "{name} {symbol:?}");
                    let inside = area.contains((x, y).into());
                    prop_assert!(inside || symbol == " ", "{name} {symbol:?} at {x} {y}");
                }
            }
        }
    }
}

#[test]
fn foreign_text_reaches_no_terminal_raw() {
    let evil = "a\u{1b}[2J\u{1b}]0;t\u{7}\u{202e}b\u{200b}c\r\n\td\u{9b}31m";
    let text = || evil.to_owned();
    let row = SessionRow {
        id: session(1),
        title: text(),
        last: text(),
        state: text(),
        cwd: text(),
        at: NOW,
        tokens: (u64::MAX, u64::MAX),
    };
    let mut list = Popup::sessions(None, Some(text()));
    if let Popup::Sessions(it) = &mut list {
        it.fill(vec![row], NOW);
    }
    let commands = CommandRow { name: text(), arguments: text(), description: text() };
    let untried = Concern::Untried { project: evil.into(), keys: vec![text()] };
    let popups = [
        list,
        Popup::palette(vec![commands]),
        Popup::models(&[text()], evil, Some(evil)),
        Popup::prompts(vec![PromptRow { before: None, text: text() }]),
        Popup::history(vec![text()]),
        Popup::pages(evil, vec![text().into()]),
        Popup::help(vec![KeyGroup { title: text(), keys: vec![(text(), text())] }]),
        Popup::card(Card { title: text(), rows: vec![(text(), text())] }),
        Popup::usage(vec![UsageRow { label: text(), usage: Usage::default() }]),
        Popup::diff(evil),
        Popup::notice(evil, evil),
        Popup::concern(&untried, evil),
        Popup::concern(&Concern::NoKey { variables: vec![text()] }, evil),
    ];
    for mut popup in popups {
        for (width, height) in [(120, 40), (80, 24), (20, 5), (1, 1)] {
            let area = Rect::new(0, 0, width, height);
            let mut buf = Buffer::empty(area);
            popup.draw(area, &mut buf, &Theme::of(Palette::Light));
            for cell in &buf.content {
                let symbol = cell.symbol();
                let raw = symbol.contains(|c| sanitize::is_forbidden(c) || c == '\t' || c == '\n');
                assert!(!raw, "{symbol:?} in {popup:?}");
            }
        }
    }
}
