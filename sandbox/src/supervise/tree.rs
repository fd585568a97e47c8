//! Ending everything below the supervisor.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait};

use crate::process::{Stat, descendants, signal};

/// How often a round of stopping looks for processes forked meanwhile.
const FREEZE_ROUNDS: usize = 16;

/// How long killed processes get to vanish before the next round.
const SETTLE: Duration = Duration::from_millis(20);

/// What a sweep found.
pub(super) struct Sweep {
    /// Processes that were killed.
    pub(super) swept: u32,
    /// Processes that are still there.
    pub(super) survivors: u32,
}

/// Collects dead children, and tells whether any child is left.
///
/// This process adopts every orphan below it, so having no child means having no descendant.
pub(super) fn reap(mut note: impl FnMut(Pid, WaitStatus)) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => note(pid, status),
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Waits for the end of every child: who adopts them otherwise may be one who collects nobody.
///
/// It makes system calls only, and so may be called when memory is not to be trusted.
pub(super) fn collect() {
    while !matches!(wait(WaitOptions::empty()), Err(rustix::io::Errno::CHILD)) {}
}

/// Kills everything below this process until nothing is left or the deadline passes.
///
/// Each round stops all it finds until it finds nothing new, then kills: a stopped process can't
/// fork ahead of the killer. One that forks and ends again and again has another number by the time
/// all processes were listed; but then each is an orphan, and a child of this process, and its
/// children are listed at once. A signal that is pending keeps a process from forking.
pub(super) fn sweep(deadline: Instant, note: &mut impl FnMut(Pid, WaitStatus)) -> Sweep {
    let root = getpid().as_raw_nonzero().get();
    let mut killed = BTreeSet::new();
    loop {
        if !reap(&mut *note) {
            return Sweep { swept: count(&killed), survivors: 0 };
        }
        let mut stopped = BTreeSet::new();
        for _ in 0..FREEZE_ROUNDS {
            let fresh: Vec<_> = descendants(root).difference(&stopped).copied().collect();
            if fresh.is_empty() {
                break;
            }
            for process in fresh {
                signal(process, Signal::STOP);
                stopped.insert(process);
            }
        }
        for process in &stopped {
            signal(*process, Signal::KILL);
        }
        killed.extend(stopped);

        let settled = Instant::now() + SETTLE;
        while Instant::now() < settled {
            if !reap(&mut *note) {
                return Sweep { swept: count(&killed), survivors: 0 };
            }
            if !kill_children(&mut killed) {
                thread::sleep(Duration::from_micros(200));
            }
        }
        if Instant::now() >= deadline {
            return Sweep { swept: count(&killed), survivors: count(&descendants(root)).max(1) };
        }
    }
}

/// Kills this process's own children, and tells whether one was not known before.
///
/// A kernel that lists no children leaves it to the next round.
fn kill_children(killed: &mut BTreeSet<(i32, u64)>) -> bool {
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let mut is_new = false;
    for child in children.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)) {
        // Nobody else gets its number before it is collected here.
        let _ = kill_process(child, Signal::KILL);
        let pid = child.as_raw_nonzero().get();
        if let Ok(stat) = Stat::read(pid) {
            is_new |= killed.insert((pid, stat.start_time));
        }
    }
    is_new
}

fn count(processes: &BTreeSet<(i32, u64)>) -> u32 {
    u32::try_from(processes.len()).unwrap_or(u32::MAX)
}
