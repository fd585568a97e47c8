mod history;
mod keys;
mod looks;
mod mentions;
mod pastes;
mod vim;

use proptest::prelude::*;
use ratatui::layout::{Position, Rect};

use super::*;
use crate::options::Palette;
use crate::theme::Theme;

/// A composer, and a hand at its keys.
struct Desk {
    composer: Composer,
}

impl Desk {
    fn new(keys: Keys) -> Desk {
        Desk { composer: Composer::new(keys) }
    }

    /// Presses keys, and gives what came of the last one. A key is a character, or a
    /// name between `<` and `>`, with what is held before it: `<C-k>`, `<A-Enter>`.
    fn press(&mut self, keys: &str) -> Did {
        let mut did = Did::Ignored;
        for key in parse(keys) {
            did = self.composer.key(key);
        }
        did
    }

    /// Gives the text, with a bar where the cursor is.
    fn shown(&self) -> String {
        let buffer = &self.composer.buffer;
        let before = buffer.between(Place::default(), buffer.cursor());
        let behind = buffer.between(buffer.cursor(), buffer.end());
        submission::write(self.composer.mode, &format!("{before}|{behind}"))
    }

    fn found(&mut self, query: &str, paths: &[&str]) {
        self.composer.files(FileMatches {
            query: query.to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            seen: paths.len(),
            progress: crate::update::Progress::Done,
        });
    }

    /// Draws it, and gives the rows and the place of the cursor.
    fn draw(&mut self, width: u16, height: u16) -> (Vec<String>, Option<Position>) {
        let area = Rect::new(0, 0, width, height);
        let mut screen = ratatui::buffer::Buffer::empty(area);
        let cursor = self.composer.draw(area, &mut screen, &Theme::of(Palette::Plain));
        let row = |y| {
            let mut row = String::new();
            let mut x = 0;
            while x < width {
                let symbol = screen[(x, y)].symbol();
                row.push_str(symbol);
                x += u16::try_from(crate::wrap::columns(symbol)).unwrap().max(1);
            }
            row.trim_end().to_owned()
        };
        ((0..height).map(row).collect(), cursor)
    }
}

fn parse(keys: &str) -> Vec<KeyEvent> {
    let mut parsed = Vec::new();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        if let Some((name, behind)) = named {
            parsed.push(key(name));
            rest = behind;
        } else {
            parsed.push(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            rest = &rest[c.len_utf8()..];
        }
    }
    parsed
}

fn key(name: &str) -> KeyEvent {
    let mut held = KeyModifiers::NONE;
    let mut name = name;
    while let Some((modifier, rest)) =
        name.split_once('-').filter(|(it, rest)| it.len() == 1 && !rest.is_empty())
    {
        held |= match modifier {
            "C" => KeyModifiers::CONTROL,
            "A" => KeyModifiers::ALT,
            "S" => KeyModifiers::SHIFT,
            other => panic!("{other} is no modifier"),
        };
        name = rest;
    }
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PageUp" => KeyCode::PageUp,
        "Backspace" => KeyCode::Backspace,
        "Delete" => KeyCode::Delete,
        other => KeyCode::Char(other.chars().next().unwrap()),
    };
    KeyEvent::new(code, held)
}

fn say(text: &str) -> Did {
    Did::Submit(Submission::Say(text.to_owned()))
}

fn slash(name: &str, rest: &str) -> Did {
    Did::Submit(Submission::Slash { name: name.to_owned(), rest: rest.to_owned() })
}

fn any_key() -> impl Strategy<Value = String> {
    let keys = vec![
        "a",
        "b",
        " ",
        "/",
        "!",
        "@",
        "é",
        "日",
        "<Enter>",
        "<A-Enter>",
        "<C-j>",
        "<Esc>",
        "<Tab>",
        "<Up>",
        "<Down>",
        "<Left>",
        "<Right>",
        "<Home>",
        "<End>",
        "<Backspace>",
        "<Delete>",
        "<C-a>",
        "<C-e>",
        "<C-k>",
        "<C-u>",
        "<C-w>",
        "<C-y>",
        "<C-_>",
        "<A-_>",
        "<C-r>",
        "<C-s>",
        "<C-g>",
        "<C-c>",
        "<C-d>",
        "<A-d>",
        "<A-b>",
        "<A-f>",
        "<A-Backspace>",
        "<C-Left>",
        "<C-Right>",
        "<PageUp>",
        "d",
        "w",
        "e",
        "c",
        "y",
        "p",
        "u",
        "x",
        "g",
        "G",
        "o",
        "O",
        "i",
        "I",
        "A",
        "D",
        "C",
        "h",
        "j",
        "k",
        "l",
        "0",
        "$",
        "^",
    ];
    prop::sample::select(keys).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is pressed, on a screen of any size: it is drawn in as many rows as it says, with the
    /// cursor on the screen, and drawn twice it looks the same.
    #[test]
    fn it_is_drawn_whatever_is_pressed(
        keys in prop::collection::vec(any_key(), 0..60),
        vim in any::<bool>(),
        width in 1..30_u16,
        max in 1..9_u16,
    ) {
        let mut desk = Desk::new(if vim { Keys::Vim } else { Keys::Emacs });
        desk.composer.history(vec!["said @ab before".to_owned(), "!ls\n-la".to_owned(), "日本".to_owned()]);
        for (number, key) in keys.iter().enumerate() {
            if let Did::FindFiles(query) = desk.press(key) {
                desk.found(&query, &["a/b.rs", "日本/語.rs", "c d.rs"]);
            }
            if number % 7 == 6 {
                desk.composer.paste("é\r\n".repeat(number));
            }
            let height = desk.composer.height(width, max);
            prop_assert!((1..=max).contains(&height));
            let (rows, cursor) = desk.draw(width, height);
            let cursor = cursor.unwrap();
            prop_assert!(cursor.x < width && cursor.y < height, "{:?}", cursor);
            prop_assert_eq!(desk.draw(width, height), (rows, Some(cursor)));
        }
    }
}
