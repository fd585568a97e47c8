//! Searches the files of the working folder on a thread of its own.
//!
//! The folder is walked a few files at a time and each is held against the query as it comes, so the
//! first results are there long before the walk is over, and a new query never waits for an old one.
//! What was walked is kept for some seconds: whoever types on searches it from memory. No process is
//! started for it, and no more is kept of a tree than a bound says.

#[cfg(test)]
mod tests;
mod walk;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::fuzzy::Ranking;
use crate::update::{FileMatches, Progress};
use walk::{Hidden, Walk};

/// Paths that are handed out at most.
const MOST: usize = 64;
/// How long after a query something is handed out that was found so far.
const FIRST: Duration = Duration::from_millis(10);
/// How long after that, something better.
const PACE: Duration = Duration::from_millis(50);
/// How long a walk that is over is believed.
const KEPT: Duration = Duration::from_secs(5);
/// Files that are walked or looked at between two looks at the clock and the next query.
const STEP: usize = 256;

/// A search for files below a folder. It ends when this is dropped.
#[derive(Debug)]
pub struct Finder {
    desk: Arc<Desk>,
}

/// Where the two threads meet. There is one query at a time: a new one takes the place of the last.
#[derive(Debug, Default)]
struct Desk {
    next: Mutex<Next>,
    changed: Condvar,
}

/// What is to be done.
#[derive(Debug, Default)]
enum Next {
    /// Nothing new.
    #[default]
    Nothing,
    /// Search for this.
    Find(String),
    /// Nobody wants anything any more.
    End,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Next> {
        // Nothing panics while this is held; whatever it holds is whole.
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, next: Next) {
        *self.lock() = next;
        self.changed.notify_one();
    }

    /// Takes what is to be done, if that is anything new.
    fn take(&self) -> Next {
        let mut next = self.lock();
        match &*next {
            // It stays: whoever looks again must see it again.
            Next::End => Next::End,
            Next::Nothing | Next::Find(_) => std::mem::take(&mut *next),
        }
    }

    /// Waits for something new; for so long at most.
    fn wait(&self, most: Option<Duration>) -> Next {
        let next = self.lock();
        let nothing = |next: &mut Next| matches!(next, Next::Nothing);
        let next = match most {
            Some(most) => {
                let waited = self.changed.wait_timeout_while(next, most, nothing);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.changed.wait_while(next, nothing);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        drop(next);
        self.take()
    }
}

impl Finder {
    /// Searches below a folder, and hands to `sink` what it finds.
    ///
    /// `sink` is called on the thread that searches; while it waits, nothing is searched, and queries
    /// that come meanwhile replace each other.
    pub fn new(root: PathBuf, sink: impl Fn(FileMatches) + Send + 'static) -> Finder {
        let desk = Arc::new(Desk::default());
        let worker = Arc::clone(&desk);
        let search = move || Search { root, desk: worker, sink, walk: None }.run();
        // Without a thread nothing is found, and all else goes on.
        let _ = thread::Builder::new().name("files".into()).spawn(search);
        Finder { desk }
    }

    /// Searches for this from now on; an earlier search ends. Files match whose paths, relative to
    /// the folder, have the characters of the query in their order. Hidden ones are looked at when a
    /// part of the query begins with a dot, ignored ones never.
    pub fn find(&self, query: String) {
        self.desk.put(Next::Find(query));
    }
}

impl Drop for Finder {
    fn drop(&mut self) {
        self.desk.put(Next::End);
    }
}

struct Search<F> {
    root: PathBuf,
    desk: Arc<Desk>,
    sink: F,
    /// The last walk, and what of it is hidden.
    walk: Option<Walk>,
}

impl<F: Fn(FileMatches)> Search<F> {
    fn run(mut self) {
        let mut next = self.desk.wait(None);
        loop {
            next = match next {
                Next::End => return,
                Next::Find(query) => self.find(query),
                Next::Nothing => match self.walk.as_ref().map(Walk::age) {
                    // What nobody asks about is not kept.
                    Some(age) if age >= KEPT => {
                        self.walk = None;
                        Next::Nothing
                    }
                    Some(age) => self.desk.wait(Some(KEPT - age)),
                    None => self.desk.wait(None),
                },
            };
        }
    }

    /// Searches until that is over or something new is to be done, and gives what that is.
    fn find(&mut self, query: String) -> Next {
        let path = query.strip_prefix("./").unwrap_or(&query);
        let hidden = Hidden::of(path);
        // One that is not over goes on, however long it has taken.
        let good = |walk: &Walk| !walk.is_over() || walk.age() < KEPT;
        let known = self.walk.take().filter(|walk| walk.hidden() == hidden && good(walk));
        let walk = self.walk.insert(known.unwrap_or_else(|| Walk::begin(&self.root, hidden)));
        let mut best = Best::new(path);
        let mut seen = 0;
        let mut told = Instant::now();
        let mut last: Option<Vec<String>> = None;
        loop {
            let next = self.desk.take();
            match next {
                Next::Nothing => {}
                Next::Find(_) | Next::End => return next,
            }
            if seen == walk.len() && !walk.is_over() {
                walk.go_on(STEP);
            }
            let until = walk.len().min(seen + STEP);
            for number in seen..until {
                best.look(number, walk.path(number));
            }
            seen = until;
            let over = walk.is_over() && seen == walk.len();
            let pace = if last.is_none() { FIRST } else { PACE };
            if !over && told.elapsed() < pace {
                continue;
            }
            told = Instant::now();
            let paths = best.paths(walk);
            let progress = if over { Progress::Done } else { Progress::Searching };
            if over || (!paths.is_empty() && last.as_ref() != Some(&paths)) {
                last = Some(paths.clone());
                (self.sink)(FileMatches { query: query.clone(), paths, seen, progress });
            }
            if over {
                return Next::Nothing;
            }
        }
    }
}

/// The best files so far, a bounded number.
struct Best {
    ranking: Ranking,
    /// Without a query, what is near comes first.
    any: bool,
    /// The worst of them is the first.
    heap: BinaryHeap<Reverse<Found>>,
}

/// A file that matches; the greater the better. Its score, how far or long it is, its path, its number.
type Found = (u32, Reverse<usize>, Reverse<String>, usize);

impl Best {
    fn new(query: &str) -> Best {
        Best { ranking: Ranking::of_paths(query), any: query.is_empty(), heap: BinaryHeap::new() }
    }

    fn look(&mut self, number: usize, path: &str) {
        let Some(score) = self.ranking.score(path) else { return };
        let far = if self.any { Path::new(path).components().count() } else { path.len() };
        if self.heap.len() == MOST {
            let Some(Reverse(worst)) = self.heap.peek() else { return };
            let key = (score, Reverse(far), Reverse(path));
            if key <= (worst.0, worst.1, Reverse(worst.2.0.as_str())) {
                return;
            }
            self.heap.pop();
        }
        self.heap.push(Reverse((score, Reverse(far), Reverse(path.to_owned()), number)));
    }

    fn paths(&self, walk: &Walk) -> Vec<String> {
        let mut best: Vec<_> = self.heap.iter().map(|Reverse(found)| found).collect();
        best.sort_unstable_by(|one, other| other.cmp(one));
        best.into_iter().map(|(.., number)| walk.path(*number).to_owned()).collect()
    }
}
