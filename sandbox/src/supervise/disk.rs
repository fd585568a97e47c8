//! The room that is left on the disks that a command may write to.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codex_event::DiskFloor;

use crate::launch::Request;
use crate::status::CutShort;
use crate::{Confinement, WritePlan};

/// How often is looked. A command that ends sooner costs no look.
const PERIOD: Duration = Duration::from_secs(1);

/// File systems whose room the kernel knows by itself, by their numbers in `linux/magic.h`: ext2 to
/// ext4, XFS, btrfs, F2FS, bcachefs, ZFS, tmpfs, overlays, FAT, exFAT. A server that hangs would hang
/// whoever asks it, and the supervisor has to end its command whatever a server does.
const LOCAL: [u64; 10] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
    0xca45_1a4e,
    0x2fc1_2fc1,
    0x0102_1994,
    0x794c_7630,
    0x4d44,
    0x2011_bab0,
];

/// Looks at the disks of the writable folders while a command runs.
pub(super) struct Disks {
    floor: DiskFloor,
    places: Vec<Place>,
    /// When the next look is due.
    pub(super) due: Option<Instant>,
}

struct Place {
    folder: PathBuf,
    /// What was free at the look before; none before the first.
    before: Option<u64>,
}

/// A disk's size and what users other than root may still write, in bytes.
#[derive(Clone, Copy)]
struct Room {
    total: u64,
    free: u64,
}

impl Disks {
    pub(super) fn of(request: &Request) -> Disks {
        let plan = &request.plan;
        let folders = match (&plan.files.write, plan.confinement) {
            (_, Confinement::None) => vec![],
            (WritePlan::Everything, Confinement::Landlock | Confinement::Full) => {
                vec!["/".into(), request.cwd.clone().into_os_string().into()]
            }
            (WritePlan::Roots(roots), Confinement::Landlock | Confinement::Full) => roots.clone(),
        };
        let floor = plan.resources.disk_free;
        let is_watched = floor != DiskFloor::Off && !folders.is_empty();
        let places = folders.into_iter().map(|folder| Place { folder, before: None }).collect();
        Disks { floor, places, due: is_watched.then(|| Instant::now() + PERIOD) }
    }

    /// Looks if it is time, and says why the command has to be ended.
    pub(super) fn look(&mut self, now: Instant) -> Option<CutShort> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = Some(now + PERIOD);
        let floor = self.floor;
        // What can't be asked is not asked again.
        let mut low = None;
        self.places.retain_mut(|place| match room(&place.folder) {
            Some(room) => {
                low = low.take().or_else(|| place.judge(floor, room));
                true
            }
            None => false,
        });
        if self.places.is_empty() {
            self.due = None;
        }
        low
    }
}

impl Place {
    /// A disk that was nearly full before is no reason: who frees room or only reads must not be
    /// ended. So it counts that more was written since the look before than others write in passing.
    fn judge(&mut self, floor: DiskFloor, room: Room) -> Option<CutShort> {
        const IN_PASSING: u64 = 1 << 20;
        let before = self.before.replace(room.free);
        let floor = floor.bytes(room.total)?;
        let fall = before?.saturating_sub(room.free);
        let is_filled = room.free < floor && fall > IN_PASSING.min(floor / 16);
        is_filled.then(|| CutShort::Disk {
            folder: self.folder.to_string_lossy().into_owned(),
            free_bytes: room.free,
        })
    }
}

#[allow(clippy::useless_conversion, clippy::cast_sign_loss, clippy::unnecessary_cast)]
fn room(folder: &Path) -> Option<Room> {
    let stat = rustix::fs::statfs(folder).ok()?;
    if !LOCAL.contains(&(stat.f_type as u64 & 0xffff_ffff)) {
        return None;
    }
    let unit = stat.f_bsize as u64;
    Some(Room {
        total: (stat.f_blocks as u64).saturating_mul(unit),
        free: (stat.f_bavail as u64).saturating_mul(unit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_goes_on_filling_a_full_disk_is_ended() {
        const MIB: u64 = 1 << 20;
        let small = DiskFloor::Small;
        for (floor, total, free, expected) in [
            // A hundredth of 1000 MiB is 10 MiB.
            (small, 1000, &[500, 20, 11, 10, 8][..], Some(8)),
            // 100 MiB of a large disk.
            (small, 1 << 20, &[1000, 101, 99, 90], Some(99)),
            // It was full already, and is read or freed only.
            (small, 1000, &[5, 5, 5, 6, 300], None),
            (small, 1000, &[9, 5], Some(5)),
            (DiskFloor::Off, 1000, &[500, 1, 0], None),
            (DiskFloor::Bytes(400 * MIB), 1000, &[900, 300], Some(300)),
            (DiskFloor::Bytes(u64::MAX), 1000, &[900, 900, 800], Some(800)),
        ] {
            let mut place = Place { folder: "/w".into(), before: None };
            let judged = free
                .iter()
                .find_map(|free| place.judge(floor, Room { total: total * MIB, free: free * MIB }));
            let expected = expected
                .map(|free| CutShort::Disk { folder: "/w".to_owned(), free_bytes: free * MIB });
            assert_eq!(judged, expected, "{floor:?} {free:?}");
        }
    }

    #[test]
    fn a_disk_of_this_machine_is_known_and_a_view_of_the_kernel_is_not() {
        let room = room(Path::new("/dev/shm")).expect("a tmpfs");
        assert!(room.free <= room.total);
        assert!(super::room(Path::new("/proc")).is_none());
    }
}
