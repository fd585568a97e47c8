//! What is left of a command whose agent is gone.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{ProcessId, descendants, signal};

/// How long a supervisor may take to end its own tree once it is asked to.
const ASKED: Duration = Duration::from_secs(6);
/// How long killed processes may take to vanish.
const KILLED: Duration = Duration::from_secs(2);
/// How often a process is looked at.
const TICK: Duration = Duration::from_millis(2);

/// What became of the process tree of an earlier agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// There was none any more.
    Gone,
    /// It was there, and has been ended.
    Ended,
    /// It is still there: it hangs in the kernel, or belongs to another user.
    Survives,
}

/// Ends the process tree that an earlier agent recorded, if exactly that process still runs.
///
/// Normally a tree ends with its agent, since its lifeline breaks. A supervisor that was stopped, or
/// starved, is what this is for. It is asked first, because only a supervisor finds descendants
/// that daemonised; what does not answer is stopped and killed from the outside. A process that was
/// given the same id later differs in its start time or boot id, and is left alone. Blocks for
/// some seconds at most.
pub fn end_leftover(process: &ProcessId) -> Leftover {
    if !process.is_running() {
        return Leftover::Gone;
    }
    let root = (process.pid, process.start_time);
    // A stopped process takes no other signal than KILL until it goes on.
    signal(root, Signal::TERM);
    signal(root, Signal::CONT);
    if ended_within(process, ASKED) {
        return Leftover::Ended;
    }
    signal(root, Signal::STOP);
    let below = descendants(process.pid);
    below.iter().for_each(|found| signal(*found, Signal::STOP));
    let below = descendants(process.pid);
    below.iter().chain([&root]).for_each(|found| signal(*found, Signal::KILL));
    if ended_within(process, KILLED) { Leftover::Ended } else { Leftover::Survives }
}

fn ended_within(process: &ProcessId, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while process.is_running() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(TICK);
    }
    true
}
