//! Finding a session by what a person types.

use std::io;
use std::time::SystemTime;

use codex_event::{Event, SessionId};

use crate::layout::Layout;
use crate::raw;

/// Fewest characters of an id that name a session.
pub const PREFIX_LEN: usize = 8;

/// Why no session was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none of this id.
    #[error("no session `{0}`")]
    Unknown(String),
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

/// Finds the one session that the words name: a whole id, or its first eight or more characters.
pub fn find(layout: &Layout, words: &str) -> Result<SessionId, FindError> {
    let wanted = words.trim().to_ascii_lowercase();
    if wanted.len() < PREFIX_LEN {
        return Err(FindError::TooShort(words.to_owned()));
    }
    let mut candidates = layout.sessions()?;
    candidates.retain(|id| id.to_string().starts_with(&wanted));
    match candidates[..] {
        [] => Err(FindError::Unknown(words.to_owned())),
        [only] => Ok(only),
        _ => Err(FindError::Ambiguous { words: words.to_owned(), candidates }),
    }
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
    let mut ids = layout.sessions()?;
    ids.sort_by_key(|id| std::cmp::Reverse(age(layout, *id)));
    let opened_there = |id: &SessionId| {
        let first = raw::opening(&layout.session(*id), *id).ok().flatten();
        first.is_some_and(|record| {
            matches!(record.envelope.event(), Some(Event::SessionOpened { cwd, .. }) if cwd == folder)
        })
    };
    ids.into_iter().find(opened_there).ok_or_else(|| FindError::NoneHere(folder.to_owned()))
}

fn age(layout: &Layout, id: SessionId) -> (SystemTime, SessionId) {
    let meta = std::fs::metadata(layout.session(id).head());
    (meta.and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH), id)
}

fn list(ids: &[SessionId]) -> String {
    ids.iter().map(SessionId::to_string).collect::<Vec<_>>().join(", ")
}
