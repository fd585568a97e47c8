//! Who owns a session: a file for people and for programs that want to join it.
//!
//! What keeps two owners apart is the lock beside it. The lease says who holds that, and is checked
//! against the processes of this machine before anybody believes it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use codex_event::{Epoch, Timestamp};
use serde::{Deserialize, Serialize};

use crate::layout::SessionDir;

/// A process's claim to be the one that writes a session.
///
/// It is written when the lock was taken and removed when that is given up, so one that is left
/// over means a process that was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Process id.
    pub pid: u32,
    /// When the process began, in clock ticks since the machine did: tells it from a later process
    /// with its id.
    pub start_time: u64,
    /// The machine's start that it belongs to.
    pub boot_id: String,
    /// Generation of the writer.
    pub epoch: Epoch,
    /// Where it listens; none while it does not.
    pub socket: Option<PathBuf>,
    /// Name and version of the program.
    pub program: String,
    /// When it took the session, by the wall clock: for people, never to compare by.
    pub since: Timestamp,
}

/// What has become of the process that a lease names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    Live,
    /// There is no such process.
    Gone,
    /// Its id belongs to a later process.
    Reused,
    /// The machine was started anew since, or the lease is another machine's.
    Rebooted,
}

/// What a lease is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// This start of the machine.
    pub(crate) boot_id: &'a str,
    /// When the process with the lease's id began; none when there is none.
    pub(crate) start_time: Option<u64>,
}

/// Tells one file from another that has taken its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl Lease {
    /// Reads a session's lease and judges it; none when there is none that makes sense.
    pub fn read(dir: &SessionDir) -> Option<(Lease, Standing)> {
        let lease = Lease::stored(&dir.lease())?;
        let boot_id = boot_id().ok()?;
        let facts = Facts { boot_id: &boot_id, start_time: start_time(lease.pid) };
        let standing = lease.judge(facts);
        Some((lease, standing))
    }

    /// Gives a session's lease if its process is there.
    pub fn live(dir: &SessionDir) -> Option<Lease> {
        let (lease, standing) = Lease::read(dir)?;
        (standing == Standing::Live).then_some(lease)
    }

    /// Makes this process's lease of a session.
    ///
    /// Where no /proc is mounted nothing proves who it is: then nobody believes the lease, and the
    /// lock alone keeps others away.
    pub(crate) fn ours(epoch: Epoch) -> Lease {
        let pid = std::process::id();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Lease {
            pid,
            start_time: start_time(pid).unwrap_or(0),
            boot_id: boot_id().unwrap_or_default(),
            epoch,
            socket: None,
            program: concat!("codex ", env!("CARGO_PKG_VERSION")).to_owned(),
            since: Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Judges a lease by what is known of its process. Neither of the two clocks is asked: the wall
    /// clock may jump, and the other begins anew with the machine.
    pub(crate) fn judge(&self, facts: Facts<'_>) -> Standing {
        match facts.start_time {
            _ if self.boot_id != facts.boot_id => Standing::Rebooted,
            None => Standing::Gone,
            Some(start) if start != self.start_time => Standing::Reused,
            Some(_) => Standing::Live,
        }
    }

    /// Reads a lease; one that is cut off or garbage is as good as none.
    pub(crate) fn stored(path: &Path) -> Option<Lease> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Puts the lease down at once, and gives the file that holds it, to be kept open: only then can
    /// no later file get its number.
    ///
    /// It is not synced: after a power failure it would be stale in any case.
    pub(crate) fn store(&self, path: &Path) -> io::Result<File> {
        let new = path.with_extension("new");
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        std::fs::rename(&new, path)?;
        Ok(file)
    }
}

impl FileId {
    pub(crate) fn of(file: &File) -> io::Result<FileId> {
        Ok(FileId::from(file.metadata()?))
    }

    /// Names the file at a path; none when there is none.
    pub(crate) fn at(path: &Path) -> io::Result<Option<FileId>> {
        match std::fs::metadata(path) {
            Ok(meta) => Ok(Some(FileId::from(meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl From<std::fs::Metadata> for FileId {
    fn from(meta: std::fs::Metadata) -> FileId {
        FileId { device: meta.dev(), inode: meta.ino() }
    }
}

fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Tells when a process began; none when it is gone, or dead and only not yet buried.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything, parentheses too.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // The 22nd field of all; the state is the third.
    let start = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        Lease {
            pid: 4242,
            start_time: 1000,
            boot_id: "this".into(),
            epoch: Epoch(3),
            socket: None,
            program: "codex 0.1.0".into(),
            since: Timestamp(u64::MAX),
        }
    }

    #[test]
    fn a_lease_counts_only_for_the_very_process_that_took_it() {
        let judge = |boot_id, start_time| lease().judge(Facts { boot_id, start_time });
        assert_eq!(judge("this", Some(1000)), Standing::Live);
        assert_eq!(judge("this", None), Standing::Gone);
        assert_eq!(judge("this", Some(1001)), Standing::Reused);
        // After a reboot the same id may even belong to a process that began at the same tick.
        assert_eq!(judge("another", Some(1000)), Standing::Rebooted);
        assert_eq!(judge("another", None), Standing::Rebooted);
        // One that was made without /proc names nobody.
        let unproved = Lease { boot_id: String::new(), start_time: 0, ..lease() };
        let facts = Facts { boot_id: "this", start_time: Some(0) };
        assert_eq!(unproved.judge(facts), Standing::Rebooted);
    }

    #[test]
    fn a_clock_that_jumped_changes_nothing_about_a_lease() {
        let facts = Facts { boot_id: "this", start_time: Some(1000) };
        for since in [0, 1, u64::MAX] {
            let lease = Lease { since: Timestamp(since), ..lease() };
            assert_eq!(lease.judge(facts), Standing::Live, "since {since}");
        }
    }

    #[test]
    fn our_own_lease_is_live_and_survives_being_stored() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lease");
        let ours = Lease::ours(Epoch(7));
        let file = ours.store(&path).expect("stored");
        let id = FileId::of(&file).expect("readable");
        assert_eq!(FileId::at(&path).expect("readable"), Some(id));
        assert_eq!(Lease::stored(&path), Some(ours.clone()));
        let boot_id = boot_id().expect("linux");
        let facts = Facts { boot_id: &boot_id, start_time: start_time(ours.pid) };
        assert_eq!(ours.judge(facts), Standing::Live);
        std::fs::write(&path, b"{\"pid\":").expect("written");
        assert_eq!(Lease::stored(&path), None);
    }

    #[test]
    fn a_process_that_is_dead_but_not_buried_has_no_start() {
        let mut child = std::process::Command::new("true").spawn().expect("it starts");
        let pid = child.id();
        let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        while !state().contains(") Z ") {
            std::thread::yield_now();
        }
        assert_eq!(start_time(pid), None);
        child.wait().expect("buried");
        assert_eq!(start_time(pid), None);
    }
}
