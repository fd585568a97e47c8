//! The same work for many sessions, on all cores, with the results in order.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

/// Results that may wait for one that comes before them.
const AHEAD: usize = 64;
const MOST_THREADS: usize = 8;

/// Does the work for each item and hands the results out in the order of the items, until it is told
/// to stop. Nothing is left out in between.
pub(crate) fn each<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> ControlFlow<()>,
) {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(MOST_THREADS).min(items.len());
    if threads < 2 {
        for item in items {
            if take(item, work(item)).is_break() {
                return;
            }
        }
        return;
    }
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (results, done) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let results = results.clone();
            let (next, stop, work) = (&next, &stop, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    if results.send((at, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let mut early = BTreeMap::new();
        let mut due = 0;
        // Moved in, so that nobody waits for room any more once this loop is over.
        for (at, result) in done {
            early.insert(at, result);
            while let Some(result) = early.remove(&due) {
                let item = &items[due];
                due += 1;
                if take(item, result).is_break() {
                    stop.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_end_when_they_are_told_to() {
        let items: Vec<u64> = (0..500).collect();
        let slow_first = |item: &u64| {
            let spin = if item.is_multiple_of(7) { 20_000 } else { 10 };
            (0..spin).fold(*item, |sum, _| std::hint::black_box(sum))
        };
        let mut seen = Vec::new();
        each(&items, slow_first, |item, result| {
            assert_eq!(*item, result);
            seen.push(result);
            ControlFlow::Continue(())
        });
        assert_eq!(seen, items);
        let mut seen = 0;
        each(&items, slow_first, |item, _| {
            seen += 1;
            if *item == 250 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(seen, 251);
        each(&[], |(): &()| (), |(), ()| unreachable!("there is nothing"));
    }
}
