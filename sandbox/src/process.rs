//! Processes as `/proc` shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::sync::OnceLock;

use rustix::process::{DumpableBehavior, Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A process, named so that no later process can be taken for it.
///
/// Process ids are used again, start times are not within one boot; only all three together name a
/// process after a crash of the agent or of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_time: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
}

impl ProcessId {
    /// Names a process that runs now.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn of(pid: i32) -> io::Result<ProcessId> {
        let stat = Stat::read(pid)?;
        Ok(ProcessId { pid, start_time: stat.start_time, boot_id: boot_id()? })
    }

    /// Tells whether exactly this process still runs.
    pub fn is_running(&self) -> bool {
        boot_id().is_ok_and(|boot_id| boot_id == self.boot_id)
            && Stat::read(self.pid)
                .is_ok_and(|stat| stat.start_time == self.start_time && !stat.is_gone())
    }
}

/// Keeps the environment, the memory and the descriptors of this process from the user's other
/// processes, a command that runs without a sandbox among them.
///
/// The kernel then gives the files in `/proc` that show them to root alone, and dumps no core. What
/// this process executes starts without it.
pub fn keep_private() {
    // It can fail for no reason but an unknown value.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Tells whether this process has one thread only, so that a fork of it is a whole process.
///
/// A folder has a link for itself, one in its parent, and one for each folder in it: here one for
/// each thread. Where it can't be told, or where folders don't count, the answer is no.
pub(crate) fn has_one_thread() -> bool {
    const ALONE: u64 = 3;
    rustix::fs::stat("/proc/self/task").is_ok_and(|threads| threads.st_nlink == ALONE)
}

/// Forks this process; the child gets none.
///
/// The process must have one thread: `dispatch` runs first in `main`, so a supervisor has, and who
/// else forks asks [`has_one_thread`] before.
#[allow(unsafe_code)]
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: with one thread no lock is held by a thread that the child lacks, so the child may do
    // anything.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Ends the child without running what the parent registered for its own exit.
#[allow(unsafe_code)]
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: it only ends the process.
    unsafe { libc::_exit(code) }
}

fn boot_id() -> io::Result<String> {
    static KNOWN: OnceLock<String> = OnceLock::new();
    if let Some(known) = KNOWN.get() {
        return Ok(known.clone());
    }
    let found = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(KNOWN.get_or_init(|| found.trim().to_owned()).clone())
}

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) start_time: u64,
}

impl Stat {
    pub(crate) fn read(pid: i32) -> io::Result<Stat> {
        // The kernel gives all of it at once; to read on until nothing comes takes five calls more.
        let mut line = [0; 2048];
        let length = fs::File::open(format!("/proc/{pid}/stat"))?.read(&mut line)?;
        Stat::parse(&String::from_utf8_lossy(&line[..length]))
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable process state"))
    }

    /// The name field may hold blanks and brackets, so everything is counted from the last one.
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Stat {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Lists what runs below a process, by id and start time.
pub(crate) fn descendants(root: i32) -> BTreeSet<(i32, u64)> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeSet::new() };
    let mut children: BTreeMap<i32, Vec<(i32, Stat)>> = BTreeMap::new();
    for entry in entries.flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && let Ok(stat) = Stat::read(pid)
        {
            children.entry(stat.parent).or_default().push((pid, stat));
        }
    }
    let mut found = BTreeSet::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (pid, stat) in children.remove(&parent).unwrap_or_default() {
            parents.push(pid);
            if !stat.is_gone() {
                found.insert((pid, stat.start_time));
            }
        }
    }
    found
}

/// Signals exactly this process, or nobody if its id was given to another meanwhile.
pub(crate) fn signal((pid, start_time): (i32, u64), signal: Signal) {
    let Some(target) = Pid::from_raw(pid) else { return };
    // The descriptor pins the process; the start time read afterwards proves which one it is.
    if let Ok(pinned) = pidfd_open(target, PidfdFlags::empty())
        && Stat::read(pid).is_ok_and(|stat| stat.start_time == start_time)
    {
        // A failure means that it is gone, or that it became another user's program.
        let _ = pidfd_send_signal(pinned, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_and_brackets_are_read() {
        let tail = "S 41 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 22 33";
        let stat = Stat::parse(&format!("42 (a) b) {tail}"));
        assert_eq!(stat, Some(Stat { state: 'S', parent: 41, start_time: 987_654 }));
        assert_eq!(Stat::parse("42 (broken"), None);
    }

    #[test]
    fn threads_are_counted() {
        // The test harness has threads of its own.
        let (go, stay) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stay.recv());
        assert!(!has_one_thread());
        drop(go);
        thread.join().expect("ended").expect_err("nothing was sent");
    }

    #[test]
    fn a_process_is_named_by_more_than_its_id() {
        let pid = i32::try_from(std::process::id()).expect("fits");
        let me = ProcessId::of(pid).expect("runs");
        assert!(me.is_running());
        assert!(!ProcessId { start_time: me.start_time + 1, ..me.clone() }.is_running());
        assert!(!ProcessId { boot_id: "another boot".into(), ..me }.is_running());
    }
}
