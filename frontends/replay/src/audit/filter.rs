//! Which entries somebody wants to see.

use std::path::{Path, PathBuf};

use codex_event::{Timestamp, TurnId};

use super::trail::{Entry, Kind};

/// What an entry must be; each part that is not set lets all of them pass.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one of these kinds.
    pub kinds: Vec<Kind>,
    /// At or after this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// By this author: as the journal writes it, or either side of its colon.
    pub author: Option<String>,
    /// About this file, or one below this folder.
    pub path: Option<PathBuf>,
    /// About a command whose text, as one would type it, holds this.
    pub command: Option<String>,
    /// Of this turn.
    pub turn: Option<TurnId>,
}

impl Filter {
    /// Tells whether an entry is wanted.
    pub fn takes(&self, entry: &Entry) -> bool {
        let below = |path: &PathBuf| {
            let paths = [&entry.path, &entry.move_to].into_iter().flatten();
            paths.into_iter().any(|there| Path::new(there).starts_with(path))
        };
        let named = |author: &String| {
            let (sort, name) = entry.author.split_once(':').unwrap_or((&entry.author, ""));
            [entry.author.as_str(), sort, name].contains(&author.as_str())
        };
        let holds = |text: &String| entry.command.as_ref().is_some_and(|line| line.contains(text));
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| entry.is(*kind)))
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && self.author.as_ref().is_none_or(named)
            && self.path.as_ref().is_none_or(below)
            && self.command.as_ref().is_none_or(holds)
            && self.turn.is_none_or(|turn| entry.turn == Some(turn))
    }
}
