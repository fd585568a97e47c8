//! What can be undone.

use std::collections::VecDeque;

use super::Place;

/// Edits that are kept at most.
const EDITS: usize = 500;
/// Bytes that they may hold together; the last one is kept however long it is.
const BYTES: usize = 4 << 20;
/// Bytes up to which small edits are taken together.
const TOGETHER: usize = 4_096;

/// One text put in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Where.
    pub(super) at: Place,
    /// What went.
    pub(super) removed: String,
    /// What came.
    pub(super) inserted: String,
    /// Where the cursor was before.
    pub(super) before: Place,
}

impl Edit {
    fn size(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }

    /// Takes the next edit in when both are one to a person: a word that is typed, a run of
    /// characters that are taken back.
    fn take(&mut self, next: &Edit) -> bool {
        if self.size() > TOGETHER || next.size() > 64 {
            return false;
        }
        let typed = self.removed.is_empty() && next.removed.is_empty();
        let deleted = self.inserted.is_empty() && next.inserted.is_empty();
        if typed && super::end_of(self.at, &self.inserted) == next.at {
            let ended = self.inserted.ends_with(char::is_whitespace);
            if ended && !next.inserted.starts_with(char::is_whitespace) {
                return false;
            }
            self.inserted.push_str(&next.inserted);
            return true;
        }
        if deleted && super::end_of(next.at, &next.removed) == self.at {
            self.at = next.at;
            self.removed.insert_str(0, &next.removed);
            return true;
        }
        if deleted && next.at == self.at {
            self.removed.push_str(&next.removed);
            return true;
        }
        false
    }
}

/// Edits in their order, and those that were taken back.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    done: VecDeque<Edit>,
    undone: Vec<Edit>,
    bytes: usize,
    /// Whether the next edit may belong to the last one.
    open: bool,
}

impl Log {
    /// Ends what is undone at once.
    pub(super) fn part(&mut self) {
        self.open = false;
    }

    pub(super) fn note(&mut self, edit: Edit) {
        self.undone.clear();
        let more = edit.size();
        let open = std::mem::replace(&mut self.open, true);
        let taken = open && self.done.back_mut().is_some_and(|last| last.take(&edit));
        if !taken {
            self.done.push_back(edit);
        }
        self.bytes += more;
        self.bound();
    }

    fn bound(&mut self) {
        while self.done.len() > EDITS || (self.bytes > BYTES && self.done.len() > 1) {
            let first = self.done.pop_front();
            self.bytes -= first.map_or(0, |edit| edit.size());
        }
    }

    pub(super) fn undo(&mut self) -> Option<Edit> {
        self.open = false;
        let edit = self.done.pop_back()?;
        self.bytes -= edit.size();
        Some(edit)
    }

    pub(super) fn undone(&mut self, edit: Edit) {
        self.undone.push(edit);
    }

    pub(super) fn redo(&mut self) -> Option<Edit> {
        self.open = false;
        self.undone.pop()
    }

    pub(super) fn redone(&mut self, edit: Edit) {
        self.bytes += edit.size();
        self.done.push_back(edit);
        self.bound();
    }
}
