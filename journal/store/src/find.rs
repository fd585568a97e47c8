//! Finding a session by what a person types.

use std::io;
use std::time::SystemTime;

use codex_event::{Event, SessionId};

use crate::layout::Layout;
use crate::raw::{self, RawJournal};

/// Fewest characters of an id that name a session.
pub const PREFIX_LEN: usize = 8;
/// Mistakes in a name that may still be meant.
const MISTYPED: usize = 2;
/// Near misses that are named.
const NEAR: usize = 3;

/// Why no session was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none of this name or id.
    #[error("no session `{words}`{}", near_misses(near))]
    Unknown {
        /// What was typed.
        words: String,
        /// Names and ids that are almost the same.
        near: Vec<String>,
    },
    /// Too few characters.
    #[error("`{0}` is too short for a session id: give at least {PREFIX_LEN} characters")]
    TooShort(String),
    /// Several ids begin like this.
    #[error("`{words}` names {} sessions: {}", candidates.len(), list(candidates))]
    Ambiguous {
        /// What was typed.
        words: String,
        /// The sessions that it may mean.
        candidates: Vec<SessionId>,
    },
    /// No session was opened in this folder.
    #[error("there is no session of {0} yet")]
    NoneHere(String),
    /// There is no session at all.
    #[error("there is no session yet")]
    Empty,
    /// The folder can't be read.
    #[error("can't list the sessions: {0}")]
    Io(#[from] io::Error),
}

/// Finds the one session that the words name: a whole id, its first eight or more characters, or
/// the session's name. Ids win over names.
///
/// Names are read from the journals themselves; [`find_among`] takes them from somewhere else.
pub fn find(layout: &Layout, words: &str) -> Result<SessionId, FindError> {
    find_among(layout, words, || names(layout))
}

/// The same, with the names of all sessions from elsewhere; they are asked for only if no id fits.
pub fn find_among(
    layout: &Layout,
    words: &str,
    names: impl FnOnce() -> io::Result<Vec<(SessionId, String)>>,
) -> Result<SessionId, FindError> {
    let words = words.trim();
    let wanted = words.to_ascii_lowercase();
    let is_id = !wanted.is_empty() && wanted.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    let ambiguous = |candidates| FindError::Ambiguous { words: words.to_owned(), candidates };
    let sessions = layout.sessions()?;
    if is_id && wanted.len() >= PREFIX_LEN {
        let begins = |id: &SessionId| id.to_string().starts_with(&wanted);
        let candidates: Vec<SessionId> = sessions.iter().copied().filter(begins).collect();
        match candidates[..] {
            [] => {}
            [only] => return Ok(only),
            _ => return Err(ambiguous(candidates)),
        }
    }
    let names = names()?;
    // A whole id stands for its session alone, also when that one is gone: an imported session may
    // be called anything.
    let may_be_name = wanted.parse::<SessionId>().is_err();
    let named = names.iter().filter(|(_, name)| may_be_name && name == words).map(|(id, _)| *id);
    let named: Vec<SessionId> = named.collect();
    match named[..] {
        [only] => Ok(only),
        [] if is_id && wanted.len() < PREFIX_LEN => Err(FindError::TooShort(words.to_owned())),
        [] => {
            let near = near(words, &sessions, &names);
            Err(FindError::Unknown { words: words.to_owned(), near })
        }
        _ => Err(ambiguous(named)),
    }
}

/// Gives the names of all sessions that have one. A journal that can't be read has none.
fn names(layout: &Layout) -> io::Result<Vec<(SessionId, String)>> {
    let sessions = layout.sessions()?.into_iter();
    Ok(sessions.filter_map(|id| Some((id, name(layout, id)?))).collect())
}

/// Gives the name of a session. Most have none, which the bytes of the files tell at once.
fn name(layout: &Layout, id: SessionId) -> Option<String> {
    let dir = layout.session(id);
    if !raw::mentions(&dir, b"\"kind\":\"session_named\"").ok()? {
        return None;
    }
    let journal = RawJournal::read(&dir, id).ok()?;
    let mut name = None;
    for record in journal.records().flatten() {
        if let Some(Event::SessionNamed { name: now }) = record.envelope.event() {
            name.clone_from(now);
        }
    }
    name
}

/// Gives the names and ids that are so close to the words that they may be meant.
fn near(words: &str, sessions: &[SessionId], names: &[(SessionId, String)]) -> Vec<String> {
    let wanted = words.to_lowercase();
    let close = |text: &str| {
        let text = text.to_lowercase();
        let part =
            wanted.len().min(text.len()) >= 3 && (text.contains(&wanted) || wanted.contains(&text));
        // Of an id that was not typed in full, as much as was.
        let begin: String = text.chars().take(wanted.chars().count()).collect();
        part || [text, begin].iter().any(|text| distance(text, &wanted) <= MISTYPED)
    };
    let names = names.iter().map(|(_, name)| name.clone());
    let names = names.filter(|name| !name.is_empty() && close(name));
    let ids = sessions
        .iter()
        .map(SessionId::to_string)
        .filter(|id| wanted.len() >= PREFIX_LEN && close(id));
    names.chain(ids).take(NEAR).collect()
}

/// Counts the characters that have to be put in, taken out or changed to get from one to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, d) in other.iter().enumerate() {
            let changed = diagonal + usize::from(c != *d);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// Finds the session that was written to last, by the age of its head; the later id among equals.
pub fn last(layout: &Layout) -> Result<SessionId, FindError> {
    let newest = layout.sessions()?.into_iter().max_by_key(|id| age(layout, *id));
    newest.ok_or(FindError::Empty)
}

/// Finds the session of a folder that was written to last: the one that was opened there.
///
/// Reads sessions, the last one first, until one of the folder is found. A session whose opening
/// can't be read is passed over.
pub fn last_in(layout: &Layout, folder: &str) -> Result<SessionId, FindError> {
    let found = recent(layout, Some(folder), 1)?.first().copied();
    found.ok_or_else(|| FindError::NoneHere(folder.to_owned()))
}

/// Finds the sessions that were written to last, the last one first: those that were opened in a
/// folder, if one is named.
pub fn recent(
    layout: &Layout,
    folder: Option<&str>,
    most: usize,
) -> Result<Vec<SessionId>, FindError> {
    let mut ids = layout.sessions()?;
    ids.sort_by_cached_key(|id| std::cmp::Reverse(age(layout, *id)));
    let opened_there = |id: &SessionId, folder: &str| {
        let first = raw::opening(&layout.session(*id), *id).ok().flatten();
        first.is_some_and(|record| {
            matches!(record.envelope.event(), Some(Event::SessionOpened { cwd, .. }) if cwd == folder)
        })
    };
    let of_folder = |id: &SessionId| folder.is_none_or(|folder| opened_there(id, folder));
    Ok(ids.into_iter().filter(of_folder).take(most).collect())
}

fn age(layout: &Layout, id: SessionId) -> (SystemTime, SessionId) {
    let meta = std::fs::metadata(layout.session(id).head());
    (meta.and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH), id)
}

fn near_misses(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(", ")),
    }
}

fn list(ids: &[SessionId]) -> String {
    ids.iter().map(SessionId::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_mistakes() {
        let cases = [("", "", 0), ("moon", "moon", 0), ("moon", "mon", 1), ("abc", "cab", 2)];
        for (one, other, mistakes) in cases {
            assert_eq!(distance(one, other), mistakes, "{one} {other}");
            assert_eq!(distance(other, one), mistakes, "{other} {one}");
        }
        assert_eq!(distance("", "four"), 4);
    }
}
