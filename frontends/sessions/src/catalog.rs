//! Which sessions there are.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::num::NonZero;
use std::ops::ControlFlow;

use codex_event::SessionId;
use codex_journal::{FindError, Layout};

use crate::entry::{Entry, Life, State};
use crate::index::{self, Kept, Stamp};
use crate::parallel;

// Fewer sessions than this are not worth a thread.
const LEAST_PART: usize = 256;

/// How far something is that takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Sessions that are done.
    pub done: usize,
    /// Sessions in all.
    pub of: usize,
}

/// The sessions of a home.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// All of them, the one that was used last first.
    pub entries: Vec<Entry>,
    /// How many were read because they are new or changed.
    pub read: usize,
}

impl Catalog {
    /// Says what there is. Only sessions that are new or changed are read; one that can't be read is
    /// damaged, and hides no other. Only the folder of all sessions can fail.
    pub fn open(layout: &Layout, tick: &mut dyn FnMut(Tick)) -> io::Result<Catalog> {
        // The two halves of the work take the same time: reading what is known, and looking at what
        // is there.
        let (known, stamped) = std::thread::scope(|scope| {
            let known = scope.spawn(|| index::load(layout));
            let stamped = stamps(layout);
            (known.join().unwrap_or_default(), stamped)
        });
        let mut known: HashMap<SessionId, Kept> =
            known.into_iter().map(|kept| (kept.entry.id, kept)).collect();
        let was = known.len();
        let mut all = Vec::new();
        let mut fresh = Vec::new();
        for (id, stamp) in stamped? {
            let dir = layout.session(id);
            match known.remove(&id).and_then(|kept| kept.still(&stamp, &dir)) {
                Some(kept) => all.push(kept),
                None if dir.is_session() => fresh.push((id, stamp.whole(&dir))),
                None => {}
            }
        }
        let (unchanged, of) = (all.len(), fresh.len());
        parallel::each(
            &fresh,
            |(id, _)| Entry::read(layout, *id),
            |(_, stamp), entry| {
                all.push(Kept { entry, stamp: *stamp });
                tick(Tick { done: all.len() - unchanged, of });
                ControlFlow::Continue(())
            },
        );
        if of > 0 || was != unchanged {
            index::save(layout, all.iter());
        }
        let finish = |Kept { mut entry, stamp }: Kept| {
            entry.touched = stamp.touched();
            // A journal that was closed last is nobody's until it says otherwise.
            let open = entry.told.as_ref().is_none_or(|told| told.life == Life::Open);
            entry.running = open && codex_journal::is_owned(&layout.session(entry.id));
            entry
        };
        let mut entries: Vec<Entry> = all.into_iter().map(finish).collect();
        entries.sort_by_cached_key(|entry| std::cmp::Reverse((entry.active(), entry.id)));
        Ok(Catalog { entries, read: of })
    }

    /// Gives one of them.
    pub fn find(&self, id: SessionId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// Gives the sessions that have a name, by name, the one that was used last first.
    pub fn names(&self) -> BTreeMap<&str, Vec<SessionId>> {
        let mut names: BTreeMap<&str, Vec<SessionId>> = BTreeMap::new();
        for entry in &self.entries {
            if let Some(name) = entry.told.as_ref().and_then(|told| told.name.as_deref()) {
                names.entry(name).or_default().push(entry.id);
            }
        }
        names
    }

    /// Finds the one session that the words name: its id, the first characters of it, or its name.
    pub fn named(&self, layout: &Layout, words: &str) -> Result<SessionId, FindError> {
        codex_journal::find_among(layout, words, || Ok(self.named_ones()))
    }

    /// Gives the sessions that have a name, with it.
    pub fn named_ones(&self) -> Vec<(SessionId, String)> {
        let name = |entry: &Entry| Some((entry.id, entry.told.as_ref()?.name.clone()?));
        self.entries.iter().filter_map(name).collect()
    }

    /// Gives the sessions that were forked from one.
    pub fn forks(&self, id: SessionId) -> Vec<SessionId> {
        let is_fork = |entry: &&Entry| {
            entry.told.as_ref().and_then(|told| told.forked).is_some_and(|it| it.session == id)
        };
        self.entries.iter().filter(is_fork).map(|entry| entry.id).collect()
    }

    /// Gives the bytes that all of them take up.
    pub fn size(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }

    /// Counts those in a state.
    pub fn count(&self, state: State) -> usize {
        self.entries.iter().filter(|entry| entry.state() == state).count()
    }
}

// In parts at once: looking at files waits for the system, and nothing depends on the order.
fn stamps(layout: &Layout) -> io::Result<Vec<(SessionId, Stamp)>> {
    let folders = index::folders(layout)?;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let part = folders.len().div_ceil(cores).max(LEAST_PART);
    let look = |ids: &[SessionId]| -> Vec<(SessionId, Stamp)> {
        ids.iter().map(|id| (*id, Stamp::take(&layout.session(*id)))).collect()
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            folders.chunks(part).map(|ids| scope.spawn(move || look(ids))).collect();
        let mut stamps = Vec::with_capacity(folders.len());
        for part in parts {
            stamps.extend(part.join().map_err(|_panic| io::Error::other("looking panicked"))?);
        }
        Ok(stamps)
    })
}
