//! What the kernel of this machine offers to a sandbox.

mod layers;
mod namespaces;
#[cfg(test)]
mod tests;

use std::fs;
use std::sync::OnceLock;

use codex_event::Permission;
use serde::{Deserialize, Serialize};

use crate::Level;

pub use layers::{Lack, Layer, Need};
pub use namespaces::{Availability, Namespaces};

/// The lowest landlock ABI that a plan may rest on.
///
/// ABI 3 (Linux 6.2) is the first that covers `truncate(2)`; below it any readable file could be
/// emptied.
pub const MIN_LANDLOCK_ABI: u8 = 3;

/// The result of a probe of the running kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Landlock ABI that the kernel speaks; 0 when landlock is absent or switched off.
    pub landlock_abi: u8,
    /// Whether seccomp filters that answer with an error number can be installed.
    pub seccomp: bool,
    /// Which namespaces this user can enter, and what can be done inside.
    pub namespaces: Namespaces,
    /// Whether descriptors can be closed by range.
    pub close_range: bool,
    /// Whether this is the user whom no limit on the number of processes holds.
    pub root: bool,
    /// Whether this process may make control groups below its own.
    pub cgroup: bool,
    /// Whether AppArmor takes the capabilities away from users in a namespace of their own.
    pub apparmor_restricted: bool,
    /// Whether the system's settings forbid user namespaces to everybody or to this user.
    pub user_namespaces_off: bool,
    /// Whether this seems to be a container, for the remedies only.
    pub container: bool,
    /// The machine's architecture, as far as the filters know it.
    pub arch: Arch,
    /// The kernel's release, for people.
    pub kernel: String,
}

/// The architectures that the system call filters are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// Anything else: nothing can be confined there.
    Other,
}

impl Arch {
    /// Names the architecture that this program was compiled for.
    pub const fn native() -> Arch {
        if cfg!(target_arch = "x86_64") {
            Arch::X86_64
        } else if cfg!(target_arch = "aarch64") {
            Arch::Aarch64
        } else {
            Arch::Other
        }
    }
}

impl Host {
    /// Takes features away, to see what a lesser machine would give; nothing can be added.
    pub fn lowered(mut self, landlock_abi: Option<u8>, namespaces: Availability) -> Host {
        self.landlock_abi = self.landlock_abi.min(landlock_abi.unwrap_or(u8::MAX));
        match namespaces {
            Availability::AsFound => {}
            Availability::Absent => self.namespaces = Namespaces::ABSENT,
        }
        self
    }
}

/// Asks the running kernel what it offers, once for each process.
///
/// It asks by doing (the version query of landlock, the action query of seccomp, a process in
/// namespaces of its own), never by comparing release numbers: distributions switch features off.
pub fn probe() -> Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(ask_everything).clone()
}

/// Asks no more than a plan of this level rests on.
///
/// Trying namespaces costs about a millisecond; a plan that enters none is made without it, as on a
/// host that has none, and without what only tells why there are none.
pub fn probe_for(level: Level, permissions: &[Permission]) -> Host {
    match level {
        Level::Auto | Level::Full if !Permission::is_unconfined(permissions) => probe(),
        Level::Auto | Level::Full | Level::Landlock => {
            static WITHOUT: OnceLock<Host> = OnceLock::new();
            WITHOUT.get_or_init(ask).clone()
        }
    }
}

fn ask_everything() -> Host {
    Host {
        namespaces: namespaces::probe(),
        apparmor_restricted: says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
        user_namespaces_off: says("/proc/sys/user/max_user_namespaces", "0")
            || says("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        container: ["/.dockerenv", "/run/.containerenv"]
            .iter()
            .any(|it| fs::exists(it).is_ok_and(|is| is)),
        cgroup: cgroup_delegated(),
        ..ask()
    }
}

/// Asks for everything but namespaces, why there are none, and what counts the processes in them.
fn ask() -> Host {
    Host {
        landlock_abi: landlock_abi(),
        seccomp: seccomp_errno_available(),
        namespaces: Namespaces::ABSENT,
        close_range: close_range_available(),
        root: rustix::process::geteuid().is_root(),
        cgroup: false,
        apparmor_restricted: false,
        user_namespaces_off: false,
        container: false,
        arch: Arch::native(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
    }
}

fn says(path: &str, value: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.trim() == value)
}

#[allow(unsafe_code)]
fn landlock_abi() -> u8 {
    /// `LANDLOCK_CREATE_RULESET_VERSION` of the kernel's `linux/landlock.h`.
    const VERSION_QUERY: libc::c_uint = 1;
    // SAFETY: with the version flag the kernel takes a null attribute and a zero size, reads no
    // memory of ours, and returns a number.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            VERSION_QUERY,
        )
    };
    u8::try_from(answer.max(0)).unwrap_or(u8::MAX)
}

#[allow(unsafe_code)]
fn seccomp_errno_available() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the query reads one 32-bit number behind the pointer, which outlives the call.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0 as libc::c_uint,
            &raw const action,
        )
    };
    answer == 0
}

#[allow(unsafe_code)]
fn close_range_available() -> bool {
    // SAFETY: only marks descriptors of a number that no process can have.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            libc::c_uint::MAX,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC as libc::c_uint,
        )
    };
    answer == 0
}

/// Tells whether the control group of this process (version 2) can have groups below it that count
/// processes.
fn cgroup_delegated() -> bool {
    let Ok(text) = fs::read_to_string("/proc/self/cgroup") else { return false };
    let Some(own) = text.lines().find_map(|line| line.strip_prefix("0::")) else { return false };
    let folder = std::path::Path::new("/sys/fs/cgroup").join(own.trim_start_matches('/'));
    let counts = fs::read_to_string(folder.join("cgroup.subtree_control"))
        .is_ok_and(|names| names.split_whitespace().any(|name| name == "pids"));
    let writable = rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).is_ok();
    counts && writable
}
