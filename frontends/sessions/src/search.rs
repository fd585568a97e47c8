//! Finding words in what was said and done, across sessions.

mod needle;
mod spoken;

use std::ops::{ControlFlow, Range};

use codex_event::{Seq, SessionId, Timestamp, TurnId};
use codex_journal::{Layout, RawJournal};
use codex_view::sanitize;
use serde::Serialize;

use crate::catalog::Tick;
use crate::entry::Entry;
use crate::parallel;

pub use needle::Needle;
use spoken::Spoken;
pub(crate) use spoken::paths;

/// Characters of an excerpt before what was found, and after it.
const BEFORE: usize = 40;
const AFTER: usize = 80;

/// What may be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What the user wrote.
    Prompt,
    /// What the model said.
    Message,
    /// What was run.
    Command,
    /// What commands printed, and what the model was told of calls.
    Output,
    /// Files that patches touched.
    File,
}

/// What is looked for, and where.
#[derive(Clone, Debug)]
pub struct Query {
    /// The words.
    pub needle: Needle,
    /// Where they may stand.
    pub kinds: Vec<Kind>,
    /// Only what happened since.
    pub since: Option<Timestamp>,
}

/// One place where the words stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The session.
    pub session: SessionId,
    /// The event.
    pub seq: Seq,
    /// The turn.
    pub turn: Option<TurnId>,
    /// What it is.
    pub kind: Kind,
    /// When it happened.
    pub at_ms: Timestamp,
    /// The words and what stands around them, as one harmless line.
    pub excerpt: String,
    /// Where in the excerpt the words are, in bytes.
    pub found: Range<usize>,
}

/// What was found in one session.
#[derive(Debug, Default)]
pub struct Found {
    /// In order of their positions, at most one of each text.
    pub hits: Vec<Hit>,
    /// Why some of it could not be searched; none when all was.
    pub unread: Option<String>,
}

/// Searches sessions in the order that they are given in, each by the raw reader and with its blobs,
/// on all cores, until it is told to stop.
pub fn run(
    layout: &Layout,
    sessions: &[&Entry],
    query: &Query,
    tick: &mut dyn FnMut(Tick),
    take: &mut dyn FnMut(&Entry, Found) -> ControlFlow<()>,
) {
    let mut done = 0;
    parallel::each(
        sessions,
        |entry| session(layout, entry.id, query),
        |entry, found| {
            done += 1;
            tick(Tick { done, of: sessions.len() });
            take(entry, found)
        },
    );
}

fn session(layout: &Layout, id: SessionId, query: &Query) -> Found {
    let mut found = Found::default();
    let journal = match RawJournal::read(&layout.session(id), id) {
        Ok(journal) => journal,
        Err(error) => {
            found.unread = Some(error.to_string());
            return found;
        }
    };
    if let Some(problem) = journal.problems().first() {
        found.unread = Some(problem.to_string());
    }
    let mut spoken = Spoken::new(&query.kinds);
    let mut look = |text: spoken::Text| found.hits.extend(query.hit(id, &text));
    for record in journal.records() {
        match record {
            Ok(record) => spoken.take(record.envelope, journal.blobs(), &mut look),
            Err(error) => found.unread = Some(error.to_string()),
        }
    }
    spoken.end(&mut look);
    // Output is told at its end, and belongs where it began.
    found.hits.sort_by_key(|hit| hit.seq);
    found
}

impl Query {
    fn hit(&self, session: SessionId, text: &spoken::Text) -> Option<Hit> {
        if self.since.is_some_and(|since| text.at < since) {
            return None;
        }
        let place = self.needle.find(&text.words)?;
        let (excerpt, found) = excerpt(&text.words, place.clone());
        let seq = text.seq_at(place.start);
        let (turn, kind, at_ms) = (text.turn, text.kind, text.at);
        Some(Hit { session, seq, turn, kind, at_ms, excerpt, found })
    }
}

// One line with what was found in it. Characters that a terminal acts on are shown as escapes.
fn excerpt(text: &str, place: Range<usize>) -> (String, Range<usize>) {
    let line_begin = text[..place.start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line_begin..place.start];
    let begin = before.char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    let after = text[place.end..].lines().next().unwrap_or_default();
    let end = after.char_indices().nth(AFTER).map_or(after.len(), |(at, _)| at);
    let mut shown = String::new();
    if begin > 0 {
        shown.push('…');
    }
    let lead = sanitize::visible(&before[begin..]);
    shown.push_str(if begin == 0 { lead.trim_start() } else { &lead });
    let from = shown.len();
    shown.push_str(&sanitize::visible(&text[place]));
    let to = shown.len();
    shown.push_str(sanitize::visible(&after[..end]).trim_end());
    if end < after.len() {
        shown.push('…');
    }
    (shown, from..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_line_around_the_words() {
        let shown = |text: &str, words: &str| {
            let at = text.find(words).expect("there");
            let (line, place) = excerpt(text, at..at + words.len());
            assert_eq!(&line[place], sanitize::visible(words));
            line
        };
        assert_eq!(shown("first\n  second line\nthird", "second"), "second line");
        assert_eq!(shown("say \x1b[2Jhello\r\n", "hello"), "say \\x1b[2Jhello");
        let long = format!("{}needle{}", "a".repeat(500), "é".repeat(500));
        assert_eq!(shown(&long, "needle"), format!("…{}needle{}…", "a".repeat(40), "é".repeat(80)));
        assert_eq!(shown("two\nlines", "o\nl"), "two\\nlines");
    }
}
