//! Where the user writes.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::options::Keys;
use crate::theme::Theme;
use crate::update::{FileMatches, Moment};

/// What came of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// The key means nothing here; it is somebody else's.
    Ignored,
    /// Something to be drawn may have changed.
    Changed,
    /// The user is done with a text, and the composer is empty now.
    Submit(Submission),
    /// As [`Did::Changed`]; and files that match this are wanted, in place of any earlier search.
    FindFiles(String),
    /// The user wants this text in the editor; what it becomes is put back with [`Composer::put`].
    Edit(String),
}

/// A text that the user is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// Something to say to the model.
    Say(String),
    /// A command line of the user's own: what stood behind a `!`.
    Shell(String),
    /// A command of the interface. It may be none that exists: a path is written like this too.
    Slash {
        /// The first word, without its slash.
        name: String,
        /// All behind the first word, without the white space in between.
        rest: String,
    },
}

/// The files that are offered for what stands behind an `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion<'a> {
    /// What stands behind the `@`.
    pub query: &'a str,
    /// Paths, best first.
    pub paths: &'a [String],
    /// Which of them a key would take.
    pub selected: usize,
}

/// Where the user writes: a text of any length, a history, a list of files.
#[derive(Debug)]
pub struct Composer {
    text: String,
}

impl Composer {
    /// Begins empty.
    pub fn new(_keys: Keys) -> Composer {
        Composer { text: String::new() }
    }

    /// Reads keys in another way from now on.
    pub fn set_keys(&mut self, _keys: Keys) {}

    /// Takes a key.
    pub fn key(&mut self, _now: Moment, _key: KeyEvent) -> Did {
        Did::Ignored
    }

    /// Takes what was pasted.
    pub fn paste(&mut self, text: String) -> Did {
        self.text.push_str(&text);
        Did::Changed
    }

    /// Takes files that match; those of an earlier search are nothing to it.
    pub fn files(&mut self, _found: FileMatches) {}

    /// Takes what was said in earlier sessions, the last first.
    pub fn history(&mut self, _said: Vec<String>) {}

    /// Puts a text in place of what stands there, with the cursor behind it.
    pub fn put(&mut self, text: &str) {
        text.clone_into(&mut self.text);
    }

    /// Empties it; the text is the last one of the history then.
    pub fn clear(&mut self) {
        self.text.clear();
    }

    /// Gives the text, with all that was pasted.
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// Tells whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Gives the last text that was submitted, as it was written.
    pub fn submitted(&self) -> Option<&str> {
        None
    }

    /// Gives the files that are offered; none while the list is closed.
    pub fn completion(&self) -> Option<Completion<'_>> {
        None
    }

    /// Gives the rows that it needs in so many columns, at least one and at most `max`.
    pub fn height(&self, _width: u16, max: u16) -> u16 {
        max.min(1)
    }

    /// Draws it, and gives the place of the cursor.
    pub fn draw(&mut self, _area: Rect, _buf: &mut Buffer, _theme: &Theme) -> Option<Position> {
        None
    }
}
