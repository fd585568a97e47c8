//! How the interface is to be: resolved settings, handed in by whoever runs it.

use codex_event::SessionId;

use crate::host::Facts;
use crate::keymap::Keymap;

/// What the interface begins with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is shown first.
    pub start: Start,
    /// What is known so far.
    pub facts: Facts,
    /// Where it draws.
    pub screen: Screen,
    /// Colours, as they were chosen.
    pub colours: Colours,
    /// The colours that go with the terminal, as far as it says what they are.
    pub fitting: Palette,
    /// Which key does what outside of the composer.
    pub keymap: Keymap,
    /// How keys are read in the composer.
    pub keys: Keys,
    /// How the user is told about the end of a turn or a question while looking elsewhere.
    pub notifications: Notifications,
    /// Whether the mouse is used.
    pub mouse: Mouse,
    /// Command line of the user's editor (`VISUAL`, `EDITOR`); none when neither is set.
    pub editor: Option<String>,
}

/// What is shown first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing yet; the words are said to the model at once.
    New(Option<String>),
    /// This session, taken up; the words are said at once.
    TakeUp(SessionId, Option<String>),
    /// This session, read only.
    Watch(SessionId),
    /// A choice among the sessions.
    Choose,
}

/// Where it draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// On the terminal's other screen; the last part of the conversation is left on the normal one.
    #[default]
    Full,
    /// Below what the terminal shows: what is finished goes into its scrollback.
    Inline,
}

/// Which colours there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// Colours for a dark background.
    #[default]
    Dark,
    /// Colours for a light background.
    Light,
    /// The terminal's own sixteen.
    Sixteen,
    /// None (`NO_COLOR`): only bold, dim, underlined, reversed.
    Plain,
}

/// Which colours are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Those that go with the terminal ([`Options::fitting`]).
    Auto,
    /// These.
    Always(Palette),
}

impl Colours {
    /// Gives the colours to draw with, in a terminal that these go with.
    pub fn palette(self, fitting: Palette) -> Palette {
        match self {
            Colours::Auto => fitting,
            Colours::Always(palette) => palette,
        }
    }
}

/// How keys are read in the composer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// As shells do.
    #[default]
    Emacs,
    /// As vi does, with two modes.
    Vim,
}

/// How the user is told while looking elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notifications {
    /// As the terminal understands best.
    #[default]
    Auto,
    /// OSC 9.
    Osc9,
    /// OSC 777.
    Osc777,
    /// The bell.
    Bell,
    /// Not at all.
    Off,
}

/// Whether the mouse is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mouse {
    /// The terminal keeps it: text is selected as ever.
    #[default]
    Off,
    /// The wheel scrolls, a click unfolds.
    On,
}
