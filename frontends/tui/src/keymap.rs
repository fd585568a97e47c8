//! Which key does what: one table for what the interface does and for what help shows.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::popup::KeyGroup;

/// What a key of the interface does, wherever it is not the composer's or a popup's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Close what is open, else end the turn; twice on an empty composer: go back.
    Escape,
    /// Empty the composer, else end the turn, else leave when pressed again.
    Stop,
    /// Leave.
    Leave,
    /// Read the conversation on the whole screen.
    Transcript,
    /// Show all of what is folded, or fold it again.
    Unfold,
    /// Draw everything anew.
    Redraw,
    /// Stop the process until it is continued.
    Suspend,
    /// Back by a screen.
    PageUp,
    /// On by a screen.
    PageDown,
    /// Back by a line.
    LineUp,
    /// On by a line.
    LineDown,
    /// To the beginning.
    Top,
    /// To the end, and follow it.
    Bottom,
    /// Show what keys there are.
    Keys,
    /// Answer the question that waits.
    Answer,
}

impl Action {
    /// Tells whether it changes only what is seen, and nothing that is written or runs.
    pub fn only_looks(self) -> bool {
        match self {
            Action::PageUp
            | Action::PageDown
            | Action::LineUp
            | Action::LineDown
            | Action::Top
            | Action::Bottom
            | Action::Unfold
            | Action::Redraw
            | Action::Suspend => true,
            Action::Escape
            | Action::Stop
            | Action::Leave
            | Action::Transcript
            | Action::Keys
            | Action::Answer => false,
        }
    }
}

/// When a key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// While nothing stands in the composer.
    Empty,
}

/// A key with what is held down with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    /// The key.
    pub code: KeyCode,
    /// What is held down.
    pub held: KeyModifiers,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// The keys that do it, the one to name first.
    pub chords: &'static [Chord],
    /// When they count.
    pub when: When,
    /// What help says.
    pub description: &'static str,
}

const fn plain(code: KeyCode) -> Chord {
    Chord { code, held: KeyModifiers::NONE }
}

const fn shift(code: KeyCode) -> Chord {
    Chord { code, held: KeyModifiers::SHIFT }
}

const fn control(code: KeyCode) -> Chord {
    Chord { code, held: KeyModifiers::CONTROL }
}

const fn always(action: Action, chords: &'static [Chord], description: &'static str) -> Binding {
    Binding { action, chords, when: When::Always, description }
}

const fn empty(action: Action, chords: &'static [Chord], description: &'static str) -> Binding {
    Binding { action, chords, when: When::Empty, description }
}

/// Every key that is neither the composer's nor a popup's.
pub const BINDINGS: &[Binding] = &[
    always(
        Action::Escape,
        &[plain(KeyCode::Esc)],
        "close what is open, else end the turn; twice: back to an earlier message",
    ),
    always(
        Action::Stop,
        &[control(KeyCode::Char('c'))],
        "empty the composer, else end the turn, else leave when pressed twice",
    ),
    empty(Action::Leave, &[control(KeyCode::Char('d'))], "leave"),
    always(
        Action::Transcript,
        &[control(KeyCode::Char('t'))],
        "read the conversation, and search it",
    ),
    always(
        Action::Unfold,
        &[control(KeyCode::Char('o'))],
        "show all of what is folded, or fold it",
    ),
    always(Action::PageUp, &[plain(KeyCode::PageUp)], "back by a screen"),
    always(Action::PageDown, &[plain(KeyCode::PageDown)], "on by a screen"),
    always(Action::LineUp, &[shift(KeyCode::Up)], "back by a line"),
    always(Action::LineDown, &[shift(KeyCode::Down)], "on by a line"),
    always(Action::Top, &[control(KeyCode::Home)], "to the beginning"),
    always(Action::Bottom, &[control(KeyCode::End)], "to the end"),
    empty(Action::Top, &[plain(KeyCode::Home)], "to the beginning"),
    empty(Action::Bottom, &[plain(KeyCode::End)], "to the end"),
    empty(Action::Answer, &[plain(KeyCode::Enter)], "answer the question that waits"),
    empty(Action::Keys, &[plain(KeyCode::Char('?'))], "these keys"),
    always(Action::Redraw, &[control(KeyCode::Char('l'))], "draw everything anew"),
    always(Action::Suspend, &[control(KeyCode::Char('z'))], "stop the process; `fg` goes on"),
];

/// What the composer does by itself, for help.
const WRITING: &[(&str, &str)] = &[
    ("Enter", "say it; queued while a turn runs"),
    ("Alt-Enter, Shift-Enter, Ctrl-J", "new line"),
    ("Up, Down", "earlier and later messages"),
    ("Ctrl-R", "search what was said before"),
    ("Ctrl-G", "write in your editor"),
    ("/", "commands"),
    ("@", "files"),
    ("!", "a command of your own, outside of the sandbox"),
];

/// Gives what a key does; none when it is not one of the table.
pub fn action(key: KeyEvent, composer: When) -> Option<Action> {
    let held = key.modifiers;
    let found = BINDINGS.iter().find(|binding| {
        let counts = match binding.when {
            When::Always => true,
            When::Empty => composer == When::Empty,
        };
        counts && binding.chords.iter().any(|chord| chord.is(key.code, held))
    });
    found.map(|binding| binding.action)
}

/// Gives all keys, for help.
pub fn groups() -> Vec<KeyGroup> {
    let writing = WRITING.iter().map(|(key, what)| ((*key).to_owned(), (*what).to_owned()));
    let mut keys: Vec<(String, String)> = Vec::new();
    for binding in BINDINGS {
        let names: Vec<String> = binding.chords.iter().map(|chord| chord.name()).collect();
        let mut name = names.join(", ");
        if binding.when == When::Empty {
            name.push_str(" (empty)");
        }
        keys.push((name, binding.description.to_owned()));
    }
    vec![
        KeyGroup { title: "Writing".into(), keys: writing.collect() },
        KeyGroup { title: "Everywhere".into(), keys },
    ]
}

/// Names the first key of an action.
pub fn name(action: Action) -> String {
    let binding = BINDINGS.iter().find(|binding| binding.action == action);
    binding.and_then(|binding| binding.chords.first()).map(|chord| chord.name()).unwrap_or_default()
}

impl Chord {
    fn is(self, code: KeyCode, held: KeyModifiers) -> bool {
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
            KeyCode::Char(c) if self.held.is_empty() => name.push(c),
            KeyCode::Char(c) => name.extend(c.to_uppercase()),
            KeyCode::PageUp => name.push_str("PgUp"),
            KeyCode::PageDown => name.push_str("PgDn"),
            code => name.push_str(&code.to_string()),
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_stands_for_two_things_at_once() {
        for (at, one) in BINDINGS.iter().enumerate() {
            for other in &BINDINGS[at + 1..] {
                let shared = one.chords.iter().any(|chord| other.chords.contains(chord));
                assert!(!shared || one.when != other.when, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_key_counts_where_it_is_said_to() {
        let key = |code, held| KeyEvent::new(code, held);
        let end = key(KeyCode::End, KeyModifiers::NONE);
        assert_eq!(action(end, When::Empty), Some(Action::Bottom));
        assert_eq!(action(end, When::Always), None);
        let large = key(KeyCode::Char('C'), KeyModifiers::CONTROL | KeyModifiers::SHIFT);
        assert_eq!(action(large, When::Always), Some(Action::Stop));
        let question = key(KeyCode::Char('?'), KeyModifiers::SHIFT);
        assert_eq!(action(question, When::Empty), Some(Action::Keys));
    }

    #[test]
    fn help_names_every_key() {
        let groups = groups();
        let listed: Vec<&String> =
            groups.iter().flat_map(|it| &it.keys).map(|(key, _)| key).collect();
        for name in ["Ctrl-C", "PgUp", "Shift-Up", "Ctrl-Home", "Esc", "? (empty)"] {
            assert!(listed.iter().any(|key| *key == name), "{name} in {listed:?}");
        }
    }
}
