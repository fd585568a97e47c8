//! Pastes that come as keys, from terminals that do not mark them.
//!
//! A line break between two characters that came faster than anybody types is part of a paste; one
//! behind the last of them is a key, so that a script can write a text and its Enter at once.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::update::Input;

/// Time between two keys up to which they are one paste.
pub(super) const BURST: Duration = Duration::from_millis(4);

/// Bytes of a paste that are handed on as one.
const PIECE: usize = 64 * 1024;

/// What was read and is not handed on, since what follows says what it is.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    /// Line breaks and tabs behind a character.
    Breaks(Vec<KeyEvent>),
    /// Text from the first line break or tab on that a character follows.
    Paste(String),
}

/// What comes from the keyboard, with the pastes in it told from keys.
///
/// Characters are handed on as they come: only what would do something waits, and no longer than
/// [`BURST`]. Time is an argument.
#[derive(Debug, Default)]
pub(super) struct Burst {
    held: Held,
    /// When the last character came.
    last: Option<Instant>,
    /// The terminal marks pastes, so all keys are keys.
    marked: bool,
}

impl Burst {
    /// Tells whether something waits for what follows it.
    pub(super) fn is_waiting(&self) -> bool {
        !matches!(self.held, Held::Nothing)
    }

    /// Takes what was read, and gives what is known to be what it is.
    pub(super) fn take(&mut self, now: Instant, input: Input) -> Vec<Input> {
        if matches!(input, Input::Paste(_)) {
            self.marked = true;
        }
        let text = if self.marked { None } else { text(&input) };
        let Some((letter, key)) = text else {
            self.last = None;
            let mut known = self.silence();
            known.push(input);
            return known;
        };
        let is_break = matches!(letter, '\n' | '\t');
        if !is_break {
            self.last = Some(now);
        }
        match &mut self.held {
            Held::Nothing => {
                let fast = self.last.is_some_and(|last| now.duration_since(last) <= BURST);
                if !(is_break && fast) {
                    return vec![input];
                }
                self.held = Held::Breaks(vec![key]);
            }
            Held::Breaks(keys) if is_break => keys.push(key),
            Held::Breaks(keys) => {
                let breaks = keys.iter().map(|key| match key.code {
                    KeyCode::Tab => '\t',
                    _ => '\n',
                });
                self.held = Held::Paste(breaks.chain([letter]).collect());
            }
            Held::Paste(pasted) => {
                pasted.push(letter);
                if pasted.len() >= PIECE {
                    return vec![Input::Paste(std::mem::take(pasted))];
                }
            }
        }
        Vec::new()
    }

    /// Gives what waited: nothing came for [`BURST`].
    pub(super) fn silence(&mut self) -> Vec<Input> {
        match std::mem::take(&mut self.held) {
            Held::Nothing => Vec::new(),
            Held::Breaks(keys) => keys.into_iter().map(Input::Key).collect(),
            Held::Paste(text) if text.is_empty() => Vec::new(),
            Held::Paste(text) => vec![Input::Paste(text)],
        }
    }
}

/// What a key writes in a text.
fn text(input: &Input) -> Option<(char, KeyEvent)> {
    let Input::Key(key) = input else {
        return None;
    };
    if !(key.modifiers - KeyModifiers::SHIFT).is_empty() {
        return None;
    }
    let letter = match key.code {
        KeyCode::Char(letter) => letter,
        KeyCode::Enter => '\n',
        KeyCode::Tab => '\t',
        _ => return None,
    };
    Some((letter, *key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these characters, each so many microseconds behind the one before it.
    fn read(text: &str, apart: u64) -> String {
        let mut burst = Burst::default();
        let begin = Instant::now();
        let mut said = String::new();
        let mut last = begin;
        for (number, letter) in (0..).zip(text.chars()) {
            let code = match letter {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                letter => KeyCode::Char(letter),
            };
            let now = begin + Duration::from_micros(apart * number);
            if now.duration_since(last) > BURST {
                tell(&mut said, burst.silence());
            }
            last = now;
            tell(&mut said, burst.take(now, Input::Key(code.into())));
        }
        tell(&mut said, burst.silence());
        said
    }

    fn tell(said: &mut String, inputs: Vec<Input>) {
        for input in inputs {
            match input {
                Input::Key(key) => match key.code {
                    KeyCode::Char(letter) => said.push(letter),
                    KeyCode::Enter => said.push('⏎'),
                    KeyCode::Tab => said.push('⇥'),
                    other => said.push_str(&format!("<{other:?}>")),
                },
                Input::Paste(text) => said.push_str(&format!("{text:?}")),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_text_and_its_enter_written_at_once_are_keys() {
        assert_eq!(read("hello\n", 0), "hello⏎");
        assert_eq!(read("@fi\t", 0), "@fi⇥");
        assert_eq!(read("hello\n\n", 0), "hello⏎⏎");
    }

    #[test]
    fn a_line_break_inside_of_what_comes_at_once_is_pasted() {
        assert_eq!(read("a\n\nif x:\n\ty\n", 0), "a\"\\n\\nif x:\\n\\ty\\n\"");
        assert_eq!(read("\nhello", 0), "⏎hello");
    }

    #[test]
    fn what_is_typed_is_typed() {
        assert_eq!(read("a\nb\n\tc", 5_000), "a⏎b⏎⇥c");
    }

    #[test]
    fn another_key_ends_a_paste() {
        assert_eq!(read("a\n\u{1b}b", 0), "a⏎<Esc>b");
        assert_eq!(read("a\nb\u{1b}\n", 0), "a\"\\nb\"<Esc>⏎");
    }

    #[test]
    fn a_terminal_that_marks_pastes_is_believed() {
        let mut burst = Burst::default();
        let now = Instant::now();
        burst.take(now, Input::Paste("x".into()));
        for code in [KeyCode::Char('a'), KeyCode::Enter, KeyCode::Char('b')] {
            let known = burst.take(now, Input::Key(code.into()));
            assert!(matches!(&known[..], [Input::Key(key)] if key.code == code), "{known:?}");
        }
    }

    #[test]
    fn a_long_paste_comes_in_pieces() {
        let mut burst = Burst::default();
        let now = Instant::now();
        let (mut pasted, mut pieces) = (String::new(), 0);
        let mut take = |inputs: Vec<Input>| {
            for input in inputs {
                if let Input::Paste(text) = input {
                    assert!(text.len() < PIECE + 4);
                    pasted.push_str(&text);
                    pieces += 1;
                }
            }
        };
        let text = "x\n".to_owned() + &"é".repeat(PIECE) + "\n";
        for letter in text.chars() {
            let code = if letter == '\n' { KeyCode::Enter } else { KeyCode::Char(letter) };
            take(burst.take(now, Input::Key(code.into())));
        }
        take(burst.silence());
        assert_eq!((format!("x{pasted}"), pieces), (text, 3));
    }
}
