//! What was said before, and the search through it.

use std::ops::Range;

use super::chips;

/// Bytes of said texts that are kept; the oldest go first.
const BYTES: usize = 8 << 20;

/// What was said before.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// The last first; clean.
    earlier: Vec<String>,
    /// What this composer handed out; the last last.
    own: Vec<String>,
    /// How far back the user is: 1 is the last text, 0 is what is being written.
    back: usize,
}

impl History {
    /// Takes what was said in other sessions, the last first.
    pub(super) fn set_earlier(&mut self, said: Vec<String>) {
        let mut bytes = 0;
        let mut earlier: Vec<String> = Vec::with_capacity(said.len());
        for text in said {
            let text = chips::clean(text.trim());
            bytes += text.len();
            if bytes > BYTES {
                break;
            }
            let again = earlier.last() == Some(&text) || self.own.contains(&text);
            if !text.is_empty() && !again {
                earlier.push(text);
            }
        }
        self.earlier = earlier;
        self.back = 0;
    }

    /// Takes what was said just now.
    pub(super) fn push(&mut self, text: String) {
        self.back = 0;
        if !text.is_empty() && self.get(1) != Some(&text) {
            self.own.push(text);
        }
    }

    /// Gives the last text that was said here.
    pub(super) fn last(&self) -> Option<&str> {
        self.own.last().map(String::as_str)
    }

    /// Gives a text: 1 is the last one.
    fn get(&self, back: usize) -> Option<&String> {
        let number = back.checked_sub(1)?;
        match self.own.len().checked_sub(back) {
            Some(place) => self.own.get(place),
            None => self.earlier.get(number - self.own.len()),
        }
    }

    /// Tells whether the user is at an old text.
    pub(super) fn is_back(&self) -> bool {
        self.back > 0
    }

    /// Goes to the text before; none at the first one.
    pub(super) fn before(&mut self) -> Option<&str> {
        self.get(self.back + 1)?;
        self.back += 1;
        self.get(self.back).map(String::as_str)
    }

    /// Goes to the text behind; none where that is what is being written.
    pub(super) fn behind(&mut self) -> Option<&str> {
        self.back = self.back.saturating_sub(1);
        self.get(self.back).map(String::as_str)
    }

    /// Leaves the old texts.
    pub(super) fn leave(&mut self) {
        self.back = 0;
    }

    /// Finds the nearest text from `from` on, backward or forward, that has a query in it.
    pub(super) fn find(&self, query: &str, from: usize, way: Way) -> Option<Found> {
        let mut back = from.max(1);
        loop {
            let text = self.get(back)?;
            if let Some(bytes) = find(text, query) {
                return Some(Found { back, bytes, text: text.clone() });
            }
            back = match way {
                Way::Older => back + 1,
                Way::Newer => back.checked_sub(1)?,
            };
        }
    }
}

/// Which way a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To what was said before.
    Older,
    /// To what was said behind.
    Newer,
}

/// A text that has a query in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// How far back it is.
    pub(super) back: usize,
    /// Where the query is.
    pub(super) bytes: Range<usize>,
    /// All of it.
    pub(super) text: String,
}

/// Finds a query in a text. Case counts once the query has a capital letter.
fn find(text: &str, query: &str) -> Option<Range<usize>> {
    if query.chars().any(char::is_uppercase) {
        return text.find(query).map(|at| at..at + query.len());
    }
    text.char_indices().find_map(|(at, _)| Some(at..at + begins(&text[at..], query)?))
}

/// Gives how much of a text is the query, in any case, when it begins with that.
fn begins(text: &str, query: &str) -> Option<usize> {
    let mut wanted = query.chars().peekable();
    for (at, c) in text.char_indices() {
        if wanted.peek().is_none() {
            return Some(at);
        }
        for lower in c.to_lowercase() {
            wanted.next_if_eq(&lower)?;
        }
    }
    wanted.peek().is_none().then_some(text.len())
}

/// A search through what was said before.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    /// What is searched for.
    pub(super) query: String,
    /// Where it was found; none when it is nowhere, or nothing is searched for yet.
    pub(super) found: Option<Found>,
}
