//! A key with what is held down with it: as it comes, as it is written, as it is shown.

use crossterm::event::{KeyCode, KeyModifiers};

use super::When;

/// A key with what is held down with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    /// The key.
    pub code: KeyCode,
    /// What is held down.
    pub held: KeyModifiers,
}

/// How settings write keys that are no letter.
const NAMES: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("escape", KeyCode::Esc),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

impl Chord {
    /// Reads a key as settings write it, as in `ctrl-t`, `shift-up`, `f2`; none when it names no key, or
    /// one that terminals can't tell from another.
    pub fn parse(text: &str) -> Option<Chord> {
        let mut rest = text;
        let mut held = KeyModifiers::NONE;
        let prefixes = [
            ("ctrl-", KeyModifiers::CONTROL),
            ("alt-", KeyModifiers::ALT),
            ("shift-", KeyModifiers::SHIFT),
        ];
        while let Some((left, one)) =
            prefixes.iter().find_map(|(name, one)| Some((rest.strip_prefix(name)?, *one)))
        {
            if held.contains(one) {
                return None;
            }
            (rest, held) = (left, held | one);
        }
        let code = code(rest)?;
        let shifted = held.contains(KeyModifiers::SHIFT);
        match code {
            KeyCode::Tab if shifted => Some(Chord { code: KeyCode::BackTab, held }),
            KeyCode::Char(c) if shifted => {
                let alone = held == KeyModifiers::SHIFT && c.is_alphabetic();
                let code = KeyCode::Char(c.to_uppercase().next()?);
                alone.then_some(Chord { code, held: KeyModifiers::NONE })
            }
            // These come as Tab, Enter and Esc.
            KeyCode::Char('i' | 'm' | '[') if held == KeyModifiers::CONTROL => None,
            code => Some(Chord { code, held }),
        }
    }

    /// Tells when it can count without being in the way of what one writes.
    pub(super) fn when(self) -> When {
        let writes = match self.code {
            KeyCode::F(_) | KeyCode::PageUp | KeyCode::PageDown | KeyCode::Insert => false,
            KeyCode::BackTab => false,
            _ => self.held.is_empty(),
        };
        if writes { When::Empty } else { When::Always }
    }

    pub(super) fn is(self, code: KeyCode, held: KeyModifiers) -> bool {
        let same = match (self.code, code) {
            // Terminals differ in whether a letter comes large with Ctrl.
            (KeyCode::Char(a), KeyCode::Char(b)) if self.held.contains(KeyModifiers::CONTROL) => {
                a.eq_ignore_ascii_case(&b)
            }
            (a, b) => a == b,
        };
        // A sign such as `?` may come with the Shift that makes it.
        let held = match code {
            KeyCode::Char(_) => held - KeyModifiers::SHIFT,
            _ => held,
        };
        same && held == self.held
    }

    /// Names it, as in `Ctrl-C`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for (held, word) in [
            (KeyModifiers::CONTROL, "Ctrl-"),
            (KeyModifiers::ALT, "Alt-"),
            (KeyModifiers::SHIFT, "Shift-"),
        ] {
            if self.held.contains(held) {
                name.push_str(word);
            }
        }
        match self.code {
            KeyCode::Char(' ') => name.push_str("Space"),
            KeyCode::Char(c) if self.held.is_empty() => name.push(c),
            KeyCode::Char(c) => name.extend(c.to_uppercase()),
            KeyCode::PageUp => name.push_str("PgUp"),
            KeyCode::PageDown => name.push_str("PgDn"),
            KeyCode::BackTab => name.push_str("Tab"),
            code => name.push_str(&code.to_string()),
        }
        name
    }
}

fn code(name: &str) -> Option<KeyCode> {
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_whitespace() && !codex_view::sanitize::is_forbidden(c))
            .then_some(KeyCode::Char(c));
    }
    let named = NAMES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
    named.or_else(|| {
        let number = name.strip_prefix('f')?.parse::<u8>().ok()?;
        ((1..=12).contains(&number) && *name == format!("f{number}")).then_some(KeyCode::F(number))
    })
}
