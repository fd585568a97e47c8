//! Which key does what: one table for what the interface does and for what help shows.

mod chord;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::popup::KeyGroup;

pub use chord::Chord;

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

/// How settings name what keys do, besides what has its key for good: Esc and Ctrl-C mean the same in
/// every popup, and whoever is lost presses them.
const NAMES: &[(&str, Action)] = &[
    ("answer", Action::Answer),
    ("bottom", Action::Bottom),
    ("keys", Action::Keys),
    ("leave", Action::Leave),
    ("line_down", Action::LineDown),
    ("line_up", Action::LineUp),
    ("page_down", Action::PageDown),
    ("page_up", Action::PageUp),
    ("redraw", Action::Redraw),
    ("suspend", Action::Suspend),
    ("top", Action::Top),
    ("transcript", Action::Transcript),
    ("unfold", Action::Unfold),
];

impl Action {
    /// Gives all that settings may give other keys to.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Finds what settings call so.
    pub fn named(name: &str) -> Option<Action> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, action)| *action)
    }

    /// Gives how it is called.
    pub fn called(self) -> &'static str {
        match self {
            Action::Escape => "escape",
            Action::Stop => "stop",
            Action::Answer => "answer",
            Action::Bottom => "bottom",
            Action::Keys => "keys",
            Action::Leave => "leave",
            Action::LineDown => "line_down",
            Action::LineUp => "line_up",
            Action::PageDown => "page_down",
            Action::PageUp => "page_up",
            Action::Redraw => "redraw",
            Action::Suspend => "suspend",
            Action::Top => "top",
            Action::Transcript => "transcript",
            Action::Unfold => "unfold",
        }
    }

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

/// A row of the table that holds: what the settings say, and else [`BINDINGS`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    action: Action,
    chords: Vec<Chord>,
    when: When,
    description: &'static str,
}

/// Which key does what here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    rows: Vec<Row>,
}

/// A key that two things were to be done by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The key.
    pub chord: Chord,
    /// What it does besides.
    pub other: Action,
}

impl Default for Keymap {
    fn default() -> Keymap {
        let row = |binding: &Binding| Row {
            action: binding.action,
            chords: binding.chords.to_vec(),
            when: binding.when,
            description: binding.description,
        };
        Keymap { rows: BINDINGS.iter().map(row).collect() }
    }
}

impl Keymap {
    /// Lets these keys do something, and no others. A key that writes counts while nothing is written.
    pub fn set(&mut self, action: Action, chords: &[Chord]) {
        let Some(at) = self.rows.iter().position(|row| row.action == action) else { return };
        let description = self.rows[at].description;
        self.rows.retain(|row| row.action != action);
        let row = |when| {
            let chords = chords.iter().copied().filter(|chord| chord.when() == when).collect();
            Row { action, chords, when, description }
        };
        let mut rows = vec![row(When::Always), row(When::Empty)];
        rows.retain(|row| !row.chords.is_empty());
        if rows.is_empty() {
            rows.push(row(When::Always));
        }
        let at = at.min(self.rows.len());
        self.rows.splice(at..at, rows);
    }

    /// Finds a key of an action that does something else too.
    pub fn clash(&self, action: Action) -> Option<Clash> {
        let (own, others): (Vec<&Row>, Vec<&Row>) =
            self.rows.iter().partition(|row| row.action == action);
        own.iter().flat_map(|row| &row.chords).find_map(|chord| {
            let other = others.iter().find(|row| row.chords.contains(chord))?;
            Some(Clash { chord: *chord, other: other.action })
        })
    }

    /// Gives what a key does; none when it is not one of the table.
    pub fn action(&self, key: KeyEvent, composer: When) -> Option<Action> {
        let held = key.modifiers;
        let found = self.rows.iter().find(|row| {
            let counts = match row.when {
                When::Always => true,
                When::Empty => composer == When::Empty,
            };
            counts && row.chords.iter().any(|chord| chord.is(key.code, held))
        });
        found.map(|row| row.action)
    }

    /// Gives all keys, for help.
    pub fn groups(&self) -> Vec<KeyGroup> {
        let writing = WRITING.iter().map(|(key, what)| ((*key).to_owned(), (*what).to_owned()));
        let mut keys: Vec<(String, String)> = Vec::new();
        for row in &self.rows {
            let names: Vec<String> = row.chords.iter().map(|chord| chord.name()).collect();
            let mut name = names.join(", ");
            if row.chords.is_empty() {
                name.push_str("no key");
            } else if row.when == When::Empty {
                name.push_str(" (empty)");
            }
            keys.push((name, row.description.to_owned()));
        }
        vec![
            KeyGroup { title: "Writing".into(), keys: writing.collect() },
            KeyGroup { title: "Everywhere".into(), keys },
        ]
    }

    /// Names a key of an action that counts, the one for an empty composer first; empty when none does.
    pub fn name(&self, action: Action, composer: When) -> String {
        let rows = self.rows.iter().filter(|row| row.action == action);
        let of = |when| rows.clone().filter(move |row| row.when == when);
        let empty = of(When::Empty).filter(|_| composer == When::Empty);
        let first = empty.chain(of(When::Always)).find_map(|row| row.chords.first());
        first.map(|chord| chord.name()).unwrap_or_default()
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
        assert_eq!(Keymap::default().action(end, When::Empty), Some(Action::Bottom));
        assert_eq!(Keymap::default().action(end, When::Always), None);
        let large = key(KeyCode::Char('C'), KeyModifiers::CONTROL | KeyModifiers::SHIFT);
        assert_eq!(Keymap::default().action(large, When::Always), Some(Action::Stop));
        let question = key(KeyCode::Char('?'), KeyModifiers::SHIFT);
        assert_eq!(Keymap::default().action(question, When::Empty), Some(Action::Keys));
    }

    #[test]
    fn a_key_is_written_as_it_is_shown() {
        for (text, name) in [
            ("ctrl-t", "Ctrl-T"),
            ("alt-x", "Alt-X"),
            ("ctrl-alt-pageup", "Ctrl-Alt-PgUp"),
            ("shift-up", "Shift-Up"),
            ("shift-tab", "Shift-Tab"),
            ("shift-g", "G"),
            ("f12", "F12"),
            ("-", "-"),
            ("ctrl--", "Ctrl--"),
            ("space", "Space"),
            ("é", "é"),
        ] {
            assert_eq!(Chord::parse(text).map(Chord::name).as_deref(), Some(name), "{text}");
        }
        for text in [
            "",
            "ctrl-",
            "ctrl-ctrl-a",
            "hyper-a",
            "f0",
            "f13",
            "f01",
            "pgup",
            "z r",
            "ctrl-i",
            "ctrl-shift-a",
            "shift-?",
            "\u{7}",
            " ",
        ] {
            assert_eq!(Chord::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_name_is_of_one_action() {
        for (name, action) in NAMES {
            assert_eq!(action.called(), *name);
            assert_eq!(Action::named(name), Some(*action));
            assert!(BINDINGS.iter().any(|binding| binding.action == *action));
        }
        assert_eq!((Action::named("stop"), Action::named("escape")), (None, None));
    }

    #[test]
    fn keys_of_the_settings_take_the_place_of_those_of_the_table() {
        let chord = |text| Chord::parse(text).expect("a key");
        let mut keymap = Keymap::default();
        keymap.set(Action::Transcript, &[chord("f2"), chord("t")]);
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        assert_eq!(keymap.action(key(KeyCode::F(2)), When::Always), Some(Action::Transcript));
        assert_eq!(keymap.action(key(KeyCode::Char('t')), When::Empty), Some(Action::Transcript));
        assert_eq!(keymap.action(key(KeyCode::Char('t')), When::Always), None, "it is written");
        let before = KeyEvent::new(KeyCode::Char('t'), KeyModifiers::CONTROL);
        assert_eq!(keymap.action(before, When::Empty), None);
        assert_eq!(keymap.name(Action::Transcript, When::Always), "F2");
        assert_eq!(keymap.clash(Action::Transcript), None);
        keymap.set(Action::Redraw, &[]);
        assert_eq!(
            (keymap.name(Action::Redraw, When::Empty).as_str(), keymap.clash(Action::Redraw)),
            ("", None)
        );
        keymap.set(Action::Leave, &[chord("ctrl-c")]);
        let other = Action::Stop;
        assert_eq!(keymap.clash(Action::Leave), Some(Clash { chord: chord("ctrl-c"), other }));
        keymap.set(Action::Top, &[chord("f2")]);
        assert!(keymap.clash(Action::Top).is_some() && keymap.clash(Action::Transcript).is_some());
    }

    #[test]
    fn help_names_every_key() {
        let groups = Keymap::default().groups();
        let listed: Vec<&String> =
            groups.iter().flat_map(|it| &it.keys).map(|(key, _)| key).collect();
        for name in ["Ctrl-C", "PgUp", "Shift-Up", "Ctrl-Home", "Esc", "? (empty)"] {
            assert!(listed.iter().any(|key| *key == name), "{name} in {listed:?}");
        }
    }
}
