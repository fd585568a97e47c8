//! What was said to models, across sessions.

use std::collections::HashSet;

use codex_event::Event;
use codex_journal::{Layout, RawJournal};
use codex_view::words;

use crate::entry::Entry;

/// Longest input that is worth keeping at hand, in bytes; a longer one was put together elsewhere.
const LONGEST: usize = 16 << 10;

/// Largest session that is looked through, in bytes on disk: reading a whole journal takes memory, and
/// what was said in one that large is little of it.
const LARGEST: u64 = 32 << 20;

/// Gives what was said in sessions, the last first and each text once, until there is enough of it or
/// `goes_on` says no. The sessions are looked through in the order that they are given in.
///
/// A journal that can't be read is passed over: this is a convenience, and no record.
pub fn inputs(
    layout: &Layout,
    sessions: &[Entry],
    most: usize,
    goes_on: &mut dyn FnMut() -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for entry in sessions {
        if found.len() >= most || !goes_on() {
            break;
        }
        if entry.size > LARGEST {
            continue;
        }
        let Ok(journal) = RawJournal::read(&layout.session(entry.id), entry.id) else { continue };
        let mut said = Vec::new();
        for mut record in journal.records().flatten() {
            let is_input = matches!(
                record.envelope.event(),
                Some(Event::TurnStarted { .. } | Event::InputQueued { .. })
            );
            if !is_input {
                continue;
            }
            journal.blobs().hydrate(&mut record.envelope);
            if let Some(Event::TurnStarted { input } | Event::InputQueued { input }) =
                record.envelope.event()
                && input.inline().is_some()
            {
                said.push(words(input));
            }
        }
        let said = said.into_iter().rev();
        let fit = said.filter(|text| text.len() <= LONGEST && !text.trim().is_empty());
        for text in fit {
            if found.len() < most && seen.insert(text.clone()) {
                found.push(text);
            }
        }
    }
    found
}
