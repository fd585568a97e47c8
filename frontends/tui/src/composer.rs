//! Where the user writes.
//!
//! The text is the buffer's; what stands around it is here: which keys do what, what was said before,
//! which files an `@` may mean, and what a text is once it is handed out. A `!` at the beginning is no
//! part of the text but a mode, so that it is seen where the prompt's sign is.

mod buffer;
mod chips;
mod draw;
mod editing;
mod graphemes;
mod history;
mod mention;
mod rows;
mod submission;
#[cfg(test)]
mod tests;
mod vim;

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::options::Keys;
use crate::slash::is_of_name;
use crate::update::FileMatches;
use buffer::{Buffer, Place, Toward};
use editing::Kill;
use history::{History, Search, Way};
use mention::Mention;
use submission::Mode;
use vim::Vim;

/// Bytes of a text that may be a command for which a list is shown.
const MOST_COMMAND: usize = 16 << 10;

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
    keys: Keys,
    mode: Mode,
    buffer: Buffer,
    kill: Kill,
    vim: Vim,
    history: History,
    /// What was being written when the user went back to what was said before.
    draft: Option<Draft>,
    /// Whether the text is one of the history, with the cursor where it was put.
    recalled: bool,
    search: Option<Search>,
    /// What a search found, in the text.
    marked: Option<Range<Place>>,
    mention: Option<Mention>,
    /// The `@` whose list was closed.
    dismissed: Option<Place>,
}

#[derive(Clone, Debug)]
struct Draft {
    mode: Mode,
    raw: String,
    cursor: Place,
}

/// Terminals differ in what they say of Shift beside another key that is held, and of the letter's size.
fn plainly(mut key: KeyEvent) -> KeyEvent {
    let others = key.modifiers - KeyModifiers::SHIFT;
    if let KeyCode::Char(c) = key.code
        && !others.is_empty()
    {
        key.modifiers = others;
        if others.contains(KeyModifiers::CONTROL) {
            key.code = KeyCode::Char(c.to_ascii_lowercase());
        }
    }
    key
}

impl Composer {
    /// Begins empty.
    pub fn new(keys: Keys) -> Composer {
        Composer {
            keys,
            mode: Mode::Say,
            buffer: Buffer::default(),
            kill: Kill::default(),
            vim: Vim::default(),
            history: History::default(),
            draft: None,
            recalled: false,
            search: None,
            marked: None,
            mention: None,
            dismissed: None,
        }
    }

    /// Reads keys in another way from now on.
    pub fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
        self.vim.insert();
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Did {
        let key = plainly(key);
        if let Some(did) = self.search_key(key) {
            return did;
        }
        if let Some(did) = self.mention_key(key) {
            return did;
        }
        if self.vim.mode() == vim::Mode::Normal
            && let Some(did) = self.normal_key(key)
        {
            return did;
        }
        match (key.code, key.modifiers) {
            (KeyCode::Enter, KeyModifiers::NONE) => self.submit(),
            (KeyCode::Esc, _) if self.keys == Keys::Vim => self.leave_insert(),
            (KeyCode::Esc, _) if self.mode == Mode::Shell && self.buffer.is_empty() => {
                self.mode = Mode::Say;
                Did::Changed
            }
            _ => self.edit_key(key),
        }
    }

    /// Takes what was pasted.
    pub fn paste(&mut self, text: String) -> Did {
        self.kill.close();
        if let Some(search) = &mut self.search {
            let text = chips::clean(&text);
            search.query.push_str(text.lines().next().unwrap_or_default());
            return self.search_again(1, Way::Older);
        }
        self.buffer.paste(&text);
        self.changed()
    }

    /// Takes files that match; those of an earlier search are nothing to it.
    pub fn files(&mut self, found: FileMatches) {
        if let Some(mention) = &mut self.mention {
            mention.take(found);
        }
    }

    /// Takes what was said in earlier sessions, the last first.
    pub fn history(&mut self, said: Vec<String>) {
        self.history.set_earlier(said);
    }

    /// Puts a text in place of what stands there, with the cursor behind it.
    pub fn put(&mut self, text: &str) {
        let text = chips::clean(text);
        self.close();
        self.history.leave();
        self.draft = None;
        self.show(&text);
        self.recalled = false;
    }

    /// Empties it; the text is the last one of the history then.
    pub fn clear(&mut self) {
        self.close();
        let text = self.text();
        self.history.push(text.trim().to_owned());
        self.reset();
    }

    /// Gives the text, with all that was pasted, and a `!` before a command of the user's own.
    pub fn text(&self) -> String {
        submission::write(self.mode, &self.buffer.text())
    }

    /// Gives a text that begins as a command of the interface does: a slash, and nothing or a word behind it.
    ///
    /// None for one of more than 16 KiB, so that a key costs the same however much was pasted; nobody
    /// chooses from a list with that.
    pub fn begun_command(&self) -> Option<String> {
        let first = self.buffer.line(0).strip_prefix('/');
        let (Mode::Say, Some(first)) = (self.mode, first) else { return None };
        let begins = first.chars().next().is_none_or(|c| c.is_whitespace() || is_of_name(c));
        (begins && self.buffer.fits(MOST_COMMAND)).then(|| self.text())
    }

    /// Tells whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.mode == Mode::Say && self.buffer.is_empty()
    }

    /// Tells whether a list or a search is open, whose keys come before all others.
    pub fn is_choosing(&self) -> bool {
        self.search.is_some() || self.mention.is_some()
    }

    /// Gives the last text that was handed out, as it was written.
    pub fn submitted(&self) -> Option<&str> {
        self.history.last()
    }

    /// Gives the files that are offered; none while the list is closed.
    pub fn completion(&self) -> Option<Completion<'_>> {
        self.mention.as_ref().map(|mention| Completion {
            query: &mention.query,
            paths: &mention.paths,
            selected: mention.selected,
        })
    }

    fn submit(&mut self) -> Did {
        let text = self.buffer.text();
        let Some(submission) = submission::of(self.mode, &text) else {
            return if self.is_empty() { Did::Ignored } else { Did::Changed };
        };
        self.history.push(submission::write(self.mode, &text).trim_end().to_owned());
        self.reset();
        Did::Submit(submission)
    }

    fn reset(&mut self) {
        // What was taken out must not depend on what is forgotten here.
        let kept = self.buffer.chips().expand(self.kill.text());
        self.kill.set(kept);
        self.buffer.reset();
        self.mode = Mode::Say;
        self.draft = None;
        self.recalled = false;
        self.close();
        self.vim.insert();
    }

    fn close(&mut self) {
        self.search = None;
        self.marked = None;
        self.mention = None;
        self.dismissed = None;
    }

    /// Shows a text in place of what stands there.
    fn show(&mut self, text: &str) {
        let (mode, text) = submission::read(text);
        self.mode = mode;
        self.buffer.set(text);
    }

    /// The text changed: what follows from that.
    fn changed(&mut self) -> Did {
        self.recalled = false;
        self.draft = None;
        self.history.leave();
        let found = match self.vim.mode() {
            vim::Mode::Insert => mention::before_cursor(&self.buffer),
            vim::Mode::Normal => None,
        };
        let Some((at, query)) = found else {
            self.mention = None;
            self.dismissed = None;
            return Did::Changed;
        };
        if self.dismissed == Some(at) {
            return Did::Changed;
        }
        match &mut self.mention {
            Some(mention) if mention.at == at && mention.query == query => Did::Changed,
            Some(mention) if mention.at == at => {
                mention.ask(query.clone());
                Did::FindFiles(query)
            }
            _ => {
                self.mention = Some(Mention::new(at, query.clone()));
                Did::FindFiles(query)
            }
        }
    }

    /// The cursor moved: a list is for what it stood behind, and no other one is opened.
    fn moved(&mut self) -> Did {
        self.recalled = false;
        let at = self.buffer.cursor();
        let still = self.mention.as_ref().is_some_and(|mention| {
            let here = mention::before_cursor(&self.buffer);
            here.is_some_and(|(place, query)| place == mention.at && query == mention.query)
        });
        if !still {
            self.mention = None;
        }
        if self.dismissed.is_some_and(|place| place.line != at.line) {
            self.dismissed = None;
        }
        Did::Changed
    }

    /// Takes a key that means something to the list of files.
    fn mention_key(&mut self, key: KeyEvent) -> Option<Did> {
        let mention = self.mention.as_mut()?;
        let offers = !mention.paths.is_empty();
        match (key.code, key.modifiers) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), KeyModifiers::CONTROL) => {
                self.dismissed = Some(mention.at);
                self.mention = None;
            }
            (KeyCode::Down, KeyModifiers::NONE) | (KeyCode::Char('n'), KeyModifiers::CONTROL)
                if offers =>
            {
                mention.next();
            }
            (KeyCode::Up, KeyModifiers::NONE) | (KeyCode::Char('p'), KeyModifiers::CONTROL)
                if offers =>
            {
                mention.previous();
            }
            (KeyCode::Tab | KeyCode::Enter, KeyModifiers::NONE) if offers => {
                let path = mention.paths.get(mention.selected)?;
                let (at, word) = (mention.at, format!("{} ", mention::quoted(path)));
                self.buffer.part();
                self.buffer.exchange(at, self.buffer.cursor(), &word);
                self.buffer.part();
                return Some(self.changed());
            }
            _ => return None,
        }
        Some(Did::Changed)
    }

    /// Goes through what was said before. What was being written is kept.
    fn walk(&mut self, toward: Toward) -> Did {
        let was_back = self.history.is_back();
        let text = match toward {
            Toward::Before => match self.history.before() {
                Some(text) => text.to_owned(),
                None => return Did::Changed,
            },
            Toward::Behind if !was_back => return Did::Changed,
            Toward::Behind => match self.history.behind() {
                Some(text) => text.to_owned(),
                None => {
                    self.restore();
                    return Did::Changed;
                }
            },
        };
        if !was_back {
            self.draft = Some(Draft {
                mode: self.mode,
                raw: self.buffer.raw(),
                cursor: self.buffer.cursor(),
            });
        }
        self.close();
        self.show(&text);
        self.onto_a_sign();
        self.recalled = true;
        Did::Changed
    }

    /// Shows again what was being written.
    fn restore(&mut self) {
        self.close();
        self.history.leave();
        self.recalled = false;
        let draft = self.draft.take();
        let Some(Draft { mode, raw, cursor }) = draft else { return self.show("") };
        self.mode = mode;
        self.buffer.set(&raw);
        self.buffer.go(cursor);
    }

    fn begin_search(&mut self) -> Did {
        self.close();
        if !self.history.is_back() {
            self.draft = Some(Draft {
                mode: self.mode,
                raw: self.buffer.raw(),
                cursor: self.buffer.cursor(),
            });
        }
        self.search = Some(Search::default());
        Did::Changed
    }

    /// Takes a key while what was said before is searched through.
    fn search_key(&mut self, key: KeyEvent) -> Option<Did> {
        let search = self.search.as_mut()?;
        let back = search.found.as_ref().map_or(0, |found| found.back);
        match (key.code, key.modifiers) {
            (KeyCode::Char('r'), KeyModifiers::CONTROL) => {
                return Some(self.search_further(back + 1, Way::Older));
            }
            (KeyCode::Char('s'), KeyModifiers::CONTROL) => {
                return Some(match back.checked_sub(1) {
                    Some(back) if back > 0 => self.search_further(back, Way::Newer),
                    _ => Did::Changed,
                });
            }
            (KeyCode::Esc, _) | (KeyCode::Char('c' | 'g'), KeyModifiers::CONTROL) => {
                self.restore();
            }
            (KeyCode::Backspace, _) => {
                search.query.truncate(graphemes::previous(&search.query, search.query.len()));
                return Some(self.search_again(1, Way::Older));
            }
            (KeyCode::Char(c), KeyModifiers::NONE | KeyModifiers::SHIFT) => {
                search.query.push(c);
                return Some(self.search_again(back.max(1), Way::Older));
            }
            (KeyCode::Enter | KeyCode::Tab, KeyModifiers::NONE) => self.accept(),
            _ => {
                // Any other key takes what was found, and does what it does.
                self.accept();
                return None;
            }
        }
        Some(Did::Changed)
    }

    /// Looks for the query anew: what was found may not have it any more.
    fn search_again(&mut self, from: usize, way: Way) -> Did {
        let Some(search) = &mut self.search else { return Did::Changed };
        search.found = None;
        self.search_further(from, way);
        let Some(search) = self.search.take_if(|search| search.found.is_none()) else {
            return Did::Changed;
        };
        // What is shown is what a key would take: without anything found, that is the draft.
        let draft = self.draft.clone();
        self.restore();
        (self.draft, self.search) = (draft, Some(search));
        Did::Changed
    }

    /// Looks on from what was found, which stays where there is nothing more.
    fn search_further(&mut self, from: usize, way: Way) -> Did {
        let Some(search) = &mut self.search else { return Did::Changed };
        if search.query.is_empty() {
            return Did::Changed;
        }
        let Some(found) = self.history.find(&search.query, from, way) else {
            return Did::Changed;
        };
        let (text, bytes) = (found.text.clone(), found.bytes.clone());
        search.found = Some(found);
        self.show(&text);
        let (_, shown) = submission::read(&text);
        let sign = text.len() - shown.len();
        let begin = buffer::place_of(shown, bytes.start.saturating_sub(sign));
        let end = buffer::place_of(shown, bytes.end.saturating_sub(sign));
        self.buffer.go(begin);
        self.marked = Some(begin..end);
        Did::Changed
    }

    /// Keeps what a search found, to be changed and said. Without anything found, what was written.
    fn accept(&mut self) {
        let found = self.search.take().is_some_and(|search| search.found.is_some());
        if !found {
            return self.restore();
        }
        self.close();
        self.history.leave();
        self.draft = None;
        self.recalled = false;
        let end = self.buffer.end();
        self.buffer.go(end);
    }
}
