//! Making room: which sessions may go, and what dead processes left behind.

use std::io;
use std::ops::ControlFlow;

use codex_event::Timestamp;
use codex_journal::{Layout, Leftover, Leftovers, RemoveError};

use crate::catalog::{Catalog, Tick};
use crate::entry::{Entry, State};
use crate::parallel;

/// Which sessions are to go. Without a limit none is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Those that were used last before this moment.
    pub before: Option<Timestamp>,
    /// As many of the oldest as it takes until all take up no more bytes than this.
    pub keep: Option<u64>,
    /// What may be chosen at all.
    pub scope: Scope,
}

/// Which sessions may be chosen. One that is running never is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All that are whole.
    #[default]
    Whole,
    /// Those of them that were put away.
    Archived,
    /// Also those that are damaged.
    Damaged,
}

/// Chooses the sessions that are to go, the one that was used longest ago first.
pub fn choose<'a>(catalog: &'a Catalog, limits: &Limits) -> Vec<&'a Entry> {
    let may_go = |entry: &Entry| match (entry.state(), limits.scope) {
        (State::Running, _) => false,
        // What is running may look damaged to a reader that comes at a bad moment.
        (State::Damaged, Scope::Damaged) => !entry.running,
        (State::Damaged, Scope::Whole | Scope::Archived) => false,
        (State::Clean | State::Ready | State::Interrupted, Scope::Archived) => entry.is_archived(),
        (State::Clean | State::Ready | State::Interrupted, Scope::Whole | Scope::Damaged) => true,
    };
    let mut left = catalog.size();
    let mut chosen = Vec::new();
    for entry in catalog.entries.iter().rev().filter(|entry| may_go(entry)) {
        let old = limits.before.is_some_and(|before| entry.active() < before);
        let over = limits.keep.is_some_and(|keep| left > keep);
        if old || over {
            left -= entry.size;
            chosen.push(entry);
        }
    }
    chosen
}

/// Removes a session that was chosen, unless it went on since: it is not the one any more that was
/// looked at.
pub fn remove(layout: &Layout, entry: &Entry) -> Result<(), RemoveError> {
    codex_journal::remove_at(layout, entry.id, entry.acknowledged)
}

/// Whether something is done or only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing is changed.
    Look,
    /// It is done.
    Remove,
}

/// What became of leftovers.
#[derive(Debug, Default)]
pub struct Swept {
    /// Those that are gone, or would be.
    pub leftovers: Vec<Leftover>,
    /// Those that could not be removed or looked for, one sentence each.
    pub failed: Vec<String>,
}

/// Finds what dead processes left in a home, and removes it.
pub fn sweep(
    layout: &Layout,
    what: Leftovers,
    act: Act,
    tick: &mut dyn FnMut(Tick),
) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for leftover in what.beside(layout)? {
        let gone = match act {
            Act::Look => Ok(true),
            Act::Remove => leftover.remove(layout),
        };
        match gone {
            Ok(true) => swept.leftovers.push(leftover),
            Ok(false) => {}
            Err(error) => swept.failed.push(format!("{}: {error}", leftover.path.display())),
        }
    }
    let ids = layout.sessions()?;
    let mut done = 0;
    parallel::each(
        &ids,
        |id| {
            let dir = layout.session(*id);
            match act {
                Act::Look => what.within(&dir, *id),
                Act::Remove => what.sweep_within(&dir, *id),
            }
        },
        |id, found| {
            done += 1;
            tick(Tick { done, of: ids.len() });
            match found {
                Ok(found) => swept.leftovers.extend(found),
                Err(error) => swept.failed.push(format!("session {id}: {error}")),
            }
            ControlFlow::Continue(())
        },
    );
    Ok(swept)
}
